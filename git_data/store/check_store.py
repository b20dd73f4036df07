"""Checks of the store: can it be written, does it share blocks, is it tidy, may everybody use it who should."""

from __future__ import annotations

import os
import stat
import time
from shlex import quote

from git_data.base import fsio
from git_data.base.finding import Finding, advice, problem
from git_data.base.report import count, human_size
from git_data.errors import FileSystemError
from git_data.store.objects import TEMP_GRACE_S, Store
from git_data.store.place import registered, registration
from git_data.store.presence import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from git_data.git.repo import Repository


def check_writing(store: Store) -> Iterator[Finding]:
    """Whether objects can be stored, and whether the file system keeps nanoseconds."""
    if not os.path.isdir(store.root):
        return
    try:
        fd, temporary = store.new_temporary()
    except FileSystemError as error:
        yield problem(
            error.message, "git add fails; what is stored can be read", f"ls -ld {quote(store.root)} {quote(store.tmp)}"
        )
        return
    os.close(fd)
    try:
        stamp = 1_700_000_000_123_456_789
        os.utime(temporary, ns=(stamp, stamp))
        kept = os.stat(temporary).st_mtime_ns == stamp
    finally:
        os.unlink(temporary)
    if not kept:
        yield advice(
            f"the file system of '{store.root}' does not keep nanoseconds",
            "objects carry a stamp there that shows whether they were changed; without it each is hashed before it is used",
            "git data config cacheDir DIRECTORY   # on XFS, ext4, btrfs, APFS, NTFS",
        )


def check_links(repo: Repository, store: Store, works: tuple[str, ...], data_bytes: int) -> Iterator[Finding]:
    """What a checkout costs; ``works`` are the types of links that work from the store into the work tree."""
    chosen = next((name for name in repo.settings.link if name in works), "")
    if chosen != "copy":
        return
    what = f"a checkout copies: {human_size(data_bytes)} of data take their space twice, and the time to write them"
    if os.stat(store.tmp).st_dev != os.stat(repo.worktree).st_dev:
        why = f"the store '{store.root}' is on another file system than the work tree"
        mend = "git data config cacheDir DIRECTORY   # on the file system of the work tree"
    elif "reflink" in works:
        why, mend = f"data.link is {','.join(repo.settings.link)}", "git data config link reflink,copy"
    else:
        why = "the file system cannot share blocks between files (XFS and btrfs can)"
        mend = "git data config link hardlink && git data relink   # files become read-only; edit them after: git data unprotect"
    yield advice(what, why, mend)


def check_tidiness(store: Store, stages: list[str]) -> Iterator[Finding]:
    """Temporaries of killed commands (``stages`` are further places for them), damaged objects in quarantine."""
    old = time.time() - TEMP_GRACE_S
    number = size = 0
    # without data.cacheDir the two are one
    for directory in {os.path.realpath(path) for path in (store.tmp, *stages)}:
        for name in names(directory):
            try:
                status = os.lstat(os.path.join(directory, name))
            except OSError:
                continue
            if stat.S_ISREG(status.st_mode) and status.st_mtime < old:
                number, size = number + 1, size + status.st_size
    if number:
        yield advice(
            f"{count(number, 'temporary file')} of killed commands, {human_size(size)}",
            "they take space and are of no use",
            "git data gc --force --prune=never",
        )
    quarantine = os.path.join(store.root, "quarantine")
    damaged = names(quarantine)
    if damaged:
        yield advice(
            f"{count(len(damaged), 'damaged object')} in '{quarantine}'",
            "their bytes did not match their names: a disk that fails, or a program that wrote through a hard link",
            f"git data fsck   # is all data there? then: rm -r {quote(quarantine)}",
        )


def check_sharing(repo: Repository, store: Store) -> Iterator[Finding]:
    """Permissions of a store that several users have, and who is registered with it."""
    if not os.path.isdir(store.root):
        return
    directories = [store.root, store.objects, store.tmp, *(os.path.join(store.objects, name) for name in names(store.objects))]
    wanted = store.directory_mode
    # there nobody may write, and that has been found by trying
    read_only = hasattr(os, "statvfs") and bool(os.statvfs(store.root).f_flag & os.ST_RDONLY)
    wrong, barred = [], []
    for directory in directories:
        try:
            mode = stat.S_IMODE(os.stat(directory).st_mode)
        except OSError:
            continue
        if wanted and mode & wanted != wanted:
            wrong.append(directory)
        elif not read_only and not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
            barred.append(directory)
    if wrong:
        yield problem(
            f"{count(len(wrong), 'directory')} of the store without the permissions core.sharedRepository asks for",
            "other users cannot store or read data",
            f"find {quote(store.root)} -type d -exec chmod {_symbolic(wanted)} {{}} +",
        )
    if barred:
        why = "data of other users may not be read, or new data not be written"
        mend = f"chmod -R g+rwX {quote(store.root)}   # by their owner, and: git config core.sharedRepository group"
        yield problem(f"{count(len(barred), 'directory')} of the store that you may not use, first '{barred[0]}'", why, mend)
    if repo.settings.cache_dir:
        yield from _check_registrations(repo, store)


def _symbolic(mode: int) -> str:
    """The bits as ``chmod`` adds them: ``ug+rwx,g+s``."""
    parts = [f"{who}+{bits}" for who, shift in (("u", 6), ("g", 3), ("o", 0)) if (bits := _bits(mode >> shift & 7))]
    return ",".join([*parts, *(["g+s"] if mode & 0o2000 else [])])


def _bits(bits: int) -> str:
    return "".join(letter for letter, bit in (("r", 4), ("w", 2), ("x", 1)) if bits & bit)


def _check_registrations(repo: Repository, store: Store) -> Iterator[Finding]:
    if fsio.read_file(registration(store, repo.common_dir)) is None:
        yield problem(
            f"this repository is not registered with the shared store '{store.root}'",
            "a collection in another repository would delete its data",
            "git data install",
        )
    gone = [common_dir for _, common_dir in registered(store) if not os.path.isdir(common_dir)]
    for common_dir in gone:
        yield advice(
            f"the shared store is registered to a repository that is gone: '{common_dir}'",
            "git data gc cannot ask it what it needs, and deletes nothing",
            f"git data gc --forget {quote(common_dir)}   # if it is gone for good",
        )

"""Work trees after their branch has moved to a commit with the same content kept in another way.

``take_over`` leaves files whose content is already there in their places, and describes them in the index, so that nothing is
copied or hashed.  ``check_out`` has git do it, and the filter make links.  ``catch_up`` does what either left when it was killed.
None touches what a user may have written since the work tree was found clean, be it before a kill or while a server was asked.
"""

from __future__ import annotations

import os
import stat

from git_data.base import fsio
from git_data.base.digest import blob_oid
from git_data.errors import GitFailed
from git_data.git.run import git, records
from git_data.git.scan import pointers_of, raw_ids
from git_data.pointer import MAX_SIZE_BYTES, parse
from git_data.worktree.stage import Candidate, stage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from git_data.git.repo import Repository
    from git_data.pointer import Pointer
    from git_data.store.objects import Store

_PLAIN_AT_ONCE = 1000
_SMALL_BYTES = 1 << 20
"""Larger files that are no pointers stay: what a migration rewrites itself is small, all else has its content already."""


def check_out(path: str, old: str, new: str) -> None:
    """Bring a work tree from one commit (hex) to another, as ``git checkout`` does; what was changed meanwhile stays.

    Raises: GitFailed.
    """
    try:
        git("read-tree", "-m", "-u", old, new, cwd=path)
    except GitFailed:
        catch_up(path, old, new)  # git refuses all for one file that was changed; an index of before must not be committed


def take_over(repo: Repository, store: Store, old: str, new: str, vouched: Mapping[bytes, os.stat_result]) -> None:
    """Bring the work tree of ``repo`` from one commit (hex) to another; files that data is kept of stay as they are.

    ``vouched`` are files of which the caller knows that they hold what their pointers name, with their stat data from before that
    was found out; others git looks at once.  Files of pointers that are in ``old`` only stay, untracked; where a pointer's
    file is not there, or is the pointer of before, git checks it out; but what a sparse checkout leaves out stays out.  A file
    that is not what it was in ``old`` stays, and ``git status`` tells.

    Raises: GitFailed, OSError.
    """
    root = os.fsencode(repo.require_worktree())
    fields = records("diff-tree", "-r", "--raw", "-z", "--no-renames", "--no-abbrev", old, new, cwd=repo.worktree)
    changes = [(header.split(b" "), path) for header, path in zip(fields[0::2], fields[1::2])]
    blobs = {name for header, _ in changes for name in header[2:4] if name.strip(b"0")}
    pointers = pointers_of(repo, raw_ids(sorted(blobs)))
    skipped = _skipped(repo.require_worktree())
    empty = blob_oid(b"", repo.object_format).hex().encode()
    candidates, others, gone, hidden = [], [], [], []
    for header, path in changes:
        before, after = (pointers.get(bytes.fromhex(name.decode())) for name in header[2:4])
        if header[4] == b"D":
            gone.append((path, header[2] if before is None else b""))
        elif path in skipped:
            hidden.append((path, header[1], header[3]))
        elif after is not None and _has_content(os.path.join(root, path), after, vouched.get(path)):
            candidate = Candidate(path, header[1], after.size, (b"", b""))
            candidate.blob, candidate.pointer, candidate.status = after.encode(), after, vouched.get(path)
            candidates.append(candidate)
        elif header[3] == empty and header[4] == b"A" and path in vouched:
            candidate = Candidate(path, header[1], 0, (b"", b""))
            candidate.blob, candidate.status = b"", vouched[path]
            candidates.append(candidate)
        else:
            others.append((path, header[1], header[3], header[2]))
    asked = [*((path, blob) for path, blob in gone if blob), *((path, before) for path, _, _, before in others)]
    same = as_before(os.fsdecode(root), asked)
    for path, blob in gone:
        if blob and path in same:
            _remove(root, path)
    entries = [b"0 %s\t%s\0" % (b"0" * len(old), path) for path, _ in gone]
    entries += [b"%s %s\t%s\0" % (mode, blob, path) for path, mode, blob, *_ in others + hidden]
    if entries:
        git("update-index", "-z", "--index-info", stdin=b"".join(entries), cwd=repo.worktree)
    if hidden:
        git(
            "update-index",
            "-z",
            "--skip-worktree",
            "--stdin",
            stdin=b"".join(path + b"\0" for path, _, _ in hidden),
            cwd=repo.worktree,
        )
    # attributes first: they decide what becomes of the others
    others.sort(key=lambda item: os.path.basename(item[0]) != b".gitattributes")
    wanted = [path for path, mode, _, _ in others if mode != b"160000" and path in same]
    _check_out_files(wanted, repo.require_worktree())
    stage(repo, store, candidates)


def catch_up(path: str, old: str, new: str) -> None:
    """Finish bringing a work tree from one commit (hex) to another.

    Files that are not there, that are pointers, or that are as they were in ``old`` become what they are in ``new``; all others
    stay, and ``git status`` tells.  So do files of data that ``new`` does not have.  Raises: GitFailed.
    """
    git("read-tree", "--reset", new, cwd=path)
    skipped = _skipped(path)
    fields = records("diff-tree", "-r", "--raw", "-z", "--no-renames", "--no-abbrev", old, new, cwd=path)
    changed = []
    for header, name in zip(fields[0::2], fields[1::2]):
        _, mode, before, _, status = header.split(b" ")
        if status == b"D":
            if _is_exactly(os.path.join(os.fsencode(path), name), before):
                _remove(os.fsencode(path), name)
        elif mode != b"160000" and name not in skipped:
            changed.append((name, before))
    wanted = list(as_before(path, changed))
    wanted.sort(key=lambda name: os.path.basename(name) != b".gitattributes")
    _check_out_files(wanted, path)
    git("update-index", "-q", "--refresh", cwd=path, ok=(0, 1))


def _skipped(path: str) -> set[bytes]:
    """What a sparse checkout leaves out of a work tree. Raises: GitFailed."""
    return {record[2:] for record in records("ls-files", "-t", "-z", cwd=path) if record.startswith(b"S ")}


def _is_exactly(path: bytes, blob: bytes) -> bool:
    """Whether a small file, or a symbolic link, is a blob (hex), byte for byte."""
    try:
        status = os.lstat(path)
        content = os.readlink(path) if stat.S_ISLNK(status.st_mode) else _small_content(path, status)
    except OSError:
        return False
    return content is not None and blob_oid(content, "sha1" if len(blob) == 40 else "sha256").hex().encode() == blob


def as_before(root: str, paths: list[tuple[bytes, bytes]]) -> set[bytes]:
    """Of paths, each with the blob (hex) it had, those whose file may be replaced: it is not there, a pointer, or as it was.

    Raises: GitFailed.
    """
    found, suspects = set(), []
    for name, before in paths:
        path = os.path.join(os.fsencode(root), name)
        try:
            status = os.lstat(path)
            content = os.readlink(path) if stat.S_ISLNK(status.st_mode) else _small_content(path, status)
        except FileNotFoundError:
            found.add(name)
            continue
        except OSError:
            continue
        if content is None:
            continue
        is_file = stat.S_ISREG(status.st_mode)
        if blob_oid(content, "sha1" if len(before) == 40 else "sha256").hex().encode() == before:
            found.add(name)
        elif is_file and len(content) < MAX_SIZE_BYTES and parse(content) is not None:
            found.add(name)
        elif is_file and b"\n" not in name and before.strip(b"0"):  # hash-object takes a path a line
            suspects.append((name, before))
    # as a filter, or the line ends of this system, have made it
    stdin = b"".join(name + b"\n" for name, _ in suspects)
    hashes = git("hash-object", "--stdin-paths", stdin=stdin, cwd=root).split() if stdin else []
    return found | {name for (name, before), now in zip(suspects, hashes) if now == before}


def _small_content(path: bytes, status: os.stat_result) -> bytes | None:
    """What a small file holds; ``None`` for all else. Raises: OSError."""
    if not stat.S_ISREG(status.st_mode) or status.st_size > _SMALL_BYTES:
        return None
    with open(path, "rb") as file:
        return file.read()


def _has_content(path: bytes, pointer: Pointer, vouched: os.stat_result | None) -> bool:
    try:
        status = os.lstat(path)
    except OSError:
        return False
    if not stat.S_ISREG(status.st_mode):
        return False
    return vouched is not None or status.st_size == pointer.size


def _check_out_files(paths: list[bytes], root: str) -> None:
    attributes = [path for path in paths if os.path.basename(path) == b".gitattributes"]
    rest = paths[len(attributes) :]
    for some in (attributes, rest):
        for at in range(0, len(some), _PLAIN_AT_ONCE):
            stdin = b"".join(path + b"\0" for path in some[at : at + _PLAIN_AT_ONCE])
            git("checkout-index", "-f", "-u", "-z", "--stdin", stdin=stdin, cwd=root)


def _remove(root: bytes, path: bytes) -> None:
    """A file that git does not track any more goes, and directories that are empty then."""
    fsio.remove_if_exists(os.fsdecode(os.path.join(root, path)))
    directory = os.path.dirname(path)
    while directory:
        try:
            os.rmdir(os.path.join(root, directory))
        except OSError:
            return
        directory = os.path.dirname(directory)

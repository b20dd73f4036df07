"""Handing the content of both sides of a change to a program people look at it with.

Content is linked from the store into a directory of temporaries under the name of the file, so that the program sees the right
suffix; a file of the work tree is handed over itself.  ``git difftool`` starts the program: it knows a good many, and those the
user has configured.

A crash leaves the directory in the store's ``tmp/``, where it is swept after a day.
"""

from __future__ import annotations

import filecmp
import os
import shutil
import subprocess
import tempfile

from git_data.base import fsio, report
from git_data.errors import CheckFailed, MissingData, from_os_error
from git_data.git.run import git
from git_data.git.scan import shown
from git_data.link import batch
from git_data.link.items import Link
from git_data.store.objects import stamp_part

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.git.repo import Repository
    from git_data.store.objects import Store
    from git_data.worktree.compare import Change, Side


def open_in_tool(repo: Repository, store: Store, tool: str, changes: list[Change]) -> None:
    """Show each change whose content is here, one after the other.

    Raises: MissingData when content of some is not, CheckFailed when the tool fails, FileSystemError.
    """
    start = ["git", "difftool", "--no-index", "--no-prompt", "--trust-exit-code", *_choice(repo, tool)]
    place = _temporary_directory(repo, store)
    missing: list[bytes] = []
    try:
        for number, change in enumerate(changes):
            if change.same_content:
                continue
            directory = os.path.join(place, str(number))
            old = _content(repo, store, change.old, change.path, os.path.join(directory, "old"))
            new = _content(repo, store, change.new, change.path, os.path.join(directory, "new"))
            if old is None or new is None:
                missing.append(change.path)
                report.say(f"the data of '{shown(change.path)}' is not in the store: it is left out")
                continue
            if filecmp.cmp(old, new, shallow=False):
                continue  # only the mode changed
            # 1 is what "git diff --no-index" answers for files that differ
            if subprocess.run([*start, "--", old, new]).returncode not in (0, 1):
                raise CheckFailed(f"the diff tool '{tool}' failed", "git difftool --tool-help   # those git knows")
    finally:
        shutil.rmtree(place, ignore_errors=True)
    if missing:
        raise MissingData(f"the data of {report.count(len(missing), 'file')} is not in the store", "git data ls-files --missing")


def _choice(repo: Repository, tool: str) -> list[str]:
    """A tool git knows by name, or else a command."""
    known = os.path.join(os.fsdecode(git("--exec-path").rstrip(b"\n")), "mergetools", tool)
    configured = any(
        repo.config.get(f"{section}.{tool}.{key}") for section in ("difftool", "mergetool") for key in ("cmd", "path")
    )
    return [f"--tool={tool}"] if configured or ("/" not in tool and os.path.isfile(known)) else [f"--extcmd={tool}"]


def _temporary_directory(repo: Repository, store: Store) -> str:
    """Where links work: beside the objects, else in the git directory, else where temporaries go. Raises: FileSystemError."""
    parents = [store.tmp, os.path.join(repo.data_dir, "tmp"), tempfile.gettempdir()]
    for parent in parents:
        path = os.path.join(parent, fsio.temp_name())
        try:
            os.makedirs(path)
            return path
        except OSError as error:
            failure = from_os_error(error, path, "making a directory for the diff tool")
    raise failure


def _content(repo: Repository, store: Store, side: Side | None, path: bytes, directory: str) -> str | None:
    """A file with the content of one side (empty if there is no such side), ``None`` if it is not here.

    Raises: FileSystemError.
    """
    if side is not None and side.in_worktree and side.pointer is None:
        return os.path.join(repo.require_worktree(), os.fsdecode(side.path))
    name = os.path.basename(side.path if side else path)
    os.makedirs(directory)
    if side is None:
        # not /dev/null: with it git 2.39 crashes
        fsio.write_file(os.path.join(directory, os.fsdecode(name)), b"", mode=0o444)
        return os.path.join(directory, os.fsdecode(name))
    if side.pointer is None:
        return _from_git(side, os.path.join(directory, os.fsdecode(name)))
    object = store.sound(side.pointer.oid, side.pointer.size)
    if object is None:
        return None
    mtime_ns = os.stat(object).st_mtime_ns
    link = Link(name, os.fsencode(object), side.size, None, mtime_ns, stamp_part(side.pointer.oid), mode=0o444)
    batch.relink(directory, directory, ("reflink", "hardlink", "copy"), [link])
    if link.error:
        error = OSError(abs(link.error), os.strerror(abs(link.error)))
        raise from_os_error(error, side.path, "linking content for the diff tool")
    return os.path.join(directory, os.fsdecode(name))


def _from_git(side: Side, path: str) -> str:
    """Content that git itself holds, from before the file was data."""
    with open(path, "wb") as file:
        subprocess.run(["git", "cat-file", "blob", side.blob], stdout=file, check=True)
    return path

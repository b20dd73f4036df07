"""Every pointer a repository still needs, found with the caution of somebody who is about to delete the rest.

git is asked for everything reachable from refs, HEADs, reflogs and indexes of all work trees.  Besides, commits named in the
files of operations in progress count (``ORIG_HEAD``, ``rebase-merge/autostash`` …), which git's own walk leaves out.
Whatever cannot be read is an error: here a wrong "nothing" means lost data.
"""

from __future__ import annotations

import os

from git_data.base.report import count
from git_data.errors import GitFailed, RepositoryError
from git_data.git.partial_clone import has_all_blobs_below, promisors
from git_data.git.run import git, lines
from git_data.git.scan import pointers_of
from git_data.pointer import MAX_SIZE_BYTES, Pointer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from git_data.git.repo import Repository

_IN_PROGRESS = ("rebase-merge", "rebase-apply", "sequencer", "refs/bisect", "refs/worktree", "refs/rewritten")
_READ_BYTES = 1 << 20
_SMALL = f"--filter=blob:limit={MAX_SIZE_BYTES}"


def needed(repo: Repository, also: Iterable[bytes] = ()) -> list[Pointer]:
    """The pointers; git runs in the current directory and environment, which must be those of ``repo``.

    ``also`` are objects (hex) from which to begin besides.

    Raises: RepositoryError when refs are broken or objects are missing, GitFailed.
    """
    _check_refs(repo)
    partial = bool(promisors(repo))
    listed = lines(
        # what git replace(1) hides is kept by git, too
        "--no-replace-objects", "rev-list", "--objects", "--no-object-names", "--filter-provided-objects",
        # a filter by type would hide that a tree is missing
        *(["--missing=print", _SMALL] if partial else [f"--filter=combine:object:type=blob+{_SMALL.partition('=')[2]}"]),
        "--all", "--reflog", "--indexed-objects", "--stdin",
        stdin=(name + b"\n" for name in (*_in_progress(repo), *also)),
    )  # fmt: skip
    blobs, missing = [], 0
    for line in listed:
        if line.startswith(b"?"):
            missing += 1
        else:
            blobs.append(bytes.fromhex(line.decode().rstrip()))
    if missing and not has_all_blobs_below(repo, MAX_SIZE_BYTES):
        remote = promisors(repo)[0]
        raise RepositoryError(
            f"the partial clone '{repo.common_dir}' lacks {count(missing, 'object')} that may be pointers; nothing was deleted",
            f"git config remote.{remote}.partialCloneFilter blob:limit={MAX_SIZE_BYTES}\n"
            f"git fetch --refetch {remote}   # brings every blob that is small enough for a pointer",
        )
    return list(pointers_of(repo, blobs).values())


def git_dirs(repo: Repository) -> list[str]:
    """The git directories of all work trees; the common one comes first."""
    linked = os.path.join(repo.common_dir, "worktrees")
    try:
        names = sorted(os.listdir(linked))
    except FileNotFoundError:
        names = []
    return [repo.common_dir, *(os.path.join(linked, name) for name in names)]


def _check_refs(repo: Repository) -> None:
    """Raises: RepositoryError when a ref or a HEAD cannot be read, or names an object that is not there."""
    import subprocess

    command = ["git", "for-each-ref", "--format=%(objecttype)"]
    done = subprocess.run(command, capture_output=True, env={**os.environ, "LC_ALL": "C"})
    if done.returncode or done.stderr:
        raise _broken(repo, done.stderr.decode("utf-8", "replace").strip())
    nothing = not done.stdout
    for directory in git_dirs(repo):
        head = _head(repo, directory)
        nothing = nothing and not head
    if nothing and not git("ls-files", "-z", "--full-name", ":/" if repo.worktree else ".", ok=(0, 128)):
        raise RepositoryError(
            f"'{repo.common_dir}' has no ref, no commit and an empty index: nothing says which data is needed",
            "git fsck --lost-found   # if that is not as it should be",
        )


def _head(repo: Repository, directory: str) -> str:
    """The commit a HEAD names, empty on a branch that has none yet."""
    path = os.path.join(directory, "HEAD")
    try:
        with open(path, "rb") as file:
            content = os.fsdecode(file.read(_READ_BYTES)).strip()
    except OSError as error:
        raise _broken(repo, f"{path}: {error.strerror}") from None
    if content.startswith("ref:"):
        name = content[4:].strip()
        return git("rev-parse", "--verify", "--quiet", name, ok=(0, 1, 128)).decode().strip()
    try:
        return git("rev-parse", "--verify", "--quiet", f"{content}^{{commit}}").decode().strip()
    except GitFailed:
        raise _broken(repo, f"{path} names '{content[:64]}', which is no commit") from None


def _broken(repo: Repository, reason: str) -> RepositoryError:
    return RepositoryError(f"refs of '{repo.common_dir}' are broken, nothing was deleted: {reason}", "git fsck")


def _in_progress(repo: Repository) -> list[bytes]:
    """Objects named in files of operations that are under way, or were interrupted, in any work tree."""
    import re

    found: set[bytes] = set()
    size = 64 if repo.object_format == "sha256" else 40
    oid = re.compile(rb"(?<![0-9a-f])[0-9a-f]{%d}(?![0-9a-f])" % size)
    for directory in git_dirs(repo):
        for path in _files_in_progress(directory):
            try:
                with open(path, "rb") as file:
                    found.update(oid.findall(file.read(_READ_BYTES)))
            except OSError:
                continue  # just finished
    if not found:
        return []
    stdin = b"\n".join(sorted(found)) + b"\n"
    answers = git("cat-file", "--batch-check=%(objectname) %(objecttype)", stdin=stdin).splitlines()
    return [answer.split(b" ")[0] for answer in answers if not answer.endswith(b" missing")]


def _files_in_progress(directory: str) -> Iterator[str]:
    with os.scandir(directory) as found:
        for entry in found:
            if entry.is_file() and (entry.name.endswith("_HEAD") or entry.name in ("AUTO_MERGE", "BISECT_START")):
                yield entry.path
    for name in _IN_PROGRESS:
        for place, _, files in os.walk(os.path.join(directory, name)):
            for file in files:
                yield os.path.join(place, file)

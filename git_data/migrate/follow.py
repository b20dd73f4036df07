"""Work trees after their branch has moved to a commit with the same content kept in another way.

``take_over`` leaves files whose content is already there in their places, and describes them in the index, so that nothing is
copied or hashed.  ``check_out`` has git do it, and the filter make links.  ``catch_up`` does what either left when it was killed,
and touches nothing that a user may have written since.
"""

from __future__ import annotations

import os
import stat

from git_data.base import fsio
from git_data.base.digest import blob_oid
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
_TEXT_BYTES = 1 << 20
"""what is larger is no file of attributes or settings"""


def check_out(path: str, old: str, new: str) -> None:
    """Bring a work tree from one commit (hex) to another, as ``git checkout`` does. Raises: GitFailed."""
    git("read-tree", "-m", "-u", old, new, cwd=path)


def take_over(repo: Repository, store: Store, old: str, new: str, vouched: Mapping[bytes, os.stat_result]) -> None:
    """Bring the work tree of ``repo`` from one commit (hex) to another; files that data is kept of stay as they are.

    ``vouched`` are files of which the caller knows that they hold what their pointers name, with their stat data from before that
    was found out; others git looks at once.  Files of pointers that are in ``old`` only stay, untracked; where a pointer's
    file is not there, or is the pointer of before, git checks it out; but what a sparse checkout leaves out stays out.

    Raises: GitFailed, OSError.
    """
    root = os.fsencode(repo.require_worktree())
    fields = records("diff-tree", "-r", "--raw", "-z", "--no-renames", "--no-abbrev", old, new, cwd=repo.worktree)
    changes = [(header.split(b" "), path) for header, path in zip(fields[0::2], fields[1::2])]
    blobs = {name for header, _ in changes for name in header[2:4] if name.strip(b"0")}
    pointers = pointers_of(repo, raw_ids(sorted(blobs)))
    skipped = {record[2:] for record in records("ls-files", "-t", "-z", cwd=repo.worktree) if record.startswith(b"S ")}
    empty = blob_oid(b"", repo.object_format).hex().encode()
    candidates, others, gone, hidden = [], [], [], []
    for header, path in changes:
        before, after = (pointers.get(bytes.fromhex(name.decode())) for name in header[2:4])
        if header[4] == b"D":
            gone.append(path)
            if before is None:
                _remove(root, path)
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
            others.append((path, header[1], header[3]))
    entries = [b"0 %s\t%s\0" % (b"0" * len(old), path) for path in gone]
    entries += [b"%s %s\t%s\0" % (mode, blob, path) for path, mode, blob in others + hidden]
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
    _check_out_files([path for path, mode, _ in others if mode != b"160000"], repo.require_worktree())
    stage(repo, store, candidates)


def catch_up(path: str, old: str, new: str) -> None:
    """Finish bringing a work tree from one commit (hex) to another.

    Files that are not there, that are pointers, or that are as they were in ``old`` become what they are in ``new``, or go; all
    others stay, and ``git status`` tells.  Raises: GitFailed.
    """
    git("read-tree", "--reset", new, cwd=path)
    fields = records("diff-tree", "-r", "--raw", "-z", "--no-renames", "--no-abbrev", old, new, cwd=path)
    wanted, suspects = [], []
    for header, name in zip(fields[0::2], fields[1::2]):
        _, mode, before, _, status = header.split(b" ")
        file = os.path.join(os.fsencode(path), name)
        if status == b"D":
            _remove_if(file, before)
        if status == b"D" or mode == b"160000":
            continue
        if os.path.islink(file):
            if blob_oid(os.readlink(file), "sha1" if len(before) == 40 else "sha256").hex().encode() == before:
                wanted.append(name)
            continue
        content = _small_content(file)
        if content is None or parse(content) is not None:
            wanted.append(name)
        elif len(content) < MAX_SIZE_BYTES and b"\n" not in name:  # hash-object takes a path a line
            suspects.append((name, before))
    stdin = b"".join(name + b"\n" for name, _ in suspects)
    hashes = git("hash-object", "--stdin-paths", stdin=stdin, cwd=path).split() if stdin else []
    wanted += [name for (name, before), now in zip(suspects, hashes) if now == before]
    wanted.sort(key=lambda name: os.path.basename(name) != b".gitattributes")
    _check_out_files(wanted, path)
    git("update-index", "-q", "--refresh", cwd=path, ok=(0, 1))


def _remove_if(file: bytes, blob: bytes) -> None:
    """Remove a file of text that is still the blob of that name."""
    try:
        found = os.lstat(file)
    except OSError:
        return
    if not stat.S_ISREG(found.st_mode) or found.st_size > _TEXT_BYTES:
        return
    content = fsio.read_file(os.fsdecode(file)) or b""
    if blob_oid(content, "sha1" if len(blob) == 40 else "sha256").hex().encode() == blob:
        os.unlink(file)


def _small_content(path: bytes) -> bytes | None:
    """The beginning of a file, as much as tells whether it is a pointer; ``None`` if there is none."""
    try:
        with open(path, "rb") as file:
            return file.read(MAX_SIZE_BYTES)
    except FileNotFoundError:
        return None
    except OSError:
        return b"\0" * MAX_SIZE_BYTES


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

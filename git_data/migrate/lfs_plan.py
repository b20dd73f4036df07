"""What of a repository is git-lfs's: attributes, pointers at HEAD, pointers in history, and files that should be pointers.

Nothing is changed here.
"""

from __future__ import annotations

import os

from git_data.git.attributes import AttributesFile, with_filter
from git_data.git.run import git, records
from git_data.git.scan import Tracked, in_history, pointers_of, raw_ids, reachable, read_blobs, versions
from git_data.migrate.attributes_at import Source
from git_data.pointer import MAX_SIZE_BYTES, looks_like

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.git.repo import Repository
    from git_data.pointer import Pointer

ATTRIBUTES_FILE = b".gitattributes"


class Attributes:
    """A ``.gitattributes`` at HEAD: its mode, and its content as it is to be."""

    __slots__ = ("content", "mode", "path")

    def __init__(self, path: bytes, mode: bytes, content: bytes) -> None:
        self.path = path
        self.mode = mode
        self.content = content


class Plain:
    """A file with ``filter=lfs`` whose content git itself holds: its mode, blob (hex) and size."""

    __slots__ = ("blob", "mode", "path", "size")

    def __init__(self, path: bytes, mode: bytes, blob: bytes, size: int) -> None:
        self.path = path
        self.mode = mode
        self.blob = blob
        self.size = size


class Head:
    """What is checked out: ``pointers`` of git-lfs, files that should have been (``plain``) or nearly are (``malformed``)."""

    __slots__ = ("attributes", "malformed", "plain", "pointers", "submodules")

    def __init__(self) -> None:
        self.attributes: list[Attributes] = []
        self.pointers: list[Tracked] = []
        self.plain: list[Plain] = []
        self.malformed: list[bytes] = []
        self.submodules: list[bytes] = []
        """those that use git-lfs themselves"""


def look_at_head(repo: Repository) -> Head:
    """Look at the index, which is what HEAD has. Raises: GitFailed."""
    root = repo.require_worktree()
    head = Head()
    regular: dict[bytes, tuple[bytes, bytes]] = {}
    for record in records("ls-files", "-s", "-z", "--full-name", ":/", cwd=root):
        header, _, path = record.partition(b"\t")
        mode, blob, _ = header.split(b" ")
        if mode == b"160000":
            if _uses_lfs(os.path.join(root, os.fsdecode(path))):
                head.submodules.append(path)
        elif mode.startswith(b"100"):
            regular[path] = (mode, blob)
    attributes = {path: file for path, file in regular.items() if os.path.basename(path) == ATTRIBUTES_FILE}
    contents = dict(read_blobs([blob for _, blob in attributes.values()]))
    for path, (mode, blob) in attributes.items():
        switched = switch(contents.get(blob, b""))
        if switched is not None:
            head.attributes.append(Attributes(path, mode, switched))
    filters = with_filter([path for path in regular if path not in attributes], root)
    # pointers of git-lfs that are ours already came with a branch that was merged
    data = {path: regular[path] for path, name in filters.items() if name in ("data", "lfs")}
    known = pointers_of(repo, raw_ids([blob for _, blob in data.values()]))
    rest = []
    for path, (mode, blob) in data.items():
        raw = bytes.fromhex(blob.decode())
        pointer = known.get(raw)
        if pointer is None and filters[path] == "lfs":
            rest.append((path, mode, blob))
        elif pointer is not None and pointer.format == "lfs":
            head.pointers.append(Tracked(path, mode, raw, pointer))
    _sort_out(rest, head, repo)
    return head


def _sort_out(rest: list[tuple[bytes, bytes, bytes]], head: Head, repo: Repository) -> None:
    """Files with ``filter=lfs`` that are no pointers: content, or something that was meant as a pointer."""
    sizes = blob_sizes([blob for _, _, blob in rest], repo)
    small = dict(read_blobs([blob for _, _, blob in rest if sizes.get(blob, 0) < MAX_SIZE_BYTES]))
    for path, mode, blob in rest:
        if looks_like(small.get(blob, b"")):
            head.malformed.append(path)
        elif sizes.get(blob):
            head.plain.append(Plain(path, mode, blob, sizes[blob]))


def blob_sizes(blobs: list[bytes], repo: Repository) -> dict[bytes, int]:
    """The sizes of blobs (hex ids) that git has."""
    question = "--batch-check=%(objectname) %(objectsize)"
    answers = git("cat-file", "--buffer", question, stdin=b"".join(blob + b"\n" for blob in blobs), cwd=repo.common_dir)
    fields = (line.split(b" ") for line in answers.splitlines())
    return {found[0]: int(found[1]) for found in fields if found[1].isdigit()}


def switch(content: bytes) -> bytes | None:
    """The content of a ``.gitattributes`` with our drivers instead of git-lfs's; ``None`` if it names none of those."""
    if b"=lfs" not in content:
        return None
    file = AttributesFile("", content)
    return file.encode() if file.switch("lfs", "data") else None


def _uses_lfs(submodule: str) -> bool:
    """Whether a submodule that is checked out has files of git-lfs; looks at its topmost attributes."""
    try:
        with open(os.path.join(submodule, os.fsdecode(ATTRIBUTES_FILE)), "rb") as file:
            return b"filter=lfs" in file.read()
    except OSError:
        return False


class History:
    """Pointers of git-lfs in all of history, by oid. What refs reach is ``needed``; ``spare`` is only in reflogs or the index."""

    __slots__ = ("needed", "spare")

    def __init__(self, repo: Repository) -> None:
        """Raises: GitFailed."""
        found = in_history(repo, "--all")
        self.needed: dict[str, Pointer] = {item.oid: item for item in found.values() if item.format == "lfs"}
        self.spare: dict[str, Pointer] = {
            item.oid: item for item in reachable(repo).values() if item.format == "lfs" and item.oid not in self.needed
        }


def who_names(repo: Repository, oids: set[str]) -> list[tuple[str, Tracked]]:
    """Commits (hex) that brought files that name these objects, newest first. Raises: GitFailed.

    Only files that git-lfs takes care of: any other is a text about pointers.
    """
    source = Source(repo)
    found = [item for item in versions(repo, ["--all"]) if item[1].pointer.oid in oids] if oids else []
    attributes = source.above([(commit, file.path) for commit, file in found])
    return [item for item, there in zip(found, attributes) if there.filter(item[1].path) == "lfs"]

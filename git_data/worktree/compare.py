"""Which data changed between two sides: revisions, the index, the work tree.

git compares (``git diff --raw``); here its records become changes of content: sizes come from the pointers, and an added
file with the oid of a deleted one is a rename.  A side in the work tree that git has not hashed has a size and no oid: nothing
is hashed for a listing.
"""

from __future__ import annotations

import os
import stat

from git_data.git import scan
from git_data.git.attributes import with_filter
from git_data.git.run import git, records
from git_data.pointer import MAX_SIZE_BYTES, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from git_data.git.repo import Repository
    from git_data.git.status import Entry
    from git_data.pointer import Pointer

KINDS = ("added", "modified", "renamed", "deleted", "conflict")


class Raw:
    """One record of ``git diff --raw``; a blob (hex) of zeros is a file git has not hashed."""

    __slots__ = ("letter", "new_blob", "new_mode", "old_blob", "old_mode", "path")

    def __init__(self, old_mode: bytes, new_mode: bytes, old_blob: bytes, new_blob: bytes, letter: str, path: bytes) -> None:
        self.old_mode = old_mode
        self.new_mode = new_mode
        self.old_blob = old_blob
        self.new_blob = new_blob
        self.letter = letter
        self.path = path


class Side:
    """One side of a change.

    ``pointer`` is ``None`` for content that git itself holds (``blob``, hex), and for a file of the work tree nobody has hashed
    (``in_worktree``).
    """

    __slots__ = ("blob", "in_worktree", "mode", "path", "pointer", "size")

    def __init__(
        self, path: bytes, mode: bytes, blob: bytes, size: int, pointer: Pointer | None, in_worktree: bool = False
    ) -> None:
        self.path = path
        self.mode = mode
        self.blob = blob.decode()
        self.size = size
        self.pointer = pointer
        self.in_worktree = in_worktree

    @property
    def oid(self) -> str:
        """The content's SHA-256, empty if nobody knows it."""
        return self.pointer.oid if self.pointer else ""


class Change:
    """What became of one data file.

    ``old`` or ``new`` is ``None`` where the file does not exist; in a conflict they are ours and theirs.
    """

    __slots__ = ("kind", "new", "old")

    def __init__(self, kind: str, old: Side | None, new: Side | None) -> None:
        self.kind = kind
        self.old = old
        self.new = new

    @property
    def path(self) -> bytes:
        """The path now."""
        side = self.new or self.old
        assert side is not None
        return side.path

    @property
    def same_content(self) -> bool:
        """Whether only the name, the mode or the pointer's format changed."""
        return bool(self.old and self.new and self.old.oid and self.old.oid == self.new.oid)


def diff(repo: Repository, revisions: list[str], cached: bool, pathspecs: list[str]) -> list[Change]:
    """Changes of data between the sides ``git diff [--cached] REVISIONS`` compares.

    ``pathspecs`` are relative to the current directory.  Raises: GitFailed, RepositoryError in a bare repository.
    """
    words = ["--raw", "-z", "--no-abbrev", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-color", "--no-relative"]
    command = ["diff", "--cached"] if cached else ["diff"]
    if not cached and (not revisions or (len(revisions) == 1 and ".." not in revisions[0])):
        # "git diff" would clean every changed file, again and again; this cleans those of the same size, and once if only touched
        repo.require_worktree()
        git("update-index", "-q", "--refresh", "--ignore-submodules", ok=range(256))
        command = ["diff-index"] if revisions else ["diff-files"]
    fields = records(*command, *words, "--ignore-submodules=all", *revisions, "--", *pathspecs)
    raws = []
    for header, path in zip(fields[0::2], fields[1::2]):
        old_mode, new_mode, old_blob, new_blob, letter = header[1:].split(b" ")
        raws.append(Raw(old_mode, new_mode, old_blob, new_blob, letter[:1].decode(), path))
    return changes(repo, raws)


def staged(entries: Iterable[Entry]) -> list[Raw]:
    """What the index has and HEAD has not."""
    return [
        Raw(entry.modes[0], entry.modes[1], entry.blobs[0], entry.blobs[1], entry.staged, entry.path)
        for entry in entries
        if entry.staged not in ".U?"
    ]


def unstaged(entries: Iterable[Entry]) -> list[Raw]:
    """What the work tree has and the index has not; conflicts, too."""
    found = []
    for entry in entries:
        if entry.unstaged == "U":
            found.append(Raw(entry.modes[0], entry.modes[1], *entry.blobs, "U", entry.path))
        elif entry.unstaged not in ".?":
            found.append(Raw(entry.modes[1], entry.modes[2], entry.blobs[1], b"0", entry.unstaged, entry.path))
    return found


def changes(repo: Repository, raws: list[Raw]) -> list[Change]:
    """The changes of data among git's records, in git's order, renames found."""
    conflicts = [raw.path for raw in raws if raw.letter == "U"]
    stages = _stages(conflicts)
    raws = [_of_stages(raw, stages) if raw.letter == "U" else raw for raw in raws if raw.letter == "U" or raw.path not in stages]
    blobs = [blob for raw in raws for blob in (raw.old_blob, raw.new_blob) if blob.strip(b"0")]
    pointers = dict(zip(blobs, _pointers(repo, blobs)))
    hashed = [raw for raw in raws if pointers.get(raw.old_blob) or pointers.get(raw.new_blob)]
    fresh = _fresh_data(repo, [raw for raw in raws if not pointers.get(raw.old_blob) and not raw.new_blob.strip(b"0")])
    plain_sizes = _sizes(
        blob for raw in hashed for blob in (raw.old_blob, raw.new_blob) if blob.strip(b"0") and not pointers[blob]
    )
    found = []
    for raw in raws:
        if raw.path in fresh or pointers.get(raw.old_blob) or pointers.get(raw.new_blob):
            change = _change(repo, raw, pointers, plain_sizes)
            if change is not None:
                found.append(change)
    return _with_renames(found)


def _pointers(repo: Repository, blobs: list[bytes]) -> list[Pointer | None]:
    raw = scan.raw_ids(blobs)
    known = scan.pointers_of(repo, raw)
    return [known.get(blob) for blob in raw]


def _stages(paths: list[bytes]) -> dict[bytes, dict[bytes, tuple[bytes, bytes]]]:
    """Of each unmerged path: stage → (mode, blob)."""
    if not paths:
        return {}
    found: dict[bytes, dict[bytes, tuple[bytes, bytes]]] = {path: {} for path in paths}
    for record in records("ls-files", "-u", "-z", "--full-name", "--", ":/"):
        header, _, path = record.partition(b"\t")
        mode, blob, stage = header.split(b" ")
        if path in found:
            found[path][stage] = (mode, blob)
    return found


def _of_stages(raw: Raw, stages: dict[bytes, dict[bytes, tuple[bytes, bytes]]]) -> Raw:
    nothing = (b"000000", b"0")
    ours, theirs = (stages[raw.path].get(stage, nothing) for stage in (b"2", b"3"))
    return Raw(ours[0], theirs[0], ours[1], theirs[1], "U", raw.path)


def _fresh_data(repo: Repository, raws: list[Raw]) -> set[bytes]:
    """Files of the work tree that become data when they are added: no pointer was there before, but the filter is."""
    paths = [raw.path for raw in raws if raw.letter not in "DU"]
    filters = with_filter(paths, repo.require_worktree()) if paths else {}
    return {path for path, filter in filters.items() if filter in ("data", "lfs")}


def _sizes(blobs: Iterable[bytes]) -> dict[bytes, int]:
    names = sorted(set(blobs))
    if not names:
        return {}
    answers = git("cat-file", "--buffer", "--batch-check=%(objectname) %(objectsize)", stdin=b"\n".join(names) + b"\n")
    fields = (answer.split(b" ") for answer in answers.splitlines())
    return {found[0]: int(found[1]) for found in fields if found[1].isdigit()}


def _change(repo: Repository, raw: Raw, pointers: dict[bytes, Pointer | None], plain_sizes: dict[bytes, int]) -> Change | None:
    old = _side(raw.path, raw.old_mode, raw.old_blob, pointers, plain_sizes)
    if raw.letter not in "DU" and not raw.new_blob.strip(b"0"):
        new = _worktree_side(repo, raw)
    else:
        new = _side(raw.path, raw.new_mode, raw.new_blob, pointers, plain_sizes)
    if raw.letter == "U":
        return Change("conflict", old, new)
    if old is None and new is None:
        return None
    if old and new and new.in_worktree and new.pointer and old.pointer == new.pointer and old.mode == new.mode:
        return None  # the pointer itself lies in the work tree, where git expects the content
    return Change("added" if old is None else "deleted" if new is None else "modified", old, new)


def _side(
    path: bytes, mode: bytes, blob: bytes, pointers: dict[bytes, Pointer | None], plain_sizes: dict[bytes, int]
) -> Side | None:
    # symbolic links and submodules are no data
    if not mode.startswith(b"100") or not blob.strip(b"0"):
        return None
    pointer = pointers.get(blob)
    return Side(path, mode, blob, pointer.size if pointer else plain_sizes.get(blob, 0), pointer)


def _worktree_side(repo: Repository, raw: Raw) -> Side | None:
    path = os.path.join(os.fsencode(repo.require_worktree()), raw.path)
    try:
        found = os.lstat(path)
        if not stat.S_ISREG(found.st_mode):
            return None
        content = b""
        if found.st_size < MAX_SIZE_BYTES:
            with open(path, "rb", buffering=0) as file:
                content = file.read(MAX_SIZE_BYTES)
    except OSError:
        return None
    pointer = parse(content)
    return Side(raw.path, raw.new_mode, b"", pointer.size if pointer else found.st_size, pointer, in_worktree=True)


def _with_renames(found: list[Change]) -> list[Change]:
    """Pair a deleted file with an added one of the same content; the one of the same name first."""
    deleted: dict[str, list[Change]] = {}
    for change in found:
        if change.kind == "deleted" and change.old is not None and change.old.oid:
            deleted.setdefault(change.old.oid, []).append(change)
    gone = set()
    for change in found:
        if change.kind != "added" or change.new is None or not deleted.get(change.new.oid):
            continue
        candidates = deleted[change.new.oid]
        name = os.path.basename(change.path)
        chosen = next((other for other in candidates if os.path.basename(other.path) == name), candidates[0])
        candidates.remove(chosen)
        gone.add(id(chosen))
        change.kind, change.old = "renamed", chosen.old
    return [change for change in found if id(change) not in gone]

"""Pointers in the index, in trees and in history.

git lists and reads (``ls-files``, ``ls-tree``, ``rev-list``, ``cat-file --batch``): each is one process for any number of
objects, and knows alternates, partial clones and replaced objects.  Answers about blobs are kept (``blob_cache``).
"""

from __future__ import annotations

import os

from git_data.errors import GitFailed
from git_data.git.blob_cache import BlobCache
from git_data.git.run import git, lines, records
from git_data.pointer import MAX_SIZE_BYTES, Pointer, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from git_data.git.repo import Repository

_READ_AT_ONCE = 10_000


class Tracked:
    """One file that git knows by a pointer.

    ``path`` is relative to the top; ``blob`` git's raw object id; ``stage`` 0, or 1–3 in a conflict.
    """

    __slots__ = ("blob", "mode", "path", "pointer", "stage")

    def __init__(self, path: bytes, mode: bytes, blob: bytes, pointer: Pointer, stage: int = 0) -> None:
        self.path = path
        self.mode = mode
        self.blob = blob
        self.pointer = pointer
        self.stage = stage


def in_index(repo: Repository, pathspecs: list[str] | None = None) -> list[Tracked]:
    """Pointers in the index, in git's order; ``pathspecs`` are relative to the current directory.

    Raises: GitFailed.
    """
    found = []
    for record in records("ls-files", "-s", "-z", "--full-name", "--", *(pathspecs or [":/"])):
        header, _, path = record.partition(b"\t")
        mode, blob, stage = header.split(b" ")
        if mode.startswith(b"100"):
            found.append((path, mode, bytes.fromhex(blob.decode()), int(stage)))
    pointers = pointers_of(repo, (blob for _, _, blob, _ in found))
    return [Tracked(path, mode, blob, pointers[blob], stage) for path, mode, blob, stage in found if blob in pointers]


def in_revision(repo: Repository, revision: str, pathspecs: list[str] | None = None) -> list[Tracked]:
    """Pointers in the tree of a revision; ``pathspecs`` are relative to the top.

    Raises: GitFailed when the revision does not exist.
    """
    tree = resolve(revision, "tree")
    found = []
    for record in records("ls-tree", "-r", "-z", "--full-tree", tree, "--", *(pathspecs or [])):
        header, _, path = record.partition(b"\t")
        mode, kind, blob = header.split(b" ")
        if kind == b"blob" and mode.startswith(b"100"):
            found.append((path, mode, bytes.fromhex(blob.decode())))
    pointers = pointers_of(repo, (blob for _, _, blob in found))
    return [Tracked(path, mode, blob, pointers[blob]) for path, mode, blob in found if blob in pointers]


def in_history(repo: Repository, *arguments: str) -> dict[bytes, Pointer]:
    """Every pointer reachable by ``git rev-list ARGUMENTS`` (revisions, ranges, ``--all``, ``--reflog`` …): blob → pointer.

    Raises: GitFailed.
    """
    listed = lines(
        "rev-list", "--objects", "--no-object-names", "--missing=allow-any", "--filter-provided-objects",
        f"--filter=combine:object:type=blob+blob:limit={MAX_SIZE_BYTES}", *arguments,
    )  # fmt: skip
    return pointers_of(repo, (bytes.fromhex(line.decode().rstrip()) for line in listed))


def reachable(repo: Repository) -> dict[bytes, Pointer]:
    """Every pointer git still refers to: refs, HEADs and reflogs of all work trees, all indexes, stashes."""
    return in_history(repo, "--all", "--reflog", "--indexed-objects")


def pointers_of(repo: Repository, blobs: Iterable[bytes]) -> dict[bytes, Pointer]:
    """The blobs (raw ids) that are pointers, with their pointers."""
    cache = BlobCache(repo.common_dir, repo.object_format)
    wanted = set(blobs)
    unknown = sorted(blob for blob in wanted if blob not in cache.known)
    for start in range(0, len(unknown), _READ_AT_ONCE):
        _read(cache, unknown[start : start + _READ_AT_ONCE])
    cache.save()
    known = cache.known
    return {blob: pointer for blob in wanted if (pointer := known.get(blob)) is not None}


def _read(cache: BlobCache, blobs: list[bytes]) -> None:
    names = "\n".join(blob.hex() for blob in blobs).encode() + b"\n"
    small = []
    for line in git("cat-file", "--batch-check=%(objectname) %(objecttype) %(objectsize)", stdin=names).splitlines():
        fields = line.split(b" ")
        if len(fields) != 3:
            continue  # missing: a partial clone; may be there another time
        if fields[1] == b"blob" and int(fields[2]) < MAX_SIZE_BYTES:
            small.append(fields[0])
        else:
            cache.add(bytes.fromhex(fields[0].decode()), None)
    for name, content in read_blobs(small):
        cache.add(bytes.fromhex(name.decode()), parse(content))


def read_blobs(names: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """The content of each blob (hex ids): ``(id, bytes)``; those that are missing are left out."""
    if not names:
        return
    output = git("cat-file", "--batch", "--buffer", stdin=b"\n".join(names) + b"\n")
    at = 0
    while at < len(output):
        end = output.index(b"\n", at)
        header = output[at:end].split(b" ")
        if len(header) != 3:
            at = end + 1
            continue
        size = int(header[2])
        yield header[0], output[end + 1 : end + 1 + size]
        at = end + 2 + size


def resolve(revision: str, kind: str = "commit") -> str:
    """The object id (hex) of a revision, peeled to ``commit`` or ``tree``.

    Raises: GitFailed saying which revision is unknown.
    """
    try:
        return git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{{kind}}}").decode().strip()
    except GitFailed:
        raise GitFailed(f"'{revision}' is not a revision of this repository", "git log --oneline --all") from None


def head_exists() -> bool:
    """Whether there is any commit yet."""
    return bool(git("rev-parse", "--verify", "--quiet", "HEAD", ok=(0, 1, 128)))


def shown(path: bytes) -> str:
    """A git path as text for people: undecodable bytes and line feeds are escaped, as git itself does."""
    return os.fsdecode(path).encode("utf-8", "backslashreplace").decode().replace("\n", "\\n")

"""Pointers in the index, in trees and in history.

git lists and reads (``ls-files``, ``ls-tree``, ``rev-list``, ``cat-file --batch``): each is one process for any number of
objects, and knows alternates, partial clones and replaced objects.  Answers about blobs are kept (``blob_cache``).
"""

from __future__ import annotations

from git_data.base.report import Progress
from git_data.errors import GitFailed
from git_data.git.blob_cache import BlobCache
from git_data.git.promisor import fetch_missing
from git_data.git.run import git, lines, records
from git_data.pointer import MAX_SIZE_BYTES, Pointer, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Iterable, Iterator

    from git_data.git.repo import Repository

_READ_AT_ONCE = 20_000
_EXACT = ("--no-abbrev", "--no-renames", "--no-ext-diff")


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
    output = git("ls-files", "-s", "-z", "--full-name", "--", *(pathspecs or [":/"]))
    found = _pattern(rb"(100\d{3}) ([0-9a-f]+) (\d)\t([^\0]+)\0").findall(output)
    blobs = raw_ids([item[1] for item in found])
    known = _known(repo, blobs)
    return [
        Tracked(path, mode, blob, pointer, 0 if stage == b"0" else int(stage))
        for (mode, _, stage, path), blob in zip(found, blobs)
        if (pointer := known.get(blob)) is not None
    ]


def in_revision(repo: Repository, revision: str, pathspecs: list[str] | None = None) -> list[Tracked]:
    """Pointers in the tree of a revision; ``pathspecs`` are relative to the current directory.

    Raises: GitFailed when the revision does not exist.
    """
    tree = resolve(revision, "tree")
    if pathspecs:
        # ls-tree knows no patterns: everything that is not in the empty tree
        output = git("diff-tree", "-r", "--raw", "-z", *_EXACT, _empty_tree(), tree, "--", *pathspecs)
        found = _pattern(rb":000000 (100\d{3}) 0+ ([0-9a-f]+) A\0([^\0]+)\0").findall(output)
    else:
        output = git("ls-tree", "-r", "-z", "--full-tree", tree)
        found = _pattern(rb"(100\d{3}) blob ([0-9a-f]+)\t([^\0]+)\0").findall(output)
    blobs = raw_ids([item[1] for item in found])
    known = _known(repo, blobs)
    return [
        Tracked(path, mode, blob, pointer)
        for (mode, _, path), blob in zip(found, blobs)
        if (pointer := known.get(blob)) is not None
    ]


def versions(repo: Repository, revisions: list[str], pathspecs: list[str] | None = None) -> list[tuple[str, Tracked]]:
    """Every version of every file in history, newest first: ``(the commit (hex) that brought it, file)``.

    ``revisions`` are arguments of ``git rev-list`` (``--all``); what several commits brought to one path is listed once.

    Raises: GitFailed.
    """
    specs = ["--", *(pathspecs or [":/"])]
    commits = git("rev-list", "--no-object-names", *revisions, *specs)
    fields = records(
        "diff-tree", "--stdin", "-r", "-m", "--root", "--raw", "-z", "--diff-filter=AMT", *_EXACT, *specs, stdin=commits
    )
    found: dict[tuple[bytes, bytes], tuple[bytes, bytes]] = {}
    commit, header = b"", b""
    for field in fields:
        if header:
            _, mode, _, blob, _ = header.split(b" ")
            if mode.startswith(b"100"):
                # newest first: the oldest commit is the one that brought it, and comes last
                found[field, blob] = (commit, mode)
            header = b""
        elif field.startswith(b":"):
            header = field
        else:
            commit = field
    blobs = raw_ids([blob for _, blob in found])
    known = _known(repo, blobs)
    return [
        (commit.decode(), Tracked(path, mode, blob, pointer))
        for ((path, _), (commit, mode)), blob in zip(found.items(), blobs)
        if (pointer := known.get(blob)) is not None
    ]


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
    wanted = list(blobs)
    if not wanted:
        return {}  # the answers kept of a million blobs take two seconds to read
    known = _known(repo, wanted)
    return {blob: pointer for blob in wanted if (pointer := known.get(blob)) is not None}


def _known(repo: Repository, blobs: list[bytes]) -> dict[bytes, Pointer | None]:
    """What is known about blobs (raw ids), these and others; only those git does not have are not in it."""
    cache = BlobCache(repo.common_dir, repo.object_format)
    known = cache.known
    # in the order of paths, not of ids: neighbours share delta chains
    unknown = [blob for blob in dict.fromkeys(blobs) if blob not in known]
    with Progress("reading pointers", len(unknown)) as progress:
        for start in range(0, len(unknown), _READ_AT_ONCE):
            some = unknown[start : start + _READ_AT_ONCE]
            _read(repo, cache, some)
            progress(len(some))
    cache.save()
    return known


def raw_ids(names: list[bytes]) -> list[bytes]:
    """Object ids in hex as raw bytes, all of one length."""
    if not names:
        return []
    raw = bytes.fromhex(b"".join(names).decode())
    size = len(names[0]) // 2
    return [raw[at : at + size] for at in range(0, len(raw), size)]


def _pattern(expression: bytes) -> re.Pattern[bytes]:
    # a hundred thousand records: one pass in C instead of a loop; re is imported by those who list only
    import re

    return re.compile(expression)


def _empty_tree() -> str:
    return git("hash-object", "-t", "tree", "--stdin").decode().strip()


def _read(repo: Repository, cache: BlobCache, blobs: list[bytes]) -> None:
    names = [blob.hex().encode() for blob in blobs]
    fetch_missing(repo.config, names)
    small = []
    question = "--batch-check=%(objectname) %(objecttype) %(objectsize)"
    for line in git("cat-file", "--buffer", question, stdin=b"\n".join(names) + b"\n").splitlines():
        fields = line.split(b" ")
        if len(fields) != 3:
            continue  # missing: a damaged or shallow repository; may be there another time
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
    output = _cat(names)
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


def _cat(names: list[bytes]) -> bytes:
    """The output of ``cat-file --batch``, by way of a file: git writes blob by blob, and a reader would wake up for each."""
    import subprocess
    import tempfile

    command = ["git", "cat-file", "--batch", "--buffer"]
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(command, input=b"\n".join(names) + b"\n", stdout=output, stderr=subprocess.PIPE)
        if done.returncode:
            raise GitFailed(f"{' '.join(command)}: {done.stderr.decode('utf-8', 'replace').strip()}", "git fsck")
        output.seek(0)
        return output.read()


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
    """A git path as text for people: control characters (a terminal would obey them) and undecodable bytes are escaped."""
    text = path.decode("utf-8", "backslashreplace")
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)

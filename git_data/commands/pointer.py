"""``git data pointer``.

Show, make or check a pointer: the few lines git stores in place of the content.

  git data pointer data.bin          the pointer git has for a tracked file; also REV:PATH
  git data pointer OID               the pointer of a content in the store
  git data pointer --file data.bin   the pointer git data would make for a file (nothing is stored)
  git data pointer --check …         exit with 0 if it is a pointer, with 1 and the reason if not

A pointer has one valid encoding, so what --check accepts is what git data takes for a pointer; everything else is ordinary
content. --strict accepts only the format that this repository writes (data.pointerFormat): it refuses a git-lfs pointer where
git-data pointers are written, and the other way round.
"""

from __future__ import annotations

import argparse
import os
import sys

from git_data.base import report
from git_data.base.digest import CHUNK_BYTES, sha256
from git_data.commands import output
from git_data.commands.parser import add_json
from git_data.errors import CheckFailed, GitFailed, MissingData, RepositoryError, UsageError, from_os_error
from git_data.git.repo import Repository, locate
from git_data.git.run import git
from git_data.pointer import FORMATS, MAX_CONTENT_SIZE_BYTES, MAX_SIZE_BYTES, Pointer, is_oid, looks_like, parse
from git_data.store.place import open_store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "what", nargs="?", metavar="PATH|OID", help="a tracked file, REV:PATH, or the oid of a content in the store"
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--file", metavar="FILE", help="take any file, tracked or not")
    source.add_argument("--stdin", action="store_true", help="take standard input")
    parser.add_argument("--check", action="store_true", help="say whether it is a pointer")
    parser.add_argument("--strict", action="store_true", help="with --check: in the format this repository writes")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show, make or check."""
    if sum(map(bool, (arguments.what, arguments.file, arguments.stdin))) != 1:
        raise UsageError("name one file, OID, --file or --stdin", "git data pointer -h")
    if arguments.strict and not arguments.check:
        raise UsageError("--strict goes with --check", "git data pointer --check --strict --file FILE")
    repo = _repository(required=bool(arguments.what))
    if arguments.check:
        return _check(repo, arguments)
    pointer = _shown(repo, arguments.what) if repo and arguments.what else _made(repo, arguments)
    if arguments.json:
        output.print_json(_record(repo, pointer))
    elif pointer is None:
        report.say("an empty file has no pointer: git stores it as it is")
    else:
        output.write_bytes(pointer.encode())
    return 0


def _repository(required: bool) -> Repository | None:
    try:
        return locate()
    except RepositoryError:
        if required:
            raise
        return None


def _record(repo: Repository | None, pointer: Pointer | None) -> dict[str, object]:
    if pointer is None:
        return {"oid": None, "size": 0, "format": None, "stored": False, "pointer": ""}
    stored = repo is not None and open_store(repo).find(pointer.oid, pointer.size) is not None
    text = pointer.encode().decode()
    return {"oid": pointer.oid, "size": pointer.size, "format": pointer.format, "stored": stored, "pointer": text}


def _shown(repo: Repository, what: str) -> Pointer:
    """The pointer of a tracked file or of an object. Raises: CheckFailed, MissingData, GitFailed."""
    if is_oid(what) and not os.path.lexists(what):
        store = open_store(repo)
        candidates = (f"{objects}/{what[:2]}/{what}" for objects in (store.objects, *store.alternates))
        path = next(filter(os.path.isfile, candidates), "")
        if not path:
            raise MissingData(f"{what} is not in the store", "git data ls-files --all --oid")
        return Pointer(what, os.path.getsize(path), repo.settings.pointer_format)
    pointer = parse(_blob(what))
    if pointer is None:
        raise CheckFailed(f"'{what}' is not a data file: git holds its content itself", "git data track --list")
    return pointer


def _blob(what: str) -> bytes:
    """The beginning of what git stores for a path of the index or ``REV:PATH``. Raises: GitFailed."""
    # "./" makes git take the path from the current directory; stage 2 is ours in a conflict
    names = [what] if ":" in what and not os.path.lexists(what) else [f":./{what}", f":2:./{what}", f":3:./{what}"]
    for name in names:
        blob = git("rev-parse", "--verify", "--quiet", "--end-of-options", name, ok=(0, 1, 128)).decode().strip()
        if blob:
            size = int(git("cat-file", "-s", blob))
            return git("cat-file", "blob", blob) if size < MAX_SIZE_BYTES else b""
    raise GitFailed(f"git does not know '{what}'", f"for a file that is not tracked: git data pointer --file {what}")


def _made(repo: Repository | None, arguments: argparse.Namespace) -> Pointer | None:
    """The pointer that ``git add`` would make; a pointer comes back as it is. ``None`` for an empty file."""
    format = repo.settings.pointer_format if repo else "data"
    if arguments.stdin:
        return _hash(sys.stdin.buffer, 0, format)
    try:
        with open(arguments.file, "rb") as file:
            return _hash(file, os.fstat(file.fileno()).st_size, format)
    except OSError as error:
        raise from_os_error(error, arguments.file, "reading") from None


def _hash(file: BinaryIO, expected_bytes: int, format: str) -> Pointer | None:
    content = file.read(MAX_SIZE_BYTES)
    known = parse(content)
    if known is not None or not content:
        return known
    hasher, size = sha256(), 0
    with report.Progress("hashing", 1, expected_bytes) as progress:
        while content:
            hasher.update(content)
            size += len(content)
            progress(0, len(content))
            content = file.read(CHUNK_BYTES)
    return Pointer(hasher.hexdigest(), size, format)


def _check(repo: Repository | None, arguments: argparse.Namespace) -> int:
    name, content = _content_to_check(arguments)
    pointer = parse(content)
    reason = "" if pointer else why_not(content)
    wanted = repo.settings.pointer_format if repo else "data"
    if arguments.strict and pointer is not None and pointer.format != wanted:
        reason = f"it is in the format '{pointer.format}', and '{wanted}' is written here (data.pointerFormat)"
    if arguments.json:
        output.print_json({"valid": pointer is not None, "canonical": not reason, "reason": reason})
        return 1 if reason else 0
    if reason:
        raise CheckFailed(f"{name} is not a pointer: {reason}" if pointer is None else f"{name}: {reason}")
    return 0


def _content_to_check(arguments: argparse.Namespace) -> tuple[str, bytes]:
    if arguments.what:
        return f"'{arguments.what}'", _blob(arguments.what)
    if arguments.stdin:
        return "standard input", sys.stdin.buffer.read(MAX_SIZE_BYTES)
    try:
        with open(arguments.file, "rb") as file:
            return f"'{arguments.file}'", file.read(MAX_SIZE_BYTES)
    except OSError as error:
        raise from_os_error(error, arguments.file, "reading") from None


def why_not(content: bytes) -> str:
    """What keeps ``content`` from being a pointer."""
    if not content:
        return "it is empty"
    if len(content) >= MAX_SIZE_BYTES:
        return f"it has {MAX_SIZE_BYTES} bytes or more"
    if not looks_like(content):
        return "it is ordinary content"
    if b"\r" in content:
        return "its lines end with CR LF"
    lines = content.split(b"\n")
    versions = b"' or '".join(FORMATS.values()).decode()
    if lines[0] not in FORMATS.values():
        return f"the first line is not '{versions}'"
    if lines[-1]:
        return "the last line has no line feed"
    if len(lines) != 4:
        return f"it has {report.count(len(lines) - 1, 'line')} and not three"
    return _why_not_oid(lines[1]) or _why_not_size(lines[2])


def _why_not_oid(line: bytes) -> str:
    if not line.startswith(b"oid sha256:"):
        return "the second line is not 'oid sha256:…'"
    return "" if is_oid(line[11:].decode("ascii", "replace")) else "the oid is not 64 lower-case hexadecimal digits"


def _why_not_size(line: bytes) -> str:
    if not line.startswith(b"size "):
        return "the third line is not 'size …'"
    digits = line[5:]
    if not digits.isdigit():
        return "the size is not a decimal number"
    if digits == b"0":
        return "the size is 0: an empty file is stored as it is"
    if digits.startswith(b"0"):
        return "the size has a leading zero"
    return f"the size is over {MAX_CONTENT_SIZE_BYTES}"

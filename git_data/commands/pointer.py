"""``git data pointer``.

Show the pointer git keeps for a file, make the one it would keep, or check whether something is a pointer.

  git data pointer data/train.parquet          the pointer in the index (or the one an untracked file would get)
  git data pointer --file download.bin         the pointer of any file's content; nothing is stored
  git data pointer --check --file suspect.bin  is this file a pointer? exit status 0 yes, 1 no
  git show HEAD:a.bin | git data pointer --check --strict --stdin
"""

from __future__ import annotations

import argparse
import os
import sys

from git_data.commands import output
from git_data.commands.parser import add_json
from git_data.errors import CheckFailed, UsageError, from_os_error
from git_data.git import scan
from git_data.git.repo import locate
from git_data.pointer import FORMATS, MAX_SIZE_BYTES, Pointer, looks_like, parse


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("path", nargs="?", metavar="PATH", help="a file of this repository")
    parser.add_argument("--file", metavar="FILE", help="any file: make (or with --check, check) its pointer")
    parser.add_argument("--stdin", action="store_true", help="like --file, from standard input")
    parser.add_argument("--check", action="store_true", help="exit status 0 if it is a pointer, 1 if not")
    parser.add_argument("--strict", action="store_true", help="with --check: one that git-data itself would write, byte for byte")
    parser.add_argument("--format", choices=sorted(FORMATS), help="the format to write (default: data.pointerFormat)")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show, make or check."""
    if sum(map(bool, (arguments.path, arguments.file, arguments.stdin))) != 1:
        raise UsageError("name one of PATH, --file FILE and --stdin", "git data pointer -h")
    if arguments.check:
        return _check(arguments)
    pointer = _of_path(arguments.path) if arguments.path else _of_content(arguments)
    if arguments.format:
        pointer.format = arguments.format
    if arguments.json:
        output.print_json({"oid": pointer.oid, "size": pointer.size, "format": pointer.format})
    else:
        output.write_bytes(pointer.encode())
    return 0


def _of_path(path: str) -> Pointer:
    """The pointer in the index, else the one the file would get."""
    repo = locate()
    tracked = scan.in_index(repo, [f":(literal){path}"])
    if tracked:
        return tracked[0].pointer
    pointer = _of_file(path)
    pointer.format = repo.settings.pointer_format
    return pointer


def _of_content(arguments: argparse.Namespace) -> Pointer:
    return _hash(0) if arguments.stdin else _of_file(arguments.file)


def _of_file(path: str) -> Pointer:
    try:
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            return _hash(fd)
        finally:
            os.close(fd)
    except OSError as error:
        raise from_os_error(error, path, "reading") from None


def _hash(fd: int) -> Pointer:
    from git_data.base.digest import file_sha256

    oid, size = file_sha256(fd)
    if not size:
        raise CheckFailed("an empty file has no pointer: git keeps it as it is")
    return Pointer(oid, size)


def _check(arguments: argparse.Namespace) -> int:
    """Raises: CheckFailed when it is no pointer, saying why."""
    name = arguments.path or arguments.file or "standard input"
    content = _first_bytes(arguments)
    pointer = parse(content)
    if pointer is None:
        why = "it is not written exactly as one (docs: formats)" if looks_like(content) else "it is ordinary content"
        raise CheckFailed(f"'{name}' is not a pointer: {why}")
    if arguments.strict and pointer.format != "data":
        raise CheckFailed(f"'{name}' is a git-lfs pointer, not one of git-data's own")
    if arguments.json:
        output.print_json({"oid": pointer.oid, "size": pointer.size, "format": pointer.format})
    return 0


def _first_bytes(arguments: argparse.Namespace) -> bytes:
    if arguments.stdin:
        return sys.stdin.buffer.read(MAX_SIZE_BYTES)
    path = arguments.path or arguments.file
    try:
        with open(path, "rb") as file:
            return file.read(MAX_SIZE_BYTES)
    except OSError as error:
        raise from_os_error(error, path, "reading") from None

"""How commands print: text for people, JSON and NUL-ended records for programs.

Output is UTF-8 whatever the locale, and a path's undecodable bytes come out as they are where a program reads them.  Colours
only on a terminal, and never with ``NO_COLOR`` (https://no-color.org) or ``TERM=dumb``.
"""

from __future__ import annotations

import os
import sys

from git_data.git.scan import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

_COLOURS = {"red": 31, "green": 32, "yellow": 33, "blue": 34, "bold": 1, "dim": 2}
_SHOWN_DIGITS = 12


def write(text: str) -> None:
    """Text as it is to standard output; lone surrogates become the bytes they stand for (``os.fsdecode``)."""
    write_bytes(text.encode("utf-8", "surrogateescape"))


def write_bytes(data: bytes) -> None:
    """Bytes to standard output, after what was printed before."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)


def line(text: str = "") -> None:
    """One line."""
    write(text + "\n")


def name(path: bytes) -> str:
    """A path in JSON: undecodable bytes as lone surrogates, which ``os.fsencode`` turns back."""
    return os.fsdecode(path)


def plain(text: str) -> str:
    """Text from anywhere without what a terminal would obey; see ``git.scan.shown``."""
    return shown(os.fsencode(text))


def print_json(value: Any) -> None:
    """JSON, ASCII only, one line for each element of a list, so that ``grep`` and ``diff`` work on it, too."""
    write(json_text(value) + "\n")


def json_text(value: Any) -> str:
    """See ``print_json``; an object's members are on lines of their own, too."""
    import json

    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(json.dumps(item) for item in value) + "\n]"
    if isinstance(value, dict) and any(isinstance(member, (dict, list)) for member in value.values()):
        return "{\n" + ",\n".join(f"{json.dumps(key)}: {json_text(member)}" for key, member in value.items()) + "\n}"
    return json.dumps(value)


def table(rows: Sequence[Sequence[str]], headers: Sequence[str] = (), right: Iterable[int] = ()) -> str:
    """Columns side by side; those with numbers in ``right`` are aligned to the right. No lines, no trailing blanks."""
    from tabulate import tabulate

    if not rows:
        return ""
    numbers = set(right)
    align = ["right" if column in numbers else "left" for column in range(len(rows[0]))]
    text = tabulate(rows, headers, tablefmt="plain", colalign=align, disable_numparse=True, preserve_whitespace=False)
    return "\n".join(part.rstrip() for part in text.splitlines()) + "\n"


def indented(text: str) -> str:
    """Lines with two blanks before each."""
    return "".join(f"  {part}\n" for part in text.splitlines())


def markdown(rows: Sequence[Sequence[str]], headers: Sequence[str], right: Iterable[int] = ()) -> str:
    """A table for a pull request."""
    from tabulate import tabulate

    numbers = set(right)
    align = ["right" if column in numbers else "left" for column in range(len(headers))]
    return tabulate(rows, headers, tablefmt="pipe", colalign=align if rows else None, disable_numparse=True) + "\n"


def coloured() -> bool:
    """Whether colours may be used."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(text: str, colour: str) -> str:
    """The text in a colour, if colours may be used."""
    return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if text and colour and coloured() else text


def digits(oid: str) -> str:
    """As many digits of an oid as people need."""
    return oid[:_SHOWN_DIGITS]


def size_change(old_bytes: int, new_bytes: int) -> str:
    """``+1.5 MB``, ``-3 B``, ``+0 B``."""
    from git_data.base.report import human_size

    change = new_bytes - old_bytes
    return ("-" if change < 0 else "+") + human_size(abs(change))


def relative(path: bytes, prefix: str) -> bytes:
    """A path from the top of the work tree as seen from its subdirectory ``prefix`` (with a slash at its end, or empty)."""
    if not prefix:
        return path
    start = os.fsencode(prefix)
    return path[len(start) :] if path.startswith(start) else os.path.relpath(path, start)

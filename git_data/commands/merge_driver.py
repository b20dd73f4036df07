"""``git data merge-driver BASE OURS THEIRS MARKER-SIZE PATH``: git's merge driver for data files.

Pointers are never merged line by line.  Both sides stay reachable: ours in the work tree, theirs as stage 3 of the index.
"""

from __future__ import annotations

import os
import sys

from git_data.base import fsio
from git_data.errors import UsageError
from git_data.pointer import Pointer, parse


def main(words: list[str]) -> int:
    """Decide one conflict; the result is left in the file OURS, as gitattributes(5) asks. 0: resolved, 1: conflict."""
    if len(words) != 5:
        raise UsageError("merge-driver takes BASE OURS THEIRS MARKER-SIZE PATH", "git starts this command by itself")
    base, ours, theirs = (_pointer(path) for path in words[:3])
    if ours is None and theirs is None and base is None:
        return _merge_text(words)
    if ours is not None and theirs is not None and ours.oid == theirs.oid:
        return 0  # the same content, written in two pointer formats
    if base is not None and ours is not None and theirs is not None:
        if theirs.oid == base.oid:
            return 0
        if ours.oid == base.oid:
            fsio.write_file(words[1], theirs.encode())
            return 0
    _explain(words[4], ours, theirs)
    return 1


def _pointer(path: str) -> Pointer | None:
    return parse(fsio.read_file(path) or b"")


def _explain(path: str, ours: Pointer | None, theirs: Pointer | None) -> None:
    from git_data.base.report import say
    from git_data.setup.command_line import shell_quoted

    name = shell_quoted([path])
    say(
        f"both sides changed the data of '{path}': ours {_describe(ours)}, theirs {_describe(theirs)}\n"
        f"  keep ours:   git checkout --ours -- {name} && git add -- {name}\n"
        f"  take theirs: git checkout --theirs -- {name} && git add -- {name}"
    )


def _describe(pointer: Pointer | None) -> str:
    from git_data.base.report import human_size

    return f"{pointer.oid[:12]} ({human_size(pointer.size)})" if pointer else "(not data)"


def _merge_text(words: list[str]) -> int:
    """None of the three is a pointer: files that were committed before they were tracked as data. Merge as git does."""
    base, ours, theirs, marker_size, path = words
    sys.stdout.flush()
    labels = ["-L", "ours", "-L", f"base:{path}", "-L", "theirs"]
    arguments = ["git", "merge-file", "-q", f"--marker-size={marker_size}", *labels, "--", ours, base, theirs]
    return min(os.waitstatus_to_exitcode(os.system(_quoted(arguments))), 1)


def _quoted(arguments: list[str]) -> str:
    from git_data.setup.command_line import shell_quoted

    return shell_quoted(arguments)

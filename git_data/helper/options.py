"""The options git sets before it fetches or pushes (gitremote-helpers(7), ``option``)."""

from __future__ import annotations

import os

from git_data.base.report import say

_DEPTH = ("deepen-not", "deepen-relative", "deepen-since", "depth")
_FLAGS = ("atomic", "check-connectivity", "cloning", "dry-run", "followtags", "progress")
_IGNORED = ("force-if-includes", "from-promisor", "no-dependents", "object-format", "refetch", "update-shallow")
"""What changes nothing here: everything that is asked for comes anyway, and git itself looks whether a force includes."""
_ESCAPES = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}


class Options:
    """``expected`` has, by ref, the object (hex) that ``--force-with-lease`` wants it to be."""

    __slots__ = ("_untold", "expected", "filtered", "flags", "verbosity")

    def __init__(self) -> None:
        self.flags: dict[str, bool] = {}
        self.expected: dict[str, str] = {}
        self.verbosity = 1
        self.filtered = False
        """whether the clone or fetch was given ``--filter``"""
        self._untold: list[str] = []

    def __getitem__(self, flag: str) -> bool:
        return self.flags.get(flag, False)

    @property
    def loud(self) -> bool:
        """Whether progress is wanted."""
        return self["progress"] and self.verbosity > 0

    def set(self, text: str) -> str:
        """The answer to ``option <text>``."""
        name, _, value = text.partition(" ")
        value = unquoted(value)
        if name in _FLAGS:
            self.flags[name] = value == "true"
        elif name == "verbosity":
            self.verbosity = int(value) if value.lstrip("-").isdigit() else 1
        elif name == "cas":
            ref, _, oid = value.rpartition(":")
            self.expected[ref] = oid
        elif name == "pushcert":
            return "ok" if value == "if-asked" else "unsupported"
        elif name in _DEPTH:
            self._untold.append("history on plain storage comes whole: --depth and its like have no effect")
            return "unsupported"
        elif name == "filter":
            self.filtered = True
            self._untold.append("history on plain storage comes whole: --filter has no effect; data comes when it is checked out")
            return "unsupported"
        elif name not in _IGNORED:
            return "unsupported"
        return "ok"

    def tell(self) -> None:
        """Say, once, what was asked for in vain: git itself is silent about it."""
        if self.verbosity > 0:
            for line in dict.fromkeys(self._untold):
                say(line)
        self._untold = []


def unquoted(text: str) -> str:
    """A value as git quotes it, like a string of C (``quote.c``), if it is quoted at all."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    found = bytearray()
    raw = os.fsencode(text[1:-1])
    at = 0
    while at < len(raw):
        if raw[at] != 0x5C:  # backslash
            found.append(raw[at])
            at += 1
        elif raw[at + 1 : at + 4].isdigit():
            found.append(int(raw[at + 1 : at + 4], 8) & 255)
            at += 4
        else:
            letter = raw[at + 1 : at + 2].decode("ascii", "replace")
            found += bytes([_ESCAPES[letter]]) if letter in _ESCAPES else raw[at + 1 : at + 2]
            at += 2
    return os.fsdecode(bytes(found))

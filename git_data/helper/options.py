"""The options git sets before it fetches or pushes (gitremote-helpers(7), ``option``)."""

from __future__ import annotations

from git_data.base.report import say

_DEPTH = ("depth", "deepen-since", "deepen-not", "deepen-relative")
_FLAGS = ("atomic", "check-connectivity", "cloning", "dry-run", "followtags", "progress")
_IGNORED = ("from-promisor", "no-dependents", "object-format", "push-option", "refetch", "update-shallow")
"""What changes nothing here: everything that is asked for comes anyway, and nobody reads push options."""


class Options:
    """``expected`` has, by ref, the object (hex) that ``--force-with-lease`` wants it to be."""

    __slots__ = ("expected", "flags", "quiet", "verbosity")

    def __init__(self) -> None:
        self.flags: dict[str, bool] = {}
        self.expected: dict[str, str] = {}
        self.verbosity = 1

    def __getitem__(self, flag: str) -> bool:
        return self.flags.get(flag, False)

    def set(self, text: str) -> str:
        """The answer to ``option <text>``."""
        name, _, value = text.partition(" ")
        if name in _FLAGS:
            self.flags[name] = value == "true"
        elif name == "verbosity":
            self.verbosity = int(value) if value.lstrip("-").isdigit() else 1
        elif name == "cas":
            ref, _, oid = value.strip('"').rpartition(":")
            self.expected[ref] = oid
        elif name in _DEPTH:
            say("history on plain storage comes whole: --depth and its like have no effect")
            return "unsupported"
        elif name == "filter":
            say("history on plain storage comes whole: --filter has no effect; data comes when it is checked out")
            return "unsupported"
        elif name not in _IGNORED:
            return "unsupported"
        return "ok"

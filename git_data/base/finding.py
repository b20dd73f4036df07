"""What a check found: for ``git data doctor``."""

from __future__ import annotations

PROBLEM = "problem"
"""something does not work, or data is at risk"""
ADVICE = "advice"
"""it works, and could be better"""


class Finding:
    """What is wrong, why that matters, and what mends it: a command, or a sentence where there is none."""

    __slots__ = ("level", "mend", "paths", "what", "why")

    def __init__(self, level: str, what: str, why: str, mend: str, paths: list[bytes] | None = None) -> None:
        self.level = level
        self.what = what
        self.why = why
        self.mend = mend
        self.paths = paths or []


def problem(what: str, why: str, mend: str, paths: list[bytes] | None = None) -> Finding:
    """Something that must be mended."""
    return Finding(PROBLEM, what, why, mend, paths)


def advice(what: str, why: str, mend: str, paths: list[bytes] | None = None) -> Finding:
    """Something that could be better."""
    return Finding(ADVICE, what, why, mend, paths)

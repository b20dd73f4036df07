"""Which paths a user wants: include and exclude patterns.

Patterns are those of gitignore(5), matched by the ``pathspec`` library, which is imported only when there are any.
"""

from __future__ import annotations

import os

from git_data.base import report

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Selection:
    """``wants(path)``: in ``include`` (or that is empty) and not in ``exclude``."""

    def __init__(self, include: list[str], exclude: list[str]) -> None:
        self._include = _compile(include)
        self._exclude = _compile(exclude)

    @property
    def everything(self) -> bool:
        """Whether no pattern restricts anything."""
        return self._include is None and self._exclude is None

    def wants(self, path: bytes) -> bool:
        """Whether ``path``, relative to the top of the work tree, is selected."""
        if self._include is None and self._exclude is None:
            return True
        name = os.fsdecode(path)
        if self._include is not None and not self._include.match_file(name):
            return False
        return self._exclude is None or not self._exclude.match_file(name)


def _compile(patterns: list[str]) -> Any:
    split = [part.strip() for pattern in patterns for part in pattern.split(",") if part.strip()]
    if not split:
        return None
    from git_data.base import libraries

    libraries.enable()
    import re

    from pathspec import GitIgnoreSpec

    sound = []
    for pattern in split:
        try:
            GitIgnoreSpec.from_lines([pattern])
            sound.append(pattern)
        except (ValueError, re.error):
            report.say(f"the pattern '{pattern}' matches nothing: it is not one of gitignore(5)")
    return GitIgnoreSpec.from_lines(sound)

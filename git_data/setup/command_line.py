"""How git calls us: absolute paths, isolated from the work tree and from the user's environment."""

from __future__ import annotations

import os
import sys


def launcher() -> list[str]:
    """The words that start this program, from anywhere, with a bare PATH."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    python = os.path.abspath(sys.executable)
    # -I: a typing.py in the work tree is never imported; -S: see launch.py
    return [python, "-I", "-S", os.path.join(package, "launch.py")]


def shell_quoted(words: list[str]) -> str:
    """One line for ``sh``, which runs filters and hooks on every system."""
    return " ".join(_quote(word.replace("\\", "/") if os.name == "nt" else word) for word in words)


def _quote(word: str) -> str:
    plain = word.replace("-", "").replace("/", "").replace(".", "").replace("_", "").replace(":", "")
    return word if plain.isalnum() and plain.isascii() else "'" + word.replace("'", "'\\''") + "'"

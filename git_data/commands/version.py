"""``git data version``."""

from __future__ import annotations

import os


def main(words: list[str]) -> int:
    """Print the version."""
    from git_data import __version__

    os.write(1, f"git-data version {__version__}\n".encode())
    return 0

"""Making installed libraries importable in a process that was started without ``site`` (see ``launch.py``)."""

from __future__ import annotations

import sys


def enable() -> None:
    """Run what Python skipped with ``-S``; costs some milliseconds, once."""
    if sys.flags.no_site and "site" not in sys.modules:
        import site

        site.main()

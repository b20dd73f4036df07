"""The compiled core, if it was built: ``lib`` and ``ffi``, or two ``None``.

``GIT_DATA_PURE=1`` hides it, so that the tests run over both paths.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

lib: Any = None
ffi: Any = None


def _load() -> tuple[Any, Any]:
    from git_data._core import ffi, lib  # type: ignore[import-not-found]

    return lib, ffi


if os.environ.get("GIT_DATA_PURE", "") in ("", "0"):
    try:
        lib, ffi = _load()
    except ImportError as error:
        # Started without ``site`` from a checkout: cffi's run time lies in the environment's libraries.
        if error.name == "_cffi_backend" and sys.flags.no_site and "site" not in sys.modules:
            import site

            site.main()
            try:
                lib, ffi = _load()
            except ImportError:
                pass

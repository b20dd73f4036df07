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
    from git_data._core import ffi, lib

    return lib, ffi


if os.environ.get("GIT_DATA_PURE", "") in ("", "0"):
    try:
        lib, ffi = _load()
    except ImportError as error:
        # Started without ``site`` from a checkout: cffi's run time lies in the environment's libraries.  Their
        # directory is named here, because ``site`` would run every .pth file in it (10 ms).
        if error.name == "_cffi_backend" and sys.flags.no_site and "site" not in sys.modules:
            prefix = os.path.dirname(os.path.dirname(sys.executable))
            version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
            sys.path.append(os.path.join(prefix, "lib", version, "site-packages"))
            try:
                lib, ffi = _load()
            except ImportError:
                pass

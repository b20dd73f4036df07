"""Which backend serves which scheme; a backend is imported when its scheme is used."""

from __future__ import annotations

import difflib
import importlib

from git_data.base import libraries
from git_data.errors import UsageError
from git_data.remote.address import Address
from git_data.remote.base import Options, Remote
from git_data.remote.fsspec_schemes import SCHEMES, is_served

BACKENDS = {
    "dav": "git_data.remote.webdav",
    "davs": "git_data.remote.webdav",
    "file": "git_data.remote.folder",
    "ftp": "git_data.remote.ftp",
    "ftps": "git_data.remote.ftp",
    "http": "git_data.remote.http",
    "https": "git_data.remote.http",
    "lfs+file": "git_data.remote.lfs_file",
    "lfs+http": "git_data.remote.lfs",
    "lfs+https": "git_data.remote.lfs",
    "lfs+ssh": "git_data.remote.lfs",
    "s3": "git_data.remote.s3",
    "sftp": "git_data.remote.sftp",
    "ssh": "git_data.remote.sftp",
    "webdav": "git_data.remote.webdav",
    "webdavs": "git_data.remote.webdav",
}
"""Scheme → module with ``open_remote(address, options) -> Remote``."""
_BARE = ("file", "ftp", "ftps", "s3", "sftp", "ssh")
"""Opened without anybody else's libraries."""
OTHERS = "git_data.remote.fsspec"
"""Serves every scheme that fsspec knows."""


def check_scheme(scheme: str) -> None:
    """Raises: UsageError for a scheme that no backend serves. Imports no backend."""
    if scheme in BACKENDS or is_served(scheme):
        return
    known = sorted({*BACKENDS, *SCHEMES})
    close = difflib.get_close_matches(scheme, known, n=1)
    meant = f"; did you mean '{close[0]}://'?" if close else ""
    raise UsageError(f"no storage is known by '{scheme}://'{meant}", f"one of: {', '.join(known)}, or a path")


def open_remote(address: Address, options: Options) -> Remote:
    """The remote at an address; nothing is connected yet. Raises: UsageError for an unknown scheme."""
    if address.scheme not in _BARE:
        libraries.enable()
    check_scheme(address.scheme)
    module = importlib.import_module(BACKENDS.get(address.scheme, OTHERS))
    remote: Remote = module.open_remote(address, options)
    return remote

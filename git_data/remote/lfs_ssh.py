"""``lfs+ssh://``: an LFS server that is reached like the git server beside it.

Two ways: ``git-lfs-transfer`` moves everything over SSH; ``git-lfs-authenticate`` names an HTTP server and gives the headers to
use there (git-lfs: docs/api/server-discovery.md).  The first is tried, then the second, as git-lfs does (``lfs.sshtransfer``).

A path is absolute on the server, as in git's ``ssh://``; ``/~user/…`` begins in a home, and ``/./…`` is relative: what git writes
as ``host:path``.
"""

from __future__ import annotations

import threading

from git_data.remote.lfs_api import DOWNLOAD, UPLOAD, Granted
from git_data.remote.lfs_authenticate import Authenticated
from git_data.remote.lfs_http import HttpServer
from git_data.remote.lfs_pure import Sessions, TransferServer
from git_data.remote.lfs_transfer import NoSuchProtocol
from git_data.remote.ssh_client import connection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from git_data.errors import GitDataError
    from git_data.remote.address import Address
    from git_data.remote.base import Options, Source
    from git_data.remote.lfs_api import Server
    from git_data.remote.lfs_locks import Locks


class SshServer:
    """See ``lfs_api.Server``: whichever of the two ways the server knows."""

    def __init__(self, address: Address, options: Options) -> None:
        self.url = address.url
        self._address = address
        self._options = options
        self._connects = connection(address, options)
        self._server: Server | None = None
        self._lock = threading.Lock()
        self._way = options.get("sshtransfer", "negotiate")

    @property
    def requests(self) -> int:
        """Requests so far."""
        return self._server.requests if self._server is not None else 0

    def way(self, operation: str) -> Server:
        """The way that works, found out once. Raises: RemoteError, AccessDenied."""
        with self._lock:
            if self._server is None:
                self._server = self._found(operation)
            return self._server

    def _found(self, operation: str) -> Server:
        said = None
        if self._way != "never":
            sessions = Sessions(self._address, self._options, self._connects)
            try:
                with sessions.use(operation):
                    return TransferServer(sessions)
            except NoSuchProtocol as error:
                if self._way == "always":
                    raise
                said = error
        return HttpServer(self.url, self._options, Authenticated(self._address, self._connects, said))

    def batch(self, operation: str, objects: Sequence[tuple[str, int]]) -> dict[str, Granted | GitDataError]:
        """See ``Server.batch``."""
        return self.way(operation).batch(operation, objects)

    def download(self, oid: str, granted: Granted, start: int, length: int | None) -> Iterator[bytes]:
        """See ``Server.download``."""
        return self.way(DOWNLOAD).download(oid, granted, start, length)

    def ranges(self, oid: str, granted: Granted) -> bool:
        """See ``Server.ranges``."""
        return self.way(DOWNLOAD).ranges(oid, granted)

    def upload(self, oid: str, granted: Granted, source: Source) -> None:
        """See ``Server.upload``."""
        self.way(UPLOAD).upload(oid, granted, source)

    def locks(self, operation: str) -> Locks:
        """See ``Server.locks``; which way leads there is found out now."""
        return self.way(operation).locks(operation)

    def close(self) -> None:
        """See ``Server.close``."""
        if self._server is not None:
            self._server.close()
        self._connects.close()

"""``git-lfs-authenticate``: asked over SSH, it names an HTTP server and the headers to use there, for a while.

The answer is that of an action of the batch API (git-lfs: docs/api/server-discovery.md).  The headers are secrets.
"""

from __future__ import annotations

import json
import threading
import time
from urllib.parse import quote

from git_data.base.report import harmless
from git_data.errors import AccessDenied, RemoteError, UsageError
from git_data.remote.address import check_host
from git_data.remote.lfs_api import DOWNLOAD, UPLOAD, end_s
from git_data.remote.lfs_http import Access
from git_data.remote.lfs_pure import path_for
from git_data.remote.lfs_transfer import NoSuchProtocol
from git_data.remote.ssh_client import quoted
from git_data.remote.ssh_errors import Failure, explain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.remote.address import Address
    from git_data.remote.ssh_client import Connects

_ANSWER_BYTES = 1 << 20
_MISSING = 127
"""The status of a shell that does not find a command."""


class Authenticated:
    """What ``git-lfs-authenticate`` gives, asked for again when it is over."""

    def __init__(self, address: Address, connects: Connects, refusal: NoSuchProtocol | None = None) -> None:
        self._address = address
        self._connects = connects
        self._refusal = refusal
        """what ``git-lfs-transfer`` said, if it was tried"""
        self._known: dict[str, Access] = {}
        self._lock = threading.Lock()

    def __call__(self, operation: str, refused: Access | None = None) -> Access:
        """The access for an operation, another one than ``refused``. Raises: RemoteError, AccessDenied."""
        with self._lock:
            access = self._known.get(operation)
            over = access is not None and bool(access.ends_s) and time.monotonic() > access.ends_s - 5
            if access is None or over or access is refused:
                access = self._known[operation] = self._ask(operation)
            return access

    def _ask(self, operation: str) -> Access:
        # locks are asked for with the rights to change something
        what = operation if operation == DOWNLOAD else UPLOAD
        asked_s = time.monotonic()
        stream = self._connects.open(f"git-lfs-authenticate {quoted(path_for(self._address))} {what}")
        said = b""
        try:
            while len(said) < _ANSWER_BYTES and (data := stream.read(4096)):
                said += data
            failure = stream.end()
        finally:
            stream.close()
        if failure.status:
            return self._without(failure)
        return self._understood(said, asked_s)

    def _without(self, failure: Failure) -> Access:
        """No such command: the server may be where git over HTTPS would look for it, as git-lfs thinks, too."""
        if failure.status == _MISSING:
            if self._refusal is not None and self._refusal.status not in (0, _MISSING):
                raise RemoteError(self._refusal.message, "may you read, or write, that repository?")
            return Access(self._usual_url())
        if failure.status == 255:
            raise explain(Failure(failure.address, failure.words, failure.status))
        said = harmless(failure.words.strip())[-300:] or f"exit status {failure.status}"
        raise AccessDenied(f"{self._address.url}: git-lfs-authenticate: {said}", "may you read, or write, that repository?")

    def _understood(self, said: bytes, asked_s: float) -> Access:
        try:
            answer = json.loads(said)
            href, header = answer.get("href") or "", answer.get("header") or {}
            if not isinstance(href, str) or not isinstance(header, dict):
                raise ValueError
        except (ValueError, AttributeError):
            raise RemoteError(f"{self._address.url}: git-lfs-authenticate does not answer as it should") from None
        ends_s = end_s(answer.get("expires_in"), answer.get("expires_at"), asked_s, time.time())
        try:
            check_host(href)
        except UsageError as error:
            raise RemoteError(f"{self._address.url} sends us where nobody should go: {error.message}") from None
        if href and not href.startswith(("https://", "http://")):
            raise RemoteError(f"{self._address.url}: git-lfs-authenticate names no HTTP server")
        return Access(href or self._usual_url(), {str(name): str(value) for name, value in header.items()}, ends_s)

    def _usual_url(self) -> str:
        path = path_for(self._address).strip("/")
        path = path if path.endswith(".git") else f"{path}.git"
        return f"https://{self._address.host}/{quote(path)}/info/lfs"

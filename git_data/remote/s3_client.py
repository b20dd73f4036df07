"""Requests to one bucket: signed, sent, and refusals turned into errors."""

from __future__ import annotations

import threading

from git_data import __version__
from git_data.errors import RemoteUnavailable
from git_data.remote.s3_access import Access, Place
from git_data.remote.s3_errors import Refusal
from git_data.remote.s3_pool import Server
from git_data.remote.s3_sign import EMPTY_SHA256, Signer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from git_data.remote.base import Options, Remote
    from git_data.remote.s3_http import Response

_AGENT = f"git-data/{__version__}"


class Client:
    """One bucket as its settings describe it; nothing is looked up before the first request."""

    def __init__(self, bucket: str, options: Options, counter: Remote) -> None:
        self.access = Access(bucket, options)
        self.bucket = bucket
        self.name = options.name
        self.idle_s = options.idle_s
        self.counter = counter
        self._lock = threading.Lock()
        self._target: tuple[Place, Server, Signer] | None = None

    def request(
        self,
        method: str,
        path: str,
        query: str = "",
        headers: dict[str, str] | None = None,
        body: bytes | Iterable[bytes] = b"",
        size: int = 0,
        payload: str = EMPTY_SHA256,
        accept: tuple[int, ...] = (),
        what: str = "",
        again: bool = True,
    ) -> Response:
        """One request for a quoted key (or "" for the bucket), with a query that is quoted and sorted.

        ``payload`` is the SHA-256 of the body; answers 200–299 and those of ``accept`` are given back, their bodies unread.
        ``what`` is how errors call it.  ``again`` allows to send it again when an old connection turns out to be closed.

        Raises: AccessDenied, NotOnRemote, RemoteUnavailable, RemoteError.
        """
        place, server, signer = self._target or self._look_up()
        while True:
            signed = {"user-agent": _AGENT}
            full = place.base + path if path else place.base.rstrip("/") or "/"
            keys = self.access.keys()
            more = headers or {}
            if keys is None:
                signed.update(more)
            else:
                signer.sign(keys, method, server.netloc, full, query, more := dict(more), payload)
                signed.update(more)
            self.counter.requests += 1
            response = server.send(method, f"{full}?{query}" if query else full, signed, body, size, again)
            if 200 <= response.status < 300 or response.status in accept:
                return response
            refusal = Refusal(response)
            if place.amazon and refusal.wrong_region and refusal.region not in ("", place.region):
                place, server, signer = self._move(refusal.region)
                if isinstance(body, bytes):
                    continue
                raise RemoteUnavailable(f"bucket '{self.bucket}' has moved to the region '{place.region}'")
            raise refusal.error(what or f"bucket '{self.bucket}'", self.bucket, place.region, self.name)

    def place(self) -> Place:
        """Where the bucket is."""
        return (self._target or self._look_up())[0]

    def _look_up(self) -> tuple[Place, Server, Signer]:
        with self._lock:
            if self._target is None:
                self._target = self._made(self.access.place())
            return self._target

    def _move(self, region: str) -> tuple[Place, Server, Signer]:
        """Amazon told where the bucket is; that the next answer tells the same is not followed again."""
        with self._lock:
            if self._target is not None and self._target[0].region == region:
                return self._target
            self._target = self._made(self.access.place(region))
            return self._target

    def _made(self, place: Place) -> tuple[Place, Server, Signer]:
        self.access.keys()
        server = Server(place.scheme, place.host, place.port, self.idle_s, self.access.ca_bundle())
        return place, server, Signer(place.region)

    def close(self) -> None:
        """Close the connections that are idle."""
        if self._target is not None:
            self._target[1].close()

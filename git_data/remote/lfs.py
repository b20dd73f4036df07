"""``lfs+https://``, ``lfs+http://`` and ``lfs+ssh://``: an LFS server holds the objects.

Objects are all it holds: there is no marker, and nothing is listed or deleted.  Its API wants sizes with the names, and answers
for a hundred objects as fast as for one.  So what is about to be read or written is announced, and asked for in groups; what
the server permits is kept until it expires, or fails.
"""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from git_data.errors import AccessDenied, GitDataError, NotOnRemote, RemoteError, RemoteUnavailable, UsageError
from git_data.remote.address import Address
from git_data.remote.base import Entry, Options, Remote, Source, Traits
from git_data.remote.credentials import extra_headers
from git_data.remote.http import LearnedTraits
from git_data.remote.http_client import base_url
from git_data.remote.layout import oid_of
from git_data.remote.lfs_api import DOWNLOAD, MOST, UPLOAD, Granted, no_listing
from git_data.remote.lfs_http import Access, HttpServer
from git_data.remote.lfs_permits import Permits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from git_data.remote.lfs_api import Server
    from git_data.remote.lfs_locks import Locks

_FEWER = {"lfs+ssh": 4}
"""At once; over SSH each is a connection of its own, which takes longer to begin than a few small objects to send."""
_WORKERS = 8
"""As stock git-lfs (lfs.concurrenttransfers)."""
_ENDING = ".git"


def open_remote(address: Address, options: Options) -> Lfs:
    """The LFS server at an address. Raises: UsageError."""
    if not address.host:
        raise UsageError(f"'{address.url}' names no host", "git data remote add NAME lfs+https://HOST/REPOSITORY.git")
    if address.query:
        raise UsageError(f"'{address.url}' has a query, which no LFS server has")
    return Lfs(address.url, server(address, options), _FEWER.get(address.scheme, _WORKERS))


def server(address: Address, options: Options) -> Server:
    """The way to the server of an address; nothing is connected yet."""
    if address.scheme == "lfs+ssh":
        from git_data.remote.lfs_ssh import SshServer

        return SshServer(address, options)
    url = api_url(address)
    return HttpServer(address.url, options, lambda operation, refused: Access(url, extra_headers(url)), address.user)


def api_url(address: Address) -> str:
    """The URL of the API: that of a repository (``.git``) with ``/info/lfs`` added, any other as it is."""
    scheme = address.scheme.removeprefix("lfs+")
    url = base_url(scheme, address.host, address.port, urlsplit(address.url).path)
    return f"{url}/info/lfs" if url.endswith(_ENDING) else url


class Lfs(Remote):
    """See ``base.Remote``."""

    def __init__(self, url: str, server: Server, workers: int = _WORKERS) -> None:
        self._server = server
        super().__init__(url, LearnedTraits(self._learn))
        self.traits.workers = workers
        self.traits.objects_only = True
        del self.traits.ranges  # to be learned, too
        self._permits = {DOWNLOAD: Permits(server, DOWNLOAD), UPLOAD: Permits(server, UPLOAD)}
        self._denied: set[str] = set()
        """objects whose address, which the server had named, was refused by who keeps it: once it may have expired"""
        self._largest = ("", 0)

    @property
    def requests(self) -> int:
        """Requests so far."""
        return self._server.requests

    @requests.setter
    def requests(self, number: int) -> None:
        """The server counts."""

    def _learn(self, name: str) -> Any:
        if name == "ranges":
            return self._has_ranges()
        return getattr(Traits(ranges=False, listing="none", batch=MOST), name)

    def _has_ranges(self) -> bool:
        """Found out with the largest object that is about to be read; without one nothing is lost by saying no."""
        oid, size = self._largest
        if not oid:
            return False
        try:
            return self._server.ranges(oid, self._permits[DOWNLOAD].one(oid, size))
        except NotOnRemote:
            return False

    # -- reading

    def stat(self, key: str) -> Entry | None:
        """See ``Remote.stat``. Without a size nothing can be asked: what nobody announced is said not to be there."""
        oid = oid_of(key)
        size = self._size(oid) if oid is not None else None
        return None if size is None else self.find_many([(key, size)])[0]

    def _size(self, oid: str) -> int | None:
        size = self._permits[DOWNLOAD].size(oid)
        return size if size is not None else self._permits[UPLOAD].size(oid)

    def find_many(self, wanted: Sequence[tuple[str, int]]) -> Sequence[Entry | None]:
        """See ``Remote.find_many``. An object of another size is not there."""
        objects = [(oid, max(size, 0)) for key, size in wanted if (oid := oid_of(key)) is not None]
        answers: dict[str, Granted | GitDataError] = {}
        for at in range(0, len(objects), MOST):
            answers.update(self._server.batch(DOWNLOAD, objects[at : at + MOST]))
        return [self._entry(key, answers.get(oid_of(key) or "")) for key, _ in wanted]

    def _entry(self, key: str, answer: Granted | GitDataError | None) -> Entry | None:
        if isinstance(answer, Granted):
            return Entry(key, answer.size)
        if isinstance(answer, AccessDenied):
            raise answer
        return None

    def announce(self, wanted: Sequence[tuple[str, int]], writing: bool = False) -> None:
        """See ``Remote.announce``."""
        objects = [(oid, size) for key, size in wanted if (oid := oid_of(key)) is not None]
        self._permits[UPLOAD if writing else DOWNLOAD].announce(objects)
        if not writing and objects:
            self._largest = max([self._largest, *objects], key=lambda item: item[1])

    def list(self, prefix: str) -> Iterator[Entry]:
        """See ``Remote.list``."""
        raise no_listing(self.url)

    def get(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """See ``Remote.get``."""
        oid = oid_of(key)
        size = self._size(oid) if oid is not None else None
        if oid is None or size is None:
            raise NotOnRemote(f"'{key}' is no object that an LFS server could be asked for")
        if length is not None and length <= 0:
            return
        granted = self._permits[DOWNLOAD].one(oid, size)
        try:
            yield from self._server.download(oid, granted, start, length)
        except GitDataError as error:
            raise self._failed(DOWNLOAD, oid, error) from None
        if length is None:
            self._permits[DOWNLOAD].forget(oid)  # of a hundred thousand objects it would be much to keep

    def get_many(self, wanted: Sequence[tuple[str, int]]) -> Sequence[bytes | GitDataError]:
        """See ``Remote.get_many``."""
        objects = [(oid_of(key) or "", size) for key, size in wanted]
        answers = self._permits[DOWNLOAD].many([item for item in objects if item[0]])
        errors = {oid: answer for (oid, _), answer in zip(objects, answers) if isinstance(answer, GitDataError)}
        return [errors.get(oid) or self._get_one(key, size) for (key, size), (oid, _) in zip(wanted, objects)]

    # -- writing

    def put(self, key: str, source: Source) -> None:
        """See ``Remote.put``. What is there already is not sent."""
        oid = oid_of(key)
        if oid is None:
            raise RemoteError(f"an LFS server holds objects of data and nothing else, not '{key}'")
        if oid != source.sha256:
            raise RemoteError(f"'{key}' is not the name of what it would hold")
        granted = self._permits[UPLOAD].one(oid, source.size)
        if not granted.actions and source.sent is not None:
            source.sent(source.size)
        try:
            self._server.upload(oid, granted, source)
        except GitDataError as error:
            raise self._failed(UPLOAD, oid, error) from None
        # what is true of the object has changed
        self._permits[UPLOAD].forget(oid)
        self._permits[DOWNLOAD].forget(oid)

    def put_many(self, items: Sequence[tuple[str, Source]]) -> Sequence[GitDataError | None]:
        """See ``Remote.put_many``."""
        self._permits[UPLOAD].many([(oid, source.size) for key, source in items if (oid := oid_of(key)) is not None])
        return super().put_many(items)

    def try_writing(self) -> str:
        """See ``Remote.try_writing``: leave is asked for, and not used."""
        oid, size = os.urandom(32).hex(), 1
        answer = self._server.batch(UPLOAD, [(oid, size)])[oid]
        if isinstance(answer, GitDataError):
            raise answer
        return "the server would take an object; none was sent, because it could not be taken away again"

    def delete(self, keys: Sequence[str]) -> None:
        """See ``Remote.delete``."""
        raise no_listing(self.url)

    def locks(self, to_change: bool = True) -> Locks:
        """The locks on files that the server keeps, to be changed or looked at; whether it has any turns out with a request."""
        return self._server.locks(UPLOAD if to_change else DOWNLOAD)

    def _failed(self, operation: str, oid: str, error: GitDataError) -> GitDataError:
        """What was permitted is asked for anew, and a refusal is believed the second time."""
        self._permits[operation].forget(oid)
        if isinstance(error, AccessDenied) and oid not in self._denied:
            self._denied.add(oid)
            return RemoteUnavailable(error.message, error.hint)
        return error

    def close(self) -> None:
        """See ``Remote.close``."""
        self._server.close()

"""Every other scheme, by the file systems of fsspec (https://filesystem-spec.readthedocs.io): Azure, Google, HDFS, OSS and more.

Credentials come from where each library looks for them (environment variables, configuration of its own tools).  What an upload
looks like while it is under way differs: object stores show it when it is complete, elsewhere it is made under ``tmp/`` and moved
(``fsspec_schemes``).  A crash leaves parts that the service forgets by itself, or a file in ``tmp/``.
"""

from __future__ import annotations

import datetime
import importlib
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from git_data.base import fsio
from git_data.errors import GitDataError, NotOnRemote, RemoteError, RemoteUnavailable, UsageError
from git_data.remote.address import Address
from git_data.remote.base import SMALL_BYTES, Entry, Options, Remote, Source, Traits
from git_data.remote.fsspec_errors import status_of, translated
from git_data.remote.fsspec_schemes import Scheme, scheme_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

_TMP = "tmp/"
_PIECE_BYTES = 4 << 20
_READ_BYTES = 2 << 20
"""Libraries hold a piece several times over."""
_MAX_PIECES = 40_000
"""Azure takes 50,000 blocks for one object."""
_ROUND_BYTES = 256 << 10
"""Google takes pieces of multiples of this."""
_LOGIN = {
    "azure": "az login, and export AZURE_STORAGE_ACCOUNT_NAME=…"
    "   (or AZURE_STORAGE_CONNECTION_STRING, or AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY)",
    "gs": "gcloud auth application-default login",
    "hf": "hf auth login",
    "oss": "export OSS_ACCESS_KEY_ID=… OSS_ACCESS_KEY_SECRET=…",
}


def open_remote(address: Address, options: Options) -> Fsspec:
    """The file system of an address. Raises: UsageError when its package is not installed."""
    import fsspec  # type: ignore[import-untyped]

    scheme = scheme_of(address.scheme)
    try:
        kind = fsspec.get_filesystem_class(address.scheme)
    except (ImportError, ValueError) as error:
        raise _not_installed(address, scheme, error) from None
    return Fsspec(address, options, scheme, kind)


def _not_installed(address: Address, scheme: Scheme, error: Exception) -> UsageError:
    hint = f"pip install 'git-data[{scheme.extra}]'" if scheme.extra else str(error)
    return UsageError(f"{address.scheme}:// ({scheme.name}) needs a package that is not installed", hint)


class Fsspec(Remote):
    """See ``base.Remote``. The file system is made on first use: some connect at once."""

    def __init__(self, address: Address, options: Options, scheme: Scheme, kind: Any) -> None:
        self._azure = scheme.extra == "azure"
        listing = "flat" if scheme.flat else "tree"
        traits = Traits(create=scheme.create, swap=self._azure, listing=listing, workers=options.jobs or scheme.workers)
        super().__init__(address.url, traits)
        self.address = address
        self.options = options
        self.scheme = scheme
        self._kind = kind
        self._lock = threading.Lock()
        self._opened: tuple[Any, str] | None = None
        self._made: set[str] = set()

    def _open(self) -> tuple[Any, str]:
        """The file system, and the path of the remote's top in it."""
        with self._lock:
            if self._opened is None:
                address = self.address
                place = f"{address.user}@{address.host}" if address.user else address.host
                url = f"{address.scheme}://{place}{f':{address.port}' if address.port else ''}{address.path}"
                with self._named("", "opening"):
                    settings = {**self._kind._get_kwargs_from_urls(url), **self._settings()}
                    try:
                        system = self._kind(skip_instance_cache=True, use_listings_cache=False, **settings)
                    except ImportError as error:  # some look for their library only now
                        raise _not_installed(address, self.scheme, error) from None
                    self._opened = system, str(system._strip_protocol(url)).rstrip("/")
            return self._opened

    def _settings(self) -> dict[str, Any]:
        anonymous, endpoint = self.options.flag("anonymous"), self.options.get("endpoint")
        settings: dict[str, Any] = {}
        if self._azure:
            settings.update(connection_timeout=self.options.idle_s, read_timeout=self.options.idle_s)
            settings.update({"anon": True} if anonymous else {})
        elif self.scheme.extra == "gs":
            settings.update({"token": "anon"} if anonymous else {})
            settings.update({"endpoint_url": endpoint} if endpoint else {})
        elif self.scheme.extra == "oss":
            settings.update({"endpoint": endpoint} if endpoint else {})
        return settings

    def _path(self, key: str) -> str:
        if key.startswith("/") or not all(part not in ("", ".", "..") for part in key.split("/")):
            raise RemoteError(f"'{key}' is no key of a remote")
        return f"{self._open()[1]}/{key}"

    @property
    def _system(self) -> Any:
        self.requests += 1
        return self._open()[0]

    @contextmanager
    def _named(self, key: str, doing: str) -> Iterator[None]:
        """For calls of a library: whatever it raises, the user reads what was done to which key."""
        try:
            yield
        except Exception as error:
            raise translated(error, key, doing, self.url, _LOGIN.get(self.scheme.extra, "")) from None

    # -- reading

    def stat(self, key: str) -> Entry | None:
        """See ``Remote.stat``."""
        path = self._path(key)
        try:
            with self._named(key, "looking at"):
                info = self._system.info(path)
        except NotOnRemote:
            return None
        return _entry(key, info) if info.get("type") == "file" else None

    def list(self, prefix: str) -> Iterator[Entry]:
        """See ``Remote.list``."""
        top = self._open()[1]
        start = len(top) + 1
        for info in self._found(f"{top}/{prefix}".rstrip("/"), prefix):
            key = str(info["name"])[start:]
            if key.startswith(prefix) and (prefix.startswith(_TMP) or not key.startswith(_TMP)):
                yield _entry(key, info)

    def _found(self, path: str, prefix: str) -> Iterator[dict[str, Any]]:
        try:
            with self._named(prefix, "listing"):
                if self.scheme.flat:
                    found = self._system.find(path, detail=True)
                else:
                    found = {info["name"]: info for info in self._system.ls(path, detail=True)}
        except NotOnRemote:
            return
        for name in sorted(found):
            info = found[name]
            if info.get("type") == "file":
                yield info
            elif info.get("type") == "directory" and not self.scheme.flat and str(name).rstrip("/") != path:
                yield from self._found(str(name).rstrip("/"), prefix)

    def get(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """See ``Remote.get``: one request for each piece, so that one that ends early is noticed."""
        path = self._path(key)
        if length is None:
            entry = self.stat(key)
            if entry is None:
                raise NotOnRemote(f"'{key}' is not on {self.url}")
            length = max(entry.size - start, 0)
        end = start + length
        while start < end:
            stop = min(start + _READ_BYTES, end)
            with self._named(key, "reading"):
                data = self._system.cat_file(path, start=start, end=stop)
            if len(data) != stop - start:
                raise RemoteUnavailable(f"'{key}' on {self.url} ended early")
            yield data
            start = stop

    def read(self, key: str, limit: int = SMALL_BYTES) -> tuple[bytes, str]:
        """See ``Remote.read``. The tag is asked for first: if it is out of date already, a swap fails, which does no harm."""
        entry = self.stat(key)
        if entry is None:
            raise NotOnRemote(f"'{key}' is not on {self.url}")
        if entry.size > limit:
            raise RemoteError(f"'{key}' on {self.url} is larger than {limit:,} bytes")
        with self._named(key, "reading"):
            return bytes(self._system.cat_file(self._path(key))), entry.tag

    # -- writing

    def put(self, key: str, source: Source) -> None:
        """See ``Remote.put``."""
        path = self._path(key)
        if self.scheme.whole:
            self._send(path, key, source)
            return
        temporary = self._path(_TMP + fsio.temp_name())
        self._make(_TMP.rstrip("/"))
        self._make(key.rpartition("/")[0])
        try:
            self._send(temporary, key, source)
            self._move(temporary, path, key)
        except BaseException:
            self._forget(temporary)
            raise

    def _send(self, path: str, key: str, source: Source) -> None:
        if source.size <= _PIECE_BYTES or not self.scheme.streams:
            data = source.read()
            with self._named(key, "writing"):
                self._system.pipe_file(path, data)
            return
        piece = max(_PIECE_BYTES, -(-source.size // _MAX_PIECES // _ROUND_BYTES) * _ROUND_BYTES)
        with self._named(key, "writing"):
            file = self._system.open(path, "wb", block_size=piece)
        try:
            for data in source.chunks():
                with self._named(key, "writing"):
                    file.write(data)
            with self._named(key, "writing"):
                file.close()
        except BaseException:
            _discard(file)
            raise

    def _move(self, temporary: str, path: str, key: str) -> None:
        with self._named(key, "moving"):
            try:
                self._system.mv(temporary, path)
            except FileExistsError:
                self._system.rm_file(path)
                self._system.mv(temporary, path)

    def _make(self, directory: str) -> None:
        """Directories, for those who have some."""
        if directory not in self._made:
            with self._named(directory, "making"):
                self._system.makedirs(self._path(directory) if directory else self._open()[1], exist_ok=True)
            self._made.add(directory)

    def _forget(self, path: str) -> None:
        try:
            with self._named(path, "deleting"):
                self._system.rm_file(path)
        except GitDataError:
            pass  # it was never made, or stays in tmp/

    def create(self, key: str, data: bytes) -> bool:
        """See ``Remote.create``."""
        if not self.scheme.create:
            return super().create(key, data)
        with self._named(key, "writing"):
            try:
                self._system.pipe_file(self._path(key), data, mode="create")
            except FileExistsError:
                return False
        return True

    def swap(self, key: str, data: bytes, tag: str) -> bool:
        """See ``Remote.swap``: Azure only, whose ``pipe_file`` hands conditions on."""
        if not self._azure:
            return super().swap(key, data, tag)
        conditions: Any = importlib.import_module("azure.core").MatchConditions
        condition = {"etag": tag, "match_condition": conditions.IfNotModified}
        try:
            with self._named(key, "writing"):
                try:
                    self._system.pipe_file(self._path(key), data, **condition)
                except Exception as error:
                    if status_of(error) == 412:
                        return False
                    raise
        except NotOnRemote:
            return False
        return True

    def delete(self, keys: Sequence[str]) -> None:
        """See ``Remote.delete``."""
        if len(keys) == 1:
            self._delete(keys[0])
        elif keys:
            with ThreadPoolExecutor(min(self.traits.workers, len(keys))) as pool:
                list(pool.map(self._delete, keys))

    def _delete(self, key: str) -> None:
        try:
            with self._named(key, "deleting"):
                self._system.rm_file(self._path(key))
        except NotOnRemote:
            pass


def _discard(file: Any) -> None:
    """Give an upload up; closing, or forgetting, the file would complete it."""
    try:
        file.discard()
    except Exception:
        pass  # many have nothing to give up; what was sent stays unnamed and the service forgets it
    file.closed = True


def _entry(key: str, info: dict[str, Any]) -> Entry:
    tag = info.get("etag") or info.get("ETag") or info.get("generation") or info.get("md5Hash") or ""
    return Entry(key, int(info.get("size") or 0), _time_s(info), str(tag))


def _time_s(info: dict[str, Any]) -> float:
    """The time of last change, under the name and in the form that this file system has chosen; 0 if it has none."""
    for name in ("last_modified", "LastModified", "mtime", "updated", "modified", "modificationTime", "modify", "created"):
        value = info.get(name)
        if isinstance(value, datetime.datetime):
            return value.timestamp() if value.tzinfo else value.replace(tzinfo=datetime.timezone.utc).timestamp()
        if isinstance(value, (int, float)) and value > 0:
            return value / 1000 if value > 1e11 else float(value)
        if isinstance(value, str) and value:
            try:
                return datetime.datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp()
            except ValueError:
                continue
    return 0.0

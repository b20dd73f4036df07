"""FTP (RFC 959, 3659) by Python's own ftplib; ``ftps://`` is the same after ``AUTH TLS`` (RFC 4217).

Each connection does one thing at a time, so every thread takes one of its own from a pool.  An upload is made under ``tmp/`` and
renamed when it is complete and has the right size; a crash leaves a file there.  FTP has no way to say "only if there is none".
The password comes from ``~/.netrc`` or git's credential helpers; without TLS it is sent only within this machine, or where
``allowplainhttp`` says so.
"""

from __future__ import annotations

import calendar
import ftplib
import time
from contextlib import contextmanager

from git_data.base import fsio
from git_data.errors import AccessDenied, GitDataError, NotOnRemote, RemoteError, RemoteUnavailable
from git_data.remote.address import Address
from git_data.remote.base import CHUNK_BYTES, Entry, Options, Remote, Source, Traits
from git_data.remote.credentials import from_netrc, git_credential, is_loopback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_TMP = "tmp"
_UNKNOWN = ("500", "501", "502", "504")
"""The server does not know the command."""


def open_remote(address: Address, options: Options) -> Ftp:
    """The directory at an address of the scheme ``ftp`` or ``ftps``."""
    return Ftp(address, options)


class Ftp(Remote):
    """See ``base.Remote``."""

    def __init__(self, address: Address, options: Options) -> None:
        super().__init__(address.url, Traits(listing="tree", workers=options.jobs or 4))
        self.address = address
        self.options = options
        self._idle: list[ftplib.FTP] = []
        self._made: set[str] = set()
        self._login: tuple[str, str] | None = None
        self._old_server = False

    # -- connections

    def _connect(self) -> ftplib.FTP:
        address, timeout_s = self.address, self.options.idle_s
        login = self._name_and_password()
        connection = self._tls(timeout_s) if address.scheme == "ftps" else ftplib.FTP(timeout=timeout_s)
        try:
            connection.connect(address.host, address.port or ftplib.FTP_PORT)
            connection.login(*login)
            if isinstance(connection, ftplib.FTP_TLS):
                connection.prot_p()
            connection.voidcmd("TYPE I")
        except BaseException:
            connection.close()
            raise
        return connection

    def _tls(self, timeout_s: float) -> ftplib.FTP:
        import ssl

        return ftplib.FTP_TLS(timeout=timeout_s, context=ssl.create_default_context(cafile=self.options.get("cafile") or None))

    def _name_and_password(self) -> tuple[str, str]:
        address = self.address
        if self.options.flag("anonymous"):
            return "anonymous", "anonymous@"
        if self._login is None:
            login = from_netrc(address.host, address.user)
            if login is None and address.user:
                host = f"{address.host}:{address.port}" if address.port else address.host
                filled = git_credential("fill", {"protocol": address.scheme, "host": host, "username": address.user})
                login = (address.user, filled["password"]) if filled.get("password") else None
            self._login = login or (address.user or "anonymous", "anonymous@")
        guarded = address.scheme == "ftps" or is_loopback(address.host) or self.options.flag("allowplainhttp")
        if not guarded and self._login[1] != "anonymous@":
            raise AccessDenied(
                f"{self.url}: the password would be sent unencrypted",
                "use ftps://; in a private network that you trust: "
                f"git config data.{self.options.name or 'NAME'}.allowplainhttp true",
            )
        return self._login

    @contextmanager
    def _using(self, key: str, doing: str) -> Iterator[ftplib.FTP]:
        """A connection, given back unless something is left half-done on it."""
        connection: ftplib.FTP | None = None
        whole = False
        try:
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = self._connect()
            self.requests += 1
            yield connection
            whole = True
        except (ftplib.Error, OSError, EOFError) as error:
            whole = isinstance(error, ftplib.error_perm)
            raise self._translated(error, key, doing) from None
        finally:
            if connection is not None:
                if whole and connection.sock is not None:
                    self._idle.append(connection)
                else:
                    connection.close()

    def _translated(self, error: Exception, key: str, doing: str) -> GitDataError:
        said = " ".join(str(error).split())[:200] or type(error).__name__
        message = f"{doing} '{key}' on {self.url}: {said}"
        code = said[:3]
        if not isinstance(error, ftplib.Error) or isinstance(error, (ftplib.error_temp, ftplib.error_proto)):
            return RemoteUnavailable(message)
        if code in ("530", "532"):
            hint = f"a line in ~/.netrc: machine {self.address.host} login NAME password PASSWORD"
            return AccessDenied(message, hint)
        if code in ("550", "553") and ("denied" in said.lower() or "permi" in said.lower() or "read-only" in said.lower()):
            return AccessDenied(message)
        return NotOnRemote(message) if code == "550" else RemoteError(message)

    def _path(self, key: str) -> str:
        if key.startswith("/") or not all(part not in ("", ".", "..") for part in key.split("/")):
            raise RemoteError(f"'{key}' is no key of a remote")
        return f"{self.address.path}/{key}"

    # -- reading

    def stat(self, key: str) -> Entry | None:
        """See ``Remote.stat``: MLST, or SIZE where the server does not know that."""
        path = self._path(key)
        try:
            with self._using(key, "looking at") as connection:
                if not self._old_server:
                    try:
                        lines = connection.sendcmd(f"MLST {path}").split("\n")
                        return _entry(key, _facts(lines[1].strip())[1])
                    except ftplib.error_perm as error:
                        if str(error)[:3] not in _UNKNOWN:
                            raise
                        self._old_server = True
                return Entry(key, connection.size(path) or 0)
        except NotOnRemote:
            return None

    def list(self, prefix: str) -> Iterator[Entry]:
        """See ``Remote.list``: MLSD of each directory."""
        try:
            found = self._listed(self._path(prefix.rstrip("/")) if prefix else self.address.path or "/", prefix)
        except NotOnRemote:
            return
        for name, facts in sorted(found, key=lambda pair: pair[0]):
            key = prefix + name
            if facts.get("type", "").lower() == "dir":
                if key != _TMP:
                    yield from self.list(key + "/")
            else:
                entry = _entry(key, facts)
                if entry is not None:
                    yield entry

    def _listed(self, path: str, key: str) -> Sequence[tuple[str, dict[str, str]]]:
        with self._using(key, "listing") as connection, connection.transfercmd(f"MLSD {path}") as socket:
            with socket.makefile("r", encoding=connection.encoding, newline="\n") as file:
                found = [_facts(line.rstrip("\r\n")) for line in file if line.strip()]
            socket.close()
            connection.voidresp()
        return [(name, facts) for name, facts in found if "/" not in name and name not in (".", "..", "")]

    def get(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """See ``Remote.get``."""
        path = self._path(key)
        whole = length is None
        if length is None:
            entry = self.stat(key)
            if entry is None:
                raise NotOnRemote(f"'{key}' is not on {self.url}")
            length = max(entry.size - start, 0)
        with self._using(key, "reading") as connection:
            with connection.transfercmd(f"RETR {path}", start or None) as socket:
                while length > 0:
                    data = socket.recv(min(length, CHUNK_BYTES))
                    if not data:
                        raise RemoteUnavailable(f"'{key}' on {self.url} ended early")
                    length -= len(data)
                    yield data
                if whole and socket.recv(1):
                    raise RemoteUnavailable(f"'{key}' on {self.url} changed while it was read")
            if whole:
                connection.voidresp()
            else:
                connection.close()  # the server may still be sending

    # -- writing

    def put(self, key: str, source: Source) -> None:
        """See ``Remote.put``."""
        path, temporary = self._path(key), self._path(f"{_TMP}/{fsio.temp_name()}")
        self._make(_TMP)
        self._make(key.rpartition("/")[0])
        try:
            with self._using(key, "writing") as connection:
                connection.storbinary(f"STOR {temporary}", _Reader(source), CHUNK_BYTES)
                size = connection.size(temporary)
                if size != source.size:
                    raise RemoteUnavailable(f"{self.url} kept {size} of {source.size:,} bytes of '{key}'")
                self._rename(connection, temporary, path)
        except BaseException:
            self._forget(temporary)
            raise

    def _rename(self, connection: ftplib.FTP, temporary: str, path: str) -> None:
        try:
            connection.rename(temporary, path)
        except ftplib.error_perm:
            # some servers replace nothing
            connection.delete(path)
            connection.rename(temporary, path)

    def _make(self, directory: str) -> None:
        """All directories on the way; a refusal shows when something is written there."""
        path = self._path(directory) if directory else self.address.path
        parts = path.split("/")
        for count in range(2, len(parts) + 1):
            one = "/".join(parts[:count])
            if one in self._made:
                continue
            with self._using(directory, "making") as connection:
                try:
                    connection.mkd(one)
                except ftplib.error_perm:
                    pass  # it is there
            self._made.add(one)

    def _forget(self, path: str) -> None:
        try:
            with self._using(path, "deleting") as connection:
                connection.delete(path)
        except GitDataError:
            pass  # it was never made, or stays in tmp/

    def delete(self, keys: Sequence[str]) -> None:
        """See ``Remote.delete``."""
        for key in keys:
            try:
                with self._using(key, "deleting") as connection:
                    connection.delete(self._path(key))
            except NotOnRemote as error:
                if self.stat(key) is not None:
                    raise AccessDenied(error.message) from None

    def close(self) -> None:
        """See ``Remote.close``."""
        while self._idle:
            self._idle.pop().close()


class _Reader:
    """What ``storbinary`` reads from: the chunks of a source."""

    def __init__(self, source: Source) -> None:
        self._chunks = source.chunks(CHUNK_BYTES)

    def read(self, size: int = CHUNK_BYTES, /) -> bytes:
        """One chunk, whatever the size asked for; empty at the end."""
        return next(self._chunks, b"")


def _facts(line: str) -> tuple[str, dict[str, str]]:
    """A line of MLSD or MLST (RFC 3659, section 7): name, and facts by lower-case names."""
    text, _, name = line.partition(" ")
    pairs = (fact.partition("=") for fact in text.rstrip(";").split(";"))
    return name, {key.lower(): value for key, _, value in pairs}


def _entry(key: str, facts: dict[str, str]) -> Entry | None:
    if facts.get("type", "file").lower() != "file" or not facts.get("size", "").isdigit():
        return None
    changed = facts.get("modify", "")[:14]
    try:
        time_s = float(calendar.timegm(time.strptime(changed, "%Y%m%d%H%M%S")))
    except ValueError:
        time_s = 0.0
    return Entry(key, int(facts["size"]), time_s, f"{changed}-{facts['size']}")

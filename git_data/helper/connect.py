"""Git servers over SSH, at ``git://`` and on this machine: git is connected with the service, and speaks its native protocol.

``connect`` (gitremote-helpers(7)) hands everything over to git itself: protocol version 2, shallow and partial clones, push
options and signed pushes are between git and the server.  A push passes through here (``receive``), a fetch does not.
"""

from __future__ import annotations

import os

from git_data.base.fsio import write_all
from git_data.errors import GitDataError, GitFailed, UsageError
from git_data.git.run import capture

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.config import Config
    from git_data.helper.target import Target

_IN, _OUT = 0, 1
_PUSH = "git-receive-pack"
_GIT_PORT = 9418


def converse(target: Target, url: str) -> int:
    """Talk with git until it is connected and has what it wants; the exit status."""
    program = ""
    while line := _line():
        command, _, rest = line.partition(" ")
        if command == "capabilities":
            write_all(_OUT, b"connect\noption\n\n")
        elif command == "option" and rest.startswith("servpath "):
            program = _unquoted(rest.partition(" ")[2])
            write_all(_OUT, b"ok\n")
        elif command == "option":
            write_all(_OUT, b"unsupported\n")  # git keeps to them itself once it is connected
        elif command == "connect":
            return _connect(target, url, rest, program or rest)
        else:
            raise GitDataError(f"git asked git-remote-data for '{command}', which it does not know")
    return 0


def _connect(target: Target, url: str, service: str, program: str) -> int:
    config = target.repo.config
    place = Place(url)
    _check_allowed(config, place.protocol)
    write_all(_OUT, b"\n")  # before the service can say anything
    version = 0 if service == _PUSH else _version(config)
    if place.protocol == "git":
        return _by_tcp(target, place, service, _daemon_request(program, place, version))
    if place.protocol == "ssh":
        from git_data.helper import ssh

        command, version = ssh.command_line(config, place.login, place.port, program, place.path, version)
    elif program == service:
        command = ["git", service.removeprefix("git-"), place.path]
    else:
        command = ["sh", "-c", f'{program} "$@"', program, place.path]
    env = _environment(version)
    if service != _PUSH:
        return _hand_over(command, env, target.is_guess)
    from git_data.helper import receive
    from git_data.helper.service import Process

    return receive.push(lambda again: Process(command, env, again), target.name)


def _hand_over(command: list[str], env: dict[str, str], wait: bool) -> int:
    """git and the service talk to each other; unless we are to ``wait`` for the end of it, nothing is left to do here."""
    try:
        if os.name == "posix" and not wait:
            import signal

            signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and that would be inherited
            os.execvpe(command[0], command, env)
        import subprocess

        return subprocess.call(command, env=env)
    except OSError as error:
        raise GitFailed(f"'{command[0]}' cannot be started: {error.strerror}") from None


def _by_tcp(target: Target, place: Place, service: str, request: bytes) -> int:
    from git_data.helper.service import Connection

    port = int(place.port or _GIT_PORT)
    if service == _PUSH:
        from git_data.helper import receive

        return receive.push(lambda again: Connection(place.host, port, request, again), target.name)
    connection = Connection(place.host, port, request)
    connection.relay()
    return connection.end()


class Place:
    """A URL taken apart as git does (``connect.c``). ``login`` is the host with the user, if one is given."""

    __slots__ = ("host", "login", "path", "port", "protocol")

    def __init__(self, url: str) -> None:
        from git_data.remote.address import parse

        before, is_url, rest = url.partition("://")
        self.protocol, self.host, self.login, self.port = "file", "", "", ""
        if is_url and before.lower() != "file":
            from urllib.parse import unquote

            self.protocol = "git" if before.lower() == "git" else "ssh"
            authority, slash, path = rest.partition("/")
            self._take_authority(unquote(authority))
            self.path = unquote(slash + path, errors="surrogateescape")
            if self.path.startswith("/~"):
                self.path = self.path[1:]  # the server's shell, or daemon, knows where that is
            if not self.path:
                raise UsageError(f"'{url}' names no repository on the host", f"git clone data::{url}/PATH")
            return
        address = parse(url)
        self.path = address.path
        if address.scheme == "ssh":
            self.protocol = "ssh"
            authority, self.path = _split_short(url)
            self._take_authority(authority)

    def _take_authority(self, text: str) -> None:
        if text.startswith("[") and "@" in text:
            text = text[1:-1]  # [user@host:port]:path
        user, at, place = text.rpartition("@")
        if place.startswith("["):
            self.host, _, rest = place[1:].partition("]")
            self.port = rest.removeprefix(":")
            if self.host.count(":") == 1:  # [host:port]:path, the short form with a port
                self.host, _, self.port = self.host.partition(":")
        else:
            self.host, _, self.port = place.partition(":")
        if self.port and not self.port.isdecimal():
            raise UsageError(f"'{self.port}' is not a port")
        self.login = user + at + self.host


def _split_short(url: str) -> tuple[str, str]:
    """``user@host:path`` at the colon that counts."""
    end = url.find("]:") + 1 if "]:" in url else url.index(":")
    return url[:end], url[end + 1 :]


def _check_allowed(config: Config, protocol: str) -> None:
    """What git checks of its own transports (git-config(1), ``protocol.allow``). Raises: UsageError."""
    listed = os.environ.get("GIT_ALLOW_PROTOCOL")
    usual = "user" if protocol == "file" else "always"
    rule = config.get(f"protocol.{protocol}.allow") or config.get("protocol.allow") or usual
    if listed is not None:
        allowed = protocol in listed.split(":")
    elif rule == "user":
        allowed = os.environ.get("GIT_PROTOCOL_FROM_USER", "1").lower() not in ("", "0", "false", "no", "off")
    else:
        allowed = rule == "always"
    if not allowed:
        raise UsageError(f"transport '{protocol}' not allowed")


def _version(config: Config) -> int:
    """The version of the protocol to ask for (git-config(1), ``protocol.version``)."""
    text = config.get("protocol.version", "2")
    return int(text) if text in ("0", "1", "2") else 0


def _environment(version: int) -> dict[str, str]:
    """What belongs to this repository is not for the other one."""
    local = capture(["rev-parse", "--local-env-vars"])[0][1].decode().split()
    env = {name: value for name, value in os.environ.items() if name not in (*local, "GIT_PROTOCOL")}
    return {**env, "GIT_PROTOCOL": f"version={version}"} if version else env


def _daemon_request(program: str, place: Place, version: int) -> bytes:
    """gitprotocol-pack(5), "Git Transport"."""
    from git_data.git.pktline import encode

    host = place.host + (f":{place.port}" if place.port else "")
    more = f"\0version={version}\0" if version else ""
    return encode(os.fsencode(f"{program} {place.path}\0host={host}\0{more}"))


def _unquoted(text: str) -> str:
    """A value as git writes it (``quote_c_style``)."""
    if not text.startswith('"'):
        return text
    return os.fsdecode(text[1:-1].encode("latin-1", "replace").decode("unicode_escape").encode("latin-1"))


def _line() -> str:
    """The next line without its end. Not a byte more is read: what follows ``connect`` is for the service."""
    line = b""
    while (byte := os.read(_IN, 1)) and byte != b"\n":
        line += byte
    return os.fsdecode(line)

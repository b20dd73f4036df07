"""SFTP through paramiko, where there is no program ``ssh`` or ``sshclient = paramiko`` is set.

Reads the user's ``~/.ssh/config`` (HostName, User, Port, IdentityFile, ProxyJump, ProxyCommand, UserKnownHostsFile), agent and
known hosts, and trusts no host that is not in there.  Several channels share one connection.
"""

from __future__ import annotations

import logging
import os
import threading
from contextlib import suppress

import paramiko

from git_data.errors import RemoteError, RemoteUnavailable
from git_data.remote.address import Address
from git_data.remote.ssh_errors import Failure, changed_key, denied, explain, unknown_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from git_data.remote.base import Options

CONNECT_TIMEOUT_S = 15
_WINDOW_BYTES = 8 << 20
_CHANNELS = 8
"""A server allows 10 on one connection, unless told otherwise (sshd_config: MaxSessions)."""
_MOST_JUMPS = 8
_END_WAIT_S = 2.0
_SYSTEM_KNOWN_HOSTS = "/etc/ssh/ssh_known_hosts"
# its threads log tracebacks of what is raised to the caller, too; without a handler these would go to standard error
logging.getLogger("paramiko").addHandler(logging.NullHandler())


class Connection:
    """One connection, made when the first channel is opened, and again when it was lost."""

    def __init__(self, address: Address, options: Options) -> None:
        self._address = address
        self._idle_s = options.idle_s
        self._clients: list[paramiko.SSHClient] = []
        self._channels: list[paramiko.Channel] = []
        self._lock = threading.Lock()

    def open(self, command: str = "") -> ChannelStream:
        """A new channel, for SFTP or what ``command`` speaks. Raises: RemoteError."""
        with self._lock:
            self._channels = [channel for channel in self._channels if not channel.closed]
            transport = self._clients[-1].get_transport() if self._clients else None
            if transport is not None and transport.is_active() and len(self._channels) < _CHANNELS:
                try:
                    return self._channel(transport, command)
                except RemoteUnavailable:
                    transport.close()  # it was lost, and nobody had noticed yet
            return self._channel(self._connected(), command)

    def _channel(self, transport: paramiko.Transport, command: str) -> ChannelStream:
        try:
            channel = transport.open_session(window_size=_WINDOW_BYTES, timeout=CONNECT_TIMEOUT_S)
            channel.settimeout(self._idle_s)
            if command:
                channel.exec_command(command)
            else:
                channel.invoke_subsystem("sftp")
        except (paramiko.SSHException, OSError, EOFError) as error:
            refused = "rejected" in str(error).lower() or "closed" in str(error).lower() and transport.is_active()
            if refused and not command:
                raise explain(Failure(self._address, f"subsystem request failed: {error}", 1)) from None
            raise RemoteUnavailable(f"the connection to {self._address.url} was lost: {error or 'closed'}") from None
        self._channels.append(channel)
        return ChannelStream(self._address, channel, self._idle_s)

    def _connected(self) -> paramiko.Transport:
        clients: list[paramiko.SSHClient] = []
        try:
            transport = _connect(self._address, self._idle_s, clients).get_transport()
        except BaseException:
            for client in clients:
                client.close()
            raise
        # the last one is that to the server itself
        self._clients += clients
        self._channels.clear()
        assert transport is not None
        return transport

    def close(self) -> None:
        """End the connections."""
        with self._lock:
            clients, self._clients = self._clients, []
            self._channels.clear()
        for client in clients:
            client.close()


class ChannelStream:
    """See ``sftp_session.Stream``."""

    def __init__(self, address: Address, channel: paramiko.Channel, idle_s: float) -> None:
        self._address = address
        self._channel = channel
        self._idle_s = idle_s

    def write(self, data: bytes) -> None:
        """See ``Stream.write``. Answers that come in meanwhile wait in paramiko's own thread."""
        try:
            self._channel.sendall(data)
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise self._failed(error) from None

    def read(self, size: int) -> bytes:
        """See ``Stream.read``."""
        try:
            return self._channel.recv(max(size, 1 << 18))
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise self._failed(error) from None

    def _failed(self, error: BaseException) -> RemoteError:
        if isinstance(error, TimeoutError):
            return RemoteUnavailable(f"{self._address.url} has been silent for {self._idle_s:.0f} seconds")
        return RemoteUnavailable(f"the connection to {self._address.url} was lost: {error or 'closed'}")

    def lost(self) -> RemoteError:
        """See ``Stream.lost``."""
        return RemoteUnavailable(f"the connection to {self._address.url} was lost: the server closed it")

    def end(self) -> Failure:
        """How a command ended, or does end now: the exit status, and what it said on the way."""
        words = b""
        with suppress(paramiko.SSHException, OSError, EOFError):
            self._channel.settimeout(_END_WAIT_S)
            while data := self._channel.recv_stderr(4096):
                words += data
        ended = self._channel.exit_status_ready()
        return Failure(self._address, words.decode("utf-8", "replace"), self._channel.recv_exit_status() if ended else 255, True)

    def is_alive(self) -> bool:
        """See ``Stream.is_alive``."""
        transport = self._channel.get_transport()
        return not self._channel.closed and not self._channel.eof_received and transport is not None and transport.is_active()

    def close(self) -> None:
        """See ``Stream.close``."""
        with suppress(paramiko.SSHException, OSError, EOFError):  # it wants to tell the server, who may be gone
            self._channel.close()


class _Refuse(paramiko.MissingHostKeyPolicy):
    """Trusts nobody, and says which line would have to be added."""

    def __init__(self, address: Address) -> None:
        self._address = address

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        """Raises: AccessDenied."""
        raise unknown_key(
            self._address,
            f"{hostname} {key.get_name()} {key.get_base64()}",
            f"{key.get_name()} {key.fingerprint}",
        )


def _connect(address: Address, idle_s: float, clients: list[paramiko.SSHClient], way: Any = None) -> paramiko.SSHClient:
    """A connection that is logged in; it and those it runs through are added to ``clients``. Raises: RemoteError."""
    entry = _settings(address)
    host = str(entry.get("hostname", address.host))
    port = address.port or int(entry.get("port", 22))
    reached = Address(address.url, "ssh", address.user or str(entry.get("user", "")), host, port)
    way = way or _way(address, entry, reached, idle_s, clients)
    client = paramiko.SSHClient()
    clients.append(client)
    for path in _known_hosts(entry):
        if os.path.exists(path):
            client.load_system_host_keys(path)
    client.set_missing_host_key_policy(_Refuse(reached))
    identities: Any = [
        os.path.expanduser(path) for path in entry.get("identityfile", []) if os.path.exists(os.path.expanduser(path))
    ]
    try:
        client.connect(
            host,
            port,
            username=reached.user or None,
            key_filename=identities or None,
            look_for_keys=entry.get("identitiesonly", "no") != "yes",
            allow_agent=entry.get("identitiesonly", "no") != "yes",
            timeout=CONNECT_TIMEOUT_S,
            banner_timeout=CONNECT_TIMEOUT_S,
            auth_timeout=2 * CONNECT_TIMEOUT_S,
            sock=way,
        )
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise _translated(error, reached) from None
    transport = client.get_transport()
    assert transport is not None
    transport.set_keepalive(max(1, int(idle_s / 4)))
    return client


def _translated(error: BaseException, address: Address) -> RemoteError:
    if isinstance(error, paramiko.BadHostKeyException):
        return changed_key(address)
    if isinstance(error, (paramiko.AuthenticationException, paramiko.PasswordRequiredException)):
        return denied(address, str(error))
    if isinstance(error, paramiko.SSHException) and "authentication methods" in str(error).lower():
        return denied(address, str(error))
    if isinstance(error, OSError) and error.strerror and "not known" in error.strerror:
        return explain(Failure(address, f"Could not resolve hostname {address.host}: {error.strerror}", 255))
    words = getattr(error, "strerror", None) or str(error) or "the server closed the connection"
    return explain(Failure(address, str(words), 255))


def _settings(address: Address) -> Any:
    """What ``~/.ssh/config`` says about a host. Raises: RemoteError."""
    config = paramiko.SSHConfig()
    try:
        with open(os.path.expanduser("~/.ssh/config"), encoding="utf-8") as file:
            config.parse(file)
        return config.lookup(address.host)
    except FileNotFoundError:
        return {}
    except (OSError, paramiko.SSHException) as error:
        raise RemoteError(f"~/.ssh/config cannot be read: {error}") from None


def _known_hosts(entry: Any) -> list[str]:
    files = str(entry.get("userknownhostsfile", "~/.ssh/known_hosts ~/.ssh/known_hosts2")).split()
    return [_SYSTEM_KNOWN_HOSTS, *(os.path.expanduser(path) for path in files)]


def _way(address: Address, entry: Any, reached: Address, idle_s: float, clients: list[paramiko.SSHClient]) -> Any:
    """What the connection runs through; ``None`` for a socket of its own."""
    jumps = [jump for jump in str(entry.get("proxyjump", "none")).split(",") if jump and jump.lower() != "none"]
    if not jumps:
        command = str(entry.get("proxycommand", "none"))
        return paramiko.ProxyCommand(command) if command.lower() != "none" else None
    if len(clients) + len(jumps) > _MOST_JUMPS:
        raise RemoteError(f"{address.url}: the jump hosts of ~/.ssh/config go round in circles")
    way = None
    hops = [_hop(jump, address.url) for jump in jumps]
    for hop, target in zip(hops, [*hops[1:], reached]):
        # of several, each is reached through the one before
        transport = _connect(hop, idle_s, clients, way).get_transport()
        assert transport is not None
        port = target.port or 22
        try:
            way = transport.open_channel("direct-tcpip", (target.host, port), ("", 0), timeout=CONNECT_TIMEOUT_S)
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise RemoteUnavailable(f"{address.url}: {target.host} cannot be reached from {hop.host}: {error}") from None
    return way


def _hop(jump: str, url: str) -> Address:
    """A jump host as ssh_config(5) writes it: ``[user@]host[:port]``, or a URL of ssh."""
    user, _, host = jump.strip().removeprefix("ssh://").rpartition("@")
    name, colon, port = host.rpartition(":")
    if colon and port.isdigit() and (":" not in name or name.endswith("]")):
        return Address(url, "ssh", user, name.strip("[]"), int(port))
    return Address(url, "ssh", user, host.strip("[]"))

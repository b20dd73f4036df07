"""What a failed ssh connection means for a user: which error, and which command helps."""

from __future__ import annotations

import re

from git_data.errors import AccessDenied, RemoteError, RemoteUnavailable
from git_data.remote.address import Address

_LINES = 3
_UNKNOWN_HOST = ("temporary failure in name resolution", "try again")
_NOT_NOW = (
    "connection refused",
    "connection reset",
    "connection closed",
    "timed out",
    "timeout",
    "broken pipe",
    "no route to host",
    "unreachable",
    "lost connection",
    "not responding",
    "exceeded maxstartups",
)


class Failure:
    """How a connection ended: what ssh said, its exit status, and whether SFTP had been spoken before."""

    __slots__ = ("address", "established", "status", "words")

    def __init__(self, address: Address, words: str, status: int, established: bool = False) -> None:
        self.address = address
        self.words = words
        self.status = status
        self.established = established


def explain(failure: Failure) -> RemoteError:
    """The error for the user."""
    address, words = failure.address, failure.words.lower()
    lines = [line.strip() for line in failure.words.splitlines() if line.strip()]
    shown = "; ".join(line for line in lines[-_LINES:] if not line.startswith("@")) or f"ssh ended with status {failure.status}"
    if failure.established:
        return RemoteUnavailable(f"the connection to {address.url} was lost: {shown}")
    if "identification has changed" in words or "host key for" in words and "has changed" in words:
        return changed_key(_named(address, failure.words))
    if "host key verification failed" in words or "host key is known for" in words:
        return unknown_key(_named(address, failure.words))
    if "permission denied (" in words or "too many authentication failures" in words or "no supported authentication" in words:
        return denied(address, shown)
    if "subsystem request failed" in words:
        return RemoteError(
            f"{address.url}: the server offers no SFTP: {shown}", "it takes 'Subsystem sftp internal-sftp' in its sshd_config"
        )
    if "could not resolve hostname" in words and not any(word in words for word in _UNKNOWN_HOST):
        return RemoteError(f"{address.url}: {shown}", f"getent hosts {address.host}")
    if failure.status == 255 or any(word in words for word in _NOT_NOW):
        return RemoteUnavailable(f"{address.url} cannot be reached: {shown}", f"ssh -v {target(address)}")
    return RemoteError(f"{address.url} cannot be reached: {shown}", f"ssh -v {target(address)}")


def _named(address: Address, words: str) -> Address:
    """The host as ssh calls it, and known_hosts does: an address may hold an alias of ~/.ssh/config."""
    found = re.search(r"host key is known for (\S+)|[Hh]ost key for (\S+) has changed", words)
    if found is None:
        return address
    name = found[1] or found[2]
    host, bracket, port = name.rpartition("]:")
    if bracket:
        return Address(address.url, address.scheme, address.user, host.lstrip("["), int(port))
    return Address(address.url, address.scheme, address.user, name)


def unknown_key(address: Address, line: str = "", fingerprint: str = "") -> AccessDenied:
    """For a host that is not in known_hosts; ``line`` is what would have to be added, if known."""
    about = f" ({fingerprint})" if fingerprint else ""
    add = f"echo '{line}' >> ~/.ssh/known_hosts" if line else f"ssh-keyscan {_port(address)}{address.host} >> ~/.ssh/known_hosts"
    return AccessDenied(
        f"{address.url}: the key of this host{about} is not known, so it was not trusted",
        f"{add}   # after comparing the fingerprint with its administrator's: ssh-keygen -lf ~/.ssh/known_hosts",
    )


def changed_key(address: Address) -> AccessDenied:
    """For a host whose key is another one than in known_hosts."""
    name = f"[{address.host}]:{address.port}" if address.port and address.port != 22 else address.host
    return AccessDenied(
        f"{address.url}: THE KEY OF THIS HOST HAS CHANGED: somebody may be listening in between, or it was set up anew; "
        "nothing was sent",
        f"ssh-keygen -R '{name}'   # only after its administrator has confirmed the new key; then add that one",
    )


def denied(address: Address, shown: str) -> AccessDenied:
    """For a host that accepts none of our keys."""
    return AccessDenied(
        f"{address.url} accepts none of the keys offered: {shown}",
        f"ssh-add -l; ssh-copy-id {target(address)}   # git and git-data use the same keys",
    )


def target(address: Address) -> str:
    """How ssh(1) is told the host."""
    return f"{_port(address)}{address.user + '@' if address.user else ''}{address.host}"


def _port(address: Address) -> str:
    return f"-p {address.port} " if address.port else ""

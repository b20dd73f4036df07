"""Addresses of remotes: URLs, the short form of ssh (``user@host:path``) and paths.

A password never belongs into an address: it would end up in configuration files, process lists and logs.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from urllib.parse import quote, unquote, urlsplit

from git_data.errors import UsageError

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
# git's rule (url.c, connect.c): a colon before the first slash, and not a drive letter
_SCP = re.compile(r"(?:([^@/:]+)@)?(\[[^\]]+\]|[^/:\[\]]{2,}):(?!//)(.*)", re.DOTALL)
_METADATA_NAMES = ("metadata.google.internal", "instance-data.ec2.internal")
_METADATA_NETWORKS = ("169.254.0.0/16", "100.100.100.200/32", "fe80::/10", "fd00:ec2::/32", "fd20:ce::/32")
# what ssh refuses in newer versions: in ProxyCommand and Match a shell would read it (CVE-2023-51385)
_FOR_SHELLS = frozenset(" '`\"$\\;&<>|(){}")
SECRET_WORDS = ("password", "passwd", "secret", "token", "signature", "credential", "sig", "sas", "key")


class Address:
    """One address, taken apart. ``url`` is the whole, free of secrets; ``scheme`` is ``file`` for paths.

    ``path`` has no percent escapes and no slash at its end; for ``s3`` it is the prefix within ``host``, the bucket.
    """

    __slots__ = ("host", "path", "port", "query", "scheme", "url", "user")

    def __init__(
        self, url: str, scheme: str, user: str = "", host: str = "", port: int = 0, path: str = "", query: str = ""
    ) -> None:
        self.url = url
        self.scheme = scheme
        self.user = user
        self.host = host
        self.port = port
        self.path = path
        self.query = query

    def __repr__(self) -> str:
        return f"Address({self.url!r})"


def parse(text: str, base: str = "") -> Address:
    """Take an address apart; relative paths are relative to ``base`` (default: the current directory).

    Raises: UsageError for what is none, for embedded passwords, and for hosts that no data can be on.
    """
    if not text or any(ord(character) < 32 for character in text):
        raise UsageError("the URL of a remote is empty or contains control characters", "git data remote add -h")
    found = _SCHEME.match(text)
    if found:
        return _url(text, found[1].lower())
    short = _SCP.fullmatch(text)
    if short and not (os.name == "nt" and len(short[2]) == 1):
        user, host, path = short[1] or "", short[2].strip("[]"), short[3]
        _check_host(text, host, user)
        _check_for_ssh(text, host, user)
        return Address(text, "ssh", user, host, 0, path.rstrip("/") or ("/" if path else "."))
    path = os.path.normpath(os.path.join(base or os.getcwd(), os.path.expanduser(text)))
    return Address(path, "file", path=path)


def _url(text: str, scheme: str) -> Address:
    try:
        parts = urlsplit(text)
        port = parts.port or 0
    except ValueError as error:
        raise UsageError(f"'{redacted(text)}' is not a URL: {error}", "git data remote add -h") from None
    if parts.password is not None:
        shown = redacted(text)
        raise UsageError(f"'{shown}' contains a password, which would be stored in plain text", _where_to(scheme, parts.hostname))
    secret = next((word for word in re.findall(r"([\w.-]+)=", parts.query) if is_secret(word)), "")
    if secret:
        raise UsageError(f"'{redacted(text)}' contains a secret ('{secret}')", _where_to(scheme, parts.hostname))
    # urlsplit gives host names in lower case, which buckets and containers of fsspec's schemes need not be
    host = parts.netloc.rpartition("@")[2]
    host = host.removesuffix(f":{port}") if port else host
    host = host.strip("[]") if host.startswith("[") else host
    user = unquote(parts.username or "")
    _check_host(text, host, user)
    if scheme in ("lfs+ssh", "sftp", "ssh"):
        _check_for_ssh(text, host, user)
    path = unquote(parts.path)
    if any(ord(character) < 32 for character in user + path):
        raise UsageError(f"'{redacted(text)}' contains control characters", "git data remote add -h")
    if scheme == "file":
        if host not in ("", "localhost"):
            raise UsageError(
                f"'{text}' names the host '{host}'", f"for a path: file:///{host}{path}, over ssh: ssh://{host}{path}"
            )
        path = os.path.normpath(path or "/")
        return Address(f"file://{quote(path)}", "file", path=path)
    url = text.rstrip("/") if not parts.query else text
    return Address(url, scheme, user, host, port, path.rstrip("/"), parts.query)


def check_host(url: str) -> None:
    """For a URL that a server hands out, whose query may be what gives access to it: all but that is looked at.

    Raises: UsageError for a host that no data can be on, and for a password; ValueError for what is no URL.
    """
    parts = urlsplit(url)
    if parts.password is not None:
        raise UsageError(f"'{redacted(url)}' contains a password")
    _check_host(url, parts.hostname or "", parts.username or "")


def _check_host(text: str, host: str, user: str) -> None:
    if host.startswith("-") or user.startswith("-"):
        raise UsageError(f"'{redacted(text)}': a host or user that begins with a dash would be read as an option")
    if _is_metadata(host.lower().rstrip(".")):
        raise UsageError(f"'{redacted(text)}': '{host}' is the address of a cloud's metadata service, which holds credentials")


def _check_for_ssh(text: str, host: str, user: str) -> None:
    # names of Windows domains end with a backslash
    if _FOR_SHELLS.intersection(host) or _FOR_SHELLS.intersection(user.replace("\\", "")):
        raise UsageError(f"'{redacted(text)}': what stands in it for a host or user is not the name of a host or a user")


def _is_metadata(host: str) -> bool:
    """Whether a host serves credentials of the machine we run on, in every spelling of its number."""
    if host in _METADATA_NAMES:
        return True
    try:
        number: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(
            socket.inet_aton(host)
        )  # 0xa9fea9fe, 2852039166 …
    except (OSError, ValueError):
        try:
            number = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return False
    if isinstance(number, ipaddress.IPv6Address):
        number = number.ipv4_mapped or number.sixtofour or number
    return any(number in ipaddress.ip_network(network) for network in _METADATA_NETWORKS)


def _where_to(scheme: str, host: str | None) -> str:
    if scheme == "s3":
        return "put it into the environment or a profile: aws configure"
    if scheme in ("lfs+ssh", "sftp", "ssh"):
        return "use a key: ssh-keygen, ssh-copy-id"
    if scheme in ("http", "https", "webdav", "webdavs", "dav", "davs", "lfs+http", "lfs+https"):
        return f"leave it out; git's credential helper is asked: git credential approve   (or ~/.netrc: machine {host})"
    return "leave it out; the library of this storage takes it from its own environment variables or configuration"


def is_secret(word: str) -> bool:
    """Whether a parameter of this name is one whose value nobody should see."""
    return any(part in SECRET_WORDS for part in re.split(r"[^a-z0-9]+", re.sub(r"([a-z])([A-Z])", r"\1-\2", word).lower()))


def redacted(text: str) -> str:
    """An address without passwords and secret parameters, to be shown."""
    text = re.sub(r"(://[^/@:\s]*):[^/\s]*@(?=[^@]*(?:/|$))", r"\1:***@", text)
    return re.sub(r"([?&;]([\w.-]+)=)[^&;\s]*", lambda found: found[1] + "***" if is_secret(found[2]) else found[0], text)

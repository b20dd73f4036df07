"""Names and passwords for one HTTP server: from ``~/.netrc``, else from git's credential helpers (gitcredentials(7)).

They are asked for when the server wants some (401), once, whatever the number of threads; they are sent to that scheme, host and
port only, and without TLS only within this machine.  What worked is told to the helpers (``approve``), what did not, too
(``reject``).  Basic authentication only: a token is a password to it; Digest is not supported.
"""

from __future__ import annotations

import base64
import os
import re
import threading
from functools import cache
from urllib.parse import urlsplit

from git_data.base import report
from git_data.errors import AccessDenied

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_PORTS = {"http": 80, "https": 443}


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port: what credentials belong to."""
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or _PORTS.get(parts.scheme, 0)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine: what is sent there never is on a wire."""
    import ipaddress

    if host in ("localhost", "localhost."):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Credentials:
    """What is known of the login to the server of ``url``. ``header`` is the value of ``Authorization``, empty for none."""

    def __init__(self, url: str, user: str = "", allow_plain: bool = False, name: str = "") -> None:
        self.header = ""
        self._origin = origin(url)
        self._host = urlsplit(url).netloc
        self._path = urlsplit(url).path.lstrip("/")
        self._user = user
        self._allow_plain = allow_plain
        self._name = name or "NAME"
        self._lock = threading.Lock()
        self._filled: dict[str, str] = {}
        self._approved = False
        self._tried: list[str] = []
        self._answer: AccessDenied | None = None

    @property
    def hint(self) -> str:
        """How to give credentials."""
        return (
            f"echo url={self._origin[0]}://{self._host}/ | git credential fill | git credential approve"
            f"   (or a line in ~/.netrc: machine {self._origin[1]} login NAME password PASSWORD)"
        )

    def covers(self, url: str) -> bool:
        """Whether they may be sent to ``url``."""
        return origin(url) == self._origin

    def ask(self, used: str, challenge: str, shown: str) -> str:
        """The header to try after a 401 to a request that had ``used``. Raises: AccessDenied when there is none."""
        with self._lock:
            if self.header and self.header != used:
                return self.header  # another thread was first
            if self._answer is not None:
                raise self._answer
            try:
                self._check(challenge, shown)
                self.header = self._next(shown)
            except AccessDenied as error:
                self._answer = error
                raise
            return self.header

    def _check(self, challenge: str, shown: str) -> None:
        unquoted = re.sub(r'"(?:[^"\\]|\\.)*"', "", challenge)
        schemes = [part.split()[0].lower() for part in unquoted.split(",") if part.strip()]
        if "basic" not in schemes:
            wanted = report.harmless(challenge.split(" ")[0])[:20] or "something it does not name"
            raise AccessDenied(f"{shown}: the server asks for a login by {wanted}; git-data can do Basic")
        if self._origin[0] != "https" and not is_loopback(self._origin[1]) and not self._allow_plain:
            raise AccessDenied(
                f"{shown}: the server asks for a password, which would be sent unencrypted",
                f"use https://; in a private network that you trust: git config data.{self._name}.allowplainhttp true",
            )

    def _next(self, shown: str) -> str:
        if "netrc" not in self._tried:
            self._tried.append("netrc")
            login = self._from_netrc()
            if login is not None:
                return _basic(*login)
        if "git" not in self._tried:
            self._tried.append("git")
            self._filled = self._from_git()
            if self._filled.get("password"):
                return _basic(self._filled.get("username", ""), self._filled["password"])
        if self.header:
            raise AccessDenied(f"{shown}: the server refuses the credentials it was given (401)", self.hint)
        raise AccessDenied(f"{shown}: the server asks for a name and a password, and there are none (401)", self.hint)

    def accepted(self, used: str) -> None:
        """A request with this header was answered: tell the helpers, once."""
        if self._approved or not self._filled:
            return
        with self._lock:
            if not self._approved and self._filled and used == self.header:
                self._approved = True
                git_credential("approve", self._filled)

    def refused(self, used: str) -> None:
        """A request with this header was answered by 401: tell the helpers, once."""
        with self._lock:
            if used and used == self.header and self._filled:
                filled, self._filled = self._filled, {}
                git_credential("reject", filled)

    # -- where they come from

    def _from_netrc(self) -> tuple[str, str] | None:
        return from_netrc(self._origin[1], self._user)

    def _from_git(self) -> dict[str, str]:
        question = {"protocol": self._origin[0], "host": self._host, "path": self._path, "username": self._user}
        return git_credential("fill", {key: value for key, value in question.items() if value})


def from_netrc(host: str, user: str = "") -> tuple[str, str] | None:
    """Name and password of a host; the entry ``default`` is for nobody in particular and not used."""
    import netrc

    home = os.path.expanduser("~")
    names = [os.environ.get("NETRC", ""), os.path.join(home, ".netrc"), os.path.join(home, "_netrc")]
    path = next((name for name in names if name and os.path.exists(name)), "")
    if not path:
        return None
    try:
        entry = netrc.netrc(path).hosts.get(host)
    except netrc.NetrcParseError as error:
        report.say(f"{path}: line {error.lineno} cannot be understood; the file is not used")  # its text may be a password
        return None
    except (OSError, UnicodeDecodeError):
        report.say(f"{path} cannot be read; it is not used")
        return None
    if entry is None or not entry[2] or (user and entry[0] not in ("", user)):
        return None
    return entry[0] or user, entry[2]


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def git_credential(verb: str, fields: Mapping[str, str]) -> dict[str, str]:
    """``git credential``: its answer, empty if it has none. What it says on standard error may quote secrets: not shown."""
    import subprocess

    lines = [f"{key}={value}\n" for key, value in fields.items() if "\n" not in value and "\0" not in value]
    done = subprocess.run(
        ["git", "credential", verb], input="".join(lines).encode(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    if done.returncode:
        return {}
    pairs = [line.partition("=") for line in done.stdout.decode("utf-8", "replace").split("\n") if "=" in line]
    return {key: value for key, _, value in pairs}


@cache
def extra_headers(url: str) -> dict[str, str]:
    """What ``http.<url>.extraHeader`` adds to requests to a URL (git-config(1)): services that build software log in by it."""
    import subprocess

    done = subprocess.run(["git", "config", "--get-urlmatch", "http.extraHeader", url], capture_output=True)
    lines = done.stdout.decode("utf-8", "replace").split("\n") if not done.returncode else []
    pairs = [line.strip("\r").partition(":") for line in lines if ":" in line]
    return {"Authorization" if name.lower() == "authorization" else name.strip(): value.strip() for name, _, value in pairs}

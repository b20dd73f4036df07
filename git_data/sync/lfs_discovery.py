"""Which LFS server goes with a git remote, found as git-lfs finds it (git-lfs: docs/api/server-discovery.md, git-lfs-config(5)).

In this order: ``lfs.url``, ``remote.<name>.lfsurl``, each from git's configuration before the committed ``.lfsconfig``, then the
URL of the git remote itself.  For another remote than the usual one its own URL comes before ``lfs.url``, as in git-lfs.

``.lfsconfig`` comes with a clone.  Addresses are all that is taken from it, and none that leads into this machine or to a cloud's
metadata service; what could run a command, name a credential or lead requests elsewhere is reported and ignored.
"""

from __future__ import annotations

import os
from urllib.parse import quote, urlsplit, urlunsplit

from git_data.base import report
from git_data.errors import GitDataError, UsageError
from git_data.git.run import capture, git
from git_data.remote.address import parse, redacted
from git_data.sync import git_urls
from git_data.sync.remotes import COMMITTED, GIVEN, Named

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.git.repo import Repository

FILE = ".lfsconfig"
_USUAL = "origin"
_ADDRESSES = ("url", "pushurl", "lfsurl", "lfspushurl")
_HARMLESS = frozenset(
    """
    lfs.allowincompletepush lfs.activitytimeout lfs.basictransfersonly lfs.concurrenttransfers lfs.dialtimeout lfs.fetchexclude
    lfs.fetchinclude lfs.fetchrecentalways lfs.fetchrecentcommitsdays lfs.fetchrecentrefsdays lfs.fetchrecentremoterefs
    lfs.gitprotocol lfs.keepalive lfs.locksverify lfs.lockignoredfiles lfs.pruneoffsetdays lfs.repositoryformatversion
    lfs.setlockablereadonly lfs.skipdownloaderrors lfs.tlstimeout lfs.transfer.maxretries lfs.transfer.maxretrydelay
    lfs.transfer.maxverifies lfs.tustransfers
    """.split()
)
"""Settings of git-lfs's own that have no meaning here and can do no harm."""
_HARMLESS_BY_URL = ("access", "locksverify")
_SSH = ("ssh", "git+ssh", "ssh+git")


class Found:
    """An LFS server. ``address`` is that of a remote; ``source`` says what named it; ``is_committed``: nobody here chose it."""

    __slots__ = ("address", "is_beside_git", "is_committed", "source")

    def __init__(self, address: str, source: str, is_committed: bool = False, is_beside_git: bool = False) -> None:
        self.address = address
        self.source = source
        self.is_committed = is_committed
        self.is_beside_git = is_beside_git
        """no setting names it: it goes with the URL of the git remote"""

    def named(self) -> Named:
        """A remote to use without configuration: ``Session(repo, …)``, or ``fetch(repo, store, pointers, […])``."""
        return Named("", self.address, {}, {"url": COMMITTED if self.is_committed else GIVEN})


def discover(repo: Repository, git_remote: str = "", upload: bool = False) -> Found:
    """The LFS server of a git remote (default: ``origin``, or the only one); with ``upload`` the one to push to.

    Raises: UsageError when there is no such remote, or none of what names a server makes sense.
    """
    name = git_remote or _usual(repo)
    settings = _Settings(repo)
    usual = name == _usual(repo)
    keys = [f"remote.{name}.lfspushurl"] if upload else []
    keys.append(f"remote.{name}.lfsurl")
    if usual:
        keys = [*(["lfs.pushurl"] if upload else []), "lfs.url", *keys]
    for key in keys:
        found = settings.address(key)
        if found is not None:
            return found
    if f"remote.{name}.url" not in repo.config.entries:
        raise UsageError(f"there is no git remote '{name}' that could have an LFS server", "git remote -v")
    url = os.fsdecode(git("ls-remote", "--get-url", "--", name)).rstrip("\n")
    return Found(address_beside(url, repo.worktree or repo.common_dir), f"the URL of '{name}'", is_beside_git=True)


def _usual(repo: Repository) -> str:
    own = repo.config.get("remote.lfsdefault")
    names = {
        key[len("remote.") : -len(".url")] for key in repo.config.entries if key.startswith("remote.") and key.endswith(".url")
    }
    return own or (next(iter(names)) if len(names) == 1 else _USUAL)


class _Settings:
    """What git's configuration says, and below it the committed file, which is read when it is first needed."""

    def __init__(self, repo: Repository) -> None:
        self._repo = repo
        self._committed: dict[str, str] | None = None

    def address(self, key: str) -> Found | None:
        """The server a setting names; ``None`` if it names none. Raises: UsageError for the user's own that make no sense."""
        own = self._repo.config.get(key)
        if own:
            return Found(address_of_server(_rewritten(own)), f"{key} ({self._repo.config.scope(key)})")
        if self._committed is None:
            self._committed = committed(self._repo)
        text = self._committed.get(key)
        if not text:
            return None
        try:
            return Found(_harmless(text), f"{key} ({FILE})", is_committed=True)
        except GitDataError as error:
            report.say(f"{FILE}: {key}: {error.message}; this line is ignored")
            return None


def committed(repo: Repository) -> dict[str, str]:
    """The addresses in ``.lfsconfig``, from the work tree, the index or HEAD; what is hostile is reported."""
    found: dict[str, str] = {}
    ignored: dict[str, None] = {}
    for item in _read(repo).split("\0"):
        key, _, value = item.partition("\n")
        first, _, rest = key.partition(".")
        middle, _, last = rest.rpartition(".")
        if (first == "lfs" and last in ("url", "pushurl") and not middle) or (
            first == "remote" and middle and last in ("lfsurl", "lfspushurl")
        ):
            found[key] = value
        elif key and key not in _HARMLESS and not (first == "lfs" and middle and last in _HARMLESS_BY_URL):
            ignored[key] = None
    if ignored:
        report.say(f"{FILE} says more than a repository may, and this is ignored: {', '.join(list(ignored)[:10])}")
    return found


def _read(repo: Repository) -> str:
    """The first of the three that is there; a symbolic link is not followed."""
    path = os.path.join(repo.worktree, FILE) if repo.worktree else ""
    if path and os.path.isfile(path) and not os.path.islink(path):
        status, output = capture(["config", "--file", path, "--no-includes", "--list", "-z"])[0]
        return os.fsdecode(output) if not status else ""
    for blob in ([f":{FILE}"] if repo.worktree else []) + [f"HEAD:{FILE}"]:
        status, output = capture(["config", "--blob", blob, "--no-includes", "--list", "-z"])[0]
        if not status:
            return os.fsdecode(output)
    return ""


def _harmless(text: str) -> str:
    """The address of a server that a repository names. Raises: UsageError for what it must not name."""
    if any(ord(character) < 32 for character in text) or "::" in text:
        raise UsageError(f"'{redacted(report.harmless(text))}' is no address of a server")
    address = parse(text)
    if address.scheme not in ("http", "https", *_SSH):
        raise UsageError(f"'{redacted(text)}': a repository may name a server on the network only")
    return address_of_server(_rewritten(text))


def _rewritten(url: str) -> str:
    """A URL as the user's ``url.<base>.insteadOf`` has it (git-config(1)), as git-lfs does."""
    return os.fsdecode(git("ls-remote", "--get-url", "--", url)).rstrip("\n") if "://" in url or ":" in url else url


def address_of_server(url: str) -> str:
    """The remote's address for the URL of an LFS server, as ``lfs.url`` gives it. Raises: UsageError."""
    scheme = url.partition("://")[0].lower() if "://" in url else ""
    if scheme in ("http", "https"):
        return _checked(f"lfs+{_without_password(url)}")
    return address_beside(url, "")


def address_beside(url: str, base: str) -> str:
    """The remote's address for the LFS server that goes with the URL of a git repository.

    A relative path is relative to ``base``.  Raises: UsageError where there can be none.
    """
    if url.startswith(git_urls.PREFIX):
        inner = git_urls.target(url)
        if git_urls.kind(inner, base) == git_urls.STORE:
            raise UsageError(f"'{redacted(url)}' keeps data itself: it takes no LFS server", "git data remote list")
        url = inner
    scheme = url.partition("://")[0].lower() if "://" in url else ""
    if scheme in ("http", "https"):
        return _checked(f"lfs+{_with_ending(_without_password(url))}/info/lfs")
    if scheme == "git":  # which has no LFS server; git-lfs goes by lfs.gitprotocol, which is https
        return _checked(f"lfs+https://{_with_ending(url).partition('://')[2]}/info/lfs")
    if scheme in _SSH:
        return _checked(f"lfs+ssh://{_without_password(url).partition('://')[2]}")
    program, helper, _ = url.partition("::")
    if scheme not in ("", "file") or (helper and program.isalnum()):  # the latter: gitremote-helpers(7)
        raise UsageError(f"'{redacted(url)}' is no address beside which an LFS server could be", "git config lfs.url URL")
    address = parse(url, base)
    if address.scheme == "file":
        return f"lfs+file://{quote(address.path)}"
    return _checked(_of_scp(url))


def _of_scp(text: str) -> str:
    """``user@host:path``, whose path is relative to the user's home unless it begins with a slash."""
    host, _, path = text.partition("]:" if "@[" in text or text.startswith("[") else ":")
    if host.partition("@")[2].startswith("[") or host.startswith("["):
        host += "]"
    if not path.startswith(("/", "~")):
        path = f"./{path}"
    return f"lfs+ssh://{host}/{quote(path.lstrip('/'), safe='/~.')}"


def _with_ending(url: str) -> str:
    """As git-lfs guesses: ``/info/lfs`` goes behind ``.git``."""
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    return urlunsplit((parts.scheme, parts.netloc, path if path.endswith(".git") else f"{path}.git", "", ""))


def _without_password(url: str) -> str:
    """Without the password that a git URL may hold: it would be stored once more, and shown."""
    parts = urlsplit(url)
    login, at, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{login.partition(':')[0]}{at}{host}")) if at else url


def _checked(address: str) -> str:
    return parse(address).url

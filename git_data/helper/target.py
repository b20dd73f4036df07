"""What a ``data::`` URL leads to, and the settings it is used with."""

from __future__ import annotations

import os

from git_data.errors import RepositoryError
from git_data.git.repo import Repository, locate, nowhere
from git_data.git.run import capture, git
from git_data.sync import git_urls
from git_data.sync.remotes import COMMITTED, GIVEN, Named, named

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.config import Config


class Target:
    """``address`` is the URL without ``data::`` and settings; ``name`` that of the git remote, empty for a bare URL.

    ``server`` is whether a git server is there, not a store; ``is_guess`` whether that could not be found out.  Outside of a
    repository ``repo`` has no directories.
    """

    __slots__ = ("address", "is_guess", "name", "repo", "server", "settings", "text")

    def __init__(self, repo: Repository, name: str, text: str, address: str, settings: dict[str, str], server: bool) -> None:
        self.repo = repo
        self.name = name
        self.text = text
        self.address = address
        self.settings = settings
        self.server = server
        self.is_guess = False

    @property
    def remote(self) -> Named:
        """The store as a remote for data: with what configuration says under the name of the git remote."""
        config = self.repo.config
        found = named(config).get(self.name) if self.name else None
        if found is None or found.url != self.address:
            settings = {**_settings_of_same(config, self.address), **self.settings}
        else:
            # the URL to push to may have other settings
            given = {key: value for key, value in self.settings.items() if f"data.{self.name}.{key}" not in config.entries}
            if given.items() <= found.settings.items():
                return found
            settings = {**found.settings, **given}
        scopes = dict.fromkeys(["url", *settings], GIVEN)
        return Named(self.name, self.address, settings, scopes)


def find(name: str, text: str) -> Target:
    """Look at the words git started us with. Raises: UsageError, RemoteError."""
    text = text.removeprefix(git_urls.PREFIX)
    # git starts us where the user is, or at the top of the work tree: a path is relative to that
    is_store = git_urls.kind(text, os.getcwd()) == git_urls.STORE
    # a clone has no settings yet, but is made where another project may have some
    is_new = os.path.isabs(os.environ.get("GIT_DIR", "")) and has_no_refs()
    try:
        # a server may be asked in the middle of reading what a partial clone lacks
        repo = locate(committed=is_store and not is_new)
    except RepositoryError:
        if os.environ.get("GIT_DIR"):
            raise
        repo = nowhere()
    if f"remote.{name}.url" not in repo.config.entries:
        name = ""
    address, settings = git_urls.take_settings(text)
    if not repo.worktree and "://" not in address:
        # a bare clone is made from outside of it, and what is relative would begin inside
        address = _absolute(address)
    kind = git_urls.kind(text, os.getcwd(), repo.config.get(f"remote.{name}.datakind") if name else "")
    target = Target(repo, name, text, address, settings, kind == git_urls.SERVER)
    if kind == git_urls.UNKNOWN:
        from git_data.helper.look import look

        kind, is_certain = look(target)
        target.server = kind == git_urls.SERVER
        target.is_guess = not is_certain
        if is_certain:
            remember(target)
    if kind == git_urls.STORE and not is_store and repo.git_dir:
        target.repo = locate(committed=not is_new)
    return target


def remember(target: Target) -> None:
    """What lies behind the address of a git remote is written down."""
    if target.name:
        kind = git_urls.SERVER if target.server else git_urls.STORE
        git("config", f"remote.{target.name}.dataKind", f"{kind} {target.text}")


def _absolute(address: str) -> str:
    from git_data.remote.address import parse

    parsed = parse(address)
    return parsed.path if parsed.scheme == "file" else address


def has_no_refs() -> bool:
    """Whether nothing has ever been committed or fetched here: it is being cloned, or was made just now."""
    return capture(["for-each-ref", "--count=1"])[0] == (0, b"")


def _settings_of_same(config: Config, address: str) -> dict[str, str]:
    """What is set for a remote for data at the same address: its endpoint, region, profile …"""
    for remote in sorted(named(config).values(), key=lambda remote: remote.is_committed):
        if remote.url.rstrip("/") == address.rstrip("/"):
            # whoever can push must not choose whom an address that the user gave leads to
            return {key: value for key, value in remote.settings.items() if (key, remote.scopes[key]) != ("endpoint", COMMITTED)}
    return {}

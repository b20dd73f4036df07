"""The place a command of ``git data remote`` works on, where a whole repository lies or is to lie, and looking at it.

It is given as the name of a git remote or of a remote for data, or as an address, with or without ``data::``; no repository is
needed around it.
"""

from __future__ import annotations

import difflib
import os

from git_data.errors import RemoteError, RepositoryError, UsageError
from git_data.git.repo import Repository, locate, nowhere
from git_data.git.run import as_stored
from git_data.helper import target
from git_data.host.host import Host
from git_data.host.memory import Memory
from git_data.remote.address import parse, redacted
from git_data.sync import git_urls
from git_data.sync.implied import look_for_remotes
from git_data.sync.remotes import GIVEN, Named, is_address, named
from git_data.sync.session import Session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from git_data.host.state import State


class Hosted:
    """One place in use. ``word`` is how the user calls it, for commands in hints; ``git_name`` the git remote, if it is one."""

    def __init__(self, word: str) -> None:
        as_stored()
        self.word = word
        self.repo = _repository()
        self.git_name = word if f"remote.{word}.url" in self.repo.config.entries else ""
        self.named = _named(self.repo, word)
        self.session = Session(self.repo, self.named)
        self.remote = self.session.remote
        accept = self.repo.config.get_bool("data.acceptrollback", False)
        memory = os.path.join(self.session.known.directory, "git") if self.repo.common_dir else ""
        self.host = Host(self.remote, Memory(memory), accept)

    def __enter__(self) -> Hosted:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.session.close()

    @property
    def url(self) -> str:
        """What people may see of the address."""
        return redacted(self.remote.url)

    @property
    def git_url(self) -> str:
        """What git is told to use."""
        return git_urls.PREFIX + redacted(self.named.url) + _query(self.named)

    def state(self) -> State:
        """What is there now. Raises: RemoteError where no repository lies."""
        state = self.host.read()
        if state is None:
            raise RemoteError(f"no git repository lies at {self.url}", f"git data remote init {self.word}")
        return state

    def must_be_writable(self) -> None:
        """Raises: RemoteError for a place that can only be read."""
        if not self.remote.traits.writable:
            raise RemoteError(f"{self.url} can only be read", "use an address that can be written to")


def _repository() -> Repository:
    try:
        return locate()
    except RepositoryError:
        if os.environ.get("GIT_DIR"):
            raise
        return nowhere()


def _named(repo: Repository, word: str) -> Named:
    """Raises: UsageError for what is no place, or has a git server of its own."""
    config = repo.config
    if repo.common_dir:
        look_for_remotes(repo)
    remotes = named(config)
    url = config.get(f"remote.{word}.url")
    if url.startswith(git_urls.PREFIX):
        found = target.find(word, url)
        if found.server:
            raise _server(word, found.address)
        return found.remote
    if word in remotes:
        return remotes[word]
    if url:
        raise _server(word, url)
    if not is_address(word) and not os.path.isdir(word):
        raise _unknown(word, [*remotes, *_git_remotes(repo)])
    found = target.find(word, word)
    if found.server:
        raise _server(word, found.address)
    place = found.remote
    # what is typed is relative to the current directory, what is configured to the top of the work tree
    settings = place.settings
    return Named(place.name, parse(place.url).url, settings, dict.fromkeys(["url", *settings], GIVEN))


def _server(word: str, address: str) -> UsageError:
    return UsageError(
        f"behind '{word}' is a git server ({redacted(address)}): it keeps the refs itself",
        "this command is for repositories on plain storage: git data remote init s3://bucket/project",
    )


def _unknown(word: str, names: list[str]) -> UsageError:
    close = difflib.get_close_matches(word, names, n=1)
    meant = f"; did you mean '{close[0]}'?" if close else ""
    return UsageError(
        f"there is no remote '{redacted(word)}'{meant}", f"git remote -v; git data remote list; a folder: ./{redacted(word)}"
    )


def _git_remotes(repo: Repository) -> list[str]:
    entries = repo.config.entries
    return [key[len("remote.") : -len(".url")] for key in entries if key.startswith("remote.") and key.endswith(".url")]


def _query(place: Named) -> str:
    """Settings as they may follow a URL, where git would not find them under a name."""
    from urllib.parse import urlencode

    given = {key: value for key, value in place.settings.items() if not place.name}
    return f"?{urlencode(given, safe=':/')}" if given else ""

"""URLs of git remotes that begin with ``data::``: what lies behind them, a store that hosts the repository or a git server.

A store (``data::s3://bucket/project``) keeps history and data; it is a remote for data of its own, under the name of the git
remote, without a word in the configuration.  Behind a git server's URL (``data::https://host/project.git``) git's own transport
does the work, and data goes to the remote that ``.gitdata`` or the configuration names.

Most addresses show which of the two they are.  ``ssh://`` and ``https://`` may be either: whoever looks there first writes the
answer into ``remote.<name>.dataKind``, with the address it is of: ``server https://host/project.git``.
"""

from __future__ import annotations

import os

from git_data.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.config import Config, Entry

PREFIX = "data::"
STORE, SERVER, UNKNOWN = "store", "server", ""
_EITHER = ("http", "https", "ssh")
_OPTIONS = ("addressing", "allowplainhttp", "anonymous", "cafile", "endpoint", "jobs", "partsize", "profile", "region", "sse")
_MORE_OPTIONS = ("ssekmskeyid", "sshclient", "storageclass")


def target(url: str) -> str:
    """What follows ``data::``; empty for any other URL."""
    return url[len(PREFIX) :] if url.startswith(PREFIX) else ""


def take_settings(text: str) -> tuple[str, dict[str, str]]:
    """Settings of the remote may follow as a query: ``s3://bucket/prefix?endpoint=https://host:9000&region=eu``.

    The address without them, and the settings by their lower-case names; a query with anything else is left as it is.
    """
    address, mark, query = text.partition("?")
    if not mark:
        return text, {}
    from urllib.parse import parse_qsl

    pairs = parse_qsl(query, keep_blank_values=True)
    settings = {key.lower(): value for key, value in pairs}
    if not pairs or not all(key in _OPTIONS + _MORE_OPTIONS for key in settings):
        return text, {}
    return address, settings


def kind(text: str, base: str, known: str = "") -> str:
    """``STORE``, ``SERVER`` or ``UNKNOWN``, without a look at the network; ``known`` is what ``remote.<name>.dataKind`` says.

    Raises: UsageError for what is no address.
    """
    from git_data.remote.address import parse

    address = parse(take_settings(text)[0], base)
    if address.scheme == "file":
        return SERVER if is_git_directory(address.path) else STORE
    if address.scheme.startswith("lfs+"):
        raise UsageError(
            f"'{address.url}' is an LFS server, which cannot host a repository",
            "name the git server beside it, or another kind of place: git clone data::s3://BUCKET/PROJECT",
        )
    if address.scheme == "git" or (address.scheme == "ssh" and address.user == "git"):
        return SERVER
    if address.scheme in _EITHER:
        answer, _, of = known.partition(" ")
        return answer if answer in (STORE, SERVER) and of in ("", text) else UNKNOWN
    return STORE


def is_git_directory(path: str) -> bool:
    """Whether a path on this machine is a git repository, with or without a work tree."""
    places = [path, os.path.join(path, ".git")]
    if not os.path.isdir(path):
        places.append(path + ".git")  # beside a store it may be a bare clone of it
    return any(
        os.path.isfile(os.path.join(place, "HEAD")) and os.path.isdir(os.path.join(place, "objects")) for place in places
    ) or os.path.isfile(os.path.join(path, ".git"))


def stores(config: Config) -> dict[str, tuple[str, dict[str, str], str]]:
    """The git remotes behind which a store lies: name → address, settings, scope of configuration."""
    found = {}
    for key, entries in config.entries.items():
        if not (key.startswith("remote.") and key.endswith(".url")):
            continue
        entry = _first(entries)
        url = _rewritten(config, entry.value)
        if not url.startswith(PREFIX):
            continue
        name, text = key[len("remote.") : -len(".url")], target(url)
        try:
            is_store = kind(text, config.base, config.get(f"remote.{name}.datakind")) == STORE
        except UsageError:
            continue  # git will say so when it is used
        if is_store:
            address, settings = take_settings(text)
            found[name] = (address, settings, entry.scope)
    return found


def _first(entries: list[Entry]) -> Entry:
    """Of several URLs git fetches from the first; an empty one discards those before it (git 2.46)."""
    at = max((number for number, entry in enumerate(entries) if not entry.value), default=-1)
    return entries[at + 1] if at + 1 < len(entries) else entries[-1]


def _rewritten(config: Config, url: str) -> str:
    """A URL as git uses it: the longest of ``url.<base>.insteadOf`` that it begins with is replaced (git-config(1))."""
    longest = base = ""
    for key, entries in config.entries.items():
        if key.startswith("url.") and key.endswith(".insteadof"):
            for entry in entries:
                if len(entry.value) > len(longest) and url.startswith(entry.value):
                    longest, base = entry.value, key[len("url.") : -len(".insteadof")]
    return base + url[len(longest) :]

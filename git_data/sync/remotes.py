"""Named remotes: what configuration says of them, and opening one.

A remote is ``data.<name>.url`` and settings beside it.  Each value comes from git's configuration or, below it, from the
committed ``.gitdata``; whoever can push decides what is in that, so values from there are checked when remotes are asked for,
and what makes no sense or could do harm is reported and left out.  The names and the checks of single settings are in
``git_data.config``; the hot path reads no more than those.
"""

from __future__ import annotations

import difflib
import os

from git_data.base import report
from git_data.config import (
    COMMITTED_FILE,
    REMOTE_COMMITTED,
    REMOTE_LOCAL,
    Config,
    Entry,
    is_remote_name,
    parse_jobs,
    parse_size,
    remote_key,
)
from git_data.errors import ConfigError, GitDataError, UsageError
from git_data.sync import git_urls
from git_data.sync.implied import look_for_remotes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.git.repo import Repository
    from git_data.remote.address import Address
    from git_data.remote.base import Remote

COMMITTED = "gitdata"
"""The scope of what ``.gitdata`` says."""
GIVEN = "command"
"""The scope of an address given on the command line in place of a name."""
SETTINGS = {
    "addressing": "S3: path, virtual or auto: where the bucket's name goes",
    "allowplainhttp": "yes: HTTP without TLS may carry credentials",
    "anonymous": "yes: no credentials are used",
    "cafile": "a file of certificates to trust",
    "endpoint": "the URL of a service that is not the usual one",
    "hardlink": "yes: a folder on the same file system may share files with the store",
    "jobs": "how many transfers at once",
    "partsize": "S3: size of the parts in which large objects are sent (8MiB)",
    "profile": "the profile of the AWS configuration",
    "region": "the region of the service",
    "sse": "S3: encryption by the server: AES256, aws:kms or aws:kms:dsse",
    "sshclient": "openssh: the program ssh, as git uses it (the default where it is installed); or paramiko, built in",
    "sshtransfer": "LFS over SSH: negotiate, always or never git-lfs-transfer (negotiate)",
    "ssekmskeyid": "S3: the key of aws:kms",
    "storageclass": "S3: the storage class of new objects",
}
"""Every setting of a remote but its URL."""
_ENCRYPTIONS = ("AES256", "aws:kms", "aws:kms:dsse")
_ADDRESSING = ("auto", "path", "virtual")
_SSH_CLIENTS = ("paramiko", "openssh")
_SSH_TRANSFERS = ("negotiate", "always", "never")
_FLAGS = ("allowplainhttp", "anonymous", "hardlink")
_WORDS = ("region", "storageclass")
_PLAIN_SCHEMES = frozenset(
    "dav davs file ftp ftps http https lfs+http lfs+https lfs+ssh s3 sftp ssh webdav webdavs".split()
)  # not lfs+file: it leads into repositories of this machine
_BY_TLS = frozenset("dav davs http https lfs+http lfs+https lfs+ssh webdav webdavs".split())
_told: set[str] = set()


class Named:
    """One remote. ``url`` is the text of configuration; ``scopes`` says where each of ``url`` and ``settings`` comes from."""

    __slots__ = ("name", "scopes", "settings", "url")

    def __init__(self, name: str, url: str, settings: dict[str, str], scopes: dict[str, str]) -> None:
        self.name = name
        self.url = url
        self.settings = settings
        self.scopes = scopes

    @property
    def scope(self) -> str:
        """Where the URL comes from: git's scope, ``gitdata`` (nobody here chose it) or ``command``."""
        return self.scopes["url"]

    @property
    def is_committed(self) -> bool:
        """Whether only the committed file names this place: nothing may be made there that was not there."""
        return self.scope == COMMITTED


def named(config: Config) -> dict[str, Named]:
    """Every remote with a URL, by its name, and the git remotes that are stores (``git_urls``).

    A URL for data under the name of such a git remote comes before that if it is from git's configuration.  What ``.gitdata``
    must not say is reported, once, and left out.
    """
    found: dict[str, dict[str, Entry]] = {}
    for key, entries in config.entries.items():
        name, setting = remote_key(key)
        if setting in REMOTE_COMMITTED or setting in REMOTE_LOCAL:
            entry = _last(name, setting, entries)
            if entry is not None:
                found.setdefault(name, {})[setting] = entry
    remotes = {}
    for name, parts in sorted(found.items()):
        if "url" in parts:
            _keep_together(name, parts)
            scopes = {setting: entry.scope for setting, entry in parts.items()}
            values = {setting: entry.value for setting, entry in parts.items()}
            remotes[name] = Named(name, values.pop("url"), values, scopes)
    for name, (url, settings, scope) in git_urls.stores(config).items():
        if is_remote_name(name) and (name not in remotes or remotes[name].is_committed):
            remotes[name] = _behind_git(name, url, settings, scope, found.get(name, {}))
    return dict(sorted(remotes.items()))


def _behind_git(name: str, url: str, settings: dict[str, str], scope: str, parts: dict[str, Entry]) -> Named:
    """The remote for data that is a git remote, too; what is configured under its name counts, as for any other."""
    own = {setting: entry for setting, entry in parts.items() if entry.scope != COMMITTED}
    given = {setting: Entry(scope, value) for setting, value in settings.items()}
    # a committed endpoint must neither win over that of the URL nor take it away
    parts = {**parts, **given, **own, "url": Entry(scope, url)}
    _keep_together(name, parts)
    scopes = {setting: entry.scope for setting, entry in parts.items()}
    values = {setting: entry.value for setting, entry in parts.items() if setting != "url"}
    return Named(name, url, values, scopes)


def _last(name: str, setting: str, entries: list[Entry]) -> Entry | None:
    """The entry that counts; of the committed ones the last that may be used. An empty value unsets."""
    for entry in reversed(entries):
        if entry.scope == COMMITTED:
            try:
                check(setting, entry.value, committed=True)
            except GitDataError as error:
                _report(f"{COMMITTED_FILE}: data.{name}.{setting}: {error.message}; this line is ignored")
                continue
        return entry if entry.value else None
    return None


def _keep_together(name: str, parts: dict[str, Entry]) -> None:
    """Neither data for an address of one's own choice nor credentials must be led elsewhere by a committed endpoint."""
    if "endpoint" not in parts or parts["endpoint"].scope != COMMITTED:
        return
    if parts["url"].scope != COMMITTED:
        reason = "because your configuration has another URL"
    elif not endpoint_may_be_committed(parts["url"].value):
        reason = "because it would be sent what gives access to the real service"
    else:
        return
    endpoint = parts.pop("endpoint").value
    _report(f"{COMMITTED_FILE}: data.{name}.endpoint is ignored, {reason}; to use it: git config data.{name}.endpoint {endpoint}")


def endpoint_may_be_committed(url: str) -> bool:
    """Whether what is sent to an endpoint is of no use elsewhere: S3's signatures name the host, others are tokens."""
    return url[:5].lower() == "s3://"


def _report(text: str) -> None:
    if text not in _told:
        _told.add(text)
        report.say(text)


def check(setting: str, value: str, committed: bool = False) -> None:
    """Raises: ConfigError or UsageError for a value that makes no sense, or, if ``committed``, must not come with a clone."""
    if any(ord(character) < 32 for character in value):
        raise ConfigError(f"the value of '{setting}' contains control characters")
    if not value:
        return
    if setting == "url":
        _check_url(value, committed)
    elif setting == "endpoint":
        _check_endpoint(value)
    elif setting == "jobs":
        parse_jobs(value)
    elif setting == "partsize":
        parse_size(value, setting)
    elif setting in _FLAGS:
        Config({setting: [Entry("", value)]}).get_bool(setting, False)
    elif setting in _WORDS and not all(c.isascii() and (c.isalnum() or c in "_-") for c in value):
        raise ConfigError(f"'{value}' is not a {setting}")
    else:
        choices = {"addressing": _ADDRESSING, "sse": _ENCRYPTIONS, "sshclient": _SSH_CLIENTS, "sshtransfer": _SSH_TRANSFERS}.get(
            setting
        )
        if choices is not None and value not in choices:
            raise ConfigError(f"{setting} = '{value}' is not one of: {', '.join(choices)}")


def _check_url(text: str, committed: bool) -> None:
    from git_data.remote.address import parse, redacted
    from git_data.remote.fsspec_schemes import NETWORK

    before, chained, _ = text.partition("::")
    if chained and before.replace("+", "").replace("-", "").isalnum():
        raise UsageError(f"'{redacted(text)}': chained addresses ('::') are no place for data")
    address = parse(text)
    if committed and address.scheme not in _PLAIN_SCHEMES and address.scheme not in NETWORK:
        raise UsageError(f"addresses of the kind '{address.scheme}' cannot be committed", "git data remote add --local NAME URL")
    if committed and address.scheme == "file" and address.path.startswith(("//", "\\\\")):
        raise UsageError(f"'{redacted(text)}' is a path to another machine's share, which Windows would log in to")


def _check_endpoint(text: str) -> None:
    from git_data.remote.address import parse, redacted

    if parse(text).scheme not in ("http", "https") or not parse(text).host:
        raise UsageError(f"'{redacted(text)}' is not the URL of an endpoint", "write it as https://host:port")


def default_name(config: Config, git_remote: str = "") -> str:
    """The name of the remote that goes with a git remote, or that is used where none is named; empty if there is none."""
    own = config.get(f"remote.{git_remote}.dataremote") if git_remote else ""
    if not own and git_remote in git_urls.stores(config):
        return git_remote
    if own or config.get("data.remote"):
        return own or config.get("data.remote")
    names = list(named(config))
    return names[0] if len(names) == 1 else ""


def find(repo: Repository, text: str = "") -> Named:
    """The remote of that name, or at that address; the default one for an empty text. Raises: UsageError."""
    look_for_remotes(repo)
    remotes = named(repo.config)
    name = text or default_name(repo.config)
    if name in remotes:
        return remotes[name]
    if not name:
        if remotes:
            raise UsageError("no remote is the default one", f"git data remote default {next(iter(remotes))}")
        raise UsageError("there is no remote for data yet", "git data remote add -d store URL")
    if text and is_address(text):
        from git_data.remote.address import parse

        _check_url(text, committed=False)
        return Named("", parse(text).url, {}, {"url": GIVEN})
    raise unknown(name, remotes)


def is_address(text: str) -> bool:
    """Whether a text is an address and not a name: a URL, a path with a slash, or ssh's ``host:path``."""
    return any(mark in text for mark in ("/", os.sep, ":")) or text in (".", "..", "~")


def unknown(name: str, remotes: dict[str, Named]) -> UsageError:
    """The error for a name that no remote has."""
    close = difflib.get_close_matches(name, remotes, n=1)
    if close:
        return UsageError(f"there is no remote '{name}'; did you mean '{close[0]}'?", "git data remote list")
    return UsageError(f"there is no remote '{name}'", "git data remote list" if remotes else f"git data remote add {name} URL")


def address_of(repo: Repository, remote: Named) -> Address:
    """Its address; a relative path is relative to the top of the work tree. Raises: UsageError."""
    from git_data.remote.address import parse

    _check_url(remote.url, remote.is_committed)
    return parse(remote.url, repo.worktree or repo.common_dir)


def open_named(repo: Repository, remote: Named, jobs: int = 0) -> Remote:
    """Make it ready for use; nothing is connected yet. ``Options.scratch`` is made by who first writes into it.

    Raises: UsageError, ConfigError for settings that make no sense.
    """
    from git_data.remote.base import Options
    from git_data.remote.registry import open_remote

    for setting, value in remote.settings.items():
        check(setting, value, remote.scopes[setting] == COMMITTED)
    address = address_of(repo, remote)
    settings = dict(remote.settings)
    if address.scheme in _BY_TLS and repo.config.get("http.sslcainfo"):
        settings.setdefault("cafile", os.path.expanduser(repo.config.get("http.sslcainfo")))
    options = Options(
        remote.name,
        settings,
        jobs or (parse_jobs(remote.settings["jobs"]) if "jobs" in remote.settings else 0),
        os.path.join(directory_of(repo, address.url, remote.settings), "uploads") if repo.common_dir else "",
        float(repo.settings.idle_timeout_s),
        ssh_command=_ssh_command(repo.config),
        sync=repo.settings.fsync != "none",
    )
    # where work trees share files with the store, an edit in place would reach the remote, too
    options.hardlink = options.flag("hardlink") and "hardlink" not in repo.settings.link
    opened = open_remote(address, options)
    if options.jobs:
        opened.traits.workers = options.jobs
    return opened


def directory_of(repo: Repository, url: str, settings: dict[str, str]) -> str:
    """Where what is remembered about the remote at a URL lies; the same URL at another endpoint is another remote."""
    from git_data.base.digest import sha256

    place = f"{url}\n{settings['endpoint']}" if settings.get("endpoint") else url
    return os.path.join(repo.common_dir, "data", "remotes", sha256(place.encode("utf-8", "surrogateescape")).hexdigest()[:16])


def _ssh_command(config: Config) -> str:
    """The command git itself would use, in the order of git(1); empty for plain ssh."""
    command = os.environ.get("GIT_SSH_COMMAND") or config.get("core.sshcommand")
    program = os.environ.get("GIT_SSH", "")
    if command or not program:
        return command
    import shlex

    return shlex.quote(program)

"""Before refs move: no file may be changed that somebody else has locked.

The setting is that of git-lfs (git-lfs-config(5), ``lfs.<url>.locksverify``): with ``true`` a push stops, too, when the server
cannot say; with ``false`` nothing is asked; without it counts what the server says, if it does, and that a server has no locks is
said once and then remembered.  One question a push, and none where nothing is new or no LFS server is in use.
"""

from __future__ import annotations

import os

from git_data.base import libraries, report
from git_data.config import Config, Entry
from git_data.errors import GitDataError, Locked, RemoteError
from git_data.git.run import capture, git, records
from git_data.sync import lock_cache
from git_data.sync.lock_server import keeps_locks, server_for
from git_data.sync.remotes import default_name, named

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.git.repo import Repository
    from git_data.sync.lock_cache import Known
    from git_data.sync.remotes import Named
    from git_data.sync.session import Session

_SETTING = "locksverify"
_MOST_PATHSPECS = 500
_SHOWN = 10


def verify(
    repo: Repository, git_remote: str, local: list[str], published: list[str], refs: list[str], session: Session | None = None
) -> str:
    """Ask the server, if any, about what ``local`` reaches and ``published`` does not; ``refs`` are to be changed over there.

    ``session`` is where the data goes: its connection is used if that is the same server.

    The URL of a server that said it has no locks: ``note_no_locking`` when what follows has shown that it knows the repository.

    Raises: Locked when files were changed that others have locked; RemoteError and its kin where locks must be verified.
    """
    server = _in_use(repo, git_remote)
    if server is None or not _anything_new(local, published):
        return ""
    libraries.enable()  # hooks start without
    urls = _urls(server)
    wanted = _wanted(repo, urls)
    if wanted is False:
        return ""
    from git_data.remote.lfs_locks import NoLocking
    from git_data.sync.locks import Desk

    shared = session is not None and (session.named.name, session.named.url) == (server.name, server.url)
    ref = refs[0] if len(set(refs)) == 1 else ""
    desk = Desk(repo, server, ref, session.remote if session is not None and shared else None)
    try:
        ours, theirs = desk.all_verified()
    except NoLocking:
        if wanted:
            report.say(f"{desk.url} keeps no locks on files, although lfs.{_SETTING} is true: nothing was verified")
        return "" if wanted else urls[0]
    except RemoteError as error:
        if wanted:
            raise
        report.say(
            f"whether others have locked what is pushed is not known: {error.message}"
            f"\n  to have that stop a push: git config lfs.{urls[0]}.{_SETTING} true   (or false: do not ask)"
        )
        return ""
    finally:
        desk.close()
    changed = _changed(local, published, [lock.path for lock in (*ours, *theirs)])
    _judge([lock for lock in theirs if lock.path in changed], [lock for lock in ours if lock.path in changed])
    return ""


def note_no_locking(url: str) -> None:
    """Do not ask this server again: with the setting that git-lfs writes, too."""
    from git_data.remote.address import redacted

    key = f"lfs.{url}.{_SETTING}"
    if not capture(["config", "--local", key, "false"])[0][0]:
        report.say(f"{redacted(url)} keeps no locks on files, and will not be asked again\n  git config --unset {redacted(key)}")


def _in_use(repo: Repository, git_remote: str) -> Named | None:
    """The server, where locks are in use: data goes to it, or somebody has locked, or wants to be asked."""
    configured = named(repo.config).get(default_name(repo.config, git_remote))
    if configured is not None and keeps_locks(configured.url):
        return configured
    asked_for = any(key.rpartition(".")[2] == _SETTING for key in repo.config.entries)
    marked = os.path.exists(os.path.join(repo.data_dir, "lockable"))
    if not (asked_for or marked or lock_cache.own(repo)) or f"remote.{git_remote}.url" not in repo.config.entries:
        return None
    try:
        return server_for(repo, git_remote)[0]
    except GitDataError:
        return None


def _anything_new(local: list[str], published: list[str]) -> bool:
    return bool(git("rev-list", "--max-count=1", "--ignore-missing", *local, "--not", *published, "--"))


def _urls(server: Named) -> list[str]:
    """The URLs that git-lfs may have settings for."""
    from git_data.remote.address import parse
    from git_data.remote.lfs import api_url

    address = parse(server.url)
    if address.scheme != "lfs+ssh":
        scheme, _, rest = api_url(address).partition("://")
        return [f"{scheme}://{address.user}@{rest}" if address.user else f"{scheme}://{rest}"]
    path = address.path.removeprefix("/.").strip("/")
    path = path if path.endswith(".git") else f"{path}.git"
    return [f"https://{address.host}/{path}/info/lfs", address.url.removeprefix("lfs+")]


def _wanted(repo: Repository, urls: list[str]) -> bool | None:
    """What is configured; ``None`` if nothing is. Raises: ConfigError."""
    if any(key.rpartition(".")[2] == _SETTING for key in repo.config.entries):
        for url in urls:
            status, output = capture(["config", "--get-urlmatch", f"lfs.{_SETTING}", url])[0]
            if not status:
                value = os.fsdecode(output).rstrip("\n") or "true"
                return Config({_SETTING: [Entry("", value)]}).get_bool(_SETTING, False)
    return None


def _changed(local: list[str], published: list[str], paths: list[str]) -> set[str]:
    """Which of some paths the new commits change; merges count where they change more than they merge."""
    if not paths:
        return set()
    chosen = [f":(top,literal){path}" for path in paths] if len(paths) <= _MOST_PATHSPECS else []
    words = ["--format=", "--name-only", "-z", "-c", "--no-renames", "--ignore-missing", *local, "--not", *published]
    found = records("log", *words, "--", *chosen)
    # behind an empty message git writes a line feed
    return {os.fsdecode(path.lstrip(b"\n")) for path in found}.intersection(paths)


def _judge(theirs: list[Known], ours: list[Known]) -> None:
    if theirs:
        listed = "".join(
            f"\n  {lock.path}: {lock.owner or 'somebody else'}" + (f", since {lock.locked_at}" if lock.locked_at else "")
            for lock in theirs[:_SHOWN]
        )
        more = f"\n  … and {len(theirs) - _SHOWN:,} more" if len(theirs) > _SHOWN else ""
        raise Locked(
            f"nothing was pushed: others have locked what these commits change:{listed}{more}",
            "ask them for it, then push again; git data locks --verify shows all locks",
        )
    if ours:
        words = " ".join(f"'{lock.path}'" for lock in ours[:_SHOWN])
        report.say(f"you hold the lock on {report.count(len(ours), 'file')} of this push; when done: git data unlock {words}")

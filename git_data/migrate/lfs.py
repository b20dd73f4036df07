"""Leaving git-lfs, step by step: look, bring all content, then change git in one of three ways.

Nothing visible changes before every object is in the store; then the record says what was before (``record``).
"""

from __future__ import annotations

import os

from git_data.base.report import Progress, human_size
from git_data.errors import GitDataError, MissingData, RemoteUnavailable
from git_data.git.repo import Repository, locate
from git_data.git.run import git
from git_data.git.scan import shown
from git_data.migrate import lfs_commit, lfs_history, lfs_objects, lfs_setup, lfs_supply, outcome, take_in
from git_data.migrate.lfs_plan import Head, History, look_at_head, who_names
from git_data.migrate.moves import carry_out, finish
from git_data.migrate.ready import require_ready
from git_data.migrate.record import BEGUN, DONE, Record, load
from git_data.migrate.refs import chosen
from git_data.store.place import open_store
from git_data.sync.remotes import check
from git_data.worktree.share import share_with_store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from git_data.git.scan import Tracked
    from git_data.migrate.history import Rewritten
    from git_data.migrate.lfs_setup import Changed
    from git_data.migrate.lfs_supply import Supply
    from git_data.pointer import Pointer
    from git_data.store.objects import Store
    from git_data.sync.lfs_discovery import Found

COMMIT, KEEP, HISTORY = "commit", "keep-pointers", "history"
NAME = "lfs"
_SHOWN = 10
_NAMES = 3


class Migration:
    """One run. ``look`` fills in what there is; ``bring`` and ``change`` do it."""

    def __init__(self, repo: Repository, mode: str, allow_missing: bool = False, jobs: int = 0) -> None:
        if mode != HISTORY:
            repo.require_worktree()
        lfs_setup.borrow_filter()
        self.repo = locate()
        self.store: Store = open_store(self.repo)
        self.mode = mode
        self.allow_missing = allow_missing
        self.jobs = jobs or self.repo.settings.jobs
        self.record = Record(self.repo, NAME)
        self.head = Head()
        self.supply: Supply = lfs_supply.Supply()
        self.history: History | None = None
        self.changed: Changed | None = None
        self.converted = lfs_commit.Converted()
        self.vouched: lfs_commit.Vouched | None = None
        self.rewritten: Rewritten | None = None
        self.map_path = ""
        self.named: list[tuple[str, Tracked]] = []
        """commits and files that name what is nowhere"""
        self.refs: list[str] = []
        self.walked: lfs_history.Found | None = None
        self.transform: lfs_history.Rewriting | None = None

    def resume(self) -> bool:
        """Finish what a killed command left: whether its refs had moved, so that everything is done now."""
        return finish_earlier(self.repo)

    def prepare(self) -> None:
        """Raises: RepositoryError where a migration cannot begin."""
        if self.repo.worktree:
            self.vouched = lfs_commit.Vouched(self.repo)  # before git looks
        if self.mode == KEEP:
            return  # nothing changes in git: modified files stay modified
        require_ready(self.repo, self.mode == HISTORY, self.vouched.excuse if self.vouched else None)

    def look(self) -> None:
        """Find out what is here. Raises: GitFailed."""
        if self.repo.worktree:
            self.head = look_at_head(self.repo)
        self.history = History(self.repo)
        self.supply = lfs_supply.look(self.repo, self.store, self.history)

    @property
    def is_idle(self) -> bool:
        """Whether there is no trace of git-lfs: not at HEAD, not in history."""
        here = self.head
        there = self.history is not None and bool(self.history.needed or self.history.spare)
        return not (here.attributes or here.pointers or here.plain or here.malformed or there)

    @property
    def plain_bytes(self) -> int:
        """The size of content that git holds and the store is to have. Raises: GitFailed."""
        if self.mode == HISTORY:
            return sum(self.look_at_history().plain.values())
        return sum({plain.blob: plain.size for plain in self.head.plain}.values()) if self.mode != KEEP else 0

    def bytes_needed(self, linked: bool = True) -> int:
        """See ``lfs_supply.bytes_needed``."""
        return lfs_supply.bytes_needed(self.store, self.supply, linked) + self.plain_bytes

    def link(self) -> None:
        """Have all content that is on this machine in the store.

        This comes before git is asked whether anything is modified: in a work tree that was copied git cleans every file, and the
        filter would store each once more.  Raises: NoSpace.
        """
        local = [*self.supply.local, *self.supply.spare]
        linked = not local or lfs_objects.can_link(self.repo, self.store, local)
        outcome.require_space(self.store.root, self.bytes_needed(linked))
        lfs_supply.link(self.repo, self.store, self.supply, self.jobs)

    def fetch(self) -> None:
        """Have the rest, too. Raises: MissingData."""
        lfs_supply.fetch_rest(self.repo, self.store, self.supply)
        self.find_out_who()
        if self.supply.nowhere and not self.allow_missing:
            raise self.missing()

    def find_out_who(self) -> None:
        """Who names what is nowhere; what nobody names as data lacks nobody. Raises: GitFailed."""
        self.named = who_names(self.repo, self.supply.missing)
        data = {file.pointer.oid for _, file in self.named}
        self.supply.nowhere = [pointer for pointer in self.supply.nowhere if pointer.oid in data]

    def missing(self) -> MissingData:
        """The error that lists what is nowhere, and who names it."""
        listed = "".join(f"\n  {line}" for line in nowhere_lines(self.supply.nowhere, self.named))
        why = f"\n  the LFS server: {self.supply.trouble.message}" if self.supply.trouble is not None else ""
        number = len(self.supply.nowhere)
        what = "object of git-lfs is" if number == 1 else "objects of git-lfs are"
        where, first = "neither on this machine nor on a server", "from a clone that has them: git lfs push --all origin"
        if isinstance(self.supply.trouble, RemoteUnavailable):
            where = "not on this machine, and the server does not answer"
            first = "when the server answers:    git data migrate lfs"
        return MissingData(
            f"{number:,} {what} {where}; nothing was changed:{listed}{why}",
            f"{first}\ngo on without them:         git data migrate lfs --allow-missing",
        )

    def rewriting(self) -> dict[str, Any]:
        """Facts about a rewrite of history. Raises: GitFailed."""
        if self.mode != HISTORY:
            return {}
        found = self.look_at_history()
        return {
            "commits": found.commits,
            "refs": self.refs,
            "signed_commits": found.signed,
            "plain_versions": len(found.plain),
            "malformed_in_history": sorted({os.fsdecode(path) for path in found.malformed}),
        }

    def look_at_history(self) -> lfs_history.Found:
        """Walk through history, once. Raises: GitFailed."""
        if self.walked is None:
            self.refs, _ = chosen(self.repo, everything=True)
            self.transform = lfs_history.Rewriting(self.repo, self.supply.missing if self.allow_missing else ())
            self.walked = lfs_history.look(self.repo, self.refs, self.transform)
        return self.walked

    def change(self, map_path: str = "") -> None:
        """Change git, all or nothing; ``map_path``: where the object map goes. Raises: GitFailed, FileSystemError."""
        if self.is_idle:
            return
        if self.mode == KEEP:
            self._keep()
        elif self.mode == COMMIT:
            self._commit()
        else:
            self._rewrite(map_path)

    def _keep(self) -> None:
        settings: dict[str, str | None] = {"data.pointerFormat": "lfs", **self._remote(local=True)}
        lfs_setup.remember(self.repo, self.record, settings, attributes=False)
        self.changed = lfs_setup.set_up(self.repo, settings, attributes=False)
        self.record.save(DONE)
        self.converted.pointers = {file.path: file.pointer for file in self.head.pointers}
        self._share()
        lfs_commit.settle(self.repo)

    def _commit(self) -> None:
        remote = self._remote(local=False)
        with Progress("storing", len(self.head.plain), self.plain_bytes) as progress:
            self.converted = lfs_commit.convert(
                self.repo, self.store, self.head, self.supply.missing, remote.get("data.lfs.url") or "", self.jobs, progress
            )
        move = lfs_commit.commit(self.repo, self.converted)
        if move.new != move.old:
            self.record.moves = [move]
        elif load(self.repo, NAME) is not None:
            return  # all is done, and what was before stays on record
        settings: dict[str, str | None] = {"data.pointerFormat": None, **({} if remote else self._remote(local=True))}
        lfs_setup.remember(self.repo, self.record, settings, attributes=True)
        self.changed = lfs_setup.set_up(self.repo, settings, attributes=True)
        carry_out(self.repo, self.store, self.record, self._vouched())
        self._share()
        lfs_commit.settle(self.repo)

    def _vouched(self) -> dict[bytes, os.stat_result]:
        """Files that hold what their new pointers name."""
        stats = self.vouched.unchanged() if self.vouched is not None else {}
        return {
            path: stats[path]
            for path, pointer in self.converted.pointers.items()
            if path in stats and stats[path].st_size == pointer.size
        }

    def _rewrite(self, map_path: str) -> None:
        walked = self.look_at_history()
        assert self.transform is not None
        self.transform.missing = self.supply.missing
        blobs = [take_in.Blob(blob, size) for blob, size in walked.plain.items()]
        with Progress("storing", len(blobs), self.plain_bytes) as progress:
            self.transform.contents = take_in.take_in(self.repo, self.store, blobs, self.jobs, progress) if blobs else {}
        with Progress("rewriting commits", walked.commits) as progress:
            self.rewritten = lfs_history.rewrite(self.repo, self.refs, self.transform, progress)
        if not self.rewritten.commits and load(self.repo, NAME) is not None:
            return  # all is done, and what was before stays on record
        settings: dict[str, str | None] = {"data.pointerFormat": None, **self._remote(local=True)}
        lfs_setup.remember(self.repo, self.record, settings, attributes=True)
        self.changed = lfs_setup.set_up(self.repo, settings, attributes=True)
        self.converted.pointers = {file.path: file.pointer for file in self.head.pointers}
        self.converted.pointers.update(
            {
                plain.path: self.transform.contents[plain.blob]
                for plain in self.head.plain
                if plain.blob in self.transform.contents
            }
        )
        self.map_path = map_path or os.path.join(os.path.dirname(self.record.path), "lfs-map.csv")
        outcome.publish(self.repo, self.store, self.record, self.rewritten, self.map_path, self._vouched())
        if self.repo.worktree:
            self._share()
            lfs_commit.settle(self.repo)

    def _share(self) -> None:
        """Blocks instead of copies, where the file system can."""
        files = sorted(self.converted.pointers.items())
        with Progress("sharing blocks", len(files)) as progress:
            share_with_store(self.store, self.repo.worktree, files, progress, twins=self.supply.linked)

    @property
    def server_is_known_here_only(self) -> bool:
        """Whether no commit leads others to the LFS server, which became the remote of this clone."""
        return self.mode == HISTORY and bool(self._remote(local=True))

    def _remote(self, local: bool) -> dict[str, str | None]:
        """The LFS server as the default remote, unless there is any: settings for this clone or for the committed file."""
        server = self.supply.server
        if server is None or self.repo.config.names_remotes:
            return {}
        committed = self.mode == COMMIT and _may_be_committed(server)
        if local == committed:
            return {}
        return {"data.remote": "lfs", "data.lfs.url": server.address}


def finish_earlier(repo: Repository) -> bool:
    """See ``Migration.resume``. Raises: GitFailed, OSError."""
    earlier = load(repo, NAME)
    if earlier is None or earlier.state == DONE:
        return False
    if earlier.state == BEGUN and lfs_commit.is_one_commit(repo, earlier) and lfs_commit.has_moved(repo, earlier):
        lfs_commit.resume(repo, open_store(repo), earlier)
        return True
    return finish(repo, earlier)


def unchanged(repo: Repository) -> dict[bytes, os.stat_result]:
    """Files with their content that git calls unmodified; nothing where no migration could be undone."""
    if not repo.worktree or load(repo, NAME) is None:
        return {}
    vouched = lfs_commit.Vouched(repo)
    git("status", "--porcelain", "--untracked-files=no", "--ignore-submodules=all", cwd=repo.worktree)
    pointers = lfs_commit.pointers_now(repo)
    return {
        path: status for path, status in vouched.unchanged().items() if path in pointers and pointers[path].size == status.st_size
    }


def _may_be_committed(server: Found) -> bool:
    """Whether everybody can use an address: no setting of one user, nothing of this machine, nobody's name but git's."""
    login = server.address.partition("://")[2].partition("/")[0].rpartition("@")[0]
    if not (server.is_committed or server.is_beside_git) or login not in ("", "git"):
        return False
    try:
        check("url", server.address, committed=True)
    except GitDataError:
        return False
    return True


def nowhere_lines(nowhere: list[Pointer], named: list[tuple[str, Tracked]]) -> list[str]:
    """A line for each object: size, path, the commit that brought it; and how many more."""
    by_oid: dict[str, list[str]] = {}
    for commit, file in named:
        by_oid.setdefault(file.pointer.oid, []).append(f"{shown(file.path)} (commit {commit[:12]})")
    lines = [
        f"{', '.join(by_oid.get(pointer.oid, [])[:_NAMES])}: {pointer.oid[:12]}, {human_size(pointer.size)}"
        for pointer in nowhere[:_SHOWN]
    ]
    return [*lines, f"and {len(nowhere) - _SHOWN:,} more: --dry-run --json lists all"] if len(nowhere) > _SHOWN else lines

"""Leaving git-lfs, step by step: look, bring all content, then change git in one of three ways.

Nothing visible changes before every object is in the store; then the record says what was before (``record``).
"""

from __future__ import annotations

import os

from git_data.base.report import Progress, human_size
from git_data.errors import MissingData
from git_data.git.repo import Repository, locate
from git_data.git.scan import shown
from git_data.migrate import lfs_commit, lfs_setup, lfs_supply, outcome
from git_data.migrate.lfs_plan import Head, History, look_at_head, who_names
from git_data.migrate.moves import carry_out, finish
from git_data.migrate.ready import require_ready
from git_data.migrate.record import BEGUN, DONE, Record, load
from git_data.store.place import open_store
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

COMMIT, KEEP, HISTORY = "commit", "keep-pointers", "history"
NAME = "lfs"
_SHOWN = 10


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

    def resume(self) -> bool:
        """Finish what a killed command left: whether its refs had moved, so that everything is done now."""
        earlier = load(self.repo, NAME)
        if earlier is None or earlier.state != BEGUN:
            return False
        if lfs_commit.is_one_commit(self.repo, earlier) and lfs_commit.has_moved(self.repo, earlier):
            lfs_commit.resume(self.repo, self.store, earlier)
            return True
        return finish(self.repo, earlier)

    def prepare(self) -> None:
        """Raises: RepositoryError where a migration cannot begin."""
        if self.repo.worktree:
            self.vouched = lfs_commit.Vouched(self.repo)
        require_ready(self.repo, self.mode == HISTORY, self.vouched.excuse if self.vouched else None)

    def look(self) -> None:
        """Find out what is here. Raises: GitFailed."""
        if self.repo.worktree:
            self.head = look_at_head(self.repo)
        self.history = History(self.repo)
        self.supply = lfs_supply.look(self.repo, self.store, self.history)

    @property
    def plain_bytes(self) -> int:
        """The size of content that git holds and the store is to have."""
        return sum({plain.blob: plain.size for plain in self.head.plain}.values()) if self.mode != KEEP else 0

    def bytes_needed(self, linked: bool = True) -> int:
        """See ``lfs_supply.bytes_needed``."""
        return lfs_supply.bytes_needed(self.store, self.supply, linked) + self.plain_bytes

    def bring(self) -> None:
        """Have all content in the store. Raises: NoSpace, MissingData."""
        local = [*self.supply.local, *self.supply.spare]
        linked = not local or lfs_supply.lfs_objects.can_link(self.repo, self.store, local)
        outcome.require_space(self.store.root, self.bytes_needed(linked))
        lfs_supply.bring(self.repo, self.store, self.supply, self.jobs)
        if self.supply.nowhere and not self.allow_missing:
            raise self.missing()

    def missing(self) -> MissingData:
        """The error that lists what is nowhere, and who names it."""
        named = who_names(self.repo, self.supply.missing)
        listed = "".join(f"\n  {line}" for line in nowhere_lines(self.supply.nowhere, named))
        why = f"\n  the LFS server: {self.supply.trouble.message}" if self.supply.trouble is not None else ""
        number = len(self.supply.nowhere)
        what = "object of git-lfs is" if number == 1 else "objects of git-lfs are"
        return MissingData(
            f"{number:,} {what} neither on this machine nor on a server; nothing was changed:{listed}{why}",
            "from a clone that has them: git lfs push --all origin\n"
            "go on without them:         git data migrate lfs --allow-missing",
        )

    def rewriting(self) -> dict[str, Any]:
        """Facts about a rewrite of history."""
        return {}

    def change(self) -> None:
        """Change git, all or nothing. Raises: GitFailed, FileSystemError."""
        if self.mode == KEEP:
            self._keep()
        else:
            self._commit()

    def _keep(self) -> None:
        settings: dict[str, str | None] = {"data.pointerFormat": "lfs", **self._remote(local=True)}
        lfs_setup.remember(self.repo, self.record, settings, attributes=False)
        self.changed = lfs_setup.set_up(self.repo, settings, attributes=False)
        self.record.save(DONE)
        self.converted.pointers = {file.path: file.pointer for file in self.head.pointers}
        self._share()

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
        assert self.vouched is not None
        stats = self.vouched.unchanged()
        vouched = {
            path: stats[path]
            for path, pointer in self.converted.pointers.items()
            if path in stats and stats[path].st_size == pointer.size
        }
        carry_out(self.repo, self.store, self.record, vouched)
        self._share()
        lfs_commit.settle(self.repo)

    def _share(self) -> None:
        """Blocks instead of copies, where the file system can."""
        share_with_store(self.store, self.repo.worktree, sorted(self.converted.pointers.items()))

    def _remote(self, local: bool) -> dict[str, str | None]:
        """The LFS server as the default remote, unless there is any: settings for this clone or for the committed file."""
        server = self.supply.server
        if server is None or self.repo.config.names_remotes:
            return {}
        committed = self.mode != KEEP and _may_be_committed(server.address)
        if local == committed:
            return {}
        return {"data.remote": "lfs", "data.lfs.url": server.address}


def _may_be_committed(address: str) -> bool:
    """Whether everybody can use an address: none of this machine, and without anybody's name (but ssh's usual one)."""
    host = address.partition("://")[2].partition("/")[0]
    login = host.rpartition("@")[0]
    return not address.startswith("lfs+file:") and login in ("", "git")


def nowhere_lines(nowhere: list[Pointer], named: list[tuple[str, Tracked]]) -> list[str]:
    """A line for each object: size, path, the commit that brought it; and how many more."""
    by_oid: dict[str, str] = {}
    for commit, file in named:
        by_oid[file.pointer.oid] = f"{shown(file.path)} (commit {commit[:12]})"
    lines = [
        f"{by_oid.get(pointer.oid, 'named by no file')}: {pointer.oid[:12]}, {human_size(pointer.size)}"
        for pointer in nowhere[:_SHOWN]
    ]
    return [*lines, f"and {len(nowhere) - _SHOWN:,} more: --dry-run --json lists all"] if len(nowhere) > _SHOWN else lines

"""Bringing packs of a hosted repository into this one."""

from __future__ import annotations

import os

from git_data.base import fsio
from git_data.base.report import Progress
from git_data.errors import CorruptData, GitDataError, MissingData, NotOnRemote
from git_data.git.partial_clone import promisors
from git_data.host import choose
from git_data.host.packing import Applied, Refused, apply_pack, check_pack, connected, fsck_exceptions, is_connected, present
from git_data.pointer import Pointer
from git_data.store.objects import Store
from git_data.transfer.download import download

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.config import Config
    from git_data.git.repo import Repository
    from git_data.helper.options import Options
    from git_data.host.host import Host
    from git_data.host.state import Pack, State
    from git_data.sync.session import Session

_MOST_ROUNDS = 3


def take(repo: Repository, session: Session, host: Host, state: State, wants: list[str], options: Options) -> list[str]:
    """Bring what the objects (hex) reach; lines for git's ``fetch``. Raises: RemoteError, CorruptData, FileSystemError."""
    partial = bool(promisors(repo)) and not options.filtered
    here = _complete(wants, state, partial)
    packs = choose.needed(state.packs, wants, here.__contains__)
    lines: list[str] = []
    whole = False
    work = _Taking(repo, session, options)
    # a file that keeps the pack until refs name it: git takes away the first of those it is told of in a clone
    work.keep = options["cloning"] and not host.memory.taken()
    if packs:
        try:
            applied = work.take(packs)
            if applied[0].keep:
                lines.append(f"lock {applied[0].keep}")
            whole = len(applied) == 1 and applied[0].connected or is_connected(wants, partial)
        except Refused:
            if len(packs) == len(state.packs):
                raise
        if not whole:
            # something was taken away since (a repack after a branch was deleted), or the list of packs is not what it says
            work.keep = False
            work.take(state.packs)
            whole = is_connected(wants, partial)
            if not whole and not state.oids().issuperset(wants):
                lost = next(oid for oid in wants if oid not in state.oids())
                raise MissingData(
                    f"no ref of {session.remote.url} reaches {lost}, and none of its packs has it any more",
                    "if a ref named it not long ago: git data remote reflog REMOTE --restore NUMBER",
                )
            if not whole:
                raise CorruptData(
                    f"the packs on {session.remote.url} do not hold all that its refs reach",
                    "git data remote fsck   # says what lacks",
                )
        host.memory.take([pack.name for pack in packs], [pack.name for pack in state.packs])
    if whole and options["check-connectivity"] and set(wants) <= present(wants):
        lines.append("connectivity-ok")
    return lines


def _complete(wants: list[str], state: State, partial: bool) -> set[str]:
    """Of what is wanted, and what packs require, the objects that are here with all they reach."""
    candidates = {*wants, *(oid for pack in state.packs for oid in (*pack.tips, *pack.requires))}
    return connected(present(candidates), partial)


class _Taking:
    def __init__(self, repo: Repository, session: Session, options: Options) -> None:
        self.repo = repo
        self.session = session
        self.options = options
        self.keep = False

    def take(self, packs: list[Pack]) -> list[Applied]:
        """Download, verify, and apply in order."""
        remote = self.session.remote
        if remote.local_path(packs[0].key):
            return [self._apply(pack, remote.local_path(pack.key), number) for number, pack in enumerate(packs)]
        for _ in range(_MOST_ROUNDS - 1):
            try:
                return self._download(packs)
            except FileNotFoundError:
                continue  # another fetch in this repository took the same pack in, and its file away
        return self._download(packs)

    def _download(self, packs: list[Pack]) -> list[Applied]:
        # a private store: downloads go on where they were broken off
        remote = self.session.remote
        store = Store(os.path.join(self.repo.common_dir, "data", "packs"))
        keys = {pack.sha256: pack.key for pack in packs}
        pointers = [Pointer(pack.sha256, pack.size) for pack in packs]
        with Progress("fetching history", len(packs), sum(pack.size for pack in packs)) as progress:
            outcome = download(remote, store, pointers, 0, self.repo.settings.limit_rate_bytes, progress, key_of=keys.__getitem__)
        if outcome.failed:
            raise _lacking(outcome.failed[0][1], keys[outcome.failed[0][0].oid], remote.url)
        try:
            return [self._apply(pack, store.path(pack.sha256), number) for number, pack in enumerate(packs)]
        finally:
            # also what git refuses: a power failure may have spoiled it here
            for pack in packs:
                fsio.remove_if_exists(store.path(pack.sha256))

    def _apply(self, pack: Pack, path: str, number: int) -> Applied:
        url = self.session.remote.url
        if self.session.remote.local_path(pack.key):
            try:
                check_pack(path, pack, url)
            except FileNotFoundError:
                raise _lacking(None, pack.key, url) from None
        keep = f"git-remote-data {os.getpid()}" if self.keep and number == 0 else ""
        config = self.repo.config
        return apply_pack(path, url, pack, fsck_exceptions(config), keep, self.options.loud, strict=_wants_fsck(config))


def _lacking(error: GitDataError | None, key: str, url: str) -> GitDataError:
    if error is not None and not isinstance(error, (CorruptData, NotOnRemote)):
        return error
    what = f"'{key}' on {url} is damaged" if isinstance(error, CorruptData) else f"'{key}' is missing on {url}"
    return CorruptData(what, "somebody who has the whole history can mend it: git data remote fsck --repair")


def _wants_fsck(config: Config) -> bool:
    """Whether git is to check the objects themselves: unlike from a server, from plain storage unless somebody says no."""
    return config.get_bool("fetch.fsckobjects", config.get_bool("transfer.fsckobjects", True))

"""Compaction: many packs become few, so that a clone or a fetch needs few requests. Nothing that anybody needs is lost.

The first packs stay as they are, as long as each is at least twice as large as all that came after it; the others are replaced by
one: what the refs reach and the first ones do not hold.  So an object is rewritten only as often as the logarithm of the history
says.  The list of packs is swapped like any other change; if somebody pushed meanwhile, it is all done again.

Replaced packs are ``retired``: they stay for those who are reading, and for taking a change back, for 14 days by the clock of the
remote.  A crash leaves a pack that nothing names, which a later compaction deletes at the same age.
"""

from __future__ import annotations

from git_data.errors import CorruptData, GitDataError, GitFailed, MissingData, RemoteUnavailable
from git_data.git.run import git
from git_data.host import choose
from git_data.host.packing import make_pack, present, send_pack
from git_data.host.prune import GRACE_S
from git_data.host.scratch import Scratch, whole_here
from git_data.host.state import Change
from git_data.host.who import signature
from git_data.transfer.clock import clock_s

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.git.repo import Repository
    from git_data.host.host import Host
    from git_data.host.packing import PackFile
    from git_data.host.state import Pack, State

_FACTOR = 2
_ATTEMPTS = 10
_SHOWN = 5


class Compaction:
    """What was done: ``replaced`` packs by ``new`` (``None``: nothing was left to pack), ``kept`` ones as they were."""

    __slots__ = ("downloaded", "kept", "new", "now_s", "replaced")

    def __init__(self, kept: list[Pack], replaced: list[Pack], new: Pack | None, downloaded: int, now_s: float) -> None:
        self.kept = kept
        self.replaced = replaced
        self.new = new
        self.downloaded = downloaded
        self.now_s = now_s


class _Moved(Exception):
    """Somebody else changed what the new pack was made from."""


def kept_number(packs: list[Pack], everything: bool = False) -> int:
    """How many of the first packs stay as they are; all of them if there is nothing to gain."""
    kept = 0
    after = sum(pack.size for pack in packs)
    for pack in packs if not everything else []:
        after -= pack.size
        if pack.size < _FACTOR * after or not pack.tips:
            break
        kept += 1
    return kept if len(packs) - kept > 1 else len(packs)


def compact(repo: Repository, host: Host, everything: bool = False, bad: set[str] | None = None) -> Compaction | None:
    """Replace packs; ``None`` if there is nothing to gain.

    ``bad``, if not ``None``, are names of packs that must not be used: they are replaced with all that came after the first of
    them, or all packs if it is empty (repair).

    Raises: MissingData if ``bad`` packs held what is nowhere else, CorruptData, RemoteError, FileSystemError, GitFailed.
    """
    for _ in range(_ATTEMPTS):
        state = host.read()
        assert state is not None
        if bad is None:
            number = kept_number(state.packs, everything)
            if number == len(state.packs):
                return None
        else:
            number = next((at for at, pack in enumerate(state.packs) if pack.name in bad), 0)
        try:
            return _replace(repo, host, state, number, bad)
        except _Moved:
            continue
    raise RemoteUnavailable(f"{host.remote.url} was changed by others again and again", "try again")


def _replace(repo: Repository, host: Host, state: State, number: int, bad: set[str] | None) -> Compaction:
    kept, replaced = state.packs[:number], state.packs[number:]
    oids = sorted(state.oids())
    here = whole_here(repo, oids)
    needed = choose.needed(state.packs, oids, here.__contains__)
    with Scratch(repo, state.object_format, lend=True) as scratch:
        failed = scratch.take(host.remote, [pack for pack in needed if pack.name not in (bad or ())])
        if bad is not None:
            _must_be_complete(host, state)
        elif failed:
            raise _named(next(iter(failed.values())))
        file = _pack_rest(scratch, oids, kept)
        if file is not None:
            send_pack(host.remote, file)
        now_s = _swap(host, state, kept, replaced, file.pack if file else None, "compact" if bad is None else "repair")
    if file is not None and not needed:
        host.memory.take([file.pack.name], [pack.name for pack in (*kept, file.pack)])
    return Compaction(kept, replaced, file.pack if file else None, sum(pack.size for pack in needed), now_s)


def _named(error: GitDataError) -> GitDataError:
    return CorruptData(error.message, "git data remote fsck   # says what to do")


def _must_be_complete(host: Host, state: State) -> None:
    """Raises: MissingData."""
    lacking = set(incomplete(sorted(state.oids())))
    refs = sorted(ref for ref in state.refs if state.oid(ref) in lacking)
    if refs:
        more = f" and {len(refs) - _SHOWN:,} more" if len(refs) > _SHOWN else ""
        raise MissingData(
            f"nothing was mended: objects that {', '.join(refs[:_SHOWN])}{more} need are neither at {host.remote.url} nor here",
            "try it in a clone that has them, or fetch from one: git fetch PATH\nor give them up: git push --delete REMOTE REF",
        )


def _pack_rest(scratch: Scratch, oids: list[str], kept: list[Pack]) -> PackFile | None:
    """What the objects (hex) reach, and the kept packs do not hold."""
    held = {tip for pack in kept for tip in pack.tips}
    rest = [oid for oid in oids if oid not in held]
    return make_pack(rest, present(held), scratch.directory) if rest else None


def incomplete(oids: list[str]) -> list[str]:
    """Those of the objects (hex) that reach something which is not in the repository git works in."""
    lacking = set(oids) - present(oids)
    return sorted(lacking) + _broken(sorted(set(oids) - lacking))


def _broken(oids: list[str]) -> list[str]:
    if not oids:
        return []
    try:
        git("rev-list", "--objects", "--stdin", "--quiet", stdin="".join(f"{oid}\n" for oid in oids).encode())
    except GitFailed:
        half = len(oids) // 2
        return oids if len(oids) == 1 else _broken(oids[:half]) + _broken(oids[half:])
    return []


def _swap(host: Host, made_from: State, kept: list[Pack], replaced: list[Pack], new: Pack | None, action: str) -> float:
    """Publish the new list; the time by the remote's clock. Raises: _Moved."""
    now_s = clock_s(host.remote)
    names = [pack.name for pack in made_from.packs]
    oids = made_from.oids()

    def prepare(state: State) -> Change:
        if [pack.name for pack in state.packs] != names or not state.oids() <= oids:
            raise _Moved
        retired = {name: time_s for name, time_s in state.retired.items() if time_s > now_s - GRACE_S}
        retired.update({pack.name: int(now_s) for pack in replaced})
        packs = [*kept, *([new] if new else [])]
        return Change(action, packs=packs, retired=retired, **signature())

    host.change(prepare)
    return now_s

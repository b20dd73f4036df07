"""Counting the copies of objects on remotes, before the only one on this machine goes."""

from __future__ import annotations

from git_data.errors import UsageError
from git_data.pointer import Pointer
from git_data.sync.fetch import sources
from git_data.sync.holders import ask

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.git.repo import Repository
    from git_data.sync.holders import Answer


class Copies:
    """``holders``: oid → names of the remotes that have it in its full size; ``asked``: what each remote said."""

    __slots__ = ("asked", "holders")

    def __init__(self) -> None:
        self.asked: list[Answer] = []
        self.holders: dict[str, list[str]] = {}


def copies(repo: Repository, pointers: list[Pointer], wanted: int) -> Copies:
    """Ask remotes, the default one first, until every object was seen on ``wanted`` of them, or all were asked.

    Two names for one place count once.  Raises: UsageError without a remote.
    """
    result = Copies()
    remotes = sources(repo)
    if not remotes:
        raise UsageError("there is no remote that could have the data", "git data remote add -d store URL")
    sizes = {pointer.oid: pointer.size for pointer in pointers}
    result.holders = {oid: [] for oid in sizes}
    places: set[str] = set()
    for named in remotes:
        lacking = [Pointer(oid, sizes[oid]) for oid, names in result.holders.items() if len(names) < wanted]
        if not lacking:
            break
        answer = ask(repo, named, lacking)
        result.asked.append(answer)
        if answer.error is None and answer.identity not in places:
            places.add(answer.identity)
            for oid, size in answer.sizes.items():
                if size == sizes[oid]:
                    result.holders[oid].append(named.name)
    return result

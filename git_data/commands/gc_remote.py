"""``git data gc --remote``: the part of ``git data gc`` that looks at a remote."""

from __future__ import annotations

import argparse
import time

from git_data.base.report import Progress, count, human_size
from git_data.commands import output
from git_data.errors import RemoteError, RepositoryError, UsageError
from git_data.git.repo import Repository
from git_data.host.marker import read_marker
from git_data.remote.address import redacted
from git_data.remote.layout import oid_of
from git_data.sync import collect, projects
from git_data.sync.remotes import find
from git_data.sync.session import Session
from git_data.transfer.retry import retried
from git_data.worktree.needed_remotely import needs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.remote.base import Entry

_SHOWN = 10
_SHOWN_DIGITS = 12


class Plan:
    """What may go, and how many objects stay because they are needed or young."""

    __slots__ = ("garbage", "kept", "young")

    def __init__(self, garbage: list[Entry], kept: int, young: int) -> None:
        self.garbage = garbage
        self.kept = kept
        self.young = young


def run(repo: Repository, arguments: argparse.Namespace, grace_s: float | None) -> int:
    """Collect garbage on a remote."""
    session = Session(repo, find(repo, arguments.remote))
    number = size = 0
    try:
        if session.reader() is None:
            raise RemoteError(f"'{session.name}' holds no data of git-data", "git data remote list -v")
        if arguments.forget:
            return _forget(session, arguments.forget)
        plan = _plan(repo, session, arguments.clone, grace_s)
        if arguments.force and plan.garbage:
            session.collecting()
            # from here on everybody asks again; what was published until now must be seen
            try:
                plan = _plan(repo, session, arguments.clone, grace_s)
                with Progress("deleting", len(plan.garbage), sum(entry.size for entry in plan.garbage)) as progress:
                    number, size = collect.delete(session.remote, plan.garbage, progress)
            finally:
                session.collected()
    finally:
        session.close()
    _report(arguments, session, plan, number, size)
    return 0


def _plan(repo: Repository, session: Session, clones: list[str], grace_s: float | None) -> Plan:
    """Raises: RepositoryError when somebody's needs are not known, RemoteError."""
    needed = needs(repo, clones)
    strangers = [root for root in projects.registered(session.remote) if root not in needed.roots]
    if strangers:
        more = f" (and {count(len(strangers) - 1, 'further project')})" if len(strangers) > 1 else ""
        raise RepositoryError(
            f"'{session.name}' also has data of the project that begins with commit {strangers[0][:_SHOWN_DIGITS]}{more}, "
            "so nothing was deleted",
            "git data gc --remote --clone PATH   # PATH: a clone of that project\n"
            f"or if it is gone for good: git data gc --remote={session.name} --forget {strangers[0]}",
        )
    if session.remote.url not in needed.hosts and retried(lambda: read_marker(session.remote)) is not None:
        raise RepositoryError(
            f"'{session.name}' hosts a git repository, too, and what its refs need is not known here; nothing was deleted",
            f"git remote add NAME data::{redacted(session.remote.url)} && git fetch NAME\n"
            "or: git data gc --remote --clone PATH   # PATH: a clone of that repository",
        )
    found = collect.usage(session.remote, needed.oids, everything=False)
    garbage = collect.old(session.remote, found.others, grace_s)
    return Plan(garbage, len(found.needed), len(found.others) - len(garbage))


def _forget(session: Session, root: str) -> int:
    known = [name for name in projects.registered(session.remote) if name.startswith(root)]
    if len(known) != 1 or len(root) < 7:
        raise UsageError(
            f"no project that begins with commit '{root}' is registered with '{session.name}'", "git data gc --remote"
        )
    projects.forget(session.remote, known[0])
    # if it is not gone after all, its next push registers it again
    session.collecting()
    session.collected()
    output.line(f"forgotten: {known[0]}; what only it needs may go with the next: git data gc --remote={session.name}")
    return 0


def _report(arguments: argparse.Namespace, session: Session, plan: Plan, number: int, size: int) -> None:
    garbage_bytes = sum(entry.size for entry in plan.garbage)
    if arguments.json:
        output.print_json(
            {
                "remote": session.name,
                "url": session.remote.url,
                "deleted": arguments.force,
                "count": number if arguments.force else len(plan.garbage),
                "bytes": size if arguments.force else garbage_bytes,
                "kept": plan.kept,
                "young": plan.young,
                "objects": [
                    {"oid": oid_of(entry.key), "size": entry.size, "stored": int(entry.time_s)} for entry in plan.garbage
                ],
            }
        )
        return
    if arguments.force:
        output.line(f"{count(number, 'object')} deleted from '{session.name}', {human_size(size)}")
    elif plan.garbage:
        for entry in plan.garbage[:_SHOWN]:
            stored = time.strftime("%Y-%m-%d", time.localtime(entry.time_s)) if entry.time_s else "?"
            output.line(f"{output.digits(oid_of(entry.key) or '')}  {human_size(entry.size):>9}  stored {stored}")
        if len(plan.garbage) > _SHOWN:
            output.line(f"and {len(plan.garbage) - _SHOWN:,} more; all of them: git data gc --remote --json")
        objects = count(len(plan.garbage), "object")
        output.line(f"{objects} can go, {human_size(garbage_bytes)}. To delete: git data gc --remote={session.name} --force")
    else:
        output.line("nothing to delete")
    young = f", {plan.young:,} not needed but too young" if plan.young else ""
    output.line(f"kept: {plan.kept:,} needed{young}")

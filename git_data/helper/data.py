"""The data of what git is about to publish, sent before any ref moves: for the pre-push hook, and for git servers behind data::.

Where no remote for data is configured, only pointers are published, and that is said.
"""

from __future__ import annotations

import os

from git_data.base import report
from git_data.config import COMMITTED_FILE
from git_data.git.run import as_stored
from git_data.sync.implied import look_for_remotes
from git_data.sync.lock_verify import note_no_locking, verify
from git_data.sync.push import between, outgoing, push, remember, vouch
from git_data.sync.remotes import default_name, find, named
from git_data.sync.session import Session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.errors import GitDataError
    from git_data.git.repo import Repository
    from git_data.pointer import Pointer

REFUSED = "its data was not sent; the reason is above"
"""What git shows beside each ref."""


def publish(
    repo: Repository,
    git_remote: str,
    local: list[str],
    remote: list[str],
    dry_run: bool = False,
    quiet: bool = False,
    refs: list[str] | None = None,
) -> None:
    """Send what is lacking of all that ``local`` reaches to the data remote that goes with a git remote.

    ``local`` are objects (hex) that refs are to point to; ``remote`` those that refs point to over there, which need not be here.
    ``refs`` are the names of the refs that are to change there, if they are known.

    Raises: MissingData, RemoteError, AccessDenied …: the push must not go on; Locked when others have locked what it changes.
    """
    as_stored()
    look_for_remotes(repo)
    name = default_name(repo.config, git_remote)
    published = [*remote, *_tracking(repo, git_remote)]
    if not name:
        verify(repo, git_remote, local, published, refs or [])
        _say_it_stays(repo, local, published)
        return
    session = Session(repo, find(repo, name))
    try:
        without_locks = verify(repo, git_remote, local, published, refs or [], session)
        vouch(session, remote)
        pointers = outgoing(repo, session, local)
        if not pointers and between(repo, local, published):
            # sent before, but nothing referred to it until now: a collection may have taken it since
            session.reader()
            pointers = outgoing(repo, session, local)
        if pointers:
            _send(repo, session, pointers, local, published, dry_run, quiet)
        elif not dry_run and session.known.tips:
            remember(repo, session, local)
    finally:
        session.close()
    if without_locks and not dry_run:
        note_no_locking(without_locks)


def _send(
    repo: Repository,
    session: Session,
    pointers: list[Pointer],
    local: list[str],
    published: list[str],
    dry_run: bool,
    quiet: bool,
) -> None:
    from git_data.base import libraries

    libraries.enable()
    from git_data.store.place import open_store
    from git_data.worktree.restore import restore

    store = open_store(repo)

    def required(missing: list[Pointer]) -> list[Pointer]:
        """Of what is nowhere, the part that this push would publish; what was published before is lost already."""
        new = _new(repo, local, published)
        old = [pointer for pointer in missing if pointer.oid not in new]
        if old:
            report.say(
                f"the data of {report.count(len(old), 'object')} published earlier is neither here nor on '{session.name}'"
                "\n  find the files: git data fsck --pointers --all"
            )
        return [pointer for pointer in missing if pointer.oid in new]

    result = push(
        repo, store, session, pointers,
        required=required, restore=lambda lost: restore(repo, store, lost),
        unpublished=lambda: outgoing(repo, session, local, published), dry_run=dry_run,
    )  # fmt: skip
    if result.sent and (dry_run or not quiet):
        verb = "would be sent" if dry_run else "sent"
        size = report.human_size(result.bytes)
        report.say(f"{report.count(len(result.sent), 'object')}, {size} {verb} to '{session.name}'")
        if session.named.is_committed and not _is_published(repo, session.name):
            report.say(
                f"'{session.name}' is named in {COMMITTED_FILE} only, which is not committed: a clone would not find this data"
                f"\n  git add {COMMITTED_FILE} && git commit"
            )
    if not dry_run and result.complete:
        remember(repo, session, local)


def _is_published(repo: Repository, name: str) -> bool:
    """Whether the remote is in the committed file, or comes from another branch where there is none here."""
    from git_data.git.run import git

    if not os.path.exists(os.path.join(repo.worktree, COMMITTED_FILE)):
        return True
    return bool(git("config", "--blob", f"HEAD:{COMMITTED_FILE}", f"data.{name}.url", ok=(0, 1, 128)))


def _new(repo: Repository, local: list[str], published: list[str]) -> set[str]:
    from git_data.git.scan import in_history

    found = in_history(repo, "--ignore-missing", *local, "--not", *published, "--")
    return {pointer.oid for pointer in found.values()}


def _tracking(repo: Repository, git_remote: str) -> list[str]:
    """What the git remote was last seen to have, as an argument of ``git rev-list``; nothing for a push to a URL."""
    return [f"--remotes={git_remote}"] if f"remote.{git_remote}.url" in repo.config.entries else []


def _say_it_stays(repo: Repository, local: list[str], published: list[str]) -> None:
    """Without a remote for data only pointers are published: say so once a push. Raises: UsageError where there are several."""
    from git_data.errors import UsageError

    new = _new(repo, local, published)
    several = named(repo.config) if new else {}
    if several and not repo.settings.allow_incomplete_push:
        raise UsageError("no remote for data is the default one", f"git data remote default {next(iter(several))}")
    if new:
        report.say(
            f"the data of {report.count(len(new), 'object')} stays on this machine: there is no remote for data"
            "\n  name one, then push again: git data remote add -d store URL"
        )


def complain(error: GitDataError) -> None:
    """Say why a push cannot go on, where git is told with each ref that it did not."""
    report.say(f"error: {error.message}" + "".join(f"\n  {line.strip()}" for line in error.hint.splitlines()))

"""Sending data: everything the remote lacks of what is about to be published, before any ref moves.

The remote is asked first what it has.  Data that is neither there nor here stops the push before anything is sent.  Nothing is
recorded as published until all of it has arrived.
"""

from __future__ import annotations

import os

from git_data.base.report import Progress, count, human_size
from git_data.errors import MissingData
from git_data.git.partial_clone import has_all_blobs_below, promisors
from git_data.git.run import git
from git_data.git.scan import in_history
from git_data.pointer import MAX_SIZE_BYTES
from git_data.remote.base import SMALL_BYTES
from git_data.store.presence import Presence
from git_data.sync import projects
from git_data.sync.session import Session
from git_data.transfer.plan import look
from git_data.transfer.upload import upload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from git_data.git.repo import Repository
    from git_data.pointer import Pointer
    from git_data.store.objects import Store


_FEW = 32
_FEW_BYTES = 4 << 20


class Pushed:
    """What a push did, or with ``dry_run`` would do. ``objects`` is how many data objects were looked at."""

    __slots__ = ("bytes", "collected", "left_out", "objects", "requests", "retries", "sent")

    def __init__(self) -> None:
        self.objects = 0
        self.sent: list[Pointer] = []
        self.bytes = 0
        self.left_out: list[Pointer] = []
        """neither here nor there, and not asked for"""
        self.collected = False
        """objects were deleted on the remote meanwhile"""
        self.requests = 0
        self.retries = 0

    @property
    def complete(self) -> bool:
        """Whether everything that was published, or will be, was seen on the remote or sent there."""
        return not self.left_out and not self.collected


def outgoing(repo: Repository, session: Session, include: list[str], exclude: Iterable[str] = ()) -> list[Pointer]:
    """Pointers reachable from ``include``, but not from commits whose data was seen on the remote.

    ``include`` are revisions, ranges or options of ``git rev-list`` (``--all``).  If there are any the remote is asked whether it
    still is what it was.  Raises: GitFailed, RemoteError.
    """
    tips = session.known.tips
    found = between(repo, include, [*exclude, *_known_here(tips)])
    if found:
        session.reader()
        if session.known.tips != tips:
            found = between(repo, include, exclude)
    return found


def between(repo: Repository, include: list[str], exclude: Iterable[str]) -> list[Pointer]:
    """Pointers reachable from ``include``, but not from ``exclude``, each object once. Raises: GitFailed."""
    found = in_history(repo, "--ignore-missing", *include, "--not", *exclude, "--")
    return list({pointer.oid: pointer for pointer in found.values()}.values())


def commits_of(include: list[str]) -> list[str]:
    """The commits and tags (hex) that ``include`` names with all they reach: none for a range. Raises: GitFailed."""
    named = git("rev-parse", "--revs-only", *include).decode().split()
    return [] if any(name.startswith("^") for name in named) else named


def vouch(session: Session, there: list[str]) -> None:
    """Tell from what the git remote has now which hints about a place that holds objects only still count.

    A server deletes its objects together with the last ref that needs them, and with the repository.  So a tip whose data was
    seen there counts while a ref of the git remote reaches it, and no longer.  ``there`` are objects (hex) its refs point to.
    """
    tips = _known_here(session.known.unvouched)
    there = _known_here(there) if tips else []
    if there:
        lines = "".join(f"{name}\n" for name in (*tips, *(f"^{name}" for name in there))).encode()
        unreached = git("rev-list", "--stdin", stdin=lines).decode().split()
        session.known.vouch(set(tips).difference(unreached))


def remember(repo: Repository, session: Session, commits: list[str]) -> None:
    """All the data that ``commits`` reach was seen on the remote, if this clone knows what they reach."""
    if sees_all(repo):
        session.known.add_tips(commits)


def sees_all(repo: Repository) -> bool:
    """Whether a walk through history meets every pointer: not in a shallow clone, nor in a partial one without them."""
    shallow = os.path.exists(os.path.join(repo.common_dir, "shallow"))
    return not shallow and (not promisors(repo) or has_all_blobs_below(repo, MAX_SIZE_BYTES))


def _known_here(commits: list[str]) -> list[str]:
    """Those of the commits that this repository has."""
    if not commits:
        return []
    answers = git("cat-file", "--batch-check=%(objectname)", stdin="\n".join(commits).encode() + b"\n").splitlines()
    return [answer.decode() for answer in answers if not answer.endswith(b" missing")]


def push(
    repo: Repository,
    store: Store,
    session: Session,
    pointers: list[Pointer],
    *,
    required: Callable[[list[Pointer]], list[Pointer]] | None = None,
    restore: Callable[[list[Pointer]], object] | None = None,
    unpublished: Callable[[], list[Pointer]] | None = None,
    dry_run: bool = False,
    fresh: bool = False,
    jobs: int = 0,
) -> Pushed:
    """Send what the remote lacks of ``pointers``.

    ``fresh`` means that they are most likely all news there, and that data was sent from here before: a few small objects are
    sent without a question, which costs less than the question if they are, and does no harm if they are not.

    ``required`` tells which of some missing pointers must not be missing (default: all); ``restore`` may bring back what the
    store has lost; ``unpublished`` gives all that no ref on the other side refers to yet, if it turns out to be needed.

    Raises: MissingData before anything was sent, CorruptData, RemoteError.
    """
    result = Pushed()
    result.objects = len(pointers)
    if fresh and not dry_run and session.known.is_set_up and _are_few(pointers) and not _split(store, pointers)[1]:
        result.sent = pointers
        result.bytes = sum(pointer.size for pointer in pointers)
        _send(repo, store, session, pointers, result, jobs)
        result.requests = session.remote.requests
        return result
    if session.reader() is None and not dry_run:
        session.writer()
    unknown = [pointer for pointer in pointers if not session.known.has(pointer.oid)]
    lacking = _lacking(session, unknown)
    here, missing = _split(store, lacking)
    if missing and restore is not None:
        restore(missing)
        more, missing = _split(store, missing)
        here += more
    if missing and not repo.settings.allow_incomplete_push:
        wanted = required(missing) if required is not None else missing
        if wanted:
            raise _nowhere(session, wanted)
    result.left_out = missing
    if session.layout is not None and session.layout.is_collecting and not dry_run:
        # what is there, and nothing refers to yet, may be about to go; sent again it is young, and stays
        again = _split(store, unpublished() if unpublished is not None else pointers)[0]
        here = list({pointer.oid: pointer for pointer in (*here, *again)}.values())
    result.sent = here
    result.bytes = sum(pointer.size for pointer in here)
    if not dry_run:
        # also who only finds his data there needs it
        projects.register(repo, session)
    if not dry_run and here:
        _send(repo, store, session, here, result, jobs)
        # what was sent is young, and stays; what was found there, or was believed to be, may be about to go
        while (unpublished is not None or len(here) < len(pointers)) and session.moved_on():
            result.collected = True
            _renew(repo, store, session, [*pointers, *(unpublished() if unpublished is not None else [])], result, jobs)
    result.requests = session.remote.requests
    return result


def _send(repo: Repository, store: Store, session: Session, here: list[Pointer], result: Pushed, jobs: int) -> None:
    size = sum(pointer.size for pointer in here)
    with Progress(f"sending to {session.name}", len(here), size) as progress:
        outcome = upload(session.remote, store, here, jobs, repo.settings.limit_rate_bytes, progress, stored=session.known.add)
    result.retries += outcome.retries
    if outcome.failed:
        pointer, error = outcome.failed[0]
        more = f" (and {count(len(outcome.failed) - 1, 'further object')})" if len(outcome.failed) > 1 else ""
        raise type(error)(error.message + more, error.hint)


def _renew(repo: Repository, store: Store, session: Session, pointers: list[Pointer], result: Pushed, jobs: int) -> None:
    """A collection began meanwhile: what we only found there may be about to go.  Sent again it is young, and stays.

    Raises: MissingData when it has gone and is not here, RemoteError.
    """
    ours = {pointer.oid for pointer in (*result.sent, *result.left_out)}
    found = list({pointer.oid: pointer for pointer in pointers if pointer.oid not in ours}.values())
    here, others = _split(store, found)
    gone = _lacking(session, others)
    if gone and not repo.settings.allow_incomplete_push:
        raise _nowhere(session, gone)
    if here:
        _send(repo, store, session, here, result, jobs)


def _are_few(pointers: list[Pointer]) -> bool:
    small = all(pointer.size <= SMALL_BYTES for pointer in pointers)
    return small and len(pointers) <= _FEW and sum(pointer.size for pointer in pointers) <= _FEW_BYTES


def _lacking(session: Session, unknown: list[Pointer]) -> list[Pointer]:
    """Of objects nothing is known of, those the remote does not have in their full size."""
    if session.layout is None or not unknown:
        return unknown
    with Progress(f"asking {session.name}", len(unknown)) as progress:
        there = look(session.remote, unknown, progress)
    session.known.add(pointer.oid for pointer in unknown if there.sizes.get(pointer.oid) == pointer.size)
    return [pointer for pointer in unknown if there.sizes.get(pointer.oid) != pointer.size]


def _split(store: Store, pointers: list[Pointer]) -> tuple[list[Pointer], list[Pointer]]:
    presence = Presence(store, len(pointers))
    here: list[Pointer] = []
    missing: list[Pointer] = []
    for pointer in pointers:
        (here if presence.has(pointer.oid, pointer.size) else missing).append(pointer)
    return here, missing


def _nowhere(session: Session, missing: list[Pointer]) -> MissingData:
    size = human_size(sum(pointer.size for pointer in missing))
    listed = ", ".join(pointer.oid[:12] for pointer in missing[:3])
    more = ", …" if len(missing) > 3 else ""
    return MissingData(
        f"the data of {count(len(missing), 'object')} ({size}: {listed}{more}) is neither here nor on '{session.name}'; "
        "nothing was sent",
        "find the files: git data ls-files --missing\n"
        "from another remote: git data fetch REMOTE --all\n"
        "or push all the same: git -c data.allowIncompletePush=true push",
    )

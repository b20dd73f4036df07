"""Which remotes have an object now: asked for real, never answered from what is remembered."""

from __future__ import annotations

from git_data.errors import GitDataError
from git_data.sync.session import Session
from git_data.transfer.plan import look
from git_data.transfer.pool import Pool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from git_data.git.repo import Repository
    from git_data.pointer import Pointer
    from git_data.sync.remotes import Named


class Answer:
    """What one remote said: the ``sizes`` of the objects it has, or why it could not be asked.

    ``identity`` tells two names of one place apart from two places.
    """

    __slots__ = ("error", "identity", "named", "sizes")

    def __init__(self, named: Named) -> None:
        self.named = named
        self.identity = named.url
        self.sizes: dict[str, int] = {}
        self.error: GitDataError | None = None


def ask(repo: Repository, named: Named, wanted: list[Pointer], jobs: int = 0) -> Answer:
    """Ask one remote; that it cannot be asked is an answer, too.  Hints that turn out wrong are forgotten."""
    answer = Answer(named)
    try:
        session = Session(repo, named, jobs)
        try:
            layout = session.reader()
            answer.identity = layout.id if layout is not None else session.remote.url
            sizes = look(session.remote, wanted).sizes
            answer.sizes = sizes
            session.known.forget(pointer.oid for pointer in wanted if pointer.oid not in sizes)
        finally:
            session.close()
    except GitDataError as error:
        answer.error = error
    return answer


def ask_all(repo: Repository, remotes: Iterable[Named], wanted: list[Pointer], jobs: int = 0) -> list[Answer]:
    """Ask remotes side by side; the answers are in their order. Raises: KeyboardInterrupt, however long a remote is silent."""
    answers: dict[str, Answer] = {}
    asked = list(remotes)

    def piece(named: Named) -> None:
        answers[named.name] = ask(repo, named, wanted, jobs)

    Pool(len(asked)).run([lambda named=named: piece(named) for named in asked])  # type: ignore[misc]
    return [answers[named.name] for named in asked]

"""What an LFS server permits of one operation: asked for in groups of what was announced, and kept while it holds."""

from __future__ import annotations

import threading

from git_data.errors import GitDataError
from git_data.remote.lfs_api import MOST, Granted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from git_data.remote.lfs_api import Server


class Permits:
    """For ``download`` or ``upload``. Any number of threads may use it; one at a time asks the server, for the others, too."""

    def __init__(self, server: Server, operation: str) -> None:
        self._server = server
        self._operation = operation
        self._sizes: dict[str, int] = {}
        self._waiting: dict[str, int] = {}
        """announced, and not asked for yet"""
        self._answers: dict[str, Granted | GitDataError] = {}
        self._lock = threading.Lock()
        self._asking = threading.Lock()

    def announce(self, wanted: Sequence[tuple[str, int]]) -> None:
        """These (oid, size) will be asked for."""
        with self._lock:
            self._sizes.update(wanted)
            self._waiting.update(item for item in wanted if item[0] not in self._answers)

    def size(self, oid: str) -> int | None:
        """The size that was announced."""
        with self._lock:
            return self._sizes.get(oid)

    def forget(self, oid: str) -> None:
        """Ask again next time."""
        with self._lock:
            self._answers.pop(oid, None)

    def one(self, oid: str, size: int) -> Granted:
        """What is permitted for an object. Raises: what the server says, RemoteError when it does not answer."""
        answer = self.many([(oid, size)])[0]
        if isinstance(answer, GitDataError):
            raise answer
        return answer

    def many(self, objects: Sequence[tuple[str, int]]) -> list[Granted | GitDataError]:
        """What is permitted for each; the rest of a question is filled with what was announced. Raises: RemoteError."""
        with self._lock:
            self._sizes.update(objects)
        if self._lacking(objects):
            with self._asking:  # meanwhile another thread may have asked for these, too
                lacking = self._lacking(objects)
                for at in range(0, len(lacking), MOST):
                    self._ask(lacking[at : at + MOST])
        with self._lock:
            return [self._told(oid) for oid, _ in objects]

    def _lacking(self, objects: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
        with self._lock:
            found = {oid: self._answers.get(oid) for oid, _ in objects}
        return [item for item in objects if (answer := found[item[0]]) is None or isinstance(answer, Granted) and answer.is_over]

    def _ask(self, objects: list[tuple[str, int]]) -> None:
        with self._lock:
            for oid, _ in objects:
                self._waiting.pop(oid, None)
            others: list[tuple[str, int]] = []
            while self._waiting and len(objects) + len(others) < MOST:
                oid = next(iter(self._waiting))
                others.append((oid, self._waiting.pop(oid)))
        answers = self._server.batch(self._operation, [*objects, *others])
        with self._lock:
            self._answers.update(answers)

    def _told(self, oid: str) -> Granted | GitDataError:
        """An error is told once: who comes later asks again."""
        answer = self._answers[oid]
        if isinstance(answer, GitDataError):
            del self._answers[oid]
        return answer

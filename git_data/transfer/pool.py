"""Working on many pieces at once: threads, retries, one end for all.

A piece is a function.  It is called again, later each time, when it raises a ``retryable`` error; after that, and with any other
error, everything ends and the error is raised in the caller's thread.  What concerns one object only is the piece's own business.
"""

from __future__ import annotations

import threading
import time
from collections import deque

from git_data.errors import GitDataError
from git_data.transfer.gate import Gate, Throttle
from git_data.transfer.retry import ATTEMPTS, pause_s

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from git_data.base.report import Progress

_END_WAIT_S = 5.0
_LOOK_EVERY_S = 0.2


class Stopped(BaseException):
    """Raised inside workers when everything is to end; never seen by callers."""


class Pool:
    """``pool.run(pieces)`` calls each; pieces may add further ones with ``pool.add``.

    ``moved(n)`` is to be called with every chunk of bytes: it moves the progress, keeps the speed limit and ends the worker
    when the pool ends.
    """

    def __init__(self, workers: int, progress: Progress | None = None, bytes_per_s: int = 0) -> None:
        self.workers = max(workers, 1)
        self.gate = Gate(self.workers)
        self.retries = 0
        self._progress = progress
        self._throttle = Throttle(bytes_per_s)
        self._pieces: deque[Callable[[], None]] = deque()
        self._changed = threading.Condition()
        self._open = 0
        self._failure: BaseException | None = None
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []
        self.lock = threading.Lock()
        """for what pieces share"""

    # -- called by pieces

    def add(self, piece: Callable[[], None], first: bool = False) -> None:
        """One more piece, to be done next with ``first``."""
        with self._changed:
            self._open += 1
            if first:
                self._pieces.appendleft(piece)
            else:
                self._pieces.append(piece)
            self._changed.notify()
            self._start()

    def moved(self, size: int) -> None:
        """So many bytes are on their way. Raises: Stopped."""
        self.check()
        self._throttle(size)
        self.note(0, size)

    def note(self, files: int, size: int) -> None:
        """Tell the progress; negative numbers take back what a failed attempt had told."""
        if self._progress is not None:
            with self.lock:
                self._progress(files, size)

    def check(self) -> None:
        """Raises: Stopped when everything ends."""
        if self._ended.is_set():
            raise Stopped

    # -- called by the owner

    def run(self, pieces: Iterable[Callable[[], None]]) -> None:
        """Do all; returns when everything is done. Raises: what a piece raised, KeyboardInterrupt."""
        for piece in pieces:
            self._pieces.append(piece)
        self._open = len(self._pieces)
        if not self._open:
            return
        self._start()
        try:
            # with a time-out, or Ctrl-C would not be noticed while waiting
            with self._changed:
                while self._open and self._failure is None:
                    self._changed.wait(_LOOK_EVERY_S)
        finally:
            self._ended.set()
            with self._changed:
                self._changed.notify_all()
            # daemons: one that hangs in the network does not keep us
            deadline = time.monotonic() + _END_WAIT_S
            for thread in self._threads:
                thread.join(max(0.0, deadline - time.monotonic()))
        if self._failure is not None:
            raise self._failure

    def _start(self) -> None:
        """As many threads as there is work for."""
        while len(self._threads) < min(self.workers, self._open):
            thread = threading.Thread(target=self._work, daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._pieces and self._open and not self._ended.is_set():
                    self._changed.wait()
                if not self._pieces or self._ended.is_set():
                    return
                piece = self._pieces.popleft()
            try:
                self._attempt(piece)
            except Stopped:
                return
            except BaseException as error:  # raised again by run
                with self._changed:
                    self._failure = self._failure or error
                    self._changed.notify_all()
                return
            with self._changed:
                self._open -= 1
                if not self._open:
                    self._changed.notify_all()

    def _attempt(self, piece: Callable[[], None]) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self.gate:
                    self.check()
                    piece()
                return
            except GitDataError as error:
                if not error.retryable or attempt == ATTEMPTS:
                    raise
                self.gate.overloaded()
                self.retries += 1
                if self._ended.wait(pause_s(attempt, error)):
                    raise Stopped from None

"""How much is going on at once: a limit that follows what the remote can take, and a limit of bytes a second.

The number of simultaneous requests grows by one with every round of successes and is halved when the remote says that it has
enough, as in TCP's congestion avoidance (RFC 5681, additive increase, multiplicative decrease).
"""

from __future__ import annotations

import threading
import time

_HALVE_EVERY_S = 1.0
_BURST_S = 0.1


class Gate:
    """``with gate:`` around each piece of work; ``gate.overloaded()`` when the remote complains."""

    def __init__(self, most: int) -> None:
        self.most = max(most, 1)
        self.limit = float(min(self.most, 8))
        self._busy = 0
        self._changed = threading.Condition()
        self._halved = 0.0

    def __enter__(self) -> None:
        with self._changed:
            while self._busy >= int(self.limit):
                self._changed.wait()
            self._busy += 1

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        with self._changed:
            self._busy -= 1
            if error is None:
                self.limit = min(self.most, self.limit + 1 / self.limit)
            self._changed.notify()

    def overloaded(self) -> None:
        """The remote failed under this load: do half as much at a time."""
        with self._changed:
            now = time.monotonic()
            # all requests under way fail together: that is one sign, not many
            if now - self._halved >= _HALVE_EVERY_S:
                self._halved = now
                self.limit = max(1.0, self.limit / 2)


class Throttle:
    """At most ``bytes_per_s`` in all threads together; 0 for no limit (token bucket)."""

    def __init__(self, bytes_per_s: int) -> None:
        self.bytes_per_s = bytes_per_s
        self._free_at = time.monotonic()
        self._lock = threading.Lock()

    def __call__(self, size: int) -> None:
        """Wait until ``size`` more bytes may go."""
        if not self.bytes_per_s:
            return
        with self._lock:
            now = time.monotonic()
            start = max(self._free_at, now - _BURST_S)
            self._free_at = start + size / self.bytes_per_s
            wait_s = start - now
        if wait_s > 0:
            time.sleep(wait_s)

"""How large the parts of an upload are, and how many of them are in memory."""

from __future__ import annotations

import threading

from git_data.errors import ConfigError, RemoteError
from git_data.remote.base import CHUNK_BYTES

PART_BYTES = 8 << 20
MAX_PARTS = 10_000
MIN_PART_BYTES = 5 << 20
MAX_SOURCE_BYTES = 5 << 40
BUDGET_BYTES = 56 << 20
"""Parts in memory, of all uploads to a remote together."""
STREAMED_BYTES = 32 << 20
"""Parts of this size and above are not held in memory, but sent as they are read, one at a time."""


class Budget:
    """Memory that several uploads share: a part waits here before it is read."""

    def __init__(self, total: int) -> None:
        self._left = self._total = total
        self._changed = threading.Condition()

    def take(self, count: int) -> None:
        """Wait until there is room for ``count`` bytes."""
        with self._changed:
            self._changed.wait_for(lambda: self._left >= count or self._left == self._total)
            self._left -= count

    def give(self, count: int) -> None:
        """Return what was taken."""
        with self._changed:
            self._left += count
            self._changed.notify_all()


def part_size(size: int, setting: str = "") -> int:
    """How large parts are: the setting, more where 10,000 of them would not hold the object. Raises: ConfigError, RemoteError."""
    if size > MAX_SOURCE_BYTES:
        raise RemoteError(f"an object of {size:,} bytes is larger than the 5 TiB that S3 can hold")
    part = PART_BYTES
    if setting:
        number, unit = setting.strip().lower().rstrip("ib"), 1
        if number[-1:] in ("k", "m", "g"):
            number, unit = number[:-1], 1 << {"k": 10, "m": 20, "g": 30}[number[-1]]
        if not number.isdigit() or not MIN_PART_BYTES <= int(number) * unit <= 5 << 30:
            raise ConfigError(f"the partsize of the remote is '{setting}'", "it must be between 5MiB and 5GiB")
        part = int(number) * unit
    needed = -(-size // MAX_PARTS)
    return max(part, -(-needed // CHUNK_BYTES) * CHUNK_BYTES)

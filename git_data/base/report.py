"""Messages and progress on standard error.

Messages are plain lines with the program's name, like git's.  Progress appears only for work that takes longer than a
second: a bar on a terminal (drawn by rich), a line every ten seconds elsewhere, nothing with ``GIT_DATA_PROGRESS=0``.
"""

from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

DELAY_S = 1.0
LINE_EVERY_S = 10.0


def say(text: str) -> None:
    """One line for the user on standard error."""
    sys.stderr.write(f"git-data: {harmless(text)}\n")
    sys.stderr.flush()


def harmless(text: str) -> str:
    """Text that may name files: control characters (a terminal would obey them) and undecodable bytes are escaped."""
    if text.isascii() and text.isprintable():
        return text
    decoded = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(character if character.isprintable() or character == "\n" else repr(character)[1:-1] for character in decoded)


def human_size(size_bytes: int) -> str:
    """Bytes for people, in powers of 1000: ``999 B``, ``1.5 kB``, ``12.3 GB``."""
    if size_bytes < 1000:
        return f"{size_bytes} B"
    value, units = size_bytes / 1000, ["kB", "MB", "GB", "TB", "PB", "EB"]
    while value >= 999.95 and len(units) > 1:
        value /= 1000
        units.pop(0)
    return f"{value:.1f} {units[0]}"


def count(number: int, noun: str) -> str:
    """``1 file``, ``3 files``, ``2 copies``."""
    plural = noun[:-1] + "ies" if noun.endswith(("py", "ry")) else noun + "s"
    return f"{number:,} {noun if number == 1 else plural}"


class Progress:
    """``with Progress("linking", files=10, size_bytes=…) as progress: progress(1, 4096)``.

    Calls may come from any thread. ``noun`` is what ``files`` counts.
    """

    def __init__(self, doing: str, files: int, size_bytes: int = 0, noun: str = "file") -> None:
        self.doing = doing
        self.noun = noun
        self.files = files
        self.size_bytes = size_bytes
        self.files_done = 0
        self.bytes_done = 0
        self.bytes_under_way = 0
        self.off = os.environ.get("GIT_DATA_PROGRESS", "") == "0"
        self._next = time.monotonic() + DELAY_S
        self._bar: Any = None
        self._task: Any = None

    def __call__(self, files: int, size_bytes: int = 0) -> None:
        """So much more is done."""
        self.files_done += files
        self.bytes_done += size_bytes
        if not self.off and time.monotonic() >= self._next:
            self._show()

    def under_way(self, size_bytes: int) -> None:
        """So many bytes belong to files that are not done yet."""
        self.bytes_under_way = size_bytes
        self(0)

    def _show(self) -> None:
        if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
            if self._bar is None:
                self._start_bar()
            self._next = time.monotonic() + 0.1
            done = self.bytes_done + self.bytes_under_way if self.size_bytes else self.files_done
            self._bar.update(self._task, completed=done, files=f"{self.files_done:,}/{self.files:,}")
            return
        self._next = time.monotonic() + LINE_EVERY_S
        size = (
            f", {human_size(self.bytes_done + self.bytes_under_way)} of {human_size(self.size_bytes)}" if self.size_bytes else ""
        )
        say(f"{self.doing}: {self.files_done:,} of {count(self.files, self.noun)}{size}")

    def _start_bar(self) -> None:
        from git_data.base import libraries

        libraries.enable()
        from rich import progress as bars
        from rich.console import Console

        columns: list[Any] = [bars.TextColumn("{task.description}"), bars.BarColumn(), bars.TextColumn("{task.fields[files]}")]
        if self.size_bytes:
            columns += [bars.DownloadColumn(), bars.TransferSpeedColumn()]
        columns.append(bars.TimeRemainingColumn())
        self._bar = bars.Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task(self.doing, total=self.size_bytes or self.files, files="")
        self._bar.start()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Take the bar off the terminal."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

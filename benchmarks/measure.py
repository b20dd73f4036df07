"""Running commands: timed, traced, and what they leave on the file system."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator

Command = list[str]


class CommandFailed(Exception):
    """A command of a tool did not succeed."""


class Place:
    """A directory and the environment in which commands run there."""

    def __init__(self, root: str, env: dict[str, str]) -> None:
        self.root = root
        self.env = env

    def run(self, *command: str, **more_env: str) -> str:
        """Run one command untimed; what it prints. Raises: CommandFailed."""
        return self.feed("", *command, **more_env)

    def feed(self, text: str, *command: str, **more_env: str) -> str:
        """The same with a text to read. Raises: CommandFailed."""
        done = subprocess.run(
            command,
            cwd=self.root,
            env={**self.env, **more_env},
            capture_output=True,
            text=True,
            errors="replace",
            input=text,
        )
        if done.returncode:
            raise CommandFailed(f"{' '.join(command)}: exit {done.returncode}: {(done.stderr or done.stdout).strip()[-2000:]}")
        return done.stdout

    def time(self, commands: Iterable[Command], limit_s: float | None = None) -> Timing:
        """Run commands one after the other; their wall time together.

        Raises: CommandFailed, also when one of them takes longer than ``limit_s``.
        """
        log = os.path.join(self.env["HOME"], "last-command.log")
        peak_kib = 0
        elapsed_s = 0.0
        output = ""
        for command in commands:
            with open(log, "w+b") as file:
                start = time.perf_counter()
                # a session of its own: it can be ended with everything it started
                process = subprocess.Popen(
                    command,
                    cwd=self.root,
                    env=self.env,
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
                try:
                    with _killed_after(limit_s, process.pid):
                        _, status, usage = os.wait4(process.pid, 0)
                except BaseException:  # the run is being ended: nobody may stay on a file system that has to be unmounted
                    _kill_group(process.pid)
                    raise
                elapsed_s += time.perf_counter() - start
                process.returncode = os.waitstatus_to_exitcode(status)
                # the largest of the command and of everything it started and waited for
                peak_kib = max(peak_kib, usage.ru_maxrss)
                file.seek(0)
                output += file.read().decode("utf-8", "replace")
            if process.returncode:
                late = f" (it may take {limit_s:.0f} s)" if limit_s is not None and elapsed_s >= limit_s else ""
                raise CommandFailed(f"{' '.join(command)}: exit {process.returncode}{late}: {output.strip()[-2000:]}")
        return Timing(elapsed_s, peak_kib * 1024, output)


@contextlib.contextmanager
def _killed_after(limit_s: float | None, group: int) -> Iterator[None]:
    """End a group of processes if the block takes too long."""
    if limit_s is None:
        yield
        return
    timer = threading.Timer(limit_s, _kill_group, [group])
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _kill_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


class Timing:
    """Wall time, largest resident size of any one process, and what was printed."""

    def __init__(self, elapsed_s: float, peak_bytes: int, output: str) -> None:
        self.elapsed_s = elapsed_s
        self.peak_bytes = peak_bytes
        self.output = output


def settle(new_second: bool = False) -> None:
    """Write back everything that is dirty, so that no command pays for what another one left.

    ``new_second`` waits until the clock shows another second: git takes a file that was written in the second of the index for
    possibly changed, and would read it again.
    """
    os.sync()
    if new_second:
        now = time.time()
        time.sleep(int(now) + 1.02 - now)


def used_bytes(root: str) -> int:
    """What the file system of ``root`` has in use, after everything is written.

    Not the sum over files, which counts shared blocks twice.
    """
    last = -1
    while True:
        os.sync()
        status = os.statvfs(root)
        used = (status.f_blocks - status.f_bfree) * status.f_frsize
        # XFS frees blocks of deleted files in the background
        if used == last:
            return used
        last = used
        time.sleep(0.2)


def block_bytes(root: str) -> int:
    """The block size of the file system."""
    return os.statvfs(root).f_frsize

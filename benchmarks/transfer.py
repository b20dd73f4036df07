"""Remotes: every tool pushes the same work to an empty place, pushes again, and brings it back."""

from __future__ import annotations

import argparse
import os
import secrets
from collections.abc import Callable
from typing import Any

import mounts
import peers
import servers
import table
from measure import Command, CommandFailed, Place, settle
from movers import Mover
from servers import Remote, ServerFailed
from transfer_tools import MOVERS
from work import Work, WrongContent

STEPS = ("push", "again", "fetch")
AGAIN = 3
"""pushes that find nothing to do, in each round"""
LIMIT_S = 900
"""what takes longer hangs"""


class Samples:
    """What was measured of one tool on one work and one kind of remote, over all rounds."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {step: [] for step in STEPS}
        self.peak_bytes = 0
        """the largest process of any step"""
        self.requests: dict[str, int] = {}
        """of each step, where the tool tells"""
        self.failed = ""
        """what it said when it could not go on"""


class Comparison:
    """All tools on all kinds of remotes.

    ``results`` is filled as they are measured, so that a run that is broken off shows what it has.
    """

    def __init__(
        self, options: argparse.Namespace, directory: str, home: str, results: dict[str, Any], say: Callable[[str], None]
    ) -> None:
        self.options = options
        self.directory = directory
        self.results = results
        self.say = say
        self.ours, self.theirs = peers.transfer_environments(home, options.git_data, options.venv)

    def run(self) -> None:
        """Measure everything that was asked for and can be had."""
        self.results["transfer"] = {}
        self._note_version("git", Place(self.directory, self.ours).run("git", "version").strip())
        for kind in self.options.remote or servers.KINDS:
            reason = servers.missing(kind, self.theirs)
            if reason:
                self._leave_out(f"remotes: {kind}", reason)
                continue
            self._note_version(f"{kind} server", servers.version(kind, self.directory, self.theirs))
            self._one_kind(kind)

    def _one_kind(self, kind: str) -> None:
        """All works; in each round the next tool begins."""
        movers = [mover for mover in MOVERS if kind in mover.kinds and self._is_usable(mover, kind)]
        measured = self.results["transfer"][kind] = {}
        for work in works(self.options):
            samples = {mover: Samples() for mover in movers}
            measured[work.name] = {mover.name: vars(samples[mover]) for mover in movers}
            self.results.setdefault("transfer_titles", {})[work.name] = work.title
            for turn in range(self.options.rounds if movers else 0):
                first = turn % len(movers)
                for mover in movers[first:] + movers[:first]:
                    if not samples[mover].failed:
                        self.say(f"{kind}: {work.title}: round {turn + 1} of {self.options.rounds}: {mover.name}")
                        self._round(mover, work, kind, samples[mover])

    def _is_usable(self, mover: type[Mover], kind: str) -> bool:
        """Whether a tool was asked for and is there.

        Where the numbers matter it then goes through all steps once with two tiny files, so that nobody's program has to be read
        from the disk when the time counts.
        """
        if self.options.tool and mover.name not in self.options.tool:
            return False
        place = Place(self.directory, self._env(mover))
        reason = mover.missing(place, kind)
        if reason:
            self._leave_out(f"{kind}: {mover.name}", reason)
            return False
        self._note_version(" ".join(mover.version), place.run(*mover.version).strip().splitlines()[0])
        if self.options.quick:
            return True
        self.say(f"{kind}: trying {mover.name}")
        trial = Samples()
        self._round(mover, Work("trial", "", 2, 1000), kind, trial, again=1)
        if trial.failed:
            self._leave_out(f"{kind}: {mover.name}", f"does not work: {trial.failed}")
        return not trial.failed

    def _round(self, mover: type[Mover], work: Work, kind: str, into: Samples, again: int = AGAIN) -> None:
        """One round; when it fails the others go on, on a clean file system, and the run as a whole has failed."""
        try:
            with servers.opened(kind, self.directory, self.theirs, self.options.one_cipher) as remote:
                run_once(mover, work, remote, self.directory, self._env(mover), into, again)
        except (CommandFailed, WrongContent, ServerFailed) as failure:
            into.failed = str(failure)
            self.say(f"{mover.name} failed: {failure}")
            self.results["failed"] = True
        finally:
            mounts.empty(self.directory)

    def _env(self, mover: type[Mover]) -> dict[str, str]:
        return self.ours if mover.ours else self.theirs

    def _leave_out(self, what: str, reason: str) -> None:
        self.say(f"left out: {what}: {reason}")
        self.results["left_out"][what] = reason

    def _note_version(self, name: str, version: str) -> None:
        if version:
            self.results["versions"][name] = version


def works(options: argparse.Namespace) -> list[Work]:
    """Many small files and a big one, or what was asked for."""
    size = options.remote_big
    both = [
        Work("many", f"{options.files:,} files of {options.file_size:,} bytes", options.files, options.file_size),
        Work("big", f"one file of {table.size(size)}", 1, size),
    ]
    return [work for work in both if not options.work or work.name in options.work]


def run_once(
    kind: type[Mover], work: Work, remote: Remote, directory: str, env: dict[str, str], into: Samples, again: int
) -> None:
    """One round on a new remote, with new content. What came back is checked when the remote is gone.

    Raises: CommandFailed, WrongContent.
    """
    root = os.path.join(directory, "work")
    os.mkdir(root)
    # what DVC remembers of a remote, too, is of this round only
    place = Place(root, {**env, **remote.env, "DVC_SITE_CACHE_DIR": os.path.join(directory, "dvc-site")})
    mover = kind(place, work, remote)
    seed = secrets.token_hex(8)
    mover.set_up(seed)
    _timed(mover, "push", mover.push(), into)
    for _ in range(again if mover.again() else 0):
        mover.before_again()
        _timed(mover, "again", mover.again(), into)
    mover.forget()
    _timed(mover, "fetch", mover.fetch(), into)
    remote.close()
    mover.check(seed)


def _timed(mover: Mover, step: str, commands: list[Command], into: Samples) -> None:
    settle()
    timing = mover.place.time(commands, LIMIT_S)
    into.seconds[step].append(timing.elapsed_s)
    into.peak_bytes = max(into.peak_bytes, timing.peak_bytes)
    requests = mover.requests(timing.output)
    if requests is not None:
        into.requests[step] = requests

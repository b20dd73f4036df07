"""The comparison: every tool does the same steps on the same work."""

from __future__ import annotations

import os
import secrets

from measure import Place, block_bytes, settle, used_bytes
from mounts import empty
from tools import GitData, Tool
from work import Work

STEPS = ("add", "commit", "switch", "status", "status again")
STATUS_AGAIN = 5


class Samples:
    """What was measured of one tool on one work: seconds by step, over all rounds."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {step: [] for step in STEPS}
        self.disk: list[float] = []
        """used in all, of the two versions stored once = 1"""
        self.add_peak_bytes = 0
        self.dirty = 0
        """how often the status after a switch called files modified that were not"""
        self.status_starts_filter: bool | None = None
        self.failed = ""
        """what it said when it could not go on"""


def run_once(kind: type[Tool], work: Work, directory: str, env: dict[str, str], switches: int, into: Samples) -> None:
    """One round: a new repository, two versions, some switches. Everything is checked, outside of the time."""
    root = os.path.join(directory, "work")
    before = used_bytes(directory)
    os.mkdir(root)
    place = Place(root, env)
    tool = kind(place, work)
    tool.set_up()
    seed = secrets.token_hex(8)
    for version in (1, 2):
        tool.write(seed, version)
        settle(new_second=True)
        added = place.time(tool.add(version))
        into.seconds["add"].append(added.elapsed_s)
        into.add_peak_bytes = max(into.add_peak_bytes, added.peak_bytes)
        settle()
        commit = tool.commit(version)
        if commit:
            into.seconds["commit"].append(place.time(commit).elapsed_s)
        tool.tag(version)
        tool.check(seed, version)
    if tool.switch(1):
        for number in range(switches):
            _switch(tool, seed, 1 + number % 2, into)
        into.disk.append((used_bytes(directory) - before) / (2 * tool.work.stored_bytes(block_bytes(root))))
    if isinstance(tool, GitData):
        into.status_starts_filter = status_starts_filter(tool.place)
    empty(directory)


def _switch(tool: Tool, seed: str, version: int, into: Samples) -> None:
    settle(new_second=True)
    into.seconds["switch"].append(tool.place.time(tool.switch(version)).elapsed_s)
    status = tool.status()
    if status:
        os.sync()
        first = tool.place.time(status)
        into.seconds["status"].append(first.elapsed_s)
        into.dirty += bool(first.output.strip())
        settle()
        for _ in range(STATUS_AGAIN):
            into.seconds["status again"].append(tool.place.time(status).elapsed_s)
    tool.check(seed, version)


def status_starts_filter(place: Place) -> bool:
    """Whether ``git status`` runs a filter, as git's own trace tells."""
    trace = os.path.join(place.env["HOME"], "trace")
    place.run("git", "status", "--porcelain", GIT_TRACE=trace)
    with open(trace, encoding="utf-8", errors="replace") as file:
        text = file.read()
    os.unlink(trace)
    return "filter-process" in text or "launch.py" in text

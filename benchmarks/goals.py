"""What the project set out to reach, beside what this run reached."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from typing import Any

import show_hosting
import show_migrate
from compare import STEPS
from table import ratio, seconds, size
from tools import TOOLS, AnnexLocked, PlainGit
from transfer import STEPS as TRANSFER_STEPS
from transfer_tools import MOVERS, Dvc

Row = list[str]

PEERS = [tool.name for tool in TOOLS if tool.peer and tool.real_files]
"""who gives the same: files that can be edited, not links to the one copy"""

MOVING_PEERS = [mover.name for mover in MOVERS if mover.peer]
STEP_NAMES = {"again": "push again"}


def rows(results: dict[str, Any]) -> list[Row]:
    """Goal, limit, reached, verdict; goals that this run did not measure are left out."""
    compared = results.get("compare", {})
    return [
        *_on_reflinks(compared.get("xfs", {})),
        *_on_copies(compared.get("ext4", {})),
        *_startup(results.get("startup")),
        *_memory(results.get("memory")),
        *_tracked(results.get("tracked")),
        *_transfer(results.get("transfer", {}), results.get("transfer_titles", {})),
        *(_verdict(*goal) for goal in show_hosting.goals(results)),
        *(_verdict(*goal) for goal in show_migrate.goals(results)),
    ]


def _verdict(goal: str, limit: float, reached: float, show: Any = ratio) -> Row:
    return [goal, f"≤ {limit if show is ratio else show(limit)}", show(reached), "reached" if reached <= limit else "SHORT"]


def _percent(value: float) -> str:
    return f"{value * 100:.1f} %"


class _Numbers:
    """Medians of one work on one file system."""

    def __init__(self, results: dict[str, Any]) -> None:
        self.results = results

    def get(self, tool: str, step: str) -> float | None:
        samples = self.results.get(tool, {}).get("seconds", {}).get(step)
        return median(samples) if samples else None

    def against(self, goal: str, limit: float, tool: str, step: str, other: str) -> Iterator[Row]:
        """``tool`` takes at most ``limit`` of what ``other`` takes."""
        ours, theirs = self.get(tool, step), self.get(other, step)
        if ours is not None and theirs is not None:
            yield _verdict(f"{goal}, of {other}", limit, ours / theirs)

    def best(self, goal: str, limit: float, tool: str, step: str, peers: list[str] = PEERS) -> Iterator[Row]:
        """``tool`` takes at most ``limit`` of the fastest peer."""
        found = [(value, name) for name in peers if (value := self.get(name, step)) is not None]
        if found:
            yield from self.against(f"{goal}, the best peer", limit, tool, step, min(found)[1])

    def status(self, goal: str) -> Iterator[Row]:
        """``git status`` is not slower than where git has nothing but pointers: at once (where git alone may compare files that
        are as young as its index), and later."""
        for step, when in (("status", "first status after it"), ("status again", "status again")):
            yield from self.against(f"{goal}: {when}", 1.2, "git-data", step, PlainGit.name)

    def disk(self, goal: str, limit: float, tool: str) -> Iterator[Row]:
        samples = self.results.get(tool, {}).get("disk")
        if samples:
            yield _verdict(f"{goal}: disk used, of the content once", limit, median(samples), _percent)


def _on_reflinks(results: dict[str, Any]) -> Iterator[Row]:
    big, many = _Numbers(results.get("big", {})), _Numbers(results.get("many", {}))
    yield from big.against("XFS, big file: switch", 0.10, "git-data", "switch", "git-lfs")
    yield from big.against("XFS, big file: switch", 0.10, "git-data", "switch", "dvc")
    yield from big.against("XFS, big file: switch", 1.0, "git-data", "switch", "git-annex")
    yield from big.against("XFS, big file: switch (no goal: it makes a link)", 1.0, "git-data", "switch", AnnexLocked.name)
    yield from big.status("XFS, big file")
    yield from big.best("XFS, big file: add", 0.8, "git-data", "add")
    yield from big.disk("XFS, big file", 1.02, "git-data")
    yield from many.best("XFS, small files: switch", 0.5, "git-data", "switch")
    yield from many.status("XFS, small files")
    yield from many.against("XFS, small files: git add", 0.8, "git-data", "add", "git-lfs")
    yield from many.against("XFS, small files: git data add", 0.3, "git-data, data add", "add", "git-lfs")
    yield from many.disk("XFS, small files, git add", 1.02, "git-data")
    yield from many.disk("XFS, small files, git data add", 1.02, "git-data, data add")


def _on_copies(results: dict[str, Any]) -> Iterator[Row]:
    for name, work in results.items():
        for step in STEPS:
            yield from _Numbers(work).against(f"ext4, {name}: {step}", 1.0, "git-data", step, "git-lfs")


def _startup(results: dict[str, Any] | None) -> Iterator[Row]:
    if not results:
        return
    version = results["version"].get("git data version")
    if version:
        yield _verdict("git data version", 0.025, median(version), seconds)
    for name, samples in results["add"].items():
        if name.startswith("git-data"):
            extra = median(samples["with"]) - median(samples["without"])
            yield _verdict(f"git add of one small file, above git alone ({name})", 0.040, extra, seconds)


def _memory(results: dict[str, Any] | None) -> Iterator[Row]:
    if results:
        for step in ("add", "checkout"):
            yield _verdict(f"memory of the filter, {step} of {size(results['size'])}", 64 << 20, results[f"{step}_peak"], size)


def _tracked(results: dict[str, Any] | None) -> Iterator[Row]:
    if not results:
        return
    files = f"{results['files']:,} files"
    starts = results["status_starts_filter"]
    yield [f"{files}: git status starts no filter", "none", "one" if starts else "none", "SHORT" if starts else "reached"]
    if "ls-files" in results:
        yield _verdict(f"{files}: git data ls-files", 1.0, median(results["ls-files"]), seconds)
    extra = median(results["git-data"]["switch"]) - median(results["git"]["switch"])
    yield _verdict(f"{files}: switch of one of them, above git alone", 0.2, extra, seconds)


def _transfer(results: dict[str, Any], titles: dict[str, str]) -> Iterator[Row]:
    for kind, works in results.items():
        for name, samples in works.items():
            what = f"{kind}, {titles[name]}"
            numbers = _Numbers(samples)
            for step in TRANSFER_STEPS:
                limit = 0.3 if step == "again" else 1.0
                yield from numbers.best(f"{what}: {STEP_NAMES.get(step, step)}", limit, "git-data", step, MOVING_PEERS)
            if (kind, name) == ("s3", "many"):
                for step in ("push", "fetch"):
                    yield from numbers.against(f"{what}: {step}", 0.5, "git-data", step, Dvc.name)
            requests = samples.get("git-data", {}).get("requests", {}).get("again")
            if kind == "s3" and requests is not None:
                yield _verdict(f"{what}: requests of a push that finds nothing to do", 1, requests, str)
            push, start_up = numbers.get("git-data", "push"), numbers.get("git-data", "again")
            if (kind, name) == ("folder", "big") and push is not None and start_up is not None:
                yield _verdict(f"{what}: push, above one that finds nothing to do", 0.050, push - start_up, seconds)
    peaks = _peaks(results)
    if peaks:
        peak, where = max(peaks)
        yield _verdict(f"remotes: memory of the largest process ({where})", 200 << 20, peak, size)


def _peaks(results: dict[str, Any]) -> list[tuple[int, str]]:
    """Peak memory of git-data wherever it was measured."""
    ours = [mover.name for mover in MOVERS if mover.ours]
    return [
        (samples[tool]["peak_bytes"], f"{tool}, {kind}, {work}")
        for kind, works in results.items()
        for work, samples in works.items()
        for tool in ours
        if samples.get(tool, {}).get("peak_bytes")
    ]

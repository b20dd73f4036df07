"""Migration, for people: a table, and what was reached of the goals."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from typing import Any

import table
from tabulate import tabulate

Results = dict[str, Any]


def sections(results: Results, style: str) -> Iterator[tuple[str, str, str]]:
    """Title, table and note of each part that was measured."""
    measured = results.get("migrate")
    if not measured:
        return
    reference = measured.get(table.REFERENCE, {}).get("seconds")
    rows = []
    for name, samples in measured.items():
        time = "failed" if samples["failed"] else table.cell(samples["seconds"], reference)
        rows.append([name, time, table.size(samples["peak_bytes"])])
    shown = tabulate(rows, ["tool", "time", "memory"], tablefmt=style, disable_numparse=True, colalign=("left", "right", "right"))
    title = f"{results['migrate_on']}: history with large files becomes pointers: {results['migrate_title']}"
    abouts = "".join(f"- {name}: {samples['about']}\n" for name, samples in measured.items())
    failed = "".join(f"{name} failed: {samples['failed']}\n" for name, samples in measured.items() if samples["failed"])
    yield title, shown, abouts + failed


def goals(results: Results) -> Iterator[tuple[str, float, float, Any]]:
    """Goal, limit, reached, and how to show both."""
    measured = results.get("migrate", {})
    ours = measured.get("git-data", {}).get("seconds")
    theirs = measured.get("git-lfs", {}).get("seconds")
    if ours and theirs:
        yield "migration of history, of git-lfs", 0.5, median(ours) / median(theirs), table.ratio

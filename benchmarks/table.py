"""Numbers for people: units, ratios, tables for the terminal and for Markdown."""

from __future__ import annotations

from statistics import median
from typing import Any

from compare import STEPS
from tabulate import tabulate

REFERENCE = "git-data"
"""the tool every ratio is relative to"""


def seconds(value_s: float) -> str:
    """Three significant digits."""
    if value_s < 1:
        milliseconds = value_s * 1000
        return f"{milliseconds:.0f} ms" if milliseconds >= 100 else f"{milliseconds:.1f} ms"
    return f"{value_s:.2f} s" if value_s < 10 else f"{value_s:.1f} s"


def size(size_bytes: float) -> str:
    """Powers of 1024."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size_bytes < 1024 or unit == "GiB":
            return f"{size_bytes:.0f} {unit}" if size_bytes >= 10 or unit == "B" else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1024
    raise AssertionError


def ratio(value: float) -> str:
    """Two significant digits and no exponent."""
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def comparison(results: dict[str, dict[str, Any]], style: str) -> str:
    """One table for one work on one file system: tools in rows, steps in columns."""
    reference = results.get(REFERENCE, {}).get("seconds", {})
    rows = []
    for name, samples in results.items():
        if samples["failed"]:
            rows.append([name, "failed"])
            continue
        if not samples["seconds"]["add"]:
            continue  # the run was broken off before
        row = [name]
        for step in STEPS:
            row.append(cell(samples["seconds"][step], reference.get(step)))
        if samples["dirty"]:
            row[-2] += " (!)"
        row.append(f"{median(samples['disk']) * 100:.1f} %" if samples["disk"] else "")
        row.append(size(samples["add_peak_bytes"]))
        rows.append(row)
    head = ["tool", *STEPS, "disk", "memory in add"]
    return tabulate(rows, head, tablefmt=style, disable_numparse=True, colalign=["left"] + ["right"] * (len(head) - 1))


def transfers(results: dict[str, dict[str, Any]], files: int, style: str) -> str:
    """One table for one work of so many ``files`` and one kind of remote: tools in rows, steps in columns."""
    reference = results.get(REFERENCE, {}).get("seconds", {})
    rows = []
    for name, samples in results.items():
        if samples["failed"]:
            rows.append([name, "failed"])
        elif samples["seconds"]["push"]:
            steps = [cell(samples["seconds"][step], reference.get(step)) for step in samples["seconds"]]
            rows.append([name, *steps, size(samples["peak_bytes"]), _requests(samples["requests"], files)])
    head = ["tool", "push", "push again", "fetch", "memory", "requests (per file)"]
    if not any(samples["requests"] for samples in results.values()):
        head, rows = head[:-1], [row[: len(head) - 1] for row in rows]
    return tabulate(rows, head, tablefmt=style, disable_numparse=True, colalign=["left"] + ["right"] * (len(head) - 1))


def _requests(counted: dict[str, int], files: int) -> str:
    texts = [
        f"{step} {number:,}" + (f" ({ratio(number / files)})" if step != "again" else "") for step, number in counted.items()
    ]
    return ", ".join(texts)


def cell(samples: list[float], reference: list[float] | None) -> str:
    """The median, and its ratio to that of the reference."""
    if not samples:
        return ""
    text = seconds(median(samples))
    return f"{text}  ×{ratio(median(samples) / median(reference))}" if reference else text


def pairs(head: list[str], rows: list[list[str]], style: str) -> str:
    """A plain table of texts."""
    return tabulate(rows, head, tablefmt=style, disable_numparse=True)

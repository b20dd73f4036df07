"""Hosting, for people: tables, and what was reached of the goals."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from typing import Any

import servers
import table
from hosting_scale import ENDS
from hosting_steps import STEPS
from hosts import DATA_BYTES, HOSTS, GitData, GitDataWithData, PlainGit
from tabulate import tabulate

NAMES = {"push": "first push", "clone": "clone", "commit": "push +1", "fetch": "fetch +1", "nothing": "fetch nothing"}
Results = dict[str, Any]


def sections(results: Results, style: str) -> Iterator[tuple[str, str, str]]:
    """Title, table and note of each part that was measured."""
    where = results.get("hosting_on", "")
    for kind, measured in results.get("hosting", {}).items():
        title = f"{where}: hosting on {servers.KINDS[kind]}: {results['hosting_history']}"
        yield title, _steps(measured, style), _failures(measured)
        if any(samples["requests"]["push"] for samples in measured.values()):
            yield f"{where}: hosting on {servers.KINDS[kind]}: requests, and bytes sent in them", _requests(measured, style), ""
    if results.get("hosting_refs"):
        title = f"{where}: a hosted repository of {results['options']['refs']:,} refs in a folder"
        yield title, _steps(results["hosting_refs"], style), _failures(results["hosting_refs"])
    if results.get("hosting_pushes"):
        title = f"{where}: {results['options']['pushes']:,} pushes of one commit each to a folder"
        yield title, _pushes(results["hosting_pushes"], style), _failures(results["hosting_pushes"])


def note(results: Results) -> str:
    """What the columns and the rows mean; empty if nothing was measured."""
    shown = {name for measured in results.get("hosting", {}).values() for name in measured}
    if not shown:
        return ""
    text = (
        f"Medians; × is the ratio to {table.REFERENCE} in the same column. push +1: one more commit; fetch +1: of that, in the "
        "clone; fetch nothing: there is nothing new. Requests are counted in a round of their own; bytes are those of their "
        "bodies: the median, and the most where they differ."
    )
    return text + "\n\n" + "".join(f"- {host.name}: {host.about}\n" for host in HOSTS if host.name in shown)


def goals(results: Results) -> Iterator[tuple[str, float, float, Any]]:
    """Goal, limit, reached, and how to show both."""
    for kind, measured in results.get("hosting", {}).items():
        yield from _clone(kind, measured, results.get("hosting", {}).get("folder", {}))
        for name, data_bytes in ((GitData.name, 0), (GitDataWithData.name, DATA_BYTES)):
            counted = measured.get(name, {})
            if not counted.get("sent", {}).get("commit"):
                continue
            what = f"hosting, {kind}, {name}: push of one more commit"
            sent = [size - data_bytes for size in counted["sent"]["commit"]]
            yield f"{what}: bytes sent beyond the data", 2048, median(sent), _whole
            yield f"{what}: the same, the most of {len(sent)}", 2048, max(sent), _whole
            yield f"{what}: requests", 4, median(counted["requests"]["commit"]), _whole
            yield f"{what}: the same, the most of {len(sent)}", 4, max(counted["requests"]["commit"]), _whole
            yield f"hosting, {kind}, {name}: fetch of nothing: requests", 1, max(counted["requests"]["nothing"]), _whole
    packs = results.get("hosting_pushes", {}).get(GitData.name, {}).get("packs")
    if packs is not None:
        yield f"hosting: packs after {results['options']['pushes']:,} pushes", 50, packs, _whole


def _clone(kind: str, measured: Results, folder: Results) -> Iterator[tuple[str, float, float, Any]]:
    """Plain git is there in a folder only."""
    theirs = folder.get(PlainGit.name, {}).get("seconds", {}).get("clone")
    for name in (GitData.name, GitDataWithData.name):
        ours = measured.get(name, {}).get("seconds", {}).get("clone")
        if ours and theirs:
            yield f"hosting, {kind}, {name}: clone, of {PlainGit.name}", 1.2, median(ours) / median(theirs), table.ratio


def _steps(measured: Results, style: str) -> str:
    reference = measured.get(table.REFERENCE, {}).get("seconds", {})
    rows = []
    for name, samples in measured.items():
        if samples["failed"]:
            rows.append([name, "failed"])
        elif samples["seconds"]["push"]:
            rows.append([name, *(table.cell(samples["seconds"][step], reference.get(step)) for step in STEPS)])
    return _table(["host", *NAMES.values()], rows, style)


def _requests(measured: Results, style: str) -> str:
    rows = []
    for name, samples in measured.items():
        if samples["requests"]["push"]:
            rows.append([name, *(_counted(samples["requests"][step], samples["sent"][step]) for step in STEPS)])
    return _table(["host", *NAMES.values()], rows, style)


def _counted(requests: list[int], sent: list[int]) -> str:
    text = f"{_whole(median(requests))}, {table.size(median(sent))}"
    if max(requests) == min(requests) and max(sent) - min(sent) < 100:
        return text
    return f"{text} (≤ {max(requests)}, {table.size(max(sent))})"


def _whole(value: float) -> str:
    return f"{value:.0f}"


def _pushes(measured: Results, style: str) -> str:
    reference = measured.get(table.REFERENCE, {})
    rows = []
    for name, samples in measured.items():
        if samples["failed"] or not samples["clone"]:
            rows.append([name, "failed"])
            continue
        row = [name]
        for part in (slice(ENDS), slice(-ENDS, None)):
            row.append(table.cell(samples["push"][part], reference.get("push", [])[part]))
        row.append(table.seconds(max(samples["push"])))
        row += [table.cell(samples[step], reference.get(step)) for step in ("clone", "nothing")]
        rows.append([*row, "" if samples["packs"] is None else str(samples["packs"])])
    head = ["host", f"first {ENDS}", f"last {ENDS}", "slowest", "clone", "fetch nothing", "packs"]
    return _table(head, rows, style)


def _failures(measured: Results) -> str:
    return "\n".join(f"{name} failed: {samples['failed']}" for name, samples in measured.items() if samples["failed"])


def _table(head: list[str], rows: list[list[str]], style: str) -> str:
    return tabulate(rows, head, tablefmt=style, disable_numparse=True, colalign=["left"] + ["right"] * (len(head) - 1))

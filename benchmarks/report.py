"""The whole report of a run: for the terminal, and as files."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import time
from statistics import median
from typing import Any

import goals
import servers
import show_hosting
import show_migrate
import table
from tools import TOOLS
from transfer_tools import MOVERS

Results = dict[str, Any]


def machine() -> dict[str, str]:
    """What the numbers were measured on."""
    model = platform.processor()
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        model = next((line.partition(":")[2].strip() for line in file if line.startswith("model name")), model)
    return {
        "processor": f"{os.cpu_count()} × {model}",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "date": time.strftime("%Y-%m-%d %H:%M"),
    }


def render(results: Results, style: str) -> str:
    """Everything that was measured; ``style`` is a table format of tabulate."""
    parts = [_machine(results)]
    parts += _comparisons(results, style)
    for name, show in (("startup", _startup), ("memory", _memory), ("tracked", _tracked)):
        if name in results:
            title, head, rows, note = show(results[name])
            parts.append(_section(f"{title} ({results[f'{name}_on']})", style, table.pairs(head, rows, style), note))
    parts += _transfers(results, style)
    parts += [_section(title, style, *texts) for title, *texts in show_hosting.sections(results, style)]
    parts += [_section(title, style, *texts) for title, *texts in show_migrate.sections(results, style)]
    parts += [note] if (note := show_hosting.note(results)) else []
    reached = goals.rows(results)
    if reached:
        parts.append(_section("Goal and reached", style, table.pairs(["goal", "limit", "reached", ""], reached, style)))
    parts += [f"Left out: {name}: {reason}\n" for name, reason in results["left_out"].items()]
    return "\n".join(parts)


def save(results: Results, directory: str) -> None:
    """JSON with every sample, and the report as Markdown."""
    os.makedirs(directory, exist_ok=True)
    name = os.path.join(directory, "bench-" + time.strftime("%Y%m%d-%H%M%S"))
    with open(f"{name}.json", "w", encoding="utf-8") as file:
        json.dump(results, file, indent=1)
    with open(f"{name}.md", "w", encoding="utf-8") as file:
        file.write(render(results, "github"))
    print(f"written: {name}.json, {name}.md")


def _section(title: str, style: str, *texts: str) -> str:
    mark = "## " if style == "github" else ""
    return "\n\n".join([mark + title, *(text for text in texts if text)]) + "\n"


def _machine(results: Results) -> str:
    lines = [*results["machine"].items(), *results.get("versions", {}).items()]
    return "".join(f"- {key}: {value}\n" for key, value in lines)


def _comparisons(results: Results, style: str) -> list[str]:
    parts = []
    shown: set[str] = set()
    for kind, works in results.get("compare", {}).items():
        for name, measured in works.items():
            shown.update(measured)
            title = f"{kind}: {results['titles'][name]}, two versions"
            parts.append(_section(title, style, table.comparison(measured, style)))
            parts += [f"{tool} failed: {samples['failed']}\n" for tool, samples in measured.items() if samples["failed"]]
    if shown:
        note = (
            f"Medians; × is the ratio to {table.REFERENCE} in the same column. 'status' is the first one after a switch, "
            "'status again' those that follow; (!) it called unchanged files modified. disk: 100 % is both versions stored once."
        )
        abouts = "".join(f"- {tool.name}: {tool.about}\n" for tool in TOOLS if tool.name in shown)
        parts.append(note + "\n\n" + abouts)
    return parts


def _transfers(results: Results, style: str) -> list[str]:
    parts = []
    shown: set[str] = set()
    for kind, works in results.get("transfer", {}).items():
        for name, measured in works.items():
            shown.update(measured)
            files = 1 if name == "big" else results["options"]["files"]
            where = servers.KINDS[kind]
            if kind == "ssh" and results["options"].get("one_cipher"):
                where += ", the same cipher for all"
            title = f"{results['transfer_on']}: {where}: {results['transfer_titles'][name]}"
            parts.append(_section(title, style, table.transfers(measured, files, style)))
            parts += [f"{tool} failed: {samples['failed']}\n" for tool, samples in measured.items() if samples["failed"]]
    if shown:
        note = (
            f"Medians; × is the ratio to {table.REFERENCE} in the same column. 'push again': nothing has changed since. "
            "memory: the largest process of the tool, in any step."
        )
        abouts = "".join(f"- {mover.name}: {mover.about}\n" for mover in MOVERS if mover.name in shown)
        parts.append(note + "\n\n" + abouts)
    return parts


def _startup(measured: Results) -> tuple[str, list[str], list[list[str]], str]:
    rows = [[command, table.seconds(median(samples))] for command, samples in measured["version"].items()]
    for name, samples in measured["add"].items():
        with_filter, without = median(samples["with"]), median(samples["without"])
        text = f"{table.seconds(with_filter - without)} ({table.seconds(with_filter)}, without {table.seconds(without)})"
        rows.append([f"git add of one small file with the filter, above git alone: {name}", text])
    return "Start-up", ["what", "median"], rows, ""


def _memory(measured: Results) -> tuple[str, list[str], list[list[str]], str]:
    rows = [[step, table.size(measured[f"{step}_peak"]), table.seconds(measured[f"{step}_s"])] for step in ("add", "checkout")]
    return f"Filter process of git-data, sparse file of {table.size(measured['size'])}", ["step", "peak memory", "time"], rows, ""


def _tracked(measured: Results) -> tuple[str, list[str], list[list[str]], str]:
    rows = []
    for step in ("add", "commit", "status", "switch"):
        ours, git = median(measured["git-data"][step]), median(measured["git"][step])
        name = "switch of one file" if step == "switch" else step
        rows.append([name, table.seconds(ours), table.seconds(git), f"×{table.ratio(ours / git)}"])
    note = f"added by: {measured['added_by']}."
    if "ls-files" in measured:
        first = table.seconds(measured["ls-files first"][0])
        rows.append(["git data ls-files", table.seconds(median(measured["ls-files"])), "", ""])
        note += f" The first git data ls-files took {first}."
    else:
        note += f" Not measured: {measured['no_ls_files']}"
    return f"{measured['files']:,} tracked files", ["step", "git-data", "git on pointers", ""], rows, note

#!/usr/bin/env python3
"""Compare git-data with others that keep data, move it or host repositories, on the same work, in one run.

``python benchmarks/run.py --quick`` shows in fifteen minutes that everything works; without options the run takes
hours. README.md in this directory tells how to read the numbers.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Generator
from typing import Any

import compare
import hosting
import memory
import migrate
import mounts
import peers
import report
import startup
import table
import tracked
import transfer
from measure import CommandFailed, Place
from options import PARTS, parse
from tools import TOOLS, GitData, Tool
from work import Work, WrongContent

WITH_PEERS = {"transfer": transfer.Comparison, "hosting": hosting.Comparison, "migrate": migrate.Comparison}
"""parts that have tools of their own"""


def main() -> int:
    """Run what was asked for, print it and write it down."""
    options = parse(sys.argv[1:])
    # so that file systems are unmounted when the run is ended from outside
    signal.signal(signal.SIGTERM, terminate)
    base = tempfile.mkdtemp(prefix="git-data-bench-", dir=options.dir)
    results: dict[str, Any] = {"machine": report.machine(), "options": vars(options), "left_out": {}}
    try:
        envs = usable_tools(options, base, results)
        results["versions"] = peers.versions(envs, base)
        require_space(base, 5 * max(options.big, options.remote_big) + mounts.MIN_BYTES)
        try:
            measure(options, base, envs, results)
        except KeyboardInterrupt:
            say("broken off; this is what was measured so far")
            results["failed"] = True
    finally:
        shutil.rmtree(base)
    print(report.render(results, "simple"))
    report.save(results, options.output)
    return 1 if results.get("failed") else 0


def require_space(directory: str, need_bytes: int) -> None:
    """Say at once that a disk is too small, not after an hour."""
    free = shutil.disk_usage(directory).free
    if free < need_bytes:
        raise SystemExit(f"{directory} has {table.size(free)} free; this run needs about {table.size(need_bytes)} (--dir, --big)")


def terminate(number: int, frame: object) -> None:
    """End the run once, and let the cleaning up be done in peace."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(128 + number)


def usable_tools(options: argparse.Namespace, base: str, results: dict[str, Any]) -> dict[type[Tool], dict[str, str]]:
    """The tools that were asked for and start, each with its environment."""
    wanted = [tool for tool in TOOLS if not options.tool or tool.name in options.tool]
    if options.part and set(options.part) <= set(WITH_PEERS):
        wanted = []  # those parts have their own
    envs = peers.environments(wanted, os.path.join(base, "home"), options.git_data, options.venv)
    for tool in wanted:
        reason = tool.missing(Place(base, envs[tool]))
        if reason:
            say(f"left out: {tool.name}: {reason}")
            results["left_out"][tool.name] = reason
            del envs[tool]
    return envs


def measure(options: argparse.Namespace, base: str, envs: dict[type[Tool], dict[str, str]], results: dict[str, Any]) -> None:
    """Every part on every file system; the parts that are no comparison on the first one only."""
    parts = options.part or PARTS
    others = [part for part in parts if part in ("startup", *WITH_PEERS) or part != "compare" and GitData in envs]
    # closed at once when something fails: that unmounts
    with contextlib.closing(file_systems(options, base)) as places:
        for kind, directory in places:
            if "compare" in parts:
                compare_tools(options, kind, directory, envs, results)
            for part in others:
                say(f"{kind}: {part}")
                results[f"{part}_on"] = kind
                try:
                    if part in WITH_PEERS:
                        WITH_PEERS[part](options, directory, os.path.join(base, "home"), results, say).run()
                    else:
                        results[part] = one_part(part, options, directory, envs)
                except CommandFailed as failure:
                    note_failure(results, part, failure, directory)
            others = []


def file_systems(options: argparse.Namespace, base: str) -> Generator[tuple[str, str], None, None]:
    """Name and directory of each file system, one after the other."""
    # two versions in the work tree, in a store, and once more for what a tool keeps meanwhile
    size = 8 * max(options.big, options.remote_big, options.files * (options.file_size + 8192))
    size += options.memory + options.tracked * 16384 + mounts.MIN_BYTES
    for kind in options.fs or mounts.MAKE:
        reason = "--no-mount was given" if options.no_mount else mounts.cannot_mount(kind)
        if reason:
            say(f"no {kind} of our own: {reason}; running on the file system of {base}, and its disk use counts everybody's")
            directory = os.path.join(base, "here")
            os.makedirs(directory, exist_ok=True)
            yield "here", directory
            return
        with mounts.mounted(kind, base, size) as directory:
            yield kind, directory


def one_part(part: str, options: argparse.Namespace, directory: str, envs: dict[type[Tool], dict[str, str]]) -> Any:
    """Start-up, memory or the large repository."""
    if part == "startup":
        return startup.measure(directory, envs, options.repeat)
    if part == "memory":
        return memory.measure(directory, envs[GitData], options.memory)
    return tracked.measure(directory, envs[GitData], options.tracked, min(options.repeat, 6))


def compare_tools(
    options: argparse.Namespace,
    kind: str,
    directory: str,
    envs: dict[type[Tool], dict[str, str]],
    results: dict[str, Any],
) -> None:
    """All tools on all works; in each round the next tool begins, so that nobody always comes first."""
    works = [
        Work("big", f"one file of {table.size(options.big)}", 1, options.big),
        Work("many", f"{options.files:,} files of {options.file_size:,} bytes", options.files, options.file_size),
    ]
    for work in works:
        if options.work and work.name not in options.work:
            continue
        tools = list(envs)
        samples = {tool: compare.Samples() for tool in tools}
        # the samples themselves, so that a run that is broken off shows what it has
        results.setdefault("compare", {}).setdefault(kind, {})[work.name] = {tool.name: vars(samples[tool]) for tool in tools}
        results.setdefault("titles", {})[work.name] = work.title
        for turn in range(options.rounds):
            first = turn % len(tools)
            for tool in tools[first:] + tools[:first]:
                if samples[tool].failed:
                    continue
                say(f"{kind}: {work.title}: round {turn + 1} of {options.rounds}: {tool.name}")
                try:
                    compare.run_once(tool, work, directory, envs[tool], options.switches, samples[tool])
                except (CommandFailed, WrongContent) as failure:
                    samples[tool].failed = str(failure)
                    note_failure(results, tool.name, failure, directory)


def note_failure(results: dict[str, Any], what: str, failure: Exception, directory: str) -> None:
    """Go on with the rest, on a clean file system; the run as a whole has failed."""
    say(f"{what} failed: {failure}")
    results["failed"] = True
    mounts.empty(directory)


def say(text: str) -> None:
    """What is going on, on standard error."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

"""Peak memory of the filter process while a huge file goes through it."""

from __future__ import annotations

import os
import shlex
import sys

from measure import Place
from mounts import empty
from tools import GitData
from work import Work

PEAK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "peak.py")


def measure(directory: str, env: dict[str, str], size_bytes: int) -> dict[str, float]:
    """Add, commit, leave and come back to a sparse file of ``size_bytes``: peak bytes of the filter, and seconds."""
    root = os.path.join(directory, "work")
    os.mkdir(root)
    place = Place(root, env)
    tool = GitData(place, Work("memory", "", 1, size_bytes))
    tool.set_up()
    report = os.path.join(env["HOME"], "peak")
    command = place.run("git", "config", "filter.data.process").strip()
    wrapped = shlex.join([sys.executable, "-I", "-S", PEAK, report, command])
    place.run("git", "config", "filter.data.process", wrapped)
    with open(os.path.join(root, tool.work.top), "wb") as file:
        file.truncate(size_bytes)
        # something to read at both ends
        file.write(b"first")
        file.seek(size_bytes - 4)
        file.write(b"last")
    os.sync()
    add = place.time(tool.add(1))
    result = {"size": size_bytes, "add_s": add.elapsed_s, "add_peak": _last(report)}
    place.run("git", "commit", "-q", "-m", "version 1")
    place.run("git", "checkout", "-q", "HEAD~1")
    checkout = place.time([["git", "checkout", "-q", "-"]])
    result |= {"checkout_s": checkout.elapsed_s, "checkout_peak": _last(report)}
    with open(os.path.join(root, tool.work.top), "rb") as file:
        start = file.read(5)
        size = file.seek(-4, os.SEEK_END) + 4
        if (start, file.read(), size) != (b"first", b"last", size_bytes):
            raise AssertionError("the huge file did not come back as it was")
    empty(directory)
    return result


def _last(report: str) -> int:
    """The largest of the filter processes since the last call."""
    with open(report, encoding="ascii") as file:
        peak = max(int(line) for line in file)
    os.unlink(report)
    return peak

"""What it takes to start each tool, and what a filter adds to ``git add`` of one small file."""

from __future__ import annotations

import os
import secrets
from typing import Any

from measure import Place, settle
from mounts import empty
from tools import GitData, GitDataBatch, GitLfs, Tool
from work import Work

FILTERS: list[type[Tool]] = [GitData, GitDataBatch, GitLfs]


def measure(directory: str, envs: dict[type[Tool], dict[str, str]], repeat: int) -> dict[str, Any]:
    """Seconds: ``version`` by tool, and ``add``: of a small file with each filter, paired with one without."""
    result: dict[str, Any] = {"version": {}, "add": {}}
    for command, tool in {" ".join(tool.version): tool for tool in envs}.items():
        place = Place(directory, envs[tool])
        place.time([tool.version])
        result["version"][command] = [place.time([tool.version]).elapsed_s for _ in range(repeat)]
    for tool in FILTERS:
        if tool in envs:
            result["add"][tool.name] = _small_adds(tool, directory, envs[tool], repeat)
    return result


def _small_adds(kind: type[Tool], directory: str, env: dict[str, str], repeat: int) -> dict[str, list[float]]:
    root = os.path.join(directory, "work")
    os.mkdir(root)
    place = Place(root, env)
    kind(place, Work("small", "", 1, 1000)).set_up()
    seconds: dict[str, list[float]] = {"with": [], "without": []}
    for number in range(repeat + 1):
        for which, suffix in (("with", "bin"), ("without", "txt")):
            name = f"{number}.{suffix}"
            with open(os.path.join(root, name), "w", encoding="ascii") as file:
                file.write(secrets.token_hex(500))
            settle(new_second=True)
            elapsed_s = place.time([["git", "add", name]]).elapsed_s
            if number:  # the first one finds out what the file system can do
                seconds[which].append(elapsed_s)
    empty(directory)
    return seconds

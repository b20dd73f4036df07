"""A repository with very many data files: status, listing, and switching one file of them."""

from __future__ import annotations

import os
import secrets
from typing import Any

from compare import status_starts_filter
from measure import Command, CommandFailed, Place, settle
from mounts import empty
from tools import GitData, GitDataAdd, PlainGit, Tool, lacks_command
from work import Work

FILE_BYTES = 100


def measure(directory: str, env: dict[str, str], files: int, repeat: int) -> dict[str, Any]:
    """The same for git-data and for git alone on pointers: seconds by step."""
    bulk = GitData if lacks_command(Place(directory, env), "add") else GitDataAdd
    result: dict[str, Any] = {"files": files, "added_by": bulk.name}
    for name, kind in (("git-data", bulk), ("git", PlainGit)):
        root = os.path.join(directory, "work")
        os.mkdir(root)
        tool = kind(Place(root, env), Work("tracked", "", files, FILE_BYTES))
        result[name] = _measure(tool, repeat)
        if isinstance(tool, GitData):
            result["status_starts_filter"] = status_starts_filter(tool.place)
            reason = lacks_command(tool.place, "ls-files")
            result["no_ls_files"] = reason
            if not reason:
                listing = ["git", "data", "ls-files"]
                first = tool.place.time([listing])
                # without the progress on standard error
                listed = sum(not line.startswith("git-data: ") for line in first.output.splitlines())
                if listed != files:
                    raise CommandFailed(f"git data ls-files lists {listed:,} of {files:,} files")
                result["ls-files first"] = [first.elapsed_s]
                result["ls-files"] = [tool.place.time([listing]).elapsed_s for _ in range(repeat)]
        empty(directory)
    return result


def _measure(tool: Tool, repeat: int) -> dict[str, list[float]]:
    place = tool.place
    tool.set_up()
    tool.write(secrets.token_hex(8), 1)
    settle(new_second=True)
    seconds = {"add": [place.time(tool.add(1)).elapsed_s], "commit": [], "status": [], "switch": []}
    settle()
    seconds["commit"].append(place.time(tool.commit(1)).elapsed_s)
    tool.tag(1)
    settle(new_second=True)
    one = next(iter(tool.work.paths()))
    _replace(place, one)
    place.run("git", "add", one)
    place.run("git", "commit", "-q", "-m", "version 2")
    tool.tag(2)
    status: list[Command] = [["git", "status", "--porcelain"]]
    place.time(status)
    for number in range(repeat):
        settle(new_second=True)
        seconds["switch"].append(place.time(tool.switch(1 + number % 2)).elapsed_s)
        settle()
        seconds["status"].append(place.time(status).elapsed_s)
    return seconds


def _replace(place: Place, path: str) -> None:
    target = os.path.join(place.root, path)
    os.unlink(target)
    with open(target, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(FILE_BYTES // 2))

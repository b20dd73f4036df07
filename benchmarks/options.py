"""The command line of ``run.py``."""

from __future__ import annotations

import argparse
import os

import mounts
import peers
import servers
from hosts import HOSTS
from migrate import MIGRATORS
from tools import TOOLS
from transfer_tools import MOVERS

DESCRIPTION = "Compare git-data with others that keep data, move it or host repositories, on the same work, in one run."
PARTS = ("compare", "startup", "memory", "tracked", "transfer", "hosting", "migrate")
NAMES = list(dict.fromkeys(tool.name for tool in [*TOOLS, *MOVERS, *HOSTS, *MIGRATORS]))
QUICK = {
    "big": 64 << 20, "files": 300, "rounds": 1, "switches": 2, "memory": 256 << 20, "tracked": 2000, "repeat": 5,
    "remote_big": 32 << 20, "commits": 300, "refs": 200, "pushes": 60, "migrated_commits": 100,
}  # fmt: skip
FULL = {
    "big": 2 << 30, "files": 5000, "rounds": 3, "switches": 4, "memory": 8 << 30, "tracked": 100_000, "repeat": 20,
    "remote_big": 1 << 30, "commits": 5000, "refs": 10_000, "pushes": 1000, "migrated_commits": 2000,
}  # fmt: skip


def parse(words: list[str]) -> argparse.Namespace:
    """The options; ``--quick`` changes the defaults of the sizes."""
    parser = argparse.ArgumentParser(description=DESCRIPTION, allow_abbrev=False)
    parser.add_argument("--quick", action="store_true", help="small sizes, one round: does it work?")
    parser.add_argument("--part", action="append", choices=PARTS, help="only this part (may be repeated)")
    parser.add_argument("--fs", action="append", choices=list(mounts.MAKE), help="only this file system (may be repeated)")
    parser.add_argument(
        "--tool", action="append", choices=NAMES, metavar="TOOL", help=f"only this tool (may be repeated): {', '.join(NAMES)}"
    )
    parser.add_argument("--work", action="append", choices=["big", "many"], help="only this work (may be repeated)")
    parser.add_argument(
        "--remote", action="append", choices=list(servers.KINDS), help="only this kind of remote (may be repeated)"
    )
    for name, help in (
        ("big", "size of the big file, e.g. 512M or 2G"),
        ("remote-big", "size of the big file that is sent to remotes"),
        ("files", "number of small files"),
        ("file-size", "size of a small file"),
        ("rounds", "how often everything is done in a new repository"),
        ("switches", "switches between the two versions in each round"),
        ("memory", "size of the file for the memory of the filter"),
        ("tracked", "number of files of the large repository"),
        ("commits", "commits of the history that is hosted"),
        ("refs", "refs of a hosted repository that has many"),
        ("pushes", "pushes of one commit each to a hosted repository"),
        ("migrated-commits", "commits of the history with large files that is migrated"),
        ("repeat", "repetitions of the short measurements"),
    ):
        parser.add_argument(f"--{name}", type=number, metavar="N", help=help)
    parser.add_argument("--one-cipher", action="store_true", help="SSH: the same cipher and key exchange for every tool")
    parser.add_argument("--dir", help="where to work (default: the directory for temporary files)")
    parser.add_argument("--no-mount", action="store_true", help="run in --dir itself, on whatever file system that is")
    parser.add_argument("--git-data", default=peers.default_git_data(), metavar="DIR", help="directory of the git-data command")
    parser.add_argument(
        "--venv",
        action="append",
        metavar="DIR",
        help="virtual environment with peers: dvc, git-annex, rclone, aws, weed, git-remote-s3 (may be repeated; or $BENCH_VENV)",
    )
    parser.add_argument("--output", default=os.path.join(peers.HERE, "results"), help="directory for the results")
    options = parser.parse_args(words)
    for name, value in (QUICK if options.quick else FULL).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    options.file_size = options.file_size or 10_000
    options.venv = options.venv or [path for path in os.environ.get("BENCH_VENV", "").split(os.pathsep) if path]
    if options.switches % 2:
        parser.error("--switches must be even, so that every round ends as it began")
    return options


def number(text: str) -> int:
    """Digits with K, M or G (powers of 1024)."""
    factor = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}.get(text[-1:].upper())
    return int(text[:-1]) * factor if factor else int(text)

#!/usr/bin/env python3
"""Leaving git-lfs: seconds and bytes on the disk for a repository that git-lfs has made.

``python benchmarks/migrate_lfs.py`` makes XFS and ext4 in loop devices (as root); ``--no-mount`` takes that of ``--dir``.  The
bytes are blocks of the file system in use after the command, minus those before: a second copy of the data would show as all of
its size.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator

import mounts
import peers
import table
from measure import Place, settle, used_bytes

KINDS = ("xfs", "ext4")
MODES = {"one commit": [], "--keep-pointers": ["--keep-pointers"], "--history": ["--history"]}
PER_DIRECTORY = 100


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=10_000, help="files, one version of each")
    parser.add_argument("--bytes", type=int, default=20_000, help="the size of each")
    parser.add_argument("--dir", default=tempfile.gettempdir(), help="where to work")
    parser.add_argument("--no-mount", action="store_true", help="in --dir itself, on whatever file system that is")
    parser.add_argument("--git-data", default=os.path.dirname(sys.executable), help="where git-data is")
    options = parser.parse_args()
    base = tempfile.mkdtemp(prefix="git-data-bench-", dir=options.dir)
    rows = []
    try:
        env = peers.environment(os.path.join(base, "home"), os.path.abspath(options.git_data))
        for kind, directory in places(base, options):
            template = build(Place(directory, env), options)
            for name, words in MODES.items():
                rows.append([kind, name, *measure(template, words)])
    finally:
        shutil.rmtree(base)
    print(f"{options.objects:,} objects of {table.size(options.bytes)}")
    print(table.pairs(["file system", "git data migrate lfs", "seconds", "disk", "data"], rows, "simple"))
    return 0


def places(base: str, options: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """File systems to work on."""
    if options.no_mount or any(mounts.cannot_mount(kind) for kind in KINDS):
        yield "as it is", base
        return
    for kind in KINDS:
        with mounts.mounted(kind, base, 8 * options.objects * (options.bytes + 8192)) as directory:
            yield kind, directory


def build(place: Place, options: argparse.Namespace) -> Place:
    """A repository that stock git-lfs has made."""
    root = os.path.join(place.root, "template")
    place.run("git", "init", "-q", root)
    repo = Place(root, place.env)
    repo.run("git", "lfs", "install", "--local")
    repo.run("git", "lfs", "track", "*.bin")
    source = random.Random(1)
    for number in range(options.objects):
        directory = os.path.join(root, f"d{number // PER_DIRECTORY}")
        os.makedirs(directory, exist_ok=True)
        with open(os.path.join(directory, f"{number}.bin"), "wb") as file:
            file.write(source.randbytes(options.bytes))
    repo.run("git", "add", ".")
    repo.run("git", "commit", "-q", "-m", "by git-lfs")
    return repo


def measure(template: Place, words: list[str]) -> tuple[str, str, str]:
    """Seconds, bytes on the disk, bytes of data; in the template itself, which is taken back to what it was."""
    settle(new_second=True)
    before = used_bytes(template.root)
    timing = template.time([["git", "data", "migrate", "lfs", *words]])
    settle()
    grown = used_bytes(template.root) - before
    if template.run("git", "status", "--porcelain"):
        raise SystemExit("the work tree is not clean after the migration")
    template.run("git", "data", "migrate", "lfs", "--undo")
    size = 0
    for root, _, names in os.walk(os.path.join(template.root, ".git", "lfs", "objects")):
        size += sum(os.path.getsize(os.path.join(root, name)) for name in names)
    # links into the store go, objects of git-lfs stay
    shutil.rmtree(os.path.join(template.root, ".git", "data"))
    return f"{timing.elapsed_s:.1f}", table.size(grown) if grown >= 0 else f"-{table.size(-grown)}", table.size(size)


if __name__ == "__main__":
    sys.exit(main())

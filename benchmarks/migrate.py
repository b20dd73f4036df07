"""Migration of a bloated history: every tool turns the same files of the same commits into pointers."""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

import mounts
import peers
from measure import Command, CommandFailed, Place, settle
from work import WrongContent

PER_COMMIT = 10
PATHS = 997
SUFFIXES = (".bin", ".npy", ".png", ".dat")
PATTERNS = ",".join(f"*{suffix}" for suffix in SUFFIXES)
LIMIT_S = 1800
CHECKED = 100
"""so many versions are compared with what went in"""
_FIRST_S = 1_500_000_000
_CALLBACK = """
import hashlib, os
if len(blob.data) > 20000:
    oid = hashlib.sha256(blob.data).hexdigest()
    place = os.path.join(os.environ["BENCH_OBJECTS"], oid[:2], oid[2:4])
    os.makedirs(place, exist_ok=True)
    with open(os.path.join(place, oid), "wb") as file:
        file.write(blob.data)
    blob.data = b"version https://git-lfs.github.com/spec/v1\\noid sha256:%s\\nsize %d\\n" % (oid.encode(), len(blob.data))
"""


class Migrator(ABC):
    """One way to do it, in ``place``, a clone that may be ruined."""

    name = about = program = ""

    def __init__(self, place: Place) -> None:
        self.place = place

    @abstractmethod
    def command(self) -> Command:
        """What the user types."""

    @abstractmethod
    def object(self, oid: str) -> str:
        """Where content lies afterwards."""


class GitData(Migrator):
    name = "git-data"
    about = "git data migrate import --everything -I PATTERNS"
    program = "git-data"

    def command(self) -> Command:
        return ["git", "-c", "data.fsync=none", "data", "migrate", "import", "--everything", "-I", PATTERNS]

    def object(self, oid: str) -> str:
        return os.path.join(self.place.root, ".git", "data", "objects", "sha256", oid[:2], oid)


class GitDataSynced(GitData):
    name = "git-data, fsync=batch (default)"
    about = "the same, with everything on the disk before refs move"

    def command(self) -> Command:
        return [word for word in super().command() if word not in ("-c", "data.fsync=none")]


class GitLfs(Migrator):
    name = "git-lfs"
    about = "git lfs migrate import --everything --include=PATTERNS"
    program = "git-lfs"

    def command(self) -> Command:
        return ["git", "lfs", "migrate", "import", "--yes", "--everything", f"--include={PATTERNS}"]

    def object(self, oid: str) -> str:
        return os.path.join(self.place.root, ".git", "lfs", "objects", oid[:2], oid[2:4], oid)


class FilterRepo(Migrator):
    name = "git filter-repo"
    about = "git filter-repo with a callback of ten lines that writes objects and pointers, without attributes"
    program = "git-filter-repo"

    def command(self) -> Command:
        self.place.env["BENCH_OBJECTS"] = os.path.join(self.place.root, ".git", "lfs", "objects")
        return ["git", "filter-repo", "--force", "--quiet", "--blob-callback", _CALLBACK]

    def object(self, oid: str) -> str:
        return os.path.join(self.place.root, ".git", "lfs", "objects", oid[:2], oid[2:4], oid)


class Floor(Migrator):
    name = "fast-export and fast-import"
    about = "the history once through a pipe and nothing done to it"
    program = "git"

    def command(self) -> Command:
        return ["sh", "-c", "git init -q --bare copy.git && git fast-export --all | git -C copy.git fast-import --quiet"]

    def object(self, oid: str) -> str:
        return ""


MIGRATORS = (GitData, GitDataSynced, GitLfs, FilterRepo, Floor)


class Comparison:
    """All of them on one history. ``results`` is filled as they are measured."""

    def __init__(
        self, options: argparse.Namespace, directory: str, home: str, results: dict[str, Any], say: Callable[[str], None]
    ) -> None:
        self.options = options
        self.directory = directory
        self.results = results
        self.say = say
        self.env = peers.environment(home, os.path.abspath(options.git_data), *peers.peers_bins(options.venv, peers.MIGRATED))

    def run(self) -> None:
        """Measure everything that was asked for and can be had."""
        commits = self.options.migrated_commits
        self.say(f"making a history of {commits:,} commits with {commits * PER_COMMIT:,} versions of files")
        source = os.path.join(self.directory, "source.git")
        versions = build(source, self.env, commits)
        size = sum(size for _, size in versions)
        self.results["migrate_title"] = f"{commits:,} commits, {len(versions):,} versions of {PATHS} files, {size / 1e9:.1f} GB"
        self.results["migrate"] = {}
        wanted = [tool for tool in MIGRATORS if not self.options.tool or tool.name in self.options.tool]
        wanted = [tool for tool in wanted if self._is_there(tool)]
        for turn in range(self.options.rounds):
            first = turn % len(wanted)
            for tool in wanted[first:] + wanted[:first]:
                samples = self.results["migrate"].setdefault(
                    tool.name, {"seconds": [], "peak_bytes": 0, "failed": "", "about": tool.about}
                )
                if samples["failed"]:
                    continue
                self.say(f"migration: round {turn + 1} of {self.options.rounds}: {tool.name}")
                try:
                    self._once(tool, source, versions, samples)
                except (CommandFailed, WrongContent) as failure:
                    samples["failed"] = str(failure)
                    self.results["failed"] = True
                    self.say(f"{tool.name} failed: {failure}")
        mounts.empty(self.directory)

    def _is_there(self, tool: type[Migrator]) -> bool:
        if shutil.which(tool.program, path=self.env["PATH"]) or tool is GitLfs:
            return True
        self.results["left_out"][tool.name] = f"{tool.program} is not installed"
        return False

    def _once(self, tool: type[Migrator], source: str, versions: list[tuple[str, int]], samples: dict[str, Any]) -> None:
        target = os.path.join(self.directory, "work")
        Place(self.directory, self.env).run("git", "clone", "-q", "--no-local", source, target)
        place = Place(target, dict(self.env))
        migrator = tool(place)
        command = migrator.command()
        settle()
        timing = place.time([command], LIMIT_S)
        samples["seconds"].append(timing.elapsed_s)
        samples["peak_bytes"] = max(samples["peak_bytes"], timing.peak_bytes)
        if tool is not Floor:
            check(migrator, versions)
        shutil.rmtree(target)


def build(path: str, env: dict[str, str], commits: int) -> list[tuple[str, int]]:
    """A bare repository with code and data that does not compress, always the same; SHA-256 and size of each version."""
    place = Place(os.path.dirname(path), env)
    place.run("git", "init", "-q", "--bare", "-b", "main", path)
    versions: list[tuple[str, int]] = []
    process = subprocess.Popen(["git", "-C", path, "fast-import", "--quiet"], env=env, stdin=subprocess.PIPE)
    assert process.stdin is not None
    with process.stdin as pipe:
        for piece in _commands(commits, versions):
            pipe.write(piece)
    if process.wait():
        raise CommandFailed(f"git fast-import: exit {process.returncode}")
    return versions


def _commands(commits: int, versions: list[tuple[str, int]]) -> Iterator[bytes]:
    chance = random.Random(5)
    for commit in range(commits):
        who = b"Developer <developer@example.org> %d +0000" % (_FIRST_S + commit * 1000)
        yield b"commit refs/heads/main\ncommitter %s\ndata 7\nChange\n" % who
        yield b"M 644 inline src/module%d.py\ndata 13\nprint(%06d)\n" % (commit % 50, commit)
        for number in range(commit * PER_COMMIT, (commit + 1) * PER_COMMIT):
            content = chance.randbytes(50_000 + chance.randrange(100_000))
            versions.append((hashlib.sha256(content).hexdigest(), len(content)))
            name = b"data/%d/file%d%s" % (number % PATHS % 20, number % PATHS, SUFFIXES[number % PATHS % 4].encode())
            yield b"M 644 inline %s\ndata %d\n" % (name, len(content))
            yield content + b"\n"


def check(migrator: Migrator, versions: list[tuple[str, int]]) -> None:
    """No large blob is left, and content is what it was. Raises: WrongContent, CommandFailed."""
    listed = migrator.place.run(
        "sh", "-c", "git rev-list --objects --no-object-names --branches | git cat-file --batch-check='%(objectsize)'"
    )
    if max(map(int, listed.split())) > 200_000:
        raise WrongContent(f"{migrator.name}: a commit still has content in it")
    for oid, size in versions[:: max(1, len(versions) // CHECKED)]:
        with open(migrator.object(oid), "rb") as file:
            content = file.read()
        if len(content) != size or hashlib.sha256(content).hexdigest() != oid:
            raise WrongContent(f"{migrator.name}: an object is not what went in")

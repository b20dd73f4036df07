"""The tools: how each of them is set up and which commands its user types.

A tool that stands for a setting of another one is a subclass of it. Commands are lists of words; those that do
one step together are timed together.
"""

from __future__ import annotations

import os
import subprocess

from measure import Command, Place
from work import Pointers, Work


class Tool:
    """One way to version data in a git repository; the base class is git alone."""

    name = ""
    about = ""
    real_files = True
    """whether the work tree holds regular files with the content"""
    peer = False
    """whether it is somebody else's tool, which does the same"""
    version: Command = ["git", "version"]
    """the shortest command that starts it"""

    def __init__(self, place: Place, work: Work) -> None:
        self.place = place
        self.work = work

    @classmethod
    def missing(cls, place: Place) -> str:
        """Why the tool cannot be run here; empty if it can."""
        return cannot_start(place, *cls.version)

    def set_up(self) -> None:
        """An empty repository with the tool installed."""
        self.place.run("git", "init", "-q", ".")
        self.configure()
        self.place.run("git", "add", "-A")
        self.place.run("git", "commit", "-q", "--allow-empty", "-m", "set up")

    def configure(self) -> None:
        """What the tool wants before the first file."""

    def write(self, seed: str, version: int) -> None:
        """Make a version of the files."""
        self.work.write(self.place.root, seed, version)

    def check(self, seed: str, version: int) -> None:
        """Assert that the work tree holds a version. Raises: WrongContent."""
        self.work.check(self.place.root, seed, version)

    def add(self, version: int) -> list[Command]:
        """Put the files into the tool's store and git's index."""
        return [["git", "add", self.work.top]]

    def commit(self, version: int) -> list[Command]:
        """Commit what was added."""
        return [["git", "commit", "-q", "-m", f"version {version}"]]

    def switch(self, version: int) -> list[Command]:
        """Bring another version into the work tree."""
        return [["git", "checkout", "-q", f"v{version}"]]

    def status(self) -> list[Command]:
        """Ask whether anything changed; prints nothing if nothing did."""
        return [["git", "status", "--porcelain"]]

    def tag(self, version: int) -> None:
        """Give the commit a name; not part of the work."""
        self.place.run("git", "tag", f"v{version}")

    def attributes(self, line: str) -> None:
        """Write ``.gitattributes``."""
        with open(os.path.join(self.place.root, ".gitattributes"), "w", encoding="ascii") as file:
            file.write(line + "\n")


class GitData(Tool):
    """git-data through plain git commands."""

    name = "git-data"
    about = "plain git add; data.fsync=none, because the others do not sync either"
    version = ["git", "data", "version"]
    fsync = "none"

    def configure(self) -> None:
        self.attributes("*.bin filter=data diff=data merge=data -text")
        self.place.run("git", "data", "install")
        self.place.run("git", "config", "data.fsync", self.fsync)


class GitDataAdd(GitData):
    """The same, with the bulk command."""

    name = "git-data, data add"
    about = "git data add instead of git add; data.fsync=none"

    @classmethod
    def missing(cls, place: Place) -> str:
        return lacks_command(place, "add")

    def add(self, version: int) -> list[Command]:
        return [["git", "data", "add", self.work.top]]


class GitDataBatch(GitData):
    """The default durability."""

    name = "git-data, fsync=batch"
    about = "plain git add; data.fsync=batch, the default: data is on the disk when git add returns"
    fsync = "batch"


class GitDataAddBatch(GitDataAdd):
    """The bulk command with the default durability."""

    name = "git-data, data add, fsync=batch"
    about = "git data add; data.fsync=batch"
    fsync = "batch"


class GitLfs(Tool):
    """git-lfs, as its manual sets it up."""

    name = "git-lfs"
    about = "plain git commands"
    peer = True
    version = ["git", "lfs", "version"]

    def configure(self) -> None:
        self.place.run("git", "lfs", "install", "--local")
        self.attributes("*.bin filter=lfs diff=lfs merge=lfs -text")


class Dvc(Tool):
    """DVC with links where the file system has them."""

    name = "dvc"
    about = "dvc add and git add; git checkout and dvc checkout; git status and dvc status; cache.type reflink,copy"
    peer = True
    version = ["dvc", "--version"]

    def configure(self) -> None:
        self.place.run("dvc", "init", "-q")
        # what "dvc config" would write, which takes seconds for four settings
        with open(os.path.join(self.place.root, ".dvc", "config"), "w", encoding="ascii") as file:
            file.write(
                "[core]\n    analytics = false\n    check_update = false\n"
                '[cache]\n    type = "reflink,copy"\n    slow_link_warning = false\n'
            )

    def add(self, version: int) -> list[Command]:
        return [["dvc", "add", "-q", self.work.top], ["git", "add", f"{self.work.top}.dvc", ".gitignore"]]

    def switch(self, version: int) -> list[Command]:
        return [*super().switch(version), ["dvc", "checkout", "-q"]]

    def status(self) -> list[Command]:
        # git knows the .dvc file only; whether the data changed, dvc tells (it says nothing, with -q, if it did not)
        return [*super().status(), ["dvc", "status", "-q"]]


class Annex(Tool):
    """git-annex with regular files in the work tree ("unlocked"), as somebody uses it who opens and replaces files.

    Not with ``annex.thin``: its files are hard links to the stored version, which an edit in place destroys.
    """

    name = "git-annex"
    about = "unlocked: the work tree has files that can be edited; plain git add, which is its fastest way; all processors"
    peer = True
    version = ["git", "annex", "version"]

    def configure(self) -> None:
        self.place.run("git", "annex", "init", "-q", "benchmark")
        self.place.run("git", "config", "annex.jobs", "cpus")
        if self.real_files:
            self.place.run("git", "config", "annex.largefiles", "anything")


class AnnexLocked(Annex):
    """git-annex as it comes: the work tree holds symbolic links to read-only objects."""

    name = "git-annex, locked"
    about = "git annex add: symbolic links to read-only objects instead of files"
    real_files = False

    def add(self, version: int) -> list[Command]:
        return [["git", "annex", "add", "--quiet", self.work.top]]


class PlainGit(Tool):
    """The floor: git alone, on files that are as small as pointers."""

    name = "floor: git on pointers"
    about = "git alone, with pointer-sized files: what no filter can be faster than"

    def __init__(self, place: Place, work: Work) -> None:
        super().__init__(place, Pointers(work))


class Copy(Tool):
    """The floor of the file system: ``cp`` into a directory and back."""

    name = "floor: cp --reflink"
    about = "cp --reflink=auto into a directory and back, no hash, no git"

    def set_up(self) -> None:
        os.makedirs(os.path.join(self.place.root, ".store"))

    def add(self, version: int) -> list[Command]:
        return [["cp", "-r", "--reflink=auto", self.work.top, f".store/{version}"]]

    def commit(self, version: int) -> list[Command]:
        return []

    def switch(self, version: int) -> list[Command]:
        top = self.work.top
        return [["rm", "-r", top], ["cp", "-r", "--reflink=auto", f".store/{version}", top]]

    def status(self) -> list[Command]:
        return []

    def tag(self, version: int) -> None:
        pass


class Hash(Copy):
    """The floor of everything that names content by its hash."""

    name = "floor: sha256"
    about = "one thread of hashlib over the files"

    def add(self, version: int) -> list[Command]:
        code = (
            "import hashlib, os, sys\n"
            "for top, _, names in os.walk(sys.argv[1]) if os.path.isdir(sys.argv[1]) else [('.', [], [sys.argv[1]])]:\n"
            "    for name in names:\n"
            "        hash, buffer = hashlib.sha256(), bytearray(1 << 20)\n"
            "        with open(os.path.join(top, name), 'rb', buffering=0) as file:\n"
            "            while count := file.readinto(buffer):\n"
            "                hash.update(memoryview(buffer)[:count])\n"
        )
        return [["python3", "-I", "-S", "-c", code, self.work.top]]

    def switch(self, version: int) -> list[Command]:
        return []


TOOLS: list[type[Tool]] = [
    GitData, GitDataAdd, GitDataBatch, GitDataAddBatch, GitLfs, Dvc, Annex, AnnexLocked, PlainGit, Copy, Hash,
]  # fmt: skip


def cannot_start(place: Place, *command: str) -> str:
    """Why a command does not run; empty if it does."""
    try:
        done = subprocess.run(command, cwd=place.root, env=place.env, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    except OSError as error:
        return f"{' '.join(command)}: {error.strerror}"
    if done.returncode:
        return f"{' '.join(command)}: {(done.stderr.strip().splitlines() or ['failed'])[-1]}"
    return ""


def lacks_command(place: Place, name: str) -> str:
    """Why ``git data NAME`` cannot be used; empty if it can."""
    reason = cannot_start(place, "git", "data", name, "-h")
    return f"this git-data has no working 'git data {name}' ({reason})" if reason else ""

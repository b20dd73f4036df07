"""Ways to keep a git repository somewhere, as their users set them up: git-data, git-remote-s3, git-remote-annex, plain git."""

from __future__ import annotations

import os
import shutil
import urllib.parse
from collections.abc import Sequence

from measure import Command, Place
from servers import S3, Remote
from tools import cannot_start, lacks_command

DATA_BYTES = 100_000
"""size of a data file"""


class Host:
    """One way; ``source`` is the repository that pushes, ``copy`` a clone of what was pushed.

    ``endpoint`` is the URL of the S3 server, or of somebody in between who counts.
    """

    name = ""
    about = ""
    kinds: tuple[str, ...] = ("s3", "folder")
    """the kinds of remotes it can do"""
    ours = False
    """whether it is git-data"""
    data = False
    """whether files with data belong to the history"""
    refs: Sequence[str] = ("main",)
    """what is pushed first"""
    version: Command = []

    def __init__(self, place: Place, remote: Remote, endpoint: str) -> None:
        self.place = place
        self.remote = remote
        self.endpoint = endpoint
        self.source = Place(os.path.join(place.root, "source"), place.env)
        self.copy = Place(os.path.join(place.root, "copy"), place.env)

    @classmethod
    def missing(cls, place: Place) -> str:
        """Why it cannot be had here; empty if it can."""
        return cannot_start(place, *cls.version)

    @classmethod
    def says_version(cls, place: Place) -> str:
        """As it calls itself. Raises: CommandFailed."""
        return place.run(*cls.version).strip().splitlines()[0]

    @property
    def env(self) -> dict[str, str]:
        """What more its commands find in their environment."""
        return {}

    def url(self) -> str:
        """What git calls it, after ``connect``."""
        raise NotImplementedError

    def connect(self) -> None:
        """Make it the remote ``origin`` of the source."""
        self.source.run("git", "remote", "add", "origin", self.url())

    def clone(self) -> Command:
        """The command that makes the copy."""
        return ["git", "clone", "-q", self.url(), "copy"]

    def packs(self) -> int | None:
        """How many packs a new clone was made of, where that can be told."""
        return None


class GitData(Host):
    """The repository in a store."""

    name = "git-data"
    about = "data::s3://… and data::/folder; history alone, as with the others"
    ours = True
    version = ["git", "data", "version"]

    @classmethod
    def missing(cls, place: Place) -> str:
        if reason := lacks_command(place, "version"):
            return reason
        # git says that it is no command, if it is not there
        said = cannot_start(place, "git", "remote-data", "--help")
        return "this git-data has no git-remote-data" if "not a git command" in said else ""

    def url(self) -> str:
        if isinstance(self.remote, S3):
            return f"data::s3://{self.remote.bucket}/project?endpoint={self.endpoint}"
        return f"data::{self.remote.path}/project"

    def packs(self) -> int | None:
        # what the clone remembers: names of packs, one a line
        for parent, _, names in os.walk(os.path.join(self.copy.root, ".git", "data", "remotes")):
            if "taken" in names:
                with open(os.path.join(parent, "taken"), encoding="ascii") as file:
                    return sum(1 for _ in file)
        return None


class GitDataWithData(GitData):
    """What it is made for."""

    name = "git-data, with data"
    about = f"the same with files of {DATA_BYTES:,} bytes of data, one more in each commit that is pushed; the clone has them"
    data = True

    def connect(self) -> None:
        self.source.run("git", "data", "install", "--local")
        super().connect()


class GitRemoteS3(Host):
    """AWS' helper."""

    name = "git-remote-s3"
    about = "s3://…, default options; a bundle with the whole history for each branch"
    kinds = ("s3",)
    version = ["git-remote-s3"]

    @classmethod
    def missing(cls, place: Place) -> str:
        return "" if _path(place, "git-remote-s3") else "git-remote-s3 is not installed"

    @classmethod
    def says_version(cls, place: Place) -> str:
        # it does not say; the Python it is installed for knows
        with open(_path(place, "git-remote-s3"), encoding="utf-8") as script:
            python = script.readline()[len("#!") :].strip()
        return place.run(python, "-c", "import importlib.metadata as m; print(m.version('git-remote-s3'))").strip()

    @property
    def env(self) -> dict[str, str]:
        return {"AWS_ENDPOINT_URL": self.endpoint}

    def url(self) -> str:
        assert isinstance(self.remote, S3)
        return f"s3://{self.remote.bucket}/project"


class Annex(Host):
    """git-annex's helper for its special remotes."""

    name = "git-remote-annex"
    about = "annex::…, a directory or an S3 special remote of git-annex, without encryption; bundles"
    # without that branch a clone cannot fetch
    refs = ("main", "git-annex")
    version = ["git-annex", "version"]

    @classmethod
    def missing(cls, place: Place) -> str:
        if reason := super().missing(place):
            return reason
        return "" if _path(place, "git-remote-annex") else "this git-annex has no git-remote-annex"

    @property
    def env(self) -> dict[str, str]:
        # it talks to nobody on this machine unless it is told that it may
        key = "annex.security.allowed-ip-addresses"
        return {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": key, "GIT_CONFIG_VALUE_0": "all"}

    def connect(self) -> None:
        os.makedirs(f"{self.remote.path}/project", exist_ok=True)
        self.source.run("git", "annex", "init", "-q", "source")
        self.source.run("git", "annex", "initremote", "-q", "origin", "--with-url", *self._parameters())

    def _parameters(self) -> list[str]:
        if isinstance(self.remote, S3):
            server = urllib.parse.urlsplit(self.endpoint)
            # its version 4 is not understood by SeaweedFS
            return [
                "type=S3", "encryption=none", "protocol=http", f"host={server.hostname}", f"port={server.port}",
                "requeststyle=path", f"bucket={self.remote.bucket}", "signature=v2",
            ]  # fmt: skip
        return ["type=directory", "encryption=none", f"directory={self.remote.path}/project"]

    def clone(self) -> Command:
        # nobody but the source finds it without the parameters
        uuid = self.source.run("git", "config", "remote.origin.annex-uuid").strip()
        query = "&".join(urllib.parse.quote(one, safe="=") for one in self._parameters())
        return ["git", "clone", "-q", f"annex::{uuid}?{query}", "copy"]


class PlainGit(Host):
    """The floor: git's own transport to a bare repository."""

    name = "git, file://"
    about = "plain git and a bare repository on the same file system"
    kinds = ("folder",)
    version = ["git", "version"]

    def connect(self) -> None:
        self.place.run("git", "init", "-q", "--bare", f"{self.remote.path}/project")
        super().connect()

    def url(self) -> str:
        return f"file://{self.remote.path}/project"


class PlainGitPath(PlainGit):
    """git's shortcut."""

    name = "git, path"
    about = "the same, by its path instead of its URL: git then makes hard links when it clones"

    def url(self) -> str:
        return f"{self.remote.path}/project"


def _path(place: Place, program: str) -> str:
    """Where a program is; empty if it is nowhere."""
    return shutil.which(program, path=place.env["PATH"]) or ""


HOSTS: list[type[Host]] = [GitData, GitDataWithData, GitRemoteS3, Annex, PlainGit, PlainGitPath]
"""In the order of the tables."""

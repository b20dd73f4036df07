"""The tools with a store: git-data, DVC, git-lfs and git-annex.

They take the content in with the classes of ``tools``, untimed.
"""

from __future__ import annotations

import os
import shutil
from typing import ClassVar

import tools
from measure import Command, Place
from mounts import remove_tree
from movers import Mover
from servers import S3, Remote, Ssh
from tools import lacks_command
from work import Work


class Versioning(Mover):
    """A tool with a store in a git repository, which a push is sent from and a fetch fills."""

    repository: ClassVar[type[tools.Tool]]
    store = ""
    """the directory that holds the content, below the top of the work tree"""

    def __init__(self, place: Place, work: Work, remote: Remote) -> None:
        super().__init__(place, work, remote)
        self.tool = self.repository(place, work)

    def set_up(self, seed: str) -> None:
        self.tool.set_up()
        self.tool.write(seed, 1)
        for command in self.tool.add(1) + self.tool.commit(1):
            self.place.run(*command)
        self.connect()

    def connect(self) -> None:
        """Name the remote."""
        raise NotImplementedError

    def forget(self) -> None:
        remove_tree(self.path(self.store))
        top = self.path(self.work.top)
        if os.path.isdir(top):
            shutil.rmtree(top)
        else:
            os.unlink(top)

    def check(self, seed: str) -> None:
        self.bring_back()
        self.tool.check(seed, 1)

    def bring_back(self) -> None:
        """The work tree from the store alone."""
        self.place.run("git", "checkout", "-q", "--", self.work.top)

    def config(self, **values: str) -> None:
        """Set ``data_store_url`` and the like in git's configuration."""
        for key, value in values.items():
            self.place.run("git", "config", key.replace("_", "."), value)


class GitData(Versioning):
    """git-data's own commands."""

    name = "git-data"
    about = "git data push, git data fetch; data.fsync=none (a folder is synced after a push all the same)"
    repository: ClassVar[type[tools.Tool]] = tools.GitData
    peer = False
    ours = True
    version = ["git", "data", "version"]
    store = ".git/data/objects"

    @classmethod
    def missing(cls, place: Place, kind: str) -> str:
        return lacks_command(place, "push")

    def connect(self) -> None:
        url = self.remote.path
        if isinstance(self.remote, S3):
            url = f"s3://{self.remote.bucket}/data"
            self.config(data_store_endpoint=self.remote.endpoint)
        elif isinstance(self.remote, Ssh):
            url = self.remote.url("data")
            self.config(core_sshCommand=self.remote.command)
        self.config(data_store_url=url, data_remote="store")

    def push(self) -> list[Command]:
        return [["git", "data", "push", *self._counting()]]

    def fetch(self) -> list[Command]:
        return [["git", "data", "fetch", *self._counting()]]

    def bring_back(self) -> None:
        self.config(data_fetch="never")
        super().bring_back()

    def _counting(self) -> list[str]:
        # in a folder there are no requests to count
        return [] if self.remote.kind == "folder" else ["--json"]

    def requests(self, output: str) -> int | None:
        # a line of the JSON, which comes after what was said on standard error
        for line in output.splitlines():
            name, _, value = line.strip().rstrip(",").partition(": ")
            if name == '"requests"':
                return int(value)
        return None


class GitDataBatch(GitData):
    """The default durability."""

    name = "git-data, fsync=batch"
    about = "the same with the default durability: what was fetched is on the disk, too"
    repository = tools.GitDataBatch


class GitDataParamiko(GitData):
    """SSH without the program ssh."""

    name = "git-data, paramiko"
    about = "git-data with sshclient=paramiko instead of the program ssh"
    kinds = ("ssh",)

    def connect(self) -> None:
        super().connect()
        assert isinstance(self.remote, Ssh)
        self.config(data_store_sshclient="paramiko")
        directory = os.path.join(self.place.env["HOME"], ".ssh")
        os.makedirs(directory, 0o700, exist_ok=True)
        with open(os.path.join(directory, "config"), "w", encoding="ascii") as file:
            file.write(f"Host *\n  IdentityFile {self.remote.key}\n  UserKnownHostsFile {self.remote.known_hosts}\n")


class GitDataHook(GitData):
    """Plain git: code and data."""

    name = "git-data, git push"
    about = "plain git push to a repository on disk, its hook sends the data; again: after a commit that changes no data"
    kinds = ("s3",)

    def connect(self) -> None:
        super().connect()
        self.place.run("git", "init", "-q", "--bare", ".git/published")
        self.place.run("git", "remote", "add", "origin", self.path(".git/published"))

    def push(self) -> list[Command]:
        return [["git", "push", "-q", "origin", "HEAD"]]

    def before_again(self) -> None:
        self.place.run("git", "commit", "-q", "--allow-empty", "-m", "no change")


class Dvc(Versioning):
    """DVC with the plugin for the kind of remote."""

    name = "dvc"
    about = "dvc push, dvc fetch; default number of jobs"
    repository = tools.Dvc
    version = ["dvc", "--version"]
    store = ".dvc/cache"

    @classmethod
    def missing(cls, place: Place, kind: str) -> str:
        reason = super().missing(place, kind)
        if reason or kind == "folder":
            return reason
        # it lists what it supports: "s3 (s3fs = …"
        return "" if f"{kind} (" in place.run("dvc", "version") else f"dvc-{kind} is not installed"

    def connect(self) -> None:
        url, settings = self.remote.path, {}
        if isinstance(self.remote, S3):
            url, settings = f"s3://{self.remote.bucket}/data", {"endpointurl": self.remote.endpoint}
        elif isinstance(self.remote, Ssh):
            url, settings = self.remote.url("data"), {"keyfile": self.remote.key}
        with open(self.path(".dvc/config.local"), "w", encoding="ascii") as file:
            file.write("[core]\n    remote = store\n['remote \"store\"']\n")
            file.writelines(f"    {key} = {value}\n" for key, value in {"url": url, **settings}.items())

    def push(self) -> list[Command]:
        return [["dvc", "push", "-q"]]

    def fetch(self) -> list[Command]:
        return [["dvc", "fetch", "-q"]]

    def bring_back(self) -> None:
        self.place.run("dvc", "checkout", "-q")


class GitLfs(Versioning):
    """git-lfs without a server: its own transfer agent for ``file://``."""

    name = "git-lfs"
    about = (
        "git lfs push, git lfs fetch, with a repository on disk (standalone file transfer); "
        "again: after a git push, so that it knows what is there"
    )
    kinds = ("folder",)
    repository = tools.GitLfs
    version = ["git", "lfs", "version"]
    store = ".git/lfs/objects"
    _published = False

    def connect(self) -> None:
        bare = os.path.join(self.remote.path, "published.git")
        self.place.run("git", "init", "-q", "--bare", bare)
        self.place.run("git", "remote", "add", "origin", f"file://{bare}")

    def push(self) -> list[Command]:
        return [["git", "lfs", "push", "origin", "main"]]

    def before_again(self) -> None:
        if not self._published:
            self.place.run("git", "push", "-q", "--no-verify", "origin", "main")
            self._published = True

    def fetch(self) -> list[Command]:
        return [["git", "lfs", "fetch", "origin", "main"]]


class Annex(Versioning):
    """git-annex with a directory as special remote."""

    name = "git-annex"
    about = "git annex copy --fast --to, git annex get --fast --from a directory special remote; locked files, all processors"
    kinds = ("folder",)
    repository = tools.AnnexLocked
    version = ["git", "annex", "version"]
    store = ".git/annex/objects"

    def connect(self) -> None:
        self.place.run(
            "git", "annex", "initremote", "-q", "store", "type=directory", f"directory={self.remote.path}", "encryption=none"
        )

    def push(self) -> list[Command]:
        return [["git", "annex", "copy", "--quiet", "--fast", "--to", "store", "."]]

    def forget(self) -> None:
        # the links stay: get is told by them what to bring
        remove_tree(self.path(self.store))

    def fetch(self) -> list[Command]:
        return [["git", "annex", "get", "--quiet", "--fast", "--from", "store", "."]]

    def bring_back(self) -> None:
        """The links point to the content."""

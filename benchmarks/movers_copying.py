"""The tools that copy directories, without a history: rclone, aws, rsync, and ``cp`` as the floor."""

from __future__ import annotations

import os
from typing import ClassVar

from measure import Command
from movers import Mover
from servers import S3, Remote, Ssh


class Rclone(Mover):
    """rclone, told how to do it fastest for the kind of remote."""

    name = "rclone, tuned"
    about = (
        "rclone copy --transfers 16 --checkers 16 --fast-list; S3: --update --use-server-modtime (no request for each time), "
        "larger parts, more of them at once; SSH: larger chunks, no hashes computed over there"
    )
    version = ["rclone", "version"]
    options: ClassVar[list[str]] = ["--transfers", "16", "--checkers", "16", "--fast-list"]
    more: ClassVar[dict[str, list[str]]] = {
        "s3": ["--update", "--use-server-modtime", "--s3-chunk-size", "16M", "--s3-upload-concurrency", "8"],
        "ssh": ["--sftp-disable-hashcheck", "--sftp-chunk-size", "255k"],
    }

    def set_up(self, seed: str) -> None:
        super().set_up(seed)
        self.place.env = self.place.env | _rclone_env(self.remote)

    def push(self) -> list[Command]:
        return [["rclone", "copy", *self._options(), "source", self._address()]]

    def fetch(self) -> list[Command]:
        return [["rclone", "copy", *self._options(), self._address(), "fetched"]]

    def _options(self) -> list[str]:
        return [*self.options, *self.more.get(self.remote.kind, [])]

    def _address(self) -> str:
        if isinstance(self.remote, S3):
            return f"place:{self.remote.bucket}/data"
        path = os.path.join(self.remote.path, "data")
        return f"place:{path}" if isinstance(self.remote, Ssh) else path


class RcloneDefault(Rclone):
    """rclone as it comes; not over SSH: there it starts a program on the other side for the hash of each file, for minutes."""

    name = "rclone"
    about = "rclone copy, default options"
    kinds = ("s3", "folder")
    options: ClassVar[list[str]] = []
    more: ClassVar[dict[str, list[str]]] = {}


def _rclone_env(remote: Remote) -> dict[str, str]:
    """rclone's configuration of the remote ``place``."""
    if isinstance(remote, S3):
        values = {"type": "s3", "provider": "SeaweedFS", "endpoint": remote.endpoint}
        values |= {"env_auth": "true", "no_check_bucket": "true"}
    elif isinstance(remote, Ssh):
        values = {"type": "sftp", "host": remote.host, "port": str(remote.port), "user": remote.user}
        values |= {"key_file": remote.key, "known_hosts_file": remote.known_hosts, "shell_type": "unix"}
    else:
        values = {}
    return {f"RCLONE_CONFIG_PLACE_{key.upper()}": value for key, value in values.items()}


class Aws(Mover):
    """The command line of AWS."""

    name = "aws s3 sync"
    about = "aws s3 sync, default options"
    kinds = ("s3",)
    version = ["aws", "--version"]

    def push(self) -> list[Command]:
        return [self._sync("source", self._address())]

    def fetch(self) -> list[Command]:
        return [self._sync(self._address(), "fetched")]

    def _sync(self, *words: str) -> Command:
        assert isinstance(self.remote, S3)
        return ["aws", "s3", "sync", "--only-show-errors", "--endpoint-url", self.remote.endpoint, *words]

    def _address(self) -> str:
        assert isinstance(self.remote, S3)
        return f"s3://{self.remote.bucket}/data"


class Rsync(Mover):
    """rsync over ssh."""

    name = "rsync"
    about = "rsync -a over ssh"
    kinds = ("ssh",)
    version = ["rsync", "--version"]

    def push(self) -> list[Command]:
        return [self._copy("source/", self._address())]

    def fetch(self) -> list[Command]:
        return [self._copy(self._address(), "fetched/")]

    def _copy(self, *words: str) -> Command:
        assert isinstance(self.remote, Ssh)
        return ["rsync", "-a", "-e", f"{self.remote.command} -p {self.remote.port}", *words]

    def _address(self) -> str:
        assert isinstance(self.remote, Ssh)
        return f"{self.remote.user}@{self.remote.host}:{self.remote.path}/data/"


class Copy(Mover):
    """The floor of the file system."""

    name = "floor: cp --reflink"
    about = "cp -r --reflink=auto there and back: no hash, no sync, no look whether anything is there already"
    kinds = ("folder",)
    peer = False
    version = ["cp", "--version"]

    def push(self) -> list[Command]:
        return [["cp", "-r", "--reflink=auto", "source", self._target()]]

    def again(self) -> list[Command]:
        return []

    def fetch(self) -> list[Command]:
        return [["cp", "-r", "--reflink=auto", self._target(), "fetched"]]

    def _target(self) -> str:
        return os.path.join(self.remote.path, "data")


class CopyAndSync(Copy):
    """The same, on the disk at the end."""

    name = "floor: cp --reflink, sync"
    about = "the same, and sync -f of the target: what it costs to have it on the disk, as git-data has it in a folder"

    def push(self) -> list[Command]:
        return [*super().push(), ["sync", "-f", self._target()]]

    def fetch(self) -> list[Command]:
        return [*super().fetch(), ["sync", "-f", "fetched"]]

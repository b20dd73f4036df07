"""The remotes the contract suite runs over: one entry a kind, each started for real."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from helpers import run

from git_data.remote.address import parse
from git_data.remote.base import Options, Remote
from git_data.remote.registry import open_remote

Opener = Callable[[], Remote]
"""Opens the same place again: another client, with nothing remembered."""


@contextmanager
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """A folder on the default file system."""
    yield lambda: open_remote(parse(str(tmp_path / "remote")), Options())


@contextmanager
def folder_with_reflinks(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """A folder on a file system with reflinks."""
    root = request.getfixturevalue("reflink_dir") / "remote"
    yield lambda: open_remote(parse(f"file://{root}"), Options())


@contextmanager
def webdav_by_rclone(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """WebDAV by ``rclone serve webdav``."""
    host = request.getfixturevalue("rclone_webdav").host
    yield lambda: open_remote(parse(f"webdav://{host}/{tmp_path.name}/a%20place"), Options())


@contextmanager
def webdav_by_nginx(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """WebDAV by nginx, found out by asking."""
    host = request.getfixturevalue("nginx_webdav").host
    yield lambda: open_remote(parse(f"http://{host}/{tmp_path.name}/place"), Options())


@contextmanager
def s3_by_seaweedfs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """A fresh prefix of a bucket."""
    server = request.getfixturevalue("seaweedfs")
    prefix = server.prefix()
    yield lambda: server.remote(prefix=prefix)


@contextmanager
def sftp_by_ssh(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """SFTP through the program ssh, to OpenSSH's server."""
    sshd = request.getfixturevalue("sshd")
    options = Options(settings={"sshclient": "openssh"}, ssh_command=sshd.command())
    yield lambda: open_remote(parse(sshd.url(tmp_path / "remote")), options)


@contextmanager
def sftp_by_paramiko(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """SFTP through paramiko, to OpenSSH's server."""
    sshd = request.getfixturevalue("sshd")
    request.getfixturevalue("monkeypatch").setenv("HOME", str(tmp_path))
    sshd.write_home(tmp_path)
    yield lambda: open_remote(parse(sshd.url(tmp_path / "remote")), Options(settings={"sshclient": "paramiko"}))


@contextmanager
def azure_by_azurite(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """A fresh prefix of a container, through fsspec and adlfs."""
    url = request.getfixturevalue("azurite").url()
    yield lambda: open_remote(parse(url), Options())


@contextmanager
def ftp_by_rclone(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """A fresh directory of an FTP server."""
    host = request.getfixturevalue("ftp_login").host
    yield lambda: open_remote(parse(f"ftp://{host}/{tmp_path.name}/a%20place"), Options())


@contextmanager
def memory(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """The memory of this process, through fsspec."""
    yield lambda: open_remote(parse(f"memory://{tmp_path.name}/remote"), Options())


@contextmanager
def lfs_by_giftless(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """A repository on an LFS server, over HTTP."""
    url = request.getfixturevalue("giftless").url()
    yield lambda: open_remote(parse(url), Options())


@contextmanager
def lfs_over_ssh(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """A repository on an LFS server that speaks git-lfs-transfer."""
    server = request.getfixturevalue("lfs_over_ssh")
    url = server.url(server.repository())
    yield lambda: open_remote(parse(url), Options(ssh_command=server.sshd.command()))


@contextmanager
def lfs_in_a_repository(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """A repository on this machine, where git-lfs keeps its objects."""
    run("git", "init", "-q", tmp_path / "re po")
    yield lambda: open_remote(parse(f"lfs+file://{tmp_path}/re%20po"), Options())


OBJECTS_ONLY = {
    "LFS in a repository": lfs_in_a_repository,
    "LFS over HTTP (giftless)": lfs_by_giftless,
    "LFS over SSH": lfs_over_ssh,
}
"""The same for places that hold objects and nothing else."""
KINDS = {
    "Azure (Azurite)": azure_by_azurite,
    "FTP (rclone)": ftp_by_rclone,
    "folder": folder,
    "folder with reflinks": folder_with_reflinks,
    "memory": memory,
    "S3 (SeaweedFS)": s3_by_seaweedfs,
    "SFTP (OpenSSH)": sftp_by_ssh,
    "SFTP (paramiko)": sftp_by_paramiko,
    "WebDAV (nginx)": webdav_by_nginx,
    "WebDAV (rclone)": webdav_by_rclone,
}
"""What a test's ``remote`` is made of: name → context manager that gives an ``Opener`` of an empty place."""

"""Stores that host a git repository: every kind of ``remotes.KINDS`` as a URL that git takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from helpers import Repo, content, make_repo, run
from remotes import Opener

from git_data.host.host import Host
from git_data.host.memory import Memory
from git_data.host.state import Change, State
from git_data.remote.address import parse
from git_data.remote.base import Options
from git_data.remote.registry import open_remote


class Store:
    """A place: ``url`` is what git is given, ``open`` gives the same place as a remote of ours."""

    def __init__(self, url: str, open: Opener) -> None:
        self.url = f"data::{url}"
        self.open = open

    def host(self) -> Host:
        """The repository there, as somebody sees it who was never there."""
        return Host(self.open(), Memory(""))

    def state(self) -> State:
        """What it holds. Its connections are closed."""
        return self._asked(lambda host: None)[0]

    def log(self) -> list[Change]:
        """Every change, the newest first."""
        return self._asked(lambda host: [change for _, changes in host.batches() for change in reversed(changes)])[1]

    def _asked(self, ask: Callable[[Host], list[Change] | None]) -> tuple[State, list[Change]]:
        host = self.host()
        try:
            state = host.read()
            assert state is not None, f"no repository lies at {self.url}"
            return state, ask(host) or []
        finally:
            host.remote.close()


@contextmanager
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    path = tmp_path / "store"
    yield Store(str(path), lambda: open_remote(parse(str(path)), Options()))


@contextmanager
def folder_with_reflinks(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    path = request.getfixturevalue("reflink_dir") / "store"
    yield Store(f"file://{path}", lambda: open_remote(parse(str(path)), Options()))


@contextmanager
def s3(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    server = request.getfixturevalue("seaweedfs")
    prefix = server.prefix()
    yield Store(f"s3://tests/{prefix}?endpoint={server.url}", lambda: server.remote(prefix=prefix))


@contextmanager
def sftp(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    sshd = request.getfixturevalue("sshd")
    request.getfixturevalue("monkeypatch").setenv("GIT_SSH_COMMAND", sshd.command())
    url = sshd.url(tmp_path / "store", "sftp")
    options = Options(settings={"sshclient": "openssh"}, ssh_command=sshd.command())
    yield Store(url, lambda: open_remote(parse(url), options))


@contextmanager
def sftp_by_paramiko(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    sshd = request.getfixturevalue("sshd")
    request.getfixturevalue("monkeypatch").setenv("HOME", str(tmp_path))
    sshd.write_home(tmp_path)
    url = sshd.url(tmp_path / "store", "sftp")
    options = Options(settings={"sshclient": "paramiko"})
    yield Store(f"{url}?sshclient=paramiko", lambda: open_remote(parse(url), options))


@contextmanager
def webdav_by_rclone(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    url = f"webdav://{request.getfixturevalue('rclone_webdav').host}/{tmp_path.name}/a%20place"
    yield Store(url, lambda: open_remote(parse(url), Options()))


@contextmanager
def webdav_by_nginx(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    url = f"webdav://{request.getfixturevalue('nginx_webdav').host}/{tmp_path.name}/place"
    yield Store(url, lambda: open_remote(parse(url), Options()))


@contextmanager
def azure(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    url = request.getfixturevalue("azurite").url()
    yield Store(url, lambda: open_remote(parse(url), Options()))


@contextmanager
def ftp(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    url = f"ftp://{request.getfixturevalue('ftp_login').host}/{tmp_path.name}/place"
    yield Store(url, lambda: open_remote(parse(url), Options()))


@contextmanager
def memory(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    url = f"memory://{tmp_path.name}/store"
    yield Store(url, lambda: open_remote(parse(url), Options()))


HOSTING = {
    "Azure (Azurite)": azure,
    "folder": folder,
    "folder with reflinks": folder_with_reflinks,
    "S3 (SeaweedFS)": s3,
    "SFTP (OpenSSH)": sftp,
    "SFTP (paramiko)": sftp_by_paramiko,
    "WebDAV (rclone)": webdav_by_rclone,
}
"""Kinds to which several people can push."""
ALONE = {"FTP (rclone)": ftp, "WebDAV (nginx)": webdav_by_nginx}
"""Kinds for one writer at a time."""
NEVER = {"memory": memory}
"""What ends with the process that wrote it."""


def begin(path: Path, store: Store) -> Repo:
    """A repository with a file of data, whose remote ``origin`` is the store; nothing is pushed yet."""
    repo = make_repo(path)
    repo.write("data.bin", content(5000, 1))
    repo.write("readme", "one\n")
    repo.commit("one")
    repo.git("remote", "add", "origin", store.url)
    return repo


def clone(store: Store, path: Path, *options: str) -> Repo:
    """``git clone``, after which everything is there."""
    run("git", "clone", "-q", *options, store.url, str(path))
    repo = Repo(path)
    assert_whole(repo)
    return repo


def assert_whole(repo: Repo) -> None:
    """History is complete and sound, and every file of the work tree holds its content."""
    assert repo.run("git", "fsck", "--strict", "--no-dangling").stdout == b""
    assert repo.status() == ""
    for path in repo.git("ls-files", "*.bin").split():
        assert repo.pointer(path) is None, f"'{path}' holds a pointer"


def refs(repo: Repo) -> dict[str, str]:
    """The refs that ``git ls-remote`` shows."""
    lines = repo.git("ls-remote", "origin").splitlines()
    return {name: oid for oid, name in (line.split("\t") for line in lines) if name != "HEAD"}

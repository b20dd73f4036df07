"""Git servers of every kind git knows, with repositories whose data lies on a remote that .gitdata names.

``git_host`` (parametrized) runs a test once over each; ``smart_host`` over HTTP and a path, which stand for the two ways in which
git talks to its helpers.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import Repo, make_repo, run

from servers.git_http import GitHttp
from servers.sshd import Sshd
from servers.web import free_port, program

CONTENT = {"a.bin": b"first " * 5000, "sub/b.bin": b"second " * 7000}
NEW = b"new " * 2500
"""What is committed in ``GitHost.work``, as ``new.bin``, and tagged ``v1``, but not pushed."""
_SETTINGS = {"uploadpack.allowFilter": "true", "http.receivepack": "true", "receive.advertisePushOptions": "true"}


class GitHost:
    """Where repositories can be reached by one protocol. ``origin`` is one with four commits in ``main`` and ``side``."""

    def __init__(self, kind: str, template: Path, root: Path, base: str, separator: str = "/") -> None:
        self.kind = kind
        self.template = template
        self.root = root
        self.base = base
        self.separator = separator
        self.origin = root / "p.git"
        self.store = root / "store"

    @property
    def plain(self) -> str:
        """The URL of ``origin`` as git alone takes it."""
        return self.base + str(self.origin if self.separator else self.origin.relative_to(self.root.parent))

    @property
    def url(self) -> str:
        """The same with ``data::``."""
        return "data::" + self.plain

    def clone(self, path: Path, *options: str) -> Repo:
        """A clone, ready for work."""
        run("git", "clone", "-q", *options, self.url, path)
        return Repo(path)

    def work(self, path: Path) -> Repo:
        """A repository with one commit that ``origin`` does not have."""
        shutil.copytree(self.template / "repo", path, symlinks=True)
        config = path / ".git/config"
        config.write_text(config.read_text().replace(str(self.template / "p.git"), self.url))
        return Repo(path)

    def refs(self) -> dict[str, str]:
        """What the refs of ``origin`` are."""
        lines = run("git", "for-each-ref", "--format=%(refname) %(objectname)", cwd=self.origin).stdout.decode().splitlines()
        return dict(line.split(" ") for line in lines)

    def has_data(self, data: bytes) -> bool:
        """Whether data lies on the remote."""
        oid = hashlib.sha256(data).hexdigest()
        return any(path.name == oid for path in self.store.rglob("*") if path.is_file())


@pytest.fixture(scope="session")
def git_places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What all servers serve."""
    return tmp_path_factory.mktemp("git-places")


@pytest.fixture(scope="session")
def git_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three commits, three days apart, and their data in ``store``; the places are filled in by who copies it."""
    place = tmp_path_factory.mktemp("template")
    repo = make_repo(place / "repo")
    run("git", "init", "-q", "--bare", place / "p.git")
    repo.git("remote", "add", "origin", place / "p.git")
    repo.data("remote", "add", "--local", "-d", "store", place / "store")
    for day, (path, data) in enumerate({**CONTENT, "readme": b"hello\n"}.items(), 1):
        repo.write(path, data)
        date = f"2024-01-0{day}T12:00:00Z"
        repo.git("add", "-A")
        repo.git("commit", "-q", "-m", path, env={"GIT_COMMITTER_DATE": date, "GIT_AUTHOR_DATE": date})
    repo.git("push", "-q", "origin", "main", "main:side")
    repo.git("branch", "-q", "--track", "side", "origin/side")
    repo.git("config", "--remove-section", "data.store")
    repo.git("config", "--unset", "data.remote")
    repo.write("new.bin", NEW)
    repo.commit()
    repo.git("tag", "-a", "-m", "one", "v1")
    for key, value in _SETTINGS.items():
        run("git", "config", key, value, cwd=place / "p.git")
    return place


@pytest.fixture(scope="session")
def git_daemon(git_places: Path) -> Iterator[int]:
    """The port of ``git daemon``, which takes pushes, too."""
    port = free_port()
    options = ["--export-all", "--enable=receive-pack", "--reuseaddr", "--listen=127.0.0.1", f"--port={port}"]
    with program(["git", "daemon", *options, f"--base-path={git_places}"], port, git_places / "daemon.log"):
        yield port


@pytest.fixture(scope="session")
def git_http(git_places: Path) -> Iterator[GitHttp]:
    """``git http-backend``."""
    server = GitHttp(git_places)
    yield server
    server.close()


def _open(kind: str, request: pytest.FixtureRequest, tmp_path: Path, patch: pytest.MonkeyPatch) -> GitHost:
    places, template = request.getfixturevalue("git_places"), request.getfixturevalue("git_template")
    root = places / tmp_path.name
    root.mkdir()
    for name in ("p.git", "store"):
        shutil.copytree(template / name, root / name)
    # a user's own choice of the place; what .gitdata says is seen in the documentation's examples
    run("git", "config", "--global", "data.store.url", root / "store")
    run("git", "config", "--global", "data.remote", "store")
    if kind == "http":
        server: GitHttp = request.getfixturevalue("git_http")
        return GitHost(kind, template, root, f"http://{server.host}/", "")
    if kind == "daemon":
        return GitHost(kind, template, root, f"git://127.0.0.1:{request.getfixturevalue('git_daemon')}/", "")
    if kind in ("ssh", "scp"):
        sshd: Sshd = request.getfixturevalue("sshd")
        patch.setenv("GIT_SSH_COMMAND", sshd.command() + (f" -p {sshd.port}" if kind == "scp" else ""))
        return GitHost(kind, template, root, sshd.url("") if kind == "ssh" else f"{sshd.user}@127.0.0.1:")
    return GitHost(kind, template, root, "" if kind == "path" else "file://")


@pytest.fixture(params=["http", "ssh", "daemon", "path", "file"])
def git_host(request, tmp_path, global_config, monkeypatch) -> GitHost:
    """Every kind of server."""
    return _open(request.param, request, tmp_path, monkeypatch)


@pytest.fixture(params=["http", "path"])
def smart_host(request, tmp_path, global_config, monkeypatch) -> GitHost:
    """One of each way in which git talks to its helpers."""
    return _open(request.param, request, tmp_path, monkeypatch)


@pytest.fixture
def http_host(request, tmp_path, global_config, monkeypatch) -> GitHost:
    """HTTP only."""
    return _open("http", request, tmp_path, monkeypatch)


@pytest.fixture
def path_host(request, tmp_path, global_config, monkeypatch) -> GitHost:
    """A path only."""
    return _open("path", request, tmp_path, monkeypatch)


@pytest.fixture
def ssh_host(request, tmp_path, global_config, monkeypatch) -> GitHost:
    """SSH only."""
    return _open("ssh", request, tmp_path, monkeypatch)


@pytest.fixture
def scp_host(request, tmp_path, global_config, monkeypatch) -> GitHost:
    """SSH, in the short form."""
    return _open("scp", request, tmp_path, monkeypatch)

"""LFS servers: giftless over HTTP, and ``lfs_transfer.py`` behind a real sshd; one of each a session, started on first use."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from servers.sshd import Sshd
from servers.web import cannot, free_port, program

_numbers = count()
_GIFTLESS = {
    "AUTH_PROVIDERS": ["giftless.auth.allow_anon:read_write"],
    "LEGACY_ENDPOINTS": False,
}


def git_lfs() -> str:
    """The stock client, which must be there."""
    found = shutil.which("git-lfs")
    if found is None:
        cannot("git-lfs is not installed (Debian: git-lfs)")
    return str(found)


class Giftless:
    """A running server; every repository is there, and empty."""

    def __init__(self, port: int, storage: Path) -> None:
        self.host = f"127.0.0.1:{port}"
        self.storage = storage

    def repository(self) -> str:
        """The path of a repository nobody has used."""
        return f"org/r{os.getpid()}-{next(_numbers)}.git"

    def api(self, repository: str) -> str:
        """What stock git-lfs has as ``lfs.url``."""
        return f"http://{self.host}/{repository}/info/lfs"

    def url(self, repository: str = "") -> str:
        """The address for git-data."""
        return f"lfs+http://{self.host}/{repository or self.repository()}"

    def objects(self, repository: str) -> dict[str, Path]:
        """The objects it keeps, by their names."""
        place = self.storage / repository.removesuffix(".git")
        return {path.name: path for path in place.rglob("*") if path.is_file()}


def find_giftless() -> str | None:
    """The Python that has giftless: it gets an environment of its own, because it needs much (Makefile)."""
    given = os.environ.get("GIT_DATA_TEST_GIFTLESS")
    path = Path(sys.prefix) / "giftless" / "bin" / "python"
    return given or (str(path) if path.exists() else None)


@pytest.fixture(scope="session")
def giftless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Giftless]:
    """The server of this session."""
    python = find_giftless()
    if python is None:
        cannot("giftless is not installed (make setup); GIT_DATA_TEST_GIFTLESS names the Python that has it")
    place = tmp_path_factory.mktemp("giftless")
    settings = {
        **_GIFTLESS,
        "PRE_AUTHORIZED_ACTION_PROVIDER": {
            "factory": "giftless.auth.jwt:factory",
            "options": {"algorithm": "HS256", "private_key": "k" * 40, "default_lifetime": 600},
        },
        "TRANSFER_ADAPTERS": {
            "basic": {
                "factory": "giftless.transfer.basic_streaming:factory",
                "options": {
                    "storage_class": "giftless.storage.local_storage:LocalStorage",
                    "storage_options": {"path": str(place / "storage")},
                },
            }
        },
    }
    (place / "settings.yaml").write_text(json.dumps(settings))  # which YAML reads, too
    port = free_port()
    words = ["env", f"GIFTLESS_CONFIG_FILE={place}/settings.yaml", str(python), "-W", "ignore", "-m", "waitress", "--threads=8"]
    with program([*words, f"--listen=127.0.0.1:{port}", "giftless.wsgi_entrypoint:app"], port, place / "log"):
        yield Giftless(port, place / "storage")


class LfsOverSsh:
    """sshd with ``lfs_transfer.py``; repositories are directories below ``root``."""

    def __init__(self, sshd: Sshd, root: Path) -> None:
        self.sshd = sshd
        self.root = root

    def repository(self) -> str:
        """The path, for clients, of a new empty repository."""
        name = f"org/r{next(_numbers)}.git"
        (self.root / name).mkdir(parents=True)
        return f"/{name}"

    def place(self, repository: str) -> Path:
        """Where the server keeps it."""
        return self.root / repository.lstrip("/")

    def url(self, repository: str) -> str:
        """The address for git-data."""
        return self.sshd.url(repository, "lfs+ssh")

    def objects(self, repository: str) -> list[str]:
        """The names of the objects it keeps."""
        return sorted(path.name for path in (self.place(repository) / "objects").glob("*") if len(path.name) == 64)

    def log(self) -> list[str]:
        """What was asked since the last call."""
        path = self.root / "log"
        lines = path.read_text().splitlines() if path.exists() else []
        path.write_text("")
        return lines

    def use(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let git, git-lfs and git-data of this test reach it."""
        monkeypatch.setenv("GIT_SSH_COMMAND", self.sshd.command())


@pytest.fixture(scope="session")
def lfs_over_ssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LfsOverSsh]:
    """The server of this session."""
    root = tmp_path_factory.mktemp("lfs-over-ssh")
    script = Path(__file__).with_name("lfs_transfer.py")
    python = os.path.realpath(sys.executable)
    server = Sshd(tmp_path_factory.mktemp("lfs-sshd"), f"ForceCommand {python} -I -S {script} {root}")
    server.start()
    yield LfsOverSsh(server, root)
    server.stop()


def stock(place: Path, *words: str, ok: bool = True) -> subprocess.CompletedProcess[str]:
    """Run git in a repository where stock git-lfs filters: see ``stock_repo``."""
    done = subprocess.run(["git", *words], cwd=place, capture_output=True, text=True)
    assert not ok or done.returncode == 0, done.stderr
    return done


def stock_repo(place: Path, origin: Path, lfs_url: str = "") -> Path:
    """A repository for stock git-lfs, without git-data, with ``origin``; ``*.bin`` goes through git-lfs."""
    git_lfs()
    place.mkdir(parents=True)
    stock(place, "init", "-q")
    for name in ("process", "smudge", "clean"):
        words = "filter-process" if name == "process" else f"{name} -- %f"
        stock(place, "config", f"filter.lfs.{name}", f"git-lfs {words}")
    stock(place, "config", "filter.lfs.required", "true")
    stock(place, "config", "lfs.locksverify", "false")
    stock(place, "config", "lfs.concurrenttransfers", "2")  # each is a connection of its own, over SSH
    if lfs_url:
        stock(place, "config", "lfs.url", lfs_url)
    stock(place, "remote", "add", "origin", str(origin))
    (place / ".git" / "info").mkdir(exist_ok=True)
    (place / ".git" / "info" / "attributes").write_text("*.bin filter=lfs -text\n")
    return place

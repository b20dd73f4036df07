"""The test house: every test has real git, its own HOME and configuration, and its own repositories.

Fixtures: ``repo`` (git-data installed, ``*.bin`` tracked), ``new_repo`` (a factory), ``reflink_dir`` (a fresh directory on a file
system with reflinks), ``reflink_repo``, ``any_repo`` (once on each kind of file system).

Reflinks need XFS or btrfs.  ``GIT_DATA_TEST_REFLINK_DIR`` names a directory on one; without it the session makes an XFS in a
sparse file and mounts it, which takes root.  ``GIT_DATA_PURE=1`` runs everything without the compiled core.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("helpers", "lfs_repos", "remotes")

import helpers  # noqa: E402
from helpers import ATTRIBUTES, Repo, make_repo  # noqa: E402
from lfs_repos import lfs_template, lfs_versions, of_git_lfs  # noqa: E402, F401  (fixtures)
from servers.azurite import azurite, azurite_server  # noqa: E402, F401  (fixtures)
from servers.dvc import dvc_project, dvc_python  # noqa: E402, F401
from servers.ftp import ftp_login, rclone_ftp  # noqa: E402, F401  (fixtures)
from servers.git_hosts import (  # noqa: E402, F401  (fixtures)
    git_daemon,
    git_host,
    git_http,
    git_places,
    git_template,
    http_host,
    path_host,
    scp_host,
    smart_host,
    ssh_host,
)
from servers.lfs import giftless, lfs_over_ssh  # noqa: E402, F401  (fixtures)
from servers.lfs_server import lfs_server  # noqa: E402, F401  (fixtures)
from servers.seaweedfs import seaweedfs, seaweedfs_server  # noqa: E402, F401  (fixtures)
from servers.sshd import own_sshd, sshd  # noqa: E402, F401  (fixtures)
from servers.web import (  # noqa: E402, F401  (fixtures)
    certificate,
    nginx_static,
    nginx_webdav,
    nginx_webdav_without_listings,
    rclone_webdav,
    scripted,
)

SOURCES = Path(__file__).resolve().parent.parent
_KEPT = (
    "GIT_DATA_PURE",
    "GIT_DATA_TEST_AZURITE",
    "GIT_DATA_TEST_GIFTLESS",
    "GIT_DATA_TEST_DVC",
    "GIT_DATA_TEST_NGINX_MODULES",
    "GIT_DATA_TEST_REFLINK_DIR",
)
_XFS_BYTES = 512 << 20
_CLONE_NEWNS = 0x00020000  # sched.h

_GLOBAL_CONFIG = """\
[user]
	name = A U Thor
	email = author@example.com
[init]
	defaultBranch = main
	templateDir = {template}
[core]
	# a test machine may lose its power
	fsync = none
[protocol "file"]
	allow = always
[advice]
	detachedHead = false
[maintenance]
	auto = false
[gc]
	auto = 0
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests come first, so that in the end no process works at one alone."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session", autouse=True)
def _isolation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing of the user's gets in, nothing of ours gets out."""
    home = tmp_path_factory.mktemp("home")
    config = home / ".gitconfig"
    template = home / "template"
    # git's own has a dozen sample hooks, which every test would copy
    (template / "hooks").mkdir(parents=True)
    (template / "info").mkdir()
    (template / "info" / "exclude").write_text("# what git ignores here\n")
    config.write_text(_GLOBAL_CONFIG.format(template=template))
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("GIT_", "XDG_", "LC_")) and name not in _KEPT:
                patch.delenv(name)
        # what every command would compile anew otherwise
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        for name, value in {
            "HOME": str(home),
            "GIT_CONFIG_GLOBAL": str(config),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_EDITOR": "true",
            "GIT_DATA_PROGRESS": "0",
            "LC_ALL": "C.UTF-8",
            "PAGER": "cat",
            "PATH": _scripts() + os.pathsep + os.environ["PATH"],
        }.items():
            patch.setenv(name, value)
        patch.chdir(home)
        yield


def _scripts() -> str:
    """Where ``git-data`` of the running Python is: its environment, else the checkout's ``bin``."""
    scripts = sysconfig.get_path("scripts")
    if os.access(os.path.join(scripts, "git-data"), os.X_OK):
        return scripts
    os.environ["GIT_DATA_PYTHON"] = sys.executable
    return str(SOURCES / "bin")


@pytest.fixture
def global_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This test's own copy of the user's configuration, free to change."""
    own = tmp_path / "global-config"
    own.write_text(Path(os.environ["GIT_CONFIG_GLOBAL"]).read_text())
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(own))
    return own


@pytest.fixture
def new_repo(tmp_path: Path) -> Callable[..., Repo]:
    """``new_repo(name_or_path="other", *init_options, install=True, attributes=…)``."""

    def make(path: str | Path = "other", *init: str, install: bool = True, attributes: str = ATTRIBUTES) -> Repo:
        return make_repo(tmp_path / path, *init, install=install, attributes=attributes)

    return make


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """A repository on the default file system."""
    return make_repo(tmp_path / "repo")


@pytest.fixture(scope="session")
def reflink_root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory on a file system with reflinks, for the whole session."""
    given = os.environ.get("GIT_DATA_TEST_REFLINK_DIR")
    if given:
        root = Path(given) / f"git-data-tests-{os.getpid()}"
        root.mkdir(parents=True)
        _must_clone(root)
        yield root
        shutil.rmtree(root)
        return
    place = tmp_path_factory.mktemp("xfs")
    root = place / "mnt"
    root.mkdir()
    trouble = _mount_xfs(place / "image", root)
    if trouble:
        _cannot(f"no file system with reflinks: {trouble}; set GIT_DATA_TEST_REFLINK_DIR to a directory on XFS or btrfs")
    try:
        _must_clone(root)
        yield root
    finally:
        subprocess.run(["umount", "-l", str(root)], check=True)
        (place / "image").unlink()


def _mount_xfs(image: Path, root: Path) -> str:
    """Mount a new XFS at ``root``; what stood in the way."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "mounting one takes root"
    if shutil.which("mkfs.xfs") is None:
        return "mkfs.xfs is not installed (Debian: xfsprogs)"
    with open(image, "wb") as file:
        file.truncate(_XFS_BYTES)
    _own_mounts()
    for command in (["mkfs.xfs", "-q", "-m", "reflink=1", str(image)], ["mount", "-o", "loop", str(image), str(root)]):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            return f"{command[0]}: {done.stderr.strip()}"
    return ""


def _own_mounts() -> None:
    """Have mounts of our own (mount_namespaces(7)), so that they end with this process, however it ends."""
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, "unshare", None) is not None and libc.unshare(_CLONE_NEWNS) == 0:
        subprocess.run(["mount", "--make-rprivate", "/"], check=True)


def _must_clone(root: Path) -> None:
    from git_data.link.probe import usable

    assert "reflink" in usable(("reflink",), str(root), str(root), str(root / "links")), f"'{root}' cannot reflink"


def _cannot(reason: str) -> None:
    """Skip with a reason, but never quietly where everything must run."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture
def reflink_dir(reflink_root: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A fresh directory on a file system with reflinks."""
    name = re.sub(r"\W", "_", request.node.name)[:40]
    number = 0
    while (path := reflink_root / f"{name}-{number}").exists():
        number += 1
    path.mkdir()
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def reflink_repo(reflink_dir: Path) -> Repo:
    """A repository on a file system with reflinks."""
    return make_repo(reflink_dir / "repo")


@pytest.fixture(params=["reflinks", "default"])
def any_dir(request: pytest.FixtureRequest) -> Path:
    """A directory, once on a file system with reflinks and once on the default one."""
    return request.getfixturevalue("reflink_dir" if request.param == "reflinks" else "tmp_path")


@pytest.fixture
def links(any_dir: Path, request: pytest.FixtureRequest) -> bool:
    """Whether files in ``any_dir`` must share their blocks with the store."""
    return request.node.callspec.params["any_dir"] == "reflinks"


@pytest.fixture
def any_repo(any_dir: Path) -> Repo:
    """A repository in ``any_dir``."""
    return make_repo(any_dir / "repo")


@pytest.fixture
def git_version() -> tuple[int, ...]:
    """The version of git that is tested."""
    return helpers.git_version()

"""What is published: the sdist is complete, wheels work with and without a C compiler, in an environment of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from helpers import Repo, content

from git_data.__main__ import COMMANDS

pytestmark = pytest.mark.slow

SOURCES = Path(__file__).resolve().parent.parent.parent
NEVER_COPIED = (
    *(".git", ".venv*", ".demo", "build", "dist", "results"),
    *("*.egg-info", "*.so", "__pycache__", ".*_cache", ".hypothesis"),
)


def _run(*command: str | Path, **options) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _new_environment(path: Path) -> Path:
    """A virtual environment with pip; its ``bin``."""
    _run(sys.executable, "-m", "venv", path)
    return path / "bin"


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published source archive."""
    place = tmp_path_factory.mktemp("sdist")
    shutil.copytree(SOURCES, place / "sources", ignore=shutil.ignore_patterns(*NEVER_COPIED))
    code = "from setuptools import build_meta; print(build_meta.build_sdist('../dist'))"
    _run(sys.executable, "-c", code, cwd=place / "sources")
    (archive,) = (place / "dist").glob("git_data-*.tar.gz")
    return archive


def _build_wheel(sdist: Path, place: Path, **env: str) -> Path:
    shutil.unpack_archive(sdist, place)
    (unpacked,) = place.glob("git_data-*")
    code = "from setuptools import build_meta; build_meta.build_wheel('../dist')"
    _run(sys.executable, "-c", code, cwd=unpacked, env={**os.environ, **env})
    (wheel,) = (place / "dist").glob("*.whl")
    return wheel


def test_the_sdist_has_everything_that_builds_tests_and_explains(sdist: Path):
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for wanted in (
        "LICENSE",
        "Makefile",
        "README.md",
        "bin/git-data",
        "docs/architecture.md",
        "git_data/_native/build.py",
        "git_data/_native/core.c",
        "git_data/_native/core.h",
        "tests/conftest.py",
        *(f"hooks/{path.name}" for path in (SOURCES / "hooks").iterdir()),
    ):
        assert wanted in names
    assert not [name for name in names if name.endswith((".so", ".pyc")) or "_core.c" in name]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``bin`` of an environment in which wheels are installed, one after the other."""
    return _new_environment(tmp_path_factory.mktemp("environment") / "venv")


@pytest.mark.parametrize("kind", ["with a compiler", "without a compiler"])
def test_a_wheel_works_in_an_environment_of_its_own(sdist: Path, environment: Path, tmp_path: Path, kind: str, monkeypatch):
    compiled = kind == "with a compiler"
    wheel = _build_wheel(sdist, tmp_path / "build", **({} if compiled else {"CC": "/bin/false"}))
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert ("git_data/_core.abi3.so" in names) is compiled
    # one wheel for this Python and all later ones
    assert "-cp310-abi3-" in wheel.name
    for hook in (SOURCES / "hooks").iterdir():
        assert f"git_data/hook_templates/{hook.name}" in names
    for command in COMMANDS:
        assert f"git_data/man/git-data-{command}.1" in names

    bin = environment
    _run(bin / "pip", "uninstall", "--quiet", "--yes", "git-data")
    assert not list(bin.glob("git-*data"))
    # of all the libraries little is run, which Python compiles then
    _run(bin / "pip", "install", "--quiet", "--no-compile", wheel)
    monkeypatch.setenv("PATH", f"{bin}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("GIT_DATA_PURE", raising=False)
    code = "from git_data.base import native; print(native.lib is not None)"
    assert _run(bin / "python", "-c", code).strip() == str(compiled)
    _check_main_job(Repo(tmp_path / "repo"), bin)
    _check_manual(bin)
    _check_hosting(Repo(tmp_path / "repo"), tmp_path)


def _check_main_job(repo: Repo, bin: Path) -> None:
    repo.path.mkdir()
    repo.git("init", "-q")
    repo.data("install")
    assert str(bin) in repo.git("config", "filter.data.process")
    repo.data("track", "*.bin")
    versions = [content(3_000_000), content(3_000_001)]
    for number, version in enumerate(versions):
        repo.write("file.bin", version)
        repo.commit(f"version {number}")
    for revision, version in (("HEAD~1", versions[0]), ("main", versions[1])):
        repo.git("checkout", "-q", revision)
        assert repo.read("file.bin") == version
        assert repo.status() == ""
    assert repo.blob("file.bin", "HEAD").startswith(b"version git-data/1\n")


def _check_hosting(repo: Repo, directory: Path) -> None:
    """git finds git-remote-data by itself, and a clone needs nothing that is configured before."""
    repo.git("push", "-q", f"data::{directory / 'place'}", "HEAD:refs/heads/main")
    clone = Repo(directory / "hosted")
    _run("git", "clone", "-q", f"data::{directory / 'place'}", clone.path)
    assert {path.name for path in clone.path.iterdir()} == {path.name for path in repo.path.iterdir()}
    assert clone.status() == ""
    assert all(clone.read(path.name) == path.read_bytes() for path in repo.path.glob("*.bin"))


def _check_manual(bin: Path) -> None:
    if shutil.which("man") is None:
        pytest.skip("everything else works; man is not installed")
    man = {**os.environ, "MANPAGER": "cat", "MANWIDTH": "80"}
    assert "git-data - version large files" in _run("git", "help", "data", env=man)
    assert "git-data-track - " in _run("git", "data", "help", "track", env=man)
    assert Path(_run("man", "-w", "git-data-track").strip()).is_relative_to(bin.parent)

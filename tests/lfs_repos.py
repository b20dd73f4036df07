"""Repositories that stock git-lfs has made, for tests of leaving it; and what a user would see of each of their commits."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest
from helpers import Repo, content, run

ATTRIBUTES = b"""\
# large files
[attr]big filter=lfs diff=lfs merge=lfs -text
*.bin\tbig
"with space/*.dat"  filter=lfs diff=lfs   merge=lfs -text lockable
*.txt text eol=lf"""
"""With a macro, a quoted pattern, odd blanks, attributes behind, and no line end."""
OFF = (
    *("-c", "filter.lfs.process="),
    *("-c", "filter.lfs.clean="),
    *("-c", "filter.lfs.smudge="),
    *("-c", "filter.lfs.required=false"),
)
"""Options of git under which git-lfs does nothing."""
NESTED = b"*.raw filter=lfs diff=lfs merge=lfs -text\r\n*.md text\r\n"


def need_git_lfs() -> None:
    """Skip where git-lfs is not installed, but never where everything must run."""
    if shutil.which("git-lfs") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("git-lfs is not installed", pytrace=False)
        pytest.skip("git-lfs is not installed (Debian: git-lfs)")


def make(path: Path) -> Repo:
    """Three branches, tags, a merge, notes, a rename, an executable; two commits reach data that no branch has at its tip."""
    need_git_lfs()
    run("git", "init", "-q", path)
    repo = Repo(path)
    repo.git("lfs", "install", "--local")
    repo.write(".gitattributes", ATTRIBUTES)
    repo.write("sub/.gitattributes", NESTED)
    for number, name in enumerate(("a.bin", "run.bin", "with space/f.dat", "sub/deep/x.raw", "sub/y.bin")):
        repo.write(name, content(3000 + number, seed=number))
    repo.file("run.bin").chmod(0o755)
    repo.write("readme.txt", "text\n")
    repo.commit("one")
    repo.git("tag", "light")
    repo.git("branch", "old")
    repo.git("mv", "a.bin", "b.bin")
    repo.write("sub/y.bin", content(2000, seed=11))
    repo.commit("two")
    repo.git("tag", "-a", "v1", "-m", "annotated")
    repo.git("checkout", "-q", "-b", "side", "old")
    repo.write("sub/deep/x.raw", content(2500, seed=12))
    repo.write("empty.bin", b"")
    repo.commit("aside", "--date", "2020-02-02T02:02:02+0500")
    repo.git("checkout", "-q", "main")
    repo.git("merge", "-q", "-m", "merged", "side")
    repo.git("notes", "add", "-m", "a note", "side")
    repo.write("b.bin", content(4000, seed=13))
    repo.commit("three")
    return repo


def copy_of(template: Path, path: Path) -> Repo:
    """A copy to play with."""
    shutil.copytree(template, path, symlinks=True)
    return Repo(path)


def versions(repo: Repo, clean: bool = True) -> dict[str, dict[str, str]]:
    """Subject of each commit → path → hash of what a user has there after a checkout, and an ``x`` for executables.

    Files that say how git is to treat others are left out. Each checkout must be ``clean``;
    in stock git-lfs none is that has a file that should have been a pointer.
    """
    found = {}
    lines = repo.git("log", "--format=%H %s", "--branches", "--tags", "HEAD").splitlines()
    for line in lines:
        commit, _, subject = line.partition(" ")
        repo.git("checkout", "-q", "-f", commit)
        assert not clean or repo.status() == ""
        found[subject] = files(repo)
    return found


def files(repo: Repo) -> dict[str, str]:
    """What lies in the work tree."""
    found = {}
    for path in repo.path.rglob("*"):
        name = str(path.relative_to(repo.path))
        if path.is_file() and not name.startswith(".git/") and path.name not in (".gitattributes", ".gitdata", ".git"):
            executable = "x" if path.stat().st_mode & 0o100 else ""
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest() + executable
    return found


def lfs_objects(repo: Repo) -> dict[str, Path]:
    """The objects git-lfs keeps, by oid."""
    return {path.name: path for path in (repo.git_dir() / "lfs" / "objects").rglob("*") if path.is_file()}


def state(repo: Repo) -> dict[str, object]:
    """Everything that undoing must bring back."""
    hooks = {path.name: path.read_bytes() for path in (repo.git_dir() / "hooks").iterdir() if path.suffix != ".sample"}
    return {
        "refs": repo.git("for-each-ref", "refs/heads", "refs/tags", "refs/notes") + repo.git("rev-parse", "HEAD"),
        "config": sorted(repo.git("config", "--local", "--list").splitlines()),
        "hooks": hooks,
        "files": files(repo),
    }


@pytest.fixture(scope="session")
def lfs_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of stock git-lfs, to be copied."""
    return make(tmp_path_factory.mktemp("lfs") / "template").path


@pytest.fixture(scope="session")
def lfs_versions(lfs_template: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """What stock git-lfs checks out of it."""
    return versions(copy_of(lfs_template, tmp_path_factory.mktemp("before") / "repo"))


@pytest.fixture
def of_git_lfs(lfs_template: Path, tmp_path: Path) -> Repo:
    """A copy to play with."""
    return copy_of(lfs_template, tmp_path / "repo")

"""A folder that hosts a repository, and two clones of it: ``ann`` pushed everything, ``ben`` has it all, too.

main   six commits, one push each: a data file, then a text file that changed
dev    one more commit, beside main
v1     an annotated tag on main
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
from helpers import Repo, make_repo, run

from git_data.host.host import Host
from git_data.host.memory import Memory
from git_data.host.state import Change, State
from git_data.remote.address import parse
from git_data.remote.base import Options, Remote
from git_data.remote.registry import open_remote

CHANGES = 8
"""Pushes so far."""


class Team:
    """``store`` is the folder, ``url`` what git is told."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store = path / "store"
        self.url = f"data::{self.store}"
        self.ann = Repo(path / "ann")
        self.ben = Repo(path / "ben")

    @property
    def remote(self) -> Remote:
        """The folder, opened anew."""
        return open_remote(parse(str(self.store)), Options())

    def state(self) -> State:
        """What lies there, to somebody who never saw it before."""
        state = Host(self.remote, Memory("")).read()
        assert state is not None
        return state

    def packs(self) -> set[str]:
        """The names of the pack files that are there, whether anything refers to them or not."""
        return {path.stem for path in (self.store / "git/packs").iterdir()}

    def push(self, number: int, *options: str) -> str:
        """One more commit of ann's, pushed; its name."""
        self.ann.write("text", f"{number}\n")
        commit = self.ann.commit(f"number {number}")
        self.ann.git("push", "-q", *options)
        return commit

    def clone(self) -> Repo:
        """A new clone, which must be sound, and the same as ann's repository where it has the same refs."""
        path = self.path / "new"
        shutil.rmtree(path, ignore_errors=True)
        run("git", "clone", "-q", "--template=", self.url, path)
        run("git", "fsck", "--strict", "--connectivity-only", cwd=path)
        return Repo(path)


_built: dict[str, Path] = {}


def template(factory: pytest.TempPathFactory) -> Path:
    """What all tests copy, built once."""
    if "team" not in _built:
        _built["team"] = factory.mktemp("teams")
        _build(_built["team"])
    return _built["team"]


def _build(path: Path) -> None:
    team = Team(path)
    ann = make_repo(team.ann.path)
    ann.git("remote", "add", "origin", team.url)
    ann.write("x.bin", 3000)
    ann.commit("data")
    ann.git("push", "-q", "-u", "origin", "main")
    for number in range(1, 6):
        team.push(number)
    ann.git("tag", "-a", "-m", "one", "v1")
    ann.git("push", "-q", "origin", "v1")
    ann.git("checkout", "-q", "-b", "dev", "main~1")
    ann.write("dev", "dev\n")
    ann.commit("dev")
    ann.git("push", "-q", "origin", "dev")
    ann.git("checkout", "-q", "main")
    run("git", "clone", "-q", "--template=", team.url, team.ben.path)


def copy(template: Path, path: Path) -> Team:
    """A team of one's own at ``path``; what the clones remember moves with it."""
    team = Team(path)
    shutil.copytree(template, team.path, symlinks=True)
    for repo in (team.ann, team.ben):
        config = repo.path / ".git/config"
        config.write_text(config.read_text().replace(str(template), str(team.path)))
        (memory,) = (repo.path / ".git/data/remotes").iterdir()
        memory.rename(memory.parent / hashlib.sha256(str(team.store).encode()).hexdigest()[:16])
    return team


def pushes(team: Team, number: int) -> list[str]:
    """So many changes, as pushes would make them, by somebody else, each of a branch of its own; the branches."""
    oid = team.state().oid("refs/heads/main")
    host = Host(team.remote, Memory(""))
    refs = [f"refs/heads/many/{at}" for at in range(number)]
    for ref in refs:
        host.change(lambda state, ref=ref: Change("push", refs={ref: oid}))  # type: ignore[misc]
    return refs

"""Two worlds that are the same but for the remote: a plain bare repository in one, a folder behind ``data::`` in the other.

In each a clone, ``work``, is ahead of some refs of its remote and has fallen behind or apart of others:

    main        one commit ahead of the remote's
    topic       rewritten: the remote has what this clone pushed before
    shared      a colleague has pushed a commit since that this clone has never seen
    fresh       here only
    v1, light   tags that the remote has, annotated and not; v2 and ahead are here only, on main
    odd         on the remote only, and its tracking branch here
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from helpers import Repo, run

from git_data.host.host import Host
from git_data.host.memory import Memory
from git_data.host.state import State
from git_data.remote.address import parse
from git_data.remote.base import Options
from git_data.remote.registry import open_remote

TIME = "2024-01-02T03:04:05Z"
STAMP = {"GIT_AUTHOR_DATE": TIME, "GIT_COMMITTER_DATE": TIME}


class World:
    """``work`` with ``origin``; ``folder`` is what lies behind that."""

    def __init__(self, path: Path, hosted: bool) -> None:
        self.path = path
        self.hosted = hosted
        self.folder = path / "remote"
        self.url = f"data::{self.folder}" if hosted else str(self.folder)
        self.work = Repo(path / "work")

    def refs(self) -> dict[str, str]:
        """What the remote has: the object of each ref, and what it is of if it is a tag; and which ref HEAD is."""
        if self.hosted:
            state = self.state()
            return {**state.refs, "HEAD": state.head}
        found = {"HEAD": (self.folder / "HEAD").read_text().removeprefix("ref: ").strip()}
        for line in os.fsdecode(run("git", "show-ref", "--dereference", cwd=self.folder).stdout).splitlines():
            oid, _, name = line.partition(" ")
            if name.endswith("^{}"):
                found[name.removesuffix("^{}")] += f" {oid}"
            else:
                found[name] = oid
        return found

    def state(self) -> State:
        """What lies in the folder behind ``data::``."""
        state = Host(open_remote(parse(str(self.folder)), Options()), Memory("")).read()
        assert state is not None
        return state

    def push(self, *arguments: str) -> tuple[int, list[str]]:
        """``git push --porcelain``: the exit status and the lines about refs."""
        done = self.work.run("git", "push", "--porcelain", *arguments, ok=None)
        lines = done.stdout.decode(errors="surrogateescape").splitlines()
        return done.returncode, sorted(line for line in lines if not line.startswith(("To ", "Done")))

    def files(self) -> dict[str, bytes]:
        """What lies in the folder."""
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}

    def clone(self, name: str, *options: str) -> Repo:
        """Another clone, beside ``work``."""
        run("git", "clone", "-q", *options, self.url, self.path / name)
        return Repo(self.path / name)


def build(path: Path) -> None:
    """Both worlds, to be copied: ``path/plain`` and ``path/hosted``."""
    start = path / "start"
    run("git", "init", "-q", "--template=", start)
    repo = Repo(start)
    for number in range(1, 4):
        _commit(repo, f"file{number}", f"{number}\n")
    for branch in ("topic", "shared", "odd"):
        repo.git("branch", branch, "main~1")
    repo.git("checkout", "-q", "topic")
    _commit(repo, "topic", "first\n")
    repo.git("tag", "light", "main~2")
    repo.git("tag", "-a", "-m", "one", "v1", "main~1", env=STAMP)
    repo.git("checkout", "-q", "main")
    for kind in ("plain", "hosted"):
        world = World(path / kind, kind == "hosted")
        shutil.copytree(start, world.work.path)
        if not world.hosted:
            run("git", "init", "-q", "--bare", "--template=", world.folder)
        work = world.work
        work.git("remote", "add", "origin", world.url)
        work.git("push", "-q", "-u", "origin", "main", "topic", "shared", "odd", "v1", "light")
        colleague = world.clone("colleague", "--template=", "-b", "shared")
        _commit(colleague, "theirs", "theirs\n")
        colleague.git("push", "-q")
        _commit(work, "file4", "4\n")
        work.git("tag", "-a", "-m", "two", "v2", env=STAMP)
        work.git("tag", "ahead")
        work.git("checkout", "-q", "topic")
        _commit(work, "topic", "second thoughts\n", "--amend")
        work.git("checkout", "-q", "shared")
        _commit(work, "ours", "ours\n")
        work.git("checkout", "-q", "-b", "fresh", "main~2")
        _commit(work, "fresh", "fresh\n")
        work.git("checkout", "-q", "main")
        work.git("branch", "-q", "-D", "odd")
    pack(path)


def pack(path: Path) -> None:
    """Few files, for the many copies: every object stays, also those that nothing leads to."""
    for kind in ("plain/remote", "plain/work", "plain/colleague", "hosted/work", "hosted/colleague"):
        run("git", "repack", "-q", "-a", "-d", "-k", cwd=path / kind)
        run("git", "prune-packed", "-q", cwd=path / kind)


def _commit(repo: Repo, path: str, text: str, *options: str) -> None:
    repo.write(path, text)
    repo.git("add", path)
    repo.git("commit", "-q", "-m", f"{path}: {text.strip()}", *options, env=STAMP)


def copy(template: Path, path: Path, kind: str, colleague: bool = False) -> World:
    """A world of one's own, with the colleague's clone or without."""
    shutil.copytree(
        template / kind,
        path / kind,
        symlinks=True,
        ignore=shutil.ignore_patterns() if colleague else shutil.ignore_patterns("colleague"),
    )
    for config in (path / kind).glob("*/.git/config"):
        config.write_text(config.read_text().replace(str(template), str(path)))
    return World(path / kind, kind == "hosted")

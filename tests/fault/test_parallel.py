"""Many commands at once in several work trees and repositories over one store.

Everything ends, files hold the right bytes, and each content is stored once.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from fault import harness
from helpers import Repo, content, run

TREES = 4
HANGS_S = 60


def at_once(commands: list[tuple[Repo, list[str]]]) -> None:
    """Start all commands, then wait for each; all must succeed."""
    running = [
        subprocess.Popen(command, cwd=repo.path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for repo, command in commands
    ]
    said = [process.communicate(timeout=HANGS_S)[0].decode(errors="replace") for process in running]
    failed = [(command, text) for (_, command), process, text in zip(commands, running, said) if process.returncode]
    assert failed == []


def files(seed: int) -> dict[str, bytes]:
    """Some content that every tree has, some that it has alone; one file is streamed."""
    same = {f"same/{number}.bin": content(2000, seed=number) for number in range(30)}
    own = {f"own/{number}.bin": content(2000, seed=1000 * (seed + 1) + number) for number in range(10)}
    return {**same, **own, "same/large.bin": content(1_300_000, seed=77), "own/large.bin": content(1_100_000, seed=seed + 100)}


@pytest.fixture
def trees(any_dir: Path, new_repo: Callable[..., Repo]) -> list[Repo]:
    """Two repositories with two work trees each, and one store for all."""
    found = []
    for number in range(TREES // 2):
        repo = new_repo(any_dir / f"repo-{number}")
        repo.git("config", "data.cacheDir", str(any_dir / "cache"))
        repo.git("worktree", "add", "-q", "-b", "second", str(any_dir / f"tree-{number}"))
        found += [repo, Repo(any_dir / f"tree-{number}")]
    return found


@pytest.mark.parametrize("command", [["git", "add", "."], ["git", "data", "add", "-q", "."]], ids=" ".join)
def test_adding_and_checking_out_everywhere_at_once(trees: list[Repo], any_dir: Path, links: bool, command: list[str]) -> None:
    expected = [files(number) for number in range(TREES)]
    for tree, own in zip(trees, expected):
        for path, data in own.items():
            tree.write(path, data)
    at_once([(tree, command) for tree in trees])
    at_once([(tree, ["git", "commit", "-q", "-m", "files"]) for tree in trees])
    contents = {data for own in expected for data in own.values()}
    assert len(trees[0].objects()) == len(contents), "one object for each content"
    assert list((any_dir / "cache/tmp").iterdir()) == []

    for tree in trees:
        tree.git("checkout", "-q", "--detach", "HEAD~")
    at_once([(tree, ["git", "checkout", "-q", branch]) for tree, branch in zip(trees, ["main", "second"] * 2)])
    for tree, own in zip(trees, expected):
        tree.assert_content(own, linked=links)
        assert list((tree.git_dir() / "data/pending").iterdir()) == []
    for path in (any_dir / "cache/objects").rglob("?" * 64):
        assert run("sha256sum", path).stdout.startswith(path.name.encode())


def test_many_commands_finish_one_checkout(repo: Repo) -> None:
    """A journal left by a kill is worked off by whoever comes first, by one of them only."""
    data = files(0)
    for path, bytes_ in data.items():
        repo.write(path, bytes_)
    repo.commit()
    repo.git("checkout", "-q", "HEAD~")
    repo.git("checkout", "-q", "main", env={"GIT_DATA_SKIP_SMUDGE": "1"})
    harness.leave_journal(repo, data)
    at_once([(repo, ["git", "data", "checkout", "-q"]) for _ in range(TREES)])
    # where one command took a file out of the hands of another, git compares it once
    assert repo.status() == ""
    repo.assert_content(data, linked=False)

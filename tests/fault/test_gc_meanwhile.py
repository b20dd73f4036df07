"""``git data gc`` at any moment of an add, a commit, a checkout: nothing that is needed goes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from fault import harness
from fault.harness import Run, Shim
from fault.scenarios import EDITED, SCENARIOS, V1, V2
from helpers import Repo


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Repo]:
    """Where each scenario starts."""
    root = tmp_path_factory.mktemp("templates")
    return {name: SCENARIOS[name].build(root / name) for name in ("git add", "git data add", "git commit", "git checkout")}


@pytest.mark.parametrize("name", ["git add", "git data add", "git commit", "git checkout"])
def test_gc_at_any_moment_of(templates: dict[str, Repo], tmp_path: Path, shim: Shim, name: str) -> None:
    scenario, at = SCENARIOS[name], 3
    while True:
        repo = harness.copy_repo(templates[name], tmp_path / "repo")
        run = Run(repo, shim, scenario.command, "stop", at, "native", lambda repo=repo: _collect(repo))
        try:
            assert run.status == 0
            scenario.check(repo, run)
            harness.assert_pointers_have_data(repo)
        except AssertionError as error:
            raise AssertionError(f"{run}\n{error}") from error
        if not run.reached:
            return
        at += 17


def _collect(repo: Repo) -> None:
    done = repo.run("git", "data", "gc", "--force", ok=None, env={"LD_PRELOAD": ""})
    assert done.returncode == 0 or b"lock" in done.stderr, done.stderr.decode()


def test_gc_keeps_versions_of_every_work_tree_and_what_only_the_stash_has(repo: Repo, tmp_path: Path) -> None:
    for files in (V1, V2):
        for path, data in files.items():
            repo.write(path, data)
        repo.commit()
    repo.git("worktree", "add", "-q", "--detach", str(tmp_path / "tree"), "HEAD~")
    for path, data in EDITED.items():
        repo.write(path, data)
    repo.git("stash")
    repo.write("staged.bin", b"staged and nowhere else")
    repo.git("add", "staged.bin")
    needed = {
        hashlib.sha256(data).hexdigest() for data in [*V1.values(), *V2.values(), *EDITED.values(), b"staged and nowhere else"]
    }
    garbage = repo.run("git", "data", "clean", stdin=b"nobody refers to this").stdout
    assert len(repo.objects()) == len(needed) + 1 and garbage
    repo.data("gc", "--force", "--prune=now")
    assert repo.objects() == needed

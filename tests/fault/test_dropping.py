"""``git data drop`` with every file-system call failing once: nothing is lost, and running it again ends the same."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from fault import harness
from fault.harness import Run, Shim
from fault.scenarios import V1, V2, Scenario, assert_whole, write
from helpers import Repo, pointer_of


class Drop(Scenario):
    """Four files whose content is on a remote, one of them in an earlier version."""

    command = ["git", "data", "drop", "."]

    def __init__(self, place: Path) -> None:
        self.place = place

    def build(self, path: Path) -> Repo:
        repo = super().build(path)
        repo.git("config", "data.store.url", str(self.place))
        for files in (V1, V2):
            write(repo, files)
            repo.commit()
        repo.data("push")
        return repo

    def check(self, repo: Repo, run: Run) -> None:
        super().check(repo, run)
        assert_whole(repo)
        harness.assert_status_truthful(repo)
        assert_whole(repo)
        for data in (*V1.values(), *V2.values()):
            oid = hashlib.sha256(data).hexdigest()
            assert (self.place / "objects" / "sha256" / oid[:2] / oid).read_bytes() == data
        assert all(harness.stored(repo, hashlib.sha256(data).hexdigest()) for data in V1.values() if data not in V2.values())

    def finish(self, repo: Repo) -> None:
        repo.git(*self.command[1:])
        assert {path: repo.read(path) for path in V2} == {path: pointer_of(data) for path, data in V2.items()}
        assert not any(harness.stored(repo, hashlib.sha256(data).hexdigest()) for data in V2.values())
        repo.assert_clean()
        repo.data("pull")
        assert {path: repo.read(path) for path in V2} == V2
        repo.assert_clean()


@pytest.mark.parametrize(
    ("kind", "core", "first", "step"),
    [("kill", "native", 0, 8), ("kill", "pure", 4, 12), ("eio", "native", 0, 28), ("enospc", "pure", 2, 12)],
)
def test_fault_at_calls_of_a_drop(tmp_path: Path, shim: Shim, kind: str, core: str, first: int, step: int) -> None:
    scenario = Drop(tmp_path / "place")
    template = scenario.build(tmp_path / "template")
    calls = shim.trace(harness.copy_repo(template, tmp_path / "repo"), scenario.command, kind, core)
    reached = 0
    for at in harness.different(calls)[first::step]:
        repo = harness.copy_repo(template, tmp_path / "repo")
        run = Run(repo, shim, scenario.command, kind, at, core)
        try:
            scenario.check(repo, run)
            if not run.reached:
                assert run.status == 0
                continue
            reached += 1
            harness.remove_stale_locks(repo, run)
            scenario.finish(repo)
        except AssertionError as error:
            raise AssertionError(f"{run}\n{error}") from error
    assert reached

"""File-system calls of our processes fail, one at a time, for each command that stores or brings content.

Kills are tried at every other call that differs from the others (``harness.different``) of what users do all the time, of the
rest, and for errors, at evenly spread ones of them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fault import harness
from fault.harness import Run, Shim
from fault.scenarios import SCENARIOS
from helpers import Repo

Walk = Callable[..., None]

VARIANTS = [("reflinks", "native"), ("default", "pure"), ("default", "native"), ("reflinks", "pure")]
"""File system and implementation. The first two have every line of both, the others what depends on both."""

_templates: dict[tuple[str, Path], Repo] = {}
_numbers: dict[tuple[str, str, str, str], list[int]] = {}


@pytest.fixture
def walk(request: pytest.FixtureRequest, tmp_path: Path, shim: Shim) -> Walk:
    """``walk(scenario, kind, file system, core, first, step)``: those of the calls that differ fail, in turn."""

    def walk(name: str, kind: str, file_system: str, core: str, first: int, step: int) -> None:
        if file_system == "reflinks":
            root, place = request.getfixturevalue("reflink_root"), request.getfixturevalue("reflink_dir")
        else:
            root, place = request.getfixturevalue("tmp_path_factory").getbasetemp(), tmp_path
        scenario = SCENARIOS[name]
        if (name, root) not in _templates:
            _templates[name, root] = scenario.build(root / f"template {name}")
        template = _templates[name, root]
        key = (name, kind, file_system, core)
        if key not in _numbers:
            repo = harness.copy_repo(template, place / "repo")
            _numbers[key] = harness.different(shim.trace(repo, scenario.command, kind, core))
        reached = 0
        for at in _numbers[key][first::step]:
            repo = harness.copy_repo(template, place / "repo")
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

    return walk


@pytest.mark.parametrize("part", range(2), ids=["even", "odd"])
@pytest.mark.parametrize("name", ["git add", "git checkout"])
def test_killed_at_every_other_call_that_differs(walk: Walk, name: str, part: int) -> None:
    walk(name, "kill", *VARIANTS[part], first=2 * part, step=4)


@pytest.mark.parametrize("variant", VARIANTS, ids="-".join)
@pytest.mark.parametrize("name", ["git commit", "git stash", "git data add", "git data checkout"])
def test_killed_at_calls_of(walk: Walk, name: str, variant: tuple[str, str]) -> None:
    walk(name, "kill", *variant, first=4 * VARIANTS.index(variant), step=4 * len(VARIANTS))


@pytest.mark.parametrize("kind", ["kill-git", "kill-all"])
@pytest.mark.parametrize("name", ["git add", "git checkout", "git stash"])
def test_git_itself_killed_during(walk: Walk, name: str, kind: str) -> None:
    walk(name, kind, "default", "native", first=1, step=8)


@pytest.mark.parametrize("variant", VARIANTS[:2], ids="-".join)
@pytest.mark.parametrize("name", ["git add", "git checkout", "git data add", "git data checkout", "git stash"])
def test_input_output_error_during(walk: Walk, name: str, variant: tuple[str, str]) -> None:
    walk(name, "eio", *variant, first=10 * VARIANTS.index(variant), step=20)


@pytest.mark.parametrize("variant", VARIANTS[:2], ids="-".join)
@pytest.mark.parametrize("name", ["git add", "git checkout", "git data add", "git data checkout"])
def test_file_system_full_for_one_call_of(walk: Walk, name: str, variant: tuple[str, str]) -> None:
    walk(name, "enospc", *variant, first=4 * VARIANTS.index(variant), step=8)


@pytest.mark.parametrize("core", ["native", "pure"])
@pytest.mark.parametrize("name", ["git add", "git data add", "git stash"])
def test_a_failed_sync_is_never_acknowledged_by(walk: Walk, name: str, core: str) -> None:
    walk(name, "fsync", "default", core, first=0, step=1)


def test_after_a_failed_sync_the_next_command_stores_the_data_again(repo: Repo, shim: Shim) -> None:
    data = repo.write("a.bin", 5000)
    run = Run(repo, shim, ["git", "add", "a.bin"], "fsync", 1, "native")
    assert run.status != 0
    assert not repo.object(data).exists()
    repo.git("commit", "-q", "-m", "looks at the file once more")
    assert repo.object(data).read_bytes() == data


def test_after_a_failed_sync_data_that_is_gone_is_not_committed(repo: Repo, shim: Shim) -> None:
    repo.write("a.bin", 5000)
    assert Run(repo, shim, ["git", "add", "a.bin"], "fsync", 1, "native").status != 0
    repo.file("a.bin").unlink()
    assert "a.bin" in repo.fails("commit", "-m", "pointer without data")

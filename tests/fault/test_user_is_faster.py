"""The user, or an attacker, changes the work tree at any moment of a relink.

Our process is stopped before each of its calls in turn (its twin in Python before every third), files are changed, and it
goes on: edits are kept, deleted files stay deleted, and nothing is ever written through a symbolic link (git-lfs
CVE-2025-26625, git CVE-2021-21300).
"""

from __future__ import annotations

from pathlib import Path

import pytest
from fault import harness
from fault.harness import Run, Shim
from fault.scenarios import V2, DataCheckout
from helpers import Repo, pointer_of

FIRST = 41
"""Before this call files are only listed."""

WORDS = b"the user's own words\n"
CHANGED = ("a.bin", "b.bin", "big.bin", "sub/d.bin")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """A work tree full of pointers."""
    return DataCheckout().build(tmp_path_factory.mktemp("template") / "repo")


def change(repo: Repo, outside: Path) -> None:
    """One file is edited, one deleted, one becomes a link, and one gets a link for its directory.

    What the links lead to is itself the pointer that is expected there: only the links give it away.
    """
    repo.write("a.bin", WORDS, age_s=0)
    repo.file("b.bin").unlink()
    (outside / "d.bin").write_bytes(pointer_of(V2["sub/d.bin"]))
    (outside / "big.bin").write_bytes(pointer_of(V2["big.bin"]))
    repo.file("big.bin").unlink()
    repo.file("big.bin").symlink_to(outside / "big.bin")
    repo.file("sub").rename(outside / "what was sub")
    repo.file("sub").symlink_to(outside)


def assert_changes_kept(repo: Repo, outside: Path) -> None:
    assert repo.read("a.bin") == WORDS, "an edit is lost"
    assert not repo.file("b.bin").exists(), "a deleted file is back"
    assert repo.file("big.bin").is_symlink() and repo.file("sub").is_symlink(), "a link is lost"
    assert (outside / "d.bin").read_bytes() == pointer_of(V2["sub/d.bin"]), "written through a linked directory"
    assert (outside / "big.bin").read_bytes() == pointer_of(V2["big.bin"]), "written through a link"
    assert {path.name for path in outside.iterdir()} == {"big.bin", "d.bin", "what was sub"}
    assert repo.status() == " M a.bin\n D b.bin\n T big.bin\n D sub/d.bin\n?? sub\n"


@pytest.mark.parametrize(("core", "first", "step"), [("native", 0, 2), ("native", 1, 2), ("pure", 0, 3)])
def test_files_change_at_any_moment_of_a_relink(
    template: Repo, tmp_path: Path, shim: Shim, core: str, first: int, step: int
) -> None:
    calls = shim.trace(harness.copy_repo(template, tmp_path / "repo"), DataCheckout.command, "stop", core)
    reached = 0
    for at in [number for number in harness.different(calls) if number >= FIRST][first::step]:
        repo = harness.copy_repo(template, tmp_path / "repo")
        outside = tmp_path / f"outside-{at}"
        outside.mkdir()

        def meanwhile(repo: Repo = repo, outside: Path = outside) -> None:
            change(repo, outside)

        run = Run(repo, shim, DataCheckout.command, "stop", at, core, meanwhile)
        try:
            assert "Traceback" not in run.output
            if not run.reached:
                assert run.status == 0
                continue
            reached += 1
            if core == "native" or not is_blind(run):
                assert_changes_kept(repo, outside)
        except AssertionError as error:
            raise AssertionError(f"{run}\n{error}") from error
    assert reached > 10


def is_blind(run: Run) -> bool:
    """The last step of the twin in Python: without renameat2 a rename cannot tell what it replaces."""
    call, _, path = run.call.partition(" ")
    return call in ("renameat", "rename") and path.endswith(CHANGED)

"""The clock of the machine is wrong by a year; the one that dates files (a server's, the kernel's) is right.

Nothing that matters depends on it: content is right, edits are seen, young files are kept.
"""

from __future__ import annotations

import time

import pytest
from fault import harness
from fault.harness import Shim
from helpers import Repo, content

YEAR_S = 365 * 24 * 3600
SIZES = {"small.bin": 900, "large.bin": 1_200_000}

OFFSETS = pytest.mark.parametrize("offset_s", [YEAR_S, -YEAR_S], ids=["a-year-ahead", "a-year-behind"])
CORES = pytest.mark.parametrize("pure", ["0", "1"], ids=["native", "pure"])


@pytest.fixture
def clock(shim: Shim, offset_s: int, pure: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command of the test runs with the wrong clock; the test itself does not."""
    for name, value in {**shim.clock(offset_s), "GIT_DATA_PURE": pure}.items():
        monkeypatch.setenv(name, value)


@CORES
@OFFSETS
def test_versions_go_in_and_come_back(clock: None, any_repo: Repo, links: bool) -> None:
    repo = any_repo
    versions = []
    for number in range(2):
        versions.append({path: repo.write(path, size + number) for path, size in SIZES.items()})
        repo.commit(f"version {number}")
    repo.git("checkout", "-q", "HEAD~")
    assert {path: repo.read(path) for path in SIZES} == versions[0]
    assert repo.status() == ""
    repo.git("checkout", "-q", "main")
    assert {path: repo.read(path) for path in SIZES} == versions[1]
    assert repo.status() == ""
    assert not links or all(repo.is_linked(path) for path in SIZES)
    harness.assert_store_sound(repo)
    assert list((repo.store() / "quarantine").glob("*")) == []


@CORES
@OFFSETS
@pytest.mark.parametrize("command", [["add", "."], ["data", "add", "."]], ids=" ".join)
def test_an_edit_in_the_same_moment_is_not_lost(clock: None, any_repo: Repo, command: list[str]) -> None:
    """The content that is stored is the content that was hashed, however young the file is."""
    repo = any_repo
    for number in range(4):
        expected = {path: repo.write(path, size + number, age_s=0) for path, size in SIZES.items()}
        repo.git(*command)
        assert {path: repo.object(data).read_bytes() for path, data in expected.items()} == expected
        edited = {path: repo.write(path, size + number, age_s=0) for path, size in SIZES.items()}
        assert repo.status() == "".join(f"AM {path}\n" for path in sorted(edited))
    harness.assert_store_sound(repo)


@CORES
@OFFSETS
def test_temporaries_are_swept_by_the_clock_of_the_file_system(clock: None, repo: Repo) -> None:
    repo.write("a.bin", 100)
    repo.git("add", ".")
    young, old = harness.leave_temporaries(repo.store() / "tmp")
    repo.write("b.bin", 100)
    repo.git("add", ".")
    assert young.exists() and not old.exists()


@CORES
@OFFSETS
def test_gc_keeps_what_was_stored_just_now(clock: None, repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    data = content(5000)
    repo.run("git", "data", "clean", stdin=data)  # stored, and referred to by nobody yet
    repo.data("gc", "--force")
    assert repo.object(data).exists()
    monkeypatch.delenv("LD_PRELOAD")
    repo.data("gc", "--force")
    assert repo.object(data).exists()
    repo.data("gc", "--force", "--prune=now")
    assert not repo.object(data).exists()


def test_the_shim_turns_the_clock(shim: Shim, repo: Repo) -> None:
    now_s = int(repo.run("date", "+%s", env=shim.clock(YEAR_S)).stdout)
    assert abs(now_s - time.time() - YEAR_S) < 100
    stamp = repo.run("git", "var", "GIT_COMMITTER_IDENT", env=shim.clock(YEAR_S)).stdout.split()[-2]
    assert abs(int(stamp) - time.time() - YEAR_S) < 100

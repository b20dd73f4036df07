"""kill -9 in the middle of a checkout of many files, and what the user and the next commands find.

Each file is whole content or a pointer, what the user did meanwhile is kept, and the journal brings the rest.
"""

from __future__ import annotations

import pytest
from fault import harness
from fault.harness import Run, Shim
from helpers import Repo, content, pointer_of

COUNT = 40
FILES = {f"dir{number % 3}/{number}.bin": content(3000 + number, seed=number) for number in range(COUNT)}
WORDS = b"written by the user meanwhile\n"


@pytest.fixture(params=["native", "pure"])
def killed(request: pytest.FixtureRequest, repo: Repo, shim: Shim, monkeypatch: pytest.MonkeyPatch) -> Repo:
    """A checkout of many files, killed when git had finished and about half of the links were made."""
    core = request.param
    if core == "pure":
        monkeypatch.setenv("GIT_DATA_PURE", "1")
    repo.git("config", "data.jobs", "1")
    for path, data in FILES.items():
        repo.write(path, data)
    repo.commit("files")
    repo.git("checkout", "-q", "HEAD~")
    whole = Run(repo, shim, ["git", "checkout", "-q", "main"], "kill", 1 << 30, core)
    assert whole.status == 0
    calls = shim.calls()
    repo.git("checkout", "-q", "HEAD~")
    for at in range(calls * 3 // 4, calls):
        run = Run(repo, shim, ["git", "checkout", "-q", "main"], "kill", at, core)
        linked = [path for path in FILES if repo.pointer(path) is None]
        if 0 < len(linked) < COUNT:
            assert run.reached
            return repo
        harness.remove_stale_locks(repo, run)
        repo.git("checkout", "-q", "-f", "HEAD~")
    raise AssertionError("no kill hit the middle of the links")


def test_each_file_is_whole_and_status_tells_the_truth(killed: Repo) -> None:
    for path, data in FILES.items():
        assert killed.read(path) in (data, pointer_of(data))
    assert killed.git("log", "-1", "--format=%s") == "files\n"
    assert killed.status() == ""
    harness.assert_status_truthful(killed)


@pytest.mark.parametrize(
    "command",
    [
        ["data", "checkout"],
        ["checkout", "-q", "-b", "next", "HEAD~"],
        ["commit", "-q", "--allow-empty", "-m", "empty"],
        ["stash"],
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_the_next_command_finishes_it(killed: Repo, command: list[str]) -> None:
    if command == ["stash"]:
        killed.write("dir0/0.bin", WORDS)  # makes the stash, and the filter, do something
    killed.git(*command)
    if command[0] == "checkout":
        killed.git("checkout", "-q", "main")
    # files linked before the kill have no size in the index yet: git compares them, once
    assert killed.status() == ""
    killed.assert_content(FILES, linked=False)
    assert list((killed.path / ".git/data/pending").iterdir()) == []


def test_what_the_user_did_meanwhile_is_kept(killed: Repo) -> None:
    waiting = [path for path in FILES if killed.pointer(path)]
    done = [path for path in FILES if path not in waiting]
    killed.write(waiting[0], WORDS)
    killed.write(done[0], WORDS)
    killed.file(waiting[1]).unlink()
    killed.file(waiting[2]).rename(killed.file("renamed.bin"))
    killed.file(waiting[3]).unlink()
    killed.file(waiting[3]).mkdir()
    killed.file(waiting[4]).unlink()
    killed.file(waiting[4]).symlink_to(killed.file(waiting[5]).name)
    touched = {waiting[number] for number in range(5)} | {done[0]}

    killed.data("checkout")
    assert killed.read(waiting[0]) == killed.read(done[0]) == WORDS
    assert not killed.file(waiting[1]).exists() and not killed.file(waiting[2]).exists()
    assert killed.read("renamed.bin") == pointer_of(FILES[waiting[2]]), "a file git does not know is the user's"
    assert killed.file(waiting[3]).is_dir() and killed.file(waiting[4]).is_symlink()
    assert all(killed.read(path) == data for path, data in FILES.items() if path not in touched)
    said = {line[3:] for line in killed.git("status", "--porcelain", "-uno").splitlines()}
    assert said == touched


def test_objects_that_are_gone_leave_their_pointers(killed: Repo) -> None:
    waiting = [path for path in FILES if killed.pointer(path)]
    killed.object(FILES[waiting[0]]).unlink()
    assert waiting[0] in killed.fails("data", "checkout", status=3)
    assert killed.read(waiting[0]) == pointer_of(FILES[waiting[0]])
    assert all(killed.read(path) == data for path, data in FILES.items() if path != waiting[0])
    assert killed.status() == ""


# -- temporaries


def test_temporaries_of_killed_commands_are_swept_after_a_day(repo: Repo, shim: Shim) -> None:
    data = repo.write("a.bin", 1_200_000)
    store, stage = repo.store() / "tmp", repo.path / ".git/data/tmp"
    for at in range(1, 100):
        run = Run(repo, shim, ["git", "add", "a.bin"], "kill", at, "native")
        if list(store.iterdir()):
            break
    assert run.call.startswith("write"), run
    harness.remove_stale_locks(repo, run)
    young, old = harness.leave_temporaries(store)
    foreign = store / "not-ours"
    foreign.write_bytes(b"")
    repo.git("add", "a.bin")
    repo.git("commit", "-q", "-m", "a")
    assert young.exists() and not old.exists() and foreign.exists()
    assert repo.object(data).exists()

    young, old = harness.leave_temporaries(stage)
    repo.file("a.bin").unlink()
    repo.git("checkout", "--", "a.bin")
    assert young.exists() and not old.exists()
    assert repo.read("a.bin") == data

"""Many who push at once: whatever was acknowledged is kept, exactly once, and who came too late is told."""

from __future__ import annotations

import random
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import Repo, run
from servers.proxy import Fault, running
from servers.seaweedfs import SeaweedFS
from stores import HOSTING, Store, assert_whole, begin, clone, refs

from git_data.errors import GitDataError
from git_data.host.host import Host
from git_data.host.marker import CREATE, SINGLE, SWAP
from git_data.host.memory import Memory
from git_data.host.state import Change, Manifest, State
from git_data.remote.address import parse
from git_data.remote.base import Options
from git_data.remote.registry import open_remote

CHANGES = 30
THREADS = 6


@pytest.fixture
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with HOSTING[request.param](request, tmp_path) as store:
        yield store


# -- the manifest alone


def hammer(host: Host, thread: int, failures: list[BaseException]) -> None:
    """Make changes, each of a ref of its own and of one that all change."""
    try:
        for number in range(CHANGES):
            oid = f"{thread:020x}{number:020x}"
            host.change(lambda state, oid=oid, number=number: counted(state, f"refs/heads/{thread}-{number}", oid))
    except BaseException as error:
        failures.append(error)
    finally:
        host.remote.close()


def counted(state: State, ref: str, oid: str) -> Change:
    count = int(state.oid("refs/heads/count") or "0", 16) + 1
    return Change("push", refs={ref: oid, "refs/heads/count": f"{count:040x}"})


def prove(store: Store, changes: int) -> None:
    """Nothing is lost, nothing is doubled, and the log leads to the state."""
    state, log = store.state(), store.log()
    assert state.seq == len(log) == int(state.oid("refs/heads/count"), 16) == changes
    assert len({change.txn for change in log}) == changes
    own = [ref for change in log for ref in change.refs if ref != "refs/heads/count"]
    assert len(own) == len(set(own)) == changes and set(own) | {"refs/heads/count"} == set(state.refs)
    again = State(state.id, state.object_format)
    for change in reversed(log):
        again.apply(change)
    assert again.line() == state.line()


@pytest.mark.parametrize(
    ("store", "writers"), [("folder", CREATE), ("S3 (SeaweedFS)", SWAP)], indirect=["store"], ids=["create", "swap"]
)
def test_no_change_is_lost_or_doubled(store: Store, writers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dice = random.Random(1)
    monkeypatch.setattr(Manifest, "is_long", lambda manifest, size: dice.random() < 0.1)
    first = store.host()
    assert first.initialise("sha1").writers == writers
    first.remote.close()
    failures: list[BaseException] = []
    # each remembers what it has seen, and would complain about what does not continue that
    hosts = [Host(store.open(), Memory(str(tmp_path / f"memory-{number}"))) for number in range(THREADS)]
    threads = [threading.Thread(target=hammer, args=(host, number, failures)) for number, host in enumerate(hosts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    prove(store, THREADS * CHANGES)


@pytest.mark.parametrize("store", ["S3 (SeaweedFS)"], indirect=True)
def test_no_change_is_lost_or_doubled_when_answers_are(
    store: Store, seaweedfs: SeaweedFS, monkeypatch: pytest.MonkeyPatch
) -> None:
    dice = random.Random(3)
    monkeypatch.setattr(Manifest, "is_long", lambda manifest, size: dice.random() < 0.2)
    monkeypatch.setattr("git_data.transfer.retry.FIRST_WAIT_S", 0.02)
    first = store.host()
    first.initialise("sha1")
    first.remote.close()
    failures: list[BaseException] = []
    host, _, port = seaweedfs.url.rpartition("//")[2].partition(":")
    with running((host, int(port))) as proxy:
        kinds = ("lose", "lose", "fail", "fail", "refuse", "status")
        proxy.rules = [Fault("PUT", "git/", dice.choice(kinds), at=500, skip=dice.randrange(120)) for _ in range(25)]
        place = parse(store.url.removeprefix("data::").partition("?")[0])
        hosts = [Host(open_remote(place, Options(settings={"endpoint": proxy.url})), Memory("")) for _ in range(3)]
        threads = [threading.Thread(target=hammer, args=(host, number, failures)) for number, host in enumerate(hosts)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(rule.times == 0 for rule in proxy.rules) > 10
    assert failures == []
    prove(store, 3 * CHANGES)


@pytest.mark.parametrize("store", ["folder"], indirect=True)
def test_one_writer_alone_needs_no_conditions(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    dice = random.Random(2)
    monkeypatch.setattr(Manifest, "is_long", lambda manifest, size: dice.random() < 0.2)
    host = store.host()
    monkeypatch.setattr(host.remote.traits, "create", False)
    assert host.initialise("sha1", single_writer=True).writers == SINGLE
    failures: list[BaseException] = []
    hammer(host, 1, failures)
    assert failures == []
    prove(store, CHANGES)


@pytest.mark.parametrize("store", ["folder"], indirect=True)
def test_who_slept_while_his_number_was_used_and_cleared_away_does_not_win(store: Store, tmp_path: Path) -> None:
    fast, slow = store.host(), store.host()
    fast.initialise("sha1")
    hammered: list[BaseException] = []
    calls = []

    def sleep(state: State) -> Change:
        if not calls:
            hammer(fast, 1, hammered)
        calls.append(state.seq)
        return counted(state, "refs/heads/slow", "1" * 40)

    slow.change(sleep)
    assert calls == [0, CHANGES] and hammered == []
    prove(store, CHANGES + 1)
    manifests = sorted(path.name for path in (tmp_path / "store/git/manifests").iterdir())
    assert manifests[-1] == f"{CHANGES + 1:012}" and f"{1:012}" not in manifests and len(manifests) <= 21


@pytest.mark.parametrize("store", ["folder"], indirect=True)
def test_readers_who_cannot_list_find_what_counts(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = store.host()
    host.initialise("sha1")
    failures: list[BaseException] = []
    hammer(host, 1, failures)
    for number in (CHANGES, CHANGES - 5, CHANGES - 25, 1):
        # of whoever was slow to write it down
        (tmp_path / "store/git/manifest").unlink()
        (tmp_path / "store/git/manifest").write_text(f"{number}\n")
        reader = store.host()
        monkeypatch.setattr(reader.remote.traits, "listing", "none")
        state = reader.read()
        assert state is not None and state.seq == CHANGES
    (tmp_path / "store/git/manifest").write_text("99999\n")
    with pytest.raises(GitDataError, match="is missing"):
        reader.read()


# -- git


def copies(repo: Repo, number: int) -> list[Repo]:
    """Clones of one repository, each with a commit of its own on ``main`` and a branch of its own."""
    made = []
    for one in range(number):
        path = repo.path.with_name(f"writer-{one}")
        shutil.copytree(repo.path, path, symlinks=True)
        writer = Repo(path)
        writer.write(f"{one}.bin", 1000)
        writer.write(f"{one}.txt", f"{one}\n")
        writer.commit(f"by {one}")
        writer.git("branch", f"own-{one}")
        made.append(writer)
    return made


def at_once(writers: list[Repo], *command: str) -> list[tuple[int, str]]:
    """Run a command in all of them; exit statuses and what was said."""
    started = [
        subprocess.Popen(
            [word.replace("OWN", f"own-{number}") for word in command],
            cwd=writer.path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for number, writer in enumerate(writers)
    ]  # fmt: skip
    said = [process.communicate(timeout=120)[0] for process in started]
    return [(process.returncode, text) for process, text in zip(started, said)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("store", "number"),
    [("folder", 8), ("S3 (SeaweedFS)", 8), ("SFTP (OpenSSH)", 3), ("WebDAV (rclone)", 3)],
    indirect=["store"],
)
def test_all_branches_of_their_own_are_kept_and_one_wins_the_shared_one(store: Store, number: int, tmp_path: Path) -> None:
    ours = begin(tmp_path / "ours", store)
    ours.git("push", "-q", "-u", "origin", "main")
    writers = copies(ours, number)
    done = at_once(writers, "git", "push", "origin", "main", "OWN")
    winners = [one for one, (status, _) in enumerate(done) if status == 0]
    assert len(winners) == 1, done
    for one, (_, said) in enumerate(done):
        assert "Traceback" not in said
        assert ("(fetch first)" in said) == (one not in winners), said
    tips = {f"refs/heads/own-{one}": writer.git("rev-parse", "main").strip() for one, writer in enumerate(writers)}
    assert refs(ours) == {**tips, "refs/heads/main": tips[f"refs/heads/own-{winners[0]}"]}
    assert len(store.log()) == number + 1

    # two of them go on as git told them to, at once
    late = [writer for one, writer in enumerate(writers) if one not in winners][:2]
    script = "for _ in 1 2 3 4 5 6; do git pull -q --rebase && git push -q && exit 0; done; exit 1"
    assert [status for status, _ in at_once(late, "sh", "-c", script)] == [0] * len(late)
    last = clone(store, tmp_path / "last")
    assert int(last.git("rev-list", "--count", "HEAD", "--not", ours.git("rev-parse", "main").strip())) == 1 + len(late)
    last.git("checkout", "-q", f"own-{number - 1}")
    assert_whole(last)


@pytest.mark.parametrize("store", ["S3 (SeaweedFS)"], indirect=True)
def test_several_fetches_in_one_clone_do_not_disturb_each_other(store: Store, tmp_path: Path) -> None:
    ours = begin(tmp_path / "ours", store)
    ours.git("push", "-q", "-u", "origin", "main")
    theirs = clone(store, tmp_path / "theirs")
    for number in range(3):
        ours.write("readme", f"{number}\n")
        ours.commit(f"{number}")
        ours.git("push", "-q")
    done = at_once([theirs] * 5, "git", "fetch", "-q", "--refmap=", "origin", "main:refs/seen/OWN")
    assert [status for status, _ in done] == [0] * 5, done
    assert len(set(theirs.git("for-each-ref", "--format=%(objectname)", "refs/seen").split())) == 1
    assert run("git", "fsck", "--strict", cwd=theirs.path).returncode == 0


# -- what somebody deletes meanwhile


@pytest.mark.parametrize("store", ["S3 (SeaweedFS)"], indirect=True)
def test_a_push_sends_again_what_it_found_there_and_a_collection_deletes(
    store: Store, seaweedfs: SeaweedFS, tmp_path: Path
) -> None:
    ours = begin(tmp_path / "ours", store)
    data = ours.write("old.bin", 3000)
    ours.commit("with data that nobody refers to soon")
    ours.git("push", "-q", "origin", "main~1:refs/heads/main", "main:refs/heads/gone")
    theirs = clone(store, tmp_path / "theirs")
    theirs.git("push", "-q", "origin", ":refs/heads/gone")
    ours.git("reset", "-q", "--soft", "main~1")
    ours.commit("the same data once more")
    theirs.data("gc", "--remote", "--force", "--prune=never")

    def collect(*arguments: object) -> None:
        if not collected:
            collected.append(theirs.data("gc", "--remote", "--force", "--prune=now"))

    collected: list[str] = []
    host, _, port = seaweedfs.url.rpartition("//")[2].partition(":")
    with running((host, int(port))) as proxy:
        # between the look at what is there and the manifest
        strike = proxy.strike
        proxy.strike = lambda method, path, size: (  # type: ignore[method-assign]
            collect() if method == "PUT" and "/git/packs/" in path else None,
            strike(method, path, size),
        )[1]
        ours.git("config", "remote.origin.url", store.url.replace(seaweedfs.url, proxy.url))
        ours.git("push", "-q", "origin", "main")
    assert "1 object deleted" in collected[0]
    assert clone(store, tmp_path / "last").read("old.bin") == data

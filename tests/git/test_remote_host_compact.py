"""``git data remote compact`` and the compaction after a push: fewer packs, and nothing that anybody needs is lost."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import team as teams
from helpers import content, run
from team import Team

from git_data.git.repo import nowhere
from git_data.host import compact as compaction
from git_data.host.compact import kept_number
from git_data.host.host import Host
from git_data.host.memory import Memory
from git_data.host.state import Pack

DAY_S = 24 * 3600


@pytest.fixture
def team(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Team:
    """A folder that hosts, and two clones."""
    return teams.copy(teams.template(tmp_path_factory), tmp_path / "team")


@pytest.mark.parametrize(
    ("sizes", "kept"),
    [
        ([], 0),
        ([100], 1),
        ([100, 10], 2),
        ([100, 10, 1], 3),
        ([10, 10], 0),
        ([100, 3, 2], 1),
        ([1000, 10, 10, 10], 1),
        ([1000, 400, 10, 10, 10], 2),
        ([1, 1000], 0),
        ([1000, 600], 0),
        ([1000] + [10] * 49, 1),
    ],
)
def test_the_first_packs_are_kept_as_long_as_each_is_twice_as_large_as_all_after_it(sizes: list[int], kept: int):
    packs = [Pack(f"{number:064}-00000000", size, ["a" * 40], []) for number, size in enumerate(sizes)]
    assert kept_number(packs) == kept


def test_many_pushes_rewrite_an_object_as_often_as_the_logarithm_of_their_number():
    packs, written = [], 0
    for number in range(5000):
        packs.append(Pack(f"{number:064}-00000000", 300, ["a" * 40], []))
        if len(packs) > 50:
            kept = kept_number(packs)
            size = sum(pack.size for pack in packs[kept:])
            packs[kept:] = [Pack(f"{number:064}-11111111", size, ["a" * 40], [])]
            written += size
        assert len(packs) <= 50
    assert written < 10 * 5000 * 300


@pytest.mark.parametrize("option", [[], ["--all"]])
def test_a_compacted_repository_is_the_same_for_everybody(option: list[str], team: Team):
    before = team.state()
    reported = json.loads(team.ann.data("remote", "compact", *option, "--json", "origin"))
    after = team.state()
    assert (after.refs, after.head) == (before.refs, before.head)
    assert (reported["packs_before"], reported["packs"]) == (len(before.packs), len(after.packs))
    assert len(after.packs) == 1 if option else len(after.packs) < len(before.packs)
    assert set(after.retired) == {pack.name for pack in before.packs} - {pack.name for pack in after.packs}
    assert team.packs() >= {pack.name for pack in (*before.packs, *after.packs)}
    new = team.clone()
    assert new.git("for-each-ref", "refs/remotes/origin/main") == team.ben.git("for-each-ref", "refs/remotes/origin/main")
    team.ann.data("remote", "fsck", "origin")
    # everybody goes on
    team.push(10)
    team.ben.git("pull", "-q")
    assert team.ben.git("rev-parse", "HEAD") == team.ann.git("rev-parse", "HEAD")


def test_who_has_what_was_compacted_fetches_only_what_is_new(team: Team):
    before = team.state().packs
    team.ann.data("remote", "compact", "--all", "origin")
    team.push(10)
    for pack in (*before, team.state().packs[0]):
        (team.store / pack.key).unlink()
    team.ben.git("pull", "-q")
    assert team.ben.read("text") == b"10\n"


def test_who_lags_behind_fetches_the_new_pack_and_none_of_the_kept(team: Team):
    """The kept one is large: what was fetched once is not fetched again because others were packed anew."""
    team.ann.write("large", content(50_000).hex())
    team.push(10)
    team.ann.data("remote", "compact", "--all", "origin")
    large = team.state().packs[0]
    team.ben.git("pull", "-q")
    for number in range(11, 14):
        team.push(number)
    team.ann.data("remote", "compact", "origin")
    first, second = team.state().packs
    assert first.name == large.name and second.tips == [team.state().oid("refs/heads/main")]
    (team.store / first.key).unlink()
    team.ben.git("pull", "-q")
    assert team.ben.read("text") == b"13\n"


def test_a_commit_that_no_ref_names_is_fetched_by_its_name_while_it_is_there(team: Team):
    lost = team.ann.git("rev-parse", "dev").strip()
    team.ann.git("push", "-q", "origin", ":dev")
    new = team.clone()
    new.git("fetch", "-q", "origin", lost)
    assert new.git("log", "-1", "--format=%s", "FETCH_HEAD") == "dev\n"
    team.ann.data("remote", "compact", "--all", "origin")
    assert "git data remote reflog" in team.clone().fails("fetch", "-q", "origin", lost)


def test_a_dry_run_changes_nothing(team: Team):
    before = team.remote.read("git/manifest")[0]
    assert "would become one" in team.ann.data("remote", "compact", "-n", "--all", "--prune=now", "origin")
    assert team.remote.read("git/manifest")[0] == before


def test_nothing_to_gain_writes_nothing(team: Team):
    team.ann.data("remote", "compact", "--all", "origin")
    seq = team.state().seq
    assert "nothing to gain" in team.ann.data("remote", "compact", "--all", "origin")
    assert team.state().seq == seq


@pytest.mark.parametrize("format", ["sha1", "sha256"])
def test_packs_that_lack_here_are_fetched_for_it(format: str, team: Team, new_repo):
    """Somebody who has nothing of it can compact, even in a repository of something else."""
    other = new_repo("other", f"--object-format={format}")
    assert "became one" in other.data("remote", "compact", "--all", team.url)
    assert other.run("git", "cat-file", "-e", team.state().oid("refs/heads/main"), ok=None).returncode != 0
    assert team.clone().git("log", "--oneline") == team.ann.git("log", "--oneline")


@pytest.mark.parametrize("kind", ["--depth=2", "--filter=blob:none"])
def test_a_clone_that_has_only_a_part_compacts_the_whole(kind: str, team: Team, tmp_path: Path):
    run("git", "init", "-q", "--bare", tmp_path / "server.git")
    run("git", "config", "uploadpack.allowFilter", "true", cwd=tmp_path / "server.git")
    team.ann.git("push", "-q", tmp_path / "server.git", "main", "dev", "v1")
    run("git", "clone", "-q", kind, f"file://{tmp_path}/server.git", tmp_path / "part")
    run("git", "data", "remote", "compact", "--all", team.url, cwd=tmp_path / "part")
    assert len(team.state().packs) == 1
    assert team.clone().git("rev-list", "--count", "HEAD") == team.ann.git("rev-list", "--count", "HEAD")


def test_what_no_ref_reaches_goes_and_the_rest_stays(team: Team):
    lost = team.ann.git("rev-parse", "dev").strip()
    team.ann.git("push", "-q", "origin", ":dev")
    team.ann.data("remote", "compact", "--all", "--prune=now", "origin")
    assert team.packs() == {pack.name for pack in team.state().packs}
    assert lost not in team.clone().git("cat-file", "--batch-all-objects", "--batch-check")


def test_without_refs_nothing_is_left(team: Team):
    host = Host(team.remote, Memory(""))
    host.change(lambda state: teams.Change("push", refs=dict.fromkeys(state.refs), head=""))
    assert "became nothing" in team.ann.data("remote", "compact", "--all", "--prune=now", "origin")
    assert team.packs() == set()
    team.push(10, "origin", "main")
    assert team.clone().read("text") == b"10\n"


# -- what goes, and when


def test_replaced_packs_stay_fourteen_days_by_the_clock_of_the_remote(team: Team):
    team.ann.data("remote", "compact", "--all", "origin")
    old = set(team.state().retired)
    host = Host(team.remote, Memory(""))
    now = next(iter(team.state().retired.values()))
    first = sorted(old)[0]
    ages = {name: now - (14 * DAY_S + 10 if name == first else 13 * DAY_S) for name in old}
    host.change(lambda state: teams.Change("test", retired=ages))
    team.ann.data("remote", "compact", "origin", "--prune=never")
    assert team.packs() >= old
    team.ann.data("remote", "compact", "origin")
    assert old - team.packs() == {first}
    assert set(team.state().retired) == old - {first}


def test_a_pack_that_a_push_is_about_to_publish_stays_whatever_is_pruned(team: Team):
    under_way = team.store / "git/packs" / f"{'0' * 64}-01234567.pack"
    under_way.write_bytes(b"PACK")
    team.ann.data("remote", "compact", "--all", "--prune=now", "origin")
    assert under_way.exists()


@pytest.mark.parametrize("text", ["yesterdai", "-"])
def test_a_date_that_is_none_is_refused(text: str, team: Team):
    assert "is not a date" in team.ann.fails("data", "remote", "compact", f"--prune={text}", "origin", status=2)


# -- several at once


def elsewhere(work: Callable[[], object]) -> None:
    """What somebody else does, who knows nothing of the repository git works in here at the moment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("GIT_DIR")
        work()


def test_a_push_meanwhile_is_not_lost(team: Team, monkeypatch: pytest.MonkeyPatch):
    """Between the pack and the swap of the list somebody pushes: all is done again with what they pushed."""
    clock_s = compaction.clock_s
    left = [10, 11]

    def pushed_meanwhile(remote):
        if left:
            elsewhere(lambda: team.push(left.pop(0)))
        return clock_s(remote)

    monkeypatch.setattr(compaction, "clock_s", pushed_meanwhile)
    done = compaction.compact(nowhere(), Host(team.remote, Memory("")), everything=True)
    assert done is not None and len(team.state().packs) == 1
    assert team.clone().git("rev-parse", "main") == team.ann.git("rev-parse", "main")


def test_two_compactions_at_once_leave_one_list(team: Team, monkeypatch: pytest.MonkeyPatch):
    clock_s = compaction.clock_s
    left = [1]

    def compacted_meanwhile(remote):
        if left:
            left.clear()
            elsewhere(lambda: team.ben.data("remote", "compact", "--all", "origin"))
        return clock_s(remote)

    monkeypatch.setattr(compaction, "clock_s", compacted_meanwhile)
    assert compaction.compact(nowhere(), Host(team.remote, Memory("")), everything=True) is None
    assert len(team.state().packs) == 1
    team.clone()


def test_a_damaged_pack_stops_it_and_changes_nothing(team: Team, new_repo):
    pack = team.state().packs[2]
    file = team.store / pack.key
    file.chmod(0o600)
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    before = team.state().seq
    said = new_repo().fails("data", "remote", "compact", "--all", team.url, status=4)
    assert pack.key in said and "git data remote fsck" in said
    assert team.state().seq == before


# -- after a push


def test_pushes_keep_the_number_of_packs_below_the_limit(team: Team):
    team.ann.git("config", "data.autoCompact", "4")
    numbers = []
    for number in range(20, 27):
        team.push(number)
        numbers.append(len(team.state().packs))
    assert max(numbers) <= 4
    team.ben.git("pull", "-q")
    assert team.ben.git("rev-parse", "HEAD") == team.ann.git("rev-parse", "HEAD")
    team.ann.data("remote", "fsck", "origin")


def test_a_failure_after_the_push_is_only_a_warning(team: Team):
    """ann has not what ben pushed, and its pack is damaged."""
    team.ben.git("checkout", "-q", "-b", "other")
    team.ben.git("commit", "-q", "--allow-empty", "-m", "other")
    team.ben.git("push", "-q", "origin", "other")
    (team.store / team.state().packs[-1].key).unlink()
    team.ann.git("config", "data.autoCompact", "4")
    team.ann.write("text", "10\n")
    team.ann.commit()
    said = team.ann.run("git", "push").stderr
    assert b"Auto packing" in said and b"warning: the push is through" in said and b"main -> main" in said
    assert team.state().oid("refs/heads/main") == team.ann.git("rev-parse", "main").strip()


@pytest.mark.parametrize(("setting", "expected"), [("0", b""), ("many", b"is not a number")])
def test_it_can_be_turned_off_and_a_strange_setting_stops_no_push(setting: str, expected: bytes, team: Team):
    team.ann.git("config", "data.autoCompact", setting)
    packs = len(team.state().packs)
    team.ann.write("text", "10\n")
    team.ann.commit()
    assert expected in team.ann.run("git", "push").stderr
    assert len(team.state().packs) == packs + 1


def test_what_a_kill_leaves_is_taken_away_the_next_day(team: Team):
    left = team.ann.path / ".git/data/tmp/git-data-tmp-1-00000000-1"
    for name in (left / "git", left.with_name("git-data-tmp-1-00000000-2") / "git"):
        name.mkdir(parents=True)
    os.utime(left, (time.time() - 2 * DAY_S,) * 2)
    team.ann.data("remote", "compact", "--all", "origin")
    assert [path.name for path in left.parent.iterdir()] == ["git-data-tmp-1-00000000-2"]

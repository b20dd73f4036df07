"""``git data remote fsck``: each fault of a hosted repository is named, and mended from a clone that can."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import team as teams
from helpers import run
from team import Team


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """To be copied: with enough changes that a part of them is folded into a state."""
    path = tmp_path_factory.mktemp("team") / "copy"
    teams.pushes(teams.copy(teams.template(tmp_path_factory), path), 12)
    for name in ("ann", "ben"):
        run("git", "fetch", "-q", cwd=path / name)
    return path


@pytest.fixture
def team(template: Path, tmp_path: Path) -> Team:
    """A folder that hosts, and two clones."""
    return teams.copy(template, tmp_path / "team")


def spoil(path: Path, data: bytes | None = None) -> None:
    """Change one byte in the middle, or all of it."""
    content = path.read_bytes()
    at = len(content) // 2
    path.chmod(0o600)
    path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :] if data is None else data)


def newest_state(team: Team) -> Path:
    """The snapshot in use."""
    return max((team.store / "git/states").iterdir(), key=lambda path: path.stat().st_mtime_ns)


def newest_manifest(team: Team) -> Path:
    """The manifest that counts."""
    return max((team.store / "git/manifests").iterdir())


def pack(team: Team, number: int) -> Path:
    """One of the packs."""
    return team.store / team.state().packs[number].key


FAULTS: dict[str, tuple[Callable[[Team], object], int, str]] = {
    "the first pack is missing": (lambda team: pack(team, 0).unlink(), 3, "missing: git/packs/"),
    "the last pack is missing": (lambda team: pack(team, -1).unlink(), 3, "missing: git/packs/"),
    "a pack is damaged": (lambda team: spoil(pack(team, 2)), 4, "damaged: git/packs/"),
    "a pack is cut off": (lambda team: spoil(pack(team, 2), b"PACK"), 4, "damaged: git/packs/"),
    "a pack is another": (lambda team: spoil(pack(team, 2), pack(team, 3).read_bytes()), 4, "damaged: git/packs/"),
    "the format is missing": (lambda team: (team.store / "git/format").unlink(), 3, "missing: git/format"),
    "the format is damaged": (lambda team: spoil(team.store / "git/format", b"what?"), 4, "damaged: git/format"),
    "the layout is missing": (lambda team: (team.store / "layout").unlink(), 3, "missing: layout"),
    "the state is missing": (lambda team: newest_state(team).unlink(), 3, "missing: git/states/"),
    "the state is damaged": (lambda team: spoil(newest_state(team)), 4, "damaged: git/states/"),
    "data is missing": (lambda team: shutil.rmtree(team.store / "objects"), 3, "missing: data "),
}
"""What is done to a store → exit status of fsck, what it shows; all can be mended without guessing."""


def test_a_sound_repository(team: Team):
    said = team.ann.data("remote", "fsck", "origin")
    assert "15 refs, 8 packs" in said and "20 changes in the log" in said and "data: 1 object looked at" in said
    record = json.loads(team.ann.data("remote", "fsck", "--json", "--sample=100%", team.url, cwd=team.path))
    assert (record["faults"], record["refs"], record["packs"], record["data_read"]) == ([], 15, 8, 1)
    assert sorted(path.name for path in team.path.iterdir()) == ["ann", "ben", "store"]
    assert "looked at" not in team.ann.data("remote", "fsck", "--quick", "origin")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_and_mended_from_a_clone(fault: str, team: Team):
    harm, status, expected = FAULTS[fault]
    before = team.state()
    harm(team)
    done = team.ben.run("git", "data", "remote", "fsck", "origin", ok=(status,))
    assert expected in done.stdout.decode()
    assert b"--repair" in done.stderr
    assert "mended: " in team.ben.data("remote", "fsck", "--repair", "origin")
    after = team.state()
    assert (after.refs, after.head, after.id) == (before.refs, before.head, before.id)
    new = team.clone()
    assert set(new.git("rev-list", "--all").split()) == set(team.ann.git("rev-list", "--remotes").split())


@pytest.mark.parametrize("fault", ["the last pack is missing", "a pack is cut off", "the state is missing"])
def test_a_quick_look_sees_what_is_not_there_in_full(fault: str, team: Team):
    harm, status, expected = FAULTS[fault]
    harm(team)
    done = team.ann.run("git", "data", "remote", "fsck", "--quick", "origin", ok=(status,))
    assert expected in done.stdout.decode()


def test_a_pack_that_needs_a_missing_one_is_not_blamed(team: Team):
    pack(team, 0).unlink()
    record = json.loads(team.ann.run("git", "data", "remote", "fsck", "--json", "origin", ok=(3,)).stdout)
    faults = [one["what"] for one in record["faults"]]
    assert sum(1 for one in faults if one.startswith("git/packs/")) == 1
    assert {one for one in faults if one.startswith("refs/")} == set(team.state().refs)


def test_a_clone_that_lacks_what_is_lost_says_which_refs_and_changes_nothing(team: Team):
    before = team.state().seq
    team.push(10)
    pack(team, -1).unlink()
    said = team.ben.fails("data", "remote", "fsck", "--repair", "origin", status=3)
    assert "refs/heads/main" in said and "in a clone that has them" in said
    assert team.state().seq == before + 1
    team.ann.data("remote", "fsck", "--repair", "origin")
    team.clone()


def test_data_that_is_damaged_is_found_by_reading_it(team: Team):
    (data,) = (path for path in (team.store / "objects").rglob("*") if path.is_file())
    spoil(data)
    team.ann.data("remote", "fsck", "origin")
    done = team.ann.run("git", "data", "remote", "fsck", "--sample=100%", "origin", ok=(4,))
    assert b"damaged: data " in done.stdout
    team.ann.data("remote", "fsck", "--sample=100%", "--repair", "origin")
    team.clone().assert_clean()


def test_a_default_branch_that_is_not_there(team: Team):
    host = teams.Host(team.remote, teams.Memory(""))
    host.change(lambda state: teams.Change("test", head="refs/heads/gone"))
    assert "set-head origin" in team.ann.fails("data", "remote", "fsck", "origin", status=3)
    team.ann.data("remote", "set-head", "origin", "main")
    team.ann.data("remote", "fsck", "origin")


def test_a_tag_that_lies_about_what_it_is_of(team: Team):
    host = teams.Host(team.remote, teams.Memory(""))
    state = team.state()
    lie = f"{state.oid('refs/tags/v1')} {state.oid('refs/heads/dev')}"
    host.change(lambda state: teams.Change("test", refs={"refs/tags/v1": lie}))
    assert "damaged: refs/tags/v1" in team.ann.fails("data", "remote", "fsck", "origin", status=4)


# -- the manifest is lost: the last state has to be guessed


LOSSES: dict[str, Callable[[Team], object]] = {
    "the newest manifest is damaged": lambda team: spoil(newest_manifest(team), b"what?"),
    "all manifests are gone": lambda team: [
        shutil.rmtree(team.store / "git/manifests"),
        (team.store / "git/manifest").unlink(),
    ],
    "all manifests and states are gone": lambda team: [
        shutil.rmtree(team.store / "git/manifests"),
        shutil.rmtree(team.store / "git/states"),
        (team.store / "git/manifest").unlink(),
    ],
}


@pytest.mark.parametrize("loss", LOSSES)
def test_a_lost_manifest_is_rebuilt_from_what_is_left_and_what_was_fetched(loss: str, team: Team):
    """Everybody goes on where he was, without being told of a rollback."""
    team.push(10)
    team.ben.git("pull", "-q")
    before = team.state()
    LOSSES[loss](team)
    team.ben.run("git", "data", "remote", "fsck", "origin", ok=(3, 4))
    said = team.ben.fails("data", "remote", "fsck", "--repair", "origin", status=1)
    assert "has to be guessed" in said
    assert "--repair --force" in said
    assert "mended: the manifest is made anew" in team.ben.data("remote", "fsck", "--repair", "--force", "origin")
    after = team.state()
    branches = {ref: value for ref, value in before.refs.items() if ref.startswith("refs/heads/")}
    assert {ref: value for ref, value in after.refs.items() if ref.startswith("refs/heads/")} == branches
    assert (after.id, after.head) == (before.id, before.head)
    assert after.seq > before.seq
    team.clone()
    for repo in (team.ann, team.ben):
        repo.git("fetch")
    team.push(11)
    team.ben.git("pull", "-q")
    team.ben.data("remote", "fsck", "origin")


def test_refs_whose_objects_are_nowhere_are_given_up_by_name(team: Team):
    """What nobody but the lost clone of a colleague had."""
    LOSSES["all manifests are gone"](team)
    team.ben.git("update-ref", "-d", "refs/remotes/origin/dev")
    oid = team.ann.git("rev-parse", "dev").strip()
    for file in (team.store / "git/packs").iterdir():
        file.unlink()
    shutil.rmtree(team.ann.path)
    said = team.ben.data("remote", "fsck", "--repair", "--force", "origin")
    new = team.clone()
    assert new.git("rev-parse", "HEAD") == team.ben.git("rev-parse", "main")
    if "given up" in said:
        assert "refs/heads/dev" in said
    assert oid not in team.state().oids() or "given up" not in said


def test_force_alone_is_refused(team: Team):
    assert "--repair" in team.ann.fails("data", "remote", "fsck", "--force", "origin", status=2)


def test_a_rollback_is_told_not_mended(team: Team):
    shutil.copytree(team.store, team.path / "copy")
    team.push(10)
    shutil.rmtree(team.store)
    shutil.move(team.path / "copy", team.store)
    assert "is not what it was" in team.ann.fails("data", "remote", "fsck", "--repair", "origin", status=8)

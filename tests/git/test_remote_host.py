"""``git data remote`` with a hosted repository: make one, its default branch, what is protected, and its log."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import team as teams
from helpers import Repo, run
from team import Team

CREATED = ["refs/heads/dev", "refs/tags/v1", "refs/heads/main"]


@pytest.fixture
def team(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Team:
    """A folder that hosts, and two clones."""
    return teams.copy(teams.template(tmp_path_factory), tmp_path / "team")


# -- init


def test_init_makes_a_place_that_can_be_pushed_to_and_says_how_to_go_on(repo: Repo, tmp_path: Path):
    said = repo.data("remote", "init", "../place")
    assert f"Made a git repository (sha1) at {tmp_path}/place" in said
    assert "Several people can push at once" in said
    commands = [line.partition(": ")[2] for line in said.splitlines() if "git " in line.partition(": ")[2]]
    assert commands == [f"git remote add origin data::{tmp_path}/place", "git push -u origin main"]
    for command in commands:
        repo.run("sh", "-ec", command)
    assert "nothing was changed" in repo.data("remote", "init", "origin")


def test_init_works_outside_of_a_repository_and_tells_programs(tmp_path: Path):
    made = [
        json.loads(run("git", "data", "remote", "init", "--json", place, cwd=tmp_path).stdout)
        for place in ("./place", "place", "data::place", f"file://{tmp_path}/place")
    ]
    assert [one["created"] for one in made] == [True, False, False, False]
    assert {(one["id"], one["writers"], one["object_format"]) for one in made} == {(made[0]["id"], "create", "sha1")}
    assert made[0]["git_url"] == f"data::{tmp_path}/place"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["place"]


def test_init_takes_the_object_format_of_the_repository_or_the_one_it_is_told(new_repo, tmp_path: Path):
    other = new_repo("sha256", "--object-format=sha256")
    assert "(sha256)" in other.data("remote", "init", "../a")
    assert "(sha256)" in run("git", "data", "remote", "init", "--object-format=sha256", "./b", cwd=tmp_path).stdout.decode()
    done = run("git", "data", "remote", "init", "--object-format=sha1", "./b", cwd=tmp_path, ok=(2,))
    assert b"cannot be changed" in done.stderr


def test_init_on_s3_finds_conditional_writes(seaweedfs, repo: Repo):
    url = f"data::s3://tests/{seaweedfs.prefix()}?endpoint={seaweedfs.url}&region=us-east-1"
    said = repo.data("remote", "init", url)
    assert "replaced by conditional writes" in said and url in said
    repo.git("remote", "add", "origin", url)
    repo.write("x.bin", 2000)
    repo.commit()
    repo.git("push", "-q", "-u", "origin", "main")
    for number in range(3):
        repo.git("commit", "-q", "--allow-empty", "-m", str(number))
        repo.git("push", "-q")
    assert "4 packs" in repo.data("remote", "compact", "origin")
    assert "1 pack " in repo.data("remote", "fsck", "--sample=100%", "origin")


@pytest.mark.parametrize("subcommand", ["set-head PLACE main", "protect PLACE", "reflog PLACE", "compact PLACE", "fsck PLACE"])
def test_a_place_where_nothing_is_hosted_says_how_to_begin(subcommand: str, tmp_path: Path):
    words = subcommand.replace("PLACE", str(tmp_path / "nothing")).split()
    said = run("git", "data", "remote", *words, cwd=tmp_path, ok=(8,)).stderr.decode()
    assert "no git repository lies at" in said
    assert f"git data remote init {tmp_path}/nothing" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("orgin", "did you mean 'origin'?"),
        ("server", "is a git server"),
        ("../bare.git", "is a git server"),
    ],
)
def test_a_place_that_is_none_is_named(place: str, expected: str, repo: Repo, tmp_path: Path):
    run("git", "init", "-q", "--bare", tmp_path / "bare.git")
    repo.git("remote", "add", "origin", f"data::{tmp_path}/store")
    repo.git("remote", "add", "server", "https://example.com/a.git")
    assert expected in repo.fails("data", "remote", "reflog", place, status=2)


def test_a_place_that_can_only_be_read_says_so(team: Team, nginx_static):
    (nginx_static.root / "read-only").symlink_to(team.store)
    url = f"http://{nginx_static.host}/read-only"
    assert "can only be read" in team.ann.fails("data", "remote", "set-head", f"data::{url}", "dev", status=8)
    assert "refs/heads/dev" in team.ann.data("remote", "reflog", f"data::{url}")


# -- set-head, protect


def test_the_default_branch_is_what_a_clone_checks_out(team: Team):
    team.ann.data("remote", "set-head", "origin", "dev")
    assert team.clone().git("branch", "--show-current") == "dev\n"
    assert "did you mean 'dev'?" in team.ann.fails("data", "remote", "set-head", "origin", "dve", status=2)


def test_protected_refs_are_neither_forced_nor_deleted_until_that_is_lifted(team: Team):
    ann = team.ann
    ann.data("remote", "protect", "origin", "d*")
    ann.data("remote", "protect", "origin", "refs/tags/v1")
    assert ann.data("remote", "protect", "origin").split() == ["refs/heads/d*", "refs/tags/v1"]
    assert json.loads(ann.data("remote", "protect", "origin", "--json"))["protected"] == ["refs/heads/d*", "refs/tags/v1"]
    assert "protected" in ann.fails("push", "-f", "origin", "main~3:dev")
    assert "protected" in ann.fails("push", "origin", ":v1")
    assert "did you mean 'refs/heads/d*'?" in ann.fails("data", "remote", "protect", "origin", "--remove", "d?", status=2)
    ann.data("remote", "protect", "--remove", "origin", "d*")
    ann.git("push", "-f", "origin", "main~3:dev")
    assert ann.data("remote", "protect", "origin").split() == ["refs/tags/v1"]


@pytest.mark.parametrize("pattern", ["a..b", "a b", "x.lock", "refs/heads/"])
def test_a_pattern_that_no_ref_can_match_is_refused(pattern: str, team: Team):
    assert "cannot be the name of a ref" in team.ann.fails("data", "remote", "protect", "origin", pattern, status=2)


# -- reflog


def test_the_log_tells_who_changed_which_ref_and_from_what(team: Team):
    ann = team.ann
    records = json.loads(ann.data("remote", "reflog", "origin", "--json", "-n", "0"))
    assert [record["number"] for record in records] == list(range(teams.CHANGES, 0, -1))
    mains = [record for record in records if record["ref"] == "refs/heads/main"]
    assert [record["new"] for record in mains] == ann.git("rev-list", "main", "--max-count=6").split()
    assert [record["old"] for record in mains[:-1]] == [record["new"] for record in mains[1:]]
    assert (mains[-1]["kind"], mains[-1]["old"], mains[0]["kind"], mains[0]["forced"]) == ("created", None, "moved", False)
    assert {record["who"] for record in records} == {"A U Thor <author@example.com>"}
    assert len(ann.data("remote", "reflog", "origin", "-n", "3").splitlines()) == 3


def test_the_log_reaches_back_over_states_that_were_folded(team: Team):
    refs = teams.pushes(team, 90)
    assert len(list((team.store / "git/states").iterdir())) > 1
    records = json.loads(team.ben.data("remote", "reflog", "origin", "--json", "-n", "0"))
    assert [record["ref"] for record in records[:90]] == refs[::-1]
    assert [record["number"] for record in records] == list(range(90 + teams.CHANGES, 0, -1))
    assert [record["ref"] for record in records if not record["old"]] == [*refs[::-1], *CREATED]


@pytest.mark.parametrize("compacted", ["", "compact", "compact --all"])
def test_a_bad_force_push_is_taken_back_by_who_has_not_even_its_objects(team: Team, compacted: str):
    before = team.state().refs["refs/heads/dev"]
    team.ann.git("push", "-q", "-f", "origin", "main~4:dev")
    for words in filter(None, [compacted]):
        team.ann.data("remote", *words.split(), "origin")
    stranger = team.clone()
    assert before not in stranger.git("cat-file", "--batch-all-objects", "--batch-check=%(objectname)")
    said = stranger.data("remote", "reflog", "origin", "dev")
    assert "git data remote reflog origin refs/heads/dev --restore 9" in said
    stranger.data("remote", "reflog", "origin", "refs/heads/dev", "--restore", "9")
    assert team.state().refs["refs/heads/dev"] == before
    team.clone()


def test_a_deleted_branch_and_a_deleted_tag_come_back_in_one(team: Team):
    before = team.state().refs
    team.ann.git("push", "-q", "origin", ":dev", ":v1")
    team.ben.data("remote", "reflog", "origin", "--restore", "9")
    assert team.state().refs == before
    assert "nothing to do" in team.ben.data("remote", "reflog", "origin", "--restore", "9")
    assert team.clone().git("tag") == "v1\n"


def test_what_was_changed_again_since_is_only_set_back_by_force(team: Team):
    team.ann.git("push", "-q", "-f", "origin", "main~4:dev")
    team.ann.git("push", "-q", "origin", "main~3:dev")
    assert "was changed again since" in team.ann.fails("data", "remote", "reflog", "origin", "dev", "--restore", "9", status=1)
    team.ann.data("remote", "reflog", "origin", "dev", "--restore", "9", "--force")
    assert team.state().oid("refs/heads/dev") == team.ann.git("rev-parse", "dev").strip()


@pytest.mark.parametrize(
    ("words", "status", "expected"),
    [
        ("origin --restore 99", 2, "has no change 99"),
        ("origin main --restore 8", 2, "has no change 8 of 'main'"),
        ("origin nothing", 2, "does not speak of 'nothing'"),
        ("origin --restore 1", 1, "was changed again since"),
        ("origin --restore 1 --force", 1, "is the default branch"),
    ],
)
def test_what_cannot_be_set_back_is_said(words: str, status: int, expected: str, team: Team):
    assert expected in team.ann.fails("data", "remote", "reflog", *words.split(), status=status)


def test_a_protected_ref_is_not_set_back(team: Team):
    team.ann.git("push", "-q", "-f", "origin", "main:dev")
    team.ann.data("remote", "protect", "origin", "dev")
    assert "is protected" in team.ann.fails("data", "remote", "reflog", "origin", "dev", "--restore", "9", status=1)


def test_what_is_gone_for_good_is_said(team: Team):
    team.ann.git("push", "-q", "-f", "origin", "main~4:dev")
    team.ann.data("remote", "compact", "--all", "--prune=now", "origin")
    said = team.clone().fails("data", "remote", "reflog", "origin", "dev", "--restore", "9", status=3)
    assert "is gone" in said
    team.ann.data("remote", "reflog", "origin", "dev", "--restore", "9")
    assert team.clone().git("rev-parse", "origin/dev") == team.ann.git("rev-parse", "dev")

"""``git data config`` and ``env``."""

from __future__ import annotations

import json

import pytest
from helpers import run


def test_a_value_and_where_it_comes_from(repo):
    repo.data("config", "guard", "80MB")
    assert repo.git("config", "--local", "data.guard") == "80MB\n"
    rows = {row["key"]: row for row in json.loads(repo.data("config", "--json"))}
    assert (rows["data.guard"]["value"], rows["data.guard"]["origin"]) == ("80MB", "local")
    assert (rows["data.fsync"]["value"], rows["data.fsync"]["origin"]) == ("batch", "default")


def test_committed_settings_are_below_the_users(repo):
    repo.data("config", "--committed", "data.link", "copy")
    assert repo.data("config", "link") == "copy\n"
    repo.git("add", ".gitdata")
    repo.data("config", "link", "hardlink")
    assert repo.data("config", "link") == "hardlink\n"


@pytest.mark.parametrize("key", ["cacheDir", "alternates", "fsync", "jobs"])
def test_what_may_not_be_committed_is_refused_with_the_alternative(repo, key):
    said = repo.fails("data", "config", "--committed", key, "x", status=2)
    assert "cannot be committed" in said and "git data config data." in said
    assert not repo.file(".gitdata").exists()


def test_keys_in_a_committed_file_that_are_not_allowed_have_no_effect(repo, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    repo.write(".gitdata", f"[data]\n\tcacheDir = {elsewhere}\n\tguard = 1GB\n[core]\n\tsshCommand = touch {elsewhere}\n")
    repo.write("a.bin", 5000)
    repo.commit()
    assert not elsewhere.exists()
    assert repo.data("config", "guard") == "1GB\n"


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("guard", "big", "is not a size"),
        ("link", "magic", "is not one of: reflink, hardlink, copy"),
        ("link", "symlink", "git data export --link symlink"),
        ("fsync", "maybe", "batch, object, none"),
        ("jobs", "-1", "is not a number of threads"),
        ("pointerFormat", "xml", "data, lfs"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(repo, key, value, said):
    assert said in repo.fails("data", "config", "--", key, value, status=7)
    assert repo.git("config", "--local", "--get", f"data.{key}", ok=[1]) == ""


def test_a_bad_value_set_by_git_itself_is_a_clear_error_everywhere(repo):
    repo.git("config", "data.fsync", "maybe")
    repo.write("a.bin", 5000)
    said = repo.fails("add", "a.bin")
    assert "data.fsync = 'maybe'" in said and "Traceback" not in said


def test_an_unknown_setting_says_what_was_meant(repo):
    assert "git data config data.guard" in repo.fails("data", "config", "gaurd", status=2)


def test_unset(repo):
    repo.data("config", "guard", "80MB")
    repo.data("config", "--unset", "guard")
    assert repo.data("config", "guard") == "50MB\n"
    assert "not set" in repo.fails("data", "config", "--unset", "guard", status=1)


def test_env_tells_versions_places_and_settings(repo):
    facts = json.loads(repo.data("env", "--json"))
    assert facts["versions"]["git"] in repo.git("version")
    assert facts["repository"]["store"] == str(repo.path / ".git/data")
    assert "copy" in facts["repository"]["link types"]
    assert "ours" in " ".join(facts["set-up"])
    assert "work tree" in repo.data("env")


def test_env_works_outside_of_a_repository(tmp_path):
    assert "git-data" in run("git", "data", "env", cwd=tmp_path).stdout.decode()

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


def test_one_scope_at_a_time(repo, global_config):
    repo.data("config", "--global", "guard", "1GB")
    repo.data("config", "guard", "2GB")
    repo.data("config", "--committed", "guard", "3GB")
    assert [repo.data("config", *scope, "guard") for scope in ([], ["--global"], ["--local"], ["--committed"])] == [
        "2GB\n",
        "1GB\n",
        "2GB\n",
        "3GB\n",
    ]
    listed = json.loads(repo.data("config", "--global", "--json"))
    assert [(row["key"], row["origin"], row["file"]) for row in listed] == [("data.guard", "global", f"file:{global_config}")]


def test_a_change_that_does_not_count_here_says_so(repo, global_config):
    repo.data("config", "guard", "2GB")
    said = repo.data("config", "--global", "guard", "1GB")
    assert said == "Here it does not count: local (file:.git/config) says data.guard = 2GB\n"
    assert "Here it does not count" in repo.data("config", "--committed", "guard", "1GB")


def test_settings_with_several_values(repo):
    repo.data("config", "fetchExclude", "a")
    repo.data("config", "--add", "fetchExclude", "b c")
    assert repo.data("config", "fetchExclude") == "a\nb c\n"
    repo.data("config", "fetchExclude", "d")
    assert json.loads(repo.data("config", "fetchExclude", "--json"))["value"] == ["d"]
    assert "has one value" in repo.fails("data", "config", "--add", "guard", "1GB", status=2)


def test_a_bad_value_can_be_seen_and_mended(repo):
    repo.git("config", "data.fsync", "maybe")
    done = repo.run("git", "data", "config", ok=[7])
    assert b"maybe" in done.stdout and b"data.fsync = 'maybe'" in done.stderr
    repo.data("config", "fsync", "none")
    repo.git("config", "data.fsync", "maybe")
    repo.data("config", "--unset", "fsync")
    assert repo.data("config", "fsync") == "batch\n"


def test_a_misspelt_key_of_git_config_is_pointed_out(repo):
    repo.git("config", "data.gaurd", "1GB")
    assert "data.gaurd = 1GB (file:.git/config) is not a setting of git-data." in repo.data("config")


def test_the_environment_counts_most(repo, tmp_path):
    env = {"GIT_DATA_CACHE_DIR": str(tmp_path)}
    row = json.loads(repo.data("config", "cacheDir", "--json", env=env))
    assert (row["value"], row["origin"]) == (str(tmp_path), "environment")


def test_a_shared_store_knows_its_users_at_once(repo, tmp_path):
    repo.data("config", "cacheDir", str(tmp_path / "shared"))
    (registration,) = (tmp_path / "shared" / "repositories").iterdir()
    assert registration.read_text() == f"{repo.path}/.git\n"


def test_from_a_subdirectory_and_outside_of_a_repository(repo, tmp_path, global_config):
    (repo.path / "dir").mkdir()
    repo.data("config", "--committed", "guard", "3GB", cwd=repo.path / "dir")
    assert "guard = 3GB" in repo.file(".gitdata").read_text()
    run("git-data", "config", "--global", "guard", "1GB", cwd=tmp_path)
    assert run("git-data", "config", "guard", cwd=tmp_path).stdout == b"1GB\n"
    assert b"git data config --global" in run("git-data", "config", "guard", "1GB", cwd=tmp_path, ok=[7]).stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--committed", "--global", "guard", "1GB"], "two places"),
        (["--unset"], "name the setting"),
        (["--add", "fetchExclude"], "--add needs a value"),
        (["--unset", "guard", "1GB"], "--unset takes no value"),
        (["cacheDir", ".gitattributes"], "is not a directory"),
    ],
)
def test_command_lines_that_make_no_sense(repo, words, said):
    assert said in repo.fails("data", "config", *words)

"""``git data remote``: where settings are written, which are believed, and what a check finds out."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from helpers import Repo, run

from git_data.config import REMOTE_COMMITTED, REMOTE_LOCAL
from git_data.git.repo import locate
from git_data.sync.remotes import SETTINGS, find, named, open_named
from git_data.sync.session import Session


def committed(repo: Repo, key: str) -> str:
    return repo.git("config", "--file", ".gitdata", "--default", "", key).strip()


def local(repo: Repo, key: str) -> str:
    return repo.git("config", "--local", "--default", "", key).strip()


def listed(repo: Repo) -> dict[str, dict]:
    return {row["name"]: row for row in json.loads(repo.data("remote", "--json"))}


def abilities(repo: Repo, *name: str, ok=(0,)) -> dict[str, bool]:
    done = repo.run("git", "data", "remote", "check", *name, "--json", ok=ok)
    return {row["ability"]: row["works"] for row in json.loads(done.stdout)["abilities"]}


def test_every_setting_is_explained() -> None:
    assert {*SETTINGS, "url"} == REMOTE_COMMITTED | REMOTE_LOCAL


# -- writing


def test_a_remote_is_written_where_a_clone_finds_it(repo: Repo, tmp_path: Path) -> None:
    said = repo.data(
        "remote", "add", "store", "s3://bucket/prefix", "--region", "eu-central-1", "--endpoint", "https://s3.example.com"
    )
    assert "git add .gitdata && git commit" in said and "git data remote check store" in said
    assert [committed(repo, f"data.{key}") for key in ("store.url", "store.region", "store.endpoint", "remote")] == [
        "s3://bucket/prefix",
        "eu-central-1",
        "https://s3.example.com",
        "store",
    ]
    assert local(repo, "data.store.url") == ""
    repo.commit("remote")
    repo.git("clone", "-q", ".", "../clone")
    assert listed(Repo(tmp_path / "clone"))["store"]["url"] == "s3://bucket/prefix"


def test_local_keeps_it_in_the_configuration_of_the_repository(repo: Repo) -> None:
    repo.data("remote", "add", "--local", "store", "s3://bucket", "--profile", "me")
    assert not repo.file(".gitdata").exists()
    assert [local(repo, f"data.{key}") for key in ("store.url", "store.profile", "remote")] == ["s3://bucket", "me", "store"]


def test_what_may_not_be_committed_stays_in_the_repository(repo: Repo) -> None:
    said = repo.data("remote", "add", "store", "s3://bucket", "--profile", "me", "--set", "cafile=/etc/ca.pem", "--anonymous")
    assert "Kept in the configuration of this repository only: cafile, profile." in said
    assert committed(repo, "data.store.profile") == "" and local(repo, "data.store.profile") == "me"
    assert committed(repo, "data.store.anonymous") == "true"


def test_the_first_remote_is_the_default_and_others_only_if_asked(repo: Repo) -> None:
    repo.data("remote", "add", "one", "s3://one")
    repo.data("remote", "add", "two", "s3://two")
    assert repo.data("remote", "default") == "one\n"
    repo.data("remote", "add", "-d", "three", "s3://three")
    assert repo.data("remote", "default") == "three\n"
    repo.data("remote", "default", "two")
    assert [name for name, row in listed(repo).items() if row["default"]] == ["two"]


def test_a_relative_path_is_stored_absolute(repo: Repo, tmp_path: Path) -> None:
    (repo.path / "dir").mkdir()
    repo.data("remote", "add", "disk", "../../disk", cwd=repo.path / "dir")
    assert committed(repo, "data.disk.url") == str(tmp_path / "disk")


def test_a_relative_path_written_by_hand_begins_at_the_top(repo: Repo, tmp_path: Path) -> None:
    repo.write(".gitdata", '[data "disk"]\n\turl = ../disk\n')
    (tmp_path / "disk").mkdir()
    (repo.path / "dir").mkdir()
    assert "write   yes" in repo.data("remote", "check", cwd=repo.path / "dir")
    assert (tmp_path / "disk").is_dir()


def test_configuration_overrides_each_setting(repo: Repo) -> None:
    repo.data("remote", "add", "store", "s3://bucket", "--region", "eu")
    repo.git("config", "data.store.region", "us")
    row = listed(repo)["store"]
    assert (row["url"], row["settings"], row["origins"]) == (
        "s3://bucket",
        {"region": "us"},
        {"region": "local", "url": ".gitdata"},
    )


def test_names_differ_by_case(repo: Repo) -> None:
    repo.data("remote", "add", "Store", "s3://upper")
    repo.data("remote", "add", "store", "s3://lower")
    assert {name: row["url"] for name, row in listed(repo).items()} == {"Store": "s3://upper", "store": "s3://lower"}


def test_rename_keeps_the_default_and_every_setting(repo: Repo) -> None:
    repo.git("remote", "add", "origin", "/nowhere")
    repo.data("remote", "add", "store", "s3://bucket", "--region", "eu", "--profile", "me")
    repo.data("remote", "add", "other", "s3://other")
    repo.git("config", "remote.origin.dataRemote", "store")
    repo.data("remote", "rename", "store", "shop")
    row = listed(repo)["shop"]
    assert row["default"] is True and row["settings"] == {"region": "eu", "profile": "me"}
    assert local(repo, "remote.origin.dataRemote") == "shop"
    assert "store" not in repo.file(".gitdata").read_text() + (repo.git_dir() / "config").read_text()


def test_remove_forgets_it_everywhere(repo: Repo, tmp_path: Path) -> None:
    repo.data("remote", "add", "store", str(tmp_path / "disk"), "--set", "hardlink=yes")
    repo.data("remote", "check")
    repo.data("remote", "remove", "store")
    assert listed(repo) == {}
    assert "store" not in repo.file(".gitdata").read_text() + (repo.git_dir() / "config").read_text()
    assert (tmp_path / "disk").is_dir()


def test_set_url_writes_where_the_url_is(repo: Repo) -> None:
    repo.data("remote", "add", "store", "s3://old")
    repo.data("remote", "set-url", "store", "s3://new")
    assert committed(repo, "data.store.url") == "s3://new"
    repo.data("remote", "set-url", "--local", "store", "s3://mine")
    assert (committed(repo, "data.store.url"), local(repo, "data.store.url")) == ("s3://new", "s3://mine")


def test_show_says_where_each_setting_comes_from(repo: Repo) -> None:
    repo.data("remote", "add", "store", "s3://bucket", "--profile", "me")
    said = repo.data("remote", "show", "store")
    assert "store, the default" in said and "profile" in said and ".gitdata" in said and "local" in said


def test_a_remote_of_the_global_configuration_is_left_to_its_owner(repo: Repo, global_config: Path) -> None:
    repo.git("config", "--global", "data.mine.url", "s3://mine")
    assert "git config --global --edit" in repo.fails("data", "remote", "remove", "mine", status=2)
    assert listed(repo)["mine"]["origin"] == "global"


def test_in_a_bare_repository_only_its_own_configuration_can_be_written(repo: Repo, tmp_path: Path) -> None:
    run("git", "clone", "-q", "--bare", repo.path, tmp_path / "bare.git")
    bare = Repo(tmp_path / "bare.git")
    assert "no work tree" in bare.fails("data", "remote", "add", "store", "s3://bucket", status=7)
    bare.data("remote", "add", "--local", "store", "s3://bucket")
    assert list(listed(bare)) == ["store"]


def test_settings_that_are_not_checked_out_are_not_overwritten(repo: Repo) -> None:
    repo.data("remote", "add", "store", "s3://bucket")
    repo.commit("remote")
    repo.file(".gitdata").unlink()
    assert "git checkout -- :/.gitdata" in repo.fails("data", "remote", "add", "more", "s3://more", status=7)
    assert list(listed(repo)) == ["store"]


def test_a_symbolic_link_is_not_written_through(repo: Repo, tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("")
    repo.file(".gitdata").symlink_to(tmp_path / "victim")
    assert "symbolic link" in repo.fails("data", "remote", "add", "store", "s3://bucket", status=7)
    assert (tmp_path / "victim").read_text() == ""


# -- refusing


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["add", "store", "s3://key:hunter2@bucket/p"], "aws configure"),
        (["add", "store", "https://me:hunter2@host/p"], "git credential"),
        (["add", "store", "ssh://me:hunter2@host/p"], "ssh-keygen"),
        (["add", "--local", "store", "ftp://me:hunter2@host/p"], "environment variables"),
        (["add", "store", "https://host/p?sig=hunter2"], "contains a secret"),
        (["add", "store", "s3://bucket", "--endpoint", "https://me:hunter2@host"], "contains a password"),
        (["add", "store", "s3://bucket", "--set", "secret_access_key=hunter2"], "is a secret"),
    ],
)
def test_secrets_are_refused_with_the_alternative_and_nothing_is_written(repo: Repo, words: list[str], said: str) -> None:
    errors = repo.fails("data", "remote", *words, status=2)
    assert said in errors and "hunter2" not in errors
    assert not repo.file(".gitdata").exists() and listed(repo) == {}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["ad", "store", "s3://bucket"], "did you mean add?"),
        (["add", "store", "S3x://bucket"], "did you mean 's3://'?"),
        (["add", "store", "s3://bucket", "--set", "regoin=eu"], "did you mean 'region'?"),
        (["add", "store", "s3://bucket", "--set", "region"], "has no value"),
        (["add", "store", "s3://bucket", "--set", "region=eu.evil.com/"], "is not a region"),
        (["add", "store", "s3://bucket", "--endpoint", "ftp://host"], "not the URL of an endpoint"),
        (["add", "store", "s3://bucket", "--endpoint", "http://169.254.169.254"], "metadata service"),
        (["add", "store", "zip::s3://bucket/file.zip"], "chained"),
        (["add", "store", "memory://x"], "--local"),
        (["add", "store", "local:///etc"], "no storage is known"),
        (["add", "a/b", "s3://bucket"], "is no name"),
        (["add", "--", "-x", "s3://bucket"], "is no name"),
        (["add", "store", "ssh://-oProxyCommand=evil/x"], "begins with a dash"),
        (["add", "store", ""], "empty"),
        (["show", "stroe"], "there is no remote 'stroe'"),
        (["check"], "git data remote add -d store URL"),
    ],
)
def test_command_lines_that_make_no_sense(repo: Repo, words: list[str], said: str) -> None:
    assert said in repo.fails("data", "remote", *words)
    assert not repo.file(".gitdata").exists()


def test_a_name_that_is_nearly_right(repo: Repo) -> None:
    repo.data("remote", "add", "store", "s3://bucket")
    for words in (["show", "stroe"], ["check", "stroe"], ["remove", "stroe"], ["default", "stroe"], ["rename", "stroe", "x"]):
        assert "did you mean 'store'?" in repo.fails("data", "remote", *words, status=2)
    assert "git data remote set-url store" in repo.fails("data", "remote", "add", "store", "s3://other", status=2)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("url", "s3://key:hunter2@bucket"),
        ("url", "http://169.254.169.254/latest"),
        ("url", "http://[::ffff:169.254.169.254]/latest"),
        ("url", "http://2852039166/latest"),
        ("url", "https://metadata.google.internal/x"),
        ("url", "local:///etc"),
        ("url", "memory://x"),
        ("url", "zip::file:///etc/passwd.zip"),
        ("url", "filecache://x"),
        ("url", "ssh://-oProxyCommand=touch owned/x"),
        ("url", "file://server/share"),
        ("url", "//server/share"),
        ("endpoint", "http://169.254.169.254"),
        ("endpoint", "file:///etc"),
        ("region", "x.evil.com/"),
        ("jobs", "many"),
        ("anonymous", "perhaps"),
        ("partsize", "huge"),
        ("sse", "none"),
    ],
)
def test_a_hostile_committed_setting_is_reported_once_and_ignored(repo: Repo, setting: str, value: str) -> None:
    repo.git("config", "--file", ".gitdata", "data.good.url", "s3://bucket")
    repo.git("config", "--file", ".gitdata", "data.bad.url", "s3://bad")
    repo.git("config", "--file", ".gitdata", f"data.bad.{setting}", value)
    done = repo.run("git", "data", "remote", "list", "--json")
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    assert list(rows) == (["good"] if setting == "url" else ["bad", "good"])
    assert setting == "url" or setting not in rows["bad"]["settings"]
    errors = done.stderr.decode()
    assert errors.count(f".gitdata: data.bad.{setting}: ") == 1 and "ignored" in errors and "hunter2" not in errors
    repo.write("a.bin", 100)
    repo.git("add", "a.bin")


@pytest.mark.parametrize("setting", sorted(REMOTE_LOCAL))
def test_what_only_the_user_may_say_is_not_taken_from_a_committed_file(repo: Repo, setting: str) -> None:
    repo.write(".gitdata", f'[data "store"]\n\turl = s3://bucket\n\t{setting} = yes\n')
    assert listed(repo)["store"]["settings"] == {}


def test_a_committed_endpoint_does_not_lead_away_from_a_url_of_ones_own(repo: Repo) -> None:
    repo.write(".gitdata", '[data "store"]\n\turl = s3://theirs\n\tendpoint = https://evil.example.com\n')
    repo.git("config", "data.store.url", "s3://mine")
    done = repo.run("git", "data", "remote", "--json")
    assert json.loads(done.stdout)[0]["settings"] == {}
    assert b"data.store.endpoint is ignored" in done.stderr


@pytest.mark.parametrize("url", ["gs://bucket", "oss://bucket"])
def test_a_committed_endpoint_counts_for_s3_only(repo: Repo, url: str) -> None:
    """Elsewhere it would be sent what opens the real service, too: Google's token, a signature that names no host."""
    repo.write(".gitdata", f'[data "store"]\n\turl = {url}\n\tendpoint = https://evil.example.com\n')
    done = repo.run("git", "data", "remote", "--json")
    assert json.loads(done.stdout)[0]["settings"] == {}
    assert b"data.store.endpoint is ignored" in done.stderr
    repo.git("config", "data.store.endpoint", "https://mine.example.com")
    assert listed(repo)["store"]["settings"] == {"endpoint": "https://mine.example.com"}


@pytest.mark.parametrize(("url", "kept"), [("gs://bucket", True), ("s3://bucket", False)])
def test_an_endpoint_that_would_not_count_is_not_committed(repo: Repo, url: str, kept: bool) -> None:
    repo.data("remote", "add", "store", url, "--endpoint", "https://host:1")
    assert listed(repo)["store"]["settings"] == {"endpoint": "https://host:1"}
    assert ("endpoint" in repo.git("config", "--local", "--list")) is kept


def test_nothing_known_of_one_endpoint_is_believed_of_another(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same bucket at two services is two places, and a push that trusts its memory asks neither."""
    for number, name in enumerate("ab"):
        repo.git("config", f"data.{name}.url", "s3://bucket")
        repo.git("config", f"data.{name}.endpoint", f"http://127.0.0.1:{number + 1}")
    monkeypatch.chdir(repo.path)
    here = locate()
    assert len({Session(here, remote).known.directory for remote in named(here.config).values()}) == 2


# -- checking


def test_a_check_of_a_folder_leaves_nothing_behind(repo: Repo, tmp_path: Path) -> None:
    repo.data("remote", "add", "--local", "disk", str(tmp_path / "disk"))
    found = abilities(repo)
    assert {name: found[name] for name in ("reach", "write", "read", "list", "create", "delete")} == dict.fromkeys(
        ("reach", "write", "read", "list", "create", "delete"), True
    )
    assert [path.name for path in (tmp_path / "disk").rglob("*") if path.is_file()] == ["layout"]


def test_an_address_can_be_checked_without_a_name(repo: Repo, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    assert abilities(repo, str(tmp_path / "disk"))["write"] is True


def test_a_folder_is_made_by_who_names_it(repo: Repo, tmp_path: Path) -> None:
    assert f"New folder: {tmp_path}/deep/disk" in repo.data("remote", "add", "disk", "../deep/disk")
    assert abilities(repo)["write"] is True
    repo.data("remote", "set-url", "disk", "../other")
    assert abilities(repo)["write"] is True
    repo.write("a.bin", 50)
    repo.commit()
    assert "1 object, 50 B sent" in repo.data("push")


def test_a_folder_that_cannot_be_made_here_is_no_obstacle(repo: Repo) -> None:
    assert "It is of no use yet" in repo.data("remote", "add", "disk", "/proc/none/disk")
    assert list(listed(repo)) == ["disk"]


def test_a_folder_that_only_a_clone_names_is_not_made(repo: Repo, tmp_path: Path) -> None:
    repo.write(".gitdata", f'[data "disk"]\n\turl = {tmp_path}/disk\n')
    assert "nothing can be written" in repo.fails("data", "remote", "check", status=1)
    assert not (tmp_path / "disk").exists()


def test_foreign_files_are_refused_with_the_alternative(repo: Repo, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "thesis.tex").write_text("mine")
    repo.data("remote", "add", "disk", str(tmp_path / "disk"))
    done = repo.run("git", "data", "remote", "check", ok=[1])
    assert b"thesis.tex" in done.stdout and b"/disk/data" in done.stdout
    assert sorted(path.name for path in (tmp_path / "disk").iterdir()) == ["thesis.tex"]


def test_a_file_in_place_of_a_folder(repo: Repo, tmp_path: Path) -> None:
    (tmp_path / "disk").write_text("not a folder")
    repo.data("remote", "add", "--local", "disk", str(tmp_path / "disk"))
    assert "disk" in repo.fails("data", "remote", "check", status=1)
    assert abilities(repo, ok=[1]).get("write", False) is False


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="a read-only mount takes root")
def test_a_read_only_folder_can_be_read_and_says_what_lacks(repo: Repo, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    repo.data("remote", "add", "--local", "disk", str(tmp_path / "disk"))
    check = "mount --bind . . && mount -o remount,ro,bind . && cd . && exec git -C ../repo data remote check"
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", f"cd '{tmp_path}/disk' && {check}"], capture_output=True, text=True, timeout=60
    )
    if "unshare" in done.stderr:
        pytest.skip(f"no mounts of our own: {done.stderr.strip()}")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "nothing can be written" in done.stderr and "ead-only file system" in done.stdout


@pytest.mark.parametrize(
    "url", ["s3://bucket/x", "ssh://host/x", "../folder", "https://host/x", "webdavs://host/x", "ftps://host/x"]
)
def test_the_number_of_jobs_counts_for_every_kind(repo: Repo, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.chdir(repo.path)
    repo.git("config", "data.store.url", url)
    usual = open_named(locate(), find(locate())).traits.workers
    repo.git("config", "data.store.jobs", "3")
    assert open_named(locate(), find(locate())).traits.workers == 3 != usual
    assert open_named(locate(), find(locate()), jobs=5).traits.workers == 5

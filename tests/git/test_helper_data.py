"""A git remote that is a store is the remote for data, too, without a word in the configuration."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from helpers import Repo, make_repo, pointer_of, run

from git_data.helper.target import find

CONTENT = {"a.bin": b"a" * 5000, "same.bin": b"a" * 5000, "dir/b.bin": b"b" * 70000}


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with data, pushed to the folder beside it, and a clone."""
    path = tmp_path_factory.mktemp("hosted-data")
    repo = make_repo(path / "repo")
    for name, data in CONTENT.items():
        repo.write(name, data)
    repo.commit("data")
    repo.git("remote", "add", "origin", "data::../store")
    repo.git("push", "-q", "-u", "origin", "main")
    run("git", "clone", "-q", f"data::{path / 'store'}", path / "clone")
    Repo(path / "clone").git("remote", "set-url", "origin", "data::../store")
    return path


class Place:
    """``repo`` and ``clone``, both with ``origin``, which is ``store``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store = path / "store"
        self.repo = Repo(path / "repo")
        self.clone = Repo(path / "clone")

    def has(self, data: bytes) -> bool:
        """Whether the store has some data."""
        oid = pointer_of(data).decode().split("sha256:")[1][:64]
        return any(path.name == oid for path in self.store.rglob("objects/**/*"))

    def tips(self) -> str:
        """What the refs are."""
        return self.repo.git("ls-remote", "origin")


@pytest.fixture
def place(template: Path, tmp_path: Path) -> Place:
    """A place of one's own."""
    shutil.copytree(template, tmp_path, symlinks=True, dirs_exist_ok=True)
    return Place(tmp_path)


def lose(repo: Repo, data: bytes) -> None:
    """Take data out of the store of a repository."""
    path = repo.object(data)
    path.chmod(0o644)
    path.unlink()


def test_a_clone_on_a_machine_without_git_data_in_its_configuration_just_works(place: Place) -> None:
    assert run("git", "config", "--global", "--get-regexp", "filter|data", ok=(1,)).stdout == b""
    run("git", "clone", "-q", f"data::{place.store}", place.path / "new")
    new = Repo(place.path / "new")
    new.assert_content(CONTENT, linked=False)
    assert {"pre-push", "post-checkout", "pre-commit"} <= {path.name for path in (new.path / ".git/hooks").iterdir()}
    data = new.write("later.bin", 3000)
    new.commit("later")
    assert new.blob("later.bin", "HEAD") == pointer_of(data)
    new.git("push", "-q")
    place.clone.git("pull", "-q")
    assert place.clone.read("later.bin") == data


@pytest.mark.parametrize("option", [[], ["--bare"], ["--mirror"]], ids=" ".join)
def test_a_relative_url_leads_to_the_same_place_from_inside_of_the_clone(place: Place, option: list[str]) -> None:
    run("git", "clone", "-q", *option, "data::store?jobs=2", "new", cwd=place.path)
    new = Repo(place.path / "new")
    assert new.git("config", "remote.origin.url").strip() == f"data::{place.store}?jobs=2"
    new.git("fetch", "-q")


COMMANDS = [
    ("push", "'origin' has all the data already"),
    ("fetch", "all data is here already"),
    ("pull", "0 files brought to content"),
    ("whereis a.bin", "origin"),
    ("fsck --remote", "origin: 2 objects looked at"),
    ("fsck --remote=origin", "origin: 2 objects looked at"),
    ("gc --remote=origin", "nothing to delete\nkept: 2 needed"),
    ("du --remote=origin", "0 B          0  not git-data's"),
    ("remote list", "origin  ../store  default"),
    ("remote show origin", "origin, the default"),
    ("remote check origin", "write   yes"),
    ("remote default", "origin"),
    ("mirror origin ../copy", "2 objects, 75.0 kB copied"),
    ("drop a.bin", "1 file dropped"),
]  # fmt: skip


@pytest.mark.parametrize(("command", "said"), COMMANDS, ids=[command for command, _ in COMMANDS])
def test_every_command_finds_the_remote(place: Place, command: str, said: str) -> None:
    assert said in place.clone.data(*command.split())


@pytest.mark.parametrize(
    ("command", "instead"),
    [
        ("rename origin new", "git remote rename origin new"),
        ("remove origin", "git remote remove origin"),
        ("set-url origin s3://bucket/x", "git remote set-url origin data::s3://bucket/x"),
    ],
)
def test_it_is_changed_as_the_git_remote_it_is(place: Place, command: str, instead: str) -> None:
    said = place.clone.fails("data", "remote", *command.split())
    assert "'origin' is a git remote, which keeps data, too" in said
    assert instead in said


def test_it_follows_what_is_done_to_the_git_remote(place: Place) -> None:
    clone = place.clone
    clone.git("remote", "rename", "origin", "store")
    assert clone.data("remote", "default") == "store\n"
    lose(clone, CONTENT["a.bin"])
    assert "1 object" in clone.data("fetch")
    clone.git("remote", "set-url", "store", "data::../elsewhere")
    assert "../elsewhere" in clone.data("remote", "list")
    clone.git("push", "-q", "store", "main")
    assert len(list((place.path / "elsewhere").rglob("objects/sha256/**/*"))) > 1
    clone.git("remote", "remove", "store")
    assert "there is no remote for data yet" in clone.fails("data", "push")


def test_settings_stand_under_the_name_of_the_remote_or_in_the_url(place: Place) -> None:
    clone = place.clone
    clone.git("config", "data.origin.jobs", "3")
    clone.git("remote", "set-url", "origin", "data::../store?region=eu")
    shown = clone.data("remote", "show", "origin")
    assert "jobs       3" in shown and "region     eu" in shown
    clone.git("fetch", "-q")


def test_what_is_instead_of_the_url_counts(place: Place) -> None:
    clone = place.clone
    clone.git("config", f"url.data::{place.path}/.insteadOf", "team:")
    clone.git("remote", "set-url", "origin", "team:store")
    clone.git("fetch", "-q")
    assert str(place.store) in clone.data("remote", "list")


def test_another_remote_for_data_can_be_named(place: Place) -> None:
    repo = place.repo
    repo.data("remote", "add", "--local", "other", str(place.path / "other"))
    repo.git("config", "remote.origin.dataRemote", "other")
    data = repo.write("new.bin", 4000)
    repo.commit("new")
    assert "sent to 'other'" in repo.run("git", "push").stderr.decode()
    assert not place.has(data)
    # now it goes to the store again; what the other place was seen to have is not taken for the store's
    repo.git("config", "--unset", "remote.origin.dataRemote")
    repo.git("config", "data.remote", "origin")
    repo.data("push")
    assert place.has(data)


def test_a_url_for_data_under_the_same_name_is_where_data_goes(place: Place) -> None:
    repo = place.repo
    repo.git("config", "data.origin.url", str(place.path / "own"))
    data = repo.write("new.bin", 4000)
    repo.commit("new")
    repo.git("push", "-q")
    assert not place.has(data)
    assert list((place.path / "own").rglob(pointer_of(data).decode().split("sha256:")[1][:64]))


def test_every_url_of_a_remote_gets_history_and_data(place: Place) -> None:
    repo = place.repo
    for url in (place.store, place.path / "second"):
        repo.git("remote", "set-url", "--add", "--push", "origin", f"data::{url}")
    data = repo.write("new.bin", 4000)
    repo.commit("new")
    repo.git("push", "-q")
    assert place.has(data)
    run("git", "clone", "-q", f"data::{place.path / 'second'}", place.path / "from-second")
    Repo(place.path / "from-second").assert_content({**CONTENT, "new.bin": data}, linked=False)


def test_what_gitdata_says_does_not_lead_data_away_from_the_store(place: Place) -> None:
    repo = place.repo
    repo.write(
        ".gitdata",
        f'[data]\n\tremote = team\n[data "team"]\n\turl = {place.path}/team\n[data "origin"]\n\turl = {place.path}/x\n',
    )
    data = repo.write("new.bin", 4000)
    repo.commit("new")
    assert "sent to 'origin'" in repo.run("git", "push").stderr.decode()
    assert place.has(data)
    assert not (place.path / "x").exists() and not (place.path / "team").exists()
    place.clone.git("pull", "-q")
    assert place.clone.read("new.bin") == data


def test_an_endpoint_in_gitdata_counts_for_no_address_that_the_user_gave(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = place.repo
    mine, evil = "https://mine.example:9000", "https://evil.example"
    repo.git("remote", "set-url", "origin", f"data::s3://bucket/project?endpoint={mine}")
    repo.write(
        ".gitdata",
        f'[data "origin"]\n\tendpoint = {evil}\n[data "a"]\n\turl = s3://bucket/project\n\tendpoint = {evil}\n',
    )
    monkeypatch.chdir(repo.path)
    assert find("origin", f"data::s3://bucket/project?endpoint={mine}").remote.settings == {"endpoint": mine}
    assert find("x", "data::s3://bucket/project").remote.settings == {"endpoint": mine}
    # of a URL to push to its own settings count
    assert find("origin", f"data::s3://bucket/project?endpoint={mine}&jobs=2").remote.settings == {"endpoint": mine, "jobs": "2"}
    repo.git("remote", "remove", "origin")
    assert find("x", "data::s3://bucket/project").remote.settings == {}


def test_data_that_is_nowhere_stops_the_push_before_any_ref_moves(place: Place) -> None:
    repo = place.repo
    data = repo.write("new.bin", 4000)
    repo.commit("new")
    lose(repo, data)
    repo.file("new.bin").unlink()
    before, files = place.tips(), sorted(place.store.rglob("*"))
    done = repo.run("git", "push", ok=(1,))
    said = done.stderr.decode()
    assert "is neither here nor on 'origin'; nothing was sent" in said
    assert "! [remote rejected] main -> main (nothing was published; the reason is above)" in said
    assert (place.tips(), sorted(place.store.rglob("*"))) == (before, files)
    repo.git("-c", "data.allowIncompletePush=true", "push", "-q")
    assert place.tips() != before
    # what is not there is not remembered as being there
    repo.write("new.bin", data)
    repo.git("add", "new.bin")
    repo.data("push", "--all")
    assert place.has(data)


def test_history_without_data_does_not_ask_for_data(place: Place) -> None:
    repo = place.repo
    shutil.rmtree(place.store / "objects")
    (place.store / "layout").unlink()
    repo.write("text", "no data")
    repo.commit("text")
    repo.git("push", "-q")


def test_equal_content_is_sent_once_and_what_is_there_is_not_sent_again(place: Place) -> None:
    repo = place.repo
    for name in ("one.bin", "two.bin", "three.bin"):
        repo.write(name, b"equal" * 900)
    repo.write("again.bin", CONTENT["a.bin"])
    repo.commit("more")
    assert "git-data: 1 object, 4.5 kB sent to 'origin'" in repo.run("git", "push").stderr.decode()


def test_data_then_history_then_refs(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this order things come to lie in the folder; whoever sees a ref has all it needs."""
    repo = place.repo
    repo.write("new.bin", 4000)
    repo.commit("new")
    before = set(place.store.rglob("*"))
    repo.git("push", "-q")
    new = [path for path in set(place.store.rglob("*")) - before if path.is_file()]
    order = sorted(new, key=lambda path: path.stat().st_ctime_ns)
    kinds = [path.relative_to(place.store).parts[:2] for path in order]
    assert kinds == [("objects", "sha256"), ("git", "packs"), ("git", "manifests")]


def test_collecting_keeps_what_refs_on_the_store_need_and_the_history(place: Place) -> None:
    data = place.repo.write("new.bin", 4000)
    place.repo.commit("new")
    place.repo.git("push", "-q")
    place.repo.git("push", "-q", "origin", "HEAD:refs/heads/second")
    history = {path: path.read_bytes() for path in place.store.rglob("git/**/*") if path.is_file()}
    # this clone has not fetched the commit: it cannot know what that needs, and deletes nothing
    assert "fetch" in place.clone.fails("data", "gc", "--remote=origin", "--prune=now", "--force")
    assert place.has(data)
    place.clone.git("fetch", "-q")
    waste = place.clone.write("waste.bin", 3000)
    place.clone.git("add", "waste.bin")
    place.clone.git("checkout", "-q", "-b", "waste")
    place.clone.commit("waste")
    place.clone.git("push", "-q", "origin", "waste")
    place.clone.git("push", "-q", "origin", ":waste")
    place.clone.git("checkout", "-q", "main")
    place.clone.git("branch", "-q", "-D", "waste")
    place.clone.git("reflog", "expire", "--expire=now", "--all")
    assert "1 object" in place.clone.data("gc", "--remote=origin", "--prune=now", "--force")
    assert (place.has(data), place.has(waste)) == (True, False)
    assert [path for path, content in history.items() if path.exists() and path.read_bytes() != content] == [
        path for path in history if path.name == "manifest"
    ]
    place.repo.data("fsck", "--remote=origin")


def test_collecting_where_a_repository_lies_takes_its_refs(place: Place) -> None:
    data = place.repo.write("new.bin", 4000)
    place.repo.commit("new")
    place.repo.git("push", "-q", "origin", "HEAD:refs/heads/second")
    clone = place.clone
    clone.git("remote", "remove", "origin")
    clone.data("remote", "add", "--local", "data", str(place.store))
    said = clone.fails("data", "gc", "--remote=data", "--prune=now", "--force")
    assert "'data' hosts a git repository, too" in said
    assert place.has(data)
    place.repo.git("remote", "set-url", "origin", f"data::{place.store}")
    assert "kept: 3 needed" in clone.data("gc", "--remote=data", "--prune=now", "--clone", str(place.repo.path))


def test_a_partial_clone_finds_the_data_of_what_it_lacks_itself(place: Place) -> None:
    place.repo.git("config", "uploadpack.allowFilter", "true")
    run("git", "clone", "-q", "--filter=blob:none", "--no-checkout", f"file://{place.repo.path}", place.path / "partial")
    partial = Repo(place.path / "partial")
    said = partial.fails("push", f"data::{place.path / 'second'}", "main")
    assert "the data of 2 objects" in said and "nothing was published" in said
    partial.git("push", "-q", f"data::{place.store}", "main:refs/heads/again")


def test_a_mirror_takes_history_and_data_to_another_place(place: Place) -> None:
    run("git", "clone", "-q", "--mirror", f"data::{place.store}", place.path / "mirror")
    mirror = Repo(place.path / "mirror")
    said = mirror.fails("push", "--mirror", f"data::{place.path / 'second'}")
    assert "git data fetch REMOTE --all" in said
    mirror.data("fetch", "origin", "--all")
    mirror.git("push", "-q", "--mirror", f"data::{place.path / 'second'}")
    run("git", "clone", "-q", f"data::{place.path / 'second'}", place.path / "from-second")
    Repo(place.path / "from-second").assert_content(CONTENT, linked=False)

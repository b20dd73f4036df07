"""Checkouts bring the data they lack; git data fetch and pull bring what is named."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import Repo, content, make_repo, run
from servers.seaweedfs import SeaweedFS

CONTENTS = {"a.bin": content(5000, 1), "images/b.bin": content(60_000, 2), "images/deep/c.bin": content(2_500_000, 3)}


@pytest.fixture
def origin(repo: Repo, tmp_path: Path) -> Path:
    """A published repository with two versions: git part in ``origin.git``, data in ``store``, named by ``.gitdata``."""
    return publish(repo, tmp_path)


def publish(repo: Repo, tmp_path: Path) -> Path:
    path = tmp_path / "origin.git"
    run("git", "init", "-q", "--bare", str(path))
    repo.git("remote", "add", "origin", str(path))
    repo.git("config", "data.store.url", str(tmp_path / "store"))
    repo.git("config", "-f", ".gitdata", "data.store.url", str(tmp_path / "store"))
    repo.write("a.bin", content(700, 4))
    repo.commit("old")
    repo.git("tag", "old")
    for path_, data in CONTENTS.items():
        repo.write(path_, data)
    repo.commit("new")
    repo.git("push", "-q", "origin", "HEAD", "old")
    return path


@pytest.fixture
def install(global_config: Path) -> None:
    """The user knows the filter in every repository."""
    run("git", "data", "install", "--global")


@pytest.fixture
def bare_clone(origin: Path, install: None, tmp_path: Path) -> Repo:
    """A clone whose checkouts fetch nothing by themselves."""
    run("git", "-c", "data.fetch=never", "clone", "-q", str(origin), str(tmp_path / "clone"))
    clone = Repo(tmp_path / "clone")
    clone.git("config", "data.fetch", "never")
    return clone


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same place for many tests: what ``bare_clone`` is made of, and the clone."""
    place = tmp_path_factory.mktemp("published")
    run("git", "-c", "data.fetch=never", "clone", "-q", str(publish(make_repo(place / "repo"), place)), str(place / "clone"))
    clone = Repo(place / "clone")
    clone.git("config", "data.fetch", "never")
    clone.data("install")
    return place


@pytest.fixture
def empty_clone(published: Path) -> Repo:
    """A clone that has pointers only, as ``bare_clone``; for tests that change nothing but it."""
    clone = Repo(published / "clone")
    shutil.rmtree(clone.store() / "objects", ignore_errors=True)
    for path in CONTENTS:
        clone.file(path).unlink()
    clone.git("reset", "-q", "--hard", env={"GIT_DATA_SKIP_SMUDGE": "1"})
    holds(clone)
    return clone


def holds(repo: Repo, *paths: str) -> None:
    """Exactly these files have content, the others pointers, and git sees no change."""
    for path, data in CONTENTS.items():
        if path in paths:
            assert repo.read(path) == data, path
        else:
            assert repo.pointer(path) is not None, path
    assert repo.status() == ""


def stored(tmp_path: Path, data: bytes) -> Path:
    import hashlib

    oid = hashlib.sha256(data).hexdigest()
    return tmp_path / "store" / "objects" / "sha256" / oid[:2] / oid


# -- plain git


def test_a_clone_brings_content_by_itself(origin: Path, install: None, tmp_path: Path) -> None:
    run("git", "clone", "-q", str(origin), str(tmp_path / "clone"))
    holds(Repo(tmp_path / "clone"), *CONTENTS)


def test_a_checkout_brings_only_what_it_needs(origin: Path, install: None, tmp_path: Path) -> None:
    run("git", "clone", "-q", str(origin), str(tmp_path / "clone"))
    clone = Repo(tmp_path / "clone")
    assert len(clone.objects()) == 3
    clone.git("checkout", "-q", "old")
    assert clone.read("a.bin") == content(700, 4) and clone.status() == ""
    assert len(clone.objects()) == 4


def test_git_pull_brings_the_data_of_what_it_merges(origin: Path, install: None, repo: Repo, tmp_path: Path) -> None:
    run("git", "clone", "-q", str(origin), str(tmp_path / "clone"))
    clone = Repo(tmp_path / "clone")
    new = repo.write("a.bin", 900)
    repo.commit()
    repo.git("push", "-q", "origin", "HEAD")
    clone.git("pull", "-q")
    assert clone.read("a.bin") == new and clone.status() == ""


@pytest.mark.parametrize("how", ["checkout", "clone", "bare"])
def test_commits_older_than_the_file_that_names_the_remote_bring_their_data(
    origin: Path, install: None, repo: Repo, tmp_path: Path, how: str
) -> None:
    repo.git("config", "--unset", "data.store.url")
    repo.git("checkout", "-q", "--orphan", "before")
    repo.git("rm", "-q", "-f", ".gitdata")
    repo.commit("without the file")
    repo.git("checkout", "-q", "-b", "also-before")
    repo.write("later.bin", content(900, 5))
    repo.commit("another one")
    repo.git("push", "-q", "origin", "before", "also-before")
    assert stored(tmp_path, content(900, 5)).exists(), "the push knew the remote, too"
    if how == "bare":
        run("git", "clone", "-q", "--bare", str(origin), str(tmp_path / "clone.git"))
        fetched = run("git", "-C", str(tmp_path / "clone.git"), "data", "fetch", "also-before", "-I", "later.bin")
        assert b"1 object" in fetched.stdout
        return
    branch = ["-b", "also-before"] if how == "clone" else []
    run("git", "clone", "-q", *branch, str(origin), str(tmp_path / "clone"))
    clone = Repo(tmp_path / "clone")
    if how == "checkout":
        clone.git("checkout", "-q", "before")
        clone.git("checkout", "-q", "also-before")
    assert clone.read("later.bin") == content(900, 5)
    assert "store" in clone.data("remote")


def test_a_worktree_and_an_archive_bring_what_they_show(bare_clone: Repo, tmp_path: Path) -> None:
    bare_clone.git("config", "data.fetch", "auto")
    archive = bare_clone.run("git", "archive", "HEAD", "a.bin").stdout
    assert CONTENTS["a.bin"] in archive
    bare_clone.git("worktree", "add", "-q", str(tmp_path / "linked"), "HEAD")
    assert Repo(tmp_path / "linked").read("images/b.bin") == CONTENTS["images/b.bin"]


def test_never_means_never(bare_clone: Repo) -> None:
    holds(bare_clone)
    bare_clone.git("checkout", "-q", "old")
    assert bare_clone.pointer("a.bin") is not None and bare_clone.objects() == set()


def test_what_the_settings_exclude_is_not_brought(origin: Path, install: None, tmp_path: Path) -> None:
    run("git", "-c", "data.fetchExclude=images/deep", "clone", "-q", str(origin), str(tmp_path / "clone"))
    clone = Repo(tmp_path / "clone")
    holds(clone, "a.bin", "images/b.bin")
    assert len(clone.objects()) == 2


def test_committed_settings_count_in_the_clone_that_brings_them(origin: Path, install: None, repo: Repo, tmp_path: Path) -> None:
    repo.git("config", "-f", ".gitdata", "data.fetchInclude", "images/")
    repo.commit()
    repo.git("push", "-q", "origin", "HEAD")
    run("git", "clone", "-q", str(origin), str(tmp_path / "clone"))
    holds(Repo(tmp_path / "clone"), "images/b.bin", "images/deep/c.bin")


def test_a_checkout_without_its_data_leaves_pointers_and_says_why(origin: Path, install: None, tmp_path: Path) -> None:
    (tmp_path / "store").rename(tmp_path / "gone")
    done = run("git", "clone", "-q", str(origin), str(tmp_path / "clone"))
    errors = done.stderr.decode()
    assert "store" in errors and "git data pull" in errors
    clone = Repo(tmp_path / "clone")
    holds(clone)
    (tmp_path / "gone").rename(tmp_path / "store")
    clone.data("checkout")
    holds(clone, *CONTENTS)


# -- git data fetch and pull


def test_pull_brings_everything(bare_clone: Repo) -> None:
    assert "3 files brought to content" in bare_clone.data("pull")
    holds(bare_clone, *CONTENTS)
    assert "here already" in bare_clone.data("pull")


@pytest.mark.parametrize(
    ("words", "paths"),
    [
        (["a.bin"], ["a.bin"]),
        (["images"], ["images/b.bin", "images/deep/c.bin"]),
        (["images/deep/", "a.bin"], ["images/deep/c.bin", "a.bin"]),
        (["--", "images"], ["images/b.bin", "images/deep/c.bin"]),
        (["store", "a.bin"], ["a.bin"]),
        (["-I", "*b.bin"], ["images/b.bin"]),
        (["-X", "images/"], ["a.bin"]),
        (["*.bin"], list(CONTENTS)),
    ],
)
def test_pull_takes_paths(empty_clone: Repo, words: list[str], paths: list[str]) -> None:
    empty_clone.data("pull", *words)
    holds(empty_clone, *paths)
    assert len(empty_clone.objects()) == len(paths)


def test_pull_works_from_a_subdirectory(bare_clone: Repo) -> None:
    bare_clone.data("pull", "deep", cwd=bare_clone.path / "images")
    holds(bare_clone, "images/deep/c.bin")


def test_fetch_does_not_touch_the_work_tree(bare_clone: Repo) -> None:
    assert "3 objects" in bare_clone.data("fetch")
    holds(bare_clone)
    bare_clone.data("checkout")
    holds(bare_clone, *CONTENTS)


@pytest.mark.parametrize(
    ("words", "count"),
    [
        ([], 3),
        (["HEAD"], 3),
        (["old"], 1),
        (["old", "main"], 4),
        (["--all"], 4),
        (["old..main"], 3),
        (["--tags"], 1),
        (["--recent"], 4),
    ],
)
def test_fetch_takes_revisions(empty_clone: Repo, words: list[str], count: int) -> None:
    empty_clone.data("fetch", *words)
    assert len(empty_clone.objects()) == count


def test_a_dry_run_tells_the_amount_and_brings_nothing(bare_clone: Repo) -> None:
    assert "3 objects, 2.6 MB would be fetched" in bare_clone.data("pull", "--dry-run")
    holds(bare_clone)
    assert bare_clone.objects() == set()


def test_json_tells_what_was_brought(bare_clone: Repo) -> None:
    result = json.loads(bare_clone.data("fetch", "--json"))
    assert (result["wanted"], result["brought"], result["missing"]) == (3, 3, [])


def test_what_is_nowhere_is_named_and_the_rest_is_brought(bare_clone: Repo, tmp_path: Path) -> None:
    stored(tmp_path, CONTENTS["a.bin"]).unlink()
    errors = bare_clone.fails("data", "pull", status=3)
    assert "is not on 'store'" in errors and "git data push" in errors
    holds(bare_clone, "images/b.bin", "images/deep/c.bin")


def test_a_pull_asks_once(bare_clone: Repo, tmp_path: Path) -> None:
    stored(tmp_path, CONTENTS["a.bin"]).unlink()
    bare_clone.git("config", "data.fetch", "auto")
    assert bare_clone.fails("data", "pull", status=3).count("is not there") == 1


@pytest.mark.parametrize("path", list(CONTENTS))
@pytest.mark.parametrize("damage", ["altered", "short", "long", "empty"])
def test_damaged_objects_are_not_installed(empty_clone: Repo, published: Path, path: str, damage: str) -> None:
    object = stored(published, CONTENTS[path])
    data = CONTENTS[path]
    wrong = {"altered": bytes([data[0] ^ 1]) + data[1:], "short": data[:-1], "long": data + b"x", "empty": b""}[damage]
    object.unlink()
    object.write_bytes(wrong)
    try:
        errors = empty_clone.fails("data", "pull", status=4)
    finally:
        object.write_bytes(data)
    assert "does not hold what its name says" in errors
    holds(empty_clone, *(other for other in CONTENTS if other != path))
    assert not list((empty_clone.store() / "tmp").glob("git-data-tmp-*"))


def test_the_next_remote_is_asked_for_what_the_first_lacks(bare_clone: Repo, repo: Repo, tmp_path: Path) -> None:
    repo.data("push", str(tmp_path / "second"))
    stored(tmp_path, CONTENTS["a.bin"]).unlink()
    bad = stored(tmp_path, CONTENTS["images/b.bin"])
    bad.unlink()
    bad.write_bytes(content(60_000))
    bare_clone.git("config", "data.remote", "store")
    bare_clone.git("config", "data.second.url", str(tmp_path / "second"))
    bare_clone.data("pull")
    holds(bare_clone, *CONTENTS)


def test_an_unreachable_remote_is_passed_over(bare_clone: Repo, repo: Repo, tmp_path: Path) -> None:
    repo.data("push", str(tmp_path / "second"))
    bare_clone.git("config", "data.remote", "store")
    bare_clone.git("config", "data.store.url", str(tmp_path / "unplugged"))
    bare_clone.git("config", "data.second.url", str(tmp_path / "second"))
    bare_clone.data("pull")
    holds(bare_clone, *CONTENTS)


def test_symbolic_links_and_pipes_on_a_remote_are_no_objects(bare_clone: Repo, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(CONTENTS["a.bin"])
    object = stored(tmp_path, CONTENTS["a.bin"])
    object.unlink()
    object.symlink_to(secret)
    other = stored(tmp_path, CONTENTS["images/b.bin"])
    other.unlink()
    run("mkfifo", str(other))
    errors = bare_clone.fails("data", "pull", status=3)
    assert "is not" in errors
    holds(bare_clone, "images/deep/c.bin")
    other.unlink()
    other.mkdir()
    bare_clone.fails("data", "pull", status=3)
    holds(bare_clone, "images/deep/c.bin")


@pytest.mark.parametrize(("words", "said"), [(["stroe"], "did you mean 'store'"), (["nothing/here"], "nothing/here")])
def test_mistakes_are_named(bare_clone: Repo, words: list[str], said: str) -> None:
    assert said in bare_clone.run("git", "data", "fetch", *words, ok=None).stderr.decode()


def test_two_fetches_at_once_download_each_object_once(
    origin: Path, install: None, repo: Repo, tmp_path: Path, seaweedfs: SeaweedFS
) -> None:
    """Two repositories with one store; each says how many bytes it brought."""

    def know_s3(other: Repo) -> None:
        other.git("config", "data.s3.url", f"s3://tests/{tmp_path.name}")
        other.git("config", "data.s3.endpoint", seaweedfs.url)

    know_s3(repo)
    repo.data("push", "s3", "--all")
    clones = []
    for number in range(2):
        path = tmp_path / f"clone-{number}"
        run("git", "-c", "data.fetch=never", "clone", "-q", str(origin), str(path))
        Repo(path).git("config", "data.cacheDir", str(tmp_path / "cache"))
        know_s3(Repo(path))
        command = [sys.executable, "-m", "git_data", "fetch", "s3", "--all", "--json"]
        clones.append(subprocess.Popen(command, cwd=path, stdout=subprocess.PIPE))
    results = [json.loads(process.communicate()[0]) for process in clones]
    assert all(process.returncode == 0 for process in clones)
    assert sum(result["bytes"] for result in results) == sum(len(data) for data in CONTENTS.values()) + 700

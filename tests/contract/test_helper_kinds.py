"""A git repository on every kind of store: what two people do in a day, through git itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import Repo, content
from remotes import KINDS
from stores import ALONE, HOSTING, NEVER, Store, assert_whole, begin, clone, refs

from git_data.host.marker import SINGLE, read_marker

WHOLE_DAY = ("folder", "S3 (SeaweedFS)", "SFTP (OpenSSH)", "WebDAV (rclone)")
"""One of each way to replace a manifest, and of each protocol of ours."""
ALL = {**HOSTING, **ALONE, **NEVER}


@pytest.fixture
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with ALL[request.param](request, tmp_path) as store:
        yield store


def morning(store: Store, ours: Repo, path: Path) -> Repo:
    """The first push, a clone, pushes from both, one of them too late: the clone."""
    ours.git("push", "-q", "-u", "origin", "main")
    theirs = clone(store, path)
    assert theirs.read("data.bin") == ours.read("data.bin")
    data = theirs.write("more.bin", content(3000, 2))
    theirs.commit("two")
    theirs.git("push", "-q")

    ours.write("readme", "not theirs\n")
    ours.commit("diverging")
    assert "fetch first" in ours.fails("push")
    ours.git("pull", "-q", "--rebase")
    assert ours.read("more.bin") == data
    ours.git("push", "-q")
    return theirs


def afternoon(store: Store, ours: Repo, theirs: Repo) -> None:
    """A branch, a tag, a force-push and deletions."""
    theirs.git("push", "-q", "--atomic", "origin", "main:refs/heads/topic", "main:refs/tags/v1")
    ours.git("commit", "-q", "--amend", "-m", "amended")
    assert "non-fast-forward" in ours.fails("push", "origin", "main")
    ours.git("push", "-q", "--force", "origin", "main", ":refs/tags/v1")
    assert refs(theirs) == {
        "refs/heads/main": ours.git("rev-parse", "main").strip(),
        "refs/heads/topic": theirs.git("rev-parse", "main").strip(),
    }
    theirs.git("fetch", "-q")
    theirs.git("reset", "-q", "--hard", "origin/main")
    for repo in (ours, theirs):
        assert_whole(repo)
    assert [change.seq for change in store.log()] == [5, 4, 3, 2, 1]


@pytest.mark.parametrize("store", HOSTING, indirect=True)
def test_two_people_work_on_one_repository(store: Store, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    ours = begin(tmp_path / "ours", store)
    theirs = morning(store, ours, tmp_path / "theirs")
    if request.node.callspec.params["store"] in WHOLE_DAY:
        afternoon(store, ours, theirs)
        assert_whole(clone(store, tmp_path / "last"))


@pytest.mark.parametrize("store", ALONE, indirect=True)
def test_a_place_without_conditional_writes_is_for_one_writer_who_says_so(store: Store, tmp_path: Path) -> None:
    ours = begin(tmp_path / "ours", store)
    errors = ours.fails("push", "origin", "main")
    assert "cannot host a repository that several people push to" in errors
    assert "git data remote init --single-writer" in errors and "Traceback" not in errors
    ours.data("remote", "init", "--single-writer", "origin")
    remote = store.open()
    marker = read_marker(remote)
    remote.close()
    assert marker is not None and marker.writers == SINGLE
    morning(store, ours, tmp_path / "theirs")
    assert [change.seq for change in store.log()] == [3, 2, 1]


@pytest.mark.parametrize("store", NEVER, indirect=True)
def test_what_ends_with_its_process_is_refused(store: Store, tmp_path: Path) -> None:
    errors = begin(tmp_path / "ours", store).fails("push", "origin", "main")
    assert "cannot host a repository that several people push to" in errors


def test_every_kind_of_remote_was_thought_of() -> None:
    assert set(ALL) == set(KINDS)

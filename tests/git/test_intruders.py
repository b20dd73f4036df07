"""What the user, or somebody hostile, does between git and us: no edit is lost, nothing outside is touched."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import Repo, pointer_of


class Meantime:
    """A checkout of ``dir/a.bin`` during which a shell script runs, after git is done and before the filter is."""

    def __init__(self, repo: Repo, tmp_path: Path) -> None:
        self.repo = repo
        self.hooks = tmp_path / "meantime"
        self.data = repo.write("dir/a.bin", 3000)
        self.beside = repo.write("z.bin", 2000)
        repo.commit("first")
        repo.git("rm", "-q", "-r", "dir", "z.bin")
        repo.git("commit", "-q", "-m", "second")

    def checkout(self, script: str) -> str:
        self.hooks.mkdir()
        hook = self.hooks / "post-checkout"
        hook.write_text(f"#!/bin/sh\n{script}\n")
        hook.chmod(0o755)
        self.repo.git("-c", f"core.hooksPath={self.hooks}", "checkout", "-q", "HEAD~1")
        assert self.repo.read("z.bin") == self.beside, "one odd file does not stop the others"
        assert [path.name for path in self.repo.path.rglob("git-data-tmp-*") if ".git" not in path.parts] == []
        return self.repo.status()


@pytest.fixture
def meantime(any_repo: Repo, tmp_path: Path) -> Meantime:
    return Meantime(any_repo, tmp_path)


def test_a_file_the_user_deleted_is_not_resurrected(meantime: Meantime) -> None:
    assert meantime.checkout("rm dir/a.bin") == " D dir/a.bin\n"
    assert not meantime.repo.file("dir/a.bin").exists()


def test_a_directory_the_user_deleted_is_not_resurrected(meantime: Meantime) -> None:
    assert meantime.checkout("rm -r dir") == " D dir/a.bin\n"
    assert not meantime.repo.file("dir").exists()


def test_a_file_that_was_removed_from_git_is_not_resurrected(meantime: Meantime) -> None:
    assert meantime.checkout("git rm -qf dir/a.bin") == "D  dir/a.bin\n"
    assert not meantime.repo.file("dir/a.bin").exists()


def test_an_edit_is_kept(meantime: Meantime) -> None:
    assert meantime.checkout("echo mine > dir/a.bin") == " M dir/a.bin\n"
    assert meantime.repo.read("dir/a.bin") == b"mine\n"


def test_a_directory_where_the_file_was_is_kept(meantime: Meantime) -> None:
    meantime.checkout("rm dir/a.bin; mkdir dir/a.bin; echo mine > dir/a.bin/file")
    assert meantime.repo.read("dir/a.bin/file") == b"mine\n"


def test_a_file_where_the_directory_was_is_kept(meantime: Meantime) -> None:
    meantime.checkout("rm -r dir; echo mine > dir")
    assert meantime.repo.read("dir") == b"mine\n"


def test_a_symlink_where_the_file_was_is_kept_and_not_followed(meantime: Meantime, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(pointer_of(meantime.data))
    meantime.checkout(f"ln -sf '{victim}' dir/a.bin")
    assert victim.read_bytes() == pointer_of(meantime.data)
    assert os.readlink(meantime.repo.file("dir/a.bin")) == str(victim)


@pytest.mark.parametrize("target", ["outside", "inside"])
def test_a_parent_directory_replaced_by_a_symlink_is_not_followed(meantime: Meantime, tmp_path: Path, target: str) -> None:
    elsewhere = tmp_path / "elsewhere" if target == "outside" else meantime.repo.path / ".git" / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "a.bin").write_bytes(pointer_of(meantime.data))
    meantime.checkout(f"rm -r dir; ln -s '{elsewhere}' dir")
    assert (elsewhere / "a.bin").read_bytes() == pointer_of(meantime.data)
    meantime.repo.data("checkout", ok=None)
    assert (elsewhere / "a.bin").read_bytes() == pointer_of(meantime.data)
    meantime.repo.git("add", "-A", ok=None)
    assert (elsewhere / "a.bin").read_bytes() == pointer_of(meantime.data)


def test_a_fifo_where_the_file_was_does_not_hang_the_checkout(meantime: Meantime) -> None:
    meantime.checkout("rm dir/a.bin; mkfifo dir/a.bin")
    meantime.repo.data("checkout", ok=None)


def test_a_hard_linked_pointer_is_separated_first(meantime: Meantime, tmp_path: Path) -> None:
    place = meantime.repo.path.parent / "other"
    meantime.checkout(f"ln dir/a.bin '{place}'")
    assert meantime.repo.read("dir/a.bin") == meantime.data
    assert place.read_bytes() == pointer_of(meantime.data)


def test_the_mode_the_user_gave_is_kept(meantime: Meantime) -> None:
    assert meantime.checkout("chmod 444 dir/a.bin") == ""
    assert meantime.repo.read("dir/a.bin") == meantime.data
    assert meantime.repo.file("dir/a.bin").stat().st_mode & 0o777 == 0o444


def test_content_the_user_put_there_himself_is_kept(meantime: Meantime, tmp_path: Path) -> None:
    (tmp_path / "same").write_bytes(meantime.data)
    assert meantime.checkout(f"cp '{tmp_path}/same' dir/a.bin; touch -d '1 hour ago' dir/a.bin") == ""
    assert meantime.repo.read("dir/a.bin") == meantime.data


# -- damaged and hostile state in the git directory


def test_a_journal_that_points_outside_touches_nothing(any_repo: Repo, tmp_path: Path) -> None:
    data = any_repo.write("a.bin", 3000)
    any_repo.commit()
    victim = any_repo.path.parent / "victim"
    victim.write_bytes(pointer_of(data))
    pending = any_repo.git_dir() / "data" / "pending"
    pending.mkdir(exist_ok=True)
    name = any_repo.object(data).name
    for number, path in enumerate(("../victim", str(victim), ".git/../../victim", "x/../../victim")):
        (pending / f"journal-{number}").write_bytes(f"{name} {len(data)} data {path}\0".encode())
    any_repo.data("checkout")
    assert victim.read_bytes() == pointer_of(data)
    assert list(pending.iterdir()) == []


@pytest.mark.parametrize("garbage", [b"", b"\0\0\0", b"\xff" * 5000, b"x\0" * 1000])
def test_a_damaged_journal_is_cleared_away(repo: Repo, garbage: bytes) -> None:
    repo.write("a.bin", 3000)
    repo.commit()
    pending = repo.git_dir() / "data" / "pending"
    pending.mkdir(exist_ok=True)
    (pending / "journal").write_bytes(garbage)
    repo.write("b.bin", 3000)
    repo.commit()
    repo.assert_clean()
    assert list(pending.iterdir()) == []


@pytest.mark.parametrize("name", ["links", "blobs", "installed", "tmp", "pending"])
@pytest.mark.parametrize("state", ["missing", "garbage"])
def test_everything_but_objects_can_be_lost(repo: Repo, name: str, state: str) -> None:
    first = repo.write("a.bin", 3000)
    repo.commit("first")
    repo.write("a.bin", 4000)
    repo.commit("second")
    repo.data("ls-files")
    path = repo.store() / name
    if path.is_dir():
        shutil.rmtree(path)
    elif path.exists():
        path.unlink()
    if state == "garbage" and name in ("links", "blobs", "installed"):
        path.write_bytes(b"\xff\xfe garbage")
    repo.git("checkout", "-q", "HEAD~1")
    repo.assert_content({"a.bin": first}, linked=False)
    repo.data("ls-files")


# -- an object that is not what its name says


def damaged(repo: Repo, change: Callable[[Path], None]) -> tuple[bytes, str]:
    """Check out a version whose object was changed: content, and what was said."""
    data = repo.write("a.bin", 3000)
    repo.commit("first")
    repo.write("a.bin", 4000)
    repo.commit("second")
    object = repo.object(data)
    object.chmod(0o644)
    change(object)
    done = repo.run("git", "checkout", "-q", "HEAD~1", ok=None)
    return data, done.stderr.decode()


def _flip(object: Path) -> None:
    data = bytearray(object.read_bytes())
    data[100] ^= 1
    object.write_bytes(data)


def _truncate(object: Path) -> None:
    os.truncate(object, 2999)


def _empty(object: Path) -> None:
    os.truncate(object, 0)


def _grow(object: Path) -> None:
    with open(object, "ab") as file:
        file.write(b"x")


@pytest.mark.parametrize("change", [_flip, _truncate, _empty, _grow, Path.unlink])
def test_damaged_content_never_reaches_the_work_tree(any_repo: Repo, change: Callable[[Path], None]) -> None:
    data, said = damaged(any_repo, change)
    assert any_repo.read("a.bin") == pointer_of(data)
    assert "is not in the store" in said
    assert "Traceback" not in said
    any_repo.assert_clean()
    any_repo.write("again.bin", data)
    any_repo.git("add", "again.bin")
    any_repo.data("checkout")
    assert any_repo.read("a.bin") == data


@pytest.mark.parametrize("change", [_flip, _truncate, _empty, _grow, Path.unlink])
def test_damaged_content_never_reaches_an_archive(repo: Repo, change: Callable[[Path], None]) -> None:
    damaged(repo, change)
    done = repo.run("git", "archive", "--format=tar", "HEAD", ok=None)
    assert done.returncode != 0
    assert b"is not in the store" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_damaged_object_is_kept_in_quarantine(repo: Repo) -> None:
    damaged(repo, _flip)
    assert len(list((repo.store() / "quarantine").iterdir())) == 1

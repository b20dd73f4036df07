"""Files with the attribute ``lockable``: read-only in the work tree, and git notices nothing."""

from __future__ import annotations

import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import Repo, content, run
from servers.lfs import git_lfs

ATTRIBUTES = "*.bin filter=data diff=data merge=data -text lockable\n*.txt lockable\n"
FILES = ("a.bin", "sub/b.bin", "notes.txt", "run.txt", "free.dat")
LOCKABLE = list(FILES[:4])


def locked_away(repo: Repo) -> list[str]:
    """The files without write permission."""
    return [name for name in FILES if repo.file(name).exists() and not repo.file(name).stat().st_mode & 0o222]


def pretend_to_hold(repo: Repo, *paths: str) -> None:
    """As if these had been locked; no server is asked for what is remembered (docs/formats.md)."""
    place = repo.git_dir() / "data" / "locks"
    place.mkdir(exist_ok=True)
    fields = [("lfs+https://host/x.git", f"id-{path}", path, "me", "2026-01-01T00:00:00Z", "ours") for path in paths]
    (place / "own").write_bytes("".join(f"{field}\0" for record in fields for field in record).encode())


def fill(repo: Repo) -> None:
    repo.write("a.bin", 3000)
    repo.write("sub/b.bin", 2 << 20)
    repo.write("notes.txt", "text\n")
    repo.write("run.txt", "#!/bin/sh\n")
    repo.file("run.txt").chmod(0o755)
    repo.write("free.dat", "free\n")
    repo.commit("files")


@pytest.fixture
def full(new_repo: Callable[..., Repo]) -> Repo:
    """Five files, four of them lockable."""
    repo = new_repo("full", attributes=ATTRIBUTES)
    fill(repo)
    return repo


def test_what_is_committed_becomes_read_only(full: Repo) -> None:
    assert locked_away(full) == LOCKABLE
    assert stat.S_IMODE(full.file("run.txt").stat().st_mode) & 0o111
    full.assert_clean()
    full.write("new.bin", 100)
    assert full.file("new.bin").stat().st_mode & 0o200  # until it is committed
    full.commit()
    assert not full.file("new.bin").stat().st_mode & 0o222
    full.assert_clean()


def test_whatever_git_writes_is_read_only(full: Repo) -> None:
    first = {name: full.read(name) for name in FILES}
    full.git("checkout", "-q", "-b", "other")
    for name in FILES:
        full.write(name, content(500) if name.endswith("bin") else "changed\n")
    full.commit("second")
    for words in (
        ["checkout", "-q", "main"],
        ["merge", "-q", "other"],
        ["reset", "-q", "--hard", "main~1"],
        ["restore", "--source", "other", "--worktree", "--staged", "."],
        ["stash", "-q"],
        ["stash", "pop", "-q"],
        ["checkout", "-q", "-f", "other"],
        ["checkout", "-q", "main"],
    ):
        full.git(*words)
        assert locked_away(full) == LOCKABLE, words
        if words[1] != "pop":  # what is changed, git compares
            assert full.traced("status", "--porcelain").filters == [], words
    assert {name: full.read(name) for name in FILES} == first


def test_what_one_holds_stays_writable(full: Repo) -> None:
    pretend_to_hold(full, "a.bin", "notes.txt")
    full.git("checkout", "-q", "-b", "other")
    assert locked_away(full) == ["sub/b.bin", "run.txt"]
    full.assert_clean()
    full.write("a.bin", 100)
    full.write("notes.txt", "other\n")
    full.commit()
    full.git("checkout", "-q", "main")
    assert locked_away(full) == ["sub/b.bin", "run.txt"]
    pretend_to_hold(full)
    full.git("checkout", "-q", "other")
    assert locked_away(full) == LOCKABLE


def test_tracking_applies_at_once_and_can_be_taken_back(new_repo: Callable[..., Repo]) -> None:
    repo = new_repo("plain")
    fill(repo)
    assert locked_away(repo) == []
    assert "2 files read-only until locked" in repo.data("track", "--lockable", "*.bin")
    assert locked_away(repo) == ["a.bin", "sub/b.bin"]
    assert "lockable" in repo.data("track")
    # a second time, without the option, it stays
    repo.data("track", "*.bin")
    assert locked_away(repo) == ["a.bin", "sub/b.bin"]
    assert "2 files may be written to again" in repo.data("track", "--not-lockable", "*.bin")
    assert locked_away(repo) == [] and "lockable" not in repo.data("track")
    repo.git("status")
    repo.data("track", "--lockable", "*.bin")
    repo.commit("lockable")
    repo.assert_clean()
    repo.data("untrack", "*.bin")
    assert locked_away(repo) == []


def test_by_hand_in_a_subdirectory(new_repo: Callable[..., Repo], tmp_path: Path) -> None:
    repo = new_repo("plain")
    fill(repo)
    repo.data("track", "--lockable", "*.bin", cwd=repo.file("sub"))
    assert locked_away(repo) == ["sub/b.bin"]
    repo.commit("lockable")
    run("git", "clone", "-q", repo.path, tmp_path / "clone")
    clone = Repo(tmp_path / "clone")
    clone.git("config", "data.alternates", str(repo.store()))
    clone.data("install")
    assert locked_away(clone) == ["sub/b.bin"]
    clone.assert_clean()
    repo.file("sub/.gitattributes").write_text("")
    repo.commit("not any more")
    assert locked_away(repo) == []


def test_a_clone_is_read_only_from_the_beginning(full: Repo, tmp_path: Path, global_config: Path) -> None:
    full.data("install", "--global")
    run("git", "config", "--global", "data.alternates", full.store())
    run("git", "clone", "-q", full.path, tmp_path / "clone")
    clone = Repo(tmp_path / "clone")
    assert locked_away(clone) == LOCKABLE
    clone.assert_clean()
    clone.git("worktree", "add", "-q", "../tree")
    tree = Repo(tmp_path / "tree")
    assert locked_away(tree) == LOCKABLE
    tree.assert_clean()


def test_a_pull_may_bring_the_first_pattern(new_repo: Callable[..., Repo], tmp_path: Path) -> None:
    """And hooks start nothing before, nor after it has gone."""
    repo = new_repo("plain")
    fill(repo)
    run("git", "clone", "-q", repo.path, tmp_path / "clone")
    clone = Repo(tmp_path / "clone")
    clone.data("install")
    log = tmp_path / "log"
    for name in ("post-commit", "post-merge", "post-checkout"):
        hook = clone.git_dir() / "hooks" / name
        hook.write_text(hook.read_text().replace('[ -z "$due" ] ||', f'[ -z "$due" ] || echo {name} >>"{log}"\n[ -z "$due" ] ||'))
    clone.write("more.dat", "more\n")
    clone.commit()
    clone.git("checkout", "-q", "-b", "side", "HEAD~1")
    clone.git("checkout", "-q", "main")
    repo.write("last.dat", "last\n")
    repo.commit()
    clone.git("pull", "-q", "--no-rebase", "--no-edit")
    assert not log.exists()

    repo.write(".gitattributes", ATTRIBUTES, age_s=-2)
    repo.commit("lockable")
    clone.git("pull", "-q", "--no-rebase", "--no-edit")
    assert log.read_text() == "post-merge\n" and locked_away(clone) == LOCKABLE
    assert clone.status() == ""  # pointers as young as the index, so git compares
    repo.write(".gitattributes", ATTRIBUTES.replace("*.txt lockable", ""), age_s=-2)
    repo.commit("some less")
    clone.git("pull", "-q", "--no-rebase", "--no-edit")
    assert locked_away(clone) == ["a.bin", "sub/b.bin"]


@pytest.mark.parametrize("key", ["data.lockReadOnly", "lfs.setlockablereadonly"])
def test_it_can_be_switched_off(full: Repo, key: str) -> None:
    full.git("config", key, "false")
    full.git("checkout", "-q", "-b", "other")
    assert locked_away(full) == []
    full.git("checkout", "-q", "main~1")
    full.git("checkout", "-q", "main")
    assert locked_away(full) == []
    full.git("config", "data.lockReadOnly", "true")
    assert locked_away(full) == []
    full.data("install")
    assert locked_away(full) == LOCKABLE


def test_uninstall_gives_write_permission_back(full: Repo) -> None:
    full.file("free.dat").chmod(0o444)
    full.git("status")
    assert "4 lockable files may be written to again" in full.data("uninstall")
    assert locked_away(full) == ["free.dat"]  # which was not ours
    assert full.git("diff", "--stat") == ""


def test_files_of_stock_git_lfs(new_repo: Callable[..., Repo]) -> None:
    """Its filter writes them; what is described in the index is not hashed again."""
    git_lfs()
    repo = new_repo("lfs", attributes="")
    for name in ("process", "smudge", "clean"):
        repo.git("config", f"filter.lfs.{name}", "git-lfs " + ("filter-process" if name == "process" else f"{name} -- %f"))
    repo.git("config", "filter.lfs.required", "true")
    repo.write(".gitattributes", "*.bin filter=lfs -text lockable\n")
    first = repo.write("a.bin", 3000)
    repo.commit("change", "--no-verify")  # its objects are not in our store
    repo.write("a.bin", 4000)
    repo.commit("change", "--no-verify")
    repo.git("checkout", "-q", "HEAD~1")
    assert repo.read("a.bin") == first and locked_away(repo) == ["a.bin"]
    repo.age("a.bin")
    repo.git("status")
    repo.file("a.bin").chmod(0o644)
    repo.git("status")  # git compares whole seconds, and may leave the entry as it is
    time.sleep(1)
    assert repo.data("install") and locked_away(repo) == ["a.bin"]
    assert [command for command in repo.traced("status", "--porcelain").started if "git-lfs" in command] == []


def test_with_hard_links_the_store_stays_as_it_is(new_repo: Callable[..., Repo]) -> None:
    repo = new_repo("links", attributes=ATTRIBUTES)
    repo.git("config", "data.link", "hardlink")
    data = repo.write("a.bin", 3000)
    repo.commit()
    repo.file("a.bin").unlink()
    repo.git("checkout", "-q", "a.bin")
    assert repo.file("a.bin").stat().st_nlink == 2
    repo.git("config", "data.lockReadOnly", "false")
    repo.git("checkout", "-q", "-b", "other")
    assert not repo.object(data).stat().st_mode & 0o222
    repo.git("config", "data.lockReadOnly", "true")
    pretend_to_hold(repo, "a.bin")
    repo.file("a.bin").unlink()
    repo.git("checkout", "-q", "a.bin")
    assert repo.file("a.bin").stat().st_mode & 0o200 and repo.file("a.bin").stat().st_nlink == 1
    assert not repo.object(data).stat().st_mode & 0o222
    repo.assert_clean()


def test_no_file_elsewhere_is_touched(full: Repo, tmp_path: Path) -> None:
    """A symbolic link in the place of a directory, or of a lockable file, leads nowhere."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "b.bin").write_bytes(b"mine")
    (outside / "t.txt").write_bytes(b"mine")
    full.file("sub/b.bin").unlink()
    full.file("sub").rmdir()
    full.file("sub").symlink_to(outside)
    full.file("notes.txt").unlink()
    full.file("notes.txt").symlink_to(outside / "t.txt")
    full.data("install")
    assert [path.stat().st_mode & 0o200 for path in sorted(outside.iterdir())] == [0o200, 0o200]

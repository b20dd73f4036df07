"""``git data migrate lfs``: a repository leaves git-lfs in one commit, and every version of every file stays."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from helpers import Repo, content, pointer_of, run
from lfs_repos import ATTRIBUTES, NESTED, copy_of, files, lfs_objects, state, versions
from servers.lfs import Giftless

from git_data.link import extents


@pytest.fixture
def repo(of_git_lfs: Repo) -> Repo:
    return of_git_lfs


@pytest.fixture
def before(lfs_versions: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """What stock git-lfs checks out."""
    return lfs_versions


def test_one_commit_leaves_every_version_as_it_was(repo: Repo, before: dict[str, dict[str, str]]) -> None:
    head, old = repo.git("rev-parse", "HEAD").strip(), state(repo)
    inodes = {name: repo.file(name).stat().st_ino for name in files(repo)}
    said = repo.data("migrate", "lfs")
    assert "Hooks of git-lfs replaced: post-checkout, post-commit, post-merge, pre-push." in said
    repo.assert_clean()
    assert repo.git("rev-parse", "HEAD~1").strip() == head
    assert inodes == {name: repo.file(name).stat().st_ino for name in files(repo)}, "files stay in their places"
    # attributes: only the names of drivers change
    assert repo.blob(".gitattributes") == repo.read(".gitattributes") == ATTRIBUTES.replace(b"=lfs", b"=data")
    assert repo.blob("sub/.gitattributes") == NESTED.replace(b"=lfs", b"=data")
    assert repo.blob("b.bin") == pointer_of(content(4000, seed=13))
    assert repo.git("ls-files", "-s", "run.bin").startswith("100755")
    # one copy of each version on the disk
    objects = lfs_objects(repo)
    assert objects.keys() == repo.objects()
    for oid, path in objects.items():
        assert path.samefile(repo.store() / "objects" / "sha256" / oid[:2] / oid)
    after = versions(repo)
    assert after.pop("Data files are kept by git-data instead of git-lfs") == before["three"]
    assert after == before
    repo.git("checkout", "-q", "main")
    assert "No problem" in repo.data("doctor")
    repo.data("fsck")
    repo.data("migrate", "lfs", "--undo")
    assert state(repo) == old
    assert repo.status() == ""


def test_old_commits_stay_git_lfs_s(repo: Repo, tmp_path: Path) -> None:
    repo.data("migrate", "lfs")
    repo.git("checkout", "-q", "light")
    repo.assert_clean()
    os.utime(repo.file("a.bin"))
    assert repo.status() == ""
    new = repo.write("run.bin", 1234)
    repo.git("add", "run.bin")
    assert repo.blob("run.bin") == pointer_of(new, "lfs")
    new = repo.write("run.bin", 1235)
    repo.data("add", "-A")
    assert repo.blob("run.bin") == pointer_of(new, "lfs")
    repo.git("commit", "-q", "-m", "on an old branch")
    assert repo.status() == ""
    # what others began before merges into what is new
    repo.git("checkout", "-q", "-B", "mine")
    repo.git("checkout", "-q", "main")
    repo.git("merge", "-q", "-m", "merged again", "mine")
    assert repo.read("run.bin") == new and repo.read("b.bin") == content(4000, seed=13)
    assert repo.blob("run.bin") == pointer_of(new, "lfs")
    os.utime(repo.file("run.bin"))
    assert repo.status() == "", "the same content, and so the same pointer"
    os.utime(repo.file("run.bin"))
    repo.data("add", "-A")
    assert repo.status() == ""
    assert "1 file on 'main'" in repo.data("migrate", "lfs")
    assert repo.blob("run.bin") == pointer_of(new)
    repo.data("fsck")


@pytest.mark.parametrize("how", ["clone", "pull", "pull with hooks of both"])
def test_a_colleague_s_clone_takes_over_old_commits_by_itself(
    repo: Repo, before: dict[str, dict[str, str]], tmp_path: Path, global_config: Path, how: str
) -> None:
    bare = tmp_path / "bare.git"
    run("git", "clone", "-q", "--bare", repo.path, bare)
    repo.git("remote", "add", "origin", bare)
    repo.git("lfs", "push", "--all", "origin")
    run("git", "data", "install", "--global", cwd=tmp_path)
    run("git", "lfs", "install", "--skip-repo", cwd=tmp_path)  # stays in the user's own settings
    other = Repo(tmp_path / "other")
    if how != "clone":
        run("git", "clone", "-q", bare, other.path)
    if how == "pull with hooks of both":
        other.git("lfs", "install", "--local")
        other.data("install", "--global")
        assert other.file(".git/hooks/pre-push.chained").exists()
    repo.data("migrate", "lfs")
    repo.git("push", "-q", "origin", "main")
    if how != "clone":
        other.git("pull", "-q")
    else:
        run("git", "data", "clone", "-q", bare, other.path, cwd=tmp_path)
    assert "git_data" in other.git("config", "--local", "filter.lfs.process")
    assert other.git("config", "--file", ".gitdata", "data.lfs") == "true\n"
    # a path of this machine is nothing to be committed, so each clone finds it as git-lfs does
    assert other.git("data", "remote", "list").split() == ["lfs", f"lfs+file://{bare}", "default"]
    assert files(other) == before["three"]
    other.git("checkout", "-q", "light")
    assert other.status() == ""
    assert files(other) == before["one"]
    # and hooks of git-lfs do not stop what it knows nothing of
    other.git("checkout", "-q", "-b", "more")
    new = other.write("new.bin", 5000)
    other.commit("on an old commit")
    assert other.blob("new.bin") == pointer_of(new, "lfs")
    other.git("push", "-q", "origin", "more")
    assert b"git lfs" not in b"".join(path.read_bytes() for path in other.file(".git/hooks").iterdir())


def test_keep_pointers_changes_nothing_in_git(
    repo: Repo, before: dict[str, dict[str, str]], tmp_path: Path, global_config: Path
) -> None:
    bare = tmp_path / "bare.git"
    run("git", "clone", "-q", "--bare", repo.path, bare)
    repo.git("remote", "add", "origin", f"file://{bare}")
    repo.git("lfs", "push", "--all", "origin")
    run("git", "lfs", "install", "--skip-repo", cwd=tmp_path)
    stock = Repo(tmp_path / "stock")
    run("git", "clone", "-q", f"file://{bare}", stock.path)
    old, head = state(repo), repo.git("rev-parse", "HEAD")
    repo.data("migrate", "lfs", "--keep-pointers")
    repo.assert_clean()
    assert repo.git("rev-parse", "HEAD") == head
    repo.data("migrate", "lfs", "--undo")
    assert state(repo) == old
    repo.data("migrate", "lfs", "--keep-pointers")
    # ours → theirs
    new = repo.write("new.bin", 5000)
    repo.commit("from git-data")
    assert repo.blob("new.bin") == pointer_of(new, "lfs")
    repo.git("push", "-q", "origin", "main")
    stock.git("pull", "-q")
    assert stock.read("new.bin") == new
    # theirs → ours
    theirs = stock.write("theirs.bin", 6000)
    stock.commit("from git-lfs")
    stock.git("push", "-q")
    repo.git("pull", "-q", "origin", "main")
    assert repo.read("theirs.bin") == theirs
    repo.assert_clean()
    assert {subject: found for subject, found in versions(repo).items() if subject in before} == before


def test_blocks_are_shared_where_the_file_system_can(lfs_template: Path, reflink_dir: Path) -> None:
    repo = copy_of(lfs_template, reflink_dir / "repo")
    repo.git("status")
    repo.data("migrate", "lfs")
    repo.assert_clean()
    for oid, path in lfs_objects(repo).items():
        stored = repo.store() / "objects" / "sha256" / oid[:2] / oid
        assert extents.shared(path, stored) and not path.samefile(stored)
    assert repo.is_linked("b.bin")


def test_the_dry_run_says_everything_and_changes_nothing(repo: Repo) -> None:
    old = state(repo)
    plan = json.loads(repo.data("migrate", "lfs", "--dry-run", "--json"))
    assert plan["files"] == 5 and plan["objects"]["number"] == plan["here"]["number"] == 8
    assert plan["attributes"] == [".gitattributes", "sub/.gitattributes"]
    assert plan["needed_bytes"] == 0 < plan["free_bytes"]
    assert plan["hooks"] == ["post-checkout", "post-commit", "post-merge", "pre-push"]
    said = repo.data("migrate", "lfs", "--dry-run")
    assert "one commit would change 5 pointers" in said
    assert state(repo) == old and not (repo.git_dir() / "data" / "objects").exists()


def test_a_server_on_the_network_gives_what_lacks_and_becomes_the_remote(repo: Repo, giftless: Giftless, tmp_path: Path) -> None:
    name = giftless.repository()
    bare = tmp_path / "bare.git"
    run("git", "clone", "-q", "--bare", repo.path, bare)
    repo.git("remote", "add", "origin", f"file://{bare}")
    repo.git("config", "lfs.url", giftless.api(name))
    repo.git("lfs", "push", "--all", "origin")
    wanted = lfs_objects(repo).keys()
    shutil.rmtree(repo.git_dir() / "lfs")
    plan = json.loads(repo.data("migrate", "lfs", "--dry-run", "--json"))
    assert plan["on_server"]["number"] == 8 and plan["missing"] == []
    repo.data("migrate", "lfs")
    assert repo.objects() == wanted
    assert "lfs.url" not in repo.read(".gitdata").decode(), "a setting of one's own is not committed"
    new = repo.write("new.bin", 4321)
    repo.commit("more")
    repo.git("push", "-q", "origin", "main")
    assert giftless.objects(name)[repo.object(new).name].read_bytes() == new


def test_a_server_beside_the_git_server_is_named_for_everybody(repo: Repo) -> None:
    repo.git("remote", "add", "origin", "https://git.invalid/team/project.git")
    repo.data("migrate", "lfs")
    assert repo.git("config", "--file", ".gitdata", "data.lfs.url") == "lfs+https://git.invalid/team/project.git/info/lfs\n"
    assert repo.data("remote", "list").split()[0] == "lfs"
    repo.assert_clean()


def test_pointers_in_the_work_tree_become_content(repo: Repo, tmp_path: Path, before: dict[str, dict[str, str]]) -> None:
    other = Repo(tmp_path / "other")
    run("git", "clone", "-q", repo.path, other.path)  # knows no filter
    assert other.pointer("b.bin") is not None
    shutil.copytree(repo.git_dir() / "lfs", other.git_dir() / "lfs")
    other.git("lfs", "install", "--local", "--skip-smudge")
    other.data("migrate", "lfs")
    assert files(other) == before["three"]
    assert other.status() == ""


def test_hooks_of_the_user_stay_and_undo_brings_all_back(repo: Repo) -> None:
    hook = repo.git_dir() / "hooks" / "pre-push"
    own = b'#!/bin/sh\necho mine\ngit lfs pre-push "$@"\n'
    hook.write_bytes(own)
    info = repo.git_dir() / "info" / "attributes"
    info.write_bytes(b"*.xyz filter=lfs -text\n")
    old = state(repo)
    said = repo.data("migrate", "lfs")
    assert "post-merge" in said and "pre-push" not in said
    assert hook.with_name("pre-push.chained").read_bytes() == own
    assert info.read_bytes() == b"*.xyz filter=data -text\n"
    repo.data("migrate", "lfs")  # nothing left to do, and the record stays
    repo.data("migrate", "lfs", "--undo")
    assert state(repo) == old and info.read_bytes() == b"*.xyz filter=lfs -text\n"


def test_a_sparse_checkout_stays_one_and_other_work_trees_stay_as_they_are(repo: Repo) -> None:
    other = Repo(repo.path.parent / "linked")
    repo.git("worktree", "add", "-q", other.path, "old")
    seen = files(other)
    repo.git("status")  # a copy is to be looked at first
    repo.git("sparse-checkout", "set", "--cone", "with space")
    here = files(repo)
    repo.data("migrate", "lfs")
    repo.assert_clean()
    assert files(repo) == here and not repo.file("sub").exists()
    assert repo.blob("sub/y.bin") == pointer_of(content(2000, seed=11))
    assert (files(other), other.status()) == (seen, "")
    repo.data("migrate", "lfs", "--undo")
    assert (files(repo), repo.status()) == (here, "")
    repo.data("migrate", "lfs", "--history")
    assert (files(repo), repo.status(), files(other), other.status()) == (here, "", seen, "")
    assert other.blob("a.bin", "HEAD") == pointer_of(content(3000, seed=0))

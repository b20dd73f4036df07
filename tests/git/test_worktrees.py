"""Repositories that are not just a directory with ``.git`` in it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import ATTRIBUTES, Repo, make_repo, pointer_of, run

# -- linked work trees


def test_linked_work_trees_share_the_store_and_have_their_own_journals(repo: Repo, tmp_path: Path) -> None:
    first = repo.write("a.bin", 3000)
    repo.commit("first")
    repo.git("worktree", "add", "-q", str(tmp_path / "second"), "-b", "side")
    second = Repo(tmp_path / "second")
    assert second.read("a.bin") == first
    changed = second.write("a.bin", 4000)
    second.commit("changed")
    assert repo.object(changed).exists()
    assert (second.git_dir() / "data").is_dir()
    assert second.git_dir() != repo.git_dir()
    assert not (second.git_dir() / "data" / "objects").exists()
    for one in (repo, second):
        one.assert_clean()
    repo.git("checkout", "-q", "--detach", "side")
    repo.assert_content({"a.bin": changed}, linked=False)


def test_a_work_tree_that_is_removed_leaves_nothing(repo: Repo, tmp_path: Path) -> None:
    repo.write("a.bin", 3000)
    repo.commit()
    repo.git("worktree", "add", "-q", str(tmp_path / "second"))
    git_dir = Repo(tmp_path / "second").git_dir()
    repo.git("worktree", "remove", str(tmp_path / "second"))
    assert not git_dir.exists()
    assert not (tmp_path / "second").exists()


def test_a_work_tree_without_checkout_is_filled_by_checkout(repo: Repo, tmp_path: Path) -> None:
    data = repo.write("a.bin", 3000)
    repo.commit()
    repo.git("worktree", "add", "-q", "--no-checkout", str(tmp_path / "second"))
    second = Repo(tmp_path / "second")
    second.git("checkout", "-q", "--", ".", ok=(0, 1))
    second.git("reset", "-q", "--hard")
    second.assert_content({"a.bin": data}, linked=False)


def test_a_work_tree_in_another_work_tree(repo: Repo) -> None:
    data = repo.write("a.bin", 3000)
    repo.commit()
    repo.write(".gitignore", "inner/\n")
    repo.commit("ignore")
    repo.git("worktree", "add", "-q", "inner")
    Repo(repo.file("inner")).assert_content({"a.bin": data}, linked=False)
    repo.assert_clean()


# -- places named by the environment and by configuration


def test_git_dir_and_work_tree_given_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tree").mkdir()
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "somewhere.git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path / "tree"))
    repo = make_repo(tmp_path / "tree")
    first = repo.write("a.bin", 3000)
    repo.commit("first")
    repo.write("a.bin", 10)
    repo.commit("second")
    repo.git("checkout", "-q", "HEAD~1", cwd=tmp_path)
    repo.assert_content({"a.bin": first}, linked=False)
    assert (tmp_path / "somewhere.git" / "data" / "objects").is_dir()
    assert sorted(os.listdir(tmp_path / "tree")) == [".gitattributes", "a.bin"]


def test_git_dir_given_as_an_option_from_elsewhere(repo: Repo, tmp_path: Path) -> None:
    data = repo.write("a.bin", 3000)
    repo.commit()
    repo.file("a.bin").write_bytes(pointer_of(data))
    options = (f"--git-dir={repo.path}/.git", f"--work-tree={repo.path}")
    run("git", *options, "data", "checkout", cwd=tmp_path)
    repo.assert_content({"a.bin": data}, linked=False)


def test_a_separate_git_dir(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo", f"--separate-git-dir={tmp_path}/separate.git")
    data = repo.write("a.bin", 3000)
    repo.commit()
    repo.file("a.bin").unlink()
    repo.git("checkout", "-q", "--", ".")
    repo.assert_content({"a.bin": data}, linked=False)
    assert (tmp_path / "separate.git" / "data").is_dir()


def test_core_worktree(tmp_path: Path) -> None:
    git_dir, tree = tmp_path / "bare.git", tmp_path / "tree"
    tree.mkdir()
    run("git", "init", "-q", "--bare", str(git_dir))
    run("git", "-C", str(git_dir), "config", "core.bare", "false")
    run("git", "-C", str(git_dir), "config", "core.worktree", str(tree))
    run("git", "-C", str(git_dir), "data", "install")
    (tree / ".gitattributes").write_text(ATTRIBUTES)
    (tree / "a.bin").write_bytes(b"content")
    run("git", f"--git-dir={git_dir}", "add", "-A", cwd=tree)
    run("git", f"--git-dir={git_dir}", "commit", "-q", "-m", "first", cwd=tree)
    (tree / "a.bin").unlink()
    run("git", f"--git-dir={git_dir}", "checkout", "-q", "--", ".", cwd=tree)
    assert (tree / "a.bin").read_bytes() == b"content"


@pytest.mark.parametrize("directory", ["sub", "sub/deep"])
def test_from_a_subdirectory(repo: Repo, directory: str) -> None:
    data = {path: repo.write(path, 2000) for path in ("a.bin", "sub/b.bin", "sub/deep/c.bin")}
    repo.commit()
    for path in data:
        repo.file(path).write_bytes(pointer_of(data[path]))
    repo.data("checkout", ".", cwd=repo.file(directory))
    below = [path for path in data if path.startswith(directory + "/")]
    assert [path for path in data if repo.read(path) == data[path]] == below
    repo.data("checkout", cwd=repo.file(directory))
    repo.assert_content(data, linked=False)
    repo.git("checkout", "-q", "HEAD~1", cwd=repo.path)
    repo.git("checkout", "-q", "main", cwd=repo.path)
    repo.assert_content(data, linked=False)


def test_a_work_tree_reached_through_a_symlink(repo: Repo, tmp_path: Path) -> None:
    data = repo.write("sub/a.bin", 2000)
    repo.commit()
    (tmp_path / "alias").symlink_to(repo.path)
    alias = Repo(tmp_path / "alias")
    alias.file("sub/a.bin").unlink()
    alias.git("checkout", "-q", "--", ".")
    repo.assert_content({"sub/a.bin": data}, linked=False)


# -- submodules


def test_a_submodule_keeps_its_data_in_its_own_git_directory(new_repo: Callable[..., Repo], repo: Repo) -> None:
    inner = new_repo("inner")
    data = inner.write("a.bin", 3000)
    inner.commit()
    repo.git("submodule", "--quiet", "add", str(inner.path), "lib")
    lib = Repo(repo.file("lib"))
    assert lib.read("a.bin") == pointer_of(data), "nobody told the submodule about the filter"
    lib.git("config", "data.alternates", str(inner.path / ".git" / "data"))
    lib.data("install")
    lib.assert_content({"a.bin": data}, linked=False)
    more = lib.write("b.bin", 500)
    lib.commit("more")
    assert lib.object(more).is_relative_to(repo.path / ".git" / "modules" / "lib" / "data")
    assert repo.status() == "A  .gitmodules\nAM lib\n"


# -- bare repositories


@pytest.fixture
def bare(repo: Repo, tmp_path: Path) -> tuple[Path, bytes]:
    """A bare repository that got a push, and knows the filter and the pusher's store."""
    data = repo.write("a.bin", 3000)
    repo.commit()
    path = tmp_path / "bare.git"
    run("git", "init", "-q", "--bare", str(path))
    run("git", "-C", str(path), "data", "install")
    repo.git("push", "-q", str(path), "main")
    return path, data


def test_a_bare_repository_archives_content_it_can_reach(bare: tuple[Path, bytes], repo: Repo) -> None:
    path, data = bare
    done = run("git", "-C", str(path), "archive", "main", ok=None)
    assert done.returncode != 0
    assert b"is not in the store" in done.stderr
    run("git", "-C", str(path), "config", "data.cacheDir", str(repo.store()))
    assert data in run("git", "-C", str(path), "archive", "main").stdout


def test_a_bare_repository_has_no_work_tree_to_bring_content_to(bare: tuple[Path, bytes]) -> None:
    done = run("git", "-C", str(bare[0]), "data", "checkout", ok=(7,))
    assert b"is a bare repository" in done.stderr
    assert b"Traceback" not in done.stderr


def test_work_trees_of_a_bare_repository(bare: tuple[Path, bytes], repo: Repo, tmp_path: Path) -> None:
    path, data = bare
    run("git", "-C", str(path), "config", "data.alternates", str(repo.store()))
    run("git", "-C", str(path), "worktree", "add", "-q", str(tmp_path / "tree"), "main")
    tree = Repo(tmp_path / "tree")
    tree.assert_content({"a.bin": data}, linked=False)
    more = tree.write("b.bin", 700)
    tree.commit("more")
    assert tree.object(more).is_relative_to(path / "data")


# -- clones that share


@pytest.mark.parametrize("option", ["--shared", "--reference"])
def test_a_clone_with_alternates_reads_the_others_store(
    reflink_repo: Repo, reflink_dir: Path, global_config: Path, option: str
) -> None:
    data = reflink_repo.write("a.bin", 3000)
    reflink_repo.commit()
    run("git", "data", "install", "--global", "--skip-repo", cwd=reflink_dir)
    origin = f"file://{reflink_repo.path}" if option == "--reference" else str(reflink_repo.path)
    reference = [str(reflink_repo.path)] if option == "--reference" else []
    run("git", "clone", "-q", option, *reference, origin, str(reflink_dir / "clone"), cwd=reflink_dir)
    clone = Repo(reflink_dir / "clone")
    clone.assert_content({"a.bin": data}, linked=False)
    assert clone.objects() == set(), "nothing was copied"
    from git_data.link import extents

    assert extents.shared(reflink_repo.object(data), clone.file("a.bin"))


def test_a_clone_that_cannot_reach_the_data_says_so_and_keeps_pointers(repo: Repo, tmp_path: Path, global_config: Path) -> None:
    data = repo.write("a.bin", 3000)
    repo.write("b.bin", 3000)
    repo.commit()
    run("git", "data", "install", "--global", "--skip-repo", cwd=tmp_path)
    done = run("git", "clone", "-q", f"file://{repo.path}", str(tmp_path / "clone"))
    assert b"the data of 'a.bin' and 1 more is not in the store" in done.stderr
    assert b"git data pull" in done.stderr
    clone = Repo(tmp_path / "clone")
    assert clone.read("a.bin") == pointer_of(data)
    clone.assert_clean()
    clone.git("config", "data.alternates", str(repo.store()))
    clone.data("checkout")
    assert clone.read("a.bin") == data
    clone.assert_clean()


def test_a_sparse_clone_without_blobs(repo: Repo, tmp_path: Path, global_config: Path) -> None:
    data = {path: repo.write(path, 2000) for path in ("in/a.bin", "out/b.bin")}
    repo.commit()
    repo.git("config", "uploadpack.allowFilter", "true")
    run("git", "data", "install", "--global", "--skip-repo", cwd=tmp_path)
    run("git", "config", "--global", "data.alternates", str(repo.store()), cwd=tmp_path)
    run("git", "clone", "-q", "--filter=blob:none", "--sparse", f"file://{repo.path}", str(tmp_path / "clone"))
    clone = Repo(tmp_path / "clone")
    clone.git("sparse-checkout", "set", "in")
    clone.assert_content({"in/a.bin": data["in/a.bin"]}, linked=False)
    assert not clone.file("out").exists()


# -- a store for several repositories


def test_repositories_share_a_store_and_are_registered_with_it(new_repo: Callable[..., Repo], tmp_path: Path) -> None:
    data = b"the same in both" * 1000
    repos = [new_repo(name) for name in ("one", "two")]
    for repo in repos:
        repo.git("config", "data.cacheDir", str(tmp_path / "cache"))
        repo.write("a.bin", data)
        repo.commit()
    assert len(list((tmp_path / "cache" / "objects").rglob("*/*/*"))) == 1
    registered = {path.read_text().strip() for path in (tmp_path / "cache" / "repositories").iterdir()}
    assert registered == {str(repo.path / ".git") for repo in repos}
    assert not (repos[0].path / ".git" / "data" / "objects").exists() or repos[0].store() == tmp_path / "cache"


def test_what_was_stored_before_the_store_was_shared_stays_readable(repo: Repo, tmp_path: Path) -> None:
    data = repo.write("a.bin", 3000)
    repo.commit()
    repo.git("config", "data.cacheDir", str(tmp_path / "cache"))
    repo.file("a.bin").unlink()
    repo.git("checkout", "-q", "--", "a.bin")
    repo.assert_content({"a.bin": data}, linked=False)


def test_a_repository_shared_by_a_group(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo", "--shared=group")
    data = repo.write("a.bin", 3000)
    repo.commit()
    object = repo.object(data)
    assert stat.S_IMODE(object.stat().st_mode) == 0o440
    for directory in (object.parent, object.parent.parent, repo.store() / "tmp"):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o2770, directory


@pytest.mark.parametrize(("umask", "mode"), [(0o077, 0o400), (0o027, 0o440), (0o022, 0o444)])
def test_the_umask_holds_for_objects(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        repo = make_repo(tmp_path / "repo")
        data = repo.write("a.bin", 3000)
        repo.commit()
    finally:
        os.umask(before)
    assert stat.S_IMODE(repo.object(data).stat().st_mode) == mode

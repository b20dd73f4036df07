"""Hooks: ours are written where git looks, the user's are chained and come back."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import ATTRIBUTES, Repo, pointer_of, run

from git_data.setup.hooks import NAMES

MARK = "# git-data hook"


def write_hook(directory: Path, name: str, script: str) -> Path:
    """A hook of the user's."""
    directory.mkdir(parents=True, exist_ok=True)
    hook = directory / name
    hook.write_text(f"#!/bin/sh\n{script}\n")
    hook.chmod(0o755)
    return hook


def ours(directory: Path) -> set[str]:
    """The names of our hooks there."""
    return {path.name for path in directory.iterdir() if MARK in path.read_text()} if directory.is_dir() else set()


@pytest.fixture
def plain(new_repo: Callable[..., Repo]) -> Repo:
    """A repository without git-data, with nothing in it."""
    return new_repo("plain", install=False, attributes="")


def test_every_hook_is_written_and_executable(plain: Repo) -> None:
    plain.data("install")
    hooks = plain.path / ".git" / "hooks"
    assert ours(hooks) == set(NAMES)
    assert all(os.access(hooks / name, os.X_OK) for name in NAMES)


def test_a_relative_hooks_path_is_relative_to_the_top(plain: Repo) -> None:
    plain.git("config", "core.hooksPath", "tools/hooks")
    plain.write("sub/file", b"")
    plain.data("install", cwd=plain.file("sub"))
    assert ours(plain.path / "tools" / "hooks") == set(NAMES)
    assert ours(plain.path / ".git" / "hooks") == set()
    assert ours(plain.path / "sub" / "tools" / "hooks") == set()


def test_a_hooks_path_in_the_home_directory(plain: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    plain.git("config", "core.hooksPath", "~/my hooks")
    plain.data("install")
    assert ours(tmp_path / "home" / "my hooks") == set(NAMES)
    plain.data("uninstall")
    assert ours(tmp_path / "home" / "my hooks") == set()


@pytest.mark.parametrize("name", NAMES)
def test_a_hook_of_the_user_runs_first_and_comes_back(plain: Repo, tmp_path: Path, name: str) -> None:
    hooks = plain.path / ".git" / "hooks"
    script = f'echo "{name} $*" >> "{tmp_path}/ran"\n[ "{name}" = pre-push ] && cat >> "{tmp_path}/refs"\nexit 0'
    before = write_hook(hooks, name, script).read_text()
    plain.data("install")
    assert ours(hooks) == set(NAMES)
    assert (hooks / f"{name}.chained").read_text() == before
    plain.write(".gitattributes", ATTRIBUTES)
    data = plain.write("a.bin", 1000)
    plain.commit("first")
    plain.git("commit", "-q", "--amend", "-m", "amended")
    plain.git("checkout", "-q", "-b", "side")
    plain.write("b.bin", 1000)
    plain.commit("second")
    plain.git("checkout", "-q", "main")
    plain.git("merge", "-q", "--no-ff", "--no-edit", "side")
    run("git", "init", "-q", "--bare", str(tmp_path / "remote.git"))
    plain.git("push", "-q", str(tmp_path / "remote.git"), "main")
    assert name in (tmp_path / "ran").read_text()
    if name == "pre-push":
        assert "refs/heads/main" in (tmp_path / "refs").read_text()
    plain.assert_content({"a.bin": data}, linked=False)
    plain.data("uninstall")
    assert ours(hooks) == set()
    assert (hooks / name).read_text() == before
    assert not (hooks / f"{name}.chained").exists()
    assert os.access(hooks / name, os.X_OK)


def test_a_hook_of_the_user_that_refuses_still_refuses(plain: Repo, tmp_path: Path) -> None:
    hooks = plain.path / ".git" / "hooks"
    write_hook(hooks, "pre-commit", "exit 3")
    write_hook(hooks, "pre-push", "exit 3")
    plain.data("install")
    plain.write("file", b"x")
    plain.git("add", "file")
    plain.fails("commit", "-q", "-m", "refused")
    plain.git("commit", "-q", "--no-verify", "-m", "forced")
    run("git", "init", "-q", "--bare", str(tmp_path / "remote.git"))
    plain.fails("push", "-q", str(tmp_path / "remote.git"), "main")


def test_a_hook_in_a_shared_place_is_left_alone_and_the_line_to_add_works(plain: Repo, tmp_path: Path) -> None:
    shared = tmp_path / "shared hooks"
    plain.git("config", "core.hooksPath", str(shared))
    hook = write_hook(shared, "pre-commit", "exit 0")
    before = hook.read_text()
    printed = plain.data("install")
    assert hook.read_text() == before
    (line,) = [line.strip() for line in printed.splitlines() if "hook pre-commit" in line]
    hook.write_text(f"#!/bin/sh\n{line}\nexit 0\n")
    plain.write(".gitattributes", ATTRIBUTES)
    plain.write("a.bin", pointer_of(b"data that is nowhere"))
    plain.git("add", "-A")
    assert "whose data is nowhere" in plain.fails("commit", "-q", "-m", "refused")


def test_force_chains_a_hook_in_a_shared_place(plain: Repo, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    plain.git("config", "core.hooksPath", str(shared))
    before = write_hook(shared, "pre-commit", "exit 0").read_text()
    plain.data("install", "--force")
    assert ours(shared) == set(NAMES)
    assert (shared / "pre-commit.chained").read_text() == before


def test_installing_twice_does_not_chain_our_own_hook(plain: Repo) -> None:
    plain.data("install")
    plain.data("install")
    assert list((plain.path / ".git" / "hooks").glob("*.chained")) == []


def test_an_old_hook_of_ours_is_brought_up_to_date(plain: Repo) -> None:
    hook = write_hook(plain.path / ".git" / "hooks", "pre-commit", f"{MARK} pre-commit\nexec /old/place/git-data hook pre-commit")
    plain.data("install")
    assert "/old/place" not in hook.read_text()
    assert not hook.with_name("pre-commit.chained").exists()


def test_uninstall_removes_what_install_wrote_and_nothing_else(plain: Repo) -> None:
    plain.git("config", "alias.x", "status")
    before = plain.git("config", "--local", "--list")
    hooks = {path.name: path.read_bytes() for path in (plain.path / ".git" / "hooks").iterdir()}
    plain.data("install")
    assert "filter.data.process" in plain.git("config", "--local", "--list")
    plain.data("uninstall")
    assert plain.git("config", "--local", "--list") == before
    assert {path.name: path.read_bytes() for path in (plain.path / ".git" / "hooks").iterdir()} == hooks
    assert "[filter" not in plain.read(".git/config").decode()


def test_hooks_work_in_a_repository_with_spaces_and_quotes_in_its_path(new_repo: Callable[..., Repo]) -> None:
    repo = new_repo('it\'s a "repo" $HOME')
    data = repo.write("a.bin", 1000)
    repo.commit()
    repo.git("checkout", "-q", "HEAD~1")
    repo.git("checkout", "-q", "main")
    repo.assert_content({"a.bin": data}, linked=False)


def test_hooks_work_with_a_bare_path(repo: Repo) -> None:
    """As started by a GUI."""
    bare = os.pathsep.join(sorted({os.path.dirname(str(shutil.which(name))) for name in ("git", "sh", "cat")}))
    data = repo.write("a.bin", 1000)
    repo.git("add", "-A", env={"PATH": bare})
    repo.git("commit", "-q", "-m", "first", env={"PATH": bare})
    repo.file("a.bin").unlink()
    repo.git("checkout", "-q", "--", "a.bin", env={"PATH": bare})
    repo.assert_content({"a.bin": data}, linked=False)

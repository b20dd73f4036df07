"""``git data install``: what it writes where, and that git then works from anywhere."""

from __future__ import annotations

import os

import pytest
from helpers import Repo, pointer_of, run

HOOKS = ["post-checkout", "post-commit", "post-merge", "post-rewrite", "pre-commit", "pre-push"]
KEYS = ["filter.data.process", "filter.data.clean", "filter.data.smudge", "filter.data.required", "merge.data.driver"]


def scope_of(repo: Repo, key: str) -> str:
    return repo.git("config", "--show-scope", "--get", key).split("\t")[0]


@pytest.fixture
def bare_repo(new_repo):
    """A repository that git-data was not installed in."""
    return new_repo("fresh", install=False, attributes="")


def test_inside_a_repository_it_sets_up_that_repository(bare_repo):
    bare_repo.data("install")
    assert {scope_of(bare_repo, key) for key in KEYS} == {"local"}
    assert [name for name in HOOKS if os.access(bare_repo.file(f".git/hooks/{name}"), os.X_OK)] == HOOKS


def test_outside_of_one_it_sets_up_the_user(tmp_path, global_config, new_repo):
    run("git", "data", "install", cwd=tmp_path)
    repo = new_repo("later", install=False)
    assert {scope_of(repo, key) for key in KEYS} == {"global"}


def test_a_repository_gets_its_hooks_by_itself_when_the_user_is_set_up(tmp_path, global_config, new_repo):
    run("git", "data", "install", "--global", cwd=tmp_path)
    repo = new_repo("later", install=False)
    data = repo.write("a.bin", 5000)
    repo.git("add", ".")
    assert [name for name in HOOKS if repo.file(f".git/hooks/{name}").exists()] == HOOKS
    assert repo.blob("a.bin") == pointer_of(data)


def test_a_shared_hooks_directory_is_never_written_unasked(tmp_path, global_config, new_repo):
    run("git", "data", "install", "--global", cwd=tmp_path)
    shared = tmp_path / "hooks"
    shared.mkdir()
    run("git", "config", "--global", "core.hooksPath", str(shared))
    repo = new_repo("later", install=False)
    repo.write("a.bin", 5000)
    repo.git("add", ".")
    assert list(shared.iterdir()) == []


def test_skip_repo_writes_no_hooks(bare_repo):
    bare_repo.data("install", "--skip-repo")
    assert not bare_repo.file(".git/hooks/pre-commit").exists()


def test_a_linked_work_tree_can_be_set_up_alone(bare_repo):
    bare_repo.git("config", "extensions.worktreeConfig", "true")
    bare_repo.data("install", "--worktree")
    assert scope_of(bare_repo, "filter.data.process") == "worktree"


def test_dry_run_writes_nothing(bare_repo):
    said = bare_repo.data("install", "-n")
    assert "would be" in said
    assert bare_repo.git("config", "--get-regexp", "filter", ok=[1]) == ""
    assert not bare_repo.file(".git/hooks/pre-commit").exists()


def test_a_filter_of_somebody_else_is_kept_unless_forced(bare_repo):
    bare_repo.git("config", "filter.data.clean", "sed s/a/b/")
    assert "git data install --force" in bare_repo.fails("data", "install", status=7)
    assert bare_repo.git("config", "filter.data.clean") == "sed s/a/b/\n"
    bare_repo.data("install", "--force")
    assert "launch.py" in bare_repo.git("config", "filter.data.clean")


def test_installing_again_changes_nothing(repo):
    before = repo.read(".git/config"), repo.read(".git/hooks/pre-commit")
    assert "were set" in repo.data("install")
    assert (repo.read(".git/config"), repo.read(".git/hooks/pre-commit")) == before


def test_git_works_with_a_bare_path_and_an_empty_environment(repo):
    """GUI clients start git without the user's shell."""
    data = repo.write("a.bin", 5000)
    git = run("sh", "-c", "command -v git").stdout.decode().strip()
    identity = ["-c", "user.name=n", "-c", "user.email=e@example.com"]
    for arguments in (["add", "."], [*identity, "commit", "-qm", "gui"]):
        run("env", "-i", "PATH=/usr/bin:/bin", "HOME=/nonexistent", git, *arguments, cwd=repo.path)
    assert repo.blob("a.bin", "HEAD") == pointer_of(data)


def test_modules_lying_in_the_work_tree_are_never_imported(repo):
    for name in ("os", "typing", "struct", "git_data", "hashlib", "site"):
        repo.write(f"{name}.py", "raise SystemExit('imported from the work tree')\n")
    data = repo.write("a.bin", 5000)
    repo.commit()
    assert repo.blob("a.bin", "HEAD") == pointer_of(data)


def test_installing_brings_content_to_pointers(repo):
    data = repo.write("a.bin", 5000)
    repo.commit()
    repo.write("a.bin", pointer_of(data))
    assert "1 pointer in the work tree turned into content" in repo.data("install")
    repo.assert_content({"a.bin": data}, linked=False)


def test_a_hook_says_so_when_the_tool_is_gone(repo):
    hook = repo.file(".git/hooks/pre-commit")
    hook.write_text(hook.read_text().replace("launch.py", "gone.py"))
    repo.write("a.txt", "x")
    repo.git("add", ".")
    assert "git data install" in repo.fails("commit", "-qm", "x")


def test_outside_of_a_repository_a_command_says_what_to_do(tmp_path):
    done = run("git", "data", "status", cwd=tmp_path, ok=[7])
    assert "not a git repository" in done.stderr.decode() and "Traceback" not in done.stderr.decode()

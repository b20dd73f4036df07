"""``git data uninstall`` takes back what install wrote, and nothing of anybody else."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import Repo, run

OUR_HOOKS = ("post-checkout", "post-commit", "post-merge", "post-rewrite", "pre-commit", "pre-push")


def drivers(repo: Repo, scope: str = "--local") -> str:
    return repo.run("git", "config", scope, "--get-regexp", r"^(filter|merge|diff)\.", ok=(0, 1)).stdout.decode()


def hooks(repo: Repo) -> set[str]:
    return {path.name for path in (repo.git_dir() / "hooks").iterdir() if path.suffix != ".sample"}


def test_drivers_and_hooks_go_and_the_rest_stays(repo: Repo) -> None:
    data = repo.write("a.bin", 1000)
    repo.commit()
    config = repo.git_dir() / "config"
    assert drivers(repo) and hooks(repo) == set(OUR_HOOKS)
    said = repo.data("uninstall")
    assert "Drivers removed from git's local configuration." in said
    assert drivers(repo) == ""
    assert 'filter "data"' not in config.read_text()
    assert hooks(repo) == set()
    assert repo.read("a.bin") == data
    assert repo.object(data).exists()
    assert repo.read(".gitattributes")


def test_installing_again_brings_everything_back(repo: Repo) -> None:
    data = repo.write("a.bin", 1000)
    repo.commit()
    repo.data("uninstall")
    repo.data("install")
    assert hooks(repo) == set(OUR_HOOKS)
    repo.assert_content({"a.bin": data}, linked=False)


def test_a_second_time_there_is_nothing_to_do(repo: Repo) -> None:
    repo.data("uninstall")
    assert repo.data("uninstall") == "There are no drivers of ours in git's local configuration.\n"


def test_dry_run_changes_nothing(repo: Repo) -> None:
    before = (repo.git_dir() / "config").read_bytes(), hooks(repo)
    said = repo.data("uninstall", "-n")
    assert "Drivers would be removed" in said
    assert "Hooks would be removed" in said
    assert ((repo.git_dir() / "config").read_bytes(), hooks(repo)) == before


def test_hooks_can_be_kept(repo: Repo) -> None:
    repo.data("uninstall", "--skip-repo")
    assert drivers(repo) == ""
    assert hooks(repo) == set(OUR_HOOKS)


def test_a_chained_hook_gets_its_name_back(new_repo: Callable[..., Repo]) -> None:
    repo = new_repo(install=False, attributes="")
    hook = repo.git_dir() / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho mine\n")
    hook.chmod(0o755)
    repo.data("install")
    assert b"git-data hook" in hook.read_bytes()
    assert "Your hook pre-commit is back" in repo.data("uninstall")
    assert hook.read_text() == "#!/bin/sh\necho mine\n"
    assert os.access(hook, os.X_OK)
    assert hooks(repo) == {"pre-commit"}


def test_a_hook_of_somebody_else_is_left_alone(repo: Repo) -> None:
    hook = repo.git_dir() / "hooks" / "pre-push"
    hook.write_text("#!/bin/sh\nexit 0\n")
    repo.data("uninstall")
    assert hook.read_text() == "#!/bin/sh\nexit 0\n"


@pytest.mark.parametrize("path", ["hooks-of-mine", "~/hooks-of-mine"])
def test_core_hooks_path_is_honoured(repo: Repo, path: str) -> None:
    repo.git("config", "core.hooksPath", path)
    place = repo.path / "hooks-of-mine" if "~" not in path else Path(os.environ["HOME"]) / "hooks-of-mine"
    repo.data("install")
    assert {hook.name for hook in place.iterdir()} == set(OUR_HOOKS)
    repo.data("uninstall")
    assert list(place.iterdir()) == []


def test_drivers_of_somebody_else_stay(repo: Repo) -> None:
    for key, value in {"filter.data.clean": "their-clean", "filter.other.clean": "cat", "diff.data.textconv": "strings"}.items():
        repo.git("config", key, value)
    repo.data("uninstall")
    left = drivers(repo)
    assert "filter.data.clean their-clean" in left
    assert "filter.other.clean cat" in left
    assert "git_data" not in left


def test_global_drivers_go_from_the_global_configuration_only(repo: Repo, global_config: Path) -> None:
    repo.data("install", "--global")
    repo.data("uninstall", "--global", "--skip-repo")
    assert "git_data" not in global_config.read_text()
    assert "[user]" in global_config.read_text()
    assert drivers(repo)


def test_outside_of_a_repository_the_global_configuration_is_meant(global_config: Path, tmp_path: Path) -> None:
    run("git", "data", "install", "--global", cwd=tmp_path)
    assert "git_data" in global_config.read_text()
    assert "global configuration" in run("git", "data", "uninstall", cwd=tmp_path).stdout.decode()
    assert "git_data" not in global_config.read_text()
    assert run("git", "data", "uninstall", "--local", cwd=tmp_path, ok=(7,)).stderr


def test_one_linked_work_tree_can_be_left(repo: Repo, tmp_path: Path) -> None:
    repo.git("config", "extensions.worktreeConfig", "true")
    repo.git("worktree", "add", "-q", "-b", "other", tmp_path / "linked")
    other = Repo(tmp_path / "linked")
    other.data("install", "--worktree")
    assert drivers(other, "--worktree")
    other.data("uninstall", "--worktree", "--skip-repo")
    assert drivers(other, "--worktree") == ""
    assert drivers(repo)

"""Completion in real shells: ``git data <TAB>`` and ``git-data <TAB>``."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from helpers import Repo, run

from git_data.__main__ import COMMANDS

GIT_COMPLETION = (
    "/usr/share/bash-completion/completions/git",
    "/usr/share/git/completion/git-completion.bash",
    "/usr/local/etc/bash_completion.d/git-completion.bash",
    "/opt/homebrew/etc/bash_completion.d/git-completion.bash",
)

_COMPLETE_GIT = """
source "$1"; eval "$(git data completion bash)"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
__git_wrap__git_main
printf '%s\\n' "${COMPREPLY[@]}"
"""

_COMPLETE = """
eval "$(git data completion bash)"
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_shtab_git_data
printf '%s\\n' "${COMPREPLY[@]}"
"""


def _shell(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def _git_completion() -> str:
    for path in GIT_COMPLETION:
        if os.path.exists(path):
            return path
    pytest.skip("git's own completion for bash is not installed")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (["git", "data", ""], set(COMMANDS)),
        (["git", "data", "tr"], {"track"}),
        (["git", "data", "un"], {"uninstall", "unlock", "untrack", "unprotect"}),
        (["git", "-C", "/", "data", "install", "--gl"], {"--global"}),
        (["git", "data", "completion", ""], {"bash", "zsh", "fish", "tcsh"}),
        (["git", "data", "help", "fs"], {"fsck"}),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else None,
)
def test_bash_completes_git_data(line, expected):
    done = run(_shell("bash"), "--norc", "-c", _COMPLETE_GIT, "bash", _git_completion(), *line)
    assert set(done.stdout.decode().split()) == expected


def test_bash_completes_git_data_in_one_word():
    done = run(_shell("bash"), "--norc", "-c", _COMPLETE, "bash", "git-data", "chec")
    assert done.stdout.decode().split() == ["checkout"]


def test_bash_completes_revisions(repo: Repo):
    repo.git("tag", "release-1")
    done = repo.run(_shell("bash"), "--norc", "-c", _COMPLETE, "bash", "git-data", "export", "rel")
    assert done.stdout.decode().split() == ["release-1"]


def test_bash_completes_files(repo: Repo):
    repo.write("measured.bin", 10)
    done = repo.run(_shell("bash"), "--norc", "-c", _COMPLETE, "bash", "git-data", "checkout", "meas")
    assert done.stdout.decode().split() == ["measured.bin"]


def test_fish_completes(tmp_path: Path):
    script = tmp_path / "git-data.fish"
    script.write_bytes(run("git", "data", "completion", "fish").stdout)
    done = run(_shell("fish"), "--no-config", "-c", f"source {script}; complete -C 'git-data che'", env={"TERM": "dumb"})
    assert done.stdout.decode().split("\t")[0] == "checkout"


def test_zsh_defines_the_completion(tmp_path: Path):
    code = 'autoload -Uz compinit; compinit -D; eval "$(git data completion zsh)"; whence -w _git-data _shtab_git_data'
    done = run(_shell("zsh"), "-f", "-c", code, cwd=tmp_path)
    assert done.stdout.decode().split() == ["_git-data:", "function", "_shtab_git_data:", "function"]


def test_tcsh_accepts_the_script(tmp_path: Path):
    script = tmp_path / "git-data.tcsh"
    script.write_bytes(run("git", "data", "completion", "tcsh").stdout)
    done = run(_shell("tcsh"), "-f", "-c", f"source {script}; complete git-data")
    assert b"checkout" in done.stdout


def test_the_shell_of_the_user_is_the_default():
    assert run("git", "data", "completion", env={"SHELL": "/bin/bash"}).stdout.startswith(b"# AUTOMATICALLY GENERATED")
    errors = run("git", "data", "completion", env={"SHELL": "/bin/ksh"}, ok=[2]).stderr
    assert b"git data completion bash" in errors

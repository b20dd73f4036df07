"""Help is there in every form, and the pages on disk are those the parsers give."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from helpers import run

from git_data.__main__ import COMMANDS, HOT
from git_data.commands import help as help_command

SOURCES = Path(__file__).resolve().parent.parent.parent


def _generator():
    spec = importlib.util.spec_from_file_location("generate", SOURCES / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _said(*command: str, **options) -> str:
    return run(*command, **options).stdout.decode()


def test_every_command_is_in_one_group():
    grouped = [name for _, names in help_command.GROUPS for name in names]
    assert sorted(grouped) == sorted(COMMANDS)


@pytest.mark.parametrize("words", [["data"], ["data", "-h"], ["data", "help"]], ids=" ".join)
def test_the_list_of_commands(words):
    text = _said("git", *words)
    assert text == help_command.overview()
    assert all(f"   {name} " in text for name in COMMANDS)


def test_the_list_is_written_without_a_repository(tmp_path):
    assert "install" in _said("git-data", cwd=tmp_path, env={"GIT_CEILING_DIRECTORIES": str(tmp_path)})


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_every_command_shows_its_options(name, option):
    text = _said("git", "data", name, option)
    assert text.startswith(f"usage: git data {name}")
    assert "show this help message" in text


@pytest.mark.parametrize("name", HOT)
def test_commands_that_git_starts_explain_themselves(name):
    assert f"git data {name}" in _said("git", "data", name, "-h")
    assert f"git data {name}" in _said("git", "data", "help", name)
    assert name in _said("git", "data", "help", "--all")


@pytest.mark.parametrize("name", ["data", "git-data", "track", "git-data-track", "ls-files"])
def test_the_manual_page_of_a_command(name):
    if shutil.which("man") is None:
        pytest.skip("man is not installed")
    title = "git-data" if name in ("data", "git-data") else "git-data-" + name.removeprefix("git-data-")
    text = _said("git", "data", "help", name, env={"MANPAGER": "cat", "MANWIDTH": "80"})
    assert "NAME" in text
    assert f"       {title} - " in text


def _path_without_man(directory: Path) -> str:
    directory.mkdir()
    for name in ("git", "sh", "dirname", "env", "python3"):
        (directory / name).symlink_to(shutil.which(name))
    scripts = os.environ["PATH"].split(os.pathsep)[0]
    return f"{scripts}{os.pathsep}{directory}"


def test_the_manual_page_is_text_where_man_is_missing(tmp_path):
    text = _said("git-data", "help", "track", env={"PATH": _path_without_man(tmp_path / "bin")})
    assert text == (SOURCES / "docs" / "reference" / "git-data-track.md").read_text()


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["trak"], "did you mean: git data track"),
        (["chekout"], "git data checkout"),
        (["help", "fsk"], "git data fsck"),
        (["xyzzy"], "git data help"),
        (["track", "--dry-rum"], "did you mean --dry-run?"),
        (["migrate", "lfs", "--histroy"], "did you mean --history?\n  git data migrate lfs -h"),
        (["config", "--get", "data.remote"], "unrecognized arguments: --get\n  git data config -h"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_wrong_word_is_answered_with_the_right_one(words, answer):
    done = run("git", "data", *words, ok=[2])
    assert answer in done.stderr.decode()
    assert done.stdout == b""


def test_the_pages_on_disk_are_those_of_the_parsers():
    generator = _generator()
    wanted = generator.pages(list(COMMANDS))
    on_disk = [*(SOURCES / "docs" / "reference").glob("*.md"), *(SOURCES / "docs" / "man").glob("*.1")]
    outdated = sorted(str(path.relative_to(SOURCES)) for path in wanted if not path.exists() or path.read_text() != wanted[path])
    assert outdated == [], "run: make docs"
    assert sorted(on_disk) == sorted(wanted), "run: make docs"


def test_man_has_nothing_to_say_against_the_pages():
    if shutil.which("man") is None:
        pytest.skip("man is not installed")
    for page in sorted((SOURCES / "docs" / "man").glob("*.1")):
        done = subprocess.run(
            ["man", "--warnings", page], capture_output=True, env={**os.environ, "MANPAGER": "cat", "MANWIDTH": "80"}
        )
        assert done.returncode == 0
        assert done.stderr == b"", page.name

"""What a clone brings along must not run anything, write anywhere, or lock anybody out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import Repo, content

COMMANDS = (["status"], ["data", "ls-files"], ["data", "checkout"], ["add", "."], ["data", "fsck"], ["commit", "-qm", "x"])


def hostile(marker: Path, outside: Path) -> str:
    """Every way to run a command or to leave the repository that git's configuration has."""
    touch = f"touch {marker}"
    return f"""\
[filter "data"]
	process = {touch}
	clean = {touch}
	smudge = {touch}
	required = false
[diff "data"]
	command = {touch}
	textconv = {touch}
[merge "data"]
	driver = {touch}
[core]
	hooksPath = {outside}
	fsmonitor = {touch}
	pager = {touch}
	editor = {touch}
	sshCommand = {touch}
	gitProxy = {touch}
	worktree = {outside}
	sharedRepository = 0666
[alias]
	status = !{touch}
	data = !{touch}
[include]
	path = {outside}/more
[credential]
	helper = !{touch}
[url "ext::{touch}"]
	insteadOf = https://
[data]
	cacheDir = {outside}/cache
	alternates = {outside}/alternate
	fsync = none
	jobs = 1000000
	link = hardlink,copy
	remote = ext::{touch}
	postCheckout = {touch}
"""


@pytest.fixture
def victim(new_repo: Callable[..., Repo], tmp_path: Path) -> tuple[Repo, Path, Path]:
    """A repository somebody pushed a hostile ``.gitdata`` to."""
    repo, marker, outside = new_repo(), tmp_path / "marker", tmp_path / "outside"
    outside.mkdir()
    (outside / "more").write_text(f"[core]\n\tpager = touch {marker}\n")
    (outside / "post-checkout").write_text(f"#!/bin/sh\ntouch {marker}\n")
    (outside / "post-checkout").chmod(0o755)
    repo.write(".gitdata", hostile(marker, outside))
    repo.write("a.bin", 3000)
    repo.commit("hostile")
    return repo, marker, outside


@pytest.mark.parametrize("place", ["in-the-work-tree", "in-the-index-only", "in-head-only"])
def test_committed_settings_run_nothing_and_write_nowhere_else(victim: tuple[Repo, Path, Path], place: str) -> None:
    repo, marker, outside = victim
    if place != "in-the-work-tree":
        repo.file(".gitdata").unlink()
    if place == "in-head-only":
        repo.git("rm", "-q", "--cached", ".gitdata")
    for number, command in enumerate(COMMANDS):
        repo.write("b.bin", 2000 + number)
        repo.run("git", *command, ok=(0, 1, 3))
    repo.git("checkout", "-q", "-f", "HEAD~")
    repo.git("checkout", "-q", "main")
    assert not marker.exists(), "a committed setting was executed"
    assert {path.name for path in outside.iterdir()} == {"more", "post-checkout"}, "a committed setting moved the store"
    assert repo.objects()


@pytest.mark.parametrize(
    "settings",
    [
        "[data]\n\tlink = teleport\n",
        "[data]\n\tguard = lots\n",
        "[data]\n\tfetch = perhaps\n",
        "[data]\n\tpointerFormat = 3\n",
        "[data]\n\tfetchExclude = [z-a]\n",
        "[data]\n\tfetchExclude = !\n",
        "this is no configuration file\n",
        "[data\n",
        "[data]\n\tguard\n",
        "\0\0\0",
    ],
)
def test_bad_committed_settings_lock_nobody_out(repo: Repo, settings: str) -> None:
    """Whoever checked them out can still work, and check out something else."""
    data = repo.write("a.bin", content(3000))
    repo.commit("good")
    repo.write(".gitdata", settings)
    repo.write("a.bin", 4000)
    repo.git("add", ".")
    repo.git("commit", "-q", "-m", "bad")
    repo.git("checkout", "-q", "HEAD~")
    assert repo.read("a.bin") == data
    repo.assert_clean()
    repo.git("checkout", "-q", "main")
    assert repo.pointer("a.bin") is None
    assert "Traceback" not in repo.run("git", "data", "status").stderr.decode()


def test_code_in_the_work_tree_is_never_imported(repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marker = tmp_path / "marker"
    for name in ("typing", "os", "site", "re", "sitecustomize", "usercustomize", "cffi", "git_data", "rich", "argparse", "_core"):
        repo.write(f"{name}.py", f"open({str(marker)!r}, 'w')\n")
    monkeypatch.setenv("PYTHONPATH", str(repo.path))
    monkeypatch.setenv("PYTHONSTARTUP", str(repo.file("os.py")))
    monkeypatch.setenv("PYTHONHOME", "")
    repo.write("a.bin", 3000)
    repo.git("add", ".")
    repo.git("commit", "-q", "-m", "python files")
    repo.git("checkout", "-q", "HEAD~")
    repo.git("checkout", "-q", "main")
    repo.git("diff", "HEAD~")
    assert not marker.exists()


def test_paths_that_look_like_options_or_commands(repo: Repo, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    names = ["--help.bin", "-f.bin", f"$(touch {marker.name}).bin", f"`touch {marker.name}`.bin", f";touch {marker.name};.bin",
        "%f.bin", "a b\tc\nd=e.bin", "'quoted' \"twice\".bin", "|cat.bin"]  # fmt: skip
    data = {name: repo.write(name, 2000) for name in names}
    repo.git("add", ".")
    repo.git("commit", "-q", "-m", "names")
    for name in names:
        repo.file(name).unlink()
    repo.git("checkout", "--", ".", cwd=repo.path)
    repo.assert_content(data, linked=False)
    repo.git("config", "--unset", "filter.data.process")  # the single-shot commands get the path on a command line
    for name in names:
        repo.write(name, data[name])
        repo.git("add", "--", name)
    assert repo.git("status", "--porcelain", "-uno") == ""
    assert not marker.exists() and not repo.file(marker.name).exists()

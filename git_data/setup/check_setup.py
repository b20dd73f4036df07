"""Checks of what git was told: its version, drivers, hooks, settings."""

from __future__ import annotations

import os
import subprocess

from git_data.base.finding import Finding, advice, problem
from git_data.git.run import git
from git_data.setup import filters, hook_state
from git_data.setup.command_line import launcher, shell_quoted
from git_data.setup.hooks import hooks_directory
from git_data.setup.settings import origins, unknown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from git_data.git.repo import Repository

MINIMUM_GIT = (2, 39)
_BARE_PATH = "/usr/bin:/bin"
_START_TIMEOUT_S = 30


def check_git() -> Iterator[Finding]:
    """Whether git is new enough."""
    words = git("version").decode().split()
    version = tuple(int(part) for part in words[2].split(".")[:2] if part.isdigit())
    if version < MINIMUM_GIT:
        minimum = ".".join(map(str, MINIMUM_GIT))
        yield problem(f"git is of version {words[2]}", f"git-data needs {minimum} or newer", f"install git {minimum} or newer")


def check_drivers(repo: Repository | None) -> Iterator[Finding]:
    """Whether git knows our drivers, and can start them."""
    current = {origin.key: origin for origin in origins(repo)}
    install = "git data install" if repo else "git data install --global"
    missing = [key for key in filters.wanted() if key not in current and filters.is_command(key)]
    if missing:
        why = "git would commit the content itself and check out pointers"
        yield problem(f"git is not told how to keep data: {', '.join(missing)} not set", why, install)
    required = current.get("filter.data.required")
    if not missing and (required is None or required.value.lower() not in ("true", "yes", "on", "1")):
        why = "when the filter fails, git would commit the content itself"
        yield problem("filter.data.required is not true", why, install)
    for key, wanted in filters.wanted().items():
        origin = current.get(key)
        if origin is None or not filters.is_command(key):
            continue
        if not filters.is_ours(origin.value):
            why = "files with filter=data are not kept by git-data"
            yield problem(f"{key} is somebody else's ({origin.file}): {origin.value}", why, f"{install} --force")
        elif key == "filter.data.process":
            yield from _check_start(origin.value, origin.value == wanted, origin.file, install)


def check_lfs(repo: Repository) -> Iterator[Finding]:
    """Whether old commits of a repository that came from git-lfs are ours here."""
    if repo.settings.lfs and not repo.config.keeps_lfs:
        why = "commits from before are checked out as pointers, or by git-lfs, which keeps a second copy of their data"
        yield problem(
            "git does not start git-data for filter=lfs, although this repository came from git-lfs", why, "git data install"
        )


def _check_start(command: str, this_one: bool, file: str, install: str) -> Iterator[Finding]:
    """Does the command run as a graphical client starts it, and is it this installation?"""
    start = command.removesuffix("filter-process") + "version"
    try:
        done = subprocess.run(
            ["sh", "-c", start], capture_output=True, env={**os.environ, "PATH": _BARE_PATH}, timeout=_START_TIMEOUT_S
        )
        reason = done.stderr.decode(errors="replace").strip().splitlines()[-1:] if done.returncode else []
        works = done.returncode == 0
    except (OSError, subprocess.TimeoutExpired) as error:
        reason, works = [str(error)], False
    if works and not this_one:
        what = f"git starts git-data as another version or installation wrote it ({file}): {command}"
        yield advice(what, "two versions may see things differently", install)
    if not works:
        why = "git add and git checkout fail: " + (reason[0] if reason else "it does not start")
        yield problem(f"git starts an installation of git-data that does not work ({file}): {command}", why, install)


def check_hooks(repo: Repository) -> Iterator[Finding]:
    """Whether our hooks run."""
    directory, own = hooks_directory(repo)
    by_state: dict[str, list[str]] = {}
    for name, state in hook_state.hook_states(repo).items():
        by_state.setdefault(state, []).append(name)
    why = "large files are not stopped before they get into git, and what a killed command left is not finished by itself"
    missing = by_state.get(hook_state.MISSING)
    if missing:
        yield problem(f"hooks are missing in {directory}: {', '.join(missing)}", why, "git data install")
    foreign = by_state.get(hook_state.FOREIGN)
    if foreign:
        line = f'{shell_quoted(launcher())} hook NAME "$@" || exit'
        mend = "git data install" if own else f"git data install --force   # or add to each, with its NAME: {line}"
        yield problem(f"hooks in {directory} do not call git-data: {', '.join(foreign)}", why, mend)
    idle = by_state.get(hook_state.NOT_EXECUTABLE)
    if idle:
        paths = [os.path.join(directory, name) for name in idle]
        yield problem(f"git ignores hooks that are not executable: {', '.join(idle)}", why, f"chmod +x {shell_quoted(paths)}")
    other = by_state.get(hook_state.OTHER_INSTALLATION)
    if other:
        yield advice(
            f"hooks written by another version or installation of git-data: {', '.join(other)}",
            "two versions may see things differently",
            "git data install",
        )


def check_settings(repo: Repository) -> Iterator[Finding]:
    """Settings that mean nothing, or do not go together. Values that make no sense are found by reading them."""
    for origin in unknown(origins(repo)):
        yield advice(
            f"{origin.key} is not a setting of git-data ({origin.file})",
            "it has no effect",
            "git data config   # lists those there are",
        )
    if repo.settings.skip_smudge:
        yield advice("GIT_DATA_SKIP_SMUDGE is set", "checkouts leave pointers", "unset GIT_DATA_SKIP_SMUDGE")
    hard_links = repo.settings.link[0] == "hardlink"
    if hard_links and repo.worktree and repo.config.get_bool("core.trustctime", True):
        yield problem(
            "files are hard links, and git trusts ctime",
            "each new link changes the ctime of the others, and git hashes them all again",
            "git config core.trustctime false",
        )

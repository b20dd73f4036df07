"""Installing and removing hooks, without ever losing one of the user's.

Templates are in ``hooks/`` of the sources and in ``git_data/hook_templates`` of an installation.  A foreign hook in the
repository's own hooks directory is chained: moved to ``<name>.chained``, which ours runs first.  Where ``core.hooksPath`` points
elsewhere the directory may be shared or committed: there the foreign hook stays and the line to add is reported.
"""

from __future__ import annotations

import os

from git_data.base import fsio
from git_data.errors import from_os_error
from git_data.git.repo import Repository
from git_data.git.run import git
from git_data.setup.command_line import launcher, shell_quoted

NAMES = ("post-checkout", "post-commit", "post-merge", "post-rewrite", "pre-commit", "pre-push")
MARK = b"# git-data hook"
_START, _LAUNCHER = b"@GIT_DATA@", b"@LAUNCHER@"


class HookReport:
    """What happened to the hooks: names written, chained, left alone, and the lines the user must add."""

    __slots__ = ("chained", "directory", "left", "lines", "written")

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.written: list[str] = []
        self.chained: list[str] = []
        self.left: list[str] = []
        self.lines: list[str] = []


def hooks_directory(repo: Repository) -> tuple[str, bool]:
    """Where git looks for hooks, and whether that is the repository's own place.

    A relative ``core.hooksPath`` is relative to where hooks run: the top of the work tree (githooks(5)).
    """
    own = os.path.join(repo.common_dir, "hooks")
    if not repo.config.get("core.hookspath"):
        return own, True
    expanded = git("config", "--type=path", "--get", "core.hooksPath").rstrip(b"\n")
    path = os.path.join(repo.worktree or repo.git_dir, os.fsdecode(expanded))
    return path, os.path.realpath(path) == os.path.realpath(own)


def install_hooks(repo: Repository, force: bool = False, dry_run: bool = False) -> HookReport:
    """Write our hooks. ``force`` chains foreign hooks wherever they are. Raises: FileSystemError."""
    directory, own = hooks_directory(repo)
    report = HookReport(directory)
    try:
        if not dry_run:
            os.makedirs(directory, exist_ok=True)
        for name in NAMES:
            _install_one(report, os.path.join(directory, name), name, own or force, dry_run)
        if not dry_run:
            os.makedirs(os.path.join(repo.common_dir, "data"), exist_ok=True)
            fsio.write_file(os.path.join(repo.common_dir, "data", "installed"), b"1\n")
    except OSError as error:
        raise from_os_error(error, error.filename or directory, "installing hooks") from None
    return report


def _install_one(report: HookReport, path: str, name: str, may_chain: bool, dry_run: bool) -> None:
    wanted = template(name)
    current = fsio.read_file(path)
    if current == wanted:
        return
    if current is not None and MARK not in current:
        if not may_chain or os.path.lexists(path + ".chained"):
            report.left.append(name)
            report.lines.append(f'{shell_quoted(launcher())} hook {name} "$@" || exit   # add to {path}')
            return
        report.chained.append(name)
        if not dry_run:
            os.rename(path, path + ".chained")
    report.written.append(name)
    if not dry_run:
        fsio.write_file(path, wanted, mode=0o777)


def uninstall_hooks(repo: Repository, dry_run: bool = False) -> HookReport:
    """Remove our hooks only, and give chained ones their name back. Raises: FileSystemError."""
    directory, _ = hooks_directory(repo)
    report = HookReport(directory)
    try:
        for name in NAMES:
            path = os.path.join(directory, name)
            current = fsio.read_file(path)
            if current is None or MARK not in current:
                continue
            report.written.append(name)
            if dry_run:
                continue
            if os.path.lexists(path + ".chained"):
                os.replace(path + ".chained", path)
                report.chained.append(name)
            else:
                os.unlink(path)
        if not dry_run:
            fsio.remove_if_exists(os.path.join(repo.common_dir, "data", "installed"))
    except OSError as error:
        raise from_os_error(error, error.filename or directory, "removing hooks") from None
    return report


def template(name: str) -> bytes:
    """The hook as it is written: the template with the command line of this installation."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    for directory in (os.path.join(package, "hook_templates"), os.path.join(os.path.dirname(package), "hooks")):
        content = fsio.read_file(os.path.join(directory, name))
        if content is not None:
            words = launcher()
            content = content.replace(_START, os.fsencode(shell_quoted(words)))
            return content.replace(_LAUNCHER, os.fsencode(shell_quoted(words[-1:])))
    raise FileNotFoundError(2, "hook template is missing from the installation", name)

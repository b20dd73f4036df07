"""This repository is set up for us instead of git-lfs: drivers, hooks, attributes outside of history. All can be taken back.

The record gets what was there before, and is saved, before anything changes.
"""

from __future__ import annotations

import os

from git_data.base import fsio
from git_data.git.run import git
from git_data.migrate.lfs_plan import switch
from git_data.migrate.record import BEGUN
from git_data.setup import filters
from git_data.setup.hooks import NAMES, hooks_directory, install_hooks
from git_data.setup.lfs_hooks import retire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.git.repo import Repository
    from git_data.migrate.record import Record
    from git_data.setup.hooks import HookReport


class Changed:
    """What was changed: ``replaced`` are git-lfs's own hooks that went."""

    __slots__ = ("hooks", "replaced")

    def __init__(self, hooks: HookReport, replaced: list[str]) -> None:
        self.hooks = hooks
        self.replaced = replaced


def remember(repo: Repository, record: Record, settings: dict[str, str | None], attributes: bool) -> None:
    """Have the record keep everything that ``set_up`` changes, and save it. Raises: GitFailed, OSError."""
    for name in (filters.DATA, filters.LFS):
        for key in filters.wanted(name):
            record.keep_setting(key)
    for key in settings:
        record.keep_setting(key)
    if hooks_directory(repo)[1]:
        for name in NAMES:
            path = os.path.join(repo.common_dir, "hooks", name)
            record.keep_file(path)
            record.keep_file(path + ".chained")
    record.keep_file(os.path.join(repo.common_dir, "data", "installed"))
    if attributes:
        record.keep_file(_info(repo))
    record.save(BEGUN)


def set_up(repo: Repository, settings: dict[str, str | None], attributes: bool) -> Changed:
    """Change it; a setting of ``None`` is taken away. May be done again. Raises: GitFailed, FileSystemError, OSError."""
    filters.write("--local", force=True, dry_run=False)
    filters.take_over_lfs()
    for key, value in settings.items():
        if value is None:
            git("config", "--local", "--unset-all", key, ok=(0, 5), cwd=repo.common_dir)
        else:
            git("config", "--local", "--replace-all", key, value, cwd=repo.common_dir)
    replaced = retire(repo)
    report = install_hooks(repo)
    if attributes:
        switched = switch(fsio.read_file(_info(repo)) or b"")
        if switched is not None:
            fsio.write_file(_info(repo), switched)
    return Changed(report, replaced)


def _info(repo: Repository) -> str:
    return os.path.join(repo.common_dir, "info", "attributes")


def borrow_filter() -> None:
    """From now on git commands of this process know us as the filter of git-lfs, and of ours: git-lfs need not be there."""
    wanted = {**filters.wanted(filters.LFS), **filters.wanted()}
    number = int(os.environ.get("GIT_CONFIG_COUNT") or 0)
    for at, (key, value) in enumerate(wanted.items(), number):
        os.environ[f"GIT_CONFIG_KEY_{at}"], os.environ[f"GIT_CONFIG_VALUE_{at}"] = key, value
    os.environ["GIT_CONFIG_COUNT"] = str(number + len(wanted))

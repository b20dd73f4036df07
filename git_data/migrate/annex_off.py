"""Switching git-annex off in a repository: its filter, its line in ``.git/info/attributes``, its hooks; and having them back.

``.git/annex``, the branch ``git-annex`` and ``annex.*`` stay: old commits need them.
"""

from __future__ import annotations

import os
import shutil
import time

from git_data.base import fsio
from git_data.git.run import git
from git_data.migrate.annex_attributes import without_annex_filter
from git_data.migrate.annex_find import LINK, in_commit
from git_data.migrate.ready import require_clean, worktrees
from git_data.migrate.record import BEGUN
from git_data.setup.hooks import hooks_directory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.git.repo import Repository
    from git_data.migrate.record import Record

_SETTINGS = ("filter.annex.process", "filter.annex.clean", "filter.annex.smudge", "filter.annex.required")
_HOOKS = ("pre-commit", "post-receive", "post-checkout", "post-merge", "post-commit")
_MARK = b"# automatically configured by git-annex\n"


def is_on(repo: Repository) -> bool:
    """Whether git-annex's filter has a say here. Raises: OSError."""
    attributes = fsio.read_file(os.path.join(repo.common_dir, "info", "attributes")) or b""
    return b"filter=annex" in attributes or any(key in repo.config.entries for key in _SETTINGS)


def switch_off(repo: Repository, record: Record) -> list[str]:
    """Do it, and have the record know how it was before; lines about what is left for the user to do.

    Raises: GitFailed, OSError.
    """
    attributes = os.path.join(repo.common_dir, "info", "attributes")
    directory, own = hooks_directory(repo)
    paths = [os.path.join(directory, name + suffix) for name in _HOOKS for suffix in ("", ".chained")]
    for key in _SETTINGS:
        record.keep_setting(key)
    for path in (attributes, *(paths if own else ())):
        record.keep_file(path)
    record.save(BEGUN)
    content = fsio.read_file(attributes)
    if content is not None and (rest := without_annex_filter(content)) != content:
        if rest:
            fsio.write_file(attributes, rest)
        else:
            fsio.remove_if_exists(attributes)
    left = []
    for path in paths:
        hook = fsio.read_file(path)
        if hook is None or b"git annex" not in hook and b"git-annex" not in hook:
            continue
        if own and _is_whole(hook):
            fsio.remove_if_exists(path)
        else:
            left.append(f"'{path}' is not as git-annex wrote it: take out by hand what calls git-annex")
    for key in _SETTINGS:
        git("config", "--local", "--unset-all", key, ok=(0, 5), cwd=repo.common_dir)
    git("config", "--local", "--remove-section", "filter.annex", ok=(0, 1, 128), cwd=repo.common_dir)
    return left


def _is_whole(hook: bytes) -> bool:
    """Whether a hook is one that git-annex wrote, and nothing else."""
    start, mark, command = hook.partition(_MARK)
    return bool(mark) and start == b"#!/bin/sh\n" and command.count(b"\n") == 1 and b"git annex" in command


def settle(repo: Repository) -> None:
    """Have git's indexes know the files of all work trees so well that it asks no filter when it replaces them.

    A file as young as its index would be compared by its filter, which is switched off then.  Raises: RepositoryError, GitFailed.
    """
    for tree in worktrees(repo):
        index = git("rev-parse", "--git-path", "index", cwd=tree.path).decode("utf-8", "surrogateescape").rstrip("\n")
        try:
            index_s = int(os.stat(os.path.join(tree.path, index)).st_mtime)
        except FileNotFoundError:
            continue
        times = (_mtime_s(os.path.join(os.fsencode(tree.path), path)) for path in _unlocked(repo, tree.head))
        if max(times, default=0) >= index_s:
            time.sleep(1.01 - time.time() % 1)
            require_clean(tree.path)


def _mtime_s(path: bytes) -> int:
    try:
        return int(os.lstat(path).st_mtime)
    except OSError:
        return 0


def _unlocked(repo: Repository, commit: str) -> list[bytes]:
    return [version.path for version, _ in in_commit(repo, commit).annexed() if version.mode != LINK] if commit else []


def bring_back(repo: Repository) -> list[bytes]:
    """Have git-annex, which is switched on again, put content to the unlocked files of all work trees.

    Those that could not be, because git-annex is not installed.  Raises: GitFailed.
    """
    left = []
    for tree in worktrees(repo):
        paths = _unlocked(repo, tree.head)
        if paths and shutil.which("git-annex"):
            # git asks its filter, which notes the paths; this command is what git-annex's hooks run next
            for path in paths:
                fsio.remove_if_exists(os.path.join(tree.path, os.fsdecode(path)))
            git("checkout-index", "-u", "-z", "--stdin", stdin=b"".join(path + b"\0" for path in paths), cwd=tree.path)
            git("annex", "smudge", "--update", cwd=tree.path)
        else:
            left += paths
    return left

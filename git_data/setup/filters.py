"""The drivers in git's configuration: filter, merge and diff (gitattributes(5))."""

from __future__ import annotations

from git_data.config import OUR_MARK
from git_data.errors import ConfigError
from git_data.git.run import git
from git_data.setup.command_line import launcher, shell_quoted

DATA, LFS = "data", "lfs"
"""Names of drivers. ``LFS`` is for commits of the time before a repository left git-lfs: their pointers stay git-lfs's."""


def wanted(name: str = DATA) -> dict[str, str]:
    """Every key and its value for this installation."""
    # exec: no shell stays between git and us, so git's signals reach us and we see who our parent is
    start = "exec " + shell_quoted(launcher())
    format = " --format lfs" if name == LFS else ""
    return {
        f"filter.{name}.process": f"{start} filter-process{format}",
        f"filter.{name}.clean": f"{start} clean{format} -- %f",
        f"filter.{name}.smudge": f"{start} smudge -- %f",
        # without it git maps whole files into memory, and a failing filter would commit the content itself
        f"filter.{name}.required": "true",
        f"merge.{name}.name": "git-data: one side or the other, never a mixture",
        f"merge.{name}.driver": f"{start} merge-driver %O %A %B %L %P",
        f"diff.{name}.command": f"{start} diff-driver",
    }


def write(scope: str, force: bool, dry_run: bool, name: str = DATA) -> list[str]:
    """Set what is not set yet in ``scope`` (``--local``, ``--global`` …); the keys that changed.

    Raises: ConfigError when a key has a value that is not ours and ``force`` is not given.
    """
    current = read(scope, name)
    changed = []
    for key, value in wanted(name).items():
        old = current.get(key)
        if old == value:
            continue
        if old is not None and not force and is_command(key) and not is_ours(old):
            raise ConfigError(f"{key} is already set by somebody else: {old}", "git data install --force   # replaces it")
        changed.append(key)
        if not dry_run:
            git("config", scope, "--replace-all", key, value)
    return changed


def remove(scope: str, dry_run: bool) -> list[str]:
    """Remove our sections from ``scope``; the keys that went. Values that are not ours stay."""
    removed = []
    for name in (DATA, LFS):
        current = read(scope, name)
        if name == LFS and not is_ours(current.get("filter.lfs.process", "")):
            continue  # git-lfs's own
        for key, value in current.items():
            if is_command(key) and not is_ours(value):
                continue
            removed.append(key)
            if not dry_run:
                git("config", scope, "--unset-all", key, ok=(0, 5))
        if not dry_run:
            left = {key.rpartition(".")[0] for key in read(scope, name)}
            for section in (f"filter.{name}", f"merge.{name}", f"diff.{name}"):
                if section not in left:
                    git("config", scope, "--remove-section", section, ok=(0, 1, 128))
    return removed


def take_over_lfs() -> list[str]:
    """Have this repository's git start us for ``filter=lfs``, whatever the user's own settings say; the keys that changed."""
    return write("--local", force=True, dry_run=False, name=LFS)


def read(scope: str, name: str = DATA) -> dict[str, str]:
    """What ``scope`` has in our sections."""
    output = git("config", scope, "-z", "--get-regexp", rf"^(filter|merge|diff)\.{name}\.", ok=(0, 1, 128))
    items = (item.partition("\n") for item in output.decode("utf-8", "surrogateescape").split("\0") if item)
    return {key: value for key, _, value in items}


def is_ours(command: str) -> bool:
    """Whether a value of the configuration starts this program, of this or another installation."""
    return OUR_MARK in command.replace("\\", "/")


def is_command(key: str) -> bool:
    """Whether the value of a key is a command line."""
    return key.rpartition(".")[2] in ("process", "clean", "smudge", "driver", "command")

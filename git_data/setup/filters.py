"""The drivers in git's configuration: filter, merge and diff (gitattributes(5))."""

from __future__ import annotations

from git_data.errors import ConfigError
from git_data.git.run import git
from git_data.setup.command_line import launcher, shell_quoted

SECTIONS = ("filter.data", "merge.data", "diff.data")
OUR_MARK = "git_data/launch.py"


def wanted() -> dict[str, str]:
    """Every key and its value for this installation."""
    # exec: no shell stays between git and us, so git's signals reach us and we see who our parent is
    start = "exec " + shell_quoted(launcher())
    return {
        "filter.data.process": f"{start} filter-process",
        "filter.data.clean": f"{start} clean -- %f",
        "filter.data.smudge": f"{start} smudge -- %f",
        # without it git maps whole files into memory, and a failing filter would commit the content itself
        "filter.data.required": "true",
        "merge.data.name": "git-data: one side or the other, never a mixture",
        "merge.data.driver": f"{start} merge-driver %O %A %B %L %P",
        "diff.data.command": f"{start} diff-driver",
    }


def write(scope: str, force: bool, dry_run: bool) -> list[str]:
    """Set what is not set yet in ``scope`` (``--local``, ``--global`` …); the keys that changed.

    Raises: ConfigError when a key has a value that is not ours and ``force`` is not given.
    """
    current = read(scope)
    changed = []
    for key, value in wanted().items():
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
    for key, value in read(scope).items():
        if is_command(key) and not is_ours(value):
            continue
        removed.append(key)
        if not dry_run:
            git("config", scope, "--unset-all", key, ok=(0, 5))
    if not dry_run:
        left = {key.rpartition(".")[0] for key in read(scope)}
        for section in SECTIONS:
            if section not in left:
                git("config", scope, "--remove-section", section, ok=(0, 1, 128))
    return removed


def read(scope: str) -> dict[str, str]:
    """What ``scope`` has in our sections."""
    output = git("config", scope, "-z", "--get-regexp", r"^(filter|merge|diff)\.data\.", ok=(0, 1, 128))
    items = (item.partition("\n") for item in output.decode("utf-8", "surrogateescape").split("\0") if item)
    return {key: value for key, _, value in items}


def is_ours(command: str) -> bool:
    """Whether a value of the configuration starts this program, of this or another installation."""
    return OUR_MARK in command.replace("\\", "/")


def is_command(key: str) -> bool:
    """Whether the value of a key is a command line."""
    return key.rpartition(".")[2] in ("process", "clean", "smudge", "driver", "command")

"""``git data config``.

Show the settings of git-data and where each value comes from, or change one.

Settings are git's own (git config data.…), read from all its files; a few may also be committed in .gitdata at the top of the
repository, so that every clone has them. git's configuration overrides .gitdata.

  git data config                           all settings
  git data config data.link                 one value
  git data config data.guard 100MB          set it for this repository
  git data config --global data.fsync none  set it for this user
  git data config --committed data.guard 1GB
"""

from __future__ import annotations

import argparse
import os

from git_data.commands import output
from git_data.commands.parser import add_json
from git_data.config import COMMITTED_FILE, COMMITTED_KEYS, DEFAULTS, KNOWN_KEYS, MANY_VALUED, Config, Entry, Settings
from git_data.errors import CheckFailed, RepositoryError, UsageError
from git_data.git.repo import locate
from git_data.git.run import git


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("key", nargs="?", metavar="KEY", help="data.link, or short: link")
    parser.add_argument("value", nargs="?", metavar="VALUE", help="the new value")
    scope = parser.add_mutually_exclusive_group()
    for name, help in (
        ("local", "this repository (the default for a change)"),
        ("global", "every repository of this user"),
        ("system", "every user of this machine"),
        ("worktree", "this linked work tree only"),
    ):
        scope.add_argument(f"--{name}", dest="scope", action="store_const", const=f"--{name}", help=help)
    scope.add_argument("--committed", action="store_true", help=f"the file {COMMITTED_FILE}, which is committed and cloned")
    parser.add_argument("--unset", action="store_true", help="remove KEY")
    parser.add_argument("-l", "--list", action="store_true", help="all settings (the default without KEY)")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show or change."""
    if arguments.key is None or arguments.list:
        return _list(arguments.json)
    key = _known(arguments.key)
    if arguments.unset:
        return _unset(key, arguments)
    if arguments.value is None:
        return _show(key, arguments.json)
    return _set(key, arguments.value, arguments)


def _known(text: str) -> str:
    """The full name of a setting. Raises: UsageError with what was probably meant."""
    import difflib

    key = text.lower()
    key = key if key.startswith("data.") else f"data.{key}"
    for known in KNOWN_KEYS:
        if known.lower() == key:
            return known
    close = difflib.get_close_matches(key, [known.lower() for known in KNOWN_KEYS], n=1)
    meant = next((known for known in KNOWN_KEYS if close and known.lower() == close[0]), "")
    raise UsageError(f"'{text}' is not a setting of git-data", f"git data config {meant}" if meant else "git data config --list")


def _config() -> Config:
    """This repository's configuration, or the user's outside of one."""
    try:
        return locate().config
    except RepositoryError:
        from git_data.config import parse_list

        return Config(parse_list(git("config", "--list", "--show-scope", "-z")))


def values_of(config: Config) -> list[dict[str, str]]:
    """Every setting with its value, where that comes from, and its meaning. Raises: ConfigError."""
    Settings(config)  # raises ConfigError for a value that makes no sense
    rows = []
    for key, meaning in KNOWN_KEYS.items():
        values = config.get_all(key.lower())
        origin = config.scope(key.lower()) or "default"
        if key not in MANY_VALUED:
            values = values[-1:]
        value = ", ".join(values) if values else DEFAULTS.get(key, "")
        rows.append({"key": key, "value": value, "origin": ".gitdata" if origin == "gitdata" else origin, "meaning": meaning})
    return rows


def _list(as_json: bool) -> int:
    rows = values_of(_config())
    if as_json:
        output.print_json(rows)
    else:
        columns = ("key", "value", "origin", "meaning")
        output.write(output.table([[row[name] for name in columns] for row in rows], columns))
    return 0


def _show(key: str, as_json: bool) -> int:
    row = next(row for row in values_of(_config()) if row["key"] == key)
    if as_json:
        output.print_json(row)
    elif not row["value"]:
        raise CheckFailed(f"{key} is not set", f"git data config {key} VALUE   # {row['meaning']}")
    else:
        output.line(row["value"])
    return 0


def _set(key: str, value: str, arguments: argparse.Namespace) -> int:
    target = _target(key, arguments)
    Settings(Config({key.lower(): [Entry("command", value)]}))  # raises ConfigError
    git("config", *target, key, value)
    return 0


def _unset(key: str, arguments: argparse.Namespace) -> int:
    if not git("config", *_target(key, arguments), "--get-all", key, ok=(0, 1)):
        raise CheckFailed(f"{key} is not set there", "git data config --list")
    git("config", *_target(key, arguments), "--unset-all", key)
    return 0


def _target(key: str, arguments: argparse.Namespace) -> list[str]:
    """The configuration file that is meant, as an option of ``git config``."""
    if not arguments.committed:
        return [arguments.scope or "--local"]
    if key.lower() not in COMMITTED_KEYS:
        allowed = ", ".join(known for known in KNOWN_KEYS if known.lower() in COMMITTED_KEYS)
        raise UsageError(
            f"{key} cannot be committed: whoever can push would decide it for every clone",
            f"git data config {key} …   # for this repository; in {COMMITTED_FILE} may be: {allowed}",
        )
    return ["--file", os.path.join(locate().require_worktree(), COMMITTED_FILE)]

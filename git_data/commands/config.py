"""``git data config``.

Show settings, what they mean and where they come from, or change them. A value is checked before it is written.

  git data config                          all settings
  git data config link                     one setting (the prefix "data." may be left out)
  git data config link hardlink,copy       change it, in this repository unless --global or another scope is given
  git data config --committed guard 10MB   change it for everybody: in .gitdata, which is committed

.gitdata comes with a clone, so it may hold only settings that cannot run a command, name a credential or point outside of the
repository; git's configuration overrides it.
"""

from __future__ import annotations

import argparse
import difflib
import os

from git_data.commands import output
from git_data.commands.install import add_scope, find_repository
from git_data.commands.parser import add_json
from git_data.config import COMMITTED_FILE, COMMITTED_KEYS, DEFAULTS, KNOWN_KEYS, MANY_VALUED, Config, Entry, Settings
from git_data.errors import CheckFailed, ConfigError, RepositoryError, UsageError
from git_data.git.repo import locate
from git_data.git.run import git
from git_data.setup.settings import COMMITTED, DEFAULT, Origin, Setting, effective, origins, unknown
from git_data.store.place import open_store, register

_BY_LOWER_CASE = {key.lower(): key for key in KNOWN_KEYS}
_WHY_NOT_COMMITTED = {
    "data.allowIncompletePush": "whoever can push would decide that data may lack",
    "data.alternates": "it names directories of one machine",
    "data.cacheDir": "it names a directory of one machine",
    "data.fsync": "whoever can push would decide how safe the data of everybody else is",
    "data.idleTimeout": "it depends on the network",
    "data.jobs": "it depends on the machine",
    "data.limitRate": "it depends on the network",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("key", nargs="?", metavar="KEY", help="a setting, with or without 'data.'")
    parser.add_argument("value", nargs="?", metavar="VALUE", help="the new value")
    add_scope(parser)
    parser.add_argument("--committed", action="store_true", help=f"the settings for everybody, in {COMMITTED_FILE}")
    action = parser.add_mutually_exclusive_group()
    action.add_argument("-l", "--list", action="store_true", help="show all settings (the default)")
    action.add_argument("--add", action="store_true", help="add one more value to a setting that may have several")
    action.add_argument("--unset", action="store_true", help="go back to the default")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show or change. Raises: ConfigError for a bad value that is there already, after showing everything."""
    if arguments.committed and arguments.scope:
        raise UsageError(f"--committed and {arguments.scope} are two places", "git data config -h")
    if arguments.key is None and (arguments.add or arguments.unset):
        raise UsageError("name the setting", "git data config --list")
    key = known_key(arguments.key) if arguments.key is not None else ""
    bad_value: ConfigError | None = None
    try:
        repo = find_repository("--local" if arguments.committed else arguments.scope)
    except ConfigError as error:
        repo, bad_value = None, error
    if arguments.unset or arguments.value is not None:
        return _change(key, origins(repo), arguments, inside=repo is not None or bad_value is not None)
    if arguments.add:
        raise UsageError("--add needs a value", f"git data config --add {key} VALUE")
    if key:
        setting = effective(origins(repo), _scope(arguments))[key]
        if arguments.json:
            output.print_json(record(setting))
        else:
            output.write("".join(f"{value}\n" for value in setting.values))
    else:
        _show_all(origins(repo), arguments)
    if bad_value is not None:
        raise bad_value
    return 0


def known_key(text: str) -> str:
    """A key as documentation spells it. Raises: UsageError."""
    lowered = text.lower()
    key = _BY_LOWER_CASE.get(lowered) or _BY_LOWER_CASE.get(f"data.{lowered}")
    if key is None:
        wanted = lowered if lowered.startswith("data.") else f"data.{lowered}"
        close = difflib.get_close_matches(wanted, _BY_LOWER_CASE, n=1)
        meant = _BY_LOWER_CASE[close[0]] if close else "--list"
        raise UsageError(f"'{text}' is not a setting of git-data", f"git data config {meant}")
    return key


def record(setting: Setting) -> dict[str, object]:
    """A setting for JSON."""
    return {
        "key": setting.key,
        "value": setting.values if setting.key in MANY_VALUED else setting.text,
        "origin": setting.scope,
        "file": setting.file,
        "default": DEFAULTS.get(setting.key, ""),
        "meaning": KNOWN_KEYS[setting.key],
        "may_be_committed": setting.key.lower() in COMMITTED_KEYS,
    }


def _scope(arguments: argparse.Namespace) -> str:
    """The one place that is asked for, empty for all."""
    return COMMITTED if arguments.committed else (arguments.scope or "").removeprefix("--")


def _show_all(found: list[Origin], arguments: argparse.Namespace) -> None:
    only = _scope(arguments)
    settings = [setting for setting in effective(found, only).values() if not only or setting.scope != DEFAULT]
    if arguments.json:
        output.print_json([record(setting) for setting in settings])
        return
    rows = [
        [setting.key, setting.text, setting.scope if setting.scope == DEFAULT else output.paint(setting.scope, "bold"), meaning]
        for setting in settings
        for meaning in [KNOWN_KEYS[setting.key]]
    ]
    output.write(output.table(rows, ["setting", "value", "from", "meaning"]))
    for origin in unknown(found):
        output.line(f"\n{origin.key} = {origin.value} ({origin.file}) is not a setting of git-data.")


# -- changing


def _change(key: str, found: list[Origin], arguments: argparse.Namespace, inside: bool) -> int:
    if arguments.unset and arguments.value is not None:
        raise UsageError("--unset takes no value", f"git data config --unset {key}")
    if arguments.add and key not in MANY_VALUED:
        raise UsageError(f"{key} has one value", f"git data config {key} {arguments.value}")
    where = _place(key, arguments, inside)
    if arguments.unset:
        if not git("config", *where, "--get-all", key, ok=(0, 1)):
            raise CheckFailed(f"{key} is not set there", "git data config --list")
        git("config", *where, "--unset-all", key)
    else:
        _validate(key, arguments.value)
        git("config", *where, "--add" if arguments.add else "--replace-all", key, arguments.value)
    if arguments.committed:
        output.line(f"Written to {COMMITTED_FILE}; commit it: git add {COMMITTED_FILE} && git commit")
    _say_if_overridden(key, found, _scope(arguments) or "local")
    if key == "data.cacheDir" and inside:
        # at once, so that a collection in another repository asks this one, too
        repo = locate()
        register(repo, open_store(repo))
    return 0


def _validate(key: str, value: str) -> None:
    """Raises: ConfigError when the value makes no sense."""
    Settings(Config({key.lower(): [Entry("command", value)]}))
    path = os.path.expanduser(value)
    if key == "data.cacheDir" and os.path.exists(path) and not os.path.isdir(path):
        raise ConfigError(f"'{value}' is not a directory", f"git data config {key} DIRECTORY")


def _place(key: str, arguments: argparse.Namespace, inside: bool) -> list[str]:
    """The options of ``git config`` that say where. Raises: UsageError, RepositoryError, GitFailed in a bare repository."""
    if not arguments.committed:
        if arguments.scope is None and not inside:
            raise RepositoryError("not a git repository", f"for all your repositories: git data config --global {key} …")
        return [arguments.scope or "--local"]
    if key.lower() not in COMMITTED_KEYS:
        reason = _WHY_NOT_COMMITTED.get(key, "it could make a clone run or reach something its owner did not choose")
        raise UsageError(f"{key} cannot be committed: {reason}", f"git data config {key} …   # for this repository of yours only")
    root = os.fsdecode(git("rev-parse", "--show-toplevel").removesuffix(b"\n"))
    return ["--file", os.path.join(root, COMMITTED_FILE)]


def _say_if_overridden(key: str, before: list[Origin], written: str) -> None:
    """Tell when something that counts more has the last word here."""
    order = [COMMITTED, "system", "global", "local", "worktree", "command"]
    above = [origin for origin in before if origin.key == key.lower() and order.index(origin.scope) > order.index(written)]
    if above:
        output.line(f"Here it does not count: {above[-1].scope} ({above[-1].file}) says {key} = {above[-1].value}")

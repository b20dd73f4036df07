"""``git data remote``.

Manage the places where data is shared: S3 and the like, SSH, folders, WebDAV, HTTP, LFS servers, Azure, Google, FTP and more.

  git data remote add -d store s3://bucket/prefix
  git data remote add nas ssh://user@host/srv/data
  git data remote add disk /mnt/disk/project
  git data remote add lfs --lfs                       the LFS server of origin
  git data remote check

Remotes are written to .gitdata, which is committed, so that a clone knows them; with --local to the configuration of this
repository, which overrides .gitdata setting by setting. Passwords and keys belong to neither: they are taken from where the tools
of each service keep them (AWS profiles and environment, ssh agent and keys, netrc, git's credential helpers). A remote holds
nothing but plain objects; point it at an empty place.

A place can also host a whole repository, history and data, without a server: git clone, fetch and push work on data::URL.

  git data remote init s3://bucket/project
  git data remote reflog origin
  git data remote fsck origin

set-head, protect, reflog, compact and fsck look after such a place; they take the name of a git remote, that of a remote for
data, or an address. Exit status of fsck: 0 all is well, 3 something is missing, 4 something is damaged, 8 the place does not
work or is not what it was.
"""

from __future__ import annotations

import argparse
import difflib
import os

from git_data.commands import output, remote_host
from git_data.commands.parser import add_json
from git_data.config import COMMITTED_FILE, is_remote_name
from git_data.errors import CheckFailed, GitDataError, UsageError
from git_data.git.repo import Repository, locate
from git_data.remote.address import is_secret, parse, redacted
from git_data.remote.base import Options
from git_data.remote.layout import initialise
from git_data.remote.registry import check_scheme, open_remote
from git_data.sync import edit_remotes, remotes
from git_data.sync.edit_remotes import LOCAL
from git_data.sync.implied import look_for_remotes
from git_data.sync.remotes import COMMITTED, SETTINGS, Named

_OPTIONS = ("region", "endpoint", "profile")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands."""
    commands = parser.add_subparsers(dest="subcommand", metavar="COMMAND", help="what to do; list, if not given")

    def command(name: str, help: str) -> argparse.ArgumentParser:
        return commands.add_parser(
            name,
            help=help,
            description=help[0].upper() + help[1:] + ".",
            formatter_class=parser.formatter_class,
            allow_abbrev=False,
        )

    add = command("add", "name a place for data; nothing is connected yet")
    _add_name_and_url(add, nargs="?")
    add.add_argument(
        "--lfs", nargs="?", const="", metavar="GIT-REMOTE", help="the LFS server of a git remote, found as git-lfs does (origin)"
    )
    add.add_argument("-d", "--default", action="store_true", help="use it where none is named (the first one is, anyway)")
    _add_local(add)
    for option in _OPTIONS:
        add.add_argument(f"--{option}", metavar=option.upper(), help=SETTINGS[option])
    add.add_argument("--anonymous", action="store_true", help="use no credentials")
    add.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", dest="more", help=f"one more setting: {', '.join(SETTINGS)}"
    )
    listing = command("list", "list the remotes (the default)")
    shown = command("show", "show everything that is set for a remote, and where")
    shown.add_argument("name", metavar="NAME", help="a remote")
    add_json(shown)
    renaming = command("rename", "give a remote another name")
    renaming.add_argument("old", metavar="NAME", help="a remote")
    renaming.add_argument("new", metavar="NEWNAME", help="its new name")
    removing = command("remove", "forget a remote; its content stays where it is")
    removing.add_argument("name", metavar="NAME", help="a remote")
    changing = command("set-url", "change the address of a remote")
    _add_name_and_url(changing)
    _add_local(changing)
    default = command("default", "show or set the remote that is used where none is named")
    default.add_argument("name", nargs="?", metavar="NAME", help="a remote")
    _add_local(default)
    checking = command("check", "try what a remote lets us do: read, write, create, swap, list, delete")
    checking.add_argument(
        "name", nargs="?", default="", metavar="NAME", help="a remote, or an address (default: the default one)"
    )
    add_json(checking)
    remote_host.configure(command)
    for one in (parser, listing):
        # the bare command lists, and its options must not be reset by those of the subcommand
        default_value = argparse.SUPPRESS if one is listing else False
        one.add_argument(
            "-v", "--verbose", action="store_true", default=default_value, help="show settings and their origin, too"
        )
        one.add_argument("--json", action="store_true", default=default_value, help="print JSON for programs")


def _add_name_and_url(parser: argparse.ArgumentParser, nargs: str | None = None) -> None:
    parser.add_argument("name", metavar="NAME", help="letters, digits, dots, dashes and underscores")
    parser.add_argument(
        "url", metavar="URL", nargs=nargs, help="s3://bucket/prefix, ssh://host/path, user@host:path, https://…, a path …"
    )


def _add_local(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--local", action="store_true", help=f"in the configuration of this repository, not in {COMMITTED_FILE}")


def run(arguments: argparse.Namespace) -> int:
    """Run the subcommand."""
    hosting = remote_host.works().get(arguments.subcommand)
    if hosting is not None:
        return hosting(arguments)
    repo = locate()
    works = {
        None: _list,
        "add": _add,
        "check": _check,
        "default": _default,
        "list": _list,
        "remove": _remove,
        "rename": _rename,
        "set-url": _set_url,
        "show": _show,
    }
    return works[arguments.subcommand](repo, arguments)


# -- changing


def _add(repo: Repository, arguments: argparse.Namespace) -> int:
    name = _new_name(repo, arguments.name)
    text, is_of_this_machine = _named_server(repo, arguments)
    local = arguments.local or is_of_this_machine
    url = _checked_url(text, local)
    settings = _settings(arguments)
    place = LOCAL if local else edit_remotes.committed_place(repo)
    told = _begin_folder(url)
    kept = edit_remotes.write(repo, place, name, settings, url)
    is_first = not repo.config.get("data.remote") and not remotes.named(repo.config)
    if arguments.default or is_first:
        edit_remotes.write_default(place, name)
    output.line(f"{'Default remote' if arguments.default or is_first else 'Remote'} '{name}': {redacted(url)}")
    if kept:
        output.line(f"Kept in the configuration of this repository only: {', '.join(sorted(kept))}.")
    _say_written(place)
    if told:
        output.line(told)
    output.line(f"To see whether it works: git data remote check {name}")
    return 0


def _named_server(repo: Repository, arguments: argparse.Namespace) -> tuple[str, bool]:
    """The address that is meant, and whether it was found beside a git remote that is a path of this machine."""
    if arguments.lfs is None and arguments.url is not None:
        return arguments.url, False
    if arguments.lfs is None or arguments.url is not None:
        raise UsageError("either URL or --lfs, the LFS server of a git remote", f"git data remote add {arguments.name} --lfs")
    from git_data.sync.lfs_discovery import discover

    found = discover(repo, arguments.lfs)
    output.line(f"LFS server by {found.source}")
    return found.address, found.address.startswith("lfs+file:")


def _begin_folder(url: str) -> str:
    """Mark a folder as ours: who names one here chose it, while one that only comes with a clone is never made.

    What to tell about it: that it is new, or why it is of no use yet.
    """
    address = parse(url)
    if address.scheme != "file":
        return ""
    is_new = not os.path.isdir(address.path)
    try:
        initialise(open_remote(address, Options()))
    except GitDataError as error:
        return f"It is of no use yet: {output.plain(error.message)}"
    return f"New folder: {output.plain(address.path)}" if is_new else ""


def _new_name(repo: Repository, name: str) -> str:
    if not is_remote_name(name):
        raise UsageError(
            f"'{redacted(name)}' is no name for a remote: letters, digits, dots, dashes and underscores", "git data remote add -h"
        )
    if name in remotes.named(repo.config):
        raise UsageError(f"there is a remote '{name}' already", f"git data remote set-url {name} URL")
    return name


def _checked_url(text: str, local: bool) -> str:
    """The URL as it is stored: paths become absolute. Raises: UsageError."""
    address = parse(text)
    check_scheme(address.scheme)
    remotes.check("url", text, committed=not local)
    return address.url


def _settings(arguments: argparse.Namespace) -> dict[str, str]:
    given = {option: getattr(arguments, option) for option in _OPTIONS if getattr(arguments, option) is not None}
    if arguments.anonymous:
        given["anonymous"] = "true"
    for text in arguments.more:
        key, separator, value = text.partition("=")
        key = key.lower()
        if is_secret(key):
            raise UsageError(f"'{key}' is a secret, and settings are stored in plain text", "git data remote -h")
        if key not in SETTINGS:
            close = difflib.get_close_matches(key, SETTINGS, n=1)
            meant = f"; did you mean '{close[0]}'?" if close else ""
            raise UsageError(f"'{key}' is not a setting of a remote{meant}", f"one of: {', '.join(SETTINGS)}")
        if not separator:
            raise UsageError(f"'{key}' has no value", f"--set {key}=VALUE")
        given[key] = value
    for key, value in given.items():
        remotes.check(key, value)
    return given


def _rename(repo: Repository, arguments: argparse.Namespace) -> int:
    old = _known(repo, arguments.old)
    edit_remotes.must_be_ours(repo, old, f"rename {old.name} {arguments.new}")
    new = _new_name(repo, arguments.new)
    left = edit_remotes.rename(repo, old.name, new)
    output.line(f"'{old.name}' is called '{new}' now.")
    _say_left(left)
    _say_written(edit_remotes.place_of(repo, old.scope))
    return 0


def _remove(repo: Repository, arguments: argparse.Namespace) -> int:
    remote = _known(repo, arguments.name)
    edit_remotes.must_be_ours(repo, remote, f"remove {remote.name}")
    was_default = remotes.default_name(repo.config) == remote.name
    left = edit_remotes.remove(repo, remote)
    output.line(f"'{remote.name}' is forgotten; its content stays at {redacted(remote.url)}")
    others = [name for name in remotes.named(repo.config) if name != remote.name]
    if was_default and len(others) > 1:
        output.line(f"Choose another default: git data remote default {others[0]}")
    _say_left(left)
    _say_written(edit_remotes.place_of(repo, remote.scope))
    return 0


def _set_url(repo: Repository, arguments: argparse.Namespace) -> int:
    remote = _known(repo, arguments.name)
    edit_remotes.must_be_ours(repo, remote, f"set-url {remote.name} data::{redacted(arguments.url)}")
    local = arguments.local or remote.scope != COMMITTED
    url = _checked_url(arguments.url, local)
    place = LOCAL if local else edit_remotes.committed_place(repo)
    edit_remotes.write(repo, place, remote.name, {}, url)
    output.line(f"Remote '{remote.name}': {redacted(url)}")
    _say_written(place)
    if told := _begin_folder(url):
        output.line(told)
    return 0


def _default(repo: Repository, arguments: argparse.Namespace) -> int:
    if arguments.name is None:
        name = remotes.default_name(repo.config)
        if not name:
            raise CheckFailed("no remote is the default one", "git data remote default NAME")
        output.line(name)
        return 0
    remote = _known(repo, arguments.name)
    place = edit_remotes.place_of(repo, "local" if arguments.local else remote.scope)
    edit_remotes.write_default(place, remote.name)
    output.line(f"Default remote: '{remote.name}'")
    if place != LOCAL and repo.config.scope("data.remote") not in ("", COMMITTED):
        scope = repo.config.scope("data.remote")
        output.line(f"Here it does not count: {scope} says data.remote = {repo.config.get('data.remote')}")
    _say_written(place)
    return 0


def _known(repo: Repository, name: str) -> Named:
    found = remotes.named(repo.config)
    if name not in found:
        raise remotes.unknown(name, found)
    return found[name]


def _say_written(place: tuple[str, ...]) -> None:
    if place != LOCAL:
        output.line(f"Written to {COMMITTED_FILE}; commit it: git add {os.path.relpath(place[1])} && git commit")


def _say_left(scopes: list[str]) -> None:
    for scope in scopes:
        output.line(f"git's {scope} configuration still speaks of it: git config --{scope} --edit")


# -- showing


def _list(repo: Repository, arguments: argparse.Namespace) -> int:
    look_for_remotes(repo)
    found = remotes.named(repo.config)
    default = remotes.default_name(repo.config)
    if arguments.json:
        output.print_json([_record(remote, default) for remote in found.values()])
        return 0
    rows = []
    for remote in found.values():
        row = [output.paint(remote.name, "bold"), redacted(remote.url), "default" if remote.name == default else ""]
        if arguments.verbose:
            settings = " ".join(f"{setting}={redacted(value)}" for setting, value in sorted(remote.settings.items()))
            row += [_origin(remote.scope), settings]
        rows.append([output.plain(cell) if "\x1b" not in cell else cell for cell in row])
    headers = ["remote", "URL", "", "from", "settings"] if arguments.verbose else []
    output.write(output.table(rows, headers))
    return 0


def _show(repo: Repository, arguments: argparse.Namespace) -> int:
    look_for_remotes(repo)
    remote = _known(repo, arguments.name)
    default = remotes.default_name(repo.config)
    if arguments.json:
        output.print_json(_record(remote, default))
        return 0
    output.line(f"{output.paint(remote.name, 'bold')}{', the default' if remote.name == default else ''}")
    values = {"url": remote.url, **dict(sorted(remote.settings.items()))}
    rows = [
        [setting, output.plain(redacted(value)), _origin(remote.scopes[setting]), SETTINGS.get(setting, "")]
        for setting, value in values.items()
    ]
    output.write(output.indented(output.table(rows, ["setting", "value", "from", "meaning"])))
    return 0


def _origin(scope: str) -> str:
    return COMMITTED_FILE if scope == COMMITTED else scope


def _record(remote: Named, default: str) -> dict[str, object]:
    """A remote for JSON."""
    return {
        "name": remote.name,
        "url": redacted(remote.url),
        "default": remote.name == default,
        "origin": _origin(remote.scope),
        "settings": {setting: redacted(value) for setting, value in sorted(remote.settings.items())},
        "origins": {setting: _origin(scope) for setting, scope in sorted(remote.scopes.items())},
    }


def _check(repo: Repository, arguments: argparse.Namespace) -> int:
    from git_data.sync.check_remote import abilities

    named = remotes.find(repo, arguments.name)
    address = remotes.address_of(repo, named)
    # a folder that nobody here chose is not made by looking at it
    may_write = not (named.is_committed and address.scheme == "file" and not os.path.isdir(address.path))
    remote = remotes.open_named(repo, named)
    try:
        found = abilities(remote, may_write)
    finally:
        remote.close()
    usable = all(ability.works for ability in found if ability.needed)
    if arguments.json:
        records = [
            {
                "ability": one.name,
                "works": one.works,
                "needed": one.needed,
                "detail": redacted(one.detail),
                "hint": redacted(one.hint),
            }
            for one in found
        ]
        output.print_json({"name": named.name, "url": redacted(named.url), "usable": usable, "abilities": records})
        return 0 if usable else 1
    output.line(f"{named.name or 'remote'}: {output.plain(redacted(named.url))}")
    rows = []
    for one in found:
        word = output.paint("yes", "green") if one.works else output.paint("no", "red" if one.needed else "yellow")
        rows.append([one.name, word, output.plain(redacted(one.detail))])
        if one.hint:
            rows.append(["", "", output.plain(redacted(one.hint))])
    output.write(output.indented(output.table(rows)))
    lacking = [one.name for one in found if one.needed and not one.works]
    if lacking == ["write"]:
        raise CheckFailed(f"'{named.name or redacted(named.url)}' can be read, but nothing can be written to it")
    if lacking:
        raise CheckFailed(f"'{named.name or redacted(named.url)}' cannot be used: {lacking[0]} does not work")
    return 0

"""``git data help``.

Show the manual page of a command, or list the commands. Where man is not installed the page is printed as text.
"""

from __future__ import annotations

import argparse
import os
import sys

from git_data.__main__ import COMMANDS, HOT
from git_data.commands import parser as parsers
from git_data.errors import RepositoryError

GROUPS = (
    ("set up", ("clone", "install", "uninstall", "track", "untrack", "config", "completion")),
    ("work with data", ("add", "checkout", "status", "ls-files", "diff", "export", "pointer")),
    ("share data", ("remote", "push", "fetch", "pull", "whereis", "drop", "mirror", "url")),
    ("edit one at a time", ("lock", "unlock", "locks")),
    ("take care of files and store", ("du", "relink", "unprotect", "fsck", "gc")),
    ("move here", ("migrate",)),
    ("find out", ("env", "doctor", "help")),
)
"""Every command once, in the order of the list."""

_INTRODUCTION = """\
usage: git data <command> [options]

Plain git commands (add, commit, checkout, merge, stash …) version the files tracked as data.
To begin: git data install && git data track '*.bin'
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("command", nargs="?", metavar="COMMAND", help="a command (default: list all of them)")
    parser.add_argument("-a", "--all", action="store_true", help="list also the commands that git starts by itself")


def run(arguments: argparse.Namespace) -> int:
    """Show one page or the list. Raises: UsageError, RepositoryError."""
    name = (arguments.command or "").removeprefix("git-data-")
    if not name:
        print(overview(arguments.all), end="")
        return 0
    if name == "git-remote-data":
        return show("git-remote-data")
    if name in HOT:
        return parsers.run(name, ["-h"])
    if name not in COMMANDS and name not in ("data", "git-data"):
        raise parsers.unknown(name)
    return show("git-data" if name in ("data", "git-data") else f"git-data-{name}")


def overview(everything: bool = False) -> str:
    """The list of commands, in groups."""
    lines = [_INTRODUCTION]
    for title, names in GROUPS:
        lines.append(title)
        lines += [f"   {name:<12}{COMMANDS[name][1]}" for name in names]
        lines.append("")
    if everything:
        lines += ["started by git", "   " + ", ".join(sorted(HOT)), ""]
    lines.append("git data <command> -h shows the options, git data help <command> the manual page, git help data the ideas.")
    return "\n".join(lines) + "\n"


def show(page: str) -> int:
    """The manual page by ``man``, or its text where there is no ``man``. Raises: RepositoryError."""
    import shutil
    import subprocess

    if shutil.which("man"):
        # a path with a slash is a file for every man: man-db, mandoc, macOS
        return subprocess.run(["man", find(f"{page}.1")]).returncode
    with open(find(f"{page}.md"), encoding="utf-8") as file:
        text = file.read()
    _page(text)
    return 0


def _page(text: str) -> None:
    """Markdown on a terminal, through the user's pager; as it is elsewhere."""
    if not sys.stdout.isatty():
        print(text, end="")
        return
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console()
    with console.pager():
        console.print(Markdown(text))


def find(name: str) -> str:
    """A page in the installed package, or in the sources. Raises: RepositoryError."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    kind = "man" if name.endswith(".1") else "reference"
    for place in (package, os.path.join(os.path.dirname(package), "docs")):
        path = os.path.join(place, kind, name)
        if os.path.exists(path):
            return path
    raise RepositoryError(f"the page '{name}' is missing from this installation", "pip install --force-reinstall git-data")

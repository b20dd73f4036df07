"""``git data completion``.

Print a completion script for a shell, made from the parsers of all commands. It completes both spellings, git-data and git data;
the second needs git's own completion, which Debian, Fedora and Homebrew install with git.
"""

from __future__ import annotations

import argparse
import importlib
import os

from git_data.__main__ import COMMANDS
from git_data.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SHELLS = ("bash", "zsh", "fish", "tcsh")

_FILES = ("PATH", "FILE", "PATHSPEC")
_DIRECTORIES = ("DIR", "DIRECTORY")
_REVISIONS = ("REV", "REVISION", "RANGE", "OLD", "NEW")
_LIST_REVISIONS = "git rev-parse --symbolic --branches --tags --remotes"

# git's completion calls _git_<command> with the whole line in words and cword, and the place of the command in __git_cmd_idx
_BASH_GIT = """
_git_data() {
  local at=${__git_cmd_idx:-1}
  local -a COMP_WORDS=(git-data "${words[@]:at+1}")
  local COMP_CWORD=$((cword - at))
  _shtab_git_data
  compopt +o nospace 2>/dev/null
}
"""

# zsh's completion of git calls _git-<command>, which exists already where this script is a file of that name in fpath
_ZSH_GIT = """
if [[ $zsh_eval_context[-1] == eval ]]; then
  _git-data() { _shtab_git_data "$@" }
fi
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("shell", nargs="?", choices=SHELLS, help="the shell to write for (default: yours, from $SHELL)")


def run(arguments: argparse.Namespace) -> int:
    """Print the script. Raises: UsageError."""
    shell = arguments.shell or os.path.basename(os.environ.get("SHELL", ""))
    if shell not in SHELLS:
        raise UsageError(f"'{shell}' is not a shell this can complete for", "git data completion bash")
    print(script(shell))
    return 0


def script(shell: str) -> str:
    """The completion script for one of ``SHELLS``."""
    import shtab

    text: str = shtab.complete(_everything(), shell, root_prefix="git_data")
    return text + {"bash": _BASH_GIT, "zsh": _ZSH_GIT}.get(shell, "")


def _everything() -> argparse.ArgumentParser:
    """One parser that has every command as a subcommand."""
    top = argparse.ArgumentParser(prog="git-data", description="version large files with plain git")
    commands = top.add_subparsers(dest="command")
    for name, (module, summary) in COMMANDS.items():
        parser = commands.add_parser(name, help=summary, description=summary, allow_abbrev=False)
        importlib.import_module(module).configure(parser)
        for action in parser._actions:
            _complete_value(action)
    return top


def _complete_value(action: Any) -> None:
    """Say what a value is, by the name it has in the help."""
    import shtab

    if action.choices is not None or action.nargs == 0:
        return
    name = str(action.metavar).partition("|")[0]
    if name in _FILES:
        action.complete = shtab.FILE
    elif name in _DIRECTORIES:
        action.complete = shtab.DIRECTORY
    elif name in _REVISIONS:
        # tcsh cannot send the errors of a command elsewhere
        quiet, plain = shtab.cmd(f"{_LIST_REVISIONS} 2>/dev/null"), shtab.cmd(_LIST_REVISIONS)
        action.complete = {**quiet, "tcsh": plain["tcsh"]}
    elif name == "COMMAND":
        action.choices = list(COMMANDS)

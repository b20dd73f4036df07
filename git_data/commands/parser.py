"""Parsers of the commands people type: common options, help, suggestions."""

from __future__ import annotations

import argparse
import difflib
import gc
import importlib
import sys

from git_data.__main__ import ALIASES, COMMANDS, HOT
from git_data.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any, NoReturn

_MARK = "\0"
"""No word of a command line can contain it."""


class Parser(argparse.ArgumentParser):
    """Raises ``UsageError`` with a suggestion instead of exiting."""

    _mixing = False
    _innermost: Parser | None = None
    """whoever parses what follows the last command of a command: it knows the options that could have been meant"""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Options and words in any order for the commands of a command, too, which argparse parses by this."""
        Parser._innermost = self
        # argparse cannot mix where "--" is
        whole = any(action.nargs in (argparse.REMAINDER, argparse.PARSER) for action in self._actions)
        if self._mixing or whole or "--" in (args or ()):
            return super().parse_known_args(args, namespace)
        return self.parse_known_intermixed_args(args, namespace)

    def parse_known_intermixed_args(self, args: Any = None, namespace: Any = None) -> Any:
        """See there; it works by ``parse_known_args`` itself."""
        self._mixing = True
        try:
            return super().parse_known_intermixed_args(args, namespace)
        finally:
            self._mixing = False

    def error(self, message: str) -> NoReturn:
        """Called by argparse for a command line it cannot understand."""
        message = message.replace(_MARK, "")
        meant = (Parser._innermost or self) if "unrecognized arguments" in message else self
        raise UsageError(f"{message}{meant._suggest(message)}", f"{meant.prog} -h")

    def _suggest(self, message: str) -> str:
        wrong = message.partition("invalid choice: '")[2].partition("'")[0]
        for action in self._actions if wrong else ():
            close = difflib.get_close_matches(wrong, map(str, action.choices or ()), n=1)
            if close:
                return f"; did you mean {close[0]}?"
        if "unrecognized arguments" not in message:
            return ""
        options = [option for action in self._actions for option in action.option_strings]
        for word in message.partition(":")[2].split():
            close = difflib.get_close_matches(word.partition("=")[0], options, n=1, cutoff=0.7)
            if close:
                return f"; did you mean {close[0]}?"
        return ""


class _Paragraphs(argparse.HelpFormatter):
    """Fits the paragraphs of a description to the terminal; indented ones stay as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        paragraphs = text.split("\n\n")
        return "\n\n".join(
            paragraph.rstrip() if paragraph.startswith(" ") else super(_Paragraphs, self)._fill_text(paragraph, width, indent)
            for paragraph in paragraphs
        )


def build(name: str) -> tuple[Parser, ModuleType]:
    """The parser of a command and its module."""
    module_name, summary = COMMANDS[name]
    module = importlib.import_module(module_name)
    parser = Parser(
        prog=f"git data {name}",
        description=(module.__doc__ or summary).partition("\n\n")[2] or summary,
        formatter_class=_Paragraphs,
        allow_abbrev=False,
    )
    module.configure(parser)
    return parser, module


def run(name: str, words: list[str]) -> int:
    """Parse and run one command. Raises: UsageError."""
    if name in HOT:
        print(f"usage: git data {name}\n\n{importlib.import_module(HOT[name]).__doc__}")
        return 0
    if name not in COMMANDS:
        raise unknown(name)
    parser, module = build(name)
    arguments = _parse(parser, module.arrange(words) if hasattr(module, "arrange") else words)
    # lists of a hundred thousand records without cycles: looking for cycles again and again would take as long as the work
    gc.set_threshold(100_000, 20, 100)
    status: int | None = module.run(arguments)
    sys.stdout.flush()
    return status or 0


def _parse(parser: Parser, words: list[str]) -> argparse.Namespace:
    """Options and words in any order, as in git; what follows ``--`` is never an option.

    ``behind_dashes`` is how many words follow ``--``, -1 without one: git tells paths from revisions by it.
    """
    if any(action.nargs in (argparse.REMAINDER, argparse.PARSER) for action in parser._actions):
        return parser.parse_args(words)
    at = words.index("--") if "--" in words else len(words)
    # argparse cannot mix the two: words behind "--" are marked, so that none of them looks like an option
    arguments = parser.parse_intermixed_args([*words[:at], *(_MARK + word for word in words[at + 1 :])])
    for name, value in vars(arguments).items():
        if isinstance(value, list):
            setattr(arguments, name, [word.removeprefix(_MARK) for word in value])
        elif isinstance(value, str):
            setattr(arguments, name, value.removeprefix(_MARK))
    arguments.behind_dashes = len(words) - at - 1
    return arguments


def unknown(name: str) -> UsageError:
    """The error for a command that does not exist."""
    names = [*COMMANDS, *HOT, *ALIASES]
    close = difflib.get_close_matches(name, names, n=3)
    hint = "did you mean: " + ", ".join(f"git data {other}" for other in close) if close else "git data help"
    return UsageError(f"'{name}' is not a git data command", hint)


def add_json(parser: argparse.ArgumentParser) -> None:
    """The option every listing has."""
    parser.add_argument("--json", action="store_true", help="print JSON for programs")


def add_selection(parser: argparse.ArgumentParser) -> None:
    """The options that restrict paths, the same everywhere."""
    parser.add_argument(
        "-I", "--include", action="append", default=[], metavar="PATTERN", help="only paths that match (as in .gitignore)"
    )
    parser.add_argument(
        "-X", "--exclude", action="append", default=[], metavar="PATTERN", help="no paths that match (as in .gitignore)"
    )


def add_jobs(parser: argparse.ArgumentParser) -> None:
    """The number of threads."""
    parser.add_argument("-j", "--jobs", type=int, default=0, metavar="N", help="threads (default: data.jobs)")


def add_transfer_jobs(parser: argparse.ArgumentParser) -> None:
    """The number of transfers at once."""
    text = "at most so many transfers at once (default: data.NAME.jobs, or what suits the kind of remote)"
    parser.add_argument("-j", "--jobs", type=int, default=0, metavar="N", help=text)


def add_dry_run(parser: argparse.ArgumentParser) -> None:
    """Show, do not do."""
    parser.add_argument("-n", "--dry-run", action="store_true", help="show what would be done, and do nothing")

"""Write the command reference (``docs/reference/``) and the manual pages (``docs/man/``) from the parsers: ``make docs``.

A page is made in Markdown: synopsis and options from the parser, the description from the command's docstring, examples from
``docs/examples/<command>.md``, the overview from ``docs/overview.md``, and that of the remote helper from
``docs/git-remote-data.md``.  The manual page is the same page in roff.  Nothing depends on the Python that runs this, the
terminal or the date, so a test can compare the files.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from git_data.__main__ import COMMANDS
from git_data.commands import help as help_command
from git_data.commands.parser import build
from git_data.config import COMMITTED_KEYS, DEFAULTS, KNOWN_KEYS

DOCS = Path(__file__).resolve().parent


def main(names: list[str]) -> int:
    """Write all pages, or those of the given commands; remove pages of commands that are gone."""
    wanted = pages(names or list(COMMANDS))
    for path, text in wanted.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    if not names:
        for old in [*(DOCS / "reference").glob("*.md"), *(DOCS / "man").glob("*.1")]:
            if old not in wanted:
                old.unlink()
    print(f"{len(wanted)} pages written")
    return 0


def pages(names: list[str]) -> dict[Path, str]:
    """Every generated file and what must be in it."""
    found = {}
    texts = {f"git-data-{name}": command_page(name) for name in names}
    texts["git-data"] = overview_page()
    texts["git-remote-data"] = (DOCS / "git-remote-data.md").read_text(encoding="utf-8")
    for page, text in texts.items():
        found[DOCS / "reference" / f"{page}.md"] = text
        found[DOCS / "man" / f"{page}.1"] = Roff(page).convert(text)
    return found


# -- Markdown


def command_page(name: str) -> str:
    """The page of one command."""
    parser, _ = build(name)
    parts = [
        f"# git data {name} — {COMMANDS[name][1]}",
        "## Synopsis",
        f"```\n{synopsis(name, parser)}\n```",
        "## Description",
        marked_up(parser.description or ""),
    ]
    options = option_list(parser)
    if options:
        parts += ["## Options", options]
    for part, one in subcommands(parser).items():
        parts += [f"### git data {name} {part}", f"```\n{synopsis(f'{name} {part}', one)}\n```", marked_up(one.description or "")]
        parts += [text for text in [option_list(one)] if text]
    examples = DOCS / "examples" / f"{name}.md"
    if examples.exists():
        parts += ["## Examples", examples.read_text(encoding="utf-8").strip()]
    parts += ["## See also", "[git-data(1)](git-data.md)"]
    return "\n\n".join(parts) + "\n"


def overview_page() -> str:
    """The page of the whole: ``docs/overview.md`` with the tables filled in."""
    commands = []
    for title, names in help_command.GROUPS:
        commands.append(f"### To {title}")
        commands.append("\n".join(f"- [git-data-{name}(1)](git-data-{name}.md)  \n  {COMMANDS[name][1]}" for name in names))
    settings = "\n".join(f"- `{key}`  \n  {marked_up(meaning)}{_origin(key)}" for key, meaning in sorted(KNOWN_KEYS.items()))
    text = (DOCS / "overview.md").read_text(encoding="utf-8")
    return text.replace("<!-- commands -->", "\n\n".join(commands)).replace("<!-- settings -->", settings)


def _origin(key: str) -> str:
    default = f"Default: `{DEFAULTS[key]}`. " if key in DEFAULTS else ""
    committed = "May be committed." if key.lower() in COMMITTED_KEYS else ""
    return f". {default}{committed}".rstrip()


def synopsis(name: str, parser: argparse.ArgumentParser) -> str:
    """The usage line, the same from every version of argparse."""
    exclusive = {id(action): group for group in parser._mutually_exclusive_groups for action in group._group_actions}
    words, done = [], set()
    for action in sorted(parser._actions, key=lambda action: not action.option_strings):
        group = exclusive.get(id(action))
        if isinstance(action, argparse._HelpAction) or id(group or action) in done:
            continue
        done.add(id(group or action))
        if group is not None:
            choices = " | ".join(_usage(member) for member in group._group_actions)
            words.append(f"({choices})" if group.required else f"[{choices}]")
        elif action.option_strings:
            words.append(_usage(action) if action.required else f"[{_usage(action)}]")
        else:
            words.append(_usage(action))
    lines, line = [], f"git data {name}"
    for word in words:
        if len(line) + 1 + len(word) > 70:
            lines.append(line)
            line = " " * len(f"git data {name}")
        line += " " + word
    return "\n".join([*lines, line])


def subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The parsers of a command's own commands by their names."""
    found = [action.choices for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return dict(found[0]) if found else {}


def _usage(action: argparse.Action) -> str:
    value = _value(action)
    if action.option_strings:
        return " ".join(filter(None, (action.option_strings[0], value)))
    return value


def _value(action: argparse.Action) -> str:
    """``NAME``, ``[NAME]``, ``[NAME…]`` and so on, as the number of arguments says."""
    if action.nargs == 0:
        return ""
    name = action.metavar or ("{" + ",".join(map(str, action.choices)) + "}" if action.choices else action.dest.upper())
    if isinstance(name, tuple):
        return " ".join(name)
    forms = {
        "?": f"[{name}]",
        "*": f"[{name}…]",
        "+": f"{name}…",
        argparse.REMAINDER: f"[{name}…]",
        argparse.PARSER: f"[{name} …]",
    }
    if isinstance(action.nargs, int):
        return " ".join([name] * action.nargs)
    return forms.get(action.nargs or "", name)


def option_list(parser: argparse.ArgumentParser) -> str:
    """Arguments, then options, each with its help."""
    items = []
    for action in sorted(parser._actions, key=lambda action: bool(action.option_strings)):
        if isinstance(action, argparse._HelpAction) or action.help == argparse.SUPPRESS:
            continue
        value = _value(action)
        names = [f"`{option} {value}`" if value else f"`{option}`" for option in action.option_strings] or [f"`{value}`"]
        items.append(f"- {', '.join(names)}  \n  {marked_up((action.help or '').replace('%%', '%'))}")
    return "\n".join(items)


def marked_up(text: str) -> str:
    """Plain help text as Markdown: options and patterns become code, lines of a paragraph are joined."""
    paragraphs = []
    for paragraph in text.strip().split("\n\n"):
        if paragraph.startswith(("  ", "\t")):
            paragraphs.append("```\n" + "\n".join(line.strip() for line in paragraph.splitlines()) + "\n```")
            continue
        joined = " ".join(paragraph.split()) if not paragraph.startswith(("- ", "* ")) else paragraph
        paragraphs.append("".join(_code(part) for part in re.split(r"(`+[^`]+`+)", joined)))
    return "\n\n".join(paragraphs)


def _code(text: str) -> str:
    """Options, patterns and names in angle brackets between backticks; other special characters escaped."""
    if text.startswith("`"):
        return "`" + text.strip("`") + "`"
    marked = re.sub(r"(?<![\w\-/'])(--?[a-zA-Z][\w-]*|'[^' ]*[*_<][^' ]*'|<[^>]+>[\w/]*)(?!\w)", r"`\1`", text)
    return "".join(part if part.startswith("`") else re.sub(r"([*<])", r"\\\1", part) for part in re.split("(`[^`]+`)", marked))


# -- roff, man(7)


class Roff:
    """One page in roff. ``page`` is its file name without the section."""

    def __init__(self, page: str) -> None:
        self.page = page
        self.lines: list[str] = []
        self._skip = False

    def convert(self, markdown: str) -> str:
        """Render; the first heading is ``title — summary``."""
        tokens = MarkdownIt("commonmark").parse(markdown)
        self.lines = [
            f'.\\" from docs/reference/{self.page}.md, which is made by docs/generate.py',
            f'.TH {self.page.upper()} 1 "" "git-data" "git-data manual"',
            ".nh",
            ".ad l",
        ]
        for number, token in enumerate(tokens):
            self._token(token, tokens, number)
        return "\n".join(self.lines) + "\n"

    def _token(self, token: Token, tokens: list[Token], number: int) -> None:
        if token.type == "heading_open":
            self._heading(token.tag, tokens[number + 1])
            self._skip = True
        elif token.type == "heading_close":
            self._skip = False
        elif token.type == "list_item_open":
            self._item(tokens[number + 2])
        elif token.type == "paragraph_open" and token.level == 0:
            self.lines.append(".PP")
        elif token.type == "inline" and not self._skip:
            if not self._is_term(token):
                self.lines += self._text(token).split("\n")
        elif token.type in ("fence", "code_block"):
            body = [_start(_escape(line)) for line in token.content.rstrip("\n").split("\n")]
            self.lines += [".PP", ".in +4n", ".EX", *body, ".EE", ".in"]

    def _heading(self, tag: str, inline: Token) -> None:
        if tag == "h1":
            title, _, summary = inline.content.partition(" — ")
            self.lines += [".SH NAME", f"{_escape(self.page)} \\- {_escape(summary or title)}"]
        elif tag == "h2":
            self.lines.append(f'.SH "{_escape(inline.content.upper())}"')
        else:
            self.lines.append(f'.SS "{_escape(inline.content)}"')

    def _item(self, inline: Token) -> None:
        """``- term⏎  text`` is a definition, anything else a bullet."""
        if not self._is_term(inline):
            self.lines.append(".IP \\(bu 2")
            return
        term, text = self._text(inline).split("\n.br\n", 1)
        self.lines += [".TP", term, *text.split("\n")]

    def _is_term(self, inline: Token) -> bool:
        return inline.level == 3 and any(child.type == "hardbreak" for child in inline.children or ())

    def _text(self, inline: Token) -> str:
        marks = {"strong_open": "\\fB", "em_open": "\\fI", "strong_close": "\\fR", "em_close": "\\fR", "hardbreak": "\n.br\n"}
        parts: list[str] = []
        for child in inline.children or ():
            if child.type == "text":
                parts.append(_escape(child.content))
            elif child.type == "code_inline":
                parts.append(f"\\fB{_escape(child.content)}\\fR")
            elif child.type == "softbreak":
                parts.append("\n")
            else:
                parts.append(marks.get(child.type, ""))
        return "\n".join(line if line == ".br" else _start(line) for line in "".join(parts).split("\n"))


def _escape(text: str) -> str:
    return text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga").replace("…", "...")


def _start(line: str) -> str:
    # a full stop or an apostrophe at the beginning would be a request
    return "\\&" + line if line.startswith((".", "'")) else line


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

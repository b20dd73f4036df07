"""``git data clone``.

Clone a repository with its data, whatever lies behind the URL and whether or not git-data is set up on this machine.

  git data clone s3://bucket/project                a repository on plain storage: git clone data::s3://bucket/project
  git data clone https://host/project.git           one on a git server; its URL stays as it is
  git data clone -b main --depth 1 URL DIRECTORY    everything git clone understands

Everything but the option below is handed to git clone. The new repository knows the filter before its first checkout, so files
come with their content; its hooks are installed, those of its submodules, too.
"""

from __future__ import annotations

import argparse
import os
import subprocess

from git_data.commands import output
from git_data.errors import RemoteError, UsageError
from git_data.git.repo import locate, nowhere
from git_data.git.run import git
from git_data.helper import target
from git_data.host.marker import FORMAT
from git_data.remote.address import parse
from git_data.setup import filters
from git_data.setup.hooks import install_hooks
from git_data.store.place import open_store, register
from git_data.sync import git_urls

_OWN = ("--no-data", "-h", "--help")
_WITH_VALUE = frozenset(
    (
        "--branch",
        "--bundle-uri",
        "--config",
        "--depth",
        "--filter",
        "--jobs",
        "--origin",
        "--ref-format",
        "--reference",
        "--reference-if-able",
        "--revision",
        "--separate-git-dir",
        "--server-option",
        "--shallow-exclude",
        "--shallow-since",
        "--template",
        "--upload-pack",
    )
)
_LETTERS_WITH_VALUE = "bcjou"
_BARE = ("--bare", "--mirror")
_RECURSIVE = ("--recurse-submodules", "--recursive")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--no-data", action="store_true", help="leave pointers; content comes with: git data pull")
    parser.add_argument(
        "words", nargs="*", metavar="ARGUMENT", help="options of git clone, the URL, and the directory if you like"
    )


def arrange(words: list[str]) -> list[str]:
    """Our options first, and all others behind a ``--``, so that they stay in order and none is taken for ours."""
    end = words.index("--") if "--" in words else len(words)
    own = [word for word in words[:end] if word in _OWN]
    return [*own, "--", *(word for word in words[:end] if word not in _OWN), *words[end:]]


def run(arguments: argparse.Namespace) -> int:
    """Clone; git's exit status. Raises: UsageError."""
    words: list[str] = arguments.words
    places = positions(words)
    if not places:
        raise UsageError("which repository? No URL is given", "git data clone s3://bucket/project")
    url = words[places[0]]
    is_store = _is_store(url)
    if is_store:
        words[places[0]] = git_urls.PREFIX + _absolute(git_urls.target(url) or url)
    directory = words[places[1]] if len(places) > 1 else _guess(url, any(word in _BARE for word in words))
    if is_store and len(places) == 1 and directory:
        words.insert(places[0] + 1, directory)  # settings may follow the URL, from which git would guess something else
    status = subprocess.call(["git", "clone", *_filters(), *words], env=_environment(arguments.no_data))
    if status == 0 and "GIT_DIR" not in os.environ and os.path.isdir(directory):
        _complete(directory, any(word.partition("=")[0] in _RECURSIVE for word in words))
    if status == 0 and arguments.no_data:
        output.line(f"Files that are data are pointers; to bring their content: git -C {output.plain(directory)} data pull")
    return status


def positions(words: list[str]) -> list[int]:
    """Where the words that are neither options nor their values are."""
    found: list[int] = []
    at = 0
    while at < len(words):
        word = words[at]
        if word == "--":
            found += range(at + 1, len(words))
            break
        if not word.startswith("-") or word == "-":
            found.append(at)
        elif word.startswith("--"):
            at += word in _WITH_VALUE
        else:
            # of letters in one word the first that takes a value takes the rest, or if nothing is left, the next word
            first = next((number for number, letter in enumerate(word) if letter in _LETTERS_WITH_VALUE), 0)
            at += first == len(word) - 1
        at += 1
    return found


def _is_store(url: str) -> bool:
    """Whether plain storage lies there, not a git server. Raises: UsageError."""
    text = git_urls.target(url) or url
    if os.path.isfile(text):
        return False  # a bundle
    kind = git_urls.kind(text, os.getcwd())
    if kind == git_urls.UNKNOWN:
        return not target.find("", text).server
    return kind == git_urls.STORE


def _absolute(text: str) -> str:
    """The address of a store; git may look from elsewhere. Raises: RemoteError for a folder in which no repository lies."""
    address = parse(git_urls.take_settings(text)[0])
    if address.scheme != "file":
        return text
    if not os.path.exists(os.path.join(address.path, *FORMAT.split("/"))):
        # said before git makes the new directory, which may be the very same
        raise RemoteError(f"no git repository lies at {address.path}", f"git data remote init {text}")
    return address.path


def _guess(url: str, bare: bool) -> str:
    """The directory git clone makes if none is given."""
    text = git_urls.take_settings(git_urls.target(url) or url)[0].rstrip("/")
    text = text.removesuffix("/.git").rstrip("/")
    name = text.replace(":", "/").rpartition("/")[2]
    for suffix in (".git", ".bundle"):
        name = name.removesuffix(suffix)
    return f"{name}.git" if bare and name else name


def _filters() -> list[str]:
    """What the new repository's configuration needs, unless the user's has it. Known to git before the first checkout."""
    known = nowhere().config.entries
    # not what the repository has in which this is typed
    everywhere = {key for key, found in known.items() if any(entry.scope not in ("local", "worktree") for entry in found)}
    missing = {key: value for key, value in filters.wanted().items() if key not in everywhere}
    return [word for key, value in missing.items() for word in ("-c", f"{key}={value}")]


def _environment(no_data: bool) -> dict[str, str]:
    environment = dict(os.environ)
    if no_data:
        # for this command only, as `git -c` would do it for its children
        number = int(environment.get("GIT_CONFIG_COUNT") or 0)
        environment[f"GIT_CONFIG_KEY_{number}"], environment[f"GIT_CONFIG_VALUE_{number}"] = "data.fetch", "never"
        environment["GIT_CONFIG_COUNT"] = str(number + 1)
    return environment


def _complete(directory: str, recursive: bool) -> None:
    """Hooks: a clone without a data file at the tip would not have them yet."""
    os.chdir(directory)
    repo = locate()
    install_hooks(repo)
    if repo.settings.lfs:
        filters.take_over_lfs()
    store = open_store(repo)
    store.make()
    register(repo, store)
    if recursive and repo.worktree and os.path.exists(".gitmodules"):
        git("submodule", "--quiet", "foreach", "--recursive", "git data install")

"""``git data env``.

Show what a bug report needs: versions, places, what works here, what is set up and every setting. git data doctor says what
is wrong with it.
"""

from __future__ import annotations

import argparse
import os
import platform

from git_data import __version__
from git_data.base import native
from git_data.commands import output
from git_data.commands.config import values_of
from git_data.commands.parser import add_json
from git_data.errors import RepositoryError
from git_data.git.repo import Repository, locate
from git_data.git.run import git
from git_data.link import probe
from git_data.setup import filters
from git_data.setup.hooks import MARK, NAMES, hooks_directory
from git_data.store.place import open_store, registered, store_root


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show."""
    facts = gather()
    if arguments.json:
        output.print_json(facts)
        return 0
    for title, section in facts.items():
        lines = output.table([[name, _text(value)] for name, value in section.items()]).splitlines()
        output.write(f"{output.paint(title, 'bold')}\n" + "".join(f"  {line}\n" for line in lines))
    return 0


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return str(value)


def gather() -> dict[str, dict[str, object]]:
    """Sections of facts, for people and for JSON."""
    facts: dict[str, dict[str, object]] = {"versions": _versions()}
    try:
        repo = locate()
    except RepositoryError as error:
        facts["repository"] = {"none": error.message}
        return facts
    facts["repository"] = _places(repo)
    facts["set-up"] = _set_up(repo)
    facts["settings"] = {row["key"]: f"{row['value'] or '-'} ({row['origin']})" for row in values_of(repo.config)}
    return facts


def _versions() -> dict[str, object]:
    return {
        "git-data": __version__,
        "git": git("version").decode().removeprefix("git version ").strip(),
        "python": f"{platform.python_version()} ({platform.python_implementation()})",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "compiled core": "yes" if native.lib is not None else "no (everything works, large work trees take longer)",
    }


def _places(repo: Repository) -> dict[str, object]:
    store = open_store(repo)
    places: dict[str, object] = {
        "git dir": repo.git_dir,
        "common dir": repo.common_dir,
        "work tree": repo.worktree or "none (bare)",
        "object format": repo.object_format,
        "store": store_root(repo),
        "reads also from": [os.path.dirname(os.path.dirname(path)) for path in store.alternates if os.path.isdir(path)],
    }
    if repo.settings.cache_dir:
        places["store shared by"] = [common_dir for _, common_dir in registered(store)]
    if repo.worktree and os.path.isdir(store.tmp):
        places["link types"] = list(link_types(repo))
    return places


def link_types(repo: Repository) -> tuple[str, ...]:
    """The link types that work from the store into the work tree."""
    stage = os.path.join(repo.data_dir, "tmp")
    os.makedirs(stage, exist_ok=True)
    return probe.usable(("reflink", "hardlink", "copy"), open_store(repo).tmp, stage, os.path.join(repo.data_dir, "links"))


def _set_up(repo: Repository) -> dict[str, object]:
    directory, own = hooks_directory(repo)
    hooks = {}
    for name in NAMES:
        try:
            with open(os.path.join(directory, name), "rb") as file:
                ours = MARK in file.read()
            hooks[name] = "ours" if ours else "somebody else's"
        except OSError:
            hooks[name] = "missing"
    kinds = {kind: [name for name, is_kind in hooks.items() if is_kind == kind] for kind in dict.fromkeys(hooks.values())}
    facts: dict[str, object] = {
        key: f"{repo.config.get(key) or 'not set'} ({repo.config.scope(key) or '-'})" for key in filters.wanted()
    }
    facts["hooks directory"] = directory if own else f"{directory} (core.hooksPath)"
    facts.update({f"hooks {kind}": names for kind, names in kinds.items()})
    return facts

"""``git data env``.

Show what a report of trouble needs: versions, places, links that work here, filters and hooks, and every setting with its origin.
What is wrong with it, and how to mend it, says git data doctor.
"""

from __future__ import annotations

import argparse
import os
import platform

from git_data import __version__
from git_data.base import native
from git_data.commands import output
from git_data.commands.parser import add_json
from git_data.errors import GitDataError
from git_data.git.repo import Repository, locate
from git_data.git.run import git
from git_data.setup import filters
from git_data.setup.hook_state import hook_states
from git_data.setup.hooks import hooks_directory
from git_data.setup.settings import COMMITTED, DEFAULT, Origin, effective, origins
from git_data.store.place import open_store, registered
from git_data.worktree.copies import link_types

_VARIABLES = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_CEILING_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_CONFIG_SYSTEM",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_WORK_TREE",
)
"""Those that say where things are; others may hold secrets (``GIT_CONFIG_PARAMETERS``)."""


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
        rows = [[name, output.plain(_text(value))] for name, value in section.items()]
        output.write(f"{output.paint(title, 'bold')}\n{output.indented(output.table(rows))}")
    return 0


def gather() -> dict[str, dict[str, object]]:
    """Sections of facts. Outside of a repository, or with settings that make no sense, those that can be had."""
    facts: dict[str, dict[str, object]] = {"versions": _versions()}
    repo: Repository | None = None
    try:
        repo = locate()
        facts["repository"] = _places(repo)
    except GitDataError as error:
        facts["repository"] = {"none": error.message}
    found = origins(repo)
    facts["set-up"] = _drivers(found)
    if repo is not None:
        facts["hooks"] = {"directory": hooks_directory(repo)[0], **hook_states(repo)}
    facts["settings"] = {
        setting.key: {"value": setting.text, "origin": setting.scope, "file": setting.file}
        for setting in effective(found).values()
    }
    facts["environment"] = {
        name: value for name, value in sorted(os.environ.items()) if name in _VARIABLES or name.startswith("GIT_DATA_")
    }
    return facts


def _versions() -> dict[str, object]:
    return {
        "git-data": __version__,
        "git": git("version").decode().removeprefix("git version ").strip(),
        "python": f"{platform.python_version()} ({platform.python_implementation()})",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "compiled core": native.lib is not None,
    }


def _places(repo: Repository) -> dict[str, object]:
    store = open_store(repo)
    places: dict[str, object] = {
        "git dir": repo.git_dir,
        "common dir": repo.common_dir,
        "work tree": repo.worktree or None,
        "object format": repo.object_format,
        "store": store.root,
        "reads also from": [os.path.dirname(os.path.dirname(path)) for path in store.alternates if os.path.isdir(path)],
        "link types": list(link_types(repo, store)),
    }
    if repo.settings.cache_dir:
        places["store shared by"] = [common_dir for _, common_dir in registered(store)]
    return places


def _drivers(found: list[Origin]) -> dict[str, object]:
    counts = {origin.key: origin for origin in found}
    drivers: dict[str, object] = {}
    for key in filters.wanted():
        origin = counts.get(key)
        drivers[key] = {"value": origin.value, "origin": origin.scope, "file": origin.file} if origin else None
    return drivers


def _text(value: object) -> str:
    if isinstance(value, dict):
        origin = value["origin"] if value["origin"] in (DEFAULT, COMMITTED) else f"{value['origin']}, {value['file']}"
        return f"{value['value']}  ({origin})" if value["value"] else f"({origin})"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "not set" if value is None else str(value)

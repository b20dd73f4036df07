"""What a migration changed, so that it can be finished after a kill, and undone.

One JSON file for each kind of migration, ``<git common dir>/data/migrate/<command>.json`` (``docs/formats.md``).  It is written
before anything visible changes, with the state ``begun``; when everything is in its place the state is ``done``, and ``undoing``
while it is taken back.  What refs
pointed to before is also kept by refs, ``refs/git-data/before/<command>-<time>/…``, so that no collection takes it.
"""

from __future__ import annotations

import base64
import json
import os
import time

from git_data.base import fsio
from git_data.config import Entry
from git_data.errors import RepositoryError
from git_data.git.run import git

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from git_data.git.repo import Repository

BACKUPS = "refs/git-data/before/"
BEGUN, DONE, UNDOING = "begun", "done", "undoing"
_VERSION = 1


class Move:
    """One ref: its full name (``HEAD`` where that is detached) and what it pointed and points to, in hex."""

    __slots__ = ("name", "new", "old")

    def __init__(self, name: str, old: str, new: str) -> None:
        self.name = name
        self.old = old
        self.new = new


class Record:
    """One migration. ``moves`` are refs; ``settings`` and ``files`` what they were before they were changed."""

    def __init__(self, repo: Repository, command: str) -> None:
        self.command = command
        self.state = BEGUN
        self.time_s = int(time.time())
        self.moves: list[Move] = []
        self.settings: dict[str, list[str]] = {}
        """key of the repository's own configuration → the values it had"""
        self.files: dict[str, bytes | None] = {}
        """path of a file in the git directory, relative to the common one → what it held; ``None``: there was none"""
        self._repo = repo

    @property
    def path(self) -> str:
        """Where it is written."""
        return os.path.join(self._repo.common_dir, "data", "migrate", f"{self.command}.json")

    @property
    def backups(self) -> str:
        """The prefix of the refs that keep what was before."""
        return f"{BACKUPS}{self.command}-{self.time_s}/"

    def keep_setting(self, key: str) -> None:
        """Remember a key of the local configuration as it is; to be called before it is changed."""
        if key not in self.settings:
            values = git("config", "--local", "-z", "--get-all", key, ok=(0, 1), cwd=self._repo.common_dir)
            self.settings[key] = os.fsdecode(values).split("\0")[:-1]

    def keep_file(self, path: str) -> None:
        """Remember a file in the git directory as it is; to be called before it is changed."""
        name = os.path.relpath(path, self._repo.common_dir)
        if name not in self.files:
            self.files[name] = fsio.read_file(path)

    def save(self, state: str) -> None:
        """Write it. Raises: OSError."""
        self.state = state
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        content: dict[str, Any] = {
            "version": _VERSION,
            "command": self.command,
            "state": self.state,
            "time": self.time_s,
            "refs": [[move.name, move.old, move.new] for move in self.moves],
            "settings": self.settings,
            "files": {name: None if data is None else _text(data) for name, data in self.files.items()},
        }
        fsio.write_file(self.path, json.dumps(content, indent=1).encode() + b"\n")

    def forget(self) -> None:
        """Delete it."""
        fsio.remove_if_exists(self.path)

    def restore_settings_and_files(self) -> None:
        """Put back settings and files as they were. Raises: GitFailed, OSError."""
        for key, values in self.settings.items():
            git("config", "--local", "--unset-all", key, ok=(0, 5), cwd=self._repo.common_dir)
            for value in values:
                git("config", "--local", "--add", key, value, cwd=self._repo.common_dir)
            # what goes on with this repository must see it, too
            known = self._repo.config.entries
            elsewhere = [entry for entry in known.pop(key, []) if entry.scope != "local"]
            if elsewhere or values:
                known[key] = [*elsewhere, *(Entry("local", value) for value in values)]
        for name, data in self.files.items():
            path = os.path.join(self._repo.common_dir, name)
            if data is None:
                fsio.remove_if_exists(path)
            else:
                mode = 0o777 if name.startswith("hooks/") else 0o666
                fsio.write_file(path, data, mode)


def load(repo: Repository, command: str) -> Record | None:
    """The record of the last migration of a kind, ``None`` if there is none. Raises: RepositoryError for one that is damaged."""
    record = Record(repo, command)
    data = fsio.read_file(record.path)
    if data is None:
        return None
    try:
        content = json.loads(data)
        if content["version"] != _VERSION:
            raise ValueError
        record.state = content["state"]
        record.time_s = content["time"]
        record.moves = [Move(*move) for move in content["refs"]]
        record.settings = content["settings"]
        record.files = {name: None if text is None else base64.b85decode(text) for name, text in content["files"].items()}
    except (ValueError, KeyError, TypeError):
        raise RepositoryError(f"'{record.path}' is damaged, or of a newer version", f"rm {record.path}") from None
    return record


def records(repo: Repository) -> list[Record]:
    """The records there are. Raises: RepositoryError for one that is damaged."""
    try:
        names = sorted(os.listdir(os.path.dirname(Record(repo, "any").path)))
    except FileNotFoundError:
        return []
    found = (load(repo, name.removesuffix(".json")) for name in names if name.endswith(".json"))
    return [record for record in found if record is not None]


def _text(data: bytes) -> str:
    return base64.b85encode(data).decode()

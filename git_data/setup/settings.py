"""Every setting as it counts here, and where it comes from; for those who ask, since it takes one more git command."""

from __future__ import annotations

import os

from git_data.config import COMMITTED_FILE, DEFAULTS, KNOWN_KEYS, MANY_VALUED, Config, Entry
from git_data.git.run import git

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.git.repo import Repository

COMMITTED = ".gitdata"
DEFAULT = "default"
ENVIRONMENT = "environment"


class Origin:
    """One value of one key (lower-case), its scope, and its file as git names it (``file:.git/config``, ``command line:``)."""

    __slots__ = ("file", "key", "scope", "value")

    def __init__(self, scope: str, file: str, key: str, value: str) -> None:
        self.scope = scope
        self.file = file
        self.key = key
        self.value = value


class Setting:
    """One setting of ``KNOWN_KEYS``. ``scope`` is git's, or ``.gitdata``, ``environment`` or ``default``."""

    __slots__ = ("file", "key", "scope", "values")

    def __init__(self, key: str, values: list[str], scope: str, file: str = "") -> None:
        self.key = key
        self.values = values
        self.scope = scope
        self.file = file

    @property
    def text(self) -> str:
        """The value, or all of them."""
        return ", ".join(self.values)


def origins(repo: Repository | None) -> list[Origin]:
    """All of git's configuration in the order in which it counts, and before it what ``.gitdata`` may say. Raises: GitFailed."""
    found = []
    for key, entries in (repo.config.entries if repo else {}).items():
        found += [Origin(COMMITTED, COMMITTED_FILE, key, entry.value) for entry in entries if entry.scope == "gitdata"]
    fields = os.fsdecode(git("config", "--list", "--show-scope", "--show-origin", "-z")).split("\0")
    for scope, file, item in zip(fields[0::3], fields[1::3], fields[2::3]):
        key, separator, value = item.partition("\n")
        found.append(Origin(scope, file, key, value if separator else "true"))
    return found


def effective(found: list[Origin], only: str = "") -> dict[str, Setting]:
    """Every setting as it counts, or, with ``only``, as that scope has it. Raises: GitFailed."""
    by_key: dict[str, list[Origin]] = {}
    for origin in found:
        if not only or origin.scope == only:
            by_key.setdefault(origin.key, []).append(origin)
    settings = {}
    for key in KNOWN_KEYS:
        given = by_key.get(key.lower(), [])
        if not given:
            default = DEFAULTS.get(key, "")
            settings[key] = Setting(key, [default] if default else [], DEFAULT)
            continue
        values = [origin.value for origin in given]
        if key in MANY_VALUED:
            # an empty value clears those before it
            values = Config({key: [Entry("", value) for value in values]}).get_all(key)
        settings[key] = Setting(key, values if key in MANY_VALUED else values[-1:], given[-1].scope, given[-1].file)
    directory = os.environ.get("GIT_DATA_CACHE_DIR")
    if directory and not only:
        settings["data.cacheDir"] = Setting("data.cacheDir", [directory], ENVIRONMENT, "GIT_DATA_CACHE_DIR")
    return settings


def unknown(found: list[Origin]) -> list[Origin]:
    """Keys that look like ours and mean nothing: a slip of the pen, or a setting of another version."""
    known = {key.lower() for key in KNOWN_KEYS}
    return [
        origin for origin in found if origin.key.startswith("data.") and origin.key.count(".") == 1 and origin.key not in known
    ]

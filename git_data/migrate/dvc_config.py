"""Settings of DVC: ``.dvc/config``, below it those of the user and of this machine.

The format is that of ``configobj``: ``[section]``, ``['remote "name"']``, ``key = value``.  Later files win.  What
``.dvc/config`` itself says comes with the repository; the rest is this user's own.
"""

from __future__ import annotations

import os
import re

from git_data.base import fsio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_SECTION = re.compile(r"""\[\s*['"]?\s*([\w-]+)(?:\s+["'](.*?)["'])?\s*['"]?\s*\]""")
_KEY = re.compile(r"([\w.-]+)\s*=\s*(.*)")


class Remote:
    """One remote of DVC: its URL and what else is set; ``base`` is the directory that a relative path starts at.

    ``committed``: the URL is in ``.dvc/config``.
    """

    __slots__ = ("base", "committed", "local_settings", "name", "settings", "url")

    def __init__(self, name: str) -> None:
        self.name = name
        self.url = ""
        self.base = ""
        self.committed = False
        self.settings: dict[str, str] = {}
        self.local_settings: set[str] = set()
        """those that are not in ``.dvc/config``"""


class DvcConfig:
    """What DVC is set to: where its cache is (absolute), which types of links it makes, its remotes."""

    __slots__ = ("cache_dir", "default", "default_committed", "link_types", "remotes")

    def __init__(self, root: str) -> None:
        self.cache_dir = os.path.join(root, ".dvc", "cache")
        self.link_types: list[str] = []
        self.remotes: dict[str, Remote] = {}
        self.default = ""
        self.default_committed = False


def read(root: str) -> DvcConfig:
    """The settings that count for the DVC repository whose top is ``root``."""
    result = DvcConfig(root)
    own = os.path.join(root, ".dvc", "config")
    for path in [*_of_user(), own, own + ".local"]:
        for section, name, key, value in parse(fsio.read_file(path) or b""):
            _take(result, section, name, key, value, os.path.dirname(path), path == own)
    return result


def committed(root: str, content: bytes) -> DvcConfig:
    """What a version of ``.dvc/config`` says by itself."""
    result = DvcConfig(root)
    for section, name, key, value in parse(content):
        _take(result, section, name, key, value, os.path.join(root, ".dvc"), True)
    return result


def _of_user() -> Iterable[str]:
    home = os.environ.get("DVC_GLOBAL_CONFIG_DIR") or os.path.join(
        os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config"), "dvc"
    )
    system = os.environ.get("DVC_SYSTEM_CONFIG_DIR")
    return [*([os.path.join(system, "config")] if system else []), os.path.join(home, "config")]


def _take(result: DvcConfig, section: str, name: str, key: str, value: str, base: str, committed: bool) -> None:
    if section == "core" and key == "remote":
        result.default, result.default_committed = value.lower(), committed
    elif section == "cache" and key == "dir":
        result.cache_dir = os.path.normpath(os.path.join(base, os.path.expanduser(value)))
    elif section == "cache" and key == "type":
        result.link_types = [word.strip() for word in value.split(",") if word.strip()]
    elif section == "remote" and name:
        remote = result.remotes.setdefault(name.lower(), Remote(name.lower()))
        if key == "url":
            remote.url, remote.base, remote.committed = value, base, committed
        else:
            remote.settings[key] = value
            remote.local_settings.discard(key)
            if not committed:
                remote.local_settings.add(key)


def parse(content: bytes) -> Iterable[tuple[str, str, str, str]]:
    """Every ``(section, its name, key, value)`` of a file; what makes no sense is passed over."""
    section = name = ""
    for line in content.decode("utf-8", "replace").splitlines():
        line = line.strip()
        header = _SECTION.fullmatch(line)
        if header:
            section, name = header[1].lower(), header[2] or ""
            continue
        found = _KEY.fullmatch(line)
        if found and section and not line.startswith("#"):
            yield section, name, found[1].lower(), _value(found[2])


def _value(text: str) -> str:
    if text[:1] in ("'", '"') and text.find(text[0], 1) > 0:
        return text[1 : text.index(text[0], 1)]
    return re.split(r"\s+#", text, maxsplit=1)[0].strip()

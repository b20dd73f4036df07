"""Remotes of DVC: read where content is missing here, and mapped to remotes of ours.

DVC's objects lie under their MD5 names (``files/md5/ab/cdef…``; before DVC 3 ``ab/cdef…``), ours under their SHA-256; so that the
two never mix, a mapped address goes on with ``/git-data``.  Credentials are not carried over: each kind of storage has
its usual places for them.
"""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from git_data.errors import GitDataError
from git_data.migrate.dvc_config import DvcConfig, Remote
from git_data.remote.address import parse, redacted
from git_data.remote.registry import check_scheme
from git_data.sync.remotes import SETTINGS, check

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.remote.base import Remote as Backend

PREFIX = "git-data"
_NAMES = {
    "allow_anonymous_login": "anonymous",
    "endpointurl": "endpoint",
    "jobs": "jobs",
    "profile": "profile",
    "region": "region",
    "sse": "sse",
    "sse_kms_key_id": "ssekmskeyid",
}
_IN_URL = ("user", "port")
_SCHEMES = {"azure": "az"}
_READ_ONLY = ("http", "https")


class Mapped:
    """A remote of ours for one of DVC's: URL and settings, where it belongs, and what is not carried over (and why)."""

    __slots__ = ("committed", "dropped", "local_settings", "name", "reason", "settings", "source", "url")

    def __init__(self, name: str) -> None:
        self.name = name
        self.url = ""
        """empty: it is not mapped"""
        self.source = ""
        """the address of DVC's objects, for us"""
        self.settings: dict[str, str] = {}
        self.local_settings: set[str] = set()
        self.committed = False
        self.dropped: list[str] = []
        self.reason = ""


def mapped(config: DvcConfig, root: str) -> list[Mapped]:
    """Every remote of DVC as one of ours; ``root`` is the top of the work tree."""
    return [_mapped(config, remote, root) for remote in config.remotes.values()]


def _mapped(config: DvcConfig, remote: Remote, root: str) -> Mapped:
    result = Mapped("".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in remote.name).lstrip("-.") or "dvc")
    result.committed = remote.committed
    settings = dict(remote.settings)
    local = set(remote.local_settings)
    try:
        url = _url(config, remote, root, settings, local)
        for key, value in settings.items():
            name = _NAMES.get(key)
            if name is None or (name == "anonymous" and value.lower() != "true"):
                if key not in _IN_URL and name is None:
                    result.dropped.append(key)
                continue
            assert name in SETTINGS
            try:
                check(name, value, committed=remote.committed and key not in local)
            except GitDataError:
                result.dropped.append(key)
                continue
            result.settings[name] = value
            if key in local:
                result.local_settings.add(name)
        if settings.get("version_aware", "").lower() == "true" or settings.get("worktree", "").lower() == "true":
            result.reason = "it keeps files under their own names (cloud versioning)"
            return result
        address = parse(url, root)
        check_scheme(address.scheme)
        if address.scheme in _READ_ONLY:
            result.source = url
            result.reason = "git-data can only read from a web server"
            return result
        if address.scheme == "gdrive":
            result.reason = "DVC's addresses of Google Drive are not those of others"
            return result
        mapped_url = f"{url.rstrip('/')}/{PREFIX}"
        check("url", mapped_url, committed=remote.committed)
    except GitDataError as error:
        result.reason = error.message
        return result
    result.source, result.url = url, mapped_url
    return result


def _url(config: DvcConfig, remote: Remote, root: str, settings: dict[str, str], local: set[str], depth: int = 5) -> str:
    """The address as we write it: a path relative to the top if it lies below it or was relative, ``remote://`` resolved."""
    url = remote.url
    if url.startswith("remote://") and depth:
        name, _, rest = url[len("remote://") :].partition("/")
        other = config.remotes.get(name.lower())
        if other is not None:
            for key, value in other.settings.items():
                settings.setdefault(key, value)
            local |= other.local_settings
            return f"{_url(config, other, root, settings, local, depth - 1).rstrip('/')}/{rest}"
    if "://" not in url:
        expanded = os.path.expanduser(url)
        if os.path.isabs(expanded):
            return os.path.normpath(expanded)
        relative = os.path.relpath(os.path.join(remote.base, expanded), root)
        return relative if relative.startswith(".") else f"./{relative}"
    parts = urlsplit(url)
    scheme = _SCHEMES.get(parts.scheme, parts.scheme)
    place = parts.netloc
    if scheme in ("ssh", "webdav", "webdavs", "ftp", "sftp"):
        user = settings.get("user", "")
        if user and "@" not in place and all(c.isalnum() or c in "._-" for c in user):
            place = f"{user}@{place}"
        if settings.get("port", "").isdigit() and ":" not in place.rpartition("@")[2]:
            place = f"{place}:{settings['port']}"
    return f"{scheme}://{place}{parts.path}" + (f"?{parts.query}" if parts.query else "")


def begin_folders(remotes: list[Mapped], root: str) -> None:
    """Mark folders as ours where DVC's are: a folder that only a committed file names would not be begun by a push.

    One that cannot be written is left alone; a push says so.
    """
    from git_data.remote.base import Options
    from git_data.remote.layout import initialise
    from git_data.remote.registry import open_remote

    for remote in remotes:
        if not remote.url or parse(remote.url, root).scheme != "file" or not os.path.isdir(parse(remote.source, root).path):
            continue
        try:
            initialise(open_remote(parse(remote.url, root), Options()))
        except GitDataError:
            continue


def open_source(remote: Mapped, root: str) -> Backend:
    """The place where DVC's objects are, for reading. Raises: GitDataError."""
    from git_data.remote.base import Options
    from git_data.remote.registry import open_remote

    return open_remote(parse(remote.source, root), Options(remote.name, dict(remote.settings)))


def shown(remote: Mapped) -> str:
    """Its address for people."""
    return redacted(remote.url or remote.source)

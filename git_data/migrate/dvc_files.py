"""What files of DVC say: ``.dvc`` files, ``dvc.yaml`` with ``dvc.lock``, and lists of the files of a directory.

DVC 3 names content by its MD5 and says ``hash: md5``; before, it named text by the MD5 of itself with Unix line ends
("md5-dos2unix") and said nothing.
"""

from __future__ import annotations

import json
import posixpath
import re
from typing import Any

from git_data.migrate.dvc_paths import inside, resolve
from git_data.migrate.dvc_yaml import Unreadable, entries, load, mapping
from git_data.remote.address import redacted

_MD5 = re.compile(r"([0-9a-f]{32})(\.dir)?")
_MAX_OUTS = 1_000_000


class Key:
    """How DVC names a content: the MD5 in hex; ``legacy``: of text with Unix line ends."""

    __slots__ = ("legacy", "md5")

    def __init__(self, md5: str, legacy: bool) -> None:
        self.md5 = md5
        self.legacy = legacy

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key) and self.md5 == other.md5 and self.legacy == other.legacy

    def __hash__(self) -> int:
        return hash((self.md5, self.legacy))


class Out:
    """A file or directory that DVC looks after.

    ``size`` is -1 where it is not said.  ``files`` is what a directory holds where the file itself lists that; ``remote`` names
    the remote where it is kept, if not the default one.
    """

    __slots__ = ("executable", "files", "is_directory", "key", "path", "remote", "size")

    def __init__(self, path: bytes, key: Key, is_directory: bool, size: int, executable: bool, remote: str) -> None:
        self.path = path
        self.key = key
        self.is_directory = is_directory
        self.size = size
        self.executable = executable
        self.remote = remote
        self.files: list[tuple[bytes, Key, int]] | None = None


class Dep:
    """A file or directory that DVC watches, and git may have: what stages depend on, and outs that DVC does not cache."""

    __slots__ = ("is_directory", "key", "path")

    def __init__(self, path: bytes, key: Key, is_directory: bool) -> None:
        self.path = path
        self.key = key
        self.is_directory = is_directory


class Parsed:
    """What one ``.dvc`` file, or ``dvc.yaml`` and its ``dvc.lock``, say.

    ``imported`` is where a ``.dvc`` file got its data from, ready for ``data.yaml``; ``notes`` are what is not carried over.
    """

    def __init__(self) -> None:
        self.outs: list[Out] = []
        self.deps: list[Dep] = []
        self.imported: dict[str, str] = {}
        self.notes: list[str] = []


def parse_dvc_file(path: str, content: bytes) -> Parsed:
    """A ``.dvc`` file at ``path``. Raises: Unreadable."""
    found = load(content)
    result = Parsed()
    directory = posixpath.dirname(path)
    wdir = found.get("wdir") or "."
    for entry in entries(found.get("outs")):
        entry = mapping(entry)
        if entry.get("cache") is False:
            continue
        result.outs.append(_out(entry, resolve(directory, wdir, entry.get("path"))))
        dropped = [key for key in ("desc", "type", "labels", "meta", "remote") if entry.get(key)]
        if dropped:
            result.notes.append(f"its {', '.join(dropped)} {'is' if len(dropped) == 1 else 'are'} not carried over")
    if found.get("cmd"):
        result.notes.append("its command is not carried over")
    else:
        result.imported = _imported(entries(found.get("deps")))
    return result


def parse_pipeline(path: str, pipeline: bytes, lock: bytes | None) -> Parsed:
    """``dvc.yaml`` at ``path`` with its ``dvc.lock``. Raises: Unreadable."""
    result = Parsed()
    stages = mapping(load(pipeline).get("stages"))
    locked = load(lock) if lock is not None else {}
    if "schema" in locked:
        if locked.get("datasets"):
            result.notes.append("locked versions of datasets stay as DVC wrote them")
        locked = mapping(locked.get("stages"))
    for name, entry in locked.items():
        if str(name) not in stages and str(name).partition("@")[0] not in stages:
            continue  # a stage that was removed; DVC leaves it in the file
        stage = mapping(stages.get(str(name), stages.get(str(name).partition("@")[0])))
        stage = mapping(stage.get("do", stage))
        wdir = stage.get("wdir") or "."
        if "${" in str(wdir):
            raise Unreadable(f"the directory of its stage '{name}' is made of parameters")
        uncached = _uncached(stage)
        in_git = list(entries(mapping(entry).get("deps")))
        for out in entries(mapping(entry).get("outs")):
            out = mapping(out)
            if any(pattern.fullmatch(str(out.get("path"))) for pattern in uncached):
                in_git.append(out)
            else:
                result.outs.append(_out(out, resolve(posixpath.dirname(path), wdir, out.get("path"))))
        for dep in in_git:
            try:
                where = resolve(posixpath.dirname(path), wdir, mapping(dep).get("path"))
                key, is_directory = _key(mapping(dep))
            except Unreadable:
                continue  # elsewhere, or not by MD5
            result.deps.append(Dep(where, key, is_directory))
        if len(result.outs) > _MAX_OUTS:
            raise Unreadable("its aliases grow beyond measure")
    return result


def parse_manifest(directory: bytes, content: bytes, legacy: bool) -> list[tuple[bytes, Key, int]]:
    """The files of a directory (``.dir``): path, key, size (-1 unknown). Raises: Unreadable."""
    try:
        listed = json.loads(content)
    except (ValueError, RecursionError):
        raise Unreadable("its list of files is damaged") from None
    return _files(directory, listed, legacy)


def _files(directory: bytes, listed: object, legacy: bool) -> list[tuple[bytes, Key, int]]:
    found: dict[bytes, tuple[bytes, Key, int]] = {}
    for entry in entries(listed):
        md5 = mapping(entry).get("md5")
        if not isinstance(md5, str) or not _MD5.fullmatch(md5) or md5.endswith(".dir"):
            raise Unreadable("its list of files has no MD5 for each")
        path = inside(directory, entry.get("relpath"))
        if path in found:
            raise Unreadable("its list of files names one twice")
        found[path] = (path, Key(md5, legacy), _size(entry.get("size")))
    if any(path[: at.start()] in found for path in found for at in re.finditer(b"/", path)):
        raise Unreadable("its list of files names a path as a file and as a directory")
    return list(found.values())


def _out(entry: dict[Any, Any], path: bytes) -> Out:
    listed = entry.get("files")
    if "md5" not in entry and listed:
        out = Out(path, Key("", False), True, _size(entry.get("size")), False, str(entry.get("remote") or ""))
        out.files = _files(path, listed, entry.get("hash") != "md5")
        return out
    key, is_directory = _key(entry)
    return Out(path, key, is_directory, _size(entry.get("size")), entry.get("isexec") is True, str(entry.get("remote") or ""))


def _key(entry: dict[Any, Any]) -> tuple[Key, bool]:
    found = _MD5.fullmatch(str(entry.get("md5") or ""))
    if not found:
        other = next((name for name in ("etag", "checksum", "hash") if entry.get(name)), "")
        raise Unreadable(
            f"'{entry.get('path')}' is named by {other}, not by MD5" if other else f"'{entry.get('path')}' has no MD5"
        )
    return Key(found[1], entry.get("hash") != "md5"), bool(found[2])


def _size(value: object) -> int:
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else -1


def _uncached(stage: dict[Any, Any]) -> list[re.Pattern[str]]:
    """Patterns of outs with ``cache: false``, which git itself keeps; parameters in them stand for anything."""
    found = []
    for kind in ("outs", "metrics", "plots"):
        for entry in entries(stage.get(kind)):
            for path, options in mapping(entry).items():
                if any(mapping(one).get("cache") is False for one in (options if isinstance(options, list) else [options])):
                    parts = re.split(r"\$\{[^}]*\}", str(path))
                    found.append(re.compile(".+".join(re.escape(part) for part in parts), re.DOTALL))
    return found


def _imported(deps: list[Any]) -> dict[str, str]:
    """Where imported data is from: ``from``, ``source``, ``rev``, ``locked`` of a repository; ``from``, ``locked`` of a URL."""
    if len(deps) != 1:
        return {}
    dep = mapping(deps[0])
    repo = mapping(dep.get("repo"))
    if repo:
        named = {"from": repo.get("url"), "source": dep.get("path"), "rev": repo.get("rev"), "locked": repo.get("rev_lock")}
    else:
        locked = next((f"{name}:{dep[name]}" for name in ("etag", "checksum", "md5", "version_id") if dep.get(name)), None)
        named = {"from": dep.get("path"), "locked": locked}
    return {key: redacted(str(value)) if key == "from" else str(value) for key, value in named.items() if value}

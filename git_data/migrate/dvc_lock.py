"""``data.yaml`` and ``data.lock`` (``docs/formats.md``) from ``dvc.yaml``, ``dvc.lock`` and imports, with few changes.

``dvc.yaml`` becomes ``data.yaml`` byte for byte, imports are written below it.  In ``dvc.lock`` the lines that name content by
MD5 name it by SHA-256; what is not known here keeps its MD5.
"""

from __future__ import annotations

import json
import re

from git_data.base.digest import sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from git_data.pointer import Pointer

LOCK_SCHEMA = "git-data/1"
_SCHEMA = re.compile(rb"schema:\s*'?\"?[0-9.]+'?\"?\s*")
_SECTION = re.compile(rb"( +)([A-Za-z_]+):\s*")
_MD5 = re.compile(rb"(\s+(?:- )?)md5: ['\"]?([0-9a-f]{32}(?:\.dir)?)['\"]?\s*")
_HASH = re.compile(rb"\s+hash: md5\s*")


def convert(lock: bytes, oid_of: Callable[[str, bool], str]) -> bytes:
    """``data.lock`` for a ``dvc.lock``. ``oid_of(md5, legacy)`` gives a SHA-256, or an empty text."""
    newline = b"\r\n" if b"\r\n" in lock else b"\n"
    lines = lock.replace(b"\r\n", b"\n").split(b"\n")
    has_schema = any(_SCHEMA.fullmatch(line) for line in lines)
    indent = 4 if has_schema else 2  # before "schema: '2.0'" stages stood at the top
    result: list[bytes] = [] if has_schema else [b"schema: " + LOCK_SCHEMA.encode()]
    section, entry = b"", 0
    for line in lines:
        if _SCHEMA.fullmatch(line):
            result.append(b"schema: " + LOCK_SCHEMA.encode())
            continue
        if not has_schema and line.strip():
            line = b"  " + line
        found = _SECTION.match(line)
        if line[:1] not in (b" ", b"#", b""):
            section = b""
        elif found and len(found[1]) == (indent if has_schema else indent + 2):
            section = found[2]
        if not has_schema and b"stages:" not in result:
            result.append(b"stages:")
        if line.lstrip().startswith(b"- "):
            entry = len(result)
        result.append(line)
        if section in (b"deps", b"outs") and _MD5.fullmatch(line):
            _rename(result, entry, oid_of)
        elif section in (b"deps", b"outs") and _HASH.fullmatch(line):
            _drop_hash(result, entry)
    return newline.join(result)


def _rename(result: list[bytes], entry: int, oid_of: Callable[[str, bool], str]) -> None:
    """The last line names content: let it do so by SHA-256, if that is known."""
    found = _MD5.fullmatch(result[-1])
    assert found
    hashes = [number for number in range(entry, len(result)) if _HASH.fullmatch(result[number])]
    oid = oid_of(found[2].decode(), not hashes)
    oid = oid or oid_of(found[2].decode(), bool(hashes))
    if oid:
        result[-1] = found[1] + b"oid: sha256:" + oid.encode()
        for number in reversed(hashes):
            del result[number]


def _drop_hash(result: list[bytes], entry: int) -> None:
    """``hash: md5`` behind the line it speaks of."""
    if any(b"oid: sha256:" in line for line in result[entry:-1]):
        del result[-1]


def directory_oid(files: Iterable[tuple[bytes, Pointer]]) -> str:
    """The name of a directory's content: the SHA-256 of a listing, ``<oid> SP <size> SP <path> NUL`` for each file by path."""
    hasher = sha256()
    for path, pointer in sorted(files, key=lambda item: item[0]):
        hasher.update(b"%s %d %s\0" % (pointer.oid.encode(), pointer.size, path))
    return hasher.hexdigest()


def split(content: bytes) -> tuple[bytes, bytes]:
    """A ``data.yaml`` as its pipeline, and what stands below ``imports:`` at its end."""
    if content.startswith(b"imports:\n"):
        return b"", content
    pipeline, found, imports = content.partition(b"\nimports:\n")
    return (pipeline + b"\n", b"imports:\n" + imports) if found else (content, b"")


def with_imports(pipeline: bytes, before: bytes, imports: list[dict[str, str]]) -> bytes:
    """``data.yaml`` of a directory: the pipeline, and below it where data came from; ``before`` is what stood there already."""
    if not imports and not before:
        return pipeline
    text = [] if before else ["imports:"]
    for one in imports:
        for number, (key, value) in enumerate(one.items()):
            text.append(f"{'- ' if not number else '  '}{key}: {json.dumps(value, ensure_ascii=False)}")
    block = ("\n".join(text) + "\n").encode("utf-8", "surrogateescape")
    return pipeline + (b"" if not pipeline or pipeline.endswith(b"\n") else b"\n") + before + (block if imports else b"")

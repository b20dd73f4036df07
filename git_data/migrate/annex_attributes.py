"""Attributes of git-annex go, those of git-data come."""

from __future__ import annotations

import os

from git_data.git.attributes import AttributesFile, quote, split_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def without_annex(content: bytes) -> bytes:
    """Attributes without ``annex.*`` and ``filter=annex``; lines that had nothing else go, others stay as they are."""
    found = []
    for line in content.splitlines(keepends=True):
        pattern, attributes = split_line(line)
        kept = [name for name in attributes if not _is_annex(name)]
        if not pattern or len(kept) == len(attributes):
            found.append(line)
        elif kept:
            end = line[len(line.rstrip(b"\r\n")) :]
            found.append(os.fsencode(" ".join([quote(pattern), *kept])) + end)
    return b"".join(found)


def without_annex_filter(content: bytes) -> bytes:
    """What ``.git/info/attributes`` says besides what git-annex has written there."""
    lines = without_annex(content).splitlines(keepends=True)
    if b"filter=annex" in content:
        lines = [line for line in lines if line.strip() != b".* !filter"]  # of older versions
    return b"".join(lines) if b"".join(lines).strip() else b""


def with_data(content: bytes, patterns: Iterable[str]) -> bytes:
    """Attributes with lines for data."""
    file = AttributesFile(".gitattributes", content)
    for pattern in patterns:
        file.track(pattern, lockable=False)
    return file.encode() if file.changed else content


def _is_annex(name: str) -> bool:
    return name.lstrip("-!").startswith("annex.") or name == "filter=annex"

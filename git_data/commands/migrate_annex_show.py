"""What ``git data migrate annex`` says: what would become data, and what cannot, because its content is not here."""

from __future__ import annotations

import argparse

from git_data.base.report import count, human_size
from git_data.commands import output
from git_data.errors import CorruptData, MissingData
from git_data.git.repo import Repository
from git_data.git.scan import shown
from git_data.migrate.adopt import sizes
from git_data.migrate.annex_place import holders
from git_data.migrate.annex_rewrite import Plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from git_data.migrate.adopt import Content
    from git_data.migrate.annex_find import Found
    from git_data.store.objects import Store

_SHOWN = 20


def unavailable(found: Found, contents: dict[bytes, Content]) -> list[tuple[bytes, Content]]:
    """Paths whose content cannot be had (each once), and why."""
    absent = {}
    for version, key in found.annexed():
        content = contents[key.name]
        if content.pointer is None and (not content.places or content.trouble):
            absent[version.path, key.name] = content
    return [(path, content) for (path, _), content in absent.items()]


def listing(repo: Repository, found: Found, contents: dict[bytes, Content]) -> list[dict[str, Any]]:
    """The same for programs, with the repositories that are said to have the content. Raises: GitFailed."""
    absent = unavailable(found, contents)
    keys = {key.name: key for _, key in found.annexed()}
    where = holders(repo, [keys[_key(content)] for _, content in absent]) if absent else {}
    return [
        {
            "path": output.name(path),
            "key": output.name(_key(content)),
            "reason": content.trouble or "not here",
            "copies": where.get(_key(content), []),
        }
        for path, content in absent
    ]


def _key(content: Content) -> bytes:
    return content.name.partition(b" ")[2]


def _lines(missing: list[dict[str, Any]]) -> list[str]:
    lines = []
    for item in missing[:_SHOWN]:
        copies = f" (copies: {', '.join(item['copies'])})" if item["copies"] else ""
        lines.append(f"'{output.plain(item['path'])}': {output.plain(item['reason'] + copies)}")
    if len(missing) > _SHOWN:
        lines.append(f"… and {len(missing) - _SHOWN:,} more: git data migrate annex --dry-run --json")
    return lines


def refuse(repo: Repository, found: Found, contents: dict[bytes, Content], history: bool) -> None:
    """Raises: MissingData, or CorruptData where only damage stands in the way."""
    missing = listing(repo, found, contents)
    damaged = [item for item in missing if item["reason"] != "not here"]
    text = "\n".join(["the content of some files cannot be had; nothing was changed:", *_lines(missing)])
    if len(damaged) == len(missing):
        raise CorruptData(text, "git annex fsck   # or leave those files as they are: --allow-missing")
    what = "--all" if history else "."
    raise MissingData(text, f"git annex get {what}   # or leave those files as they are: --allow-missing")


def show(repo: Repository, store: Store, found: Found, contents: dict[bytes, Content], arguments: argparse.Namespace) -> int:
    """What would be done, or that there is nothing to do."""
    if not contents:
        if arguments.json:
            output.print_json({"files": 0, "versions": 0, "bytes": 0, "patterns": [], "missing": []})
        else:
            what = "any commit" if arguments.history else "the commit that is checked out (all of history: --history)"
            output.line(f"there is no file of git-annex in {what}")
        return 0
    sizes(store, contents.values())
    plan = Plan(found, contents, set(), repo.settings.pointer_format)
    there = [content for content in contents.values() if content.pointer is not None]
    versions = sum(1 for _, key in found.annexed() if contents[key.name].pointer is not None)
    size = sum(content.pointer.size for content in there if content.pointer is not None)
    missing = listing(repo, found, contents)
    if arguments.json:
        output.print_json(
            {
                "files": plan.files,
                "versions": versions,
                "keys": len(there),
                "bytes": size,
                "patterns": plan.patterns,
                "missing": missing,
            }
        )
        return 0
    output.line(f"{count(versions, 'version')} of {count(plan.files, 'file')} would become data ({human_size(size)})")
    for pattern in plan.patterns:
        output.line(f"  {shown(pattern.encode('utf-8', 'surrogateescape'))}")
    if missing:
        output.line(f"content that cannot be had: {count(len(missing), 'version')}")
        for line in _lines(missing):
            output.line(f"  {line}")
    return 0

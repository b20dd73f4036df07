"""``git data migrate annex``.

Files of git-annex become data: the content that git-annex keeps here goes into the store, verified against its keys, as links
where the file system can, and one new commit has pointers in the place of git-annex's links. Locked files become regular files,
attributes of git-annex go, its filter and hooks are switched off. What git-annex keeps stays where it is, for old commits.

With --history every commit of all branches and tags is rewritten instead, so that old versions are data, too.

Content that is not here is taken from remotes of git-annex that are directories on this machine. If some lacks still, nothing is
changed: bring it with git annex get, or leave those files as they are with --allow-missing.

  git data migrate annex --dry-run
  git data migrate annex
  git data migrate annex --history --object-map map.csv
  git data migrate annex --undo
"""

from __future__ import annotations

import argparse

from git_data.base.report import Progress, count, human_size, say
from git_data.commands import output
from git_data.commands.migrate_common import add_object_map, add_undo
from git_data.commands.parser import add_dry_run, add_jobs, add_json
from git_data.errors import CorruptData, MissingData, RepositoryError, UsageError
from git_data.git.repo import Repository, locate
from git_data.git.scan import shown
from git_data.migrate import annex_find, outcome
from git_data.migrate.adopt import adopt, sizes, stored
from git_data.migrate.annex_place import Roots, is_executable
from git_data.migrate.annex_rewrite import Plan
from git_data.migrate.ready import require_ready
from git_data.store.place import open_store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from git_data.migrate.adopt import Content
    from git_data.migrate.annex_find import Found
    from git_data.migrate.history import Rewritten
    from git_data.migrate.record import Record
    from git_data.store.objects import Store

COMMAND = "annex"
_SHOWN = 20


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--history", action="store_true", help="rewrite all branches and tags, old versions become data, too")
    parser.add_argument("--allow-missing", action="store_true", help="files whose content is not here stay as they are")
    add_object_map(parser)
    add_undo(parser)
    add_dry_run(parser)
    add_json(parser)
    add_jobs(parser)


def run(arguments: argparse.Namespace) -> int:
    """Migrate. Raises: MissingData, CorruptData, RepositoryError."""
    repo = locate()
    if arguments.undo:
        return _undo(repo, arguments.force)
    if outcome.finish_earlier(repo, COMMAND):
        say("an earlier run was finished; nothing else was done")
        return 0
    if arguments.object_map and not arguments.history:
        raise UsageError("--object-map belongs to --history: without it no commit becomes another")
    if not annex_find.is_annexed(repo):
        raise RepositoryError("git-annex was never used in this repository", "git data migrate info")
    annex_find.require_no_adjusted_branch(repo)
    annex_find.require_no_assistant(repo)
    require_ready(repo, rewriting=arguments.history)
    include = annex_find.refs(repo) if arguments.history else []
    with Progress("looking through history", 0):
        found = annex_find.in_history(repo, include) if arguments.history else annex_find.in_commit(repo, "HEAD")
    contents = _contents(repo, found)
    store = open_store(repo)
    if arguments.dry_run or not contents:
        return _show(repo, store, found, contents, arguments)
    if not arguments.allow_missing and any(not item.places and stored(store, item) is None for item in contents.values()):
        _refuse(repo, found, contents, arguments.history)
    executable = {name for name, content in contents.items() if is_executable(content)}
    _take_in(repo, store, contents, arguments.jobs or repo.settings.jobs)
    if not arguments.allow_missing and any(content.pointer is None for content in contents.values()):
        _refuse(repo, found, contents, arguments.history)
    plan = Plan(found, contents, executable, repo.settings.pointer_format)
    if not plan.files:
        _refuse(repo, found, contents, arguments.history)
    return _migrate(repo, store, found, contents, plan, include, arguments)


def _contents(repo: Repository, found: Found) -> dict[bytes, Content]:
    """Every content that is named: name of its key → where it is."""
    roots = Roots(repo)
    keys = {key.name: key for _, key in found.annexed()}
    return {name: roots.content(key) for name, key in keys.items()}


def _take_in(repo: Repository, store: Store, contents: dict[bytes, Content], jobs: int) -> None:
    with Progress("taking in", len(contents), sum(max(content.size, 0) for content in contents.values())) as progress:
        adopt(repo, store, list(contents.values()), jobs, progress)


def _migrate(
    repo: Repository,
    store: Store,
    found: Found,
    contents: dict[bytes, Content],
    plan: Plan,
    include: list[str],
    arguments: argparse.Namespace,
) -> int:
    from git_data.migrate import annex_carry
    from git_data.migrate.contents import Contents

    rewritten: Rewritten | None = None
    if arguments.history:
        with Progress("rewriting commits", found.commits) as progress:
            rewritten = annex_carry.rewrite_history(repo, plan, include, progress)
        record, left = annex_carry.publish(repo, store, rewritten, arguments.object_map or "")
    else:
        record, left = annex_carry.commit_on_top(repo, store, plan, found)
    absent = _absent(found, contents)
    if not absent:
        Contents(repo).forget()
    size = sum(content.pointer.size for content in contents.values() if content.pointer is not None)
    if arguments.json:
        output.print_json(
            {
                "files": plan.files,
                "keys": sum(1 for content in contents.values() if content.pointer is not None),
                "bytes": size,
                "patterns": plan.patterns,
                "commits": len(rewritten.commits) if rewritten is not None else 1,
                "refs": [{"name": move.name, "old": move.old, "new": move.new} for move in record.moves],
                "before": record.backups,
                "missing": _missing(repo, found, contents),
            }
        )
        return 0
    where = "" if rewritten is not None else f" in commit {record.moves[0].new[:12]}"
    output.line(f"{count(plan.files, 'file')} of git-annex became data ({human_size(size)}){where}")
    if absent:
        output.line(f"as before, because their content is not here: {count(len(absent), 'file')}")
    for line in [*left, *_afterwards(repo, record, rewritten)]:
        output.line(line)
    return 0


def _afterwards(repo: Repository, record: Record, rewritten: Rewritten | None) -> list[str]:
    from git_data.migrate.annex_place import kept_bytes, num_copies

    copies = num_copies(repo)
    lines = []
    if copies:
        lines.append(f"git-annex kept {count(copies, 'copy')}; for git-data: git config -f .gitdata data.numCopies {copies}")
    if rewritten is None:
        lines.append("take it back: git data migrate annex --undo")
    else:
        lines += outcome.afterwards(repo, record, rewritten)
    needed = "" if rewritten is not None else ", which older commits need"
    lines.append(
        f"git-annex's own copies stay in .git/annex{needed}; without them {human_size(kept_bytes(repo))} would be free. "
        "How to delete them: git data help migrate"
    )
    return lines


def _absent(found: Found, contents: dict[bytes, Content]) -> list[tuple[bytes, Content]]:
    """Paths whose content cannot be had (each once), and why."""
    absent = {}
    for version, key in found.annexed():
        content = contents[key.name]
        if content.pointer is None and (not content.places or content.trouble):
            absent[version.path, key.name] = content
    return [(path, content) for (path, _), content in absent.items()]


def _missing(repo: Repository, found: Found, contents: dict[bytes, Content]) -> list[dict[str, Any]]:
    from git_data.migrate.annex_place import holders

    absent = _absent(found, contents)
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


def _refuse(repo: Repository, found: Found, contents: dict[bytes, Content], history: bool) -> None:
    """Raises: MissingData, or CorruptData where only damage stands in the way."""
    missing = _missing(repo, found, contents)
    damaged = [item for item in missing if item["reason"] != "not here"]
    text = "\n".join(["the content of some files cannot be had; nothing was changed:", *_lines(missing)])
    if len(damaged) == len(missing):
        raise CorruptData(text, "git annex fsck   # or leave those files as they are: --allow-missing")
    what = "--all" if history else "."
    raise MissingData(text, f"git annex get {what}   # or leave those files as they are: --allow-missing")


def _show(repo: Repository, store: Store, found: Found, contents: dict[bytes, Content], arguments: argparse.Namespace) -> int:
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
    missing = _missing(repo, found, contents)
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


def _undo(repo: Repository, force: bool) -> int:
    from git_data.migrate.annex_off import bring_back
    from git_data.migrate.moves import undo

    record = undo(repo, open_store(repo), COMMAND, force)
    left = bring_back(repo)
    output.line(f"taken back: {count(len(record.moves), 'ref')} as before 'git data migrate annex'")
    if left:
        output.line(f"without content, because git-annex is not installed: {count(len(left), 'unlocked file')}")
    return 0

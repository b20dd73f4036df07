"""``git data migrate annex``.

Files of git-annex become data: the content that git-annex keeps here goes into the store, verified against its keys, as links
where the file system can, and one new commit has pointers in the place of git-annex's links. Locked files become regular files,
attributes of git-annex go, its filter and hooks are switched off. What git-annex keeps stays where it is, for old commits.

With --history every commit of all branches and tags is rewritten instead, so that old versions are data, too.

Content that is not here is taken from remotes of git-annex that are directories on this machine. If some lacks still, nothing is
changed: bring it with git annex get, or leave those files as they are with --allow-missing.

In a clone where nothing of git-annex is left, because a colleague has migrated, its filter and hooks are switched off.

  git data migrate annex --dry-run
  git data migrate annex
  git data migrate annex --history --object-map map.csv
  git data migrate annex --undo
"""

from __future__ import annotations

import argparse
import os

from git_data.base.report import Progress, count, human_size, say
from git_data.commands import output
from git_data.commands.migrate_annex_show import listing, refuse, show, unavailable
from git_data.commands.migrate_common import add_object_map, add_undo
from git_data.commands.parser import add_dry_run, add_jobs, add_json
from git_data.errors import CheckFailed, RepositoryError, UsageError
from git_data.git.repo import Repository, locate
from git_data.migrate import annex_find, outcome
from git_data.migrate.adopt import adopt, stored
from git_data.migrate.annex_off import is_on
from git_data.migrate.annex_place import Roots, is_executable, needed_bytes
from git_data.migrate.annex_rewrite import Plan
from git_data.migrate.ready import require_ready
from git_data.migrate.record import load
from git_data.store.place import open_store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.migrate.adopt import Content
    from git_data.migrate.annex_find import Found
    from git_data.migrate.history import Rewritten
    from git_data.migrate.record import Record
    from git_data.store.objects import Store

COMMAND = "annex"


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
    if not arguments.dry_run and outcome.finish_earlier(repo, COMMAND):
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
    if not contents and not arguments.dry_run and not arguments.json and is_on(repo):
        return _only_switch_off(repo, store)
    if arguments.dry_run or not contents:
        return show(repo, store, found, contents, arguments)
    if not arguments.allow_missing and any(not item.places and stored(store, item) is None for item in contents.values()):
        refuse(repo, found, contents, arguments.history)
    if not arguments.history:
        outcome.require_space(repo.worktree, needed_bytes(repo, store, found, contents))
    executable = {name for name, content in contents.items() if is_executable(content)}
    _take_in(repo, store, contents, arguments.jobs or repo.settings.jobs)
    if not arguments.allow_missing and any(content.pointer is None for content in contents.values()):
        refuse(repo, found, contents, arguments.history)
    plan = Plan(found, contents, executable, repo.settings.pointer_format)
    if not plan.files:
        refuse(repo, found, contents, arguments.history)
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
    absent = unavailable(found, contents)
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
                "missing": listing(repo, found, contents),
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
        synced = annex_find.synced_branches(repo)
        if synced:
            lines.append(f"branches of git annex sync still have the old history: git branch -D {' '.join(synced)}")
    needed = "" if rewritten is not None else ", which older commits need"
    lines.append(
        f"git-annex's own copies stay in .git/annex{needed}; without them {human_size(kept_bytes(repo))} would be free: "
        "git data help migrate"
    )
    return lines


def _only_switch_off(repo: Repository, store: Store) -> int:
    from git_data.migrate.annex_carry import only_switch_off

    output.line("there is no file of git-annex here any more: its filter and hooks are switched off in this clone")
    for line in [*only_switch_off(repo, store), "bring the content of data: git data checkout"]:
        output.line(line)
    return 0


def _undo(repo: Repository, force: bool) -> int:
    from git_data.migrate.annex_off import bring_back
    from git_data.migrate.moves import undo

    objects = os.path.join(repo.common_dir, "annex", "objects")
    if load(repo, COMMAND) is not None and not os.path.isdir(objects) and not force:
        raise CheckFailed(
            f"git-annex's copies are gone ('{objects}'): its links would lead nowhere, the content would be in the store only",
            "take it back all the same: git data migrate annex --undo --force",
        )
    record = undo(repo, open_store(repo), COMMAND, force)
    left = bring_back(repo)
    output.line(f"taken back: {count(len(record.moves), 'ref')} as before 'git data migrate annex'")
    if left:
        output.line(f"without content, because git-annex is not installed: {count(len(left), 'unlocked file')}")
    return 0

"""Refs of a migration: moved all at once, with others that keep what was before; and moved back.

The record is written first.  A kill leaves the refs all where they were or all where they go; the same command again finishes
what is left to do (``finish``).
"""

from __future__ import annotations

import os

from git_data.errors import CheckFailed, RepositoryError
from git_data.git.run import git
from git_data.migrate.follow import catch_up, check_out, take_over
from git_data.migrate.ready import require_clean, worktrees
from git_data.migrate.record import BACKUPS, BEGUN, DONE, UNDOING, Record, load, records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from git_data.git.repo import Repository
    from git_data.migrate.ready import Worktree
    from git_data.store.objects import Store

_SHOWN = 5


def carry_out(repo: Repository, store: Store, record: Record, vouched: Mapping[bytes, os.stat_result] | None = None) -> None:
    """Move the refs of ``record`` and have the work trees follow.

    With ``vouched`` files of this work tree stay in their places (``follow.take_over``); else git checks out anew what has
    changed.  Raises: GitFailed when a ref was moved by somebody else meanwhile: nothing has moved then.
    """
    while _has_backups(repo, record):
        record.time_s += 1  # another one of the same second, which keeps its own
    record.save(BEGUN)
    before = worktrees(repo)
    _transaction(repo, record, [(move.name, move.new, move.old) for move in record.moves], keep=True)
    _follow(repo, store, before, vouched)
    record.save(DONE)


def finish(repo: Repository, record: Record) -> bool:
    """Finish what a killed command left: whether its refs have moved. A record whose refs never moved is undone and forgotten.

    An undoing whose refs had moved back is finished, too; one that had not begun to move them is none.

    Raises: GitFailed, OSError.
    """
    if record.state == DONE:
        return True
    went_back = record.state == UNDOING and not _moved_on(repo, record, back=True)
    if record.state == BEGUN and (not record.moves or (_moved_on(repo, record) and not _has_backups(repo, record))):
        record.restore_settings_and_files()
        record.forget()
        return False
    if record.state == BEGUN or went_back:
        moved = {move.name: (move.new, move.old) if went_back else (move.old, move.new) for move in record.moves}
        for tree in worktrees(repo):
            since, now = moved.get(tree.branch or "HEAD", ("", ""))
            if tree.head == now and since != now:
                catch_up(tree.path, since, now)
    if went_back:
        record.restore_settings_and_files()
        record.forget()
        return False
    record.save(DONE)
    return True


def undo(
    repo: Repository,
    store: Store,
    command: str,
    force: bool = False,
    keep_files: bool = False,
    vouched: Mapping[bytes, os.stat_result] | None = None,
) -> Record:
    """Put everything back as it was before the last migration of this kind.

    ``keep_files``: files of data that was not tracked before stay in the work tree.  ``vouched``: see ``carry_out``.

    Raises: CheckFailed when commits were made since, or (without ``force``) were published; RepositoryError when there is nothing
    to undo.
    """
    record = load(repo, command)
    if record is None:
        raise RepositoryError(f"there is no 'git data migrate {command}' on record here that could be undone")
    if not finish(repo, record):
        return record  # it was killed before its refs moved, or this was killed after they moved back
    _require_untouched(repo, record, force)
    before = worktrees(repo)
    record.save(UNDOING)
    _transaction(repo, record, [(move.name, move.old, move.new) for move in record.moves], keep=False)
    _follow(repo, store, before, {} if keep_files and vouched is None else vouched)
    record.restore_settings_and_files()
    record.forget()
    return record


def forget(repo: Repository) -> int:
    """Let go of everything that was kept from before migrations: how many refs.

    Raises: CheckFailed while one is not finished: what was before is still needed; GitFailed.
    """
    for record in records(repo):
        if record.state != DONE:
            words = f"{record.command} --undo" if record.state == UNDOING else record.command
            raise CheckFailed(f"'git data migrate {record.command}' was killed and is not finished", f"git data migrate {words}")
    names = git("for-each-ref", "--format=%(refname)", BACKUPS, cwd=_cwd(repo)).splitlines()
    lines = b"".join(b"delete " + name + b"\n" for name in names)
    git("update-ref", "--no-deref", "--stdin", stdin=lines, cwd=_cwd(repo))
    for record in records(repo):
        record.forget()
    return len(names)


def _follow(repo: Repository, store: Store, before: list[Worktree], vouched: Mapping[bytes, os.stat_result] | None) -> None:
    for tree in before:
        now = git("rev-parse", "HEAD", cwd=tree.path).decode().strip()
        if now == tree.head:
            continue
        if vouched is not None and os.path.realpath(tree.path) == os.path.realpath(repo.worktree):
            take_over(repo, store, tree.head, now, vouched)
        else:
            check_out(tree.path, tree.head, now)


def _transaction(repo: Repository, record: Record, moves: list[tuple[str, str, str]], keep: bool) -> None:
    """Move refs ``(name, to, from)`` all at once, and make or drop the refs that keep what was before."""
    lines = ["start"]
    for (name, to, since), move in zip(moves, record.moves):
        if to != since:
            lines += ["option no-deref", f"update {name} {to} {since}"]
            backup = record.backups + name.removeprefix("refs/")
            lines.append(f"update {backup} {move.old}" if keep else f"delete {backup}")
    lines += ["prepare", "commit", ""]
    stdin = os.fsencode("\n".join(lines))
    git("update-ref", "-m", f"git data migrate {record.command}", "--stdin", stdin=stdin, cwd=_cwd(repo))


def _has_backups(repo: Repository, record: Record) -> bool:
    """Whether there are refs that keep what was before: they are made with the moves, which may have gone on since."""
    return bool(git("for-each-ref", "--count=1", record.backups, cwd=_cwd(repo)))


def _moved_on(repo: Repository, record: Record, back: bool = False) -> list[str]:
    """The names of refs that are not where the migration has put them; with ``back``: where they were before it."""
    found = []
    for move in record.moves:
        value = git("rev-parse", "--verify", "-q", move.name, ok=(0, 1), cwd=_cwd(repo)).decode().strip()
        if value != (move.old if back else move.new):
            found.append(move.name)
    return found


def _require_untouched(repo: Repository, record: Record, force: bool) -> None:
    moved = _moved_on(repo, record)
    if moved:
        raise CheckFailed(
            f"{_some(moved)} moved since 'git data migrate {record.command}': undoing it would lose commits",
            f"what was before is kept: git for-each-ref {record.backups}",
        )
    contains = [word for move in record.moves if move.new != move.old for word in ("--contains", move.new)]
    if contains and not force:
        published = git("for-each-ref", "--format=%(refname:short)", *contains, "refs/remotes", cwd=_cwd(repo)).splitlines()
        if published:
            have = "have" if published[1:] else "has"
            raise CheckFailed(
                f"{_some([os.fsdecode(name) for name in published])} {have} what 'git data migrate {record.command}' made: "
                "others may build on it",
                "undo it here all the same: --undo --force",
            )
    for tree in worktrees(repo):
        require_clean(tree.path)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(f"'{name}'" for name in names[:_SHOWN]) + more


def _cwd(repo: Repository) -> str:
    return repo.worktree or repo.common_dir

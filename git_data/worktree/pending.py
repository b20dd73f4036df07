"""Finishing the journals: whoever comes first (filter, hook, command) brings content to the paths that wait."""

from __future__ import annotations

import os

from git_data.base import report
from git_data.errors import GitDataError
from git_data.git.repo import Repository
from git_data.store.objects import Store
from git_data.worktree import journal
from git_data.worktree.bring import bring
from git_data.worktree.relink import Outcome, relink


def relink_pending(repo: Repository, store: Store, wait_s: float = 0.1, steal: bool = False) -> None:
    """Finish every journal nobody else works on (``steal``: see ``journal.claim_all``), and report what could not be done."""
    for claim in journal.claim_all(repo.data_dir, steal):
        bring(repo, store, (item.pointer for item in claim.waiting))
        size = sum(item.pointer.size for item in claim.waiting)
        with report.Progress("linking", len(claim.waiting), size) as progress:
            try:
                outcome = relink(repo, store, claim.waiting, wait_s, progress)
            except GitDataError:
                claim.give_back()
                raise
        if outcome.locked is None:
            claim.done()
        else:
            claim.give_back()
        if outcome.missing:
            from git_data.worktree.settle import settle_pointers

            settle_pointers(repo, {item.path: item.pointer for item in outcome.missing}, wait_s)
        say_outcome(repo, outcome)


def say_outcome(repo: Repository, outcome: Outcome) -> None:
    """One line for each kind of trouble, with the command that mends it."""
    if outcome.locked is not None:
        report.say(f"{outcome.locked.message}: some files still hold pointers\n  bring their content with: git data checkout")
    if outcome.missing:
        first = os.fsdecode(outcome.missing[0].path)
        more = f" and {len(outcome.missing) - 1:,} more" if len(outcome.missing) > 1 else ""
        report.say(f"the data of '{first}'{more} is not in the store: a pointer stays in place\n  {_how_to_bring(repo)}")
    for _, error in outcome.failed[:1]:
        more = f" ({len(outcome.failed):,} files)" if len(outcome.failed) > 1 else ""
        report.say(f"{error.message}{more}: the pointer stays in place\n  then run: git data checkout")
    if outcome.copied_bytes:
        from git_data.worktree.advice import advise_links

        advise_links(repo, outcome)


def _how_to_bring(repo: Repository) -> str:
    if repo.config.names_remotes or repo.config.get_bool("data.lfs", False):
        return "bring it with: git data pull"
    return "put the original file in place, or name the remote that has it: git data remote add -d NAME URL && git data pull"

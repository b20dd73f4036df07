"""Checks of the work tree: attributes, plain blobs, pointers without content, what killed commands left."""

from __future__ import annotations

import os
import time
from shlex import quote

from git_data.base.finding import Finding, advice, problem
from git_data.base.report import count
from git_data.git.attributes import AttributesFile, split_line
from git_data.git.run import records
from git_data.git.scan import Tracked, shown
from git_data.worktree import journal
from git_data.worktree.select import Selection
from git_data.worktree.state import CONTENT, POINTER, State
from git_data.worktree.tracking import plain_in_index

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from git_data.git.repo import Repository

_WANTED = ("text", "merge", "diff")
_WHY = {
    "text": "git may convert line ends, and a pointer with other line ends is no pointer",
    "merge": "a merge would write conflict markers into pointers",
    "diff": "git diff shows pointers instead of what changed",
}
_STALE_S = 10 * 60


def check_attributes(repo: Repository, tracked: list[Tracked]) -> Iterator[Finding]:
    """Whether files that are data have all the attributes data needs."""
    paths = [item.path for item in tracked if item.stage == 0]
    if not paths:
        return
    names = ["filter", *_WANTED]
    stdin = b"".join(path + b"\0" for path in paths)
    answers = records("check-attr", "-z", "--stdin", *names, cwd=repo.require_worktree(), stdin=stdin)
    lacking: dict[str, list[bytes]] = {name: [] for name in _WANTED}
    driver = ""
    for path, name, value in zip(answers[0::3], answers[1::3], answers[2::3]):
        if name == b"filter":
            driver = os.fsdecode(value) if os.fsdecode(value) in repo.filters else ""
        elif driver and os.fsdecode(value) != ("unset" if name == b"text" else driver):
            lacking[name.decode()].append(path)
    for attribute, found in lacking.items():
        if found:
            written = "-text" if attribute == "text" else f"{attribute}=data"
            what = f"{count(len(found), 'data file')} without the attribute {written}"
            make = advice if attribute == "diff" else problem
            yield make(what, _WHY[attribute], _mend_attributes(repo), found)


def _mend_attributes(repo: Repository) -> str:
    """The command that completes the lines of ``.gitattributes``; it works in the directory of the file."""
    root = repo.require_worktree()
    files = records("ls-files", "-z", "--cached", "--others", "--deduplicate", "--", ":(glob)**/.gitattributes", cwd=root)
    commands = []
    for file in sorted(files):
        full = os.path.join(root, os.fsdecode(file))
        for line in AttributesFile(full).lines:
            pattern, attributes = split_line(line)
            if "filter=data" in attributes and not {"-text", "merge=data", "diff=data"} <= set(attributes):
                where = os.path.dirname(os.fsdecode(file))
                prefix = f"cd {quote(where)} && " if where else ""
                commands.append(f"{prefix}git data track {quote(pattern)}")
    return "\n".join(commands) or "look where the attributes come from: git check-attr -a -- FILE"


def check_plain(repo: Repository) -> Iterator[Finding]:
    """Files that should be pointers in git and are not."""
    plain = plain_in_index(repo)
    if plain:
        yield problem(
            f"git itself holds the content of {count(len(plain), 'file')} that should be data",
            "every version of them stays in every clone for ever",
            "git data track --convert",
            plain,
        )


def check_content(repo: Repository, states: list[State]) -> Iterator[Finding]:
    """Pointers that lie in the work tree, and content that is nowhere else."""
    wants = Selection(repo.settings.fetch_include, repo.settings.fetch_exclude).wants
    pointers = [state for state in states if state.here == POINTER and wants(state.tracked.path)]
    in_store = [state.tracked.path for state in pointers if state.stored]
    if in_store:
        yield problem(
            f"{count(len(in_store), 'pointer')} in the work tree where content should be; the store has it",
            "programs read three lines of text instead of data",
            "git data checkout",
            in_store,
        )
    nowhere = [state.tracked.path for state in pointers if not state.stored]
    if nowhere:
        yield problem(
            f"{count(len(nowhere), 'pointer')} in the work tree whose content is nowhere on this machine",
            "programs read three lines of text instead of data",
            "git data pull" if repo.config.names_remotes else "git data remote add -d NAME URL && git data pull",
            nowhere,
        )
    alone = [state.tracked.path for state in states if state.here == CONTENT and not state.stored]
    if alone:
        yield problem(
            f"the content of {count(len(alone), 'file')} is in the work tree only, not in the store",
            "checking out another version would lose it",
            "git add --renormalize .   # in the directory of the files",
            alone,
        )


def check_left_over(repo: Repository) -> Iterator[Finding]:
    """What killed commands left: unfinished work, a lock."""
    waiting = 0
    for claim in journal.claim_all(repo.data_dir):
        waiting += len(claim.waiting)
        claim.give_back()
    if waiting:
        yield problem(
            f"a command was killed before it brought the content of {count(waiting, 'file')}",
            "they may still hold pointers",
            "git data checkout",
        )
    lock = repo.own_index + ".lock"
    try:
        age_s = time.time() - os.stat(lock).st_mtime
    except OSError:
        return
    if age_s > _STALE_S:
        yield problem(
            f"'{shown(os.fsencode(lock))}' is {age_s / 60:,.0f} minutes old",
            "while it exists no git command can change the index",
            f"rm {quote(lock)}   # when no git command is running",
        )

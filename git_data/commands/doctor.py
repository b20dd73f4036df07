"""``git data doctor``.

Look for what is wrong with the set-up, the work tree and the store; say why it matters and which command mends it. Nothing is
changed. Exit status: 0 if all is well (there may be advice), 1 if there is a problem.

What needs hashing is not looked at: git data fsck does that.
"""

from __future__ import annotations

import argparse

from git_data.base.finding import PROBLEM, Finding, problem
from git_data.base.report import count
from git_data.commands import output
from git_data.commands.parser import add_json
from git_data.errors import ConfigError, GitDataError, GitFailed, RepositoryError, from_os_error
from git_data.git.repo import Repository, locate
from git_data.git.run import git
from git_data.git.scan import shown
from git_data.setup.check_setup import check_drivers, check_git, check_hooks, check_lfs, check_settings
from git_data.store.check_store import check_links, check_sharing, check_tidiness, check_writing
from git_data.store.place import open_store
from git_data.worktree.check_worktree import check_attributes, check_content, check_left_over, check_plain
from git_data.worktree.copies import link_types
from git_data.worktree.state import survey

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from git_data.store.objects import Store

_SHOWN_PATHS = 5
_SEE_MESSAGE = "mend what the message says and run this again"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Look and tell."""
    findings = examine()
    problems = sum(1 for finding in findings if finding.level == PROBLEM)
    if arguments.json:
        records = [
            {
                "level": finding.level,
                "what": finding.what,
                "why": finding.why,
                "mend": finding.mend,
                "paths": [output.name(path) for path in finding.paths],
            }
            for finding in findings
        ]
        output.print_json({"problems": problems, "findings": records})
    else:
        output.write("\n".join(_text(finding) for finding in findings))
        advice = len(findings) - problems
        words = [count(problems, "problem") if problems else "No problem"] + (
            [f"{count(advice, 'piece')} of advice"] if advice else []
        )
        output.line(("\n" if findings else "") + ", ".join(words) + ".")
    return 1 if problems else 0


def examine() -> list[Finding]:
    """Everything that is found, problems first. Outside of a repository git's and the user's set-up are looked at."""
    findings = _collect(check_git)
    repo: Repository | None = None
    try:
        repo = locate()
    except ConfigError as error:
        findings.append(problem(error.message, "every git command that reads or writes data fails", error.hint))
    except RepositoryError as error:
        findings += _collect(lambda: check_drivers(None))
        if not _outside():
            findings.append(problem(error.message, "git does not work here", error.hint))
    if repo is not None:
        findings += _examine_repository(repo, open_store(repo))
    return sorted(findings, key=lambda finding: finding.level != PROBLEM)


def _outside() -> bool:
    """Whether there is no repository here, and not one that git refuses (``safe.directory``, a broken configuration)."""
    try:
        git("rev-parse", "--git-dir", env={"LC_ALL": "C"})
    except GitFailed as error:
        return "not a git repository" in error.message
    return False


def _examine_repository(repo: Repository, store: Store) -> list[Finding]:
    findings = _collect(lambda: check_drivers(repo)) + _collect(lambda: check_lfs(repo)) + _collect(lambda: check_settings(repo))
    if repo.worktree:
        findings += _collect(lambda: check_hooks(repo)) + _collect(lambda: _examine_worktree(repo, store))
    findings += _collect(lambda: check_writing(store)) + _collect(lambda: check_sharing(repo, store))
    stages = [f"{repo.data_dir}/tmp"] if repo.worktree else []
    return findings + _collect(lambda: check_tidiness(store, stages))


def _examine_worktree(repo: Repository, store: Store) -> Iterator[Finding]:
    states = survey(repo, store)
    yield from check_left_over(repo)
    yield from check_content(repo, states)
    yield from check_plain(repo)
    yield from check_attributes(repo, [state.tracked for state in states])
    works = link_types(repo, store)
    if works:
        yield from check_links(repo, store, works, sum(state.tracked.pointer.size for state in states))


def _collect(check: Callable[[], Iterator[Finding]]) -> list[Finding]:
    """The findings of one check; that it could not be made is a finding, too, and keeps no other from being made."""
    findings = []
    try:
        for finding in check():
            findings.append(finding)
    except GitDataError as error:
        findings.append(problem(error.message, "so not everything could be looked at", error.hint or _SEE_MESSAGE))
    except OSError as error:
        failure = from_os_error(error, error.filename or "(no path)", "looking at")
        findings.append(problem(failure.message, "so not everything could be looked at", failure.hint or _SEE_MESSAGE))
    return findings


def _text(finding: Finding) -> str:
    is_problem = finding.level == PROBLEM
    text = f"{output.paint(finding.level, 'red' if is_problem else 'yellow')}: {output.plain(finding.what)}\n"
    text += "".join(f"    {shown(path)}\n" for path in finding.paths[:_SHOWN_PATHS])
    if len(finding.paths) > _SHOWN_PATHS:
        text += f"    and {len(finding.paths) - _SHOWN_PATHS:,} more\n"
    text += f"  why:  {output.plain(finding.why)}\n"
    for number, line in enumerate(finding.mend.splitlines()):
        text += f"  {'mend: ' if number == 0 else '      '}{output.plain(line)}\n"
    return text

"""``git data track``.

Keep files as data: add their patterns to .gitattributes in the current directory. Without a pattern, list what is tracked.

Quote patterns, or the shell expands them: git data track '*.parquet'. Patterns are those of gitattributes(5). --above finds
files by their size instead, and tracks their suffix, or their path where smaller files have the same suffix. Files that git
already holds as plain blobs stay so until they change, or until --convert.
"""

from __future__ import annotations

import argparse
import json
import os
import stat

from git_data.base.report import count, human_size, say
from git_data.commands.parser import add_dry_run, add_json
from git_data.config import parse_size
from git_data.errors import UsageError, from_os_error
from git_data.git.attributes import FORBIDDEN, AttributesFile, Pattern, literal
from git_data.git.repo import Repository, locate
from git_data.git.run import git, records
from git_data.setup.command_line import shell_quoted
from git_data.worktree.lockable import refresh
from git_data.worktree.tracking import patterns_above, plain_in_index, renormalize


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("pattern", nargs="*", metavar="PATTERN", help="as in .gitattributes, e.g. '*.parquet' or 'models/**'")
    parser.add_argument("--above", metavar="SIZE", help="track every file of at least this size (10MB, 2GiB)")
    parser.add_argument("--filename", action="store_true", help="take PATTERN literally: it names one file")
    lockable = parser.add_mutually_exclusive_group()
    text = "files that one person edits at a time: read-only until locked"
    lockable.add_argument("--lockable", dest="lockable", action="store_const", const=True, help=text)
    lockable.add_argument("--not-lockable", dest="lockable", action="store_const", const=False, help="take that back")
    parser.add_argument("--convert", action="store_true", help="turn files that git already holds as plain blobs into data")
    parser.add_argument("-l", "--list", action="store_true", help="list the patterns (the default without any)")
    add_dry_run(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Track, or list."""
    repo = locate()
    root = repo.require_worktree()
    if arguments.list or not (arguments.pattern or arguments.above or arguments.convert):
        return _list(repo, arguments.json)
    patterns = [literal(text) if arguments.filename else text for text in arguments.pattern]
    for pattern in patterns:
        refuse_forbidden(pattern)
    # where pointers stay git-lfs's for those who use it, so do attributes
    driver = "lfs" if repo.config.keeps_lfs and repo.settings.pointer_format == "lfs" else "data"
    _edit(AttributesFile(os.path.abspath(".gitattributes")), patterns, arguments, driver)
    if arguments.above:
        found = patterns_above(repo, parse_size(arguments.above, "--above"))
        for pattern, files, size in found:
            print(f"{pattern}: {count(files, 'file')}, {human_size(size)}")
        if not found:
            print(f"No file of {arguments.above} or more is outside of the data store.")
        _edit(AttributesFile(os.path.join(root, ".gitattributes")), [pattern for pattern, _, _ in found], arguments, driver)
    if not arguments.dry_run:
        _convert(repo, arguments.convert)
        _protect(repo)
    return 0


def refuse_forbidden(pattern: str) -> None:
    """Raises: UsageError when the pattern would hide a file git must read."""
    from pathspec import GitIgnoreSpec

    if not pattern or pattern.startswith("!"):
        raise UsageError(f"'{pattern}' is not a pattern", "git help gitattributes")
    matches = GitIgnoreSpec.from_lines([pattern])
    for name in FORBIDDEN:
        if matches.match_file(name):
            raise UsageError(
                f"the pattern '{pattern}' matches '{name}', which git must be able to read",
                "choose a narrower pattern, such as '*.bin' or 'data/**', or: git data track --above 10MB",
            )


def _edit(file: AttributesFile, patterns: list[str], arguments: argparse.Namespace, driver: str) -> None:
    changes = {pattern: file.track(pattern, arguments.lockable, driver) for pattern in patterns}
    if not arguments.dry_run:
        try:
            file.save()
        except OSError as error:
            raise from_os_error(error, file.path, "writing") from None
    would = "would be " if arguments.dry_run else ""
    for pattern, changed in changes.items():
        print(f"'{pattern}' {would}tracked as data" if changed else f"'{pattern}' was tracked already")


def _protect(repo: Repository) -> None:
    """Lockable files become read-only, others get write permission back."""
    changed = refresh(repo, thorough=True, wait_s=2.0)
    root = os.fsencode(repo.require_worktree())
    taken = [path for path in changed if not os.lstat(os.path.join(root, path)).st_mode & stat.S_IWUSR]
    if taken:
        print(f"{count(len(taken), 'file')} read-only until locked: git data lock PATH")
    if len(changed) > len(taken):
        print(f"{count(len(changed) - len(taken), 'file')} may be written to again")


def _convert(repo: Repository, convert: bool) -> None:
    """Turn plain blobs into pointers, or say how."""
    plain = plain_in_index(repo)
    if not plain:
        return
    if not convert:
        say(
            f"{count(len(plain), 'matching file')} in git as plain content stay so until they change\n"
            "  turn them into data now: git data track --convert"
        )
        return
    renormalize(repo, plain)
    changed = records("ls-files", "-z", "--others", "--modified", "--", ":(glob)**/.gitattributes", cwd=repo.worktree)
    if changed:
        git("add", "--", *[os.fsdecode(path) for path in changed], cwd=repo.worktree)
    print(f"{count(len(plain), 'file')} turned into data; commit the change with: git commit")


def all_patterns(repo: Repository) -> list[Pattern]:
    """Every pattern of every .gitattributes git reads here."""
    root = repo.require_worktree()
    files = records("ls-files", "-z", "--cached", "--others", "--deduplicate", "--", ":(glob)**/.gitattributes", cwd=root)
    paths = [os.path.join(root, os.fsdecode(path)) for path in sorted(files)]
    paths.append(os.path.join(repo.common_dir, "info", "attributes"))
    return [pattern for path in paths for pattern in AttributesFile(path).patterns()]


def _list(repo: Repository, as_json: bool) -> int:
    root = repo.require_worktree()
    patterns = all_patterns(repo)
    rows = [(pattern, os.path.relpath(pattern.file, root)) for pattern in patterns]
    if as_json:
        listed = [
            {"pattern": pattern.text, "filter": pattern.filter, "lockable": pattern.lockable, "file": file}
            for pattern, file in rows
        ]
        print(json.dumps(listed, indent=2))
        return 0
    for pattern, file in rows:
        marks = (", lockable" if pattern.lockable else "") + (", git-lfs" if pattern.filter == "lfs" else "")
        print(f"{pattern.text} ({file}{marks})")
    if not rows:
        print(f"No pattern is tracked. Track one with: git data track {shell_quoted(['*.parquet'])}")
    return 0

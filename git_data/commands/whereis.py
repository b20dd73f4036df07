"""``git data whereis``.

Show every place that has the content of a file: the work tree, the store of this machine, and each remote. The remotes are asked
now, all at once, and sizes are compared.

  git data whereis images/a.png         the version in the index
  git data whereis --rev v1.0 images    the versions of a revision
  git data whereis 3f2a99c              an object, by the first digits (7 or more) of its oid

In the table yes means that the content is there, - that it is not, wrong that what is there has another size, and ? that the
place could not be asked; the reason is below.

Exit status: 0 there is an answer, 8 no remote could be asked and nothing is here.
"""

from __future__ import annotations

import argparse

from git_data.base.report import human_size
from git_data.commands import output
from git_data.commands.parser import add_json, add_transfer_jobs
from git_data.git import scan
from git_data.git.pick import Oids, data_files, looks_like_oid, of
from git_data.git.repo import Repository, locate
from git_data.pointer import Pointer
from git_data.store.objects import Store
from git_data.store.place import open_store
from git_data.sync.fetch import sources
from git_data.sync.holders import Answer, ask_all
from git_data.worktree.state import CONTENT, survey

_UNKNOWN_SIZE = -1


class Sought:
    """One object somebody asks for; ``path`` is empty for an oid, ``size`` ``-1`` when no pointer tells it."""

    __slots__ = ("in_worktree", "oid", "path", "size", "stored")

    def __init__(self, path: bytes, oid: str, size: int) -> None:
        self.path = path
        self.oid = oid
        self.size = size
        self.in_worktree: bool | None = None
        """``None`` where the question makes no sense"""
        self.stored = False


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("what", nargs="+", metavar="PATH|OID", help="files, directories, patterns, or oids")
    parser.add_argument("--rev", metavar="REV", default="", help="look for the versions of a revision")
    add_transfer_jobs(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask everywhere."""
    repo = locate()
    store = open_store(repo)
    sought = _sought(repo, store, arguments)
    wanted = {item.oid: Pointer(item.oid, item.size) for item in sought}
    answers = ask_all(repo, sources(repo), list(wanted.values()), arguments.jobs)
    if arguments.json:
        output.print_json([_record(item, answers) for item in sought])
    else:
        _print(repo, sought, answers)
    errors = [answer.error for answer in answers if answer.error is not None]
    if errors and len(errors) == len(answers) and not any(item.stored or item.in_worktree for item in sought):
        raise errors[0]
    return 0


def _sought(repo: Repository, store: Store, arguments: argparse.Namespace) -> list[Sought]:
    """Raises: UsageError for a word that means nothing."""
    words, behind = arguments.what, max(arguments.behind_dashes, 0)
    paths: list[str] = []
    found: list[Sought] = []
    oids = Oids(repo)
    for number, word in enumerate(words):
        may_be_oid = number < len(words) - behind and looks_like_oid(word)
        if may_be_oid and not of(repo, [word], arguments.rev):
            pointer = oids.find(word)
            found.append(Sought(b"", pointer.oid if pointer else word, pointer.size if pointer else _UNKNOWN_SIZE))
        else:
            paths.append(word)
    files = data_files(repo, paths, arguments.rev)
    here = _content_here(repo, store, paths) if files and not arguments.rev and repo.worktree else None
    for file in files:
        item = Sought(file.path, file.pointer.oid, file.pointer.size)
        item.in_worktree = None if here is None else file.path in here
        found.append(item)
    for item in found:
        item.stored = store.find(item.oid, item.size) is not None if item.size >= 0 else _has(store, item.oid)
    return found


def _content_here(repo: Repository, store: Store, paths: list[str]) -> set[bytes]:
    return {state.tracked.path for state in survey(repo, store, paths) if state.here == CONTENT}


def _has(store: Store, oid: str) -> bool:
    import os

    return any(os.path.exists(os.path.join(objects, oid[:2], oid)) for objects in (store.objects, *store.alternates))


def _verdict(item: Sought, answer: Answer) -> str:
    if answer.error is not None:
        return "?"
    size = answer.sizes.get(item.oid)
    if size is None:
        return "-"
    return "yes" if item.size in (size, _UNKNOWN_SIZE) else "wrong"


def _record(item: Sought, answers: list[Answer]) -> dict[str, object]:
    return {
        "path": output.name(item.path) if item.path else None,
        "oid": item.oid,
        "size": item.size if item.size >= 0 else None,
        "worktree": item.in_worktree,
        "store": item.stored,
        "remotes": {
            answer.named.name: {
                "has": None if answer.error is not None else _verdict(item, answer) == "yes",
                "size": answer.sizes.get(item.oid),
                "error": answer.error.message if answer.error is not None else None,
            }
            for answer in answers
        },
    }


def _print(repo: Repository, sought: list[Sought], answers: list[Answer]) -> None:
    words = {True: "yes", False: "-", None: ""}
    rows = [
        [
            human_size(item.size) if item.size >= 0 else "?",
            output.digits(item.oid) if item.path else item.oid,
            words[item.in_worktree],
            words[item.stored],
            *(_verdict(item, answer) for answer in answers),
            scan.shown(output.relative(item.path, repo.prefix)),
        ]
        for item in sought
    ]
    headers = ["size", "oid", "work tree", "local store", *(answer.named.name for answer in answers), "path"]
    output.write(output.table(rows, headers, right=(0,)))
    for answer in answers:
        if answer.error is not None:
            output.line(f"'{answer.named.name}' could not be asked: {output.plain(answer.error.message)}")
    if not answers:
        output.line("there is no remote for data yet: git data remote add -d store URL")

"""``git data migrate import --no-rewrite``: the given files become data in one new commit."""

from __future__ import annotations

import argparse
import os

from git_data.base.report import Progress, count, human_size
from git_data.commands import output
from git_data.errors import UsageError
from git_data.git.attributes import FORBIDDEN, literal
from git_data.git.repo import Repository
from git_data.git.run import git, records
from git_data.git.scan import in_index, shown
from git_data.migrate import outcome
from git_data.migrate.choose import Choice
from git_data.migrate.importing import with_patterns
from git_data.migrate.moves import carry_out
from git_data.migrate.one_commit import File, build
from git_data.migrate.ready import require_ready
from git_data.migrate.record import Record
from git_data.migrate.setup import set_up
from git_data.migrate.take_in import Blob, take_in
from git_data.migrate.versions import ATTRIBUTES
from git_data.store.place import open_store
from git_data.worktree.share import share_with_store

COMMAND = "import"


class _Plain:
    """A file whose content git holds itself."""

    __slots__ = ("blob", "mode", "path")

    def __init__(self, path: bytes, mode: bytes, blob: bytes) -> None:
        self.path = path
        self.mode = mode
        self.blob = blob


def run(repo: Repository, arguments: argparse.Namespace) -> int:
    """Convert. Raises: UsageError, RepositoryError."""
    if not arguments.path:
        raise UsageError("which files are to become data?", "git data migrate import --no-rewrite PATH …")
    root = os.fsencode(repo.require_worktree())
    files = _files(repo, arguments.path)
    before = _before(root, files)
    require_ready(repo, rewriting=False)
    blobs = _blobs(repo, files)
    size = sum(blob.size for blob in blobs)
    if arguments.dry_run:
        for file in files:
            output.line(f"'{shown(file.path)}' would become data")
        return 0
    store = open_store(repo)
    with Progress("storing", len(blobs), size) as progress:
        pointers = take_in(repo, store, blobs, repo.settings.jobs, progress)
    for pointer in pointers.values():
        pointer.format = repo.settings.pointer_format
    choice = Choice()
    choice.patterns = [literal(os.fsdecode(file.path)) for file in files]
    content = git("cat-file", "blob", "HEAD:.gitattributes", ok=(0, 128), cwd=repo.worktree)
    wanted = [File(file.path, file.mode, pointers[file.blob].encode()) for file in files]
    wanted.append(File(ATTRIBUTES, b"100644", with_patterns(content, choice)))
    names = ", ".join(shown(file.path) for file in files[:3]) + (", …" if len(files) > 3 else "")
    store.flush()
    record = Record(repo, COMMAND)
    record.moves = [build(repo, wanted, [], f"Keep {names} as data\n")]
    outcome.require_filter(repo, record.moves[0].new, [file.path for file in files])
    set_up(repo, store, record)
    # line ends may differ: such a file is not what its pointer names, and is checked out anew
    as_named = {file.path for file in files if file.path in before and before[file.path].st_size == pointers[file.blob].size}
    carry_out(repo, store, record, {path: before[path] for path in as_named})
    share_with_store(store, os.fsdecode(root), [(file.path, pointers[file.blob]) for file in files])
    output.line(f"{count(len(files), 'file')} became data ({human_size(size)}) in commit {record.moves[0].new[:12]}")
    output.line("take it back: git data migrate import --undo")
    return 0


def _before(root: bytes, files: list[_Plain]) -> dict[bytes, os.stat_result]:
    """Stat data of those that are there; a sparse checkout leaves some out."""
    found = {}
    for file in files:
        try:
            found[file.path] = os.lstat(os.path.join(root, file.path))
        except (FileNotFoundError, NotADirectoryError):
            continue
    return found


def _files(repo: Repository, pathspecs: list[str]) -> list[_Plain]:
    """The plain files that are meant. Raises: GitFailed, UsageError where there are none."""
    pointers = {item.path for item in in_index(repo, pathspecs)}
    found = []
    for record in records("ls-files", "-s", "-z", "--full-name", "--error-unmatch", "--", *pathspecs):
        header, _, path = record.partition(b"\t")
        mode, blob, _ = header.split(b" ")
        forbidden = os.fsdecode(os.path.basename(path)) in FORBIDDEN
        if mode.startswith(b"100") and path not in pointers and not forbidden:
            found.append(_Plain(path, mode, blob))
    if not found:
        raise UsageError("these files are data already, or cannot be", "git data ls-files")
    return found


def _blobs(repo: Repository, files: list[_Plain]) -> list[Blob]:
    names = list(dict.fromkeys(file.blob for file in files))
    stdin = b"\n".join(names) + b"\n"
    sizes = git("cat-file", "--buffer", "--batch-check=%(objectsize)", stdin=stdin, cwd=repo.worktree).split()
    return [Blob(name, int(size)) for name, size in zip(names, sizes)]

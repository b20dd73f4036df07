"""``git data migrate dvc --history``: every commit as if its data had always been ours.

Each commit's files of DVC become what ``dvc_tree`` makes of them, with the versions of data that commit names.  A version whose
content is nowhere keeps its ``.dvc`` file in the commits that have it.  What two commits have in common is not looked at twice.
"""

from __future__ import annotations

import os
import posixpath

from git_data.base.report import Progress
from git_data.errors import CheckFailed, RepositoryError
from git_data.git.run import git
from git_data.migrate import dvc_apply, history, outcome
from git_data.migrate.dvc_apply import COMMAND, Result
from git_data.migrate.dvc_pieces import is_source, is_special
from git_data.migrate.dvc_plan import tree_of
from git_data.migrate.dvc_tree import Translated, Tree, Value, differences
from git_data.migrate.ready import worktrees
from git_data.migrate.record import Record
from git_data.migrate.stream import FileChange
from git_data.store.place import open_store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from git_data.git.repo import Repository
    from git_data.migrate.dvc_pieces import Piece
    from git_data.migrate.dvc_plan import Plan
    from git_data.migrate.dvc_tree import Translator
    from git_data.migrate.stream import Commit


class State:
    """What a commit is and becomes; ``translated`` is ``None`` for one that stays as it is, ``same`` if nothing changes."""

    __slots__ = ("same", "translated", "tree")

    def __init__(self, tree: Tree, translated: Translated | None, same: bool) -> None:
        self.tree = tree
        self.translated = translated
        self.same = same


class DvcTransform:
    """Rewrites commits; ``left`` are sources that some commit keeps, by what they are and why."""

    def __init__(self, repo: Repository, translator: Translator, watched: set[bytes]) -> None:
        self._repo = repo
        self._translator = translator
        self._watched = watched
        self.left: dict[tuple[bytes, str], Piece] = {}
        self.versions: set[tuple[bytes, bytes]] = set()
        """path and content of data files in any commit"""
        self._counted: set[int] = set()
        self._pieces: list[Piece] = []

    def begin(self, oid: bytes) -> State:
        """A commit that is not rewritten: its children start from what it has."""
        special, others = tree_of(self._repo, oid.decode())
        return State(Tree(special, {path: blob for path, blob in others.items() if path in self._watched}), None, True)

    def change(self, commit: Commit) -> list[FileChange]:
        """The same change, with DVC's files replaced."""
        parent: State = commit.states[0] if commit.states else State(Tree({}, {}), Translated({}, {}), True)
        tree = changed_tree(parent.tree, commit.changes, self._watched)
        if tree is parent.tree and parent.translated is not None:
            commit.state = parent
            return commit.changes
        translated = self._translator.translate(tree)
        self._count(translated)
        same = parent.same and is_same(tree, translated)
        commit.state = State(tree, translated, same)
        if same:
            return commit.changes
        gone, come = differences(parent.translated, parent.tree, translated)
        others = [change for change in commit.changes if not is_special(change.path)]
        return [
            *(FileChange(path) for path in gone),
            *others,
            *(FileChange(path, value.mode, value.blob, value.content) for path, value in come.items()),
        ]

    def _count(self, translated: Translated) -> None:
        for piece in translated.pieces.values():
            if piece.reason:
                self.left.setdefault((piece.source, piece.reason + "".join(key.md5 for _, key in piece.missing)), piece)
            elif id(piece) not in self._counted:
                self._counted.add(id(piece))
                self._pieces.append(piece)  # or its id would be given to another
                self.versions.update((path, content) for path, (_, content) in piece.files.items())


def changed_tree(tree: Tree, changes: Iterable[FileChange], watched: set[bytes]) -> Tree:
    """What a commit's changes make of its parent's files; the same object if nothing that matters is among them."""
    special, plain = tree.special, tree.plain
    for change in changes:
        if is_special(change.path):
            if special is tree.special:
                special = dict(special)
            if change.mode:
                special[change.path] = (change.mode, change.blob)
            else:
                special.pop(change.path, None)
        elif change.path in watched:
            if plain is tree.plain:
                plain = dict(plain)
            if change.mode:
                plain[change.path] = change.blob
            else:
                plain.pop(change.path, None)
    return tree if special is tree.special and plain is tree.plain else Tree(special, plain)


def is_same(tree: Tree, translated: Translated) -> bool:
    """Whether a commit has nothing that changes."""
    raw = {path: Value(mode, blob) for path, (mode, blob) in tree.special.items()}
    return translated.loose == raw and all(piece.reason for piece in translated.pieces.values())


def _survey(repo: Repository, plan: Plan, include: list[str], exclude: list[str]) -> int:
    """Take up what all commits name; how many there are."""
    trees: dict[bytes, Tree] = {}
    found: set[tuple[bytes, bytes, bytes]] = set()
    blobs: dict[bytes, None] = {}
    number = 0
    for commit in history.survey(repo, include, exclude):
        number += 1
        parent = commit.parents[0] if commit.parents else b""
        if parent and parent not in trees:
            special, _ = tree_of(repo, parent.decode())
            trees[parent] = Tree(special, {})
            blobs.update((blob, None) for mode, blob in special.values() if mode != b"160000")
            found.update(_sources(special))
        before = trees[parent] if parent else Tree({}, {})
        tree = trees[commit.oid] = changed_tree(before, commit.changes, set())
        if tree is not before:
            blobs.update((change.blob, None) for change in commit.changes if change.blob and is_special(change.path))
            found.update(_sources(tree.special))
    plan.blobs.load(list(blobs))
    for path, blob, lock in sorted(found):
        plan.add_source(path, plan.blobs.read(blob), plan.blobs.read(lock) if lock else None, False)
    deps = {
        change.blob
        for commit in (history.survey(repo, include, exclude) if plan.dep_paths else ())
        for change in commit.changes
        if change.path in plan.dep_paths and change.is_file
    }
    plan.hash_deps(deps)
    return number


def _sources(special: dict[bytes, tuple[bytes, bytes]]) -> Iterable[tuple[bytes, bytes, bytes]]:
    for path, (mode, blob) in special.items():
        if is_source(path) and mode[:3] == b"100":
            is_pipeline = posixpath.basename(path) == b"dvc.yaml"
            yield path, blob, special.get(path[:-4] + b"lock", (b"", b""))[1] if is_pipeline else b""


def dry_run(repo: Repository, jobs: int, keep_pipelines: bool, include: list[str], exclude: list[str]) -> Result:
    """What would be done. Nothing changes."""
    store = open_store(repo)
    plan, tree = dvc_apply.begin(repo, store, jobs, keep_pipelines)
    result = Result(plan)
    result.commits = _survey(repo, plan, include, exclude)
    result.places, missing = plan.look()
    dvc_apply.pretend(plan, {one.key for one in missing})
    translator = dvc_apply.translator(plan, store)
    transform = DvcTransform(repo, translator, plan.watched)
    states: dict[bytes, State] = {}
    for commit in history.survey(repo, include, exclude):
        for parent in commit.parents:
            if parent not in states:
                states[parent] = transform.begin(parent)
        commit.states = [states[parent] for parent in commit.parents]
        transform.change(commit)
        states[commit.oid] = commit.state
    _summarise(result, transform, translator.translate(tree))
    plan.close()
    return result


def apply(
    repo: Repository,
    jobs: int,
    allow_missing: bool,
    keep_pipelines: bool,
    include: list[str],
    exclude: list[str],
    object_map: str = "",
) -> Result:
    """Rewrite the history of branches and tags (full names), but nothing that ``exclude`` reaches.

    Raises: MissingData when content of what is checked out is nowhere (without ``allow_missing``), CheckFailed, RepositoryError.
    """
    store = open_store(repo)
    others = [tree.path for tree in worktrees(repo) if os.path.realpath(tree.path) != os.path.realpath(repo.worktree)]
    if others:
        raise RepositoryError(
            f"there are other work trees ('{others[0]}'), whose data DVC has put there", f"git worktree remove '{others[0]}'"
        )
    plan, tree = dvc_apply.begin(repo, store, jobs, keep_pipelines)
    result = Result(plan)
    result.commits = _survey(repo, plan, include, exclude)
    size = sum(max(one.size, 0) for one in plan.wanted.values())
    dvc_apply.require_space(plan, store)
    with Progress("taking in", len(plan.wanted), size) as progress:
        plan.intake.progress = progress
        plan.take_in()
    plan.close()
    translator = dvc_apply.translator(plan, store)
    head = translator.translate(tree)
    result.pieces = sorted(head.pieces.values(), key=lambda piece: piece.source)
    dvc_apply.require_complete(result, allow_missing)
    transform = DvcTransform(repo, translator, plan.watched)
    with Progress("rewriting", result.commits, noun="commit") as progress:
        rewritten = history.rewrite(repo, include, exclude, transform, progress)
    _summarise(result, transform, head)
    if not any(move.old != move.new for move in rewritten.moves):
        raise CheckFailed(
            "no commit of these branches and tags has data of DVC that can be moved", "git data migrate dvc --dry-run"
        )
    record = Record(repo, COMMAND)
    record.moves = [move for move in rewritten.moves if move.new != move.old]
    result.commit = next((move.new for move in record.moves if move.name == _branch(repo)), "")
    placed = dvc_apply.placed(head) if result.commit else []
    seen = dvc_apply.look(repo, store, placed, plan, jobs)
    dvc_apply.prepare(repo, store, record, plan, head, result, seen, placed)
    outcome.publish(repo, store, record, rewritten, object_map, seen.vouched)
    dvc_apply.afterwards(repo, store, seen, placed, result)
    result.words = outcome.afterwards(repo, record, rewritten)
    return result


def _summarise(result: Result, transform: DvcTransform, head: Translated) -> None:
    at_head = {id(piece) for piece in head.pieces.values()}
    result.pieces = sorted(head.pieces.values(), key=lambda piece: piece.source)
    dvc_apply.count_files(result, head)
    result.left_in_history = [
        piece for _, piece in sorted(transform.left.items(), key=lambda item: item[0]) if id(piece) not in at_head
    ]
    result.versions = len(transform.versions)


def _branch(repo: Repository) -> str:
    return git("symbolic-ref", "-q", "HEAD", ok=(0, 1), cwd=repo.worktree).decode().strip() or "HEAD"

"""``git data migrate dvc``: one commit that makes DVC's data ours, with every file in its place.

Everything is taken in and checked before anything visible changes; then the record is written, git is set up, links into DVC's
cache become files, and the branch moves.  A kill before that leaves objects nobody refers to; after it the same command finishes.
"""

from __future__ import annotations

import functools
import os

from git_data.base import fsio
from git_data.base.digest import blob_oid
from git_data.base.report import Progress
from git_data.errors import CheckFailed, MissingData, RepositoryError
from git_data.git.run import git, records
from git_data.git.scan import shown
from git_data.link.probe import usable
from git_data.migrate import dvc_config, dvc_remotes, dvc_settings, dvc_worktree, moves, one_commit, outcome
from git_data.migrate.dvc_cache import Intake
from git_data.migrate.dvc_pieces import EXECUTABLE, Pieces
from git_data.migrate.dvc_plan import Plan, root_of, tree_of
from git_data.migrate.dvc_tree import Translated, Translator, Tree, Value, differences
from git_data.migrate.dvc_worktree import Placed, Seen
from git_data.migrate.hashes import EMPTY
from git_data.migrate.record import BEGUN, Record, load
from git_data.migrate.setup import set_up
from git_data.pointer import MAX_SIZE_BYTES, Pointer, parse
from git_data.store.place import open_store
from git_data.worktree.share import share_with_store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from git_data.git.repo import Repository
    from git_data.migrate.dvc_files import Key
    from git_data.migrate.dvc_pieces import Piece
    from git_data.migrate.record import Move
    from git_data.store.objects import Store

COMMAND = "dvc"
MESSAGE = "Move data from DVC to git-data\n\nMade by: git data migrate dvc\n"
_SHOWN = 10


class Result:
    """What a migration did, or would do."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.pieces: list[Piece] = []
        self.files = 0
        self.size_bytes = 0
        self.places: dict[str, int] = {}
        self.gone: list[bytes] = []
        self.commit = ""
        self.commits = 0
        self.copied_bytes = 0
        self.settings: list[str] = []
        self.cache_left = False
        self.versions = 0
        self.left_in_history: list[Piece] = []
        self.ignored: list[tuple[bytes, bytes]] = []
        """patterns by which git ignores files that are tracked now: file, pattern"""
        self.words: list[str] = []
        """what else is to be said about a rewritten history"""

    @property
    def left(self) -> list[Piece]:
        """Sources that stay with DVC."""
        return [piece for piece in self.pieces if piece.reason]


def begin(repo: Repository, store: Store, jobs: int, keep_pipelines: bool) -> tuple[Plan, Tree]:
    """What there is to do for the commit that is checked out. Raises: RepositoryError."""
    _, head = one_commit.checked_out(repo)
    special, others = tree_of(repo, head)
    root = root_of(special)
    config = dvc_config.read(os.path.join(repo.require_worktree(), os.fsdecode(root)))
    plan = Plan(repo, root, Intake(repo, store, config.cache_dir, jobs), config, keep_pipelines)
    plan.blobs.load([blob for mode, blob in special.values() if mode != b"160000"])
    tree = Tree(special, {})
    plan.add(tree, at_head=True)
    plan.hash_deps({others[path] for path in plan.dep_paths if path in others})
    tree.plain = {path: others[path] for path in plan.watched if path in others}
    return plan, tree


def translator(plan: Plan, store: Store, ignore: bool = False) -> Translator:
    """Makes what is to be of what is, when contents have been taken in."""

    def content_of(pointer: Pointer) -> bytes:
        if not pointer.size:
            return b""
        path = store.find(pointer.oid, pointer.size) if pointer.size < MAX_SIZE_BYTES else None
        content = fsio.read_file(path) if path else None
        if content is not None and parse(content) is not None:
            return content  # a pointer itself, which the filter leaves as it is
        return Pointer(pointer.oid, pointer.size, plan.repo.settings.pointer_format).encode()

    pieces = Pieces(plan.sources, plan.intake.found, plan.in_git, plan.executable(), content_of)
    worktree = plan.repo.require_worktree()

    @functools.cache
    def gitdata(config: bytes, before: bytes) -> bytes:
        return dvc_settings.gitdata(worktree, plan.root, config, before)

    return Translator(plan.root, pieces, plan.blobs.read, gitdata, plan.keep_pipelines, ignore)


def dry_run(repo: Repository, jobs: int, keep_pipelines: bool) -> Result:
    """What would be done. Nothing changes."""
    store = open_store(repo)
    plan, tree = begin(repo, store, jobs, keep_pipelines)
    result = Result(plan)
    result.places, missing = plan.look()
    lacking = {one.key for one in missing}
    pretend(plan, lacking)
    translated = translator(plan, store, ignore=True).translate(tree)
    count_files(result, translated)
    result.gone, _ = differences(None, tree, translated)
    plan.close()
    return result


def pretend(plan: Plan, lacking: set[Key]) -> None:
    """For a look ahead: contents that are to be had count as if they were in the store."""
    for key, one in plan.wanted.items():
        if key not in lacking and key not in plan.intake.found:
            plan.intake.found[key] = Pointer("0" * 64, max(one.size, 1))


def apply(repo: Repository, jobs: int, allow_missing: bool, keep_pipelines: bool) -> Result:
    """Migrate what is checked out.

    Raises: MissingData when content is nowhere (without ``allow_missing``), CheckFailed when files were changed, RepositoryError.
    """
    store = open_store(repo)
    plan, tree = begin(repo, store, jobs, keep_pipelines)
    result = Result(plan)
    size = sum(max(one.size, 0) for one in plan.wanted.values())
    require_space(plan, store)
    with Progress("taking in", len(plan.wanted), size) as progress:
        plan.intake.progress = progress
        plan.take_in()
    plan.close()
    translated = translator(plan, store, ignore=True).translate(tree)
    count_files(result, translated)
    require_complete(result, allow_missing)
    if all(piece.reason for piece in result.pieces):
        raise RepositoryError("there is nothing here that can be moved from DVC", "git data migrate dvc --dry-run")
    files = placed(translated)
    seen = look(repo, store, files, plan, jobs)
    result.gone, come = differences(None, tree, translated)
    move = one_commit.build(repo, _files(repo, come), result.gone, MESSAGE)
    record = Record(repo, COMMAND)
    record.moves = [move]
    result.commit = move.new
    prepare(repo, store, record, plan, translated, result, seen, files)
    moves.carry_out(repo, store, record, seen.vouched)
    afterwards(repo, store, seen, files, result)
    return result


def require_space(plan: Plan, store: Store) -> None:
    """Raises: NoSpace where DVC's cache is on another file system and everything has to be copied, and there is no room."""
    directory = store.root
    while not os.path.isdir(directory):
        directory = os.path.dirname(directory)
    if os.path.isdir(plan.config.cache_dir) and os.stat(plan.config.cache_dir).st_dev != os.stat(directory).st_dev:
        places = (plan.intake.cached(one.key) for one in plan.intake.known(plan.wanted.values()))
        outcome.require_space(store.root, sum(os.path.getsize(path) for path in places if path))


def prepare(
    repo: Repository,
    store: Store,
    record: Record,
    plan: Plan,
    translated: Translated,
    result: Result,
    seen: Seen,
    files: list[Placed],
) -> None:
    """What must be as it is to be before refs move: git is set up, settings are ours, links are files."""
    record.save(BEGUN)
    result.cache_left = os.path.isdir(plan.config.cache_dir)
    for key in ("core.trustctime", "data.link"):
        record.keep_setting(key)
    record.keep_file(os.path.join(repo.common_dir, "info", "exclude"))
    set_up(repo, store, record)
    dvc_remotes.begin_folders(plan.remotes, repo.require_worktree())
    result.settings = dvc_settings.local(repo, plan.config, plan.remotes, record)
    if result.commits and not result.left and not plan.keep_pipelines:
        _hide_dvc(repo, plan.root)
    result.settings += _keep_links(repo, store, plan)
    result.copied_bytes = plan.intake.copied_bytes + dvc_worktree.replace_links(repo, store, seen)
    dvc_worktree.set_executable(repo, files, seen)


def afterwards(repo: Repository, store: Store, seen: Seen, files: list[Placed], result: Result) -> None:
    """Let files share their blocks with the store where that is possible; see which patterns still have git ignore them."""
    stdin = b"".join(file.path + b"\0" for file in files)
    fields = git("check-ignore", "--no-index", "--stdin", "-z", "-v", ok=(0, 1), stdin=stdin, cwd=repo.worktree).split(b"\0")
    result.ignored = sorted(set(zip(fields[0::4], fields[2::4])))
    wanted = [(file.path, file.pointer) for file in files if file.path in seen.vouched and file.pointer.size]
    share_with_store(store, repo.require_worktree(), wanted)


def count_files(result: Result, translated: Translated) -> None:
    """Count what becomes data in one commit."""
    result.pieces = sorted(translated.pieces.values(), key=lambda piece: piece.source)
    for piece in result.pieces:
        result.files += len(piece.files)
        for _, content in piece.files.values():
            pointer = parse(content)
            result.size_bytes += pointer.size if pointer is not None else len(content)


def require_complete(result: Result, allow_missing: bool) -> None:
    """Raises: MissingData, or CheckFailed, when something cannot be moved and that was not allowed."""
    left = result.left
    if not left or allow_missing:
        return
    lines = []
    for piece in left[:_SHOWN]:
        lines.append(f"\n  '{shown(piece.source)}': {piece.reason}")
        lines += [f"\n    '{shown(path)}' (MD5 {key.md5})" for path, key in piece.missing[:_SHOWN]]
        if len(piece.missing) > _SHOWN:
            lines.append(f"\n    and {len(piece.missing) - _SHOWN:,} more")
    if len(left) > _SHOWN:
        lines.append(f"\n  and {len(left) - _SHOWN:,} more")
    lines += [f"\n  {trouble}" for trouble in result.plan.intake.damaged[:_SHOWN]]
    lines += [f"\n  remote '{name}' did not answer: {reason}" for name, reason in result.plan.silent.items()]
    if any(piece.missing for piece in left):
        raise MissingData(
            f"not everything can be moved; nothing has changed:{''.join(lines)}",
            "dvc fetch, or leave them to DVC: git data migrate dvc --allow-missing",
        )
    raise CheckFailed(
        f"not everything can be moved; nothing has changed:{''.join(lines)}",
        "leave them to DVC: git data migrate dvc --allow-missing",
    )


def placed(translated: Translated) -> list[Placed]:
    """The data files of a commit."""
    found = []
    for piece in translated.pieces.values():
        for path, (mode, content) in piece.files.items():
            pointer = parse(content) if content else Pointer(EMPTY, 0)
            if pointer is not None:
                found.append(Placed(path, pointer, mode == EXECUTABLE))
    return found


def _files(repo: Repository, come: Mapping[bytes, Value]) -> list[one_commit.File]:
    if repo.config.get_bool("core.ignorecase", False):
        folded: dict[str, bytes] = {}
        for path in come:
            other = folded.setdefault(os.fsdecode(path).casefold(), path)
            if other != path:
                raise RepositoryError(f"'{shown(other)}' and '{shown(path)}' are one file on this file system")
    return [one_commit.File(path, value.mode, value.content) for path, value in come.items() if value.content is not None]


def look(repo: Repository, store: Store, files: list[Placed], plan: Plan, jobs: int) -> Seen:
    """Compare the work tree with what DVC has on record. Raises: CheckFailed for files that were changed since."""
    with Progress("comparing", len(files), sum(file.pointer.size for file in files)) as progress:
        seen = dvc_worktree.look(repo, store, files, plan.config.cache_dir, jobs, progress)
    if seen.changed:
        names = ", ".join(f"'{shown(path)}'" for path in sorted(seen.changed)[:_SHOWN])
        more = f" and {len(seen.changed) - _SHOWN:,} more" if len(seen.changed) > _SHOWN else ""
        raise CheckFailed(
            f"not what DVC has on record: {names}{more}; nothing has changed",
            "dvc commit && git commit -a   # or put them back: dvc checkout --force",
        )
    return seen


def _hide_dvc(repo: Repository, root: bytes) -> None:
    """DVC's directory stays on disk, with its cache; no commit says that git is not to show it."""
    path = os.path.join(repo.common_dir, "info", "exclude")
    line = b"/" + root + b".dvc/"
    content = fsio.read_file(path) or b""
    if line not in content.split(b"\n"):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        fsio.write_file(path, content + (b"" if not content or content.endswith(b"\n") else b"\n") + line + b"\n")


def _keep_links(repo: Repository, store: Store, plan: Plan) -> list[str]:
    """Who has DVC make links where blocks cannot be shared gets hard links from us, too."""
    types = plan.config.link_types
    if not any(name in ("hardlink", "symlink") for name in types) or repo.config.get("data.link"):
        return []
    stage = os.path.join(repo.data_dir, "tmp")
    os.makedirs(stage, exist_ok=True)
    if "reflink" in usable(("reflink",), store.tmp, stage, os.path.join(repo.data_dir, "links")):
        return []
    git("config", "--local", "data.link", "hardlink", cwd=repo.worktree)
    repo.settings.link = ("hardlink", "copy")
    return ["data.link"]


def finish(repo: Repository) -> bool:
    """Finish what a killed command left: whether its commits are in place now, and were not before."""
    record = load(repo, COMMAND)
    if not outcome.finish_earlier(repo, COMMAND) or record is None:
        return False
    root = os.fsencode(repo.require_worktree())
    for move in _of_worktree(repo, record):
        for header, path in _changes(repo, move):
            # files of DVC that were still to go, if nobody has changed them
            full = os.path.join(root, path)
            content = fsio.read_file(os.fsdecode(full)) if header.endswith(b"D") and not os.path.islink(full) else None
            if content is not None and blob_oid(content, repo.object_format).hex().encode() == header.split(b" ")[2]:
                fsio.remove_if_exists(os.fsdecode(full))
    return True


def undo(repo: Repository, force: bool) -> None:
    """Take the last migration back; the data stays in the work tree, and DVC finds it up to date.

    Raises: CheckFailed, RepositoryError.
    """
    record = load(repo, COMMAND)
    if record is not None and moves.finish_undo(repo, record):
        return
    finish(repo)
    record = load(repo, COMMAND)
    # an empty file has no pointer, so that git takes it away with the commit
    none = blob_oid(b"", repo.object_format).hex().encode()
    listed = [change for move in (_of_worktree(repo, record) if record is not None else ()) for change in _changes(repo, move)]
    empty = [path for header, path in listed if header.endswith(b"A") and header.split(b" ")[3] == none]
    moves.undo(repo, open_store(repo), COMMAND, force, keep_files=True)
    for path in empty:
        full = os.path.join(os.fsencode(repo.require_worktree()), path)
        if not os.path.lexists(full):
            os.makedirs(os.path.dirname(full), exist_ok=True)
            open(full, "xb").close()


def _of_worktree(repo: Repository, record: Record) -> list[Move]:
    """The move that this work tree follows, if there is one."""
    branch = git("symbolic-ref", "-q", "HEAD", ok=(0, 1), cwd=repo.worktree).decode().strip() or "HEAD"
    return [move for move in record.moves if move.name == branch and move.old != move.new]


def _changes(repo: Repository, move: Move) -> Iterable[tuple[bytes, bytes]]:
    """What it changes: ``git diff-tree``'s line about each path, and the path."""
    fields = records("diff-tree", "-r", "--raw", "-z", "--no-renames", "--no-abbrev", move.old, move.new, cwd=repo.worktree)
    return zip(fields[0::2], fields[1::2])

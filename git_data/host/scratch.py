"""A bare repository for a while, into which packs of a hosted one are taken without touching the user's.

Objects of the user's repository may be lent to it (``objects/info/alternates``, gitrepository-layout(5)).  While it is entered,
git works in it: the environment names it.  What a crash leaves lies in ``<git common dir>/data/tmp`` and goes with the next one.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time

from git_data.base import fsio
from git_data.base.report import Progress
from git_data.errors import CorruptData, GitDataError, NotOnRemote
from git_data.git.run import git
from git_data.host.packing import apply_pack, check_pack, connected, fsck_exceptions, present
from git_data.pointer import Pointer
from git_data.store.objects import Store
from git_data.transfer.download import download

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from git_data.git.repo import Repository
    from git_data.host.state import Pack
    from git_data.remote.base import Remote

_LEFT_OVER_S = 24 * 3600
_ELSEWHERE = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
)


class Scratch:
    """``with Scratch(repo, "sha1", lend=True) as scratch: scratch.take(remote, packs)``.

    ``repo`` is the user's, which may be none at all; with ``lend`` its objects can be seen.
    """

    def __init__(self, repo: Repository, object_format: str, lend: bool) -> None:
        self.repo = repo
        self.object_format = object_format
        self.lend = lend and bool(repo.common_dir) and repo.object_format == object_format
        self.directory = ""
        self.refused: set[str] = set()
        """names of packs that are what their names say, and which git did not take: for themselves, or as others lacked"""
        self._environment: dict[str, str | None] = {}

    def __enter__(self) -> Scratch:
        if self.repo.common_dir:
            parent = os.path.join(self.repo.common_dir, "data", "tmp")
            os.makedirs(parent, exist_ok=True)
            _sweep(parent)
            self.directory = os.path.join(parent, fsio.temp_name())
            os.mkdir(self.directory, 0o700)
        else:
            self.directory = tempfile.mkdtemp(prefix=fsio.TEMP_PREFIX)
        git_dir = os.path.join(self.directory, "git")
        lent = os.path.abspath(os.fsdecode(git("rev-parse", "--git-path", "objects").removesuffix(b"\n"))) if self.lend else ""
        self._environment = {name: os.environ.pop(name, None) for name in _ELSEWHERE}
        try:
            git("init", "--quiet", "--bare", "--template=", f"--object-format={self.object_format}", git_dir)
            if lent:
                os.makedirs(os.path.join(git_dir, "objects", "info"), exist_ok=True)
                fsio.write_file(os.path.join(git_dir, "objects", "info", "alternates"), os.fsencode(lent) + b"\n")
            os.environ["GIT_DIR"] = git_dir
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._leave()

    def _leave(self) -> None:
        for name, value in self._environment.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        shutil.rmtree(self.directory, ignore_errors=True)

    def take(self, remote: Remote, packs: list[Pack]) -> dict[str, GitDataError]:
        """Bring packs and apply them in order; what is wrong with some of them, by name.

        Raises: RemoteError when the remote as a whole does not work, FileSystemError.
        """
        if not packs:
            return {}
        exceptions = fsck_exceptions(self.repo.config)
        failed: dict[str, GitDataError] = {}
        if remote.local_path(packs[0].key):
            paths = {pack.name: remote.local_path(pack.key) for pack in packs}
        else:
            paths = self._download(remote, packs, failed)
        with Progress("checking history", len(packs), sum(pack.size for pack in packs)) as progress:
            for pack in packs:
                if pack.name not in failed and (error := self._apply(paths[pack.name], pack, remote.url, exceptions)):
                    failed[pack.name] = error
                progress(1, pack.size)
        return failed

    def _apply(self, path: str, pack: Pack, url: str, exceptions: str) -> GitDataError | None:
        try:
            check_pack(path, pack, url)
        except FileNotFoundError:
            return NotOnRemote(f"'{pack.key}' is missing on {url}")
        except CorruptData as error:
            return error
        try:
            apply_pack(path, url, pack, exceptions)
        except CorruptData as error:
            self.refused.add(pack.name)
            return error
        return None

    def set_refs(self, refs: dict[str, str]) -> None:
        """Give it these refs, whose objects are here. Raises: GitFailed."""
        commands = "".join(f"create {ref}\0{oid}\0" for ref, oid in refs.items())
        # a hook of the user's must not see these
        git("-c", f"core.hooksPath={os.devnull}", "update-ref", "--stdin", "-z", stdin=os.fsencode(commands))

    def count_objects(self) -> int:
        """How many objects were taken."""
        counts = dict(line.split(": ", 1) for line in git("count-objects", "-v").decode().splitlines())
        return int(counts["count"]) + int(counts["in-pack"])

    def _download(self, remote: Remote, packs: list[Pack], failed: dict[str, GitDataError]) -> dict[str, str]:
        store = Store(os.path.join(self.directory, "packs"), fsync="none")
        keys = {pack.sha256: pack.key for pack in packs}
        pointers = [Pointer(pack.sha256, pack.size) for pack in packs]
        with Progress("fetching history", len(packs), sum(pack.size for pack in packs)) as progress:
            outcome = download(remote, store, pointers, 0, self.repo.settings.limit_rate_bytes, progress, key_of=keys.__getitem__)
        wrong = {pointer.oid: error for pointer, error in outcome.failed}
        failed.update({pack.name: wrong[pack.sha256] for pack in packs if pack.sha256 in wrong})
        return {pack.name: store.path(pack.sha256) for pack in packs}


def whole_here(repo: Repository, oids: Iterable[str]) -> set[str]:
    """Those of the objects (hex) that the user's repository has with all they reach; none if it is a shallow or partial clone."""
    config = repo.config
    if not repo.common_dir or config.get("extensions.partialclone"):
        return set()
    if any(key.startswith("remote.") and key.endswith(".promisor") for key in config.entries):
        return set()
    if git("rev-parse", "--is-shallow-repository").strip() != b"false":
        return set()
    return connected(present(oids))


def _sweep(parent: str) -> None:
    """Take away what a killed command left."""
    for entry in os.scandir(parent):
        if entry.name.startswith(fsio.TEMP_PREFIX) and entry.is_dir(follow_symlinks=False):
            if time.time() - entry.stat(follow_symlinks=False).st_mtime > _LEFT_OVER_S:
                shutil.rmtree(entry.path, ignore_errors=True)

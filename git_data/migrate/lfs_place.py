"""Objects for git-lfs: ``<git common dir>/lfs/objects/ab/cd/<oid>``, or ``lfs.storage`` (git-lfs docs/man/git-lfs-config)."""

from __future__ import annotations

import os
import shutil

from git_data.base import fsio
from git_data.base.report import Progress
from git_data.errors import MissingData, from_os_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.git.repo import Repository
    from git_data.pointer import Pointer
    from git_data.store.objects import Store


def objects_directory(repo: Repository) -> str:
    """Where git-lfs keeps the objects of a repository."""
    storage = os.path.expanduser(repo.config.get("lfs.storage")) or "lfs"
    return os.path.join(repo.common_dir, storage, "objects")


def object_path(directory: str, oid: str) -> str:
    """Where an object lies in there."""
    return os.path.join(directory, oid[:2], oid[2:4], oid)


def link_out(repo: Repository, store: Store, pointers: list[Pointer]) -> int:
    """Give git-lfs what the store has: shared blocks where the file system can, else hard links, else copies. How many are new.

    Raises: FileSystemError, MissingData.
    """
    directory = objects_directory(repo)
    new = 0
    with Progress("linking for git-lfs", len(pointers), sum(pointer.size for pointer in pointers)) as progress:
        for pointer in pointers:
            target = object_path(directory, pointer.oid)
            source = store.sound(pointer.oid, pointer.size)
            if source is None:
                raise MissingData(f"the data of {pointer.oid[:12]} is not in the store", "git data fsck")
            try:
                if not os.path.exists(target):
                    os.makedirs(os.path.dirname(target), exist_ok=True)
                    _link(source, target)
                    new += 1
            except OSError as error:
                raise from_os_error(error, target, "linking") from None
            progress(1, pointer.size)
    return new


def _link(source: str, target: str) -> None:
    """A file of its own that shares blocks, or else a link: neither side ever writes into an object."""
    from git_data.link.pure import clone_fd

    temporary = os.path.join(os.path.dirname(target), fsio.temp_name())
    try:
        with open(source, "rb") as old, open(temporary, "xb") as new:
            clone_fd(old.fileno(), new.fileno())
    except OSError:
        fsio.remove_if_exists(temporary)
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)
    os.replace(temporary, target)

"""A repository that gets its first data must know the filter."""

from __future__ import annotations

import os

from git_data.migrate.record import BEGUN
from git_data.setup import filters, hooks
from git_data.store.place import register

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.git.repo import Repository
    from git_data.migrate.record import Record
    from git_data.store.objects import Store


def set_up(repo: Repository, store: Store, record: Record) -> None:
    """Have git know the filter here, as ``git data install`` does; the record keeps what was before, and is saved.

    Raises: ConfigError, FileSystemError.
    """
    lacking = any(key not in repo.config.entries for key in filters.wanted())
    for key in filters.wanted() if lacking else ():
        record.keep_setting(key)
    directory, _ = hooks.hooks_directory(repo)
    for name in hooks.NAMES:
        record.keep_file(os.path.join(directory, name))
        record.keep_file(os.path.join(directory, f"{name}.chained"))
    if lacking:
        filters.write("--local", force=False, dry_run=True)  # refuses what is somebody else's, before anything is changed
    record.save(BEGUN)
    if lacking:
        filters.write("--local", force=False, dry_run=False)
    hooks.install_hooks(repo)
    store.make()
    register(repo, store)

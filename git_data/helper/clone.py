"""What a clone needs before git checks its files out for the first time."""

from __future__ import annotations

import os

from git_data.git.run import git
from git_data.setup import filters
from git_data.sync import git_urls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.helper.target import Target


def set_up(target: Target) -> None:
    """The filter, in the new repository's configuration unless the user's own has it; hooks follow with the first checkout.

    A path relative to where the clone was made would lead elsewhere from inside of it, so it is made absolute.
    """
    entries = target.repo.config.entries
    if any(key not in entries for key in filters.wanted()):
        filters.write("--local", force=False, dry_run=False)
    typed = git_urls.take_settings(target.text)[0]
    if target.name and "://" not in typed and not os.path.isabs(typed):
        from git_data.remote.address import parse

        address = parse(typed)
        if address.scheme == "file":
            settings = target.text[len(typed) :]
            git("config", f"remote.{target.name}.url", git_urls.PREFIX + address.path + settings)


def promise_nothing(target: Target) -> None:
    """git takes a remote that was asked for with ``--filter`` for one that sends missing objects later; here all came.

    Left in place, each look for an object that is not here would ask the remote for it.
    """
    for setting in ("promisor", "partialCloneFilter"):
        if target.name:
            git("config", "--local", "--unset-all", f"remote.{target.name}.{setting}", ok=(0, 5))

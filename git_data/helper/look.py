"""Finding out what lies behind an address that may be a git server's or a store's: one look, whose answer is remembered."""

from __future__ import annotations

from git_data.errors import GitDataError
from git_data.host.marker import read_marker
from git_data.sync.git_urls import SERVER, STORE
from git_data.sync.remotes import open_named

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.helper.target import Target


def lies_there(target: Target) -> str:
    """``STORE`` where a hosted repository lies, else ``SERVER``. Nobody is asked for a password."""
    remote = open_named(target.repo, target.remote)
    try:
        return STORE if read_marker(remote) is not None else SERVER
    except GitDataError:
        return SERVER  # git's own transport says what is wrong
    finally:
        remote.close()

"""The present by the clock of a remote: the only one that the age of its objects may be measured by."""

from __future__ import annotations

import os

from git_data.base.digest import sha256
from git_data.errors import RemoteError
from git_data.remote.base import Source
from git_data.remote.layout import TMP
from git_data.transfer.retry import retried

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.remote.base import Remote


def clock_s(remote: Remote) -> float:
    """The present by the clock that dates the objects. Raises: RemoteError when the remote does not date them."""
    key = f"{TMP}clock-{os.urandom(8).hex()}"
    content = b"what time is it?\n"
    retried(lambda: remote.put(key, Source(len(content), sha256(content).hexdigest(), content=content)))
    try:
        entry = retried(lambda: remote.stat(key))
    finally:
        retried(lambda: remote.delete([key]))
    if entry is None or not entry.time_s:
        raise RemoteError(f"{remote.url} does not tell how old its objects are, so nothing was deleted")
    return entry.time_s

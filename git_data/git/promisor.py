"""Partial clones: fetching many missing blobs at once.

git fetches a missing object when it is asked for it, each by a connection of its own.  Here those of a list that are missing
are found without fetching, and fetched in one go by the command git itself uses (``promisor-remote.c``).
"""

from __future__ import annotations

from git_data.git.run import git

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.config import Config


def promisors(config: Config) -> list[str]:
    """The remotes that promised to have what is missing here; empty for a whole clone."""
    names = [key[len("remote.") : -len(".promisor")] for key in config.entries if _is_promisor(key)]
    return [name for name in names if config.get_bool(f"remote.{name}.promisor", False)]


def _is_promisor(key: str) -> bool:
    return key.startswith("remote.") and key.endswith(".promisor")


FEW = 10
"""So many are left to git: finding out what is here takes a look at every object."""


def fetch_missing(config: Config, blobs: list[bytes]) -> None:
    """Have all of ``blobs`` (hex ids) that a remote has promised. Raises: GitFailed, when a remote cannot be reached, too."""
    remotes = promisors(config)
    # of several nobody knows which has what; git asks them in turn
    if len(remotes) != 1 or len(blobs) <= FEW:
        return
    # the one command that tells what is here without fetching what is not
    here = set(git("cat-file", "--batch-all-objects", "--unordered", "--buffer", "--batch-check=%(objectname)").split())
    missing = b"".join(blob + b"\n" for blob in blobs if blob not in here)
    if missing:
        git(
            "-c", "fetch.negotiationAlgorithm=noop", "fetch", "-q", "--no-tags", "--no-write-fetch-head",
            "--recurse-submodules=no", "--filter=blob:none", "--stdin", remotes[0], stdin=missing,
        )  # fmt: skip

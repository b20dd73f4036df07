"""Partial clones (partial-clone(7) in git's technical docs): some objects are on the other side only."""

from __future__ import annotations

from git_data.config import parse_size
from git_data.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.git.repo import Repository


def promisors(repo: Repository) -> list[str]:
    """The remotes that promised to send what is missing; empty in a full clone."""
    entries = repo.config.entries
    found = [
        key[len("remote.") : -len(".promisor")] for key in entries if key.startswith("remote.") and key.endswith(".promisor")
    ]
    old = repo.config.get("extensions.partialclone")
    named = [name for name in found if repo.config.get_bool(f"remote.{name}.promisor", False)]
    return [*named, *([old] if old and old not in named else [])]


def has_all_blobs_below(repo: Repository, size_bytes: int) -> bool:
    """Whether the clone was made so that only larger blobs are missing (``--filter=blob:limit=…``)."""
    return all(_limit(repo.config.get(f"remote.{name}.partialclonefilter")) >= size_bytes for name in promisors(repo))


def _limit(filter: str) -> int:
    limit = filter.removeprefix("blob:limit=")
    if limit == filter or not limit:
        return 0
    try:
        # git counts in powers of 1024 ("1k")
        return parse_size(limit + "ib" if limit[-1] in "kmgKMG" else limit)
    except ConfigError:
        return 0

"""Behind the URL is a git server: history is the business of git's own transports, only the data is ours."""

from __future__ import annotations

from git_data.git.run import git
from git_data.helper import clone
from git_data.helper.target import has_no_refs, remember

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.helper.target import Target


def serve(target: Target) -> int:
    """Have git's own transport talk with git; the exit status. Raises: GitDataError."""
    # git does not tell that it clones, and the filter must be there before the first checkout
    if target.name and has_no_refs():
        clone.set_up(target)
    status = _converse(target, _rewritten(target))
    if target.is_guess and status == 0:
        remember(target)  # git found a server: no need to look another time
    return status


def _converse(target: Target, url: str) -> int:
    if url.lower().startswith(("http://", "https://")):
        from git_data.helper import curl

        return curl.converse(target, url)
    from git_data.helper import connect

    return connect.converse(target, url)


def _rewritten(target: Target) -> str:
    """The address after ``url.<base>.insteadOf`` (git-config(1)), which git did not apply to what follows ``data::``."""
    if any(key.startswith("url.") and key.endswith(".insteadof") for key in target.repo.config.entries):
        return git("ls-remote", "--get-url", target.address).decode().removesuffix("\n")
    return target.address

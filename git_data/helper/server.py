"""Behind the URL is a git server: history is the business of git's own transports, only the data is ours."""

from __future__ import annotations

from git_data.git.run import capture, git
from git_data.helper import clone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.helper.target import Target


def serve(target: Target) -> int:
    """Have git's own transport talk with git; the exit status. Raises: GitDataError."""
    if target.name and _is_being_cloned():
        clone.set_up(target)
    url = _rewritten(target)
    if url.lower().startswith(("http://", "https://")):
        from git_data.helper import curl

        return curl.converse(target, url)
    from git_data.helper import connect

    return connect.converse(target, url)


def _is_being_cloned() -> bool:
    """Whether this repository has no refs: git does not tell, and the filter must be there before the first checkout."""
    return capture(["for-each-ref", "--count=1"])[0] == (0, b"")


def _rewritten(target: Target) -> str:
    """The address after ``url.<base>.insteadOf`` (git-config(1)), which git did not apply to what follows ``data::``."""
    if any(key.startswith("url.") and key.endswith(".insteadof") for key in target.repo.config.entries):
        return git("ls-remote", "--get-url", target.address).decode().removesuffix("\n")
    return target.address

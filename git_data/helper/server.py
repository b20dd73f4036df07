"""Behind the URL is a git server."""

from __future__ import annotations

from git_data.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.helper.target import Target


def serve(target: Target) -> int:
    """Hand the conversation to git's own transport. Raises: UsageError."""
    raise UsageError(f"a git server is behind '{target.address}'", f"git clone {target.address}")

"""Hooks that git-lfs wrote: told from hooks of the user that call git-lfs among other things.

git-lfs (``lfs/hook.go``) has written several texts over the years. All are a line that runs ``git lfs``, perhaps after one that
says what to do where it is not installed.
"""

from __future__ import annotations

import os

from git_data.base import fsio
from git_data.setup.hooks import hooks_directory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.git.repo import Repository

NAMES = ("post-checkout", "post-commit", "post-merge", "pre-push")
_CALLS = (
    b"git lfs pre-push ",
    b"git lfs push --stdin ",
    b"git lfs post-checkout ",
    b"git lfs post-commit ",
    b"git lfs post-merge ",
)


def is_stock(content: bytes) -> bool:
    """Whether a hook does nothing but what git-lfs's own does."""
    lines = [line.strip() for line in content.splitlines()]
    lines = [line for line in lines if line and not line.startswith(b"#")]
    if not lines or len(lines) > 2 or not lines[-1].startswith(_CALLS):
        return False
    return len(lines) == 1 or lines[0].startswith(b"command -v git-lfs ")


def stock_hooks(repo: Repository) -> list[str]:
    """Paths of git-lfs's own hooks in the repository's own hooks directory, chained ones included."""
    paths = [os.path.join(repo.common_dir, "hooks", name + suffix) for name in NAMES for suffix in ("", ".chained")]
    return [path for path in paths if is_stock(fsio.read_file(path) or b"")]


def names_of(paths: list[str]) -> list[str]:
    """The names of the hooks at these paths, each once."""
    return list(dict.fromkeys(os.path.basename(path).removesuffix(".chained") for path in paths))


def retire(repo: Repository) -> list[str]:
    """Delete them, for they would look for objects that git-lfs did not store; their names. Raises: OSError."""
    paths = stock_hooks(repo) if hooks_directory(repo)[1] else []
    for path in paths:
        fsio.remove_if_exists(path)
    return names_of(paths)

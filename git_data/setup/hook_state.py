"""What is in the place of each hook of ours."""

from __future__ import annotations

import os

from git_data.base import fsio
from git_data.setup.hooks import MARK, NAMES, hooks_directory, template

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.git.repo import Repository

OURS = "ours"
CHAINED = "ours, runs yours first"
OTHER_INSTALLATION = "ours, of another installation"
NOT_EXECUTABLE = "not executable"
CALLS_US = "yours, calls ours"
FOREIGN = "yours"
MISSING = "missing"
GOOD = (OURS, CHAINED, CALLS_US)


def hook_states(repo: Repository) -> dict[str, str]:
    """Hook name → one of the states above. Raises: OSError when a hook cannot be read."""
    directory, _ = hooks_directory(repo)
    return {name: _state(os.path.join(directory, name), name) for name in NAMES}


def _state(path: str, name: str) -> str:
    content = fsio.read_file(path)
    if content is None:
        return MISSING
    if os.name != "nt" and not os.access(path, os.X_OK):
        return NOT_EXECUTABLE
    if MARK not in content:
        called = b"launch.py hook " + name.encode() in content or b"git data hook " + name.encode() in content
        return CALLS_US if called else FOREIGN
    if content != template(name):
        return OTHER_INSTALLATION
    return CHAINED if os.path.lexists(path + ".chained") else OURS

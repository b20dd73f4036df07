"""The pre-push hook (githooks(5)): the data of outgoing commits goes to the data remote before any ref moves.

git tells the remote's name and URL as arguments, and on standard input a line for each ref:
``<local ref> <local object> <remote ref> <remote object>``.  Whatever raises here stops the push.
"""

from __future__ import annotations

import os
import sys

from git_data.git.repo import locate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.git.repo import Repository

_TAKE_VALUE = (b"--exec", b"--push-option", b"--receive-pack", b"--repo")
"""Options of git push whose value may be the next word; ``-o`` is the only short one."""


def main(words: list[str]) -> int:
    """Send what is lacking. Raises: MissingData, RemoteError, AccessDenied …: the push must not go on."""
    git_remote = words[0] if words else ""
    behind = words[1].removeprefix("data::") if words[1:] and words[1].startswith("data::") else ""
    dry_run = _is_dry_run()
    if behind and not dry_run:
        return 0  # git-remote-data sends the data itself
    # the local ref is what the user wrote, which may contain blanks ("HEAD^{/two words}") and any byte
    fields = [os.fsdecode(line).rsplit(" ", 3) for line in sys.stdin.buffer.read().split(b"\n")]
    local = [field[1] for field in fields if len(field) == 4 and field[1].strip("0")]
    if not local:
        return 0  # only deletions
    remote = [field[3] for field in fields if len(field) == 4 and field[3].strip("0")]
    repo = locate()
    if behind and _is_store(repo, git_remote, behind):
        return 0  # which is told of a dry run; in a conversation with a git server git only leaves out the refs

    from git_data.helper.data import publish

    refs = [field[2] for field in fields if len(field) == 4 and field[1].strip("0")]
    publish(repo, git_remote, local, remote, dry_run, refs=refs)
    return 0


def _is_store(repo: Repository, git_remote: str, address: str) -> bool:
    from git_data.sync.git_urls import STORE, kind

    return kind(address, os.getcwd(), repo.config.get(f"remote.{git_remote}.datakind")) == STORE


def _is_dry_run() -> bool:
    """Whether git was started as ``git push --dry-run``, which the hook is not told."""
    from git_data.filter.caller import parent_arguments

    words = parent_arguments()
    if b"push" not in words:
        return False
    options = iter(words[words.index(b"push") + 1 :])
    for word in options:
        letters, takes_value, value = word[1:].partition(b"o")
        if word == b"--":
            return False
        if word == b"--dry-run" or (word[:1] == b"-" and word[1:2] != b"-" and b"n" in letters):
            return True
        if word in _TAKE_VALUE or (word[:1] == b"-" and word[1:2] != b"-" and takes_value and not value):
            next(options, b"")
    return False

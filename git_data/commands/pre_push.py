"""The pre-push hook (githooks(5)): the data of outgoing commits goes to the data remote before any ref moves.

git tells the remote's name and URL as arguments, and on standard input a line for each ref:
``<local ref> <local object> <remote ref> <remote object>``.  Whatever raises here stops the push.
"""

from __future__ import annotations

import os
import sys

from git_data.base import report
from git_data.config import COMMITTED_FILE
from git_data.git.repo import locate, look_elsewhere

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.git.repo import Repository
    from git_data.pointer import Pointer

_TAKE_VALUE = (b"--exec", b"--push-option", b"--receive-pack", b"--repo")
"""Options of git push whose value may be the next word; ``-o`` is the only short one."""


def main(words: list[str]) -> int:
    """Send what is lacking. Raises: MissingData, RemoteError, AccessDenied …: the push must not go on."""
    git_remote = words[0] if words else ""
    if words[1:] and words[1].startswith("data::"):
        return 0  # git-remote-data sends the data itself
    # the local ref is what the user wrote, which may contain blanks ("HEAD^{/two words}") and any byte
    fields = [os.fsdecode(line).rsplit(" ", 3) for line in sys.stdin.buffer.read().split(b"\n")]
    local = [field[1] for field in fields if len(field) == 4 and field[1].strip("0")]
    if not local:
        return 0  # only deletions
    remote = [field[3] for field in fields if len(field) == 4 and field[3].strip("0")]
    repo = locate()
    look_elsewhere(repo)

    from git_data.sync.push import outgoing, remember
    from git_data.sync.remotes import default_name, find

    name = default_name(repo.config, git_remote)
    published = [*remote, *_tracking(repo, git_remote)]
    if not name:
        _say_it_stays(repo, local, published)
        return 0
    from git_data.sync.session import Session

    session = Session(repo, find(repo, name))
    pointers = outgoing(repo, session, local)
    dry_run = _is_dry_run()
    if pointers:
        _send(repo, session, pointers, local, published, dry_run)
    elif not dry_run and session.known.tips:
        remember(repo, session, local)
    session.close()
    return 0


def _send(
    repo: Repository, session: object, pointers: list[Pointer], local: list[str], published: list[str], dry_run: bool
) -> None:
    from git_data.base import libraries

    libraries.enable()
    from git_data.store.place import open_store
    from git_data.sync.push import outgoing, push, remember
    from git_data.sync.session import Session
    from git_data.worktree.restore import restore

    assert isinstance(session, Session)
    store = open_store(repo)

    def required(missing: list[Pointer]) -> list[Pointer]:
        """Of what is nowhere, the part that this push would publish; what was published before is lost already."""
        new = _new(repo, local, published)
        old = [pointer for pointer in missing if pointer.oid not in new]
        if old:
            report.say(
                f"the data of {report.count(len(old), 'object')} published earlier is neither here nor on '{session.name}'"
                "\n  find the files: git data fsck --pointers --all"
            )
        return [pointer for pointer in missing if pointer.oid in new]

    result = push(
        repo, store, session, pointers,
        required=required, restore=lambda lost: restore(repo, store, lost),
        unpublished=lambda: outgoing(repo, session, local, published), dry_run=dry_run,
    )  # fmt: skip
    if result.sent:
        verb = "would be sent" if dry_run else "sent"
        size = report.human_size(result.bytes)
        report.say(f"{report.count(len(result.sent), 'object')}, {size} {verb} to '{session.name}'")
        if session.named.is_committed and not _is_published(repo, session.name):
            report.say(
                f"'{session.name}' is named in {COMMITTED_FILE} only, which is not committed: a clone would not find this data"
                f"\n  git add {COMMITTED_FILE} && git commit"
            )
    if not dry_run and result.complete:
        remember(repo, session, local)


def _is_published(repo: Repository, name: str) -> bool:
    """Whether the remote is in the committed file, or comes from another branch where there is none here."""
    from git_data.git.run import git

    if not os.path.exists(os.path.join(repo.worktree, COMMITTED_FILE)):
        return True
    return bool(git("config", "--blob", f"HEAD:{COMMITTED_FILE}", f"data.{name}.url", ok=(0, 1, 128)))


def _new(repo: Repository, local: list[str], published: list[str]) -> set[str]:
    from git_data.git.scan import in_history

    found = in_history(repo, "--ignore-missing", *local, "--not", *published, "--")
    return {pointer.oid for pointer in found.values()}


def _tracking(repo: Repository, git_remote: str) -> list[str]:
    """What the git remote was last seen to have, as an argument of ``git rev-list``; nothing for a push to a URL."""
    return [f"--remotes={git_remote}"] if f"remote.{git_remote}.url" in repo.config.entries else []


def _say_it_stays(repo: Repository, local: list[str], published: list[str]) -> None:
    """Without a remote for data only pointers are published: say so once a push. Raises: UsageError where there are several."""
    from git_data.errors import UsageError
    from git_data.sync.remotes import named

    new = _new(repo, local, published)
    several = named(repo.config) if new else {}
    if several and not repo.settings.allow_incomplete_push:
        raise UsageError("no remote for data is the default one", f"git data remote default {next(iter(several))}")
    if new:
        report.say(
            f"the data of {report.count(len(new), 'object')} stays on this machine: there is no remote for data"
            "\n  name one, then push again: git data remote add -d store URL"
        )


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

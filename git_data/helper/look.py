"""Finding out what lies behind an address that may be a git server's or a store's: one look, whose answer is remembered."""

from __future__ import annotations

import os

from git_data.errors import AccessDenied, GitDataError
from git_data.host.marker import read_marker
from git_data.sync.git_urls import SERVER, STORE
from git_data.sync.remotes import Named, open_named

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.helper.target import Target


def look(target: Target) -> tuple[str, bool]:
    """``STORE`` or ``SERVER``, and whether the answer may be remembered. Nobody is asked for a password, and none is sent.

    What cannot be looked at, or makes no sense, is left to git's own transport, which says what is wrong.
    """
    try:
        if _holds(target, target.remote.url, ""):
            return STORE, True
        if not _is_ssh(target) or _has_repository(target):
            return SERVER, True
        # SFTP may show other directories than a login does: git itself has the last word
        return (SERVER if _answers_git(target) else STORE), True
    except GitDataError as error:
        # a key that is not at hand today says nothing about tomorrow
        return SERVER, not error.retryable and not (_is_ssh(target) and isinstance(error, AccessDenied))


def _is_ssh(target: Target) -> bool:
    return not target.address.lower().startswith(("http:", "https:"))


def _holds(target: Target, url: str, key: str) -> bool:
    """Whether there is this object; without a key, whether a hosted repository is there. Raises: RemoteError."""
    named = target.remote
    settings = {**named.settings, "anonymous": "yes"}
    remote = open_named(target.repo, Named(named.name, url, settings, dict.fromkeys(["url", *settings], named.scope)))
    try:
        return remote.stat(key) is not None if key else read_marker(remote) is not None
    finally:
        remote.close()


def _has_repository(target: Target) -> bool:
    """Whether SFTP shows a git repository, with or without a work tree."""
    url = target.remote.url.rstrip("/")
    return _holds(target, url, "HEAD") or _holds(target, url, ".git/HEAD") or _holds(target, url + ".git", "HEAD")


def _answers_git(target: Target) -> bool:
    import subprocess

    command = ["git", "ls-remote", "-q", target.address]
    null = subprocess.DEVNULL
    return subprocess.call(command, stdin=null, stdout=null, stderr=null, env={**os.environ, "GIT_TERMINAL_PROMPT": "0"}) == 0

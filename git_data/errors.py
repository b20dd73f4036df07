"""Every error the tool raises on purpose: message, hint, exit code.

The message says what happened to which path; the hint is a command that can be
pasted into a shell.  ``__main__`` prints both and exits with ``exit_code``; no
other module exits the process.

Exit codes: 1 the answer is "no" (a check failed), 2 wrong usage, 3 data is
missing, 4 data is corrupt, 5 the file system refused, 6 somebody else holds a
lock, 7 the repository or its settings are not usable, 8 a remote cannot be reached or
does not work as it should, 9 a remote refuses access, 130 interrupted.
"""

from __future__ import annotations

import os


class GitDataError(Exception):
    """Base of every expected failure."""

    exit_code = 1
    retryable = False

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class CheckFailed(GitDataError):
    """A question was asked and the answer is no."""


class UsageError(GitDataError):
    """The command line cannot be understood."""

    exit_code = 2


class MissingData(GitDataError):
    """A pointer's content is in no store this machine can reach."""

    exit_code = 3


class CorruptData(GitDataError):
    """Bytes do not match the name they are stored under."""

    exit_code = 4


class FileSystemError(GitDataError):
    """The operating system refused a read or a write."""

    exit_code = 5


class NoSpace(FileSystemError):
    """The file system holding ``path`` is full."""


class Locked(GitDataError):
    """Another process, or another user of the files, holds a lock that is needed."""

    exit_code = 6
    retryable = True


class RepositoryError(GitDataError):
    """Not a repository, or one in a state the command cannot work on."""

    exit_code = 7


class ConfigError(GitDataError):
    """A setting has a value that makes no sense."""

    exit_code = 7


class GitFailed(GitDataError):
    """A git command failed; its own words are in the message."""

    exit_code = 7


class RemoteError(GitDataError):
    """A remote answered, and the answer makes no sense or is a refusal that waiting does not change."""

    exit_code = 8


class RemoteUnavailable(RemoteError):
    """A remote cannot be reached or is overloaded just now; ``retry_after_s`` is what it asked us to wait, 0 if nothing."""

    retryable = True

    def __init__(self, message: str, hint: str = "", retry_after_s: float = 0.0) -> None:
        super().__init__(message, hint)
        self.retry_after_s = retry_after_s


class NotOnRemote(RemoteError):
    """A remote does not have the object that was asked for."""

    exit_code = 3


class ObjectRefused(RemoteError):
    """A remote does not take or give one object, for a reason that concerns no other."""


class AccessDenied(RemoteError):
    """A remote does not let us: no credentials, wrong or expired ones, or not enough rights."""

    exit_code = 9


def from_os_error(
    error: OSError, path: bytes | str, doing: str, place: bytes | str = "", needed_bytes: int = 0
) -> FileSystemError:
    """Turn an ``OSError`` into the error a user reads: what, which path, what next.

    ``place`` is what was being written where that is not ``path``; ``needed_bytes`` how much space that takes, if known.
    """
    import errno

    name = os.fsdecode(path)
    reason = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NoSpace(
            f"no space left while {doing} '{name}'" + _space(os.fsdecode(place or path), needed_bytes),
            "free space on that file system and run the command again; nothing was half-written",
        )
    if error.errno == errno.EROFS:
        return FileSystemError(f"read-only file system while {doing} '{name}'")
    return FileSystemError(f"{reason} while {doing} '{name}'")


def _space(name: str, needed_bytes: int) -> str:
    """Say which file system is full and what is left on it, if it can be asked."""
    directory = name
    while directory and not os.path.isdir(directory):
        directory = os.path.dirname(directory)
    mount = os.path.abspath(directory or ".")
    try:
        free_bytes = os.statvfs(mount)
    except OSError:
        return ""
    while not os.path.ismount(mount):
        mount = os.path.dirname(mount)
    needed = f"{needed_bytes:,} bytes needed, " if needed_bytes else ""
    return f" ({needed}{free_bytes.f_bavail * free_bytes.f_frsize:,} bytes free on the file system at {mount})"

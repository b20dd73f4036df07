"""The git command that started us.

Is it ``git diff``, which would only show our one line?  For a diff git asks the filter for the whole content of both sides,
although our diff driver (``diff.data.command``) needs the pointers only.  The protocol does not tell a diff from a diff tool, so
the command line of git, our parent, is looked at.  Where it cannot be seen the bytes are sent: slower, and right.
"""

from __future__ import annotations

import os

_SIGTERM = 15
_answer: bool | None = None
_TAKES_VALUE = (b"-C", b"-c", b"--git-dir", b"--work-tree", b"--namespace", b"--exec-path", b"--config-env")


def shows_diff() -> bool:
    """Whether git was started as ``git diff`` and nobody else's diff program is set."""
    global _answer
    if _answer is None:
        _answer = "GIT_EXTERNAL_DIFF" not in os.environ and _subcommand(parent_arguments()) == b"diff"
    return _answer


def stop_git() -> None:
    """End the git command that waits for us: it ignores our exit status, and would report success."""
    arguments = parent_arguments()
    if arguments and os.path.basename(arguments[0]) == b"git":
        os.kill(os.getppid(), _SIGTERM)


def parent_arguments() -> list[bytes]:
    """The command line of the process that started us; empty where it cannot be seen."""
    try:
        with open(f"/proc/{os.getppid()}/cmdline", "rb") as file:
            return file.read().split(b"\0")[:-1]
    except OSError:
        return []


def _subcommand(arguments: list[bytes]) -> bytes:
    """The command in ``git [options] command …``; empty if external programs are set on the way."""
    rest = iter(arguments[1:])
    for argument in rest:
        if argument == b"-c" and b"external" in (value := next(rest, b"")) and value.startswith(b"diff."):
            return b""
        if argument in _TAKES_VALUE and argument != b"-c":
            next(rest, b"")
        elif not argument.startswith(b"-") and argument != b"-c":
            return argument
    return b""

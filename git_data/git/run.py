"""Running git.

Two ways, by purpose.  ``capture`` starts several commands at once with
``posix_spawn`` and is for the hot path: ``subprocess`` takes as long to import
as a git command takes to run.  ``git`` and ``stream`` are for everything else and use
``subprocess`` as one would.
"""

from __future__ import annotations

import os

from git_data.errors import GitFailed, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterable, Iterator, Sequence

FLAT = ("-c", "core.packedGitWindowSize=16m", "-c", "core.packedGitLimit=128m", "-c", "core.bigFileThreshold=32m")
"""Options with which git goes through all of history in little memory: else it maps whole packs, and holds large blobs."""


def capture(*commands: list[str], stdin: bytes = b"") -> list[tuple[int, bytes]]:
    """Run git commands side by side: ``(exit status, standard output)`` of each.

    Each reads ``stdin`` from its beginning only if there is one command; standard error is dropped.
    """
    if not hasattr(os, "posix_spawnp"):
        return [_capture_portably(arguments, stdin) for arguments in commands]
    # Not quiet by accident: git finds a missing GIT_DIR or a broken config again in the caller's next step.
    null = os.open(os.devnull, os.O_RDWR)
    input_fd = _input_file(stdin) if stdin else null
    running: list[tuple[int, int]] = []
    for arguments in commands:
        read_end, write_end = os.pipe()
        actions = [
            (os.POSIX_SPAWN_DUP2, input_fd, 0),
            (os.POSIX_SPAWN_DUP2, write_end, 1),
            (os.POSIX_SPAWN_DUP2, null, 2),
        ]
        try:
            pid = os.posix_spawnp("git", ["git", *arguments], os.environ, file_actions=actions)
        except FileNotFoundError:
            raise GitFailed("git is not on the PATH", "install git and try again") from None
        os.close(write_end)
        running.append((pid, read_end))
    os.close(null)
    if input_fd != null:
        os.close(input_fd)
    return [_collect(pid, read_end) for pid, read_end in running]


def _collect(pid: int, read_end: int) -> tuple[int, bytes]:
    parts = []
    while part := os.read(read_end, 65536):
        parts.append(part)
    os.close(read_end)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), b"".join(parts)


def _input_file(data: bytes) -> int:
    """``data`` as an open file at its beginning: nobody has to feed a pipe."""
    from git_data.base.fsio import write_all

    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("git-data")
    else:
        import tempfile

        fd, name = tempfile.mkstemp()
        os.unlink(name)
    write_all(fd, data)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _capture_portably(arguments: list[str], stdin: bytes) -> tuple[int, bytes]:
    import subprocess

    done = subprocess.run(["git", *arguments], input=stdin, capture_output=True)
    return done.returncode, done.stdout


def git(
    *arguments: str | bytes,
    cwd: str | None = None,
    stdin: bytes = b"",
    ok: Sequence[int] = (0,),
    env: dict[str, str] | None = None,
) -> bytes:
    """Run one git command to its end and give its standard output.

    Raises: GitFailed with git's own words when the exit status is not in ``ok``, UsageError for a path that ``ls-files
    --error-unmatch`` does not know.
    """
    import subprocess

    environment = None if env is None else {**os.environ, **env}
    try:
        done = subprocess.run(["git", *arguments], cwd=cwd, input=stdin, capture_output=True, env=environment)
    except FileNotFoundError:
        raise GitFailed("git is not on the PATH", "install git and try again") from None
    if done.returncode not in ok:
        if "--error-unmatch" in arguments and b"pathspec '" in done.stderr:
            path = os.fsdecode(done.stderr.partition(b"pathspec '")[2].rpartition(b"' did not match")[0])
            raise UsageError(f"no file that git knows matches '{path}'", "git ls-files   # those it knows")
        raise GitFailed(_words(arguments, done.stderr, done.returncode))
    return done.stdout


def records(
    *arguments: str, cwd: str | None = None, stdin: bytes = b"", separator: bytes = b"\0", ok: Sequence[int] = (0,)
) -> list[bytes]:
    """The output of a git command split at ``separator`` (NUL by default), the last, empty part dropped."""
    output = git(*arguments, cwd=cwd, stdin=stdin, ok=ok)
    parts = output.split(separator)
    if parts and not parts[-1]:
        parts.pop()
    return parts


def lines(*arguments: str, cwd: str | None = None, stdin: Iterable[bytes] = ()) -> Iterator[bytes]:
    """The output lines of a git command as they come, fed line by line from ``stdin``.

    Raises: GitFailed when git fails.
    """
    import subprocess
    import tempfile
    import threading

    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(["git", *arguments], cwd=cwd, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)
        feeder = threading.Thread(target=_feed, args=(process, stdin), daemon=True)
        feeder.start()
        assert process.stdout is not None
        with process.stdout as output:
            yield from output
        feeder.join()
        if process.wait():
            errors.seek(0)
            raise GitFailed(_words(arguments, errors.read(), process.returncode))


def _feed(process: subprocess.Popen[bytes], stdin: Iterable[bytes]) -> None:
    assert process.stdin is not None
    try:
        with process.stdin as pipe:
            for line in stdin:
                pipe.write(line)
    except BrokenPipeError:
        pass  # git ended early and says why


def as_stored() -> None:
    """From now on git sees objects as they are, not as git-replace(1) or grafts show them here: so others will get them."""
    os.environ["GIT_NO_REPLACE_OBJECTS"] = "1"
    os.environ["GIT_GRAFT_FILE"] = os.path.join(os.devnull, "none")  # an empty one would have git advise against it


def _words(arguments: Sequence[str | bytes], stderr: bytes, status: int) -> str:
    command = " ".join(os.fsdecode(argument) for argument in arguments[:3])
    said = stderr.decode("utf-8", "replace").strip().removeprefix("fatal: ")
    return f"git {command}: {said or f'exit status {status}'}"

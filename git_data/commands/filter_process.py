"""``git data filter-process [--format data|lfs]``: git's long-running filter, on standard input and output."""

from __future__ import annotations

import os

from git_data.errors import GitDataError


def main(words: list[str]) -> int:
    """Serve one git command."""
    from git_data.filter.process import FilterProcess
    from git_data.filter.setup import make_cleaner
    from git_data.git.pktline import ProtocolError
    from git_data.git.repo import locate
    from git_data.store.place import open_store

    # Whatever is printed by mistake must not get between the packets.
    if os.name == "nt":
        import msvcrt

        for fd in (0, 1):
            msvcrt.setmode(fd, os.O_BINARY)  # type: ignore[attr-defined]
    out_fd = os.dup(1)
    os.dup2(2, 1)
    repo = locate()
    store = open_store(repo)
    # filter=lfs of old commits: their pointers stay git-lfs's
    cleaner = make_cleaner(repo, store, words[1] if words[:1] == ["--format"] and words[1:] else "")
    try:
        return FilterProcess(repo, store, cleaner, 0, out_fd).serve()
    except (ProtocolError, EOFError) as error:
        raise GitDataError(
            f"filter-process: {error or 'the stream ended'}", "git starts this command by itself; to use the tool: git data help"
        ) from None
    except BrokenPipeError:
        return 1  # git is gone

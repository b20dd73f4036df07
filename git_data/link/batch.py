"""Linking and storing many files at once, on all processors.

``relink`` and ``put`` choose the compiled core or its twin and split long lists over threads.  Both
release the interpreter lock while they wait for the kernel.
"""

from __future__ import annotations

import os

from git_data.base import native as core
from git_data.base.fsio import temp_name
from git_data.link.items import Link, Put

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

_CHUNK_ITEMS = 128
"""Small enough to balance the threads, large enough that a call costs nothing."""


def implementation() -> ModuleType:
    """The module that does the work: ``native`` if the compiled core is there, else ``pure``."""
    if core.lib is not None:
        from git_data.link import native

        return native
    from git_data.link import pure

    return pure


def relink(
    root: str,
    stage: str,
    methods: tuple[str, ...],
    items: list[Link],
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Put each item's content in place under ``root``; the outcome is in the items.

    ``stage`` is a directory for temporaries; they are made beside the target if it is
    on another file system.  ``items`` should be sorted by path.  ``progress`` is called with
    files and bytes done, from any thread.
    """
    do = implementation().relink
    root_fd = os.open(root, os.O_RDONLY)
    try:
        stage_fd = os.open(stage, os.O_RDONLY)
        try:
            usable = stage_fd if os.fstat(stage_fd).st_dev == os.fstat(root_fd).st_dev else -1

            def work(chunk: list[Link]) -> None:
                do(root_fd, usable, temp_name() + "-", methods, chunk)
                if progress is not None:
                    progress(len(chunk), sum(item.size for item in chunk))

            _run(work, items, jobs)
        finally:
            os.close(stage_fd)
    finally:
        os.close(root_fd)


def put(root: str, objects: str, tmp: str, items: list[Put], jobs: int = 1) -> None:
    """Store each item under ``objects``; the outcome is in the items.

    ``root`` is the directory sources are relative to, ``tmp`` one on the file system of ``objects``.
    """
    do = implementation().put
    fds = [os.open(path, os.O_RDONLY) for path in (root, objects, tmp)]
    try:
        _run(lambda chunk: do(*fds, temp_name() + "-", chunk), items, jobs)
    finally:
        for fd in fds:
            os.close(fd)


def _run(work: Callable[[list[Link]], None] | Callable[[list[Put]], None], items: list, jobs: int) -> None:  # type: ignore[type-arg]
    # A few huge files deserve a thread each, many small ones share.
    size = max(1, min(_CHUNK_ITEMS, -(-len(items) // max(jobs, 1))))
    chunks = [items[at : at + size] for at in range(0, len(items), size)]
    run_parallel(work, chunks, jobs)


def run_parallel(work: Callable, chunks: list, jobs: int) -> None:  # type: ignore[type-arg]
    """Call ``work`` on each chunk from up to ``jobs`` threads; the first exception is raised again here."""
    if jobs <= 1 or len(chunks) <= 1:
        for chunk in chunks:
            work(chunk)
        return
    import threading

    queue = list(reversed(chunks))
    failures: list[BaseException] = []

    def drain() -> None:
        while queue and not failures:
            try:
                chunk = queue.pop()
            except IndexError:
                return
            try:
                work(chunk)
            except BaseException as error:  # handed to the caller's thread
                failures.append(error)

    threads = [threading.Thread(target=drain) for _ in range(min(jobs, len(chunks)) - 1)]
    for thread in threads:
        thread.start()
    drain()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]

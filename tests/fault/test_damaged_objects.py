"""Objects whose bytes do not match their name: edited, cut short, rotten, exchanged.

They are never handed out silently, go to quarantine, and adding the content again mends the store.
"""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from fault import harness
from helpers import Repo, content, pointer_of

SIZES = pytest.mark.parametrize("size", [900, 1_200_000])


def edit(path: Path) -> None:
    """Flip one bit of a file in place, as a program does that writes through a hard link."""
    path.chmod(0o644)
    with open(path, "r+b") as file:
        first = file.read(1)
        file.seek(0)
        file.write(bytes([first[0] ^ 1]))


def rot(path: Path) -> None:
    """Flip one bit on the disk: no time stamp tells."""
    times = path.stat()
    edit(path)
    path.chmod(0o444)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def cut(path: Path) -> None:
    """What a power failure can leave."""
    path.chmod(0o644)
    os.truncate(path, path.stat().st_size // 2)


DAMAGES = pytest.mark.parametrize("damage", [edit, cut], ids=["edited", "cut-short"])


@pytest.fixture
def damaged(repo: Repo, size: int, damage: Callable[[Path], None]) -> tuple[Repo, bytes]:
    """A repository whose last commit but one has a file with a damaged object."""
    data = repo.write("a.bin", size)
    repo.commit("one")
    repo.git("rm", "-q", "a.bin")
    repo.commit("two")
    damage(repo.object(data))
    return repo, data


def quarantined(repo: Repo, data: bytes) -> bool:
    name = repo.object(data).name
    return not repo.object(data).exists() and any(path.name.startswith(name) for path in (repo.store() / "quarantine").iterdir())


@SIZES
@DAMAGES
def test_a_checkout_leaves_the_pointer_and_says_so(damaged: tuple[Repo, bytes], damage: Callable[[Path], None]) -> None:
    repo, data = damaged
    said = repo.run("git", "checkout", "-q", "HEAD~").stderr.decode()
    assert repo.read("a.bin") == pointer_of(data)
    assert "a.bin" in said and "git data pull" in said
    assert damage is cut or quarantined(repo, data)
    assert repo.status() == ""
    assert "a.bin" in repo.fails("data", "checkout", status=3)


@SIZES
@DAMAGES
@pytest.mark.parametrize(
    "command",
    [
        ["git", "cat-file", "--filters", "HEAD~:a.bin"],
        ["git", "archive", "HEAD~", "a.bin"],
        ["git", "checkout-index", "--temp", "a.bin"],
        ["git", "data", "export", "HEAD~", "out"],
    ],
    ids=lambda command: " ".join(command[:3]),
)
def test_wrong_bytes_are_never_handed_out(damaged: tuple[Repo, bytes], command: list[str], tmp_path: Path) -> None:
    repo, data = damaged
    repo.git("read-tree", "HEAD~")
    wrong = repo.object(data).read_bytes()
    done = repo.run(*command[:-1], tmp_path / "out" if command[-1] == "out" else command[-1], ok=None)
    assert done.returncode != 0
    assert b"a.bin" in done.stderr and b"Traceback" not in done.stderr
    handed_out = [done.stdout, *(path.read_bytes() for path in tmp_path.rglob("*") if is_result(repo, path))]
    if command[1] == "archive" and done.stdout:
        with tarfile.open(fileobj=io.BytesIO(done.stdout), mode="r:") as archive:
            handed_out += [archive.extractfile(member).read() for member in archive if member.isfile()]
    assert not any(wrong in result for result in handed_out)


def is_result(repo: Repo, path: Path) -> bool:
    return path.is_file() and ".git" not in path.parts and path != repo.path / "a.bin"


@SIZES
@DAMAGES
@pytest.mark.parametrize("command", [["add", "a.bin"], ["data", "add", "a.bin"]], ids=" ".join)
def test_adding_the_content_again_mends_the_store(damaged: tuple[Repo, bytes], command: list[str]) -> None:
    repo, data = damaged
    repo.write("a.bin", data)
    repo.git(*command)
    assert repo.object(data).read_bytes() == data
    harness.assert_store_sound(repo)
    repo.git("commit", "-q", "-m", "back")
    repo.file("a.bin").unlink()
    repo.git("checkout", "a.bin")
    repo.assert_content({"a.bin": data}, linked=False)


@SIZES
@pytest.mark.parametrize("damage", [edit, cut, rot], ids=["edited", "cut-short", "rotten"])
def test_fsck_finds_it_and_restores_it_from_the_work_tree(repo: Repo, size: int, damage: Callable[[Path], None]) -> None:
    data = {"a.bin": repo.write("a.bin", size), "b.bin": repo.write("b.bin", size)}
    repo.commit()
    damage(repo.object(data["a.bin"]))
    damage(repo.object(data["b.bin"]))
    repo.file("b.bin").unlink()
    done = repo.run("git", "data", "fsck", ok=(3, 4))
    assert repo.object(data["b.bin"]).name[:12] in (done.stdout + done.stderr).decode()
    assert repo.object(data["a.bin"]).read_bytes() == data["a.bin"], "its content is in the work tree"
    assert not repo.object(data["b.bin"]).exists()
    harness.assert_store_sound(repo)
    repo.write("b.bin", data["b.bin"])
    repo.git("add", "--renormalize", ".")
    repo.data("fsck")


def test_an_edit_through_a_hard_link_reaches_nobody_else(new_repo: Callable[..., Repo], tmp_path: Path) -> None:
    repo = new_repo("hard")
    repo.git("config", "data.link", "hardlink")
    repo.git("config", "core.trustctime", "false")
    data = repo.write("a.bin", 5000)
    repo.commit()
    repo.file("a.bin").unlink()
    repo.git("checkout", "a.bin")
    assert os.path.samefile(repo.file("a.bin"), repo.object(data))
    edit(repo.file("a.bin"))
    assert repo.status() == " M a.bin\n"

    tree = Repo(tmp_path / "tree")
    said = repo.run("git", "worktree", "add", "-q", str(tree.path)).stderr.decode()
    assert tree.read("a.bin") == pointer_of(data)
    assert "a.bin" in said
    assert quarantined(repo, data)
    repo.git("add", "a.bin")
    repo.git("commit", "-q", "-m", "the edited content is content like any other")
    harness.assert_store_sound(repo)


def test_objects_that_changed_places(repo: Repo) -> None:
    """Same size, each under the other's name: only the time stamps tell."""
    one, two = repo.write("one.bin", 4000), repo.write("two.bin", 4000)
    repo.commit()
    first, second = repo.object(one), repo.object(two)
    first.rename(first.parent / "other")
    second.rename(first)
    (first.parent / "other").rename(second)
    for path in ("one.bin", "two.bin"):
        repo.file(path).unlink()
    repo.git("checkout", "--", "one.bin", "two.bin")
    assert repo.read("one.bin") == pointer_of(one) and repo.read("two.bin") == pointer_of(two)
    assert repo.objects() == set()


def test_a_damaged_object_in_an_alternate_is_not_handed_out(new_repo: Callable[..., Repo]) -> None:
    lender = new_repo("lender")
    data = lender.write("a.bin", content(3000))
    lender.commit()
    borrower = new_repo("borrower", attributes="")
    borrower.git("config", "data.alternates", str(lender.store()))
    edit(lender.object(data))
    borrower.git("pull", "-q", str(lender.path))
    assert borrower.read("a.bin") == pointer_of(data)
    assert lender.object(data).exists(), "what belongs to others is not moved"

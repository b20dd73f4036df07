"""No space left, for real: the store, the work tree, the index.

Each command fails with a line that names the file system and what is free on it, leaves nothing half-written under a final
name, and finishes when it is run again with space.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from fault import harness
from fault.harness import SmallFileSystem
from helpers import Repo

BIG = 12_000_000
SPACE = 4_000_000

NewRepo = Callable[..., Repo]


def assert_names(errors: str, small: SmallFileSystem) -> None:
    """The message says which file system is full, and how many bytes are free and needed."""
    assert "no space left" in errors
    assert re.search(rf"\(([\d,]+ bytes needed, )?[\d,]+ bytes free on the file system at {re.escape(str(small.root))}\)", errors)
    assert "Traceback" not in errors


@pytest.mark.parametrize("command", [["add", "."], ["data", "add", "."]], ids=" ".join)
@pytest.mark.parametrize("size", [BIG, 900_000], ids=["one-large-file", "many-small-ones"])
def test_adding_to_a_full_store(small: SmallFileSystem, new_repo: NewRepo, command: list[str], size: int) -> None:
    repo = new_repo()
    repo.git("config", "data.cacheDir", str(small.root / "cache"))
    files = {f"{number}.bin": repo.write(f"{number}.bin", size) for number in range(BIG // size)}
    small.leave(SPACE)
    errors = repo.fails(*command)
    assert_names(errors, small)
    assert f"{size:,} bytes needed" in errors and ".bin'" in errors
    assert all(repo.read(path) == data for path, data in files.items())
    harness.assert_store_sound(repo)
    harness.assert_pointers_have_data(repo)
    assert list((small.root / "cache/tmp").iterdir()) == []

    small.free()
    repo.git(*command)
    repo.git("commit", "-q", "-m", "with space")
    assert all(repo.object(data).read_bytes() == data for data in files.values())
    repo.assert_clean()


def test_a_checkout_into_a_full_work_tree_leaves_pointers(small: SmallFileSystem, repo: Repo) -> None:
    data = {"one.bin": repo.write("one.bin", BIG), "sub/two.bin": repo.write("sub/two.bin", 900_000)}
    repo.commit()
    tree = Repo(small.root / "tree")
    small.leave(SPACE)
    errors = repo.run("git", "worktree", "add", "-q", str(tree.path)).stderr.decode()
    assert_names(errors, small)
    assert "one.bin" in errors and "git data checkout" in errors
    assert tree.pointer("one.bin")
    assert tree.pointer("sub/two.bin") or tree.read("sub/two.bin") == data["sub/two.bin"]
    assert tree.status() == ""
    harness.assert_no_strangers(tree, {".git", ".gitattributes", *data})

    assert_names(tree.fails("data", "checkout", status=5), small)
    small.free()
    tree.data("checkout")
    tree.assert_content(data, linked=False)


def test_an_index_that_cannot_be_written(small: SmallFileSystem, new_repo: NewRepo) -> None:
    repo = new_repo(small.root / "repo")
    repo.git("config", "data.cacheDir", str(small.root.parent / "cache"))
    for number in range(1000):  # makes an index of a quarter of a megabyte
        repo.write(f"{number:0200}.txt", "plain\n")
    data = repo.write("a.bin", 2000)
    repo.commit()
    repo.file("a.bin").unlink()
    repo.git("checkout", "a.bin", env={"GIT_DATA_SKIP_SMUDGE": "1"})
    small.leave(100_000)
    errors = repo.fails("data", "checkout", status=5)
    assert_names(errors, small)
    assert "index" in errors and "git data checkout" in errors
    assert repo.pointer("a.bin")
    assert list((repo.path / ".git").glob("*.lock")) == []

    small.free()
    assert repo.status() == ""
    repo.data("checkout")
    repo.assert_content({"a.bin": data}, linked=False)

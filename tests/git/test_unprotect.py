"""``git data unprotect`` breaks hard links, and nothing else."""

from __future__ import annotations

import os

import pytest
from helpers import Repo


@pytest.fixture
def hard_repo(any_repo: Repo) -> Repo:
    """Two files checked out as hard links."""
    any_repo.git("config", "data.link", "hardlink")
    any_repo.git("config", "core.trustctime", "false")
    for path in ("d/a.bin", "d/b.bin"):
        any_repo.write(path, 40_000)
    any_repo.commit()
    any_repo.file("d/a.bin").unlink()
    any_repo.file("d/b.bin").unlink()
    any_repo.git("checkout", "-q", "--", ".")
    assert is_hard_link(any_repo, "d/a.bin")
    return any_repo


def is_hard_link(repo: Repo, path: str) -> bool:
    return repo.file(path).stat().st_nlink > 1


def test_a_hard_link_becomes_a_writable_file_of_its_own(hard_repo: Repo) -> None:
    before = hard_repo.read("d/a.bin"), int(hard_repo.file("d/a.bin").stat().st_mtime)
    assert hard_repo.data("unprotect", "d/a.bin") == "1 file made safe to edit\n"
    status = hard_repo.file("d/a.bin").stat()
    assert status.st_nlink == 1
    assert status.st_mode & 0o777 == 0o644
    assert (hard_repo.read("d/a.bin"), int(status.st_mtime)) == before
    assert is_hard_link(hard_repo, "d/b.bin")
    hard_repo.assert_clean()


def test_an_edit_afterwards_leaves_the_object_alone(hard_repo: Repo) -> None:
    data = hard_repo.read("d/a.bin")
    hard_repo.data("unprotect", "a.bin", cwd=hard_repo.file("d"))
    with open(hard_repo.file("d/a.bin"), "ab") as file:
        file.write(b"more")
    assert hard_repo.object(data).read_bytes() == data
    assert hard_repo.status() == " M d/a.bin\n"


def test_the_copy_shares_blocks_where_that_works(hard_repo: Repo, links: bool) -> None:
    hard_repo.data("unprotect")
    assert hard_repo.is_linked("d/a.bin") == links
    assert not is_hard_link(hard_repo, "d/a.bin")
    assert not is_hard_link(hard_repo, "d/b.bin")


def test_dry_run_lists_and_changes_nothing(hard_repo: Repo) -> None:
    said = hard_repo.data("unprotect", "-n", cwd=hard_repo.file("d"))
    assert said == "a.bin\nb.bin\n2 files would be made safe to edit (80.0 kB)\n"
    assert is_hard_link(hard_repo, "d/a.bin")


def test_what_was_edited_through_the_link_already_is_kept(hard_repo: Repo) -> None:
    data = hard_repo.read("d/a.bin")
    os.chmod(hard_repo.file("d/a.bin"), 0o644)
    with open(hard_repo.file("d/a.bin"), "r+b") as file:
        file.write(b"edited")
    edited = hard_repo.read("d/a.bin")
    hard_repo.data("unprotect")
    assert hard_repo.read("d/a.bin") == edited
    assert hard_repo.status() == " M d/a.bin\n"
    hard_repo.write("again.bin", data)
    hard_repo.git("add", "again.bin")
    assert hard_repo.object(data).read_bytes() == data


def test_the_link_of_an_older_version_is_broken_too(hard_repo: Repo) -> None:
    """The index moved on, the file is still a link to the object of the version before."""
    hard_repo.write("c.bin", 100)
    blob = hard_repo.git("rev-parse", "HEAD:d/b.bin").strip()
    hard_repo.git("update-index", "--cacheinfo", f"100644,{blob},d/a.bin")
    hard_repo.data("unprotect", "d/a.bin")
    assert not is_hard_link(hard_repo, "d/a.bin")


def test_files_that_are_no_links_are_left_alone(repo: Repo) -> None:
    repo.write("a.bin", 1000)
    repo.write("b.bin", 1001)
    os.link(repo.file("b.bin"), repo.file("users-own-link.bin"))
    repo.commit()
    before = {path: repo.file(path).stat() for path in ("a.bin", "b.bin", "users-own-link.bin")}
    assert repo.data("unprotect") == "nothing to do: no file here is a hard link to the store\n"
    assert {path: repo.file(path).stat() for path in before} == before


def test_an_unknown_path_is_an_error(repo: Repo) -> None:
    assert "no file that git knows matches 'nothing.bin'" in repo.fails("data", "unprotect", "nothing.bin", status=2)

"""``git data relink`` links what is a copy, saves space, and never touches what is not exactly the pointer's content."""

from __future__ import annotations

import json
import os
from collections.abc import Callable

import pytest
from helpers import Repo, content


def copy_over(repo: Repo, path: str, data: bytes) -> None:
    """Write the file again, byte for byte, as a program would that knows nothing of links."""
    repo.file(path).unlink()
    repo.write(path, data)


def committed_copies(repo: Repo, count: int = 3, size: int = 50_000) -> dict[str, bytes]:
    files = {f"d/{number}.bin": repo.write(f"d/{number}.bin", size + number) for number in range(count)}
    repo.commit()
    for path, data in files.items():
        copy_over(repo, path, data)
    return files


def test_copies_share_the_blocks_of_the_store_and_keep_inode_and_times(reflink_repo: Repo) -> None:
    files = committed_copies(reflink_repo)
    before = {path: reflink_repo.file(path).stat() for path in files}
    assert not any(reflink_repo.is_linked(path) for path in files)
    said = reflink_repo.data("relink")
    assert said == "3 files linked, 150.0 kB saved\n"
    assert all(reflink_repo.is_linked(path) for path in files)
    for path, status in before.items():
        now = reflink_repo.file(path).stat()
        assert (now.st_ino, now.st_mtime_ns, now.st_ctime_ns) == (status.st_ino, status.st_mtime_ns, status.st_ctime_ns)
    assert reflink_repo.data("relink") == "0 files linked, 0 B saved\n3 files were linked already\n"


def test_a_read_only_file_is_linked_and_stays_read_only(reflink_repo: Repo) -> None:
    committed_copies(reflink_repo, 1)
    os.chmod(reflink_repo.file("d/0.bin"), 0o444)
    reflink_repo.data("relink")
    assert reflink_repo.is_linked("d/0.bin")
    assert reflink_repo.file("d/0.bin").stat().st_mode & 0o777 == 0o444


def test_dry_run_counts_and_changes_nothing(reflink_repo: Repo) -> None:
    committed_copies(reflink_repo)
    assert reflink_repo.data("relink", "-n") == "3 files would be linked, 150.0 kB saved\n"
    assert not reflink_repo.is_linked("d/0.bin")


def test_a_changed_file_of_the_same_size_is_left_alone(reflink_repo: Repo) -> None:
    files = committed_copies(reflink_repo, 2)
    changed = reflink_repo.write("d/1.bin", content(len(files["d/1.bin"])))
    result = json.loads(reflink_repo.data("relink", "--json"))
    assert result == {
        "linked": ["d/0.bin"],
        "bytes_saved": len(files["d/0.bin"]),
        "already": 0,
        "different": ["d/1.bin"],
        "failed": [],
    }
    assert reflink_repo.read("d/1.bin") == changed


@pytest.mark.parametrize(
    ("words", "cwd", "linked"),
    [
        (["d/1.bin"], ".", {"d/1.bin"}),
        (["1.bin"], "d", {"d/1.bin"}),
        ([], "d", {"d/0.bin", "d/1.bin", "d/2.bin"}),
        (["-I", "/d/0.bin,/d/1.bin"], ".", {"d/0.bin", "d/1.bin"}),
        (["-X", "1.bin"], ".", {"d/0.bin", "d/2.bin"}),
    ],
)
def test_paths_and_patterns_choose(reflink_repo: Repo, words: list[str], cwd: str, linked: set[str]) -> None:
    files = committed_copies(reflink_repo)
    reflink_repo.data("relink", *words, cwd=reflink_repo.path / cwd)
    assert {path for path in files if reflink_repo.is_linked(path)} == linked


def test_an_unknown_path_is_an_error(repo: Repo) -> None:
    assert "no file that git knows matches 'nothing.bin'" in repo.fails("data", "relink", "nothing.bin", status=2)


def test_where_blocks_cannot_be_shared_the_answer_is_hard_links(repo: Repo, links_work_here: bool) -> None:
    committed_copies(repo, 1)
    if links_work_here:
        repo.data("relink")
        assert repo.is_linked("d/0.bin")
    else:
        assert "data.link hardlink" in repo.fails("data", "relink", status=5)


@pytest.fixture
def links_work_here(repo: Repo) -> bool:
    """Whether the default file system of this machine shares blocks."""
    from git_data.link.probe import usable

    return "reflink" in usable(("reflink",), str(repo.path), str(repo.path), str(repo.path / ".git" / "probe"))


@pytest.fixture
def hard_repo(any_repo: Repo) -> Repo:
    any_repo.git("config", "data.link", "hardlink")
    return any_repo


def is_hard_link(repo: Repo, path: str) -> bool:
    return os.path.samefile(repo.file(path), repo.object(repo.read(path)))


def test_with_hard_links_copies_become_read_only_links(hard_repo: Repo) -> None:
    files = committed_copies(hard_repo)
    times = {path: int(hard_repo.file(path).stat().st_mtime) for path in files}
    done = hard_repo.run("git", "data", "relink")
    assert done.stdout.decode() == "3 files linked, 150.0 kB saved\n"
    assert b"core.trustctime=false" in done.stderr
    assert hard_repo.git("config", "core.trustctime") == "false\n"
    for path, data in files.items():
        assert is_hard_link(hard_repo, path)
        assert hard_repo.file(path).stat().st_mode & 0o222 == 0
        assert hard_repo.read(path) == data
        assert int(hard_repo.file(path).stat().st_mtime) == times[path]
    hard_repo.status()
    hard_repo.assert_clean()
    assert hard_repo.run("git", "data", "relink").stderr == b""
    assert hard_repo.data("relink") == "0 files linked, 0 B saved\n3 files were linked already\n"


def test_with_hard_links_an_executable_file_stays_a_file_of_its_own(hard_repo: Repo) -> None:
    hard_repo.write("run.bin", 1000)
    os.chmod(hard_repo.file("run.bin"), 0o755)
    hard_repo.commit()
    assert "left alone: 'run.bin'" in hard_repo.data("relink")
    assert os.access(hard_repo.file("run.bin"), os.X_OK | os.W_OK)


def test_with_hard_links_a_changed_file_is_left_alone(hard_repo: Repo) -> None:
    files = committed_copies(hard_repo, 1)
    changed = hard_repo.write("d/0.bin", content(len(files["d/0.bin"])), age_s=5)
    assert "0 files linked" in hard_repo.data("relink")
    assert hard_repo.read("d/0.bin") == changed
    assert hard_repo.status() == " M d/0.bin\n"


def test_with_hard_links_dry_run_counts_and_changes_nothing(hard_repo: Repo) -> None:
    committed_copies(hard_repo, 1)
    assert hard_repo.data("relink", "-n").startswith("1 file would be linked")
    assert not is_hard_link(hard_repo, "d/0.bin")
    assert hard_repo.run("git", "config", "core.trustctime", ok=(1,)).stdout == b""


def test_a_checkout_makes_hard_links_and_says_once_what_it_set(hard_repo: Repo) -> None:
    first = hard_repo.write("a.bin", 40_000)
    hard_repo.commit()
    second = hard_repo.write("a.bin", 30_000)
    hard_repo.commit()
    done = hard_repo.run("git", "checkout", "-q", "HEAD~1")
    assert done.stderr.decode().count("core.trustctime=false") == 1
    assert hard_repo.read("a.bin") == first
    assert is_hard_link(hard_repo, "a.bin")
    hard_repo.assert_clean()
    done = hard_repo.run("git", "checkout", "-q", "main")
    assert done.stderr == b""
    assert hard_repo.read("a.bin") == second
    assert is_hard_link(hard_repo, "a.bin")
    hard_repo.assert_clean()


def test_a_second_link_to_an_object_does_not_make_git_hash_the_first(hard_repo: Repo) -> None:
    data = hard_repo.write("a.bin", 40_000)
    hard_repo.write("b.bin", data)
    hard_repo.commit()
    hard_repo.file("a.bin").unlink()
    hard_repo.git("checkout", "-q", "--", "a.bin")
    hard_repo.assert_clean()
    hard_repo.file("b.bin").unlink()
    hard_repo.git("checkout", "-q", "--", "b.bin")
    hard_repo.assert_clean()


def test_an_edit_through_a_hard_link_is_noticed_and_the_object_quarantined(hard_repo: Repo) -> None:
    files = committed_copies(hard_repo, 1)
    hard_repo.data("relink")
    file = hard_repo.file("d/0.bin")
    os.chmod(file, 0o644)
    with open(file, "r+b") as opened:
        opened.write(b"edited")
    edited = file.read_bytes()
    assert hard_repo.status() == " M d/0.bin\n"
    assert "'d/0.bin' is not in the store" in hard_repo.run("git", "stash").stderr.decode()
    assert hard_repo.pointer("d/0.bin") is not None
    assert not hard_repo.object(files["d/0.bin"]).exists()
    assert [path.read_bytes() for path in (hard_repo.store() / "quarantine").iterdir()] == [edited]
    hard_repo.git("stash", "pop", "-q")
    assert hard_repo.read("d/0.bin") == edited


def test_a_linked_work_tree_links_too(new_repo: Callable[..., Repo], reflink_dir) -> None:  # noqa: ANN001
    repo = new_repo(reflink_dir / "main")
    data = repo.write("a.bin", 50_000)
    repo.commit()
    repo.git("worktree", "add", "-q", "-b", "other", reflink_dir / "linked")
    other = Repo(reflink_dir / "linked")
    copy_over(other, "a.bin", data)
    assert other.data("relink").startswith("1 file linked")
    assert other.is_linked("a.bin")

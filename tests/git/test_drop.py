"""``git data drop`` frees local space, and only of what is safe elsewhere."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
from helpers import Repo, content, pointer_of


@pytest.fixture
def place(repo: Repo, tmp_path: Path) -> Path:
    """The default remote of ``repo``."""
    repo.git("config", "data.store.url", str(tmp_path / "place"))
    repo.git("config", "data.remote", "store")
    return tmp_path / "place"


def on_remote(place: Path, data: bytes) -> Path:
    oid = hashlib.sha256(data).hexdigest()
    return place / "objects" / "sha256" / oid[:2] / oid


def pushed(repo: Repo, *paths: str, size: int = 5000) -> dict[str, bytes]:
    """Files that are committed and on the remote."""
    files = {path: repo.write(path, size + number) for number, path in enumerate(paths)}
    repo.commit()
    repo.data("push")
    return files


def assert_dropped(repo: Repo, files: dict[str, bytes]) -> None:
    assert {path: repo.read(path) for path in files} == {path: pointer_of(data) for path, data in files.items()}
    assert [path for path, data in files.items() if repo.object(data).exists()] == []


def assert_kept(repo: Repo, files: dict[str, bytes]) -> None:
    assert [path for path, data in files.items() if repo.read(path) != data] == []
    assert [path for path, data in files.items() if repo.object(data).exists()] == list(files)


def refused(repo: Repo, *words: str) -> dict[str, str]:
    """The reasons of a run that left files as they were."""
    record = json.loads(repo.run("git", "data", "drop", "--json", *words, ok=(1,)).stdout)
    return {item["path"]: item["reason"] for item in record["refused"]}


def test_files_become_pointers_and_pull_brings_them_back(any_repo: Repo, tmp_path: Path) -> None:
    repo = any_repo
    repo.git("config", "data.store.url", str(tmp_path / "place"))
    files = pushed(repo, "a.bin", "d/e/b.bin", "kept.bin")
    assert repo.data("drop", "a.bin", "d") == "2 files dropped, 10.0 kB freed\n"
    assert_dropped(repo, {path: files[path] for path in ("a.bin", "d/e/b.bin")})
    assert_kept(repo, {"kept.bin": files["kept.bin"]})
    trace = repo.traced("status", "--porcelain")
    assert (trace.output, trace.filters) == ("", [])
    repo.data("pull", "a.bin")
    assert repo.read("a.bin") == files["a.bin"]
    assert repo.read("d/e/b.bin") == pointer_of(files["d/e/b.bin"])
    repo.data("pull")
    repo.assert_content(files, linked=False)


def test_checking_out_another_branch_and_back_brings_the_content(repo: Repo, place: Path) -> None:
    files = pushed(repo, "a.bin")
    repo.git("switch", "-q", "-c", "side")
    repo.write("a.bin", 100)
    repo.commit()
    repo.git("switch", "-q", "main")
    repo.data("drop", "a.bin")
    repo.git("switch", "-q", "side")
    repo.git("switch", "-q", "main")
    repo.assert_content(files, linked=False)


def test_a_dropped_file_can_be_committed_moved_and_stashed_around(repo: Repo, place: Path) -> None:
    files = pushed(repo, "a.bin", "b.bin")
    repo.data("drop", "a.bin")
    repo.git("mv", "a.bin", "moved.bin")
    repo.write("b.bin", 10)
    repo.git("stash", "-q")
    repo.git("stash", "pop", "-q")
    repo.commit()
    assert repo.blob("moved.bin", "HEAD") == pointer_of(files["a.bin"])


def test_patterns_choose_and_paths_are_relative(repo: Repo, place: Path) -> None:
    files = pushed(repo, "d/a.bin", "d/x.bin", "a.bin")
    repo.data("drop", ".", "-X", "x.bin", cwd=repo.path / "d")
    assert_dropped(repo, {"d/a.bin": files["d/a.bin"]})
    assert_kept(repo, {path: files[path] for path in ("d/x.bin", "a.bin")})


def test_dry_run_changes_nothing(repo: Repo, place: Path) -> None:
    files = pushed(repo, "a.bin")
    assert repo.data("drop", "-n", ".") == "   5.0 kB  a.bin\n1 file would be dropped, 5.0 kB freed\n"
    assert_kept(repo, files)


def test_what_the_remote_lost_stays(repo: Repo, place: Path) -> None:
    files = pushed(repo, "a.bin", "b.bin")
    on_remote(place, files["a.bin"]).unlink()
    assert refused(repo, ".") == {"a.bin": "its data is on no remote"}
    assert_kept(repo, {"a.bin": files["a.bin"]})
    assert_dropped(repo, {"b.bin": files["b.bin"]})


def test_what_is_truncated_on_the_remote_stays(repo: Repo, place: Path) -> None:
    files = pushed(repo, "a.bin")
    object = on_remote(place, files["a.bin"])
    object.unlink()
    object.write_bytes(files["a.bin"][:-1])
    assert "a.bin" in refused(repo, "a.bin")
    assert_kept(repo, files)


def test_without_a_remote_nothing_is_dropped(repo: Repo) -> None:
    files = {"a.bin": repo.write("a.bin", 2000)}
    repo.commit()
    assert "git data remote add" in repo.fails("data", "drop", "a.bin", status=2)
    assert_kept(repo, files)


def test_an_unreachable_remote_is_named(repo: Repo, place: Path) -> None:
    files = pushed(repo, "a.bin")
    (place / "layout").unlink()
    (place / "layout").write_text("[layout]\n\tversion = 99\n")
    assert "'store' could not be asked" in refused(repo, "a.bin")["a.bin"]
    assert_kept(repo, files)


def test_data_that_was_never_pushed_stays(repo: Repo, place: Path) -> None:
    files = {"a.bin": repo.write("a.bin", 2000)}
    repo.commit()
    assert refused(repo, "a.bin") == {"a.bin": "its data is on no remote"}
    assert_kept(repo, files)


def test_as_many_copies_as_the_setting_says(repo: Repo, place: Path, tmp_path: Path) -> None:
    repo.git("config", "data.numCopies", "2")
    repo.git("config", "data.backup.url", str(tmp_path / "backup"))
    files = pushed(repo, "a.bin")
    assert refused(repo, "a.bin") == {"a.bin": "its data is only on 'store', and data.numCopies is 2"}
    repo.data("push", "backup")
    repo.data("drop", "a.bin")
    assert_dropped(repo, files)


def test_two_names_of_one_place_are_one_copy(repo: Repo, place: Path, tmp_path: Path) -> None:
    repo.git("config", "data.numCopies", "2")
    (tmp_path / "alias").symlink_to(place)
    repo.git("config", "data.alias.url", str(tmp_path / "alias"))
    files = pushed(repo, "a.bin")
    assert "only on 'store'" in refused(repo, "a.bin")["a.bin"]
    assert_kept(repo, files)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda repo: repo.write("a.bin", 5000), "modified"),
        (lambda repo: (repo.write("a.bin", 5000), repo.git("add", "a.bin")), "not committed"),
        (lambda repo: repo.file("a.bin").unlink(), "deleted"),
        (lambda repo: (repo.git("update-index", "--assume-unchanged", "a.bin"), repo.write("a.bin", 5000)), "told not to look"),
        (lambda repo: (repo.git("update-index", "--skip-worktree", "a.bin"), repo.write("a.bin", 5000)), "told not to look"),
    ],
    ids=["modified", "staged", "deleted", "assume unchanged", "skip worktree"],
)
def test_what_is_not_as_it_was_committed_stays(repo: Repo, place: Path, change: object, reason: str) -> None:
    files = pushed(repo, "a.bin", "b.bin")
    change(repo)  # type: ignore[operator]
    before = repo.read("a.bin") if repo.file("a.bin").exists() else None
    assert reason in refused(repo, ".")["a.bin"]
    assert (repo.read("a.bin") if repo.file("a.bin").exists() else None) == before
    assert repo.object(files["a.bin"]).exists()
    assert_dropped(repo, {"b.bin": files["b.bin"]})


def test_a_version_that_was_only_staged_stays_even_if_it_is_on_a_remote(repo: Repo, place: Path) -> None:
    files = pushed(repo, "a.bin")
    repo.write("b.bin", files["a.bin"])
    repo.git("add", "b.bin")
    assert refused(repo, "b.bin") == {"b.bin": "this version is not committed"}
    assert_kept(repo, {"b.bin": files["a.bin"]})


def test_the_executable_bit_stays(repo: Repo, place: Path) -> None:
    repo.write("a.bin", 5000)
    repo.file("a.bin").chmod(0o755)
    pushed(repo, "b.bin")
    repo.data("drop", ".")
    assert repo.file("a.bin").stat().st_mode & 0o777 == 0o755
    assert repo.file("b.bin").stat().st_mode & 0o111 == 0
    repo.assert_clean()
    repo.data("pull")
    assert repo.file("a.bin").stat().st_mode & 0o111 == 0o111
    repo.assert_clean()


def test_a_hard_link_becomes_a_writable_pointer(repo: Repo, place: Path) -> None:
    repo.git("config", "data.link", "hardlink")
    files = pushed(repo, "a.bin")
    repo.data("relink")
    assert os.path.samefile(repo.file("a.bin"), repo.object(files["a.bin"]))
    repo.data("drop", "a.bin")
    assert_dropped(repo, files)
    assert repo.file("a.bin").stat().st_mode & 0o200
    repo.assert_clean()


def test_a_parent_that_became_a_symbolic_link_is_not_followed(repo: Repo, place: Path, tmp_path: Path) -> None:
    files = pushed(repo, "d/a.bin")
    outside = tmp_path / "outside"
    repo.file("d").rename(outside)
    repo.file("d").symlink_to(outside)
    repo.run("git", "data", "drop", "d/a.bin", ok=(1, 7))
    assert (outside / "a.bin").read_bytes() == files["d/a.bin"]
    assert repo.object(files["d/a.bin"]).exists()


def test_a_shared_store_keeps_its_objects(repo: Repo, place: Path, tmp_path: Path) -> None:
    repo.git("config", "data.cacheDir", str(tmp_path / "cache"))
    files = pushed(repo, "a.bin")
    assert "the shared store keeps the content" in repo.data("drop", "a.bin")
    assert repo.read("a.bin") == pointer_of(files["a.bin"])
    assert repo.object(files["a.bin"]).exists()
    repo.assert_clean()
    repo.data("checkout")
    repo.assert_content(files, linked=False)


def test_the_object_of_a_file_that_is_a_pointer_already_goes(repo: Repo, place: Path) -> None:
    files = pushed(repo, "a.bin")
    repo.write("a.bin", pointer_of(files["a.bin"]))
    repo.data("drop", "a.bin")
    assert_dropped(repo, files)
    assert repo.data("drop", "a.bin") == "nothing to drop: no content of these files is here\n"


def test_another_path_with_the_same_content_stays_readable(any_repo: Repo, tmp_path: Path) -> None:
    repo = any_repo
    repo.git("config", "data.store.url", str(tmp_path / "place"))
    data = repo.write("a.bin", content(5000))
    repo.write("same.bin", data)
    repo.commit()
    repo.data("push")
    said = repo.data("drop", "a.bin")
    assert "the same content, now not in the store any more: same.bin" in said
    assert repo.read("same.bin") == data
    repo.assert_clean()
    repo.data("pull")
    repo.assert_content({"a.bin": data, "same.bin": data}, linked=False)


def test_a_locked_index_stops_everything(repo: Repo, place: Path) -> None:
    files = pushed(repo, "a.bin")
    (repo.git_dir() / "index.lock").touch()
    repo.fails("data", "drop", "a.bin", status=6)
    assert_kept(repo, files)


def test_a_word_that_matches_no_file(repo: Repo, place: Path) -> None:
    pushed(repo, "a.bin")
    repo.write("plain.txt", b"text")
    repo.commit()
    assert "nothing.bin" in repo.fails("data", "drop", "nothing.bin", status=2)
    assert "no data file matches" in repo.fails("data", "drop", "plain.txt", status=2)

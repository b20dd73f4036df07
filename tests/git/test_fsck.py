"""``git data fsck`` finds what is damaged, missing, or should be a pointer, and mends what it can."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import ATTRIBUTES, Repo, content, pointer_of, run


def damage(path: Path, data: bytes | None = None) -> None:
    """Flip a bit without a trace in the time stamp, or replace the content."""
    status = path.stat()
    path.chmod(0o644)
    old = path.read_bytes()
    path.write_bytes(bytes([old[0] ^ 1]) + old[1:] if data is None else data)
    path.chmod(0o444)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def quarantine(repo: Repo) -> list[Path]:
    place = repo.store() / "quarantine"
    return sorted(place.iterdir()) if place.exists() else []


def fsck(repo: Repo, *words: str, status: int) -> dict:
    """The JSON of one run."""
    return json.loads(repo.run("git", "data", "fsck", "--json", *words, ok=(status,)).stdout)


def test_a_sound_repository_passes(repo: Repo) -> None:
    repo.write("a.bin", 1000)
    repo.write("empty.bin", b"")
    repo.write("a.txt", b"text")
    repo.commit()
    said = repo.data("fsck")
    assert said == "store: 1 object, 1.0 kB\npointers: 1 pointer checked\n"


def test_a_repository_without_commits_passes(new_repo: Callable[..., Repo]) -> None:
    repo = new_repo(attributes="")
    assert repo.data("fsck") == "store: 0 objects, 0 B\npointers: 0 pointers checked\n"


def test_a_flipped_bit_is_found_quarantined_and_restored_from_the_work_tree(any_repo: Repo) -> None:
    data = any_repo.write("d/a.bin", 100_000)
    any_repo.commit()
    object = any_repo.object(data)
    damage(object)
    broken = object.read_bytes()
    if any_repo.read("d/a.bin") != data:
        any_repo.write("d/a.bin", data)
    done = any_repo.run("git", "data", "fsck", ok=(4,))
    assert f"damaged: {object.name}" in done.stdout.decode()
    assert "restored from d/a.bin" in done.stdout.decode()
    assert [path.read_bytes() for path in quarantine(any_repo)] == [broken]
    assert object.read_bytes() == data
    assert object.stat().st_mode & 0o222 == 0
    any_repo.data("fsck")


def test_a_damaged_object_whose_content_is_nowhere_is_missing_afterwards(repo: Repo) -> None:
    data = repo.write("a.bin", 1000)
    repo.commit()
    repo.write("a.bin", 1000)
    damage(repo.object(data))
    found = fsck(repo, status=4)
    assert [item["oid"] for item in found["store"]["damaged"]] == [repo.object(data).name]
    assert found["store"]["damaged"][0]["restored_from"] is None
    assert [(item["path"], item["revision"]) for item in found["pointers"]["missing"]] == [("a.bin", None)]
    assert [item["path"] for item in fsck(repo, status=3)["pointers"]["missing"]] == ["a.bin"]


def test_dry_run_moves_nothing(repo: Repo) -> None:
    data = repo.write("a.bin", 1000)
    repo.commit()
    damage(repo.object(data))
    assert fsck(repo, "-n", status=4)["store"]["damaged"][0]["quarantine"] is None
    assert repo.object(data).exists()
    assert quarantine(repo) == []


@pytest.mark.parametrize(
    ("words", "status"), [([], 4), (["--store"], 4), (["--pointers"], 0), (["--quick"], 0), (["--store", "-j", "1"], 4)]
)
def test_hashing_is_what_finds_a_flipped_bit(repo: Repo, words: list[str], status: int) -> None:
    data = repo.write("a.bin", 1000)
    repo.commit()
    damage(repo.object(data))
    fsck(repo, *words, status=status)


@pytest.mark.parametrize("size", [0, 999, 1001])
def test_quick_finds_an_object_of_the_wrong_size(repo: Repo, size: int) -> None:
    data = repo.write("a.bin", 1000)
    repo.commit()
    damage(repo.object(data), content(size))
    found = fsck(repo, "--quick", status=4)
    assert "instead of 1,000" in found["store"]["damaged"][0]["reason"]
    assert found["store"]["damaged"][0]["restored_from"] == "a.bin"
    assert repo.object(data).read_bytes() == data


def test_quick_hashes_an_object_with_a_wrong_stamp_and_stamps_it_again(repo: Repo) -> None:
    first, second = repo.write("a.bin", 1000), repo.write("b.bin", 1001)
    repo.commit()
    os.utime(repo.object(first))
    damage(repo.object(second))
    os.utime(repo.object(second))
    assert [item["oid"] for item in fsck(repo, "--quick", status=4)["store"]["damaged"]] == [repo.object(second).name]
    assert repo.data("fsck", "--quick").startswith("store: 2 objects")


def test_a_missing_object_is_restored_from_the_work_tree(any_repo: Repo, links: bool) -> None:
    data = any_repo.write("a.bin", 50_000)
    any_repo.commit()
    any_repo.object(data).unlink()
    assert fsck(any_repo, status=0)["restored"] == {any_repo.object(data).name: "a.bin"}
    assert any_repo.object(data).read_bytes() == data
    assert any_repo.is_linked("a.bin") == links


def test_sound_content_is_taken_back_from_quarantine(repo: Repo) -> None:
    data = repo.write("a.bin", 1000)
    repo.commit()
    repo.file("a.bin").unlink()
    object = repo.object(data)
    (repo.store() / "quarantine").mkdir()
    object.rename(repo.store() / "quarantine" / f"{object.name}.123")
    assert list(fsck(repo, status=0)["restored"]) == [object.name]
    assert object.read_bytes() == data


def test_missing_data_is_named_with_its_place_in_history(repo: Repo) -> None:
    first = repo.write("dir/a.bin", 1000)
    commit = repo.commit()
    repo.git("tag", "v1")
    repo.write("dir/a.bin", 1001)
    repo.commit()
    repo.object(first).unlink()
    fsck(repo, status=0)
    expected = [{"oid": repo.object(first).name, "size": 1000, "path": "dir/a.bin", "revision": "v1"}]
    assert fsck(repo, "--pointers", "v1", status=3)["pointers"]["missing"] == expected
    for words in (["v1..main"], ["main"], ["main", "v1..main"]):
        assert fsck(repo, *words, status=0)["pointers"]["missing"] == []
    expected[0]["revision"] = commit[:12]
    for words in (["--all"], ["v1~1..main"], ["HEAD", "^v1~1"]):
        assert fsck(repo, *words, status=3)["pointers"]["missing"] == expected


def test_all_covers_stashes_and_reflogs(repo: Repo) -> None:
    repo.write("a.bin", 1000)
    repo.commit()
    stashed = repo.write("a.bin", 1001)
    repo.git("stash", "-q")
    lost = repo.write("a.bin", 1002)
    repo.commit()
    repo.git("reset", "-q", "--hard", "HEAD~1")
    for data in (stashed, lost):
        repo.object(data).unlink()
    assert {item["size"] for item in fsck(repo, "--all", status=3)["pointers"]["missing"]} == {1001, 1002}


def test_an_unknown_revision_is_an_error(repo: Repo) -> None:
    assert "'nothing' is not a revision" in repo.fails("data", "fsck", "nothing", status=7)


def test_files_that_should_be_pointers_are_reported_with_the_command_that_mends_them(new_repo: Callable[..., Repo]) -> None:
    repo = new_repo(attributes="")
    plain = repo.write("a file.bin", 5000)
    repo.write("malformed.bin", pointer_of(b"x").replace(b"\n", b"\r\n"))
    repo.write("fine.txt", pointer_of(b"x").replace(b"\n", b"\r\n"))
    repo.write("empty.bin", b"")
    repo.commit()
    repo.write(".gitattributes", ATTRIBUTES)
    repo.git("add", ".gitattributes")
    repo.git("commit", "-q", "-m", "attributes, without converting anything")
    found = fsck(repo, "HEAD", status=1)["pointers"]["should_be_pointers"]
    assert [(item["path"], item["malformed"], item["revision"]) for item in found] == [
        ("a file.bin", False, "HEAD"),
        ("malformed.bin", True, "HEAD"),
    ]
    assert [item["revision"] for item in fsck(repo, status=1)["pointers"]["should_be_pointers"]] == [None, None]
    done = repo.run("git", "data", "fsck", ok=(1,))
    command = done.stderr.decode().splitlines()[-1].strip()
    assert command == "git add --renormalize -- 'a file.bin' malformed.bin"
    run("sh", "-c", command, cwd=repo.path)
    repo.git("commit", "-q", "-m", "mended")
    assert repo.blob("a file.bin") == pointer_of(plain)
    fsck(repo, status=0)


def test_attributes_are_those_of_the_revision_that_is_checked(repo: Repo) -> None:
    repo.git("config", "filter.data.required", "false")
    repo.write("a.dat", 3000)
    repo.commit()
    repo.git("tag", "before")
    repo.write(".gitattributes", ATTRIBUTES + "*.dat filter=data -text\n")
    repo.git("add", ".gitattributes")
    repo.git("commit", "-q", "-m", "dat, too")
    fsck(repo, "before", status=0)
    fsck(repo, "HEAD", status=1)


def test_a_file_that_is_no_object_is_named(repo: Repo) -> None:
    data = repo.write("a.bin", 1000)
    repo.commit()
    (repo.object(data).parent / "README").write_bytes(b"what is this")
    assert "not an object: README\n" in repo.data("fsck")


def test_lfs_pointers_count(repo: Repo) -> None:
    data = content(1000)
    repo.write("a.bin", pointer_of(data, "lfs"))
    repo.commit("of another machine", "--no-verify")
    assert fsck(repo, status=3)["pointers"]["missing"][0]["oid"] == repo.object(data).name


def test_a_bare_repository_can_be_checked(repo: Repo, tmp_path: Path) -> None:
    data = repo.write("a.bin", 1000)
    repo.commit()
    run("git", "clone", "-q", "--bare", repo.path, tmp_path / "bare.git")
    bare = Repo(tmp_path / "bare.git")
    assert fsck(bare, status=3)["pointers"]["missing"][0]["path"] == "a.bin"
    object = tmp_path / "bare.git" / "data" / "objects" / "sha256" / repo.object(data).name[:2] / repo.object(data).name
    object.parent.mkdir(parents=True)
    object.write_bytes(data)
    assert fsck(bare, status=0)["store"]["objects"] == 1


def test_an_edit_through_a_hard_link_is_found_by_a_quick_look(repo: Repo) -> None:
    repo.git("config", "data.link", "hardlink")
    data = repo.write("a.bin", 1000)
    repo.write("copy.bin", data)
    repo.commit()
    repo.data("relink", "a.bin")
    os.chmod(repo.file("a.bin"), 0o644)
    with open(repo.file("a.bin"), "r+b") as file:
        file.write(b"edited")
    assert fsck(repo, "--quick", status=4)["store"]["damaged"][0]["restored_from"] == "copy.bin"
    assert repo.object(data).read_bytes() == data
    assert repo.read("a.bin").startswith(b"edited")

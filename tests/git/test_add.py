"""``git data add`` gives the same index, objects and status as ``git add``, and the next status starts no filter."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import ATTRIBUTES, Repo, content, make_repo, pointer_of, run

LFS_POINTER = pointer_of(b"x" * 77, "lfs")

NASTY_FILES: dict[bytes, bytes] = {
    b"plain.bin": content(5000, 1),
    b"-dash.bin": content(5001, 2),
    b"two words.bin": content(5002, 3),
    b"line\nfeed.bin": content(5003, 4),
    b"a=b.bin": content(5004, 5),
    b"tab\t.bin": content(5005, 6),
    b"latin-\xe9.bin": content(5006, 7),
    b"n" * 251 + b".bin": content(5007, 8),
    "café.bin".encode(): content(5008, 9),
    "café.bin".encode(): content(5009, 10),
    b":(top)magic.bin": content(5010, 11),
    b"[a-z]*?.bin": content(5011, 12),
    b'"quoted".bin': content(5012, 13),
    b"deep/er/and/deeper/file.bin": content(5013, 14),
    b"Case.bin": content(5014, 15),
    b"case.bin": content(5014, 16),
    b"empty.bin": b"",
    b"one.bin": b"1",
    b"same-1.bin": content(9000, 17),
    b"same-2.bin": content(9000, 17),
    b"pointer.bin": pointer_of(b"elsewhere"),
    b"lfs-pointer.bin": LFS_POINTER,
    b"crlf-pointer.bin": pointer_of(b"elsewhere").replace(b"\n", b"\r\n"),
    b"pointer-and-more.bin": pointer_of(b"elsewhere") + b"more\n",
    b"1023.bin": pointer_of(b"elsewhere").ljust(1023, b"\n"),
    b"1024.bin": pointer_of(b"elsewhere").ljust(1024, b"\n"),
    b"1025.bin": pointer_of(b"elsewhere").ljust(1025, b"\n"),
    b"medium.bin": content(300_000, 18),
    b"large.bin": content(3_000_000, 19),
    b"notes.txt": b"plain\r\ntext\r\n",
    b"dir.bin/inside.txt": b"the directory only looks like data\n",
    b"sub/.gitattributes": b"*.dat filter=data -text\n*.bin -filter\n",
    b"sub/is.dat": content(4000, 20),
    b"sub/not.bin": content(4000, 21),
    b"text.auto": b"a\r\nb\r\n",
    b"utf16.enc": "encoded\n".encode("utf-16"),
    b"ignored.bin": content(100, 22),
    b"ignored/too.bin": content(100, 23),
    b".gitignore": b"ignored*\n",
    b".gitattributes": ATTRIBUTES.encode()
    + b"*.auto text=auto\n*.crlf filter=data text eol=crlf\n*.enc working-tree-encoding=UTF-16\n",
    b"converted.crlf": content(2000, 24),
}


def build_nasty(repo: Repo) -> None:
    for path, data in NASTY_FILES.items():
        repo.write(path, data)
    repo.write("run.bin", content(800, 30))
    os.chmod(repo.file("run.bin"), 0o755)
    repo.write("read-only.bin", content(801, 31))
    os.chmod(repo.file("read-only.bin"), 0o444)
    os.symlink("plain.bin", repo.file("link.bin"))
    os.symlink("nowhere", repo.file("dangling.bin"))
    os.symlink("deep", repo.file("linked-directory"))
    repo.write("hard-1.bin", content(802, 32))
    os.link(repo.file("hard-1.bin"), repo.file("hard-2.bin"))


def state(repo: Repo) -> tuple[list[str], str, set[str]]:
    """Index, status and store."""
    listed = repo.git("ls-files", "-s", "-v", "-z").split("\0")
    return listed, repo.git("status", "--porcelain=v2", "-z", "--ignored"), repo.objects()


def make_twins(new_repo: Callable[..., Repo], place: Path) -> tuple[Repo, Repo]:
    """Two equal repositories with a nasty tree: for git add, and for git data add."""
    twins = (new_repo(place / "plain", attributes=""), new_repo(place / "bulk", attributes=""))
    date = "1700000000 +0000"
    for repo in twins:
        build_nasty(repo)
        nested = Repo(repo.file("nested"))
        repo.git("init", "-q", "nested")
        nested.git("commit", "-q", "--allow-empty", "-m", "x", env={"GIT_COMMITTER_DATE": date, "GIT_AUTHOR_DATE": date})
    return twins


@pytest.fixture
def twins(new_repo: Callable[..., Repo], tmp_path: Path) -> tuple[Repo, Repo]:
    return make_twins(new_repo, tmp_path)


@pytest.fixture(scope="module")
def added(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twins to be copied, to which everything was added once."""
    place = tmp_path_factory.mktemp("twins")
    add_both(make_twins(lambda path, attributes: make_repo(path, attributes=attributes), place), "-A")
    return place


@pytest.fixture
def added_twins(added: Path, tmp_path: Path) -> tuple[Repo, Repo]:
    """Twins to which everything was added."""
    run("cp", "-a", added, tmp_path / "twins")
    twins = (Repo(tmp_path / "twins/plain"), Repo(tmp_path / "twins/bulk"))
    for repo in twins:
        repo.git("update-index", "-q", "--refresh")
    return twins


def add_both(twins: tuple[Repo, Repo], *words: str, cwd: str = ".", ok: tuple[int, ...] = (0,)) -> None:
    plain, bulk = twins
    first = plain.run("git", "add", *words, cwd=plain.path / cwd, ok=ok)
    second = bulk.run("git", "data", "add", "-q", *words, cwd=bulk.path / cwd, ok=ok)
    assert second.returncode == first.returncode
    assert state(bulk) == state(plain)


def test_a_first_add_of_everything_is_the_same(new_repo: Callable[..., Repo], any_dir: Path) -> None:
    twins = make_twins(new_repo, any_dir)
    add_both(twins, "-A")
    bulk = twins[1]
    assert bulk.blob("plain.bin") == pointer_of(NASTY_FILES[b"plain.bin"])
    assert bulk.blob("lfs-pointer.bin") == LFS_POINTER
    assert bulk.blob("empty.bin") == b""
    bulk.git("fsck", "--strict")


def change_everything(repo: Repo) -> None:
    repo.write("plain.bin", content(6000, 40))
    repo.write("same-1.bin", content(9000, 41))
    os.utime(repo.file("medium.bin"))
    repo.file("a=b.bin").unlink()
    repo.file("tab\t.bin").unlink()
    os.symlink("plain.bin", repo.file("tab\t.bin"))
    repo.file("one.bin").unlink()
    repo.write("one.bin/now-a-directory.bin", content(10, 42))
    for path in (b"deep/er/and/deeper/file.bin", b"deep/er/and/deeper", b"deep/er/and", b"deep/er"):
        file = repo.file(path)
        file.rmdir() if file.is_dir() else file.unlink()
    repo.write("deep/er", b"a file now")
    os.chmod(repo.file("run.bin"), 0o644)
    os.chmod(repo.file("two words.bin"), 0o755)
    repo.write("empty.bin", b"no longer")
    repo.write("new/file.bin", content(50, 43))
    repo.write("new/file.txt", b"text")
    repo.write("notes.txt", b"other text")
    repo.file("link.bin").unlink()
    repo.write("link.bin", content(51, 44))


@pytest.mark.parametrize(
    ("words", "cwd"),
    [
        (["-A"], "."),
        (["-u"], "."),
        (["."], "."),
        (["."], "new"),
        (["-A"], "new"),
        (["-u", "."], "new"),
        (["file.bin"], "new"),
        (["--", "*.bin"], "."),
        (["--", "*.bin", ":(exclude)new"], "."),
        (["--", ":/"], "new"),
        (["plain.bin", "new", "one.bin"], "."),
        (["-f", "."], "."),
        (["-f", "ignored.bin"], "."),
        (["-u", "-f"], "."),
    ],
)
def test_a_later_add_is_the_same(added_twins: tuple[Repo, Repo], words: list[str], cwd: str) -> None:
    for repo in added_twins:
        change_everything(repo)
    add_both(added_twins, *words, cwd=cwd)


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["nothing-here.bin"], 128),
        (["plain.bin", "nothing-here.bin"], 128),
        (["ignored.bin"], 1),
        (["ignored.bin", "plain.bin"], 1),
        ([], 0),
        (["linked-directory/er/and/deeper/file.bin"], 128),
        (["../outside.bin"], 128),
    ],
)
def test_what_git_add_refuses_is_refused_in_the_same_way(twins: tuple[Repo, Repo], words: list[str], status: int) -> None:
    add_both(twins, *words, ok=(status,))


@pytest.mark.parametrize(
    "settings",
    [
        {"core.fileMode": "false"},
        {"core.ignoreCase": "true"},
        {"core.splitIndex": "true"},
        {"index.version": "4"},
        {"index.skipHash": "true"},
        {"data.pointerFormat": "lfs"},
        {"data.fsync": "object"},
        {"core.trustctime": "false"},
        {"core.symlinks": "false"},
    ],
    ids=lambda settings: "=".join(*settings.items()),
)
def test_the_settings_of_the_repository_count(twins: tuple[Repo, Repo], settings: dict[str, str]) -> None:
    for repo in twins:
        for name, value in settings.items():
            repo.git("config", name, value)
        repo.file("case.bin").unlink()
    add_both(twins, "-A")
    for repo in twins:
        change_everything(repo)
        os.rename(repo.file("new"), repo.file("NEW"))
        repo.write("SUB/more.dat", content(70, 50))
    add_both(twins, "-A")


def test_names_that_differ_in_case_only_are_refused_where_case_does_not_count(twins: tuple[Repo, Repo]) -> None:
    for repo in twins:
        repo.git("config", "core.ignoreCase", "true")
    add_both(twins, "-A", ok=(128,))


def test_unusual_index_entries_stay_as_git_add_has_them(added_twins: tuple[Repo, Repo]) -> None:
    for repo in added_twins:
        repo.git("update-index", "--assume-unchanged", "same-1.bin")
        repo.git("update-index", "--skip-worktree", "same-2.bin")
        for path in ("same-1.bin", "same-2.bin", "medium.bin"):
            repo.write(path, content(77, 60))
        repo.write("later.bin", content(78, 61))
        repo.git("add", "-N", "later.bin")
    add_both(added_twins, "-A")


def test_a_conflict_is_resolved_by_adding(new_repo: Callable[..., Repo]) -> None:
    repo = new_repo()
    repo.write("a.bin", content(500, 1))
    repo.commit()
    repo.git("checkout", "-q", "-b", "other")
    repo.write("a.bin", content(500, 2))
    repo.commit()
    repo.git("checkout", "-q", "main")
    repo.write("a.bin", content(500, 3))
    repo.commit()
    repo.fails("merge", "other")
    repo.write("a.bin", content(500, 4))
    repo.data("add", "a.bin")
    assert repo.git("ls-files", "-u") == ""
    assert repo.blob("a.bin") == pointer_of(content(500, 4))


def age(repo: Repo) -> None:
    """Date the files before the index, as if a second had passed."""
    for path in repo.path.rglob("*.bin"):
        os.utime(path, (1_700_000_000, 1_700_000_000))


def test_the_next_status_starts_no_filter(any_repo: Repo, links: bool) -> None:
    files = {f"d/{number}.bin": any_repo.write(f"d/{number}.bin", 3000 + number) for number in range(150)}
    files["big.bin"] = any_repo.write("big.bin", 2_000_000)
    age(any_repo)
    any_repo.data("add", "-A")
    trace = any_repo.traced("status", "--porcelain")
    assert trace.filters == []
    any_repo.git("commit", "-q", "-m", "many")
    any_repo.assert_content(files, linked=links)


def test_many_files_as_young_as_the_index_are_still_clean_without_a_filter(repo: Repo) -> None:
    for number in range(150):
        repo.write(f"{number}.bin", 100 + number)
    repo.data("add", "-A")
    assert repo.traced("status", "--porcelain").filters == []


def test_many_pointers_become_one_pack_and_few_become_loose_objects(repo: Repo) -> None:
    repo.write("one.bin", 300)
    repo.data("add", "-A")
    assert not list((repo.git_dir() / "objects" / "pack").glob("*.pack"))
    for number in range(120):
        repo.write(f"{number}.bin", 200 + number)
    repo.data("add", "-A")
    assert len(list((repo.git_dir() / "objects" / "pack").glob("*.pack"))) == 1
    repo.git("fsck", "--strict")


def test_adding_what_git_has_writes_no_second_pack(repo: Repo) -> None:
    for number in range(120):
        repo.write(f"{number}.bin", 200 + number)
    repo.data("add", "-A")
    repo.git("rm", "-q", "--cached", "-r", ".")
    repo.data("add", "-A")
    assert len(list((repo.git_dir() / "objects" / "pack").glob("*.pack"))) == 1


def test_a_copy_of_what_the_store_has_shares_its_blocks(reflink_repo: Repo) -> None:
    data = reflink_repo.write("a.bin", 100_000)
    reflink_repo.data("add", "a.bin")
    reflink_repo.write("b.bin", data)
    reflink_repo.data("add", "b.bin")
    assert reflink_repo.is_linked("b.bin")


def test_sha256_repositories_are_known(new_repo: Callable[..., Repo]) -> None:
    repo = new_repo("other", "--object-format=sha256")
    for number in range(120):
        repo.write(f"{number}.bin", 200 + number)
    age(repo)
    repo.data("add", "-A")
    assert repo.traced("status", "--porcelain").filters == []
    repo.git("commit", "-q", "-m", "all")
    repo.git("fsck", "--strict")


def test_dry_run_shows_what_would_be_added_and_changes_nothing(repo: Repo) -> None:
    repo.write("kept.bin", 100)
    repo.write("gone.bin", 100)
    repo.data("add", "-A")
    repo.git("commit", "-q", "-m", "two")
    os.utime(repo.file("kept.bin"))
    repo.file("gone.bin").unlink()
    repo.write("new.bin", 100)
    repo.write("new.txt", b"text")
    before = state(repo)
    assert repo.data("add", "-A", "-n").splitlines() == ["remove 'gone.bin'", "add 'new.bin'", "add 'new.txt'"]
    assert state(repo) == before


def test_a_file_being_written_is_added_as_it_is_in_the_end(repo: Repo) -> None:
    """Its stat data cannot be trusted yet; it is looked at again, later."""
    path = repo.file("growing.bin")
    with open(path, "wb") as file:
        for number in range(20):
            file.write(content(1000, number))
            file.flush()
            if number == 10:
                repo.data("add", "-A")
    repo.data("add", "-A")
    assert repo.blob("growing.bin") == pointer_of(path.read_bytes())
    repo.git("commit", "-q", "-m", "grown")
    assert repo.status() == ""


def test_an_unreadable_file_is_reported_as_by_git(new_repo: Callable[..., Repo]) -> None:
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    repo = new_repo()
    repo.write("a.bin", 100)
    os.chmod(repo.file("a.bin"), 0)
    assert "Permission denied" in repo.fails("data", "add", "-A", status=128)


def test_without_the_filter_git_would_take_the_content_itself(new_repo: Callable[..., Repo]) -> None:
    repo = new_repo(install=False)
    repo.write("a.bin", 100)
    said = repo.fails("data", "add", "-A", status=7)
    assert "git data install" in said
    assert repo.git("ls-files") == ".gitattributes\n"


def test_a_temporary_index_is_left_to_git_add(repo: Repo) -> None:
    data = repo.write("a.bin", 1000)
    env = {"GIT_INDEX_FILE": str(repo.path / ".git" / "temporary-index")}
    repo.data("add", "-A", env=env)
    assert repo.git("ls-files", env=env) == ".gitattributes\na.bin\n" or repo.git("ls-files", env=env) == "a.bin\n"
    assert "a.bin" not in repo.git("ls-files")
    assert repo.object(data).exists()


def test_a_damaged_object_is_replaced_by_the_content_that_is_added(repo: Repo) -> None:
    data = repo.write("a.bin", 1000)
    repo.data("add", "a.bin")
    object = repo.object(data)
    object.chmod(0o644)
    object.write_bytes(content(1000, 99))
    repo.write("b.bin", data)
    repo.data("add", "b.bin")
    assert object.read_bytes() == data
    assert list((repo.store() / "quarantine").iterdir())

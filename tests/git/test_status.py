"""``git data status``: what changed, what lacks content, what could be a link."""

from __future__ import annotations

import json
import os
import time

import pytest
from helpers import Repo

from git_data.link.items import FRESH_NS


def status(repo: Repo, *arguments: str, **options) -> dict:
    return json.loads(repo.data("status", "--json", *arguments, **options))


def paths(records: list[dict]) -> list[str]:
    return [record["path"] for record in records]


@pytest.fixture
def busy(repo: Repo) -> Repo:
    """A work tree with something of everything."""
    data = {name: repo.write(f"{name}.bin", 2000) for name in ("same", "changed", "gone", "moved", "pointer", "nowhere")}
    repo.commit()
    repo.write("changed.bin", 5000)
    repo.file("gone.bin").unlink()
    repo.git("mv", "moved.bin", "there.bin")
    repo.write("staged.bin", 700)
    repo.git("add", "staged.bin")
    repo.write("new.bin", 300)
    repo.write("new.txt", "no data")
    for name in ("pointer", "nowhere"):
        repo.file(f"{name}.bin").write_bytes(repo.blob(f"{name}.bin"))
    repo.object(data["nowhere"]).unlink()
    return repo


def test_everything_for_programs(busy: Repo):
    found = status(busy)
    assert [(item["change"], item["path"], item["new"]["size"]) for item in found["staged"]] == [
        ("added", "staged.bin", 700),
        ("renamed", "there.bin", 2000),
    ]
    assert [(item["change"], item["path"], item["old"]["size"]) for item in found["unstaged"]] == [
        ("modified", "changed.bin", 2000),
        ("deleted", "gone.bin", 2000),
    ]
    assert found["untracked"] == [{"path": "new.bin", "size": 300}]
    assert [(item["path"], item["stored"], item["wanted"]) for item in found["pointers"]] == [
        ("nowhere.bin", False, True),
        ("pointer.bin", True, True),
    ]
    assert found["content"] == {"files": 3, "bytes": 4700}


def test_everything_for_people(busy: Repo):
    text = busy.data("status")
    for line in (
        "  renamed   2.0 kB  moved.bin → there.bin",
        "  modified  2.0 kB → 5.0 kB (+3.0 kB)  changed.bin",
        "  deleted   2.0 kB                     gone.bin",
        "  new  300 B  new.bin",
        "  in the store: 1 file, 2.0 kB: git data checkout",
        "  nowhere here: 1 file, 2.0 kB: git data ls-files --missing",
    ):
        assert line in text.splitlines()
    assert "new.txt" not in text
    assert "\x1b" not in text


def test_the_commands_it_names_mend_what_it_shows(busy: Repo):
    busy.run("git", "data", "checkout", ok=(3,))
    assert paths(status(busy)["pointers"]) == ["nowhere.bin"]
    assert busy.data("ls-files", "--missing", "-n") == "nowhere.bin\n"


def test_nothing_changed(repo: Repo):
    assert repo.data("status") == "No data files here yet: git data track '*.bin' tells git which files are data.\n"
    repo.write("a.bin", 2000)
    repo.commit()
    assert repo.data("status") == "Nothing changed: 1 data file with content, 2.0 kB.\n"
    os.utime(repo.file("a.bin"))
    assert repo.data("status").startswith("Nothing changed")


def test_no_filter_is_started_for_a_changed_file(repo: Repo):
    repo.write("a.bin", 2000)
    repo.write("b.bin", 2000)
    repo.commit()
    repo.assert_clean()
    repo.write("a.bin", 3000)
    assert repo.traced("data", "status").filters == []


def test_a_subdirectory_shows_relative_names_and_takes_its_own_paths(busy: Repo):
    busy.write("dir/sub.bin", 100)
    inside = {"cwd": busy.path / "dir"}
    assert "../changed.bin" in busy.data("status", **inside)
    assert busy.data("status", ".", **inside).splitlines()[1:] == ["  new  100 B  sub.bin"]
    assert paths(status(busy, "../ch*.bin", **inside)["unstaged"]) == ["changed.bin"]


def test_odd_names(repo: Repo):
    odd = [b"a b.bin", b"line\nfeed.bin", b"-dash.bin", b"\xff.bin", b"a=b.bin", b"tab\t.bin"]
    for path in odd:
        repo.write(path, 100)
    assert [os.fsencode(path) for path in paths(status(repo)["untracked"])] == sorted(odd)
    repo.git("add", ".")
    assert sorted(os.fsencode(path) for path in paths(status(repo)["staged"])) == sorted(odd)
    text = repo.run("git", "data", "status").stdout
    assert len(text.splitlines()) == 1 + len(odd)
    repo.git("commit", "-q", "-m", "odd")
    for path in odd:
        repo.write(path, 200)
    assert sorted(os.fsencode(path) for path in paths(status(repo)["unstaged"])) == sorted(odd)


def test_before_the_first_commit(new_repo):
    repo = new_repo(attributes="")
    assert status(repo)["staged"] == []
    repo.write(".gitattributes", "*.bin filter=data -text\n")
    repo.write("a.bin", 2000)
    assert paths(status(repo)["untracked"]) == ["a.bin"]
    repo.git("add", ".")
    assert paths(status(repo)["staged"]) == ["a.bin"]


def test_a_bare_repository_is_refused(repo: Repo, tmp_path):
    repo.git("clone", "-q", "--bare", str(repo.path), str(tmp_path / "bare"))
    assert "has no work tree" in repo.fails("data", "status", status=7, cwd=tmp_path / "bare")


def test_a_linked_work_tree(repo: Repo, tmp_path):
    repo.write("a.bin", 2000)
    repo.commit()
    repo.git("worktree", "add", "-q", str(tmp_path / "second"))
    second = Repo(tmp_path / "second")
    second.write("a.bin", 100)
    assert paths(status(second)["unstaged"]) == ["a.bin"]
    assert status(repo)["unstaged"] == []


def test_pointers_the_settings_leave_out_are_no_trouble(repo: Repo):
    repo.write("keep/a.bin", 2000)
    repo.write("huge/b.bin", 3000)
    repo.commit()
    repo.git("config", "data.fetchExclude", "huge")
    repo.file("huge/b.bin").write_bytes(repo.blob("huge/b.bin"))
    assert [(item["path"], item["wanted"]) for item in status(repo)["pointers"]] == [("huge/b.bin", False)]
    assert "left out by data.fetchInclude and data.fetchExclude: 1 file, 3.0 kB" in repo.data("status")


def test_a_conflict(repo: Repo):
    repo.write("a.bin", 1000)
    repo.commit()
    repo.git("checkout", "-q", "-b", "side")
    repo.write("a.bin", 2000)
    repo.commit()
    repo.git("checkout", "-q", "main")
    repo.write("a.bin", 3000)
    repo.commit()
    repo.fails("merge", "side")
    assert "conflict  ours 3.0 kB, theirs 2.0 kB  a.bin" in repo.data("status")


def test_copies_are_counted_where_they_could_be_links(reflink_repo: Repo):
    repo = reflink_repo
    data = repo.write("a.bin", 200_000)
    repo.write("b.bin", 200_000)
    time.sleep(2 * FRESH_NS / 1e9)  # what is younger is copied into the store, not cloned
    repo.commit()
    assert status(repo)["copies"] == {"files": 0, "bytes": 0, "complete": True}
    repo.file("a.bin").unlink()
    repo.write("a.bin", data)
    assert status(repo)["copies"] == {"files": 1, "bytes": 200_000, "complete": True}
    assert "Copies: 1 file (200.0 kB) could be links to the store: git data relink" in repo.data("status")
    repo.data("relink")
    assert status(repo)["copies"]["files"] == 0


def test_copies_are_no_trouble_where_nothing_else_works(repo: Repo):
    repo.write("a.bin", 200_000)
    repo.commit()
    assert status(repo)["copies"]["files"] == 0
    repo.git("config", "data.link", "hardlink")
    assert status(repo)["copies"]["files"] == 1


@pytest.mark.parametrize(("value", "expected"), [("no", []), ("all", ["d/a.bin"]), ("normal", ["d/a.bin"])])
def test_untracked_files_are_not_looked_for_when_git_does_not(repo: Repo, value: str, expected: list[str]):
    repo.git("config", "status.showUntrackedFiles", value)
    repo.write("d/a.bin", 100)
    assert paths(status(repo)["untracked"]) == expected

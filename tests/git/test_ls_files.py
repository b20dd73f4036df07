"""``git data ls-files``: where the content of each file is, under every name and in every state."""

from __future__ import annotations

import json
import os

import pytest
from helpers import Repo, content

from git_data.git.repo import locate
from git_data.store import presence
from git_data.store.place import open_store
from git_data.worktree import state

ODD = [b"a b.bin", b"line\nfeed.bin", b"-dash.bin", b"a=b.bin", b"\xff\xfe.bin", "ü.bin".encode(), b"dir/sub/x.bin"]


def listed(repo: Repo, *arguments: str, **options) -> dict[str, dict]:
    return {record["path"]: record for record in json.loads(repo.data("ls-files", "--json", *arguments, **options))}


def lose(repo: Repo, data: bytes) -> None:
    """Delete the content from the store."""
    repo.object(data).unlink()


@pytest.fixture
def states(repo: Repo) -> Repo:
    """One file in each state, named after it."""
    names = ["content", "modified", "pointer", "nowhere", "deleted", "replaced", "touched", "only-here"]
    data = {name: repo.write(f"{name}.bin", 2000) for name in names}
    repo.write("plain.txt", "no data")
    repo.commit()
    repo.write("modified.bin", 3000)
    for name in ("pointer", "nowhere"):
        repo.file(f"{name}.bin").write_bytes(repo.blob(f"{name}.bin"))
    lose(repo, data["nowhere"])
    lose(repo, data["only-here"])
    repo.file("deleted.bin").unlink()
    repo.file("replaced.bin").unlink()
    repo.file("replaced.bin").symlink_to("content.bin")
    os.utime(repo.file("touched.bin"))
    return repo


def test_each_state_is_told(states: Repo):
    found = {path: (item["worktree"], item["where"], item["stored"]) for path, item in listed(states).items()}
    assert found == {
        "content.bin": ("content", "worktree", True),
        "deleted.bin": ("deleted", "store", True),
        "modified.bin": ("modified", "store", True),
        "nowhere.bin": ("pointer", "nowhere", False),
        "only-here.bin": ("content", "worktree", False),
        "pointer.bin": ("pointer", "store", True),
        "replaced.bin": ("modified", "store", True),
        "touched.bin": ("content", "worktree", True),
    }


def test_lines_for_people(states: Repo):
    lines = dict(reversed(line.split(None, 1)) for line in states.data("ls-files").splitlines())
    assert lines["content.bin"] == "worktree"
    assert lines["pointer.bin"] == "store"
    assert lines["nowhere.bin"] == "nowhere"
    assert states.data("ls-files", "--missing") == "nowhere   nowhere.bin\n"
    assert states.data("ls-files", "-n", "--missing") == "nowhere.bin\n"
    oid = listed(states)["content.bin"]["oid"]
    assert states.data("ls-files", "--long", "content.bin").split() == [
        "worktree",
        "content",
        "+",
        oid[:12],
        "2.0",
        "kB",
        "content.bin",
    ]
    assert states.data("ls-files", "--size", "content.bin").split() == ["worktree", "2.0", "kB", "content.bin"]
    assert states.data("ls-files", "--oid", "nowhere.bin").split()[1] == listed(states)["nowhere.bin"]["oid"]


def test_patterns_choose(states: Repo):
    assert states.data("ls-files", "-n", "-I", "*here.bin", "-X", "only*") == "nowhere.bin\n"
    assert states.data("ls-files", "-n", "no*.bin") == "nowhere.bin\n"
    assert states.data("ls-files", "-n", "no-such-file") == ""


def test_odd_names_come_out_whole_for_programs_and_harmless_for_people(repo: Repo):
    for path in ODD:
        repo.write(path, 2000)
    repo.commit()
    raw = repo.run("git", "data", "ls-files", "-z").stdout
    assert [record.split(b"\t", 1) for record in raw.split(b"\0")[:-1]] == [[b"worktree", path] for path in sorted(ODD)]
    assert [os.fsencode(path) for path in listed(repo)] == sorted(ODD)
    lines = repo.run("git", "data", "ls-files", "-n").stdout.splitlines()
    assert len(lines) == len(ODD)
    assert b"line\\nfeed.bin" in lines and "ü.bin".encode() in lines and b"\\xff\\xfe.bin" in lines


def test_a_subdirectory_lists_what_is_below_it_with_paths_relative_to_it(repo: Repo):
    for path in ("top.bin", "dir/a.bin", "dir/sub/b.bin", "other/c.bin"):
        repo.write(path, 2000)
    repo.commit()
    inside = {"cwd": repo.path / "dir"}
    assert repo.data("ls-files", "-n", **inside) == "a.bin\nsub/b.bin\n"
    assert repo.data("ls-files", "-n", "..", **inside) == "a.bin\nsub/b.bin\n../other/c.bin\n../top.bin\n"
    assert repo.data("ls-files", "-n", "--full-name", **inside) == "dir/a.bin\ndir/sub/b.bin\n"
    assert repo.data("ls-files", "-n", "--rev", "HEAD", **inside) == "a.bin\nsub/b.bin\n"
    assert repo.data("ls-files", "-n", "--all", "../other", **inside) == "../other/c.bin\n"
    assert list(listed(repo, **inside)) == ["dir/a.bin", "dir/sub/b.bin"]


def test_a_revision_and_all_of_history(repo: Repo):
    first = repo.write("a.bin", 2000)
    old = repo.commit()
    repo.write("a.bin", 3000)
    new = repo.commit()
    lose(repo, first)
    assert listed(repo, "--rev", "HEAD")["a.bin"]["size"] == 3000
    assert listed(repo, "--rev", "HEAD~1")["a.bin"]["where"] == "nowhere"
    versions = json.loads(repo.data("ls-files", "--all", "--json"))
    assert [(item["path"], item["size"], item["commit"], item["where"]) for item in versions] == [
        ("a.bin", 3000, new, "store"),
        ("a.bin", 2000, old, "nowhere"),
    ]
    assert old[:12] in repo.data("ls-files", "--all", "--long", "--missing")
    error = repo.fails("data", "ls-files", "--rev", "nonsense")
    assert "'nonsense' is not a revision" in error


def test_a_conflict_is_told_for_each_side(repo: Repo):
    repo.write("a.bin", 2000)
    repo.commit()
    repo.git("checkout", "-q", "-b", "side")
    repo.write("a.bin", 3000)
    repo.commit()
    repo.git("checkout", "-q", "main")
    repo.write("a.bin", 4000)
    repo.commit()
    repo.fails("merge", "side")
    found = json.loads(repo.data("ls-files", "--json"))
    assert [(item["worktree"], item["size"]) for item in found] == [("conflict", 2000), ("conflict", 4000), ("conflict", 3000)]


def test_before_the_first_commit(new_repo):
    repo = new_repo(attributes="")
    assert repo.data("ls-files") == ""
    assert repo.data("ls-files", "--all") == ""
    assert json.loads(repo.data("ls-files", "--json")) == []
    repo.write(".gitattributes", "*.bin filter=data -text\n")
    repo.write("a.bin", 2000)
    repo.git("add", ".")
    assert repo.data("ls-files") == "worktree  a.bin\n"


def test_a_bare_repository_has_revisions_only(repo: Repo, tmp_path):
    repo.write("a.bin", 2000)
    repo.commit()
    repo.git("clone", "-q", "--bare", str(repo.path), str(tmp_path / "bare"))
    bare = {"cwd": tmp_path / "bare"}
    assert "git data ls-files --rev HEAD" in repo.fails("data", "ls-files", status=7, **bare)
    assert repo.data("ls-files", "--rev", "HEAD", **bare) == "nowhere   a.bin\n"
    assert repo.data("ls-files", "--all", **bare) == "nowhere   a.bin\n"


def test_the_git_directory_is_not_called_bare(repo: Repo):
    for command in ("status", "ls-files", "du"):
        said = repo.fails("data", command, cwd=repo.git_dir(), status=7)
        assert "is in the git directory" in said and "bare" not in said


def test_a_linked_work_tree_has_its_own_states(repo: Repo, tmp_path):
    repo.write("a.bin", 2000)
    repo.commit()
    repo.git("worktree", "add", "-q", str(tmp_path / "second"))
    repo.file("a.bin").unlink()
    second = Repo(tmp_path / "second")
    assert listed(second)["a.bin"]["worktree"] == "content"
    assert listed(repo)["a.bin"]["worktree"] == "deleted"


def test_sparse_and_assumed_files_are_looked_at(repo: Repo):
    repo.write("in/a.bin", 2000)
    repo.write("out/b.bin", 2000)
    repo.write("assumed.bin", 2000)
    repo.commit()
    repo.git("update-index", "--assume-unchanged", "assumed.bin")
    repo.file("assumed.bin").unlink()
    repo.git("sparse-checkout", "set", "in")
    assert {path: item["worktree"] for path, item in listed(repo).items()} == {
        "assumed.bin": "absent",
        "in/a.bin": "content",
        "out/b.bin": "absent",
    }


def test_content_as_long_as_its_pointer_is_told_from_it(repo: Repo):
    size = len(f"version git-data/1\noid sha256:{'0' * 64}\nsize 127\n")
    repo.write("content.bin", content(size))
    repo.write("pointer.bin", content(size))
    repo.commit()
    assert len(repo.blob("pointer.bin")) == size
    repo.file("pointer.bin").write_bytes(repo.blob("pointer.bin"))
    assert {path: item["worktree"] for path, item in listed(repo).items()} == {"content.bin": "content", "pointer.bin": "pointer"}


def test_a_text_file_about_pointers_is_no_data_file(repo: Repo):
    repo.write("a.bin", 2000)
    repo.commit()
    repo.write("example.txt", repo.blob("a.bin"))
    repo.commit()
    assert list(listed(repo)) == ["a.bin"]


def test_many_files_are_asked_for_in_one_listing_of_the_store(repo: Repo, monkeypatch: pytest.MonkeyPatch):
    names = [f"{number}.bin" for number in range(5)]
    data = {name: repo.write(name, 2000) for name in names}
    repo.commit()
    lose(repo, data["3.bin"])
    monkeypatch.chdir(repo.path)
    monkeypatch.setattr(presence, "MANY", 5)
    here = locate()
    found = state.survey(here, open_store(here))
    assert {item.tracked.path: item.stored for item in found} == {name.encode(): name != "3.bin" for name in names}

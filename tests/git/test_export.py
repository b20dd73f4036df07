"""``git data export``: a whole revision beside the work tree."""

from __future__ import annotations

import json
import os

import pytest
from helpers import make_repo, pointer_of, run

from git_data.link import extents


@pytest.fixture
def versions(any_repo):
    """Two versions; the second is checked out. Gives the repository and the files of the first."""
    old = {
        "a.bin": any_repo.write("a.bin", 5000),
        "sub/dir/b.bin": any_repo.write("sub/dir/b.bin", 3_000_000),
        "run.bin": any_repo.write("run.bin", 700),
        "plain.txt": any_repo.write("plain.txt", "text\n"),
    }
    any_repo.file("run.bin").chmod(0o755)
    any_repo.file("link").symlink_to("plain.txt")
    any_repo.commit("v1")
    any_repo.git("tag", "v1")
    any_repo.write("a.bin", 6000)
    any_repo.write("plain.txt", "other\n")
    any_repo.file("sub/dir/b.bin").unlink()
    any_repo.commit("v2")
    return any_repo, old


def files_below(directory) -> set[str]:
    return {os.path.relpath(os.path.join(place, name), directory) for place, _, names in os.walk(directory) for name in names}


def test_a_revision_is_written_beside_the_work_tree(versions, any_dir, links):
    repo, old = versions
    target = any_dir / "out"
    repo.data("export", "v1", target)
    assert files_below(target) == {*old, "link", ".gitattributes"}
    assert {path: (target / path).read_bytes() for path in old} == old
    assert os.readlink(target / "link") == "plain.txt"
    assert os.access(target / "run.bin", os.X_OK) and not os.access(target / "a.bin", os.X_OK)
    if links:
        assert [p for p in old if p.endswith(".bin") and not extents.shared(target / p, repo.object(old[p]))] == []
    assert repo.read("plain.txt") == b"other\n"
    repo.assert_clean()


@pytest.mark.parametrize("kind", ["symlink", "hardlink", "copy"])
def test_the_link_type_can_be_chosen(versions, any_dir, kind):
    repo, old = versions
    target = any_dir / "out"
    said = json.loads(repo.data("export", "v1", target, "--link", kind, "--json"))
    assert said["links"][kind] >= 2
    assert {path: (target / path).read_bytes() for path in old} == old
    assert (target / "a.bin").is_symlink() == (kind == "symlink")
    assert os.path.samefile(target / "a.bin", repo.object(old["a.bin"])) == (kind != "copy")


def test_only_some_paths_from_a_subdirectory(versions, any_dir):
    repo, old = versions
    repo.file("sub").mkdir(exist_ok=True)
    target = any_dir / "out"
    repo.data("export", "v1", target, "dir", cwd=repo.file("sub"))
    assert files_below(target) == {"sub/dir/b.bin"}
    assert (target / "sub/dir/b.bin").read_bytes() == old["sub/dir/b.bin"]


def test_a_directory_with_files_is_refused_unless_forced(versions, any_dir):
    repo, old = versions
    target = any_dir / "out"
    target.mkdir()
    (target / "a.bin").write_bytes(b"mine")
    assert "--force" in repo.fails("data", "export", "v1", target, status=2)
    assert (target / "a.bin").read_bytes() == b"mine"
    repo.data("export", "v1", target, "--force")
    assert (target / "a.bin").read_bytes() == old["a.bin"]


def test_missing_data_is_listed_before_anything_is_written(versions, any_dir):
    repo, old = versions
    repo.object(old["a.bin"]).unlink()
    target = any_dir / "out"
    assert "a.bin" in repo.fails("data", "export", "v1", target, status=3)
    assert not target.exists()
    repo.data("export", "v1", target, "--allow-missing")
    assert (target / "a.bin").read_bytes() == pointer_of(old["a.bin"])
    assert (target / "sub/dir/b.bin").read_bytes() == old["sub/dir/b.bin"]


def test_damaged_data_is_never_exported(versions, any_dir):
    repo, old = versions
    damaged = repo.object(old["a.bin"])
    damaged.chmod(0o644)
    damaged.write_bytes(old["a.bin"][:-1] + b"!")
    target = any_dir / "out"
    assert "a.bin" in repo.fails("data", "export", "v1", target, status=3)
    assert (target / "a.bin").read_bytes() == pointer_of(old["a.bin"])


def test_an_unknown_revision_is_a_clear_error(repo, tmp_path):
    assert "'v9' is not a revision" in repo.fails("data", "export", "v9", tmp_path / "out")


def test_a_bare_repository_can_be_exported_from(versions, any_dir):
    repo, old = versions
    run("git", "clone", "-q", "--bare", repo.path, any_dir / "bare.git")
    run("git", "config", "data.alternates", repo.path / ".git/data", cwd=any_dir / "bare.git")
    run("git", "data", "export", "v1", any_dir / "out", cwd=any_dir / "bare.git")
    assert {path: (any_dir / "out" / path).read_bytes() for path in old} == old


def test_the_index_of_a_merge_in_progress_is_not_touched(tmp_path):
    repo = make_repo(tmp_path / "r")
    repo.write("a.bin", 100)
    repo.commit("v1")
    repo.write("b.bin", 100)
    repo.git("add", "b.bin")
    before = repo.git("ls-files", "-s")
    repo.data("export", "HEAD", tmp_path / "out")
    assert repo.git("ls-files", "-s") == before
    assert files_below(tmp_path / "out") == {"a.bin", ".gitattributes"}


def test_attributes_are_those_of_the_revision(repo, tmp_path):
    repo.write(".gitattributes", "*.bin filter=data\n*.txt text eol=crlf\n")
    repo.write("a.txt", "one\ntwo\n")
    data = repo.write("a.bin", 500)
    repo.commit("v1")
    repo.write(".gitattributes", "*.txt text eol=lf\n")
    repo.git("add", ".gitattributes")
    repo.git("commit", "-q", "-m", "v2")
    repo.data("export", "HEAD~1", tmp_path / "out")
    assert (tmp_path / "out" / "a.txt").read_bytes() == b"one\r\ntwo\r\n"
    assert (tmp_path / "out" / "a.bin").read_bytes() == data
    repo.data("export", "HEAD", tmp_path / "out2")
    assert (tmp_path / "out2" / "a.txt").read_bytes() == b"one\ntwo\n"
    assert (tmp_path / "out2" / "a.bin").read_bytes() == pointer_of(data)


def test_a_pointer_without_the_filter_is_a_text_file(repo, tmp_path):
    data = repo.write("a.bin", 500)
    repo.write("about-pointers.txt", pointer_of(data))
    repo.commit()
    repo.data("export", "HEAD", tmp_path / "out")
    assert (tmp_path / "out" / "about-pointers.txt").read_bytes() == pointer_of(data)


def hostile_tree(repo, entries: list[tuple[str, str, str]]) -> str:
    """A commit of a tree that git itself would not make: (mode, object, name) in this order."""
    raw = b"".join(f"{mode} {name}".encode() + b"\0" + bytes.fromhex(oid) for mode, oid, name in entries)
    tree = repo.git("hash-object", "-t", "tree", "-w", "--literally", "--stdin", stdin=raw).strip()
    return repo.git("commit-tree", "-m", "hostile", tree).strip()


@pytest.mark.parametrize("name", ["..", ".git", "../victim", "sub/../../victim", ".GIT"])
def test_names_that_leave_the_folder_are_refused(repo, tmp_path, name):
    data = repo.write("a.bin", 500)
    repo.commit()
    blob = repo.git("rev-parse", "HEAD:a.bin").strip()
    attributes = repo.git("rev-parse", "HEAD:.gitattributes").strip()
    commit = hostile_tree(repo, [("100644", attributes, ".gitattributes"), ("100644", blob, name)])
    before = {path for path in tmp_path.rglob("*") if ".git" not in path.parts}
    repo.run("git", "data", "export", commit, tmp_path / "out", ok=None)
    after = {path for path in tmp_path.rglob("*") if ".git" not in path.parts}
    assert {path for path in after - before if path != tmp_path / "out"} == set()
    assert repo.object(data).exists()


@pytest.mark.parametrize("kind", ["copy", "symlink"])
def test_nothing_is_written_through_a_symbolic_link_of_the_tree(repo, tmp_path, kind):
    victim = tmp_path / "victim"
    victim.mkdir()
    repo.write("a.bin", 500)
    repo.commit()
    blob = repo.git("rev-parse", "HEAD:a.bin").strip()
    attributes = repo.git("rev-parse", "HEAD:.gitattributes").strip()
    link = repo.git("hash-object", "-w", "--stdin", stdin=os.fsencode(victim)).strip()
    inner = repo.git("mktree", stdin=f"100644 blob {blob}\ta.bin\n".encode()).strip()
    commit = hostile_tree(repo, [("100644", attributes, ".gitattributes"), ("120000", link, "dir"), ("40000", inner, "dir")])
    repo.run("git", "data", "export", commit, tmp_path / "out", "--link", kind, ok=None)
    assert list(victim.iterdir()) == []


@pytest.mark.parametrize("kind", ["copy", "symlink"])
def test_force_does_not_follow_links_that_lie_in_the_folder(repo, tmp_path, kind):
    data = repo.write("dir/a.bin", 500)
    repo.commit()
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "a.bin").write_bytes(b"precious")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "dir").symlink_to(victim)
    repo.data("export", "HEAD", tmp_path / "out", "--force", "--link", kind)
    assert (victim / "a.bin").read_bytes() == b"precious"
    assert (tmp_path / "out" / "dir" / "a.bin").read_bytes() == data


def test_a_link_type_that_cannot_be_had_is_an_error(repo, tmp_path):
    from git_data.link.probe import usable

    if "reflink" in usable(("reflink",), str(tmp_path), str(tmp_path), str(tmp_path / "probe")):
        pytest.skip("the default file system shares blocks")
    repo.write("a.bin", 500)
    repo.commit()
    assert "--link copy" in repo.fails("data", "export", "HEAD", tmp_path / "out", "--link", "reflink", status=5)


def test_a_collection_spares_what_exported_links_point_to(repo, tmp_path):
    data = repo.write("a.bin", 500)
    repo.commit()
    repo.data("export", "HEAD", tmp_path / "out", "--link", "symlink")
    repo.git("commit", "-q", "--amend", "--allow-empty", "-m", "x")
    repo.git("rm", "-q", "a.bin")
    repo.git("commit", "-q", "--amend", "-m", "without", "--allow-empty")
    repo.git("update-ref", "-d", "ORIG_HEAD")
    repo.git("reflog", "expire", "--expire=now", "--all")
    repo.data("gc", "--prune=now", "--force")
    assert (tmp_path / "out" / "a.bin").read_bytes() == data
    (tmp_path / "out").rename(tmp_path / "gone")
    repo.data("gc", "--prune=now", "--force")
    assert not repo.object(data).exists()

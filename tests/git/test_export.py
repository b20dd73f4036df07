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

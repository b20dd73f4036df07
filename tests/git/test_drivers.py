"""The merge and the diff driver."""

from __future__ import annotations

import pytest
from helpers import content, pointer_of


@pytest.fixture
def conflict(repo):
    """Two branches that changed ``a.bin`` and each a file of its own; on ``main``, the merge not yet begun."""
    repo.write("a.bin", content(2000, seed=1))
    repo.commit("base")
    repo.git("checkout", "-qb", "side")
    theirs = repo.write("a.bin", content(3000, seed=2))
    repo.write("theirs.bin", 500)
    repo.commit("theirs")
    repo.git("checkout", "-q", "main")
    ours = repo.write("a.bin", content(4000, seed=3))
    repo.commit("ours")
    return repo, ours, theirs


def test_a_conflict_keeps_ours_and_names_the_commands(conflict):
    repo, ours, theirs = conflict
    done = repo.run("git", "merge", "side", ok=[1])
    said = done.stderr.decode()
    assert "git checkout --theirs -- a.bin && git add -- a.bin" in said
    assert "git checkout --ours -- a.bin && git add -- a.bin" in said
    assert "4.0 kB" in said and "3.0 kB" in said
    assert repo.read("a.bin") == ours
    assert repo.git("show", ":2:a.bin").encode() == pointer_of(ours)
    assert repo.git("show", ":3:a.bin").encode() == pointer_of(theirs)


@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_each_command_resolves_the_conflict(conflict, side):
    repo, ours, theirs = conflict
    repo.run("git", "merge", "side", ok=[1])
    repo.run("sh", "-c", f"git checkout --{side} -- a.bin && git add -- a.bin")
    repo.git("commit", "-qm", "merged")
    expected = ours if side == "ours" else theirs
    assert repo.read("a.bin") == expected
    assert repo.blob("a.bin", "HEAD") == pointer_of(expected)
    assert repo.status() == ""


def test_the_same_change_on_both_sides_is_no_conflict(repo):
    repo.write("a.bin", content(2000, seed=1))
    repo.commit("base")
    repo.git("checkout", "-qb", "side")
    same = repo.write("a.bin", content(3000, seed=2))
    repo.commit("side")
    repo.git("checkout", "-q", "main")
    repo.git("config", "data.pointerFormat", "lfs")
    repo.write("a.bin", same)
    repo.commit("the same, as a git-lfs pointer")
    repo.git("merge", "-q", "-m", "merge", "side")
    repo.assert_content({"a.bin": same}, linked=False)


def test_text_committed_before_it_was_tracked_merges_as_text(new_repo):
    repo = new_repo(attributes="")
    repo.write("a.csv", "1\n2\n3\n4\n5\n")
    repo.commit("base")
    repo.git("checkout", "-qb", "side")
    repo.write("a.csv", "1\n2\n3\n4\n6\n")
    repo.commit("side")
    repo.git("checkout", "-q", "main")
    repo.write("a.csv", "0\n2\n3\n4\n5\n")
    repo.commit("main")
    repo.file(".git/info/attributes").write_text("*.csv merge=data\n")
    repo.git("merge", "-q", "-m", "merge", "side")
    assert repo.read("a.csv") == b"0\n2\n3\n4\n6\n"


def test_a_diff_is_one_line_for_people(repo):
    repo.write("a.bin", 2000)
    repo.write("b.bin", 100)
    repo.commit()
    repo.write("a.bin", 3500)
    repo.file("b.bin").unlink()
    repo.write("c.bin", 10)
    repo.git("add", "-N", "c.bin")
    lines = repo.git("diff", env={"GIT_PAGER_IN_USE": "1"}).splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("a.bin: 2.0 kB → 3.5 kB (+1.5 kB), sha256 ")
    assert lines[1].startswith("b.bin: data deleted, 100 B, sha256 ")
    assert lines[2].startswith("c.bin: new data, 10 B, sha256 ")


@pytest.mark.parametrize("name", ["a.bin", "with space.bin", 'quo"te\\.bin', "naïve.bin", "sub/dir/x.bin"])
@pytest.mark.parametrize("sizes", [(2000, 2000), (2000, 2500), (0, 50), (50, 0)], ids=str)
def test_a_diff_in_a_pipe_is_a_patch_git_can_apply(repo, name, sizes):
    old, new = (content(size) for size in sizes)
    repo.write(name, old)
    repo.commit()
    repo.write(name, new)
    patch = repo.run("git", "diff").stdout
    assert patch == patch.replace(b"\r", b"")
    repo.git("stash", "-q")
    assert repo.read(name) == old
    repo.git("apply", "-", stdin=patch)
    assert repo.read(name) == new


def test_the_patch_part_is_what_git_itself_would_print(repo):
    for number, (old, new) in enumerate([(2000, 2000), (2000, 2500), (50, 900)]):
        repo.write(f"{number}.bin", old)
        repo.commit()
        repo.write(f"{number}.bin", new)
    repo.file("0.bin").chmod(0o755)
    ours = repo.git("diff").splitlines()
    own = repo.git("diff", "--no-ext-diff", "--full-index").splitlines()
    assert [line for line in ours if "sha256 " not in line] == own


def test_a_diff_does_not_send_the_content_through_the_filter(repo):
    repo.write("a.bin", 300_000)
    repo.commit()
    repo.write("a.bin", 300_001)
    repo.commit()
    trace = repo.traced("diff", "HEAD~1", "HEAD", env={"GIT_TRACE_PACKET": "1", "GIT_PAGER_IN_USE": "1"})
    assert trace.output.startswith("a.bin: 300.0 kB → 300.0 kB (+1 B)")
    assert len(trace.errors) < 10_000

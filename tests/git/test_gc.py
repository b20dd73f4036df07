"""``git data gc`` deletes what nothing refers to, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import Repo, content, pointer_of, run


def gc(repo: Repo, *words: str, **options) -> dict:
    """What a run says, in JSON."""
    return json.loads(repo.data("gc", "--json", *words, **options))


def collect(repo: Repo) -> None:
    """Delete everything that is not needed, however young."""
    repo.data("gc", "--prune=now", "--force")


def held(repo: Repo, data: bytes) -> bool:
    return repo.object(data).exists()


def garbage(repo: Repo, path: str = "garbage.bin", size: int = 1000) -> bytes:
    """Data that was added and then was not wanted."""
    data = repo.write(path, size)
    repo.git("add", path)
    repo.git("rm", "-q", "-f", path)
    return data


def test_without_force_nothing_is_deleted(repo: Repo) -> None:
    repo.write("kept.bin", 2000)
    repo.commit()
    data = garbage(repo)
    said = repo.data("gc", "--prune=now")
    assert repo.object(data).name[:12] in said
    assert "1 object can go, 1.0 kB. To delete: git data gc --force\nkept: 1 needed\n" in said
    assert held(repo, data)


def test_force_deletes_what_nothing_refers_to(repo: Repo) -> None:
    kept = repo.write("kept.bin", 2000)
    repo.commit()
    data = garbage(repo)
    assert repo.data("gc", "--prune=now", "--force") == "1 object deleted, 1.0 kB\nkept: 1 needed\n"
    assert (held(repo, kept), held(repo, data)) == (True, False)
    assert repo.data("gc", "--prune=now") == "nothing to delete\nkept: 1 needed\n"
    repo.data("fsck", "--all")


def test_what_is_young_stays(repo: Repo) -> None:
    repo.write("kept.bin", 2000)
    repo.commit()
    data = garbage(repo)
    assert repo.data("gc", "--force") == "0 objects deleted, 0 B\nkept: 1 needed, 1 not needed but too young\n"
    assert held(repo, data)


def test_an_age_can_be_given(repo: Repo) -> None:
    repo.write("kept.bin", 2000)
    repo.commit()
    data = garbage(repo)
    for date in ("never", "1.hour.ago", "2020-01-01"):
        assert gc(repo, f"--prune={date}", "--force")["young"] == 1
    time.sleep(2.1)
    assert gc(repo, "--prune=1.second.ago", "--force")["count"] == 1
    assert not held(repo, data)


def test_the_clock_of_this_machine_does_not_matter(repo: Repo) -> None:
    """Objects seem to come from the future; only their age by the store's own clock counts."""
    repo.write("kept.bin", 2000)
    repo.commit()
    data = garbage(repo)
    ahead = time.time_ns() + 400 * 86400 * 10**9
    os.utime(repo.object(data), ns=(ahead, ahead))
    assert gc(repo, "--force")["young"] == 1
    behind = time.time_ns() - 400 * 86400 * 10**9
    os.utime(repo.object(data), ns=(behind, behind))
    assert gc(repo, "--force")["young"] == 1
    assert held(repo, data)


@pytest.mark.parametrize("date", ["bogus", "", "yesterdayish"])
def test_what_is_no_date_deletes_nothing(repo: Repo, date: str) -> None:
    repo.write("kept.bin", 2000)
    repo.commit()
    data = garbage(repo)
    repo.run("git", "data", "gc", "--force", f"--prune={date}", ok=(0, 2) if not date else (2,))
    assert held(repo, data)


def test_force_and_dry_run_contradict_each_other(repo: Repo) -> None:
    repo.fails("data", "gc", "--force", "-n", status=2)


def branch(repo: Repo) -> bytes:
    repo.git("checkout", "-q", "-b", "side")
    data = repo.write("a.bin", 900)
    repo.commit()
    repo.git("checkout", "-q", "main")
    return data


def tag_only(repo: Repo) -> bytes:
    data = branch(repo)
    repo.git("tag", "-a", "-m", "kept", "v1", "side")
    repo.git("branch", "-q", "-D", "side")
    expire(repo)
    return data


def tag_of_a_tree(repo: Repo) -> bytes:
    data = branch(repo)
    repo.git("tag", "tree", "side^{tree}")
    repo.git("branch", "-q", "-D", "side")
    expire(repo)
    return data


def tag_of_a_blob(repo: Repo) -> bytes:
    data = branch(repo)
    repo.git("tag", "blob", "side:a.bin")
    repo.git("branch", "-q", "-D", "side")
    expire(repo)
    return data


def old_version(repo: Repo) -> bytes:
    data = repo.write("a.bin", 901)
    repo.commit()
    repo.write("a.bin", 902)
    repo.commit()
    return data


def reflog_only(repo: Repo) -> bytes:
    data = repo.write("a.bin", 903)
    repo.commit()
    repo.git("reset", "-q", "--hard", "HEAD~1")
    return data


def stash(repo: Repo) -> bytes:
    repo.write("a.bin", 904)
    repo.commit()
    data = repo.write("a.bin", 905)
    repo.git("stash", "-q")
    return data


def older_stash_with_untracked(repo: Repo) -> bytes:
    repo.write("a.bin", 906)
    repo.commit()
    data = repo.write("untracked.bin", 907)
    repo.git("stash", "-q", "-u")
    repo.write("a.bin", 908)
    repo.git("stash", "-q")
    return data


def index_only(repo: Repo) -> bytes:
    data = repo.write("a.bin", 909)
    repo.git("add", "a.bin")
    return data


def index_of_a_linked_work_tree(repo: Repo) -> bytes:
    place = repo.path.parent / "linked"
    repo.git("worktree", "add", "-q", "-b", "linked", place)
    other = Repo(place)
    data = other.write("a.bin", 910)
    other.git("add", "a.bin")
    return data


def detached_head_of_a_linked_work_tree(repo: Repo) -> bytes:
    place = repo.path.parent / "linked"
    repo.git("worktree", "add", "-q", "--detach", place)
    other = Repo(place)
    data = other.write("a.bin", 911)
    other.commit()
    other.git("reflog", "expire", "--expire=now", "--all")
    return data


def autostash_of_a_rebase(repo: Repo) -> bytes:
    repo.write("a.bin", 912)
    repo.write("other.txt", "one")
    repo.commit()
    repo.write("other.txt", "two")
    repo.commit()
    data = repo.write("a.bin", 913)
    repo.run("git", "rebase", "--autostash", "--exec", "false", "HEAD~1", ok=None)
    assert (repo.git_dir() / "rebase-merge" / "autostash").exists()
    return data


def orig_head(repo: Repo) -> bytes:
    data = repo.write("a.bin", 914)
    repo.commit()
    repo.git("reset", "-q", "--hard", "HEAD~1")
    expire(repo)
    return data


def conflict_in_the_index(repo: Repo) -> bytes:
    repo.write("a.bin", 915)
    repo.commit()
    repo.git("checkout", "-q", "-b", "side")
    data = repo.write("a.bin", 916)
    repo.commit()
    repo.git("checkout", "-q", "main")
    repo.write("a.bin", 917)
    repo.commit()
    repo.run("git", "merge", "side", ok=(1,))
    repo.git("branch", "-q", "-D", "side")
    expire(repo)
    return data


def lfs_pointer(repo: Repo) -> bytes:
    repo.git("config", "data.pointerFormat", "lfs")
    data = repo.write("a.bin", 918)
    repo.commit()
    assert b"git-lfs" in repo.blob("a.bin")
    return data


def journal(repo: Repo) -> bytes:
    data = garbage(repo, size=919)
    pending = repo.git_dir() / "data" / "pending"
    pending.mkdir(exist_ok=True)
    (pending / "of-a-killed-command").write_bytes(b"%s 919 data a.bin\0" % repo.object(data).name.encode())
    return data


def note(repo: Repo) -> bytes:
    data = branch(repo)
    repo.git("notes", "add", "-m", "x", "HEAD")
    repo.git("update-ref", "refs/anything/else", "side")
    repo.git("branch", "-q", "-D", "side")
    expire(repo)
    return data


def expire(repo: Repo) -> None:
    repo.git("reflog", "expire", "--expire=now", "--expire-unreachable=now", "--all")


@pytest.mark.parametrize(
    "keep",
    [
        branch,
        tag_only,
        tag_of_a_tree,
        tag_of_a_blob,
        old_version,
        reflog_only,
        stash,
        older_stash_with_untracked,
        index_only,
        index_of_a_linked_work_tree,
        detached_head_of_a_linked_work_tree,
        autostash_of_a_rebase,
        orig_head,
        conflict_in_the_index,
        lfs_pointer,
        journal,
        note,
    ],
    ids=lambda keep: keep.__name__,
)
def test_whatever_git_refers_to_is_kept(repo: Repo, keep: Callable[[Repo], bytes]) -> None:
    unwanted = content(30)
    run("git", "hash-object", "-w", "--stdin", "--path", "x.bin", cwd=repo.path, stdin=unwanted)
    assert held(repo, unwanted)
    data = keep(repo)
    collect(repo)
    assert held(repo, data)
    assert not held(repo, unwanted)


def test_what_only_an_expired_reflog_knew_goes(repo: Repo) -> None:
    data = reflog_only(repo)
    expire(repo)
    (repo.git_dir() / "ORIG_HEAD").unlink()
    collect(repo)
    assert not held(repo, data)


def truncated_ref(repo: Repo) -> None:
    (repo.git_dir() / "refs" / "heads" / "main").write_bytes(b"")


def ref_to_nowhere(repo: Repo) -> None:
    (repo.git_dir() / "refs" / "heads" / "other").write_text("1" * 40 + "\n")


def head_of_a_linked_work_tree(repo: Repo) -> None:
    repo.git("worktree", "add", "-q", "--detach", repo.path.parent / "linked")
    (repo.git_dir() / "worktrees" / "linked" / "HEAD").write_bytes(b"")


def missing_tree(repo: Repo) -> None:
    tree = repo.git("rev-parse", "HEAD^{tree}").strip()
    (repo.git_dir() / "objects" / tree[:2] / tree[2:]).unlink()
    (repo.git_dir() / "index").unlink()


def missing_blob(repo: Repo) -> None:
    blob = repo.git("rev-parse", "HEAD:kept.bin").strip()
    (repo.git_dir() / "objects" / blob[:2] / blob[2:]).unlink()


def broken_index(repo: Repo) -> None:
    (repo.git_dir() / "index").write_bytes(b"DIRC nonsense")


def index_of_a_linked_work_tree_broken(repo: Repo) -> None:
    repo.git("worktree", "add", "-q", "-b", "linked", repo.path.parent / "linked")
    (repo.git_dir() / "worktrees" / "linked" / "index").write_bytes(b"DIRC nonsense")


def refs_lost(repo: Repo) -> None:
    (repo.git_dir() / "refs" / "heads" / "main").unlink()
    (repo.git_dir() / "index").unlink()
    for log in (repo.git_dir() / "logs").rglob("*"):
        if log.is_file():
            log.unlink()


@pytest.mark.parametrize(
    "break_it",
    [
        truncated_ref,
        ref_to_nowhere,
        head_of_a_linked_work_tree,
        missing_tree,
        missing_blob,
        broken_index,
        index_of_a_linked_work_tree_broken,
        refs_lost,
    ],
    ids=lambda break_it: break_it.__name__,
)
def test_a_repository_that_cannot_be_read_keeps_everything(repo: Repo, break_it: Callable[[Repo], None]) -> None:
    repo.write("kept.bin", 2000)
    repo.commit()
    garbage(repo)
    before = repo.objects()
    break_it(repo)
    repo.fails("data", "gc", "--prune=now", "--force", status=7)
    store = repo.path / ".git" / "data" / "objects"
    assert {path.name for path in store.rglob("*") if path.is_file()} == before


# -- a shared store


@pytest.fixture
def users(new_repo: Callable[..., Repo], tmp_path: Path) -> tuple[Repo, Repo]:
    """Two repositories with one store; each has data of its own."""
    repos = []
    for name in ("first", "second"):
        repo = new_repo(name, install=False, attributes="")
        repo.git("config", "data.cacheDir", str(tmp_path / "cache"))
        repo.data("install")
        repo.write(".gitattributes", "*.bin filter=data\n")
        repo.write(f"{name}.bin", content(1000, hash(name) & 0xFFFF))
        repo.commit()
        repos.append(repo)
    return repos[0], repos[1]


def test_a_shared_store_asks_everybody(users: tuple[Repo, Repo]) -> None:
    first, second = users
    unwanted = garbage(first)
    in_index = second.write("index.bin", 1234)
    second.git("add", "index.bin")
    collect(first)
    assert held(first, first.read("first.bin"))
    assert held(first, second.read("second.bin"))
    assert held(first, in_index)
    assert not held(first, unwanted)


def test_environment_variables_of_one_repository_do_not_reach_the_other(users: tuple[Repo, Repo]) -> None:
    first, second = users
    env = {"GIT_DIR": str(first.path / ".git"), "GIT_WORK_TREE": str(first.path)}
    run("git", "data", "gc", "--prune=now", "--force", cwd=first.path.parent, env=env)
    assert held(first, second.read("second.bin"))


@pytest.mark.parametrize("gone", [False, True])
def test_a_user_that_cannot_be_asked_keeps_everything_until_it_is_forgotten(users: tuple[Repo, Repo], gone: bool) -> None:
    first, second = users
    data = second.read("second.bin")
    if gone:
        second.path.rename(second.path.parent / "moved")
    else:
        (second.path / ".git" / "refs" / "heads" / "main").write_bytes(b"")
    said = first.fails("data", "gc", "--prune=now", "--force", status=7)
    assert str(second.path) in said
    assert f"git data gc --forget '{second.path}/.git'" in said
    assert held(first, data)
    assert "forgotten" in first.data("gc", "--forget", str(second.path))
    collect(first)
    assert not held(first, data)


def test_only_a_registered_repository_can_be_forgotten(users: tuple[Repo, Repo]) -> None:
    assert "registered" in users[0].fails("data", "gc", "--forget", "/nowhere", status=2)


# -- the rest


def test_two_collections_do_not_run_at_once(repo: Repo) -> None:
    repo.write("kept.bin", 1000)
    repo.commit()
    lock = repo.store() / "gc.lock"
    holder = subprocess.Popen(["flock", str(lock), "cat"], stdin=subprocess.PIPE)
    while not lock.exists() or subprocess.run(["flock", "-n", str(lock), "true"]).returncode == 0:
        time.sleep(0.01)
    assert "another git data gc" in repo.fails("data", "gc", status=6)
    holder.communicate()
    repo.data("gc")


def test_a_repository_without_a_store_has_nothing_to_delete(new_repo: Callable[..., Repo]) -> None:
    repo = new_repo(install=False, attributes="")
    assert repo.data("gc").startswith("nothing to delete")


def test_old_temporaries_go_and_young_quarantine_stays(repo: Repo) -> None:
    repo.write("kept.bin", 1000)
    repo.commit()
    old, young = repo.store() / "tmp" / "git-data-tmp-1-old-1", repo.store() / "tmp" / "git-data-tmp-1-young-1"
    staged = repo.git_dir() / "data" / "tmp" / "git-data-tmp-1-staged-1"
    quarantined = repo.store() / "quarantine" / ("a" * 64 + ".1")
    for path in (old, young, staged, quarantined):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x" * 10)
    for path in (old, staged):
        os.utime(path, (time.time() - 100_000, time.time() - 100_000))
    collect(repo)
    assert [path.exists() for path in (old, staged, young, quarantined)] == [False, False, True, True]


def test_a_bare_repository_is_collected_too(repo: Repo, tmp_path: Path) -> None:
    repo.write("a.bin", 1000)
    repo.commit()
    run("git", "clone", "-q", "--bare", repo.path, tmp_path / "bare.git")
    bare = Repo(tmp_path / "bare.git")
    objects = bare.path / "data" / "objects" / "sha256"
    kept, gone = repo.object(repo.read("a.bin")).name, "f" * 64
    for oid in (kept, gone):
        (objects / oid[:2]).mkdir(parents=True, exist_ok=True)
        (objects / oid[:2] / oid).write_bytes(b"x")
    collect(bare)
    assert {path.name for path in objects.rglob("*") if path.is_file()} == {kept}


@pytest.mark.parametrize(("filter", "refused"), [("blob:none", True), ("blob:limit=1k", False)])
def test_a_partial_clone_that_may_lack_pointers_keeps_everything(
    repo: Repo, new_repo: Callable[..., Repo], tmp_path: Path, filter: str, refused: bool
) -> None:
    repo.write("a.bin", 1000)
    repo.write("large.txt", b"x" * 5000)
    repo.commit()
    repo.git("rm", "-q", "a.bin", "large.txt")
    repo.commit("without")
    repo.git("config", "uploadpack.allowFilter", "true")
    run("git", "clone", "-q", "--no-checkout", f"--filter={filter}", f"file://{repo.path}", tmp_path / "partial")
    partial = Repo(tmp_path / "partial")
    partial.data("install")
    run("git", "hash-object", "-w", "--stdin", "--path", "x.bin", cwd=partial.path, stdin=b"0" * 99)
    partial.write(".gitattributes", "*.bin filter=data\n")
    data = partial.write("x.bin", 99)
    partial.git("add", "x.bin")
    partial.git("rm", "-q", "--cached", "x.bin")
    if refused:
        said = partial.fails("data", "gc", "--prune=now", "--force", status=7)
        assert "partial clone" in said
        for command in said.splitlines()[-2:]:
            run("sh", "-c", command, cwd=partial.path)
    assert held(partial, data)
    collect(partial)
    assert not held(partial, data)


def test_the_pointer_of_a_file_without_the_filter_keeps_its_data(repo: Repo) -> None:
    """Attributes come and go; a pointer is a pointer."""
    data = garbage(repo)
    repo.write("pointer.txt", pointer_of(data))
    repo.commit()
    collect(repo)
    assert held(repo, data)

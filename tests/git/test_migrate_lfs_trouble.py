"""``git data migrate lfs`` when something is missing, damaged, in the way, or the command is killed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
from pathlib import Path

import pytest
from helpers import Repo, content, pointer_of, run
from lfs_repos import ATTRIBUTES, OFF, copy_of, files, lfs_objects, state


@pytest.fixture
def repo(of_git_lfs: Repo) -> Repo:
    return of_git_lfs


@pytest.fixture
def before(lfs_versions: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """What stock git-lfs checks out."""
    return lfs_versions


def test_what_lacks_is_fetched_and_what_is_nowhere_stops_everything(repo: Repo, tmp_path: Path) -> None:
    bare = tmp_path / "bare.git"
    run("git", "clone", "-q", "--bare", repo.path, bare)
    repo.git("remote", "add", "origin", bare)
    repo.git("lfs", "push", "--all", "origin")
    old = state(repo)
    lost = lfs_objects(repo)
    gone = content(2500, seed=12), content(3000, seed=0)
    for data in gone:  # one is checked out, the other in history only
        oid = pointer_of(data).split()[3].decode().removeprefix("sha256:")
        lost[oid].unlink()
    damaged = lost[pointer_of(content(2000, seed=11)).split()[3].decode().removeprefix("sha256:")]
    damaged.chmod(0o644)
    damaged.write_bytes(b"x" * 2000)
    server = tmp_path / "bare.git" / "lfs"
    server.rename(tmp_path / "away")
    plan = json.loads(repo.data("migrate", "lfs", "--dry-run", "--json"))
    assert {item["path"] for item in plan["missing"]} == {"a.bin", "b.bin", "sub/deep/x.raw"}
    said = repo.fails("data", "migrate", "lfs", status=3)
    commit = repo.git("rev-parse", "--short=12", "light").strip()
    assert f"a.bin (commit {commit})" in said
    assert "sub/deep" not in said, "what is checked out is taken from there"
    assert state(repo) == old
    (tmp_path / "away").rename(server)
    said = repo.data("migrate", "lfs")
    assert "fetched" in said
    assert {pointer_of(data).split()[3].decode()[7:] for data in gone} <= repo.objects()
    repo.data("fsck")


def test_a_server_that_does_not_answer_is_not_one_that_has_nothing(repo: Repo) -> None:
    oid = hashlib.sha256(content(3000, seed=0)).hexdigest()
    lfs_objects(repo)[oid].unlink()
    repo.git("config", "lfs.url", "http://127.0.0.1:9/repo.git/info/lfs")  # where nobody listens
    repo.git("config", "data.retries", "0")
    said = repo.fails("data", "migrate", "lfs", status=3)
    assert "not on this machine, and the server does not answer" in said and "when the server answers" in said


def test_allow_missing_keeps_those_pointers(repo: Repo) -> None:
    gone = content(4000, seed=13)
    oid = pointer_of(gone).split()[3].decode().removeprefix("sha256:")
    lfs_objects(repo)[oid].unlink()
    repo.git(*OFF, "checkout-index", "-f", "-u", "b.bin")
    repo.fails("data", "migrate", "lfs", status=3)
    repo.data("migrate", "lfs", "--allow-missing")
    assert repo.blob("b.bin") == pointer_of(gone, "lfs") == repo.read("b.bin")
    assert repo.blob("run.bin") == pointer_of(repo.read("run.bin"))
    assert repo.status() == ""


def test_files_that_should_have_been_pointers_and_those_that_nearly_are(repo: Repo) -> None:
    plain = content(700, seed=20)
    crlf = pointer_of(b"something", "lfs").replace(b"\n", b"\r\n")
    repo.write("plain.bin", plain)
    repo.write("crlf.bin", crlf)
    repo.git(*OFF, "add", "plain.bin", "crlf.bin")
    repo.git(*OFF, "commit", "-q", "-m", "without git-lfs")
    assert repo.blob("plain.bin") == plain
    said = repo.data("migrate", "lfs")
    assert "'plain.bin'" in said and "'crlf.bin'" in said and "git add FILE" in said
    assert repo.blob("plain.bin") == pointer_of(plain) and repo.read("plain.bin") == plain
    assert repo.blob("crlf.bin") == crlf == repo.read("crlf.bin")
    assert repo.status() == ""


_KILLER = """\
#!/bin/sh
# ends the git-data that started it, before or after a certain git command
case " $* " in
*" $KILL_AT "*)
	[ -z "$KILL_AFTER" ] || {real} "$@"
	kill -9 $PPID
	exit 1
	;;
esac
exec {real} "$@"
"""


@pytest.fixture
def killer(tmp_path: Path) -> Path:
    """A directory for the PATH with a git that kills whoever starts it."""
    path = tmp_path / "bin" / "git"
    path.parent.mkdir()
    path.write_text(_KILLER.replace("{real}", shutil.which("git") or ""))
    path.chmod(0o755)
    return path.parent


@pytest.mark.parametrize(
    ("at", "after"),
    [
        ("commit-tree", ""),
        ("--replace-all filter.lfs.process", "1"),
        ("update-ref -m", ""),
        ("update-ref -m", "1"),
        ("checkout-index", ""),
    ],
    ids=["before the commit", "during the set-up", "before refs move", "after refs moved", "while files follow"],
)
@pytest.mark.parametrize("mode", ["--jobs=1", "--history"], ids=["commit", "history"])
def test_a_killed_run_converges(
    repo: Repo, before: dict[str, dict[str, str]], killer: Path, at: str, after: str, mode: str
) -> None:
    repo.git("status")
    old = state(repo)
    env = {"PATH": f"{killer}:{os.environ['PATH']}", "KILL_AT": at, "KILL_AFTER": after}
    done = repo.run("git-data", "migrate", "lfs", mode, env=env, ok=None)
    if done.returncode != -signal.SIGKILL:
        assert mode == "--history" and at == "commit-tree", done.stderr
        return
    (repo.git_dir() / "index.lock").unlink(missing_ok=True)
    repo.data("migrate", "lfs", mode)
    repo.data("migrate", "lfs", mode)
    repo.assert_clean()
    assert files(repo) == before["three"]
    assert repo.blob("run.bin") == pointer_of(repo.read("run.bin"))
    repo.data("fsck")
    repo.data("migrate", "lfs", "--undo")
    assert state(repo) == old
    assert repo.status() == ""


def test_what_was_written_after_a_kill_is_never_overwritten(repo: Repo, killer: Path) -> None:
    env = {"PATH": f"{killer}:{os.environ['PATH']}", "KILL_AT": "update-ref -m", "KILL_AFTER": "1"}
    assert repo.run("git-data", "migrate", "lfs", env=env, ok=None).returncode == -signal.SIGKILL
    edited = {"run.bin": b"mine, and of another size\n", ".gitattributes": repo.read(".gitattributes") + b"*.mine text\n"}
    for name, data in edited.items():
        repo.write(name, data)
    repo.data("migrate", "lfs")
    assert {name: repo.read(name) for name in edited} == edited
    assert sorted(repo.status().split()) == [".gitattributes", "M", "M", "run.bin"]


@pytest.mark.parametrize("after", ["", "1"], ids=["before refs move", "after refs moved"])
@pytest.mark.parametrize("mode", ["--jobs=1", "--history"], ids=["commit", "history"])
@pytest.mark.parametrize("then", ["undo", "migrate"])
def test_a_killed_undo_is_finished_by_the_next_command(repo: Repo, killer: Path, mode: str, after: str, then: str) -> None:
    repo.git("status")
    old = state(repo)
    repo.data("migrate", "lfs", mode)
    env = {"PATH": f"{killer}:{os.environ['PATH']}", "KILL_AT": "update-ref -m", "KILL_AFTER": after}
    repo.run("git-data", "migrate", "lfs", "--undo", env=env, ok=(-signal.SIGKILL,))
    if then == "migrate":
        repo.data("migrate", "lfs", mode)
        repo.assert_clean()
        assert repo.blob("run.bin") == pointer_of(repo.read("run.bin"))
    repo.data("migrate", "lfs", "--undo")
    assert state(repo) == old
    assert repo.status() == ""
    repo.fails("data", "migrate", "lfs", "--undo", status=7)


def test_bad_beginnings(repo: Repo, tmp_path: Path) -> None:
    repo.write("readme.txt", "changed\n")
    assert "uncommitted" in repo.fails("data", "migrate", "lfs", status=7)
    repo.git("checkout", "-q", "readme.txt")
    shallow = Repo(tmp_path / "shallow")
    run("git", "clone", "-q", "--depth=1", f"file://{repo.path}", shallow.path)
    shutil.copytree(repo.git_dir() / "lfs", shallow.git_dir() / "lfs")
    assert "git fetch --unshallow" in shallow.fails("data", "migrate", "lfs", "--history", status=7)
    assert "no" in shallow.fails("data", "migrate", "lfs", "--undo", status=7)
    shallow.data("migrate", "lfs")  # one commit is possible
    assert shallow.status() == ""
    outside = repo.run("git", "-C", tmp_path, "data", "migrate", "lfs", ok=None)
    assert outside.returncode == 7


def test_too_little_space_is_said_before_anything_changes(repo: Repo, tmp_path: Path) -> None:
    bare = tmp_path / "bare.git"
    run("git", "init", "-q", "--bare", bare)
    repo.git("remote", "add", "origin", bare)
    huge = pointer_of(b"x", "lfs").replace(b"size 1\n", b"size 1000000000000000\n").replace(b"sha256:2", b"sha256:0")
    repo.write("huge.bin", huge)
    repo.git(*OFF, "add", "huge.bin")
    repo.git(*OFF, "commit", "-q", "-m", "huge")
    old = state(repo)
    assert "1.0 PB" in repo.fails("data", "migrate", "lfs", status=5)
    assert state(repo) == old


def test_a_store_elsewhere_gets_copies_and_that_is_said(repo: Repo, reflink_dir: Path) -> None:
    repo.git("config", "data.cacheDir", reflink_dir / "store")
    plan = json.loads(repo.data("migrate", "lfs", "--dry-run", "--json"))
    assert plan["needed_bytes"] == plan["objects"]["bytes"] > 0
    assert "copied, because links are not possible there" in repo.data("migrate", "lfs")
    assert repo.objects() == lfs_objects(repo).keys()
    assert repo.status() == ""


def test_submodules_and_settings_of_a_stranger(repo: Repo, lfs_template: Path) -> None:
    inner = copy_of(lfs_template, repo.path.parent / "inner")
    repo.git("submodule", "add", "-q", inner.path, "module")
    repo.write(".lfsconfig", "[lfs]\n\turl = file:///etc\n[core]\n\tsshCommand = touch /tmp/owned\n")
    repo.commit("a submodule")
    done = repo.run("git", "data", "migrate", "lfs")
    said = (done.stdout + done.stderr).decode()
    assert "'module'" in said and "left alone" in said
    assert ".lfsconfig" in said and "core.sshcommand" in said.lower()
    assert Repo(repo.path / "module").blob(".gitattributes", "HEAD") == ATTRIBUTES
    assert repo.status() == ""


def test_names_that_differ_in_case_only_and_objects_kept_elsewhere(repo: Repo) -> None:
    one, two = repo.write("Case.bin", 100), repo.write("case.bin", 101)
    repo.commit("case")
    (repo.git_dir() / "lfs").rename(repo.path.parent / "elsewhere")
    repo.git("config", "lfs.storage", repo.path.parent / "elsewhere")
    written = next((repo.path.parent / "elsewhere" / "objects").rglob(pointer_of(one).split()[3].decode()[7:]))
    with open(written, "r+b"):
        repo.data("migrate", "lfs")
    assert not repo.object(one).samefile(written), "an object that somebody has open for writing is never linked"
    assert repo.object(two).stat().st_nlink == 2
    assert repo.blob("Case.bin") == pointer_of(one) and repo.blob("case.bin") == pointer_of(two)
    repo.assert_clean()

"""``git data lock``, ``unlock`` and ``locks``, and pushes that heed locks; stock git-lfs works beside it with the same server."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers import Repo, content, make_repo, run
from servers.lfs import LfsOverSsh, stock, stock_repo
from servers.lfs_server import READER, LfsServer, Repository, helper_for

LOCKABLE = "*.bin filter=data diff=data merge=data -text lockable\n*.txt lockable\n"


def is_writable(repo: Repo, path: str) -> bool:
    """By its mode; root may write to anything."""
    return bool(repo.file(path).stat().st_mode & 0o200)


class Team:
    """Alice, Bob and others, who share a git repository and an LFS server."""

    def __init__(self, place: Path, server: LfsServer) -> None:
        self.place = place
        self.server = server
        self.name = server.repository()
        self.origin = place / "origin.git"

    @property
    def there(self) -> Repository:
        return self.server.of(self.name)

    def member(self, user: str, url: str = "") -> Repo:
        """A clone of somebody's, whose pushes and pulls go to the team's places."""
        repo = make_repo(self.place / user, attributes="")
        repo.git("config", "data.pointerFormat", "lfs")
        repo.git("config", "credential.helper", helper_for(self.place, self.server, user))
        repo.git("remote", "add", "origin", f"file://{self.origin}")
        repo.git("config", "branch.main.remote", "origin")
        repo.git("config", "branch.main.merge", "refs/heads/main")
        repo.git("data", "remote", "add", "-d", "--local", "lfs", url or self.server.url(self.name, user))
        return repo

    def stock(self, user: str) -> Path:
        """The same with stock git-lfs."""
        repo = stock_repo(self.place / f"stock-{user}", f"file://{self.origin}", self.server.api(self.name, user))  # type: ignore[arg-type]
        stock(repo, "config", f"lfs.{self.server.api(self.name, user)}.locksverify", "true")
        stock(repo, "config", "--unset", "lfs.locksverify")
        for hook in ("pre-push", "post-checkout", "post-commit", "post-merge"):
            path = repo / ".git" / "hooks" / hook
            path.parent.mkdir(exist_ok=True)
            path.write_text(f'#!/bin/sh\nexec git lfs {hook} "$@"\n')
            path.chmod(0o755)
        stock(repo, "pull", "-q", "origin", "main")
        return repo


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory, lfs_server: LfsServer) -> Team:
    """Alice has pushed lockable files, Bob has pulled them."""
    team = Team(tmp_path_factory.mktemp("begun"), lfs_server)
    run("git", "init", "-q", "--bare", "--template=", team.origin)
    alice = team.member("alice")
    alice.write(".gitattributes", LOCKABLE)
    alice.write("a.bin", 3000)
    alice.write("sub/b.bin", 2000)
    alice.write("notes.txt", "text\n")
    alice.commit("first")
    alice.git("push", "-q", "-u", "origin", "main")
    team.member("bob").git("pull", "-q")
    return team


@pytest.fixture
def team(begun: Team, tmp_path: Path, lfs_server: LfsServer) -> Team:
    """This test's own copy of all that, on the server, too."""
    team = Team(tmp_path / "team", lfs_server)
    shutil.copytree(begun.place, team.place)
    for config in team.place.glob("*/.git/config"):
        text = config.read_text()
        config.write_text(text.replace(str(begun.place), str(team.place)).replace(begun.name, team.name))
    team.there.objects = dict(begun.there.objects)
    return team


@pytest.fixture
def alice(team: Team) -> Repo:
    repo = Repo(team.place / "alice")
    repo.git("status")  # copies are other files
    return repo


@pytest.fixture
def bob(team: Team) -> Repo:
    repo = Repo(team.place / "bob")
    repo.git("status")
    return repo


def change(repo: Repo, path: str, message: str = "change") -> bytes:
    """Somebody's editor asks no permission: the file is replaced, with its mode."""
    data = repo.write(path, 2500)
    repo.commit(message)
    return data


def test_one_locks_and_the_other_waits(team: Team, alice: Repo, bob: Repo) -> None:
    assert not is_writable(bob, "a.bin") and not is_writable(alice, "a.bin")
    assert alice.data("lock", "a.bin") == "Locked a.bin\n"
    assert is_writable(alice, "a.bin") and not is_writable(alice, "sub/b.bin")
    alice.assert_clean()

    said = bob.fails("data", "lock", "a.bin", "sub/b.bin", status=6)
    assert "'a.bin' is locked by 'alice' since 20" in said
    assert is_writable(bob, "sub/b.bin") and not is_writable(bob, "a.bin")
    listed = bob.data("locks").splitlines()
    assert listed[0].split() == ["path", "owner", "since", "id"]
    assert [line.split()[:2] for line in listed[1:]] == [["a.bin", "alice"], ["sub/b.bin", "bob"]]

    change(bob, "a.bin")
    said = bob.fails("push", "-q")
    assert "others have locked" in said and "a.bin: alice, since" in said
    assert "a.bin: alice, since" in bob.fails("push", "-q", f"data::{team.origin}", "main")
    assert run("git", "rev-list", "--count", "main", cwd=team.origin).stdout == b"1\n"
    assert len(team.there.objects) == 2

    new = change(alice, "a.bin", "of alice")
    done = alice.run("git", "push", "-q")
    assert b"you hold the lock on 1 file" in done.stderr and b"git data unlock 'a.bin'" in done.stderr
    assert alice.data("unlock", "a.bin") == "Unlocked a.bin\n"
    assert not is_writable(alice, "a.bin")
    alice.assert_clean()

    bob.git("reset", "-q", "--hard", "origin/main")
    bob.git("pull", "-q")
    assert bob.read("a.bin") == new and not is_writable(bob, "a.bin")
    bob.data("lock", "a.bin")
    change(bob, "a.bin", "of bob")
    bob.git("push", "-q")
    assert run("git", "rev-list", "--count", "main", cwd=team.origin).stdout == b"3\n"


def test_a_push_asks_once_and_only_if_there_is_anything_new(team: Team, alice: Repo) -> None:
    team.there.asked("")
    alice.git("push", "-q")
    alice.git("push", "-q", "origin", "main:other")
    assert team.there.asked("locks") == []
    change(alice, "a.bin")
    # without the compiled core nothing else has put the libraries on the path of a hook
    alice.git("push", "-q", env={"GIT_DATA_PURE": "1"})
    assert team.there.asked("locks") == ["alice POST locks/verify"]


def test_a_server_without_locks_is_told_of_once(team: Team, alice: Repo, bob: Repo) -> None:
    team.there.without_locks = 404
    change(alice, "a.bin")
    team.there.asked("")
    assert "keeps no locks" in alice.run("git", "push", "-q").stderr.decode()
    assert len(team.there.asked("locks")) == 1
    change(alice, "a.bin")
    assert b"locks" not in alice.run("git", "push", "-q").stderr and team.there.asked("locks") == []
    assert "keeps no locks" in alice.fails("data", "lock", "a.bin", status=8)
    assert "keeps no locks" in alice.fails("data", "locks", status=8)
    assert "there is no remote 'orgin'" in alice.fails("data", "locks", "--remote", "orgin", status=2)

    team.there.without_locks = 501
    bob.git("pull", "-q")
    bob.git("config", "lfs.locksverify", "true")
    change(bob, "sub/b.bin")
    assert "although lfs.locksverify is true" in bob.run("git", "push", "-q").stderr.decode()


def test_who_may_not_push_may_look(team: Team, alice: Repo) -> None:
    alice.data("lock", "notes.txt")
    repo = team.member(READER)
    repo.git("pull", "-q")
    assert "notes.txt" in repo.data("locks")
    assert "403" in repo.fails("data", "lock", "a.bin", status=9)
    assert "403" in repo.fails("data", "locks", "--theirs", status=9)
    change(repo, "notes.txt")
    # git's own server may know better; where locks must be verified, not
    assert "is not known" in repo.run("git", "push", "-q", "-n").stderr.decode()
    repo.git("config", f"lfs.http://{team.server.host}.locksverify", "true")
    assert "403" in repo.fails("push", "-q")
    repo.git("config", f"lfs.http://{team.server.host}.locksverify", "false")
    repo.git("push", "-q")


def test_unlocking_what_is_not_ready(team: Team, alice: Repo, bob: Repo) -> None:
    assert "is not locked" in alice.fails("data", "unlock", "a.bin", status=1)
    alice.data("lock", "a.bin", "notes.txt")
    alice.write("a.bin", 10)
    said = alice.fails("data", "unlock", "a.bin", "notes.txt", status=1)
    assert "changes that are not committed" in said and "--force" in said
    assert alice.data("locks", "--local").split()[4::5] and "notes.txt" not in alice.data("locks", "--local")
    alice.data("unlock", "--force", "a.bin")

    alice.data("lock", "a.bin")
    alice.git("checkout", "-q", "a.bin")
    said = bob.fails("data", "unlock", "a.bin", status=6)
    assert "locked by 'alice'" in said and "git data unlock --force 'a.bin'" in said
    bob.data("unlock", "--force", "a.bin")
    # what was taken away is seen when the server is asked
    assert "a.bin" in alice.data("locks", "--local")
    assert is_writable(alice, "a.bin")
    assert alice.data("locks", "--verify") == "" and alice.data("locks", "--local") == ""
    assert not is_writable(alice, "a.bin")


def test_lists(team: Team, alice: Repo, bob: Repo) -> None:
    names = [f"{number}.bin" for number in range(7)]
    for name in names:
        alice.write(name, 100)
    alice.data("lock", *names[:5])
    bob.data("lock", "a.bin")
    team.there.page = 2
    locks = json.loads(alice.data("locks", "--json"))
    assert [lock["path"] for lock in locks] == [*names[:5], "a.bin"]
    assert {lock["ours"] for lock in locks} == {True, None} and {lock["owner"] for lock in locks} == {"alice", "bob"}
    assert [lock["path"] for lock in json.loads(alice.data("locks", "--theirs", "--json"))] == ["a.bin"]
    assert len(json.loads(alice.data("locks", "--mine", "--json"))) == 5
    assert len(json.loads(alice.data("locks", "--limit", "3", "--json"))) == 3
    alice.file("sub").mkdir(exist_ok=True)
    one = json.loads(alice.data("locks", "--json", "--path", "../a.bin", cwd=alice.file("sub")))
    assert [lock["owner"] for lock in one] == ["bob"]
    assert json.loads(alice.data("locks", "--json", "--id", one[0]["id"])) == one
    assert "was not asked yet" in bob.fails("data", "locks", "--cached", status=1)
    bob.data("locks")
    team.there.asked("")
    assert len(json.loads(bob.data("locks", "--cached", "--json"))) == 6
    assert [lock["path"] for lock in json.loads(bob.data("locks", "--local", "--json"))] == ["a.bin"]
    assert team.there.asked("") == []
    alice.data("unlock", "--force", "--id", locks[0]["id"])
    assert [lock["path"] for lock in team.there.locks if lock["owner"]["name"] == "alice"] == names[1:5]
    # held from another clone
    other = make_repo(team.place / "other", attributes="")
    for key in ("credential.helper", "data.lfs.url", "data.remote"):
        other.git("config", key, bob.git("config", key).strip())
    other.write("a.bin", 5)
    assert "locked by you already" in other.data("lock", "a.bin")


def test_a_server_may_say_anything(team: Team, alice: Repo) -> None:
    """Names are shown without what a terminal would obey, are written down, and lead nowhere."""
    odd: dict[str, Any] = {"id": 7, "path": "../\0x\x1b[31m", "owner": {"name": "\ud800\x1b]0;x\0"}, "locked_at": "now\n"}
    team.there.locks.append(odd)
    shown = alice.data("locks")
    assert "\x1b" not in shown and "\0" not in shown and shown.count("\n") == 2
    assert alice.data("locks", "--cached") == shown
    team.there.locks[:] = [{**odd, "path": "a.bin"}]
    assert "\x1b" not in alice.fails("data", "lock", "a.bin", status=6)
    for nonsense in ({"path": "a.bin"}, "a.bin", {"id": "1", "path": None}):
        team.there.locks[:] = [{**odd, "path": "a.bin"}]
        team.there.locks_as_told = [nonsense]
        assert "does not tell of locks" in alice.fails("data", "locks", status=8)
    team.there.locks_as_told = None
    assert "a.bin" in alice.data("locks")


def test_what_cannot_be_locked(alice: Repo) -> None:
    for word in ("sub", "nowhere.bin", "../outside", "/etc/passwd", ".git/config"):
        assert f"'{word}'" in alice.fails("data", "lock", word, status=2)


def test_without_a_server(new_repo: Callable[..., Repo], tmp_path: Path) -> None:
    repo = new_repo("alone")
    repo.write("a.bin", 10)
    assert "git remote" in repo.fails("data", "lock", "a.bin", status=2)
    run("git", "init", "-q", "--bare", "--template=", tmp_path / "o.git")
    repo.git("remote", "add", "origin", str(tmp_path / "o.git"))
    assert "no server keeps locks" in repo.fails("data", "lock", "a.bin", status=2)


def test_the_server_is_found_as_git_lfs_finds_it(team: Team, alice: Repo) -> None:
    """Data goes elsewhere, locks to the LFS server of the git remote; who has locked nothing asks nobody."""
    repo = team.member("carol", url=str(team.place / "store"))
    repo.git("pull", "-q", env={"GIT_DATA_SKIP_SMUDGE": "1"})
    repo.git("config", "lfs.url", team.server.api(team.name, "carol"))
    repo.git("config", "data.lockReadOnly", "false")
    repo.write("c.dat", "plain\n")
    repo.commit()
    team.there.asked("")
    repo.git("push", "-q")
    assert team.there.asked("") == []
    repo.data("lock", "c.dat")
    assert "c.dat" in alice.data("locks", "--theirs")
    repo.write("c.dat", "more\n")
    repo.commit()
    assert "you hold the lock" in repo.run("git", "push", "-q").stderr.decode()


def test_with_stock_git_lfs(team: Team, alice: Repo) -> None:
    """What one locks the other respects."""
    theirs = team.stock("bob")
    alice.data("lock", "a.bin")
    assert "alice" in stock(theirs, "lfs", "locks").stdout
    done = stock(theirs, "lfs", "lock", "a.bin", ok=False)
    assert done.returncode and "already created lock" in done.stderr
    (theirs / "a.bin").chmod(0o644)
    (theirs / "a.bin").write_bytes(content(99))
    stock(theirs, "commit", "-q", "-a", "-m", "theirs")
    done = stock(theirs, "push", "-q", "origin", "HEAD:main", ok=False)
    assert done.returncode and "a.bin - alice" in done.stdout + done.stderr
    stock(theirs, "reset", "-q", "--hard", "origin/main")
    alice.data("unlock", "a.bin")

    stock(theirs, "lfs", "lock", "sub/b.bin")
    said = alice.fails("data", "lock", "sub/b.bin", status=6)
    assert "locked by 'bob'" in said
    change(alice, "sub/b.bin")
    assert "sub/b.bin: bob" in alice.fails("push", "-q")
    stock(theirs, "lfs", "unlock", "sub/b.bin")
    alice.git("push", "-q")
    stock(theirs, "pull", "-q", "origin", "main")
    assert (theirs / "sub/b.bin").read_bytes() == alice.read("sub/b.bin")
    # an honest server is one that stock git-lfs can work with, from beginning to end
    stock(theirs, "lfs", "lock", "a.bin")
    assert "O a.bin" in stock(theirs, "lfs", "locks", "--verify").stdout
    (theirs / "a.bin").write_bytes(content(98))
    stock(theirs, "commit", "-q", "-a", "-m", "theirs")
    done = stock(theirs, "push", "-q", "origin", "HEAD:main")
    assert "* a.bin" in done.stdout + done.stderr
    stock(theirs, "lfs", "unlock", "a.bin")
    assert team.there.locks == []


def test_over_ssh(
    lfs_over_ssh: LfsOverSsh, new_repo: Callable[..., Repo], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lfs_over_ssh.use(monkeypatch)
    place = lfs_over_ssh.repository()
    server = lfs_over_ssh.place(place)

    def be(user: str) -> None:
        (server / "user").write_text(user)

    origin = tmp_path / "origin.git"
    run("git", "init", "-q", "--bare", "--template=", origin)
    repo = new_repo("ours", attributes=LOCKABLE)
    repo.git("config", "data.pointerFormat", "lfs")
    repo.git("data", "remote", "add", "-d", "--local", "lfs", lfs_over_ssh.url(place))
    repo.git("remote", "add", "origin", f"file://{origin}")
    repo.write("a.bin", 1000)
    repo.commit()
    be("alice")
    repo.git("push", "-q", "origin", "main")
    theirs = stock_repo(tmp_path / "theirs", f"file://{origin}", lfs_over_ssh.sshd.url(place))  # type: ignore[arg-type]
    repo.data("lock", "a.bin")
    assert is_writable(repo, "a.bin")
    assert [lock["owner"] for lock in json.loads(repo.data("locks", "--mine", "--json"))] == ["alice"]
    assert "a.bin" in stock(theirs, "lfs", "locks").stdout
    repo.data("unlock", "a.bin")
    assert not is_writable(repo, "a.bin")

    be("bob")
    (theirs / "a.bin").write_bytes(b"")
    stock(theirs, "lfs", "lock", "a.bin")
    be("alice")
    assert "locked by 'bob'" in repo.fails("data", "lock", "a.bin", status=6)
    change(repo, "a.bin")
    lfs_over_ssh.log()
    assert "a.bin: bob" in repo.fails("push", "-q", "origin", "main")
    log = lfs_over_ssh.log()
    assert len([line for line in log if "list-lock" in line]) == len([line for line in log if line.startswith("git-lfs")]) == 1
    repo.data("unlock", "--force", "a.bin")
    assert json.loads((server / "locks").read_text()) == []


def test_over_ssh_to_http(team: Team, alice: Repo, lfs_over_ssh: LfsOverSsh, monkeypatch: pytest.MonkeyPatch) -> None:
    """``git-lfs-authenticate`` names the server, and says who one is there."""
    lfs_over_ssh.use(monkeypatch)
    place = lfs_over_ssh.repository()
    header = {"Authorization": "Basic " + base64.b64encode(b"alice:secret").decode()}
    answer = {"href": f"http://{team.server.host}/{team.name}.git/info/lfs", "header": header}
    (lfs_over_ssh.place(place) / "authenticate").write_text(json.dumps(answer))
    alice.git("config", "data.lfs.url", lfs_over_ssh.url(place))
    lfs_over_ssh.log()
    alice.data("lock", "a.bin")
    assert [lock["owner"]["name"] for lock in team.there.locks] == ["alice"]
    assert any(line.startswith("git-lfs-authenticate") and line.endswith("upload") for line in lfs_over_ssh.log())
    assert "alice (you)" in alice.data("locks")
    # to look takes no more than the right to read
    assert not any(line.endswith("upload") for line in lfs_over_ssh.log())

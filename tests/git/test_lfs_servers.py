"""LFS servers as remotes, with stock git-lfs on the other side: what one sends the other fetches."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import Repo, content, run
from servers.lfs import Giftless, LfsOverSsh, stock, stock_repo


class Place:
    """One kind of LFS server, with a fresh repository: its address for git-data, and ``lfs.url`` of stock git-lfs."""

    def __init__(self, url: str, lfs_url: str, storage: Path) -> None:
        self.url = url
        self.lfs_url = lfs_url
        self.storage = storage

    def objects(self) -> list[str]:
        """The names of what the server keeps."""
        return sorted(path.name for path in self.storage.rglob("*") if len(path.name) == 64)


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """A bare git repository."""
    run("git", "init", "-q", "--bare", "--template=", tmp_path / "origin.git")
    return tmp_path / "origin.git"


def by_http(request: pytest.FixtureRequest, origin: Path) -> Place:
    server: Giftless = request.getfixturevalue("giftless")
    repository = server.repository()
    return Place(server.url(repository), server.api(repository), server.storage / repository[:-4])


def by_ssh(request: pytest.FixtureRequest, origin: Path) -> Place:
    server: LfsOverSsh = request.getfixturevalue("lfs_over_ssh")
    server.use(request.getfixturevalue("monkeypatch"))
    repository = server.repository()
    return Place(server.url(repository), server.sshd.url(repository), server.place(repository) / "objects")


def by_ssh_and_http(request: pytest.FixtureRequest, origin: Path) -> Place:
    """git-lfs-authenticate leads to the HTTP server."""
    ssh: LfsOverSsh = request.getfixturevalue("lfs_over_ssh")
    http: Giftless = request.getfixturevalue("giftless")
    ssh.use(request.getfixturevalue("monkeypatch"))
    repository, behind = ssh.repository(), http.repository()
    (ssh.place(repository) / "authenticate").write_text(json.dumps({"href": http.api(behind), "header": {}, "expires_in": 600}))
    return Place(ssh.url(repository), ssh.sshd.url(repository), http.storage / behind[:-4])


def by_file(request: pytest.FixtureRequest, origin: Path) -> Place:
    return Place(f"lfs+file://{origin}", "", origin / "lfs")


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


KINDS = {"HTTP": by_http, "SSH": by_ssh, "SSH and HTTP": by_ssh_and_http, "file": by_file}


@pytest.fixture(params=["HTTP", "SSH", "file"])
def place(request: pytest.FixtureRequest, origin: Path) -> Place:
    return KINDS[request.param](request, origin)


@pytest.fixture
def lfs_repo(new_repo: Callable[..., Repo], origin: Path) -> Repo:
    """A repository with git-lfs's pointers and a git remote."""
    repo = new_repo("ours")
    repo.git("config", "data.pointerFormat", "lfs")
    repo.git("remote", "add", "origin", f"file://{origin}")
    return repo


def add_remote(repo: Repo, url: str, name: str = "lfs") -> None:
    repo.git("data", "remote", "add", "-d", "--local", name, url)


@pytest.mark.parametrize("place", list(KINDS), indirect=True)
def test_what_one_sends_the_other_fetches(
    lfs_repo: Repo, place: Place, origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_remote(lfs_repo, place.url)
    files = {"small.bin": content(100), "large.bin": content(3 << 20), "same.bin": content(100)}
    for name, data in files.items():
        lfs_repo.write(name, data)
    lfs_repo.commit("ours")
    lfs_repo.git("push", "-q", "origin", "main")
    assert len(place.objects()) == 3

    theirs = stock_repo(tmp_path / "theirs", f"file://{origin}", place.lfs_url)
    stock(theirs, "fetch", "-q", "origin")
    # the filter of git-lfs 3.3 crashes with pure SSH, after the first file of several; "pull" does not
    monkeypatch.setenv("GIT_LFS_SKIP_SMUDGE", "1")
    stock(theirs, "checkout", "-q", "main")
    stock(theirs, "lfs", "pull")
    assert {name: (theirs / name).read_bytes() for name in files} == files

    more = {"their-small.bin": content(50), "their-large.bin": content(2 << 20)}
    for name, data in more.items():
        (theirs / name).write_bytes(data)
    stock(theirs, "add", ".")
    stock(theirs, "commit", "-q", "-m", "theirs")
    stock(theirs, "lfs", "push", "origin", "main")
    stock(theirs, "push", "-q", "origin", "main")
    lfs_repo.git("pull", "-q", "origin", "main")
    assert {name: lfs_repo.read(name) for name in (*files, *more)} == {**files, **more}
    assert len(place.objects()) == 5


def test_a_life_with_an_lfs_server(lfs_repo: Repo, place: Place, tmp_path: Path) -> None:
    """What works with any remote works here; what cannot says so."""
    add_remote(lfs_repo, place.url)
    assert "an LFS server" in lfs_repo.git("data", "remote", "check")
    for number in range(5):
        lfs_repo.write(f"{number}.bin", 1000)
    lfs_repo.write("large.bin", 2 << 20)
    lfs_repo.commit("first")
    assert "6 objects" in lfs_repo.git("data", "push", "--dry-run")
    assert "6 objects" in lfs_repo.git("data", "push")
    assert "has all the data already" in lfs_repo.git("data", "push")
    assert json.loads(lfs_repo.git("data", "whereis", "--json", "large.bin"))[0]["remotes"]["lfs"]["has"]

    lfs_repo.git("data", "drop", ".")
    assert lfs_repo.read("large.bin").startswith(b"version https://git-lfs")
    lfs_repo.git("data", "checkout")
    assert len(lfs_repo.read("large.bin")) == 2 << 20
    assert "6 of them read" in lfs_repo.git("data", "fsck", "--remote=lfs", "--sample", "100%")

    folder = tmp_path / "mirror"
    lfs_repo.git("data", "remote", "add", "--local", "folder", str(folder))
    lfs_repo.git("data", "mirror", "lfs", "folder", "--all")
    assert "has all of it already" in lfs_repo.git("data", "mirror", "folder", "lfs")
    for words in (["gc", "--remote=lfs"], ["du", "--remote=lfs"], ["mirror", "lfs", "folder"], ["remote", "init", place.url]):
        assert "cannot" in lfs_repo.fails("data", *words)


def test_data_that_no_server_has_is_missing(lfs_repo: Repo, place: Place) -> None:
    add_remote(lfs_repo, place.url)
    here = lfs_repo.write("here.bin", 500)
    lfs_repo.commit("first")
    lfs_repo.git("data", "push")
    lfs_repo.write("gone.bin", 600)
    lfs_repo.commit("second")
    gone = lfs_repo.read("gone.bin")
    shutil.rmtree(lfs_repo.store() / "objects")
    said = lfs_repo.fails("data", "fetch", status=3)
    assert sha256(gone)[:12] in said and sha256(here)[:12] not in said
    assert lfs_repo.objects() == {sha256(here)}


def test_a_push_without_its_data_stops_before_anything_moves(lfs_repo: Repo, place: Place, origin: Path) -> None:
    add_remote(lfs_repo, place.url)
    lfs_repo.write("a.bin", 500)
    lfs_repo.commit("first")
    shutil.rmtree(lfs_repo.git_dir() / "data" / "objects")
    (lfs_repo.path / "a.bin").unlink()
    done = run("git", "push", "-q", "origin", "main", cwd=lfs_repo.path, ok=None)
    assert done.returncode and b"neither here nor" in done.stderr
    assert run("git", "for-each-ref", cwd=origin).stdout == b"" and place.objects() == []


@pytest.mark.parametrize("place", ["HTTP", "SSH"], indirect=True)
def test_a_server_that_was_emptied_is_sent_everything_again(lfs_repo: Repo, place: Place, origin: Path) -> None:
    """Deleted and made anew at the same address, git server and LFS server together, as on any forge."""
    add_remote(lfs_repo, place.url)
    lfs_repo.write("a.bin", 500)
    lfs_repo.commit("first")
    lfs_repo.git("push", "-q", "origin", "main")
    lfs_repo.write("b.bin", 500)
    lfs_repo.commit("second")
    lfs_repo.git("push", "-q", "origin", "main")
    assert len(place.objects()) == 2
    shutil.rmtree(origin)
    run("git", "init", "-q", "--bare", "--template=", origin)
    shutil.rmtree(place.storage)
    lfs_repo.git("push", "-q", "origin", "main:again")
    assert len(place.objects()) == 2


def test_damage_on_a_server_is_not_said_to_be_mended(lfs_repo: Repo, origin: Path, request: pytest.FixtureRequest) -> None:
    """The server believes to have the object, and takes it no second time."""
    place = by_http(request, origin)
    add_remote(lfs_repo, place.url)
    damaged = lfs_repo.write("a.bin", 500)
    gone = lfs_repo.write("b.bin", 500)
    lfs_repo.commit("first")
    lfs_repo.data("push")
    paths = {path.name: path for path in place.storage.rglob("*") if path.is_file()}
    paths[sha256(damaged)].write_bytes(bytes(500))
    paths[sha256(gone)].unlink()
    said = lfs_repo.run("git", "data", "fsck", "--remote", "--sample", "100%", "--repair", ok=[4])
    assert said.stdout.count(b"sent again") == 2 and b"must delete it there" in said.stderr
    assert sha256(gone) in place.objects()
    lfs_repo.run("rm", "-r", lfs_repo.store() / "objects")
    assert sha256(damaged)[:12] in lfs_repo.fails("data", "fetch")
    assert lfs_repo.objects() == {sha256(gone)}

"""Which LFS server goes with a git remote, and what a stranger's .lfsconfig must not be able to do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from helpers import Repo, run

from git_data.errors import UsageError
from git_data.git.repo import locate
from git_data.pointer import Pointer
from git_data.store.objects import Store
from git_data.sync.fetch import fetch
from git_data.sync.lfs_discovery import Found, address_beside, discover


@pytest.fixture
def here(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> Repo:
    monkeypatch.chdir(repo.path)
    repo.git("remote", "add", "origin", "https://host/org/repo")
    return repo


def found(name: str = "", upload: bool = False) -> Found:
    return discover(locate(), name, upload)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://host/org/repo", "lfs+https://host/org/repo.git/info/lfs"),
        ("https://host/org/repo.git/", "lfs+https://host/org/repo.git/info/lfs"),
        ("http://host:8080/repo.git", "lfs+http://host:8080/repo.git/info/lfs"),
        ("https://me:secret@host/repo", "lfs+https://me@host/repo.git/info/lfs"),
        ("git://host/repo.git", "lfs+https://host/repo.git/info/lfs"),
        ("ssh://git@host:2222/org/repo.git", "lfs+ssh://git@host:2222/org/repo.git"),
        ("git@host:org/repo.git", "lfs+ssh://git@host/./org/repo.git"),
        ("git@host:/srv/repo.git", "lfs+ssh://git@host/srv/repo.git"),
        ("host:~me/repo", "lfs+ssh://host/~me/repo"),
        ("git@[::1]:repo.git", "lfs+ssh://git@[::1]/./repo.git"),
        ("file:///srv/a%20repo.git", "lfs+file:///srv/a%20repo.git"),
        ("/srv/repo.git", "lfs+file:///srv/repo.git"),
        ("../repo.git", "lfs+file:///srv/repo.git"),
        ("data::https://git.host/repo.git", "lfs+https://git.host/repo.git/info/lfs"),
    ],
)
def test_the_server_beside_a_git_server(url: str, address: str) -> None:
    if url.startswith("data::"):
        url = url.replace("https://", "ssh://git@")
        address = "lfs+ssh://git@git.host/repo.git"
    assert address_beside(url, "/srv/here") == address


@pytest.mark.parametrize("url", ["data::s3://bucket/project", "ext::sh -c id", "ftp://host/repo", "ssh://-oProxy=x/repo"])
def test_what_has_no_server(url: str) -> None:
    with pytest.raises(UsageError):
        address_beside(url, "/work")


def test_the_order_of_what_names_a_server(here: Repo) -> None:
    assert found().address == "lfs+https://host/org/repo.git/info/lfs"
    here.git("config", "-f", ".lfsconfig", "remote.origin.lfsurl", "https://committed/for-origin")
    assert found().address == "lfs+https://committed/for-origin" and found().is_committed
    here.git("config", "-f", ".lfsconfig", "lfs.url", "https://committed/x")
    assert found().address == "lfs+https://committed/x"
    here.git("config", "remote.origin.lfsurl", "https://own/for-origin")
    assert found().address == "lfs+https://committed/x", "as git-lfs: lfs.url of any file comes before"
    here.git("config", "lfs.url", "https://own/x")
    assert found().address == "lfs+https://own/x" and not found().is_committed
    here.git("config", "lfs.pushurl", "ssh://git@push/x")
    assert found(upload=True).address == "lfs+ssh://git@push/x" and found().address == "lfs+https://own/x"
    here.git("remote", "add", "other", "git@other:y.git")
    here.git("config", "remote.lfsdefault", "origin")
    assert found("other").address == "lfs+ssh://git@other/./y.git"


def test_the_committed_file_is_found_without_a_work_tree(here: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here.git("config", "-f", ".lfsconfig", "lfs.url", "https://committed/x")
    here.commit()
    here.file(".lfsconfig").unlink()
    assert found().address == "lfs+https://committed/x"
    run("git", "clone", "-q", "--bare", "--template=", here.path, tmp_path / "bare")
    monkeypatch.chdir(tmp_path / "bare")
    assert found().address == "lfs+https://committed/x"


def test_urls_are_rewritten_as_the_user_wants(here: Repo) -> None:
    here.git("config", "url.ssh://git@real/.insteadOf", "https://host/")
    assert found().address == "lfs+ssh://git@real/org/repo"
    here.git("config", "-f", ".lfsconfig", "lfs.url", "https://host/lfs")
    assert found().address == "lfs+ssh://git@real/lfs"


HOSTILE = """\
[lfs]
	standalonetransferagent = evil
	url = https://committed/x
	fetchexclude = *.mp4
	extension = y
[lfs "customtransfer.evil"]
	path = /bin/sh
[lfs "extension.evil"]
	clean = touch pwned
[lfs "https://committed/x"]
	access = basic
[credential]
	helper = "!touch pwned"
[core]
	sshCommand = touch pwned
	fsmonitor = touch pwned
[url "http://evil/"]
	insteadOf = https://
[include]
	path = /etc/passwd
[http]
	sslVerify = false
[remote "origin"]
	uploadpack = touch pwned
"""


def test_a_strangers_file_says_where_and_nothing_else(here: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    here.write(".lfsconfig", HOSTILE)
    assert found().address == "lfs+https://committed/x"
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    for key in ("standalonetransferagent", "customtransfer.evil.path", "credential.helper", "core.sshcommand", "evil/.insteadof"):
        assert key in told
    assert "fetchexclude" not in told and "access" not in told
    assert not here.file("pwned").exists()


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc", "/etc", "../other", "http://169.254.169.254/latest/meta-data", "https://metadata.google.internal/x",
        "ext::touch pwned", "data::s3://evil/x", "https://me:secret@host/x", "ssh://-oProxyCommand=touch/x", "s3://bucket/x",
        "http://0xa9fea9fe/x", "https://host/a\tb",
    ],
)  # fmt: skip
def test_addresses_a_stranger_must_not_name(here: Repo, capsys: pytest.CaptureFixture[str], url: str) -> None:
    here.git("config", "-f", ".lfsconfig", "lfs.url", url)
    assert found().address == "lfs+https://host/org/repo.git/info/lfs"
    told = capsys.readouterr().err
    assert "is ignored" in told and "secret" not in told


def test_a_link_is_not_followed(here: Repo, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("[lfs]\n\turl = https://elsewhere/x\n")
    os.symlink(tmp_path / "elsewhere", here.file(".lfsconfig"))
    assert found().address == "lfs+https://host/org/repo.git/info/lfs"


def test_no_such_remote(here: Repo) -> None:
    with pytest.raises(UsageError, match="there is no git remote 'nope'"):
        found("nope")


def test_what_was_found_can_be_fetched_from_without_configuration(here: Repo, new_repo, tmp_path: Path) -> None:
    """As a migration does: the objects of a repository that stock git-lfs keeps."""
    run("git", "init", "-q", "--bare", "--template=", tmp_path / "there.git")
    data = b"content of git-lfs"
    oid = run("sha256sum", stdin=data).stdout.split()[0].decode()
    place = tmp_path / "there.git" / "lfs" / "objects" / oid[:2] / oid[2:4]
    place.mkdir(parents=True)
    (place / oid).write_bytes(data)
    here.git("remote", "set-url", "origin", str(tmp_path / "there.git"))
    store = Store(str(tmp_path / "store"), "none")
    result = fetch(locate(), store, [Pointer(oid, len(data))], [found().named()])
    assert result.brought == [oid] and Path(store.path(oid)).read_bytes() == data


def test_the_command_writes_what_was_found(here: Repo, tmp_path: Path) -> None:
    said = here.data("remote", "add", "-d", "lfs", "--lfs")
    assert "by the URL of 'origin'" in said and here.git("config", "-f", ".gitdata", "data.lfs.url") == found().address + "\n"
    here.git("remote", "add", "near", str(tmp_path))
    here.data("remote", "add", "near", "--lfs", "near")
    assert here.git("config", "--local", "data.near.url") == f"lfs+file://{tmp_path}\n", "a path here means nothing elsewhere"
    assert "either URL or --lfs" in here.fails("data", "remote", "add", "x", status=2)
    assert "either URL or --lfs" in here.fails("data", "remote", "add", "x", "lfs+https://h/y", "--lfs", status=2)
    assert "cannot be committed" in here.fails("data", "remote", "add", "x", f"lfs+file://{tmp_path}", status=2)

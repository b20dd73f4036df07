"""What lies behind ``data::https://…`` and ``data::ssh://…``: one look tells a store from a git server, and is remembered."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import Repo, content, run
from servers.git_hosts import CONTENT, GitHost
from servers.git_http import PASSWORD, USER, GitHttp
from servers.sshd import Sshd
from servers.web import Running

from git_data.helper.connect import Place


def kind(repo: Repo) -> str:
    return repo.git("config", "--default", "", "remote.origin.dataKind").split(" ")[0].strip()


@pytest.fixture
def published(repo: Repo) -> bytes:
    """The content of the one file of ``repo``."""
    data = repo.write("data.bin", content(20_000, seed=7))
    repo.commit()
    return data


def test_a_store_on_a_web_server_can_be_cloned(repo: Repo, published: bytes, nginx_static: Running, tmp_path: Path) -> None:
    repo.git("push", "-q", f"data::{nginx_static.root / tmp_path.name}", "main")
    url = f"http://{nginx_static.host}/{tmp_path.name}"
    run("git", "clone", "-q", f"data::{url}", tmp_path / "clone")
    clone = Repo(tmp_path / "clone")
    clone.assert_content({"data.bin": published}, linked=False)
    assert clone.git("config", "remote.origin.dataKind") == f"store {url}\n"


def test_a_look_costs_one_request_and_is_remembered(http_host: GitHost, git_http: GitHttp, tmp_path: Path) -> None:
    git_http.requests.clear()
    repo = http_host.clone(tmp_path / "clone")
    looks = [path for _, path, _ in git_http.requests if path.endswith("/git/format")]
    assert len(looks) == 1
    assert kind(repo) == "server"
    repo.git("fetch", "-q")
    assert looks == [path for _, path, _ in git_http.requests if path.endswith("/git/format")]


def test_what_was_found_at_one_address_says_nothing_of_another(
    repo: Repo, published: bytes, http_host: GitHost, nginx_static: Running, tmp_path: Path
) -> None:
    repo.git("push", "-q", f"data::{nginx_static.root / tmp_path.name}", "main")
    clone = http_host.clone(tmp_path / "clone")
    clone.git("remote", "set-url", "origin", f"data::http://{nginx_static.host}/{tmp_path.name}")
    clone.git("fetch", "-q", "origin")
    assert clone.git("rev-parse", "origin/main") == repo.git("rev-parse", "main")
    assert kind(clone) == "store"


@pytest.mark.parametrize("place", ["status/401", "status/403", "status/404", "status/410", "html", "nowhere"])
def test_what_is_no_store_is_left_to_git(http_host: GitHost, git_http: GitHttp, place: str) -> None:
    url = git_http.url(f"{place}/p.git")
    plain, ours = (run("git", "ls-remote", prefix + url, ok=None) for prefix in ("", "data::"))
    assert (ours.returncode, ours.stderr) == (plain.returncode, plain.stderr)


def test_redirects_are_followed_as_by_git(http_host: GitHost, git_http: GitHttp, tmp_path: Path) -> None:
    url = http_host.url.replace(git_http.host, f"{git_http.host}/moved")
    run("git", "clone", "-q", url, tmp_path / "clone")
    Repo(tmp_path / "clone").assert_content(CONTENT, linked=False)


def test_repositories_that_lie_on_a_web_server_as_files_work(http_host: GitHost, git_http: GitHttp, tmp_path: Path) -> None:
    run("git", "update-server-info", cwd=http_host.origin)
    run("git", "clone", "-q", http_host.url.replace(git_http.host, f"{git_http.host}/dumb"), tmp_path / "clone")
    Repo(tmp_path / "clone").assert_content(CONTENT, linked=False)


def test_a_host_that_is_down_is_not_remembered_as_anything(http_host: GitHost, tmp_path: Path) -> None:
    repo = http_host.clone(tmp_path / "clone")
    repo.git("remote", "set-url", "origin", "data::http://127.0.0.1:1/p.git")
    repo.git("config", "--unset", "remote.origin.dataKind")
    assert "fatal: unable to access 'http://127.0.0.1:1/p.git/'" in repo.fails("fetch", "origin")
    assert kind(repo) == ""


def test_a_server_that_only_git_can_reach_is_remembered_as_soon_as_git_did(
    http_host: GitHost, git_http: GitHttp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    run("git", "config", "--global", "http.proxy", "")  # for git no proxy; for the look one that is down
    repo = http_host.clone(tmp_path / "clone")
    repo.assert_content(CONTENT, linked=False)
    assert kind(repo) == "server"


def test_passwords_come_from_where_git_has_them(http_host: GitHost, git_http: GitHttp, tmp_path: Path) -> None:
    url = http_host.url.replace(git_http.host, f"{git_http.host}/private")
    assert b"could not read Username" in run("git", "clone", url, tmp_path / "refused", ok=(128,)).stderr
    helper = f'!f() {{ test "$1" = get && echo "username={USER}" && echo "password={PASSWORD}"; }}; f'
    run("git", "config", "--global", "credential.helper", helper)
    run("git", "clone", "-q", url, tmp_path / "clone")
    repo = Repo(tmp_path / "clone")
    new = repo.write("new.bin", 10_000)
    commit = repo.commit()
    repo.git("push", "-q")
    assert http_host.refs()["refs/heads/main"] == commit
    assert http_host.has_data(new)


# -- SSH


def test_the_short_form_of_ssh_leads_to_a_git_server(scp_host: GitHost, tmp_path: Path) -> None:
    repo = scp_host.clone(tmp_path / "clone")
    repo.assert_content(CONTENT, linked=False)
    assert kind(repo) == "server"


def test_a_repository_with_a_work_tree_is_a_git_server(
    ssh_host: GitHost, sshd: Sshd, repo: Repo, published: bytes, tmp_path: Path
) -> None:
    run("git", "clone", "-q", "--no-checkout", f"data::{sshd.url(repo.path)}", tmp_path / "clone")
    assert kind(Repo(tmp_path / "clone")) == "server"


def test_the_first_push_to_an_empty_place_over_ssh_makes_a_store(
    repo: Repo, published: bytes, sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_SSH_COMMAND", sshd.command())
    repo.git("remote", "add", "origin", f"data::{sshd.url(tmp_path / 'place')}")
    repo.git("push", "-q", "origin", "main")
    assert kind(repo) == "store"
    run("git", "clone", "-q", f"data::{sshd.url(tmp_path / 'place')}", tmp_path / "clone")
    Repo(tmp_path / "clone").assert_content({"data.bin": published}, linked=False)


def test_a_server_that_sftp_cannot_log_in_to_is_remembered_as_soon_as_git_did(
    ssh_host: GitHost, sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "ssh"
    script.write_text(
        f'#!/bin/sh\ncase "$*" in *" sftp") echo "Permission denied (publickey)." >&2; exit 255;; esac\n{sshd.command()} "$@"\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(script))
    assert kind(ssh_host.clone(tmp_path / "clone")) == "server"


def test_a_server_without_sftp_is_a_git_server(
    ssh_host: GitHost, own_sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_sshd.stop()
    own_sshd.settings = "# no subsystem"
    own_sshd.start()
    monkeypatch.setenv("GIT_SSH_COMMAND", own_sshd.command())
    run("git", "clone", "-q", f"data::{own_sshd.url(ssh_host.origin)}", tmp_path / "clone")
    assert kind(Repo(tmp_path / "clone")) == "server"


@pytest.mark.parametrize(
    ("program", "port", "expected"),
    [
        ("ssh", "", "-o SendEnv=GIT_PROTOCOL user@host git-upload-pack '/a path/p.git'"),
        ("ssh", ":2222", "-o SendEnv=GIT_PROTOCOL -p 2222 user@host git-upload-pack '/a path/p.git'"),
        ("plink", ":2222", "-P 2222 user@host git-upload-pack '/a path/p.git'"),
        ("tortoiseplink", "", "-batch user@host git-upload-pack '/a path/p.git'"),
        ("simple", "", "user@host git-upload-pack '/a path/p.git'"),
    ],
)
def test_ssh_is_started_as_git_starts_it(tmp_path: Path, global_config: Path, program: str, port: str, expected: str) -> None:
    """Of both the same words are seen: git's own transport, and ours."""
    script = tmp_path / program
    script.write_text(f'#!/bin/sh\n[ "$1" = -G ] && exit 1\necho "$@" $GIT_PROTOCOL >> {tmp_path}/said\nexit 1\n')
    script.chmod(0o755)
    run("git", "config", "--global", "core.sshCommand", script)
    run("git", "config", "--global", "remote.known.url", f"data::ssh://user@host{port}/a%20path/p.git")
    run("git", "config", "--global", "remote.known.dataKind", "server")
    place = tmp_path / "repo"
    run("git", "init", "-q", place)
    for remote in (f"ssh://user@host{port}/a%20path/p.git", "known"):
        run("git", "ls-remote", remote, cwd=place, ok=(128,))
    said = (tmp_path / "said").read_text().splitlines()
    assert said[0] == said[1]
    assert said[0].startswith(expected)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("ssh://user@host:22/p.git", ("ssh", "user@host", "22", "/p.git")),
        ("ssh://[::1]:22/~me/p%20q", ("ssh", "::1", "22", "~me/p q")),
        ("git@host:group/p.git", ("ssh", "git@host", "", "group/p.git")),
        ("git@[::1]:~/p.git", ("ssh", "git@::1", "", "~/p.git")),
        ("[git@host:2222]:p.git", ("ssh", "git@host", "2222", "p.git")),
        ("host:/p.git", ("ssh", "host", "", "/p.git")),
        ("git://host:9999/p.git", ("git", "host", "9999", "/p.git")),
        ("/srv/p.git", ("file", "", "", "/srv/p.git")),
        ("file:///srv/p%20q", ("file", "", "", "/srv/p q")),
    ],
)
def test_urls_are_taken_apart_as_by_git(url: str, expected: tuple[str, ...]) -> None:
    place = Place(url)
    assert (place.protocol, place.login, place.port, place.path) == expected


# -- git's rules about transports


def test_a_forbidden_transport_stays_forbidden(path_host: GitHost) -> None:
    said = run("git", "-c", "protocol.file.allow=never", "ls-remote", path_host.url, ok=(128,)).stderr
    assert b"transport 'file' not allowed" in said
    # as for the URL of a submodule
    rules = ["-c", "protocol.data.allow=always", "-c", "protocol.file.allow=user"]
    run("git", *rules, "ls-remote", path_host.url, env={"GIT_PROTOCOL_FROM_USER": "0"}, ok=(128,))


def test_instead_of_works_behind_data(path_host: GitHost) -> None:
    run("git", "config", "--global", f"url.{path_host.origin.parent}/.insteadOf", "git@nowhere.invalid:")
    assert b"refs/heads/main" in run("git", "ls-remote", "data::git@nowhere.invalid:p.git").stdout


def test_an_archive_comes_from_the_server(path_host: GitHost) -> None:
    archive = run("git", "archive", f"--remote={path_host.url}", "main", "readme").stdout
    assert b"hello\n" in archive


# -- settings


@pytest.mark.parametrize("option", ["--no-checkout", "--bare"])
def test_a_clone_made_inside_another_project_does_not_take_its_settings(
    repo: Repo, published: bytes, tmp_path: Path, option: str
) -> None:
    repo.git("push", "-q", f"data::{tmp_path / 'place'}", "main")
    other = tmp_path / "project"
    run("git", "init", "-q", other)
    (other / ".gitdata").write_text(f'[data "elsewhere"]\n\turl = {tmp_path}/place\n\tjobs = nonsense\n')
    done = run("git", "clone", "-q", option, f"data::{tmp_path / 'place'}", "clone", cwd=other)
    assert done.stderr == b""

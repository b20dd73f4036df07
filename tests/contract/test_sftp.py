"""What is special about SFTP, against a real OpenSSH server, through ssh and through paramiko."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import content
from servers.sshd import Sshd

from git_data.errors import AccessDenied, CorruptData, RemoteError, RemoteUnavailable, UsageError
from git_data.remote.address import parse
from git_data.remote.base import Options, Remote, Source
from git_data.remote.registry import open_remote
from git_data.remote.ssh_transport import command_line

LARGE = 96 << 20
Opens = Callable[..., Remote]


def source(data: bytes, **more: object) -> Source:
    return Source(len(data), hashlib.sha256(data).hexdigest(), content=data, **more)  # type: ignore[arg-type]


@pytest.fixture(params=["openssh", "paramiko"])
def opens(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Opens:
    """``opens(server, url=…, key=…, known_hosts=…, config=…)``: a remote, once with each client."""
    monkeypatch.setenv("HOME", str(tmp_path))

    def open_it(
        server: Sshd, url: str = "", key: str = "key", known_hosts: str = "known_hosts", config: str = "", **more: object
    ) -> Remote:
        server.write_home(tmp_path, key, known_hosts, config)
        (tmp_path / "config").write_text(config)
        command = server.command(key, known_hosts, str(tmp_path / "config"))
        options = Options(settings={"sshclient": request.param}, ssh_command=command, **more)  # type: ignore[arg-type]
        return open_remote(parse(url or server.url(tmp_path / "remote")), options)

    return open_it


def test_an_unknown_host_is_refused_with_the_line_to_add(sshd: Sshd, opens: Opens) -> None:
    (sshd.place / "nobody").write_text("")
    with pytest.raises(AccessDenied) as caught:
        opens(sshd, known_hosts="nobody").stat("key")
    assert "not known" in caught.value.message
    assert "~/.ssh/known_hosts" in caught.value.hint and str(sshd.port) in caught.value.hint
    assert "ssh-keyscan" in caught.value.hint or sshd.line_of("host_key.pub").strip() in caught.value.hint


def test_the_line_to_add_names_the_host_itself_not_its_alias(sshd: Sshd, opens: Opens) -> None:
    (sshd.place / "nobody").write_text("")
    alias = f"Host box\n  HostName 127.0.0.1\n  Port {sshd.port}\n  User {sshd.user}\n"
    with pytest.raises(AccessDenied) as caught:
        opens(sshd, "box:data", known_hosts="nobody", config=alias).stat("key")
    assert "127.0.0.1" in caught.value.hint and str(sshd.port) in caught.value.hint and "box" not in caught.value.hint


def test_a_host_whose_key_changed_is_refused_loudly(sshd: Sshd, opens: Opens) -> None:
    (sshd.place / "changed").write_text(sshd.line_of("other_host_key.pub"))
    with pytest.raises(AccessDenied) as caught:
        opens(sshd, known_hosts="changed").stat("key")
    assert "HAS CHANGED" in caught.value.message
    assert f"ssh-keygen -R '[127.0.0.1]:{sshd.port}'" in caught.value.hint


def test_a_key_that_may_not_log_in_is_said_so(sshd: Sshd, opens: Opens) -> None:
    with pytest.raises(AccessDenied) as caught:
        opens(sshd, key="other_key").stat("key")
    assert "accepts none of the keys" in caught.value.message and "ssh-copy-id" in caught.value.hint


def test_a_server_that_is_not_there_may_be_another_time(own_sshd: Sshd, opens: Opens) -> None:
    own_sshd.stop()
    with pytest.raises(RemoteUnavailable) as caught:
        opens(own_sshd).stat("key")
    assert "refused" in caught.value.message.lower() or "unable to connect" in caught.value.message.lower()


def test_a_server_without_sftp_is_named(own_sshd: Sshd, opens: Opens) -> None:
    own_sshd.stop()
    own_sshd.settings = "Subsystem something /bin/false"
    own_sshd.start()
    with pytest.raises(RemoteError) as caught:
        opens(own_sshd).stat("key")
    assert "SFTP" in caught.value.message and not caught.value.retryable


def test_a_connection_cut_in_an_upload_leaves_nothing_under_the_name(own_sshd: Sshd, opens: Opens) -> None:
    remote = opens(own_sshd)
    data = content(24 << 20)
    sent = [0]

    def cut(size: int) -> None:
        sent[0] += size
        if sent[0] > 8 << 20 > sent[0] - size:
            own_sshd.cut()

    with pytest.raises(RemoteUnavailable):
        remote.put("objects/large", source(data, sent=cut))
    assert remote.stat("objects/large") is None
    remote.put("objects/large", source(data))
    assert b"".join(remote.get("objects/large")) == data
    remote.close()


def test_a_connection_cut_in_a_download_is_no_end_of_the_content(own_sshd: Sshd, opens: Opens) -> None:
    remote = opens(own_sshd)
    remote.put("objects/large", source(content(64 << 20)))
    pieces = remote.get("objects/large")
    next(pieces)
    own_sshd.cut()
    with pytest.raises(RemoteUnavailable):
        list(pieces)
    assert remote.stat("objects/large") is not None
    remote.close()


def test_a_server_that_falls_silent_is_given_up(own_sshd: Sshd, opens: Opens) -> None:
    remote = opens(own_sshd, idle_s=1.0)
    assert remote.stat("key") is None
    own_sshd.signal(signal.SIGSTOP)
    try:
        with pytest.raises(RemoteUnavailable):
            remote.stat("key")
    finally:
        own_sshd.signal(signal.SIGCONT)
        remote.close()


_UPLOAD = """
import os, signal, sys
from git_data.remote.address import parse
from git_data.remote.base import Options, Source
from git_data.remote.registry import open_remote
url, command, scratch, path, size, oid = sys.argv[1:]
total = 0
def sent(count):
    global total
    total += count
    if total > 64 << 20:
        os.kill(os.getpid(), signal.SIGKILL)
remote = open_remote(parse(url), Options(scratch=scratch, ssh_command=command, settings={"sshclient": "openssh"}))
remote.put("objects/large", Source(int(size), oid, path, sent=sent))
"""


@pytest.fixture
def killed(sshd: Sshd, tmp_path: Path) -> bytes:
    """The content of an upload that was killed when two thirds of it were sent."""
    data = content(LARGE)
    (tmp_path / "file").write_bytes(data)
    arguments = [sshd.url(tmp_path / "remote"), sshd.command(), tmp_path / "scratch", tmp_path / "file", LARGE]
    words = [*map(str, arguments), hashlib.sha256(data).hexdigest()]
    assert subprocess.run([sys.executable, "-c", _UPLOAD, *words]).returncode == -signal.SIGKILL
    return data


def test_a_killed_upload_is_gone_on_with(sshd: Sshd, opens: Opens, killed: bytes, tmp_path: Path) -> None:
    assert not (tmp_path / "remote" / "objects" / "large").exists()
    remote = opens(sshd, scratch=str(tmp_path / "scratch"))
    assert remote.stat("objects/large") is None and list(remote.list("")) == []
    oid = hashlib.sha256(killed).hexdigest()
    before = remote.requests
    remote.put("objects/large", Source(LARGE, oid, str(tmp_path / "file")))
    resumed = remote.requests - before
    assert b"".join(remote.get("objects/large")) == killed
    before = remote.requests
    remote.put("objects/again", Source(LARGE, oid, str(tmp_path / "file")))
    assert resumed < 0.7 * (remote.requests - before)
    assert os.listdir(tmp_path / "remote" / "tmp") == [] and os.listdir(tmp_path / "scratch") == []
    remote.close()


def test_what_changed_after_a_kill_is_not_completed(sshd: Sshd, opens: Opens, killed: bytes, tmp_path: Path) -> None:
    oid = hashlib.sha256(killed).hexdigest()
    with open(tmp_path / "file", "r+b") as file:
        file.write(b"something else")
    remote = opens(sshd, scratch=str(tmp_path / "scratch"))
    with pytest.raises(CorruptData):
        remote.put("objects/large", Source(LARGE, oid, str(tmp_path / "file")))
    assert remote.stat("objects/large") is None
    remote.close()
    assert os.listdir(tmp_path / "remote" / "tmp") == []


def test_a_server_that_allows_nothing_but_sftp_will_do(own_sshd: Sshd, opens: Opens, tmp_path: Path) -> None:
    own_sshd.stop()
    home = tmp_path / "login"
    home.mkdir()
    own_sshd.settings = f"Subsystem sftp internal-sftp\nForceCommand internal-sftp -d {home}\nAllowTcpForwarding no"
    own_sshd.start()
    remote = opens(own_sshd)
    remote.put("some/key", source(b"content"))
    assert remote.read("some/key")[0] == b"content"
    remote.close()
    alias = f"Host box\n  HostName 127.0.0.1\n  Port {own_sshd.port}\n  User {own_sshd.user}\n"
    for url, place in [("box:short/form", "short/form"), ("box:~/home", "home"), ("ssh://box/~/data", "data"), ("box:", "")]:
        remote = opens(own_sshd, url, config=alias)
        remote.put("some/key", source(b"content"))
        assert (home / place / "some" / "key").read_bytes() == b"content"
        remote.close()


def test_a_server_without_extensions_will_do(own_sshd: Sshd, opens: Opens, tmp_path: Path) -> None:
    own_sshd.stop()
    own_sshd.settings = "Subsystem sftp internal-sftp -P posix-rename,hardlink,fsync,limits,statvfs"
    own_sshd.start()
    remote = opens(own_sshd)
    large = content(3 << 20)
    remote.put("some/key", source(large))
    assert b"".join(remote.get("some/key")) == large
    assert list(remote.get_many([("some/key", len(large))])) == [large]
    remote.put("some/key", source(b"new"))
    assert remote.read("some/key")[0] == b"new"
    assert remote.create("git/first", b"mine") is True
    assert remote.create("git/first", b"yours") is False
    assert remote.read("git/first")[0] == b"mine"
    assert os.listdir(tmp_path / "remote" / "tmp") == []
    remote.close()


def test_jump_hosts_are_gone_through(sshd: Sshd, opens: Opens, tmp_path: Path) -> None:
    known = (sshd.place / "known_hosts").read_text()
    (sshd.place / "for_jumps").write_text(known + known.replace("127.0.0.1", "localhost"))
    # ssh starts another ssh for a jump, which knows the file of settings, but not the options beside it
    common = (
        f"Host *\n  IdentityFile {sshd.key}\n  UserKnownHostsFile {sshd.place}/for_jumps\n"
        "  IdentitiesOnly yes\n  StrictHostKeyChecking yes\n"
    )
    config = f"Host last\n  HostName 127.0.0.1\n  Port {sshd.port}\n  ProxyJump {sshd.user}@localhost:{sshd.port}\n"
    remote = opens(sshd, f"ssh://{sshd.user}@last{tmp_path}/remote", known_hosts="for_jumps", config=config + common)
    remote.put("some/key", source(b"content"))
    assert remote.read("some/key")[0] == b"content"
    remote.close()


@pytest.mark.parametrize("url", ["ssh://-oProxyCommand=touch%20here/x", "ssh://-oProxyCommand=x@host/y", "-oProxyCommand=x:path"])
def test_no_host_is_an_option_of_ssh(url: str) -> None:
    with pytest.raises(UsageError):
        parse(url)


def test_the_host_comes_after_the_end_of_options() -> None:
    words = command_line(parse("ssh://me@host:2222/path"), Options())
    assert words[-3:] == ["--", "host", "sftp"] and words[0] == "ssh" and "-oBatchMode=yes" in words


def test_the_directory_of_another_user_cannot_be_found() -> None:
    with pytest.raises(UsageError):
        open_remote(parse("ssh://host/~other/data"), Options())


def test_links_lead_to_directories_but_are_no_objects(sshd: Sshd, opens: Opens, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file").write_bytes(b"content")
    (tmp_path / "remote").mkdir()
    (tmp_path / "remote" / "objects").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "remote" / "link").symlink_to(tmp_path / "elsewhere" / "file")
    remote = opens(sshd)
    assert [entry.key for entry in remote.list("")] == ["objects/file"]
    assert remote.read("objects/file")[0] == b"content"
    assert remote.stat("link") is None
    with pytest.raises(RemoteError):
        remote.read("link")
    remote.close()


def test_old_temporaries_are_swept_and_young_ones_kept(sshd: Sshd, opens: Opens, tmp_path: Path) -> None:
    place = tmp_path / "remote" / "tmp"
    place.mkdir(parents=True)
    for name in ("git-data-tmp-old", "git-data-tmp-young", "of-somebody-else"):
        (place / name).write_text("")
    os.utime(place / "git-data-tmp-old", (0, 0))
    os.utime(place / "of-somebody-else", (0, 0))
    remote = opens(sshd)
    remote.put("key", source(b"content"))
    remote.close()
    assert sorted(os.listdir(place)) == ["git-data-tmp-young", "of-somebody-else"]


@pytest.mark.parametrize("key", ["../up", "/etc/passwd", "a//b", "a/../../b", "", "a/\0b"])
def test_keys_never_lead_out(sshd: Sshd, opens: Opens, key: str) -> None:
    remote = opens(sshd)
    with pytest.raises(RemoteError):
        remote.stat(key)
    with pytest.raises(RemoteError):
        list(remote.get(key))
    with pytest.raises(RemoteError):
        remote.put(key, source(b"content"))


def test_what_may_not_be_read_is_refused_with_its_path(own_sshd: Sshd, opens: Opens, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way of a directory")
    remote = opens(own_sshd, own_sshd.url(tmp_path / "file" / "remote"))
    with pytest.raises(RemoteError) as caught:
        remote.put("key", source(b"content"))
    assert str(tmp_path / "file") in caught.value.message and not caught.value.retryable
    remote.close()

"""What fsspec's file systems and FTP add to the contract: missing packages, logins, places that are not there."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import content
from servers.azurite import KEY, Azurite
from servers.web import Running, free_port

from git_data.errors import AccessDenied, GitDataError, NotOnRemote, RemoteError, RemoteUnavailable, UsageError
from git_data.remote.address import parse
from git_data.remote.base import Options, Source
from git_data.remote.fsspec_errors import translated
from git_data.remote.fsspec_schemes import NETWORK, SCHEMES
from git_data.remote.registry import BACKENDS, check_scheme, open_remote

_CAUGHT = """
import sys
def caught(kind, error, trace):
    print(error.message, error.hint, sep="\\n")
    sys.stdout.flush()
    __import__("os")._exit(error.exit_code)
sys.excepthook = caught
"""


def source(data: bytes) -> Source:
    return Source(len(data), hashlib.sha256(data).hexdigest(), content=data)


# -- schemes


@pytest.mark.parametrize(
    ("url", "package", "command"),
    [
        ("gs://bucket/x", "gcsfs", "pip install 'git-data[gs]'"),
        ("az://container/x", "adlfs", "pip install 'git-data[azure]'"),
        ("oss://bucket/x", "ossfs", "pip install 'git-data[oss]'"),
        ("hf://datasets/me/x", "huggingface_hub", "pip install 'git-data[hf]'"),
        ("hdfs://host/x", "pyarrow", "pip install 'git-data[hdfs]'"),
    ],
)
def test_a_missing_package_is_named_with_the_command(url: str, package: str, command: str) -> None:
    program = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "from git_data.remote import address, base, registry\n"
        f"registry.open_remote(address.parse({url!r}), base.Options()).stat('layout')\n"
    )
    done = subprocess.run([sys.executable, "-c", f"{_CAUGHT}\n{program}"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and url.partition(":")[0] + "://" in done.stdout and done.stdout.endswith(f"{command}\n")


@pytest.mark.parametrize(("scheme", "meant"), [("gss", "'gs://'"), ("azz", "'az://'"), ("webhdf", "'webhdfs://'"), ("s4", "s3")])
def test_an_unknown_scheme_says_what_was_meant(scheme: str, meant: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_scheme(scheme)
    assert meant in caught.value.message + caught.value.hint


@pytest.mark.parametrize("scheme", ["local", "zip", "filecache", "reference", "github", "data", "dir"])
def test_what_is_no_place_for_data(scheme: str) -> None:
    with pytest.raises(UsageError):
        check_scheme(scheme)


def test_schemes_have_one_backend() -> None:
    assert not set(SCHEMES) & set(BACKENDS) and "memory" not in NETWORK


# -- Azure


def test_a_wrong_key_is_no_access(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", azurite.connection.replace(KEY, "d3Jvbmc="))
    with pytest.raises(AccessDenied) as caught:
        open_remote(parse(azurite.url()), Options()).stat("layout")
    assert "az login" in caught.value.hint and "d3Jvbmc=" not in caught.value.message


def test_no_credentials_is_no_access(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_STORAGE_CONNECTION_STRING")
    with pytest.raises(AccessDenied):
        open_remote(parse(azurite.url()), Options()).stat("layout")


def test_a_container_that_is_not_there_is_said_so_when_writing(azurite: Azurite) -> None:
    remote = open_remote(parse("az://nobody-made-this/x"), Options())
    assert remote.stat("layout") is None
    with pytest.raises(RemoteError) as caught:
        remote.put("key", source(b"data"))
    assert not isinstance(caught.value, NotOnRemote) and "make it" in caught.value.hint


def test_an_upload_that_broke_off_does_not_replace_what_was_there(azurite: Azurite) -> None:
    remote = open_remote(parse(azurite.url()), Options())
    remote.put("key", source(b"first"))
    data = content(20 << 20)
    with pytest.raises(GitDataError):
        remote.put("key", Source(len(data), "0" * 64, content=data))
    assert remote.read("key")[0] == b"first"


# -- FTP


def test_a_wrong_password_is_no_access(ftp_login: Running) -> None:
    path = Path(os.environ["NETRC"])
    path.write_text("machine 127.0.0.1 login alice password wrong\n")
    with pytest.raises(AccessDenied) as caught:
        open_remote(parse(f"ftp://{ftp_login.host}/x"), Options()).stat("layout")
    assert "~/.netrc" in caught.value.hint and "wrong" not in caught.value.message


def test_a_password_is_not_sent_without_encryption(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine far.example.com login alice password hunter2\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with pytest.raises(AccessDenied) as caught:
        open_remote(parse("ftp://far.example.com/x"), Options(name="far")).stat("layout")
    assert "ftps://" in caught.value.hint and "data.far.allowplainhttp" in caught.value.hint


def test_a_server_that_is_not_there_may_come_back() -> None:
    with pytest.raises(RemoteUnavailable):
        open_remote(parse(f"ftp://127.0.0.1:{free_port()}/x"), Options(idle_s=5)).stat("layout")


def test_an_upload_to_ftp_leaves_no_temporary(ftp_login: Running, tmp_path: Path) -> None:
    remote = open_remote(parse(f"ftp://{ftp_login.host}/{tmp_path.name}"), Options())
    remote.put("a/b", source(b"data"))
    with pytest.raises(GitDataError):
        remote.put("a/c", Source(4, "0" * 64, content=b"data"))
    assert [entry.key for entry in remote.list("tmp/")] == []
    assert [entry.key for entry in remote.list("")] == ["a/b"]
    remote.close()


# -- errors of libraries


class ResourceNotFoundError(Exception):
    pass


class HttpError(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(f"GET https://me:hunter2@host/x?sig=hunter2 gave {status}")
        self.status_code = status


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (FileNotFoundError("x"), NotOnRemote),
        (ResourceNotFoundError("x"), NotOnRemote),
        (HttpError(404), NotOnRemote),
        (HttpError(403), AccessDenied),
        (HttpError(401), AccessDenied),
        (PermissionError("x"), AccessDenied),
        (HttpError(429), RemoteUnavailable),
        (HttpError(503), RemoteUnavailable),
        (TimeoutError(), RemoteUnavailable),
        (ConnectionResetError("x"), RemoteUnavailable),
        (EOFError(), RemoteUnavailable),
        (HttpError(400), RemoteError),
        (ValueError("x"), RemoteError),
    ],
)
def test_errors_of_libraries_are_ours(error: Exception, kind: type[GitDataError]) -> None:
    found = translated(error, "key", "reading", "az://container/x")
    assert type(found) is kind and "hunter2" not in found.message

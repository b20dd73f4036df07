"""``rclone serve ftp`` of the session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from servers.web import Running, rclone

USER, PASSWORD = "alice", "pass word:1"


@pytest.fixture(scope="session")
def rclone_ftp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """FTP by rclone, with a login."""
    options = ("--user", USER, "--pass", PASSWORD)
    with rclone("ftp", tmp_path_factory.mktemp("rclone") / "ftp", *options) as running:
        yield running


@pytest.fixture
def ftp_login(rclone_ftp: Running, tmp_path, monkeypatch: pytest.MonkeyPatch) -> Running:
    """The server, and its password where programs look for it."""
    netrc = tmp_path / "netrc"
    netrc.write_text(f'machine 127.0.0.1 login {USER} password "{PASSWORD}"\n')
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    return rclone_ftp

"""Parsing what LFS servers say: git-lfs-transfer's packets, times, and addresses."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from git_data.errors import RemoteError
from git_data.git.pktline import FLUSH, encode
from git_data.remote.address import parse
from git_data.remote.lfs import api_url
from git_data.remote.lfs_api import end_s, rfc3339
from git_data.remote.lfs_pure import path_for
from git_data.remote.lfs_transfer import DELIM, NoSuchProtocol, Session
from git_data.remote.ssh_errors import Failure
from git_data.sync.session import _by_address

GREETING = encode(b"version=1\n") + encode(b"locking\n") + FLUSH
AGREED = encode(b"status 200\n") + FLUSH


class Stream:
    """What a server says, and how its command ends."""

    def __init__(self, said: bytes, words: str = "", status: int = 0) -> None:
        self.said = said
        self.failure = Failure(parse("lfs+ssh://host/x"), words, status)
        self.sent = b""

    def write(self, data: bytes) -> None:
        self.sent += data

    def read(self, size: int) -> bytes:
        data, self.said = self.said[:7], self.said[7:]
        return data

    def end(self) -> Failure:
        return self.failure

    def lost(self) -> RemoteError:
        return RemoteError("lost")

    def is_alive(self) -> bool:
        return bool(self.said)

    def close(self) -> None:
        return


def session(*said: bytes) -> Session:
    return Session(Stream(GREETING + AGREED + b"".join(said)), "url")


def test_a_conversation() -> None:
    one = session(
        encode(b"status 200\n") + encode(b"hash-algo=sha256\n") + DELIM + encode(b"a 1 noop\n") + encode(b"b 2 noop\n") + FLUSH,
        encode(b"status 200\n") + encode(b"size=6\n") + DELIM + encode(b"abc") + encode(b"def") + FLUSH,
        encode(b"status 404\n") + DELIM + encode(b"message gone\x1b\n") + FLUSH,
    )
    assert "locking" in one.capabilities
    answer = one.ask("batch", ["transfer=ssh"], ["a 1", "b 2"])
    assert (answer.ok, answer.arguments, answer.lines) == (True, {"hash-algo": "sha256"}, ["a 1 noop", "b 2 noop"])
    answer, content = one.get("get-object a")
    assert answer.arguments == {"size": "6"} and not one.is_sound and b"".join(content) == b"abcdef" and one.is_sound
    answer, content = one.get("get-object b")
    assert (answer.status, answer.said, list(content)) == (404, "gone\\x1b", []) and one.is_sound


@pytest.mark.parametrize(
    ("said", "status"), [(b"Welcome to the shell\n", 0), (b"", 127), (b"", 1), (b"<html>", 0)], ids=["shell", "none", "no", "web"]
)
def test_who_does_not_speak_it_is_told_from_who_cannot_be_reached(said: bytes, status: int) -> None:
    with pytest.raises(NoSuchProtocol):
        Session(Stream(said, "sh: not found", status), "url")
    with pytest.raises(RemoteError) as caught:
        Session(Stream(b"", "ssh: connect to host x port 22: Connection refused", 255), "url")
    assert not isinstance(caught.value, NoSuchProtocol) and caught.value.retryable


@given(st.lists(st.sampled_from([FLUSH, DELIM, encode(b"status 200\n"), encode(b"x"), b"0003", b"fff0", b"zz", b"\xff"])))
@settings(max_examples=200, deadline=None)
def test_whatever_a_server_says_is_an_answer_or_an_error(said: list[bytes]) -> None:
    try:
        one = session(*said)
        one.ask("batch", [], [])
        list(one.get("get-object a")[1])
    except RemoteError:
        return


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:01:00Z", 60),
        ("1970-01-01T01:00:00.123456789+01:00", 0),
        ("2016-11-10T15:29:07Z", 1478791747),
        ("0001-01-01T00:00:00Z", 0),
        ("2016-13-10T15:29:07Z", 0),
        ("tomorrow", 0),
        ("", 0),
    ],
)
def test_times(text: str, seconds: float) -> None:
    assert rfc3339(text) == seconds


def test_when_something_expires() -> None:
    now = time.monotonic()
    assert end_s(60, "2016-11-10T15:29:07Z", now, time.time()) == now + 60, "expires_in comes first"
    assert 0 < end_s(None, "2016-11-10T15:29:07Z", now, time.time()) < now, "it is over"
    for expires_in, expires_at in ((0, ""), (None, None), ("soon", 7), (None, "0001-01-01T00:00:00Z"), (True, "")):
        assert end_s(expires_in, expires_at, now, time.time()) == 0
    assert end_s(10**30, "", now, time.time()) < now + 2**32


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("lfs+https://host/org/repo.git", "https://host/org/repo.git/info/lfs"),
        ("lfs+https://host:8443/org/repo.git/", "https://host:8443/org/repo.git/info/lfs"),
        ("lfs+http://host/org/repo.git/info/lfs", "http://host/org/repo.git/info/lfs"),
        ("lfs+https://me@host/some/path", "https://host/some/path"),
    ],
)
def test_where_the_api_is(address: str, url: str) -> None:
    assert api_url(parse(address)) == url


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("lfs+ssh://git@host/org/repo.git", "/org/repo.git"),
        ("lfs+ssh://git@host/./org/repo.git", "org/repo.git"),
        ("lfs+ssh://host/~me/repo", "~me/repo"),
    ],
)
def test_what_ssh_is_told(address: str, path: str) -> None:
    assert path_for(parse(address)) == path


def test_two_ways_to_one_server_are_one_place() -> None:
    ways = [
        "lfs+https://host/org/repo.git", "lfs+https://me@HOST:8443/org/repo.git/info/lfs", "lfs+ssh://git@host/org/repo.git",
        "lfs+ssh://git@host:2222/./org/repo",
    ]  # fmt: skip
    assert len({_by_address(way) for way in ways}) == 1
    assert _by_address("lfs+https://host/org/other.git") != _by_address(ways[0])

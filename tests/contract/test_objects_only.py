"""What every remote must do that holds objects and nothing else (``traits.objects_only``)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from helpers import content
from remotes import OBJECTS_ONLY, Opener

from git_data.errors import CorruptData, NotOnRemote, RemoteError
from git_data.remote.base import Remote, Source
from git_data.remote.layout import object_key


@pytest.fixture(params=list(OBJECTS_ONLY))
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    with OBJECTS_ONLY[request.param](request, tmp_path) as opener:
        yield opener


@pytest.fixture
def remote(opener: Opener) -> Iterator[Remote]:
    remote = opener()
    yield remote
    remote.close()


def oid(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def key(data: bytes) -> str:
    return object_key(oid(data))


def source(data: bytes) -> Source:
    return Source(len(data), oid(data), content=data)


def test_what_was_put_comes_back_to_anybody(remote: Remote, opener: Opener) -> None:
    objects = [content(size) for size in (1, 10_000, (9 << 20) + 17)]
    for data in objects:
        remote.put(key(data), source(data))
        remote.put(key(data), source(data))
    other = opener()
    other.announce([(key(data), len(data)) for data in objects])
    for data in objects:
        assert b"".join(other.get(key(data))) == data
        entry = other.stat(key(data))
        assert entry is not None and entry.size == len(data)
    assert b"".join(other.get(key(objects[1]), 4000, 500)) == objects[1][4000:4500]
    assert b"".join(other.get(key(objects[1]), 9990)) == objects[1][9990:]
    other.close()


def test_many_at_once_by_many_at_once(remote: Remote) -> None:
    groups = [[content(200) for _ in range(30)] for _ in range(5)]
    remote.announce([(key(data), 200) for group in groups for data in group], writing=True)
    with ThreadPoolExecutor(5) as pool:
        sent = list(pool.map(lambda group: list(remote.put_many([(key(data), source(data)) for data in group])), groups))
        remote.flush()
        fetched = list(pool.map(lambda group: list(remote.get_many([(key(data), 200) for data in group])), groups))
    assert sent == [[None] * 30] * 5 and fetched == groups


def test_what_is_not_there(remote: Remote) -> None:
    here, gone = content(100), content(100)
    remote.put(key(here), source(here))
    found = remote.find_many([(key(here), 100), (key(gone), 100)])
    assert [entry is not None for entry in found] == [True, False]
    there, error = remote.get_many([(key(here), 100), (key(gone), 100)])
    assert there == here and isinstance(error, NotOnRemote)
    with pytest.raises(NotOnRemote):
        list(remote.get(key(gone)))
    assert remote.stat(key(gone)) is None and remote.stat("layout") is None


def test_content_that_is_not_what_its_name_says_never_arrives(remote: Remote) -> None:
    data = content(3 << 20)
    with pytest.raises((CorruptData, RemoteError)):
        remote.put(key(data), Source(len(data), oid(data), content=content(3 << 20)))
    assert remote.find_many([(key(data), len(data))])[0] is None


def test_what_cannot_be_done_is_refused(remote: Remote) -> None:
    assert remote.traits.objects_only and remote.traits.listing == "none"
    with pytest.raises(RemoteError, match="cannot be listed"):
        list(remote.list(""))
    with pytest.raises(RemoteError, match="deletes nothing"):
        remote.delete([key(b"x")])
    for name in ("layout", "projects/abc", "git/format", "../../etc/passwd"):
        with pytest.raises(RemoteError):
            remote.put(name, source(b"x"))

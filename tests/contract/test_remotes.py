"""What every remote must do, whatever it is made of (``git_data.remote.base``)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from helpers import content
from remotes import KINDS, Opener

from git_data.errors import CorruptData, GitDataError, NotOnRemote, RemoteError
from git_data.remote.base import Entry, Remote, Source

MANY = 300


@pytest.fixture(params=list(KINDS))
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    with KINDS[request.param](request, tmp_path) as opener:
        yield opener


@pytest.fixture
def remote(opener: Opener) -> Iterator[Remote]:
    remote = opener()
    yield remote
    remote.close()


def source(data: bytes, path: Path | None = None) -> Source:
    if path is not None:
        path.write_bytes(data)
    return Source(len(data), hashlib.sha256(data).hexdigest(), str(path) if path else "", content=None if path else data)


def key_of(data: bytes) -> str:
    oid = hashlib.sha256(data).hexdigest()
    return f"objects/sha256/{oid[:2]}/{oid}"


def fetched(remote: Remote, key: str, start: int = 0, length: int | None = None) -> bytes:
    return b"".join(remote.get(key, start, length))


@pytest.mark.parametrize("size", [1, 10_000, 1 << 20, (9 << 20) + 17])
def test_what_was_put_comes_back(remote: Remote, opener: Opener, tmp_path: Path, size: int) -> None:
    data = content(size)
    remote.put(key_of(data), source(data, tmp_path / "file"))
    assert fetched(remote, key_of(data)) == data
    other = opener()
    assert fetched(other, key_of(data)) == data
    other.close()


def test_content_in_memory_can_be_put(remote: Remote) -> None:
    data = content(5000)
    remote.put("some/key", source(data))
    assert fetched(remote, "some/key") == data


def test_a_large_object_comes_back(remote: Remote, tmp_path: Path) -> None:
    data = content(40 << 20)
    remote.put(key_of(data), source(data, tmp_path / "file"))
    assert hashlib.sha256(fetched(remote, key_of(data))).digest() == hashlib.sha256(data).digest()
    entry = remote.stat(key_of(data))
    assert entry is not None and entry.size == len(data)


@pytest.mark.parametrize(("start", "length"), [(0, 1), (1, None), (4000, 500), (9_999, 1), (9_990, None)])
def test_a_part_of_an_object_can_be_read(remote: Remote, start: int, length: int | None) -> None:
    if not remote.traits.ranges:
        pytest.skip("this kind of remote cannot begin in the middle, and says so")
    data = content(10_000)
    remote.put("object", source(data))
    assert fetched(remote, "object", start, length) == data[start:][:length]


def test_a_reader_may_stop_early(remote: Remote, tmp_path: Path) -> None:
    data = content(8 << 20)
    remote.put("object", source(data, tmp_path / "file"))
    for _ in range(5):
        pieces = remote.get("object")
        assert data.startswith(next(pieces))
        pieces.close()  # type: ignore[attr-defined]
    assert fetched(remote, "object") == data


def test_what_is_not_there_is_said_so(remote: Remote) -> None:
    assert remote.stat("objects/nothing") is None
    with pytest.raises(NotOnRemote):
        fetched(remote, "objects/nothing")
    with pytest.raises(NotOnRemote):
        remote.read("nothing")
    answers = remote.get_many([("objects/nothing", 5)])
    assert isinstance(answers[0], NotOnRemote)
    assert list(remote.list("objects/")) == []


def test_sizes_and_times_are_known(remote: Remote) -> None:
    remote.put("first", source(b"x" * 777))
    entry = remote.stat("first")
    assert isinstance(entry, Entry) and (entry.key, entry.size) == ("first", 777)
    if remote.traits.listing != "none":
        assert [(found.key, found.size) for found in remote.list("")] == [("first", 777)]


def test_a_listing_has_everything_below_a_prefix_and_nothing_else(remote: Remote) -> None:
    if remote.traits.listing == "none":
        pytest.skip("this kind of remote has no listings, and says so")
    keys = ["objects/sha256/aa/1", "objects/sha256/aa/2", "objects/sha256/ab/3", "objects-not/4", "layout"]
    for key in keys:
        remote.put(key, source(key.encode()))
    assert sorted(entry.key for entry in remote.list("")) == sorted(keys)
    assert sorted(entry.key for entry in remote.list("objects/")) == keys[:3]
    assert sorted(entry.key for entry in remote.list("objects/sha256/aa/")) == keys[:2]
    assert {entry.key: entry.size for entry in remote.list("objects/")} == {key: len(key) for key in keys[:3]}
    assert list(remote.list("nowhere/")) == []


def test_many_small_objects_in_one_call(remote: Remote, opener: Opener) -> None:
    contents = [content(100 + number) for number in range(MANY)]
    outcome = remote.put_many([(key_of(data), source(data)) for data in contents])
    assert list(outcome) == [None] * MANY
    other = opener()
    wanted = [(key_of(data), len(data)) for data in contents]
    assert list(other.get_many(wanted)) == contents
    assert [entry.size if entry else None for entry in other.stat_many([key for key, _ in wanted])] == [len(d) for d in contents]
    if other.traits.listing != "none":
        assert {entry.key for entry in other.list("objects/")} == {key for key, _ in wanted}
    other.close()


def test_in_one_call_what_is_missing_does_not_harm_the_others(remote: Remote) -> None:
    remote.put("a", source(b"one"))
    remote.put("c", source(b"three"))
    answers = remote.get_many([("a", 3), ("b", 3), ("c", 5)])
    assert answers[0] == b"one" and isinstance(answers[1], GitDataError) and answers[2] == b"three"
    assert [entry is not None for entry in remote.stat_many(["a", "b", "c"])] == [True, False, True]


def test_an_object_larger_than_expected_is_cut_off(remote: Remote) -> None:
    remote.put("huge", source(content(900_000)))
    answer = remote.get_many([("huge", 100)])[0]
    assert isinstance(answer, bytes) and len(answer) <= 101


def test_content_that_changed_is_never_sent(remote: Remote) -> None:
    data = content(3 << 20)
    claimed = Source(len(data), hashlib.sha256(b"something else").hexdigest(), content=data)
    with pytest.raises(CorruptData):
        remote.put("objects/wrong", claimed)
    assert remote.stat("objects/wrong") is None
    assert isinstance(remote.put_many([("objects/wrong", claimed)])[0], CorruptData)
    assert remote.stat("objects/wrong") is None
    remote.put("objects/right", source(data))
    assert fetched(remote, "objects/right") == data


def test_put_replaces(remote: Remote) -> None:
    remote.put("key", source(b"old and long"))
    remote.put("key", source(b"new"))
    assert fetched(remote, "key") == b"new"


def test_delete_takes_away_and_does_not_mind_what_is_gone(remote: Remote) -> None:
    for key in ("x/1", "x/2", "y/3"):
        remote.put(key, source(b"data"))
    remote.delete(["x/1", "x/2", "never/was"])
    assert [remote.stat(key) is not None for key in ("x/1", "x/2", "y/3")] == [False, False, True]


def test_small_objects_are_read_whole_or_refused(remote: Remote) -> None:
    remote.put("layout", source(b"layout 1\n"))
    assert remote.read("layout")[0] == b"layout 1\n"
    with pytest.raises(RemoteError):
        remote.read("layout", limit=3)


def test_create_never_overwrites(remote: Remote) -> None:
    assert remote.create("git/first", b"mine") is True
    assert remote.create("git/first", b"yours") is False
    assert remote.read("git/first")[0] == b"mine"


def test_of_many_who_create_at_once_one_wins(opener: Opener) -> None:
    first = opener()
    if not first.traits.create:
        pytest.skip("this kind of remote cannot create atomically, and says so")
    first.put("warm", source(b"up"))
    remotes = [opener() for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda pair: pair[1].create("git/lock", b"%d" % pair[0]), enumerate(remotes)))
    assert won.count(True) == 1
    assert first.read("git/lock")[0] == b"%d" % won.index(True)
    for remote in [first, *remotes]:
        remote.close()


def test_of_many_who_swap_at_once_one_wins(opener: Opener) -> None:
    first = opener()
    if not first.traits.swap:
        pytest.skip("this kind of remote cannot swap atomically, and says so")
    first.put("git/manifest", source(b"start"))
    tag = first.read("git/manifest")[1]
    remotes = [opener() for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda pair: pair[1].swap("git/manifest", b"%d" % pair[0], tag), enumerate(remotes)))
    assert won.count(True) == 1
    assert first.read("git/manifest")[0] == b"%d" % won.index(True)
    assert first.swap("git/manifest", b"late", tag) is False
    assert first.swap("git/manifest", b"next", first.read("git/manifest")[1]) is True
    for remote in [first, *remotes]:
        remote.close()


def test_many_threads_may_use_one_remote(remote: Remote) -> None:
    contents = [content(20_000 + number) for number in range(64)]

    def work(data: bytes) -> bool:
        remote.put(key_of(data), source(data))
        return fetched(remote, key_of(data)) == data and remote.stat(key_of(data)) is not None

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(work, contents))


@pytest.mark.parametrize("key", ["with space", "per%cent", "plus+and&amp=", "tilde~", "layout"])
def test_keys_are_taken_literally(remote: Remote, key: str) -> None:
    remote.put(f"odd/{key}", source(b"content"))
    assert remote.read(f"odd/{key}")[0] == b"content"
    if remote.traits.listing != "none":
        assert [entry.key for entry in remote.list("odd/")] == [f"odd/{key}"]


def test_bytes_sent_are_reported(remote: Remote, tmp_path: Path) -> None:
    data = content(5 << 20)
    (tmp_path / "file").write_bytes(data)
    sent: list[int] = []
    remote.put("key", Source(len(data), hashlib.sha256(data).hexdigest(), str(tmp_path / "file"), sent=sent.append))
    assert sum(sent) == len(data)


def test_breaking_off_an_upload_leaves_nothing(remote: Remote, tmp_path: Path) -> None:
    data = content(6 << 20)
    (tmp_path / "file").write_bytes(data)

    def stop(count: int) -> None:
        raise KeyboardInterrupt

    broken = Source(len(data), hashlib.sha256(data).hexdigest(), str(tmp_path / "file"), sent=stop)
    if remote.local_path("key"):
        pytest.skip("a folder is filled by links: nobody can break in between")
    with pytest.raises(KeyboardInterrupt):
        remote.put("key", broken)
    assert remote.stat("key") is None
    remote.put("key", source(data, tmp_path / "file"))
    assert fetched(remote, "key") == data

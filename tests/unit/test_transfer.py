"""The parts of the transfer engine: hints, plans, pool, partial downloads, claims."""

from __future__ import annotations

import ftplib
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from helpers import content

from git_data.errors import AccessDenied, NotOnRemote, RemoteUnavailable
from git_data.pointer import Pointer
from git_data.remote.address import parse
from git_data.remote.base import Entry, Options, Remote, Source, Traits
from git_data.remote.folder import Folder
from git_data.remote.ftp import Ftp
from git_data.remote.layout import object_key
from git_data.store.claims import Claims
from git_data.store.objects import Store
from git_data.transfer import plan
from git_data.transfer.download import download
from git_data.transfer.gate import Gate, Throttle
from git_data.transfer.known import Known
from git_data.transfer.partial import Partial
from git_data.transfer.pool import Pool


def oid(number: int) -> str:
    return hashlib.sha256(b"%d" % number).hexdigest()


def pointer_to(data: bytes) -> Pointer:
    return Pointer(hashlib.sha256(data).hexdigest(), len(data))


# -- known


def test_hints_survive_the_process(tmp_path: Path) -> None:
    known = Known(str(tmp_path / "hints"))
    known.confirm("a" * 32, 1)
    known.add([oid(1), oid(2)])
    known.add([oid(2), oid(3)])
    known.add_tips(["c" * 40])
    again = Known(str(tmp_path / "hints"))
    assert again.confirm("a" * 32, 1) is True
    assert [again.has(oid(number)) for number in (1, 2, 3, 4)] == [True, True, True, False]
    assert again.tips == ["c" * 40] and len(again) == 3


@pytest.mark.parametrize(("identity", "generation"), [("b" * 32, 1), ("a" * 32, 2)])
def test_hints_about_another_place_or_time_are_void(tmp_path: Path, identity: str, generation: int) -> None:
    known = Known(str(tmp_path))
    known.confirm("a" * 32, 1)
    known.add([oid(1)])
    known.add_tips(["c" * 40])
    again = Known(str(tmp_path))
    assert again.confirm(identity, generation) is False
    assert not again.has(oid(1)) and again.tips == []
    assert not Known(str(tmp_path)).has(oid(1))


@pytest.mark.parametrize("damage", [b"", b"x" * 10, b"\0" * 200, b"garbage" * 30])
def test_damaged_hints_count_as_none(tmp_path: Path, damage: bytes) -> None:
    known = Known(str(tmp_path))
    known.confirm("a" * 32, 1)
    known.add([oid(1)])
    (tmp_path / "known").write_bytes(damage)
    again = Known(str(tmp_path))
    assert len(again) == 0 and again.confirm("a" * 32, 1) is False
    again.add([oid(2)])
    assert Known(str(tmp_path)).has(oid(2))


def test_a_torn_record_is_dropped(tmp_path: Path) -> None:
    known = Known(str(tmp_path))
    known.confirm("a" * 32, 1)
    known.add([oid(1)])
    with open(tmp_path / "known", "ab") as file:
        file.write(b"half of an oid")
    again = Known(str(tmp_path))
    assert again.has(oid(1)) and len(again) == 1


def test_what_is_forgotten_is_asked_for_again(tmp_path: Path) -> None:
    known = Known(str(tmp_path))
    known.confirm("a" * 32, 1)
    known.add([oid(1), oid(2)])
    known.add_tips(["c" * 40])
    known.forget([oid(1)])
    again = Known(str(tmp_path))
    assert not again.has(oid(1)) and again.has(oid(2)) and again.tips == []


def test_an_object_that_is_missing_after_all_voids_what_was_said_of_commits(tmp_path: Path) -> None:
    """Also one that the list of objects does not have: records get lost, and commits stand for all they reach."""
    known = Known(str(tmp_path))
    known.confirm("a" * 32, 1)
    known.add_tips(["c" * 40])
    known.forget([oid(1)])
    assert known.tips == [] and Known(str(tmp_path)).tips == []


def test_what_was_seen_before_a_collection_is_not_noted_after_it(tmp_path: Path) -> None:
    slow, fast = Known(str(tmp_path)), Known(str(tmp_path))
    slow.confirm("a" * 32, 1)
    fast.confirm("a" * 32, 2)
    slow.add([oid(1)])
    assert not Known(str(tmp_path)).has(oid(1))


def test_hints_that_cannot_be_written_stop_nobody(tmp_path: Path) -> None:
    known = Known(str(tmp_path / "hints"))
    known.confirm("a" * 32, 1)
    shutil.rmtree(tmp_path / "hints")
    known.add([oid(1)])
    assert known.has(oid(1))


def test_hints_nobody_asks_for_take_no_memory(tmp_path: Path) -> None:
    known = Known(str(tmp_path))
    known.confirm("a" * 32, 1)
    known.add(oid(number) for number in range(20_000))
    tracemalloc.start()
    again = Known(str(tmp_path))
    assert tracemalloc.get_traced_memory()[1] < 100_000
    tracemalloc.stop()
    assert again.has(oid(7)) and len(again) == 20_000


# -- backends under many threads


def test_a_connection_another_thread_was_faster_to_take_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    class Taken(list[ftplib.FTP]):
        def __bool__(self) -> bool:
            return True  # a moment ago there was one

    made = ftplib.FTP()
    remote = Ftp(parse("ftp://host/x"), Options())
    remote._idle = Taken()
    monkeypatch.setattr(remote, "_connect", lambda: made)
    with remote._using("key", "reading") as connection:
        assert connection is made


def test_what_is_linked_into_a_folder_is_synced_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = content(100)
    (tmp_path / "object").write_bytes(data)
    folder = Folder(str(tmp_path / "folder"), Options(hardlink=True))
    key = object_key(pointer_to(data).oid)
    assert folder.put_many([(key, Source(100, pointer_to(data).oid, str(tmp_path / "object")))]) == [None]
    synced: list[str] = []
    monkeypatch.setattr("git_data.base.fsio.sync_directory", synced.append)
    folder.flush()
    # and so are the directories in which others were made
    parents = [str(path) for path in (tmp_path / "folder" / key).parents]
    assert set(parents[: parents.index(str(tmp_path / "folder")) + 1]) <= set(synced)


# -- plan


class Counted(Remote):
    """A remote in memory that counts what it is asked, with flat listings in pages of a thousand."""

    def __init__(self, oids: Sequence[str], listing: str = "flat") -> None:
        super().__init__("counted", Traits(listing=listing))
        self.entries = {object_key(name): 7 for name in sorted(oids)}
        self.pages = self.stats = 0

    def stat(self, key: str) -> Entry | None:
        self.stats += 1
        return Entry(key, self.entries[key]) if key in self.entries else None

    def list(self, prefix: str) -> Iterator[Entry]:
        for number, key in enumerate(self.entries):
            if number % 1000 == 0:
                self.pages += 1
            if key.startswith(prefix):
                yield Entry(key, self.entries[key])

    def get(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        raise AssertionError("a plan reads nothing")

    def put(self, key: str, source: Source) -> None:
        raise AssertionError("a plan writes nothing")

    def delete(self, keys: Sequence[str]) -> None:
        raise AssertionError("a plan deletes nothing")


@pytest.mark.parametrize(
    ("held", "asked", "pages", "stats"),
    [
        (0, 5000, 0, 0),
        (900, 5000, 1, 0),
        (20_000, 5, 0, 5),
        (20_000, 5000, 20, 0),
        (50_000, 40, 1, 40),
    ],
    ids=["empty", "few there", "few wanted", "many there, many wanted", "very many there, some wanted"],
)
def test_the_cheaper_way_is_taken(held: int, asked: int, pages: int, stats: int) -> None:
    there = [oid(number) for number in range(held)]
    remote = Counted(there)
    wanted = [oid(number) for number in range(0, 2 * asked, 2)] if held else [oid(number) for number in range(asked)]
    found = plan.look(remote, [Pointer(name, 1) for name in wanted])
    assert {name for name in wanted if name in found.sizes} == set(wanted) & set(there)
    assert remote.pages <= max(pages, 1) and remote.stats <= stats


@pytest.mark.parametrize("listing", ["flat", "tree", "none"])
def test_every_kind_of_listing_finds_what_is_there(listing: str) -> None:
    there = [oid(number) for number in range(3000)]
    remote = Counted(there, listing)
    wanted = [oid(number) for number in range(2500, 3500)]
    found = plan.look(remote, [Pointer(name, 1) for name in wanted])
    assert {name for name in wanted if name in found.sizes} == set(wanted[:500])


def test_what_is_no_object_is_left_out_of_a_listing(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path), Options())
    data = content(10)
    name = hashlib.sha256(data).hexdigest()
    folder.put(object_key(name), Source(10, name, content=data))
    (tmp_path / "objects" / "sha256" / name[:2] / "README").write_text("not an object")
    (tmp_path / "objects" / "sha256" / "zz").mkdir()
    assert [entry.key for entry in plan.list_all(folder)] == [object_key(name)]


@pytest.mark.parametrize("listing", ["flat", "tree"])
def test_only_what_was_asked_for_is_kept_of_a_listing(listing: str) -> None:
    remote = Counted([oid(number) for number in range(3000)], listing)
    wanted = [oid(number) for number in range(2500, 3500)]
    assert set(plan.look(remote, [Pointer(name, 1) for name in wanted]).sizes) == set(wanted[:500])


# -- pool and gate


def test_a_piece_is_tried_again_until_it_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("git_data.transfer.pool.pause_s", lambda attempt, error: 0.0)
    calls: list[int] = []

    def piece() -> None:
        calls.append(1)
        if len(calls) < 4:
            raise RemoteUnavailable("busy")

    pool = Pool(4)
    pool.run([piece])
    assert len(calls) == 4 and pool.retries == 3


def test_what_keeps_failing_is_raised_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("git_data.transfer.pool.pause_s", lambda attempt, error: 0.0)

    def piece() -> None:
        raise RemoteUnavailable("away")

    with pytest.raises(RemoteUnavailable, match="away"):
        Pool(4).run([piece] * 20)


def test_a_refusal_ends_everything_at_once() -> None:
    done: list[int] = []

    def refused() -> None:
        raise AccessDenied("expired")

    with pytest.raises(AccessDenied):
        Pool(1).run([refused, *[lambda: done.append(1)] * 10])
    assert done == []


def test_pieces_may_add_pieces() -> None:
    done: list[int] = []
    pool = Pool(3)
    pool.run([lambda: [pool.add(lambda number=number: done.append(number)) for number in range(50)]])  # type: ignore[misc]
    assert sorted(done) == list(range(50))


def test_bugs_in_pieces_are_not_swallowed() -> None:
    with pytest.raises(ZeroDivisionError):
        Pool(2).run([lambda: 1 / 0])  # type: ignore[func-returns-value, list-item]


def test_the_gate_halves_when_the_remote_complains_and_grows_again() -> None:
    gate = Gate(16)
    for _ in range(100):
        with gate:
            pass
    grown = gate.limit
    assert 8 < grown <= 16
    gate.overloaded()
    gate.overloaded()
    assert gate.limit == grown / 2, "complaints that come together count once"


def test_no_more_than_the_limit_at_a_time() -> None:
    gate = Gate(3)
    busy: list[int] = []
    most = 0
    lock = threading.Lock()

    def work() -> None:
        nonlocal most
        with gate:
            with lock:
                busy.append(1)
                most = max(most, len(busy))
            threading.Event().wait(0.01)
            with lock:
                busy.pop()

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 3


def test_a_limit_of_bytes_a_second_is_kept() -> None:
    throttle = Throttle(1_000_000)
    start = time.monotonic()
    for _ in range(30):
        throttle(10_000)
    assert time.monotonic() - start >= 0.15


# -- partial downloads


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(str(tmp_path / "store"))
    store.make()
    return store


def test_parts_may_come_in_any_order(store: Store) -> None:
    data = content(10_000)
    partial = Partial(store, pointer_to(data), 3000)
    for number, start, length in reversed(partial.missing()):
        partial.write(start, data[start : start + length])
        last = partial.done(number)
    assert last and partial.install()
    assert Path(store.path(pointer_to(data).oid)).read_bytes() == data
    assert os.listdir(store.tmp) == []


def test_a_download_goes_on_where_it_was(store: Store) -> None:
    data = content(10_000)
    first = Partial(store, pointer_to(data), 3000)
    first.write(3000, data[3000:6000])
    first.done(1)
    del first
    second = Partial(store, pointer_to(data), 3000)
    assert second.resumed and [number for number, _, _ in second.missing()] == [0, 2, 3]


@pytest.mark.parametrize("damage", ["other part size", "no content", "torn list"])
def test_what_cannot_be_gone_on_with_is_begun_anew(store: Store, damage: str) -> None:
    data = content(10_000)
    first = Partial(store, pointer_to(data), 3000)
    first.write(0, data[:3000])
    first.done(0)
    path = next(Path(store.tmp).glob("*.parts"))
    if damage == "no content":
        path.with_suffix("").unlink()
    if damage == "torn list":
        path.write_bytes(b"10000 30")
    second = Partial(store, pointer_to(data), 2000 if damage == "other part size" else 3000)
    assert not second.resumed and sum(length for _, _, length in second.missing()) == len(data)


def test_wrong_content_never_gets_its_name(store: Store) -> None:
    data = content(10_000)
    partial = Partial(store, pointer_to(data), 10_000)
    partial.write(0, data[:-1] + bytes([data[-1] ^ 1]))
    assert partial.done(0) and not partial.install()
    assert os.listdir(store.tmp) == [] and store.find(pointer_to(data).oid, len(data)) is None


class Empty(Counted):
    """A remote that has nothing, and no files on this machine."""

    def get(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        raise NotOnRemote(f"'{key}' is not there")


def test_a_pointer_that_lies_about_its_size_costs_no_memory(store: Store) -> None:
    outcome = download(Empty([]), store, [Pointer(oid(1), 2**63 - 1)])
    assert [pointer.oid for pointer, _ in outcome.failed] == [oid(1)]
    assert os.listdir(store.tmp) == ["claims"]


def test_a_private_download_shares_nothing(store: Store) -> None:
    data = content(6000)
    first = Partial(store, pointer_to(data), 3000, private=True)
    first.write(0, data[:3000])
    assert not first.done(0)
    second = Partial(store, pointer_to(data), 2000, private=True)
    first.write(3000, data[3000:])
    assert first.done(1) and first.install() and not second.resumed
    assert Path(store.path(pointer_to(data).oid)).read_bytes() == data


def test_what_another_user_began_is_no_obstacle() -> None:
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o777)
        store = Store(os.path.join(name, "store"))
        store.make()
        os.chmod(store.tmp, 0o777)
        data = content(6000)
        first = Partial(store, pointer_to(data), 3000)
        first.write(0, data[:3000])
        first.done(0)
        user = os.geteuid()
        os.chmod(next(Path(store.tmp).glob("*part-*[0-9a-f]")), 0o000)
        if not user:
            os.seteuid(65534)
        try:
            second = Partial(store, pointer_to(data), 3000)
        finally:
            os.seteuid(user)
        assert not second.resumed and len(second.missing()) == 2


# -- claims


def test_where_there_are_no_locks_nothing_is_shared(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS and Windows."""
    import fcntl

    claims = Claims(store)
    assert claims.claim(oid(1)) and claims.exclusive
    monkeypatch.delattr(fcntl, "F_OFD_SETLK")
    assert claims.claim(oid(2)) and not claims.exclusive
    claims.close()


def test_a_claim_excludes_others_and_ends_with_the_process(store: Store) -> None:
    code = (
        "import sys; from git_data.store.objects import Store; from git_data.store.claims import Claims;"
        f"claims = Claims(Store({store.root!r})); print(claims.claim({oid(1)!r}), flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "True\n"
    claims = Claims(store)
    assert claims.claim(oid(1)) is False and claims.claim(oid(2)) is True
    process.kill()
    process.wait()
    assert claims.claim(oid(1), wait=True) is True
    claims.close()

"""The store: names match bytes, objects are read-only, damage is found without hashing."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from pathlib import Path

import pytest
from helpers import content

from git_data.errors import FileSystemError
from git_data.store import objects
from git_data.store.objects import TEMP_GRACE_S, Store, stamp_ns, stamp_part
from git_data.store.put import put_content

DATA = content(5000, seed=7)
OID = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store"))


def install(store: Store, data: bytes = DATA) -> Path:
    fd, temporary = store.new_temporary()
    os.write(fd, data)
    oid = hashlib.sha256(data).hexdigest()
    store.install(fd, temporary, oid)
    return Path(store.path(oid))


def damage(path: Path) -> None:
    """Change a byte and nothing else that shows, except the time."""
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(data)
    path.chmod(0o444)


def test_nothing_is_made_by_looking(store: Store) -> None:
    assert store.find(OID, len(DATA)) is None
    assert store.open(OID, len(DATA)) is None
    assert list(store.each()) == []
    assert store.sweep() == 0
    store.flush()
    assert not os.path.exists(store.root)


def test_an_object_lies_under_its_name_and_is_read_only(store: Store) -> None:
    path = install(store)
    assert path == Path(store.root) / "objects" / "sha256" / OID[:2] / OID
    assert path.read_bytes() == DATA
    assert stat.S_IMODE(path.stat().st_mode) == 0o444 & ~objects.umask()
    assert path.stat().st_mtime_ns % 10**9 == stamp_part(OID)
    assert os.listdir(store.tmp) == []


@pytest.mark.parametrize("size", [len(DATA) - 1, len(DATA) + 1, 0])
def test_an_object_of_the_wrong_size_is_not_found(store: Store, size: int) -> None:
    install(store)
    assert store.find(OID, size) is None


def test_an_object_that_is_a_symlink_is_not_followed(store: Store, tmp_path: Path) -> None:
    path = install(store)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert store.find(OID, len(DATA)) is None


def test_content_comes_from_an_alternate(store: Store, tmp_path: Path) -> None:
    install(store)
    other = Store(str(tmp_path / "other"), alternates=[store.root])
    assert other.find(OID, len(DATA)) == store.path(OID)
    assert put_content(other, DATA) == OID
    assert not os.path.exists(other.objects), "what an alternate has is not stored again"


def test_the_same_content_is_stored_once(store: Store) -> None:
    put_content(store, DATA)
    before = os.stat(store.path(OID)).st_ino
    put_content(store, DATA)
    assert os.stat(store.path(OID)).st_ino == before
    assert [oid for oid, _ in store.each()] == [OID]


def test_adding_content_again_makes_its_object_young_so_that_gc_keeps_it(store: Store) -> None:
    put_content(store, DATA)
    old = stamp_ns(OID, int(time.time()) - 100_000)
    os.utime(store.path(OID), ns=(old, old))
    put_content(store, DATA)
    assert os.stat(store.path(OID)).st_mtime > time.time() - 100
    assert os.stat(store.path(OID)).st_mtime_ns % 10**9 == stamp_part(OID)


def test_damage_shows_in_the_stamp_and_is_quarantined(store: Store) -> None:
    damage(install(store))
    assert store.open(OID, len(DATA)) is None
    assert not os.path.exists(store.path(OID))
    (kept,) = os.listdir(os.path.join(store.root, "quarantine"))
    assert kept.startswith(OID)


def test_content_that_is_added_again_replaces_a_damaged_object(store: Store) -> None:
    damage(install(store))
    put_content(store, DATA)
    assert Path(store.path(OID)).read_bytes() == DATA


def test_a_touched_object_is_hashed_once_and_stamped_again(store: Store) -> None:
    path = install(store)
    os.utime(path)
    fd = store.open(OID, len(DATA))
    assert fd is not None
    os.close(fd)
    assert path.stat().st_mtime_ns % 10**9 == stamp_part(OID)


def test_a_damaged_object_of_an_alternate_is_not_used_and_left_there(store: Store, tmp_path: Path) -> None:
    path = install(store)
    damage(path)
    other = Store(str(tmp_path / "other"), alternates=[store.root])
    assert other.open(OID, len(DATA)) is None
    assert path.exists()


def test_a_sound_copy_is_found_behind_a_damaged_one(store: Store, tmp_path: Path) -> None:
    other = Store(str(tmp_path / "other"), alternates=[store.root])
    install(store)
    damage(install(other))
    fd = other.open(OID, len(DATA))
    assert fd is not None
    assert os.read(fd, 10_000) == DATA
    os.close(fd)


@pytest.mark.parametrize(
    ("shared", "file_mode", "directory_mode"), [(0o660, 0o440, 0o2770), (0o664, 0o444, 0o2775), (0o640, 0o440, 0o2750)]
)
def test_permissions_of_a_shared_store(tmp_path: Path, shared: int, file_mode: int, directory_mode: int) -> None:
    store = Store(str(tmp_path / "store"), shared=shared)
    paths = [install(store), Path(store.path(put_content(store, b"more")))]
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths} == {file_mode}
    directories = {Path(store.root), Path(store.objects), Path(store.tmp), *(path.parent for path in paths)}
    assert {stat.S_IMODE(path.stat().st_mode) for path in directories} == {directory_mode}


def test_the_stamp_is_a_valid_number_of_nanoseconds_for_every_oid() -> None:
    for oid in ("0" * 64, "f" * 64, OID):
        assert 0 <= stamp_part(oid) < 10**9
        assert stamp_ns(oid, 1_700_000_000) // 10**9 == 1_700_000_000


def test_old_temporaries_are_swept_and_young_ones_are_not(store: Store) -> None:
    (old_fd, old), (young_fd, young) = store.new_temporary(), store.new_temporary()
    os.write(old_fd, DATA)
    os.close(old_fd)
    os.close(young_fd)
    past = time.time() - TEMP_GRACE_S - 100
    os.utime(old, (past, past))
    assert store.sweep() == len(DATA)
    assert os.listdir(store.tmp) == [os.path.basename(young)]


@pytest.mark.parametrize("fsync", ["batch", "object", "none"])
@pytest.mark.parametrize("count", [1, objects.FEW_OBJECTS + 1])
def test_every_kind_of_durability_stores_the_same(tmp_path: Path, fsync: str, count: int) -> None:
    store = Store(str(tmp_path / "store"), fsync=fsync)
    oids = sorted(put_content(store, b"content %d" % number) for number in range(count))
    store.flush()
    assert [oid for oid, _ in store.each()] == oids


def test_an_install_that_fails_leaves_nothing(store: Store) -> None:
    fd, temporary = store.new_temporary()
    Path(store.objects, OID[:2]).write_bytes(b"a file where the directory should be")
    with pytest.raises(OSError):
        store.install(fd, temporary, OID)
    assert os.listdir(store.tmp) == []


def test_a_store_that_cannot_be_made_says_where(tmp_path: Path) -> None:
    (tmp_path / "store").write_bytes(b"")
    with pytest.raises(FileSystemError) as caught:
        put_content(Store(str(tmp_path / "store")), DATA)
    assert str(tmp_path / "store") in caught.value.message


def test_removal(store: Store) -> None:
    install(store)
    store.remove(OID)
    assert store.find(OID, len(DATA)) is None
    with pytest.raises(FileSystemError):
        store.remove(OID)

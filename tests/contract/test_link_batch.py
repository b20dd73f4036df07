"""What linking and storing in batches must do, whichever of the three implementations does it.

``native`` is the compiled core, ``pure`` its twin in Python, ``by_path`` the one for systems without directory descriptors.
"""

from __future__ import annotations

import errno
import importlib
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import content, pointer_of

from git_data.base import fsio, native
from git_data.link import batch, extents
from git_data.link.items import CHANGED, COPY, FRESH_NS, HARDLINK, NOT_EXPECTED, OBJECT_SUSPECT, REFLINK, Link, Put
from git_data.link.pure import index_fields

MTIME_NS = 1_600_000_000_123_456_789
STAMP_NS = 987_654_321


@pytest.fixture(params=["native", "pure", "by_path"], autouse=True)
def implementation(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "native" and native.lib is None:
        pytest.skip("the compiled core is not there (not built, or hidden by GIT_DATA_PURE)")
    module = importlib.import_module(f"git_data.link.{request.param}")
    monkeypatch.setattr(batch, "implementation", lambda: module)
    return request.param


@pytest.fixture
def posix(implementation: str) -> None:
    """For what only systems with directory descriptors have."""
    if implementation == "by_path":
        pytest.skip("systems without directory descriptors have no reflinks, no directory modes, and a rename that refuses")


class Place:
    """A root directory, a staging directory, and objects."""

    def __init__(self, path: Path) -> None:
        self.root, self.stage, self.objects, self.tmp = (path / name for name in ("root", "stage", "objects", "tmp"))
        for directory in (self.root, self.stage, self.objects, self.tmp):
            directory.mkdir()

    def object(self, data: bytes, stamp_ns: int = STAMP_NS) -> Path:
        """An object as the store has it: read-only, with its stamp."""
        path = self.objects / f"object-{len(list(self.objects.iterdir()))}"
        path.write_bytes(data)
        path.chmod(0o444)
        os.utime(path, ns=(stamp_ns, 10**18 + stamp_ns))
        return path

    def write(self, path: str | bytes, data: bytes, mode: int = 0o644) -> Path:
        file = self.root / os.fsdecode(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        file.chmod(mode)
        return file

    def relink(self, *items: Link, methods: tuple[str, ...] = ("reflink", "copy"), jobs: int = 1) -> None:
        batch.relink(str(self.root), str(self.stage), methods, list(items), jobs)
        self.assert_tidy()

    def put(self, *items: Put, jobs: int = 1) -> None:
        batch.put(str(self.root), str(self.objects), str(self.tmp), list(items), jobs)
        self.assert_tidy()

    def assert_tidy(self) -> None:
        """No temporary is left anywhere, whatever happened."""
        assert list(self.stage.iterdir()) == []
        assert list(self.tmp.iterdir()) == []
        for directory in (self.root, self.objects):
            assert [path for path in directory.rglob("*") if path.name.startswith(fsio.TEMP_PREFIX)] == []


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def reflink_place(reflink_dir: Path) -> Place:
    return Place(reflink_dir)


DATA = content(100_000, seed=1)
POINTER = pointer_of(DATA)


def link(place: Place, path: str | bytes = "a.bin", data: bytes = DATA, **changes) -> Link:
    """The usual item: a pointer to be replaced by its content."""
    values = {"expect": pointer_of(data), "mtime_ns": MTIME_NS, "stamp_ns": STAMP_NS}
    object = changes.pop("object", None) or place.object(data)
    return Link(os.fsencode(path), os.fsencode(object), changes.pop("size", len(data)), **{**values, **changes})


# -- relink: a pointer becomes content


@pytest.mark.parametrize("mode", [0o644, 0o755, 0o600, 0o444, 0o664])
def test_a_pointer_is_replaced_and_keeps_its_mode(place: Place, mode: int) -> None:
    file, item = place.write("a.bin", POINTER, mode), link(place)
    place.relink(item)
    assert item.error == 0
    assert file.read_bytes() == DATA
    assert stat.S_IMODE(file.stat().st_mode) == mode
    assert file.stat().st_mtime_ns == MTIME_NS
    assert item.stat == index_fields(os.lstat(file))


@pytest.mark.parametrize("size", [1, 105, 4095, 4096, 4097, 65536, 1 << 20])
def test_content_of_any_size(place: Place, size: int) -> None:
    data = content(size)
    file, item = place.write("a.bin", pointer_of(data)), link(place, data=data)
    place.relink(item)
    assert (item.error, file.read_bytes()) == (0, data)


NAMES = [
    b"-rf",
    b" a b ",
    b"new\nline",
    b"a=b",
    b"\xff\xfe",
    b"x" * 255,
    "é".encode(),
    "e\u0301".encode(),
    b"deep/er/and/deeper",
    b"*",
]


@pytest.mark.parametrize("name", NAMES)
def test_any_name(place: Place, name: bytes) -> None:
    file, item = place.write(name, POINTER), link(place, name)
    place.relink(item)
    assert (item.error, file.read_bytes()) == (0, DATA)


@pytest.mark.parametrize("jobs", [1, 4])
def test_many_files_in_many_directories(place: Place, jobs: int) -> None:
    objects = [place.object(b"content %d" % number) for number in range(3)]
    items, files = [], {}
    for number in range(400):
        data, path = b"content %d" % (number % 3), f"d{number % 7}/e{number % 3}/{number}.bin"
        files[place.write(path, pointer_of(data))] = data
        items.append(link(place, path, data, object=objects[number % 3]))
    items.sort(key=lambda item: item.path)
    place.relink(*items, jobs=jobs)
    assert {item.error for item in items} == {0}
    assert [file for file, data in files.items() if file.read_bytes() != data] == []


def test_one_bad_item_does_not_stop_the_others(place: Place) -> None:
    place.write("a.bin", POINTER)
    place.write("b.bin", b"edited")
    place.write("c.bin", POINTER)
    items = [link(place, "a.bin"), link(place, "b.bin"), link(place, "c.bin")]
    place.relink(*items)
    assert [item.error for item in items] == [0, NOT_EXPECTED, 0]


# -- relink: files that are left alone


def _nothing(path: Path, outside: Path) -> None:
    pass


def _directory(path: Path, outside: Path) -> None:
    path.mkdir()


def _symlink_to_a_pointer(path: Path, outside: Path) -> None:
    path.symlink_to(outside)


def _dangling_symlink(path: Path, outside: Path) -> None:
    path.symlink_to("nowhere")


def _fifo(path: Path, outside: Path) -> None:
    os.mkfifo(path)


def _file(data: bytes) -> Callable[[Path, Path], None]:
    def write(path: Path, outside: Path) -> None:
        path.write_bytes(data)

    return write


IN_PLACE = {
    "nothing": _nothing,
    "a directory": _directory,
    "a symlink to the pointer": _symlink_to_a_pointer,
    "a dangling symlink": _dangling_symlink,
    "a fifo": _fifo,
    "an empty file": _file(b""),
    "content": _file(DATA),
    "the pointer of other content": _file(pointer_of(b"x" * len(DATA))),
    "the pointer and more": _file(POINTER + b"\n"),
    "the beginning of the pointer": _file(POINTER[:-1]),
    "the pointer with CRLF": _file(POINTER.replace(b"\n", b"\r\n")),
}


@pytest.mark.parametrize("make", IN_PLACE.values(), ids=IN_PLACE.keys())
def test_what_is_not_exactly_the_pointer_is_left_alone(place: Place, tmp_path: Path, make: Callable) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(POINTER)
    path = place.root / "a.bin"
    make(path, outside)
    before = os.lstat(path) if os.path.lexists(path) else None
    item = link(place)
    place.relink(item)
    assert item.error == NOT_EXPECTED
    assert (os.lstat(path) if os.path.lexists(path) else None) == before
    assert outside.read_bytes() == POINTER


@pytest.mark.parametrize("path", ["dir/a.bin", "dir/sub/a.bin"])
def test_a_parent_that_became_a_symlink_is_not_followed(place: Place, tmp_path: Path, path: str) -> None:
    victim = tmp_path / "outside" / path.partition("/")[2]
    victim.parent.mkdir(parents=True)
    victim.write_bytes(POINTER)
    (place.root / "dir").symlink_to(tmp_path / "outside")
    item = link(place, path)
    place.relink(item)
    assert item.error == NOT_EXPECTED
    assert victim.read_bytes() == POINTER


def test_a_parent_that_is_gone_is_not_made_again(place: Place) -> None:
    item = link(place, "gone/a.bin")
    place.relink(item)
    assert item.error == NOT_EXPECTED
    assert list(place.root.iterdir()) == []


def test_a_parent_that_became_a_file(place: Place) -> None:
    place.write("dir", b"a file")
    item = link(place, "dir/a.bin")
    place.relink(item)
    assert item.error == NOT_EXPECTED


@pytest.mark.parametrize("path", ["../victim", "dir/../../victim"])
def test_a_path_that_leaves_the_root_is_refused(place: Place, tmp_path: Path, path: str) -> None:
    (place.root / "dir").mkdir()
    (tmp_path / "victim").write_bytes(POINTER)
    item = link(place, path)
    place.relink(item)
    assert item.error != 0
    assert (tmp_path / "victim").read_bytes() == POINTER


def test_a_hard_linked_pointer_is_separated_first(place: Place, tmp_path: Path) -> None:
    file = place.write("a.bin", POINTER)
    os.link(file, tmp_path / "other")
    item = link(place)
    place.relink(item)
    assert (item.error, file.read_bytes()) == (0, DATA)
    assert (tmp_path / "other").read_bytes() == POINTER


# -- relink: the object


def test_a_missing_object(place: Place) -> None:
    file, item = place.write("a.bin", POINTER), link(place, object=place.objects / "none")
    place.relink(item)
    assert item.error == errno.ENOENT
    assert file.read_bytes() == POINTER


@pytest.mark.parametrize("changes", [{"size": len(DATA) - 1}, {"size": len(DATA) + 1}, {"stamp_ns": STAMP_NS + 1}])
def test_an_object_that_looks_wrong_is_suspect(place: Place, changes: dict[str, int]) -> None:
    file, item = place.write("a.bin", POINTER), link(place, **changes)
    place.relink(item)
    assert item.error == OBJECT_SUSPECT
    assert file.read_bytes() == POINTER


def test_the_stamp_is_not_looked_at_when_the_caller_has_verified_the_object(place: Place) -> None:
    file, item = place.write("a.bin", POINTER), link(place, object=place.object(DATA, stamp_ns=1), stamp_ns=-1)
    place.relink(item)
    assert (item.error, file.read_bytes()) == (0, DATA)


def test_an_object_that_is_a_symlink_is_refused(place: Place, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(DATA)
    (place.objects / "link").symlink_to(tmp_path / "elsewhere")
    file, item = place.write("a.bin", POINTER), link(place, object=place.objects / "link", stamp_ns=-1)
    place.relink(item)
    assert item.error != 0
    assert file.read_bytes() == POINTER


# -- relink: new files, and files seen before


@pytest.mark.parametrize("mode", [0o644, 0o755])
def test_a_new_file(place: Place, mode: int) -> None:
    item = link(place, expect=None, mode=mode)
    place.relink(item)
    file = place.root / "a.bin"
    assert (item.error, file.read_bytes(), stat.S_IMODE(file.stat().st_mode)) == (0, DATA, mode)
    assert item.stat == index_fields(os.lstat(file))


def test_a_new_file_never_replaces_anything(posix: None, place: Place) -> None:
    file = place.write("a.bin", b"mine")
    item = link(place, expect=None, mode=0o644)
    place.relink(item)
    assert item.error == errno.EEXIST
    assert file.read_bytes() == b"mine"


def test_a_file_that_shows_the_stat_data_the_caller_saw_is_replaced(place: Place) -> None:
    file = place.write("a.bin", DATA)
    item = link(place, expect=None, status=os.lstat(file))
    place.relink(item, methods=("hardlink",))
    assert item.error == 0
    assert os.path.samefile(file, os.fsdecode(item.object))


def test_a_file_that_changed_since_the_caller_saw_it_is_left_alone(place: Place) -> None:
    file = place.write("a.bin", DATA)
    status = os.lstat(file)
    file.write_bytes(b"edited")
    item = link(place, expect=None, status=status)
    place.relink(item, methods=("hardlink",))
    assert item.error == NOT_EXPECTED
    assert file.read_bytes() == b"edited"


# -- relink: link types


def test_reflinks_share_their_blocks(posix: None, reflink_place: Place) -> None:
    file, item = reflink_place.write("a.bin", POINTER), link(reflink_place)
    reflink_place.relink(item)
    assert (item.error, item.method, file.read_bytes()) == (0, REFLINK, DATA)
    assert extents.shared(os.fsdecode(item.object), file)
    assert not os.path.samefile(os.fsdecode(item.object), file)


def test_hard_links_are_read_only(place: Place) -> None:
    file, item = place.write("a.bin", POINTER), link(place)
    place.relink(item, methods=("hardlink", "copy"))
    assert (item.error, item.method) == (0, HARDLINK)
    assert os.path.samefile(os.fsdecode(item.object), file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o444


def test_an_executable_file_is_no_hard_link(place: Place) -> None:
    file, item = place.write("a.bin", POINTER, 0o755), link(place)
    place.relink(item, methods=("hardlink", "copy"))
    assert (item.error, item.method, stat.S_IMODE(file.stat().st_mode)) == (0, COPY, 0o755)


def test_where_one_type_does_not_work_the_next_is_taken(place: Place, reflink_place: Place) -> None:
    """Between two file systems only copies work."""
    file = place.write("a.bin", POINTER)
    item = link(place, object=reflink_place.object(DATA))
    place.relink(item, methods=("reflink", "hardlink", "copy"))
    assert (item.error, item.method, file.read_bytes()) == (0, COPY, DATA)


def test_where_no_type_works_the_pointer_stays(place: Place, reflink_place: Place) -> None:
    file = place.write("a.bin", POINTER)
    item = link(place, object=reflink_place.object(DATA))
    place.relink(item, methods=("hardlink",))
    assert item.error == errno.EXDEV
    assert file.read_bytes() == POINTER


def test_a_staging_place_on_another_file_system_is_not_used(place: Place, reflink_place: Place) -> None:
    file, item = place.write("dir/a.bin", POINTER), link(place, "dir/a.bin")
    place.stage = reflink_place.stage
    place.relink(item)
    assert (item.error, file.read_bytes()) == (0, DATA)


# -- put: content becomes an object


def age(path: Path) -> os.stat_result:
    """Wait until the file's last change can be told from the next one."""
    while time.time_ns() - path.stat().st_ctime_ns < 2 * FRESH_NS:
        time.sleep(FRESH_NS / 1e9)
    return path.stat()


def put(**options) -> Put:
    return Put(b"ab/object", options.pop("size", len(DATA)), MTIME_NS, **options)


@pytest.mark.parametrize("fsync", [False, True])
def test_content_is_stored(place: Place, fsync: bool) -> None:
    item = put(content=DATA, fsync=fsync)
    place.put(item)
    object = place.objects / "ab" / "object"
    assert (item.error, item.method, object.read_bytes()) == (0, COPY, DATA)
    assert (stat.S_IMODE(object.stat().st_mode), object.stat().st_mtime_ns) == (0o444, MTIME_NS)


def test_directories_of_a_shared_store_get_their_mode(posix: None, place: Place) -> None:
    place.put(put(content=DATA, dir_mode=0o2775))
    assert stat.S_IMODE((place.objects / "ab").stat().st_mode) == 0o2775


def test_many_objects(place: Place) -> None:
    items = [Put(b"%02x/object-%d" % (number % 16, number), 7, MTIME_NS, content=b"%07d" % number) for number in range(400)]
    place.put(*items, jobs=4)
    assert {item.error for item in items} == {0}
    assert (place.objects / "0f" / "object-399").read_bytes() == b"0000399"


def test_an_object_that_exists_is_replaced_whole(place: Place) -> None:
    """Two adds of one content at once."""
    place.put(put(content=DATA))
    item = put(content=DATA)
    place.put(item)
    assert item.error == 0
    assert (place.objects / "ab" / "object").read_bytes() == DATA


@pytest.mark.parametrize("clone", [True, False])
def test_a_file_that_did_not_change_is_stored(place: Place, clone: bool) -> None:
    file = place.write("dir/a.bin", DATA)
    item = put(source=b"dir/a.bin", status=age(file), clone=clone)
    place.put(item)
    assert (item.error, (place.objects / "ab" / "object").read_bytes()) == (0, DATA)
    assert file.read_bytes() == DATA


def test_a_stored_file_shares_its_blocks(posix: None, reflink_place: Place) -> None:
    file = reflink_place.write("a.bin", DATA)
    item = put(source=b"a.bin", status=age(file))
    reflink_place.put(item)
    assert (item.error, item.method) == (0, REFLINK)
    assert extents.shared(reflink_place.objects / "ab" / "object", file)


def _edit(file: Path) -> None:
    file.write_bytes(DATA[:-1] + bytes([DATA[-1] ^ 1]))


def _append(file: Path) -> None:
    file.write_bytes(DATA + b"more")


def _replace(file: Path) -> None:
    file.unlink()
    file.write_bytes(DATA)


def _remove(file: Path) -> None:
    file.unlink()


def _become_a_symlink(file: Path) -> None:
    file.rename(file.with_name("other"))
    file.symlink_to("other")


@pytest.mark.parametrize("change", [_edit, _append, _replace, _remove, _become_a_symlink])
def test_a_file_that_changed_since_it_was_hashed_is_not_stored(place: Place, change: Callable[[Path], None]) -> None:
    file = place.write("a.bin", DATA)
    status = age(file)
    change(file)
    item = put(source=b"a.bin", status=status)
    place.put(item)
    assert item.error == CHANGED
    assert list(place.objects.rglob("object")) == []


def test_a_file_that_holds_the_content_is_cloned(posix: None, reflink_place: Place) -> None:
    file = reflink_place.write("a.bin", DATA)
    age(file)
    item = put(source=b"a.bin", content=DATA)
    reflink_place.put(item)
    assert (item.error, item.method) == (0, REFLINK)
    assert extents.shared(reflink_place.objects / "ab" / "object", file)


@pytest.mark.parametrize("at", [0, 65535, 65536, len(DATA) - 1])
def test_a_file_that_holds_something_else_is_not_cloned(reflink_place: Place, at: int) -> None:
    """What git sent is what counts (``hash-object --stdin --path``, or a file that changed meanwhile)."""
    other = bytearray(DATA)
    other[at] ^= 1
    age(reflink_place.write("a.bin", bytes(other)))
    item = put(source=b"a.bin", content=DATA)
    reflink_place.put(item)
    assert (item.error, item.method) == (0, COPY)
    assert (reflink_place.objects / "ab" / "object").read_bytes() == DATA


@pytest.mark.parametrize("make", [_nothing, _directory, _symlink_to_a_pointer, _dangling_symlink, _fifo, _file(DATA + b"x")])
def test_content_is_stored_whatever_lies_at_its_path(reflink_place: Place, tmp_path: Path, make: Callable) -> None:
    (tmp_path / "outside").write_bytes(DATA)
    make(reflink_place.root / "a.bin", tmp_path / "outside")
    item = put(source=b"a.bin", content=DATA)
    reflink_place.put(item)
    assert item.error == 0
    assert (reflink_place.objects / "ab" / "object").read_bytes() == DATA


def test_empty_content(place: Place) -> None:
    item = put(content=b"", size=0)
    place.put(item)
    assert (item.error, (place.objects / "ab" / "object").read_bytes()) == (0, b"")

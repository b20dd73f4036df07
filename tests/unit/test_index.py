"""Patching the index: entries are found in every version, and nothing but their stat data changes."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from helpers import Repo
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from git_data.base import native
from git_data.errors import Locked, RepositoryError
from git_data.git import index as git_index
from git_data.git import index_scan
from git_data.git.index import STAT, Index, SplitIndex, patch
from git_data.link.pure import index_fields

FORMATS = {"sha1": 20, "sha256": 32}
Find = Callable[[bytearray, int, int, list[bytes], int], tuple[list[int], list[int], int]]


@pytest.fixture(params=["native", "pure"])
def find(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Find:
    if request.param == "native" and native.lib is None:
        pytest.skip("the compiled core is not there (not built, or hidden by GIT_DATA_PURE)")
    if request.param == "pure":
        monkeypatch.setattr(native, "lib", None)
    return getattr(index_scan, f"_find_{request.param}")


@pytest.fixture(scope="module")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Repo]:
    """An empty repository of each object format."""
    found = {}
    for object_format in FORMATS:
        found[object_format] = Repo(tmp_path_factory.mktemp(object_format))
        found[object_format].git("init", "-q", f"--object-format={object_format}")
    return found


def blob_of(path: bytes, object_format: str) -> str:
    return hashlib.new(object_format, path).hexdigest()


def make_index(repo: Repo, version: int, paths: Iterable[bytes], object_format: str = "sha1", mode: str = "100644") -> Path:
    """An index made by git, with these paths."""
    index = repo.path / ".git" / "index"
    index.unlink(missing_ok=True)
    lines = b"".join(f"{mode} {blob_of(path, object_format)} 0\t".encode() + path + b"\0" for path in paths)
    repo.git("update-index", "--index-version", str(version), "-z", "--index-info", stdin=lines)
    return index


names = st.binary(min_size=1, max_size=12).map(lambda name: name.replace(b"\0", b"0").replace(b"/", b"_"))
paths_strategy = st.sets(
    st.lists(names.filter(lambda name: name.lower() not in (b".", b"..", b".git")), min_size=1, max_size=4).map(b"/".join),
    max_size=30,
)


def without_clashes(paths: set[bytes]) -> list[bytes]:
    """No path may be the directory of another."""
    directories = {path[:at] for path in paths for at in range(len(path)) if path[at : at + 1] == b"/"}
    return sorted(paths - directories)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(paths=paths_strategy, version=st.sampled_from([2, 4]), object_format=st.sampled_from(sorted(FORMATS)))
def test_every_path_git_wrote_is_found(
    repositories: dict[str, Repo], find: Find, paths: set[bytes], version: int, object_format: str
) -> None:
    wanted, hash_len = without_clashes(paths), FORMATS[object_format]
    index = make_index(repositories[object_format], version, wanted, object_format)
    if not index.exists():
        assert wanted == []
        return
    data = bytearray(index.read_bytes())
    listed = repositories[object_format].run("git", "ls-files", "-z").stdout.split(b"\0")[:-1]
    assert listed == wanted
    offsets, racy, end = find(data, version, hash_len, wanted, 0)
    assert [data[at + 40 : at + 40 + hash_len].hex() for at in offsets] == [blob_of(path, object_format) for path in wanted]
    assert 12 <= end <= len(data) - hash_len
    assert (offsets, end) == (index_scan._find_pure(data, version, hash_len, wanted, 0)[0], end)
    absent = sorted({path + b"x" for path in wanted} - set(wanted))
    assert set(find(data, version, hash_len, absent, 0)[0]) <= {-1}


@pytest.mark.parametrize("version", [2, 4])
@pytest.mark.parametrize("length", [4000, 4094, 4095, 4096, 5000])
def test_long_paths(repositories: dict[str, Repo], find: Find, version: int, length: int) -> None:
    """The flags hold 12 bits of the length only."""
    paths = sorted([b"/".join([b"d" * 200] * (length // 201)) + b"/" + b"x" * (length % 201) + b"x", b"short"])
    data = bytearray(make_index(repositories["sha1"], version, paths).read_bytes())
    offsets = find(data, version, 20, paths, 0)[0]
    assert [data[at + 40 : at + 60].hex() for at in offsets] == [blob_of(path, "sha1") for path in paths]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damage_is_refused_or_harmless(repositories: dict[str, Repo], find: Find, data: st.DataObject) -> None:
    version = data.draw(st.sampled_from([2, 4]))
    whole = _damaged_once.get(version)
    if whole is None:
        paths = [b"a/%d/" % number + b"x" * number for number in range(20)]
        whole = _damaged_once[version] = make_index(repositories["sha1"], version, sorted(paths)).read_bytes()
    index = bytearray(whole)
    for _ in range(data.draw(st.integers(0, 4))):
        index[data.draw(st.integers(8, len(index) - 1))] = data.draw(st.integers(0, 255))
    del index[data.draw(st.integers(40, len(index))) :]
    try:
        offsets, _, end = find(index, version, 20, [b"a/1/x", b"a/9/xxxxxxxxx"], 1)
    except RepositoryError:
        return
    assert all(-1 <= offset < len(index) for offset in offsets)
    assert end <= len(index)


_damaged_once: dict[int, bytes] = {}


@pytest.mark.parametrize("version", [2, 4])
def test_racy_entries(tmp_path: Path, find: Find, version: int) -> None:
    repo = Repo(tmp_path)
    repo.git("init", "-q")
    for number in range(6):
        repo.write(f"{number}", b"x", age_s=100 if number % 2 else -100)
    repo.git("update-index", "--index-version", str(version))
    repo.git("add", "-A")
    data = bytearray((tmp_path / ".git" / "index").read_bytes())
    offsets, racy, _ = find(data, version, 20, [b"0", b"1", b"2", b"3", b"4", b"5"], int(time.time()))
    assert racy == offsets[0::2]


# -- patching


def _set(fields: tuple[int, ...]) -> Callable[[Index, int, int], bool]:
    def change(index: Index, number: int, offset: int) -> bool:
        index.set_stat(offset, fields)
        return True

    return change


FIELDS = (1, 2, 3, 4, 5, 6, 0o100600, 8, 9, 10)


@pytest.mark.parametrize("version", [2, 4])
@pytest.mark.parametrize("object_format", FORMATS)
def test_only_stat_data_and_the_checksum_change(
    repositories: dict[str, Repo], find: Find, version: int, object_format: str
) -> None:
    paths = [b"a", b"b/c", b"b/d", b"e"]
    repo, hash_len = repositories[object_format], FORMATS[object_format]
    index = make_index(repo, version, paths, object_format)
    before, stage = index.read_bytes(), repo.git("ls-files", "-s")
    assert patch(str(index), [b"b/d"], object_format, _set(FIELDS), 0) == 1
    after = index.read_bytes()
    at = find(bytearray(before), version, hash_len, [b"b/d"], 0)[0][0]
    assert STAT.unpack_from(after, at) == (*FIELDS[:6], 0o100644, *FIELDS[7:])
    assert after[:at] + after[at + 40 : -hash_len] == before[:at] + before[at + 40 : -hash_len]
    assert after[-hash_len:] == hashlib.new(object_format, after[:-hash_len]).digest()
    assert repo.git("ls-files", "-s") == stage
    assert "ctime: 1:2" in repo.git("ls-files", "--debug", "b/d")


def test_an_index_without_a_checksum_stays_without(repositories: dict[str, Repo], find: Find) -> None:
    """``index.skipHash`` writes zeros."""
    index = make_index(repositories["sha1"], 2, [b"a"])
    index.write_bytes(index.read_bytes()[:-20] + bytes(20))
    assert patch(str(index), [b"a"], "sha1", _set(FIELDS), 0) == 1
    assert index.read_bytes()[-20:] == bytes(20)
    assert "ctime: 1:2" in repositories["sha1"].git("ls-files", "--debug", "a")


@pytest.mark.parametrize("mode", ["120000", "160000"])
def test_links_and_submodules_are_not_patched(repositories: dict[str, Repo], find: Find, mode: str) -> None:
    index = make_index(repositories["sha1"], 2, [b"a"], mode=mode)
    before = index.read_bytes()
    assert patch(str(index), [b"a"], "sha1", _set(FIELDS), 0) == 0
    assert index.read_bytes() == before


def test_marked_entries_are_not_patched(tmp_path: Path, find: Find) -> None:
    repo = Repo(tmp_path)
    repo.git("init", "-q")
    for name in ("assumed", "intended", "plain", "skipped"):
        repo.write(name, b"x")
    repo.git("add", "assumed", "plain", "skipped")
    repo.git("add", "-N", "intended")
    repo.git("update-index", "--skip-worktree", "skipped")
    repo.git("update-index", "--assume-unchanged", "assumed")
    changed = []

    def note(index: Index, number: int, offset: int) -> bool:
        changed.append(number)
        return False

    assert patch(str(tmp_path / ".git" / "index"), [b"assumed", b"intended", b"plain", b"skipped"], "sha1", note, 0) == 0
    assert changed == [2]


def test_nothing_is_written_when_nothing_changes(repositories: dict[str, Repo], find: Find) -> None:
    index = make_index(repositories["sha1"], 2, [b"a"])
    status = index.stat()
    assert patch(str(index), [b"a", b"b"], "sha1", lambda *_: False, 0) == 0
    assert index.stat() == status
    assert not index.with_name("index.lock").exists()


def test_a_size_can_be_forgotten_and_restored(repositories: dict[str, Repo], find: Find) -> None:
    path = make_index(repositories["sha1"], 2, [b"a"])
    patch(str(path), [b"a"], "sha1", _set(FIELDS), 0)
    index = Index(str(path), [b"a"], "sha1")
    size = index.forget_size(index.offsets[0])
    assert STAT.unpack_from(index.data, index.offsets[0])[9] == 0
    index.restore_size(index.offsets[0], size)
    assert STAT.unpack_from(index.data, index.offsets[0])[9] == 10


def _not_an_index(index: Path) -> None:
    index.write_bytes(b"this is not an index at all, but it is long enough for one")


def _short(index: Path) -> None:
    index.write_bytes(b"DIRC")


def _flipped(index: Path) -> None:
    data = bytearray(index.read_bytes())
    data[50] ^= 1
    index.write_bytes(data)


def _version_5(index: Path) -> None:
    data = bytearray(index.read_bytes())
    data[7] = 5
    index.write_bytes(data)


def _cut(index: Path) -> None:
    data = bytearray(index.read_bytes())
    data[11] = 9  # more entries than there are
    index.write_bytes(data[:-20] + bytes(20))


@pytest.mark.parametrize("damage", [_not_an_index, _short, _flipped, _version_5, _cut])
def test_a_damaged_index_is_refused_and_kept(repositories: dict[str, Repo], find: Find, damage: Callable[[Path], None]) -> None:
    index = make_index(repositories["sha1"], 2, [b"a"])
    damage(index)
    before = index.read_bytes()
    with pytest.raises(RepositoryError) as caught:
        patch(str(index), [b"a"], "sha1", _set(FIELDS), 0)
    assert str(index) in caught.value.message or "index is malformed" in caught.value.message
    assert index.read_bytes() == before
    assert not index.with_name("index.lock").exists()


def test_a_missing_index_has_no_entries(tmp_path: Path) -> None:
    assert patch(str(tmp_path / "index"), [b"a"], "sha1", _set(FIELDS), 0) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_split_index_is_not_patched(tmp_path: Path, find: Find) -> None:
    repo = Repo(tmp_path)
    repo.git("init", "-q")
    repo.write("a", b"x")
    repo.git("add", "a")
    repo.git("update-index", "--split-index")
    with pytest.raises(SplitIndex):
        patch(str(tmp_path / ".git" / "index"), [b"a"], "sha1", _set(FIELDS), 0)
    assert not (tmp_path / ".git" / "index.lock").exists()


def test_a_lock_somebody_holds_is_respected(repositories: dict[str, Repo]) -> None:
    index = make_index(repositories["sha1"], 2, [b"a"])
    before = index.read_bytes()
    lock = index.with_name("index.lock")
    lock.write_bytes(b"theirs")
    with pytest.raises(Locked) as caught:
        patch(str(index), [b"a"], "sha1", _set(FIELDS), 0)
    assert str(lock) in caught.value.message
    assert (index.read_bytes(), lock.read_bytes()) == (before, b"theirs")
    lock.unlink()


def test_the_lock_is_released_when_the_change_fails(repositories: dict[str, Repo]) -> None:
    index = make_index(repositories["sha1"], 2, [b"a"])

    def fail(index: Index, number: int, offset: int) -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        patch(str(index), [b"a"], "sha1", fail, 0)
    assert not index.with_name("index.lock").exists()


@pytest.mark.parametrize("mode", [0o600, 0o664])
def test_the_permissions_of_the_index_are_kept(repositories: dict[str, Repo], mode: int) -> None:
    index = make_index(repositories["sha1"], 2, [b"a"])
    index.chmod(mode)
    patch(str(index), [b"a"], "sha1", _set(FIELDS), 0)
    assert index.stat().st_mode & 0o777 == mode


def test_a_young_index_keeps_its_time(repositories: dict[str, Repo]) -> None:
    """A later time would hide edits made since git wrote it."""
    index = make_index(repositories["sha1"], 2, [b"a"])
    before = index.stat().st_mtime_ns
    patch(str(index), [b"a"], "sha1", _set(FIELDS), 0)
    assert index.stat().st_mtime_ns == before


def test_an_old_index_gets_the_present_and_its_racy_entries_lose_their_size(tmp_path: Path) -> None:
    repo = Repo(tmp_path)
    repo.git("init", "-q")
    for name in ("racy", "settled"):
        repo.write(name, b"x", age_s=1000)
    repo.write("racy", b"x", age_s=0)
    repo.git("add", "-A")
    index = tmp_path / ".git" / "index"
    past_ns = repo.file("racy").stat().st_mtime_ns - git_index.KEEP_MTIME_S * 10**9 - 10**9
    os.utime(index, ns=(past_ns, past_ns))
    patch(str(index), [b"settled"], "sha1", _set(index_fields(repo.file("settled").stat())), 0)
    assert index.stat().st_mtime_ns > past_ns + 10**9
    after = Index(str(index), [b"racy", b"settled"], "sha1")
    assert [STAT.unpack_from(after.data, at)[9] for at in after.offsets] == [0, 1]
    assert repo.status() == "A  racy\nA  settled\n"


@pytest.mark.parametrize(("size", "stored"), [(0, 0), (1, 1), (2**32 - 1, 2**32 - 1), (2**32, 0), (2**32 + 5, 5)])
def test_sizes_are_stored_modulo_4_gib(tmp_path: Path, size: int, stored: int) -> None:
    file = tmp_path / "sparse"
    file.touch()
    os.truncate(file, size)
    assert index_fields(file.stat())[9] == stored

"""Link types: tried once for each pair of file systems, then remembered."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from helpers import content

from git_data.link import extents, probe
from git_data.link.probe import usable

ALL = ("reflink", "hardlink", "copy")


def test_reflinks_work_where_they_do(reflink_dir: Path) -> None:
    assert usable(ALL, str(reflink_dir), str(reflink_dir), str(reflink_dir / "memory")) == ALL


def test_only_copies_work_between_file_systems(reflink_dir: Path, tmp_path: Path) -> None:
    assert usable(ALL, str(reflink_dir), str(tmp_path), str(tmp_path / "memory")) == ("copy",)


def test_the_order_is_that_of_the_caller(tmp_path: Path) -> None:
    assert usable(("copy", "hardlink"), str(tmp_path), str(tmp_path), str(tmp_path / "memory")) == ("copy", "hardlink")
    assert usable(("hardlink",), str(tmp_path), str(tmp_path), str(tmp_path / "memory")) == ("hardlink",)


def test_a_pair_is_tried_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = str(tmp_path / "dir" / "memory")
    first = usable(ALL, str(tmp_path), str(tmp_path), memory)
    monkeypatch.setattr(probe, "_try_all", lambda source, target: pytest.fail("tried again"))
    assert usable(ALL, str(tmp_path), str(tmp_path), memory) == first


@pytest.mark.parametrize("garbage", [b"", b"\xff\xfe\n", b"1 2\n", b"\n\n"])
def test_a_damaged_memory_costs_another_try(tmp_path: Path, garbage: bytes) -> None:
    (tmp_path / "memory").write_bytes(garbage)
    assert "copy" in usable(ALL, str(tmp_path), str(tmp_path), str(tmp_path / "memory"))


def test_a_memory_that_cannot_be_written_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert "copy" in usable(ALL, str(tmp_path), str(tmp_path), str(tmp_path / "file" / "memory"))


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    for name in ("a", "b", "m"):
        (tmp_path / name).mkdir()
    usable(ALL, str(tmp_path / "a"), str(tmp_path / "b"), str(tmp_path / "m" / "memory"))
    assert os.listdir(tmp_path / "a") == os.listdir(tmp_path / "b") == []


# -- the proof that files share blocks is itself proved


def test_copies_do_not_count_as_shared(reflink_dir: Path) -> None:
    data = content(100_000)
    (reflink_dir / "a").write_bytes(data)
    (reflink_dir / "b").write_bytes(data)
    assert not extents.shared(reflink_dir / "a", reflink_dir / "b")
    assert extents.share(reflink_dir / "a", reflink_dir / "b")
    assert extents.shared(reflink_dir / "a", reflink_dir / "b")


def test_different_files_are_not_made_to_share(reflink_dir: Path) -> None:
    (reflink_dir / "a").write_bytes(content(100_000, seed=1))
    (reflink_dir / "b").write_bytes(content(100_000, seed=2))
    (reflink_dir / "c").write_bytes(content(100_001, seed=1))
    assert not extents.share(reflink_dir / "a", reflink_dir / "b")
    assert not extents.share(reflink_dir / "a", reflink_dir / "c")
    assert (reflink_dir / "b").read_bytes() == content(100_000, seed=2)


def test_hard_links_count_as_shared(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    os.link(tmp_path / "a", tmp_path / "b")
    assert extents.shared(tmp_path / "a", tmp_path / "b")


def test_a_partly_changed_clone_is_not_shared(reflink_dir: Path) -> None:
    (reflink_dir / "a").write_bytes(content(1 << 20))
    (reflink_dir / "b").write_bytes((reflink_dir / "a").read_bytes())
    assert extents.share(reflink_dir / "a", reflink_dir / "b")
    with open(reflink_dir / "b", "r+b") as file:
        file.seek(500_000)
        file.write(b"changed")
    assert not extents.shared(reflink_dir / "a", reflink_dir / "b")

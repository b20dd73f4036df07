"""Content of every size and kind goes in and comes back byte for byte."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from helpers import Repo, content, pointer_of

from git_data.link import extents
from git_data.pointer import parse

MIB = 1 << 20
OID = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
POINTER = f"version git-data/1\noid sha256:{OID}\nsize 6\n".encode()
LFS_POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{OID}\nsize 6\n".encode()

SIZES = [0, 1, 2, 104, 105, 106, 1023, 1024, 1025, 4095, 4096, 4097, 65515, 65516, 65517, 131031, 131032, 131033]
SIZES += [MIB - 1, MIB, MIB + 1, 2 * MIB, 4 * MIB, 4 * MIB + 1, 5 * MIB - 7]


def test_every_size_around_every_boundary(any_repo: Repo, links: bool) -> None:
    data = {f"{size}.bin": any_repo.write(f"{size}.bin", size) for size in SIZES}
    any_repo.commit()
    for path, bytes_ in data.items():
        assert any_repo.blob(path) == (pointer_of(bytes_) if bytes_ else b"")
        any_repo.file(path).unlink()
    any_repo.git("checkout", "-q", "--", ".")
    del data["0.bin"]  # an empty file has no object to share with, and git looks at a young one again
    assert any_repo.read("0.bin") == b""
    any_repo.file("0.bin").unlink()
    any_repo.git("rm", "-q", "--cached", "0.bin")
    any_repo.git("commit", "-q", "-m", "without the empty one")
    any_repo.assert_content(data, links)


@pytest.mark.parametrize("size", [MIB + 1, 3 * MIB])
def test_a_streamed_file_shares_its_blocks_with_the_store_from_the_first_add(reflink_repo: Repo, size: int) -> None:
    reflink_repo.write("a.bin", size)
    reflink_repo.commit()
    assert reflink_repo.is_linked("a.bin")


def test_64_mib_and_a_byte(any_repo: Repo, links: bool) -> None:
    data = any_repo.write("a.bin", 64 * MIB + 1)
    any_repo.commit()
    any_repo.write("a.bin", b"small")
    any_repo.commit()
    any_repo.git("checkout", "-q", "HEAD~1")
    any_repo.assert_content({"a.bin": data}, links)
    assert any_repo.run("git", "cat-file", "--filters", "HEAD:a.bin").stdout == data


def test_memory_stays_constant(repo: Repo, tmp_path: Path) -> None:
    """The filter may use 64 MiB whatever the size of the file."""
    command = repo.git("config", "filter.data.process").strip()
    limited = f"ulimit -d 65536; {command}"  # KiB of data segments and private mappings
    repo.git("config", "filter.data.process", f"sh -c '{limited}'" if "'" not in limited else limited)
    with open(repo.file("a.bin"), "wb") as file:
        for number in range(24):
            file.write(content(8 * MIB, seed=number))
    repo.age("a.bin")
    repo.commit()
    pointer = parse(repo.blob("a.bin"))
    assert pointer is not None and pointer.size == 192 * MIB
    assert len(repo.run("git", "cat-file", "--filters", "HEAD:a.bin").stdout) == 192 * MIB


LOOKALIKES = {
    "1023 bytes": POINTER.ljust(1023, b"x"),
    "1024 bytes": POINTER.ljust(1024, b"x"),
    "1025 bytes": POINTER.ljust(1025, b"x"),
    "CRLF": POINTER.replace(b"\n", b"\r\n"),
    "text appended": POINTER + b"something else\n",
    "without the last line feed": POINTER[:-1],
    "size 2^63": POINTER.replace(b"size 6", b"size 9223372036854775808"),
    "size negative": POINTER.replace(b"size 6", b"size -6"),
    "size 0": POINTER.replace(b"size 6", b"size 0"),
    "keys twice": POINTER + b"size 6\n",
    "upper-case oid": POINTER.replace(OID.encode(), OID.upper().encode()),
    "lfs with an extension": LFS_POINTER.replace(b"\noid", b"\next-0-x sha256:" + OID.encode() + b"\noid"),
    "conflict markers": b"<<<<<<< ours\n" + POINTER + b"=======\n" + POINTER + b">>>>>>> theirs\n",
}


@pytest.mark.parametrize("data", LOOKALIKES.values(), ids=LOOKALIKES.keys())
def test_what_only_looks_like_a_pointer_is_content(repo: Repo, data: bytes) -> None:
    repo.write("a.bin", data)
    repo.commit()
    assert repo.blob("a.bin") == pointer_of(data)
    repo.file("a.bin").unlink()
    repo.git("checkout", "-q", "--", "a.bin")
    repo.assert_content({"a.bin": data}, linked=False)


@pytest.mark.parametrize("pointer", [POINTER, LFS_POINTER], ids=["data", "lfs"])
def test_a_pointer_goes_through_unchanged(repo: Repo, pointer: bytes) -> None:
    repo.write("a.bin", pointer)
    repo.git("add", "a.bin")
    assert repo.blob("a.bin") == pointer


def test_pointers_of_stock_git_lfs_are_read_and_written(repo: Repo) -> None:
    repo.git("config", "data.pointerFormat", "lfs")
    data = repo.write("a.bin", 3000)
    repo.commit()
    assert repo.blob("a.bin") == pointer_of(data, "lfs")
    repo.git("config", "--unset", "data.pointerFormat")
    repo.file("a.bin").unlink()
    repo.git("checkout", "-q", "--", "a.bin")
    repo.assert_content({"a.bin": data}, linked=False)


# -- the stream git sends is what counts


def streams() -> dict[str, tuple[bytes, bytes]]:
    """Stream, and what lies in the work tree at its path."""
    small, large = content(5000, seed=3), content(3 * MIB, seed=4)
    cases = {}
    for name, data in (("small", small), ("large", large)):
        middle = len(data) * 2 // 3
        cases |= {
            f"{name}, the file is the same": (data, data),
            f"{name}, the file is longer": (data, data + b"more"),
            f"{name}, the file is shorter": (data, data[:middle]),
            f"{name}, the file is empty": (data, b""),
            f"{name}, another first byte": (data, bytes([data[0] ^ 1]) + data[1:]),
            f"{name}, another byte in the middle": (data, data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]),
            f"{name}, another last byte": (data, data[:-1] + bytes([data[-1] ^ 1])),
        }
    return cases


STREAMS = streams()


@pytest.mark.parametrize(("stream", "file"), STREAMS.values(), ids=STREAMS.keys())
def test_hash_object_with_a_path_takes_the_stream(any_repo: Repo, stream: bytes, file: bytes) -> None:
    any_repo.write("a.bin", file)
    blob = any_repo.git("hash-object", "-w", "--stdin", "--path=a.bin", stdin=stream).strip()
    assert any_repo.run("git", "cat-file", "blob", blob).stdout == pointer_of(stream)
    assert any_repo.object(stream).read_bytes() == stream
    assert any_repo.read("a.bin") == file
    assert any_repo.objects() == {any_repo.object(stream).name}


@pytest.mark.parametrize("kind", ["nothing", "directory", "symlink", "dangling symlink", "fifo"])
@pytest.mark.parametrize("size", [5000, 2 * MIB])
def test_hash_object_never_hangs_whatever_lies_at_the_path(any_repo: Repo, tmp_path: Path, kind: str, size: int) -> None:
    stream, path = content(size), any_repo.file("a.bin")
    (tmp_path / "outside").write_bytes(stream)
    make = {
        "nothing": lambda: None,
        "directory": path.mkdir,
        "symlink": lambda: path.symlink_to(tmp_path / "outside"),
        "dangling symlink": lambda: path.symlink_to("nowhere"),
        "fifo": lambda: os.mkfifo(path),
    }
    make[kind]()
    blob = any_repo.git("hash-object", "-w", "--stdin", "--path=a.bin", stdin=stream).strip()
    assert any_repo.run("git", "cat-file", "blob", blob).stdout == pointer_of(stream)
    assert any_repo.object(stream).read_bytes() == stream


# -- what belongs to a file besides its bytes


@pytest.mark.parametrize("size", [3000, 2 * MIB])
def test_the_exec_bit_belongs_to_the_path(any_repo: Repo, links: bool, size: int) -> None:
    data = any_repo.write("tool.bin", size)
    any_repo.write("plain.bin", data)
    any_repo.file("tool.bin").chmod(0o755)
    any_repo.commit()
    for path in ("tool.bin", "plain.bin"):
        any_repo.file(path).unlink()
    any_repo.git("checkout", "-q", "--", ".")
    assert stat.S_IMODE(any_repo.file("tool.bin").stat().st_mode) == 0o755
    assert stat.S_IMODE(any_repo.file("plain.bin").stat().st_mode) == 0o644
    any_repo.assert_content({"tool.bin": data, "plain.bin": data}, links)
    any_repo.git("update-index", "--chmod=-x", "tool.bin")
    any_repo.git("commit", "-q", "-m", "no tool")
    any_repo.git("checkout", "-q", "--", "tool.bin")
    any_repo.git("reset", "-q", "--hard")
    assert stat.S_IMODE(any_repo.file("tool.bin").stat().st_mode) == 0o644


@pytest.mark.parametrize("link", ["reflink,copy", "hardlink,copy"])
def test_the_exec_bit_with_hard_links(repo: Repo, link: str) -> None:
    repo.git("config", "data.link", link)
    repo.git("config", "core.trustctime", "false")
    data = repo.write("tool.bin", 3000)
    repo.write("plain.bin", data)
    repo.file("tool.bin").chmod(0o755)
    repo.commit()
    repo.git("checkout", "-q", "HEAD~1")
    repo.git("checkout", "-q", "main")
    repo.assert_content({"tool.bin": data, "plain.bin": data}, linked=False)
    assert os.access(repo.file("tool.bin"), os.X_OK)
    assert repo.file("plain.bin").stat().st_nlink == (2 if "hardlink" in link else 1)
    assert repo.object(data).stat().st_mode & 0o111 == 0


def test_duplicate_content_is_stored_once(repo: Repo) -> None:
    data = content(100_000)
    for number in range(10):
        repo.write(f"d{number}/copy.bin", data)
    repo.commit()
    assert repo.objects() == {repo.object(data).name}


def test_adding_what_the_store_has_writes_nothing(repo: Repo) -> None:
    data = repo.write("a.bin", 2 * MIB)
    repo.commit()
    inode = repo.object(data).stat().st_ino
    repo.write("b.bin", data)
    repo.commit()
    assert repo.object(data).stat().st_ino == inode
    assert os.listdir(repo.store() / "tmp") == []


@pytest.mark.slow
@pytest.mark.parametrize("size", [4 << 30, (4 << 30) + 5])
def test_4_gib(reflink_repo: Repo, size: int) -> None:
    """Sizes in the index are modulo 2^32."""
    with open(reflink_repo.file("huge.bin"), "wb") as file:
        file.write(b"first")
        file.truncate(size)
    reflink_repo.age("huge.bin")
    if size % (4 << 30):
        reflink_repo.data("add", "huge.bin")
        reflink_repo.commit()
    else:
        reflink_repo.git("add", "huge.bin")  # a commit would look at all its content again
    pointer = parse(reflink_repo.blob("huge.bin"))
    assert pointer is not None and pointer.size == size
    reflink_repo.file("huge.bin").unlink()
    reflink_repo.git("checkout", "-q", "--", "huge.bin")
    assert reflink_repo.file("huge.bin").stat().st_size == size
    with open(reflink_repo.file("huge.bin"), "rb") as file:
        assert file.read(10) == b"first".ljust(10, b"\0")
    object = next(path for path in (reflink_repo.store() / "objects").rglob(pointer.oid))
    assert extents.shared(object, reflink_repo.file("huge.bin"))
    if size % (4 << 30):
        reflink_repo.assert_clean()  # git compares the content of a file whose size it stored as 0

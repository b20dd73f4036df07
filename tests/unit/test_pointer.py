"""Pointers: one valid encoding, and everything else is content."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from git_data.pointer import FORMATS, MAX_CONTENT_SIZE_BYTES, MAX_SIZE_BYTES, Pointer, is_oid, looks_like, parse

OID = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
DATA = f"version git-data/1\noid sha256:{OID}\nsize 6\n".encode()
LFS = f"version https://git-lfs.github.com/spec/v1\noid sha256:{OID}\nsize 6\n".encode()

oids = st.binary(min_size=32, max_size=32).map(bytes.hex)
pointers = st.builds(Pointer, oids, st.integers(1, MAX_CONTENT_SIZE_BYTES), st.sampled_from(sorted(FORMATS)))


@pytest.mark.parametrize(("encoded", "format"), [(DATA, "data"), (LFS, "lfs")])
def test_a_pointer_is_these_three_lines(encoded: bytes, format: str) -> None:
    assert parse(encoded) == Pointer(OID, 6, format)
    assert Pointer(OID, 6, format).encode() == encoded


NOT_POINTERS = {
    "empty": b"",
    "only the version": b"version git-data/1\n",
    "another version": DATA.replace(b"git-data/1", b"git-data/2"),
    "no version": DATA.partition(b"\n")[2],
    "CRLF": DATA.replace(b"\n", b"\r\n"),
    "CR": DATA.replace(b"\n", b"\r"),
    "no final line feed": DATA[:-1],
    "one more line feed": DATA + b"\n",
    "text appended": DATA + b"and so on\n",
    "text in front": b"\n" + DATA,
    "byte order mark": b"\xef\xbb\xbf" + DATA,
    "lines in another order": b"version git-data/1\nsize 6\noid sha256:" + OID.encode() + b"\n",
    "a key twice": DATA + b"size 6\n",
    "an unknown key": DATA + b"extra yes\n",
    "lfs extension": LFS.replace(b"\noid", b"\next-0-x sha256:" + OID.encode() + b"\noid"),
    "lfs of its first days": LFS.replace(b"https://git-lfs.github.com/spec/v1", b"https://hawser.github.com/spec/v1"),
    "http": LFS.replace(b"https", b"http"),
    "upper-case oid": DATA.replace(OID.encode(), OID.upper().encode()),
    "oid too short": DATA.replace(OID.encode(), OID[:-1].encode()),
    "oid too long": DATA.replace(OID.encode(), OID.encode() + b"0"),
    "oid not hexadecimal": DATA.replace(OID.encode(), b"g" * 64),
    "oid not ASCII": DATA.replace(OID.encode(), "é".encode() * 32),
    "another hash": DATA.replace(b"sha256:", b"sha512:"),
    "oid without a hash": DATA.replace(b"sha256:", b""),
    "size missing": DATA.replace(b"6", b""),
    "size 0": DATA.replace(b"size 6", b"size 0"),
    "size negative": DATA.replace(b"size 6", b"size -6"),
    "size with a sign": DATA.replace(b"size 6", b"size +6"),
    "size with a leading zero": DATA.replace(b"size 6", b"size 06"),
    "size with an underscore": DATA.replace(b"size 6", b"size 6_0"),
    "size hexadecimal": DATA.replace(b"size 6", b"size 0x6"),
    "size with a fraction": DATA.replace(b"size 6", b"size 6.0"),
    "size in other digits": DATA.replace(b"size 6", "size ６".encode()),
    "size 2^63": DATA.replace(b"size 6", b"size 9223372036854775808"),
    "size of a thousand digits": DATA.replace(b"size 6", b"size " + b"9" * 800),
    "two spaces": DATA.replace(b"size 6", b"size  6"),
    "space at the end": DATA.replace(b"size 6", b"size 6 "),
    "tab": DATA.replace(b"size 6", b"size\t6"),
    "NUL": DATA.replace(b"size 6", b"size 6\0"),
    "NUL at the end": DATA + b"\0",
}


@pytest.mark.parametrize("content", NOT_POINTERS.values(), ids=NOT_POINTERS.keys())
def test_anything_else_is_content(content: bytes) -> None:
    assert parse(content) is None


@pytest.mark.parametrize("size", [1, 9, 10, 2**32, 2**63 - 1])
def test_every_size_a_file_can_have(size: int) -> None:
    pointer = Pointer(OID, size)
    assert parse(pointer.encode()) == pointer


@pytest.mark.parametrize("length", [1023, 1024, 1025])
def test_long_content_is_no_pointer_whatever_it_begins_with(length: int) -> None:
    assert parse(DATA + b"x" * (length - len(DATA))) is None


@given(pointers)
def test_what_is_encoded_is_parsed_to_the_same(pointer: Pointer) -> None:
    encoded = pointer.encode()
    assert parse(encoded) == pointer
    assert len(encoded) < MAX_SIZE_BYTES


@given(pointers, st.data())
def test_one_changed_byte_is_another_pointer_or_content(pointer: Pointer, data: st.DataObject) -> None:
    encoded = bytearray(pointer.encode())
    at = data.draw(st.integers(0, len(encoded) - 1))
    encoded[at] = data.draw(st.integers(0, 255))
    changed = parse(bytes(encoded))
    assert changed is None or changed.encode() == encoded


@given(st.binary(max_size=1100) | st.binary(max_size=900).map(lambda tail: b"version git-data/1\n" + tail))
@example(DATA)
@example(LFS)
def test_bytes_are_a_pointer_only_if_encoding_gives_them_back(content: bytes) -> None:
    pointer = parse(content)
    assert pointer is None or pointer.encode() == content


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        (OID, True),
        (OID.upper(), False),
        (OID[:-1], False),
        (OID + "0", False),
        ("", False),
        ("é" * 64, False),
        ("../" * 21 + "a", False),
    ],
)
def test_oid(text: str, is_one: bool) -> None:
    assert is_oid(text) is is_one


def test_what_was_probably_meant_as_a_pointer() -> None:
    assert looks_like(DATA.replace(b"\n", b"\r\n"))
    assert looks_like(LFS + b"x")
    assert not looks_like(b"x" * 2000 + DATA)
    assert not looks_like(b"anything")


def test_pointers_compare_by_everything_they_say() -> None:
    assert Pointer(OID, 6) == Pointer(OID, 6)
    assert Pointer(OID, 6) != Pointer(OID, 7)
    assert Pointer(OID, 6) != Pointer(OID, 6, "lfs")
    assert Pointer(OID, 6) != OID
    assert len({Pointer(OID, 6), Pointer(OID, 6)}) == 1

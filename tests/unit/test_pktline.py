"""pkt-line: framing survives any split into reads, and garbage is refused."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_data.git import pktline
from git_data.git.pktline import MAX_PAYLOAD_BYTES, ProtocolError, Reader


@contextmanager
def reading(stream: bytes, pieces: list[int] | None = None, **options: int) -> Iterator[Reader]:
    """A reader at the end of a pipe into which ``stream`` is written in pieces of these sizes, again and again."""
    read_end, write_end = os.pipe()

    def write() -> None:
        at, number = 0, 0
        sizes = pieces or [len(stream) or 1]
        try:
            while at < len(stream):
                at += os.write(write_end, stream[at : at + sizes[number % len(sizes)]])
                number += 1
        except BrokenPipeError:
            pass
        finally:
            os.close(write_end)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield Reader(read_end, **options)
    finally:
        os.close(read_end)
        writer.join()


def read_all(reader: Reader, target_bytes: int) -> bytes:
    target = bytearray(target_bytes)
    content = b""
    while True:
        count, ended = reader.content_into(memoryview(target))
        content += target[:count]
        if ended:
            return content


pieces = st.lists(st.integers(1, 5000), min_size=1, max_size=20)
texts = st.lists(st.binary(max_size=200).filter(lambda text: not text.endswith(b"\n")), max_size=10)
sizes = st.sampled_from([0, 1, 65515, 65516, 65517, 131032, 131033, 200_000]) | st.integers(0, 3000)


@given(texts, pieces)
def test_text_lists(lines: list[bytes], pieces: list[int]) -> None:
    with reading(pktline.encode_list(*lines), pieces) as reader:
        assert reader.text_list() == lines
        with pytest.raises(EOFError):
            reader.packet()


@given(sizes, pieces, st.sampled_from([1024, 65516, 1 << 20]), st.integers(0, 255))
def test_content_of_any_size_in_targets_of_any_size(size: int, pieces: list[int], target_bytes: int, byte: int) -> None:
    content = bytes([byte]) * (size // 2) + bytes(size - size // 2)
    stream = pktline.encode_content(content) + pktline.encode_list(b"next=1")
    with reading(stream, [piece * 16 for piece in pieces]) as reader:
        assert read_all(reader, target_bytes) == content
        assert reader.at_flush
        assert reader.text_list() == [b"next=1"]


@given(st.lists(st.integers(1, 400), max_size=30), pieces)
def test_content_in_packets_of_any_size(lengths: list[int], pieces: list[int]) -> None:
    packets = [bytes([number % 256]) * length for number, length in enumerate(lengths)]
    with reading(b"".join(map(pktline.encode, packets)) + pktline.FLUSH, pieces) as reader:
        assert read_all(reader, 333) == b"".join(packets)


@given(st.integers(0, 1500), pieces)
def test_small_content(size: int, pieces: list[int]) -> None:
    content = bytes(range(256)) * 6
    stream = pktline.encode_content(content[:size]) + pktline.encode_list(b"next=1")
    with reading(stream, pieces) as reader:
        first, ended = reader.small_content(1024)
        assert first == content[: min(size, 1024)]
        rest = b"" if ended else read_all(reader, 64)
        assert first + rest == content[:size]
        assert reader.text_list() == [b"next=1"]


keys = st.binary(min_size=1, max_size=20).filter(lambda key: b"=" not in key and b"\n" not in key)


@given(st.dictionaries(keys, st.binary(max_size=300), max_size=8), pieces)
def test_requests(pairs: dict[bytes, bytes], pieces: list[int]) -> None:
    pairs = {key: value.removesuffix(b"\n") for key, value in pairs.items()}
    stream = pktline.encode_list(*(key + b"=" + value for key, value in pairs.items()))
    with reading(stream + stream, pieces) as reader:
        assert reader.request() == pairs
        assert reader.request() == pairs
        with pytest.raises(EOFError):
            reader.request()


@pytest.mark.parametrize("path", [b"a=b", b"line\nfeed", b"ends\n", b"-dash", b"\xff\xfe", b"=", b"a" * 4096])
def test_a_path_comes_through_whole(path: bytes) -> None:
    for stream_pieces in (None, [7]):
        with reading(pktline.encode_list(b"command=clean", b"pathname=" + path), stream_pieces) as reader:
            assert reader.request() == {b"command": b"clean", b"pathname": path}


GARBAGE = [b"zzzz", b"0001", b"0003abcd", b"fff5", b"ffff", b"-001", b"+00a12345678", b"0x0a12345678", b" 00a12345678", b"0_0a"]


@pytest.mark.parametrize("stream", GARBAGE)
def test_garbage_is_refused(stream: bytes) -> None:
    for read in (
        lambda reader: reader.packet(),
        lambda reader: reader.text_list(),
        lambda reader: reader.request(),
        lambda reader: reader.small_content(1024),
        lambda reader: reader.content_into(memoryview(bytearray(10))),
    ):
        with reading(stream) as reader, pytest.raises(ProtocolError):
            read(reader)


@pytest.mark.parametrize("stream", [b"0", b"000", b"0010", b"0010abc", pktline.encode(b"x") + b"00"])
def test_a_stream_that_ends_early_is_refused(stream: bytes) -> None:
    for read in (
        lambda reader: reader.text_list(),
        lambda reader: reader.request(),
        lambda reader: read_all(reader, 100),
    ):
        with reading(stream) as reader, pytest.raises((ProtocolError, EOFError)):
            read(reader)


def test_an_empty_stream_is_a_clean_end_for_requests_only() -> None:
    with reading(b"") as reader, pytest.raises(EOFError):
        reader.request()
    with reading(b"") as reader, pytest.raises(ProtocolError):
        reader.content_into(memoryview(bytearray(10)))


def test_skip_to_flush_leaves_the_next_request() -> None:
    content = bytes(3 * MAX_PAYLOAD_BYTES)
    with reading(pktline.encode_content(content) + pktline.encode_list(b"a=b")) as reader:
        assert reader.content_into(memoryview(bytearray(10))) == (10, False)
        assert not reader.at_flush
        reader.skip_to_flush()
        assert reader.at_flush
        assert reader.request() == {b"a": b"b"}


def test_a_packet_holds_65516_bytes_at_most() -> None:
    assert pktline.encode_content(bytes(MAX_PAYLOAD_BYTES)).startswith(b"fff0")
    assert pktline.encode_content(bytes(MAX_PAYLOAD_BYTES + 1)).endswith(b"0005\x000000")
    assert pktline.encode_content(b"") == b"0000"

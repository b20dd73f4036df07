"""Whatever is not a pointer has a reason."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from git_data.commands.pointer import why_not
from git_data.pointer import parse

GOOD = b"version git-data/1\noid sha256:" + b"a" * 64 + b"\nsize 5\n"


@given(st.integers(0, len(GOOD)), st.integers(0, 20), st.binary(max_size=20))
def test_every_edit_of_a_pointer_that_is_none_has_a_reason(at: int, cut: int, put: bytes):
    edited = GOOD[:at] + put + GOOD[at + cut :]
    if parse(edited) is None:
        assert why_not(edited)


@given(st.binary(max_size=2000))
def test_any_bytes_have_a_reason(data: bytes):
    if parse(data) is None:
        assert why_not(data)

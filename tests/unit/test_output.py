"""What commands print: JSON that parses, paths as they are, colours on terminals only."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_data.commands import output

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_json_is_json_whatever_its_shape(value):
    text = output.json_text(value)
    assert json.loads(text) == value
    assert text.isascii()


@given(st.binary(min_size=1).filter(lambda path: b"\0" not in path))
def test_a_path_in_json_can_be_turned_back(path: bytes):
    assert os.fsencode(json.loads(json.dumps(output.name(path)))) == path


@pytest.mark.parametrize(
    ("path", "prefix", "expected"),
    [
        (b"a/b.bin", "", b"a/b.bin"),
        (b"a/b.bin", "a/", b"b.bin"),
        (b"ab/b.bin", "a/", b"../ab/b.bin"),
        (b"c.bin", "a/b/", b"../../c.bin"),
        (b"a/\xff/x", "a/", b"\xff/x"),
    ],
)
def test_paths_as_seen_from_a_subdirectory(path: bytes, prefix: str, expected: bytes):
    assert output.relative(path, prefix) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"), [(1000, 3500, "+2.5 kB"), (3500, 1000, "-2.5 kB"), (5, 5, "+0 B"), (0, 999, "+999 B")]
)
def test_changes_of_size(old: int, new: int, expected: str):
    assert output.size_change(old, new) == expected


def test_tables_have_no_trailing_blanks_and_keep_what_looks_like_a_number():
    assert output.table([["007", "1"], ["a", "23"]], ["x", "y"], right=(1,)) == "x      y\n007    1\na     23\n"
    assert output.table([]) == ""
    assert output.markdown([["a", "1"]], ["x", "y"], right=(1,)).splitlines()[1] == "|:----|----:|"
    assert output.indented("a\nb\n") == "  a\n  b\n"


SCRIPT = "from git_data.commands import output; output.line(output.paint('word', 'red') + 'ü\\udcff')"


def on_a_terminal(**env: str) -> bytes:
    import pty

    leader, follower = pty.openpty()
    subprocess.run([sys.executable, "-c", SCRIPT], stdout=follower, env={**os.environ, "TERM": "xterm", **env}, check=True)
    os.close(follower)
    try:
        return os.read(leader, 1000).strip()
    finally:
        os.close(leader)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pty module")
def test_colours_on_a_terminal_unless_the_user_does_not_want_them():
    word = "ü".encode() + b"\xff"
    assert on_a_terminal(NO_COLOR="") == b"\x1b[31mword\x1b[0m" + word
    assert on_a_terminal(NO_COLOR="1") == b"word" + word
    assert on_a_terminal(TERM="dumb") == b"word" + word


def test_no_colours_elsewhere_and_utf_8_in_every_locale():
    env = {**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "TERM": "xterm"}
    done = subprocess.run([sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, env=env, check=True)
    assert done.stdout == b"word" + "ü".encode() + b"\xff\n"

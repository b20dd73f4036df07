"""The journal: what waits for its content survives a kill, and nobody does the work twice."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from git_data.pointer import FORMATS, Pointer
from git_data.worktree import journal
from git_data.worktree.journal import Journal

OID = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
POINTER = Pointer(OID, 6)


def waiting(data_dir: Path) -> list[tuple[bytes, Pointer]]:
    """Everything that waits, which is done with that."""
    found = []
    for claim in journal.claim_all(str(data_dir)):
        found += [(item.path, item.pointer) for item in claim.waiting]
        claim.done()
    return found


def test_nothing_waits_where_nothing_was_noted(tmp_path: Path) -> None:
    assert not journal.exists(str(tmp_path))
    assert waiting(tmp_path) == []
    Journal(str(tmp_path)).close()
    assert list(tmp_path.iterdir()) == []


def test_what_is_noted_waits_until_it_is_done(tmp_path: Path) -> None:
    own = Journal(str(tmp_path))
    own.add(b"a.bin", POINTER)
    own.add(b"b.bin", Pointer(OID, 7, "lfs"))
    assert journal.exists(str(tmp_path))
    own.close()
    assert waiting(tmp_path) == [(b"a.bin", POINTER), (b"b.bin", Pointer(OID, 7, "lfs"))]
    assert not journal.exists(str(tmp_path))


paths = st.binary(min_size=1, max_size=300).filter(lambda path: b"\0" not in path)
pointers = st.builds(
    Pointer, st.binary(min_size=32, max_size=32).map(bytes.hex), st.integers(1, 2**63 - 1), st.sampled_from(sorted(FORMATS))
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(paths, pointers), min_size=1, max_size=10))
def test_any_path_comes_back(tmp_path: Path, items: list[tuple[bytes, Pointer]]) -> None:
    own = Journal(str(tmp_path))
    for path, pointer in items:
        own.add(path, pointer)
    own.close()
    assert waiting(tmp_path) == items


def test_the_journal_of_a_living_process_is_left_to_it(tmp_path: Path) -> None:
    own = Journal(str(tmp_path))
    own.add(b"a.bin", POINTER)
    assert waiting(tmp_path) == []
    own.close()
    assert waiting(tmp_path) == [(b"a.bin", POINTER)]


def test_a_hook_may_take_over_from_the_filter_that_waits_for_it(tmp_path: Path) -> None:
    own = Journal(str(tmp_path))
    own.add(b"a.bin", POINTER)
    (claim,) = journal.claim_all(str(tmp_path), steal=True)
    assert [item.path for item in claim.waiting] == [b"a.bin"]
    claim.done()
    own.add(b"b.bin", POINTER)
    own.close()
    assert waiting(tmp_path) == [(b"b.bin", POINTER)]


def test_work_that_is_given_back_waits_on(tmp_path: Path) -> None:
    own = Journal(str(tmp_path))
    own.add(b"a.bin", POINTER)
    own.close()
    (claim,) = journal.claim_all(str(tmp_path))
    assert list(journal.claim_all(str(tmp_path))) == []  # somebody works on it
    claim.give_back()
    assert waiting(tmp_path) == [(b"a.bin", POINTER)]


def test_what_a_killed_process_noted_is_found(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from git_data.worktree.journal import Journal; from git_data.pointer import Pointer\n"
        f"own = Journal(sys.argv[1]); own.add(b'a.bin', Pointer('{OID}', 6)); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)])
    assert done.returncode == -9
    assert waiting(tmp_path) == [(b"a.bin", POINTER)]


def test_several_journals_are_all_found(tmp_path: Path) -> None:
    journals = [Journal(str(tmp_path)) for _ in range(3)]
    for number, own in enumerate(journals):
        own.add(b"%d.bin" % number, POINTER)
    for own in journals:
        own.close()
    assert sorted(path for path, _ in waiting(tmp_path)) == [b"0.bin", b"1.bin", b"2.bin"]


@pytest.mark.parametrize(
    "torn",
    [
        b"",
        b"\0",
        b"5891b5",
        f"{OID} 6 data b.b".encode(),  # no NUL: torn by a power failure
        f"{OID} six data b.bin\0".encode(),
        f"{OID} 6 unknown b.bin\0".encode(),
        f"{OID[1:]} 6 data b.bin\0".encode(),
        b"\xff\xfe 6 data b.bin\0",
        b"\0\0\0\0",
    ],
)
def test_a_torn_record_is_dropped_and_the_others_are_kept(tmp_path: Path, torn: bytes) -> None:
    own = Journal(str(tmp_path))
    own.add(b"a.bin", POINTER)
    own.close()
    (file,) = (tmp_path / "pending").iterdir()
    with open(file, "ab") as append:
        append.write(torn)
    assert waiting(tmp_path) == [(b"a.bin", POINTER)]


def test_a_read_only_place_is_an_error_the_caller_sees(tmp_path: Path) -> None:
    (tmp_path / "pending").write_bytes(b"a file where the directory should be")
    with pytest.raises(OSError):
        Journal(str(tmp_path)).add(b"a.bin", POINTER)
    assert os.listdir(tmp_path) == ["pending"]

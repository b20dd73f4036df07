"""The marker of a remote, and what lies where on it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from git_data.errors import RemoteError
from git_data.remote.address import parse
from git_data.remote.base import Options, Remote
from git_data.remote.layout import bump, initialise, object_key, oid_of, read_layout
from git_data.remote.registry import open_remote

OID = "ab" * 32


@pytest.fixture
def opener(tmp_path: Path) -> Callable[[], Remote]:
    return lambda: open_remote(parse(str(tmp_path / "remote")), Options())


@pytest.fixture
def remote(opener: Callable[[], Remote]) -> Remote:
    return opener()


def test_a_key_names_its_oid() -> None:
    assert object_key(OID) == f"objects/sha256/ab/{OID}"
    assert oid_of(object_key(OID)) == OID


@pytest.mark.parametrize(
    "key",
    [
        "",
        OID,
        f"objects/sha256/ba/{OID}",
        f"objects/sha256/AB/{OID.upper()}",
        f"objects/sha256/ab/{OID}0",
        f"objects/sha256/ab/{OID[:-1]}",
        f"objects/sha256/ab/cd/{OID}",
        f"x/objects/sha256/ab/{OID}",
        f"objects/sha256/ab/../{OID}",
        f"objects/sha256/zz/{'z' * 64}",
        f"objects/sha256/ab/{OID}\n",
    ],
)
def test_any_other_key_names_none(key: str) -> None:
    assert oid_of(key) is None


def test_an_empty_place_gets_a_marker_once(remote: Remote, opener: Callable[[], Remote], tmp_path: Path) -> None:
    assert read_layout(remote) is None
    made = initialise(remote)
    assert (tmp_path / "remote" / "layout").read_text() == f"[layout]\n\tversion = 1\n\tid = {made.id}\n\tgeneration = 1\n"
    assert initialise(opener()).id == made.id


def test_all_who_begin_at_once_get_the_same_marker(opener: Callable[[], Remote]) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert len({found.id for found in pool.map(lambda _: initialise(opener()), range(8))}) == 1


def test_the_generation_grows_and_is_even_while_somebody_collects(remote: Remote) -> None:
    first = initialise(remote)
    second = bump(remote, first, collecting=True)
    assert (second.id, second.generation, second.is_collecting) == (first.id, 2, True)
    third = bump(remote, first, collecting=True)
    assert bump(remote, second, collecting=False).generation == third.generation == 4  # others have begun since
    last = bump(remote, third, collecting=False)
    assert (last.generation, last.is_collecting) == (5, False)
    assert bump(remote, last, collecting=True).generation == 6


def test_a_marker_of_another_place_is_not_changed(remote: Remote, tmp_path: Path) -> None:
    first = initialise(remote)
    (tmp_path / "remote" / "layout").unlink()
    other = initialise(remote)
    with pytest.raises(RemoteError, match="another place"):
        bump(remote, first, collecting=True)
    found = read_layout(remote)
    assert found is not None and (found.id, found.generation) == (other.id, 1)


def test_foreign_files_are_refused_with_the_alternative(remote: Remote, tmp_path: Path) -> None:
    (tmp_path / "remote").mkdir()
    (tmp_path / "remote" / "thesis.tex").write_text("mine")
    with pytest.raises(RemoteError, match=r"thesis\.tex") as caught:
        initialise(remote)
    assert f"{tmp_path}/remote/data" in caught.value.hint
    assert not (tmp_path / "remote" / "layout").exists()


def test_a_place_that_lost_its_marker_gets_a_new_one(remote: Remote, tmp_path: Path) -> None:
    remote.create(object_key(OID), b"content")
    assert initialise(remote).generation == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[layout]\n\tversion = 2\n\tid = x\n", "newer git-data"),
        ("", "not git-data's"),
        ("hello", "not git-data's"),
        ("\xff\x00", "not git-data's"),
        ("[layout]\n\tversion = one\n", "not git-data's"),
        ("[layout]\n\tversion = 1\n", "damaged"),
        (f"[layout]\n\tversion = 1\n\tid = {'A' * 32}\n\tgeneration = 1\n", "damaged"),
        (f"[layout]\n\tversion = 1\n\tid = {'a' * 32}\n\tgeneration = -1\n", "damaged"),
        (f"[layout]\n\tversion = 1\n\tid = {'a' * 32}\n\tgeneration = {'9' * 30}\n", "damaged"),
        ("x" * 100_000, "larger than"),
    ],
)
def test_a_marker_that_cannot_be_understood_is_refused(remote: Remote, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "remote").mkdir()
    (tmp_path / "remote" / "layout").write_text(text)
    with pytest.raises(RemoteError, match=said):
        initialise(remote)
    assert (tmp_path / "remote" / "layout").read_text() == text

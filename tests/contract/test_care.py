"""Copying between remotes, and deleting what nobody needs, on every kind of remote."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import content
from remotes import KINDS, Opener

from git_data.base.report import Progress
from git_data.pointer import Pointer
from git_data.remote.address import parse
from git_data.remote.base import Options, Remote, Source
from git_data.remote.layout import initialise, object_key
from git_data.remote.registry import open_remote
from git_data.store.objects import Store
from git_data.sync import collect, projects
from git_data.sync.mirror import copy, copy_projects, lacking, listed


@pytest.fixture(params=list(KINDS))
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    with KINDS[request.param](request, tmp_path) as opener:
        yield opener


@pytest.fixture
def remote(opener: Opener) -> Iterator[Remote]:
    remote = opener()
    initialise(remote)
    yield remote
    remote.close()


def pointer_to(data: bytes) -> Pointer:
    return Pointer(hashlib.sha256(data).hexdigest(), len(data))


def put(remote: Remote, *contents: bytes) -> list[Pointer]:
    pointers = [pointer_to(data) for data in contents]
    for data, pointer in zip(contents, pointers):
        remote.put(object_key(pointer.oid), Source(pointer.size, pointer.oid, content=data))
    return pointers


def oids(remote: Remote) -> set[str]:
    return {pointer.oid for pointer in listed(remote)}


def test_what_nobody_needs_goes_and_everything_else_stays(remote: Remote) -> None:
    kept, gone = put(remote, content(3000), content(4000))
    assert remote.create("projects/" + "a" * 40, b"x\n")
    found = collect.usage(remote, {kept.oid})
    assert (len(found.needed), len(found.others), found.own[0], found.foreign[0]) == (1, 1, 2, 0)
    assert collect.old(remote, found.others, 3600) == []
    # what is as old as the clock's second is not young any more
    old = collect.old(remote, found.others, 0)
    assert [entry.size for entry in old] == [4000]
    assert collect.delete(remote, old, Progress("deleting", 1)) == (1, 4000)
    assert oids(remote) == {kept.oid}
    assert gone.oid not in oids(remote)
    assert projects.registered(remote) == ["a" * 40]
    assert collect.usage(remote, set()).own[0] == 2


def test_what_was_sent_again_since_it_was_listed_stays(remote: Remote) -> None:
    data = content(3000)
    (pointer,) = put(remote, data)
    listed_before = collect.usage(remote, set()).others
    time.sleep(1.1)  # clocks of whole seconds
    put(remote, data)
    assert collect.delete(remote, listed_before, Progress("deleting", 1)) == (0, 0)
    assert oids(remote) == {pointer.oid}


def test_everything_is_copied_there_and_back(remote: Remote, tmp_path: Path) -> None:
    first = open_remote(parse(str(tmp_path / "first")), Options())
    initialise(first)
    first.create("projects/" + "b" * 40, b"x\n")
    pointers = put(first, *(content(size) for size in (1, 5000, 1 << 20, (1 << 20) + 1, 3 << 20)))
    store = Store(str(tmp_path / "store"))
    assert sorted(copy(first, remote, store, listed(first)).done) == sorted(pointer.oid for pointer in pointers)
    copy_projects(first, remote)
    assert lacking(remote, pointers) == []
    last = open_remote(parse(str(tmp_path / "last")), Options())
    initialise(last)
    copied = copy(remote, last, store, listed(remote))
    assert (len(copied.done), copied.failed, copied.bytes) == (5, [], sum(pointer.size for pointer in pointers))
    assert projects.registered(remote) == ["b" * 40]
    for pointer in pointers:
        assert hashlib.sha256(b"".join(last.get(object_key(pointer.oid)))).hexdigest() == pointer.oid
    assert list(store.each()) == []

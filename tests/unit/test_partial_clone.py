"""Which blobs a partial clone may lack, from its configuration."""

from __future__ import annotations

import pytest

from git_data.config import Config, Entry
from git_data.git.partial_clone import has_all_blobs_below, promisors
from git_data.git.repo import Repository


def clone(**settings: str) -> Repository:
    entries = {name.replace("__", "."): [Entry("local", value)] for name, value in settings.items()}
    return Repository("/r/.git", "/r/.git", "/r", "", "", Config(entries))


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({}, []),
        ({"remote__origin__url": "x"}, []),
        ({"remote__origin__promisor": "true"}, ["origin"]),
        ({"remote__origin__promisor": "false"}, []),
        ({"remote__a.b__promisor": "true", "remote__c__promisor": "true"}, ["a.b", "c"]),
        ({"extensions__partialclone": "origin"}, ["origin"]),
    ],
)
def test_promisors_are_the_remotes_that_say_so(settings: dict[str, str], names: list[str]) -> None:
    assert promisors(clone(**settings)) == names


@pytest.mark.parametrize(
    ("filter", "all_there"),
    [
        ("blob:limit=1k", True),
        ("blob:limit=1024", True),
        ("blob:limit=1m", True),
        ("blob:limit=1023", False),
        ("blob:limit=0", False),
        ("blob:none", False),
        ("tree:0", False),
        ("blob:limit=", False),
        ("blob:limit=bogus", False),
        ("combine:blob:limit=1k+tree:1", False),
        ("", False),
    ],
)
def test_only_a_large_enough_blob_limit_leaves_every_pointer_here(filter: str, all_there: bool) -> None:
    repo = clone(remote__origin__promisor="true", remote__origin__partialclonefilter=filter)
    assert has_all_blobs_below(repo, 1024) is all_there

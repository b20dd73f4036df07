"""What git-lfs leaves in a repository: lines of attributes, and hooks."""

from __future__ import annotations

import pytest

from git_data.git.attributes import AttributesFile
from git_data.setup.lfs_hooks import is_stock

_NEWER = (
    b'command -v git-lfs >/dev/null 2>&1 || { printf >&2 "\\n%s\\n\\n" "This repository is configured for Git LFS."; exit 2; }\n'
)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"*.bin filter=lfs diff=lfs merge=lfs -text\n", b"*.bin filter=data diff=data merge=data -text\n"),
        (b"*.bin -text  merge=lfs\tfilter=lfs lockable", b"*.bin -text  merge=data\tfilter=data lockable"),
        (b"[attr]lfs filter=lfs diff=lfs\n*.bin lfs\n", b"[attr]lfs filter=data diff=data\n*.bin lfs\n"),
        (b'"a filter=lfs b" filter=lfs\r\n\r\n# filter=lfs\r\n', b'"a filter=lfs b" filter=data\r\n\r\n# filter=lfs\r\n'),
        (b'"say \\" filter=lfs" diff=lfs\n', b'"say \\" filter=lfs" diff=data\n'),
        (b"  *.bin   filter=lfs\n", b"  *.bin   filter=data\n"),
    ],
)
def test_only_the_names_of_drivers_change(before: bytes, after: bytes) -> None:
    file = AttributesFile("", before)
    assert file.switch("lfs", "data")
    assert file.encode() == after


@pytest.mark.parametrize(
    "text",
    [b"filter=lfs text\n", b"*.bin filter=lfsx\n", b"*.bin xfilter=lfs\n", b"*.bin text=lfs\n", b"#* filter=lfs\n", b"\n", b""],
)
def test_what_is_no_driver_stays(text: bytes) -> None:
    file = AttributesFile("", text)
    assert not file.switch("lfs", "data")
    assert file.encode() == text


@pytest.mark.parametrize(
    ("content", "stock"),
    [
        (b"#!/bin/sh\n" + _NEWER + b'git lfs pre-push "$@"\n', True),
        (b'#!/bin/sh\ngit lfs pre-push "$@"\n', True),
        (b"#!/bin/sh\ngit lfs push --stdin $*\n", True),
        (b"#!/bin/sh\n# a comment\n" + _NEWER + b'git lfs post-merge "$@"', True),
        (b'#!/bin/sh\nmake test\ngit lfs pre-push "$@"\n', False),
        (b"#!/bin/sh\n" + _NEWER + b"make test\n", False),
        (b"#!/bin/sh\n" + _NEWER + b'git lfs pre-push "$@"\nmake test\n', False),
        (b"", False),
    ],
)
def test_hooks_of_git_lfs_are_told_from_hooks_that_call_it(content: bytes, stock: bool) -> None:
    assert is_stock(content) is stock

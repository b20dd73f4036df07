"""Options of a conversation with git: what is answered, and how quoted values are read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from helpers import run

from git_data.helper.options import Options, unquoted

ANSWERS = [
    ("progress true", "ok"),
    ("verbosity 2", "ok"),
    ("verbosity loud", "ok"),
    ("cloning true", "ok"),
    ("atomic true", "ok"),
    ("dry-run true", "ok"),
    ("object-format", "ok"),  # without a value; any other answer ends git 2.39
    ("object-format true", "ok"),
    ("force-if-includes true", "ok"),
    ("pushcert if-asked", "ok"),
    ("pushcert true", "unsupported"),
    ("push-option x=y", "unsupported"),
    ("depth 1", "unsupported"),
    ("deepen-since yesterday", "unsupported"),
    ("filter blob:none", "unsupported"),
    ("something new", "unsupported"),
    ("", "unsupported"),
]


@pytest.mark.parametrize(("option", "answer"), ANSWERS)
def test_an_option_is_answered(option: str, answer: str) -> None:
    assert Options().set(option) == answer


def test_what_was_set_is_known() -> None:
    options = Options()
    for option in ("progress true", "cas refs/heads/a:" + "1" * 40, 'cas "refs/heads/gr\\303\\266\\303\\237e:' + "0" * 40 + '"'):
        options.set(option)
    assert (options["progress"], options["atomic"], options.loud) == (True, False, True)
    assert options.expected == {"refs/heads/a": "1" * 40, "refs/heads/größe": "0" * 40}
    options.set("verbosity 0")
    assert not options.loud


def test_what_has_no_effect_is_said_once_and_not_when_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    for verbosity, lines in ((1, 2), (0, 0)):
        options = Options()
        for option in ("depth 1", "deepen-since x", "filter blob:none", f"verbosity {verbosity}"):
            options.set(option)
        options.tell()
        options.tell()
        assert capsys.readouterr().err.count("\n") == lines


def test_values_are_read_as_git_quotes_them(tmp_path: Path) -> None:
    """``git ls-files`` quotes in the same way (``quote.c``)."""
    names = [
        b"plain",
        b'quo"te',
        b"back\\slash",
        b"tab\t",
        b"line\nbreak",
        b"\a\b\f\v\r",
        b"\xff\x01\x7f",
        "größe".encode(),
        b"8\xc3\xb69",
    ]
    run("git", "init", "-q", tmp_path)
    for name in names:
        (tmp_path / os.fsdecode(name)).touch()
    quoted = run("git", "ls-files", "-o", cwd=tmp_path).stdout.decode().splitlines()
    assert sorted(unquoted(line) for line in quoted) == sorted(os.fsdecode(name) for name in names)


@pytest.mark.parametrize("text", ["", '"', "a", 'a"b"', '"a', "refs/heads/x:1"])
def test_what_is_not_quoted_stays(text: str) -> None:
    assert unquoted(text) == text

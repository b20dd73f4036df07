"""``git data pointer``: show, make and check."""

from __future__ import annotations

import hashlib
import json

import pytest
from helpers import Repo, content, pointer_of, run

OID = "a" * 64
GOOD = f"version git-data/1\noid sha256:{OID}\nsize 5\n"
LFS = f"version https://git-lfs.github.com/spec/v1\noid sha256:{OID}\nsize 5\n"


def test_of_a_tracked_file_a_revision_and_an_oid(repo: Repo):
    old = repo.write("dir/a b.bin", 2000)
    repo.commit()
    new = repo.write("dir/a b.bin", 3000)
    repo.commit()
    assert repo.data("pointer", "dir/a b.bin").encode() == pointer_of(new)
    assert repo.data("pointer", "a b.bin", cwd=repo.path / "dir").encode() == pointer_of(new)
    assert repo.data("pointer", "HEAD~1:dir/a b.bin").encode() == pointer_of(old)
    assert repo.data("pointer", hashlib.sha256(old).hexdigest()).encode() == pointer_of(old)
    found = json.loads(repo.data("pointer", "--json", "dir/a b.bin"))
    assert (found["size"], found["stored"], found["pointer"].encode()) == (3000, True, pointer_of(new))


@pytest.mark.parametrize("name", [b"-dash.bin", b"line\nfeed.bin", b"\xff.bin", b"a:b.bin", b"a=b.bin"])
def test_of_an_odd_name(repo: Repo, name: bytes):
    data = repo.write(name, 2000)
    repo.commit()
    assert repo.data("pointer", "--", name).encode() == pointer_of(data)


def test_in_a_conflict_it_is_ours(repo: Repo):
    repo.write("a.bin", 1000)
    repo.commit()
    repo.git("checkout", "-q", "-b", "side")
    repo.write("a.bin", 2000)
    repo.commit()
    repo.git("checkout", "-q", "main")
    ours = repo.write("a.bin", 3000)
    repo.commit()
    repo.fails("merge", "side")
    assert repo.data("pointer", "a.bin").encode() == pointer_of(ours)


@pytest.mark.parametrize("size", [1, 1023, 1024, 1025, 3_000_000])
def test_made_for_any_file_it_is_what_git_add_stores(repo: Repo, size: int):
    data = content(size)
    (repo.path / "outside").write_bytes(data)
    assert repo.data("pointer", "--file", "outside").encode() == pointer_of(data)
    assert repo.data("pointer", "--stdin", stdin=data).encode() == pointer_of(data)
    assert repo.objects() == set()
    repo.git("config", "data.pointerFormat", "lfs")
    assert repo.data("pointer", "--file", "outside").encode() == pointer_of(data, "lfs")
    assert repo.data("pointer", "--stdin", stdin=pointer_of(data)).encode() == pointer_of(data)


def test_an_empty_file_has_none(repo: Repo):
    assert repo.data("pointer", "--stdin") == ""
    assert json.loads(repo.data("pointer", "--stdin", "--json"))["oid"] is None


def test_outside_of_a_repository(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    done = run("git-data", "pointer", "--file", "a", cwd=tmp_path)
    assert done.stdout == pointer_of(b"12345")
    run("git-data", "pointer", "--check", "--file", "a", cwd=tmp_path, ok=(1,))
    run("git-data", "pointer", "a", cwd=tmp_path, ok=(7,))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is empty"),
        ("hello\n", "it is ordinary content"),
        (GOOD.replace("\n", "\r\n"), "its lines end with CR LF"),
        (GOOD[:-1], "the last line has no line feed"),
        (GOOD + "more\n", "it has 4 lines and not three"),
        (GOOD.replace(OID, "A" * 64), "the oid is not 64 lower-case hexadecimal digits"),
        (GOOD.replace(OID, "a" * 63), "the oid is not 64 lower-case hexadecimal digits"),
        (GOOD.replace("size 5", "size 05"), "the size has a leading zero"),
        (GOOD.replace("size 5", "size -5"), "the size is not a decimal number"),
        (GOOD.replace("size 5", "size 0"), "the size is 0"),
        (GOOD.replace("size 5", f"size {2**63}"), f"the size is over {2**63 - 1}"),
        (GOOD.replace("size 5", "size 1" + "0" * 30), f"the size is over {2**63 - 1}"),
        (GOOD.replace("git-data/1", "git-data/2"), "the first line is not 'version git-data/1'"),
        (GOOD.replace("oid sha256", "oid md5"), "the second line is not 'oid sha256"),
        ("x" * 2000, "it has 1024 bytes or more"),
        (f"version git-data/1\nsize 5\noid sha256:{OID}\n", "the second line is not 'oid sha256"),
    ],
)
def test_check_says_why_not(repo: Repo, text: str, reason: str):
    error = repo.fails("data", "pointer", "--check", "--stdin", stdin=text.encode(), status=1)
    assert reason in error
    found = repo.run("git", "data", "pointer", "--check", "--stdin", "--json", stdin=text.encode(), ok=(1,))
    assert json.loads(found.stdout)["valid"] is False


def test_check_accepts_both_formats_and_strict_the_one_written_here(repo: Repo):
    for text in (GOOD, LFS):
        repo.data("pointer", "--check", "--stdin", stdin=text.encode())
    repo.data("pointer", "--check", "--strict", "--stdin", stdin=GOOD.encode())
    assert "format 'lfs'" in repo.fails("data", "pointer", "--check", "--strict", "--stdin", stdin=LFS.encode(), status=1)
    repo.git("config", "data.pointerFormat", "lfs")
    repo.data("pointer", "--check", "--strict", "--stdin", stdin=LFS.encode())
    assert "format 'data'" in repo.fails("data", "pointer", "--check", "--strict", "--stdin", stdin=GOOD.encode(), status=1)


def test_check_of_what_git_stores_and_of_a_file(repo: Repo):
    repo.write("a.bin", 2000)
    repo.write("plain.txt", "text")
    repo.commit()
    repo.data("pointer", "--check", "a.bin")
    assert "ordinary content" in repo.fails("data", "pointer", "--check", "plain.txt", status=1)
    assert "1024 bytes or more" in repo.fails("data", "pointer", "--check", "--file", "a.bin", status=1)


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        ([], 2, "name one file"),
        (["a.bin", "--stdin"], 2, "name one file"),
        (["--strict", "--stdin"], 2, "--strict goes with --check"),
        (["nonsense.bin"], 7, "git does not know 'nonsense.bin'"),
        (["plain.txt"], 1, "is not a data file"),
        ([OID], 3, "is not in the store"),
        (["--file", "nonsense"], 5, "No such file"),
        (["--file", "."], 5, "Is a directory"),
    ],
)
def test_clear_errors(repo: Repo, words: list[str], status: int, message: str):
    repo.write("plain.txt", "text")
    repo.commit()
    assert message in repo.fails("data", "pointer", *words, status=status)


def test_a_bare_repository_shows_pointers_of_revisions(repo: Repo, tmp_path):
    data = repo.write("a.bin", 2000)
    repo.commit()
    repo.git("clone", "-q", "--bare", str(repo.path), str(tmp_path / "bare"))
    assert repo.data("pointer", "HEAD:a.bin", cwd=tmp_path / "bare").encode() == pointer_of(data)

"""``git data track`` and ``untrack``: .gitattributes as a user keeps it, and files that git holds already."""

from __future__ import annotations

import json

import pytest
from helpers import content, pointer_of

LINE = "filter=data diff=data merge=data -text"


@pytest.fixture
def plain(new_repo):
    """A repository with git-data installed and nothing tracked."""
    return new_repo("plain", attributes="")


def attributes(repo) -> str:
    return repo.read(".gitattributes").decode()


def test_a_pattern_makes_new_files_data(plain):
    plain.data("track", "*.parquet")
    data = plain.write("a.parquet", 5000)
    plain.commit()
    assert attributes(plain) == f"*.parquet {LINE}\n"
    assert plain.blob("a.parquet", "HEAD") == pointer_of(data)


def test_tracking_twice_writes_one_line(plain):
    plain.data("track", "*.parquet")
    assert "tracked already" in plain.data("track", "*.parquet")
    assert attributes(plain).count("*.parquet") == 1


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", f"*.bin {LINE}\n"),
        ("*.txt text\n", f"*.txt text\n*.bin {LINE}\n"),
        ("*.txt text", f"*.txt text\n*.bin {LINE}\n"),
        ("# mine\r\n*.txt text\r\n", f"# mine\r\n*.txt text\r\n*.bin {LINE}\r\n"),
        ("*.txt text\r\n# end", f"*.txt text\r\n# end\r\n*.bin {LINE}\r\n"),
        ("*.bin filter=lfs diff=lfs merge=lfs -text\n", f"*.bin {LINE}\n"),
        ("*.bin filter=lfs diff=lfs merge=lfs -text eol=lf\n", f"*.bin {LINE} eol=lf\n"),
    ],
    ids=["no file", "appended", "no final line end", "CRLF", "CRLF, no final line end", "from git-lfs", "others kept"],
)
def test_lines_and_line_ends_of_the_user_are_kept(plain, before, after):
    if before:
        plain.file(".gitattributes").write_bytes(before.encode())
    plain.data("track", "*.bin")
    assert plain.read(".gitattributes").decode() == after


@pytest.mark.parametrize("name", ["with space.bin", 'quo"te.bin', "we[ird]*.bin", "-dash.bin", "#hash.bin", "tab\there.bin"])
def test_a_file_name_is_tracked_literally(plain, name):
    plain.data("track", "--filename", "--", name)
    data = plain.write(name, 3000)
    other = plain.write("weird-other.bin", 100)
    plain.commit()
    assert plain.blob(name, "HEAD") == pointer_of(data)
    assert plain.blob("weird-other.bin", "HEAD") == other


@pytest.mark.parametrize("pattern", ["*", ".gitattributes", ".git*", "/.gitattributes", "**"])
def test_a_pattern_that_would_hide_gitattributes_is_refused(plain, pattern):
    said = plain.fails("data", "track", pattern, status=2)
    assert ".gitattributes" in said and "--above" in said
    assert not plain.file(".gitattributes").exists()


def test_in_a_subdirectory_the_pattern_belongs_to_it(plain):
    plain.file("sub").mkdir()
    plain.data("track", "*.npy", cwd=plain.file("sub"))
    inside, outside = plain.write("sub/a.npy", 2000), plain.write("b.npy", 2000)
    plain.commit()
    assert plain.blob("sub/a.npy", "HEAD") == pointer_of(inside)
    assert plain.blob("b.npy", "HEAD") == outside


def test_dry_run_writes_nothing(plain):
    assert "would be tracked" in plain.data("track", "-n", "*.bin")
    assert not plain.file(".gitattributes").exists()


def test_the_list_says_pattern_and_file(plain):
    plain.data("track", "*.bin", "--lockable")
    assert plain.data("track") == "*.bin (.gitattributes, lockable)\n"
    assert json.loads(plain.data("track", "--list", "--json")) == [
        {"pattern": "*.bin", "filter": "data", "lockable": True, "file": ".gitattributes"}
    ]


def test_above_takes_the_suffix_or_the_path(plain):
    plain.write("big.npy", 40_000)
    plain.write("other.npy", 30_000)
    plain.write("log.txt", 50_000)
    plain.write("read.txt", 10)
    plain.write("model", 60_000)
    plain.data("track", "--above", "20kB")
    assert {line.split()[0] for line in attributes(plain).splitlines()} == {"*.npy", "/log.txt", "/model"}
    plain.commit()
    assert plain.blob("read.txt", "HEAD") == plain.read("read.txt")
    for name in ("big.npy", "log.txt", "model"):
        assert plain.blob(name, "HEAD") == pointer_of(plain.read(name))


def test_above_with_nonsense_is_a_clear_error(plain):
    assert "'huge' is not a size" in plain.fails("data", "track", "--above", "huge", status=2)


def test_files_in_git_already_are_converted_on_request(plain):
    data = plain.write("a.bin", 9000)
    plain.commit()
    said = plain.run("git", "data", "track", "*.bin").stderr.decode()
    assert "git data track --convert" in said
    assert plain.blob("a.bin") == data
    plain.data("track", "--convert")
    plain.git("commit", "-qm", "converted")
    assert plain.blob("a.bin", "HEAD") == pointer_of(data)
    plain.assert_content({"a.bin": data}, linked=False)


def test_untrack_turns_pointers_back_into_content(repo):
    data = repo.write("a.bin", 9000)
    repo.commit()
    repo.data("untrack", "*.bin")
    repo.git("commit", "-qm", "plain again")
    assert repo.blob("a.bin", "HEAD") == data
    assert repo.blob("a.bin", "HEAD~1") == pointer_of(data)
    assert not repo.file(".gitattributes").exists()
    repo.assert_content({"a.bin": data}, linked=False)


def test_untrack_keeps_what_else_is_on_the_line(new_repo):
    repo = new_repo(attributes=f"*.bin {LINE} export-ignore\n*.txt text\n")
    repo.data("untrack", "*.bin")
    assert attributes(repo) == "*.bin export-ignore\n*.txt text\n"


def test_untrack_of_what_is_not_tracked_is_a_clear_error(repo):
    assert "git data track --list" in repo.fails("data", "untrack", "*.zip", status=2)


def test_untrack_refuses_when_content_is_missing(repo):
    data = repo.write("a.bin", 9000)
    repo.commit()
    repo.write("a.bin", pointer_of(data))
    repo.object(data).unlink()
    assert "a.bin" in repo.fails("data", "untrack", "*.bin", status=3)
    assert LINE in attributes(repo)


def test_the_guard_names_the_command_that_mends(plain):
    plain.git("config", "data.guard", "20kB")
    data = plain.write("big.csv", 30_000)
    plain.write("small.csv", 100)
    plain.git("add", ".")
    said = plain.fails("commit", "-qm", "large")
    assert "big.csv (30.0 kB)" in said and "small" not in said
    command = "git data track --convert '*.csv'"
    assert command in said
    plain.run("sh", "-c", command)
    plain.git("commit", "-qm", "as data")
    assert plain.blob("big.csv", "HEAD") == pointer_of(data)


def test_the_guard_can_be_overruled_and_switched_off(plain):
    plain.git("config", "data.guard", "20kB")
    plain.write("big.csv", 30_000)
    plain.git("add", ".")
    plain.git("commit", "--no-verify", "-qm", "once")
    plain.git("config", "data.guard", "0")
    plain.write("big2.csv", 30_000)
    plain.commit("always")


def test_the_guard_stops_a_pointer_whose_data_is_nowhere(repo):
    repo.write("a.bin", pointer_of(content(500)))
    repo.git("add", ".")
    said = repo.fails("commit", "-qm", "nowhere")
    assert "a.bin" in said and "data is nowhere" in said

"""``git data diff``: which data changed, between the sides ``git diff`` would take."""

from __future__ import annotations

import json
import os
import sys

import pytest
from helpers import Repo, content


def changes(repo: Repo, *arguments: str, **options) -> dict[str, str]:
    found = json.loads(repo.data("diff", "--json", *arguments, **options))["changes"]
    return {item["path"]: item["change"] for item in found}


@pytest.fixture
def history(repo: Repo) -> Repo:
    """Two commits, and something staged and something unstaged on top."""
    for name in ("same", "modified", "deleted", "old", "staged", "unstaged"):
        repo.write(f"{name}.bin", 2000)
    repo.write("text.txt", "1\n")
    repo.commit()
    repo.write("modified.bin", 3000)
    repo.write("added.bin", 500)
    repo.write("text.txt", "2\n")
    repo.git("rm", "-q", "deleted.bin")
    repo.git("mv", "old.bin", "new.bin")
    repo.commit()
    repo.write("staged.bin", 4000)
    repo.git("add", "staged.bin")
    repo.write("unstaged.bin", 5000)
    return repo


SECOND_COMMIT = {"added.bin": "added", "deleted.bin": "deleted", "modified.bin": "modified", "new.bin": "renamed"}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], {"unstaged.bin": "modified"}),
        (["--cached"], {"staged.bin": "modified"}),
        (["--staged"], {"staged.bin": "modified"}),
        (["HEAD"], {"staged.bin": "modified", "unstaged.bin": "modified"}),
        (["HEAD~1", "HEAD"], SECOND_COMMIT),
        (["HEAD~1..HEAD"], SECOND_COMMIT),
        (["HEAD~1.."], SECOND_COMMIT),
        (["HEAD~1...HEAD"], SECOND_COMMIT),
        (["--cached", "HEAD~1"], {**SECOND_COMMIT, "staged.bin": "modified"}),
        (["HEAD~1", "HEAD", "--", "added.bin"], {"added.bin": "added"}),
        (["HEAD~1", "HEAD", "a*.bin"], {"added.bin": "added"}),
        (["HEAD~1", "HEAD", "--", "deleted.bin"], {"deleted.bin": "deleted"}),
        (["HEAD~1", "HEAD", "-I", "*ed.bin", "-X", "mod*"], {"added.bin": "added", "deleted.bin": "deleted"}),
        (["staged.bin"], {}),
    ],
)
def test_sides_are_those_of_git_diff(history: Repo, arguments: list[str], expected: dict[str, str]):
    assert changes(history, *arguments) == expected


def test_lines_for_people(history: Repo):
    assert history.data("diff", "HEAD~1", "HEAD") == (
        "  added     500 B                      added.bin\n"
        "  deleted   2.0 kB                     deleted.bin\n"
        "  modified  2.0 kB → 3.0 kB (+1.0 kB)  modified.bin\n"
        "  renamed   2.0 kB                     old.bin → new.bin\n"
        "4 data files changed: 1 added (500 B), 1 modified (+1.0 kB), 1 renamed, 1 deleted (2.0 kB)\n"
    )
    assert history.data("diff", "HEAD", "HEAD") == ""


def test_a_touched_file_is_no_change(history: Repo):
    os.utime(history.file("same.bin"))
    assert changes(history) == {"unstaged.bin": "modified"}


def test_markdown_for_a_pull_request(history: Repo):
    history.write("a|b`c.bin", 100)
    history.git("add", ".")
    table = history.data("diff", "--cached", "--md").splitlines()
    assert table[0].split() == ["|", "change", "|", "file", "|", "before", "|", "after", "|", "difference", "|"]
    assert any("`` a\\|b`c.bin ``" in line for line in table)
    assert "2 modified" in table[-1]
    assert history.data("diff", "HEAD", "HEAD", "--md") == "No data changed.\n"


def test_bars(history: Repo):
    lines = history.data("diff", "HEAD~1", "HEAD", "--stat").splitlines()
    bars = {line.split("|")[0].strip(): line.rpartition(" ")[2] for line in lines[:-1]}
    assert set(bars["added.bin"]) == {"+"}
    assert set(bars["deleted.bin"]) == {"-"}
    assert set(bars["modified.bin"]) == {"+", "-"}
    assert max(map(len, lines[:-1])) <= 80


def test_json_names_oids_and_says_null_where_nobody_has_hashed(history: Repo):
    found = json.loads(history.data("diff", "HEAD", "--json"))
    staged, unstaged = found["changes"]
    assert staged["new"]["oid"] and staged["new"]["size"] == 4000
    assert unstaged["new"] == {"path": "unstaged.bin", "oid": None, "size": 5000, "mode": "100644", "in_git": False}
    assert found["totals"]["modified"] == 2
    assert (found["totals"]["old_bytes"], found["totals"]["new_bytes"]) == (4000, 9000)


def test_nothing_is_hashed_for_a_listing(history: Repo):
    trace = history.traced("data", "diff", "HEAD~1")
    assert "unstaged.bin" in trace.output
    assert trace.filters == []


def test_exit_code_on_request(history: Repo):
    history.run("git", "data", "diff", ok=(0,))
    history.run("git", "data", "diff", "--exit-code", ok=(1,))
    history.run("git", "data", "diff", "HEAD", "HEAD", "--exit-code", ok=(0,))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nonsense"], "'nonsense' is neither a revision nor a file here"),
        (["nonsense", "--", "a"], "'nonsense' is not a revision"),
        (["main"], "'main' is a revision and a file"),
        (["--output=stolen"], "unrecognized arguments: --output=stolen"),
    ],
)
def test_words_git_would_not_understand(history: Repo, words: list[str], message: str):
    history.write("main", "a file named like a branch")
    assert message in history.fails("data", "diff", *words, status=2)
    assert not history.file("stolen").exists()


def test_a_file_named_like_a_branch_behind_dashes(repo: Repo):
    repo.write(".gitattributes", "main filter=data -text\n")
    repo.write("main", 2000)
    repo.commit()
    repo.write("main", 3000)
    assert changes(repo, "--", "main") == {"main": "modified"}


def test_work_tree_files_that_are_new_empty_replaced_or_odd(repo: Repo):
    for path in ("empty.bin", "link.bin", "mode.bin", b"odd \n\xff.bin", "gone.bin", "pointer.bin"):
        repo.write(path, 2000)
    repo.commit()
    repo.write("empty.bin", b"")
    repo.file("link.bin").unlink()
    repo.file("link.bin").symlink_to("mode.bin")
    repo.file("mode.bin").chmod(0o755)
    repo.write(b"odd \n\xff.bin", 10)
    repo.file("gone.bin").unlink()
    repo.file("pointer.bin").write_bytes(repo.blob("pointer.bin"))
    repo.write("intended.bin", 100)
    repo.git("add", "-N", "intended.bin")
    assert changes(repo) == {
        "empty.bin": "modified",
        "gone.bin": "deleted",
        "intended.bin": "added",
        "link.bin": "deleted",
        "mode.bin": "modified",
        os.fsdecode(b"odd \n\xff.bin"): "modified",
    }
    text = repo.run("git", "data", "diff").stdout
    assert b"odd \\n\\xff.bin" in text and "mode 100644 → 100755".encode() in text


def test_from_git_itself_to_data_and_back(repo: Repo):
    repo.write(".gitattributes", "")
    data = repo.write("a.bin", 2000)
    repo.commit()
    repo.data("track", "*.bin", "--convert")
    repo.commit()
    assert "2.0 kB in git itself → 2.0 kB" in repo.data("diff", "HEAD~1", "HEAD")
    found = json.loads(repo.data("diff", "HEAD", "HEAD~1", "--json"))["changes"]
    assert [(item["old"]["in_git"], item["new"]["in_git"]) for item in found] == [(False, True)]
    repo.git("config", "data.pointerFormat", "lfs")
    repo.write("b.bin", data)
    repo.commit()
    assert "renamed" not in repo.data("diff", "HEAD~1", "HEAD")


def test_a_conflict_shows_both_sides(repo: Repo):
    repo.write("a.bin", 1000)
    repo.commit()
    repo.git("checkout", "-q", "-b", "side")
    repo.write("a.bin", 2000)
    repo.commit()
    repo.git("checkout", "-q", "main")
    repo.write("a.bin", 3000)
    repo.commit()
    repo.fails("merge", "side")
    assert changes(repo) == {"a.bin": "conflict"}
    assert "ours 3.0 kB, theirs 2.0 kB" in repo.data("diff")


def test_before_the_first_commit_and_in_a_bare_repository(new_repo, tmp_path):
    repo = new_repo(attributes="")
    repo.write(".gitattributes", "*.bin filter=data -text\n")
    repo.write("a.bin", 2000)
    repo.git("add", ".")
    assert changes(repo, "--cached") == {"a.bin": "added"}
    assert "'HEAD' is neither" in repo.fails("data", "diff", "HEAD", status=2)
    repo.commit()
    repo.write("a.bin", 3000)
    repo.commit()
    repo.git("clone", "-q", "--bare", str(repo.path), str(tmp_path / "bare"))
    assert changes(repo, "HEAD~1", "HEAD", cwd=tmp_path / "bare") == {"a.bin": "modified"}
    assert "work tree" in repo.fails("data", "diff", status=7, cwd=tmp_path / "bare")


def test_a_subdirectory_sees_everything_and_takes_its_own_paths(repo: Repo):
    repo.write("top.bin", 100)
    repo.write("dir/a.bin", 100)
    repo.commit()
    repo.write("top.bin", 200)
    repo.write("dir/a.bin", 200)
    assert changes(repo, cwd=repo.path / "dir") == {"dir/a.bin": "modified", "top.bin": "modified"}
    assert changes(repo, ".", cwd=repo.path / "dir") == {"dir/a.bin": "modified"}
    repo.git("config", "diff.relative", "true")
    assert changes(repo, "top.bin", cwd=repo.path) == {"top.bin": "modified"}


# -- --tool

SHOW = """\
import os, sys
for path in sys.argv[1:]:
    with open(path, "rb") as file:
        print(os.path.basename(path), len(file.read()))
"""


@pytest.fixture
def tool(tmp_path) -> str:
    (tmp_path / "show.py").write_text(SHOW)
    return f"'{sys.executable}' '{tmp_path / 'show.py'}'"


def test_a_command_gets_both_contents_under_the_right_name(any_repo: Repo, tool: str):
    repo = any_repo
    for name in ("b", "c"):
        repo.write(f"dir/{name} x.bin", 2000)
    repo.commit()
    repo.write("dir/a x.bin", 100)
    repo.write("dir/b x.bin", 3000)
    repo.git("rm", "-q", "dir/c x.bin")
    repo.commit()
    expected = ["a x.bin 0", "a x.bin 100", "b x.bin 2000", "b x.bin 3000", "c x.bin 2000", "c x.bin 0"]
    assert repo.data("diff", "HEAD~1", "HEAD", "--tool", tool).splitlines() == expected
    repo.git("config", "difftool.mine.cmd", f'{tool} "$LOCAL" "$REMOTE"')
    assert repo.data("diff", "HEAD~1", "HEAD", "--tool", "mine").splitlines() == expected
    assert os.listdir(repo.store() / "tmp") == []


def test_a_tool_gets_the_file_of_the_work_tree_itself(repo: Repo):
    repo.write("a.bin", 2000)
    repo.write("mode.bin", 2000)
    repo.commit()
    repo.write("a.bin", b"new")
    repo.file("mode.bin").chmod(0o755)
    repo.data("diff", "--tool", "sh -c 'printf edited > \"$1\"' _ /dev/null; echo")
    assert repo.read("a.bin") == b"new"
    repo.data("diff", "--tool", "sh -c 'printf edited > \"$2\"' _")
    assert repo.read("a.bin") == b"edited"


def test_content_that_is_nowhere_is_left_out_and_said(repo: Repo, tool: str):
    old = repo.write("a.bin", content(2000))
    repo.write("b.bin", 100)
    repo.commit()
    repo.write("a.bin", 3000)
    repo.write("b.bin", 200)
    repo.commit()
    repo.object(old).unlink()
    done = repo.run("git", "data", "diff", "HEAD~1", "HEAD", "--tool", tool, ok=(3,))
    assert done.stdout.splitlines() == [b"b.bin 100", b"b.bin 200"]
    assert b"the data of 'a.bin' is not in the store" in done.stderr


def test_a_tool_that_does_not_exist(history: Repo):
    assert "git difftool --tool-help" in history.fails("data", "diff", "--tool", "/no/such/tool", status=1)


def test_content_from_before_the_file_was_data(repo: Repo, tool: str):
    repo.write(".gitattributes", "")
    repo.write("a.bin", 2000)
    repo.commit()
    repo.data("track", "*.bin")
    repo.write("a.bin", 3000)
    repo.commit()
    assert repo.data("diff", "HEAD~1", "HEAD", "--tool", tool).splitlines() == ["a.bin 2000", "a.bin 3000"]

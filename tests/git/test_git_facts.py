"""Facts of git the design rests on, each on the git that is installed here."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import ATTRIBUTES, Repo, Trace, content, make_repo, pointer_of

from git_data.config import Config
from git_data.git import index as git_index
from git_data.git.pktline import Reader

BIG = (1 << 20) + 1


def spy(repo: Repo, log: Path) -> None:
    """Write down everything git sends to the filter process."""
    command = repo.git("config", "filter.data.process").strip()
    repo.git("config", "filter.data.process", f"tee -a '{log}' | {command}")


def requests(log: Path) -> list[dict[bytes, bytes]]:
    """The requests in a log of ``spy``, without content."""
    found = []
    with open(log, "rb") as file:
        reader = Reader(file.fileno())
        while True:
            try:
                lines = reader.text_list()
            except EOFError:
                return found
            fields = dict(line.partition(b"=")[::2] for line in lines)
            if b"command" in fields:
                found.append(fields)


def two_versions(repo: Repo) -> tuple[bytes, bytes]:
    """Commit two versions of ``a.bin``; the second is checked out."""
    first = repo.write("a.bin", 3000)
    repo.commit("first")
    second = repo.write("a.bin", 4000)
    repo.commit("second")
    return first, second


UPDATES_THE_WORK_TREE = {
    "checkout": ["checkout", "-q", "HEAD~1"],
    "checkout of a path": ["checkout", "-q", "HEAD~1", "--", "a.bin"],
    "switch": ["switch", "-q", "--detach", "HEAD~1"],
    "restore": ["restore", "--source=HEAD~1", "a.bin"],
    "reset --hard": ["reset", "-q", "--hard", "HEAD~1"],
    "merge": ["merge", "-q", "other"],
    "rebase": ["rebase", "-q", "other"],
    "cherry-pick": ["cherry-pick", "other"],
    "revert": ["revert", "--no-edit", "HEAD"],
    "stash": ["stash", "-q"],
    "worktree add": ["worktree", "add", "-q", "../second", "HEAD~1"],
    "read-tree -u": ["read-tree", "-u", "-m", "HEAD", "HEAD~1"],
}
READS_CONTENT = {
    "archive": ["archive", "--output=../x.tar", "HEAD"],
    "cat-file --filters": ["cat-file", "--filters", "HEAD:a.bin"],
    "checkout-index": ["checkout-index", "--prefix=../elsewhere/", "a.bin"],
    "apply": ["apply", "../patch"],
}


def _prepare(repo: Repo, log: Path) -> None:
    two_versions(repo)
    (repo.path.parent / "patch").write_bytes(repo.run("git", "diff", "--no-ext-diff", "HEAD", "HEAD~1").stdout)
    repo.git("switch", "-q", "-c", "other", "HEAD~1")
    repo.write("other.bin", 1000)
    repo.commit("other")
    repo.git("switch", "-q", "main")
    spy(repo, log)


@pytest.mark.parametrize("command", UPDATES_THE_WORK_TREE.values(), ids=UPDATES_THE_WORK_TREE.keys())
def test_git_says_can_delay_when_it_updates_the_work_tree(repo: Repo, tmp_path: Path, command: list[str]) -> None:
    _prepare(repo, tmp_path / "log")
    if command[0] == "stash":
        repo.write("a.bin", 10)
    repo.git(*command)
    smudges = [request for request in requests(tmp_path / "log") if request[b"command"] == b"smudge"]
    # what was delayed is asked for again, without can-delay
    first = {request[b"pathname"]: request.get(b"can-delay") for request in reversed(smudges)}
    assert first and set(first.values()) == {b"1"}


@pytest.mark.parametrize("command", READS_CONTENT.values(), ids=READS_CONTENT.keys())
def test_git_does_not_say_can_delay_to_readers_of_content(repo: Repo, tmp_path: Path, command: list[str]) -> None:
    _prepare(repo, tmp_path / "log")
    repo.git(*command)
    smudges = [request for request in requests(tmp_path / "log") if request[b"command"] == b"smudge"]
    assert smudges
    assert [request for request in smudges if b"can-delay" in request] == []


def test_one_filter_process_serves_a_whole_command(repo: Repo) -> None:
    for number in range(20):
        repo.write(f"{number}.bin", 100 + number)
    assert len(repo.traced("add", "-A").filters) == 1


def test_status_starts_no_filter_straight_after_a_checkout(repo: Repo) -> None:
    two_versions(repo)
    repo.git("checkout", "-q", "HEAD~1")
    repo.assert_clean()


def test_a_checked_out_file_is_older_than_the_index_and_yet_new(repo: Repo) -> None:
    first, _ = two_versions(repo)
    object_mtime = repo.object(first).stat().st_mtime - 1000
    os.utime(repo.object(first), (object_mtime, object_mtime))
    before = time.time()
    repo.git("checkout", "-q", "HEAD~1")
    mtime = repo.file("a.bin").stat().st_mtime
    assert int(mtime) < int((repo.git_dir() / "index").stat().st_mtime)
    assert mtime > before - 5  # make(1) must see that the file changed, so not the time of the object


def test_an_edit_straight_after_a_checkout_is_seen(repo: Repo) -> None:
    first, _ = two_versions(repo)
    repo.git("checkout", "-q", "HEAD~1")
    with open(repo.file("a.bin"), "r+b") as file:
        file.write(b"X" if first[:1] != b"X" else b"Y")
    assert repo.status() == " M a.bin\n"


def test_an_entry_with_size_0_makes_git_compare_the_content(repo: Repo) -> None:
    """What a kill between the steps of a relink leaves behind."""
    two_versions(repo)

    def forget(index: git_index.Index, number: int, offset: int) -> bool:
        index.forget_size(offset)
        return True

    assert git_index.patch(str(repo.git_dir() / "index"), [b"a.bin"], "sha1", forget, 0) == 1
    trace = repo.traced("status", "--porcelain")
    assert trace.output == ""
    assert len(trace.filters) == 1
    repo.assert_clean()


@pytest.mark.parametrize("version", [2, 4])
def test_index_version(repo: Repo, version: int) -> None:
    repo.git("update-index", "--index-version", str(version))
    first, second = two_versions(repo)
    repo.git("checkout", "-q", "HEAD~1")
    repo.assert_content({"a.bin": first}, False)
    assert (repo.git_dir() / "index").read_bytes()[4:8] == version.to_bytes(4, "big")
    repo.git("fsck", "--strict")


def test_index_version_3_with_an_intent_to_add(repo: Repo) -> None:
    two_versions(repo)
    repo.write("later.bin", 100)
    repo.write("sub/later.bin", 100)
    repo.git("add", "--intent-to-add", "later.bin", "sub/later.bin")
    assert (repo.git_dir() / "index").read_bytes()[4:8] == b"\0\0\0\3"
    repo.git("checkout", "-q", "HEAD~1", "--", "a.bin")
    assert repo.status() == "M  a.bin\n A later.bin\n A sub/later.bin\n"
    assert (repo.git_dir() / "index").read_bytes()[4:8] == b"\0\0\0\3"


@pytest.mark.parametrize("version", [2, 4])
def test_sha256_repository(tmp_path: Path, version: int) -> None:
    repo = make_repo(tmp_path / "repo", "--object-format=sha256")
    repo.git("update-index", "--index-version", str(version))
    first, _ = two_versions(repo)
    repo.git("checkout", "-q", "HEAD~1")
    repo.assert_content({"a.bin": first}, False)
    repo.git("fsck", "--strict")


def test_index_without_a_checksum(repo: Repo, git_version: tuple[int, ...]) -> None:
    if git_version < (2, 40):
        pytest.skip("index.skipHash needs git 2.40")
    repo.git("config", "index.skipHash", "true")
    first, _ = two_versions(repo)
    repo.git("checkout", "-q", "HEAD~1")
    repo.assert_content({"a.bin": first}, False)
    assert (repo.git_dir() / "index").read_bytes()[-20:] == bytes(20)


def test_split_index(repo: Repo) -> None:
    first, second = two_versions(repo)
    repo.git("update-index", "--split-index")
    repo.git("checkout", "-q", "HEAD~1")
    assert repo.read("a.bin") == first
    assert repo.status() == ""
    repo.assert_clean()
    repo.git("checkout", "-q", "main")
    repo.assert_content({"a.bin": second}, False)
    assert list(repo.git_dir().glob("sharedindex.*"))


def test_a_temporary_index_gets_its_own_description(repo: Repo, tmp_path: Path) -> None:
    first, second = two_versions(repo)
    env = {"GIT_INDEX_FILE": str(tmp_path / "index")}
    repo.git("read-tree", "HEAD", env=env)
    repo.git("checkout", "-q", "HEAD~1", "--", "a.bin", env=env)
    assert repo.read("a.bin") == first
    assert repo.git("status", "--porcelain", env=env) == "M  a.bin\n"
    assert repo.status() == " M a.bin\n"
    repo.git("checkout", "-q", "--", "a.bin")
    repo.assert_content({"a.bin": second}, False)


def test_skip_worktree_and_assume_unchanged_entries_stay_as_they_are(repo: Repo) -> None:
    names = ["assumed.bin", "plain.bin", "skipped.bin"]
    data = {name: repo.write(name, 2000) for name in names}
    repo.commit()
    repo.git("update-index", "--skip-worktree", "skipped.bin")
    repo.git("update-index", "--assume-unchanged", "assumed.bin")
    for name in names:
        repo.file(name).write_bytes(pointer_of(data[name]))
    repo.data("checkout")
    assert {name: repo.read(name) == data[name] for name in names} == dict.fromkeys(names, True)
    assert repo.git("ls-files", "-v").split("\n")[1:-1] == ["h assumed.bin", "H plain.bin", "S skipped.bin"]
    assert repo.status() == ""


@pytest.mark.parametrize(
    "setting",
    [
        "core.trustctime=false",
        "core.checkStat=minimal",
        "core.untrackedCache=true",
        "core.fsmonitor=false",
        "core.preloadIndex=false",
        "feature.manyFiles=true",
        "checkout.workers=2",
        "core.autocrlf=true",
        "core.sharedRepository=group",
    ],
)
def test_status_is_clean_with(repo: Repo, setting: str) -> None:
    repo.git("config", *setting.split("=", 1))
    data = {f"{number}.bin": repo.write(f"{number}.bin", 1000 + number) for number in range(10)}
    repo.commit("first")
    for path in data:
        repo.write(path, 500)
    repo.commit("second")
    repo.status()
    repo.git("checkout", "-q", "HEAD~1")
    repo.assert_content(data, False)
    repo.assert_clean()


def test_conflicted_entries_are_not_patched(repo: Repo) -> None:
    two_versions(repo)
    repo.git("switch", "-q", "-c", "side", "HEAD~1")
    repo.write("a.bin", 5000)
    beside = repo.write("beside.bin", 600)
    repo.commit("side")
    repo.git("switch", "-q", "main")
    repo.fails("merge", "-q", "side", status=1)
    assert repo.status() == "UU a.bin\nA  beside.bin\n"
    assert repo.read("beside.bin") == beside
    assert len(repo.git("ls-files", "-u").splitlines()) == 3


def hooks_elsewhere(repo: Repo, tmp_path: Path, **scripts: str) -> None:
    """Hooks of the user's in a place where ours are not."""
    directory = tmp_path / "hooks"
    directory.mkdir()
    for name, script in scripts.items():
        hook = directory / name.replace("_", "-")
        hook.write_text(f"#!/bin/sh\n{script}\n")
        hook.chmod(0o755)
    repo.git("config", "core.hooksPath", str(directory))


def test_a_lock_somebody_holds_leaves_pointers_and_names_the_command_that_mends(repo: Repo, tmp_path: Path) -> None:
    first, _ = two_versions(repo)
    # hooks run before the filter sees the end of its input
    hooks_elsewhere(repo, tmp_path, post_checkout=": > .git/index.lock")
    trace = repo.traced("checkout", "-q", "HEAD~1")
    assert "git data checkout" in trace.errors
    assert "index.lock" in trace.errors
    assert repo.read("a.bin") == pointer_of(first)
    (repo.git_dir() / "index.lock").unlink()
    assert repo.status() == ""
    repo.data("checkout")
    repo.assert_content({"a.bin": first}, False)


def test_what_a_held_lock_left_is_finished_by_the_next_command(repo: Repo, tmp_path: Path) -> None:
    first, second = two_versions(repo)
    hooks_elsewhere(repo, tmp_path, post_checkout=": > .git/index.lock")
    repo.git("checkout", "-q", "HEAD~1")
    assert repo.read("a.bin") == pointer_of(first)
    (repo.git_dir() / "index.lock").unlink()
    repo.git("config", "--unset", "core.hooksPath")
    repo.write("b.bin", 100)
    repo.git("add", "b.bin")
    assert repo.read("a.bin") == first


def _die_in_a_checkout(repo: Repo) -> tuple[bytes, Trace]:
    """A checkout that dies behind the data file, still holding the lock of the index."""
    repo.write(".gitattributes", "*.bin filter=data diff=data merge=data -text\n*.evil filter=evil\n")
    repo.commit("attributes")
    data = repo.write("a.bin", 3000)
    repo.write("z.evil", b"anything")
    repo.commit("files")
    repo.git("rm", "-q", "a.bin", "z.evil")
    repo.git("commit", "-q", "-m", "removed")
    repo.git("config", "filter.evil.clean", "cat")
    repo.git("config", "filter.evil.smudge", "false")
    repo.git("config", "filter.evil.required", "true")
    return data, repo.traced("checkout", "-q", "HEAD~1", ok=(128,))


def test_a_git_that_dies_holding_the_lock_is_not_blocked(repo: Repo) -> None:
    data, trace = _die_in_a_checkout(repo)
    assert "smudge filter evil failed" in trace.errors
    assert not (repo.git_dir() / "index.lock").exists()
    repo.git("config", "filter.evil.smudge", "cat")
    repo.git("checkout", "-q", "-f", "HEAD~1")
    repo.assert_content({"a.bin": data}, False)


def test_another_hook_sees_content(new_repo: Callable[..., Repo], tmp_path: Path) -> None:
    """Hooks run before the filter sees the end of its input: ours, which runs a chained one, brings the content first."""
    repo = new_repo(install=False, attributes="")
    hook = repo.git_dir() / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ncat a.bin > '{tmp_path}/seen'\n")
    hook.chmod(0o755)
    repo.data("install")
    repo.write(".gitattributes", ATTRIBUTES)
    first, second = two_versions(repo)
    repo.git("checkout", "-q", "HEAD~1")
    assert (tmp_path / "seen").read_bytes() == first
    repo.git("checkout", "-q", "main")
    assert (tmp_path / "seen").read_bytes() == second
    repo.assert_content({"a.bin": second}, False)


def test_the_filter_is_required_or_git_would_hold_files_in_memory_and_commit_them(repo: Repo) -> None:
    assert repo.git("config", "filter.data.required").strip() == "true"
    repo.git("config", "filter.data.process", "false")
    repo.git("config", "filter.data.clean", "false")
    repo.write("a.bin", 1000)
    repo.fails("add", "a.bin", status=128)
    assert repo.git("ls-files", "a.bin") == ""


def test_clean_of_a_pointer_gives_the_pointer(repo: Repo) -> None:
    pointer = pointer_of(content(1000))
    repo.write("a.bin", pointer)
    repo.git("add", "a.bin")
    assert repo.blob("a.bin") == pointer


def test_an_empty_file_is_an_empty_blob(repo: Repo) -> None:
    repo.write("empty.bin", b"")
    repo.commit()
    assert repo.blob("empty.bin") == b""
    repo.file("empty.bin").unlink()
    repo.git("checkout", "-q", "--", ".")
    assert repo.read("empty.bin") == b""
    assert repo.objects() == set()
    assert repo.status() == ""


def test_a_large_file_that_is_no_pointer_in_history_comes_back_unchanged(new_repo: Callable[..., Repo]) -> None:
    """Committed before it was tracked: longer than a pipe holds, so git sends all of it before it reads."""
    repo = new_repo(attributes="")
    plain = repo.write("plain.bin", 9 << 20)
    repo.commit("plain")
    repo.write(".gitattributes", ATTRIBUTES)
    repo.file("plain.bin").unlink()
    repo.git("checkout", "-q", "--", "plain.bin")
    assert repo.read("plain.bin") == plain


def test_config_parser_is_given_what_git_prints(repo: Repo) -> None:
    repo.git("config", "data.guard", "1GB")
    from git_data.config import parse_list

    config = Config(parse_list(repo.run("git", "config", "--list", "--show-scope", "-z").stdout))
    assert config.get("data.guard") == "1GB"
    assert config.scope("data.guard") == "local"


def test_sparse_index_directories_are_left_alone(repo: Repo) -> None:
    data = {"in/a.bin": repo.write("in/a.bin", 1000)}
    repo.write("out/deep/b.bin", 1000)
    repo.commit("first")
    data2 = repo.write("in/a.bin", 2000)
    repo.commit("second")
    repo.git("sparse-checkout", "set", "--cone", "--sparse-index", "in")
    assert "out/" in repo.git("ls-files", "--sparse").splitlines()
    repo.git("checkout", "-q", "HEAD~1")
    repo.assert_content(data, False)
    repo.git("checkout", "-q", "main")
    repo.assert_content({"in/a.bin": data2}, False)
    assert not repo.file("out").exists()


@pytest.mark.parametrize("size", [BIG, 3 * BIG])
def test_add_of_a_file_git_hashes_while_streaming(repo: Repo, size: int) -> None:
    repo.git("config", "core.bigFileThreshold", "512k")
    data = repo.write("big.bin", size)
    repo.commit()
    assert repo.blob("big.bin") == pointer_of(data)
    assert repo.object(data).read_bytes() == data

"""``git data migrate import``, ``export`` and ``info``: large files of plain history become data, and back."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import Repo, content, make_repo, pointer_of, run
from migrations import checked_out, commits, copy_of, described, plain_history


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    repo = make_repo(tmp_path_factory.mktemp("plain") / "repo", install=False, attributes="")
    plain_history(repo)
    return repo


@pytest.fixture
def plain(template: Repo, tmp_path: Path) -> Repo:
    return copy_of(template, tmp_path / "repo")


def pairs(repo: Repo, map_file: Path) -> dict[str, str]:
    return dict(line.split(",") for line in map_file.read_text().splitlines())


def is_data(repo: Repo, path: str, revision: str = "HEAD") -> bool:
    return repo.blob(path, revision).startswith(b"version git-data/1\n")


def test_every_file_of_every_commit_is_what_it_was(plain: Repo, tmp_path: Path):
    old = commits(plain)
    before = checked_out(plain, old, tmp_path / "before", (".gitattributes",))
    words = {commit: described(plain, commit) for commit in old}
    said = plain.data("migrate", "import", "--everything", "--above", "100kB", "--object-map", str(tmp_path / "map"))
    assert "6 versions of 5 files became data" in said, said
    new = pairs(plain, tmp_path / "map")
    after = checked_out(plain, [new.get(commit, commit) for commit in old], tmp_path / "after", (".gitattributes",))
    assert [after[new.get(commit, commit)] for commit in old] == [before[commit] for commit in old]
    assert [described(plain, new.get(commit, commit)) for commit in old] == [words[commit] for commit in old]
    assert plain.status() == ""
    assert "filter-process" not in " ".join(plain.traced("status").filters)
    plain.git("fsck", "--strict")
    plain.data("fsck", "--all")


def test_what_is_large_is_a_pointer_in_git_and_the_rest_is_not(plain: Repo):
    plain.data("migrate", "import", "--everything", "--above", "100kB")
    assert plain.blob("data/train.bin", "main") == pointer_of(content(160_000, 5))
    assert is_data(plain, "tool", "v1") and plain.git("ls-tree", "v1", "tool").startswith("100755")
    assert not is_data(plain, "small.bin", "v1") and not is_data(plain, "logo.png", "v1")
    assert is_data(plain, "side/other.bin", "side") and is_data(plain, 'weird "name"\\\n.bin', "side")
    # small.bin is no data, so the suffix must not say that it is
    assert "*.bin" not in plain.git("show", "main:.gitattributes")
    assert plain.git("show", "main:.gitattributes").startswith("*.py text\n")


def test_commits_before_the_first_data_stay_what_they_are(plain: Repo):
    first = plain.git("rev-parse", "before-data")
    plain.data("migrate", "import", "--everything", "-I", "*.bin", "-X", "small.bin")
    assert plain.git("rev-parse", "before-data") == first
    assert plain.git("rev-parse", "main~9", ok=None) != first
    assert first.strip() in plain.git("rev-list", "main")


def test_a_file_is_data_in_all_of_its_versions_or_in_none(plain: Repo):
    plain.write("grows.csv", "small\n")
    plain.commit("small")
    plain.write("grows.csv", content(200_000, 9))
    plain.commit("large")
    plain.data("migrate", "import", "--everything", "--above", "100kB")
    assert is_data(plain, "grows.csv", "HEAD") and is_data(plain, "grows.csv", "HEAD~1")


def test_tags_branches_and_notes_come_along(plain: Repo, tmp_path: Path):
    old = plain.git("rev-parse", "v1^{commit}").strip()
    plain.data("migrate", "import", "--everything", "--above", "100kB", "--object-map", str(tmp_path / "map"))
    new = pairs(plain, tmp_path / "map")
    assert plain.git("rev-parse", "v1^{commit}").strip() == new[old]
    assert "the first\nrelease" in plain.git("cat-file", "tag", "v1")
    assert plain.git("notes", "show", new[old]) == "a good one\n"
    assert not set(new) & set(commits(plain)), "old commits are reachable from branches or tags"
    kept = plain.git("for-each-ref", "--format=%(objectname)", "refs/git-data/before/")
    assert old in run("git", "rev-list", "--stdin", cwd=plain.path, stdin=kept.encode()).stdout.decode().split()


def test_patterns_with_exceptions_say_so_in_the_attributes(plain: Repo):
    plain.data("migrate", "import", "--everything", "-I", "*.bin,tool", "-X", "small.bin")
    lines = plain.git("show", "main:.gitattributes").splitlines()
    assert lines[1:] == [
        "*.bin filter=data diff=data merge=data -text",
        "tool filter=data diff=data merge=data -text",
        "small.bin !filter !diff !merge !text",
    ]
    assert not is_data(plain, "small.bin")
    plain.write("small.bin", content(3_000, 8))
    plain.commit("the exception stays one")
    assert not is_data(plain, "small.bin")


def test_without_everything_only_what_no_remote_has_is_rewritten(plain: Repo, tmp_path: Path):
    run("git", "init", "-q", "--bare", tmp_path / "server.git")
    plain.git("remote", "add", "origin", str(tmp_path / "server.git"))
    plain.git("push", "-q", "origin", "main")
    published = plain.git("rev-parse", "main").strip()
    plain.write("new.bin", content(300_000, 11))
    plain.commit("not published")
    said = plain.data("migrate", "import", "-I", "*.bin")
    assert "publish it: git push   (nothing" in said and "name a place for the data: git data remote add" in said
    assert plain.git("rev-parse", "main~1").strip() == published
    # what was plain and matches becomes data in the first new commit, or git would call it modified
    assert is_data(plain, "new.bin") and is_data(plain, "small.bin") and not is_data(plain, "small.bin", "HEAD~1")
    assert plain.status() == ""
    assert plain.read("new.bin") == content(300_000, 11)
    # an ordinary push is all it takes
    plain.data("remote", "add", "--local", "-d", "store", str(tmp_path / "store"))
    plain.git("push", "-q", "origin", "main")


def test_undo_puts_everything_back(plain: Repo, tmp_path: Path):
    refs = plain.git("for-each-ref")
    config = plain.file(".git/config").read_text()
    plain.data("migrate", "import", "--everything", "--above", "100kB")
    assert plain.git("for-each-ref") != refs
    plain.data("migrate", "import", "--undo")
    assert plain.git("for-each-ref") == refs
    assert (
        plain.git("config", "--list", "--local").splitlines()
        == run("git", "config", "--list", "--file", "-", stdin=config.encode()).stdout.decode().splitlines()
    )
    assert plain.status() == ""
    assert [name for name in os.listdir(plain.file(".git/hooks")) if not name.endswith(".sample")] == []
    assert "could be undone" in plain.fails("data", "migrate", "import", "--undo", status=7)


def test_undo_refuses_to_lose_commits(plain: Repo):
    plain.data("migrate", "import", "--everything", "--above", "100kB")
    plain.write("code.py", "print(2)\n")
    plain.commit("work goes on")
    said = plain.fails("data", "migrate", "import", "--undo", status=1)
    assert "'refs/heads/main' moved" in said
    assert plain.git("log", "-1", "--format=%s") == "work goes on\n"


def test_undo_of_what_was_pushed_takes_force(plain: Repo):
    plain.data("migrate", "import", "--everything", "--above", "100kB")
    plain.git("update-ref", "refs/remotes/origin/main", "main")  # as after a push
    assert "--undo --force" in plain.fails("data", "migrate", "import", "--undo", status=1)
    plain.data("migrate", "import", "--undo", "--force")
    assert not is_data(plain, "data/train.bin")


def test_export_gives_back_the_very_same_commits(plain: Repo):
    refs = plain.git("for-each-ref", "refs/heads", "refs/tags")
    plain.data("migrate", "import", "--everything", "--above", "100kB")
    plain.data("migrate", "export", "--everything")
    assert plain.git("for-each-ref", "refs/heads", "refs/tags") == refs
    assert plain.status() == ""


def test_export_to_git_lfs_is_a_sound_repository_of_git_lfs(plain: Repo, tmp_path: Path):
    before = checked_out(plain, ["main", "side", "v1"], tmp_path / "before", (".gitattributes",))
    plain.data("migrate", "import", "--everything", "--above", "100kB")
    plain.data("migrate", "export", "--everything", "--to", "lfs")
    plain.data("uninstall")
    plain.git("lfs", "install", "--local")
    assert plain.git("lfs", "fsck") == "Git LFS fsck OK\n"
    assert plain.status() == ""
    assert checked_out(plain, ["main", "side", "v1"], tmp_path / "after", (".gitattributes",)) == before
    assert plain.blob("data/train.bin") == pointer_of(content(160_000, 5), "lfs")


def test_export_fetches_what_lacks_and_refuses_what_is_nowhere(plain: Repo, tmp_path: Path):
    plain.data("migrate", "import", "--everything", "--above", "100kB")
    plain.data("remote", "add", "--local", "-d", "store", str(tmp_path / "store"))
    plain.data("push", "--all")
    objects = plain.store() / "objects"
    subprocess.run(["rm", "-rf", objects], check=True)
    plain.data("migrate", "export", "--everything", "-n")
    (tmp_path / "store").rename(tmp_path / "away")
    refs = plain.git("for-each-ref")
    said = plain.fails("data", "migrate", "export", "--everything", status=3)
    assert "nothing was changed" in said and "data/train.bin" in said
    assert plain.git("for-each-ref") == refs
    (tmp_path / "away").rename(tmp_path / "store")
    plain.data("migrate", "export", "--everything")
    assert plain.blob("data/train.bin") == content(160_000, 5)


def test_export_of_some_files_leaves_the_others_data(plain: Repo):
    plain.data("migrate", "import", "--everything", "--above", "100kB")
    plain.data("migrate", "export", "--everything", "-I", "tool")
    assert not is_data(plain, "tool", "v1") and is_data(plain, "data/train.bin")
    plain.git("checkout", "-q", "v1")
    assert plain.status() == ""


def test_no_rewrite_makes_one_commit_and_leaves_the_files_alone(plain: Repo):
    tip = plain.git("rev-parse", "HEAD").strip()
    inode = plain.file("data/train.bin").stat().st_ino
    plain.data("migrate", "import", "--no-rewrite", "data/train.bin")
    assert plain.git("rev-parse", "HEAD~1").strip() == tip
    assert plain.blob("data/train.bin") == pointer_of(content(160_000, 5))
    assert plain.file("data/train.bin").stat().st_ino == inode
    trace = plain.traced("status", "--porcelain")
    assert trace.output == "" and trace.filters == []
    plain.data("migrate", "import", "--undo")
    assert plain.git("rev-parse", "HEAD").strip() == tip and plain.status() == ""
    assert plain.read("data/train.bin") == content(160_000, 5)


def test_a_dry_run_tells_files_versions_and_bytes_and_changes_nothing(plain: Repo):
    refs = plain.git("for-each-ref")
    plain.write("code.py", "print('not committed')\n")
    said = plain.data("migrate", "import", "--everything", "--above", "100kB", "--dry-run")
    assert "/tool" in said and "free there" in said and "needed in the store: 670.0 kB" in said, said
    told = json.loads(plain.data("migrate", "import", "--everything", "-I", "*.bin", "--dry-run", "--json"))
    assert told["patterns"] == [{"pattern": "*.bin", "files": 5, "versions": 6, "bytes": 712_000}], told
    assert plain.git("for-each-ref") == refs and not (plain.store() / "objects").exists()


def test_info_names_the_largest_types_and_the_command(plain: Repo):
    plain.write("film.mp4", content(1_100_000, 12))
    for number in range(10):
        plain.write("film.mp4", content(1_100_000, 20 + number))
        plain.commit("film")
    done = plain.run("git", "data", "migrate", "info", "--everything")
    first = done.stdout.decode().splitlines()[1]
    assert first.split()[:5] == ["*.mp4", "1", "10", "11.0", "MB"], done.stdout
    assert b"git data migrate import --everything -I '*.mp4'" in done.stderr
    told = json.loads(plain.data("migrate", "info", "--everything", "--json"))
    assert told["types"][0]["largest"] == {"path": "film.mp4", "bytes": 1_100_000}


def test_linked_work_trees_follow(plain: Repo, tmp_path: Path):
    plain.git("worktree", "add", "-q", str(tmp_path / "linked"), "side")
    plain.data("migrate", "import", "--everything", "--above", "100kB")
    linked = Repo(tmp_path / "linked")
    assert linked.status() == ""
    assert linked.read("side/other.bin") == content(130_000, 6)
    assert is_data(linked, "side/other.bin")


def test_a_bare_repository_and_a_detached_head_are_rewritten_too(plain: Repo, tmp_path: Path):
    run("git", "clone", "-q", "--mirror", plain.path, tmp_path / "bare.git")
    bare = Repo(tmp_path / "bare.git")
    bare.data("migrate", "import", "--everything", "--above", "100kB")
    assert is_data(bare, "data/train.bin", "main")
    plain.git("checkout", "-q", "v1")
    plain.data("migrate", "import", "--everything", "--above", "100kB")
    assert is_data(plain, "tool", "HEAD") and plain.status() == ""
    assert plain.git("rev-parse", "HEAD") == plain.git("rev-parse", "v1^{commit}")


@pytest.mark.parametrize("format", ["sha256"])
def test_repositories_with_another_hash(tmp_path: Path, format: str):
    repo = make_repo(tmp_path / "repo", f"--object-format={format}", install=False, attributes="")
    repo.write("a.bin", 200_000)
    repo.commit("one")
    repo.data("migrate", "import", "--everything", "--above", "100kB")
    assert is_data(repo, "a.bin") and repo.status() == ""


# -- what is refused


def test_uncommitted_work_stops_it_and_stays(plain: Repo):
    plain.write("code.py", "print(3)\n")
    said = plain.fails("data", "migrate", "import", "--everything", "--above", "100kB", status=7)
    assert "uncommitted changes" in said and "'code.py'" in said and "git stash" in said
    assert plain.read("code.py") == b"print(3)\n"


def test_uncommitted_work_in_a_linked_work_tree_stops_it_too(plain: Repo, tmp_path: Path):
    plain.git("worktree", "add", "-q", str(tmp_path / "linked"), "side")
    Repo(tmp_path / "linked").write("side/other.bin", 1000)
    assert str(tmp_path / "linked") in plain.fails("data", "migrate", "import", "--everything", "--above", "100kB", status=7)


def test_a_shallow_clone_is_refused_with_the_remedy(plain: Repo, tmp_path: Path):
    run("git", "clone", "-q", "--depth", "1", f"file://{plain.path}", tmp_path / "shallow")
    said = Repo(tmp_path / "shallow").fails("data", "migrate", "import", "--everything", "--above", "1kB", status=7)
    assert "git fetch --unshallow" in said


def test_a_rebase_that_is_under_way_stops_it(plain: Repo):
    plain.git("rebase", "-q", "-i", "HEAD~1", env={"GIT_SEQUENCE_EDITOR": "sed -i 1s/pick/edit/"}, ok=None)
    said = plain.fails("data", "migrate", "import", "--everything", "--above", "1kB", status=7)
    assert "git rebase --continue" in said


@pytest.mark.parametrize(
    ("words", "status", "expected"),
    [
        ([], 2, "which files are to become data?"),
        (["--above", "much"], 2, "is not a size"),
        (["-I", "!x"], 2, "leave files out by: -X"),
        (["-I", "*.bin", "--include-ref", "nowhere"], 2, "no branch or tag matches 'nowhere'"),
        (["-I", "*.bin", "--everything", "--include-ref", "main"], 2, "exclude each other"),
        (["a.bin"], 2, "with --no-rewrite only"),
        (["--no-rewrite"], 2, "which files"),
        (["--undo", "--dry-run"], 2, "exclude each other"),
    ],
)
def test_words_that_make_no_sense(plain: Repo, words: list[str], status: int, expected: str):
    assert expected in plain.fails("data", "migrate", "import", *words, status=status)


def test_signed_commits_are_counted_before_they_lose_their_signatures(plain: Repo, tmp_path: Path):
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key")
    options = ["-c", "gpg.format=ssh", "-c", f"user.signingKey={tmp_path / 'key.pub'}"]
    plain.git(*options, "commit", "-q", "-S", "--allow-empty", "-m", "signed")
    plain.git(*options, "tag", "-s", "signed", "-m", "signed tag")
    told = json.loads(plain.data("migrate", "import", "--everything", "--above", "100kB", "-n", "--json"))
    assert told["signed_commits"] == [plain.git("rev-parse", "HEAD").strip()]
    said = plain.data("migrate", "import", "--everything", "--above", "100kB")
    assert "signatures lost: 'signed'" in said
    assert plain.git("cat-file", "tag", "signed").endswith("\n\nsigned tag\n")
    assert plain.status() == ""


def test_no_space_is_said_before_anything_is_done(plain: Repo, tmp_path: Path):
    if os.geteuid() != 0:
        pytest.skip("a small file system takes root to mount")
    small = tmp_path / "small"
    small.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", small)
    try:
        plain.git("config", "data.cacheDir", str(small / "store"))
        refs = plain.git("for-each-ref")
        said = plain.fails("data", "migrate", "import", "--everything", "--above", "100kB", status=5)
        assert "are needed in" in said and "nothing was changed" in said
        assert plain.git("for-each-ref") == refs
    finally:
        run("umount", "-l", small)


def test_a_killed_import_goes_on_and_ends_the_same(plain: Repo, tmp_path: Path):
    whole = copy_of(plain, tmp_path / "whole")
    whole.data("migrate", "import", "--everything", "--above", "100kB")
    expected = whole.git("for-each-ref", "refs/heads", "refs/tags")
    command = ["git-data", "migrate", "import", "--everything", "--above", "100kB"]
    for delay_ms in range(150, 1150, 100):
        repo = copy_of(plain, tmp_path / f"killed-{delay_ms}")
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(command, cwd=repo.path, start_new_session=True, **quiet) as process:
            try:
                process.wait(delay_ms / 1000)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
        for lock in repo.file(".git").rglob("*.lock"):
            lock.unlink()  # git's own, of a git that was killed with us
        done = repo.run(*command, ok=(0, 7))
        assert repo.git("for-each-ref", "refs/heads", "refs/tags") == expected, (delay_ms, done.stderr)
        assert repo.status() == "", (delay_ms, done)


def killed_at(repo: Repo, where: str, *words: str) -> None:
    """Run ``git data migrate import`` and kill it where it would call a function of ``migrate/moves.py``."""
    code = (
        "import os, signal, sys; from git_data.migrate import moves; "
        f"moves.{where} = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL); "
        f"from git_data.__main__ import main; sys.argv = ['git-data', 'migrate', 'import', *{words!r}]; main()"
    )
    assert repo.run(sys.executable, "-c", code, ok=None).returncode == -signal.SIGKILL, where


def state(repo: Repo) -> tuple[str, str, str]:
    """Everything that undoing brings back."""
    return repo.git("for-each-ref"), repo.git("config", "--local", "--list"), repo.git("status", "--porcelain")


@pytest.mark.parametrize("where", ["_transaction", "_follow"])
def test_a_killed_command_can_be_undone_and_a_killed_undo_goes_on(plain: Repo, where: str):
    before = state(plain)
    words = ("--everything", "--above", "100kB")
    killed_at(plain, where, *words)
    assert "killed" in plain.fails("data", "migrate", "forget", status=1)
    plain.data("migrate", "import", "--undo")
    assert state(plain) == before
    plain.data("migrate", "import", *words)
    killed_at(plain, where, "--undo")
    plain.data("migrate", "import", "--undo")
    assert state(plain) == before
    plain.data("migrate", "import", *words)
    killed_at(plain, where, "--undo")
    plain.data("migrate", "import", *words)  # as if it had never been asked to undo
    assert is_data(plain, "tool", "main") and plain.status() == ""
    assert '"done"' in plain.read(".git/data/migrate/import.json").decode()


def test_undo_brings_back_symbolic_refs_and_hooks_with_their_modes(plain: Repo):
    plain.git("symbolic-ref", "refs/heads/alias", "refs/heads/main")
    hooks = plain.file(".git/hooks")
    hooks.mkdir(exist_ok=True)
    (plain.path.parent / "ours").write_text("#!/bin/sh\n")
    (hooks / "pre-push").symlink_to("../../../ours")
    (hooks / "post-checkout").write_text("#!/bin/sh\n")
    (hooks / "post-checkout").chmod(0o640)
    plain.data("migrate", "import", "--everything", "--above", "100kB")
    assert plain.git("symbolic-ref", "refs/heads/alias") == "refs/heads/main\n"
    plain.data("migrate", "import", "--undo")
    assert plain.git("symbolic-ref", "refs/heads/alias") == "refs/heads/main\n"
    assert os.readlink(hooks / "pre-push") == "../../../ours"
    assert (hooks / "post-checkout").stat().st_mode & 0o777 == 0o640


def test_a_killed_import_in_a_sparse_checkout_goes_on_and_is_undone(plain: Repo):
    plain.git("sparse-checkout", "set", "--no-cone", "side/", "code.py")
    plain.git("rm", "-q", "--sparse", ".gitattributes")
    plain.commit("no attributes")
    before, listed = state(plain), sorted(plain.path.rglob("*.*"))
    words = ("--everything", "--above", "100kB")
    killed_at(plain, "_follow", *words)
    plain.data("migrate", "import", *words)
    assert plain.status() == "" and is_data(plain, "tool")
    killed_at(plain, "_follow", "--undo")
    plain.data("migrate", "import", "--undo")
    assert state(plain) == before
    assert [path for path in sorted(plain.path.rglob("*.*")) if ".git/" not in str(path)] == [
        path for path in listed if ".git/" not in str(path)
    ]


def test_variables_of_git_do_not_lead_astray(plain: Repo, tmp_path: Path):
    plain.git("worktree", "add", "-q", tmp_path / "linked", "side")
    before = state(plain)
    shutil.copy(plain.file(".git/index"), tmp_path / "index")
    words = ("migrate", "import", "--everything", "--above", "100kB")
    done = plain.run("git-data", *words, env={"GIT_INDEX_FILE": str(tmp_path / "index")}, ok=(7,))
    assert "unset GIT_INDEX_FILE" in done.stderr.decode() and state(plain) == before
    plain.run("git-data", *words, env={"GIT_DIR": ".git", "GIT_WORK_TREE": "."})
    assert plain.status() == Repo(tmp_path / "linked").status() == ""


def test_damaged_content_is_not_exported(plain: Repo):
    plain.data("migrate", "import", "--everything", "--above", "100kB")
    before = plain.git("for-each-ref")
    damaged = plain.object(content(160_000, 5))
    status = damaged.stat()
    damaged.chmod(0o644)
    damaged.write_bytes(content(160_000, 6))
    os.utime(damaged, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert "damaged" in plain.fails("data", "migrate", "export", "--everything", status=4)
    assert plain.git("for-each-ref") == before and plain.status() == ""


def test_no_rewrite_of_a_file_with_other_line_ends_brings_what_git_had(plain: Repo):
    plain.git("config", "core.autocrlf", "true")
    plain.write("table.csv", b"a\r\nb\r\n")
    plain.write("out/there.csv", b"c\n")
    plain.commit("tables")
    plain.git("sparse-checkout", "set", "--no-cone", "/*", "!out/")
    plain.data("migrate", "import", "--no-rewrite", "table.csv", "out/there.csv")
    assert plain.read("table.csv") == b"a\nb\n" and is_data(plain, "table.csv") and is_data(plain, "out/there.csv")
    os.utime(plain.file("table.csv"))
    assert plain.status() == "" and not plain.file("out").exists()


@pytest.mark.parametrize("words", [["--above", "100kB"], ["--no-rewrite", "side/blob.bin"]], ids=["rewrite", "one commit"])
def test_attributes_that_would_keep_a_file_from_being_data_stop_it(plain: Repo, words: list[str]):
    plain.write("side/blob.bin", content(150_000, 9))
    plain.write("side/.gitattributes", "*.bin -filter\n")
    plain.commit("not for a filter")
    before = state(plain)
    assert "would not be data" in plain.fails("data", "migrate", "import", *words, status=7)
    assert state(plain) == before


def test_commits_made_after_a_kill_do_not_make_it_forget_what_it_did(plain: Repo):
    words = ("--everything", "--above", "100kB")
    killed_at(plain, "_follow", *words)
    plain.git("reset", "-q", "--hard")
    plain.git("commit", "-q", "--allow-empty", "-m", "went on")
    plain.data("migrate", "import", *words)
    assert plain.git("config", "--local", "filter.data.required") == "true\n" and plain.status() == ""
    assert "moved since" in plain.fails("data", "migrate", "import", "--undo", status=1)


def test_what_is_written_while_refs_move_stays(plain: Repo):
    code = (
        "import sys; from git_data.migrate import moves; moved = moves._transaction; "
        "moves._transaction = lambda *a, **k: (open('tool', 'w').write('mine'), moved(*a, **k)); "
        "from git_data.__main__ import main; sys.argv = ['git-data', 'migrate', 'import', '-I', 'tool', '--everything']; main()"
    )
    plain.run(sys.executable, "-c", code)
    assert plain.read("tool") == b"mine" and plain.status().split() == ["M", "tool"] and is_data(plain, "tool")


def test_forget_lets_go_of_what_was_before(plain: Repo):
    plain.data("migrate", "import", "--everything", "--above", "100kB")
    plain.data("migrate", "forget")
    assert plain.git("for-each-ref", "refs/git-data") == ""
    plain.git("reflog", "expire", "--expire=now", "--all")
    plain.git("gc", "-q", "--prune=now")
    assert int(plain.git("count-objects", "-v").split("size-pack: ")[1].split()[0]) < 60

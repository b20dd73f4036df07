"""Every git operation that touches files, on a file system with reflinks and on the default one.

After each: files and whatever else a user reads hold content, ``git status`` is clean and starts no filter, and files share
their blocks with the store where the file system can.
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import time
from pathlib import Path

import pytest
from helpers import ATTRIBUTES, Repo, content, make_repo, pointer_of, run

from git_data.link.items import FRESH_NS

STREAMED = (1 << 20) + 4711
"""Bytes of a file too long to be cleaned in memory."""

Files = dict[str, bytes]


class History:
    """Two commits on ``main`` and one on ``side``, which leaves at the first; what each holds."""

    def __init__(self, repo: Repo, links: bool, first: Files, main: Files, side: Files) -> None:
        self.repo = repo
        self.links = links
        self.first = first
        self.main = main
        self.side = side

    @property
    def merged(self) -> Files:
        return {**self.main, **{path: self.side[path] for path in ("dir/c.bin", "side.bin")}}

    def now(self, expected: Files, repo: Repo | None = None) -> None:
        """The work tree is exactly this, clean, and linked where it can be."""
        repo = repo or self.repo
        tracked = repo.git("ls-files").split()
        assert sorted(tracked) == sorted([*expected, ".gitattributes"])
        data = {path: data for path, data in expected.items() if path.endswith(".bin")}
        repo.assert_content(data, self.links)


def make_history(path: Path) -> tuple[Files, Files, Files]:
    """Make the repository at ``path``; the files of the first commit, of ``main`` and of ``side``."""
    repo = make_repo(path)
    first = {
        "a.bin": content(3000),
        "big.bin": content(STREAMED),
        "dir/c.bin": content(70_000),
        "notes.txt": b"first\n",
    }
    main = {**first, "a.bin": content(4000), "big.bin": content(STREAMED + 1), "added.bin": content(5000)}
    side = {**first, "dir/c.bin": content(80_000), "side.bin": content(6000)}
    for branch, files in (("main", first), ("side", side), ("main", main)):
        repo.git("switch", "-q", *([] if branch in repo.git("branch") else ["-c"]), branch)
        for name, data in files.items():
            if not repo.file(name).exists() or repo.read(name) != data:
                repo.write(name, data)
        # a file younger than this is copied into the store, not cloned: its stat data cannot vouch for it yet
        time.sleep(2 * FRESH_NS / 1e9)
        repo.commit(f"{branch}: {len(files)} files")
    return first, main, side


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, tuple[Path, tuple[Files, Files, Files]]]:
    """Histories that were made once, by "has reflinks"; tests work on copies."""
    return {}


@pytest.fixture
def history(any_dir: Path, links: bool, templates: dict, request: pytest.FixtureRequest) -> History:
    if links not in templates:
        factory = request.getfixturevalue("tmp_path_factory")
        place = any_dir / "template" if links else factory.mktemp("matrix")
        templates[links] = (place, make_history(place))
        if links:
            kept = request.getfixturevalue("reflink_root") / f"matrix-{len(os.listdir(any_dir.parent))}"
            templates[links] = (place.rename(kept), templates[links][1])
    place, files = templates[links]
    if links and not all(Repo(place).is_linked(path) for path in ("a.bin", "big.bin", "added.bin", "dir/c.bin")):
        # git add may copy what changed a moment ago; the next test gets another template
        del templates[links]
    # cp(1) clones where it can, so that the copy's files and store share their blocks as the original's do
    run("cp", "-a", place, any_dir / "repo")
    repo = Repo(any_dir / "repo")
    repo.git("update-index", "-q", "--refresh")
    return History(repo, links, *files)


@pytest.fixture
def shared_cache(history: History, any_dir: Path, global_config: Path) -> Path:
    """What a user sets once: the filters for all repositories, and one store."""
    cache = any_dir / "cache"
    cache.mkdir()
    (history.repo.path / ".git" / "data" / "objects").rename(cache / "objects")
    run("git", "data", "install", "--global", "--skip-repo", cwd=any_dir)
    run("git", "config", "--global", "data.cacheDir", str(cache), cwd=any_dir)
    return cache


def test_checkout(history: History) -> None:
    history.repo.git("checkout", "-q", "main~1")
    history.now(history.first)
    history.repo.git("checkout", "-q", "main")
    history.now(history.main)


def test_checkout_of_a_path_from_another_commit(history: History) -> None:
    history.repo.git("checkout", "-q", "side", "--", "dir", "side.bin")
    assert history.repo.read("dir/c.bin") == history.side["dir/c.bin"]
    history.repo.git("commit", "-q", "-m", "taken")
    history.now(history.merged)


def test_switch(history: History) -> None:
    history.repo.git("switch", "-q", "side")
    history.now(history.side)
    history.repo.git("switch", "-q", "-c", "new", "main")
    history.now(history.main)


def test_restore(history: History) -> None:
    history.repo.write("a.bin", b"spoilt")
    history.repo.file("dir/c.bin").unlink()
    history.repo.git("restore", ".")
    history.now(history.main)


def test_restore_from_another_commit(history: History) -> None:
    history.repo.git("restore", "--source=side", "--staged", "--worktree", "--", ".")
    assert history.repo.git("diff", "--cached", "--stat", "side") == ""
    history.repo.git("commit", "-q", "-m", "as on the side")
    history.now(history.side)


def test_reset_hard(history: History) -> None:
    history.repo.write("a.bin", b"spoilt")
    history.repo.git("reset", "-q", "--hard", "main~1")
    history.now(history.first)


def test_stash_and_pop_with_untracked_files(history: History) -> None:
    changed, untracked = history.repo.write("a.bin", 3500), history.repo.write("untracked.bin", STREAMED)
    history.repo.git("stash", "-q", "--include-untracked")
    assert not history.repo.file("untracked.bin").exists()
    history.now(history.main)
    history.repo.git("stash", "pop", "-q")
    assert history.repo.status() == " M a.bin\n?? untracked.bin\n"
    assert history.repo.read("a.bin") == changed
    assert history.repo.read("untracked.bin") == untracked
    history.repo.age("untracked.bin")
    history.repo.commit("popped")
    history.now({**history.main, "a.bin": changed, "untracked.bin": untracked})


def test_stash_apply_with_index(history: History) -> None:
    staged = history.repo.write("dir/c.bin", 1234)
    history.repo.git("add", "dir")
    history.repo.git("stash", "-q")
    history.now(history.main)
    history.repo.git("stash", "apply", "-q", "--index")
    assert history.repo.status() == "M  dir/c.bin\n"
    history.repo.git("commit", "-q", "-m", "applied")
    history.now({**history.main, "dir/c.bin": staged})


def test_merge_fast_forward(history: History) -> None:
    history.repo.git("switch", "-q", "-c", "behind", "main~1")
    history.repo.git("merge", "-q", "--ff-only", "main")
    history.now(history.main)


def test_merge_without_a_conflict(history: History) -> None:
    history.repo.git("merge", "-q", "--no-edit", "side")
    history.now(history.merged)


def test_merge_with_a_conflict_keeps_ours_and_names_the_commands_that_resolve_it(history: History) -> None:
    repo = history.repo
    repo.git("switch", "-q", "side")
    theirs = repo.write("a.bin", 9000)
    repo.commit("conflict")
    repo.git("switch", "-q", "main")
    done = repo.run("git", "merge", "-q", "--no-edit", "side", ok=(1,))
    said = (done.stdout + done.stderr).decode()
    assert "git checkout --ours" in said and "git checkout --theirs" in said
    assert repo.status() == "UU a.bin\nM  dir/c.bin\nA  side.bin\n"
    assert repo.read("a.bin") == history.main["a.bin"]
    assert repo.read("side.bin") == history.side["side.bin"]
    repo.git("checkout", "-q", "--theirs", "--", "a.bin")
    assert repo.read("a.bin") == theirs
    repo.git("add", "a.bin")
    repo.git("commit", "-q", "--no-edit")
    history.now({**history.merged, "a.bin": theirs})


def test_merge_with_a_conflict_and_abort(history: History) -> None:
    history.repo.git("switch", "-q", "side")
    history.repo.write("a.bin", 9000)
    history.repo.commit("conflict")
    history.repo.git("switch", "-q", "main")
    history.repo.fails("merge", "-q", "--no-edit", "side", status=1)
    history.repo.git("merge", "--abort")
    history.now(history.main)


def test_merge_with_a_conflict_in_a_text_file_beside_data(history: History) -> None:
    repo = history.repo
    for branch in ("side", "main"):
        repo.git("switch", "-q", branch)
        repo.write("notes.txt", f"{branch}\n")
        repo.commit("text")
    repo.fails("merge", "-q", "--no-edit", "side", status=1)
    assert repo.read("dir/c.bin") == history.side["dir/c.bin"]
    repo.write("notes.txt", "both\n")
    repo.git("add", "notes.txt")
    repo.git("commit", "-q", "--no-edit")
    history.now({**history.merged, "notes.txt": b"both\n"})


def test_rebase(history: History) -> None:
    history.repo.git("switch", "-q", "side")
    history.repo.git("rebase", "-q", "main")
    history.now(history.merged)


def test_rebase_exec_sees_content_at_every_step(history: History, tmp_path: Path) -> None:
    repo, seen = history.repo, tmp_path / "seen"
    repo.git("switch", "-q", "side")
    more = repo.write("a-second.bin", STREAMED)
    repo.commit("one more")
    repo.git("rebase", "-q", "--exec", f"cat dir/c.bin side.bin big.bin | sha256sum >> '{seen}'", "main")
    view = history.side["dir/c.bin"] + history.side["side.bin"] + history.main["big.bin"]
    assert seen.read_text().split("\n")[:-1] == [f"{hashlib.sha256(view).hexdigest()}  -"] * 2
    history.now({**history.merged, "a-second.bin": more})


def test_rebase_with_the_apply_backend(history: History) -> None:
    history.repo.git("switch", "-q", "side")
    history.repo.git("rebase", "-q", "--apply", "main")
    history.now(history.merged)


def test_cherry_pick(history: History) -> None:
    history.repo.git("cherry-pick", "side")
    history.now(history.merged)


def test_cherry_pick_of_several_commits(history: History) -> None:
    history.repo.git("switch", "-q", "side")
    more = history.repo.write("more.bin", 7000)
    history.repo.commit("more")
    history.repo.git("switch", "-q", "main")
    history.repo.git("cherry-pick", "main~1..side")
    history.now({**history.merged, "more.bin": more})


def test_revert(history: History) -> None:
    history.repo.git("revert", "--no-edit", "HEAD")
    history.now(history.first)


def test_bisect_run_sees_content(history: History) -> None:
    repo = history.repo
    for number in range(5):
        repo.write("a.bin", b"%s %d\n" % (b"bad" if number > 2 else b"good", number) * 2000)
        repo.commit(f"number {number}")
    files = {**history.main, "a.bin": repo.read("a.bin")}
    repo.git("bisect", "start", "HEAD", "main~4")
    output = repo.git("bisect", "run", "grep", "-q", "good", "a.bin")
    first_bad = repo.git("rev-parse", "main~1").strip()
    assert f"{first_bad} is the first bad commit" in output
    repo.git("bisect", "reset")
    history.now(files)


def test_worktree_add(history: History, any_dir: Path) -> None:
    history.repo.git("worktree", "add", "-q", str(any_dir / "second"), "side")
    history.now(history.side, Repo(any_dir / "second"))
    history.now(history.main)


def test_clone_finds_the_data_and_gets_its_hooks_by_itself(history: History, shared_cache: Path, any_dir: Path) -> None:
    history.repo.git("clone", "-q", str(history.repo.path), str(any_dir / "clone"))
    clone = Repo(any_dir / "clone")
    history.now(history.main, clone)
    assert b"git-data hook pre-commit" in clone.read(".git/hooks/pre-commit")
    clone.git("checkout", "-q", "side")
    history.now(history.side, clone)


def test_clone_without_blobs(history: History, shared_cache: Path, any_dir: Path) -> None:
    history.repo.git("config", "uploadpack.allowFilter", "true")
    history.repo.git("clone", "-q", "--filter=blob:none", f"file://{history.repo.path}", str(any_dir / "clone"))
    clone = Repo(any_dir / "clone")
    history.now(history.main, clone)
    clone.git("checkout", "-q", "origin/side")
    history.now(history.side, clone)


def test_pull(history: History, shared_cache: Path, any_dir: Path) -> None:
    history.repo.git("clone", "-q", str(history.repo.path), str(any_dir / "clone"))
    more = history.repo.write("more.bin", STREAMED)
    history.repo.commit("more")
    clone = Repo(any_dir / "clone")
    clone.git("pull", "-q")
    history.now({**history.main, "more.bin": more}, clone)


def test_sparse_checkout(history: History) -> None:
    repo = history.repo
    repo.git("sparse-checkout", "set", "dir")
    repo.git("sparse-checkout", "reapply")
    assert repo.read("dir/c.bin") == history.main["dir/c.bin"]
    repo.assert_clean()
    repo.git("checkout", "-q", "side")
    repo.assert_content({"dir/c.bin": history.side["dir/c.bin"]}, history.links)
    repo.git("sparse-checkout", "disable")
    history.now(history.side)


def test_sparse_checkout_that_leaves_data_files_out(history: History) -> None:
    repo = history.repo
    repo.git("sparse-checkout", "set", "--no-cone", "/a.bin", "/.gitattributes")
    assert sorted(path.name for path in repo.path.iterdir()) == [".git", ".gitattributes", "a.bin"]
    repo.assert_content({"a.bin": history.main["a.bin"]}, history.links)
    repo.git("sparse-checkout", "add", "/big.bin")
    repo.assert_content({"a.bin": history.main["a.bin"], "big.bin": history.main["big.bin"]}, history.links)


def test_submodule_update(history: History, shared_cache: Path, any_dir: Path) -> None:
    outer = Repo(any_dir / "outer")
    run("git", "init", "-q", str(outer.path))
    outer.git("submodule", "--quiet", "add", str(history.repo.path), "data set")
    inner = Repo(outer.path / "data set")
    history.now(history.main, inner)
    outer.commit("with a submodule")
    inner.git("checkout", "-q", "origin/side")
    history.now(history.side, inner)
    outer.git("submodule", "--quiet", "update")
    history.now(history.main, inner)
    outer.git("clone", "-q", "--recurse-submodules", str(outer.path), str(any_dir / "outer clone"))
    history.now(history.main, Repo(any_dir / "outer clone" / "data set"))


def test_archive_holds_content(history: History) -> None:
    archive = history.repo.run("git", "archive", "--format=tar", "side").stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        members = {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}  # type: ignore[union-attr]
    assert members == {**history.side, ".gitattributes": ATTRIBUTES.encode()}
    history.now(history.main)


def test_cat_file_filters_gives_content(history: History) -> None:
    shown = history.repo.run("git", "cat-file", "--filters", "side:dir/c.bin").stdout
    assert shown == history.side["dir/c.bin"]
    assert history.repo.blob("dir/c.bin", "side") == pointer_of(shown)
    history.now(history.main)


def test_difftool_hands_content_to_the_tool(history: History, tmp_path: Path) -> None:
    tool = f'cat "$LOCAL" > {tmp_path}/left; cat "$REMOTE" > {tmp_path}/right'
    history.repo.git("-c", f"difftool.x.cmd={tool}", "difftool", "-y", "-t", "x", "main~1", "main", "--", "big.bin")
    assert (tmp_path / "left").read_bytes() == history.first["big.bin"]
    assert (tmp_path / "right").read_bytes() == history.main["big.bin"]
    history.now(history.main)


def test_difftool_on_directories(history: History, tmp_path: Path) -> None:
    tool = f'cp -rL "$LOCAL" {tmp_path}/left; cp -rL "$REMOTE" {tmp_path}/right'
    history.repo.git("-c", f"difftool.x.cmd={tool}", "difftool", "-d", "-t", "x", "main~1", "main")
    for side, files in (("left", history.first), ("right", history.main)):
        assert (tmp_path / side / "a.bin").read_bytes() == files["a.bin"]
        assert (tmp_path / side / "big.bin").read_bytes() == files["big.bin"]
    history.now(history.main)


def test_checkout_index(history: History) -> None:
    history.repo.file("a.bin").unlink()
    history.repo.file("big.bin").unlink()
    history.repo.git("checkout-index", "-u", "a.bin", "big.bin")
    history.now(history.main)


def test_checkout_index_into_another_directory(history: History, any_dir: Path) -> None:
    history.repo.git("checkout-index", "-a", f"--prefix={any_dir}/exported/")
    for path, data in history.main.items():
        assert (any_dir / "exported" / path).read_bytes() == data
    history.now(history.main)


def test_apply(history: History) -> None:
    patch = history.repo.run("git", "diff", "--no-ext-diff", "--binary", "main", "side").stdout
    history.repo.git("apply", "--index", stdin=patch)
    assert history.repo.git("diff", "--cached", "--stat", "side") == ""
    history.repo.git("commit", "-q", "-m", "applied")
    history.now(history.side)


def test_am(history: History) -> None:
    mail = history.repo.run("git", "format-patch", "--stdout", "main~1..side").stdout
    history.repo.git("am", "-q", stdin=mail)
    history.now(history.merged)


def test_mv(history: History) -> None:
    history.repo.git("mv", "big.bin", "dir/moved.bin")
    assert history.repo.status() == "R  big.bin -> dir/moved.bin\n"
    history.repo.git("commit", "-q", "-m", "moved")
    files = dict(history.main)
    files["dir/moved.bin"] = files.pop("big.bin")
    history.now(files)


def test_rm(history: History) -> None:
    history.repo.git("rm", "-q", "a.bin")
    assert history.repo.status() == "D  a.bin\n"
    history.repo.git("commit", "-q", "-m", "removed")
    history.now({path: data for path, data in history.main.items() if path != "a.bin"})
    assert not history.repo.file("a.bin").exists()


def test_clean(history: History) -> None:
    history.repo.write("untracked.bin", 1000)
    history.repo.write("new dir/untracked.bin", 1000)
    history.repo.git("clean", "-qfd")
    assert not history.repo.file("untracked.bin").exists()
    history.now(history.main)


def test_commit_amend_and_commit_of_a_path(history: History) -> None:
    amended, other = history.repo.write("a.bin", 1111), history.repo.write("big.bin", STREAMED)
    history.repo.git("commit", "-q", "--amend", "--no-edit", "a.bin")
    assert history.repo.status() == " M big.bin\n"
    history.repo.git("commit", "-q", "-a", "-m", "rest")
    history.now({**history.main, "a.bin": amended, "big.bin": other})

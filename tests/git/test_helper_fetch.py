"""git clone, fetch, pull and ls-remote of a store behave as with any remote: mostly the same commands, run against both."""

from __future__ import annotations

import re
from pathlib import Path

import hosted
import pytest
from helpers import Repo, run
from hosted import World

from git_data.host.host import Host
from git_data.host.memory import Memory
from git_data.host.state import Change, Pack, State
from git_data.remote.address import parse
from git_data.remote.base import Options
from git_data.remote.registry import open_remote


@pytest.fixture(scope="session")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both worlds, to be copied; all of ``work`` is published."""
    path = tmp_path_factory.mktemp("worlds")
    hosted.build(path)
    for kind in ("plain", "hosted"):
        work = Repo(path / kind / "work")
        work.git("tag", "-a", "-m", "twice", "twice", "v1", env=hosted.STAMP)
        work.git("push", "-q", "--force", "origin", "main", "topic", "fresh", "v2", "ahead", "twice")
    hosted.pack(path)
    return path


@pytest.fixture
def plain(worlds: Path, tmp_path: Path) -> World:
    """The world with a bare repository."""
    return hosted.copy(worlds, tmp_path, "plain", colleague=True)


@pytest.fixture
def ours(worlds: Path, tmp_path: Path) -> World:
    """The world with a folder behind ``data::``."""
    return hosted.copy(worlds, tmp_path, "hosted", colleague=True)


def left_behind(repo: Repo) -> list[str]:
    """What no clone or fetch should leave: files that keep packs, packs half taken in, downloads."""
    git_dir = Path(repo.git("rev-parse", "--absolute-git-dir").strip())
    found = [*git_dir.glob("objects/pack/*.keep"), *git_dir.rglob("tmp_*"), *git_dir.glob("data/packs/**/*")]
    found += [path for path in git_dir.glob("data/tmp/*") if path.is_file()]
    return [str(path) for path in found if path.is_file()]


def view(repo: Repo) -> dict[str, str]:
    """All that a clone has: refs, HEAD, what is fetched from where, and whether objects are whole."""
    assert left_behind(repo) == []
    config = repo.git("config", "--local", "--list")
    kept = [line for line in config.splitlines() if re.match(r"(branch|remote)\.", line) and ".url=" not in line]
    return {
        "refs": repo.git("show-ref", "--head", "-d", ok=(0, 1)),
        "HEAD": repo.git("rev-parse", "--symbolic-full-name", "HEAD", ok=(0, 128)),
        "config": "\n".join(kept),
        "fsck": repo.git("fsck", "--no-dangling", "--no-progress", "--strict"),
        "remote HEAD": repo.git("symbolic-ref", "-q", "refs/remotes/origin/HEAD", ok=(0, 1)),
        "files": "\n".join(sorted(path.name for path in repo.path.glob("[!.]*"))) if (repo.path / ".git").exists() else "",
    }


CLONES = [
    [],
    ["--bare"],
    ["--mirror"],
    ["-b", "topic"],
    ["-b", "v1"],
    ["-b", "twice"],
    ["--single-branch"],
    ["--single-branch", "-b", "topic"],
    ["--single-branch", "-b", "twice", "--no-tags"],
    ["--no-tags"],
    ["-o", "elsewhere"],
    ["--no-checkout"],
    ["-c", "remote.origin.fetch=+refs/tags/*:refs/other/*"],
    ["--separate-git-dir={}"],
]


@pytest.mark.parametrize("options", CLONES, ids=lambda options: " ".join(options) or "no options")
def test_a_clone_is_what_it_is_of_a_bare_repository(plain: World, ours: World, options: list[str], tmp_path: Path) -> None:
    views = []
    for world in (plain, ours):
        views.append(view(world.clone("clone", *(option.format(world.path / "separate") for option in options))))
    assert views[1] == views[0]


FETCHES = [
    ("nothing new", "", "git fetch"),
    ("all branches", "", "git fetch origin"),
    ("one branch", "", "git fetch origin topic"),
    ("two branches and a tag", "", "git fetch origin topic fresh tag v2"),
    ("a refspec", "", "git fetch --no-tags origin '+refs/heads/topic:refs/heads/mine'"),
    ("a forced update", "", "git fetch origin shared"),
    ("an object by its id", "", "git fetch origin $(git ls-remote origin fresh | cut -f1)"),
    ("--prune", "git push -q origin :odd", "git fetch --prune"),
    ("--prune --prune-tags", "git push -q origin :ahead", "git fetch --prune --prune-tags"),
    ("--tags", "", "git fetch --tags"),
    ("--no-tags", "", "git fetch --no-tags"),
    ("--all", "", "git fetch --all"),
    ("--multiple", "", "git fetch --multiple origin"),
    ("remote update", "", "git remote update -p"),
    ("--dry-run", "", "git fetch --dry-run"),
    ("--atomic", "", "git fetch --atomic"),
    ("--append", "", "git fetch origin fresh; git fetch --append origin topic"),
    ("--refetch", "", "git fetch --refetch"),
    ("pull", "", "git pull -q --ff-only"),
    ("pull --rebase", "git commit -q --allow-empty -m ours", "git pull -q --rebase origin topic"),
    ("remote set-head -a", "", "git remote set-head -d origin; git remote set-head origin -a"),
    ("remote set-head another", "", "git remote set-head origin topic"),
    ("remote rename", "", "git remote rename origin other && git fetch other"),
    ("remote prune", "git push -q origin :odd", "git remote prune origin"),
]  # fmt: skip


@pytest.mark.parametrize(("prepare", "command"), [pytest.param(*row[1:], id=row[0]) for row in FETCHES])
def test_a_fetch_is_what_it_is_from_a_bare_repository(plain: World, ours: World, prepare: str, command: str) -> None:
    views = []
    for world in (plain, ours):
        clone = Repo(world.path / "colleague")
        run("sh", "-ec", prepare, cwd=world.work.path, env=hosted.STAMP)
        done = run("sh", "-ec", command, cwd=clone.path, env=hosted.STAMP, ok=None)
        heads = clone.path / ".git/FETCH_HEAD"
        fetched = sorted(heads.read_text().replace(world.url, "URL").splitlines()) if heads.exists() else []
        views.append((done.returncode, view(clone), fetched, done.stdout.replace(world.url.encode(), b"URL")))
    assert views[1] == views[0]


LISTINGS = [
    "origin", "--heads origin", "--tags origin", "--refs origin", "--symref origin", "origin main", "origin 'v*'",
    "--exit-code origin nothing", "--sort=-version:refname origin", "-q origin", "--get-url .",
]  # fmt: skip


@pytest.mark.parametrize("arguments", LISTINGS)
def test_a_listing_is_what_it_is_of_a_bare_repository(plain: World, ours: World, arguments: str) -> None:
    done = [run("sh", "-c", f"git ls-remote {arguments}", cwd=world.work.path, ok=None) for world in (plain, ours)]
    assert (done[1].returncode, done[1].stdout) == (done[0].returncode, done[0].stdout)


def test_a_listing_works_outside_of_any_repository(ours: World, tmp_path: Path) -> None:
    place = tmp_path / "nowhere"
    place.mkdir()
    listed = run("git", "ls-remote", ours.url, cwd=place).stdout
    assert listed.decode() == ours.work.git("ls-remote", "origin")
    assert run("git", "ls-remote", "--symref", "data::../hosted/remote", "HEAD", cwd=place).stdout.startswith(
        b"ref: refs/heads/main"
    )
    assert list(place.iterdir()) == []


def test_remote_show_says_the_same(plain: World, ours: World) -> None:
    shown = [world.work.git("remote", "show", "origin").replace(world.url, "URL") for world in (plain, ours)]
    assert shown[1] == shown[0]


@pytest.mark.parametrize("option", ["--depth=1", "--shallow-since=2024-01-01", "--filter=blob:none", "--filter=tree:0"])
def test_history_comes_whole_and_that_is_said_once(ours: World, option: str) -> None:
    done = run("git", "clone", option, ours.url, ours.path / "clone")
    clone = Repo(ours.path / "clone")
    assert done.stderr.decode().count("history on plain storage comes whole") == 1
    assert clone.git("rev-list", "--count", "HEAD").strip() == "4"
    assert clone.git("config", "--get-regexp", "promisor|partial", ok=(0, 1)) == ""
    assert not (clone.path / ".git/shallow").exists()
    assert clone.git("fsck", "--no-dangling") == ""
    ours.work.git("push", "-q", "origin", "main:refs/heads/later")
    done = clone.run("git", "fetch", "-q")
    assert done.stderr == b""


def test_a_clone_with_a_reference_takes_only_what_that_lacks(ours: World) -> None:
    clone = ours.clone("clone", "--reference", str(ours.work.path))
    # a commit, a tree and a blob of a colleague's
    assert "in-pack: 3\n" in clone.git("count-objects", "-v")
    assert clone.git("fsck", "--no-dangling") == ""


def test_what_came_from_elsewhere_is_not_downloaded_again(ours: World, tmp_path: Path) -> None:
    run("git", "clone", "-q", ours.work.path, tmp_path / "other")
    other = Repo(tmp_path / "other")
    other.git("remote", "add", "store", ours.url)
    for pack in (ours.folder / "git/packs").iterdir():
        pack.rename(pack.with_suffix(".away"))  # whoever needs one fails
    other.git("fetch", "store", "main", "topic", "fresh", "v1", "twice")
    assert "is missing" in other.fails("fetch", "store", "shared")
    for pack in (ours.folder / "git/packs").iterdir():
        pack.rename(pack.with_suffix(".pack"))
    other.git("fetch", "-q", "store")
    assert other.git("rev-parse", "store/shared").strip() == ours.refs()["refs/heads/shared"]


def test_a_fetch_after_everything_unreachable_was_collected(ours: World) -> None:
    clone = ours.clone("clone")
    for branch in ("topic", "shared", "odd"):
        clone.git("branch", "-q", "-D", "-r", f"origin/{branch}")
    clone.git("reflog", "expire", "--expire=now", "--all")
    clone.git("gc", "-q", "--prune=now")
    clone.git("fetch", "-q")
    assert clone.git("rev-parse", "origin/shared").strip() == ours.refs()["refs/heads/shared"]
    assert clone.git("fsck") == ""


def test_a_ref_that_was_deleted_and_pushed_again_reaches_everybody(ours: World) -> None:
    clone = ours.clone("clone", "--single-branch", "--no-tags")
    work = ours.work
    work.git("checkout", "-q", "-b", "base", "main")
    for branch in ("base", "upper"):
        work.git("checkout", "-q", "-B", branch)
        work.write("large", "".join(f"{number} {branch}\n" for number in range(2000)))
        work.commit(branch)
        work.git("push", "-q", "origin", branch)
    work.git("push", "-q", "origin", ":base", ":upper")
    work.git("push", "-q", "origin", "base")
    work.git("push", "-q", "origin", "upper")
    clone.git("fetch", "-q", "origin", "upper", "base")
    assert clone.git("fsck", "--no-dangling") == ""


@pytest.mark.parametrize("tag", ["v1", "twice", "tree"])
def test_a_tag_that_was_pushed_after_what_it_is_of_is_cloned_alone(ours: World, tmp_path: Path, tag: str) -> None:
    work = ours.work
    for name, what in {"late": "topic", "tree": "topic^{tree}"}.items():
        work.git("tag", "-a", "-m", name, name, what)
        work.git("push", "-q", "origin", name)
    run("git", "init", "-q", "--bare", tmp_path / "one")
    one = Repo(tmp_path / "one")
    for name in (tag, "late"):
        one.git("fetch", "-q", "--no-tags", ours.url, f"refs/tags/{name}:refs/tags/{name}")
        one.git("fsck", "--strict", "--no-dangling")
    run("git", "clone", "-q", "--bare", "--single-branch", "--branch=late", ours.url, tmp_path / "late")
    run("git", "fsck", "--strict", cwd=tmp_path / "late")


def test_a_list_of_packs_that_leaves_out_what_one_needs_is_read_whole(ours: World, tmp_path: Path) -> None:
    def forget(state: State) -> Change:
        return Change("push", packs=[Pack(pack.name, pack.size, pack.tips, []) for pack in state.packs])

    Host(open_remote(parse(str(ours.folder)), Options()), Memory("")).change(forget)
    run("git", "clone", "-q", "--bare", "--single-branch", "--no-tags", "--branch=topic", ours.url, tmp_path / "one")
    run("git", "fsck", "--strict", cwd=tmp_path / "one")


def test_an_empty_place_is_cloned_as_an_empty_repository(tmp_path: Path) -> None:
    place = tmp_path / "place"
    run("git", "data", "remote", "init", f"data::{place}", cwd=tmp_path)
    done = run("git", "clone", f"data::{place}", tmp_path / "clone")
    assert b"You appear to have cloned an empty repository" in done.stderr
    clone = Repo(tmp_path / "clone")
    clone.write("file", "file")
    clone.commit("first")
    clone.git("push", "-q", "-u", "origin", "HEAD")
    assert run("git", "clone", "-q", f"data::{place}", tmp_path / "second").stderr == b""
    assert Repo(tmp_path / "second").read("file") == b"file"


def test_there_is_no_repository_where_nothing_was_pushed(tmp_path: Path) -> None:
    done = run("git", "clone", f"data::{tmp_path / 'nowhere'}", tmp_path / "clone", ok=(128,))
    assert b"no git repository lies at" in done.stderr
    assert not (tmp_path / "clone").exists()
    assert not (tmp_path / "nowhere").exists()


def test_sha256_repositories_go_both_ways_and_are_not_mixed(ours: World, tmp_path: Path) -> None:
    run("git", "init", "-q", "--object-format=sha256", tmp_path / "new")
    new = Repo(tmp_path / "new")
    new.write("file", "1")
    new.commit("one")
    new.git("tag", "-a", "-m", "tag", "tag")
    new.git("remote", "add", "origin", f"data::{tmp_path / 'store'}")
    new.git("push", "-q", "-u", "origin", "main", "refs/tags/tag")
    run("git", "clone", "-q", f"data::{tmp_path / 'store'}", tmp_path / "clone")
    clone = Repo(tmp_path / "clone")
    assert clone.git("rev-parse", "--show-object-format").strip() == "sha256"
    assert clone.git("fsck") == ""
    clone.write("file", "2")
    clone.commit("two")
    clone.git("push", "-q")
    new.git("pull", "-q")
    assert new.read("file") == b"2"
    before = ours.files()
    assert "by sha1, this repository by sha256" in new.fails("push", ours.url, "main")
    assert ours.files() == before
    said = new.fails("fetch", ours.url, "main")
    assert "mismatched algorithms" in said or "by sha1, this repository by sha256" in said


def test_old_faults_in_history_are_named_and_can_be_allowed(tmp_path: Path) -> None:
    run("git", "init", "-q", tmp_path / "old")
    old = Repo(tmp_path / "old")
    tree = old.run("git", "mktree", stdin=b"").stdout.decode().strip()
    # an author without a blank before the address, as old tools wrote it
    text = f"tree {tree}\nauthor A<a@x> 1 +0000\ncommitter A <a@x> 1 +0000\n\nold\n"
    commit = old.run("git", "hash-object", "-t", "commit", "-w", "--literally", "--stdin", stdin=text.encode()).stdout.decode()
    old.git("update-ref", "refs/heads/main", commit.strip())
    url = f"data::{tmp_path / 'store'}"
    old.git("push", "-q", url, "main")
    done = run("git", "clone", url, tmp_path / "clone", ok=(128,))
    assert b"missingSpaceBeforeEmail" in done.stderr
    assert b"fetch.fsck.missingSpaceBeforeEmail=ignore" in done.stderr
    for number, setting in enumerate(
        ["fetch.fsck.missingSpaceBeforeEmail=ignore", "fetch.fsckObjects=false", "transfer.fsckObjects=false"]
    ):
        run("git", "-c", setting, "clone", "-q", url, tmp_path / f"clone{number}")
    skip = tmp_path / "list"
    skip.write_text(commit)
    run("git", "-c", f"fetch.fsck.skipList={skip}", "clone", "-q", url, tmp_path / "clone-skip")
    old.git("-c", f"fetch.fsck.skipList={skip}", "data", "remote", "fsck", url)


def test_what_takes_a_server_is_said_to(ours: World) -> None:
    assert "operation not supported by protocol" in ours.work.fails("archive", "--remote", ours.url, "HEAD", status=128)


def test_submodules_take_the_users_permission(ours: World, tmp_path: Path) -> None:
    run("git", "init", "-q", tmp_path / "super")
    outer = Repo(tmp_path / "super")
    said = outer.fails("submodule", "add", ours.url, "inner", status=128)
    assert "transport 'data' not allowed" in said
    allowed = ("-c", "protocol.data.allow=always")
    outer.git(*allowed, "submodule", "add", "-q", ours.url, "inner")
    outer.commit("a submodule")
    inner = Repo(tmp_path / "super/inner")
    assert inner.git("rev-parse", "HEAD").strip() == ours.refs()["refs/heads/main"]
    inner.write("file", "changed inside")
    inner.commit("inside")
    outer.commit("moved on")
    outer.git(*allowed, "push", "-q", "--recurse-submodules=on-demand", f"data::{tmp_path / 'outer'}", "main", ok=(0, 128))
    inner.git("push", "-q", "origin", "HEAD:main")
    outer.git("push", "-q", f"data::{tmp_path / 'outer'}", "main")
    run("git", *allowed, "clone", "-q", "--recurse-submodules", f"data::{tmp_path / 'outer'}", tmp_path / "again")
    assert (tmp_path / "again/inner/file").read_text() == "changed inside"

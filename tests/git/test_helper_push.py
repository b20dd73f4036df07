"""git push to a store behaves as git push to any remote: the same commands, run against a plain bare repository and a folder.

Compared are the exit status, what the remote shows afterwards, and the line about each ref.  Where the protocol between git and
remote helpers allows less, the row says what comes instead.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import hosted
import pytest
from helpers import Repo, run
from hosted import World

UPDATES = "refs/heads/*:refs/heads/*"


@pytest.fixture(scope="session")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both worlds, to be copied."""
    path = tmp_path_factory.mktemp("worlds")
    hosted.build(path)
    return path


@pytest.fixture
def plain(worlds: Path, tmp_path: Path) -> World:
    """The world with a bare repository."""
    return hosted.copy(worlds, tmp_path, "plain")


@pytest.fixture
def ours(worlds: Path, tmp_path: Path) -> World:
    """The world with a folder behind ``data::``."""
    return hosted.copy(worlds, tmp_path, "hosted")


def shell(world: World, *commands: str) -> None:
    """Prepare a world: shell commands in its clone."""
    for command in commands:
        run("sh", "-ec", command, cwd=world.work.path, env=hosted.STAMP)


REFUSING_HOOK = "mkdir .git/hooks; printf '#!/bin/sh\\nexit 1' > .git/hooks/pre-push; chmod +x .git/hooks/pre-push"
PUSHES = [
    ("a new branch", [], "origin fresh"),
    ("a new branch under another name", [], "origin fresh:refs/heads/renamed"),
    ("a fast-forward", [], "origin main"),
    ("nothing new", [], "origin light v1"),
    ("what the remote has in part, with -u", [], "-u origin main fresh"),
    ("over a rewritten branch", [], "origin topic"),
    ("over a colleague's commit that is here", ["git fetch -q"], "origin shared"),
    ("over a colleague's commit that is not here", [], "origin shared"),
    ("--force", [], "--force origin topic"),
    ("--force over a commit that is not here", [], "--force origin shared"),
    ("a refspec with +", [], "origin +topic"),
    ("--force-with-lease on what this clone saw last", [], "--force-with-lease origin topic"),
    ("--force-with-lease on a stale view", [], "--force-with-lease origin shared"),
    ("--force-with-lease with an expectation that holds", [], "--force-with-lease=topic:refs/remotes/origin/topic origin topic"),
    ("--force-with-lease with an expectation that does not", [], "--force-with-lease=topic:main origin topic"),
    ("--force-with-lease on a ref that must not exist and does not", [], "--force-with-lease=fresh: origin fresh"),
    ("--force-with-lease on a ref that must not exist and does", [], "--force-with-lease=topic: origin topic"),
    ("--force-with-lease on a ref of a unicode name", ["git branch größe"], "--force-with-lease=größe: origin größe"),
    ("--force-if-includes with what was seen", [], "--force-with-lease --force-if-includes origin topic"),
    ("--force-if-includes with what was only fetched", ["git fetch -q"], "--force-with-lease --force-if-includes origin shared"),
    ("several, one of them rejected", [], "origin main topic fresh"),
    ("--atomic with none rejected", [], "--atomic origin main fresh"),
    ("--atomic with one that git rejects", [], "--atomic origin main topic"),
    ("--atomic with one that the remote rejects", [], "--atomic origin fresh main:refs/heads/main/x"),
    ("--delete", [], "--delete origin topic odd"),
    ("--delete of a ref that is not there", [], "--delete origin nowhere"),
    ("an empty source", [], "origin :topic"),
    ("an empty source for a tag", [], "origin :refs/tags/v1"),
    ("a deletion with a lease that holds", [], "--force-with-lease=topic origin :topic"),
    ("a deletion with a lease that does not", [], "--force-with-lease=topic:main origin :topic"),
    ("--prune", [], f"--prune origin {UPDATES}"),
    ("--prune with force", [], f"--prune origin +{UPDATES}"),
    ("--mirror", [], "--mirror origin"),
    ("--mirror with notes", ["git notes add -m note main"], "--mirror origin"),
    ("--all", [], "--all origin"),
    ("--all --force", [], "--all --force origin"),
    ("--tags", [], "--tags origin"),
    ("--follow-tags", [], "--follow-tags origin main"),
    ("push.followTags", ["git config push.followTags true"], "origin main"),
    ("--dry-run", [], "--dry-run --all origin"),
    ("--dry-run --atomic", [], "--dry-run --atomic origin main fresh"),
    ("--dry-run --delete", [], "--dry-run --delete origin topic"),
    ("HEAD", [], "origin HEAD"),
    ("HEAD under another name", [], "origin HEAD:refs/heads/head"),
    ("@", [], "origin @"),
    ("no refspec, push.default simple", [], ""),
    ("no refspec, push.default matching", ["git config push.default matching"], "origin"),
    ("a configured refspec", ["git config remote.origin.push refs/heads/fresh:refs/heads/set"], "origin"),
    ("a commit by its name", [], "origin main~3:refs/heads/start"),
    ("a commit by its id", [], "origin {main~2}:refs/heads/start"),
    ("a commit by a revision with blanks and colons", [], "origin ':/file2: 2:refs/heads/found'"),
    ("what there is not", [], "origin nothing"),
    ("an object that is not here", [], "origin 1234567890123456789012345678901234567890:refs/heads/x"),
    ("a name that is ambiguous", ["git tag fresh"], "origin fresh"),
    ("an annotated tag", [], "origin v2"),
    ("a tag by tag NAME", [], "origin tag v2"),
    ("a tag of a tag", ["git tag -a -m twice twice v1"], "origin twice"),
    ("a tag of a tag of what is new", ["git tag -a -m twice twice v2"], "origin twice"),
    ("an annotated tag that was moved", ["git tag -f -a -m moved v1 main"], "origin v1"),
    ("an annotated tag that was moved, forced", ["git tag -f -a -m moved v1 main"], "--force origin v1"),
    ("a light tag that was moved on", ["git tag -f light main"], "origin light"),
    ("a tag of a tree", ["git tag tree main^{tree}", "git tag -a -m tree named main^{tree}"], "origin tree named"),
    ("a tag of a blob", ["git tag blob main:file1"], "origin blob"),
    ("a blob by its path", [], "origin main:file1:refs/keep/blob"),
    ("a tree over a tree", ["git push -q origin main~1^{tree}:refs/keep/t"], "origin main^{tree}:refs/keep/t"),
    ("a commit over a blob", ["git push -q origin main:file1:refs/keep/t"], "origin main:refs/keep/t"),
    ("refs outside of heads and tags", [], "origin main:refs/changes/01/1/1"),
    ("a unicode name", ["git branch 分支/größe"], "origin 分支/größe"),
    ("a name that is not UTF-8", ["git branch $(printf 'a\\377b')"], UPDATES.join(["origin ", ""])),
    ("a name with percent signs and quotes", ["git branch 'a%20b\"c'"], "origin 'a%20b\"c'"),
    ("a name that looks like an option", ["git update-ref refs/heads/-x main"], "origin refs/heads/-x"),
    ("pushing to a name that git does not allow", [], "origin main:refs/heads/a..b"),
    ("a ref below another", [], "origin fresh:refs/heads/main/below"),
    ("a ref above another", ["git push -q origin fresh:refs/heads/dir/one"], "origin fresh:refs/heads/dir"),
    ("--no-verify", [REFUSING_HOOK], "--no-verify origin main"),
    ("a hook that refuses", [REFUSING_HOOK], "origin main"),
    ("--thin and --no-thin", [], "--no-thin origin main fresh"),
    ("--signed=if-asked", [], "--signed=if-asked origin main"),
    ("the same ref twice", [], "origin main main:refs/heads/main"),
    ("one ref from two sources", [], "origin main:refs/heads/z fresh:refs/heads/z"),
    ("a negative refspec", [], f"--force origin {UPDATES} ^refs/heads/shared"),
    ("--set-upstream with a dry run", [], "--dry-run -u origin fresh"),
]  # fmt: skip


def comparable(line: str) -> str:
    """A line about a ref without the words of a refusal that comes from the other side: everybody has their own there."""
    return re.sub(r"\[(remote )?rejected\] \(atomic push failed\)|\[remote rejected\] \(.*\)", "[refused]", line)


@pytest.mark.parametrize(("prepare", "arguments"), [pytest.param(*row[1:], id=row[0]) for row in PUSHES])
def test_a_push_does_what_it_does_to_a_bare_repository(plain: World, ours: World, prepare: list[str], arguments: str) -> None:
    found = []
    for world in (plain, ours):
        shell(world, *prepare)
        before = world.files()
        words = [world.work.git("rev-parse", word[1 : word.index("}")]).strip() + word[word.index("}") + 1 :]
                 if word.startswith("{") else word for word in shlex.split(arguments)]  # fmt: skip
        status, lines = world.push(*words)
        found.append((status, [comparable(line) for line in lines], world.refs()))
        if "--dry-run" in words and world.hosted:
            assert world.files() == before
    assert found[1] == found[0]


def test_the_first_push_makes_the_place_and_its_default_branch(tmp_path: Path, ours: World) -> None:
    world = World(tmp_path, hosted=True)
    world.work = ours.work
    ours.work.git("remote", "add", "new", world.url)
    assert ours.work.fails("push", "new", ":main").count("remote ref does not exist") == 1
    ours.work.git("push", "--dry-run", "new", "fresh")
    assert not world.folder.exists()
    ours.work.git("push", "new", "fresh", "main")
    assert world.refs()["HEAD"] == "refs/heads/main"


def test_the_default_branch_is_not_deleted(ours: World) -> None:
    status, lines = ours.push("origin", ":main")
    assert (status, lines) == (1, [lines[0]])
    assert "it is the default branch; choose another first: git data remote set-head" in lines[0]


def test_quiet_is_quiet_and_progress_is_shown_when_asked_for(ours: World) -> None:
    done = ours.work.run("git", "push", "-q", "origin", "fresh")
    assert done.stdout + done.stderr == b""
    done = ours.work.run("git", "push", "--progress", "origin", "main")
    assert b"Writing objects: 100%" in done.stderr or b"Enumerating objects" in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--signed"], "helper data does not support --signed"),
        (["-o", "ci.skip"], "helper data does not support 'push-option'"),
    ],
)
def test_what_takes_a_server_is_refused_in_so_many_words(ours: World, options: list[str], said: str) -> None:
    before = ours.files()
    assert said in ours.work.fails("push", *options, "origin", "fresh", status=128)
    assert ours.files() == before


def test_pushes_from_everywhere_git_works(ours: World, tmp_path: Path) -> None:
    work = ours.work
    (work.path / "sub/directory").mkdir(parents=True)
    work.git("push", "-q", "origin", "fresh:refs/heads/from-subdirectory", cwd=work.path / "sub/directory")
    work.git("config", "remote.near.url", "data::../remote")
    work.git("push", "-q", "near", "fresh:refs/heads/relative", cwd=work.path / "sub/directory")
    work.git("worktree", "add", "-q", str(tmp_path / "linked"), "fresh")
    run("git", "push", "-q", "origin", "HEAD:refs/heads/from-worktree", cwd=tmp_path / "linked")
    run("git", "push", "-q", "origin", "fresh:refs/heads/from-git-dir", cwd=tmp_path,
        env={"GIT_DIR": str(work.path / ".git"), "GIT_WORK_TREE": str(work.path)})  # fmt: skip
    run("git", "clone", "-q", "--bare", work.path, tmp_path / "bare")
    run("git", "push", "-q", ours.url, "fresh:refs/heads/from-bare", cwd=tmp_path / "bare")
    # without a remote, and with a URL that is written otherwise
    run("git", "push", "-q", f"data::file://{ours.folder}", "fresh:refs/heads/by-url", cwd=work.path)
    names = ["by-url", "from-bare", "from-git-dir", "from-subdirectory", "from-worktree", "relative"]
    refs = ours.refs()
    assert {refs[f"refs/heads/{name}"] for name in names} == {work.git("rev-parse", "fresh").strip()}


def test_a_shallow_clone_publishes_what_is_on_top_and_no_torn_history(ours: World, tmp_path: Path) -> None:
    work = ours.work
    work.git("checkout", "-q", "-b", "deep", "fresh")
    for number in range(2):
        work.write("deep.txt", f"{number}")
        work.commit(f"deep {number}")
    run("git", "clone", "-q", "--depth=1", "--no-single-branch", f"file://{work.path}", tmp_path / "shallow")
    shallow = Repo(tmp_path / "shallow")
    shallow.git("remote", "add", "store", ours.url)
    before = ours.files()
    status = shallow.run("git", "push", "--porcelain", "store", "deep", ok=(1,)).stdout
    assert b"[remote rejected] (shallow update not allowed)" in status
    assert ours.files() == before
    # the other side has what comes before, although this clone does not
    work.git("push", "-q", "origin", "deep~1:refs/heads/before")
    shallow.git("push", "-q", "store", "deep")
    clone = ours.clone("complete", "-b", "deep")
    assert clone.git("fsck", "--no-dangling") == ""
    assert clone.git("rev-list", "deep") == work.git("rev-list", "deep")
    # and what is on top of what was published, as always
    shallow.write("more", "more")
    shallow.commit("more")
    shallow.git("push", "-q", "store", "deep")
    assert clone.git("pull", "-q", "--ff-only") == ""


def test_a_partial_clone_of_somewhere_else_publishes_whole_history(ours: World, tmp_path: Path) -> None:
    ours.work.git("config", "uploadpack.allowFilter", "true")
    run("git", "clone", "-q", "--filter=blob:none", "--no-checkout", f"file://{ours.work.path}", tmp_path / "partial")
    partial = Repo(tmp_path / "partial")
    partial.git("push", "-q", ours.url, "origin/fresh:refs/heads/whole", "origin/main:main")
    clone = ours.clone("whole", "-b", "whole")
    assert clone.git("fsck", "--no-dangling") == ""
    assert clone.file("fresh").read_text() == "fresh\n"


def test_who_forces_replaces_what_git_was_shown_and_nothing_that_came_since(ours: World, tmp_path: Path) -> None:
    colleague = ours.clone("colleague", "-b", "topic")
    colleague.write("quick", "quick")
    quick = colleague.commit("quick")
    hook = ours.work.path / ".git/hooks/pre-push"
    hook.parent.mkdir(exist_ok=True)
    # it runs after git has asked what the remote has, and before it pushes
    hook.write_text(f"#!/bin/sh\nunset GIT_DIR\ncd '{colleague.path}' && git push -q origin topic\n")
    hook.chmod(0o755)
    for arguments in (["--force", "origin", "topic"], ["origin", ":topic"]):
        status, lines = ours.push(*arguments)
        assert (status, "fetch first" in lines[0]) == (1, True), lines
        assert ours.refs()["refs/heads/topic"] == quick
        colleague.write("quick", f"quicker than {arguments}")
        quick = colleague.commit("quicker")


def test_many_refs_are_pushed_with_a_few_processes(ours: World) -> None:
    oid = ours.work.git("rev-parse", "fresh").strip()
    ours.work.git("update-ref", "--stdin", stdin="".join(f"create refs/many/{n} {oid}\n" for n in range(500)).encode())
    trace = ours.work.traced("push", "-q", "origin", "refs/many/*:refs/many/*")
    assert trace.returncode == 0
    log = ours.path / "trace"
    ours.work.git("push", "-q", "origin", "--delete", *(f"refs/many/{n}" for n in range(0, 500, 2)), env={"GIT_TRACE2": str(log)})
    assert log.read_text().count(" start ") < 40
    assert len([ref for ref in ours.refs() if ref.startswith("refs/many/")]) == 250


def test_grafts_tear_no_history(ours: World) -> None:
    work = ours.work
    tip = work.git("rev-parse", "main").strip()
    (work.path / ".git/info").mkdir(exist_ok=True)
    (work.path / ".git/info/grafts").write_text(f"{tip}\n")
    work.git("push", "-q", ours.url.replace("remote", "torn"), "main")
    run("git", "clone", "-q", "--bare", ours.url.replace("remote", "torn"), ours.path / "clone")
    assert len(Repo(ours.path / "clone").git("rev-list", "main").split()) > 1
    run("git", "fsck", "--strict", cwd=ours.path / "clone")


def test_replaced_objects_are_published_as_they_are(ours: World) -> None:
    work = ours.work
    work.git("replace", "fresh", "main")
    work.git("push", "-q", "origin", "fresh")
    clone = ours.clone("clone", "-b", "fresh")
    assert clone.git("rev-parse", "HEAD") == work.git("rev-parse", "refs/heads/fresh")
    assert clone.git("fsck", "--no-dangling") == ""

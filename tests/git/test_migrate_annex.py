"""``git data migrate annex``, from repositories that the real git-annex made."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import stat
from pathlib import Path

import pytest
from helpers import Repo, content, run

from git_data.migrate.annex_attributes import without_annex, without_annex_filter
from git_data.migrate.annex_key import of_link, of_pointer, parse
from git_data.migrate.patterns import cover
from git_data.pointer import parse as parse_pointer

Tree = dict[str, tuple[bytes, bool]]
"""Path → content, and whether it is executable."""


class Annexed:
    """``repo``, and what each of its commits (by subject) holds, as whoever wrote the files knows it."""

    def __init__(self, path: Path, trees: dict[str, Tree]) -> None:
        self.path = path
        self.repo = Repo(path / "repo")
        self.trees = trees

    def copy(self, path: Path) -> Annexed:
        """The same once more, free to change."""
        shutil.copytree(self.path, path, symlinks=True, dirs_exist_ok=True)
        copy = Annexed(path, self.trees)
        assert copy.repo.status() == ""
        return copy

    def objects(self) -> list[Path]:
        """The files in which git-annex keeps content."""
        return [path for path in (self.repo.path / ".git/annex/objects").rglob("*") if path.is_file()]

    def object_of(self, data: bytes) -> Path:
        """The one that holds ``data``."""
        return next(path for path in self.objects() if path.read_bytes() == data)

    def assert_checked_out(self, subject: str) -> None:
        """The work tree holds what this commit does, as regular files, and git finds nothing to say about it."""
        assert self.repo.status() == ""
        for path, (data, executable) in self.trees[subject].items():
            file = self.repo.file(path)
            assert file.read_bytes() == data and not file.is_symlink(), path
            assert bool(file.stat().st_mode & stat.S_IXUSR) == executable, path


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Annexed:
    """Locked and unlocked files, four kinds of keys, two branches, a merge, a tag, a rename; nothing is changed in it."""
    if shutil.which("git-annex") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("git-annex is not installed (Debian: git-annex)", pytrace=False)
        pytest.skip("git-annex is not installed (Debian: git-annex)")
    path = tmp_path_factory.mktemp("annex")
    repo = Repo(path / "repo")
    run("git", "init", "-q", repo.path)
    annex(repo, "init", "laptop")
    trees: dict[str, Tree] = {}
    tree: Tree = {}

    def write(name: str, data: bytes | int, executable: bool = False) -> None:
        tree[name] = (repo.write(name, data), executable)
        repo.file(name).chmod(0o755 if executable else 0o644)

    def commit(subject: str, *options: str) -> None:
        repo.git("commit", "-q", *options, "-m", subject)
        trees[subject] = dict(tree)

    repo.write(".gitattributes", "*.txt annex.largefiles=nothing\n# mine\n* annex.backend=SHA256E text=auto\n")
    write("notes.txt", b"hello\n")
    repo.git("add", "-A")
    commit("before data")
    write("deep/er/x.bin", 3000)
    write("tool", b"#!/bin/sh\n", executable=True)
    write("empty.bin", b"")
    annex(repo, "add", ".")
    write("unlocked.dat", 200)
    annex(repo, "add", "unlocked.dat", unlocked=True)
    write("runs", b"#!/bin/sh\n:\n", executable=True)
    repo.git("-c", "annex.largefiles=anything", "-c", "annex.addunlocked=true", "add", "runs")
    write("sub/.gitattributes", b"*.log annex.numcopies=2\n*.c diff=cpp\n")
    repo.git("-c", "annex.largefiles=nothing", "-c", "annex.dotfiles=false", "add", "sub/.gitattributes")
    tree["sub/.gitattributes"] = (b"*.c diff=cpp\n", False)
    write("was.plain", b"small\n")
    repo.git("-c", "annex.largefiles=nothing", "add", "was.plain")
    commit("one")
    repo.git("tag", "-a", "-m", "the first", "v1")
    base = dict(tree)
    write("m", 10)
    annex(repo, "add", "--backend=MD5E", "m")
    write("w.worm", 20)
    annex(repo, "add", "--backend=WORM", "w.worm")
    write("was.plain", 30)
    annex(repo, "add", "--force-large", "was.plain")
    repo.git("mv", "deep/er/x.bin", "moved.bin")
    tree["moved.bin"] = tree.pop("deep/er/x.bin")
    commit("two")
    main = dict(tree)
    repo.git("checkout", "-q", "-b", "side", "v1")
    tree = dict(base)
    write("side.bin", 500)
    annex(repo, "add", "--backend=SHA512", "side.bin")
    commit("side")
    repo.git("checkout", "-q", "main")
    repo.git("merge", "-q", "-m", "merge", "side")
    tree = {**main, "side.bin": tree["side.bin"]}
    trees["merge"] = dict(tree)
    annex(repo, "unlock", "moved.bin")
    write("moved.bin", 3001)
    annex(repo, "add", "moved.bin")
    commit("last")
    repo.git("update-ref", "refs/heads/synced/main", "main")
    return Annexed(path, trees)


def annex(repo: Repo, *arguments: str, unlocked: bool = False) -> None:
    """A command of git-annex."""
    options = ["-c", "annex.addunlocked=true"] if unlocked else []
    repo.git(*options, "annex", arguments[0], "--quiet" if arguments[0] != "init" else "-q", *arguments[1:])


@pytest.fixture
def annexed(template: Annexed, tmp_path: Path) -> Annexed:
    """A copy of the template."""
    return template.copy(tmp_path)


def stored_tree(repo: Repo, revision: str) -> Tree:
    """What a commit holds, pointers looked up in the store; links as what they lead to in their text."""
    found: Tree = {}
    for record in repo.git("ls-tree", "-r", "-z", revision).split("\0")[:-1]:
        header, _, path = record.partition("\t")
        mode, _, blob = header.split()
        assert mode != "120000", path
        data = repo.run("git", "cat-file", "blob", blob).stdout
        pointer = parse_pointer(data)
        if pointer is not None:
            data = (repo.store() / "objects" / "sha256" / pointer.oid[:2] / pointer.oid).read_bytes()
            assert hashlib.sha256(data).hexdigest() == pointer.oid
        found[path] = (data, mode == "100755")
    return found


def subjects(repo: Repo, *revisions: str) -> dict[str, str]:
    """Subject → commit."""
    lines = repo.git("log", "--format=%s%x09%H", *revisions).splitlines()
    return dict(line.split("\t") for line in lines)


def state(repo: Repo) -> tuple[str, ...]:
    """Everything a migration changes and --undo must put back."""
    hooks = repo.path / ".git/hooks"
    own = {path.name: path.read_text() for path in hooks.iterdir() if path.suffix != ".sample"}
    info = repo.path / ".git/info/attributes"
    files = run("find", ".", "-path", "./.git", "-prune", "-o", "-not", "-type", "d", "-printf", "%p %m %s %l\n", cwd=repo.path)
    return (
        repo.git("for-each-ref"),
        repo.git("symbolic-ref", "HEAD"),
        repo.git("ls-files", "-s"),
        "\n".join(sorted(repo.git("config", "--local", "-l").splitlines())),
        str(sorted(own.items())),
        info.read_text(),
        "\n".join(sorted(files.stdout.decode().splitlines())),
    )


def test_undo_is_refused_where_the_copies_of_git_annex_were_deleted(annexed: Annexed) -> None:
    repo = annexed.repo
    repo.data("migrate", "annex")
    (repo.git_dir() / "annex").rename(repo.git_dir() / "away")
    assert "lead nowhere" in repo.fails("data", "migrate", "annex", "--undo", status=1)
    annexed.assert_checked_out("last")


def test_one_commit_makes_data_of_the_files_that_are_checked_out_and_undo_takes_it_back(annexed: Annexed) -> None:
    repo = annexed.repo
    before = state(repo)
    old = repo.git("rev-parse", "HEAD").strip()
    said = repo.data("migrate", "annex")
    assert "9 files of git-annex became data" in said
    annexed.assert_checked_out("last")
    assert repo.git("rev-parse", "HEAD^").strip() == old
    tree = stored_tree(repo, "HEAD")
    attributes = tree.pop(".gitattributes")[0].decode()
    assert tree == annexed.trees["last"]
    assert attributes.startswith("# mine\n* text=auto\n*.bin filter=data diff=data merge=data -text\n")
    assert "annex" not in attributes
    # git-annex has no say any more, but what old commits need is there
    assert "filter.annex" not in repo.git("config", "--local", "-l")
    assert not (repo.path / ".git/info/attributes").exists()
    hooks = [path for path in (repo.path / ".git/hooks").iterdir() if path.suffix != ".sample"]
    assert not any(b"git annex" in path.read_bytes() for path in hooks)
    repo.write("new.bin", 100)
    assert "filter: data" in repo.git("check-attr", "filter", "new.bin")
    repo.file("new.bin").unlink()
    assert repo.git("rev-parse", "git-annex")
    assert "pointers checked" in repo.data("fsck")
    repo.data("migrate", "annex", "--undo")
    assert state(repo) == before
    assert repo.status() == ""
    annex(repo, "fsck")


def test_history_holds_the_same_content_in_every_commit(annexed: Annexed) -> None:
    repo = annexed.repo
    before = state(repo)
    old = subjects(repo, "main", "side")
    plan = json.loads(repo.data("migrate", "annex", "--history", "--dry-run", "--json"))
    assert (plan["files"], plan["missing"]) == (10, [])
    assert state(repo) == before
    done = json.loads(repo.data("migrate", "annex", "--history", "--object-map", "../map", "--json"))
    assert done["patterns"] == plan["patterns"] == ["*.bin", "*.dat", "*.worm", "/m", "/runs", "/tool"]
    new = subjects(repo, "main", "side")
    assert list(new) == list(old)
    for subject, tree in annexed.trees.items():
        found = stored_tree(repo, new[subject])
        attributes = found.pop(".gitattributes")[0].decode()
        assert found == tree, subject
        assert ("*.bin filter=data" in attributes) == (subject != "before data")
        assert ("/was.plain filter=data" in attributes) == (subject in ("two", "merge", "last"))
    assert repo.git("log", "--format=%s", "v1^{commit}").splitlines()[0] == "one"
    assert "tagger A U Thor" in repo.git("cat-file", "tag", "v1")
    assert len(repo.git("rev-list", "--parents", "-1", new["merge"]).split()) == 3
    pairs = dict(line.split(",") for line in (annexed.path / "map").read_text().splitlines())
    assert pairs == {old[subject]: new[subject] for subject in old}
    # a branch that git annex sync made stays
    assert repo.git("rev-parse", "synced/main").strip() == old["last"]
    annexed.assert_checked_out("last")
    for subject in ("side", "one", "before data", "two", "last"):
        repo.git("checkout", "-q", new[subject])
        annexed.assert_checked_out(subject)
    repo.git("checkout", "-q", "main")
    repo.data("migrate", "annex", "--undo")
    assert state(repo) == before
    annex(repo, "fsck", "--all")


def test_content_goes_into_the_store_as_a_link(template: Annexed, any_dir: Path, links: bool) -> None:
    annexed = template.copy(any_dir / "copy")
    repo = annexed.repo
    data = annexed.trees["last"]["moved.bin"][0]
    thin = annexed.trees["last"]["side.bin"][0]
    program = annexed.trees["last"]["tool"][0]
    repo.git("config", "annex.thin", "true")
    annex(repo, "unlock", "side.bin")
    repo.git("commit", "-qm", "thin")
    kept = {data: annexed.object_of(data), thin: annexed.object_of(thin), program: annexed.object_of(program)}
    modes = {path: path.stat().st_mode for path in kept.values()}
    repo.data("migrate", "annex")
    for content_, path in kept.items():
        assert path.read_bytes() == content_ and path.stat().st_mode == modes[path]
        if links:
            assert not os.path.samefile(path, repo.object(content_))
        else:
            # what may be written to, or has another mode, is copied
            assert os.path.samefile(path, repo.object(content_)) == (content_ == data)
    for path in ("moved.bin", "side.bin") if links else ():
        assert repo.is_linked(path)
    # nobody's editing of the file that was a hard link reaches the store
    repo.write("side.bin", b"changed")
    assert repo.object(thin).read_bytes() == thin
    assert "pointers checked" in repo.data("fsck")


def test_content_comes_from_remotes_that_are_directories_here(annexed: Annexed, tmp_path: Path) -> None:
    repo = annexed.repo
    (tmp_path / "usb").mkdir()
    repo.git("annex", "initremote", "-q", "usb", "type=directory", f"directory={tmp_path}/usb", "encryption=none")
    annex(repo, "move", "--to=usb", "w.worm", "unlocked.dat")
    run("git", "clone", "-q", "--bare", repo.path, tmp_path / "bare")
    repo.git("remote", "add", "server", tmp_path / "bare")
    run("git", "annex", "init", "-q", cwd=tmp_path / "bare")
    annex(repo, "copy", "--to=server", "m")
    annex(repo, "drop", "--force", "m")
    assert not repo.file("m").exists()
    repo.data("migrate", "annex")
    annexed.assert_checked_out("last")


def test_what_lacks_is_listed_and_nothing_is_changed(annexed: Annexed) -> None:
    repo = annexed.repo
    run("git", "clone", "-q", repo.path, annexed.path / "clone")
    clone = Repo(annexed.path / "clone")
    annex(clone, "init", "clone")
    annex(clone, "get", "moved.bin", "unlocked.dat")
    clone.git("config", "remote.origin.url", "https://example.invalid/repo")
    before = state(clone)
    said = clone.fails("data", "migrate", "annex", status=3)
    assert "'w.worm': not here (copies: origin)" in said and "'runs'" in said and "'moved.bin'" not in said
    assert "git annex get .   # or" in said
    assert state(clone) == before
    plan = json.loads(clone.data("migrate", "annex", "--dry-run", "--json"))
    assert {item["path"] for item in plan["missing"]} == {"m", "runs", "side.bin", "tool", "w.worm", "was.plain"}
    assert plan["files"] == 3
    assert state(clone) == before
    said = clone.data("migrate", "annex", "--allow-missing")
    assert "as before, because their content is not here: 6 files" in said
    assert clone.status() == ""
    assert clone.file("w.worm").is_symlink() and clone.read("runs").startswith(b"/annex/objects/")
    for path in ("moved.bin", "unlocked.dat", "empty.bin"):
        assert clone.read(path) == annexed.trees["last"][path][0]
    # later the rest
    clone.git("config", "remote.origin.url", str(repo.path))
    clone.data("migrate", "annex")
    assert clone.read("runs") == annexed.trees["last"]["runs"][0]
    assert clone.status() == ""


def test_damaged_and_disguised_content_is_not_taken_in(annexed: Annexed, tmp_path: Path) -> None:
    repo = annexed.repo
    flipped = annexed.object_of(annexed.trees["last"]["m"][0])
    shorter = annexed.object_of(annexed.trees["last"]["w.worm"][0])
    link = annexed.object_of(annexed.trees["last"]["side.bin"][0])
    secret = repo.write("../secret", annexed.trees["last"]["side.bin"][0])
    for path in (flipped, shorter, link):
        path.parent.chmod(0o755)
        path.chmod(0o644)
    flipped.write_bytes(content(10))
    shorter.write_bytes(b"short")
    link.unlink()
    link.symlink_to(tmp_path / "secret")
    said = repo.fails("data", "migrate", "annex", status=4)
    assert "'m': " in said and "its content does not match its name" in said
    assert "'w.worm': " in said and "has 5 bytes, its name says 20" in said
    assert "'side.bin': " in said
    assert "git annex fsck" in said
    assert not (repo.path / ".git/data/migrate/annex.json").exists()
    assert hashlib.sha256(secret).hexdigest() not in repo.objects()


def test_links_that_only_look_like_those_of_git_annex_stay_links(annexed: Annexed) -> None:
    repo = annexed.repo
    key = annexed.object_of(annexed.trees["last"]["m"][0]).name
    targets = {
        "outside": f"/elsewhere/.git/annex/objects/a/b/{key}/{key}",
        "other": f"other/.git/annex/objects/a/b/{key}/{key}",
        "climbs": ".git/annex/objects/a/b/WORM-s1-m1--../WORM-s1-m1--..",
        "twice": f".git/annex/objects/a/b/{key}/../../{key}",
        "differs": f".git/annex/objects/a/b/x{key}/{key}",
        "plain": "notes.txt",
    }
    for name, target in targets.items():
        repo.file(name).symlink_to(target)
    repo.write("text.md", f"/annex/objects/{key}\nand more\n")
    repo.run("git", "-c", "filter.annex.process=", "-c", "filter.annex.clean=", "add", "-A")
    repo.git("commit", "-q", "--no-verify", "-m", "links")
    repo.data("migrate", "annex", "--allow-missing")
    for name, target in targets.items():
        assert os.readlink(repo.file(name)) == target
    assert repo.read("text.md") == f"/annex/objects/{key}\nand more\n".encode()
    assert repo.read("m") == annexed.trees["last"]["m"][0]


@pytest.mark.parametrize("moment", ["prepared", "committed"])
def test_a_killed_migration_goes_on_where_it_was(annexed: Annexed, moment: str) -> None:
    repo = annexed.repo
    before = state(repo)
    hook = repo.path / ".git/hooks/reference-transaction"
    hook.write_text(
        "#!/bin/sh\n"
        f'[ "$1" = {moment} ] && grep -q " refs/heads/main$" || exit 0\n'
        'rm "$0"\n'
        "kill -9 $(ps -o ppid= -p $PPID)\n"
        "exit 1\n"
    )
    hook.chmod(0o755)
    killed = repo.run("git-data", "migrate", "annex", ok=None)
    assert killed.returncode == -signal.SIGKILL and not hook.exists()
    said = repo.run("git", "data", "migrate", "annex").stderr.decode()
    assert ("an earlier run was finished" in said) == (moment == "committed")
    annexed.assert_checked_out("last")
    repo.data("migrate", "annex", "--undo")
    assert state(repo) == before


def test_an_adjusted_branch_is_left_first(annexed: Annexed) -> None:
    repo = annexed.repo
    annex(repo, "adjust", "--unlock")
    said = repo.fails("data", "migrate", "annex", status=7)
    assert "'adjusted/main(unlocked)'" in said and "git checkout main" in said
    repo.git("checkout", "-q", "main")
    repo.data("migrate", "annex", "--history")
    annexed.assert_checked_out("last")


def test_a_submodule_is_a_repository_of_its_own(annexed: Annexed) -> None:
    outer = Repo(annexed.path / "outer")
    run("git", "init", "-q", outer.path)
    outer.git("submodule", "--quiet", "add", annexed.repo.path, "inner")
    inner = Annexed(outer.path / "inner", annexed.trees)
    inner.repo = Repo(inner.path)
    annex(inner.repo, "init", "inner")
    annex(inner.repo, "get", ".")
    inner.repo.data("migrate", "annex", cwd=inner.path / "sub")
    inner.assert_checked_out("last")
    inner.repo.data("migrate", "annex", "--undo")
    assert inner.repo.status() == "" and inner.repo.file("m").is_symlink()


def test_attributes_that_overrule_ours_are_told_before_anything_changes(annexed: Annexed) -> None:
    repo = annexed.repo
    repo.write("sub/.gitattributes", "*.bin filter=other\n")
    repo.git("-c", "annex.largefiles=nothing", "add", "sub/.gitattributes")
    repo.write("sub/y.bin", 40)
    annex(repo, "add", "sub/y.bin")
    repo.git("commit", "-q", "-m", "overruled")
    before = state(repo)
    said = repo.fails("data", "migrate", "annex", status=7)
    assert "'sub/y.bin' would not be data" in said
    assert state(repo) == before
    assert repo.status() == ""


def test_hooks_of_others_stay_and_git_data_may_be_installed_already(annexed: Annexed) -> None:
    repo = annexed.repo
    hook = repo.path / ".git/hooks/post-merge"
    hook.write_text(hook.read_text() + "echo mine\n")
    repo.data("install")
    before = state(repo)
    said = repo.data("migrate", "annex")
    assert "post-merge.chained' is not as git-annex wrote it" in said
    hooks = {path.name for path in hook.parent.iterdir() if path.suffix == ".chained"}
    assert hooks == {"post-merge.chained"}
    annexed.assert_checked_out("last")
    repo.data("migrate", "annex", "--undo")
    assert state(repo) == before


def test_a_colleague_switches_git_annex_off_after_pulling_or_takes_its_content_along(annexed: Annexed) -> None:
    repo = annexed.repo
    for name in ("ann", "ben"):
        run("git", "clone", "-q", repo.path, annexed.path / name)
        annex(Repo(annexed.path / name), "init", name)
        annex(Repo(annexed.path / name), "get", ".")
    repo.data("migrate", "annex")
    repo.data("remote", "add", "-d", "store", annexed.path / "store")
    repo.commit("remote")
    repo.data("push", "--all")
    ann = Annexed(annexed.path / "ann", annexed.trees)
    ann.repo = Repo(ann.path)
    ann.repo.git("pull", "-q")
    said = ann.repo.data("migrate", "annex")
    assert "its filter and hooks are switched off in this clone" in said
    ann.repo.data("checkout")
    ann.assert_checked_out("last")
    assert "no file of git-annex" in ann.repo.data("migrate", "annex")
    ben = Annexed(annexed.path / "ben", annexed.trees)
    ben.repo = Repo(ben.path)
    shutil.rmtree(annexed.path / "store")
    ben.repo.data("migrate", "annex")
    ben.repo.git("fetch", "-q")
    ben.repo.git("reset", "-q", "--hard", "origin/main")
    ben.assert_checked_out("last")


def test_without_git_annex_there_is_nothing_to_do(repo: Repo) -> None:
    repo.write("a.bin", 10)
    repo.commit()
    assert "git-annex was never used" in repo.fails("data", "migrate", "annex", status=7)


@pytest.mark.parametrize(
    ("name", "size", "algorithm"),
    [
        ("SHA256E-s3--" + "a" * 64 + ".tar.gz", 3, "sha256"),
        ("MD5-s0--" + "0" * 32, 0, "md5"),
        ("BLAKE2B160E-s14--" + "f" * 40, 14, "blake2b-160"),
        ("WORM-s3-m1700000000--a b.bin", 3, ""),
        ("URL--http&c%%example.com%x", -1, ""),
        ("XOWN-s3--abc", 3, ""),
    ],
)
def test_keys_are_read(name: str, size: int, algorithm: str) -> None:
    for key in (parse(name.encode()), of_pointer(f"/annex/objects/{name}\n".encode())):
        assert key is not None
        assert (key.name, key.size, key.algorithm) == (name.encode(), size, algorithm)


@pytest.mark.parametrize(
    "name",
    [
        "SHA256E-s3--short", "SHA256-s3--" + "A" * 64, "SHA256-s3-S1-C2--" + "a" * 64, "lower-s3--abc", "WORM-s3", "WORM--",
        "WORM-s9223372036854775808--x", "WORM-s-3--x", "WORM-s3--a\nb", "WORM--" + "x" * 300, "..",
    ],
)  # fmt: skip
def test_what_is_no_key_is_not_taken_for_one(name: str) -> None:
    assert parse(name.encode()) is None
    assert of_link(f"../.git/annex/objects/aa/bb/{name}/{name}".encode()) is None


def test_attributes_of_git_annex_go_and_others_stay() -> None:
    text = b'* annex.backend=MD5E\r\n"a b" -annex.x text\r\n# * annex.y\n\n*.c diff=cpp\n*.z filter=annex'
    assert without_annex(text) == b'"a b" text\r\n# * annex.y\n\n*.c diff=cpp\n'
    assert without_annex_filter(b"* filter=annex\n.* !filter\n") == b""
    assert without_annex_filter(b"*.x text\n* filter=annex\n") == b"*.x text\n"


def test_a_directory_of_many_files_gets_one_line() -> None:
    files = {b"d/%d" % number for number in range(12)} | {b"e/%d" % number for number in range(12)} | {b"a.bin"}
    assert cover(files, [*files, b"e/plain", b"b.txt"]) == ["/d/**", "*.bin", *sorted(f"/e/{number}" for number in range(12))]

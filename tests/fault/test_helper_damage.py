"""A store that hosts a repository, and that was damaged, put back, exchanged, or filled by somebody who means harm.

The error names the object, nothing is half-applied, nothing is written elsewhere, and the repository here stays as it was.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import Repo, content, run
from stores import Store, assert_whole, begin, clone

from git_data.errors import CorruptData, RemoteError
from git_data.host.host import Host
from git_data.host.manifests import read_manifest
from git_data.host.marker import CREATE
from git_data.host.memory import Memory
from git_data.host.state import Change, Manifest, Pack, Snapshot, State
from git_data.remote.address import parse
from git_data.remote.base import Options
from git_data.remote.folder import Folder
from git_data.remote.registry import open_remote

OID = "1" * 40
MAIN = "refs/heads/main"


class Scene:
    """Two clones of a repository in a folder; ``theirs`` has seen all but the last push, which came from ``ours``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.place = path / "store"
        self.ours = Repo(path / "ours")
        self.theirs = Repo(path / "theirs")

    @property
    def store(self) -> Store:
        return Store(str(self.place), lambda: open_remote(parse(str(self.place)), Options()))

    def manifest(self) -> Path:
        """The manifest that counts."""
        return max((self.place / "git/manifests").iterdir())

    def packs(self) -> list[Path]:
        """In the order of the pushes."""
        return [self.place / pack.key for pack in self.store.state().packs]

    def put(self, path: Path, data: bytes) -> None:
        """In place of what is there."""
        path.unlink(missing_ok=True)
        path.write_bytes(data)

    def refused(self, status: int = 128) -> str:
        """A fetch that fails and changes nothing here: what it said."""
        before = self.everything()
        errors = self.theirs.fails("fetch", "origin", status=status)
        assert "Traceback" not in errors and errors.count("git-data: error:") == 1, errors
        assert self.everything() == before
        assert run("git", "fsck", "--strict", "--no-dangling", cwd=self.theirs.path).stdout == b""
        return errors

    def everything(self) -> tuple[str, list[str]]:
        """Refs of the clone, and the names of all files but those of git's objects, inside of it and beside it."""
        own = (".git/objects", ".git/data/remotes", ".git/FETCH_HEAD")
        files = [str(path) for path in self.path.rglob("*") if not any(place in str(path) for place in own)]
        return self.theirs.git("for-each-ref"), sorted(files)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hosted")
    scene = Scene(path)
    ours = begin(scene.ours.path, scene.store)
    ours.git("push", "-q", "-u", "origin", "main")
    clone(scene.store, scene.theirs.path)
    ours.write("more.bin", content(4000, 2))
    ours.write("readme", "two\n")
    ours.commit("two")
    ours.git("push", "-q")
    return path


@pytest.fixture
def there(template: Path, tmp_path: Path) -> Scene:
    """The store alone."""
    shutil.copytree(template / "store", tmp_path / "scene/store", symlinks=True)
    return Scene(tmp_path / "scene")


@pytest.fixture
def scene(template: Path, tmp_path: Path) -> Scene:
    path = tmp_path / "scene"
    shutil.copytree(template, path, symlinks=True)
    for config in path.glob("*/.git/config"):
        config.write_text(config.read_text().replace(str(template), str(path)))
    # what is remembered of a place goes by its address
    for remotes in path.glob("*/.git/data/remotes"):
        for old in list(remotes.iterdir()):
            old.rename(remotes / hashlib.sha256(str(path / "store").encode()).hexdigest()[:16])
    return Scene(path)


def test_without_damage_it_works(scene: Scene) -> None:
    scene.theirs.git("pull", "-q")
    assert scene.theirs.git("rev-parse", "main") == scene.ours.git("rev-parse", "main")
    assert_whole(scene.theirs)


# -- packs


def flipped(data: bytes) -> bytes:
    return data[:40] + bytes([data[40] ^ 1]) + data[41:]


PACKS = {
    "a bit is flipped": flipped,
    "the end is cut off": lambda data: data[:-7],
    "it is empty": lambda data: b"",
    "there is more": lambda data: data + b"more",
}


@pytest.mark.parametrize("name", PACKS)
def test_a_damaged_pack_is_named_and_not_taken_in(scene: Scene, name: str) -> None:
    pack = scene.packs()[-1]
    good = pack.read_bytes()
    scene.put(pack, PACKS[name](good))
    errors = scene.refused()
    assert f"git/packs/{pack.name}" in errors and "git data remote fsck --repair" in errors
    scene.put(pack, good)
    scene.theirs.git("pull", "-q")
    assert_whole(scene.theirs)


def test_a_missing_pack_is_named(scene: Scene) -> None:
    pack = scene.packs()[-1]
    pack.unlink()
    assert f"git/packs/{pack.name}' is missing" in scene.refused()
    target = scene.path / "another"
    done = run("git", "clone", "-q", scene.store.url, str(target), ok=(128,))
    assert f"git/packs/{pack.name}' is missing".encode() in done.stderr and not target.exists()


@pytest.mark.parametrize("name", ["a pipe", "a link to a device"])
def test_what_never_ends_is_no_pack(scene: Scene, name: str) -> None:
    pack = scene.packs()[-1]
    pack.unlink()
    if name == "a pipe":
        os.mkfifo(pack)
    else:
        pack.symlink_to("/dev/zero")
    assert f"git/packs/{pack.name}' is missing" in scene.refused()


def test_packs_that_were_swapped_are_noticed(scene: Scene) -> None:
    first, second = scene.packs()
    one, two = first.read_bytes(), second.read_bytes()
    scene.put(first, two)
    scene.put(second, one)
    assert second.name in scene.refused()


def test_a_ref_whose_objects_no_pack_holds_is_not_taken(scene: Scene) -> None:
    scene.store.host().change(lambda state: Change("push", refs={MAIN: OID}))
    assert "do not hold all that its refs reach" in scene.refused()
    done = run("git", "clone", "-q", scene.store.url, str(scene.path / "clone"), ok=(128,))
    assert b"do not hold all that its refs reach" in done.stderr and not (scene.path / "clone").exists()


def hostile_pack(path: Path, entry: bytes, mode: bytes = b"100644") -> tuple[bytes, str]:
    """A pack with a commit whose tree has such an entry, and the commit."""
    run("git", "init", "-q", str(path))

    def store(kind: str, data: bytes) -> str:
        command = ["hash-object", "-t", kind, "-w", "--stdin", "--literally"]
        return run("git", *command, cwd=path, stdin=data).stdout.decode().strip()

    blob = store("blob", b"#!/bin/sh\ntouch pwned\n")
    if mode == b"40000":
        blob = store("tree", b"100755 post-checkout\0" + bytes.fromhex(blob))
    tree = store("tree", mode + b" " + entry + b"\0" + bytes.fromhex(blob))
    commit = store("commit", f"tree {tree}\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\nharm\n".encode())
    pack = run("git", "pack-objects", "--revs", "--stdout", "-q", cwd=path, stdin=f"{commit}\n".encode()).stdout
    return pack, commit


ENTRIES = {".git": b"40000", "..": b"40000", ".GIT": b"40000", "a/../../b": b"100644", "git~1": b"40000"}


@pytest.mark.parametrize("count", ["few objects", "many objects"])
@pytest.mark.parametrize("name", ENTRIES)
def test_malicious_objects_are_refused(
    scene: Scene, name: str, count: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, commit = hostile_pack(tmp_path / "evil", name.encode(), ENTRIES[name])
    pack = Pack(f"{hashlib.sha256(data).hexdigest()}-00000000", len(data), [commit], [])
    (scene.place / "git/packs" / f"{pack.name}.pack").write_bytes(data)
    scene.store.host().change(lambda state: Change("push", refs={"refs/heads/evil": commit}, pack=pack))
    if count == "many objects":
        scene.theirs.git("config", "fetch.fsck.missingEmail", "ignore")  # goes through git index-pack
    errors = scene.theirs.fails("fetch", "origin")
    assert f"git refuses 'git/packs/{pack.name}.pack'" in errors, errors
    assert "evil" not in scene.theirs.git("for-each-ref")
    assert not list(scene.path.rglob("pwned"))
    assert run("git", "fsck", "--strict", "--no-dangling", cwd=scene.theirs.path).stdout == b""
    if name == ".git":
        done = run("git", "clone", "-q", "-b", "evil", scene.store.url, str(scene.path / "clone"), ok=(128,))
        assert b"git refuses" in done.stderr and not (scene.path / "clone").exists()


# -- manifest, snapshot, marker: through git


FILES = {
    "the manifest is damaged": ("manifest", flipped, "git/manifest on "),
    "the manifest is cut off": ("manifest", lambda data: data[:50], "git/manifest on "),
    "the manifest is empty": ("manifest", lambda data: b"", "git/manifest on "),
    "the manifest is another thing": ("manifest", lambda data: b"<html>404 not found</html>", "git/manifest on "),
}


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_manifest_is_named(scene: Scene, name: str) -> None:
    _, spoil, said = FILES[name]
    manifest = scene.manifest()
    scene.put(manifest, spoil(manifest.read_bytes()))
    errors = scene.refused()
    assert said in errors and "is damaged" in errors and "git data remote fsck" in errors


def test_without_manifests_nothing_is_taken_for_new(scene: Scene) -> None:
    shutil.rmtree(scene.place / "git/manifests")
    assert "its manifest is gone" in scene.refused()
    assert "its manifest is gone" in scene.ours.fails("push", "origin", "main")


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("missing", None, "'git/format' is missing"),
        ("empty", b"", "'git/format' on"),
        ("binary", b"\0\xff" * 20, "'git/format' on"),
        ("newer", b"[git]\n\tversion = 2\n", "newer git-data"),
        ("a path for an id", b"[git]\n\tversion = 1\n\tid = ../../x\n\tobjectFormat = sha1\n\twriters = swap\n", "is damaged"),
        ("huge", b"x" * 5000, "larger than"),
        ("digits that are none", "[git]\n\tversion = ²\n".encode(), "is damaged"),
    ],
)
def test_a_marker_that_makes_no_sense(scene: Scene, name: str, data: bytes | None, said: str) -> None:
    marker = scene.place / "git/format"
    marker.unlink()
    if data is not None:
        marker.write_bytes(data)
    target = scene.path / "another"
    done = run("git", "clone", scene.store.url, str(target), ok=(128,))
    assert said in done.stderr.decode() and b"Traceback" not in done.stderr and not target.exists()


# -- what else a manifest may say: by the class that reads it


def state_of(host: Host) -> State:
    state = host.read()
    assert state is not None
    return state


def written(scene: Scene, lines: list[bytes], snapshot: bool = False) -> None:
    """Make this the manifest, or the snapshot the manifest names."""
    manifest = scene.manifest()
    data = gzip.compress(b"".join(line + b"\n" for line in lines))
    if snapshot:
        name = hashlib.sha256(data).hexdigest()
        (scene.place / "git/states").mkdir(exist_ok=True)
        (scene.place / "git/states" / name).write_bytes(data)
        state = scene.store.state()
        data = Manifest(state.id, "sha1", name, []).data
    scene.put(manifest, data)


def changed(scene: Scene, snapshot: bool, **values: object) -> list[bytes]:
    """The lines of a manifest (or of a snapshot) with one change more that says these things."""
    state = scene.store.state()
    if snapshot:
        value = {**json.loads(state.line()), **values}
        return [json.dumps(value, separators=(",", ":")).encode(), b'{"previous":""}']
    lines = gzip.decompress(scene.manifest().read_bytes()).split(b"\n")[:-1]
    value = {"seq": state.seq + 1, "txn": "x", "time": 1, "who": "", "do": "push", **values}
    return [*lines, json.dumps(value, separators=(",", ":")).encode()]


REFS: dict[str, object] = {
    "out of the repository": {"refs/heads/../../../evil": OID},
    "an absolute path": {"/etc/evil": OID},
    "a lock file": {"refs/heads/main.lock": OID},
    "a NUL": {"refs/heads/a\0b": OID},
    "a line feed": {"refs/heads/a\nb": OID},
    "an escape sequence": {"refs/heads/\x1b[31m": OID},
    "HEAD itself": {"HEAD": OID},
    "a lone surrogate": {"refs/heads/\ud800": OID},
    "not refs": {"config": OID},
    "a value that is no object": {MAIN: "../../x"},
    "a value that is a number": {MAIN: 5},
    "three objects": {MAIN: f"{OID} {OID} {OID}"},
    "a short object": {MAIN: "1111"},
    "a list": [MAIN, OID],
    "a text": "refs",
}
PACK = "a" * 64 + "-00000000"
OTHERS: dict[str, dict[str, object]] = {
    "HEAD outside": {"head": "../../etc/passwd"},
    "HEAD is a list": {"head": ["refs/heads/main"]},
    "a pack with slashes": {"packs": [["../../../evil-00000000", 5, [], []]]},
    "a pack without a size": {"packs": [[PACK, -1, [], []]]},
    "a pack of half a byte": {"packs": [[PACK, 0.5, [], []]]},
    "a pack for a text": {"packs": [[PACK, 5, "1111", []]]},
    "a pack of a number": {"packs": [5]},
    "packs are a number": {"packs": 5},
    "a retired pack with slashes": {"retired": {"../../x": 1}},
    "retired is a list": {"retired": [PACK]},
    "a text with a line feed": {"protected": ["refs/heads/a\nb"]},
    "no number": {"seq": "3"},
    "a number that is endless": {"seq": float("inf")},
    "a number of many digits": {"seq": 10**400},
    "a number that was": {"seq": 1.5},
}


@pytest.mark.parametrize("snapshot", [False, True], ids=["manifest", "snapshot"])
@pytest.mark.parametrize("name", [*REFS, *OTHERS])
def test_what_makes_no_sense_is_not_taken(there: Scene, name: str, snapshot: bool) -> None:
    written(there, changed(there, snapshot, **({"refs": REFS[name]} if name in REFS else OTHERS[name])), snapshot)
    with pytest.raises(CorruptData, match="git/states/" if snapshot else "manifest on") as caught:
        there.store.host().read()
    assert "git data remote fsck" in caught.value.hint


def deep(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


LINES: dict[str, list[bytes]] = {
    "nothing": [],
    "no JSON": [b"hello"],
    "a list": [b"[]"],
    "null": [b"null"],
    "very deep": [deep(200_000)],
    "a change that is a number": [b"5"],
    "not UTF-8": [b'{"version":1,"id":"\xff"}'],
}


@pytest.mark.parametrize("snapshot", [False, True], ids=["manifest", "snapshot"])
@pytest.mark.parametrize("name", LINES)
def test_lines_that_make_no_sense(there: Scene, name: str, snapshot: bool) -> None:
    written(there, LINES[name], snapshot)
    with pytest.raises(CorruptData):
        there.store.host().read()


def test_of_a_bomb_no_more_is_unpacked_than_a_manifest_may_have(there: Scene) -> None:
    there.put(there.manifest(), gzip.compress(b"x" * (300 << 20), 1))
    with pytest.raises(CorruptData, match="not complete"):
        there.store.host().read()


class Everything(Folder):
    """A place that has whatever it is asked for."""

    def read(self, key: str, limit: int = 0) -> tuple[bytes, str]:
        return b"7\n", ""


def test_a_server_that_answers_everything_is_not_asked_for_ever(tmp_path: Path) -> None:
    remote = Everything(str(tmp_path), Options())
    remote.traits.listing = "none"
    with pytest.raises(CorruptData, match="each number"):
        read_manifest(remote, CREATE)


def test_an_endless_manifest_is_not_read_to_its_end(there: Scene) -> None:
    os.truncate(there.manifest(), 1 << 40)
    with pytest.raises(RemoteError, match="larger than"):
        there.store.host().read()


def test_a_newer_version_says_so(scene: Scene) -> None:
    state = scene.store.state()
    written(scene, [json.dumps({"version": 2, "id": state.id, "format": "sha1", "state": ""}).encode()])
    assert "newer git-data (version 2)" in scene.refused()


def test_a_snapshot_that_is_missing_is_named(scene: Scene) -> None:
    state = scene.store.state()
    scene.put(scene.manifest(), Manifest(state.id, "sha1", "a" * 64, []).data)
    assert f"git/states/{'a' * 64}' is missing" in scene.refused()


def test_a_snapshot_that_is_not_what_its_name_says(scene: Scene) -> None:
    state = scene.store.state()
    snapshot = Snapshot(state, "", [])
    (scene.place / "git/states").mkdir(exist_ok=True)
    (scene.place / snapshot.key).write_bytes(Snapshot(State(state.id, "sha1"), "", []).data)
    scene.put(scene.manifest(), Manifest(state.id, "sha1", snapshot.name, []).data)
    assert f"{snapshot.key} on" in scene.refused()


# -- what was there before


Accident = Callable[[Scene], None]


def back(scene: Scene) -> None:
    """An old copy is restored, after ``theirs`` has seen the new one."""
    numbers = sorted((scene.place / "git/manifests").iterdir())
    for later in numbers[1:]:
        later.unlink()


def back_and_on(scene: Scene) -> None:
    """An old copy is restored, and others push."""
    back(scene)
    shutil.rmtree(scene.path / "third", ignore_errors=True)
    third = clone(scene.store, scene.path / "third")
    for number in range(3):
        third.write("readme", f"other {number}\n")
        third.commit("other")
        third.git("push", "-q")


def replaced(scene: Scene) -> None:
    """Another repository at the same place."""
    shutil.rmtree(scene.place / "git")
    host = scene.store.host()
    host.initialise("sha1")
    scene.path.joinpath("fourth").mkdir()
    fourth = begin(scene.path / "fourth/repo", scene.store)
    fourth.git("push", "-q", "origin", "main")


ACCIDENTS: dict[str, tuple[Accident, str]] = {
    "an old copy": (back, "it went back from change 2 to 1"),
    "an old copy that went on": (back_and_on, "does not continue what was seen here"),
    "another repository": (replaced, "another repository lies there now"),
}


@pytest.mark.parametrize("name", ACCIDENTS)
def test_what_is_no_continuation_is_refused_until_somebody_says_that_it_is_right(scene: Scene, name: str) -> None:
    accident, said = ACCIDENTS[name]
    scene.theirs.git("pull", "-q")
    accident(scene)
    errors = scene.refused()
    assert said in errors and "git -c data.acceptRollback=true fetch" in errors
    assert said in scene.theirs.fails("push", "origin", "main:refs/heads/mine")
    scene.theirs.git("-c", "data.acceptRollback=true", "fetch", "-q", "origin")
    assert scene.theirs.git("rev-parse", "origin/main").strip() == scene.store.state().oid(MAIN)
    # from here on it is the normal case
    scene.theirs.git("fetch", "-q", "origin")
    scene.theirs.git("push", "-q", "origin", "main:refs/heads/mine")
    assert_whole(clone(scene.store, scene.path / "last", "-b", "mine"))


def test_after_an_old_copy_data_is_sent_again(scene: Scene) -> None:
    for lost in (scene.place / "objects").rglob("*"):
        if lost.is_file() and lost.stat().st_size == 4000:
            lost.unlink()
    back(scene)
    scene.ours.git("-c", "data.acceptRollback=true", "push", "-q", "origin", "main")
    assert clone(scene.store, scene.path / "last").read("more.bin") == scene.ours.read("more.bin")


def folded(scene: Scene, forge: Callable[[State, list[Change]], None]) -> None:
    """A snapshot of what is there, after three more changes, and after somebody's hand was in it."""
    host = scene.store.host()
    for number in range(3):
        oid = state_of(host).oid(MAIN)
        host.change(lambda state, number=number, oid=oid: Change("push", refs={f"refs/heads/b{number}": oid}))
    state, changes = state_of(host), list(reversed(scene.store.log()))
    forge(state, changes)
    snapshot = Snapshot(state, "", changes)
    (scene.place / "git/states").mkdir(exist_ok=True)
    (scene.place / snapshot.key).write_bytes(snapshot.data)
    scene.put(scene.manifest(), Manifest(state.id, "sha1", snapshot.name, []).data)


def new_chain(state: State, changes: list[Change]) -> None:
    state.chain = "b" * 64


def gap(state: State, changes: list[Change]) -> None:
    del changes[-2]


@pytest.mark.parametrize("forge", [new_chain, gap])
def test_a_forged_chain_is_noticed(scene: Scene, forge: Callable[[State, list[Change]], None]) -> None:
    folded(scene, forge)
    assert "the log of" in scene.refused()


def test_an_honest_fold_is_a_continuation(scene: Scene) -> None:
    folded(scene, lambda state, changes: None)
    scene.theirs.git("fetch", "-q", "origin")
    assert "origin/b2" in scene.theirs.git("branch", "-r")


# -- what is remembered here


MEMORIES = {
    "nothing": b"",
    "no JSON": b"hello\n",
    "a list": b"[]\n",
    "wrong kinds": b'{"id":5,"chain":[],"seq":"x","format":1,"writers":null}\n',
    "other writers": None,
}


@pytest.mark.parametrize("name", MEMORIES)
def test_a_damaged_memory_does_no_harm(scene: Scene, name: str) -> None:
    (seen,) = scene.theirs.path.glob(".git/data/remotes/*/git/seen")
    value = json.loads(seen.read_bytes())
    data = MEMORIES[name]
    seen.write_bytes(json.dumps({**value, "writers": "whoever"}).encode() if data is None else data)
    (seen.parent / "snapshot").write_bytes(b"rubbish")
    (seen.parent / "taken").write_bytes(b"\xff\n../..\n")
    scene.theirs.git("pull", "-q")
    assert json.loads(seen.read_bytes())["seq"] == 2
    assert_whole(scene.theirs)


def test_who_cannot_write_down_what_he_saw_reads_all_the_same(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    memory = Memory(str(tmp_path / "file" / "git"))
    host = Host(scene.store.open(), memory)
    assert state_of(host).seq == 2
    host.change(lambda state: Change("push", refs={"refs/heads/x": OID}))
    assert state_of(host).seq == 3 and memory.seq == 3


# -- a server that does not do what it says


def test_a_server_that_ignores_conditions_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from servers.seaweedfs import KEY_ID, SECRET, use_keys
    from servers.web import rclone

    use_keys(monkeypatch)
    with rclone("s3", tmp_path / "rclone", "--auth-key", f"{KEY_ID},{SECRET}") as server:
        (server.root / "bucket").mkdir()
        settings = {"endpoint": f"http://{server.host}", "addressing": "path"}
        query = "&".join(f"{name}={value}" for name, value in settings.items())
        store = Store(
            f"s3://bucket/project?{query}", lambda: open_remote(parse("s3://bucket/project"), Options(settings=dict(settings)))
        )
        ours = begin(tmp_path / "ours", store)
        errors = ours.fails("push", "origin", "main")
        assert "cannot host a repository that several people push to" in errors
        assert "the server ignores the condition" in errors and "--single-writer" in errors
        assert not (server.root / "bucket/project/git").exists()
        ours.data("remote", "init", "--single-writer", "origin")
        ours.git("push", "-q", "origin", "main")
        clone(store, tmp_path / "theirs")

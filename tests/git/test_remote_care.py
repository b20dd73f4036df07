"""``fsck``, ``du`` and ``gc`` with ``--remote``: a remote has what it should, and loses only what nobody needs."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from helpers import Repo, content, run

from git_data.git.repo import locate
from git_data.pointer import Pointer
from git_data.store.place import open_store
from git_data.sync.push import push
from git_data.sync.remotes import find
from git_data.sync.session import Session


def oid_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Place:
    """The folder that is the remote ``store``."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def object(self, data: bytes) -> Path:
        oid = oid_of(data)
        return self.root / "objects" / "sha256" / oid[:2] / oid

    def put(self, data: bytes, what: bytes | None = None) -> bytes:
        """Let the object of ``data`` hold this."""
        path = self.object(data)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_bytes(data if what is None else what)
        return data

    def has(self, data: bytes) -> bool:
        return self.object(data).exists()

    def generation(self) -> int:
        return int((self.root / "layout").read_text().split("generation = ")[1])

    def projects(self) -> set[str]:
        return {path.name for path in (self.root / "projects").glob("*")}


@pytest.fixture
def place(repo: Repo, tmp_path: Path) -> Place:
    repo.git("config", "data.store.url", str(tmp_path / "place"))
    return Place(tmp_path / "place")


def flipped(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:]


# -- fsck --remote


def fsck(repo: Repo, *words: str, status: int = 0) -> dict:
    return json.loads(repo.run("git", "data", "fsck", "--json", *words, ok=(status,)).stdout)


def faults(found: dict) -> set[tuple[str, str, bool]]:
    return {(item["path"], item["kind"], item["repaired"]) for item in found["faults"]}


def three_versions(repo: Repo) -> list[bytes]:
    """In two commits, all pushed."""
    versions = [repo.write("a.bin", 5000), repo.write("big.bin", 2 << 20)]
    repo.commit()
    versions.append(repo.write("a.bin", 6000))
    repo.commit()
    repo.data("push")
    return versions


def test_a_sound_remote_passes(repo: Repo, place: Place) -> None:
    three_versions(repo)
    assert repo.data("fsck", "--remote") == "store: 3 objects looked at\n"
    assert repo.data("fsck", "--remote=store", "--sample", "100%") == ("store: 3 objects looked at, 3 of them read (2.1 MB)\n")


def test_old_versions_must_be_there_too(repo: Repo, place: Place) -> None:
    versions = three_versions(repo)
    place.object(versions[0]).unlink()
    assert faults(fsck(repo, "--remote", status=3)) == {("a.bin", "missing", False)}
    assert fsck(repo, "--remote", "HEAD")["checked"] == 2
    assert fsck(repo, "--remote", "HEAD~1..HEAD")["checked"] == 1
    assert fsck(repo, "--remote=store", "HEAD~1", status=3)["checked"] == 2


def test_another_size_is_damage(repo: Repo, place: Place) -> None:
    versions = three_versions(repo)
    place.put(versions[0], versions[0][:100])
    said = repo.run("git", "data", "fsck", "--remote", ok=(4,)).stdout.decode()
    assert "100 bytes long instead of 5,000" in said


@pytest.mark.parametrize("number", [0, 1], ids=["small", "large"])
def test_reading_finds_other_content_of_the_same_size(repo: Repo, place: Place, number: int) -> None:
    versions = three_versions(repo)
    place.put(versions[number], flipped(versions[number]))
    fsck(repo, "--remote")
    found = fsck(repo, "--remote", "--sample", "100%", status=4)
    assert [item["oid"] for item in found["faults"]] == [oid_of(versions[number])]


def test_repair_sends_again_what_is_sound_here(repo: Repo, place: Place) -> None:
    versions = three_versions(repo)
    place.object(versions[0]).unlink()
    place.put(versions[1], flipped(versions[1]))
    place.put(versions[2], b"short")
    assert {item["repaired"] for item in fsck(repo, "--remote", "--sample", "100", "--repair")["faults"]} == {True}
    assert [place.object(data).read_bytes() for data in versions] == versions
    assert faults(fsck(repo, "--remote", "--sample", "100")) == set()


def test_what_cannot_be_repaired_is_told(repo: Repo, place: Place) -> None:
    versions = three_versions(repo)
    place.object(versions[0]).unlink()
    repo.object(versions[0]).unlink()
    assert faults(fsck(repo, "--remote", "--repair", status=3)) == {("a.bin", "missing", False)}


def test_a_push_sends_what_a_check_found_missing(repo: Repo, place: Place) -> None:
    versions = three_versions(repo)
    place.object(versions[0]).unlink()
    repo.data("push")
    assert not place.has(versions[0])
    fsck(repo, "--remote", status=3)
    repo.data("push")
    assert place.has(versions[0])


@pytest.mark.parametrize("words", [("--sample", "0"), ("--sample", "101%"), ("--sample", "many")])
def test_a_sample_that_makes_no_sense(repo: Repo, place: Place, words: tuple[str, ...]) -> None:
    repo.fails("data", "fsck", "--remote", *words, status=2)


def test_options_of_the_remote_need_it(repo: Repo) -> None:
    repo.fails("data", "fsck", "--repair", status=2)
    repo.fails("data", "gc", "--clone", ".", status=2)
    repo.fails("data", "fsck", "--remote", status=2)


# -- du --remote


def test_du_tells_what_is_needed_and_what_is_not(repo: Repo, place: Place) -> None:
    versions = three_versions(repo)
    place.put(content(700))
    (place.root / "notes.txt").write_text("hello")
    place.object(versions[0]).unlink()
    found = json.loads(repo.data("du", "--remote", "--json"))
    assert found["needed"] == {"objects": 2, "bytes": (2 << 20) + 6000}
    assert found["not_needed"] == {"objects": 1, "bytes": 700}
    assert found["foreign"] == {"objects": 1, "bytes": 5}
    assert found["own"]["objects"] == 2
    assert found["missing"] == 1
    assert "1 of 3 objects this repository refers to are not there" in repo.data("du", "--remote=store")


# -- projects


def root_commit(repo: Repo) -> str:
    return repo.git("rev-list", "--max-parents=0", "HEAD").strip()


def test_a_push_registers_its_project_once(repo: Repo, place: Place) -> None:
    three_versions(repo)
    assert place.projects() == {root_commit(repo)}
    (place.root / "projects" / root_commit(repo)).unlink()
    repo.write("b.bin", 10)
    repo.commit()
    repo.data("push")
    assert place.projects() == set()


def test_a_project_that_only_finds_its_data_there_registers_too(repo: Repo, place: Place) -> None:
    data = repo.write("a.bin", 10)
    repo.commit()
    place.root.mkdir()
    (place.root / "layout").write_text(f"[layout]\n\tversion = 1\n\tid = {'0' * 32}\n\tgeneration = 1\n")
    place.put(data)
    assert "has all the data already" in repo.data("push")
    assert place.projects() == {root_commit(repo)}


def test_stashes_are_no_projects(repo: Repo, place: Place) -> None:
    repo.write("a.bin", 10)
    repo.commit()
    repo.write("new.bin", 20)
    repo.git("stash", "-q", "-u")
    repo.data("push")
    assert place.projects() == {root_commit(repo)}


def test_a_shallow_clone_registers_nothing(repo: Repo, tmp_path: Path) -> None:
    repo.write("a.bin", 10)
    repo.commit()
    repo.git("clone", "-q", "--depth", "1", f"file://{repo.path}", str(tmp_path / "shallow"))
    shallow = Repo(tmp_path / "shallow")
    shallow.data("install")
    shallow.git("config", "data.store.url", str(tmp_path / "place"))
    shallow.write("b.bin", 20)
    shallow.commit()
    shallow.data("push", "HEAD~1..HEAD")
    assert Place(tmp_path / "place").projects() == set()
    assert "shallow" in shallow.fails("data", "gc", "--remote", status=7)


# -- gc --remote


def gc(repo: Repo, *words: str) -> dict:
    return json.loads(repo.data("gc", "--remote", "--json", *words))


def with_garbage(repo: Repo, place: Place) -> tuple[list[bytes], bytes]:
    """Three versions that are needed, and one that was pushed and given up."""
    versions = three_versions(repo)
    repo.git("switch", "-q", "-c", "side")
    garbage = repo.write("a.bin", 7000)
    repo.commit()
    repo.data("push")
    repo.git("switch", "-q", "main")
    repo.git("branch", "-q", "-D", "side")
    repo.git("reflog", "expire", "--expire=now", "--all")
    assert place.has(garbage)
    return versions, garbage


def test_without_force_it_only_shows(repo: Repo, place: Place) -> None:
    _, garbage = with_garbage(repo, place)
    said = repo.data("gc", "--remote", "--prune=now")
    assert oid_of(garbage)[:12] in said
    assert "1 object can go, 7.0 kB. To delete: git data gc --remote=store --force\nkept: 3 needed\n" in said
    assert place.has(garbage)
    assert place.generation() == 1


def test_force_deletes_what_no_ref_needs(repo: Repo, place: Place) -> None:
    versions, garbage = with_garbage(repo, place)
    assert gc(repo, "--prune=now", "--force")["count"] == 1
    assert not place.has(garbage)
    assert [place.object(data).read_bytes() for data in versions] == versions
    assert place.generation() == 3  # one step when it began, one when it was over
    assert gc(repo, "--prune=now", "--force")["count"] == 0
    assert place.generation() == 3


def test_what_is_young_stays(repo: Repo, place: Place) -> None:
    _, garbage = with_garbage(repo, place)
    assert (gc(repo, "--force")["count"], gc(repo)["young"]) == (0, 1)
    assert gc(repo, "--force", "--prune=1.hour.ago")["count"] == 0
    assert place.has(garbage)


def test_age_is_told_by_the_clock_of_the_remote(repo: Repo, place: Place) -> None:
    _, garbage = with_garbage(repo, place)
    # not older than no time at all
    assert gc(repo, "--force", "--prune=2099-01-01")["count"] == 1
    assert not place.has(garbage)
    assert list((place.root / "tmp").iterdir()) == []


def test_after_a_collection_a_push_sends_again_what_it_needs(repo: Repo, place: Place) -> None:
    _, garbage = with_garbage(repo, place)
    gc(repo, "--prune=now", "--force")
    repo.write("again.bin", garbage)
    repo.commit()
    repo.data("push")
    assert place.object(garbage).read_bytes() == garbage


def test_what_only_a_clone_needs_stays_if_the_clone_is_named(repo: Repo, place: Place, tmp_path: Path) -> None:
    three_versions(repo)
    repo.git("clone", "-q", ".", str(tmp_path / "clone"))
    clone = Repo(tmp_path / "clone")
    clone.data("install")
    clone.git("config", "data.store.url", str(place.root))
    unpublished = clone.write("c.bin", 800)
    clone.commit()
    clone.data("push")
    assert gc(repo, "--prune=now", "--clone", str(clone.path), "--force")["count"] == 0
    assert place.has(unpublished)
    assert gc(repo, "--prune=now", "--force")["count"] == 1


def test_what_the_git_remote_has_must_be_here(repo: Repo, place: Place, tmp_path: Path) -> None:
    three_versions(repo)
    run("git", "clone", "-q", "--bare", str(repo.path), str(tmp_path / "origin.git"))
    repo.git("remote", "add", "origin", str(tmp_path / "origin.git"))
    repo.git("fetch", "-q", "origin")
    repo.git("clone", "-q", str(tmp_path / "origin.git"), str(tmp_path / "clone"))
    clone = Repo(tmp_path / "clone")
    clone.data("install")
    clone.git("config", "data.store.url", str(place.root))
    published = clone.write("c.bin", 800)
    clone.commit()
    clone.git("push", "-q", "origin", "HEAD:refs/for/review")
    errors = repo.fails("data", "gc", "--remote", "--prune=now", "--force", status=7)
    assert "git fetch --all --tags" in errors
    repo.git("fetch", "-q", "origin", "refs/for/review")
    (repo.git_dir() / "FETCH_HEAD").unlink()
    assert gc(repo, "--prune=now", "--force")["count"] == 0
    assert place.has(published)


def test_a_git_remote_that_does_not_answer(repo: Repo, place: Place, tmp_path: Path) -> None:
    with_garbage(repo, place)
    repo.git("remote", "add", "gone", str(tmp_path / "gone.git"))
    assert "'gone' cannot be asked" in repo.fails("data", "gc", "--remote", "--prune=now", "--force", status=7)


def test_another_project_on_the_same_remote_must_be_named(repo: Repo, place: Place, new_repo) -> None:  # noqa: ANN001
    _, garbage = with_garbage(repo, place)
    other = new_repo("stranger")
    other.write("x.txt", b"another beginning")
    other.git("add", "-A")
    other.git("commit", "-q", "--amend", "-m", "another root")
    other.git("config", "data.store.url", str(place.root))
    theirs = other.write("a.bin", 900)
    other.commit()
    other.data("push")
    errors = repo.fails("data", "gc", "--remote", "--prune=now", "--force", status=7)
    assert f"--forget {root_commit(other)}" in errors
    assert place.has(garbage)
    assert gc(repo, "--prune=now", "--force", f"--clone={other.path}")["count"] == 1
    assert place.has(theirs)
    repo.data("gc", "--remote=store", "--forget", root_commit(other))
    assert gc(repo, "--prune=now")["count"] == 1


def test_a_forgotten_project_registers_again_with_its_next_push(repo: Repo, place: Place) -> None:
    three_versions(repo)
    repo.data("gc", "--remote", "--forget", root_commit(repo))
    assert place.projects() == set()
    repo.write("b.bin", 10)
    repo.commit()
    repo.data("push")
    assert place.projects() == {root_commit(repo)}


def test_an_empty_remote(repo: Repo, place: Place) -> None:
    repo.write("a.bin", 10)
    repo.commit()
    assert "holds no data" in repo.fails("data", "gc", "--remote", status=8)


def test_a_push_that_runs_meanwhile_sends_again_what_it_only_found_there(
    repo: Repo, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, garbage = with_garbage(repo, place)
    repo.git("clone", "-q", ".", str(tmp_path / "clone"))
    clone = Repo(tmp_path / "clone")
    clone.data("install")
    clone.git("config", "data.store.url", str(place.root))
    new = clone.write("new.bin", 300)
    clone.write("again.bin", garbage)
    clone.commit()
    monkeypatch.chdir(clone.path)
    here = locate()
    session = Session(here, find(here))
    session.reader()
    session.known.add([oid_of(garbage)])
    gc(repo, "--prune=now", "--force")
    assert not place.has(garbage)
    pointers = [Pointer(oid_of(data), len(data)) for data in (garbage, new)]
    result = push(here, open_store(here), session, pointers)
    assert result.collected
    assert (place.has(garbage), place.has(new)) == (True, True)


def test_a_push_while_somebody_collects_sends_again_what_it_finds_there(
    repo: Repo, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, garbage = with_garbage(repo, place)
    monkeypatch.chdir(repo.path)
    here = locate()
    collector = Session(here, find(here))
    collector.reader()
    collector.collecting()
    before = place.object(garbage).stat().st_ctime_ns
    repo.write("again.bin", garbage)
    repo.commit()
    repo.data("push")
    assert place.object(garbage).stat().st_ctime_ns > before
    collector.collected()
    assert place.generation() == 3


def test_data_that_was_collected_before_anything_was_published_is_sent_again(repo: Repo, place: Place, tmp_path: Path) -> None:
    repo.git("init", "-q", "--bare", str(tmp_path / "bare"))
    repo.git("remote", "add", "origin", str(tmp_path / "bare"))
    repo.write("a.bin", 100)
    repo.commit()
    repo.git("push", "-q", "origin", "HEAD")
    repo.git("clone", "-q", str(tmp_path / "bare"), str(tmp_path / "clone"))
    data = repo.write("late.bin", 3000)
    repo.commit()
    repo.data("push")
    clone = Repo(tmp_path / "clone")
    clone.git("config", "data.store.url", str(place.root))
    assert gc(clone, "--prune=now", "--force")["count"] == 1
    assert not place.has(data)
    repo.git("push", "-q", "origin", "HEAD")
    assert place.has(data)

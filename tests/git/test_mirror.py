"""``git data mirror`` copies from remote to remote, and only what is sound."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from helpers import Repo, content


class Places:
    """Two remotes of a repository, ``a`` with its data and ``b``, empty."""

    def __init__(self, repo: Repo, root: Path) -> None:
        self.repo = repo
        self.root = root

    def object(self, name: str, data: bytes) -> Path:
        oid = hashlib.sha256(data).hexdigest()
        return self.root / name / "objects" / "sha256" / oid[:2] / oid

    def there(self, name: str) -> set[str]:
        return {path.name for path in (self.root / name / "objects").rglob("*") if path.is_file()}

    def forget_here(self) -> None:
        """Leave nothing in the store and in the work tree."""
        for path in (self.repo.store() / "objects").rglob("*"):
            if path.is_file():
                path.unlink()

    def damage(self, name: str, data: bytes, new: bytes) -> None:
        object = self.object(name, data)
        object.unlink()
        object.write_bytes(new)

    def mirror(self, *words: str, status: int = 0) -> dict:
        return json.loads(self.repo.run("git", "data", "mirror", "--json", "a", "b", *words, ok=(status,)).stdout)


@pytest.fixture
def places(repo: Repo, tmp_path: Path) -> Places:
    for name in ("a", "b"):
        repo.git("config", f"data.{name}.url", str(tmp_path / name))
    return Places(repo, tmp_path)


def history(places: Places, large: int = 3 << 20) -> list[bytes]:
    """Two versions of a small file and a large one, all on ``a``."""
    repo = places.repo
    versions = [repo.write("a.bin", 5000), repo.write("big.bin", large)]
    repo.commit()
    versions.append(repo.write("a.bin", 6000))
    repo.commit()
    repo.data("push", "a")
    return versions


@pytest.mark.parametrize("here", [True, False], ids=["from the store", "streamed"])
def test_everything_is_copied_once(places: Places, here: bool) -> None:
    versions = history(places)
    if not here:
        places.forget_here()
    result = places.mirror()
    assert (result["copied"], result["bytes"], result["from_store"]) == (3, sum(map(len, versions)), 3 if here else 0)
    assert [places.object("b", data).read_bytes() for data in versions] == versions
    assert places.mirror()["lacking"] == 0
    assert places.repo.data("mirror", "a", "b") == "'b' has all of it already: 3 objects\n"


def test_nothing_stays_in_the_store(places: Places) -> None:
    history(places)
    places.forget_here()
    places.mirror()
    assert places.repo.objects() == set()
    assert [path.name for path in (places.repo.store() / "tmp").iterdir() if path.is_dir()] == []


def test_a_clone_can_pull_from_the_copy(places: Places) -> None:
    history(places)
    places.mirror()
    clone = Repo(places.root / "clone")
    places.repo.git("clone", "-q", "-c", "data.fetch=never", ".", str(clone.path))
    clone.data("install")
    clone.data("pull", str(places.root / "b"))
    assert clone.read("big.bin") == places.repo.read("big.bin")


@pytest.mark.parametrize(
    ("words", "wanted"), [(["HEAD~1"], {0, 1}), (["HEAD~1..HEAD"], {2}), (["--all"], {0, 1, 2})], ids=["revision", "range", "all"]
)
def test_only_what_revisions_reach(places: Places, words: list[str], wanted: set[int]) -> None:
    versions = history(places)
    places.mirror(*words)
    assert places.there("b") == {hashlib.sha256(versions[number]).hexdigest() for number in wanted}


def test_objects_of_others_are_copied_too(places: Places) -> None:
    history(places)
    stranger = content(700)
    object = places.object("a", stranger)
    object.parent.mkdir(exist_ok=True)
    object.write_bytes(stranger)
    places.mirror()
    assert places.object("b", stranger).read_bytes() == stranger


def test_dry_run_makes_nothing(places: Places) -> None:
    history(places)
    assert places.mirror("-n")["lacking"] == 3
    assert not (places.root / "b").exists()


def test_what_is_truncated_on_the_target_is_sent_again(places: Places) -> None:
    versions = history(places)
    places.mirror()
    places.damage("b", versions[0], b"short")
    assert places.mirror()["copied"] == 1
    assert places.object("b", versions[0]).read_bytes() == versions[0]


@pytest.mark.parametrize("number", [0, 1], ids=["small", "large"])
@pytest.mark.parametrize("cut", [True, False], ids=["truncated", "altered"])
def test_what_is_damaged_is_not_copied_and_the_rest_is(places: Places, number: int, cut: bool) -> None:
    versions = history(places)
    data = versions[number]
    places.forget_here()
    places.damage("a", data, data[:-1] if cut else bytes([data[0] ^ 1]) + data[1:])
    result = places.mirror(status=4)
    assert [item["oid"] for item in result["failed"]] == [hashlib.sha256(data).hexdigest()]
    assert places.there("b") == {hashlib.sha256(other).hexdigest() for other in versions if other is not data}


def test_what_is_damaged_there_and_sound_here_is_copied(places: Places) -> None:
    versions = history(places)
    places.damage("a", versions[0], bytes(len(versions[0])))
    places.mirror()
    assert places.object("b", versions[0]).read_bytes() == versions[0]


def test_what_the_source_lacks_is_missing(places: Places) -> None:
    versions = history(places)
    places.forget_here()
    places.object("a", versions[0]).unlink()
    assert len(places.mirror("--all", status=3)["failed"]) == 1
    assert len(places.there("b")) == 2


def test_one_place_under_two_names(places: Places) -> None:
    history(places)
    (places.root / "b").symlink_to(places.root / "a")
    assert "the same place" in places.repo.fails("data", "mirror", "a", "b", status=2)


def test_an_empty_source(places: Places) -> None:
    assert "holds no data" in places.repo.fails("data", "mirror", "a", "b", status=8)


def test_an_unknown_remote_or_revision(places: Places) -> None:
    history(places)
    assert "git data remote" in places.repo.fails("data", "mirror", "a", "nowhere", status=2)
    assert "'nothing'" in places.repo.fails("data", "mirror", "a", "b", "nothing", status=7)


def test_what_both_have_cut_off_in_the_same_way_is_not_taken_for_whole(places: Places) -> None:
    small, *_ = history(places)
    places.damage("a", small, small[:50])
    shutil.copytree(places.root / "a" / "objects", places.root / "b" / "objects")
    places.mirror()
    places.repo.data("push", "b")
    assert places.object("b", small).read_bytes() == small

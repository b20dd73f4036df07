"""A bad network between git and the store that hosts the repository: what was acknowledged was made, exactly once."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import Repo, content
from servers.proxy import Fault, Proxy, running
from servers.seaweedfs import SECRET, SeaweedFS
from servers.web import Running
from stores import Store, assert_whole, begin, clone

from git_data.remote.address import parse
from git_data.remote.base import Options
from git_data.remote.registry import open_remote

FOREVER = -1


@pytest.fixture
def proxy(seaweedfs: SeaweedFS) -> Iterator[Proxy]:
    host, _, port = seaweedfs.url.rpartition("//")[2].partition(":")
    with running((host, int(port))) as proxy:
        yield proxy


class Scene:
    """Two clones of one repository on S3 behind the proxy; ``ours`` has a commit that was not pushed."""

    def __init__(self, ours: Repo, theirs: Repo, store: Store) -> None:
        self.ours = ours
        self.theirs = theirs
        self.store = store


@pytest.fixture
def scene(seaweedfs: SeaweedFS, proxy: Proxy, tmp_path: Path) -> Scene:
    prefix = seaweedfs.prefix()
    store = Store(f"s3://tests/{prefix}?endpoint={proxy.url}", lambda: seaweedfs.remote(prefix=prefix))
    ours = begin(tmp_path / "ours", store)
    ours.git("config", "data.idleTimeout", "1")
    ours.git("push", "-q", "-u", "origin", "main")
    shutil.copytree(ours.path, tmp_path / "theirs", symlinks=True)
    ours.write("more.bin", content(40_000, 2))
    ours.write("large", content(40_000, 3).hex())
    ours.commit("two")
    proxy.seen.clear()
    return Scene(ours, Repo(tmp_path / "theirs"), store)


PUSH = {
    "the answer to the manifest is lost": Fault("PUT", "git/manifest", "lose"),
    "the manifest is written, and the server says 500": Fault("PUT", "git/manifest", "fail", at=500),
    "the manifest is written, and nothing comes back": Fault("PUT", "git/manifest", "hush"),
    "the manifest is refused with 503 and Retry-After": Fault(
        "PUT", "git/manifest", "status", at=503, headers={"Retry-After": "1"}, times=2
    ),
    "the connection breaks at the manifest": Fault("PUT", "git/manifest", "refuse", times=2),
    "the answer to the pack is lost": Fault("PUT", "git/packs", "lose"),
    "the pack is refused with 500": Fault("PUT", "git/packs", "status", at=500, times=2),
    "the manifest cannot be read at first": Fault("GET", "git/manifest", "reset", at=100, times=2),
    "the manifest comes in part": Fault("GET", "git/manifest", "truncate", at=100),
    "the manifest is spoilt on its way": Fault("GET", "git/manifest", "alter", at=60, times=2),
}


@pytest.mark.parametrize("name", PUSH)
def test_a_push_is_made_exactly_once(scene: Scene, proxy: Proxy, name: str) -> None:
    proxy.rules = [copy.copy(PUSH[name])]
    done = scene.ours.run("git", "push", "origin", "main")
    assert done.stderr.count(b"main -> main") == 1 and proxy.rules[0].times == 0
    assert [change.seq for change in scene.store.log()] == [2, 1]
    assert scene.store.state().oid("refs/heads/main") == scene.ours.git("rev-parse", "main").strip()
    assert b"Everything up-to-date" in scene.ours.run("git", "push", "origin", "main").stderr


def test_the_first_push_is_made_exactly_once_when_its_answers_are_lost(
    seaweedfs: SeaweedFS, proxy: Proxy, tmp_path: Path
) -> None:
    prefix = seaweedfs.prefix()
    store = Store(f"s3://tests/{prefix}?endpoint={proxy.url}", lambda: seaweedfs.remote(prefix=prefix))
    ours = begin(tmp_path / "ours", store)
    proxy.rules = [Fault("PUT", f"{prefix}/{key}", "lose") for key in ("layout", "git/format", "git/packs", "git/manifest")]
    ours.git("push", "-q", "origin", "main")
    assert [rule.times for rule in proxy.rules] == [0] * 4
    assert [change.seq for change in store.log()] == [1]
    clone(store, tmp_path / "theirs")


@pytest.mark.parametrize("kind", ["lose", "fail", "refuse"])
def test_a_push_to_webdav_is_made_exactly_once(rclone_webdav: Running, tmp_path: Path, kind: str) -> None:
    with running(("127.0.0.1", rclone_webdav.port)) as proxy:
        place = f"{tmp_path.name}/place"
        direct = parse(f"webdav://{rclone_webdav.host}/{place}")
        store = Store(f"webdav://127.0.0.1:{proxy.port}/{place}", lambda: open_remote(direct, Options()))
        ours = begin(tmp_path / "ours", store)
        ours.git("push", "-q", "-u", "origin", "main")
        ours.git("commit", "-q", "--allow-empty", "-m", "two")
        # a manifest is moved to where it belongs under a lock; the first MOVE is the trial of that
        proxy.rules = [Fault("MOVE", "tmp/", kind, at=500, skip=1)]
        ours.git("push", "-q")
        assert proxy.rules[0].times == 0
        assert [change.seq for change in store.log()] == [2, 1]
        clone(store, tmp_path / "theirs")


def test_who_cannot_find_out_what_became_of_it_says_so(scene: Scene, proxy: Proxy) -> None:
    proxy.rules = [Fault("PUT", "git/manifest", "lose"), Fault("GET", "git/manifest", "status", at=403, times=FOREVER, skip=1)]
    errors = scene.ours.fails("push", "origin", "main")
    assert "it is not known whether this was published" in errors and "nothing is done twice" in errors
    assert "Traceback" not in errors and SECRET not in errors
    proxy.rules = []
    assert "up-to-date" in scene.ours.run("git", "push", "origin", "main").stderr.decode()
    assert len(scene.store.log()) == 2


def test_a_server_that_stays_away_ends_it_with_nothing_published(scene: Scene, proxy: Proxy) -> None:
    proxy.rules = [Fault("PUT", "git/packs", "status", at=403, times=FOREVER)]
    errors = scene.ours.fails("push", "origin", "main")
    assert "nothing was published" in errors and errors.count("git-data: error:") == 1
    assert len(scene.store.log()) == 1


FETCH = {
    "the connection breaks in the middle of a pack": Fault("GET", "git/packs", "reset", at=30_000),
    "a pack comes in part": Fault("GET", "git/packs", "truncate", at=39_000),
    "a pack is refused with 503": Fault("GET", "git/packs", "status", at=503, times=2),
    "a pack stops coming": Fault("GET", "git/packs", "stall", at=10_000),
    "the manifest is spoilt on its way": Fault("GET", "git/manifest", "alter", at=70),
}


@pytest.mark.parametrize("name", FETCH)
def test_a_fetch_survives(scene: Scene, proxy: Proxy, name: str) -> None:
    scene.ours.git("push", "-q", "origin", "main")
    proxy.rules = [copy.copy(FETCH[name])]
    scene.theirs.git("pull", "-q")
    assert proxy.rules[0].times == 0
    assert scene.theirs.read("more.bin") == scene.ours.read("more.bin")
    assert_whole(scene.theirs)


def test_a_pack_that_is_altered_on_its_way_is_not_taken_in(scene: Scene, proxy: Proxy) -> None:
    scene.ours.git("push", "-q", "origin", "main")
    proxy.rules = [Fault("GET", "git/packs", "alter", at=5000, times=FOREVER)]
    before = scene.theirs.git("for-each-ref")
    errors = scene.theirs.fails("fetch")
    assert "'git/packs/" in errors and "is damaged" in errors and "Traceback" not in errors
    assert scene.theirs.git("for-each-ref") == before
    proxy.rules = []
    scene.theirs.git("pull", "-q")
    assert_whole(scene.theirs)

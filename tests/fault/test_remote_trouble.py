"""Faults in the middle of sharing: kills at every request, full and read-only disks, clocks that are wrong.

After each: a published ref has all its data there (I3), names match their bytes (I2), running again converges (I4).
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fault.harness import Shim, SmallFileSystem
from helpers import Repo, run
from servers.proxy import Fault, Proxy, running
from servers.seaweedfs import SeaweedFS

BIG = 12_000_000
SPACE = 4_000_000


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    run("git", "init", "-q", "--bare", str(tmp_path / "origin.git"))
    return tmp_path / "origin.git"


@pytest.fixture
def proxy(seaweedfs: SeaweedFS) -> Iterator[Proxy]:
    host, _, port = seaweedfs.url.rpartition("//")[2].partition(":")
    with running((host, int(port))) as proxy:
        yield proxy


def refs(origin: Path) -> str:
    return run("git", "for-each-ref", cwd=origin).stdout.decode()


def assert_names_match_bytes(place: Path) -> None:
    """I2 for a folder remote."""
    for path in (place / "objects").rglob("*"):
        if path.is_file():
            assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name


def kill_at(proxy: Proxy, number: int, command: list[str], cwd: Path) -> bool:
    """Run a command and kill it (-9) when it sends request ``number``, which gets no answer; false if it ended before."""
    proxy.rules = [Fault("*", "", "silence", skip=number)]
    proxy.struck.clear()
    process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 60
    while not proxy.struck.is_set() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    killed = proxy.struck.is_set()
    if killed:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    proxy.rules = []
    return killed


def test_a_push_killed_at_any_request_never_publishes_a_ref_without_data(
    repo: Repo, proxy: Proxy, seaweedfs: SeaweedFS, origin: Path, tmp_path: Path
) -> None:
    repo.git("remote", "add", "origin", str(origin))
    repo.git("config", "data.store.endpoint", proxy.url)
    contents = [repo.write(f"{number}.bin", 3000 + number) for number in range(6)]
    repo.commit()
    number = 0
    while True:
        repo.git("config", "data.store.url", f"s3://tests/{tmp_path.name}-{number}")
        if not kill_at(proxy, number, ["git", "push", "-q", "origin", f"HEAD:refs/heads/try-{number}"], repo.path):
            break
        assert refs(origin) == ""
        number += 1
    assert number >= len(contents)  # one request for each object, at least
    for again in range(number + 1):
        repo.git("config", "data.store.url", f"s3://tests/{tmp_path.name}-{again}")
        repo.git("push", "-q", "origin", f"HEAD:refs/heads/again-{again}")
    run("rm", "-r", str(repo.store() / "objects"))
    repo.data("fetch")
    assert all(repo.object(data).read_bytes() == data for data in contents)


def test_a_fetch_killed_at_any_request_leaves_whole_objects_only(repo: Repo, proxy: Proxy, tmp_path: Path) -> None:
    repo.git("config", "data.store.endpoint", proxy.url)
    repo.git("config", "data.store.url", f"s3://tests/{tmp_path.name}")
    contents = [repo.write(f"{number}.bin", 3000 + number) for number in range(6)]
    repo.commit()
    repo.data("push")
    number = 0
    while True:
        run("rm", "-rf", str(repo.store() / "objects"))
        if not kill_at(proxy, number, ["git", "data", "fetch"], repo.path):
            break
        assert all(hashlib.sha256((repo.object(d)).read_bytes()).hexdigest() == repo.object(d).name
                   for d in contents if repo.object(d).exists())  # fmt: skip
        number += 1
    assert number >= len(contents)
    assert all(repo.object(data).read_bytes() == data for data in contents)


def test_fetching_into_a_full_store(small: SmallFileSystem, repo: Repo, tmp_path: Path) -> None:
    data = repo.write("a.bin", BIG)
    repo.commit()
    repo.data("push", str(tmp_path / "remote"))
    repo.git("config", "data.store.url", str(tmp_path / "remote"))
    repo.git("config", "data.cacheDir", str(small.root / "cache"))
    run("rm", "-r", str(repo.git_dir() / "data" / "objects"))
    small.leave(SPACE)
    errors = repo.fails("data", "fetch", status=5)
    assert "no space left" in errors and str(small.root) in errors
    small.free()
    repo.data("fetch")
    assert repo.object(data).read_bytes() == data


def test_pushing_to_a_full_folder(small: SmallFileSystem, repo: Repo, origin: Path) -> None:
    repo.git("remote", "add", "origin", str(origin))
    place = small.root / "remote"
    repo.git("config", "data.store.url", str(place))
    kept, large = repo.write("kept.bin", 3000), repo.write("large.bin", BIG)
    repo.commit()
    small.leave(SPACE)
    errors = repo.fails("push", "origin", "HEAD")
    assert "no space left" in errors and str(small.root) in errors
    assert refs(origin) == ""
    assert_names_match_bytes(place)
    small.free()
    repo.git("push", "-q", "origin", "HEAD")
    assert_names_match_bytes(place)
    assert len([path for path in (place / "objects").rglob("*") if path.is_file()]) == 2
    assert refs(origin) and len(kept) + len(large) == sum(p.stat().st_size for p in (place / "objects").rglob("*") if p.is_file())


def test_a_read_only_folder_can_be_read_and_refuses_a_push(small: SmallFileSystem, repo: Repo, origin: Path) -> None:
    repo.git("remote", "add", "origin", str(origin))
    repo.git("config", "data.store.url", str(small.root / "remote"))
    data = repo.write("a.bin", 3000)
    repo.commit()
    repo.git("push", "-q", "origin", "HEAD")
    run("mount", "-o", "remount,ro", str(small.root))
    run("rm", "-r", str(repo.store() / "objects"))
    repo.data("fetch")
    assert repo.object(data).read_bytes() == data
    before = refs(origin)
    repo.write("b.bin", 500)
    repo.commit()
    errors = repo.fails("push", "origin", "HEAD")
    assert "ead-only" in errors and str(small.root) in errors
    assert refs(origin) == before


@pytest.mark.parametrize("offset_s", [-400 * 86400, 400 * 86400], ids=["a year slow", "a year fast"])
def test_a_wrong_clock_does_no_harm_to_folders_and_is_named_by_s3(
    repo: Repo, seaweedfs: SeaweedFS, tmp_path: Path, shim: Shim, offset_s: int
) -> None:
    wrong = shim.clock(offset_s)
    data = repo.write("a.bin", 3000)
    repo.commit()
    repo.data("push", str(tmp_path / "remote"), env=wrong)
    repo.git("config", "data.store.url", f"s3://tests/{tmp_path.name}")
    repo.git("config", "data.store.endpoint", seaweedfs.url)
    errors = repo.fails("data", "push", "store", status=9, env=wrong)
    assert "clock" in errors
    repo.data("push", "store")
    run("rm", "-r", str(repo.store() / "objects"))
    repo.data("fetch", str(tmp_path / "remote"), env=wrong)
    assert repo.object(data).read_bytes() == data

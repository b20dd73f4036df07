"""What a bad network does to push and fetch: they try again, or stop with one clear line; nothing is lost, nothing half-done.

A proxy that breaks what it is told to break stands in front of real servers (``servers.proxy``).
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import Repo, content, make_repo, run
from servers.proxy import Fault, Proxy, running
from servers.seaweedfs import KEY_ID, SECRET, SeaweedFS

FOREVER = -1
SMALL, LARGE = content(20_000, 11), content(33 << 20, 12)
EXPIRED = (
    b'<?xml version="1.0"?><Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message>'
    b"<RequestId>1</RequestId></Error>"
)


@pytest.fixture(params=["S3", "WebDAV"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def proxy(kind: str, request: pytest.FixtureRequest) -> Iterator[Proxy]:
    """A proxy in front of the server of this kind."""
    if kind == "S3":
        url = request.getfixturevalue("seaweedfs").url
    else:
        url = "http://" + request.getfixturevalue("rclone_webdav").host
    host, _, port = url.rpartition("//")[2].partition(":")
    with running((host, int(port))) as proxy:
        yield proxy


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    run("git", "init", "-q", "--bare", str(tmp_path / "origin.git"))
    return tmp_path / "origin.git"


def set_remote(repo: Repo, kind: str, proxy: Proxy, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    repo.git("config", "data.idleTimeout", "1")
    if kind == "S3":
        server: SeaweedFS = request.getfixturevalue("seaweedfs")
        prefix = hashlib.sha256(str(tmp_path).encode()).hexdigest()[:12]
        repo.git("config", "data.store.url", f"s3://tests/{prefix}")
        repo.git("config", "data.store.endpoint", proxy.url)
        assert server.url != proxy.url
    else:
        repo.git("config", "data.store.url", f"webdav://127.0.0.1:{proxy.port}/{tmp_path.name}")


@pytest.fixture
def shared(repo: Repo, kind: str, proxy: Proxy, origin: Path, request: pytest.FixtureRequest, tmp_path: Path) -> Repo:
    """A repository whose data remote is behind the proxy; nothing is pushed yet."""
    set_remote(repo, kind, proxy, request, tmp_path)
    repo.git("remote", "add", "origin", str(origin))
    repo.git("config", "data.fetch", "never")
    return repo


@pytest.fixture(scope="module")
def pushed_once() -> dict[str, Repo]:
    """By kind of remote: the repository of ``published``."""
    return {}


@pytest.fixture
def published(
    pushed_once: dict[str, Repo],
    kind: str,
    proxy: Proxy,
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Repo:
    """A repository whose data, ``SMALL`` and ``LARGE``, lies on the remote behind the proxy and nowhere else."""
    if kind not in pushed_once:
        repo = make_repo(tmp_path_factory.mktemp("published") / f"repo-{os.getpid()}")
        set_remote(repo, kind, proxy, request, repo.path)
        repo.git("config", "data.fetch", "never")
        repo.write("small.bin", SMALL)
        repo.write("large.bin", LARGE)
        repo.commit()
        repo.data("push")
        pushed_once[kind] = repo
    repo = pushed_once[kind]
    set_remote(repo, kind, proxy, request, repo.path)
    shutil.rmtree(repo.store() / "objects", ignore_errors=True)
    proxy.seen.clear()
    return repo


def empty_store(repo: Repo) -> None:
    run("rm", "-r", str(repo.store() / "objects"))


def holds(repo: Repo, data: bytes) -> bool:
    path = repo.object(data)
    return path.exists() and path.read_bytes() == data


def refs(origin: Path) -> str:
    return run("git", "for-each-ref", cwd=origin).stdout.decode()


# -- fetching


FETCH_FAULTS = {
    "reset before the first byte": Fault("GET", "objects/", "reset", at=0),
    "reset in the middle": Fault("GET", "objects/", "reset", at=15_000),
    "one byte short": Fault("GET", "objects/", "truncate", at=19_999),
    "refused three times": Fault("GET", "objects/", "refuse", times=3),
    "503 twice": Fault("GET", "objects/", "status", at=503, times=2),
    "500": Fault("GET", "objects/", "status", at=500),
    "429 with Retry-After": Fault("GET", "objects/", "status", at=429, headers={"Retry-After": "1"}),
    "silence in the middle": Fault("GET", "objects/", "stall", at=10_000),
}
PUSH_FAULTS = {
    "refused twice": Fault("PUT", "", "refuse", times=2),
    "503 twice": Fault("PUT", "", "status", at=503, times=2),
    "the answer is lost": Fault("PUT", "", "lose", skip=1),
    "silence": Fault("PUT", "", "stall"),
    "the marker cannot be read at first": Fault("GET", "layout", "reset"),
}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        *(pytest.param(name, SMALL, id=f"small, {name}") for name in FETCH_FAULTS),
        *(pytest.param(name, LARGE, id=f"large, {name}") for name in ("reset in the middle", "one byte short", "503 twice")),
    ],
)
def test_a_fetch_survives(published: Repo, proxy: Proxy, name: str, data: bytes) -> None:
    proxy.rules = [copy.copy(FETCH_FAULTS[name])]
    result = json.loads(published.data("fetch", "--json", "-I", "small.bin" if data is SMALL else "large.bin"))
    assert holds(published, data)
    assert result["brought"] == 1 and all(rule.times == 0 for rule in proxy.rules)


def test_the_time_a_server_asks_for_is_kept(published: Repo, proxy: Proxy) -> None:
    proxy.rules = [Fault("GET", "objects/", "status", at=503, headers={"Retry-After": "1"})]
    start = time.monotonic()
    published.data("fetch", "-I", "small.bin")
    assert time.monotonic() - start >= 1


def test_an_altered_answer_is_not_installed(shared: Repo, proxy: Proxy) -> None:
    shared.write("a.bin", SMALL)
    shared.write("b.bin", 500)
    shared.commit()
    shared.data("push")
    kept = shared.read("b.bin")
    empty_store(shared)
    oid = hashlib.sha256(SMALL).hexdigest()
    proxy.rules = [Fault("GET", oid, "alter", at=7000, times=FOREVER)]
    errors = shared.fails("data", "fetch", status=4)
    assert oid in errors and "does not hold what its name says" in errors
    assert not shared.object(SMALL).exists() and holds(shared, kept)


def test_a_server_that_stays_away_ends_with_one_line(shared: Repo, proxy: Proxy) -> None:
    for number in range(40):
        shared.write(f"{number}.bin", 300)
    shared.commit()
    shared.data("push")
    empty_store(shared)
    proxy.rules = [Fault("*", "", "refuse", times=FOREVER)]
    errors = shared.fails("data", "fetch", status=8)
    assert errors.count("error:") == 1 and "127.0.0.1" in errors
    proxy.rules = []
    shared.data("fetch")
    assert len(shared.objects()) == 40


def test_a_checkout_leaves_pointers_when_the_server_is_away(shared: Repo, proxy: Proxy) -> None:
    shared.write("a.bin", SMALL)
    first = shared.commit()
    shared.write("a.bin", 700)
    shared.commit()
    shared.data("push")
    empty_store(shared)
    shared.git("config", "data.fetch", "auto")
    proxy.rules = [Fault("*", "", "refuse", times=FOREVER)]
    trace = shared.traced("checkout", "-q", first)
    assert "git data pull" in trace.errors
    assert shared.pointer("a.bin") is not None and shared.status() == ""
    proxy.rules = []
    shared.data("pull")
    assert shared.read("a.bin") == SMALL and shared.status() == ""


def test_a_killed_fetch_goes_on_where_it_was(shared: Repo, proxy: Proxy) -> None:
    shared.write("a.bin", LARGE)
    shared.commit()
    shared.data("push")
    empty_store(shared)
    shared.git("config", "data.idleTimeout", "60")
    proxy.rules = [Fault("GET", "objects/", "stall", at=1000, skip=2)]
    before = proxy.count("GET", "objects/")
    process = subprocess.Popen(["git", "data", "fetch", "-j", "1"], cwd=shared.path, start_new_session=True)
    parts = shared.store() / "tmp"
    deadline = time.monotonic() + 30
    while not any(path.read_bytes().count(b"\n") == 3 for path in parts.glob("*.parts")):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    proxy.rules = []
    first = proxy.count("GET", "objects/") - before
    shared.data("fetch")
    assert holds(shared, LARGE)
    assert proxy.count("GET", "objects/") - before - first == 1
    assert not list(parts.glob("git-data-tmp-*"))


# -- pushing


@pytest.mark.parametrize(
    ("name", "data"),
    [
        *(pytest.param(name, SMALL, id=f"small, {name}") for name in PUSH_FAULTS),
        *(pytest.param(name, LARGE, id=f"large, {name}") for name in ("503 twice", "the answer is lost")),
    ],
)
def test_a_push_survives(shared: Repo, proxy: Proxy, origin: Path, name: str, data: bytes) -> None:
    shared.write("a.bin", data)
    shared.commit()
    proxy.rules = [copy.copy(PUSH_FAULTS[name])]
    shared.git("push", "-q", "origin", "HEAD")
    assert refs(origin) and all(rule.times == 0 for rule in proxy.rules)
    empty_store(shared)
    shared.data("fetch")
    assert holds(shared, data)


def test_refs_stay_where_they_are_when_data_cannot_be_sent(shared: Repo, proxy: Proxy, origin: Path) -> None:
    contents = [shared.write(f"{number}.bin", 3000) for number in range(30)]
    shared.commit()
    proxy.rules = [Fault("PUT", "objects/", "status", at=503, times=FOREVER, skip=12)]
    errors = shared.fails("push", "origin", "HEAD")
    assert errors.count("git-data: error:") == 1 and "503" in errors
    assert refs(origin) == ""
    proxy.rules = []
    before = proxy.paths("PUT", "objects/")
    proxy.seen.clear()
    shared.git("push", "-q", "origin", "HEAD")
    assert refs(origin)
    assert before and 0 < len(proxy.paths("PUT", "objects/")) < len(contents)


def test_expired_credentials_stop_at_once_and_keep_what_is_done(shared: Repo, kind: str, proxy: Proxy, origin: Path) -> None:
    for number in range(80):
        shared.write(f"{number}.bin", 3000)
    shared.commit()
    proxy.rules = [Fault("PUT", "objects/", "status", at=403, body=EXPIRED, times=FOREVER, skip=10)]
    errors = shared.fails("push", "origin", "HEAD")
    assert errors.count("git-data: error:") == 1
    assert SECRET not in errors and KEY_ID not in errors
    if kind == "S3":
        assert "expired" in errors
    assert refs(origin) == ""
    assert len(proxy.paths("PUT", "objects/")) < 80
    proxy.rules = []
    proxy.seen.clear()
    shared.git("push", "-q", "origin", "HEAD")
    assert refs(origin) and len(proxy.paths("PUT", "objects/")) < 80


def test_a_push_that_has_nothing_to_send_asks_nothing(shared: Repo, proxy: Proxy) -> None:
    shared.write("a.bin", SMALL)
    shared.commit()
    shared.git("push", "-q", "origin", "HEAD")
    before = len(proxy.seen)
    shared.write("readme", "text")
    shared.commit()
    shared.git("push", "-q", "origin", "HEAD")
    assert len(proxy.seen) == before
    shared.data("push")
    assert len(proxy.seen) == before + 1


# -- the user's own interruptions


@pytest.mark.parametrize("command", ["fetch", "push"])
def test_ctrl_c_ends_at_once_and_leaves_a_clean_state(shared: Repo, proxy: Proxy, command: str) -> None:
    shared.git("config", "data.idleTimeout", "60")
    contents = [shared.write(f"{number}.bin", 3000) for number in range(20)] + [shared.write("large.bin", LARGE)]
    shared.commit()
    if command == "fetch":
        shared.data("push")
        empty_store(shared)
    proxy.rules = [Fault("GET" if command == "fetch" else "PUT", "objects/", "stall", times=FOREVER, skip=5)]
    proxy.seen.clear()
    process = subprocess.Popen(
        ["git-data", command],
        cwd=shared.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        # who starts the tests in the background of a script has Ctrl-C ignored in all of them
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 30
    while len(proxy.seen) < 8:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=15)
    assert process.returncode == 130
    assert b"Traceback" not in errors and errors.strip() == b""
    proxy.rules = []
    proxy.released.set()
    shared.data(command)
    if command == "push":
        empty_store(shared)
        shared.data("fetch")
    assert all(holds(shared, data) for data in contents)
    assert not list((shared.store() / "tmp").glob("git-data-tmp-*"))
    assert shared.status() == ""


def test_ctrl_c_does_not_wait_for_parts_that_are_under_way(shared: Repo, proxy: Proxy) -> None:
    shared.git("config", "data.idleTimeout", "60")
    shared.write("large.bin", LARGE)
    shared.commit()
    # WebDAV has its parts under tmp/
    proxy.rules = [Fault("PUT", place, "silence", times=FOREVER) for place in ("objects/", "tmp/")]
    proxy.seen.clear()
    process = subprocess.Popen(
        ["git-data", "push"],
        cwd=shared.path,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        deadline = time.monotonic() + 30
        while not (proxy.paths("PUT", "objects/") or proxy.paths("PUT", "tmp/")):
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 130


def test_a_limit_of_speed_is_kept(shared: Repo, proxy: Proxy) -> None:
    shared.write("a.bin", 3_000_000)
    shared.commit()
    start = time.monotonic()
    shared.git("-c", "data.limitRate=2MB", "data", "push")
    assert time.monotonic() - start >= 0.75  # at least; how fast it is otherwise is no business of a test

"""kill -9 at each request, and at each call of the file system, of a push to a store that hosts the repository.

Whenever it strikes, the others see the refs as they were or as they were to become, with everything these reach; and pushing
again brings it to its end.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fault.harness import NEVER, Shim, different
from helpers import Repo, content
from servers.proxy import Fault, Proxy, running
from servers.seaweedfs import SeaweedFS
from stores import Store, begin, clone, folder

from git_data.base.digest import sha256
from git_data.remote.base import Source
from git_data.remote.layout import object_key

ONE, TWO = content(5000, 1), content(3000, 2)


@pytest.fixture
def proxy(seaweedfs: SeaweedFS) -> Iterator[Proxy]:
    host, _, port = seaweedfs.url.rpartition("//")[2].partition(":")
    with running((host, int(port))) as proxy:
        yield proxy


def next_commit(repo: Repo) -> str:
    repo.write("more.bin", TWO)
    return repo.commit("two")


def assert_old_or_new(store: Store, old: str, new: str) -> bool:
    """Whether the push counts; everything its refs reach is there in either case."""
    host = store.host()
    try:
        state = host.read()
        now = state.oid("refs/heads/main") if state is not None else ""
        assert now in (old, new)
        datas = {old: [ONE], new: [ONE, TWO], "": []}[now]
        wanted = [object_key(hashlib.sha256(data).hexdigest()) for data in datas]
        wanted += [pack.key for pack in state.packs] if state is not None else []
        there = {entry.key: entry.size for entry in host.remote.list("")}
        assert [key for key in wanted if key not in there] == []
        if state is not None:
            assert {pack.key: pack.size for pack in state.packs}.items() <= there.items()
    finally:
        host.remote.close()
    return now == new


def s3(seaweedfs: SeaweedFS, proxy: Proxy, prefix: str) -> Store:
    return Store(f"s3://tests/{prefix}?endpoint={proxy.url}", lambda: seaweedfs.remote(prefix=prefix))


class Scenario:
    """A repository with something to push, and what lies on the store by then; each run is with copies of both."""

    def __init__(self, path: Path, seaweedfs: SeaweedFS, proxy: Proxy, first: bool) -> None:
        self.path = path
        self.seaweedfs = seaweedfs
        self.proxy = proxy
        self.base = s3(seaweedfs, proxy, seaweedfs.prefix())
        self.repo = begin(path / "template", self.base)
        self.old = ""
        if not first:
            self.repo.git("push", "-q", "origin", "main")
            self.old = self.repo.git("rev-parse", "main").strip()
        self.new = next_commit(self.repo)
        self.number = 0

    def fresh(self) -> tuple[Repo, Store]:
        self.number += 1
        repo = Repo(self.path / f"copy-{self.number}")
        shutil.copytree(self.repo.path, repo.path, symlinks=True)
        store = s3(self.seaweedfs, self.proxy, self.seaweedfs.prefix())
        repo.git("remote", "set-url", "origin", store.url)
        source, target = self.base.open(), store.open()
        for entry in source.list(""):
            data = b"".join(source.get(entry.key))
            target.put(entry.key, Source(len(data), sha256(data).hexdigest(), content=data))
        source.close()
        target.close()
        self.proxy.seen.clear()
        return repo, store

    def killed(self, repo: Repo, number: int, kind: str) -> bool:
        """Push, and be killed at a request; false if there were not so many."""
        self.proxy.rules = [Fault("*", "", kind, skip=number)]
        self.proxy.struck.clear()
        process = subprocess.Popen(
            ["git", "push", "-q", "origin", "main"], cwd=repo.path, stderr=subprocess.DEVNULL, start_new_session=True
        )
        while not self.proxy.struck.wait(0.01) and process.poll() is None:
            pass
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        released, self.proxy.released, self.proxy.rules = self.proxy.released, threading.Event(), []
        released.set()
        return self.proxy.struck.is_set()


@pytest.mark.slow
@pytest.mark.parametrize("first", [True, False], ids=["the first push", "the next push"])
def test_a_push_killed_at_any_request(first: bool, seaweedfs: SeaweedFS, proxy: Proxy, tmp_path: Path) -> None:
    scenario = Scenario(tmp_path, seaweedfs, proxy, first)
    repo, store = scenario.fresh()
    repo.git("push", "-q", "origin", "main")
    requests = [(method, path) for method, path, _ in proxy.seen]
    assert_old_or_new(store, scenario.old, scenario.new)
    cloned = False
    for number, (method, path) in enumerate(requests):
        # what only asks leaves nothing behind: killed before it or after it is the same, also for the next one that only asks
        changes = method not in ("GET", "HEAD")
        if not changes and number and requests[number - 1][0] in ("GET", "HEAD"):
            continue
        kinds = ["silence", "hush"] if changes and "/git/" in path else ["hush"]
        for kind in kinds:
            repo, store = scenario.fresh()
            assert scenario.killed(repo, number, kind), f"{method} {path}"
            done = assert_old_or_new(store, scenario.old, scenario.new)
            assert done == (method == "PUT" and path.endswith("git/manifest") and kind == "hush")
            if done and not cloned:
                cloned = True
                clone(store, tmp_path / "clone")
            if changes:
                repo.git("push", "-q", "origin", "main")
                assert assert_old_or_new(store, scenario.old, scenario.new)
                assert len(store.log()) == (1 if first else 2)
    assert cloned
    assert clone(store, tmp_path / "last").read("more.bin") == TWO


# -- a folder


def test_a_push_to_a_folder_killed_at_any_call(
    request: pytest.FixtureRequest, tmp_path: Path, shim: Shim, monkeypatch: pytest.MonkeyPatch
) -> None:
    with folder(request, tmp_path) as store:
        repo = begin(tmp_path / "repo", store)
        repo.git("push", "-q", "origin", "main")
        old = repo.git("rev-parse", "main").strip()
        new = next_commit(repo)
        place = tmp_path / "store"
        for path in (place, repo.path):
            shutil.copytree(path, path.with_name(f"{path.name}-template"), symlinks=True)

        def push(at: int) -> int:
            for path in (place, repo.path):
                shutil.rmtree(path)
                shutil.copytree(path.with_name(f"{path.name}-template"), path, symlinks=True)
            return repo.run("git", "push", "-q", "origin", "main", env=shim.env("kill", at, place), ok=None).returncode

        log = tmp_path / "calls"
        log.touch()
        with monkeypatch.context() as patch:
            patch.setenv("FAULT_TRACE", str(log))
            assert push(NEVER) == 0
        calls = log.read_text(errors="replace").splitlines()
        assert any("git/manifests" in call for call in calls)
        # the others, syncs for instance, change nothing that could be seen after a kill
        seen = ("link", "mkdir", "rename", "unlink", f"write {place}")
        changing = [number for number in different(calls) if calls[number - 1].startswith(seen)]
        for number in changing:
            push(number)
            assert shim.hit(), f"call {number} was not reached"
            assert_old_or_new(store, old, new)
            repo.git("push", "-q", "origin", "main")
            assert assert_old_or_new(store, old, new) and len(store.log()) == 2, shim.hit()
        assert clone(store, tmp_path / "last").read("more.bin") == TWO

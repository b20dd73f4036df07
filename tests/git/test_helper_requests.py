"""What a push and a fetch cost: requests and bytes, counted by a proxy in front of a real S3 server, and what they import.

Times are not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import Repo, make_repo
from servers import proxy as proxies
from servers.proxy import Proxy
from servers.seaweedfs import BUCKET, SeaweedFS, use_keys

from git_data.helper.options import Options
from git_data.helper.pushing import Push
from git_data.helper.stored import StoredRemote
from git_data.helper.target import find

HEAVY = frozenset(
    """
    argparse asyncio boto3 botocore concurrent email fsspec inspect logging multiprocessing paramiko pygit2 requests rich shutil
    ssl subprocess tabulate tempfile tqdm urllib3 yaml
    """.split()
)
"""None of these is needed to see that there is nothing new."""
PUSHES = 40
REFS = 300


@pytest.fixture(scope="module")
def proxy(seaweedfs_server: SeaweedFS) -> Iterator[Proxy]:
    """In front of the S3 server."""
    host, _, port = seaweedfs_server.url.removeprefix("http://").partition(":")
    with proxies.running((host, int(port))) as running:
        yield running


@pytest.fixture(scope="module")
def clones(seaweedfs_server: SeaweedFS, proxy: Proxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Repo, Repo]]:
    """Two clones of a repository with many pushes and refs."""
    path = tmp_path_factory.mktemp("requests")
    with pytest.MonkeyPatch.context() as patch:
        use_keys(patch)
        repo = make_repo(path / "repo")
        repo.write("data.bin", 5000)
        repo.commit("data")
        for number in range(PUSHES):
            repo.git("commit", "-q", "--allow-empty", "-m", f"change {number}")
        oid = repo.git("rev-parse", f"HEAD~{PUSHES}").strip()
        repo.git("update-ref", "--stdin", stdin="".join(f"create refs/heads/b{n:04} {oid}\n" for n in range(REFS)).encode())
        url = f"data::s3://{BUCKET}/{seaweedfs_server.prefix()}?endpoint={proxy.url}"
        repo.git("remote", "add", "origin", url)
        repo.git("push", "-q", "origin", f"main~{PUSHES}:refs/heads/main", "refs/heads/b*:refs/heads/b*")
        patch.chdir(repo.path)
        for number in reversed(range(PUSHES)):
            push_here(url, f"main~{number}:refs/heads/main")
        repo.git("fetch", "-q")
        repo.git("clone", "-q", url, str(path / "clone"))
        yield repo, Repo(path / "clone")


def push_here(url: str, spec: str) -> None:
    """What ``git push`` has the helper do, without starting Python each time."""
    remote = StoredRemote(find("origin", url), Options())
    list(remote.refs(for_push=True))
    assert Push(remote.target, remote.options, remote.session, remote.host, remote.state).run([spec]) == {}
    remote.close()


def asked(proxy: Proxy, repo: Repo, *command: str) -> list[tuple[str, str, int]]:
    """The requests of a git command: method, key below the prefix, bytes sent."""
    before = len(proxy.seen)
    repo.git(*command)
    return [(method, "/".join(path.partition("?")[0].split("/")[3:]), size) for method, path, size in proxy.seen[before:]]


def test_looking_for_news_is_one_request(clones: tuple[Repo, Repo], proxy: Proxy) -> None:
    assert asked(proxy, clones[1], "fetch", "-q") == [("GET", "git/manifest", 0)]
    assert asked(proxy, clones[1], "ls-remote", "-q", "origin") == [("GET", "git/manifest", 0)]
    assert asked(proxy, clones[0], "push", "-q", "origin", "main") == [("GET", "git/manifest", 0)]


def test_one_commit_is_three_requests_and_two_kilobytes(clones: tuple[Repo, Repo], proxy: Proxy) -> None:
    repo, clone = clones
    usual, folded = 0, 0
    for number in range(8):
        (repo.path / "text").write_text(f"change {number}\n" * 10)
        repo.commit(f"text {number}")
        requests = asked(proxy, repo, "push", "-q", "origin", "main")
        sent = sum(size for _, _, size in requests)
        if any(key.startswith("git/states/") for _, key, _ in requests):
            folded += 1  # once in a while the state is written anew
            continue
        usual += 1
        assert [(method, key.rpartition("/")[0]) for method, key, _ in requests] == [
            ("GET", "git"),
            ("PUT", "git/packs"),
            ("PUT", "git"),
        ]
        assert sent < 2048, requests
    assert usual >= 7 > folded
    requests = asked(proxy, clone, "fetch", "-q")
    assert {(method, key.split("/")[1]) for method, key, _ in requests} <= {
        ("GET", "manifest"),
        ("GET", "packs"),
        ("GET", "states"),
    }
    # eight packs; the manifest, its snapshot, and one before that to see that what was seen continues
    assert len(requests) <= 8 + 3


def test_data_is_one_request_an_object_more(clones: tuple[Repo, Repo], proxy: Proxy) -> None:
    repo, _ = clones
    repo.write("new.bin", 3000)
    repo.commit("new")
    requests = asked(proxy, repo, "push", "-q", "origin", "main")
    kinds = [(method, key.split("/")[0]) for method, key, _ in requests]
    # the layout says whether what is known of the place still holds, and again after the object was sent
    assert kinds.count(("PUT", "objects")) == 1
    assert kinds.index(("PUT", "objects")) < kinds.index(("PUT", "git"))
    assert len(kinds) <= 7, kinds


@pytest.mark.parametrize("place", ["S3", "a folder"])
def test_looking_for_news_imports_nothing_heavy_and_starts_few_processes(
    clones: tuple[Repo, Repo], place: str, tmp_path: Path
) -> None:
    repo = clones[1]
    if place == "a folder":
        repo.git("push", "-q", f"data::{tmp_path / 'store'}", "main")
        repo = Repo(tmp_path / "clone")
        repo.path.mkdir()
        repo.git("clone", "-q", f"data::{tmp_path / 'store'}", ".")
    repo.git("fetch", "-q")
    log = tmp_path / "trace"
    done = repo.run("git", "fetch", env={"PYTHONPROFILEIMPORTTIME": "1", "GIT_TRACE2": str(log)})
    modules = set(re.findall(r"^import time:\s+\d+ \|\s+\d+ \|\s*(\S+)$", done.stderr.decode(), re.MULTILINE))
    assert "git_data.helper.stored" in modules
    assert {module.partition(".")[0] for module in modules} & HEAVY == set()
    started = re.findall(r" start +(.*)", log.read_text())
    # where the repository is, and its configuration, side by side; the others are git's own
    assert len([line for line in started if "rev-parse" in line or " config " in line]) == 2, started
    assert len(started) <= 7, started

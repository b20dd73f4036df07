"""LFS servers: what the batch API may answer, and what must not go wrong then. The servers here answer what a test wants."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import Repo, content, run
from servers.lfs import LfsOverSsh
from servers.web import Answer, Request, Scripted

from git_data.errors import AccessDenied, CorruptData, GitDataError, NotOnRemote, ObjectRefused, RemoteError, UsageError
from git_data.pointer import Pointer
from git_data.remote.address import parse
from git_data.remote.base import Options, Remote, Source
from git_data.remote.layout import object_key
from git_data.remote.registry import open_remote
from git_data.store.objects import Store
from git_data.transfer.download import download
from git_data.transfer.plan import look
from git_data.transfer.upload import upload

MEDIA_TYPE = "application/vnd.git-lfs+json"


def pointer(data: bytes) -> Pointer:
    return Pointer(hashlib.sha256(data).hexdigest(), len(data))


class Server:
    """An LFS server in memory. A test bends it by setting the functions below, which may give their own answer instead."""

    def __init__(self, *objects: bytes) -> None:
        self.objects = {pointer(data).oid: data for data in objects}
        self.batches: list[dict] = []
        self.host = ""
        self.on_batch: Callable[[Request, dict], Answer | None] = lambda request, question: None
        self.on_item: Callable[[dict], dict] = lambda item: item
        self.on_object: Callable[[Request, str], Answer | None] = lambda request, oid: None
        self.verified: list[dict] = []

    def __call__(self, request: Request) -> Answer:
        if request.path == "/org/repo.git/info/lfs/objects/batch":
            assert request.headers["accept"] == request.headers["content-type"] == MEDIA_TYPE
            question = json.loads(request.body)
            self.batches.append(question)
            return self.on_batch(request, question) or self.batch(question)
        oid = request.path.partition("?")[0].rpartition("/")[2]
        own = self.on_object(request, oid)
        if own is not None:
            return own
        if request.path.startswith("/verify"):
            self.verified.append(json.loads(request.body))
            return 200, {}, b""
        if request.method == "PUT":
            self.objects[oid] = request.body
            return 200, {}, b""
        return ranged(request, self.objects[oid]) if oid in self.objects else (404, {}, b"")

    def batch(self, question: dict) -> Answer:
        found = []
        for wanted in question["objects"]:
            there = wanted["oid"] in self.objects
            item = {"oid": wanted["oid"], "size": wanted["size"]}
            href = f"http://{self.host}/store/{wanted['oid']}"
            if question["operation"] == "download" and there:
                item["actions"] = {"download": {"href": href}}
            elif question["operation"] == "download":
                item["error"] = {"code": 404, "message": "Object does not exist"}
            elif not there:
                verify = {"href": f"http://{self.host}/verify"}
                item["actions"] = {"upload": {"href": href}, "verify": verify}
            found.append(self.on_item(item))
        return 200, {"Content-Type": MEDIA_TYPE}, json.dumps({"transfer": "basic", "objects": found}).encode()


def ranged(request: Request, data: bytes) -> Answer:
    asked = request.headers.get("range", "")
    if not asked:
        return 200, {}, data
    first, _, last = asked.removeprefix("bytes=").partition("-")
    part = data[int(first) : int(last) + 1 if last else None]
    return 206, {"Content-Range": f"bytes {first}-{int(first) + len(part) - 1}/{len(data)}"}, part


class Bench:
    """A server that runs, a store, and a remote for it."""

    def __init__(self, start: Callable[..., Scripted], place: Path) -> None:
        self._start = start
        self.store = Store(str(place / "store"), "none")
        self.store.make()
        self.place = place

    def serve(self, *objects: bytes) -> Server:
        self.server = Server(*objects)
        self.scripted = self._start(self.server)
        self.server.host = self.scripted.host
        return self.server

    @property
    def remote(self) -> Remote:
        return open_remote(parse(f"lfs+http://{self.scripted.host}/org/repo.git"), Options())

    def fetch(self, *objects: bytes, jobs: int = 0) -> list[tuple[str, GitDataError]]:
        """Bring them; what failed."""
        outcome = download(self.remote, self.store, [pointer(data) for data in objects], jobs)
        for data in objects:
            if pointer(data).oid in outcome.done:
                assert Path(self.store.path(pointer(data).oid)).read_bytes() == data
        return [(failed.oid, error) for failed, error in outcome.failed]

    def send(self, *objects: bytes, remote: Remote | None = None) -> list[tuple[str, GitDataError]]:
        """Send them; what failed."""
        for data in objects:
            path = Path(self.store.path(pointer(data).oid))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        outcome = upload(remote or self.remote, self.store, [pointer(data) for data in objects])
        return [(failed.oid, error) for failed, error in outcome.failed]


@pytest.fixture
def bench(scripted: Callable[..., Scripted], tmp_path: Path) -> Bench:
    return Bench(scripted, tmp_path)


# -- questions


def test_a_hundred_objects_are_asked_for_at_once(bench: Bench) -> None:
    objects = [content(50) for _ in range(250)]
    server = bench.serve(*objects[:200])
    found = look(bench.remote, [pointer(data) for data in objects])
    assert set(found.sizes) == {pointer(data).oid for data in objects[:200]}
    assert sorted(len(batch["objects"]) for batch in server.batches) == [50, 100, 100]
    server.batches.clear()
    failed = bench.fetch(*objects)
    assert len(failed) == 50 and all(isinstance(error, NotOnRemote) for _, error in failed)
    assert sorted(len(batch["objects"]) for batch in server.batches) == [50, 100, 100]
    first = server.batches[0]
    assert first["operation"] == "download" and first["transfers"] == ["basic"] and first["hash_algo"] == "sha256"


def test_small_and_large_objects_are_sent_with_few_questions_and_verified(bench: Bench) -> None:
    objects = [*(content(50) for _ in range(30)), content(2 << 20), content(3 << 20)]
    server = bench.serve(objects[0])
    assert bench.send(*objects) == []
    assert server.objects == {pointer(data).oid: data for data in objects}
    assert len(server.batches) == 1
    assert {item["oid"] for item in server.verified} == {pointer(data).oid for data in objects[1:]}
    assert all(item["size"] == len(server.objects[item["oid"]]) for item in server.verified)


def test_too_many_at_once_are_asked_for_in_halves(bench: Bench) -> None:
    objects = [content(50) for _ in range(20)]
    server = bench.serve(*objects)
    server.on_batch = lambda request, question: (413, {}, b"") if len(question["objects"]) > 6 else None
    assert bench.fetch(*objects) == []


@pytest.mark.parametrize(
    ("status", "kind", "body", "error", "words"),
    [
        (200, "text/html", b"<html>log in</html>", RemoteError, "no JSON"),
        (200, MEDIA_TYPE, b"[]", RemoteError, "no JSON"),
        (200, MEDIA_TYPE, b'{"objects": 7}', RemoteError, "as an LFS server would"),
        (200, MEDIA_TYPE, b'{"transfer": "tus", "objects": []}', RemoteError, "tus"),
        (200, MEDIA_TYPE, b'{"hash_algo": "sha512", "objects": []}', RemoteError, "sha512"),
        (404, MEDIA_TYPE, b'{"message": "Not Found"}', RemoteError, "no such repository"),
        (403, MEDIA_TYPE, b'{"message": "You may not"}', AccessDenied, "You may not"),
        (401, MEDIA_TYPE, b'{"message": "Credentials needed"}', AccessDenied, "a name and a password"),
        (507, MEDIA_TYPE, b"{}", RemoteError, "no space"),
    ],
)
def test_answers_that_help_nobody(bench: Bench, status: int, kind: str, body: bytes, error: type, words: str) -> None:
    server = bench.serve()
    server.on_batch = lambda request, question: (status, {"Content-Type": kind}, body)
    with pytest.raises(error, match=words) as caught:
        bench.fetch(content(50))
    assert not isinstance(caught.value, NotOnRemote)


def test_too_many_requests_are_tried_again_when_the_server_says(bench: Bench) -> None:
    data = content(50)
    server = bench.serve(data)
    busy = iter([(429, {"Retry-After": "1"}, b""), (503, {}, b"")])
    server.on_batch = lambda request, question: next(busy, None)
    assert bench.fetch(data) == []
    assert len(server.batches) == 3


# -- objects


@pytest.mark.parametrize("size", [50, 2 << 20], ids=["small", "large"])
def test_one_bad_object_of_many_harms_no_other(bench: Bench, size: int) -> None:
    objects = [content(size) for _ in range(4)]
    server = bench.serve(*objects)
    wrong, refused, gone = (pointer(data).oid for data in objects[:3])
    server.objects[wrong] = content(size)
    codes = {refused: 500, gone: 410}

    def item(item: dict) -> dict:
        if item["oid"] in codes:
            return {"oid": item["oid"], "size": size, "error": {"code": codes[item["oid"]], "message": "told \x1b[31mso"}}
        return item

    server.on_item = item
    failed = dict(bench.fetch(*objects))
    assert {oid: type(error) for oid, error in failed.items()} == {
        wrong: CorruptData,
        refused: ObjectRefused,
        gone: NotOnRemote,
    }
    assert "\x1b" not in failed[refused].message


def test_a_body_that_breaks_off_is_asked_for_again(bench: Bench) -> None:
    data = content(5000)
    server = bench.serve(data)
    broken = iter([(200, {"Content-Length": "5000"}, data[:100])])
    server.on_object = lambda request, oid: next(broken, None)
    assert bench.fetch(data) == []


def test_an_interrupted_download_goes_on_where_it_was(bench: Bench) -> None:
    data = content(40 << 20)
    server = bench.serve(data)

    def refuse(request: Request, oid: str) -> Answer | None:
        return None if request.headers["range"].startswith("bytes=0-") else (403, {}, b"")

    server.on_object = refuse
    with pytest.raises(AccessDenied):
        bench.fetch(data, jobs=1)
    server.on_object = lambda request, oid: None
    bench.scripted.asked.clear()
    assert bench.fetch(data) == []
    asked = [request.headers.get("range", "") for request in bench.scripted.asked if request.method == "GET"]
    assert f"bytes={16 << 20}-{(32 << 20) - 1}" in asked and f"bytes=0-{(16 << 20) - 1}" not in asked


def test_a_server_without_ranges_sends_large_objects_once(bench: Bench) -> None:
    data = content(40 << 20)
    server = bench.serve(data)
    server.on_object = lambda request, oid: (200, {}, data if "range" not in request.headers else data[:1])
    assert bench.fetch(data) == []
    assert [request.headers.get("range") for request in bench.scripted.asked if request.method == "GET"] == ["bytes=0-0", None]


def test_what_was_permitted_is_asked_for_again_when_it_is_over(bench: Bench) -> None:
    objects = [content(50) for _ in range(2)]
    server = bench.serve(*objects)
    numbers = iter(range(1000))

    def item(item: dict) -> dict:
        item["actions"]["download"].update(header={"X-Token": f"t{next(numbers)}"}, expires_in=1)
        return item

    server.on_item = item
    remote = bench.remote
    keys = [(object_key(pointer(data).oid), len(data)) for data in objects]
    remote.announce(keys)
    for (key, _), data in zip(keys * 2, objects * 2):
        assert b"".join(remote.get(key)) == data
    tokens = [request.headers["x-token"] for request in bench.scripted.asked if request.method == "GET"]
    assert len(set(tokens)) == 4, "each was used once"


def test_a_refusal_of_what_was_permitted_is_believed_the_second_time(bench: Bench) -> None:
    data = content(50)
    server = bench.serve(data)
    expired = iter([(403, {}, b"")])
    server.on_object = lambda request, oid: next(expired, None)
    assert bench.fetch(data) == []
    assert len(server.batches) == 2
    other = content(60)
    server.on_object = lambda request, oid: (403, {}, b"")
    server.objects[pointer(other).oid] = other
    with pytest.raises(AccessDenied):
        bench.fetch(other)


def test_an_upload_that_is_not_verified_has_failed(bench: Bench) -> None:
    data = content(50)
    server = bench.serve()
    server.on_object = lambda request, oid: (422, {}, b"{}") if request.path == "/verify" else None
    ((oid, error),) = bench.send(data)
    assert oid == pointer(data).oid and isinstance(error, ObjectRefused) and "not accept" in error.message


def test_an_object_that_is_too_large_is_refused_with_the_servers_words(bench: Bench) -> None:
    server = bench.serve()
    server.on_item = lambda item: {"oid": item["oid"], "error": {"code": 422, "message": "Size must be at most 10"}}
    ((_, error),) = bench.send(content(50))
    assert "Size must be at most 10" in error.message


def test_content_goes_in_chunks_where_the_server_wants_that(bench: Bench) -> None:
    data = content((1 << 20) + 5)
    server = bench.serve()

    def item(item: dict) -> dict:
        item["actions"]["upload"]["header"] = {"Transfer-Encoding": "chunked", "Content-Type": "x/y"}
        return item

    server.on_item = item
    assert bench.send(data) == [] and server.objects[pointer(data).oid] == data
    put = next(request for request in bench.scripted.asked if request.method == "PUT")
    assert put.headers["content-type"] == "x/y" and "content-length" not in put.headers


# -- secrets


def with_netrc(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    (place / "netrc").write_text("machine 127.0.0.1 login alice password secret\n")
    (place / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(place / "netrc"))


def test_credentials_go_to_the_server_and_its_header_to_where_it_says(
    bench: Bench, scripted: Callable[..., Scripted], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The server names a store, which redirects to another: neither sees the login, the last not even the header."""
    with_netrc(monkeypatch, tmp_path)
    data = content(50)
    server = bench.serve(data)
    last = scripted(lambda request: (200, {}, data))
    store = scripted(lambda request: (302, {"Location": f"http://{last.host}/there?X-Amz-Signature=abc"}, b""))
    login = {"LFS-Authenticate": 'Basic realm="LFS"', "Content-Type": MEDIA_TYPE}
    server.on_batch = lambda request, question: None if "authorization" in request.headers else (401, login, b"{}")

    def item(item: dict) -> dict:
        item["actions"]["download"] = {"href": f"http://{store.host}/x", "header": {"X-Secret": "s", "Authorization": "Token t"}}
        return item

    server.on_item = item
    assert bench.fetch(data) == []
    (to_store,), (to_last,) = store.asked, last.asked
    assert to_store.headers["x-secret"] == "s" and to_store.headers["authorization"] == "Token t"
    assert "x-secret" not in to_last.headers and "authorization" not in to_last.headers


def test_the_servers_own_objects_take_its_credentials_unless_it_has_seen_to_that(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with_netrc(monkeypatch, tmp_path)
    own, seen_to = content(50), content(60)
    server = bench.serve(own, seen_to)
    server.on_item = lambda item: {**item, "authenticated": True} if item["oid"] == pointer(seen_to).oid else item
    denied = {"WWW-Authenticate": "Basic"}
    server.on_batch = lambda request, question: None if "authorization" in request.headers else (401, denied, b"{}")
    assert bench.fetch(own, seen_to) == []
    logins = {r.path.rpartition("/")[2]: "authorization" in r.headers for r in bench.scripted.asked if r.method == "GET"}
    assert logins == {pointer(own).oid: True, pointer(seen_to).oid: False}


def test_an_upload_follows_redirects_with_its_content(bench: Bench, scripted: Callable[..., Scripted]) -> None:
    data = content(3 << 20)
    server = bench.serve()
    other = scripted(lambda request: (200, {}, b""))
    places = iter([f"/store/again/{pointer(data).oid}", f"http://{other.host}/there"])
    server.on_object = lambda request, oid: (
        (307, {"Location": next(places)}, b"") if request.method == "PUT" and "there" not in request.path else None
    )

    def item(item: dict) -> dict:
        item["actions"]["upload"]["header"] = {"X-Secret": "s"}
        return item

    server.on_item = item
    assert bench.send(data) == []
    puts = [request for request in (*bench.scripted.asked, *other.asked) if request.method == "PUT"]
    assert [request.body == data for request in puts] == [True] * 3
    assert ["x-secret" in request.headers for request in puts] == [True, True, False]


def test_a_header_of_gits_configuration_goes_to_the_server_alone(
    bench: Bench, scripted: Callable[..., Scripted], global_config: Path
) -> None:
    """As the action that checks out a repository on GitHub sets it."""
    data = content(50)
    server = bench.serve(data)
    store = scripted(lambda request: (200, {}, data))
    run("git", "config", "--global", f"http.http://{server.host}/.extraheader", "AUTHORIZATION: basic abc")
    server.on_batch = lambda request, question: None if request.headers.get("authorization") == "basic abc" else (401, {}, b"")

    def item(item: dict) -> dict:
        item["actions"]["download"]["href"] = f"http://{store.host}/x"
        return item

    server.on_item = item
    assert bench.fetch(data) == []
    assert "authorization" not in store.asked[0].headers


@pytest.mark.parametrize(
    "href",
    ["http://169.254.169.254/latest", "file:///etc/passwd", "ftp://example.com/x", "http://", "http://a:b@example.com/x", 7],
)
def test_where_nobody_should_go(bench: Bench, href: object) -> None:
    data = content(50)
    server = bench.serve(data)

    def item(item: dict) -> dict:
        item["actions"]["download"]["href"] = href
        return item

    server.on_item = item
    with pytest.raises(RemoteError):
        bench.fetch(data)


def test_what_came_by_https_does_not_go_on_without(
    scripted: Callable[..., Scripted], certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = content(50)
    server = Server(data)
    secure = scripted(server, certificate)
    server.host = "192.0.2.1:9"
    options = Options(settings={"cafile": str(certificate)})
    remote = open_remote(parse(f"lfs+https://localhost:{secure.port}/org/repo.git"), options)
    assert look(remote, [pointer(data)]).sizes
    remote.announce([(object_key(pointer(data).oid), 50)])
    with pytest.raises(RemoteError, match="without encryption"):
        list(remote.get(object_key(pointer(data).oid)))


def test_no_error_shows_what_gives_access(bench: Bench) -> None:
    data = content(50)
    server = bench.serve(data)

    def item(item: dict) -> dict:
        item["actions"]["download"]["href"] += "?opaque=s3cret"
        item["actions"]["download"]["header"] = {"X-Token": "t0ken"}
        return item

    server.on_item = item
    server.on_object = lambda request, oid: (400, {}, b"")
    ((_, error),) = bench.fetch(data)
    assert isinstance(error, ObjectRefused) and "400" in error.message and pointer(data).oid[:12] in error.message
    assert "s3cret" not in error.message and "t0ken" not in error.message


@pytest.mark.parametrize("url", ["lfs+https:///path", "lfs+https://host/path?x=1", "lfs+https://a:b@host/x", "lfs+ssh://-o/x"])
def test_addresses_that_make_no_sense(url: str) -> None:
    with pytest.raises(UsageError):
        open_remote(parse(url), Options())


# -- SSH


@pytest.fixture
def ssh(lfs_over_ssh: LfsOverSsh) -> LfsOverSsh:
    lfs_over_ssh.log()
    return lfs_over_ssh


def over_ssh(ssh: LfsOverSsh, repository: str, client: str = "openssh") -> Remote:
    return open_remote(parse(ssh.url(repository)), Options(settings={"sshclient": client}, ssh_command=ssh.sshd.command()))


def test_what_the_server_wants_to_be_told_again_is_told(bench: Bench, ssh: LfsOverSsh) -> None:
    repository = ssh.repository()
    (ssh.place(repository) / "token").write_text("t0ken")
    (ssh.place(repository) / "expires").write_text("1")
    objects = [content(50), content(2 << 20)]
    remote = over_ssh(ssh, repository)
    assert bench.send(*objects, remote=remote) == []
    assert ssh.objects(repository) == sorted(pointer(data).oid for data in objects)
    for data in objects:
        key = object_key(pointer(data).oid)
        assert b"".join(remote.get(key)) == data
        assert b"".join(remote.get(key, 10, 20)) == data[10:30]
    remote.close()
    asked = ssh.log()
    assert sum("verify-object" in line for line in asked) == 2 and sum(line.strip() == "quit" for line in asked) >= 2


def test_verification_over_ssh_can_fail(bench: Bench, ssh: LfsOverSsh) -> None:
    repository, data = ssh.repository(), content(50)
    (ssh.place(repository) / "refuse").write_text(pointer(data).oid)
    ((_, error),) = bench.send(data, remote=over_ssh(ssh, repository))
    assert isinstance(error, ObjectRefused) and "refused by policy" in error.message


def test_headers_that_ssh_gives_are_used_and_renewed(bench: Bench, ssh: LfsOverSsh) -> None:
    repository, data = ssh.repository(), content(50)
    server = bench.serve(data)
    given = {
        "href": f"http://{server.host}/org/repo.git/info/lfs",
        "header": {"Authorization": "RemoteAuth tok"},
        "expires_in": 1,
    }
    (ssh.place(repository) / "authenticate").write_text(json.dumps(given))
    server.on_batch = lambda request, question: (
        None if request.headers.get("authorization") == "RemoteAuth tok" else (401, {}, b"{}")
    )
    remote = over_ssh(ssh, repository)
    for _ in range(2):
        assert look(remote, [pointer(data)]).sizes == {pointer(data).oid: 50}
    remote.close()
    assert [line.split()[0] for line in ssh.log()] == ["git-lfs-transfer", *["git-lfs-authenticate"] * 2]


def test_a_repository_that_is_not_there(ssh: LfsOverSsh) -> None:
    remote = over_ssh(ssh, "/org/none.git")
    with pytest.raises(RemoteError, match="no such repository: /org/none.git"):
        look(remote, [pointer(b"x")])


def test_paramiko_does_as_well(bench: Bench, ssh: LfsOverSsh, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    ssh.sshd.write_home(tmp_path)
    repository, data = ssh.repository(), content(3000)
    remote = over_ssh(ssh, repository, "paramiko")
    assert bench.send(data, remote=remote) == []
    assert b"".join(remote.get(object_key(pointer(data).oid))) == data
    remote.close()


def test_a_source_that_changed_is_never_complete(bench: Bench, ssh: LfsOverSsh) -> None:
    repository, data = ssh.repository(), content(3 << 20)
    path = bench.place / "file"
    path.write_bytes(content(3 << 20))
    remote = over_ssh(ssh, repository)
    with pytest.raises(CorruptData):
        remote.put(object_key(pointer(data).oid), Source(len(data), pointer(data).oid, str(path)))
    assert ssh.objects(repository) == []
    remote.close()


# -- what is remembered


def test_a_push_asks_about_what_the_git_remote_does_not_have(
    scripted: Callable[..., Scripted], repo: Repo, tmp_path: Path
) -> None:
    """And about everything again when the git remote lost its history: the LFS server may have been made anew with it."""
    server = Server()
    server.host = scripted(server).host
    repo.data("remote", "add", "--local", "-d", "lfs", f"lfs+http://{server.host}/org/repo.git")
    origin = tmp_path / "origin.git"
    run("git", "init", "-q", "--bare", "--template=", origin)
    repo.git("remote", "add", "origin", str(origin))

    def asked() -> set[str]:
        oids = {item["oid"] for batch in server.batches for item in batch["objects"]}
        server.batches.clear()
        return oids

    first = [pointer(repo.write(f"{number}.bin", 100)).oid for number in range(3)]
    repo.commit("first")
    repo.git("push", "-q", "origin", "main")
    assert asked() == set(first)
    second = pointer(repo.write("3.bin", 100)).oid
    repo.commit("second")
    repo.git("push", "-q", "origin", "main")
    assert asked() == {second}
    shutil.rmtree(origin)
    server.objects.clear()
    run("git", "init", "-q", "--bare", "--template=", origin)
    third = pointer(repo.write("4.bin", 100)).oid
    repo.commit("third")
    repo.git("push", "-q", "origin", "main")
    assert asked() == {*first, second, third} == set(server.objects)

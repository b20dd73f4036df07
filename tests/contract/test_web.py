"""HTTP without WebDAV, what servers may do to us, and credentials."""

from __future__ import annotations

import base64
import hashlib
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from helpers import content
from servers.web import HTPASSWD, PASSWORD, USER, Request, Running, Scripted, free_port, make_certificate, nginx, rclone

from git_data.errors import AccessDenied, ConfigError, CorruptData, GitDataError, NotOnRemote, RemoteError, RemoteUnavailable
from git_data.remote import credentials
from git_data.remote.address import parse
from git_data.remote.base import Options, Remote, Source
from git_data.remote.http_errors import retry_after
from git_data.remote.registry import open_remote

DATA = content(300_000, seed=7)
KEY = "objects/sha256/ab/abcd"
Start = Callable[..., Scripted]


def remote_at(url: str, idle_s: float = 20.0, **settings: str) -> Remote:
    return open_remote(parse(url), Options("store", settings, idle_s=idle_s))


def source(data: bytes) -> Source:
    return Source(len(data), hashlib.sha256(data).hexdigest(), content=data)


def fill(root: Path) -> None:
    folder = open_remote(parse(str(root)), Options())
    for key, data in ((KEY, DATA), ("layout", b"layout 1\n"), ("odd/with space+&%41~", b"odd")):
        folder.put(key, source(data))


def fetched(remote: Remote, key: str, start: int = 0, length: int | None = None) -> bytes:
    return b"".join(remote.get(key, start, length))


def always(status: int, body: bytes = b"", **headers: str) -> Callable[[Request], tuple[int, dict[str, str], bytes]]:
    """A script with one answer; underscores in names of headers stand for dashes."""
    return lambda request: (status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


# -- a static tree


@pytest.fixture(params=["nginx", "rclone serve http"])
def static(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Remote]:
    if request.param == "nginx":
        running = request.getfixturevalue("nginx_static")
        fill(running.root / tmp_path.name)
        yield remote_at(f"http://{running.host}/{tmp_path.name}")
        return
    with rclone("http", tmp_path / "rclone") as running:
        fill(running.root / "tree")
        yield remote_at(f"http://{running.host}/tree/")


def test_a_static_tree_can_be_read(static: Remote) -> None:
    assert fetched(static, KEY) == DATA
    assert static.requests == 1
    assert static.read("layout")[0] == b"layout 1\n"
    assert static.read("odd/with space+&%41~")[0] == b"odd"
    entry = static.stat(KEY)
    assert entry is not None and entry.size == len(DATA) and entry.time_s > 1e9
    assert static.get_many([(KEY, len(DATA)), ("layout", 9), (KEY, 99)]) == [DATA, b"layout 1\n", DATA[:100]]


@pytest.mark.parametrize(("start", "length"), [(0, 1), (1, None), (200_000, 500), (299_999, 9), (300_000, None), (5, 0)])
def test_parts_of_a_static_tree_can_be_read(static: Remote, start: int, length: int | None) -> None:
    assert fetched(static, KEY, start, length) == DATA[start:][:length]


def test_what_a_static_tree_lacks_is_not_there(static: Remote) -> None:
    assert static.stat("objects/nothing") is None
    assert static.stat("objects/sha256") is None
    with pytest.raises(NotOnRemote):
        fetched(static, "objects/nothing")
    answers = static.get_many([("objects/nothing", 5), ("layout", 9)])
    assert isinstance(answers[0], NotOnRemote) and answers[1] == b"layout 1\n"


def test_a_static_tree_is_read_only_and_says_so(static: Remote) -> None:
    assert (static.traits.writable, static.traits.listing, static.traits.create, static.traits.swap) == (
        False,
        "none",
        False,
        False,
    )
    before = static.requests
    for attempt in (
        lambda: static.put("key", source(b"data")),
        lambda: static.create("key", b"data"),
        lambda: static.delete(["layout"]),
        lambda: list(static.list("")),
    ):
        with pytest.raises(RemoteError, match="read-only"):
            attempt()
    assert static.requests == before, "whether it speaks WebDAV is asked once"


def test_reading_does_not_ask_for_webdav_and_opening_asks_nothing(scripted: Start) -> None:
    server = scripted(always(200, b"data"))
    remote = remote_at(f"http://{server.host}/x")
    assert (remote.traits.ranges, remote.traits.workers > 1, server.asked) == (True, True, [])
    assert fetched(remote, "key") == b"data"
    assert [request.method for request in server.asked] == ["GET"]


def test_anybody_can_open_the_url_of_an_object(static: Remote) -> None:
    assert static.public_url("odd/with space", 60).endswith("/odd/with%20space")


@pytest.mark.parametrize("key", ["../secret", "a/../b", "/etc/passwd", "a//b", "."])
def test_keys_that_lead_elsewhere_are_refused(static: Remote, key: str) -> None:
    with pytest.raises(RemoteError, match="no key"):
        fetched(static, key)


# -- WebDAV


def test_webdav_without_propfind_stores_but_does_not_list(nginx_webdav_without_listings: Running, tmp_path: Path) -> None:
    remote = remote_at(f"webdav://{nginx_webdav_without_listings.host}/{tmp_path.name}/deep/er")
    assert (remote.traits.writable, remote.traits.listing, remote.traits.create) == (True, "none", False)
    assert (remote.create("first", b"mine"), remote.create("first", b"yours")) == (True, False)
    remote.put(KEY, source(DATA))
    assert fetched(remote, KEY) == DATA
    with pytest.raises(RemoteError, match="405"):
        list(remote.list(""))


def test_old_temporaries_are_swept_and_young_ones_kept(rclone_webdav: Running, tmp_path: Path) -> None:
    place = rclone_webdav.root / tmp_path.name / "tmp"
    place.mkdir(parents=True)
    for name, age_s in (("git-data-tmp-old", 8 * 86400), ("git-data-tmp-young", 86400), ("somebody-elses", 99 * 86400)):
        (place / name).write_bytes(b"x")
        now = (place / name).stat().st_mtime
        os.utime(place / name, (now - age_s, now - age_s))
    remote_at(f"webdav://{rclone_webdav.host}/{tmp_path.name}").put(KEY, source(DATA))
    assert sorted(path.name for path in place.iterdir()) == ["git-data-tmp-young", "somebody-elses"]


class Store:
    """A small WebDAV server as a script, with the habits of servers we have no program of."""

    def __init__(self, moves: int = 201, conditions: bool = False) -> None:
        self.files: dict[str, bytes] = {}
        self.moves = moves
        self.conditions = conditions

    def __call__(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        have = self.files.get(request.path)
        tag = f'"{hashlib.sha256(have).hexdigest()}"' if have is not None else ""
        if request.method == "PUT":
            never, only = request.headers.get("if-none-match"), request.headers.get("if-match")
            if self.conditions and ((never == "*" and have is not None) or (only and only != tag)):
                return 412, {}, b""
            self.files[request.path] = request.body
            return 201, {}, b""
        if request.method == "MOVE":
            if self.moves < 300:
                self.files["/" + request.headers["destination"].split("/", 3)[3]] = self.files.pop(request.path)
            return self.moves, {}, b""
        if request.method in ("GET", "HEAD"):
            return (404, {}, b"") if have is None else (200, {"ETag": tag}, have)
        if request.method == "DELETE":
            return 204 if self.files.pop(request.path, None) is not None else 404, {}, b""
        return (201 if request.method == "MKCOL" else 405), {}, b""


@pytest.mark.parametrize("status", [403, 405, 501, 502])
def test_a_server_that_does_not_move_gets_the_content_directly(scripted: Start, status: int) -> None:
    store = Store(moves=status)
    server = scripted(store)
    remote = remote_at(f"webdav://{server.host}/x")
    remote.put("key", source(DATA))
    remote.put("other", source(DATA))
    assert store.files == {"/x/key": DATA, "/x/other": DATA}
    assert sum(request.method == "MOVE" for request in server.asked) <= 3
    broken = Source(len(DATA), hashlib.sha256(b"else").hexdigest(), content=DATA)
    with pytest.raises(CorruptData):
        remote.put("wrong", broken)
    assert "/x/wrong" not in store.files


def test_conditions_are_relied_on_where_they_are_honoured(scripted: Start) -> None:
    store = Store(moves=405, conditions=True)
    remote = remote_at(f"webdav://{scripted(store).host}/x")
    assert (remote.traits.create, remote.traits.swap) == (True, True)
    assert set(store.files) == set(), "the scratch files are gone"
    assert (remote.create("k", b"one"), remote.create("k", b"two")) == (True, False)
    tag = remote.read("k")[1]
    assert (remote.swap("k", b"three", tag), remote.swap("k", b"four", tag)) == (True, False)
    assert store.files == {"/x/k": b"three"}


def test_a_server_that_ignores_all_conditions_is_not_called_atomic(scripted: Start) -> None:
    remote = remote_at(f"webdav://{scripted(Store()).host}/x")
    assert (remote.traits.create, remote.traits.swap) == (False, False)
    assert (remote.create("k", b"one"), remote.create("k", b"two")) == (True, False)
    with pytest.raises(RemoteError, match="on condition"):
        remote.swap("k", b"three", "tag")


def test_who_holds_the_lock_for_too_long_changes_nothing(
    rclone_webdav: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"webdav://{rclone_webdav.host}/{tmp_path.name}"
    remote = remote_at(url)
    assert (remote.traits.create, remote.traits.swap) == (True, True)
    remote.put("manifest", source(b"one"))
    tag = remote.read("manifest")[1]
    with monkeypatch.context() as patch:
        patch.setattr("git_data.remote.webdav_lock._SAFE_S", -1.0)
        with pytest.raises(RemoteUnavailable, match="too long"):
            remote.swap("manifest", b"two", tag)
        with pytest.raises(RemoteUnavailable, match="too long"):
            remote.create("new", b"two")
    assert remote.read("manifest")[0] == b"one" and remote.stat("new") is None
    assert [path.name for path in (rclone_webdav.root / tmp_path.name / "tmp").glob("git-data-tmp-*")] == []
    assert remote_at(url).swap("manifest", b"two", tag), "the lock was given back"


def test_a_collection_that_vanished_is_made_again(rclone_webdav: Running, tmp_path: Path) -> None:
    remote = remote_at(f"webdav://{rclone_webdav.host}/{tmp_path.name}")
    for _ in range(2):
        remote.put("deep/er/key", source(b"small"))
        remote.put("deep/er/large", source(DATA))
        assert sorted(entry.key for entry in remote.list("")) == ["deep/er/key", "deep/er/large"]
        remote.delete(["deep"])


def test_a_content_file_that_vanishes_is_not_blamed_on_the_network(scripted: Start, tmp_path: Path) -> None:
    remote = remote_at(f"webdav://{scripted(Store()).host}/x")
    with pytest.raises(OSError, match="No such file"):
        remote.put("key", Source(1 << 20, "0" * 64, str(tmp_path / "gone")))


def multistatus(*hrefs: str, head: str = "") -> bytes:
    prop = "<D:prop><D:resourcetype>{}</D:resourcetype><D:getcontentlength>5</D:getcontentlength></D:prop>"
    one = "<D:response><D:href>{}</D:href><D:propstat>" + prop + "<D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>"
    entries = "".join(one.format(href, "<D:collection/>" if href.endswith("/") else "") for href in hrefs)
    return f'<?xml version="1.0"?>{head}<D:multistatus xmlns:D="DAV:">{entries}</D:multistatus>'.encode()


@pytest.mark.parametrize(
    "href",
    [
        "/elsewhere/key",
        "/base/../secret",
        "/base/%2e%2e",
        "/base/..",
        "/base/a%2Fb",
        "/base/a/b",
        "/base/%00",
        "/base/a%0ab",
        "/basement",
        "/base/",
        "/base/./",
        "",
        "base/relative",
        "/base/%ff",
        "https://[bad/base/x",
    ],
)
def test_what_a_listing_says_of_other_places_is_left_out(scripted: Start, href: str) -> None:
    server = scripted(always(207, multistatus("/base/", href, "/base/good%20one")))
    assert [entry.key for entry in remote_at(f"webdav://{server.host}/base").list("")] == ["good one"]


def test_absolute_urls_in_a_listing_are_understood(scripted: Start) -> None:
    server = scripted(always(207, multistatus("http://other.name/base/", "http://other.name:99/base/key")))
    assert [(entry.key, entry.size) for entry in remote_at(f"webdav://{server.host}/base").list("")] == [("key", 5)]


def test_a_listing_that_never_ends_downwards_ends(scripted: Start) -> None:
    server = scripted(lambda request: (207, {}, multistatus(request.path, request.path + "again/")))
    assert list(remote_at(f"webdav://{server.host}/base").list("")) == []


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    "body",
    [
        multistatus("/base/&b;", head=BOMB),
        multistatus("/base/&f;", head='<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>'),
        multistatus("/base/x", head='<!DOCTYPE x SYSTEM "http://127.0.0.1:9/dtd">'),
        multistatus("/base/x")
        .decode()
        .replace('"1.0"', '"1.0" encoding="utf-16"')
        .replace("?>", f"?>{BOMB}", 1)
        .encode("utf-16"),
        multistatus("/base/x")[:-9],
        b"<html><p>Welcome",
        b"",
        b"\xff\xfe\x00",
    ],
    ids=["bomb", "file", "external", "utf-16", "cut off", "html", "empty", "garbage"],
)
def test_a_listing_that_is_none_is_refused(scripted: Start, body: bytes) -> None:
    server = scripted(always(207, body))
    with pytest.raises(RemoteError, match="the listing"):
        list(remote_at(f"webdav://{server.host}/base").list(""))


# -- answers


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RemoteError),
        (403, AccessDenied),
        (404, NotOnRemote),
        (408, RemoteUnavailable),
        (410, NotOnRemote),
        (413, RemoteError),
        (425, RemoteUnavailable),
        (429, RemoteUnavailable),
        (500, RemoteUnavailable),
        (502, RemoteUnavailable),
        (503, RemoteUnavailable),
        (504, RemoteUnavailable),
        (507, RemoteError),
    ],
)
def test_each_status_has_its_error(scripted: Start, status: int, kind: type[GitDataError]) -> None:
    server = scripted(always(status, b"sorry\x1b[31m\nmore", Content_Type="text/plain"))
    with pytest.raises(GitDataError) as raised:
        fetched(remote_at(f"http://{server.host}/x"), "key")
    assert type(raised.value) is kind
    assert f"{server.host}/x/key: {status}" in raised.value.message and "sorry" in raised.value.message
    assert "\x1b" not in raised.value.message and "more" not in raised.value.message


def test_a_server_says_how_long_to_wait(scripted: Start) -> None:
    server = scripted(always(503, Retry_After="17"))
    with pytest.raises(RemoteUnavailable) as raised:
        fetched(remote_at(f"http://{server.host}/x"), "key")
    assert raised.value.retry_after_s == 17


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        ("Sat, 01 Jan 2000 00:00:30 GMT", 30),
        ("Fri, 31 Dec 1999 00:00:00 GMT", 0),
        ("soon", 0),
        ("-5", 0),
        ("", 0),
    ],
)
def test_retry_after_is_a_number_or_a_date_by_the_clock_of_the_server(text: str, seconds: float) -> None:
    assert retry_after({"Retry-After": text, "Date": "Sat, 01 Jan 2000 00:00:00 GMT"}) == seconds


@pytest.mark.parametrize("headers", [{"Content-Length": "5000"}, {"Content-Length": "", "Transfer-Encoding": "chunked"}])
def test_a_body_that_breaks_off_is_noticed(scripted: Start, headers: dict[str, str]) -> None:
    body = b"x" * 100 if "Transfer-Encoding" not in headers else b"400\r\nonly this"
    remote = remote_at(f"http://{scripted(lambda request: (200, headers, body)).host}/x")
    with pytest.raises(RemoteUnavailable, match="early|broke"):
        fetched(remote, "key")
    with pytest.raises(RemoteUnavailable, match="early|broke"):
        remote.get_many([("key", 5000)])


def test_a_server_without_ranges_is_coped_with(scripted: Start) -> None:
    remote = remote_at(f"http://{scripted(always(200, DATA)).host}/x")
    assert fetched(remote, "key", 1000) == DATA[1000:]
    assert fetched(remote, "key", 250_000, 17) == DATA[250_000:250_017]
    assert fetched(remote, "key", len(DATA)) == b""


def test_another_range_than_the_one_asked_for_is_refused(scripted: Start) -> None:
    remote = remote_at(f"http://{scripted(always(206, b'abc', Content_Range='bytes 0-2/300')).host}/x")
    with pytest.raises(RemoteError, match="another part"):
        fetched(remote, "key", 5)


def test_compressed_answers_are_refused_unopened(scripted: Start) -> None:
    server = scripted(always(200, b"\x1f\x8b" + b"\0" * 100, Content_Encoding="gzip"))
    remote = remote_at(f"http://{server.host}/x")
    with pytest.raises(RemoteError, match="compressed"):
        fetched(remote, "key")
    assert server.asked[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("status", [403, 405, 501])
def test_where_head_is_not_allowed_the_first_byte_tells_the_size(scripted: Start, status: int) -> None:
    def script(request: Request) -> tuple[int, dict[str, str], bytes]:
        if request.method == "HEAD":
            return status, {}, b""
        if request.path.endswith("nothing"):
            return 404, {}, b""
        return 206, {"Content-Range": "bytes 0-0/4321", "ETag": '"t"'}, b"a"

    remote = remote_at(f"http://{scripted(script).host}/x")
    entry = remote.stat("key")
    assert entry is not None and (entry.size, entry.tag) == (4321, '"t"')
    assert remote.stat("nothing") is None


def test_nobody_there() -> None:
    with pytest.raises(RemoteUnavailable, match="refused"):
        fetched(remote_at(f"http://127.0.0.1:{free_port()}/x"), "key")
    with pytest.raises(RemoteUnavailable, match="'nowhere.invalid' .*cannot be found"):
        fetched(remote_at("http://nowhere.invalid/x"), "key")


def test_a_server_may_take_its_time_to_receive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("git_data.remote.http_client.CONNECT_S", 0.1)
    data = content(24 << 20)
    answers = {
        b"MKCOL": b"405 No",
        b"PROPF": b"404 No",
        b"HEAD ": b"200 OK",
        b"PUT /": b"201 Made",
        b"MOVE ": b"201 Moved",
        b"DELET": b"204 No",
    }

    def serve(listening: socket.socket) -> None:
        connection = listening.accept()[0]
        with connection, connection.makefile("rb") as file:
            while line := file.readline():
                length = 0
                while (header := file.readline().strip()) != b"":
                    name, _, value = header.partition(b":")
                    length = int(value) if name.lower() == b"content-length" else length
                if line.startswith(b"PUT"):
                    time.sleep(0.5)  # longer than what connecting may take
                file.read(length)
                connection.sendall(b"HTTP/1.1 " + answers[line[:5]] + b"\r\nContent-Length: 0\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,), daemon=True)
        thread.start()
        remote = remote_at(f"webdav://127.0.0.1:{listening.getsockname()[1]}/x")
        remote.put("key", source(data))
        remote.close()
        thread.join(10)
        assert not thread.is_alive(), "closing gives up connections"


def test_proxies_of_the_environment_are_used(scripted: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = scripted(always(200, b"by the proxy"))
    monkeypatch.setenv("http_proxy", f"http://me:pr0xy@{proxy.host}")
    monkeypatch.setenv("no_proxy", "direct.invalid")
    assert fetched(remote_at("http://store.invalid/x"), "key") == b"by the proxy"
    assert proxy.asked[0].path == "http://store.invalid/x/key" and "proxy-authorization" in proxy.asked[0].headers
    with pytest.raises(RemoteUnavailable, match="cannot be found"):
        fetched(remote_at("http://direct.invalid/x"), "key")
    monkeypatch.setenv("http_proxy", f"http://me:pr0xy@127.0.0.1:{free_port()}")
    with pytest.raises(RemoteUnavailable) as raised:
        fetched(remote_at("http://store.invalid/x"), "key")
    assert "pr0xy" not in str(raised.value)


def test_a_silent_server_is_given_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        with pytest.raises(RemoteUnavailable, match="in time"):
            fetched(remote_at(f"http://127.0.0.1:{listening.getsockname()[1]}/x", idle_s=0.2), "key")


# -- redirects


@pytest.fixture
def two_servers(
    scripted: Start, tmp_path: Path, global_config: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Running, Scripted]:
    """nginx, which redirects with a login, and the other host."""
    other = scripted(always(200, b"from the other host"))
    (tmp_path / "netrc").write_text(f'machine 127.0.0.1 login {USER} password "{PASSWORD}"\n')
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    return Running(free_port(), tmp_path), other


def test_a_redirect_to_another_host_is_followed_without_credentials(
    two_servers: tuple[Running, Scripted], tmp_path: Path
) -> None:
    first, other = two_servers
    (tmp_path / "htpasswd").write_text(HTPASSWD)
    block = f"""
    server {{
        listen 127.0.0.1:{first.port};
        auth_basic "here";
        auth_basic_user_file {tmp_path}/htpasswd;
        location / {{ try_files /none @other; }}
        location @other {{ return 302 http://{other.host}$request_uri; }}
    }}"""
    with nginx(tmp_path / "nginx", first.port, block):
        remote = remote_at(f"http://{first.host}/x")
        assert fetched(remote, "key") == b"from the other host"
        assert remote.stat("key") is not None
        assert remote.requests == 5, "the first host got the login: 401, 302, the other; 302, the other"
        assert [request.path for request in other.asked] == ["/x/key", "/x/key"]
        for request in other.asked:
            assert "authorization" not in request.headers and "cookie" not in request.headers
        with pytest.raises(RemoteError, match=f"redirects to http://{other.host}"):
            open_remote(parse(f"webdav://{first.host}/x"), Options()).put("key", source(b"data"))


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("http://169.254.169.254/latest/meta-data/", "metadata"),
        ("http://metadata.google.internal/", "metadata"),
        ("file:///etc/passwd", "nowhere"),
        ("ftp://example.com/", "nowhere"),
        ("http://user:secret@example.com/", "password"),
        ("http://[bad", "nowhere"),
        ("", "nowhere"),
        ("key", "more than 5"),
    ],
)
def test_redirects_to_where_nobody_should_go(scripted: Start, location: str, said: str) -> None:
    server = scripted(always(302, Location=location))
    with pytest.raises(RemoteError, match=said) as raised:
        fetched(remote_at(f"http://{server.host}/x"), "key")
    assert "secret" not in str(raised.value)
    assert len(server.asked) <= 6


# -- TLS


def test_a_certificate_nobody_vouches_for_is_refused(scripted: Start, certificate: Path) -> None:
    server = scripted(always(200, b"data"), certificate)
    with pytest.raises(RemoteError, match="self.signed") as raised:
        fetched(remote_at(f"https://{server.host}/x"), "key")
    assert not raised.value.retryable and "cafile" in raised.value.hint
    assert fetched(remote_at(f"https://{server.host}/x", cafile=str(certificate)), "key") == b"data"


def test_a_certificate_for_another_name_is_refused(scripted: Start, tmp_path: Path) -> None:
    other = make_certificate(tmp_path, "DNS:other.example,IP:127.0.0.9")
    server = scripted(always(200, b"data"), other)
    with pytest.raises(RemoteError, match="127.0.0.1") as raised:
        fetched(remote_at(f"https://{server.host}/x", cafile=str(other)), "key")
    assert not raised.value.retryable and server.asked == []


def test_certificates_can_come_from_the_environment(scripted: Start, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = scripted(always(200, b"data"), certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert fetched(remote_at(f"https://{server.host}/x"), "key") == b"data"
    monkeypatch.delenv("SSL_CERT_FILE")
    monkeypatch.setenv("GIT_SSL_CAINFO", str(certificate))
    assert fetched(remote_at(f"https://{server.host}/x"), "key") == b"data"
    with pytest.raises(ConfigError, match="cannot be read"):
        fetched(remote_at(f"https://{server.host}/x", cafile="/nowhere.pem"), "key")


def test_a_redirect_that_drops_encryption_is_refused(scripted: Start, certificate: Path) -> None:
    plain = scripted(always(200, b"plain"))
    secure = scripted(always(301, Location=f"http://{plain.host}/x"), certificate)
    with pytest.raises(RemoteError, match="not encrypted"):
        fetched(remote_at(f"https://{secure.host}/x", cafile=str(certificate)), "key")
    assert plain.asked == []


# -- credentials


@pytest.fixture
def private(nginx_static: Running, tmp_path: Path, global_config: Path) -> str:
    """The URL of a tree that wants a login; git asks a helper that keeps a diary."""
    fill(nginx_static.root / "private" / tmp_path.name)
    helper = tmp_path / "helper"
    helper.write_text(
        f'#!/bin/sh\necho "$1" >> {tmp_path}/diary\ncat >> {tmp_path}/asked\n'
        f'[ "$1" = get ] && [ -e {tmp_path}/answer ] && cat {tmp_path}/answer\nexit 0\n'
    )
    helper.chmod(0o755)
    subprocess.run(["git", "config", "--global", "credential.helper", str(helper)], check=True)
    return f"http://{nginx_static.host}/private/{tmp_path.name}"


def diary(tmp_path: Path) -> list[str]:
    path = tmp_path / "diary"
    return path.read_text().split() if path.exists() else []


def test_a_login_comes_from_netrc(private: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text(f'machine 127.0.0.1 login {USER} password "{PASSWORD}"\n')
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    remote = remote_at(private)
    assert fetched(remote, KEY) == DATA
    assert remote.read("layout")[0] == b"layout 1\n"
    assert remote.requests == 3, "one 401, then the login is sent at once"
    assert diary(tmp_path) == []


def test_a_login_comes_from_gits_helpers_and_is_approved(private: str, tmp_path: Path) -> None:
    (tmp_path / "answer").write_text(f"username={USER}\npassword={PASSWORD}\n")
    remote = remote_at(private)
    with ThreadPoolExecutor(8) as pool:
        assert all(data == DATA for data in pool.map(lambda _: fetched(remote, KEY), range(24)))
    assert diary(tmp_path) == ["get", "store"], "asked once, approved once"


def test_the_store_helper_of_git_works(private: str, tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    host = parse(private)
    file.write_text(f"http://{USER}:pass%20word%3a1@{host.host}:{host.port}\n")
    subprocess.run(["git", "config", "--global", "credential.helper", f"store --file {file}"], check=True)
    assert fetched(remote_at(private), KEY) == DATA


def test_a_wrong_password_is_rejected_and_not_shown(private: str, tmp_path: Path) -> None:
    (tmp_path / "answer").write_text(f"username={USER}\npassword=wr0ng-and-secret\n")
    remote = remote_at(private)
    for _ in range(2):
        with pytest.raises(AccessDenied) as raised:
            fetched(remote, KEY)
        assert "401" in raised.value.message and "git credential" in raised.value.hint
        assert "wr0ng" not in raised.value.message + raised.value.hint
    assert diary(tmp_path) == ["get", "erase"]


def test_where_netrc_is_wrong_git_is_asked(private: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login bob password old\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    (tmp_path / "answer").write_text(f"username={USER}\npassword={PASSWORD}\n")
    assert fetched(remote_at(private), KEY) == DATA


def test_without_a_login_it_is_said_how_to_give_one(private: str) -> None:
    with pytest.raises(AccessDenied, match="name and a password") as raised:
        fetched(remote_at(private), KEY)
    assert "git credential approve" in raised.value.hint and "netrc" in raised.value.hint


def test_a_netrc_that_is_broken_is_reported_without_its_words(
    private: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login bob\nhunter2 password\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with pytest.raises(AccessDenied):
        fetched(remote_at(private), KEY)
    said = capsys.readouterr().err
    assert "netrc" in said and "hunter2" not in said


def test_webdav_with_a_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text(f'machine 127.0.0.1 login {USER} password "{PASSWORD}"\n')
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with rclone("webdav", tmp_path / "rclone", "--user", USER, "--pass", PASSWORD) as running:
        remote = remote_at(f"http://{running.host}/place")
        remote.put(KEY, source(content(3 << 20)))
        assert [entry.size for entry in remote.list("")] == [3 << 20]


@pytest.mark.parametrize(
    ("host", "inside"),
    [("127.0.0.1", True), ("localhost", True), ("127.8.9.1", True), ("::1", True)]
    + [(host, False) for host in ("example.com", "127.example.com", "localhost.example.com", "10.0.0.1", "0.0.0.0", "")],
)
def test_which_hosts_are_this_machine(host: str, inside: bool) -> None:
    assert credentials.is_loopback(host) is inside


def test_passwords_are_not_sent_unencrypted_to_other_machines(
    global_config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine example.com login me password mine\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    plain = credentials.Credentials("http://example.com/x", name="store")
    with pytest.raises(AccessDenied, match="unencrypted") as raised:
        plain.ask("", 'Basic realm="x"', "http://example.com/x")
    assert "data.store.allowplainhttp" in raised.value.hint
    expected = "Basic " + base64.b64encode(b"me:mine").decode()
    assert credentials.Credentials("http://example.com/x", allow_plain=True).ask("", "Basic", "") == expected
    assert credentials.Credentials("https://example.com/x").ask("", 'Digest realm="y", Basic realm="x"', "") == expected


@pytest.mark.parametrize("challenge", ['Digest realm="x", nonce="Basic"', "Bearer", 'Bearer realm="a, Basic b"', "Negotiate", ""])
def test_other_ways_to_log_in_are_refused_by_name(challenge: str) -> None:
    with pytest.raises(AccessDenied, match="Basic"):
        credentials.Credentials("https://example.com/").ask("", challenge, "https://example.com/")


def test_a_login_is_for_one_origin() -> None:
    login = credentials.Credentials("https://example.com/x")
    assert login.covers("https://EXAMPLE.com:443/other")
    for url in (
        "http://example.com/x",
        "https://example.com:8443/x",
        "https://www.example.com/x",
        "https://example.com.evil.org/",
    ):
        assert not login.covers(url)

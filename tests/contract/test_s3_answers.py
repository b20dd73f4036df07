"""What S3 servers may answer: refusals, moved buckets, bodies that end early, ranges that were not understood."""

from __future__ import annotations

import hashlib
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from servers.seaweedfs import KEY_ID, SECRET, use_keys
from servers.web import Request, Scripted

from git_data.errors import AccessDenied, FileSystemError, GitDataError, NotOnRemote, RemoteError, RemoteUnavailable
from git_data.remote.address import parse
from git_data.remote.base import Options, Source
from git_data.remote.s3 import S3, open_remote

Answer = tuple[int, dict[str, str], bytes]
Start = Callable[..., Scripted]
DATA = bytes(range(256)) * 40


def refusal(status: int, code: str, more: str = "", headers: dict[str, str] | None = None) -> Answer:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>Not &lt;so&gt;.</Message>{more}</Error>"
    return status, headers or {}, body.encode()


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    use_keys(monkeypatch)


def at(server: Scripted, scheme: str = "http", **settings: str) -> S3:
    options = Options(name="store", settings={"endpoint": f"{scheme}://localhost:{server.port}", **settings}, idle_s=5)
    return open_remote(parse("s3://bucket/prefix"), options)


def always(answer: Answer) -> Callable[[Request], Answer]:
    return lambda request: answer


@pytest.mark.parametrize(
    ("answer", "kind", "said", "hint"),
    [
        (refusal(404, "NoSuchKey"), NotOnRemote, "'key' on s3://bucket/prefix is not there", ""),
        (refusal(404, "NoSuchBucket"), RemoteError, "bucket 'bucket' does not exist", "aws s3 mb s3://bucket"),
        (refusal(403, "AccessDenied"), AccessDenied, "access is denied", "aws sts get-caller-identity"),
        (refusal(403, "InvalidAccessKeyId"), AccessDenied, "access key is not known", "aws configure"),
        (refusal(403, "SignatureDoesNotMatch"), AccessDenied, "secret key", "aws configure"),
        (refusal(400, "ExpiredToken"), AccessDenied, "have expired", "aws sso login"),
        (refusal(403, "RequestTimeTooSkewed"), AccessDenied, "clock", "date"),
        (refusal(503, "SlowDown"), RemoteUnavailable, "503 SlowDown (Not <so>.)", ""),
        (refusal(500, "InternalError"), RemoteUnavailable, "500 InternalError", ""),
        (refusal(429, "TooManyRequests"), RemoteUnavailable, "429", ""),
        ((502, {}, b"<html>Bad gateway</html>"), RemoteUnavailable, "502", ""),
        (refusal(501, "NotImplemented"), RemoteError, "501 NotImplemented", ""),
        (
            refusal(400, "AuthorizationHeaderMalformed", "<Region>eu-west-3</Region>"),
            RemoteError,
            "region 'eu-west-3', not 'us-east-1'",
            "git config data.store.region eu-west-3",
        ),
    ],
)
def test_refusals_say_what_to_do(scripted: Start, answer: Answer, kind: type[GitDataError], said: str, hint: str) -> None:
    remote = at(scripted(always(answer)))
    with pytest.raises(GitDataError) as caught:
        remote.read("key")
    assert type(caught.value) is kind
    assert said in caught.value.message and hint in caught.value.hint
    assert KEY_ID not in str(caught.value) + caught.value.hint and SECRET not in str(caught.value) + caught.value.hint


def test_what_the_server_asks_to_wait_is_passed_on(scripted: Start) -> None:
    remote = at(scripted(always(refusal(503, "SlowDown", headers={"Retry-After": "7"}))))
    with pytest.raises(RemoteUnavailable) as caught:
        remote.stat("key")
    assert caught.value.retry_after_s == 7


def test_a_refused_look_is_no_missing_key(scripted: Start) -> None:
    with pytest.raises(AccessDenied):
        at(scripted(always((403, {}, b"")))).stat("key")


def test_a_body_that_ends_early_is_worth_another_try(scripted: Start) -> None:
    remote = at(scripted(always((200, {"Content-Length": str(len(DATA) + 5)}, DATA))))
    with pytest.raises(RemoteUnavailable, match="too early"):
        b"".join(remote.get("key"))
    with pytest.raises(RemoteUnavailable):
        remote.read("key")


@pytest.mark.parametrize(("start", "length"), [(0, 100), (5000, None), (5000, 17), (len(DATA) + 1, None)])
def test_a_server_without_ranges_sends_everything_and_the_rest_is_left_out(
    scripted: Start, start: int, length: int | None
) -> None:
    remote = at(scripted(always((200, {}, DATA))))
    assert b"".join(remote.get("key", start, length)) == DATA[start:][:length]


def test_bodies_may_come_in_chunks_or_until_the_connection_ends(scripted: Start) -> None:
    chunked = b"%x\r\n%s\r\n5;more=1\r\nabcde\r\n0\r\nTrailer: x\r\n\r\n" % (len(DATA), DATA)
    server = scripted(always((200, {"Content-Length": "", "Transfer-Encoding": "chunked"}, chunked)))
    remote = at(server)
    for _ in range(3):
        assert b"".join(remote.get("key")) == DATA + b"abcde"
        assert remote.read("key")[0] == DATA + b"abcde"
    cut = at(
        scripted(always((200, {"Content-Length": "", "Transfer-Encoding": "chunked", "Connection": "close"}, chunked[:500])))
    )
    with pytest.raises(RemoteUnavailable):
        cut.read("key")
    closing = at(scripted(always((200, {"Content-Length": "", "Connection": "close"}, DATA))))
    assert b"".join(closing.get("key")) == DATA


def test_redirects_to_other_hosts_are_not_followed(scripted: Start) -> None:
    elsewhere = scripted(always((200, {}, DATA)))
    moved = scripted(always((307, {"Location": f"http://{elsewhere.host}/bucket/prefix/key"}, b"")))
    with pytest.raises(RemoteError):
        at(moved).read("key")
    assert elsewhere.asked == []


def test_settings_for_what_is_stored_are_sent_and_signed(scripted: Start) -> None:
    server = scripted(always((200, {}, b"")))
    remote = at(server, sse="aws:kms", ssekmskeyid="alias/data", storageclass="STANDARD_IA")
    assert remote.create("key", b"content")
    [asked] = server.asked
    for name, value in {
        "x-amz-server-side-encryption": "aws:kms",
        "x-amz-server-side-encryption-aws-kms-key-id": "alias/data",
        "x-amz-storage-class": "STANDARD_IA",
        "if-none-match": "*",
    }.items():
        assert asked.headers[name] == value and name in asked.headers["authorization"]


def test_checksums_can_be_switched_off(scripted: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    server = scripted(always((200, {}, b"")))
    at(server).create("key", b"content")
    monkeypatch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")
    at(server).create("key", b"content")
    assert ["x-amz-checksum-sha256" in asked.headers for asked in server.asked] == [True, False]
    assert len({asked.headers["x-amz-content-sha256"] for asked in server.asked}) == 1


def test_requests_are_signed_as_botocore_signs_them(scripted: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    monkeypatch.setenv("AWS_SESSION_TOKEN", "a token")
    server = scripted(always((200, {}, b"<ListBucketResult/>")))
    remote = at(server, region="eu-west-1")
    assert list(remote.list("a b/~+")) == []
    remote.create("key with space", b"content")
    for asked in server.asked:
        sent = {
            name: value for name, value in asked.headers.items() if name not in ("authorization", "content-length", "user-agent")
        }
        request = AWSRequest(asked.method, f"http://{asked.headers['host']}{asked.path}", headers=sent, data=asked.body)
        request.context["timestamp"] = sent["x-amz-date"]
        signer = S3SigV4Auth(Credentials(KEY_ID, SECRET, "a token"), "s3", "eu-west-1")
        text = signer.string_to_sign(request, signer.canonical_request(request))
        assert asked.headers["authorization"].endswith(f"Signature={signer.signature(text, request)}")


# -- TLS, proxies, Amazon


def test_certificates_are_checked(scripted: Start, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = scripted(always((200, {}, DATA)), certificate)
    with pytest.raises(RemoteError, match="certificate") as caught:
        at(server, "https").read("key")
    assert not caught.value.retryable and "AWS_CA_BUNDLE" in caught.value.hint
    assert at(server, "https", cafile=str(certificate)).read("key")[0] == DATA
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    assert at(server, "https").read("key")[0] == DATA


def test_a_proxy_of_the_environment_is_used(scripted: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = scripted(always((200, {}, DATA)))
    monkeypatch.setenv("http_proxy", f"http://user:word@localhost:{proxy.port}")
    options = Options(settings={"endpoint": "http://s3.example.com"})
    assert open_remote(parse("s3://bucket"), options).read("key")[0] == DATA
    [asked] = proxy.asked
    assert asked.path == "http://s3.example.com/bucket/key"
    assert asked.headers["proxy-authorization"] == "Basic dXNlcjp3b3Jk"
    monkeypatch.setenv("no_proxy", "localhost")
    server = scripted(always((200, {}, b"direct")))
    assert at(server).read("key")[0] == b"direct"


@pytest.fixture
def amazon(scripted: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scripted:
    """A server under the names of Amazon's, where the bucket is in eu-west-3."""
    names = ",".join(f"DNS:bucket.s3.{region}.amazonaws.com" for region in ("us-east-1", "eu-west-3"))
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=amazon"]
    made += ["-addext", f"subjectAltName={names}", "-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run(made, cwd=tmp_path, check=True, capture_output=True)
    both = tmp_path / "both.pem"
    both.write_bytes((tmp_path / "key.pem").read_bytes() + (tmp_path / "cert.pem").read_bytes())
    monkeypatch.setenv("AWS_CA_BUNDLE", str(both))

    def script(request: Request) -> Answer:
        if (
            request.headers["host"] == "bucket.s3.eu-west-3.amazonaws.com"
            and "/eu-west-3/s3/" in request.headers["authorization"]
        ):
            return 200, {}, DATA
        if request.method == "HEAD":
            return 400, {"x-amz-bucket-region": "eu-west-3"}, b""
        return refusal(301, "PermanentRedirect", headers={"x-amz-bucket-region": "eu-west-3"})

    server = scripted(script, both)
    real = socket.getaddrinfo

    def names_of_amazon(host: Any, port: Any, *more: Any, **named: Any) -> Any:
        if bytes(host).endswith(b".amazonaws.com") if isinstance(host, bytes) else host.endswith(".amazonaws.com"):
            return real("127.0.0.1", server.port, *more, **named)
        return real(host, port, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", names_of_amazon)
    return server


@pytest.mark.parametrize("first", ["read", "stat", "list", "put"])
def test_a_bucket_of_amazons_is_found_in_its_region(amazon: Scripted, first: str) -> None:
    remote = open_remote(parse("s3://bucket"), Options())
    if first == "read":
        assert remote.read("key")[0] == DATA
    elif first == "stat":
        assert remote.stat("key") is not None
    elif first == "put":
        assert remote.create("key", b"content")
    else:
        with pytest.raises(RemoteError, match="cannot be read"):
            list(remote.list(""))
    assert remote.read("other")[0] == DATA
    assert remote.requests == 3


def test_a_content_file_that_vanishes_is_not_blamed_on_the_network(scripted: Start, tmp_path: Path) -> None:
    remote = at(scripted(always((200, {}, b""))))
    with pytest.raises(FileSystemError, match="No such file"):
        remote.put("key", Source(2 << 20, "0" * 64, str(tmp_path / "gone")))


def test_success_before_everything_was_sent_is_no_success() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer_and_reset() -> None:
            connection, _ = server.accept()
            connection.recv(1 << 16)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            connection.shutdown(socket.SHUT_RDWR)
            connection.close()

        thread = threading.Thread(target=answer_and_reset)
        thread.start()
        settings = {"endpoint": f"http://127.0.0.1:{server.getsockname()[1]}"}
        remote = open_remote(parse("s3://bucket/prefix"), Options(name="store", settings=settings, idle_s=5))
        data = bytes(12 << 20)
        with pytest.raises(RemoteUnavailable):
            remote.put("key", Source(len(data), hashlib.sha256(data).hexdigest(), content=data))
        thread.join()

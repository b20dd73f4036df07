"""What is special to S3: credentials, multipart uploads that resume, presigned URLs, addressing."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import content
from servers.proxy import Fault, Proxy, running
from servers.seaweedfs import BUCKET, KEY_ID, PUBLIC_BUCKET, READER_ID, READER_SECRET, SECRET, SeaweedFS, use_keys

from git_data.errors import AccessDenied, ConfigError, CorruptData, NotOnRemote, RemoteError, RemoteUnavailable, UsageError
from git_data.remote.address import parse
from git_data.remote.base import Options, Source
from git_data.remote.registry import open_remote
from git_data.remote.s3 import S3, WHOLE_BYTES
from git_data.remote.s3_parts import BUDGET_BYTES, MAX_PARTS, Budget, part_size
from git_data.remote.s3_upload import Upload

MIB = 1 << 20
_KEYS_OF_A_PROCESS = f'{{"Version": 1, "AccessKeyId": "{KEY_ID}", "SecretAccessKey": "{SECRET}"}}'
PART_BYTES = 5 * MIB


def source(data: bytes, path: Path | None = None) -> Source:
    if path is not None:
        path.write_bytes(data)
    return Source(len(data), hashlib.sha256(data).hexdigest(), str(path) if path else "", content=None if path else data)


def fetched(remote: S3, key: str) -> bytes:
    return b"".join(remote.get(key))


@pytest.fixture
def remote(seaweedfs: SeaweedFS) -> Iterator[S3]:
    remote = seaweedfs.remote(prefix=seaweedfs.prefix())
    yield remote
    remote.close()


@pytest.fixture
def boto(seaweedfs: SeaweedFS) -> Any:
    """The reference: Amazon's own client."""
    import boto3

    return boto3.client("s3", endpoint_url=seaweedfs.url, region_name="us-east-1")


def uploads(boto: Any, remote: S3) -> list[tuple[str, str]]:
    """Key and id of the unfinished uploads below the prefix of a remote."""
    found = boto.list_multipart_uploads(Bucket=BUCKET, Prefix=remote.prefix).get("Uploads", [])
    return [(upload["Key"], upload["UploadId"]) for upload in found]


# -- with Amazon's client


def test_what_amazons_client_wrote_can_be_read_and_the_other_way_round(remote: S3, boto: Any) -> None:
    boto.put_object(Bucket=BUCKET, Key=f"{remote.prefix}theirs", Body=b"by boto3")
    assert fetched(remote, "theirs") == b"by boto3"
    remote.put("ours", source(b"by git-data"))
    answer = boto.get_object(Bucket=BUCKET, Key=f"{remote.prefix}ours", ChecksumMode="ENABLED")
    assert answer["Body"].read() == b"by git-data"


def test_the_server_keeps_and_checks_the_sha256(remote: S3, boto: Any) -> None:
    remote.put("object", source(b"content"))
    answer = boto.head_object(Bucket=BUCKET, Key=f"{remote.prefix}object", ChecksumMode="ENABLED")
    assert answer["ChecksumSHA256"] == "7XACtDnprIRfIjV9giusFERzD722AW0+yUMil7nsn3M="


# -- multipart uploads

_UPLOAD = """
import sys, time
from git_data.remote.address import parse
from git_data.remote.base import Options, Source
from git_data.remote.registry import open_remote
url, endpoint, scratch, path, size, digest, stop = sys.argv[1:]
read = 0
def sent(count):
    global read
    read += count
    if read > int(stop):
        print("stopped", flush=True)
        time.sleep(600)
options = Options(settings={"endpoint": endpoint, "partsize": "5MiB"}, scratch=scratch)
open_remote(parse(url), options).put("large", Source(int(size), digest, path, sent=sent))
"""


def test_an_upload_that_was_killed_goes_on_where_it_was(seaweedfs: SeaweedFS, boto: Any, remote: S3, tmp_path: Path) -> None:
    data = content(60 * MIB + 5)
    large = source(data, tmp_path / "large")
    scratch = str(tmp_path / "scratch")
    arguments = [remote.url, seaweedfs.url, scratch, large.path, str(large.size), large.sha256, str(40 * MIB)]
    with subprocess.Popen([sys.executable, "-c", _UPLOAD, *arguments], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None and child.stdout.readline() == b"stopped\n"
        [(key, upload)] = uploads(boto, remote)
        while len(boto.list_parts(Bucket=BUCKET, Key=key, UploadId=upload).get("Parts", [])) < 7:
            assert child.poll() is None
        child.send_signal(signal.SIGKILL)
    assert remote.stat("large") is None
    assert list(remote.list("")) == []

    again = seaweedfs.remote(prefix=remote.prefix, options=seaweedfs.options(partsize="5MiB"))
    again.options.scratch = scratch
    parts_left = 13 - 7
    again.put("large", large)
    # the parts that are there are asked for, and the upload completed and looked at
    assert again.requests <= 1 + parts_left + 2
    assert hashlib.sha256(fetched(remote, "large")).hexdigest() == large.sha256
    assert uploads(boto, remote) == [] and os.listdir(scratch) == []


def test_parts_of_other_content_are_not_taken_over(seaweedfs: SeaweedFS, boto: Any, remote: S3, tmp_path: Path) -> None:
    """What the server says it has is compared with our bytes."""
    data = content(3 * PART_BYTES)
    path = tmp_path / "large"
    large = source(data, path)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    begun = boto.create_multipart_upload(Bucket=BUCKET, Key=f"{remote.prefix}large")["UploadId"]
    for number, body in ((1, data[:PART_BYTES]), (2, content(PART_BYTES))):
        boto.upload_part(Bucket=BUCKET, Key=f"{remote.prefix}large", UploadId=begun, PartNumber=number, Body=body)
    note = hashlib.sha256(f"{BUCKET}/{remote.prefix}large".encode()).hexdigest()
    (scratch / note).write_text(f"{begun}\n{PART_BYTES}\n{large.sha256}\nFalse\n")
    again = seaweedfs.remote(prefix=remote.prefix)
    again.options.scratch = str(scratch)
    Upload(again, "large", large, Budget(BUDGET_BYTES)).run()
    assert fetched(remote, "large") == data
    assert again.requests == 1 + 2 + 2


def test_an_upload_that_the_server_forgot_begins_anew(seaweedfs: SeaweedFS, remote: S3, tmp_path: Path) -> None:
    large = source(content(WHOLE_BYTES + 1), tmp_path / "large")
    note = tmp_path / hashlib.sha256(f"{BUCKET}/{remote.prefix}large".encode()).hexdigest()
    note.write_text(f"0123456789\n{PART_BYTES}\n{large.sha256}\nFalse\n")
    remote.options.scratch = str(tmp_path)
    remote.put("large", large)
    assert hashlib.sha256(fetched(remote, "large")).hexdigest() == large.sha256
    assert not note.exists()


@pytest.mark.parametrize("scratch", [False, True], ids=["without scratch", "with scratch"])
def test_content_that_changed_leaves_no_parts(remote: S3, boto: Any, tmp_path: Path, scratch: bool) -> None:
    path = tmp_path / "large"
    path.write_bytes(content(WHOLE_BYTES + MIB))
    remote.options.scratch = str(tmp_path / "scratch") if scratch else ""
    with pytest.raises(CorruptData):
        remote.put("large", Source(WHOLE_BYTES + MIB, "ab" * 32, str(path)))
    assert remote.stat("large") is None
    assert uploads(boto, remote) == []


@pytest.mark.parametrize("scratch", [False, True], ids=["without scratch", "with scratch"])
def test_breaking_off_a_large_upload_keeps_its_parts_only_where_they_can_be_used(
    remote: S3, boto: Any, tmp_path: Path, scratch: bool
) -> None:
    data = content(3 * WHOLE_BYTES)
    large = source(data, tmp_path / "large")
    remote.options.scratch = str(tmp_path / "scratch") if scratch else ""
    read: list[int] = []

    def stop(count: int) -> None:
        read.append(count)
        if sum(read) > 2 * WHOLE_BYTES:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        remote.put("large", Source(large.size, large.sha256, large.path, sent=stop))
    assert remote.stat("large") is None
    assert len(uploads(boto, remote)) == scratch
    remote.put("large", large)
    assert hashlib.sha256(fetched(remote, "large")).hexdigest() == large.sha256
    assert uploads(boto, remote) == []


# -- over a bad network


@pytest.fixture
def network(seaweedfs: SeaweedFS) -> Iterator[Proxy]:
    where = parse(seaweedfs.url)
    with running((where.host, where.port)) as proxy:
        yield proxy


def behind(network: Proxy, remote: S3, **settings: str) -> S3:
    return open_remote(parse(remote.url), Options(settings={"endpoint": network.url, **settings}))


@pytest.mark.parametrize("kind", ["refuse", "lose"])
@pytest.mark.parametrize(("method", "part"), [("PUT", "partNumber=2"), ("POST", "uploadId=")], ids=["a part", "the end"])
def test_a_reset_does_not_end_a_large_upload(
    network: Proxy, remote: S3, boto: Any, tmp_path: Path, kind: str, method: str, part: str
) -> None:
    large = source(content(WHOLE_BYTES + MIB), tmp_path / "large")
    network.rules.append(Fault(method, part, kind))
    behind(network, remote).put("large", large)
    assert hashlib.sha256(fetched(remote, "large")).hexdigest() == large.sha256
    assert uploads(boto, remote) == []


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [(503, "SlowDown", RemoteUnavailable), (400, "ExpiredToken", AccessDenied)],
    ids=["busy", "expired"],
)
def test_an_upload_that_was_refused_in_between_goes_on_later(
    network: Proxy, remote: S3, tmp_path: Path, status: int, code: str, kind: type[RemoteError]
) -> None:
    large = source(content(3 * WHOLE_BYTES), tmp_path / "large")
    said = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
    network.rules.append(Fault("PUT", "partNumber=4", "status", status, times=1, headers={"Retry-After": "3"}, body=said))
    there = behind(network, remote)
    there.options.scratch = str(tmp_path / "scratch")
    with pytest.raises(kind) as caught:
        there.put("large", large)
    assert not isinstance(caught.value, RemoteUnavailable) or caught.value.retry_after_s == 3
    sent = network.sent("PUT")
    there.put("large", large)
    assert network.sent("PUT") - sent < large.size
    assert hashlib.sha256(fetched(remote, "large")).hexdigest() == large.sha256


def test_a_lost_answer_to_a_conditional_write_is_not_hidden(network: Proxy, remote: S3) -> None:
    """Trying again would say that somebody else has won."""
    there = behind(network, remote)
    there.put("warm", source(b"up"))
    network.rules.append(Fault("PUT", "git/lock", "lose"))
    with pytest.raises(RemoteUnavailable):
        there.create("git/lock", b"mine")
    assert network.count("PUT", "git/lock") == 1


def test_parts_grow_with_the_object_and_are_as_large_as_asked_for() -> None:
    assert part_size(20 * MIB) == 8 * MIB
    assert part_size(1 << 40) * MAX_PARTS >= 1 << 40
    assert part_size(5 << 40) * MAX_PARTS >= 5 << 40
    assert part_size(20 * MIB, "6MiB") == 6 * MIB
    assert part_size(20 * MIB, "1G") == 1 << 30
    for wrong in ("much", "1MiB", "6GiB", "-8M"):
        with pytest.raises(ConfigError):
            part_size(20 * MIB, wrong)
    with pytest.raises(RemoteError, match="5 TiB"):
        part_size((5 << 40) + 1)


def test_parts_too_large_for_memory_are_streamed(seaweedfs: SeaweedFS, remote: S3, tmp_path: Path) -> None:
    large = source(content(70 * MIB + 3), tmp_path / "large")
    streaming = seaweedfs.remote(prefix=remote.prefix, options=seaweedfs.options(partsize="32MiB"))
    streaming.put("large", large)
    assert streaming.requests == 1 + 3 + 2
    assert hashlib.sha256(fetched(remote, "large")).hexdigest() == large.sha256


_MEMORY = """
import resource, sys
from concurrent.futures import ThreadPoolExecutor
from git_data.remote.address import parse
from git_data.remote.base import Options, Source
from git_data.remote.registry import open_remote
url, endpoint, path, size, digest = sys.argv[1:]
remote = open_remote(parse(url), Options(settings={"endpoint": endpoint}))
remote.stat("warm")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with ThreadPoolExecutor(2) as pool:
    list(pool.map(lambda key: remote.put(key, Source(int(size), digest, path)), ("a", "b")))
for _ in remote.get("a"):
    pass
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10)
"""


@pytest.mark.slow
def test_large_uploads_need_little_memory_even_several_at_once(seaweedfs: SeaweedFS, remote: S3, tmp_path: Path) -> None:
    path = tmp_path / "large"
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for _ in range(200):
            data = content(MIB)
            digest.update(data)
            file.write(data)
    arguments = [remote.url, seaweedfs.url, str(path), str(200 * MIB), digest.hexdigest()]
    done = subprocess.run([sys.executable, "-c", _MEMORY, *arguments], capture_output=True, check=True, timeout=120)
    assert int(done.stdout) < 120 * MIB
    assert [entry.size for entry in remote.list("")] == [200 * MIB] * 2
    remote.delete(["a", "b"])


# -- who may


@pytest.mark.parametrize(
    ("key_id", "secret"), [("AKNOBODYKNOWSME99", SECRET), (KEY_ID, "another-secret-altogether")], ids=["wrong id", "wrong secret"]
)
def test_wrong_credentials_are_said_to_be_so(
    seaweedfs: SeaweedFS, monkeypatch: pytest.MonkeyPatch, key_id: str, secret: str
) -> None:
    use_keys(monkeypatch, key_id, secret)
    remote = seaweedfs.remote()
    for refused in (
        lambda: remote.stat("ready"),
        lambda: remote.read("ready"),
        lambda: list(remote.list("")),
        lambda: remote.put("key", source(b"data")),
        lambda: remote.put("key", source(content(6 * MIB))),
        lambda: remote.put("key", source(content(WHOLE_BYTES + 1))),
        lambda: remote.delete(["ready"]),
        lambda: remote.delete(["ready", "other"]),
    ):
        with pytest.raises(AccessDenied) as caught:
            refused()
        said = f"{caught.value.message} {caught.value.hint}"
        assert "aws" in caught.value.hint
        assert key_id not in said and secret not in said and "Signature=" not in said


def test_who_may_only_read_may_not_write(seaweedfs: SeaweedFS, monkeypatch: pytest.MonkeyPatch) -> None:
    use_keys(monkeypatch, READER_ID, READER_SECRET)
    remote = seaweedfs.remote()
    assert remote.read("ready")[0] == b"ready"
    with pytest.raises(AccessDenied):
        remote.put("key", source(b"data"))
    with pytest.raises(AccessDenied):
        remote.create("key", b"data")
    with pytest.raises(AccessDenied):
        remote.delete(["ready", "other"])


def test_without_credentials_the_user_learns_where_to_put_them(seaweedfs: SeaweedFS, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(AccessDenied, match="no credentials") as caught:
        seaweedfs.remote().stat("ready")
    assert "aws configure" in caught.value.hint


def test_a_public_bucket_is_read_without_credentials(seaweedfs: SeaweedFS, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    remote = seaweedfs.remote(PUBLIC_BUCKET, options=seaweedfs.options(anonymous="true"))
    assert remote.read("ready")[0] == b"ready"
    assert "ready" in [entry.key for entry in remote.list("")]
    with pytest.raises(AccessDenied):
        remote.put("key", source(b"data"))
    with urllib.request.urlopen(remote.public_url("ready", 60)) as answer:
        assert answer.read() == b"ready"


def test_keys_endpoint_and_region_come_from_a_profile(
    seaweedfs: SeaweedFS, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    (tmp_path / "credentials").write_text(f"[team]\naws_access_key_id = {KEY_ID}\naws_secret_access_key = {SECRET}\n")
    (tmp_path / "config").write_text(
        "[profile team]\nregion = eu-central-1\nservices = here\n"
        f"[services here]\ns3 =\n  endpoint_url = {seaweedfs.url}\n[profile other]\nregion = eu-west-1\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    by_setting = seaweedfs.remote(options=Options(settings={"profile": "team"}))
    assert by_setting.read("ready")[0] == b"ready"
    assert by_setting.client.place().region == "eu-central-1"
    monkeypatch.setenv("AWS_PROFILE", "team")
    assert seaweedfs.remote(options=Options()).read("ready")[0] == b"ready"
    with pytest.raises(ConfigError, match="nobody"):
        seaweedfs.remote(options=Options(settings={"profile": "nobody"})).stat("ready")


@pytest.mark.parametrize(
    ("config", "credentials"),
    [
        ("", f"[default]\naws_access_key_id={KEY_ID}\naws_secret_access_key = {SECRET}\n"),
        ("[default]\nregion = eu-west-2\n", f"[default]\naws_access_key_id={KEY_ID}\naws_secret_access_key={SECRET}\n"),
        (f"[default]\naws_access_key_id={KEY_ID}\naws_secret_access_key={SECRET}\nregion=eu-west-2\n", ""),
        (
            "[default]\nregion=eu-west-2\nca_bundle=/etc/nothing\n",
            f"[default]\naws_access_key_id={KEY_ID}\naws_secret_access_key={SECRET}\n",
        ),
        (f"[default]\ncredential_process = printf '{_KEYS_OF_A_PROCESS}'\nregion=eu-west-2\n", ""),
    ],
    ids=["keys", "keys and region", "all in one", "more than keys", "a process"],
)
def test_profiles_give_what_botocore_finds_in_them(
    seaweedfs: SeaweedFS, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, config: str, credentials: str
) -> None:
    import botocore.session

    use_keys(monkeypatch, "", "")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    (tmp_path / "credentials").write_text(credentials)
    (tmp_path / "config").write_text(config)
    session = botocore.session.Session()
    found = session.get_credentials().get_frozen_credentials()
    remote = seaweedfs.remote()
    keys = remote.client.access.keys()
    assert keys is not None and (keys.id, keys.secret) == (found.access_key, found.secret_key) == (KEY_ID, SECRET)
    assert remote.client.place().region == (session.get_config_variable("region") or "us-east-1")
    assert remote.read("ready")[0] == b"ready"


_ONE_REQUEST = """
import sys
from git_data.remote.address import parse
from git_data.remote.base import Options
from git_data.remote.registry import open_remote
print(open_remote(parse(sys.argv[1]), Options(settings={"endpoint": sys.argv[2]})).read("ready"))
print(sorted({"boto3", "botocore", "urllib3", "http.client", "ssl", "email", "concurrent.futures"} & set(sys.modules)))
"""


def test_one_request_imports_little(seaweedfs: SeaweedFS) -> None:
    done = subprocess.run([sys.executable, "-c", _ONE_REQUEST, f"s3://{BUCKET}", seaweedfs.url], capture_output=True, check=True)
    assert done.stdout.splitlines()[1] == b"[]"


def test_credentials_that_expire_are_renewed(seaweedfs: SeaweedFS, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    script = tmp_path / "keys"
    script.write_text(
        f"""#!/bin/sh
echo x >>{tmp_path}/asked
echo '{{"Version": 1, "AccessKeyId": "{KEY_ID}", "SecretAccessKey": "{SECRET}", "Expiration": "2001-01-01T00:00:00Z"}}'
"""
    )
    script.chmod(0o755)
    (tmp_path / "config").write_text(f"[default]\ncredential_process = {script}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    with pytest.raises(AccessDenied):
        # what botocore gets is out of date already
        seaweedfs.remote().read("ready")
    asked = len((tmp_path / "asked").read_text())
    script.write_text(script.read_text().replace("2001", "2999"))
    remote = seaweedfs.remote()
    assert remote.read("ready")[0] == b"ready" and remote.stat("ready") is not None
    assert len((tmp_path / "asked").read_text()) == asked + 2


# -- where


def test_a_bucket_that_does_not_exist_is_said_so(seaweedfs: SeaweedFS) -> None:
    remote = seaweedfs.remote("not-a-bucket")
    for refused in (
        lambda: remote.read("ready"),
        lambda: list(remote.list("")),
        lambda: remote.put("key", source(b"data")),
        lambda: remote.put("key", source(content(WHOLE_BYTES + 1))),
    ):
        with pytest.raises(RemoteError, match="'not-a-bucket' does not exist") as caught:
            refused()
        assert not isinstance(caught.value, NotOnRemote)
        assert caught.value.hint == "aws s3 mb s3://not-a-bucket"


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({}, "https://some-bucket.s3.us-east-1.amazonaws.com/a%20prefix/key"),
        ({"region": "eu-west-3"}, "https://some-bucket.s3.eu-west-3.amazonaws.com/a%20prefix/key"),
        ({"region": "cn-north-1"}, "https://some-bucket.s3.cn-north-1.amazonaws.com.cn/a%20prefix/key"),
        ({"addressing": "path"}, "https://s3.us-east-1.amazonaws.com/some-bucket/a%20prefix/key"),
        ({"endpoint": "http://localhost:9000"}, "http://localhost:9000/some-bucket/a%20prefix/key"),
        ({"endpoint": "https://s3.example.com/base"}, "https://s3.example.com/base/some-bucket/a%20prefix/key"),
        ({"endpoint": "https://s3.example.com/a%20b/ü"}, "https://s3.example.com/a%20b/%C3%BC/some-bucket/a%20prefix/key"),
        (
            {"endpoint": "https://s3.example.com", "addressing": "virtual"},
            "https://some-bucket.s3.example.com/a%20prefix/key",
        ),
    ],
)
def test_where_a_bucket_answers(monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], url: str) -> None:
    use_keys(monkeypatch)
    remote = open_remote(parse("s3://some-bucket/a%20prefix/"), Options(settings={"anonymous": "true", **settings}))
    assert remote.public_url("key", 60) == url


def test_a_bucket_with_dots_is_no_part_of_the_host_name(monkeypatch: pytest.MonkeyPatch) -> None:
    use_keys(monkeypatch)
    remote = open_remote(parse("s3://data.example.org"), Options(settings={"anonymous": "true"}))
    assert remote.public_url("key", 60) == "https://s3.us-east-1.amazonaws.com/data.example.org/key"


def test_the_endpoint_of_the_environment_is_used(seaweedfs: SeaweedFS, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", seaweedfs.url)
    assert seaweedfs.remote(options=Options()).read("ready")[0] == b"ready"


@pytest.mark.parametrize(
    "url", ["s3://", "s3://a", "s3://b_cket:9000/x", "s3://user@bucket/x", "s3://bucket/x?region=a", "s3://a..b/"]
)
def test_what_does_not_name_a_bucket_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        open_remote(parse(url), Options())


@pytest.mark.parametrize(
    "endpoint", ["ftp://host", "http://user:pass@host", "http://169.254.169.254", "http://host/%0d%0aX-Evil:%20yes", "nonsense"]
)
def test_an_endpoint_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    use_keys(monkeypatch)
    with pytest.raises(ConfigError):
        open_remote(parse("s3://bucket"), Options(settings={"endpoint": endpoint})).stat("key")


def test_nobody_at_the_endpoint_is_worth_another_try(monkeypatch: pytest.MonkeyPatch) -> None:
    use_keys(monkeypatch)
    with pytest.raises(RemoteUnavailable, match="127.0.0.1:1"):
        open_remote(parse("s3://bucket"), Options(settings={"endpoint": "http://127.0.0.1:1"})).stat("key")


# -- the rest


@pytest.mark.parametrize("size", [10, WHOLE_BYTES + 1], ids=["small", "large"])
def test_a_presigned_url_needs_no_credentials(remote: S3, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    data = content(size)
    remote.put("objects/with space", source(data))
    url = remote.public_url("objects/with space", 60)
    assert SECRET not in url
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == data
    with pytest.raises(UsageError, match="seven days"):
        remote.public_url("objects/with space", 8 * 24 * 3600)
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(url[:-1] + ("0" if url[-1] != "0" else "1"))


def test_a_connection_closed_while_idle_is_not_noticed(remote: S3) -> None:
    remote.put("key", source(b"content"))
    target = remote.client._target
    assert target is not None
    for connection in target[1]._idle:
        connection.socket.shutdown(2)
    assert fetched(remote, "key") == b"content"


def test_more_keys_than_fit_into_a_page_or_a_request(remote: S3) -> None:
    keys = [f"many/{number:04}" for number in range(1203)]
    remote.put_many([(key, source(key.encode())) for key in keys])
    assert sorted(entry.key for entry in remote.list("many/")) == keys
    before = remote.requests
    remote.delete(keys)
    assert remote.requests == before + 2
    assert list(remote.list("")) == []


@pytest.mark.parametrize("status", [400, 405, 501])
def test_servers_that_delete_only_one_at_a_time(network: Proxy, remote: S3, status: int) -> None:
    there = behind(network, remote)
    for key in ("a", "b", "c"):
        there.put(key, source(b"data"))
    network.rules.append(Fault("POST", "delete", "status", status, body=b"<Error><Code>NotImplemented</Code></Error>"))
    there.delete(["a", "never", "c"])
    assert [entry.key for entry in remote.list("")] == ["b"]


def test_connections_are_kept(remote: S3) -> None:
    for number in range(20):
        remote.put(f"key{number}", source(b"content"))
        assert remote.stat(f"key{number}") is not None
        assert fetched(remote, f"key{number}") == b"content"
        assert list(remote.list("nowhere/")) == []
    target = remote.client._target
    assert target is not None and len(target[1]._idle) == 1

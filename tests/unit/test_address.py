"""Addresses of remotes: taken apart, refused, shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_data.errors import UsageError
from git_data.remote.address import Address, parse, redacted


def parts(found: Address) -> tuple[str, str, str, int, str]:
    return found.scheme, found.user, found.host, found.port, found.path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s3://bucket", ("s3", "", "bucket", 0, "")),
        ("s3://Bucket/some/prefix/", ("s3", "", "Bucket", 0, "/some/prefix")),
        ("S3://bucket/a%20b", ("s3", "", "bucket", 0, "/a b")),
        ("ssh://me@host:2222/srv/data/", ("ssh", "me", "host", 2222, "/srv/data")),
        ("ssh://host/~/data", ("ssh", "", "host", 0, "/~/data")),
        ("ssh://[::1]:22/data", ("ssh", "", "::1", 22, "/data")),
        ("sftp://host/data", ("sftp", "", "host", 0, "/data")),
        ("host:data", ("ssh", "", "host", 0, "data")),
        ("me@host:/srv/data", ("ssh", "me", "host", 0, "/srv/data")),
        ("me@host:", ("ssh", "me", "host", 0, ".")),
        ("host:/", ("ssh", "", "host", 0, "/")),
        ("[::1]:data", ("ssh", "", "::1", 0, "data")),
        ("host:a:b", ("ssh", "", "host", 0, "a:b")),
        ("https://host:8443/a/b", ("https", "", "host", 8443, "/a/b")),
        ("az://Container/prefix", ("az", "", "Container", 0, "/prefix")),
        ("file:///srv/a%20b/", ("file", "", "", 0, "/srv/a b")),
        ("file://localhost/srv", ("file", "", "", 0, "/srv")),
        ("/srv/data/", ("file", "", "", 0, "/srv/data")),
        ("../data", ("file", "", "", 0, "/top/data")),
        ("data", ("file", "", "", 0, "/top/tree/data")),
        ("./host:data", ("file", "", "", 0, "/top/tree/host:data")),
        ("dir/host:data", ("file", "", "", 0, "/top/tree/dir/host:data")),
    ],
)
def test_what_an_address_means(text: str, expected: tuple[str, str, str, int, str]) -> None:
    assert parts(parse(text, "/top/tree")) == expected


def test_a_home_directory_is_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert parse("~/data").path == "/home/me/data"


@pytest.mark.parametrize(
    ("text", "scheme"), [("C:\\data", "file"), ("C:/data", "file"), ("d:work", "file"), ("host:data", "ssh")]
)
def test_a_drive_letter_is_no_host(text: str, scheme: str) -> None:
    assert parse(text).scheme == scheme


@pytest.mark.parametrize("text", ["s3://bucket/prefix", "/srv/data", "me@host:data", "file:///srv/a%20b"])
def test_the_url_of_an_address_means_the_same(text: str) -> None:
    found = parse(text)
    assert parts(parse(found.url)) == parts(found) and parse(found.url).url == found.url


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("", "empty", ""),
        ("s3://bucket/\nx", "control characters", ""),
        ("http://host/%0d%0aX-Evil:%20yes", "control characters", ""),
        ("ssh://me%0a@host/x", "control characters", ""),
        ("ssh://a;touch${IFS}owned/x", "not the name of a host", ""),
        ("me@`touch owned`:x", "not the name of a host", ""),
        ("ssh://a|b@host/x", "not the name of a host", ""),
        ("s3://key:hunter2@bucket/x", "contains a password", "aws configure"),
        ("s3://key:@bucket/x", "contains a password", "aws configure"),
        ("ssh://me:hunter2@host/x", "contains a password", "ssh-keygen"),
        ("https://me:hunter2@host/x", "contains a password", "git credential"),
        ("ftp://me:hunter2@host/x", "contains a password", "environment variables"),
        ("https://host/x?X-Amz-Signature=hunter2", "contains a secret", "git credential"),
        ("az://container/x?sig=hunter2", "contains a secret", "environment variables"),
        ("s3://bucket?secretAccessKey=hunter2", "contains a secret", "aws configure"),
        ("https://host:port/x", "is not a URL", ""),
        ("https://[::1/x", "is not a URL", ""),
        ("ssh://-oProxyCommand=x/y", "begins with a dash", ""),
        ("ssh://-lroot@host/y", "begins with a dash", ""),
        ("-oProxyCommand=x:y", "begins with a dash", ""),
        ("file://server/share", "names the host", "ssh://server/share"),
        ("http://169.254.169.254/", "metadata", ""),
        ("http://169.254.170.2/", "metadata", ""),
        ("http://2852039166/", "metadata", ""),
        ("http://0xa9.0xfe.0xa9.0xfe/", "metadata", ""),
        ("http://[::ffff:169.254.169.254]/", "metadata", ""),
        ("http://[fe80::1%25eth0]/", "metadata", ""),
        ("http://[fd00:ec2::254]/", "metadata", ""),
        ("http://100.100.100.200/", "metadata", ""),
        ("http://METADATA.google.internal./", "metadata", ""),
        ("169.254.169.254:data", "metadata", ""),
    ],
)
def test_what_is_refused(text: str, said: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert said in caught.value.message and hint in caught.value.hint
    assert "hunter2" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("host", ["host", "192.168.1.1", "10.0.0.1", "127.0.0.1", "[2001:db8::1]", "169.example.com", "1"])
def test_hosts_that_are_none_of_a_cloud(host: str) -> None:
    assert parse(f"https://{host}/x").host == host.strip("[]")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:secret@host/x", "https://me:***@host/x"),
        ("https://me:se@cret@host/x", "https://me:***@host/x"),
        ("https://:secret@host", "https://:***@host"),
        ("https://host/x?sig=abc&page=2", "https://host/x?sig=***&page=2"),
        ("https://host/x?AccountKey=abc", "https://host/x?AccountKey=***"),
        ("https://host/a:b@c", "https://host/a:b@c"),
        ("me@host:data", "me@host:data"),
        ("s3://bucket/key", "s3://bucket/key"),
        ("see https://me:secret@host/x and https://you:secret@host", "see https://me:***@host/x and https://you:***@host"),
    ],
)
def test_what_is_shown_has_no_secrets(text: str, shown: str) -> None:
    assert redacted(text) == shown


@given(st.text(max_size=60) | st.from_regex(r"[a-z0-9+]{1,5}:(//)?[^ ]{0,30}", fullmatch=True))
def test_no_text_is_more_than_an_address_or_a_wrong_one(text: str) -> None:
    try:
        found = parse(text, "/top")
    except UsageError:
        return
    assert found.scheme and redacted(found.url)


_UNRESERVED = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=:%@", min_size=8, max_size=30)


@given(st.sampled_from(["s3", "ssh", "https", "ftp", "az"]), _UNRESERVED, st.sampled_from(["", "/", "/path", "/a@b", "?x=1"]))
def test_no_password_is_ever_shown(scheme: str, password: str, rest: str) -> None:
    text = f"{scheme}://me:{password}@host{rest}"
    assert password not in redacted(text)
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert password not in caught.value.message + caught.value.hint

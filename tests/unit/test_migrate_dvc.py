"""What DVC writes, as it is read: settings, hashes, paths, locks."""

from __future__ import annotations

import hashlib

import pytest

from git_data.migrate import dvc_config, dvc_lock, dvc_remotes
from git_data.migrate.dvc_files import parse_pipeline
from git_data.migrate.dvc_paths import inside, resolve
from git_data.migrate.dvc_yaml import Unreadable, load
from git_data.migrate.hashes import hash_of

_CONFIG = b"""
[core]
    remote = Store
    analytics = false
['remote "store"']
    url = s3://bucket/some prefix
    endpointurl = https://s3.example.com  # where it is
    region = eu-central-1
    access_key_id = AKIASECRET
['remote "nas"']
    url = ssh://host/srv/data
    user = me
    port = 2222
    password = "hidden # really"
['remote "inside"']
    url = remote://nas/sub
['remote "near"']
    url = ../../near
['remote "azure"']
    url = azure://container/path
['remote "web"']
    url = https://example.com/data
['remote "versions"']
    url = gs://bucket/v
    version_aware = true
['remote "drive"']
    url = gdrive://1a2b3c/dvc
['remote "secret"']
    url = https://me:pass@example.com/
"""


def test_remotes_are_mapped_without_what_is_secret():
    mapped = {one.name: one for one in dvc_remotes.mapped(dvc_config.committed("/w", _CONFIG), "/w")}
    assert {name: one.url for name, one in mapped.items()} == {
        "store": "s3://bucket/some prefix/git-data",
        "nas": "ssh://me@host:2222/srv/data/git-data",
        "inside": "ssh://me@host:2222/srv/data/sub/git-data",
        "near": "../near/git-data",
        "azure": "az://container/path/git-data",
        "web": "",
        "versions": "",
        "drive": "",
        "secret": "",
    }
    assert mapped["store"].settings == {"endpoint": "https://s3.example.com", "region": "eu-central-1"}
    assert mapped["store"].dropped == ["access_key_id"] and mapped["nas"].dropped == ["password"]
    assert mapped["web"].source == "https://example.com/data" and all(one.reason for one in mapped.values() if not one.url)
    assert not any("pass@" in one.reason for one in mapped.values())


@pytest.mark.parametrize(
    ("data", "as_if"),
    [
        (b"a\r\nb\r\n", b"a\nb\n"),
        (b"\0a\r\nb", b"\0a\r\nb"),
        (b"", b""),
        # DVC reads a mebibyte at once: line ends across the border stay, and each piece is text or not by itself
        (b"x" * ((1 << 20) - 1) + b"\r\nend\r\n", b"x" * ((1 << 20) - 1) + b"\r\nend\n"),
        (b"\0" + b"y" * ((1 << 20) - 1) + b"end\r\n", b"\0" + b"y" * ((1 << 20) - 1) + b"end\n"),
        (bytes(range(128, 256)) * 4 + b"\r\n", bytes(range(128, 256)) * 4 + b"\r\n"),
    ],
    ids=["text", "binary", "empty", "border", "binary-then-text", "not-ascii"],
)
def test_md5_of_text_as_dvc_2_computed_it(data: bytes, as_if: bytes):
    assert hash_of(data, "md5-dos2unix") == hashlib.md5(as_if).hexdigest()


_ELSEWHERE = [
    "../x", "/etc/passwd", "a/../../x", ".git/config", "a/.GIT/x", ".git /x", "git~1/x", "s3://b/k", "a\\b", "a\nb", "", ".",
    "..", ".g\u200cit/x", "a/.gitattributes", ".git::$INDEX_ALLOCATION/x",
]  # fmt: skip


@pytest.mark.parametrize("path", _ELSEWHERE)
def test_paths_that_lead_elsewhere_are_refused(path: str):
    with pytest.raises(Unreadable):
        resolve("", ".", path)
    with pytest.raises(Unreadable):
        inside(b"data", "../" + path)


@pytest.mark.parametrize("path", ["a b", "naïve", "...", ".gitignore", "a:b", "-x", "x.git", "dir/.dvcignore"])
def test_unusual_paths_are_paths(path: str):
    assert resolve("sub", ".", path) == f"sub/{path}".encode()


def test_yaml_is_that_of_dvc():
    assert load(b"a: yes\nb: 0o17\nc: 2001-01-01\nd: true\ne:\n") == {
        "a": "yes",
        "b": "0o17",
        "c": "2001-01-01",
        "d": True,
        "e": None,
    }


@pytest.mark.parametrize("content", [b"a: !!python/name:os.system", b"- 1", b"[", b"\xff\xfe\xff", b"a: " + b"[" * 100_000])
def test_yaml_that_is_none_of_dvc_is_refused(content: bytes):
    with pytest.raises(Unreadable):
        load(content)


def test_outs_that_git_keeps_or_that_are_gone_do_not_count():
    pipeline = b"""
stages:
  train:
    foreach: [a, b]
    do:
      cmd: x
      wdir: sub
      outs:
        - model.${item}
        - log.${item}:
            cache: false
      metrics: [{"m.json": {cache: false}}]
"""
    md5 = "0" * 32
    lock = f"""
schema: '2.0'
stages:
  train@a:
    cmd: x
    outs:
    - {{path: model.a, hash: md5, md5: {md5}}}
    - {{path: log.a, hash: md5, md5: {md5}}}
    - {{path: m.json, hash: md5, md5: {md5}}}
  removed:
    cmd: y
    outs:
    - {{path: old, hash: md5, md5: {md5}}}
"""
    parsed = parse_pipeline("dvc.yaml", pipeline, lock.encode())
    assert [out.path for out in parsed.outs] == [b"sub/model.a"]
    assert [dep.path for dep in parsed.deps] == [b"sub/log.a", b"sub/m.json"]


def test_locks_name_content_by_sha256_where_that_is_known():
    old, new = "1" * 32, "2" * 32
    lock = f"""schema: '2.0'
stages:
  a:
    cmd: x
    deps:
    - path: known
      hash: md5
      md5: {old}
      size: 3
    - path: unknown
      hash: md5
      md5: {new}
    params:
      p.yaml:
        md5: {old}
    outs:
    - path: dir
      md5: {old}.dir
      nfiles: 2
"""
    known = {old: "f" * 64, f"{old}.dir": "d" * 64}
    assert (
        dvc_lock.convert(lock.encode(), lambda md5, legacy: known.get(md5, "")).decode()
        == f"""schema: git-data/1
stages:
  a:
    cmd: x
    deps:
    - path: known
      oid: sha256:{"f" * 64}
      size: 3
    - path: unknown
      hash: md5
      md5: {new}
    params:
      p.yaml:
        md5: {old}
    outs:
    - path: dir
      oid: sha256:{"d" * 64}
      nfiles: 2
"""
    )

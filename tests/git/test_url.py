"""``git data url`` prints a link for people without git-data."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.request import urlopen

import pytest
from helpers import Repo
from servers.seaweedfs import BUCKET, SeaweedFS


@pytest.fixture
def folder(repo: Repo, tmp_path: Path) -> Repo:
    """A repository whose remote is a folder."""
    repo.git("config", "data.store.url", str(tmp_path / "store"))
    return repo


def test_a_folder_has_no_links(folder: Repo) -> None:
    folder.write("a.bin", 1000)
    folder.commit()
    folder.data("push")
    assert "no URLs" in folder.fails("data", "url", "a.bin", status=8)


def test_what_was_not_pushed_has_none(folder: Repo) -> None:
    folder.write("a.bin", 1000)
    folder.commit()
    errors = folder.fails("data", "url", "a.bin", status=3)
    assert "'a.bin' is not on 'store'" in errors
    assert "git data push store" in errors


@pytest.mark.parametrize("text", ["", "h", "1", "-1h", "1y", "0m", "1.5h", "99999999d"])
def test_what_is_no_time(folder: Repo, text: str) -> None:
    assert "is not a time" in folder.fails("data", "url", "a.bin", f"--expires={text}", status=2)


def test_what_is_no_data_file_or_several(folder: Repo) -> None:
    folder.write("d/a.bin", 1000)
    folder.write("d/b.bin", 1000)
    folder.commit()
    assert "no data file" in folder.fails("data", "url", "nothing.bin", status=2)
    assert "more than one" in folder.fails("data", "url", "d", status=2)


def test_anybody_can_download_from_s3(repo: Repo, seaweedfs: SeaweedFS) -> None:
    repo.git("config", "data.store.url", f"s3://{BUCKET}/{seaweedfs.prefix()}")
    repo.git("config", "data.store.endpoint", seaweedfs.url)
    old = repo.write("a.bin", 1000)
    repo.commit()
    new = repo.write("a.bin", 2000)
    repo.commit()
    repo.data("push")
    with urlopen(repo.data("url", "a.bin").strip(), timeout=60) as answer:
        assert answer.read() == new
    record = json.loads(repo.data("url", "a.bin", "--rev", "HEAD~1", "--expires", "7d", "--json"))
    assert (record["path"], record["expires_s"], record["size"]) == ("a.bin", 7 * 86400, 1000)
    with urlopen(record["url"], timeout=60) as answer:
        assert answer.read() == old

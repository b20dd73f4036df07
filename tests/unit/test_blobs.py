"""Writing blobs in bulk: git must read back exactly what went in."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from helpers import Repo

from git_data.base.digest import blob_oid
from git_data.git.blobs import UNPACK_BELOW, write_blobs


@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
@pytest.mark.parametrize("sizes", [[0], [1, 15, 16, 17], [127, 2047, 2048, 2049], [0, 262_143, 262_144, 300_000]])
@pytest.mark.parametrize("many", [False, True])
def test_git_reads_back_every_blob(
    new_repo: Callable[..., Repo], monkeypatch: pytest.MonkeyPatch, object_format: str, sizes: list[int], many: bool
) -> None:
    """Sizes around those where the header of a pack entry grows by a byte."""
    repo = new_repo("r", f"--object-format={object_format}", install=False, attributes="")
    monkeypatch.chdir(repo.path)
    contents = [bytes([number % 251]) * size for number, size in enumerate(sizes)]
    if many:
        contents += [b"pointer %d" % number for number in range(UNPACK_BELOW)]
    blobs = {blob_oid(content, object_format): content for content in contents}
    assert write_blobs(blobs, object_format) == len(blobs)
    assert write_blobs(blobs, object_format) == 0
    for oid, content in blobs.items():
        assert repo.run("git", "cat-file", "blob", oid.hex()).stdout == content
    assert len(list((repo.git_dir() / "objects" / "pack").glob("*.pack"))) == many
    repo.git("fsck", "--strict")


def test_nothing_is_written_for_nothing(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repo.path)
    assert write_blobs({}, "sha1") == 0

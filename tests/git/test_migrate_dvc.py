"""``git data migrate dvc``: real DVC repositories, compared file by file before and after."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from helpers import Repo, content
from servers.dvc import Project, snapshot


@pytest.fixture
def repo(dvc_project: Project, tmp_path: Path) -> Repo:
    return dvc_project.copy(tmp_path)


def test_one_commit_moves_everything_and_leaves_the_files_where_they_are(dvc_project: Project, repo: Repo):
    before = snapshot(repo.path)
    inodes = {name: os.stat(repo.file(name)).st_ino for name in before}
    said = repo.data("migrate", "dvc")
    assert "--undo" in said
    assert snapshot(repo.path) == before
    assert {name: os.stat(repo.file(name)).st_ino for name in before if os.path.getsize(repo.file(name))} == {
        name: inode for name, inode in inodes.items() if os.path.getsize(repo.file(name))
    }
    repo.assert_clean()

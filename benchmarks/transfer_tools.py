"""The tools that are compared with remotes, in the order of the tables."""

from __future__ import annotations

from movers import Mover
from movers_copying import Aws, Copy, CopyAndSync, Rclone, RcloneDefault, Rsync
from movers_versioning import Annex, Dvc, GitData, GitDataBatch, GitDataHook, GitDataParamiko, GitLfs

MOVERS: list[type[Mover]] = [
    GitData, GitDataBatch, GitDataParamiko, GitDataHook, Dvc, RcloneDefault, Rclone, Aws, GitLfs, Annex, Rsync, Copy, CopyAndSync,
]  # fmt: skip

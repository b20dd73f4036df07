"""What DVC is set to becomes settings of ours: committed ones in ``.gitdata``, the user's own in git's configuration."""

from __future__ import annotations

import os
import tempfile

from git_data.base import fsio
from git_data.config import REMOTE_LOCAL, Config
from git_data.git.run import git
from git_data.migrate import dvc_config, dvc_remotes
from git_data.sync.edit_remotes import LOCAL
from git_data.sync.remotes import endpoint_may_be_committed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.git.repo import Repository
    from git_data.migrate.dvc_config import DvcConfig
    from git_data.migrate.dvc_remotes import Mapped
    from git_data.migrate.record import Record


def gitdata(worktree: str, root: bytes, config: bytes, before: bytes) -> bytes:
    """``.gitdata`` for a version of ``.dvc/config``, added to what it was; names that are taken stay what they are."""
    settings = dvc_config.committed(os.path.join(worktree, os.fsdecode(root)), config)
    remotes = [remote for remote in dvc_remotes.mapped(settings, worktree) if remote.url and remote.committed]
    if not remotes:
        return before
    with tempfile.TemporaryDirectory(prefix="git-data-migrate-") as directory:
        path = os.path.join(directory, "gitdata")
        fsio.write_file(path, before)
        place = ("--file", path)
        known = _known(place)
        if "data.remote" not in known and any(remote.name == settings.default for remote in remotes):
            git("config", *place, "data.remote", settings.default)
        for remote in remotes:
            if f"data.{remote.name}.url" in known:
                continue
            for name, value in remote.settings.items():
                if not _is_local(remote, name):
                    git("config", *place, f"data.{remote.name}.{name}", value)
            git("config", *place, f"data.{remote.name}.url", remote.url)
        return fsio.read_file(path) or b""


def _known(place: tuple[str, ...]) -> set[str]:
    return set(os.fsdecode(git("config", *place, "--list", "-z", "--name-only", ok=(0, 1))).split("\0"))


def _is_local(remote: Mapped, name: str) -> bool:
    """Whether a setting must not be committed, or was not with DVC."""
    own = REMOTE_LOCAL if endpoint_may_be_committed(remote.url) else {*REMOTE_LOCAL, "endpoint"}
    return not remote.committed or name in own or name in remote.local_settings


def local(repo: Repository, config: DvcConfig, remotes: list[Mapped], record: Record) -> list[str]:
    """Set what is this user's own in the repository's configuration, unless it is set; the keys that were."""
    wanted: dict[str, str] = {}
    for remote in remotes:
        if remote.url:
            wanted.update(
                (f"data.{remote.name}.{name}", value) for name, value in remote.settings.items() if _is_local(remote, name)
            )
            if not remote.committed:
                wanted[f"data.{remote.name}.url"] = remote.url
            if remote.name == config.default and not (config.default_committed and remote.committed):
                wanted["data.remote"] = remote.name
    return _set(repo.config, wanted, record)


def _set(config: Config, wanted: dict[str, str], record: Record) -> list[str]:
    changed = []
    for key in wanted:
        if config.scope(key.lower()) in ("", "gitdata"):
            record.keep_setting(key)
            changed.append(key)
    record.save(record.state)
    for key in changed:
        git("config", *LOCAL, "--replace-all", key, wanted[key])
    return changed

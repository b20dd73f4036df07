"""Said once per repository: how long links would have taken where files had to be copied."""

from __future__ import annotations

import os

from git_data.base import fsio, report
from git_data.git.repo import Repository

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.worktree.relink import Outcome

MUCH_BYTES = 1 << 30
LONG_S = 2.0
_LINK_S = 0.0001
"""What one link takes, about; measured by ``benchmarks/``."""


def advise_links(repo: Repository, outcome: Outcome) -> None:
    """Tell about hard links and reflinks when a checkout had to copy much."""
    if outcome.copied_bytes < MUCH_BYTES and outcome.copy_s < LONG_S:
        return
    marker = os.path.join(repo.data_dir, "told-links")
    if os.path.exists(marker):
        return
    fsio.write_file(marker, b"")
    report.say(
        f"copied {report.human_size(outcome.copied_bytes)} in {outcome.copy_s:.1f} s, because this file system cannot share "
        f"blocks;\n  links would have taken {max(outcome.copied * _LINK_S, 0.01):.2f} s. XFS and btrfs share blocks; elsewhere, "
        "hard links (files become read-only):\n  git config data.link hardlink"
    )

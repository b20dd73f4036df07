"""``core.trustctime``, which hard links need switched off.

All links to an object share its ctime, and every new link changes it: git would clean (hash) every older one again at the
next status.
"""

from __future__ import annotations

from git_data.base import report
from git_data.config import Entry
from git_data.git.run import capture

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.git.repo import Repository


def stop_trusting_ctime(repo: Repository) -> None:
    """Set ``core.trustctime=false`` in this repository unless it is, and say so; does nothing the second time."""
    if not repo.config.get_bool("core.trustctime", True):
        return
    status, _ = capture(["config", "--local", "core.trustctime", "false"])[0]
    if status == 0:
        repo.config.entries.setdefault("core.trustctime", []).append(Entry("local", "false"))
        report.say("set core.trustctime=false in this repository: its data files are hard links now, which share their ctime")

"""After a push: many small packs become few, as ``git gc --auto`` does it for a repository on a disk."""

from __future__ import annotations

from git_data.base.report import say
from git_data.config import DEFAULTS
from git_data.errors import ConfigError, GitDataError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.config import Config
    from git_data.git.repo import Repository
    from git_data.host.host import Host


def after_push(repo: Repository, host: Host, packs: int, quiet: bool) -> None:
    """Compact if there are too many packs. A failure is only told: the push is through, and the next one tries again."""
    try:
        most = _most(repo.config)
        if not most or packs <= most:
            return
        from git_data.host.compact import compact
        from git_data.host.prune import prune

        if not quiet:
            say(f"Auto packing the repository at {host.remote.url} ({packs} packs)")
        compact(repo, host)
        prune(host)
    except (GitDataError, OSError) as error:
        say(f"warning: the push is through, but its packs could not be made fewer: {error}")


def _most(config: Config) -> int:
    text = config.get("data.autocompact", DEFAULTS["data.autoCompact"])
    if not text.isdigit():
        raise ConfigError(f"data.autoCompact = '{text}' is not a number", "git config --unset data.autoCompact")
    return int(text)

"""Who makes a change, for the log."""

from __future__ import annotations

import time

from git_data.git.run import git

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def signature() -> dict[str, Any]:
    """Who makes a change, and when, for the log: as git would sign a commit, as far as that is known."""
    who = git("var", "GIT_COMMITTER_IDENT", ok=(0, 128)).decode("utf-8", "replace").rpartition("> ")[0]
    plain = "".join(character for character in who if character.isprintable())
    return {"who": f"{plain}>" if plain else "", "time_s": int(time.time())}

"""The conversation with git: one command a line, answers as gitremote-helpers(7) has them.

What the manual omits, seen with git 2.39: ``object-format`` is sent without a value and any answer but ``ok`` ends everything;
so does anything but ``ok`` to ``atomic`` and ``dry-run``; push options come before the lines of the push; ``--force-with-lease``
comes as ``option cas <ref>:<object>``; a clone asks for the same object twice; only the first ``lock`` counts.
"""

from __future__ import annotations

import os
import sys

from git_data.base import libraries
from git_data.errors import GitDataError, UsageError
from git_data.git.run import as_stored
from git_data.helper.options import Options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.helper.stored import StoredRemote

_CAPABILITIES = "fetch\npush\noption\nobject-format\ncheck-connectivity\n\n"


def main(words: list[str]) -> int:
    """``git-remote-data <name> <URL>``; git leaves the URL out where it is the name. Returns the exit status."""
    if not words or words[0] in ("-h", "--help"):
        raise UsageError(
            "git-remote-data is started by git, for URLs that begin with data::", "git clone data::s3://bucket/project"
        )
    libraries.enable()
    as_stored()
    name, text = words[0], words[1] if len(words) > 1 else words[0]
    from git_data.helper.target import find

    target = find(name, text)
    if target.server:
        from git_data.helper import server

        status: int = server.serve(target)
        return status
    status = _Conversation(target).run()
    # git waits for us: everything is said and closed, and taking the interpreter down in order would cost it ten milliseconds
    sys.stderr.flush()
    os._exit(status)


class _Conversation:
    def __init__(self, target: object) -> None:
        self.target = target
        self.options = Options()
        self._remote: StoredRemote | None = None

    @property
    def remote(self) -> StoredRemote:
        """Opened when it is needed: git asks for capabilities first."""
        if self._remote is None:
            from git_data.helper.stored import StoredRemote

            self._remote = StoredRemote(self.target, self.options)  # type: ignore[arg-type]
        return self._remote

    def run(self) -> int:
        try:
            while line := _line():
                self._answer(line)
        finally:
            if self._remote is not None:
                self._remote.close()
        return 0

    def _answer(self, line: str) -> None:
        command, _, rest = line.partition(" ")
        if command == "capabilities":
            _say(_CAPABILITIES)
        elif command == "option":
            _say(self.options.set(rest) + "\n")
        elif command == "list":
            _say("".join(f"{one}\n" for one in self.remote.refs(for_push=rest == "for-push")) + "\n")
        elif command == "fetch":
            wants = [one.split(" ")[1] for one in _batch(line)]
            _say("".join(f"{one}\n" for one in self.remote.fetch(list(dict.fromkeys(wants)))) + "\n")
        elif command == "push":
            specs = [one.partition(" ")[2] for one in _batch(line)]
            _say("".join(f"{one}\n" for one in self.remote.push(specs)) + "\n")
        else:
            raise GitDataError(f"git asked git-remote-data for '{command}', which it does not know")


def _line() -> str:
    """The next line without its end; empty at the end, for which an empty line stands, too."""
    return os.fsdecode(sys.stdin.buffer.readline()).removesuffix("\n")


def _batch(first: str) -> list[str]:
    """The lines up to an empty one."""
    found = [first]
    while line := _line():
        found.append(line)
    return found


def _say(text: str) -> None:
    sys.stdout.buffer.write(os.fsencode(text))
    sys.stdout.buffer.flush()

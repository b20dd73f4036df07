"""Git servers over HTTP: git's own helper (``git remote-https``) does the work, with git's credentials, proxies and settings.

It answers git directly.  What git says passes through here line by line (gitremote-helpers(7)), so that the lines of a push can
be held back until the data of what is pushed has been sent.
"""

from __future__ import annotations

import os

from git_data.base.fsio import write_all
from git_data.errors import GitDataError
from git_data.git.repo import locate
from git_data.git.run import git
from git_data.helper.service import Process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.helper.target import Target

_IN, _OUT = 0, 1


def converse(target: Target, url: str) -> int:
    """Talk with git until it has what it wants; the exit status."""
    scheme = url.partition("://")[0].lower()
    service = Process(["git", f"remote-{scheme}", target.name or url, url])
    lines = _Lines()
    dry_run = quiet = False
    while line := lines.next():
        if line.startswith(b"push "):
            batch = [line, *lines.up_to_empty()]
            # git's hook, before a push, is told more of a dry run than we are
            if not dry_run:
                with service.busy:
                    refusal = _send_data(target, batch, quiet)
                if refusal:
                    write_all(_OUT, refusal)
                    continue
            service.send(b"".join(batch))
            continue
        service.send(line)
        if line == b"option dry-run true\n":
            dry_run = True
        elif line == b"option verbosity 0\n":
            quiet = True
        elif line.startswith((b"stateless-connect ", b"connect ")):
            service.send(lines.rest())
            service.relay()
            break
    return service.end()


def _send_data(target: Target, batch: list[bytes], quiet: bool) -> bytes:
    """Send the data of what is pushed; the answer for git if it cannot be."""
    from git_data.helper.data import REFUSED, complain, publish

    specs = [os.fsdecode(line[len(b"push ") :].rstrip(b"\n")).lstrip("+").rpartition(":") for line in batch if line != b"\n"]
    sources = [source for source, _, _ in specs if source]
    if not sources:
        return b""  # only deletions
    try:
        publish(locate(), target.name, _objects(sources), [], quiet=quiet)
    except GitDataError as error:
        complain(error)
        return b"".join(os.fsencode(f"error {ref} {REFUSED}\n") for _, _, ref in specs) + b"\n"
    return b""


def _objects(names: list[str]) -> list[str]:
    """The objects (hex) that revisions name; what names none is left to git to complain about."""
    question = b"".join(os.fsencode(name) + b"\n" for name in dict.fromkeys(names))
    answers = git("cat-file", "--batch-check=%(objectname)", stdin=question).splitlines()
    return [answer.decode() for answer in answers if b" " not in answer]


class _Lines:
    """What git says, line by line, and after that byte by byte."""

    def __init__(self) -> None:
        self._buffer = b""
        self._at = 0

    def next(self) -> bytes:
        """The next line with its end; empty at the end of all."""
        while True:
            end = self._buffer.find(b"\n", self._at) + 1
            if end:
                line = self._buffer[self._at : end]
                self._at = end
                return line
            data = os.read(_IN, 65536)
            if not data:
                return self.rest()
            self._buffer, self._at = self._buffer[self._at :] + data, 0

    def up_to_empty(self) -> list[bytes]:
        """The lines up to an empty one, which is included."""
        found = []
        while line := self.next():
            found.append(line)
            if line == b"\n":
                break
        return found

    def rest(self) -> bytes:
        """What was read beyond the last line."""
        rest, self._buffer, self._at = self._buffer[self._at :], b"", 0
        return rest

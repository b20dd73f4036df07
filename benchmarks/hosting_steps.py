"""What is done, and measured, of a way to host a repository."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable

from hosts import DATA_BYTES, Host
from measure import Command, CommandFailed, Place, settle
from work import WrongContent

STEPS = ("push", "clone", "commit", "fetch", "nothing")
"""initial push, clone, push of one more commit, fetch of that, fetch when there is nothing new"""
AGAIN = 3
"""how often the short ones are done, in each round"""
LIMIT_S = 600
"""what takes longer hangs"""


class Samples:
    """What was measured of one host on one kind of remote, over all rounds."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {step: [] for step in STEPS}
        self.requests: dict[str, list[int]] = {step: [] for step in STEPS}
        """of each step, where somebody counted"""
        self.sent: dict[str, list[int]] = {step: [] for step in STEPS}
        """bytes in the bodies of those requests"""
        self.failed = ""


Run = Callable[[str, Place, Command], None]
PUSH = ["git", "push", "-q", "origin", "main"]


def timed(into: Samples) -> Run:
    """Runs a step, and notes how long it took."""

    def run(step: str, place: Place, command: Command) -> None:
        settle()
        into.seconds[step].append(place.time([command], LIMIT_S).elapsed_s)

    return run


def steps(host: Host, run: Run, again: int) -> None:
    """All steps, the short ones several times; what came back is compared. Raises: CommandFailed, WrongContent."""
    run("push", host.source, ["git", "push", "-q", "origin", *host.refs])
    run("clone", host.place, host.clone())
    compare(host)
    for number in range(again):
        commit(host, number)
        run("commit", host.source, PUSH)
        run("fetch", host.copy, ["git", "fetch", "-q"])
        run("nothing", host.copy, ["git", "fetch", "-q"])
    host.copy.run("git", "merge", "-q", "--ff-only", "origin/main")
    compare(host)


def commit(host: Host, number: int) -> None:
    """One more commit: a line in a file of the history, and a new file with data where that is wanted."""
    with open(os.path.join(host.source.root, "src", "_pytest", "main.py"), "ab") as file:
        file.write(f"# {number} {secrets.token_hex(8)}\n".encode())
    if host.data:
        write(host.source, f"data/more-{number}.bin", secrets.token_bytes(DATA_BYTES))
    host.source.run("git", "add", ".")
    host.source.run("git", "commit", "-q", "-m", f"Change {number}")


def compare(host: Host) -> None:
    """Both have the same commit, and the same files. Raises: WrongContent, CommandFailed."""
    if host.copy.run("git", "rev-parse", "HEAD") != host.source.run("git", "rev-parse", "HEAD"):
        raise WrongContent(f"{host.name}: the clone is not at the commit that was pushed")
    try:
        host.place.run("diff", "-r", "--exclude=.git", "source", "copy")
    except CommandFailed as failure:
        raise WrongContent(f"{host.name}: the clone has other files: {failure}") from None


def write(place: Place, name: str, content: bytes) -> None:
    path = os.path.join(place.root, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)

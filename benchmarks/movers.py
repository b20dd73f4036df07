"""What every tool that moves data to and from a remote is asked for (``transfer.py``): set up, push, fetch, forget."""

from __future__ import annotations

import os
import shutil

from measure import Command, Place
from servers import Remote
from tools import cannot_start
from work import Work


class Mover:
    """One way to bring the files of a work to a remote and back; the base class copies directories, without a history."""

    name = ""
    about = ""
    kinds: tuple[str, ...] = ("s3", "folder", "ssh")
    """the kinds of remotes it can do"""
    peer = True
    """whether it is somebody else's tool, which does the same"""
    ours = False
    """whether it is git-data"""
    version: Command = []

    def __init__(self, place: Place, work: Work, remote: Remote) -> None:
        self.place = place
        self.work = work
        self.remote = remote

    @classmethod
    def missing(cls, place: Place, kind: str) -> str:
        """Why the tool cannot be run here, or not for this kind of remote; empty if it can."""
        return cannot_start(place, *cls.version)

    def set_up(self, seed: str) -> None:
        """The files, and whatever has to be there before the first push."""
        self.work.write(self.path("source"), seed, 1)

    def push(self) -> list[Command]:
        """Bring to the remote what it lacks."""
        raise NotImplementedError

    def again(self) -> list[Command]:
        """A push that finds nothing to do; empty if there is no such thing."""
        return self.push()

    def before_again(self) -> None:
        """Untimed, before each of those."""

    def fetch(self) -> list[Command]:
        """Bring it back, after ``forget``."""
        raise NotImplementedError

    def forget(self) -> None:
        """Lose the local copy."""
        shutil.rmtree(self.path("source"))

    def check(self, seed: str) -> None:
        """Assert that what ``fetch`` brought is right; the remote is gone by now. Raises: WrongContent."""
        self.work.check(self.path("fetched"), seed, 1)

    def requests(self, output: str) -> int | None:
        """How many requests a command says it made."""
        return None

    def path(self, name: str) -> str:
        """A path in the tool's own directory."""
        return os.path.join(self.place.root, name)

"""Hosting: every way to keep a repository somewhere gets the same history, another commit, and gives both back."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import urllib.parse
from collections.abc import Callable
from typing import Any

import history
import hosting_scale
import mounts
import peers
import servers
from hosting_steps import AGAIN, LIMIT_S, Samples, steps, timed, write
from hosts import DATA_BYTES, HOSTS, Host, PlainGit
from measure import Command, CommandFailed, Place
from servers import S3, Remote, ServerFailed
from work import WrongContent

sys.path.append(os.path.dirname(peers.HERE))
from tests.servers import proxy  # noqa: E402  the tests' proxy counts as well

COUNTED = 20
"""how many pushes of git-data are counted: what is sent is not the same each time"""
FILES = 4
"""files with data in the first push"""


class Comparison:
    """All hosts on all kinds of remotes, then many refs and many pushes on a folder.

    ``results`` is filled as they are measured, so that a run that is broken off shows what it has.
    """

    def __init__(
        self, options: argparse.Namespace, directory: str, home: str, results: dict[str, Any], say: Callable[[str], None]
    ) -> None:
        self.options = options
        self.directory = directory
        self.results = results
        self.say = say
        self.ours, self.theirs = peers.hosting_environments(home, options.git_data, options.venv)
        self.base = os.path.join(home, "history")

    def run(self) -> None:
        """Measure everything that was asked for and can be had."""
        self.say(f"making a history of at most {self.options.commits:,} commits")
        os.makedirs(self.base)
        cache = os.path.join(peers.OWN_VENVS, "releases")
        try:
            bare = history.build(self.base, self.ours, cache, self.options.commits)
        except history.CannotBuild as failure:
            self.leave_out("hosting", str(failure))
            self.results["failed"] = True
            return
        self.results["hosting_history"] = _describe(Place(bare, self.ours))
        measured = self.results["hosting"] = {}
        for kind in self.options.remote or ("s3", "folder"):
            reason = "" if kind in ("s3", "folder") else "nobody is compared there"
            if reason := reason or servers.missing(kind, self.theirs):
                self.leave_out(f"hosting: {kind}", reason)
                continue
            if version := servers.version(kind, self.directory, self.theirs):
                self.results["versions"][f"{kind} server"] = version
            self._one_kind(kind, measured.setdefault(kind, {}))
        hosting_scale.measure(self)

    def usable(self, kind: str) -> list[type[Host]]:
        """The hosts that were asked for and are there."""
        found = []
        for host in HOSTS:
            if kind not in host.kinds or self.options.tool and host.name not in self.options.tool:
                continue
            place = Place(self.directory, self.env(host))
            if reason := host.missing(place):
                self.leave_out(f"hosting: {host.name}", reason)
                continue
            found.append(host)
            self.results["versions"][" ".join(host.version)] = host.says_version(place)
        return found

    def _one_kind(self, kind: str, measured: dict[str, Any]) -> None:
        """In each round the next host begins; one more round is not timed, but counted."""
        hosts = self.usable(kind)
        samples = {host: Samples() for host in hosts}
        measured.update({host.name: vars(samples[host]) for host in hosts})
        for turn in range(self.options.rounds if hosts else 0):
            first = turn % len(hosts)
            for host in hosts[first:] + hosts[:first]:
                if not samples[host].failed:
                    self.say(f"hosting, {kind}: round {turn + 1} of {self.options.rounds}: {host.name}")
                    self.attempt(self._round, host, kind, samples[host])
        for host in hosts if kind == "s3" else []:
            if not samples[host].failed:
                self.say(f"hosting, {kind}: counting the requests of {host.name}")
                self.attempt(self._count, host, kind, samples[host])

    def attempt(self, work: Callable[[type[Host], str, Any], None], host: type[Host], kind: str, into: Any) -> None:
        """When one fails the others go on, on a clean file system, and the run as a whole has failed."""
        try:
            work(host, kind, into)
        except (CommandFailed, WrongContent, ServerFailed) as failure:
            into.failed = str(failure)
            self.say(f"failed: {failure}")
            self.results["failed"] = True
        finally:
            mounts.empty(self.directory)

    def _round(self, kind: type[Host], remote_kind: str, into: Samples) -> None:
        with servers.opened(remote_kind, self.directory, self.theirs) as remote:
            host = self.prepared(kind, remote, remote.endpoint if isinstance(remote, S3) else "")
            steps(host, timed(into), min(self.options.repeat, AGAIN))

    def _count(self, kind: type[Host], remote_kind: str, into: Samples) -> None:
        with servers.opened(remote_kind, self.directory, self.theirs) as remote:
            assert isinstance(remote, S3)
            address = urllib.parse.urlsplit(remote.endpoint)
            with proxy.running((address.hostname or "", address.port or 0)) as between:
                host = self.prepared(kind, remote, between.url)

                def run(step: str, place: Place, command: Command) -> None:
                    before = len(between.seen)
                    place.time([command], LIMIT_S)
                    into.requests[step].append(len(between.seen) - before)
                    into.sent[step].append(sum(size for _, _, size in between.seen[before:]))

                steps(host, run, COUNTED if host.ours else 1)

    def prepared(self, kind: type[Host], remote: Remote, endpoint: str) -> Host:
        """A host whose source has the history and, where that is wanted, data. Raises: CommandFailed."""
        root = os.path.join(self.directory, "work")
        os.mkdir(root)
        host = kind(Place(root, {**self.env(kind), **remote.env}), remote, endpoint)
        for place in (host.place, host.source, host.copy):
            place.env = {**place.env, **host.env}
        host.place.run("git", "clone", "-q", "--no-hardlinks", os.path.join(self.base, "history.git"), "source")
        host.source.run("git", "remote", "remove", "origin")
        host.connect()
        if host.data:
            write(host.source, ".gitattributes", b"*.bin filter=data diff=data merge=data -text\n")
            for number in range(FILES):
                write(host.source, f"data/{number}.bin", secrets.token_bytes(DATA_BYTES))
            host.source.run("git", "add", ".")
            host.source.run("git", "commit", "-q", "-m", "Add data")
        return host

    def env(self, host: type[Host]) -> dict[str, str]:
        """The environment in which its command is found."""
        return self.ours if host.ours or issubclass(host, PlainGit) else self.theirs

    def leave_out(self, what: str, reason: str) -> None:
        """Say, and note, why something was not measured."""
        self.say(f"left out: {what}: {reason}")
        self.results["left_out"][what] = reason


def _describe(place: Place) -> str:
    commits = int(place.run("git", "rev-list", "--count", "main"))
    objects = dict(line.split(": ", 1) for line in place.run("git", "count-objects", "-v").splitlines())
    return f"{commits:,} commits of {history.PACKAGE}, {int(objects['in-pack']):,} objects, {int(objects['size-pack']):,} KiB"

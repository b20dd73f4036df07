"""Hosting that has grown: many refs, and many pushes of one commit each; git-data in a folder, beside plain git."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import servers
from hosting_steps import AGAIN, LIMIT_S, PUSH, Samples, commit, compare, steps, timed
from hosts import GitData, Host, PlainGit

if TYPE_CHECKING:
    from hosting import Comparison

HOSTS: tuple[type[Host], ...] = (GitData, PlainGit)
ENDS = 10
"""how many pushes at either end are compared"""


class Pushes:
    """What was measured of one host: seconds of every push, and of a clone at the end."""

    def __init__(self) -> None:
        self.push: list[float] = []
        self.clone: list[float] = []
        self.nothing: list[float] = []
        self.packs: int | None = None
        self.failed = ""


def measure(comparison: Comparison) -> None:
    """Both, into the results of the comparison."""
    options, results = comparison.options, comparison.results
    if options.remote and "folder" not in options.remote:
        return
    hosts = [host for host in HOSTS if not options.tool or host.name in options.tool]
    refs: dict[str, Any] = {}
    pushes: dict[str, Any] = {}
    results["hosting_refs"], results["hosting_pushes"] = refs, pushes
    for host in hosts:
        comparison.say(f"hosting: {options.refs:,} refs: {host.name}")
        samples = Samples()
        refs[host.name] = vars(samples)
        comparison.attempt(partial(_refs, comparison), host, "folder", samples)
    for host in hosts:
        comparison.say(f"hosting: {options.pushes:,} pushes: {host.name}")
        many = Pushes()
        pushes[host.name] = vars(many)
        comparison.attempt(partial(_pushes, comparison), host, "folder", many)


def _refs(comparison: Comparison, kind: type[Host], remote_kind: str, into: Samples) -> None:
    """The steps of ``hosting``, with so many branches."""
    with servers.opened(remote_kind, comparison.directory, comparison.theirs) as remote:
        host = comparison.prepared(kind, remote, "")
        commits = host.source.run("git", "rev-list", "main").split()
        names = [f"refs/heads/topic/{number:06}" for number in range(comparison.options.refs)]
        lines = "".join(f"create {name} {commits[number % len(commits)]}\n" for number, name in enumerate(names))
        host.source.feed(lines, "git", "update-ref", "--stdin")
        host.source.run("git", "pack-refs", "--all")
        host.refs = ["refs/heads/*:refs/heads/*"]
        steps(host, timed(into), min(comparison.options.repeat, AGAIN))


def _pushes(comparison: Comparison, kind: type[Host], remote_kind: str, into: Pushes) -> None:
    """One commit, one push, and so on. Nothing is written back between them: a team does not wait for that either."""
    with servers.opened(remote_kind, comparison.directory, comparison.theirs) as remote:
        host = comparison.prepared(kind, remote, "")
        host.source.run(*PUSH)
        for number in range(comparison.options.pushes):
            commit(host, number)
            into.push.append(host.source.time([PUSH], LIMIT_S).elapsed_s)
        samples = Samples()
        run = timed(samples)
        run("clone", host.place, host.clone())
        compare(host)
        into.packs = host.packs()
        run("nothing", host.copy, ["git", "fetch", "-q"])
        into.clone, into.nothing = samples.seconds["clone"], samples.seconds["nothing"]

"""The git remote that is a store: list, fetch and push on a hosted repository."""

from __future__ import annotations

import os
from contextlib import suppress

from git_data.base import report
from git_data.errors import GitDataError, RemoteError
from git_data.git.run import capture, git
from git_data.helper import clone
from git_data.helper.taking import take
from git_data.host.host import Host, Undecided
from git_data.host.memory import Memory
from git_data.host.packing import make_pack, present, send_pack
from git_data.host.rules import Update, refusals
from git_data.host.state import Change, State
from git_data.host.who import signature
from git_data.sync.remotes import default_name, find
from git_data.sync.session import Session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from git_data.helper.options import Options
    from git_data.helper.target import Target
    from git_data.host.packing import PackFile

_MOST_PACKS = 50


class StoredRemote:
    """One conversation of git with a store."""

    def __init__(self, target: Target, options: Options) -> None:
        self.target = target
        self.options = options
        self.repo = target.repo
        self.session = Session(self.repo, target.remote)
        accept = self.repo.config.get_bool("data.acceptrollback", False)
        memory = os.path.join(self.session.known.directory, "git") if self.repo.common_dir else ""
        self.host = Host(self.session.remote, Memory(memory), accept)
        if accept:
            self.session.known.doubt()  # an old copy may lack data that was seen there
        self.state: State | None = None

    def close(self) -> None:
        """Give up connections."""
        self.session.close()

    # -- list

    def refs(self, for_push: bool) -> Iterator[str]:
        """The lines of the answer. Raises: RemoteError, CorruptData."""
        self.state = self.host.read()
        if self.state is None:
            if not for_push:
                raise RemoteError(
                    f"no git repository lies at {self.session.remote.url}",
                    f"the first push makes one: git push data::{self.target.text} main",
                )
            return
        yield f":object-format {self.state.object_format}"
        if not for_push and self.state.head in self.state.refs:
            yield f"@{self.state.head} HEAD"
        for ref, value in sorted(self.state.refs.items()):
            oid, _, peeled = value.partition(" ")
            yield f"{oid} {ref}"
            if peeled:
                yield f"{peeled} {ref}^{{}}"

    # -- fetch

    def fetch(self, wants: list[str]) -> list[str]:
        """Bring what the objects (hex) reach; lines for git. Raises: RemoteError, CorruptData."""
        assert self.state is not None
        lines = take(self.repo, self.session, self.host, self.state, wants, self.options)
        if self.options["cloning"]:
            clone.set_up(self.target)
        return lines

    # -- push

    def push(self, specs: list[str]) -> list[str]:
        """``[+]<source>:<ref>`` of each update; a line for each. Nothing is raised that git could show with the refs."""
        updates = [self._update(spec) for spec in specs]
        try:
            refused = self._push(updates)
        except GitDataError as error:
            report.say(f"error: {error.message}" + (f"\n  {error.hint}" if error.hint else ""))
            outcome = "it is not known whether this" if isinstance(error, Undecided) else "nothing"
            refused = {update.ref: f"{outcome} was published; the reason is above" for update in updates}
        return [
            f"error {update.ref} {refused[update.ref]}" if update.ref in refused else f"ok {update.ref}" for update in updates
        ]

    def _update(self, spec: str) -> Update:
        source, _, ref = spec.lstrip("+").rpartition(":")
        new = git("rev-parse", "--verify", "--end-of-options", source).decode().strip() if source else ""
        return Update(ref, new, spec.startswith("+"), self.options.expected.get(ref))

    def _push(self, updates: list[Update]) -> dict[str, str]:
        """Why some were refused, by ref. Raises: RemoteError, MissingData, GitFailed …"""
        if self.state is None and not self.options["dry-run"]:
            self.host.initialise(self.repo.object_format)
        refused: dict[str, str] = {}
        packed: list[PackFile] = []
        sent_for: set[str] = set()

        def prepare(state: State) -> Change | None:
            self._check_format(state)
            there = present(state.oids())
            refused.clear()
            refused.update(refusals(state, updates, there))
            if refused and self.options["atomic"]:
                refused.update({update.ref: "atomic push failed" for update in updates if update.ref not in refused})
            accepted = [update for update in updates if update.ref not in refused]
            changed = [update for update in accepted if state.oid(update.ref) != update.new]
            if not changed or self.options["dry-run"]:
                return None
            tips = sorted({update.new for update in changed if update.new} - there)
            if tips and not sent_for.issuperset(tips):
                self._send_data(tips, there)
                sent_for.update(tips)
            return self._change(state, changed, self._pack(state, tips, there, packed))

        try:
            if self.options["dry-run"]:
                prepare(self.state or State("", self.repo.object_format))
                return refused
            self.state = self.host.change(prepare)
        finally:
            for file in packed:
                file.remove()
        self.host.memory.take([file.pack.name for file in packed], [pack.name for pack in self.state.packs])
        self._remember(updates, refused)
        return refused

    def _check_format(self, state: State) -> None:
        if state.object_format != self.repo.object_format:
            raise RemoteError(
                f"{self.session.remote.url} names objects by {state.object_format}, this repository by {self.repo.object_format}",
                "git clone it, and work there",
            )

    def _pack(self, state: State, tips: list[str], there: set[str], packed: list[PackFile]) -> PackFile | None:
        """The pack of this push, made once unless what it was based on has gone; durable on the remote."""
        if not tips:
            return None
        if packed and packed[-1].based_on <= {pack.name for pack in state.packs} and packed[-1].pack.tips == tips:
            return packed[-1]
        directory = os.path.join(self.repo.common_dir, "data", "tmp")
        file = make_pack(tips, there, directory, progress=self.options["progress"] and self.options.verbosity > 0)
        if file is None:
            return None
        file.based_on = {pack.name for pack in state.packs}
        packed.append(file)
        send_pack(self.session.remote, file)
        return file

    def _change(self, state: State, changed: list[Update], file: PackFile | None) -> Change:
        refs = {update.ref: self._value(update.new) if update.new else None for update in changed}
        change = Change("push", refs=refs, pack=file.pack if file else None, **signature())
        if not state.head:
            change.head = _first_head([update.ref for update in changed if update.new])
        return change

    def _value(self, oid: str) -> str:
        """An object and, for an annotated tag, what it is of."""
        status, output = capture(["rev-parse", "--verify", "-q", f"{oid}^{{}}"])[0]
        peeled = output.decode().strip() if status == 0 else oid
        return oid if peeled == oid else f"{oid} {peeled}"

    def _send_data(self, tips: list[str], there: set[str]) -> None:
        """Before anything is published: the data of what is new. Raises: MissingData, RemoteError."""
        from git_data.store.place import open_store
        from git_data.sync.push import outgoing, push
        from git_data.worktree.restore import restore

        session = self._data_session()
        pointers = outgoing(self.repo, session, tips, there)
        if not pointers:
            return
        store = open_store(self.repo)
        result = push(
            self.repo, store, session, pointers,
            restore=lambda lost: restore(self.repo, store, lost),
            unpublished=lambda: outgoing(self.repo, session, tips, there),
        )  # fmt: skip
        session.remote.flush()
        if result.sent and self.options.verbosity > 0:
            size = report.human_size(result.bytes)
            report.say(f"{report.count(len(result.sent), 'object')}, {size} sent to '{session.name}'")

    def _data_session(self) -> Session:
        """Data goes where the history goes, unless ``remote.<name>.dataRemote`` says otherwise."""
        name = self.target.name
        other = default_name(self.repo.config, name) if name and f"remote.{name}.dataremote" in self.repo.config.entries else ""
        return Session(self.repo, find(self.repo, other)) if other and other != name else self.session

    def _remember(self, updates: list[Update], refused: dict[str, str]) -> None:
        """All their data was seen there: the next push need not look at it again."""
        from git_data.sync.push import remember

        tips = [update.new for update in updates if update.new and update.ref not in refused]
        if tips and self.session.known.tips:
            with suppress(OSError, GitDataError):  # only saves time; the push is through
                remember(self.repo, self.session, tips)


def _first_head(refs: list[str]) -> str | None:
    """The default branch, after the first push: the one checked out here, or git's usual names, or just the first."""
    branches = [ref for ref in refs if ref.startswith("refs/heads/")]
    status, output = capture(["symbolic-ref", "-q", "HEAD"])[0]
    here = os.fsdecode(output).strip() if status == 0 else ""
    wanted = (here, "refs/heads/main", "refs/heads/master")
    return next((ref for ref in wanted if ref in branches), branches[0] if branches else None)

"""Publishing refs on a hosted repository: data first, then the pack, then the manifest.

A push that is killed in between leaves at most objects that nobody refers to.  ``Host.change`` calls ``prepare`` again whenever
somebody else was faster: everything is decided anew from what lies there then, and what was sent already is used again.
"""

from __future__ import annotations

import os
from contextlib import suppress

from git_data.base import report
from git_data.errors import GitDataError
from git_data.git.partial_clone import promisors
from git_data.git.run import capture, git
from git_data.host.packing import PackFile, kinds, make_pack, send_pack
from git_data.host.rules import SHALLOW, Update, refusals
from git_data.host.state import Change, State
from git_data.host.who import signature
from git_data.sync.remotes import COMMITTED, default_name, named

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.helper.options import Options
    from git_data.helper.target import Target
    from git_data.host.host import Host
    from git_data.sync.session import Session

_NO_OBJECT = "this repository has no such object"


class Push:
    """One push. ``listed`` is the state that git was told of, ``None`` where no repository lay."""

    def __init__(self, target: Target, options: Options, session: Session, host: Host, listed: State | None) -> None:
        self.target = target
        self.repo = target.repo
        self.options = options
        self.session = session
        self.host = host
        self.listed = listed
        self._packed: list[PackFile] = []
        self._sent_for: set[str] = set()
        self._complete = True

    def run(self, specs: list[str]) -> dict[str, str]:
        """Why some of ``[+]<source>:<ref>`` were refused, by ref. Raises: RemoteError, MissingData, GitFailed …"""
        updates, refused = self._updates(specs)
        if self.listed is not None:
            self.listed.require_format(self.repo.object_format, self.session.remote.url)
        if self.options["dry-run"]:
            self._decide(self.listed or State("", self.repo.object_format), updates, refused)
            return refused
        if self.listed is None:
            self.host.initialise(self.repo.object_format)
        unnamed = dict(refused)

        def prepare(state: State) -> Change | None:
            state.require_format(self.repo.object_format, self.session.remote.url)
            refused.clear()
            refused.update(unnamed)
            return self._prepare(state, updates, refused)

        try:
            state = self.host.change(prepare)
        finally:
            for file in self._packed:
                file.remove()
        self.host.memory.take([file.pack.name for file in self._packed], [pack.name for pack in state.packs])
        self._remember([update.new for update in updates if update.new and update.ref not in refused])
        return refused

    def _updates(self, specs: list[str]) -> tuple[list[Update], dict[str, str]]:
        """What is to be done, and what cannot be, for want of an object."""
        parts = [(spec.startswith("+"), *spec.removeprefix("+").rpartition(":")[::2]) for spec in specs]
        found = kinds([source for _, source, _ in parts if source])
        peeled = kinds([f"{oid}^{{}}" for oid, kind in found.values() if kind == "tag"])
        updates, refused = [], {}
        for forced, source, ref in parts:
            oid, kind = found.get(source, ("", ""))
            if source and not oid:
                refused[ref] = _NO_OBJECT
                continue
            listed = self.listed.oid(ref) if self.listed is not None else ""
            expected = self.options.expected.get(ref)
            # a lease that holds forces, without a plus
            update = Update(ref, oid, forced or expected is not None, expected, listed, kind)
            update.peeled = peeled.get(f"{oid}^{{}}", (oid, ""))[0]
            updates.append(update)
        return updates, refused

    def _decide(self, state: State, updates: list[Update], refused: dict[str, str]) -> tuple[list[Update], list[str], set[str]]:
        """Fill ``refused``; the updates that change something, their objects that are news there, the commits that are not."""
        tips = {value.partition(" ")[0]: value.rpartition(" ")[2] for value in state.refs.values()}
        here = kinds({*tips, *tips.values()})
        refused.update(refusals(state, updates, tips.keys() & here.keys()))
        # trees and blobs are not left out of packs: what a pack requires is written down as commits
        edge = {oid for oid in tips.values() if here.get(oid, ("", ""))[1] == "commit"}
        accepted = [update for update in updates if update.ref not in refused]
        new = sorted({update.new for update in accepted if update.new} - tips.keys())
        cut = self._cut_off(state, new, edge)
        refused.update({update.ref: SHALLOW for update in accepted if update.new in cut})
        if refused and self.options["atomic"]:
            refused.update({update.ref: "atomic push failed" for update in updates if update.ref not in refused})
        changed = [update for update in accepted if update.ref not in refused and state.oid(update.ref) != update.new]
        return changed, [oid for oid in new if any(update.new == oid for update in changed)], edge

    def _prepare(self, state: State, updates: list[Update], refused: dict[str, str]) -> Change | None:
        changed, tips, edge = self._decide(state, updates, refused)
        if not changed:
            return None
        # a partial clone gets the blobs it lacks when they are packed: which are pointers is known only then
        file = self._pack(state, tips, edge) if tips and promisors(self.repo) else None
        # the second look at what is there, if any, comes first: by the first one all may have changed since
        collected = bool(tips and self._sent_for) and self._collected()
        if tips and (collected or not self._sent_for.issuperset(tips)):
            self._send_data(tips, edge)
            self._sent_for.update(tips)
        if tips:
            file = file or self._pack(state, tips, edge)
        if file is not None and not file.sent:
            send_pack(self.session.remote, file)
            file.sent = True
        change = Change(
            "push", refs={update.ref: update.value for update in changed}, pack=file.pack if file else None, **signature()
        )
        if not state.head:
            change.head = _first_head([update.ref for update in changed if update.new])
        return change

    # -- history

    def _pack(self, state: State, tips: list[str], edge: set[str]) -> PackFile | None:
        """The pack of this push, made once unless what it was based on has gone."""
        there = {pack.name for pack in state.packs}
        last = self._packed[-1] if self._packed else None
        if last is not None and last.based_on <= there and last.asked == tips:
            return last
        directory = os.path.join(self.repo.common_dir, "data", "tmp")
        file = make_pack(tips, edge, directory, progress=self.options.loud)
        if file is None:
            return None
        file.based_on, file.asked = there, tips
        file.pack.requires += sorted(self._beyond(tips, edge) - set(file.pack.requires))
        self._packed.append(file)
        return file

    def _cut_off(self, state: State, tips: list[str], edge: set[str]) -> set[str]:
        """Those of the tips whose history ends in this shallow clone, and does not go on over there."""
        lacking = self._beyond(tips, edge) - state.oids()
        return {tip for tip in tips if self._beyond([tip], edge) & lacking} if lacking else set()

    def _beyond(self, tips: list[str], edge: set[str]) -> set[str]:
        """The parents of the commits to be pushed that this clone was made without (``git clone --depth``)."""
        try:
            with open(os.path.join(self.repo.common_dir, "shallow"), encoding="ascii") as file:
                ends = set(file.read().split())
        except FileNotFoundError:
            return set()
        stdin = "".join(f"{oid}\n" for oid in (*tips, *(f"^{oid}" for oid in edge))).encode()
        ends &= set(git("rev-list", "--stdin", stdin=stdin).decode().split())
        parents = set()
        for end in ends:
            head = git("cat-file", "commit", end).partition(b"\n\n")[0]
            parents |= {line[7:].decode() for line in head.split(b"\n") if line.startswith(b"parent ")}
        return parents

    # -- data

    def _send_data(self, tips: list[str], edge: set[str]) -> None:
        """Before anything is published: the data of what is new. Raises: MissingData, RemoteError."""
        if self._goes_elsewhere():
            from git_data.helper.data import publish

            publish(self.repo, self.target.name, tips, sorted(edge), quiet=self.options.verbosity < 1)
            return
        from git_data.sync.push import between, push

        # what refs over there reach has its data there
        pointers = between(self.repo, tips, edge)
        if not pointers:
            return
        from git_data.store.place import open_store
        from git_data.worktree.restore import restore

        store = open_store(self.repo)
        result = push(
            self.repo, store, self.session, pointers,
            restore=lambda lost: restore(self.repo, store, lost),
            fresh=not self._sent_for,
        )  # fmt: skip
        self.session.remote.flush()
        self._complete = self._complete and result.complete
        if result.sent and self.options.verbosity > 0:
            size = report.human_size(result.bytes)
            report.say(f"{report.count(len(result.sent), 'object')}, {size} sent to '{self.session.name}'")

    def _collected(self) -> bool:
        """Whether objects were deleted there since we looked: a collection makes a change, which has us decide anew."""
        return self.session.layout is None or self.session.moved_on()

    def _goes_elsewhere(self) -> bool:
        """Data goes where the history goes, unless ``remote.<name>.dataRemote``, or a URL for data of its own, says otherwise."""
        name, config = self.target.name, self.repo.config
        own_url = config.scope(f"data.{name}.url") not in ("", COMMITTED)
        if not name or not (own_url or config.get(f"remote.{name}.dataremote")):
            return False  # it may also have several URLs, to each of which all is pushed
        other = named(config).get(default_name(config, name))
        return other is None or other.url != self.target.address

    def _remember(self, tips: list[str]) -> None:
        """All their data was seen there: the next push need not look at it again."""
        from git_data.sync.push import remember

        if tips and self._complete and self.session.known.tips and not self._goes_elsewhere():
            with suppress(OSError, GitDataError):  # only saves time; the push is through
                remember(self.repo, self.session, tips)


def _first_head(refs: list[str]) -> str | None:
    """The default branch, after the first push: the one checked out here, or git's usual names, or just the first."""
    branches = [ref for ref in refs if ref.startswith("refs/heads/")]
    status, output = capture(["symbolic-ref", "-q", "HEAD"])[0]
    here = os.fsdecode(output).strip() if status == 0 else ""
    wanted = (here, "refs/heads/main", "refs/heads/master")
    return next((ref for ref in wanted if ref in branches), branches[0] if branches else None)

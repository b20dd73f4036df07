"""The git remote that is a store: list, fetch and push on a hosted repository."""

from __future__ import annotations

import os

from git_data.errors import GitDataError, RemoteError
from git_data.host.host import Host, Undecided
from git_data.host.memory import Memory
from git_data.host.state import State
from git_data.setup.command_line import shell_quoted
from git_data.sync.git_urls import PREFIX
from git_data.sync.session import Session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from git_data.helper.options import Options
    from git_data.helper.target import Target


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
        self._pushed = False

    def close(self) -> None:
        """Give up connections. Git has shown what became of a push by then, and waits."""
        try:
            if self._pushed and self.state is not None:
                from git_data.helper import tidy

                # with the pack of the push itself
                tidy.after_push(self.repo, self.host, len(self.state.packs) + 1, quiet=self.options.verbosity < 1)
        finally:
            self.session.close()

    # -- list

    def refs(self, for_push: bool) -> Iterator[str]:
        """The lines of the answer. Raises: RemoteError, CorruptData."""
        self.state = self.host.read()
        if self.state is None:
            if not for_push:
                raise RemoteError(
                    f"no git repository lies at {self.session.remote.url}",
                    f"the first push makes one: git push {shell_quoted([PREFIX + self.target.text])} main",
                )
            return
        yield f":object-format {self.state.object_format}"
        if not for_push and self.state.head in self.state.refs:
            yield f"@{self.state.head} HEAD"
        for ref, value in sorted(self.state.refs.items()):
            oid, _, peeled = value.partition(" ")
            yield f"{oid} {ref}"
            if peeled and not for_push:  # a push --mirror would delete it
                yield f"{peeled} {ref}^{{}}"

    # -- fetch

    def fetch(self, wants: list[str]) -> list[str]:
        """Bring what the objects (hex) reach; lines for git. Raises: RemoteError, CorruptData."""
        from git_data.helper import clone
        from git_data.helper.taking import take

        assert self.state is not None
        if not self.options["cloning"]:  # then git has just taken over what was listed
            self.state.require_format(self.repo.object_format, self.session.remote.url)
        self.options.tell()
        if self.options.filtered:
            clone.promise_nothing(self.target)
        lines = take(self.repo, self.session, self.host, self.state, wants, self.options)
        if self.options["cloning"]:
            clone.set_up(self.target)
        return lines

    # -- push

    def push(self, specs: list[str]) -> list[str]:
        """``[+]<source>:<ref>`` of each update; a line for each. Nothing is raised that git could show with the refs."""
        from git_data.helper.data import complain
        from git_data.helper.pushing import Push

        refs = [spec.rpartition(":")[2] for spec in specs]
        push = Push(self.target, self.options, self.session, self.host, self.state)
        try:
            refused = push.run(specs)
            self._pushed = not self.options["dry-run"] and len(refused) < len(refs)
        except GitDataError as error:
            complain(error)
            outcome = "it is not known whether this" if isinstance(error, Undecided) else "nothing"
            refused = dict.fromkeys(refs, f"{outcome} was published; the reason is above")
        return [f"error {ref} {refused[ref]}" if ref in refused else f"ok {ref}" for ref in refs]

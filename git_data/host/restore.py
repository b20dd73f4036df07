"""Taking a change of refs back: a ref gets the value it had before, with the objects that this takes.

They may be in packs of the list that no ref reaches any more, or in packs that a compaction has retired.
"""

from __future__ import annotations

from git_data.errors import CheckFailed, MissingData, UsageError
from git_data.git.run import capture
from git_data.host import choose
from git_data.host.compact import incomplete
from git_data.host.names import Places
from git_data.host.packing import make_pack, present, send_pack
from git_data.host.rules import is_protected
from git_data.host.scratch import Scratch, whole_here
from git_data.host.state import PACKS, Change, Pack
from git_data.host.who import signature
from git_data.transfer.retry import retried

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.git.repo import Repository
    from git_data.host.history import Step
    from git_data.host.host import Host
    from git_data.host.state import State


def restore(repo: Repository, host: Host, steps: list[Step], force: bool) -> list[Step]:
    """Set refs back; those that were, without the ones that are so already.

    Raises: CheckFailed for a ref that was changed again since (unless ``force``) or is protected, MissingData when the objects
    are gone, UsageError where the log does not tell the old value, RemoteError.
    """
    done: list[Step] = []

    def prepare(state: State) -> Change | None:
        done[:] = [step for step in steps if state.refs.get(step.ref) != step.old]
        for step in done:
            _check(state, step, force)
        # what a pack of the list was made for is there with all it reaches
        held = state.oids().union(*(pack.tips for pack in state.packs))
        wanted = sorted({step.old_oid for step in done if step.old_oid} - held)
        pack = _bring(repo, host, state, wanted) if wanted else None
        return Change("restore", refs={step.ref: step.old for step in done}, pack=pack, **signature()) if done else None

    host.change(prepare)
    return done


def _check(state: State, step: Step, force: bool) -> None:
    if not step.known:
        raise UsageError(f"the log does not reach back far enough to tell what '{step.ref}' was before change {step.change.seq}")
    if state.refs.get(step.ref) != step.new and not force:
        now = state.oid(step.ref)[:10] or "deleted"
        raise CheckFailed(f"'{step.ref}' was changed again since: it is {now} now", "with --force it is set back all the same")
    if step.old is None and step.ref == state.head:
        raise CheckFailed(f"'{step.ref}' is the default branch", "choose another first: git data remote set-head PLACE BRANCH")
    if step.new is not None and is_protected(state, step.ref) and not _is_forward(step):
        raise CheckFailed(f"'{step.ref}' is protected", f"git data remote protect --remove PLACE {step.ref}")
    if step.old is not None and (other := Places(ref for ref in state.refs if ref != step.ref).clash(step.ref)):
        raise CheckFailed(f"'{step.ref}' cannot exist beside '{other}'", "give that another name, or delete it")


def _is_forward(step: Step) -> bool:
    oids = {step.old_oid, step.new_oid}
    if step.old is None or present(oids) != oids:
        return False
    return capture(["merge-base", "--is-ancestor", step.new_oid, step.old_oid])[0][0] == 0


def _bring(repo: Repository, host: Host, state: State, wanted: list[str]) -> Pack | None:
    """A pack, on the remote, of what the objects (hex) reach and the refs do not. Raises: MissingData."""
    oids = sorted(state.oids())
    here = whole_here(repo, [*wanted, *oids])
    with Scratch(repo, state.object_format, lend=True) as scratch:
        failed = scratch.take(host.remote, choose.needed(state.packs, [*oids, *wanted], here.__contains__))
        if failed:
            raise next(iter(failed.values()))
        if incomplete(wanted):
            _take_retired(host, state, scratch)
        lost = incomplete(wanted)
        if lost:
            raise MissingData(
                f"what {lost[0][:10]} reaches is gone: neither {host.remote.url} nor this repository has it any more",
                f"where it still is: git push -f REMOTE {lost[0]}:REF",
            )
        file = make_pack(wanted, oids, scratch.directory)
        if file is None:
            return None
        send_pack(host.remote, file)
        return file.pack


def _take_retired(host: Host, state: State, scratch: Scratch) -> None:
    """Those that can be applied; one may need another that was retired later."""
    names = list(state.retired)
    sizes = retried(lambda: host.remote.stat_many([f"{PACKS}{name}.pack" for name in names]))
    left = [Pack(name, entry.size, [], []) for name, entry in zip(names, sizes) if entry is not None]
    while left:
        failed = scratch.take(host.remote, left)
        if len(failed) == len(left):
            break
        left = [pack for pack in left if pack.name in failed]

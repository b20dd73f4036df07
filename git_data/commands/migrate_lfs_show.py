"""What ``git data migrate lfs`` prints: the plan, and what was done."""

from __future__ import annotations

from git_data.base.report import count, human_size, say
from git_data.commands import output
from git_data.git.scan import shown
from git_data.migrate import lfs, lfs_supply, outcome
from git_data.setup.lfs_hooks import names_of, stock_hooks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from git_data.migrate.lfs import Migration

_SHOWN = 5


def plan(migration: Migration, as_json: bool) -> None:
    """What would be done."""
    supply, head = migration.supply, migration.head
    lfs_supply.ask_server(migration.repo, supply)
    migration.find_out_who()
    needed, free = migration.bytes_needed(), outcome.free_bytes(migration.store.root)
    assert migration.history is not None
    objects = migration.history.needed.values()
    if as_json:
        value: dict[str, Any] = {
            "mode": migration.mode,
            "files": len(head.pointers),
            "objects": {"number": len(objects), "bytes": _size(objects)},
            "here": {"number": len(supply.local), "bytes": sum(item.pointer.size for item in supply.local)},
            "in_store": {"number": len(supply.stored), "bytes": _size(supply.stored)},
            "on_server": {
                "number": len(supply.absent) - len(supply.nowhere),
                "bytes": _size(supply.absent) - _size(supply.nowhere),
            },
            "server": supply.server.address if supply.server else None,
            "missing": [
                {"path": output.name(file.path), "commit": commit, "oid": file.pointer.oid, "size": file.pointer.size}
                for commit, file in migration.named
            ],
            "should_have_been_pointers": [output.name(plain.path) for plain in head.plain],
            "malformed": [output.name(path) for path in head.malformed],
            "attributes": [output.name(file.path) for file in head.attributes],
            "submodules": [output.name(path) for path in head.submodules],
            "hooks": names_of(stock_hooks(migration.repo)),
            "needed_bytes": needed,
            "free_bytes": free,
        }
        value.update(migration.rewriting())
        output.print_json(value)
        return
    missing = supply.missing
    fetchable = [pointer for pointer in supply.absent if pointer.oid not in missing]
    rows = [
        ("files checked out", f"{len(head.pointers):,}", human_size(sum(file.pointer.size for file in head.pointers))),
        ("versions in all of history", f"{len(objects):,}", human_size(_size(objects))),
        ("  in git-data's store already", f"{len(supply.stored):,}", human_size(_size(supply.stored))),
        ("  git-lfs has them here", f"{len(supply.local):,}", human_size(sum(item.pointer.size for item in supply.local))),
        ("  to be fetched", f"{len(fetchable):,}", human_size(_size(fetchable))),
        ("  nowhere to be found", f"{len(supply.nowhere):,}", human_size(_size(supply.nowhere))),
    ]
    output.write(output.table(rows, right=(1, 2)))
    if supply.server:
        output.line(f"LFS server: {output.plain(supply.server.address)} ({supply.server.source})")
    if supply.absent and supply.trouble is not None:
        output.line(f"the server could not be asked: {output.plain(supply.trouble.message)}")
    for line in lfs.nowhere_lines(supply.nowhere, migration.named):
        output.line(f"missing: {line}")
    output.line(f"space needed: {human_size(needed)}" + (f" of {human_size(free)} that are free" if free is not None else ""))
    _about_head(migration)
    _what_changes(migration)


def _what_changes(migration: Migration) -> None:
    hooks = names_of(stock_hooks(migration.repo))
    if hooks:
        output.line(f"hooks of git-lfs that would be replaced: {', '.join(hooks)}")
    if migration.mode == lfs.COMMIT:
        number = len(migration.head.pointers) + len(migration.head.plain)
        files = _some([file.path for file in migration.head.attributes])
        output.line(f"one commit would change {count(number, 'pointer')}" + (f" and {files}" if files else ""))
    elif migration.mode == lfs.KEEP:
        output.line("nothing would change in git: no commit, no pointer, no attribute")
    else:
        facts = migration.rewriting()
        output.line(f"{count(facts['commits'], 'commit')} of {count(len(facts['refs']), 'ref')} would be looked at and rewritten")
        _about_history(migration)
        if facts["signed_commits"]:
            signed = facts["signed_commits"]
            output.line(f"signed commits, whose signatures would be lost: {len(signed):,} ({outcome.some(signed)})")


def _about_head(migration: Migration) -> None:
    """What the user should know, and what to do about it."""
    head = migration.head
    if head.plain:
        what = "are no pointers although filter=lfs: they become data, too" if migration.mode != lfs.KEEP else "are no pointers"
        output.line(f"{count(len(head.plain), 'file')} {what}: {_some([plain.path for plain in head.plain])}")
    if head.malformed:
        output.line(f"{count(len(head.malformed), 'file')} nearly a pointer, and left as it is: {_some(head.malformed)}")
        output.line("  put the real file in its place, then: git add FILE")
    if head.submodules:
        output.line(f"submodules that use git-lfs are left alone: {_some(head.submodules)}")
        output.line("  git -C SUBMODULE data migrate lfs")


def _about_history(migration: Migration) -> None:
    """What of history is not as git-lfs wants it; HEAD has been spoken of."""
    found = migration.look_at_history()
    if found.plain:
        size = human_size(sum(found.plain.values()))
        output.line(f"{count(len(found.plain), 'version')} in git itself although filter=lfs become data, too ({size})")
    malformed = sorted(set(found.malformed) - set(migration.head.malformed))
    if malformed:
        output.line(f"nearly a pointer in some commit, and left as it is: {_some(malformed)}")


def done(migration: Migration, as_json: bool) -> None:
    """What was done."""
    supply = migration.supply
    moves = migration.record.moves
    if as_json:
        output.print_json(
            {
                "mode": migration.mode,
                "files": len(migration.converted.pointers),
                "linked_bytes": supply.linked_bytes,
                "copied_bytes": supply.copied_bytes,
                "fetched_bytes": supply.fetched_bytes,
                "missing": sorted(supply.missing),
                "commits": len(migration.rewritten.commits) if migration.rewritten else None,
                "refs": [{"name": move.name, "old": move.old, "new": move.new} for move in moves],
                "hooks": migration.changed.replaced if migration.changed else [],
            }
        )
        return
    if supply.damaged:
        damaged = ", ".join(item.path for item in supply.damaged[:_SHOWN])
        say(f"{count(len(supply.damaged), 'object')} of git-lfs damaged: {damaged}")
    parts = [
        f"{human_size(size)} {how}"
        for size, how in (
            (supply.linked_bytes, "shared with git-lfs by links"),
            (supply.copied_bytes, "copied, because links are not possible there"),
            (supply.fetched_bytes, "fetched"),
        )
        if size
    ]
    if migration.is_idle:
        output.line("Nothing here is git-lfs's: nothing to do.")
        return
    output.line("The store has every version" + (f": {', '.join(parts)}." if parts else "."))
    if supply.nowhere:
        output.line(f"{count(len(supply.nowhere), 'object')} nowhere to be found: the pointers stay those of git-lfs.")
    _about_head(migration)
    if migration.changed and migration.changed.replaced:
        output.line(f"Hooks of git-lfs replaced: {', '.join(migration.changed.replaced)}.")
    for line in migration.changed.hooks.lines if migration.changed else []:
        output.line(f"  {line}")
    if migration.mode == lfs.KEEP:
        output.line("This clone uses git-data instead of git-lfs; nothing changed in git, and others may go on with git-lfs.")
        output.line("Take it back: git data migrate lfs --undo")
    elif not moves:
        where = "in any commit" if migration.mode == lfs.HISTORY else "at HEAD"
        output.line(f"There is no file of git-lfs {where}: nothing to commit.")
    elif migration.rewritten is not None:
        _about_history(migration)
        for line in outcome.afterwards(migration.repo, migration.record, migration.rewritten):
            output.line(line)
        output.line(f"which commit became which: {output.plain(migration.map_path)}")
        if migration.server_is_known_here_only:
            output.line("only this clone knows the LFS server; so that others do: git data remote add -d server --lfs")
    else:
        output.line(f"{count(len(migration.converted.pointers), 'file')} on {_branch(moves[0].name)} kept by git-data now.")
        output.line("Take it back: git data migrate lfs --undo   Publish it: git push")


def _branch(name: str) -> str:
    return f"'{name.removeprefix('refs/heads/')}'"


def resumed() -> None:
    """An earlier run was finished."""
    say("an earlier run was finished; nothing else was done")


def _size(pointers: Any) -> int:
    return sum(pointer.size for pointer in pointers)


def _some(paths: list[bytes]) -> str:
    return outcome.some([shown(path) for path in paths])

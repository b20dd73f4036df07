"""``git data migrate dvc``.

Move a DVC repository to git-data: what .dvc files, dvc.yaml and dvc.lock name becomes tracked in place, by one commit on top. The
files in the work tree stay where they are. Content comes from DVC's cache, the work tree, and DVC's remotes; each file is
verified by its MD5 and gets its SHA-256 in one reading.

  git data migrate dvc --dry-run      what would be done, and what is missing
  git data migrate dvc                one commit on top
  git data migrate dvc --history      every commit as if its data had always been git-data's
  git data migrate dvc --undo         as it was before

.dvc files go, and DVC's lines in .gitignore; dvc.yaml and dvc.lock become data.yaml and data.lock (git-data carries
pipelines, but does not run them yet); remotes in .dvc/config become remotes in .gitdata, without credentials. DVC's cache stays
on disk.

Exit status: 3 content is missing, 1 something else cannot be moved; then nothing has changed.
"""

from __future__ import annotations

import argparse
import os

from git_data.base.report import count, human_size, say
from git_data.commands import output
from git_data.commands.migrate_common import add_object_map, add_refs, add_undo
from git_data.commands.parser import add_dry_run, add_jobs, add_json
from git_data.errors import UsageError
from git_data.git.repo import Repository, locate
from git_data.git.scan import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from git_data.migrate.dvc_apply import Result

_SHOWN = 20


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--history", action="store_true", help="rewrite every commit, of all branches and tags if none are named")
    parser.add_argument("--keep-pipelines", action="store_true", help="leave stages and their outs with DVC, which can run them")
    add_refs(parser)
    add_object_map(parser)
    parser.add_argument("--allow-missing", action="store_true", help="leave what cannot be moved with DVC, and move the rest")
    add_dry_run(parser)
    add_json(parser)
    add_jobs(parser)
    add_undo(parser)


def run(arguments: argparse.Namespace) -> int:
    """Migrate."""
    from git_data.migrate import dvc_apply, dvc_history
    from git_data.migrate.ready import require_ready
    from git_data.migrate.refs import chosen

    here = os.getcwd()
    repo = locate()
    repo.require_worktree()
    os.chdir(repo.worktree)
    if arguments.undo:
        dvc_apply.undo(repo, arguments.force)
        output.line("Everything is as it was before; DVC looks after the data again: dvc status")
        return 0
    with_refs = arguments.everything or arguments.include_ref or arguments.exclude_ref
    if not arguments.history and (with_refs or arguments.object_map):
        raise UsageError("refs and --object-map go with --history", "git data migrate dvc -h")
    if not arguments.dry_run:
        if dvc_apply.finish(repo):
            say("an earlier run was finished; nothing else was done")
            return 0
        require_ready(repo, arguments.history)
    jobs = arguments.jobs or repo.settings.jobs
    keep = arguments.keep_pipelines
    if arguments.history:
        everything = arguments.everything or not arguments.include_ref
        refs = chosen(repo, everything, arguments.include_ref, arguments.exclude_ref)
        if arguments.dry_run:
            result = dvc_history.dry_run(repo, jobs, keep, *refs)
        else:
            object_map = os.path.join(here, arguments.object_map) if arguments.object_map else ""
            result = dvc_history.apply(repo, jobs, arguments.allow_missing, keep, *refs, object_map)
    elif arguments.dry_run:
        result = dvc_apply.dry_run(repo, jobs, keep)
    else:
        result = dvc_apply.apply(repo, jobs, arguments.allow_missing, keep)
    if arguments.json:
        output.print_json(_json(result, arguments.dry_run))
    else:
        _print(repo, result, arguments.dry_run)
    return 3 if arguments.dry_run and any(piece.missing for piece in result.left) else 0


def _json(result: Result, dry_run: bool) -> dict[str, Any]:
    plan = result.plan
    return {
        "dry_run": dry_run,
        "commit": result.commit,
        "commits": result.commits,
        "versions": result.versions,
        "files": result.files,
        "size": result.size_bytes,
        "contents": len(plan.wanted),
        "places": result.places,
        "sources": [output.name(piece.source) for piece in result.pieces if not piece.reason],
        "left": [
            {
                "path": output.name(piece.source),
                "reason": piece.reason,
                "missing": [{"path": output.name(path), "md5": key.md5} for path, key in piece.missing],
            }
            for piece in result.left
        ],
        "left_in_history": [
            {"path": output.name(piece.source), "reason": piece.reason, "missing": [key.md5 for _, key in piece.missing]}
            for piece in result.left_in_history
        ],
        "removed": [output.name(path) for path in result.gone],
        "remotes": [
            {"name": remote.name, "url": remote.url, "reason": output.plain(remote.reason), "dropped": remote.dropped}
            for remote in plan.remotes
        ],
        "notes": [{"path": output.name(piece.source), "note": note} for piece in result.pieces for note in piece.notes],
        "ignored": [{"file": output.name(file), "pattern": output.name(pattern)} for file, pattern in result.ignored],
        "settings": result.settings,
        "damaged": plan.intake.damaged,
    }


def _print(repo: Repository, result: Result, dry_run: bool) -> None:
    plan = result.plan
    moved = [piece for piece in result.pieces if not piece.reason]
    done = "would become" if dry_run else "became"
    kinds = f"{count(len(moved), 'file')} of DVC"
    output.line(f"{kinds} {done} {count(result.files, 'data file')} ({human_size(result.size_bytes)}).")
    if result.commits:
        output.line(f"In {count(result.commits, 'commit')}: {count(result.versions, 'version')} of data files.")
    if dry_run and result.places:
        output.line("Content: " + ", ".join(f"{number:,} in {place}" for place, number in result.places.items()) + ".")
    _print_left(result)
    for piece in result.left_in_history[:_SHOWN]:
        output.line(f"Stays with DVC in some commits: {shown(piece.source)}: {piece.reason}")
    if len(result.left_in_history) > _SHOWN:
        output.line(f"and {len(result.left_in_history) - _SHOWN:,} more")
    for path in plan.intake.damaged[:_SHOWN]:
        output.line(f"  {output.plain(path)}")
    for piece in result.pieces:
        for note in piece.notes:
            output.line(f"{shown(piece.source)}: {note}.")
    pipelines = [piece for piece in moved if piece.pipeline is not None]
    if pipelines:
        output.line(f"{count(len(pipelines), 'pipeline')}: dvc.yaml {done} data.yaml; git-data does not run stages yet.")
    _print_remotes(result, dry_run)
    if dry_run:
        output.line("Nothing has changed. To do it, leave out --dry-run.")
        return
    if result.settings:
        output.line(f"Set in the configuration of this repository: {', '.join(result.settings)}.")
    for file, pattern in result.ignored[:_SHOWN]:
        output.line(f"'{shown(pattern)}' in '{shown(file)}' still has git ignore data files: new ones need git add --force.")
    if result.copied_bytes:
        output.line(f"Copied, because blocks could not be shared: {human_size(result.copied_bytes)}.")
    _print_cache(result)
    for text in result.words:
        output.line(text)
    if not result.words:
        output.line(f"Commit {result.commit[:12]} made; to take it back: git data migrate dvc --undo")


def _print_left(result: Result) -> None:
    for piece in result.left[:_SHOWN]:
        output.line(f"Stays with DVC: {shown(piece.source)}: {piece.reason}")
        for path, key in piece.missing[:_SHOWN]:
            output.line(f"  missing: {shown(path)} (MD5 {key.md5})")
        if len(piece.missing) > _SHOWN:
            output.line(f"  and {len(piece.missing) - _SHOWN:,} more")
    if len(result.left) > _SHOWN:
        output.line(f"and {len(result.left) - _SHOWN:,} more")
    for name, reason in result.plan.silent.items():
        output.line(f"DVC's remote '{name}' did not answer: {output.plain(reason)}")


def _print_remotes(result: Result, dry_run: bool) -> None:
    from git_data.migrate.dvc_remotes import shown as address

    mapped = [remote for remote in result.plan.remotes if remote.url]
    for remote in result.plan.remotes:
        if remote.url:
            output.line(f"Remote '{remote.name}': {output.plain(address(remote))}")
        else:
            output.line(f"DVC's remote '{remote.name}' is not carried over: {output.plain(remote.reason)}")
        if remote.dropped:
            output.line(f"  without: {', '.join(sorted(remote.dropped))}")
    if mapped:
        output.line("Remotes begin empty, beside DVC's objects: the first git data push --all uploads everything.")


def _print_cache(result: Result) -> None:
    plan = result.plan
    if not result.cache_left:
        return
    directory = output.plain(plan.config.cache_dir)
    how = "shares its content with the store" if not plan.intake.copied_bytes else "is a copy of its own"
    if result.left or plan.keep_pipelines:
        output.line(f"DVC's cache ({directory}) {how}, and is still needed.")
    else:
        output.line(f"DVC's cache {how}; if nobody else uses it, delete it: rm -rf {directory}")

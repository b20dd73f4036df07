"""The guard in the pre-commit hook: no large file in git itself, no pointer whose data is nowhere.

Works on what is about to be committed (the index git names in ``GIT_INDEX_FILE``), with three short git commands.
"""

from __future__ import annotations

import os

from git_data.base.report import human_size
from git_data.errors import CheckFailed, GitFailed, MissingData
from git_data.git.repo import Repository, locate
from git_data.git.run import capture
from git_data.pointer import MAX_SIZE_BYTES, parse
from git_data.store.place import open_store

_SHOWN = 5


def check_commit() -> int:
    """Check the index against HEAD. Raises: CheckFailed, MissingData."""
    added = _added()
    if not added:
        return 0
    repo = locate()
    sizes = _sizes(sorted({blob for _, blob in added}))
    guard = repo.settings.guard_bytes
    large = [(path, sizes[blob]) for path, blob in added if guard and sizes.get(blob, 0) >= guard]
    if large:
        raise _too_large(large)
    _check_pointers(repo, [(path, blob) for path, blob in added if sizes.get(blob, 0) < MAX_SIZE_BYTES])
    return 0


def _added() -> list[tuple[bytes, bytes]]:
    """Regular files whose content this commit adds: ``(path, blob id)``."""
    status, output = capture(
        ["diff", "--cached", "--raw", "-z", "--no-renames", "--no-abbrev", "--no-ext-diff", "--diff-filter=AMT"]
    )[0]
    if status:
        raise GitFailed("git diff --cached failed in the pre-commit hook", "git status")
    fields = output.split(b"\0")
    added = []
    for header, path in zip(fields[0::2], fields[1::2]):
        _, mode, _, blob, _ = header.split(b" ")
        if mode.startswith(b"100"):
            added.append((path, blob))
    return added


def _sizes(blobs: list[bytes]) -> dict[bytes, int]:
    stdin = b"".join(blob + b"\n" for blob in blobs)
    output = capture(["cat-file", "--buffer", "--batch-check=%(objectname) %(objectsize)"], stdin=stdin)[0][1]
    fields = (line.split(b" ") for line in output.splitlines())
    return {found[0]: int(found[1]) for found in fields if found[1].isdigit()}


def _too_large(large: list[tuple[bytes, int]]) -> CheckFailed:
    listed = "".join(f"\n  {os.fsdecode(path)} ({human_size(size)})" for path, size in large[:_SHOWN])
    more = f"\n  and {len(large) - _SHOWN:,} more" if len(large) > _SHOWN else ""
    patterns = " ".join(sorted({_pattern(path) for path, _ in large}))
    return CheckFailed(
        f"this commit would put large files into git itself:{listed}{more}",
        f"keep them as data:      git data track --convert {patterns}\n"
        "or commit all the same: git commit --no-verify   (the limit is data.guard)",
    )


def _pattern(path: bytes) -> str:
    """What to track: the suffix if there is one, else the path itself."""
    from git_data.setup.command_line import shell_quoted

    name = os.path.basename(os.fsdecode(path))
    suffix = os.path.splitext(name)[1]
    return shell_quoted([f"*{suffix}" if suffix else "/" + os.fsdecode(path)])


def _check_pointers(repo: Repository, small: list[tuple[bytes, bytes]]) -> None:
    store = open_store(repo)
    missing = []
    contents = _contents(sorted({blob for _, blob in small}))
    for path, blob in small:
        pointer = parse(contents.get(blob, b""))
        if pointer is not None and store.find(pointer.oid, pointer.size) is None:
            missing.append(path)
    missing = [path for path in missing if _is_data(path)]
    if missing:
        listed = "".join(f"\n  {os.fsdecode(path)}" for path in missing[:_SHOWN])
        more = f"\n  and {len(missing) - _SHOWN:,} more" if len(missing) > _SHOWN else ""
        raise MissingData(
            f"this commit would add pointers whose data is nowhere:{listed}{more}",
            "put the real files in their places and run: git add\nor commit all the same: git commit --no-verify",
        )


def _contents(blobs: list[bytes]) -> dict[bytes, bytes]:
    stdin = b"".join(blob + b"\n" for blob in blobs)
    output = capture(["cat-file", "--buffer", "--batch"], stdin=stdin)[0][1] if blobs else b""
    contents, at = {}, 0
    while at < len(output):
        end = output.index(b"\n", at)
        header = output[at:end].split(b" ")
        if len(header) != 3:  # "<id> missing": a partial clone without the blob
            at = end + 1
            continue
        size = int(header[2])
        contents[header[0]] = output[end + 1 : end + 1 + size]
        at = end + 2 + size
    return contents


def _is_data(path: bytes) -> bool:
    answer = capture(["check-attr", "-z", "--stdin", "filter"], stdin=path + b"\0")[0][1].split(b"\0")
    return len(answer) > 2 and answer[2] in (b"data", b"lfs")

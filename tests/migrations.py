"""What tests of migrations share: histories, and what a user would find in each commit of one."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

from helpers import Repo, content, run

Contents = dict[str, dict[str, tuple[str, str]]]
"""ref or subject of a commit → path → mode and SHA-256 of the content"""


def checked_out(repo: Repo, revisions: list[str], scratch: Path, leave_out: tuple[str, ...] = ()) -> Contents:
    """Every file of each revision as a user gets it by ``git checkout``: mode and hash of content.

    In a clone that shares everything but its work tree, so that ``repo`` stays as it is.  ``leave_out`` are names of files.
    """
    clone = Repo(scratch)
    repo.git("worktree", "add", "-q", "--detach", clone.path)
    found: Contents = {}
    try:
        for revision in revisions:
            clone.git("checkout", "-q", "--detach", revision)
            found[revision] = files_of(clone.path, leave_out)
            assert clone.status() == "", (revision, clone.status())
    finally:
        repo.git("worktree", "remove", "-f", clone.path)
    return found


def files_of(directory: Path, leave_out: tuple[str, ...] = ()) -> dict[str, tuple[str, str]]:
    """Every file below a directory, ``.git`` left out: executable or not, and the hash of its content."""
    found = {}
    for place, names, files in os.walk(directory):
        names[:] = [name for name in names if name != ".git"]
        for name in files:
            path = Path(place) / name
            if name == ".git" or name in leave_out:
                continue
            kind = "link" if path.is_symlink() else "exec" if os.access(path, os.X_OK) and path.stat().st_mode & 0o100 else "file"
            data = os.readlink(path).encode() if path.is_symlink() else path.read_bytes()
            found[str(path.relative_to(directory))] = (kind, hashlib.sha256(data).hexdigest())
    return found


def commits(repo: Repo, *revisions: str) -> list[str]:
    """The commits that revisions reach (all branches and tags without any), oldest first."""
    return repo.git("rev-list", "--topo-order", "--reverse", *(revisions or ("--branches", "--tags", "HEAD"))).split()


def described(repo: Repo, commit: str) -> str:
    """What must stay as it is when a commit is rewritten: authors, dates, message, encoding."""
    raw = run("git", "cat-file", "commit", commit, cwd=repo.path).stdout
    kept = [
        line for line in raw.split(b"\n\n", 1)[0].split(b"\n") if not line.startswith((b"tree ", b"parent ", b"gpgsig", b" "))
    ]
    return repr((kept, raw.split(b"\n\n", 1)[1]))


def plain_history(repo: Repo) -> None:
    """Large and small files in plain git: three branches, a merge, tags, renames, notes, an executable, a nested attribute."""
    repo.write("code.py", "print(1)\n")
    repo.write("empty.bin", b"")
    first = repo.commit("code only")
    repo.git("tag", "before-data")
    repo.write("data/train set.bin", content(150_000, 1))
    repo.write("tool", content(120_000, 2))
    repo.file("tool").chmod(0o755)
    repo.write("small.bin", content(2_000, 3))
    repo.write("logo.png", content(500, 4))
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{first},module")
    repo.commit("first data")
    repo.write(".gitattributes", "*.py text\n")
    repo.write("data/.gitattributes", "*.csv text\n")
    repo.write("data/train set.bin", content(160_000, 5))
    repo.commit("attributes, new data")
    repo.git("tag", "-a", "v1", "-m", "the first\nrelease")
    repo.git("notes", "add", "-m", "a good one")
    repo.git("checkout", "-q", "-b", "side", first)
    repo.write("side/other.bin", content(130_000, 6))
    repo.write('weird "name"\\\n.bin', content(110_000, 7))
    repo.commit("data on a branch")
    repo.git("checkout", "-q", "main")
    repo.git("mv", "data/train set.bin", "data/train.bin")
    repo.git("commit", "-q", "-m", "renamed", "--author", "Sömeone Else <else@example.org>", "--date", "2001-02-03T04:05:06+0700")
    repo.git("merge", "-q", "side", "-m", "merge of side")
    repo.git("checkout", "-q", "-b", "topic", "v1~1")
    repo.git("rm", "-q", "tool")
    repo.commit("no tool any more")
    repo.git("checkout", "-q", "main")


def copy_of(template: Repo, target: Path) -> Repo:
    """The same repository once more; hard-won templates are copied, not made again."""
    subprocess.run(["cp", "-a", "--reflink=auto", template.path, target], check=True)
    return Repo(target)

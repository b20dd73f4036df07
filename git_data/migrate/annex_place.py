"""Where the content of git-annex keys lies on this machine, and who is said to have what does not.

Looked at are the repository itself, git remotes that are directories here, and special remotes of the types directory and rsync
whose place is a directory here.  What they hold encrypted, in chunks, or under the names of an exported tree is not found under
its key, so it counts as absent.
"""

from __future__ import annotations

import os
import stat

from git_data.git.run import git, records
from git_data.git.scan import read_blobs
from git_data.migrate.adopt import Content, Place, stored
from git_data.migrate.annex_find import LINK
from git_data.worktree.copies import link_types

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from git_data.git.repo import Repository
    from git_data.migrate.annex_find import Found
    from git_data.migrate.annex_key import Key
    from git_data.store.objects import Store


class Roots:
    """``own``: the directories of objects here; ``others``: those of remotes."""

    def __init__(self, repo: Repository) -> None:
        self.own = os.path.join(repo.common_dir, "annex", "objects")
        self.others = [path for path in _others(repo) if os.path.isdir(path)]

    def content(self, key: Key) -> Content:
        """The key as content that is to be taken in; its places are those where a file is."""
        places = []
        for root in (self.own, *self.others):
            for name in key.places():
                path = os.path.join(root, os.fsdecode(name))
                if os.path.lexists(path):
                    # locked content is never written to; what anybody may write to is told by its mode
                    places.append(Place(path, linkable=root == self.own))
        return Content(b"git-annex " + key.name, places, key.size, key.algorithm, key.digest)


def needed_bytes(repo: Repository, store: Store, found: Found, contents: dict[bytes, Content]) -> int:
    """What a migration takes on the file system of the work tree: copies of locked files, and the store where it is another's.

    Raises: FileSystemError when the store cannot be made.
    """
    store.make()
    works = link_types(repo, store)
    first = next((name for name in repo.settings.link if name in works), "copy")
    needed = 0
    if first == "copy":
        needed += sum(max(key.size, 0) for version, key in found.annexed() if version.mode == LINK)
    own = os.path.join(repo.common_dir, "annex")
    if not os.path.isdir(own) or os.stat(own).st_dev != os.stat(store.tmp).st_dev:
        needed += sum(max(content.size, 0) for content in contents.values() if stored(store, content) is None)
    return needed


def is_executable(content: Content) -> bool:
    """Whether git-annex keeps the content as that of a program: git does not say it of locked files."""
    for place in content.places:
        try:
            status = os.lstat(place.path)
        except OSError:
            continue
        return stat.S_ISREG(status.st_mode) and bool(status.st_mode & 0o100)
    return False


def _others(repo: Repository) -> list[str]:
    found = []
    for key, entries in repo.config.entries.items():
        if not key.startswith("remote.") or not entries:
            continue
        value = entries[-1].value
        if key.endswith((".annex-directory", ".annex-rsyncurl")):
            found.append(value)
        elif key.endswith(".url"):
            value = value.removeprefix("file://")
            base = os.path.join(repo.worktree or repo.common_dir, value)
            found += [os.path.join(base, ".git", "annex", "objects"), os.path.join(base, "annex", "objects")]
    return found


def holders(repo: Repository, keys: Iterable[Key]) -> dict[bytes, list[str]]:
    """Of each key (its name) the repositories that are said to have it: names of remotes here, else descriptions.

    Format: git-annex's ``internals`` (location logs and ``uuid.log`` on the branch ``git-annex``).  Raises: GitFailed.
    """
    branch = _branch(repo)
    if not branch:
        return {}
    wanted = {os.path.basename(key.places()[1]) + b".log": key.name for key in keys}
    blobs: dict[bytes, bytes] = {}
    names = b""
    for record in records("ls-tree", "-r", "-z", "--full-tree", branch, cwd=repo.worktree or repo.common_dir):
        header, _, path = record.partition(b"\t")
        blob = header.split(b" ")[2]
        if path == b"uuid.log":
            names = blob
        elif os.path.basename(path) in wanted:
            blobs[wanted[os.path.basename(path)]] = blob
    contents = dict(read_blobs([*dict.fromkeys(blobs.values()), *([names] if names else [])]))
    known = _descriptions(contents.get(names, b""), repo)
    return {key: _present(contents.get(blob, b""), known) for key, blob in blobs.items()}


def _branch(repo: Repository) -> str:
    listed = git(
        "for-each-ref", "--format=%(refname)", "refs/heads/git-annex", "refs/remotes/*/git-annex",
        cwd=repo.worktree or repo.common_dir,
    )  # fmt: skip
    return os.fsdecode(listed.split(b"\n")[0])


def _descriptions(log: bytes, repo: Repository) -> dict[bytes, str]:
    found = {}
    for line in log.splitlines():
        uuid, _, rest = line.partition(b" ")
        found[uuid] = rest.rpartition(b" timestamp=")[0].decode("utf-8", "replace")
    for key, entries in repo.config.entries.items():
        if key.startswith("remote.") and key.endswith(".annex-uuid") and entries:
            found[os.fsencode(entries[-1].value)] = key[len("remote.") : -len(".annex-uuid")]
    found[os.fsencode(repo.config.get("annex.uuid"))] = "here, git-annex believes"
    return found


def _present(log: bytes, names: dict[bytes, str]) -> list[str]:
    latest: dict[bytes, tuple[float, bool]] = {}
    for line in log.splitlines():
        fields = line.split(b" ")
        if len(fields) < 3:
            continue
        try:
            time_s = float(fields[0].rstrip(b"s"))
        except ValueError:
            continue
        latest[fields[2]] = max(latest.get(fields[2], (0.0, False)), (time_s, fields[1] == b"1"))
    return [names.get(uuid) or os.fsdecode(uuid) for uuid, (_, there) in latest.items() if there]


def num_copies(repo: Repository) -> int:
    """The number of copies that git-annex was asked to keep (``numcopies.log``), 0 if it was not. Raises: GitFailed."""
    branch = _branch(repo)
    log = git("cat-file", "blob", f"{branch}:numcopies.log", ok=(0, 128), cwd=repo.worktree or repo.common_dir) if branch else b""
    found = (line.split(b" ") for line in log.splitlines())
    numbers = [(fields[0], int(fields[1])) for fields in found if len(fields) == 2 and fields[1].isdigit()]
    return max(numbers)[1] if numbers else 0


def kept_bytes(repo: Repository) -> int:
    """What deleting ``.git/annex`` would free: files that have no other name."""
    total = 0
    for directory, _, names in os.walk(os.path.join(repo.common_dir, "annex")):
        for name in names:
            try:
                status = os.lstat(os.path.join(directory, name))
            except OSError:
                continue
            total += status.st_size if status.st_nlink == 1 else 0
    return total

"""Making packs of what a hosted repository lacks, and taking packs in. The work is git's: pack-objects, index-pack.

The repository is that of the current directory and environment, as everywhere git runs.
"""

from __future__ import annotations

import os
import stat
import subprocess

from git_data.base import fsio
from git_data.base.digest import file_sha256, sha256
from git_data.errors import CorruptData, GitFailed, from_os_error
from git_data.git.run import git, lines
from git_data.host.names import NONCE_DIGITS
from git_data.host.state import Pack
from git_data.transfer.retry import retried

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from git_data.config import Config
    from git_data.remote.base import Remote

_HEADER_BYTES = 12
_UNPACK_LIMIT = 100
_KINDS = ("blob", "commit", "tag", "tree")


class PackFile:
    """A pack that was made: the file, and what the manifest will say of it."""

    __slots__ = ("asked", "based_on", "count", "pack", "path", "sent")

    def __init__(self, path: str, count: int, pack: Pack, based_on: set[str] | None = None) -> None:
        self.based_on = based_on or set()
        """names of the packs that were there when it was made"""
        self.path = path
        self.count = count
        self.pack = pack
        self.sent = False
        self.asked: list[str] = []
        """what it was made of, which it need not hold itself"""

    def remove(self) -> None:
        """Take the file away."""
        fsio.remove_if_exists(self.path)


def kinds(names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """What this repository has under some names (gitrevisions(7)): object (hex) and type of each that is here.

    A promisor remote is not asked for what is not.
    """
    wanted = list(names)
    if not wanted:
        return {}
    question = os.fsencode("".join(f"{name}\n" for name in wanted))
    # git before 2.45 does not know the first, and would ask the remote for each object
    environment = {"GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": "none"}
    output = git("cat-file", "--batch-check=%(objectname) %(objecttype)", stdin=question, env=environment)
    found = {}
    for name, answer in zip(wanted, os.fsdecode(output).split("\n")):
        oid, _, kind = answer.rpartition(" ")
        if kind in _KINDS:
            found[name] = (oid, kind)
    return found


def present(oids: Iterable[str]) -> set[str]:
    """Those of the objects (hex) that this repository has. A promisor remote is not asked."""
    return set(kinds(oids))


def is_connected(oids: Iterable[str], partial: bool = False) -> bool:
    """Whether everything that the objects reach is here, given that it is for what refs reach (as git fetch checks).

    In a ``partial`` clone what its remote has promised counts as here.
    """
    stdin = "".join(f"{oid}\n" for oid in oids).encode()
    promised = ["--exclude-promisor-objects"] if partial else []
    try:
        git("rev-list", "--objects", "--stdin", *promised, "--not", "--all", "--quiet", "--alternate-refs", stdin=stdin)
    except GitFailed:
        return False
    return True


def connected(oids: Iterable[str], partial: bool = False) -> set[str]:
    """Those of the objects (hex) for which ``is_connected`` holds; halved until it is known of each."""
    left, found = [sorted(oids)], set()
    while left:
        some = left.pop()
        if some and is_connected(some, partial):
            found.update(some)
        elif len(some) > 1:
            half = len(some) // 2
            left += [some[:half], some[half:]]
    return found


def make_pack(tips: list[str], exclude: Iterable[str], directory: str, progress: bool = False) -> PackFile | None:
    """Pack what ``tips`` reach and ``exclude`` (objects that are here) do not; ``None`` if that is nothing.

    The pack names those of the tips that it holds.

    Raises: GitFailed, FileSystemError.
    """
    found = kinds([*tips, *(f"{oid}^{{}}" for oid in set(exclude))])
    # trees and blobs are not left out: what a pack lacks is written down as commits
    left_out = sorted({oid for name, (oid, kind) in found.items() if name.endswith("^{}") and kind == "commit"})
    revisions = [*tips, *(f"^{oid}" for oid in left_out)]
    stdin = "".join(f"{revision}\n" for revision in revisions).encode()
    path = os.path.join(directory, fsio.temp_name() + ".pack")
    # without bitmaps what is left out is exactly what the commits at the lower edge reach, which is what is written down
    command = ["git", "pack-objects", "--revs", "--stdout", "--thin", "--delta-base-offset", "--no-use-bitmap-index"]
    command.append("--progress" if progress else "-q")
    hasher = sha256()
    size = 0
    try:
        os.makedirs(directory, exist_ok=True)
        with open(path, "xb", buffering=0) as file:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=None)
            assert process.stdin is not None and process.stdout is not None
            _feed(process, stdin)
            head = b""
            while data := process.stdout.read(1 << 20):
                head = head or data[:_HEADER_BYTES]
                hasher.update(data)
                size += len(data)
                fsio.write_all(file.fileno(), data)
            process.stdout.close()
            if process.wait():
                raise GitFailed("git pack-objects could not pack what is to be pushed", "git fsck")
        count = int.from_bytes(head[8:12], "big")
    except BaseException as error:
        fsio.remove_if_exists(path)
        if isinstance(error, OSError):
            raise from_os_error(error, path, "packing") from None
        raise
    if not count:
        fsio.remove_if_exists(path)
        return None
    name = f"{hasher.hexdigest()}-{os.urandom(NONCE_DIGITS // 2).hex()}"
    pack = Pack(name, size, tips, [])
    if left_out:
        tags = {tip: oid for tip, (oid, kind) in _tagged(tips, found).items() if kind == "commit"}
        inside, edge = _inside_and_edge(stdin, {*tips, *tags.values()})
        # a tag has no boundary of its own: what it is of may lie in an earlier pack
        pack.requires = sorted({*edge, *tags.values()} - inside)
        pack.tips = [tip for tip in tips if tip in inside or found.get(tip, ("", "commit"))[1] != "commit"]
    return PackFile(path, count, pack)


def _feed(process: subprocess.Popen[bytes], data: bytes) -> None:
    """git reads all of it before it writes."""
    assert process.stdin is not None
    try:
        process.stdin.write(data)
        process.stdin.close()
    except BrokenPipeError:
        pass  # its exit status tells


def _tagged(tips: list[str], found: dict[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """What the annotated ones of some tags are of, in the end, by tag."""
    names = {f"{tip}^{{}}": tip for tip in tips if found.get(tip, ("", ""))[1] == "tag"}
    return {names[name]: answer for name, answer in kinds(names).items()}


def _inside_and_edge(stdin: bytes, wanted: set[str]) -> tuple[set[str], list[str]]:
    """Those of some objects that are commits of the pack (others are older), and the commits left out with a child in it."""
    inside, edge = set(), []
    for line in lines("rev-list", "--boundary", "--stdin", stdin=[stdin]):
        oid = line.strip().decode()
        if oid.startswith("-"):
            edge.append(oid[1:])
        elif oid in wanted:
            inside.add(oid)
    return inside, edge


def send_pack(remote: Remote, file: PackFile) -> None:
    """Put a pack where its name says, durably. Raises: RemoteError."""
    from git_data.remote.base import Source

    source = Source(file.pack.size, file.pack.sha256, path=file.path)
    retried(lambda: remote.put(file.pack.key, source))
    remote.flush()


def check_pack(path: str, pack: Pack, where: str) -> None:
    """Raises: CorruptData if a file is not the pack it should be, FileNotFoundError if there is no file of that name."""
    status = os.lstat(path)
    if not stat.S_ISREG(status.st_mode):
        raise FileNotFoundError(path)  # a pipe, or a link to a device, never ends
    if status.st_size == pack.size:
        with open(path, "rb", buffering=0) as file:
            if file_sha256(file.fileno()) == (pack.sha256, pack.size):
                return
    raise wrong_pack(pack, where)


def wrong_pack(pack: Pack, where: str) -> CorruptData:
    """The error for a pack whose bytes are not those its name promises."""
    return CorruptData(
        f"'{pack.key}' on {where} does not hold what its name says",
        "somebody who has the whole history can mend it: git data remote fsck --repair",
    )


class Refused(CorruptData):
    """git does not take a pack in: for what it is itself, or for want of what it builds on."""


class Applied:
    """A pack that went in: the ``.keep`` file that holds it, if one was asked for, and whether it refers to nothing outside."""

    __slots__ = ("connected", "keep")

    def __init__(self, keep: str = "", connected: bool = False) -> None:
        self.keep = keep
        self.connected = connected


def apply_pack(
    path: str, where: str, pack: Pack, fsck: str = "", keep: str = "", progress: bool = False, strict: bool = True
) -> Applied:
    """Take a pack in; the objects its deltas are based on must be here.

    ``fsck`` are exceptions from what git checks (``fetch.fsck.*`` as git-index-pack(1) takes them), unless not ``strict``.
    ``keep`` is the reason to write into a ``.keep`` file, so that no repacking takes the pack away before a ref names it.

    Raises: Refused.
    """
    with open(path, "rb", buffering=0) as file:
        count = int.from_bytes(file.read(_HEADER_BYTES)[8:12], "big")
        file.seek(0)
        if count < _UNPACK_LIMIT and not keep and not fsck:
            command = ["git", "unpack-objects", "-q", *(["--strict"] if strict else [])]
        else:
            command = ["git", "index-pack", "--stdin", "--fix-thin"]
            command += [f"--strict={fsck}" if fsck else "--strict"] if strict else []
            command += ["--check-self-contained-and-connected", f"--keep={keep}"] if keep else []
            command += ["-v"] if progress else []
        done = subprocess.run(command, stdin=file, stdout=subprocess.PIPE, stderr=None if progress else subprocess.PIPE)
    if done.returncode and not (keep and done.returncode == 1):
        raise _refused(f"git refuses '{pack.key}' on {where}", (done.stderr or b"").decode("utf-8", "replace"))
    if not keep:
        return Applied()
    kind, _, name = done.stdout.decode().strip().partition("\t")
    path = os.path.join(_objects(), "pack", f"pack-{name}.keep") if kind == "keep" else ""
    return Applied(path, done.returncode == 0)


def fsck_exceptions(config: Config) -> str:
    """``fetch.fsck.<what>`` as ``git index-pack --strict=`` takes it: old histories have their faults."""
    found = []
    for key, entries in config.entries.items():
        if key.startswith("fetch.fsck."):
            value = entries[-1].value
            found.append(f"{key[len('fetch.fsck.') :]}={os.path.expanduser(value) if key.endswith('.skiplist') else value}")
    return ",".join(found)


def _refused(what: str, said: str) -> Refused:
    """Why git did not take a pack in; of a fault in the history itself, as git-fsck(1) names them, also what allows it."""
    words = [line.removeprefix("fatal: ").removeprefix("error: ") for line in said.strip().splitlines()] or ["see above"]
    fault = next((word for word in words if word.startswith("object ") and word.count(": ") > 1), "")
    if not fault:
        return Refused(f"{what}: {words[-1]}", "git data remote fsck   # looks at all of it")
    kind = fault.split(": ")[1]
    return Refused(
        f"{what}: {fault}",
        f"if this old fault of the history is known and harmless: git -c fetch.fsck.{kind}=ignore fetch (or clone)",
    )


def _objects() -> str:
    return os.path.abspath(os.fsdecode(git("rev-parse", "--git-path", "objects").removesuffix(b"\n")))

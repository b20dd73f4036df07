"""What a hosted repository holds at one moment, and how that is written down.

Two kinds of objects (``docs/formats.md``), both gzip of JSON lines, so that ``zcat`` shows them::

    git/states/<sha256 of it>   immutable: everything after ``seq`` changes, in one line; then the changes since the state before
    git/manifest                the sole mutable one: which state, and the changes since, one in a line

A push adds a line to the manifest; when the lines have become as long as writing a state costs, they are folded into a new one.
So a push sends a few hundred bytes however many refs there are, and who looks whether there is news reads no more.

Each change continues a chain of hashes, ``sha256(<hash before, 32 bytes> <its line>)``: who has seen one moment of it recognises
any later moment as its continuation.
"""

from __future__ import annotations

import json
import zlib

from git_data.base.digest import sha256
from git_data.errors import CorruptData, RemoteError
from git_data.host.names import is_hex, is_pack_name, is_ref_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

VERSION = 1
MANIFEST = "git/manifest"
STATES = "git/states/"
PACKS = "git/packs/"
FIRST_CHAIN = "0" * 64
_MOST_BYTES = 256 << 20
"""A compressed object may name any size; ten refs or a million need far less than this."""
_LEAST_FOLD_BYTES = 1000
_SENSELESS = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError, zlib.error)
"""What reading a thing that anybody may have written can come to."""


class Pack:
    """One pack. ``name`` is ``<sha256 of its bytes>-<nonce>``.

    ``tips`` are the objects (hex) it was made for, ``requires`` the commits at its lower edge, which earlier packs hold.  That of
    a compaction was made for what the refs named at that moment, as far as no pack before it holds it.
    """

    __slots__ = ("name", "requires", "size", "tips")

    def __init__(self, name: str, size: int, tips: list[str], requires: list[str]) -> None:
        self.name = name
        self.size = size
        self.tips = tips
        self.requires = requires

    @property
    def key(self) -> str:
        """Where it lies."""
        return f"{PACKS}{self.name}.pack"

    @property
    def sha256(self) -> str:
        """The hash of its bytes, in hex."""
        return self.name[:64]

    def to_json(self) -> list[Any]:
        """For ``json``."""
        return [self.name, self.size, self.tips, self.requires]

    @classmethod
    def from_json(cls, value: Any) -> Pack:
        """Raises: ValueError."""
        name, size, tips, requires = value
        if not is_pack_name(name) or type(size) is not int or not 0 < size < 1 << 50:
            raise ValueError(f"{name!r} is no pack")
        if type(tips) is not list or type(requires) is not list or not all(_is_oid(oid) for oid in (*tips, *requires)):
            raise ValueError(f"the pack '{name}' names no objects")
        return cls(name, size, tips, requires)


class Change:
    """One line of the log: what one push, or one command, changed.

    ``refs`` has the new value of each ref that changed, ``None`` for one that was deleted; for an annotated tag the object it
    peels to follows after a blank.  ``packs``, if not ``None``, replaces the list of packs (a compaction), ``retired`` that of
    packs no longer used, each with the second by the remote's clock from which that counts.
    """

    __slots__ = ("action", "head", "pack", "packs", "protected", "refs", "retired", "seq", "time_s", "txn", "who")

    def __init__(
        self,
        action: str,
        seq: int = 0,
        txn: str = "",
        time_s: int = 0,
        who: str = "",
        refs: dict[str, str | None] | None = None,
        head: str | None = None,
        pack: Pack | None = None,
        packs: list[Pack] | None = None,
        retired: dict[str, int] | None = None,
        protected: list[str] | None = None,
    ) -> None:
        self.action = action
        self.seq = seq
        self.txn = txn
        self.time_s = time_s
        self.who = who
        self.refs = refs or {}
        self.head = head
        self.pack = pack
        self.packs = packs
        self.retired = retired
        self.protected = protected

    def line(self) -> bytes:
        """The one way to write it down."""
        value: dict[str, Any] = {"seq": self.seq, "txn": self.txn, "time": self.time_s, "who": self.who, "do": self.action}
        if self.refs:
            value["refs"] = self.refs
        if self.head is not None:
            value["head"] = self.head
        if self.pack is not None:
            value["pack"] = self.pack.to_json()
        if self.packs is not None:
            value["packs"] = [pack.to_json() for pack in self.packs]
        if self.retired is not None:
            value["retired"] = self.retired
        if self.protected is not None:
            value["protected"] = self.protected
        return _compact(value)

    @classmethod
    def from_line(cls, line: bytes) -> Change:
        """Raises: one of _SENSELESS."""
        value = _parsed(line)
        packs = value.get("packs")
        protected = value.get("protected")
        change = cls(
            _text(value["do"]), _number(value["seq"]), _text(value["txn"]), _number(value["time"]), _text(value["who"]),
            _checked_refs(value.get("refs", {})),
            _checked_head(value["head"]) if "head" in value else None,
            Pack.from_json(value["pack"]) if "pack" in value else None,
            None if packs is None else [Pack.from_json(one) for one in packs],
            _checked_retired(value["retired"]) if "retired" in value else None,
            None if protected is None else [_text(one) for one in protected],
        )  # fmt: skip
        if change.line() != line:
            raise ValueError("a change is not written in the one way there is")
        return change


class State:
    """Refs and packs of a moment. ``refs`` maps names to values as in ``Change``; ``packs`` are in the order they came."""

    __slots__ = ("chain", "head", "id", "object_format", "packs", "protected", "refs", "retired", "seq")

    def __init__(self, id: str, object_format: str) -> None:
        self.id = id
        self.object_format = object_format
        self.seq = 0
        self.chain = FIRST_CHAIN
        self.head = ""
        self.refs: dict[str, str] = {}
        self.packs: list[Pack] = []
        self.retired: dict[str, int] = {}
        self.protected: list[str] = []

    def oid(self, ref: str) -> str:
        """The object (hex) a ref names, empty if there is no such ref."""
        return self.refs.get(ref, "").partition(" ")[0]

    def oids(self) -> set[str]:
        """Every object (hex) a ref names."""
        return {value.partition(" ")[0] for value in self.refs.values()}

    def require_format(self, object_format: str, where: str) -> None:
        """Raises: RemoteError if objects are named by another hash here than in a repository that is to exchange some."""
        if self.object_format != object_format:
            raise RemoteError(
                f"{where} names objects by {self.object_format}, this repository by {object_format}",
                f"work in a clone of it, or in one made by: git init --object-format={self.object_format}",
            )

    def apply(self, change: Change) -> None:
        """Move on by one change. Raises: ValueError for one that is not the next."""
        if change.seq != self.seq + 1:
            raise ValueError(f"change {change.seq} follows after {self.seq}")
        self.seq = change.seq
        self.chain = sha256(bytes.fromhex(self.chain) + change.line()).hexdigest()
        for name, value in change.refs.items():
            if value is None:
                self.refs.pop(name, None)
            else:
                self.refs[name] = value
        if change.head is not None:
            self.head = change.head
        if change.packs is not None:
            self.packs = list(change.packs)
        if change.pack is not None:
            self.packs.append(change.pack)
        if change.retired is not None:
            self.retired = change.retired
        if change.protected is not None:
            self.protected = change.protected

    def copy(self) -> State:
        """Another of the same, to be moved on."""
        other = State(self.id, self.object_format)
        other.seq, other.chain, other.head = self.seq, self.chain, self.head
        other.refs, other.packs = dict(self.refs), list(self.packs)
        other.retired, other.protected = dict(self.retired), list(self.protected)
        return other

    def line(self) -> bytes:
        """Without the changes that led to it."""
        return _compact(
            {
                "version": VERSION,
                "id": self.id,
                "format": self.object_format,
                "seq": self.seq,
                "chain": self.chain,
                "head": self.head,
                "refs": self.refs,
                "packs": [pack.to_json() for pack in self.packs],
                "retired": self.retired,
                "protected": self.protected,
            }
        )


class Snapshot:
    """An object below ``git/states/``: a state, the changes folded into it, and the name of the one before (or empty)."""

    __slots__ = ("changes", "data", "name", "previous", "state")

    def __init__(self, state: State, previous: str, changes: list[Change], data: bytes = b"") -> None:
        self.state = state
        self.previous = previous
        self.changes = changes
        self.data = data or _packed([state.line(), _compact({"previous": previous}), *(change.line() for change in changes)])
        self.name = sha256(self.data).hexdigest()

    @property
    def key(self) -> str:
        """Where it lies."""
        return STATES + self.name

    @classmethod
    def decode(cls, data: bytes, name: str, where: str) -> Snapshot:
        """Raises: CorruptData, RemoteError for a newer version."""
        key = f"{STATES}{name} on {where}"
        if sha256(data).hexdigest() != name:
            raise damaged(key, "it does not hold what its name says")
        try:
            first, second, *rest = _unpacked(data)
            value = _parsed(first)
            _check_version(value, where)
            state = State(_hex(value["id"], 32), _format(value["format"]))
            state.seq, state.chain, state.head = _number(value["seq"]), _hex(value["chain"], 64), _checked_head(value["head"])
            refs = _checked_refs(value["refs"])
            state.refs = {ref: oid for ref, oid in refs.items() if oid is not None}
            state.packs = [Pack.from_json(one) for one in value["packs"]]
            state.retired = _checked_retired(value["retired"])
            state.protected = [_text(one) for one in value["protected"]]
            previous = _parsed(second)["previous"]
            if state.line() != first:
                raise ValueError("a state is not written in the one way there is")
            return cls(state, _hex(previous, 64) if previous else "", [Change.from_line(line) for line in rest], data)
        except _SENSELESS as error:
            raise damaged(key, _reason(error)) from None


class Manifest:
    """The mutable object: the name of a snapshot (empty: none yet) and the changes since."""

    __slots__ = ("changes", "data", "id", "object_format", "snapshot")

    def __init__(self, id: str, object_format: str, snapshot: str, changes: list[Change], data: bytes = b"") -> None:
        self.id = id
        self.object_format = object_format
        self.snapshot = snapshot
        self.changes = changes
        self.data = data or _packed([self._head(), *(change.line() for change in changes)])

    def _head(self) -> bytes:
        return _compact({"version": VERSION, "id": self.id, "format": self.object_format, "state": self.snapshot})

    @classmethod
    def decode(cls, data: bytes, where: str) -> Manifest:
        """Raises: CorruptData, RemoteError for a newer version."""
        try:
            first, *rest = _unpacked(data)
            value = _parsed(first)
            _check_version(value, where)
            snapshot = value["state"]
            id, object_format = _hex(value["id"], 32), _format(value["format"])
            changes = [Change.from_line(line) for line in rest]
            return cls(id, object_format, _hex(snapshot, 64) if snapshot else "", changes, data)
        except _SENSELESS as error:
            raise damaged(f"{MANIFEST} on {where}", _reason(error)) from None

    def is_long(self, snapshot_bytes: int) -> bool:
        """Whether folding the changes into a new snapshot is cheaper by now than carrying them along.

        With B bytes a snapshot and c bytes a change, carrying k changes costs k·c/2 a push on average and folding B/k: the sum is
        least where the changes are √(2·B·c) long.
        """
        longest = max(_LEAST_FOLD_BYTES, int((2 * snapshot_bytes * 150) ** 0.5))
        return len(self.data) > longest


def damaged(what: str, why: str) -> CorruptData:
    """The error for an object that cannot be understood."""
    return CorruptData(f"{what} is damaged: {why}", "git data remote fsck   # says what to do")


def _reason(error: Exception) -> str:
    plain = isinstance(error, (ValueError, zlib.error))
    return str(error) if plain else f"something lacks in it, or is of another kind ({error})"


def _compact(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogateescape")


def _parsed(line: bytes) -> Any:
    return json.loads(line.decode("utf-8", "surrogateescape"))


def _packed(lines: list[bytes]) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return packer.compress(b"".join(line + b"\n" for line in lines)) + packer.flush()


def _unpacked(data: bytes) -> list[bytes]:
    """Raises: ValueError, zlib.error."""
    unpacker = zlib.decompressobj(31)
    text = unpacker.decompress(data, _MOST_BYTES)
    if not unpacker.eof or unpacker.unused_data or not text.endswith(b"\n"):
        raise ValueError("it is not complete")
    return text[:-1].split(b"\n")


def _check_version(value: Any, where: str) -> None:
    version = value["version"]
    if type(version) is not int or version > VERSION:
        raise RemoteError(f"{where} was written by a newer git-data (version {version})", "pip install --upgrade git-data")


def _hex(value: Any, digits: int) -> str:
    if not is_hex(value) or len(value) != digits:
        raise ValueError("a name is not hexadecimal")
    return str(value)


def _number(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 1 << 53:
        raise ValueError("a number is none, or makes no sense")
    return value


def _is_oid(value: Any) -> bool:
    return is_hex(value) and len(value) in (40, 64)


def _format(value: Any) -> str:
    if value not in ("sha1", "sha256"):
        raise ValueError("the object format is unknown")
    return str(value)


def _text(value: Any) -> str:
    if not isinstance(value, str) or any(ord(character) < 32 for character in value):
        raise ValueError("a text has control characters")
    return value


def _checked_head(value: Any) -> str:
    if value and not is_ref_name(value):
        raise ValueError("HEAD is not the name of a ref")
    return str(value)


def _checked_refs(value: dict[str, Any]) -> dict[str, str | None]:
    for name, oids in value.items():
        if not is_ref_name(name):
            raise ValueError(f"{name!r} cannot be the name of a ref")
        if oids is not None and (oids.count(" ") > 1 or not all(_is_oid(oid) for oid in oids.split(" "))):
            raise ValueError(f"{name!r} does not name an object")
    return value


def _checked_retired(value: dict[str, Any]) -> dict[str, int]:
    if not all(is_pack_name(name) and type(time_s) is int for name, time_s in value.items()):
        raise ValueError("a retired pack has no proper name")
    return value

"""What a clone remembers of a hosted repository: which moment of it was seen, and which packs were taken.

One directory, ``<git common dir>/data/remotes/<hash of the URL>/git/``:

    seen         one line of JSON: id, object format, writers, number and hash of the last change seen, snapshot
    snapshot     the bytes of that snapshot
    taken        names of packs whose objects went into this repository, one a line

``seen`` is what tells a continuation from another history; the other two only save requests.  Who cannot write here (somebody
else's repository, a full disk) works all the same: what was remembered before still holds.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress

from git_data.base import fsio
from git_data.host.marker import Marker
from git_data.host.names import is_hex, is_pack_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from git_data.host.state import State


class Memory:
    """The files of one directory; empty for a place nothing is to be remembered of (outside of a repository)."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.marker: Marker | None = None
        self.seq = 0
        self.chain = ""
        try:
            value = json.loads(self._read("seen") or b"{}")
            marker = Marker(value["id"], value["format"], value["writers"])
            if marker.is_valid() and is_hex(value["chain"]) and type(value["seq"]) is int:
                self.marker, self.seq, self.chain = marker, value["seq"], value["chain"]
        except (ValueError, KeyError, TypeError, RecursionError):
            pass  # never there, or damaged

    def _path(self, name: str) -> str:
        return os.path.join(self.directory, name)

    def remember(self, marker: Marker, state: State) -> None:
        """This moment was seen."""
        self.marker = marker
        if not self.directory or (self.seq, self.chain) == (state.seq, state.chain):
            return
        self.seq, self.chain = state.seq, state.chain
        value = {
            "id": marker.id, "format": marker.object_format, "writers": marker.writers, "seq": state.seq, "chain": state.chain,
        }  # fmt: skip
        self._write("seen", json.dumps(value).encode() + b"\n")

    def forget(self) -> None:
        """Another repository may lie there now, or an older state of it: somebody said that this is all right."""
        self.marker, self.seq, self.chain = None, 0, ""
        for name in ("seen", "snapshot", "taken") if self.directory else ():
            with suppress(OSError):
                os.unlink(self._path(name))

    def snapshot(self) -> bytes | None:
        """The bytes of the snapshot that was read last."""
        return self._read("snapshot")

    def keep_snapshot(self, data: bytes) -> None:
        """Remember a snapshot."""
        if self.directory:
            self._write("snapshot", data)

    def taken(self) -> set[str]:
        """Packs whose objects went into this repository."""
        content = self._read("taken")
        return {line for line in (content or b"").decode("ascii", "replace").split("\n") if is_pack_name(line)}

    def take(self, names: Iterable[str], among: Iterable[str]) -> None:
        """These went in, too; those not ``among`` the packs there are now need not be remembered any more."""
        if self.directory:
            there = set(among)
            self._write("taken", "".join(f"{name}\n" for name in sorted((self.taken() | set(names)) & there)).encode())

    def _read(self, name: str) -> bytes | None:
        with suppress(OSError):
            return fsio.read_file(self._path(name)) if self.directory else None
        return None

    def _write(self, name: str, data: bytes) -> None:
        with suppress(OSError):
            os.makedirs(self.directory, exist_ok=True)
            fsio.write_file(self._path(name), data)

"""What we believe a remote to have, so that we need not ask for each object again.  Only ever a hint.

One directory a remote, ``<git common dir>/data/remotes/<hash of the URL>/`` (``docs/formats.md``)::

    known    64 bytes: "git-data-known 1 <remote id> <generation>" padded with blanks, LF; then raw oids, 32 bytes each
    tips     commits, in hex, all of whose data was seen on the remote; first line as in known

Both name the remote's identity and generation (``remote.layout``): when a collection has deleted objects, or another remote
lies at the URL, everything is forgotten.  Whatever is damaged here counts as empty.

A server that holds objects only (``traits.objects_only``) has no identity, and deletes what it thinks nobody needs: nothing is
believed to be there but what tips reach, and those count only while somebody vouches for them (``vouch``).
"""

from __future__ import annotations

import os

from git_data.base import fsio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_HEADER_BYTES = 64
_OID_BYTES = 32
_MOST_TIPS = 200


class Known:
    """The hints about one remote. ``directory`` is made at the first write; empty for a remote nothing is remembered of.

    With ``on_trust`` only tips are kept, and none of them counts before ``vouch``.
    """

    def __init__(self, directory: str, on_trust: bool = False) -> None:
        self.directory = directory
        self._on_trust = on_trust
        self._aside: list[str] = []
        self._header = b""
        self._oids: set[bytes] | None = None
        self.tips: list[str] = []
        self._load()

    def _load(self) -> None:
        try:
            with open(os.path.join(self.directory, "known"), "rb", buffering=0) as file:
                header = file.read(_HEADER_BYTES)
        except (FileNotFoundError, NotADirectoryError):
            return
        if not self.directory or len(header) < _HEADER_BYTES or header[-1:] != b"\n":
            return
        self._header = header
        lines = (fsio.read_file(os.path.join(self.directory, "tips")) or b"").split(b"\n")
        if lines[0] == self._header.rstrip():
            self.tips = [line.decode("ascii", "replace") for line in lines[1:] if line]
        if self._on_trust:
            self._aside, self.tips = self.tips, []

    @property
    def unvouched(self) -> list[str]:
        """Tips that do not count now."""
        return self._aside

    def vouch(self, commits: Iterable[str]) -> None:
        """These of the tips still hold: whoever goes with the place has them."""
        sure = set(commits)
        self.tips += [tip for tip in self._aside if tip in sure]
        self._aside = [tip for tip in self._aside if tip not in sure]

    @property
    def _raw(self) -> set[bytes]:
        """The oids, read when somebody asks for one: a push that has nothing to send does not."""
        if self._oids is None:
            content = fsio.read_file(os.path.join(self.directory, "known")) if self.directory and self._header else None
            if not content or content[:_HEADER_BYTES] != self._header:
                content = b""  # another process has begun anew
            end = len(content) - (len(content) - _HEADER_BYTES) % _OID_BYTES
            self._oids = {content[at : at + _OID_BYTES] for at in range(_HEADER_BYTES, end, _OID_BYTES)}
        return self._oids

    @property
    def is_set_up(self) -> bool:
        """Whether the remote had a marker when it was looked at last."""
        return bool(self._header)

    def confirm(self, identity: str, generation: int) -> bool:
        """The remote says who it is: forget everything if that is news. Whether the hints hold."""
        header = f"git-data-known 1 {identity} {generation}".encode().ljust(_HEADER_BYTES - 1) + b"\n"
        if header == self._header:
            return True
        self._header, self._oids, self.tips, self._aside = header, set(), [], []
        if self.directory:
            os.makedirs(self.directory, exist_ok=True)
            fsio.write_file(os.path.join(self.directory, "known"), header)
            fsio.remove_if_exists(os.path.join(self.directory, "tips"))
        return False

    def doubt(self) -> None:
        """The remote does not say who it is: nothing is known of it."""
        self._header, self._oids, self.tips = b"", set(), []

    def __len__(self) -> int:
        return len(self._raw)

    def has(self, oid: str) -> bool:
        """Whether the object was seen there."""
        return bytes.fromhex(oid) in self._raw

    def add(self, oids: Iterable[str]) -> None:
        """These were seen there, or stored there."""
        new = {bytes.fromhex(oid) for oid in oids} - self._raw
        if not new or not self._header or self._on_trust:
            return
        self._raw.update(new)
        if self.directory:
            self._append(b"".join(new))

    def _append(self, records: bytes) -> None:
        """To the file we know: another process may have put a new one in its place, for another place or time."""
        flags = os.O_RDWR | os.O_APPEND | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        try:
            fd = os.open(os.path.join(self.directory, "known"), flags)
        except FileNotFoundError:
            return
        try:
            if os.read(fd, _HEADER_BYTES) == self._header:
                fsio.write_all(fd, records)
        finally:
            os.close(fd)

    def forget(self, oids: Iterable[str]) -> None:
        """These are not there, after all: neither is what any commit reaches, for all we know."""
        missing = {bytes.fromhex(oid) for oid in oids}
        if not missing:
            return
        gone = missing & self._raw
        self._raw.difference_update(gone)
        self.tips, self._aside = [], []
        if self.directory:
            fsio.remove_if_exists(os.path.join(self.directory, "tips"))
            if gone:
                fsio.write_file(os.path.join(self.directory, "known"), self._header + b"".join(self._raw))

    def add_tips(self, commits: Iterable[str]) -> None:
        """Everything these commits (hex) reach was seen there."""
        tips = list(dict.fromkeys([*commits, *self.tips]))[:_MOST_TIPS]
        if tips == self.tips or not self._header or not self.directory:
            return
        self.tips = tips
        lines = [self._header.rstrip(), *(tip.encode() for tip in dict.fromkeys([*tips, *self._aside][:_MOST_TIPS]))]
        fsio.write_file(os.path.join(self.directory, "tips"), b"\n".join(lines) + b"\n")

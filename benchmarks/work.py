"""The work every tool does: some files, two versions of each, no two runs with the same bytes."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Iterator

_CHUNK_BYTES = 1 << 20
_FILES_PER_DIRECTORY = 100


class WrongContent(Exception):
    """A tool brought other bytes than were given to it."""


class Work:
    """``files`` files of ``size_bytes`` each. ``top`` is what a user would name in ``add``: the file, or their directory."""

    def __init__(self, name: str, title: str, files: int, size_bytes: int) -> None:
        self.name = name
        self.title = title
        self.files = files
        self.size_bytes = size_bytes
        self.top = "big.bin" if files == 1 else "data"

    def paths(self) -> Iterator[str]:
        """Every file, relative to the work tree."""
        if self.files == 1:
            yield self.top
            return
        for number in range(self.files):
            yield f"{self.top}/{number // _FILES_PER_DIRECTORY:04}/{number:06}.bin"

    def stored_bytes(self, block: int) -> int:
        """What one version takes on a file system with blocks of ``block`` bytes, stored once."""
        return self.files * (-(-self.size_bytes // block) * block)

    def write(self, root: str, seed: str, version: int) -> None:
        """Write all files anew: what is there is removed first, never written into."""
        for path in self.paths():
            target = os.path.join(root, path)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            if os.path.lexists(target):
                os.unlink(target)
            with open(target, "wb", buffering=0) as file:
                for chunk in self._content(path, seed, version):
                    file.write(chunk)

    def check(self, root: str, seed: str, version: int) -> None:
        """Compare every file with what ``write`` wrote. Raises: WrongContent."""
        for path in self.paths():
            with open(os.path.join(root, path), "rb", buffering=0) as file:
                for number, expected in enumerate(self._content(path, seed, version)):
                    if file.read(len(expected)) != expected:
                        raise WrongContent(f"{path}: not version {version} at {number * _CHUNK_BYTES:,}")
                if file.read(1):
                    raise WrongContent(f"{path}: longer than version {version}")

    def _content(self, path: str, seed: str, version: int) -> Iterator[bytes]:
        """Bytes no compression and no deduplication by block can shrink, cheap to make."""
        if (seed, version) != _Noise.key:
            # twice the block, so that a slice of it can start anywhere
            _Noise.key, _Noise.block = (seed, version), 2 * random.Random(f"{seed} {version}").randbytes(_CHUNK_BYTES)
        for start in range(0, self.size_bytes, _CHUNK_BYTES):
            size = min(_CHUNK_BYTES, self.size_bytes - start)
            mark = hashlib.sha256(f"{seed} {version} {path} {start}".encode()).digest()[:size]
            turn = int.from_bytes(mark[:2], "big") % _CHUNK_BYTES
            yield mark + _Noise.block[turn : turn + size - len(mark)]


class _Noise:
    key = ("", 0)
    block = b""


class Pointers(Work):
    """The same files, each holding what a pointer would: for git alone."""

    def __init__(self, work: Work) -> None:
        super().__init__(work.name, work.title, work.files, work.size_bytes)

    def _content(self, path: str, seed: str, version: int) -> Iterator[bytes]:
        oid = hashlib.sha256(f"{seed} {version} {path}".encode()).hexdigest()
        yield f"version git-data/1\noid sha256:{oid}\nsize {self.size_bytes}\n".encode()

"""Large objects: a multipart upload whose parts are sent by a few threads, and which a killed process leaves to the next one.

The parts are cut from the source in order, so that its hash is known before the last one is handed out.  The id of the upload is
noted in ``options.scratch``; the next ``put`` of the same key asks the server which parts it has, believes it about those whose
SHA-256 or MD5 is that of our bytes, and sends the others.  Nothing is visible under the key before the upload is completed.
"""

from __future__ import annotations

import hashlib
import os
import threading
from binascii import b2a_base64
from concurrent.futures import Future
from itertools import islice
from queue import SimpleQueue
from urllib.parse import quote

from git_data.base import fsio
from git_data.base.digest import sha256
from git_data.errors import CorruptData, NotOnRemote, RemoteError, RemoteUnavailable
from git_data.remote.base import CHUNK_BYTES
from git_data.remote.s3_parts import MAX_PARTS, STREAMED_BYTES, part_size
from git_data.remote.s3_sign import UNSIGNED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeVar

    from git_data.remote.base import Source
    from git_data.remote.s3 import S3
    from git_data.remote.s3_parts import Budget

    Answer = TypeVar("Answer")
    Jobs = SimpleQueue["tuple[Future[Part], int, list[bytes]] | None"]

_TRIES = 3
_THREADS = 6

Part = tuple[str, str]
"""ETag, and SHA-256 in base64 (empty for a part that was streamed)."""


class Upload:
    """One object on its way."""

    def __init__(self, remote: S3, key: str, source: Source, budget: Budget) -> None:
        self.remote = remote
        self.client = remote.client
        self.key = key
        self.path = remote.path(key)
        self.what = remote.what(key)
        self.source = source
        self.budget = budget
        self.part_bytes = part_size(source.size, remote.options.get("partsize"))
        scratch = remote.options.scratch
        name = sha256(f"{remote.bucket}/{remote.prefix}{key}".encode()).hexdigest()
        self.note = os.path.join(scratch, name) if scratch else ""
        self.id = ""
        self.summed = False
        """whether the server keeps the SHA-256 of each part, and wants it again in the end"""
        self.there: dict[int, tuple[int, str, str]] = {}
        self._failure: BaseException | None = None

    def run(self) -> None:
        """Send everything that is not there yet. Raises: like ``Remote.put``."""
        if not self._resumed():
            self._begin()
        try:
            parts = self._send_parts()
            self._complete(parts)
        except BaseException as error:
            if not self.note or isinstance(error, (CorruptData, NotOnRemote)):
                self._abort()
            raise
        if self.note:
            fsio.remove_if_exists(self.note)

    # -- beginning

    def _begin(self) -> None:
        headers = dict(self.remote.put_headers)
        if self.part_bytes < STREAMED_BYTES and self.remote.checksum(self.source.sha256):
            headers["x-amz-checksum-algorithm"] = "SHA256"
        response = self.client.request("POST", self.path, "uploads=", headers, what=self.what)
        self.id = _text(response.read(), "UploadId")
        self.summed = response.headers.get("x-amz-checksum-algorithm", "") == "SHA256"
        if not self.id:
            raise RemoteError(f"{self.what}: the server began no upload")
        if self.note:
            os.makedirs(os.path.dirname(self.note), exist_ok=True)
            fsio.write_file(self.note, f"{self.id}\n{self.part_bytes}\n{self.source.sha256}\n{self.summed}\n".encode(), 0o600)

    def _resumed(self) -> bool:
        """Whether an upload of the same content was begun, and the server still has it."""
        noted = fsio.read_file(self.note) if self.note else None
        lines = noted.decode("utf-8", "replace").splitlines() if noted else []
        if len(lines) != 4 or lines[2] != self.source.sha256 or not lines[1].isdigit():
            return False
        self.id, self.part_bytes, self.summed = lines[0], int(lines[1]), lines[3] == "True"
        if not 0 < self.part_bytes <= self.source.size or self.source.size > self.part_bytes * MAX_PARTS:
            return False
        try:
            self.there = self._listed()
        except NotOnRemote:  # it was completed, or swept away
            self.there = {}
            return False
        return True

    def _listed(self) -> dict[int, tuple[int, str, str]]:
        """Number → size, ETag and SHA-256 of the parts that the server has."""
        from xml.etree import ElementTree

        parts: dict[int, tuple[int, str, str]] = {}
        after = "0"
        while True:
            query = f"max-parts=1000&part-number-marker={after}&uploadId={quote(self.id, safe='')}"
            root = ElementTree.fromstring(self.client.request("GET", self.path, query, what=self.what).read())
            for part in root.iterfind("{*}Part"):
                number, size, tag, digest = (
                    part.findtext(f"{{*}}{name}") or "" for name in ("PartNumber", "Size", "ETag", "ChecksumSHA256")
                )
                parts[int(number)] = (int(size), tag, digest)
            after = root.findtext("{*}NextPartNumberMarker") or ""
            if root.findtext("{*}IsTruncated") != "true" or not after:
                return parts

    # -- sending

    def _send_parts(self) -> list[Part]:
        count = -(-self.source.size // self.part_bytes)
        pieces = self.source.chunks(CHUNK_BYTES if self.part_bytes % CHUNK_BYTES == 0 else self.part_bytes)
        each = self.part_bytes // CHUNK_BYTES if self.part_bytes % CHUNK_BYTES == 0 else 1
        if self.part_bytes >= STREAMED_BYTES:
            return [self._stream(number, islice(pieces, each)) for number in range(1, count + 1)]
        parts: list[Future[Part]] = []
        jobs: Jobs = SimpleQueue()
        # daemons: those of an executor are waited for when the process ends, also after Ctrl-C and when the network is silent
        threads = [threading.Thread(target=self._work, args=(jobs,), daemon=True) for _ in range(min(_THREADS, count))]
        for thread in threads:
            thread.start()
        try:
            for number in range(1, count + 1):
                part: Future[Part] = Future()
                size = self._size(number)
                self.budget.take(size)
                part.add_done_callback(lambda _, size=size: self.budget.give(size))  # type: ignore[misc]
                parts.append(part)
                jobs.put((part, number, list(islice(pieces, each))))
                if self._failure is not None:
                    break
        except BaseException as error:
            self._failure = error
            for part in parts:
                part.cancel()
            raise
        finally:
            for _ in threads:
                jobs.put(None)
            for thread in threads:
                thread.join()
        if self._failure is not None:
            raise self._failure
        return [part.result() for part in parts]

    def _size(self, number: int) -> int:
        return min(self.part_bytes, self.source.size - (number - 1) * self.part_bytes)

    def _work(self, jobs: Jobs) -> None:
        while (job := jobs.get()) is not None:
            part, number, pieces = job
            if part.set_running_or_notify_cancel():
                try:
                    part.set_result(self._send(number, pieces))
                except BaseException as error:  # raised again by who waits for the part
                    part.set_exception(error)
            del job, pieces  # a part is as large as what all may hold together

    def _send(self, number: int, pieces: list[bytes]) -> Part:
        try:
            return self._send_or_raise(number, pieces)
        except BaseException as error:
            if self._failure is None:
                self._failure = error
            raise

    def _send_or_raise(self, number: int, pieces: list[bytes]) -> Part:
        hasher = sha256()
        for piece in pieces:
            hasher.update(piece)
        digest = b2a_base64(hasher.digest(), newline=False).decode("ascii")
        if self._is_there(number, pieces, digest):
            return self.there[number][1], digest
        headers = self.remote.checksum(hasher.hexdigest()) if self.summed else {}
        return self._tried(lambda: self._put(number, headers, self._stoppable(pieces), hasher.hexdigest())), digest

    def _tried(self, send: Callable[[], Answer]) -> Answer:
        """Send again at once what got lost on the way, so that a single reset does not end a long upload."""
        for _ in range(_TRIES - 1):
            try:
                return send()
            except RemoteUnavailable as error:
                if self._failure is not None or error.retry_after_s:
                    raise
        return send()

    def _is_there(self, number: int, pieces: list[bytes], digest: str) -> bool:
        size, tag, known = self.there.get(number, (-1, "", ""))
        if size != self._size(number):
            return False
        if known:
            return known == digest
        md5 = hashlib.md5(usedforsecurity=False)
        for piece in pieces:
            md5.update(piece)
        return tag.strip('"') == md5.hexdigest()

    def _stoppable(self, pieces: list[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            if self._failure is not None:
                raise RemoteUnavailable(f"{self.what}: the upload was broken off")
            yield piece

    def _stream(self, number: int, pieces: Iterator[bytes]) -> Part:
        return self._put(number, {}, pieces, UNSIGNED), ""

    def _put(self, number: int, headers: dict[str, str], pieces: Iterator[bytes], payload: str) -> str:
        query = f"partNumber={number}&uploadId={quote(self.id, safe='')}"
        response = self.client.request("PUT", self.path, query, headers, pieces, self._size(number), payload, what=self.what)
        response.read()
        return response.headers.get("etag", "")

    # -- ending

    def _complete(self, parts: list[Part]) -> None:
        listed = "".join(
            f"<Part>{f'<ChecksumSHA256>{digest}</ChecksumSHA256>' if self.summed else ''}"
            f"<ETag>{tag}</ETag><PartNumber>{number}</PartNumber></Part>"
            for number, (tag, digest) in enumerate(parts, 1)
        )
        body = f'<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{listed}</CompleteMultipartUpload>'.encode()
        headers = {"content-type": "application/xml"}
        query = f"uploadId={quote(self.id, safe='')}"
        try:
            answer = self._tried(
                lambda: self.client.request(
                    "POST", self.path, query, headers, body, payload=sha256(body).hexdigest(), what=self.what
                ).read()
            )
        except NotOnRemote:  # the answer to an earlier try was lost
            answer = b""
        # errors after the headers were sent come with status 200
        if b"<Error>" in answer:
            raise RemoteUnavailable(f"{self.what}: {_text(answer, 'Code')} while the upload was completed")
        entry = self.remote.stat(self.key)
        if entry is None or entry.size != self.source.size:
            size = f"{entry.size:,} bytes" if entry else "nothing"
            raise NotOnRemote(f"{self.what}: {size} arrived of {self.source.size:,} bytes")

    def _abort(self) -> None:
        """Have the server forget the parts; a failure here must not hide the reason."""
        try:
            self.client.request("DELETE", self.path, f"uploadId={quote(self.id, safe='')}", accept=(404,), what=self.what).read()
        except RemoteError:
            pass
        if self.note:
            fsio.remove_if_exists(self.note)


def _text(answer: bytes, name: str) -> str:
    from xml.etree import ElementTree

    try:
        root = ElementTree.fromstring(answer)
    except ElementTree.ParseError:
        return ""
    return root.findtext(f"{{*}}{name}") or ""

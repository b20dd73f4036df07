"""A push to a git server by its own protocol: the data of the new objects is sent before the server hears of any ref.

git sends which refs are to change in one go, up to a flush packet, and the pack after it (gitprotocol-pack(5), "Reference Update
Request").  So that is held back until the data is there.  If it cannot be sent the server is told to change nothing, and git that
each ref was refused.  Data may take hours, in which servers and routers lose patience: then the server is connected anew.
"""

from __future__ import annotations

import os
import time

from git_data.base import report
from git_data.base.fsio import write_all
from git_data.errors import GitDataError, GitFailed
from git_data.git.pktline import FLUSH, MAX_PAYLOAD_BYTES, encode
from git_data.git.repo import locate
from git_data.helper.data import REFUSED, complain, publish

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from git_data.helper.service import Service

_IN, _OUT = 0, 1
_HEX = frozenset(b"0123456789abcdef")
_STALE_S = 240.0
"""Routers forget connections that have been silent for five minutes or more (RFC 5382 asks for two hours; few heed it)."""


class Request:
    """``updates`` are (old object, new object, ref); ``raw`` is all of it as it came."""

    __slots__ = ("capabilities", "raw", "updates")

    def __init__(self, packets: list[bytes]) -> None:
        self.raw = b"".join(packets)
        self.capabilities: list[bytes] = []
        self.updates: list[tuple[str, str, str]] = []
        for packet in packets:
            line, _, capabilities = packet[4:].partition(b"\0")
            if capabilities:
                self.capabilities = capabilities.split()
            # of a signed push (push-cert) the same lines are in the certificate
            fields = line.rstrip(b"\n").split(b" ", 2)
            if len(fields) == 3 and _is_oid(fields[0]) and _is_oid(fields[1]):
                self.updates.append((fields[0].decode(), fields[1].decode(), os.fsdecode(fields[2])))

    def refusal(self) -> bytes:
        """The report that nothing was changed, as far as git asked for one."""
        if not any(capability.startswith(b"report-status") for capability in self.capabilities):
            return b""
        lines = [b"unpack ok\n", *(os.fsencode(f"ng {ref} {REFUSED}\n") for *_, ref in self.updates)]
        report = b"".join(encode(line) for line in lines) + FLUSH
        if b"side-band-64k" not in self.capabilities:
            return report
        starts = range(0, len(report), MAX_PAYLOAD_BYTES - 1)
        return b"".join(encode(b"\1" + report[at : at + MAX_PAYLOAD_BYTES - 1]) for at in starts) + FLUSH


def _is_oid(field: bytes) -> bool:
    return len(field) in (40, 64) and _HEX.issuperset(field)


def push(connect: Callable[[bool], Service], git_remote: str) -> int:
    """Let git push; ``connect`` reaches the server, and, told so, does it again. Raises: GitFailed when git breaks off."""
    service = connect(False)
    request = Request(_section())
    new = list(dict.fromkeys(new for _, new, _ in request.updates if new.strip("0")))
    if new:
        old = list(dict.fromkeys(old for old, _, _ in request.updates if old.strip("0")))
        began_s = time.monotonic()
        with service.busy:
            try:
                publish(locate(), git_remote, new, old, refs=[ref for _, new, ref in request.updates if new.strip("0")])
            except GitDataError as error:
                complain(error)
                return _refuse(service, request)
            if service.is_over() or time.monotonic() - began_s > _STALE_S:
                service.abandon()
                report.say("the data is there; connecting to the git server again")
                service = connect(True)
    service.send(request.raw)
    service.relay()
    return service.end()


def _refuse(service: Service, request: Request) -> int:
    if b"push-options" in request.capabilities:
        _section()  # git itself writes these; the pack comes from a process of its own, which minds nobody going away
    write_all(_OUT, request.refusal())
    service.send(FLUSH)
    return 1


def _section() -> list[bytes]:
    """The packets up to a flush, or to the end of what git says. Not a byte more is read."""
    packets = []
    while packet := _packet():
        packets.append(packet)
        if packet == FLUSH:
            break
    return packets


def _packet() -> bytes:
    head = _exactly(4)
    if not head or head == FLUSH:
        return head
    try:
        length = int(head, 16) - 4
    except ValueError:
        length = -1
    if not 0 <= length <= MAX_PAYLOAD_BYTES:
        raise GitFailed(f"git sent {head!r} where the length of a packet belongs")
    return head + _exactly(length)


def _exactly(size: int) -> bytes:
    parts = []
    while size > 0 and (data := os.read(_IN, size)):
        parts.append(data)
        size -= len(data)
    if size and parts:
        raise GitFailed("git broke off in the middle of a packet")
    return b"".join(parts)

"""A small ``git-lfs-transfer`` and ``git-lfs-authenticate``, by git-lfs's docs/proposals/ssh_adapter.md, for sshd to run.

    lfs_transfer.py ROOT        as ForceCommand of sshd_config(5): the client's command is in SSH_ORIGINAL_COMMAND

Repositories are directories below ROOT.  A directory with a file ``authenticate`` has no ``git-lfs-transfer``, and its
``git-lfs-authenticate`` prints that file.  ``expires`` has the seconds after which what a batch permits is over; ``token`` what
``get-object`` and ``put-object`` must be told again; ``refuse`` oids that verification rejects.  ``ROOT/log`` has a line for each
command and each request.  Nothing but the standard library: it must start fast.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import sys
import time

FLUSH, DELIM = b"0000", b"0001"
_IN, _OUT = sys.stdin.buffer, sys.stdout.buffer


class Hangup(Exception):
    """The client is gone."""


def main(root: str) -> int:
    words = shlex.split(os.environ.get("SSH_ORIGINAL_COMMAND", ""))
    note(root, " ".join(words))
    command, path, operation = (*words, "", "", "")[:3]
    place = os.path.join(root, path.lstrip("/"))
    given = read(place, "authenticate")
    if command == "git-lfs-authenticate" and given:
        sys.stdout.write(given)
        return 0
    if command != "git-lfs-transfer" or given:
        sys.stderr.write(f"sh: 1: {command}: not found\n")
        return 127
    if operation not in ("upload", "download", "lock") or not os.path.isdir(place):
        sys.stderr.write(f"no such repository: {path}\n")
        return 1
    try:
        Session(root, place, operation).serve()
    except Hangup:
        return 0
    return 0


def note(root: str, text: str) -> None:
    with open(os.path.join(root, "log"), "a") as file:
        file.write(text + "\n")


def read(place: str, name: str) -> str:
    try:
        with open(os.path.join(place, name)) as file:
            return file.read()
    except OSError:
        return ""


# -- pkt-lines


def packet() -> bytes:
    """The next payload, or FLUSH or DELIM."""
    digits = take(4)
    length = int(digits, 16)
    return digits if length < 4 else take(length - 4)


def take(size: int) -> bytes:
    data = _IN.read(size)
    if len(data) < size:
        raise Hangup
    return data


def send(*payloads: bytes) -> None:
    for payload in payloads:
        _OUT.write(payload if payload in (FLUSH, DELIM) else b"%04x%s" % (len(payload) + 4, payload))


def answer(status: int, arguments: dict[str, object] | None = None, lines: list[str] | None = None) -> None:
    send(b"status %d\n" % status, *(f"{name}={value}\n".encode() for name, value in (arguments or {}).items()))
    if lines is not None:
        send(DELIM, *(f"{line}\n".encode() for line in lines))
    send(FLUSH)


class Session:
    """One connection. ``operation`` decides what may be asked."""

    def __init__(self, root: str, place: str, operation: str) -> None:
        self.root = root
        self.place = place
        self.operation = operation
        self.objects = os.path.join(place, "objects")
        os.makedirs(self.objects, exist_ok=True)

    def serve(self) -> None:
        send(b"version=1\n", b"locking\n", FLUSH)
        _OUT.flush()
        # stock git-lfs 3.3 asks about locks in sessions for "download" and "upload", too
        locks = ("lock", "list-lock", "unlock")
        allowed = {
            "upload": ("batch", "put-object", "verify-object", *locks),
            "download": ("batch", "get-object", *locks),
            "lock": locks,
        }[self.operation]
        while True:
            command, arguments, ended = self.head()
            note(self.root, f"  {command}")
            name, _, rest = command.partition(" ")
            if name == "quit":
                answer(200)
                _OUT.flush()
                return
            if name == "version":
                self.finish(ended)
                answer(200 if rest == "1" else 400, lines=[])
            elif name not in allowed:
                self.finish(ended)
                answer(405, lines=[f"message {name} is not for {self.operation}"])
            else:
                getattr(self, name.replace("-", "_"))(rest, arguments, ended)
            _OUT.flush()

    def head(self) -> tuple[str, dict[str, str], bool]:
        """A command, its arguments, and whether nothing else follows."""
        command = packet().decode().rstrip("\n")
        arguments = {}
        while (data := packet()) not in (FLUSH, DELIM):
            name, _, value = data.decode().rstrip("\n").partition("=")
            arguments[name] = value
        return command, arguments, data == FLUSH

    def finish(self, ended: bool) -> list[str]:
        """The lines up to the flush."""
        lines = []
        while not ended and (data := packet()) != FLUSH:
            lines.append(data.decode("utf-8", "replace").rstrip("\n"))
        return lines

    # -- objects

    def path(self, oid: str) -> str:
        assert len(oid) == 64 and not oid.strip("0123456789abcdef")
        return os.path.join(self.objects, oid)

    def batch(self, _: str, arguments: dict[str, str], ended: bool) -> None:
        lines = self.finish(ended)
        if arguments.get("transfer", "ssh") != "ssh" or arguments.get("hash-algo", "sha256") != "sha256":
            answer(400, lines=["message only transfer=ssh and sha256"])
            return
        seconds, token = read(self.place, "expires").strip(), read(self.place, "token").strip()
        more = (f" expires-in={seconds}" if seconds else "") + (f" id=i{time.time_ns()} token={token}" if token else "")
        found = []
        for line in lines:
            oid, size = line.split(" ")[:2]
            there = os.path.exists(self.path(oid))
            size = str(os.path.getsize(self.path(oid))) if there else size
            action = self.operation if there == (self.operation == "download") else ""
            found.append(f"{oid} {size} {action}{more}" if action else f"{oid} {size} noop")
        answer(200, {"hash-algo": "sha256"}, found)

    def may(self, arguments: dict[str, str]) -> bool:
        token = read(self.place, "token").strip()
        return not token or (arguments.get("token") == token and arguments.get("id", "").startswith("i"))

    def get_object(self, oid: str, arguments: dict[str, str], ended: bool) -> None:
        self.finish(ended)
        if not self.may(arguments):
            answer(403, lines=["message the token is not right"])
            return
        try:
            file = open(self.path(oid), "rb")
        except FileNotFoundError:
            answer(404, lines=["message there is no such object"])
            return
        with file:
            send(b"status 200\n", b"size=%d\n" % os.path.getsize(self.path(oid)), DELIM)
            while data := file.read(65515):
                send(data)
            send(FLUSH)

    def put_object(self, oid: str, arguments: dict[str, str], ended: bool) -> None:
        hasher, size = hashlib.sha256(), 0
        temporary = f"{self.path(oid)}.{os.getpid()}"
        with open(temporary, "wb") as file:
            while not ended and (data := packet()) != FLUSH:
                hasher.update(data)
                size += len(data)
                file.write(data)
        if not self.may(arguments):
            status, said = 403, "the token is not right"
        elif hasher.hexdigest() != oid or str(size) != arguments.get("size"):
            status, said = 400, "the content is not what its name says"
        else:
            os.rename(temporary, self.path(oid))
            answer(200, lines=[])
            return
        os.unlink(temporary)
        answer(status, lines=[f"message {said}"])

    def verify_object(self, oid: str, arguments: dict[str, str], ended: bool) -> None:
        self.finish(ended)
        if oid in read(self.place, "refuse"):
            answer(422, lines=["message it is refused by policy"])
        elif not os.path.exists(self.path(oid)):
            answer(404, lines=["message it is not there"])
        elif str(os.path.getsize(self.path(oid))) != arguments.get("size"):
            answer(409, lines=["message it has another size"])
        else:
            answer(200)

    # -- locks

    def locks(self) -> list[dict[str, str]]:
        return json.loads(read(self.place, "locks") or "[]")  # type: ignore[no-any-return]

    def keep(self, locks: list[dict[str, str]]) -> None:
        with open(os.path.join(self.place, "locks"), "w") as file:
            json.dump(locks, file)

    def me(self) -> str:
        return read(self.place, "user").strip() or "me"

    def lock(self, _: str, arguments: dict[str, str], ended: bool) -> None:
        self.finish(ended)
        locks = self.locks()
        for lock in locks:
            if lock["path"] == arguments["path"]:
                answer(409, dict(lock), ["message there is a lock already"])
                return
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        made = {"id": f"l{time.time_ns()}", "path": arguments["path"], "locked-at": now, "ownername": self.me()}
        self.keep([*locks, made])
        answer(201, dict(made))

    def unlock(self, name: str, arguments: dict[str, str], ended: bool) -> None:
        self.finish(ended)
        locks = self.locks()
        lock = next((lock for lock in locks if lock["id"] == name), None)
        if lock is None:
            answer(404, lines=["message there is no such lock"])
        elif lock["ownername"] != self.me() and arguments.get("force") != "true":
            answer(403, lines=[f"message {lock['ownername']} holds the lock"])
        else:
            self.keep([other for other in locks if other["id"] != name])
            answer(200, dict(lock))

    def list_lock(self, _: str, arguments: dict[str, str], ended: bool) -> None:
        self.finish(ended)
        chosen = [
            lock
            for lock in self.locks()
            if arguments.get("path", lock["path"]) == lock["path"] and arguments.get("id", lock["id"]) == lock["id"]
        ]
        first, most = int(arguments.get("cursor") or 0), int(arguments.get("limit") or 100)
        lines = []
        for lock in chosen[first : first + most]:
            mine = "ours" if lock["ownername"] == self.me() else "theirs"
            lines += [f"lock {lock['id']}", f"path {lock['id']} {lock['path']}", f"locked-at {lock['id']} {lock['locked-at']}"]
            lines += [f"ownername {lock['id']} {lock['ownername']}", f"owner {lock['id']} {mine}"]
        answer(200, {"next-cursor": first + most} if len(chosen) > first + most else {}, lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

"""A small LFS server with locks: batch, basic transfers and locking by git-lfs's docs/api, in Python's ``http.server``.

It runs in the process of the tests, one a session.  Everybody logs in with Basic authentication, any password being right but for
``wrong``; who is called ``reader`` may only read.  A repository is there from its first use on, at ``/<name>.git/info/lfs``.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

MEDIA_TYPE = "application/vnd.git-lfs+json"
READER = "reader"


class Repository:
    """What the server keeps of one repository, and how it behaves."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.locks: list[dict[str, Any]] = []
        self.without_locks = 0
        """the status (404, 501) that is the answer to everything about locks"""
        self.locks_as_told: list[Any] | None = None
        """instead of the locks in lists"""
        self.page = 100
        """locks in one answer at most"""
        self.log: list[str] = []
        """``USER METHOD PATH`` of each request that was let in"""

    def asked(self, what: str) -> list[str]:
        """Requests since the last call whose path contains ``what``."""
        found, self.log = [line for line in self.log if what in line], []
        return found


class LfsServer:
    """A running server."""

    def __init__(self, port: int) -> None:
        self.host = f"127.0.0.1:{port}"
        self.repositories: dict[str, Repository] = {}
        self._numbers = count()

    def repository(self) -> str:
        """The name of a repository nobody has used."""
        return f"org/r{next(self._numbers)}"

    def of(self, name: str) -> Repository:
        """The repository."""
        return self.repositories.setdefault(name, Repository())

    def api(self, name: str, user: str) -> str:
        """What stock git-lfs has as ``lfs.url``."""
        return f"http://{user}:secret@{self.host}/{name}.git/info/lfs"

    def url(self, name: str, user: str = "") -> str:
        """The address for git-data."""
        return f"lfs+http://{user}{'@' if user else ''}{self.host}/{name}.git"


class Refused(Exception):
    """Ends a request with a status, a message and more of the answer."""

    def __init__(self, status: int, message: str, **more: Any) -> None:
        self.status = status
        self.answer = {"message": message, "request_id": "1", **more}


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    lfs: LfsServer
    turn = threading.RLock()

    def log_message(self, *_: object) -> None:
        """Nothing on standard error."""

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.turn:
            try:
                self._answer(*self._route(body))
            except Refused as refused:
                self._answer(refused.status, refused.answer)

    do_GET = do_POST = do_PUT = _handle

    def _route(self, body: bytes) -> tuple[int, Any]:
        parts = urlsplit(self.path)
        name, found, rest = parts.path.partition(".git/info/lfs/")
        if not found:
            raise Refused(404, "no such place")
        user = self._user()
        repository = self.lfs.of(unquote(name.strip("/")))
        repository.log.append(f"{user} {self.command} {rest}{'?' if parts.query else ''}{parts.query}")
        words = [unquote(word) for word in rest.split("/")]
        if words[0] == "objects" and words[1:] != ["batch"]:
            return self._object(repository, words[1], body)
        if MEDIA_TYPE not in self.headers.get("Accept", ""):
            raise Refused(406, "this is the API of Git LFS")
        question = json.loads(body) if body else {}
        if words == ["objects", "batch"]:
            return self._batch(repository, user, name, question)
        if words[0] != "locks":
            raise Refused(404, "no such request")
        if repository.without_locks:
            raise Refused(repository.without_locks, "no locks here")
        locks = Locking(repository, user)
        if self.command == "GET" and words == ["locks"]:
            return locks.find({key: values[-1] for key, values in parse_qs(parts.query).items()})
        requests: dict[tuple[int, str], Callable[[], tuple[int, Any]]] = {
            (1, "locks"): lambda: locks.create(question),
            (2, "verify"): lambda: locks.verify(question),
            (3, "unlock"): lambda: locks.remove(words[1], question),
        }
        if self.command != "POST" or (len(words), words[-1]) not in requests:
            raise Refused(404, "no such request")
        return requests[len(words), words[-1]]()

    def _user(self) -> str:
        scheme, _, encoded = self.headers.get("Authorization", "").partition(" ")
        user, _, password = base64.b64decode(encoded).decode().partition(":") if scheme == "Basic" else ("", "", "")
        if not user or password == "wrong":
            raise Refused(401, "credentials needed")
        return user

    def _batch(self, repository: Repository, user: str, name: str, question: dict[str, Any]) -> tuple[int, Any]:
        operation = question["operation"]
        if operation == "upload" and user == READER:
            raise Refused(403, "you may only read")
        header = {"Authorization": self.headers["Authorization"]}
        answers = []
        for item in question["objects"]:
            answer = {"oid": item["oid"], "size": item["size"], "authenticated": True}
            action = {"href": f"http://{self.lfs.host}{name}.git/info/lfs/objects/{item['oid']}", "header": header}
            there = item["oid"] in repository.objects
            if there == (operation == "download"):
                answer["actions"] = {operation: action}
            elif operation == "download":
                answer["error"] = {"code": 404, "message": "no such object"}
            answers.append(answer)
        return 200, {"transfer": "basic", "objects": answers, "hash_algo": "sha256"}

    def _object(self, repository: Repository, oid: str, body: bytes) -> tuple[int, Any]:
        if self.command == "PUT":
            if hashlib.sha256(body).hexdigest() != oid:
                raise Refused(422, "not what its name says")
            repository.objects[oid] = body
            return 200, {}
        if oid not in repository.objects:
            raise Refused(404, "no such object")
        return 200, repository.objects[oid]

    def _answer(self, status: int, answer: Any) -> None:
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        if status == 401:
            self.send_header("LFS-Authenticate", 'Basic realm="Git LFS"')
        self.send_header("Content-Type", "application/octet-stream" if isinstance(answer, bytes) else MEDIA_TYPE)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class Locking:
    """docs/api/locking.md for one user."""

    def __init__(self, repository: Repository, user: str) -> None:
        self.repository = repository
        self.user = user

    def _require_push(self) -> None:
        if self.user == READER:
            raise Refused(403, "you must have push access")

    def create(self, question: dict[str, Any]) -> tuple[int, Any]:
        self._require_push()
        for lock in self.repository.locks:
            if lock["path"] == question["path"]:
                raise Refused(409, "already created lock", lock=lock)
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        lock = {
            "id": hashlib.sha1(f"{question['path']}{now}{len(self.repository.log)}".encode()).hexdigest(),
            "path": question["path"],
            "locked_at": now,
            "owner": {"name": self.user},
        }
        self.repository.locks.append(lock)
        return 201, {"lock": lock}

    def remove(self, id: str, question: dict[str, Any]) -> tuple[int, Any]:
        self._require_push()
        lock = next((lock for lock in self.repository.locks if lock["id"] == id), None)
        if lock is None:
            raise Refused(404, "no such lock")
        if lock["owner"]["name"] != self.user and not question.get("force"):
            raise Refused(403, "it is not your lock")
        self.repository.locks.remove(lock)
        return 200, {"lock": lock}

    def find(self, query: dict[str, str]) -> tuple[int, Any]:
        found = [
            lock for lock in self.repository.locks if all(query.get(name) in (None, "", lock[name]) for name in ("path", "id"))
        ]
        page, more = self._page(found, query)
        told = self.repository.locks_as_told
        return 200, {"locks": page if told is None else told, **more}

    def verify(self, question: dict[str, Any]) -> tuple[int, Any]:
        self._require_push()
        page, more = self._page(self.repository.locks, question)
        ours = [lock for lock in page if lock["owner"]["name"] == self.user]
        return 200, {"ours": ours, "theirs": [lock for lock in page if lock not in ours], **more}

    def _page(self, locks: list[dict[str, Any]], query: dict[str, Any]) -> tuple[list[dict[str, Any]], dict[str, str]]:
        """The cursor is the id of the first lock of the page."""
        ids = [lock["id"] for lock in locks]
        first = ids.index(query["cursor"]) if query.get("cursor") else 0
        size = min(int(query.get("limit") or self.repository.page), self.repository.page)
        rest = locks[first + size :]
        return locks[first : first + size], {"next_cursor": rest[0]["id"]} if rest else {}


@pytest.fixture(scope="session")
def lfs_server() -> Iterator[LfsServer]:
    """The server of this session."""
    handler = type("BoundHandler", (Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    handler.lfs = lfs = LfsServer(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield lfs
    server.shutdown()
    server.server_close()


def helper_for(place: Path, server: LfsServer, user: str) -> str:
    """A credential helper (gitcredentials(7)) that logs this user in."""
    file = place / f"credentials-{user}"
    file.write_text(f"http://{user}:secret@{server.host}\n")
    return f"store --file='{file}'"

"""The long-running filter process (gitattributes(5), "Long Running Filter Process").

git starts one per command.  Content that goes into the work tree is not sent through the pipe: the answer to such a
smudge is the pointer itself, the path is remembered, and when git has written its files and its index it closes our
standard input and waits for us.  Then the pointers are replaced by links (``worktree.relink``).  Git says with
``can-delay=1`` that it is updating the work tree; everybody else (archive, diff tools, apply) gets the bytes.

Commands of ``rebase --exec`` run before we see the end of input, so while a sequence of commits is being replayed the
work tree gets bytes, too, and shares its blocks afterwards.
"""

from __future__ import annotations

import os

from git_data.base import report
from git_data.errors import FileSystemError, GitDataError, from_os_error
from git_data.filter import caller
from git_data.filter.clean import SMALL_BYTES, Cleaner
from git_data.filter.finish import finish, sync
from git_data.filter.smudge import chunks, open_content
from git_data.git import pktline
from git_data.git.repo import Repository
from git_data.pointer import MAX_SIZE_BYTES, Pointer, parse
from git_data.store.objects import Store
from git_data.worktree.journal import Journal
from git_data.worktree.select import Selection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_SUCCESS = pktline.encode_list(b"status=success")
_ERROR = pktline.encode_list(b"status=error")
_DELAYED = pktline.encode_list(b"status=delayed")
_KEEP_STATUS = pktline.FLUSH
_PIPE_BYTES = 1 << 20
_LOOK_EVERY = 16
_F_SETPIPE_SZ = 1031


class FilterProcess:
    """Serves one git command; ``in_fd`` and ``out_fd`` are the pipes to git."""

    def __init__(self, repo: Repository, store: Store, cleaner: Cleaner, in_fd: int, out_fd: int) -> None:
        self.repo = repo
        self.store = store
        self.cleaner = cleaner
        self.reader = pktline.Reader(in_fd)
        self.out_fd = out_fd
        self.journal = Journal(repo.data_dir)
        self.selection = Selection(repo.settings.fetch_include, repo.settings.fetch_exclude)
        self.copies: dict[bytes, Pointer] = {}
        """paths answered with bytes that may have gone into the work tree"""
        self.unwanted: dict[bytes, Pointer] = {}
        """paths that keep their pointers in the work tree"""
        self.delayed: dict[bytes, Pointer] = {}
        self._listed: set[bytes] = set()
        self._smudged = 0
        self._postponed = False
        self._replays = False
        self.cleaned: list[bytes] = []

    def serve(self) -> int:
        """Answer until git closes its end, then finish the work; the exit status. Raises: GitDataError."""
        widen_pipes(self.reader.fd, self.out_fd)
        self._shake_hands()
        commands: dict[bytes, Callable[[dict[bytes, bytes]], None]] = {
            b"clean": self._clean,
            b"smudge": self._smudge,
            b"list_available_blobs": self._list_available,
        }
        while True:
            try:
                request = self.reader.request()
            except EOFError:
                break
            command = commands.get(request.get(b"command", b""))
            if command is None:
                self.reader.skip_to_flush()
                self._write(_ERROR)
            else:
                command(request)
        self.journal.close()
        try:
            sync(self.repo, self.store, self.cleaned)
        except FileSystemError as error:
            report.say(f"error: {error.message}\n  {error.hint}")
            caller.stop_git()
            return error.exit_code
        finish(self.repo, self.store, self.copies, bool(self.cleaned), self._postponed, self.unwanted)
        return 0

    def _shake_hands(self) -> None:
        welcome = self.reader.text_list()
        if b"git-filter-client" not in welcome or b"version=2" not in welcome:
            raise pktline.ProtocolError("this is not git's filter protocol, version 2")
        self._write(pktline.encode_list(b"git-filter-server", b"version=2"))
        offered = self.reader.text_list()
        ours = [b"capability=" + name for name in (b"clean", b"smudge", b"delay")]
        self._write(pktline.encode_list(*(capability for capability in ours if capability in offered)))

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self.out_fd, view) :]

    # -- clean

    def _clean(self, request: dict[bytes, bytes]) -> None:
        path = request.get(b"pathname", b"")
        try:
            answer = self.cleaner.clean(self.reader, path)
            self.cleaned.append(path)
        except GitDataError as error:
            self._refuse(path, error)
            return
        except OSError as error:
            self._refuse(path, from_os_error(error, path, "storing"))
            return
        self._write(_SUCCESS + pktline.encode_content(answer) + _KEEP_STATUS)

    def _refuse(self, path: bytes, error: GitDataError) -> None:
        """``status=error`` for one file; git goes on, and dies if the filter is required."""
        if not self.reader.at_flush:
            self.reader.skip_to_flush()
        report.say(error.message + (f"\n  {error.hint}" if error.hint else ""))
        self._write(_ERROR)

    # -- smudge

    def _smudge(self, request: dict[bytes, bytes]) -> None:
        path = request.get(b"pathname", b"")
        first, ended = self.reader.small_content(MAX_SIZE_BYTES)
        pointer = parse(first) if ended else None
        if not first and path in self.delayed:
            pointer = self.delayed.pop(path)
            self._answer_bytes(path, pointer, request, or_pointer=True)
        elif pointer is None:
            self._pass_through(first, ended)
        elif self.repo.settings.skip_smudge or not self.selection.wants(path):
            self.unwanted[path] = pointer
            self._answer_pointer(pointer)
        elif request.get(b"can-delay") != b"1":
            if b"treeish" not in request and caller.shows_diff():
                self._answer_pointer(pointer)
            else:
                self._answer_bytes(path, pointer, request)
        elif self._replaying():
            self.delayed[path] = pointer
            self._write(_DELAYED)
        else:
            self._answer_later(path, pointer)

    def _answer_later(self, path: bytes, pointer: Pointer) -> None:
        """The pointer now, the content when git has finished."""
        try:
            # git may be about to replace the only other copy of what was just stored
            self.store.flush()
            self.journal.add(path, pointer)
            self._postponed = True
        except (OSError, FileSystemError) as error:
            reason = error if isinstance(error, FileSystemError) else from_os_error(error, path, "noting")
            self._refuse(path, reason)
            return
        self._answer_pointer(pointer)

    def _answer_pointer(self, pointer: Pointer) -> None:
        self._write(_SUCCESS + pktline.encode_content(pointer.encode()) + _KEEP_STATUS)

    def _answer_bytes(self, path: bytes, pointer: Pointer, request: dict[bytes, bytes], or_pointer: bool = False) -> None:
        try:
            fd = open_content(self.repo, self.store, pointer, path)
        except GitDataError as error:
            if or_pointer:
                self._answer_later(path, pointer)
            else:
                self._refuse(path, error)
            return
        self._write(_SUCCESS)
        sent = 0
        for data in chunks(fd, pointer.size):
            # encode_content ends with a flush, which only the last piece may have
            self._write(pktline.encode_content(data)[: -len(pktline.FLUSH)])
            sent += len(data)
        if sent != pointer.size:
            # the trailing status takes everything back
            self._write(pktline.FLUSH + _ERROR)
            return
        self._write(pktline.FLUSH + _KEEP_STATUS)
        if or_pointer or b"treeish" not in request:  # not git archive
            self.copies[path] = pointer

    def _pass_through(self, first: bytes, ended: bool) -> None:
        """Content that is no pointer goes back as it came; git sends all of it before it reads."""
        if ended:
            self._write(_SUCCESS + pktline.encode_content(first) + _KEEP_STATUS)
            return
        import tempfile

        with tempfile.SpooledTemporaryFile(max_size=8 * SMALL_BYTES) as spool:
            spool.write(first)
            buffer = bytearray(SMALL_BYTES)
            while not ended:
                count, ended = self.reader.content_into(memoryview(buffer))
                spool.write(memoryview(buffer)[:count])
            spool.seek(0)
            self._write(_SUCCESS)
            while data := spool.read(SMALL_BYTES):
                self._write(pktline.encode_content(data)[: -len(pktline.FLUSH)])
            self._write(pktline.FLUSH + _KEEP_STATUS)

    def _list_available(self, request: dict[bytes, bytes]) -> None:
        """Everything that was delayed can be had now; git asks for each path again, without content.

        Delayed paths are listed once, then git stops asking.
        """
        paths, self._listed = [path for path in self.delayed if path not in self._listed], set(self.delayed)
        self._write(b"".join(pktline.encode(b"pathname=" + path + b"\n") for path in paths) + pktline.FLUSH + _SUCCESS)

    def _replaying(self) -> bool:
        """Whether git replays a sequence of commits; it says so before the first file, and while it runs."""
        if self._smudged % _LOOK_EVERY == 0:
            git_dir = self.repo.git_dir
            self._replays = os.path.isdir(f"{git_dir}/rebase-merge") or os.path.isdir(f"{git_dir}/sequencer")
        self._smudged += 1
        return self._replays


def widen_pipes(*fds: int) -> None:
    """Give the pipes a megabyte instead of 64 KiB: fewer switches between git and us (Linux)."""
    try:
        import fcntl

        for fd in fds:
            fcntl.fcntl(fd, _F_SETPIPE_SZ, _PIPE_BYTES)
    except (ImportError, OSError):
        pass  # not Linux, not a pipe, or over the user's limit

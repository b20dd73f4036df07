"""Which client speaks SSH: the program ``ssh``, as git uses it, or paramiko where there is none."""

from __future__ import annotations

import shutil

from git_data.base import libraries
from git_data.remote.address import Address
from git_data.remote.base import Options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from git_data.remote.sftp_session import Stream
    from git_data.remote.ssh_errors import Failure

    class CommandStream(Stream, Protocol):
        """What a command on a server reads and writes."""

        def end(self) -> Failure:
            """How it ended, or does end now."""

    class Connects(Protocol):
        """How a server is reached."""

        def open(self, command: str = "") -> CommandStream:
            """A new channel, for SFTP or what ``command`` speaks. Raises: RemoteError."""

        def close(self) -> None:
            """Give up what the channels share."""


def connection(address: Address, options: Options) -> Connects:
    """The client for an address; nothing is connected yet."""
    client = options.get("sshclient")
    if client == "paramiko" or not client and not options.ssh_command and shutil.which("ssh") is None:
        libraries.enable()
        from git_data.remote.ssh_paramiko import Connection

        return Connection(address, options)
    from git_data.remote.ssh_transport import Connection as Program

    return Program(address, options)


def quoted(text: str) -> str:
    """For a server's shell, as git quotes (``quote.c``): restricted shells (git-shell, gitolite) take nothing else."""
    return "'" + text.replace("'", "'\\''").replace("!", "'\\!'") + "'"

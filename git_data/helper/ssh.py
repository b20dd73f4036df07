"""The command line with which git reaches a server over SSH (``connect.c``: the same program, variants and options).

Nothing is asked of the server but to run the service: git's own settings (``core.sshCommand``, ``ssh.variant``) and environment
(``GIT_SSH_COMMAND``, ``GIT_SSH``, ``GIT_SSH_VARIANT``) decide how.
"""

from __future__ import annotations

import os

from git_data.errors import UsageError
from git_data.remote.ssh_client import quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.config import Config

_BY_PROGRAM = {"ssh": "ssh", "plink": "plink", "tortoiseplink": "tortoiseplink"}
_VARIANTS = ("auto", "plink", "putty", "simple", "tortoiseplink")


def command_line(config: Config, host: str, port: str, service: str, path: str, version: int) -> tuple[list[str], int]:
    """What to start, and the version of the protocol that it can ask for in the environment.

    ``host`` may have a user; ``service`` is a command for the server's shell.

    Raises: UsageError for a host that would be read as an option, and for what the program cannot do.
    """
    if host.startswith("-"):
        raise UsageError(f"strange hostname '{host}' blocked")
    program, by_shell = _program(config)
    variant = _variant(config, program, by_shell)
    if variant == "auto":
        import subprocess

        probe = _started(program, by_shell, ["-G", *_options("ssh", port, version), host])
        null = subprocess.DEVNULL
        variant = "simple" if subprocess.call(probe, stdin=null, stdout=null, stderr=null) else "ssh"
    command = _started(program, by_shell, [*_options(variant, port, version), host, f"{service} {quoted(path)}"])
    return command, version if variant == "ssh" else 0


def _program(config: Config) -> tuple[str, bool]:
    """The program, and whether it is a command for a shell."""
    command = os.environ.get("GIT_SSH_COMMAND") or config.get("core.sshcommand")
    return (command, True) if command else (os.environ.get("GIT_SSH") or "ssh", False)


def _variant(config: Config, program: str, by_shell: bool) -> str:
    given = os.environ.get("GIT_SSH_VARIANT") or config.get("ssh.variant")
    if given:
        return given if given in _VARIANTS else "ssh"
    if by_shell:
        import shlex

        try:
            words = shlex.split(program)
        except ValueError:
            return "auto"
        program = words[0] if words else ""
    name = program.replace("\\", "/").rpartition("/")[2].lower().removesuffix(".exe")
    return _BY_PROGRAM.get(name, "auto")


def _options(variant: str, port: str, version: int) -> list[str]:
    options = []
    if variant == "ssh" and version > 0:
        options += ["-o", "SendEnv=GIT_PROTOCOL"]
    if variant == "tortoiseplink":
        options.append("-batch")
    if port:
        if variant == "simple":
            raise UsageError("ssh variant 'simple' does not support setting a port", "git config ssh.variant ssh")
        options += ["-p" if variant == "ssh" else "-P", port]
    return options


def _started(program: str, by_shell: bool, arguments: list[str]) -> list[str]:
    return ["sh", "-c", f'{program} "$@"', program, *arguments] if by_shell else [program, *arguments]

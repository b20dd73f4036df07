"""The command table, dispatch, and errors turned into messages and exit codes.

Two kinds of commands.  Those git starts (``HOT``) take a plain list of words and import next to nothing.  Those people
type (``COMMANDS``) declare an ``argparse`` parser.  The tables hold strings, so that starting one command imports no other.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

HOT = {
    "clean": "git_data.commands.clean",
    "diff-driver": "git_data.commands.diff_driver",
    "filter-process": "git_data.commands.filter_process",
    "hook": "git_data.commands.hook",
    "merge-driver": "git_data.commands.merge_driver",
    "smudge": "git_data.commands.smudge",
    "remote-helper": "git_data.helper.protocol",
    "version": "git_data.commands.version",
}
"""Started by git once per command: name → module with ``main(words) -> exit status``."""

COMMANDS = {
    "clone": ("git_data.commands.clone", "clone a repository with its data, from a git server or plain storage"),
    "install": ("git_data.commands.install", "set up git (here, or for all repositories) to keep large files as data"),
    "uninstall": ("git_data.commands.uninstall", "remove what install wrote"),
    "track": ("git_data.commands.track", "keep files of these patterns as data"),
    "untrack": ("git_data.commands.untrack", "stop keeping files of these patterns as data"),
    "add": ("git_data.commands.add", "git add in bulk: all processors, any number of files"),
    "checkout": ("git_data.commands.checkout", "replace pointers in the work tree by their content"),
    "status": ("git_data.commands.status", "show data files that changed, lack content or are not linked"),
    "ls-files": ("git_data.commands.ls_files", "list data files: size, oid, and where their content is"),
    "diff": ("git_data.commands.diff", "show which data changed between two revisions"),
    "du": ("git_data.commands.du", "show what data takes, by directory or by version"),
    "export": ("git_data.commands.export", "put a whole revision into a folder, by links"),
    "relink": ("git_data.commands.relink", "turn copies in the work tree into links"),
    "unprotect": ("git_data.commands.unprotect", "make linked files safe to edit in place"),
    "pointer": ("git_data.commands.pointer", "show, make or check a pointer"),
    "push": ("git_data.commands.push", "send data to a remote"),
    "fetch": ("git_data.commands.fetch", "bring data from a remote into the store"),
    "pull": ("git_data.commands.pull", "bring data from a remote into the store and the work tree"),
    "whereis": ("git_data.commands.whereis", "show every place that has the content of a file"),
    "drop": ("git_data.commands.drop", "free local space of files whose content is on a remote"),
    "mirror": ("git_data.commands.mirror", "copy data from one remote to another"),
    "url": ("git_data.commands.url", "print a link from which anybody can download a file"),
    "lock": ("git_data.commands.lock", "lock files on the server, so that nobody else changes them"),
    "unlock": ("git_data.commands.unlock", "give locks on files back"),
    "locks": ("git_data.commands.locks", "list who has locked which files"),
    "fsck": ("git_data.commands.fsck", "check the store, and that pointers have their data"),
    "gc": ("git_data.commands.gc", "delete data that nothing refers to"),
    "remote": ("git_data.commands.remote", "name the places where data is shared, and try them"),
    "migrate": ("git_data.commands.migrate", "move a repository here from git-lfs, DVC, git-annex or plain git"),
    "env": ("git_data.commands.env", "show versions, places and settings"),
    "doctor": ("git_data.commands.doctor", "find out what is wrong and how to mend it"),
    "config": ("git_data.commands.config", "show or change settings and say where they come from"),
    "completion": ("git_data.commands.completion", "print a completion script for a shell"),
    "help": ("git_data.commands.help", "show the manual page of a command"),
}
"""Typed by people: name → (module with ``configure(parser)`` and ``run(arguments) -> exit status``, one line of help)."""

ALIASES = {"--version": "version", "-V": "version", "--help": "help", "-h": "help"}


def main(words: list[str] | None = None) -> int:
    """Run one command; the process's exit status."""
    words = sys.argv[1:] if words is None else words
    from git_data.errors import GitDataError

    try:
        return _dispatch(words)
    except GitDataError as error:
        _complain(error)
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        return 130
    except BrokenPipeError:
        # the reader went away (head, less): nothing more to say, not even at interpreter exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 141
    except OSError as error:
        from git_data.errors import from_os_error

        failure = from_os_error(error, error.filename or "(no path)", "working on")
        _complain(failure)
        return failure.exit_code


def _dispatch(words: list[str]) -> int:
    name = ALIASES.get(words[0], words[0]) if words else "help"
    rest = words[1:]
    if name in HOT and rest[:1] not in (["-h"], ["--help"]):
        status: int = _load(HOT[name]).main(rest)
        return status
    from git_data.base import libraries
    from git_data.commands import parser

    libraries.enable()

    return parser.run(name, rest)


def _load(module: str) -> ModuleType:
    import importlib

    return importlib.import_module(module)


def _complain(error: Exception) -> None:
    from git_data.base.report import harmless

    message = getattr(error, "message", str(error))
    hint = getattr(error, "hint", "")
    sys.stderr.write(f"git-data: error: {harmless(message)}\n")
    if hint:
        sys.stderr.write("".join(f"  {harmless(line.strip())}\n" for line in hint.splitlines()))


def remote_main() -> int:
    """Entry point of ``git-remote-data``."""
    return main(["remote-helper", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())

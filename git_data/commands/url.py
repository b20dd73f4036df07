"""``git data url``.

Print a link from which anybody can download a file with a browser or curl, without git-data, until it expires. S3 signs such
links; a public HTTP server needs no signature, and its links do not expire.

  git data url model.bin                     the version in the index, for an hour
  git data url model.bin --rev v1.0          the version of a revision
  git data url model.bin --expires 7d        30m, 12h and 7d are possible times
  curl -o model.bin "$(git data url model.bin)"

Exit status: 0 here it is, 3 the remote does not have the content, 8 this kind of remote has no links, 9 it refuses access.
"""

from __future__ import annotations

import argparse

from git_data.commands import output
from git_data.commands.parser import add_json
from git_data.errors import MissingData, UsageError
from git_data.git.pick import data_files
from git_data.git.repo import locate
from git_data.git.scan import shown
from git_data.remote.layout import object_key
from git_data.sync.remotes import find
from git_data.sync.session import Session

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("path", metavar="PATH", help="a data file")
    parser.add_argument("--rev", metavar="REV", default="", help="the version of a revision")
    parser.add_argument("--expires", metavar="TIME", default="1h", help="how long the link works: 30m, 12h, 7d (default 1h)")
    parser.add_argument("--remote", metavar="NAME", default="", help="the remote (default: the default one)")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Make the link."""
    expires_s = parse_duration(arguments.expires)
    repo = locate()
    files = data_files(repo, [arguments.path], arguments.rev)
    if len(files) > 1:
        raise UsageError(f"'{arguments.path}' is more than one data file", f"git data ls-files -- '{arguments.path}'")
    pointer = files[0].pointer
    session = Session(repo, find(repo, arguments.remote))
    try:
        key = object_key(pointer.oid)
        entry = session.remote.stat(key)
        if entry is None or entry.size != pointer.size:
            session.known.forget([pointer.oid])
            what = "is not" if entry is None else f"is {entry.size:,} instead of {pointer.size:,} bytes long"
            revision = f" {arguments.rev}" if arguments.rev else ""
            raise MissingData(
                f"the content of '{shown(files[0].path)}' {what} on '{session.name}'", f"git data push {session.name}{revision}"
            )
        url = session.remote.public_url(key, expires_s)
    finally:
        session.close()
    if arguments.json:
        output.print_json(
            {
                "path": output.name(files[0].path),
                "oid": pointer.oid,
                "size": pointer.size,
                "remote": session.name,
                "expires_s": expires_s,
                "url": url,
            }
        )
    else:
        output.line(url)
    return 0


def parse_duration(text: str) -> int:
    """Seconds from ``90s``, ``30m``, ``12h``, ``7d`` or ``2w``. Raises: UsageError."""
    number, unit = text[:-1], text[-1:].lower()
    if not (number.isascii() and number.isdigit() and len(number) < 7 and int(number)) or unit not in _UNITS_S:
        raise UsageError(f"--expires: '{text}' is not a time", "git data url --expires 12h PATH   # or 30m, or 7d")
    return int(number) * _UNITS_S[unit]

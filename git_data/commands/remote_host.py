"""``git data remote``, what it does with places that host a whole repository: make one, set its default branch, protect refs."""

from __future__ import annotations

import argparse
import difflib

from git_data.commands import output, remote_host_compact, remote_host_fsck, remote_host_reflog
from git_data.commands.hosted import Hosted
from git_data.commands.parser import add_json
from git_data.errors import UsageError
from git_data.git.run import git
from git_data.host.marker import CREATE, SINGLE, SWAP, Marker
from git_data.host.names import is_ref_name
from git_data.host.state import Change, State
from git_data.host.who import signature

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_WRITERS = {
    SWAP: "several people can push at once: the manifest is replaced by conditional writes",
    CREATE: "several people can push at once: each manifest has a number that only one of them can make",
    SINGLE: "one writer at a time: the place has no conditional writes, so two pushes at once may undo each other",
}


def configure(command: Callable[[str, str], argparse.ArgumentParser]) -> None:
    """Declare the subcommands; ``command`` makes the parser of one."""
    init = command("init", "make a place a git repository without a server: git clone, fetch and push work on data::URL")
    init.add_argument("place", metavar="URL", help="s3://bucket/prefix, ssh://host/path, a path …, or the name of a remote")
    init.add_argument(
        "--single-writer", action="store_true", help="accept a place where only one person or program may push at a time"
    )
    init.add_argument(
        "--object-format",
        choices=("sha1", "sha256"),
        help="the hash that names objects (default: that of this repository, or sha1)",
    )
    add_json(init)
    set_head = command("set-head", "set the default branch of a hosted repository, which a clone checks out")
    add_place(set_head)
    set_head.add_argument("branch", metavar="BRANCH", help="a branch of it")
    protect = command("protect", "protect refs of a hosted repository from force-pushes and deletion, or list those that are")
    add_place(protect)
    protect.add_argument(
        "ref",
        nargs="?",
        default="",
        metavar="REF",
        help="a branch, a full name (refs/tags/v1) or a pattern (refs/tags/*, release-*)",
    )
    protect.add_argument("--remove", action="store_true", help="protect it no longer")
    add_json(protect)
    remote_host_reflog.configure(command)
    remote_host_compact.configure(command)
    remote_host_fsck.configure(command)


def add_place(parser: argparse.ArgumentParser) -> None:
    """The argument all of them have."""
    parser.add_argument("place", metavar="PLACE", help="a git remote, a remote for data, or an address with or without data::")


def works() -> dict[str, Callable[[argparse.Namespace], int]]:
    """What runs each subcommand."""
    return {
        "init": _init,
        "set-head": _set_head,
        "protect": _protect,
        "reflog": remote_host_reflog.run,
        "compact": remote_host_compact.run,
        "fsck": remote_host_fsck.run,
    }


# -- init


def _init(arguments: argparse.Namespace) -> int:
    with Hosted(arguments.place) as place:
        wanted = arguments.object_format or place.repo.object_format
        there = place.host.read()
        if there is None:
            place.must_be_writable()
            marker = place.host.initialise(wanted, arguments.single_writer)
        else:
            assert place.host.marker is not None
            marker = place.host.marker
        if arguments.object_format and marker.object_format != arguments.object_format:
            raise UsageError(
                f"the repository at {place.url} names objects by {marker.object_format}; that cannot be changed",
                f"git data remote init --object-format={arguments.object_format} ANOTHER-PLACE",
            )
        _tell(place, marker, there, arguments.json)
    return 0


def _tell(place: Hosted, marker: Marker, there: State | None, json: bool) -> None:
    if json:
        output.print_json(
            {
                "url": place.url,
                "git_url": place.git_url,
                "created": there is None,
                "id": marker.id,
                "object_format": marker.object_format,
                "writers": marker.writers,
            }
        )
        return
    if there is None:
        output.line(f"Made a git repository ({marker.object_format}) at {output.plain(place.url)}")
    else:
        output.line(f"A git repository ({marker.object_format}) lies at {output.plain(place.url)} already; nothing was changed")
    output.line(_WRITERS[marker.writers][0].upper() + _WRITERS[marker.writers][1:])
    name = place.git_name
    if not name:
        name = "origin" if "remote.origin.url" not in place.repo.config.entries else "NAME"
        output.line(f"To use it: git remote add {name} {output.plain(place.git_url)}")
    if there is not None and there.refs:
        output.line(f"To get it: git clone {output.plain(place.git_url)}")
    else:
        output.line(f"To publish: git push -u {name} {_branch(place)}")


def _branch(place: Hosted) -> str:
    if not place.repo.git_dir:
        return "main"
    return git("symbolic-ref", "--short", "-q", "HEAD", ok=(0, 1)).decode("utf-8", "replace").strip() or "main"


# -- set-head


def _set_head(arguments: argparse.Namespace) -> int:
    branch = arguments.branch if arguments.branch.startswith("refs/") else f"refs/heads/{arguments.branch}"
    with Hosted(arguments.place) as place:

        def prepare(state: State) -> Change | None:
            if branch not in state.refs or not branch.startswith("refs/heads/"):
                raise _no_branch(place, state, branch)
            return None if state.head == branch else Change("set-head", head=branch, **signature())

        place.state()
        place.must_be_writable()
        place.host.change(prepare)
        short = branch.removeprefix("refs/heads/")
        output.line(f"The default branch of {output.plain(place.url)} is '{output.plain(short)}'")
        if place.git_name:
            output.line(f"Who has a clone follows with: git remote set-head {place.git_name} --auto")
    return 0


def _no_branch(place: Hosted, state: State, branch: str) -> UsageError:
    short = branch.removeprefix("refs/heads/")
    branches = [ref.removeprefix("refs/heads/") for ref in state.refs if ref.startswith("refs/heads/")]
    close = difflib.get_close_matches(short, branches, n=1)
    meant = f"; did you mean '{close[0]}'?" if close else ""
    return UsageError(
        f"there is no branch '{short}' at {place.url}{meant}", f"git ls-remote --heads {place.git_name or place.git_url}"
    )


# -- protect


def _protect(arguments: argparse.Namespace) -> int:
    with Hosted(arguments.place) as place:
        state = place.state()
        if arguments.ref:
            place.must_be_writable()
            pattern = _pattern(arguments.ref)
            state = place.host.change(lambda state: _change(place, state, pattern, arguments.remove))
        elif arguments.remove:
            raise UsageError("--remove: which one?", f"git data remote protect {place.word}   # lists them")
        if arguments.json:
            output.print_json({"url": place.url, "protected": state.protected})
        elif not arguments.ref:
            for one in state.protected:
                output.line(output.plain(one))
            if not state.protected:
                output.line(f"Nothing is protected. To protect the default branch: {_example(place, state)}")
        elif arguments.remove:
            output.line(f"'{output.plain(pattern)}' can be force-pushed and deleted again")
        else:
            output.line(f"'{output.plain(pattern)}' is protected from force-pushes and deletion at {output.plain(place.url)}")
            output.line("Whoever can write there can also lift it: it keeps from accidents, not from ill will")
    return 0


def _example(place: Hosted, state: State) -> str:
    return f"git data remote protect {place.word} {state.head.removeprefix('refs/heads/') or 'main'}"


def _pattern(text: str) -> str:
    """The full pattern. Raises: UsageError for what can match no ref."""
    pattern = text if text.startswith("refs/") else f"refs/heads/{text}"
    plain = pattern.translate(dict.fromkeys(map(ord, "*?[]!"), "x"))
    if not is_ref_name(plain):
        raise UsageError(f"'{text}' cannot be the name of a ref, nor a pattern of one", "git check-ref-format --branch NAME")
    return pattern


def _change(place: Hosted, state: State, pattern: str, remove: bool) -> Change | None:
    if remove and pattern not in state.protected:
        close = difflib.get_close_matches(pattern, state.protected, n=1)
        meant = f"; did you mean '{close[0]}'?" if close else ""
        raise UsageError(f"'{pattern}' is not protected{meant}", f"git data remote protect {place.word}   # lists what is")
    if not remove and pattern in state.protected:
        return None
    kept = [one for one in state.protected if one != pattern]
    return Change("unprotect" if remove else "protect", protected=kept if remove else [*kept, pattern], **signature())

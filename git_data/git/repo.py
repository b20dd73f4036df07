"""Where the repository is: directories, index, object format, configuration.

git itself is asked (``rev-parse``, ``config``), in two processes side by side: it alone knows
``GIT_DIR``, ``GIT_WORK_TREE``, ``GIT_COMMON_DIR``, linked work trees, submodules, ``safe.directory`` and
included configuration files.
"""

from __future__ import annotations

import os

from git_data.config import COMMITTED_FILE, Config, Settings, add_committed, parse_list, remote_key
from git_data.errors import RepositoryError
from git_data.git.run import capture


class Repository:
    """One work tree (or bare repository) and what belongs to it.

    ``worktree`` is empty for a bare repository.  ``own_index`` is the work tree's
    own index; ``index`` is the one git works on now, another if ``GIT_INDEX_FILE`` says so.
    All paths are absolute.
    """

    __slots__ = ("common_dir", "config", "git_dir", "index", "own_index", "prefix", "settings", "worktree")

    def __init__(self, git_dir: str, common_dir: str, worktree: str, prefix: str, index: str, config: Config) -> None:
        self.git_dir = git_dir
        self.common_dir = common_dir
        self.worktree = worktree
        self.prefix = prefix
        self.own_index = os.path.join(git_dir, "index")
        self.index = index or self.own_index
        self.config = config
        self.settings = Settings(config)

    @property
    def object_format(self) -> str:
        """``sha1`` or ``sha256``: the hash that names git's own objects."""
        return self.config.get("extensions.objectformat", "sha1")

    @property
    def data_dir(self) -> str:
        """What belongs to this work tree alone: journal and staging place."""
        return os.path.join(self.git_dir, "data")

    @property
    def filters(self) -> tuple[str, ...]:
        """The values of the attribute ``filter`` that mean us: git-lfs's, too, where this repository came from there."""
        return ("data", "lfs") if self.settings.lfs or self.config.keeps_lfs else ("data",)

    def require_worktree(self) -> str:
        """The work tree. Raises: RepositoryError in a bare repository."""
        if not self.worktree:
            raise self.has_no_worktree("git clone it and work there")
        return self.worktree

    def has_no_worktree(self, hint: str) -> RepositoryError:
        """The error for what takes a work tree; ``hint`` is for a bare repository."""
        if self.config.get("core.bare") == "false":
            return RepositoryError(f"'{os.getcwd()}' is in the git directory, not in the work tree", "cd to the work tree")
        return RepositoryError(f"'{self.git_dir}' is a bare repository: it has no work tree", hint)


def locate(committed: bool = True) -> Repository:
    """The repository of the current directory and environment.

    Without ``committed`` nothing of ``.gitdata`` is read: in a partial clone git would fetch it, and what is asked for while git
    fetches must not make git fetch.

    Raises: RepositoryError outside of one, or when git refuses it.
    """
    commands = [
        ["rev-parse", "--absolute-git-dir", "--git-common-dir", "--show-prefix", "--show-toplevel"],
        ["config", "--list", "--show-scope", "-z"],
    ]
    committed_here = committed and os.path.exists(COMMITTED_FILE)
    if committed_here:
        commands.append(_list_file(COMMITTED_FILE))
    answers = capture(*commands)
    where = os.fsdecode(answers[0][1]).split("\n")
    if len(where) < 3:
        raise _not_a_repository()
    git_dir, common_dir, prefix = where[0], os.path.abspath(where[1]), where[2]
    worktree = where[3] if len(where) > 4 else ""
    entries = parse_list(answers[1][1])
    if committed_here and not prefix:
        add_committed(entries, answers[2][1])
    elif committed and worktree:
        add_committed(entries, _committed(worktree, os.path.join(git_dir, "index")))
    index = os.environ.get("GIT_INDEX_FILE", "")
    return Repository(
        git_dir, common_dir, worktree, prefix, os.path.abspath(index) if index else "", Config(entries, worktree or common_dir)
    )


def nowhere() -> Repository:
    """Stands for a repository outside of any (``git ls-remote`` there): what git is configured to do, and no directories."""
    answer = capture(["config", "--list", "--show-scope", "-z"])[0][1]
    return Repository("", "", "", "", "", Config(parse_list(answer)))


def _list_file(path: str) -> list[str]:
    # --file never follows includes: a committed file cannot pull in another.
    return ["config", "--file", path, "--list", "-z"]


def _committed(worktree: str, index: str) -> bytes:
    """``.gitdata`` from the work tree, else from the index (sparse checkouts, a clone being made), else HEAD."""
    path = os.path.join(worktree, COMMITTED_FILE)
    if os.path.exists(path):
        return capture(_list_file(path))[0][1]
    try:
        with open(index, "rb") as file:
            in_index = (COMMITTED_FILE + "\0").encode() in file.read()
    except FileNotFoundError:
        in_index = True  # a clone being made: git writes the index at the end
    except OSError:
        in_index = False
    if not in_index:
        return b""
    for blob in (":" + COMMITTED_FILE, "HEAD:" + COMMITTED_FILE):
        status, output = capture(["config", "--blob", blob, "--list", "-z"])[0]
        if status == 0:
            return output
    return b""


def look_elsewhere(repo: Repository) -> None:
    """If nothing here names a remote, take what ``.gitdata`` of a default branch says of them.

    A checked-out commit may be older than the file, and a bare repository has no work tree.  Only for who is about to need a
    remote: it costs two git processes.
    """
    entries = repo.config.entries
    if any(remote_key(key)[1] == "url" for key in entries):
        return
    branches = list(dict.fromkeys(filter(None, (repo.config.get("init.defaultbranch"), "main", "master"))))
    remotes = [key[len("remote.") : -len(".url")] for key in entries if key.startswith("remote.") and key.endswith(".url")]
    names = ["HEAD", *(f"refs/remotes/{remote}/{branch}" for remote in remotes for branch in ("HEAD", *branches))]
    names += [f"refs/heads/{branch}" for branch in branches]
    question = "".join(f"{name}:{COMMITTED_FILE}\n" for name in names)
    _, answers = capture(["cat-file", "--batch-check=%(objectname) %(objecttype)"], stdin=os.fsencode(question))[0]
    blob = next((line.split()[0].decode() for line in answers.splitlines() if line.endswith(b" blob")), "")
    if blob:
        status, output = capture(["config", "--blob", blob, "--list", "-z"])[0]
        if status == 0:
            add_committed(entries, output)


def _not_a_repository() -> RepositoryError:
    from git_data.errors import GitFailed
    from git_data.git.run import git

    hint = "run this inside a git repository, or make one with: git init"
    try:
        git("rev-parse", "--git-dir")
    except GitFailed as error:
        said = error.message.removeprefix("git rev-parse --git-dir: ").splitlines()
        reason = said[0]
        # a repository of another user: git says what to do
        hint = next((line.strip() for line in said if "safe.directory" in line), hint)
        if "config" in reason:
            hint = "git config --edit"
    else:
        reason = "git does not say where this repository is"
    return RepositoryError(reason, hint)

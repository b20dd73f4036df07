"""What the git remotes of a repository have now: before data is deleted that another clone may have published."""

from __future__ import annotations

from git_data.base.report import count
from git_data.errors import GitFailed, RepositoryError
from git_data.git.run import git, records


def advertised() -> list[bytes]:
    """The objects (hex) that refs of every configured git remote name, all of which are here.

    Raises: RepositoryError when a remote cannot be asked, or names what this repository lacks.
    """
    found: dict[bytes, None] = {}
    for name in records("remote", separator=b"\n"):
        remote = name.decode("utf-8", "surrogateescape")
        try:
            listed = git("ls-remote", "-q", remote)
        except GitFailed as error:
            raise RepositoryError(
                f"the git remote '{remote}' cannot be asked which refs it has, so nothing was deleted: {error.message}",
                f"git ls-remote {remote}\nif it is gone for good: git remote remove {remote}",
            ) from None
        objects = list(dict.fromkeys(line.partition(b"\t")[0] for line in listed.splitlines()))
        lacking = _lacking(objects)
        if lacking:
            raise RepositoryError(
                f"the git remote '{remote}' has {count(len(lacking), 'commit')} that are not here, so nothing was deleted",
                f"git fetch --all --tags\nand if that is not enough: git fetch {remote} 'refs/*:refs/remotes/{remote}-all/*'",
            )
        found.update(dict.fromkeys(objects))
    return list(found)


def _lacking(objects: list[bytes]) -> list[bytes]:
    if not objects:
        return []
    answers = git("cat-file", "--batch-check=%(objectname)", stdin=b"\n".join(objects) + b"\n").splitlines()
    return [answer for answer in answers if answer.endswith(b" missing")]

"""Random histories, pushed in random ways by several clones: whoever takes one ref alone gets all it reaches."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from helpers import Repo, run

BRANCHES = ("main", "dev", "a/b", "old")
FILES = ("a", "b", "d/e", "d/f", "g/h/i")
STEPS = 18


class Somebody:
    """A clone in which commits are made of thin air."""

    def __init__(self, path: Path, url: str, dice: random.Random, object_format: str) -> None:
        run("git", "init", "-q", "--bare", f"--object-format={object_format}", path)
        self.repo = Repo(path)
        self.repo.git("remote", "add", "origin", url)
        self.dice = dice

    def commits(self) -> list[str]:
        return self.repo.git("rev-list", "--all", "--max-count=30").split()

    def commit(self) -> None:
        """On a branch, with any parents, at any time."""
        known = self.commits()
        parents = self.dice.sample(known, min(len(known), self.dice.choice([0, 1, 1, 1, 1, 2, 3])))
        lines = [f"commit refs/heads/{self.dice.choice(BRANCHES)}", f"committer A <a@x> {self.dice.randrange(1 << 30)} +0000"]
        lines += ["data 1", "x"]
        lines += [f"{word} {parent}" for word, parent in zip(("from", *["merge"] * 9), parents)]
        for name in self.dice.sample(FILES, self.dice.randrange(3)):
            text = "\n".join(str(self.dice.randrange(40)) for _ in range(100))
            lines += [f"M 100644 inline {name}", f"data {len(text)}", text]
        self.repo.git("fast-import", "--force", "--quiet", stdin="\n".join([*lines, ""]).encode())

    def push(self) -> None:
        """Branches, by force or not, tags of new and old commits; what is rejected is rejected."""
        for _ in range(self.dice.randrange(1, 4)):
            self.commit()
        here = self.repo.git("for-each-ref", "--format=%(refname)", "refs/heads").split()
        refs = self.dice.sample(here, self.dice.randrange(1, len(here) + 1))
        if self.dice.random() < 0.4:
            tag = f"t{self.dice.randrange(5)}"
            what = self.dice.choice(self.commits()) + self.dice.choice(["", "", "^{tree}"])
            self.repo.git("tag", "-f", *self.dice.choice([[], ["-a", "-m", "x"]]), tag, what)
            refs.append(f"refs/tags/{tag}")
        self.repo.git("push", "-q", "origin", *(self.dice.choice(["", "+"]) + f"{ref}:{ref}" for ref in refs), ok=(0, 1))

    def step(self) -> None:
        chance = self.dice.random()
        if chance < 0.6:
            self.push()
        elif chance < 0.7:
            self.repo.git("push", "-q", "origin", f":refs/heads/{self.dice.choice(BRANCHES)}", ok=(0, 1))
        elif chance < 0.8:
            options = self.dice.choice([[], ["--all"], ["--prune=now"], ["--all", "--prune=now"]])
            self.repo.run("git", "data", "remote", "compact", *options, "origin", ok=(0, 8))
        else:
            self.repo.git("fetch", "-q", "-f", *self.dice.choice([[], ["-p"], ["-t"]]), "origin", ok=(0, 1, 128))
            self.repo.git("fsck", "--connectivity-only", "--no-dangling")


@pytest.mark.parametrize(("seed", "object_format"), [(2, "sha1"), (3, "sha256")])
def test_each_ref_alone_comes_whole(tmp_path: Path, seed: int, object_format: str) -> None:
    dice = random.Random(seed)
    url = f"data::{tmp_path / 'store'}"
    people = [Somebody(tmp_path / name, url, dice, object_format) for name in ("ann", "ben")]
    for _ in range(STEPS):
        dice.choice(people).step()
    one = people[0].repo
    for ref in one.git("ls-remote", "-q", "--refs", "origin").split()[1::2]:
        path = tmp_path / "new" / ref
        run("git", "init", "-q", "--bare", f"--object-format={object_format}", path)
        new = Repo(path)
        new.git("fetch", "-q", "--no-tags", url, f"{ref}:{ref}")
        new.git("fsck", "--connectivity-only", "--no-dangling")
    assert one.data("remote", "fsck", url, ok=(0, 7, 8)).count("missing: refs/") == 0

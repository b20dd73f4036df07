"""DVC itself, in an environment of its own (``.venv/dvc``, by ``make setup``), and a project that it made.

``dvc_project`` is built once in a session; tests work on copies of it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import Repo, content

from servers.web import cannot

_DRIVER = """
import json, os, shutil, subprocess, sys
from dvc.cli import main
for directory, words in json.load(sys.stdin):
    os.chdir(directory)
    if words[0] == "keep":
        shutil.copytree(".", words[1], symlinks=True, ignore=shutil.ignore_patterns(".git", ".dvc"))
        continue
    status = main(words[1:]) if words[0] == "dvc" else subprocess.call(words)
    if status:
        sys.exit(f"{words}: exit status {status}")
"""
_TRAIN = """\
import json, os
a = open("params.yaml").read().split("a: ")[1].split()[0]
os.makedirs("model/layers", exist_ok=True)
open("model/layers/0", "w").write("layer " + a)
open("model/empty", "w").close()
open("plot.csv", "w").write("x,y\\n1," + a + "\\n")
json.dump({"accuracy": a}, open("metrics.json", "w"))
"""
_PIPELINE = """\
# how the model is made
stages:
  train:
    cmd: python3 train.py
    deps:
      - data/raw
      - train.py
    params: [a]
    outs:
      - model   # what it is all about
    metrics:
      - metrics.json: {cache: false}
    plots:
      - plot.csv
"""
_DVCS = (".dvc", ".dvcignore", "dvc.yaml", "dvc.lock", "data.yaml", "data.lock", ".gitattributes", ".gitignore", ".gitdata")


def find_dvc() -> str | None:
    """The Python of an environment that has DVC."""
    given = os.environ.get("GIT_DATA_TEST_DVC")
    if given:
        return given
    own = Path(sys.prefix) / "dvc/bin/python"
    return str(own) if own.exists() else None


@pytest.fixture(scope="session")
def dvc_python() -> str:
    """The interpreter that DVC is installed for."""
    python = find_dvc()
    if python is None:
        cannot("DVC is not installed (make setup does it); GIT_DATA_TEST_DVC names the Python of an environment that has it")
    return str(python)


class Dvc:
    """Runs ``dvc`` and ``git``, many commands in one process."""

    def __init__(self, python: str) -> None:
        self.python = python

    def run(self, directory: Path, *commands: str) -> str:
        """Commands, each one text of words; what they printed."""
        listed = [[str(directory), command.split(" ")] for command in commands]
        env = {**os.environ, "DVC_NO_ANALYTICS": "1", "DVC_TEST": "true"}
        done = subprocess.run(
            [self.python, "-c", _DRIVER], input=json.dumps(listed), env=env, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


class Project:
    """A DVC repository, and the content of every data file in each of its commits."""

    def __init__(self, path: Path, dvc: Dvc) -> None:
        self.path = path
        self.dvc = dvc
        self.snapshots: dict[str, dict[str, str]] = {}
        """commit → path → SHA-256 and whether it is executable"""

    def copy(self, target: Path) -> Repo:
        """A copy to work on."""
        shutil.copytree(self.path, target / "project", symlinks=True)
        shutil.copytree(self.path.parent / "remote", target / "remote")
        repo = Repo(target / "project")
        for name in self.snapshots[repo.git("rev-parse", "HEAD").strip()]:
            repo.age(name)
        repo.git("update-index", "-q", "--refresh")
        return repo


def snapshot(path: Path) -> dict[str, str]:
    """What lies in a work tree, without what DVC and git-data put there themselves."""
    found = {}
    for file in sorted(path.rglob("*")):
        name = file.relative_to(path).as_posix()
        if name.startswith((".git/", ".dvc/")) or not file.is_file() or file.name in _DVCS or name.endswith(".dvc"):
            continue
        found[name] = hashlib.sha256(file.read_bytes()).hexdigest()
    return found


@pytest.fixture(scope="session")
def dvc_project(tmp_path_factory: pytest.TempPathFactory, dvc_python: str) -> Project:
    """Branches ``main``, ``feature``, ``old``, tag ``v1``; a merge, a rename, nested directories, a stage, imports, a remote."""
    root = tmp_path_factory.mktemp("dvc")
    dvc = Dvc(dvc_python)
    source = Repo(root / "source")
    repo = Repo(root / "project")
    for path in (source.path, repo.path):
        path.mkdir()
        subprocess.run(["git", "init", "-q"], cwd=path, check=True)
    source.write("shared/one.bin", content(3000, 1))
    source.write("shared/two.txt", "a\r\nb\r\n")
    (root / "outside.txt").write_text("from outside\n")
    dvc.run(source.path, "dvc init -q", "dvc add -q shared", "git add -A", "git commit -qm shared")

    repo.write("data/raw/a.bin", content(20_000, 2))
    repo.write("data/raw/deep/er/b.txt", "text\r\nwith returns\r\n")
    repo.write("data/raw/naïve name.txt", "umlaut\n")
    repo.write("big.bin", content(1_500_000, 3))
    repo.write("tool.sh", "#!/bin/sh\necho tool\n")
    repo.file("tool.sh").chmod(0o755)
    repo.write("train.py", _TRAIN)
    repo.write("params.yaml", "a: 1\n")
    repo.write("dvc.yaml", _PIPELINE)
    repo.write(".gitignore", "*.log\n")
    dvc.run(
        repo.path, "dvc init -q", "dvc config core.autostage true", "dvc add -q data/raw big.bin tool.sh", "dvc repro -q",
        "dvc remote add -d storage ../remote", "dvc remote add cloud s3://bucket/prefix",
        "dvc remote modify cloud region eu-central-1", "dvc remote modify --local cloud secret_access_key verysecret",
        "git add -A", "git commit -qm first", "git tag -am one v1", "git branch old", "git checkout -q -b feature",
    )  # fmt: skip
    repo.write("data/raw/a.bin", content(21_000, 4))
    repo.file("data/raw/deep/er/b.txt").unlink()
    dvc.run(
        repo.path, "dvc add -q data/raw", "dvc repro -q", "git add -A", "git commit -qm data", "git checkout -q main",
        "dvc checkout -q", "dvc move big.bin large.bin", "git add -A", "git commit -qm renamed",
        f"dvc import -q {source.path} shared -o lib", f"dvc import-url -q {root}/outside.txt outside.txt", "git add -A",
        "git commit -qm imports", "git merge -q --no-edit feature", "dvc checkout -q",
    )  # fmt: skip
    repo.write("params.yaml", "a: 2\n")
    dvc.run(repo.path, "dvc repro -q", "git add -A", "git commit -qm params")
    # of other commits DVC takes a relative path to be relative to the root of the file system
    dvc.run(repo.path, f"dvc remote modify --local storage url {root}/remote")
    dvc.run(repo.path, "dvc push -q -A", "dvc remote modify --local --unset storage url")
    project = Project(repo.path, dvc)
    commits = repo.git("rev-list", "--all").split()
    looks = [(f"git checkout -q {commit}", "dvc checkout -q --force", f"keep {root}/kept/{commit}") for commit in commits]
    dvc.run(repo.path, *(command for look in looks for command in look), "git checkout -q main", "dvc checkout -q --force")
    project.snapshots.update((commit, snapshot(root / "kept" / commit)) for commit in commits)
    shutil.rmtree(root / "kept")
    return project

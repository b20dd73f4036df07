"""What git starts once per command imports next to nothing: start-up is a feature."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import ATTRIBUTES, Repo, run

from git_data.__main__ import HOT
from git_data.setup.command_line import launcher

FORBIDDEN = frozenset(
    """
    argparse asyncio boto3 botocore click collections concurrent contextlib cffi dataclasses dulwich email enum functools hashlib
    http importlib.metadata inspect json logging multiprocessing paramiko pathlib pathspec pickle pygit2 random re rich select
    selectors shutil signal site socket ssl subprocess tabulate tempfile threading tqdm traceback typing urllib urllib3 uuid yaml
    """.split()
)
"""None of these is needed for a few packets and system calls; together they cost more than all of our work on a small file."""

_IMPORTED = re.compile(r"^import time:\s+\d+ \|\s+\d+ \|\s*(\S+)$", re.MULTILINE)


def imported(log: str) -> set[str]:
    """The modules in the output of ``python -X importtime``, and their packages."""
    return set(_IMPORTED.findall(log))


def forbidden(log: str) -> set[str]:
    modules = imported(log)
    assert "git_data.__main__" in modules
    return {module for module in modules if module in FORBIDDEN or module.partition(".")[0] in FORBIDDEN - {"importlib.metadata"}}


def watch(repo: Repo, log: Path) -> None:
    """Let filter and hooks write down what they import."""
    command = repo.git("config", "filter.data.process").strip()
    repo.git("config", "filter.data.process", command.replace(" -I ", " -X importtime -I ", 1) + f" 2>>'{log}'")
    for hook in (repo.git_dir() / "hooks").iterdir():
        text = hook.read_text()
        hook.write_text(text.replace(" -I -S ", " -X importtime -I -S "))


@pytest.mark.parametrize("size", [100, 2 << 20], ids=["small", "streamed"])
def test_adding_a_file(repo: Repo, tmp_path: Path, size: int) -> None:
    repo.write("a.bin", size)
    repo.git("add", "-A")  # the first command of a repository finds out what the file system can
    watch(repo, tmp_path / "log")
    repo.write("b.bin", size)
    repo.git("add", "-A")
    assert forbidden((tmp_path / "log").read_text()) == set()


def test_checking_out_a_file(repo: Repo, tmp_path: Path) -> None:
    repo.write("a.bin", 1000)
    repo.commit("first")
    repo.write("a.bin", 2000)
    repo.commit("second")
    repo.git("checkout", "-q", "HEAD~1")
    watch(repo, tmp_path / "log")
    repo.git("checkout", "-q", "main")
    assert forbidden((tmp_path / "log").read_text()) == set()


def test_checking_out_lockable_files(new_repo: Callable[..., Repo], tmp_path: Path) -> None:
    """More is to do, and still nothing to be imported."""
    repo = new_repo("lockable", attributes=ATTRIBUTES.rstrip() + " lockable\n*.txt lockable\n")
    repo.write("a.bin", 1000)
    repo.write("a.txt", "one\n")
    repo.commit("first")
    repo.write("a.bin", 2000)
    repo.write("a.txt", "two\n")
    repo.commit("second")
    watch(repo, tmp_path / "log")
    said = repo.run("git", "checkout", "-q", "HEAD~1").stderr.decode()
    assert forbidden(said) == set() and forbidden((tmp_path / "log").read_text()) == set()
    assert not repo.file("a.bin").stat().st_mode & 0o222 and not repo.file("a.txt").stat().st_mode & 0o222


def test_writing_bytes_for_an_archive(repo: Repo, tmp_path: Path) -> None:
    repo.write("a.bin", 3 << 20)
    repo.commit()
    watch(repo, tmp_path / "log")
    repo.git("archive", "--output=../x.tar", "HEAD")
    assert forbidden((tmp_path / "log").read_text()) == set()


def test_committing_with_the_guard(repo: Repo, tmp_path: Path) -> None:
    watch(repo, tmp_path / "log")
    repo.write("a.bin", 1000)
    repo.write("plain.txt", b"text")
    repo.git("add", "-A")
    log = repo.run("git", "commit", "-q", "-m", "guarded").stderr.decode()
    assert "git_data.filter.guard" in imported(log)
    assert forbidden(log) == set()


def run_hot(*words: str, cwd: Path, ok: int = 0, stdin: bytes = b"") -> str:
    python, *rest = launcher()
    done = subprocess.run([python, "-X", "importtime", *rest, *words], cwd=cwd, input=stdin, capture_output=True)
    assert done.returncode == ok, done.stderr
    return done.stderr.decode()


def test_version(tmp_path: Path) -> None:
    assert forbidden(run_hot("version", cwd=tmp_path)) == set()


@pytest.mark.parametrize("hook", ["post-checkout", "post-commit", "pre-push"])
def test_hooks(repo: Repo, hook: str) -> None:
    assert forbidden(run_hot("hook", hook, cwd=repo.path)) == set()


def test_single_shot_clean_and_smudge(repo: Repo) -> None:
    assert forbidden(run_hot("clean", "--", "a.bin", cwd=repo.path, stdin=b"content")) == set()
    pointer = repo.run("git", "data", "clean", stdin=b"content").stdout
    assert forbidden(run_hot("smudge", "--", "a.bin", cwd=repo.path, stdin=pointer)) == set()


def test_drivers(repo: Repo) -> None:
    repo.write("a.bin", 100)
    repo.commit("first")
    repo.write("b.bin", 200)
    files = [str(repo.file(name)) for name in ("a.bin", "b.bin")]
    zero = "0" * 40
    assert forbidden(run_hot("diff-driver", "a.bin", files[0], zero, "100644", files[1], zero, "100644", cwd=repo.path)) == set()
    pointers = [str(repo.path / name) for name in ("base", "ours", "theirs")]
    for number, name in enumerate(pointers):
        Path(name).write_bytes(repo.run("git", "data", "clean", stdin=b"content %d" % number).stdout)
    assert forbidden(run_hot("merge-driver", *pointers, "7", "a.bin", cwd=repo.path, ok=1)) == set()


def test_importing_a_hot_command_imports_nothing_either() -> None:
    program = "import sys; before = set(sys.modules)\n" + "".join(f"import {module}\n" for module in HOT.values())
    program += "print(*sorted(set(sys.modules) - before))"
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    done = subprocess.run([sys.executable, "-S", "-c", program], capture_output=True, text=True, check=True, env=env)
    assert not {name for name in done.stdout.split() if name.partition(".")[0] in FORBIDDEN}


def test_nothing_is_imported_from_the_work_tree(repo: Repo, tmp_path: Path) -> None:
    """A ``typing.py`` somebody committed must not run in everybody's filter."""
    for name in ("typing.py", "re.py", "os.py", "hashlib.py", "git_data.py", "sitecustomize.py"):
        repo.write(name, f"open({str(tmp_path / 'owned')!r}, 'w').close()\n")
    repo.write("a.bin", 1000)
    repo.commit("evil")
    repo.file("a.bin").unlink()
    repo.git("checkout", "-q", "--", "a.bin", env={"PYTHONPATH": str(repo.path), "PYTHONSTARTUP": "os.py"})
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    "url", ["http://host/x", "webdav://host/x", "memory://x", "az://container", "ssh://host/x", "s3://bucket", "/x"]
)
def test_a_hook_finds_the_libraries_of_a_remote(url: str) -> None:
    """Hooks start without ``site``: what a backend needs may lie where only that finds it."""
    program = (
        f"import sys; sys.path.append({str(Path(__file__).resolve().parents[2])!r})\n"
        "from git_data.remote.address import parse\n"
        "from git_data.remote.base import Options\n"
        "from git_data.remote.registry import open_remote\n"
        f"open_remote(parse({url!r}), Options(settings={{'sshclient': 'paramiko'}}))\n"
    )
    # without the compiled core nothing else has put the libraries on the path
    run(sys.executable, "-I", "-S", "-c", program, env={"GIT_DATA_PURE": "1"})

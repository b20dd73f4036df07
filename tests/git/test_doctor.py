"""``git data doctor``: every trouble is found, and the command it names mends it."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

import pytest
from helpers import Repo, content, pointer_of, run


def findings(repo: Repo, **options) -> dict[str, dict]:
    """What is found, by the beginning of its text."""
    done = repo.run("git", "data", "doctor", "--json", ok=(0, 1), **options)
    found = json.loads(done.stdout)
    assert done.returncode == (1 if found["problems"] else 0)
    assert all(item["what"] and item["why"] and item["mend"] for item in found["findings"])
    return {item["what"]: item for item in found["findings"] if not item["what"].startswith("a checkout copies")}


def the_one(repo: Repo, text: str, level: str = "problem", **options) -> dict:
    """The only finding, which says ``text``."""
    found = findings(repo, **options)
    assert len(found) == 1, found
    (finding,) = found.values()
    assert text in finding["what"]
    assert finding["level"] == level
    return finding


def mend(repo: Repo, finding: dict, cwd: Path | None = None) -> None:
    """Run what the finding says, and see that all is well then."""
    repo.run("sh", "-c", finding["mend"], cwd=cwd or repo.path)
    assert findings(repo) == {}


def test_all_is_well_in_a_new_repository(any_repo: Repo):
    assert findings(any_repo) == {}
    any_repo.write("a.bin", 2000)
    any_repo.commit()
    assert findings(any_repo) == {}
    assert "No problem" in any_repo.data("doctor")


def test_drivers_that_are_not_set(new_repo):
    repo = new_repo(install=False, attributes="")
    found = findings(repo)
    assert any("git is not told how to keep data" in what for what in found)
    assert any("hooks are missing" in what for what in found)
    repo.run("sh", "-c", next(iter(found.values()))["mend"])
    assert findings(repo) == {}


def test_a_filter_that_is_not_required(repo: Repo):
    repo.git("config", "filter.data.required", "false")
    mend(repo, the_one(repo, "filter.data.required is not true"))


def test_a_driver_of_somebody_else(repo: Repo):
    repo.git("config", "filter.data.clean", "other-tool clean")
    mend(repo, the_one(repo, "filter.data.clean is somebody else's (file:.git/config): other-tool clean"))


def test_an_installation_that_is_gone(repo: Repo):
    command = "exec /no/such/python -I -S /no/such/git_data/launch.py"
    repo.git("config", "filter.data.process", f"{command} filter-process")
    finding = the_one(repo, "an installation of git-data that does not work")
    assert "not found" in finding["why"]
    mend(repo, finding)


def test_an_installation_that_is_another(repo: Repo):
    value = repo.git("config", "filter.data.process").strip().removeprefix("exec ")
    repo.git("config", "filter.data.process", value)
    mend(repo, the_one(repo, "another version or installation", "advice"))


def test_hooks_in_every_bad_state(repo: Repo):
    hooks = repo.path / ".git" / "hooks"
    (hooks / "post-merge").unlink()
    mend(repo, the_one(repo, "hooks are missing"))
    (hooks / "pre-push").chmod(0o644)
    mend(repo, the_one(repo, "not executable: pre-push"))
    (hooks / "post-commit").write_text("#!/bin/sh\n# git-data hook post-commit of another place\n")
    (hooks / "post-commit").chmod(0o755)
    mend(repo, the_one(repo, "hooks written by another version or installation of git-data: post-commit", "advice"))
    (hooks / "pre-commit").write_text("#!/bin/sh\n")
    mend(repo, the_one(repo, "do not call git-data: pre-commit"))


def test_hooks_in_a_place_of_the_users(repo: Repo, tmp_path):
    place = tmp_path / "my hooks"
    repo.git("config", "core.hooksPath", str(place))
    mend(repo, the_one(repo, f"hooks are missing in {place}"))
    (place / "pre-commit").write_text("#!/bin/sh\n")
    finding = the_one(repo, "do not call git-data: pre-commit")
    line = finding["mend"].partition("with its NAME: ")[2].replace("NAME", "pre-commit")
    (place / "pre-commit").write_text(f"#!/bin/sh\n{line}\n")
    (place / "pre-commit").chmod(0o755)
    assert findings(repo) == {}


def test_settings_that_make_no_sense(repo: Repo):
    repo.git("config", "data.gaurd", "1GB")
    the_one(repo, "data.gaurd is not a setting", "advice")
    repo.git("config", "--unset", "data.gaurd")
    repo.git("config", "data.fsync", "maybe")
    finding = the_one(repo, "data.fsync = 'maybe' is not one of")
    mend(repo, finding)
    the_one(repo, "GIT_DATA_SKIP_SMUDGE is set", "advice", env={"GIT_DATA_SKIP_SMUDGE": "1"})


def test_hard_links_while_git_trusts_ctime(repo: Repo):
    repo.git("config", "data.link", "hardlink")
    mend(repo, the_one(repo, "files are hard links, and git trusts ctime"))


@pytest.mark.parametrize(
    ("line", "said", "level"),
    [
        ("*.bin filter=data diff=data merge=data\n", "1 data file without the attribute -text", "problem"),
        ("*.bin filter=data diff=data -text\n", "1 data file without the attribute merge=data", "problem"),
        ("*.bin filter=data merge=data -text\n", "1 data file without the attribute diff=data", "advice"),
    ],
)
def test_attributes_that_lack_something(repo: Repo, line: str, said: str, level: str):
    repo.write("dir/.gitattributes", line)
    repo.write(".gitattributes", "# nothing\n")
    repo.write("dir/a.bin", 2000)
    repo.commit()
    mend(repo, the_one(repo, said, level))


def test_attributes_given_by_two_lines_are_as_good(repo: Repo):
    repo.write(".gitattributes", "*.bin filter=data\n*.bin diff=data merge=data\n*.bin -text\n")
    repo.write("a.bin", 2000)
    repo.commit()
    assert findings(repo) == {}


def test_content_in_git_itself(repo: Repo):
    repo.write(".gitattributes", "")
    repo.write("a.bin", 2000)
    repo.write("empty.bin", b"")
    repo.commit()
    repo.write(".gitattributes", "*.bin filter=data diff=data merge=data -text\n")
    finding = the_one(repo, "git itself holds the content of 1 file")
    assert finding["paths"] == ["a.bin"]
    mend(repo, finding)


def test_pointers_in_the_work_tree(repo: Repo):
    data = {name: repo.write(name, 2000) for name in ("a.bin", "b c.bin")}
    repo.commit()
    for name in data:
        repo.file(name).write_bytes(repo.blob(name))
    finding = the_one(repo, "2 pointers in the work tree where content should be")
    assert finding["paths"] == list(data)
    mend(repo, finding)
    assert repo.read("b c.bin") == data["b c.bin"]


def test_pointers_whose_content_is_nowhere(repo: Repo, tmp_path):
    data = repo.write("a.bin", 2000)
    repo.commit()
    elsewhere = tmp_path / "elsewhere"
    repo.data("remote", "add", "--local", "there", elsewhere)
    repo.data("push", "there")
    repo.data("remote", "remove", "there")
    repo.object(data).unlink()
    repo.file("a.bin").write_bytes(repo.blob("a.bin"))
    finding = the_one(repo, "1 pointer in the work tree whose content is nowhere")
    finding["mend"] = finding["mend"].replace("NAME URL", f"there {shlex.quote(str(elsewhere))}")
    mend(repo, finding)
    assert repo.read("a.bin") == data


def test_pointers_that_are_wanted_are_no_trouble(repo: Repo):
    repo.write("a.bin", 2000)
    repo.commit()
    repo.git("config", "data.fetchExclude", "*.bin")
    repo.file("a.bin").write_bytes(repo.blob("a.bin"))
    assert findings(repo) == {}


def test_content_that_is_in_the_work_tree_only(repo: Repo):
    data = repo.write("a.bin", 2000)
    repo.commit()
    repo.object(data).unlink()
    mend(repo, the_one(repo, "the content of 1 file is in the work tree only"))
    assert repo.object(data).read_bytes() == data


def test_what_a_killed_command_left(repo: Repo):
    data = repo.write("a.bin", 2000)
    repo.commit()
    pending = repo.path / ".git" / "data" / "pending"
    pending.mkdir(exist_ok=True)
    repo.file("a.bin").write_bytes(repo.blob("a.bin"))
    oid = repo.object(data).name
    (pending / "one").write_bytes(f"{oid} 2000 data a.bin\0".encode())
    found = findings(repo)
    assert [what for what in found if "a command was killed" in what]
    assert (pending / "one").exists()
    repo.data("checkout")
    assert findings(repo) == {}


def test_a_lock_that_is_old(repo: Repo):
    lock = repo.path / ".git" / "index.lock"
    lock.touch()
    assert findings(repo) == {}
    os.utime(lock, (1_600_000_000, 1_600_000_000))
    mend(repo, the_one(repo, "minutes old"))


def test_leftovers_in_the_store(repo: Repo):
    repo.write("a.bin", 2000)
    repo.commit()
    tmp = repo.store() / "tmp"
    (tmp / "git-data-tmp-1-new").write_bytes(b"1234")
    assert findings(repo) == {}
    os.utime(tmp / "git-data-tmp-1-new", (1_600_000_000, 1_600_000_000))
    mend(repo, the_one(repo, "1 temporary file of killed commands, 4 B", "advice"))


def test_damaged_objects_in_quarantine(repo: Repo):
    data = repo.write("a.bin", 2000)
    repo.commit()
    quarantine = repo.store() / "quarantine"
    quarantine.mkdir()
    (quarantine / f"{repo.object(data).name}.1").write_bytes(b"bad")
    the_one(repo, "1 damaged object in", "advice")


def test_a_store_that_cannot_be_written(repo: Repo):
    repo.write("a.bin", 2000)
    repo.commit()
    tmp = repo.store() / "tmp"
    tmp.rename(repo.store() / "away")
    tmp.write_text("a file in the place of the directory stops even root")
    found = findings(repo)
    assert [what for what in found if str(repo.store()) in what]


def test_a_shared_store(repo: Repo, new_repo, tmp_path):
    shared = tmp_path / "shared store"
    other = new_repo("other")
    for one in (repo, other):
        one.git("config", "core.sharedRepository", "group")
        one.data("config", "cacheDir", str(shared))
        one.write("a.bin", content(2000))
        one.commit()
    assert findings(repo) == {}
    for directory in (shared / "objects" / "sha256").iterdir():
        directory.chmod(0o755)
    mend(repo, the_one(repo, "of the store without the permissions core.sharedRepository asks for"))
    registration = next(path for path in (shared / "repositories").iterdir() if str(repo.path) in path.read_text())
    registration.unlink()
    mend(repo, the_one(repo, "this repository is not registered"))
    run("rm", "-r", str(other.path))
    finding = the_one(repo, "registered to a repository that is gone", "advice")
    assert str(other.path) in finding["what"]
    mend(repo, finding)


def test_what_a_checkout_costs_and_what_helps(repo: Repo, reflink_dir, new_repo):
    repo.write("a.bin", 200_000)
    repo.commit()
    link_types = json.loads(repo.data("env", "--json"))["repository"]["link types"]
    text = repo.data("doctor")
    assert ("a checkout copies: 200.0 kB" in text) == ("reflink" not in link_types)
    fast = new_repo(reflink_dir / "fast")
    fast.write("a.bin", 200_000)
    fast.commit()
    assert "a checkout copies" not in fast.data("doctor")
    fast.git("config", "data.link", "copy")
    assert "mend: git data config link reflink,copy" in fast.data("doctor")
    fast.git("config", "--unset", "data.link")
    fast.data("config", "cacheDir", str(repo.path / ".git" / "data"))
    text = fast.data("doctor")
    assert ("on another file system than the work tree" in text) == ("reflink" not in link_types)


def test_from_a_subdirectory_a_linked_work_tree_a_bare_repository_and_none(repo: Repo, tmp_path):
    repo.write("dir/a.bin", 2000)
    repo.commit()
    repo.file("dir/a.bin").write_bytes(repo.blob("dir/a.bin"))
    the_one(repo, "1 pointer", cwd=repo.path / "dir")
    repo.git("worktree", "add", "-q", str(tmp_path / "second"))
    assert findings(Repo(tmp_path / "second")) == {}
    repo.git("clone", "-q", "--bare", str(repo.path), str(tmp_path / "bare"))
    bare = Repo(tmp_path / "bare")
    bare.run("git", "data", "install", "--skip-repo")
    assert findings(bare) == {}
    done = run("git-data", "doctor", cwd=tmp_path, ok=(1,))
    assert b"mend: git data install --global" in done.stdout


def test_before_the_first_commit(new_repo):
    assert findings(new_repo(attributes="")) == {}


def test_odd_names_are_shown_harmlessly(repo: Repo):
    data = repo.write(b"\x1b[31m\n\xff.bin", 2000)
    repo.commit()
    repo.file(b"\x1b[31m\n\xff.bin").write_bytes(pointer_of(data))
    done = repo.run("git", "data", "doctor", ok=(1,))
    assert b"\\x1b[31m\\n\\xff.bin" in done.stdout and b"\x1b" not in done.stdout


def test_a_configuration_that_git_refuses(repo: Repo):
    with repo.file(".git/config").open("a") as file:
        file.write("[core\n")
    found = json.loads(run("git-data", "doctor", "--json", cwd=repo.path, ok=(1,)).stdout)
    assert all("bad config line" in item["what"] and item["mend"] for item in found["findings"])


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="giving a file to another user takes root")
def test_a_repository_of_another_user(repo: Repo, global_config):
    repo.run("chown", "-R", "12345", ".")
    found = json.loads(run("git-data", "doctor", "--json", cwd=repo.path, ok=(1,)).stdout)["findings"]
    finding = next(item for item in found if "dubious ownership" in item["what"])
    run("sh", "-c", finding["mend"], cwd=repo.path)
    assert findings(repo) == {}

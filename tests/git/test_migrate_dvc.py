"""``git data migrate dvc``: real DVC repositories, compared file by file before and after."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest
from helpers import Repo, content
from servers.dvc import Project, snapshot
from servers.seaweedfs import SeaweedFS

from git_data.remote.base import Source


@pytest.fixture
def repo(dvc_project: Project, tmp_path: Path) -> Repo:
    return dvc_project.copy(tmp_path)


def dvc_says(project: Project, repo: Repo) -> str:
    return project.dvc.run(repo.path, "dvc status -q", "dvc data status --json").strip()


def leftovers(repo: Repo) -> list[str]:
    """Files of DVC that git tracks."""
    names = repo.git("ls-files").splitlines()
    return [name for name in names if ".dvc/" in name or name.endswith((".dvc", "dvc.yaml", "dvc.lock", ".dvcignore"))]


def test_one_commit_moves_everything_and_undo_takes_it_back(dvc_project: Project, repo: Repo):
    before, head = snapshot(repo.path), repo.git("rev-parse", "HEAD")
    files = {name: os.stat(repo.file(name)) for name in before}
    dry = repo.data("migrate", "dvc", "--dry-run")
    assert "10 data files" in dry and repo.git("rev-parse", "HEAD") == head
    said = repo.data("migrate", "dvc")
    assert "--undo" in said and "rm -rf" in said and "verysecret" not in said + dry
    assert "without: secret_access_key" in said
    assert snapshot(repo.path) == before
    assert {name: os.stat(repo.file(name)).st_ino for name in before} == {name: one.st_ino for name, one in files.items()}
    assert os.stat(repo.file("tool.sh")).st_mode & 0o100
    repo.assert_clean()
    assert leftovers(repo) == []
    assert repo.read(".gitignore") == b"*.log\n/.dvc/\n"
    assert repo.read("data.yaml").startswith(repo.blob("dvc.yaml", "HEAD^"))
    assert b"sha256:" in repo.blob("data.lock", "HEAD") and b"md5" not in repo.blob("data.lock", "HEAD")
    imports = repo.read("data.yaml").decode().partition("imports:\n")[2]
    assert (
        'path: "lib"' in imports
        and 'source: "shared"' in imports
        and "locked:" in imports
        and f'from: "{dvc_project.path.parent}/outside.txt"' in imports
    )
    settings = repo.git("config", "--file", ".gitdata", "--list").splitlines()
    assert "data.storage.url=../remote/git-data" in settings and "data.remote=storage" in settings
    assert "data.cloud.region=eu-central-1" in settings and "data.cloud.url=s3://bucket/prefix/git-data" in settings
    # a clone needs nothing of DVC
    repo.data("push", "--all")
    clone = Repo(repo.path.parent / "clone")
    repo.data("clone", str(repo.path), str(clone.path), cwd=repo.path.parent)
    assert snapshot(clone.path) == before

    repo.data("migrate", "dvc", "--undo")
    assert repo.git("rev-parse", "HEAD") == head
    assert snapshot(repo.path) == before and repo.status() == ""
    assert dvc_says(dvc_project, repo) in ("", "{}")
    assert repo.git("config", "--local", "--get-regexp", "^(data|filter)", ok=(0, 1)) == ""


def test_history_has_every_version_of_every_file_in_every_commit(dvc_project: Project, repo: Repo):
    merges = repo.git("rev-list", "--merges", "--all").split()
    before = snapshot(repo.path)
    shutil.rmtree(repo.file(".dvc/cache/files/md5"))  # DVC's remote has everything
    repo.data("migrate", "dvc", "--history", "--object-map", "../map.csv")
    repo.assert_clean()
    assert snapshot(repo.path) == before
    new = dict(line.split(",") for line in repo.read("../map.csv").decode().splitlines())
    assert set(new) == set(dvc_project.snapshots)
    assert set(repo.git("rev-list", "--branches", "--tags").split()) == set(new.values())
    assert len(repo.git("rev-list", "--merges", "--branches", "--tags").split()) == len(merges) == 1
    for old, files in dvc_project.snapshots.items():
        repo.git("checkout", "-q", new[old])
        assert snapshot(repo.path) == files, repo.git("log", "-1", "--format=%s")
        assert leftovers(repo) == []
        assert repo.status() == ""
        if files:
            assert repo.git("ls-files", "-s", "tool.sh").startswith("100755")
    repo.git("checkout", "-q", "main")
    repo.data("migrate", "dvc", "--undo")
    assert snapshot(repo.path) == before
    assert set(repo.git("rev-list", "--branches", "--tags").split()) == set(dvc_project.snapshots)
    dvc_project.dvc.run(repo.path, "dvc fetch -q")
    assert dvc_says(dvc_project, repo) in ("", "{}")


def test_pipelines_can_stay_with_dvc_for_a_while(dvc_project: Project, repo: Repo):
    before = snapshot(repo.path)
    repo.data("migrate", "dvc", "--keep-pipelines")
    assert snapshot(repo.path) == before
    repo.assert_clean()
    assert leftovers(repo) == [".dvc/.gitignore", ".dvc/config", ".dvcignore", "dvc.lock", "dvc.yaml"]
    dvc_project.dvc.run(repo.path, "dvc repro --dry --single-item train", "dvc status")
    assert repo.status() == "" and dvc_says(dvc_project, repo) in ("", "{}")
    repo.data("migrate", "dvc")
    assert snapshot(repo.path) == before and leftovers(repo) == []
    assert repo.read("data.yaml").count(b"imports:") == 1 and repo.read("data.yaml").startswith(b"# how the model")
    repo.assert_clean()


def test_what_is_missing_is_listed_refused_and_left_if_allowed(repo: Repo):
    shutil.rmtree(repo.path.parent / "remote")
    for name in ("large.bin", "data/raw/a.bin"):
        repo.file(name).unlink()
    shutil.rmtree(repo.file(".dvc/cache"))
    head = repo.git("rev-parse", "HEAD")
    said = repo.fails("data", "migrate", "dvc", status=3)
    assert "large.bin" in said and "MD5" in said and "dvc fetch" in said
    # lists of directories are made anew where the work tree has all of their files
    assert "data/raw" in said and "lib" not in said
    assert repo.git("rev-parse", "HEAD") == head and repo.status() == ""
    result = json.loads(repo.data("migrate", "dvc", "--allow-missing", "--json"))
    assert sorted(one["path"] for one in result["left"]) == ["data/raw.dvc", "large.bin.dvc"]
    assert leftovers(repo) and "tool.sh.dvc" not in leftovers(repo) and repo.pointer("tool.sh") is None
    assert b"/tool.sh" not in repo.read(".gitignore") and b"/large.bin" in repo.read(".gitignore")
    repo.assert_clean()


def test_what_only_an_s3_remote_of_dvc_has_is_fetched(repo: Repo, seaweedfs: SeaweedFS):
    prefix = seaweedfs.prefix()
    remote = seaweedfs.remote(prefix=prefix)
    objects = repo.path.parent / "remote"
    for path in sorted(path for path in objects.rglob("*") if path.is_file()):
        data = path.read_bytes()
        remote.put(path.relative_to(objects).as_posix(), Source(len(data), hashlib.sha256(data).hexdigest(), content=data))
    for name in ("large.bin", "data/raw/a.bin", "data/raw/naïve name.txt"):
        repo.file(name).unlink()
    shutil.rmtree(objects)
    shutil.rmtree(repo.file(".dvc/cache"))
    config = (
        repo.read(".dvc/config")
        .decode()
        .replace("url = ../../remote", f"url = s3://tests/{prefix}\n    endpointurl = {seaweedfs.url}")
    )
    repo.write(".dvc/config", config)
    repo.commit("on S3")
    assert "in remote 'storage'" in repo.data("migrate", "dvc", "--dry-run")
    repo.data("migrate", "dvc")
    assert leftovers(repo) == [] and len(repo.read("large.bin")) == 1_500_000
    assert repo.read("data/raw/naïve name.txt") == b"umlaut\n"
    assert repo.git("config", "-f", ".gitdata", "data.storage.endpoint").strip() == seaweedfs.url
    repo.data("push", "storage")
    assert seaweedfs.remote(prefix=f"{prefix}/git-data").stat("layout") is not None


def test_changed_files_stop_it(repo: Repo):
    repo.file("large.bin").chmod(0o644)
    repo.write("large.bin", content(1_500_000, 99))
    assert "large.bin" in repo.fails("data", "migrate", "dvc", status=1)
    repo.write("train.py", "changed")
    assert "uncommitted" in repo.fails("data", "migrate", "dvc", status=7)


def test_blocks_are_shared_where_that_is_possible(dvc_project: Project, reflink_dir: Path):
    repo = dvc_project.copy(reflink_dir)
    before = snapshot(repo.path)
    assert "Copied" not in repo.data("migrate", "dvc")
    repo.assert_content({name: repo.read(name) for name in before if name in ("large.bin", "data/raw/a.bin")}, linked=True)


@pytest.mark.parametrize("kind", ["symlink", "hardlink"])
def test_links_into_the_cache_become_files_of_ours(dvc_project: Project, repo: Repo, kind: str):
    dvc_project.dvc.run(repo.path, f"dvc config --local cache.type {kind}", "dvc checkout -q --relink")
    repo.age("model/empty")  # DVC makes empty files anew
    before = snapshot(repo.path)
    assert repo.file("large.bin").is_symlink() or os.stat(repo.file("large.bin")).st_nlink > 1
    assert "data.link" in repo.data("migrate", "dvc")
    assert snapshot(repo.path) == before
    repo.assert_clean()
    assert not any(path.is_symlink() for path in repo.path.rglob("*") if ".git" not in path.parts)
    shutil.rmtree(repo.file(".dvc"))
    assert snapshot(repo.path) == before
    repo.git("checkout", "-q", "--", ".")
    repo.data("fsck")


def test_the_layout_of_dvc_2_with_its_hash_of_text(dvc_project: Project, repo: Repo):
    """MD5 of text with Unix line ends, in ``.dvc`` files without ``hash``, and objects without ``files/md5``."""
    text = b"one\r\ntwo\r\n"
    md5 = hashlib.md5(text.replace(b"\r\n", b"\n")).hexdigest()
    place = repo.file(f".dvc/cache/{md5[:2]}/{md5[2:]}")
    place.parent.mkdir(parents=True)
    place.write_bytes(text)
    listing = json.dumps([{"md5": md5, "relpath": "sub/x.txt"}]).encode()
    name = hashlib.md5(listing).hexdigest()
    place = repo.file(f".dvc/cache/{name[:2]}/{name[2:]}.dir")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(listing)
    repo.write("old.txt", text)
    repo.write("old.txt.dvc", f"outs:\n- md5: {md5}\n  size: {len(text)}\n  path: old.txt\n")
    repo.write("olddir.dvc", f"outs:\n- md5: {name}.dir\n  size: {len(text)}\n  nfiles: 1\n  path: olddir\n")
    repo.write(".gitignore", repo.read(".gitignore") + b"/old.txt\n/olddir\n")
    repo.commit("as DVC 2 had it")
    assert dvc_project.dvc.run(repo.path, "dvc data status --json old.txt") is not None
    repo.data("migrate", "dvc")
    assert repo.read("olddir/sub/x.txt") == repo.read("old.txt") == text
    repo.assert_clean()


_HOSTILE = {
    "a path that leads out": "outs:\n- md5: {md5}\n  hash: md5\n  path: ../out.bin\n",
    "an absolute path": "outs:\n- md5: {md5}\n  hash: md5\n  path: /tmp/out.bin\n",
    "a path in .git": "outs:\n- md5: {md5}\n  hash: md5\n  path: .GIT/hooks/pre-commit\n",
    "a file that git obeys": "outs:\n- md5: {md5}\n  hash: md5\n  path: .gitattributes\n",
    "a tag that makes an object": "outs: !!python/object/apply:os.system ['touch hacked']\n",
    "an alias bomb": "a: &a {{x: 1}}\n"
    + "".join(f"{n}: &{n} [{', '.join([f'*{p}'] * 20)}]\n" for p, n in zip("abcdefgh", "bcdefghi"))
    + "outs: *i\n",
    "a path behind a link": "outs:\n- md5: {md5}\n  hash: md5\n  path: exit/out.bin\n",
    "a file that git has": "outs:\n- md5: {md5}\n  hash: md5\n  path: train.py\n",
    "a directory that leads out": "outs:\n- md5: {dir}.dir\n  hash: md5\n  path: victim\n",
    "not YAML": "outs: [\n",
}


@pytest.mark.parametrize("kind", _HOSTILE)
def test_hostile_files_are_refused_and_nothing_is_written_outside(repo: Repo, kind: str):
    listing = json.dumps([{"md5": "0" * 32, "relpath": "../../../etc/passwd"}]).encode()
    name = hashlib.md5(listing).hexdigest()
    place = repo.file(f".dvc/cache/files/md5/{name[:2]}/{name[2:]}.dir")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(listing)
    repo.write("evil.dvc", _HOSTILE[kind].format(md5="d41d8cd98f00b204e9800998ecf8427e", dir=name))
    repo.file("exit").symlink_to("..")
    empty = repo.file(".dvc/cache/files/md5/d4/1d8cd98f00b204e9800998ecf8427e")
    empty.parent.mkdir(parents=True, exist_ok=True)
    empty.touch()
    repo.commit("evil")
    around = sorted(repo.path.parent.iterdir())
    said = repo.fails("data", "migrate", "dvc")
    assert "evil.dvc" in said and "Traceback" not in said
    repo.data("migrate", "dvc", "--allow-missing")
    assert repo.git("ls-files", "*.dvc") == "evil.dvc\n"
    assert sorted(repo.path.parent.iterdir()) == around and not repo.file("hacked").exists()
    repo.assert_clean()


def killed_at(repo: Repo, module: str, name: str) -> None:
    """Run the migration and kill it where it would call a function."""
    owner, _, name = name.rpartition(".")
    code = (
        f"import os, signal, sys; from git_data.migrate import {module} as owner; "
        f"setattr(owner{'.' + owner if owner else ''}, '{name}', lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)); "
        "from git_data.__main__ import main; sys.argv = ['git-data', 'migrate', 'dvc']; main()"
    )
    assert repo.run(sys.executable, "-c", code, ok=None).returncode == -signal.SIGKILL, name


def test_a_killed_migration_goes_on_where_it_was(repo: Repo):
    before = snapshot(repo.path)
    steps = [("adopt", "Contents.save"), ("dvc_apply", "set_up"), ("moves", "_transaction"), ("follow", "stage")]
    for module, name in steps:
        killed_at(repo, module, name)
        assert snapshot(repo.path) == before
    assert "finished" in repo.run("git", "data", "migrate", "dvc").stderr.decode()
    assert snapshot(repo.path) == before and leftovers(repo) == []
    repo.assert_clean()
    repo.data("migrate", "dvc", "--undo")
    assert snapshot(repo.path) == before and repo.status() == ""


def test_what_was_read_once_is_not_read_again(repo: Repo):
    before = snapshot(repo.path)
    killed_at(repo, "dvc_apply", "set_up")
    # only what was noted can tell what is what now
    shutil.rmtree(repo.path.parent / "remote")
    repo.file("large.bin").unlink()
    for path in repo.file(".dvc/cache/files").rglob("*"):
        if path.is_file() and path.suffix != ".dir":
            path.unlink()
    repo.data("migrate", "dvc")
    assert snapshot(repo.path) == before and leftovers(repo) == []


def test_a_damaged_object_of_the_cache_is_not_used(repo: Repo):
    shutil.rmtree(repo.path.parent / "remote")
    script = repo.read("tool.sh")
    md5 = hashlib.md5(script).hexdigest()
    damaged = repo.file(f".dvc/cache/files/md5/{md5[:2]}/{md5[2:]}")
    damaged.chmod(0o644)
    damaged.write_bytes(b"x" * damaged.stat().st_size)
    repo.file("tool.sh").unlink()
    assert "damaged" in repo.fails("data", "migrate", "dvc", status=3)
    repo.write("tool.sh", script)
    repo.file("tool.sh").chmod(0o755)
    repo.data("migrate", "dvc")
    assert leftovers(repo) == []
    repo.data("fsck")
    repo.assert_clean()


def test_a_data_yaml_of_somebody_else_is_left_alone(repo: Repo):
    """Object detectors have a data.yaml, too."""
    repo.write("data.yaml", "train: images\nnames: [cat, dog]\n")
    repo.write(".gitignore", b"li?/\n" + repo.read(".gitignore"))
    repo.commit("for the detector")
    assert "another 'data.yaml'" in repo.fails("data", "migrate", "dvc", status=1)
    assert "'li?/' in '.gitignore' still" in repo.data("migrate", "dvc", "--keep-pipelines")
    assert repo.read("data.yaml") == b"train: images\nnames: [cat, dog]\n"
    assert "dvc.yaml" in leftovers(repo) and "lib.dvc" not in leftovers(repo)
    repo.assert_clean()


def test_several_dvc_repositories_and_none_at_all_are_refused(repo: Repo, new_repo):
    repo.write("other/.dvc/config", "")
    repo.commit("another")
    assert "several" in repo.fails("data", "migrate", "dvc", status=7)
    assert "not a DVC repository" in new_repo("plain").fails("data", "migrate", "dvc", status=7)

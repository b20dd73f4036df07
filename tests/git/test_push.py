"""Plain git push sends the data of what it publishes first; git data push sends what is named."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import Repo, content, run

from git_data.git.repo import locate
from git_data.git.scan import pointers_of


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """A bare git repository to push to."""
    path = tmp_path / "origin.git"
    run("git", "init", "-q", "--bare", str(path))
    return path


@pytest.fixture
def shared(repo: Repo, origin: Path, tmp_path: Path) -> Repo:
    """A repository with a git remote and a folder for data."""
    repo.git("remote", "add", "origin", str(origin))
    repo.git("config", "data.store.url", str(tmp_path / "store"))
    return repo


def there(tmp_path: Path, name: str = "store") -> set[str]:
    """The oids on the folder remote."""
    return {path.name for path in (tmp_path / name / "objects").rglob("*") if path.is_file()}


def refs(origin: Path) -> str:
    return run("git", "for-each-ref", cwd=origin).stdout.decode()


def test_git_push_sends_the_data_of_every_commit(shared: Repo, tmp_path: Path, origin: Path) -> None:
    shared.write("a.bin", 5000)
    shared.commit("one")
    shared.write("a.bin", 6000)
    shared.commit("two")
    trace = shared.traced("push", "origin", "HEAD")
    assert there(tmp_path) == shared.objects()
    assert "2 objects, 11.0 kB sent to 'store'" in trace.errors
    assert "refs/heads/main" in refs(origin)


def test_a_second_push_sends_and_says_nothing(shared: Repo, tmp_path: Path) -> None:
    shared.write("a.bin", 5000)
    shared.commit()
    shared.git("push", "-q", "origin", "HEAD")
    shared.write("readme", "text")
    shared.commit()
    trace = shared.traced("push", "-q", "origin", "HEAD")
    assert trace.errors == ""


def test_only_what_is_new_is_sent(shared: Repo, tmp_path: Path) -> None:
    shared.write("a.bin", 5000)
    shared.commit()
    shared.git("push", "-q", "origin", "HEAD")
    new = shared.write("b.bin", 70)
    shared.commit()
    (tmp_path / "store" / "objects").rename(tmp_path / "aside")
    shared.git("push", "-q", "origin", "HEAD")
    assert there(tmp_path) == {shared.object(new).name}


def test_content_that_is_there_in_another_file_is_not_sent_again(shared: Repo) -> None:
    data = content(3000)
    shared.write("a.bin", data)
    shared.commit()
    shared.git("push", "-q", "origin", "HEAD")
    shared.write("copy/b.bin", data)
    shared.commit()
    assert shared.traced("push", "-q", "origin", "HEAD").errors == ""


def test_a_clone_asks_the_remote_instead_of_sending_again(shared: Repo, origin: Path, tmp_path: Path) -> None:
    shared.write("a.bin", 5000)
    shared.commit()
    shared.git("push", "-q", "origin", "HEAD")
    run("git", "clone", "-q", str(origin), str(tmp_path / "other"))
    other = Repo(tmp_path / "other")
    other.data("install")
    other.git("config", "data.store.url", str(tmp_path / "store"))
    result = json.loads(other.data("push", "--json"))
    assert (result["looked_at"], result["sent"]) == (1, 0)


def test_a_push_without_new_blobs_reads_nothing_that_is_remembered_of_others(
    shared: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shared.path)
    monkeypatch.setattr("git_data.git.scan.BlobCache", None)
    assert pointers_of(locate(), []) == {}


def test_deleting_a_branch_sends_nothing(shared: Repo, tmp_path: Path) -> None:
    shared.git("commit", "-q", "--allow-empty", "-m", "first")
    shared.git("push", "-q", "origin", "HEAD", "HEAD:refs/heads/side")
    shared.write("a.bin", 5000)
    shared.commit()
    shared.git("push", "-q", "origin", ":side")
    assert there(tmp_path) == set()


def test_a_tag_takes_its_data_along(shared: Repo, tmp_path: Path) -> None:
    data = shared.write("a.bin", 5000)
    shared.commit()
    shared.git("tag", "-a", "-m", "release", "v1")
    shared.git("push", "-q", "origin", "v1")
    assert there(tmp_path) == {shared.object(data).name}


def test_a_dry_run_of_git_push_sends_nothing(shared: Repo, tmp_path: Path) -> None:
    shared.write("a.bin", 5000)
    shared.commit()
    trace = shared.traced("push", "--dry-run", "origin", "HEAD")
    assert "would be sent" in trace.errors
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("source", [b"HEAD^{/two words}", "a\u2028b".encode(), b"caf\xe9"], ids=ascii)
def test_whatever_names_a_commit_its_data_is_sent(shared: Repo, tmp_path: Path, source: bytes) -> None:
    shared.write("a.bin", 5000)
    shared.commit("two words")
    if b" " not in source:
        shared.git("branch", source)
    shared.git("push", "-q", "origin", source + b":refs/heads/there")
    assert there(tmp_path) == shared.objects()


def test_an_option_that_only_looks_like_a_dry_run_sends(shared: Repo, tmp_path: Path, origin: Path) -> None:
    run("git", "-C", str(origin), "config", "receive.advertisePushOptions", "true")
    shared.write("a.bin", 5000)
    shared.commit()
    shared.git("push", "-q", "-ono-pipeline", "-o", "-n", "origin", "HEAD")
    assert "refs/heads/main" in refs(origin) and there(tmp_path) == shared.objects()


def test_several_remotes_without_a_default_stop_the_push(shared: Repo, tmp_path: Path, origin: Path) -> None:
    shared.git("config", "data.other.url", str(tmp_path / "other"))
    shared.write("a.bin", 5000)
    shared.commit()
    assert "git data remote default" in shared.fails("push", "-q", "origin", "HEAD")
    assert refs(origin) == ""


def test_missing_data_stops_the_push_before_anything_moves(shared: Repo, tmp_path: Path, origin: Path) -> None:
    lost, kept = shared.write("lost.bin", 5000), shared.write("kept.bin", 600)
    shared.commit()
    shared.object(lost).unlink()
    shared.file("lost.bin").unlink()
    errors = shared.fails("push", "origin", "HEAD")
    assert "neither here nor on 'store'" in errors and shared.object(lost).name[:12] in errors
    assert refs(origin) == "" and there(tmp_path) == set()
    shared.git("-c", "data.allowIncompletePush=true", "push", "-q", "origin", "HEAD")
    assert refs(origin) != "" and there(tmp_path) == {shared.object(kept).name}


def test_an_object_lost_after_the_commit_comes_back_from_the_work_tree(shared: Repo, tmp_path: Path) -> None:
    data = shared.write("a.bin", 5000)
    shared.commit()
    shared.object(data).unlink()
    shared.git("push", "-q", "origin", "HEAD")
    assert there(tmp_path) == {shared.object(data).name}


def test_what_was_published_without_data_does_not_stop_later_pushes(shared: Repo, tmp_path: Path) -> None:
    lost = shared.write("lost.bin", 5000)
    shared.commit()
    shared.git("push", "-q", "--no-verify", "origin", "HEAD:main")
    shared.git("fetch", "-q", "origin")
    shared.object(lost).unlink()
    shared.git("rm", "-q", "lost.bin")
    new = shared.write("new.bin", 700)
    shared.commit()
    trace = shared.traced("push", "origin", "HEAD:main")
    assert "published earlier" in trace.errors
    assert there(tmp_path) == {shared.object(new).name}


def test_an_edited_object_is_never_sent(shared: Repo, tmp_path: Path, origin: Path) -> None:
    data = shared.write("a.bin", 5000)
    shared.commit()
    shared.file("a.bin").unlink()
    object = shared.object(data)
    object.chmod(0o644)
    object.write_bytes(content(5000))
    shared.fails("push", "origin", "HEAD")
    assert there(tmp_path) == set() and refs(origin) == ""


def test_a_short_object_on_the_remote_is_sent_again(shared: Repo, tmp_path: Path) -> None:
    data = shared.write("a.bin", 5000)
    shared.commit()
    shared.git("push", "-q", "origin", "HEAD")
    oid = shared.object(data).name
    path = tmp_path / "store" / "objects" / "sha256" / oid[:2] / oid
    path.unlink()
    path.write_bytes(data[:100])
    run("rm", "-r", str(shared.git_dir() / "data" / "remotes"))
    shared.data("push")
    assert path.read_bytes() == data


def test_hints_are_forgotten_when_another_remote_lies_there(shared: Repo, tmp_path: Path) -> None:
    shared.write("a.bin", 5000)
    shared.commit()
    shared.git("push", "-q", "origin", "HEAD")
    run("rm", "-r", str(tmp_path / "store"))
    shared.write("b.bin", 60)
    shared.commit()
    shared.git("push", "-q", "origin", "HEAD")
    assert there(tmp_path) == shared.objects()
    run("rm", "-r", str(tmp_path / "store"))
    shared.data("push")
    assert there(tmp_path) == shared.objects()


def test_without_a_remote_for_data_the_push_goes_on_and_says_so(repo: Repo, origin: Path) -> None:
    repo.git("remote", "add", "origin", str(origin))
    repo.write("a.bin", 5000)
    repo.commit()
    trace = repo.traced("push", "origin", "HEAD")
    assert "stays on this machine" in trace.errors and "git data remote add" in trace.errors
    assert "refs/heads/main" in refs(origin)
    assert "stays" not in repo.traced("push", "origin", "HEAD:other").errors


def test_a_push_without_data_says_nothing_about_remotes(repo: Repo, origin: Path) -> None:
    repo.git("remote", "add", "origin", str(origin))
    repo.write("readme", "text")
    repo.commit()
    assert "git-data" not in repo.traced("push", "origin", "HEAD").errors


def test_a_folder_that_only_a_clone_names_is_not_made(repo: Repo, origin: Path, tmp_path: Path) -> None:
    repo.git("remote", "add", "origin", str(origin))
    repo.git("config", "-f", ".gitdata", "data.store.url", str(tmp_path / "elsewhere"))
    repo.write("a.bin", 500)
    repo.commit()
    errors = repo.fails("push", "origin", "HEAD", status=1)
    assert "named only by .gitdata" in errors and "git data remote add --local" in errors
    assert not (tmp_path / "elsewhere").exists() and refs(origin) == ""


def test_a_push_tells_that_nobody_else_knows_the_remote_yet(repo: Repo, origin: Path, tmp_path: Path) -> None:
    repo.git("remote", "add", "origin", str(origin))
    repo.write("a.bin", 5000)
    repo.commit()
    repo.data("remote", "add", "store", str(tmp_path / "store"))
    assert "a clone would not find this data\n  git add .gitdata" in repo.traced("push", "origin", "HEAD").errors
    repo.write("a.bin", 6000)
    repo.commit("with .gitdata")
    errors = repo.traced("push", "origin", "HEAD").errors
    assert "1 object" in errors and ".gitdata" not in errors


def test_a_git_remote_may_have_its_own_data_remote(shared: Repo, tmp_path: Path) -> None:
    shared.git("config", "data.other.url", str(tmp_path / "other"))
    shared.git("config", "data.remote", "store")
    shared.git("config", "remote.origin.dataRemote", "other")
    shared.write("a.bin", 500)
    shared.commit()
    shared.git("push", "-q", "origin", "HEAD")
    assert there(tmp_path, "other") == shared.objects() and not (tmp_path / "store").exists()


# -- git data push


def two_versions(repo: Repo) -> tuple[str, str]:
    """The oids of two versions of one file in two commits; the first is tagged."""
    first = repo.write("a.bin", 500)
    repo.commit()
    repo.git("tag", "v1")
    second = repo.write("a.bin", 600)
    repo.commit()
    return repo.object(first).name, repo.object(second).name


def everything(repo: Repo, v1: str, v2: str) -> set[str]:
    return {v1, v2}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], {0, 1}),
        (["v1"], {0}),
        (["store", "v1"], {0}),
        (["v1..main"], {1}),
        (["--tags"], {0}),
        (["--branches"], {0, 1}),
        (["--all"], {0, 1}),
        (["--recent"], {0, 1}),
        (["-I", "*.txt"], set()),
        (["-I", "a.*"], {0, 1}),
        (["-X", "a.bin", "v1"], set()),
    ],
)
def test_what_is_named_is_sent(shared: Repo, tmp_path: Path, words: list[str], expected: set[int]) -> None:
    versions = two_versions(shared)
    shared.data("push", *words)
    assert there(tmp_path) == {versions[number] for number in expected}


def test_revisions_come_from_standard_input(shared: Repo, tmp_path: Path) -> None:
    versions = two_versions(shared)
    shared.data("push", "--stdin", stdin=b"v1\n")
    assert there(tmp_path) == {versions[0]}


@pytest.mark.parametrize(("words", "stdin"), [(["v1..main"], b""), (["--stdin"], b"main\n^v1\n")])
def test_a_range_does_not_stand_for_the_history_below_it(shared: Repo, tmp_path: Path, words: list[str], stdin: bytes) -> None:
    first, second = two_versions(shared)
    shared.data("push", *words, stdin=stdin)
    assert there(tmp_path) == {second}
    shared.git("push", "-q", "origin", "main")
    assert there(tmp_path) == {first, second}, "a ref was published without its data"


@pytest.mark.parametrize("kind", [["--depth=1"], ["--filter=blob:none"]], ids=["shallow", "partial"])
def test_a_clone_that_lacks_history_does_not_vouch_for_it(shared: Repo, origin: Path, tmp_path: Path, kind: list[str]) -> None:
    first, second = two_versions(shared)
    shared.git("push", "-q", "origin", "main")
    run("git", "-C", str(origin), "config", "uploadpack.allowFilter", "true")
    run("git", "clone", "-q", *kind, f"file://{origin}", str(tmp_path / "clone"))
    clone = Repo(tmp_path / "clone")
    clone.data("install")
    clone.git("config", "data.store.url", str(tmp_path / "store"))
    clone.git("config", "data.backup.url", str(tmp_path / "backup"))
    clone.git("config", "data.remote", "store")
    clone.data("pull")
    assert b"lacks part of the history" in clone.run("git", "data", "push", "backup").stderr
    clone.git("fetch", "-q", "--refetch", "--filter=blob:limit=1k", "origin", *(["--unshallow"] if "depth" in kind[0] else []))
    clone.data("fetch", "store", "--all")
    clone.data("push", "backup")
    assert there(tmp_path, "backup") == {first, second}


def test_a_dry_run_lists_and_sends_nothing(shared: Repo, tmp_path: Path) -> None:
    versions = two_versions(shared)
    listed = shared.data("push", "--dry-run")
    assert all(oid in listed for oid in versions) and "would be sent" in listed
    assert not (tmp_path / "store").exists()


def test_a_second_push_of_everything_costs_one_request_at_most(shared: Repo) -> None:
    two_versions(shared)
    shared.data("push")
    result = json.loads(shared.data("push", "--json"))
    assert (result["sent"], result["requests"] <= 1) == (0, True)


def test_an_address_may_stand_for_a_remote(shared: Repo, tmp_path: Path) -> None:
    two_versions(shared)
    shared.data("push", str(tmp_path / "elsewhere"), "--all")
    assert there(tmp_path, "elsewhere") == shared.objects()


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["stroe"], 2, "did you mean 'store'"),
        (["store", "nowhere"], 2, "neither a revision"),
        (["store", "v1..nowhere"], 7, "not a revision"),
    ],
)
def test_mistakes_are_named(shared: Repo, words: list[str], status: int, said: str) -> None:
    two_versions(shared)
    assert said in shared.fails("data", "push", *words, status=status)


def test_there_must_be_a_remote(repo: Repo) -> None:
    two_versions(repo)
    assert "git data remote add" in repo.fails("data", "push", status=2)


def test_a_store_and_a_folder_may_lie_behind_symbolic_links(shared: Repo, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to("disk")
    shared.git("config", "data.cacheDir", str(tmp_path / "link" / "cache"))
    shared.git("config", "data.store.url", str(tmp_path / "link" / "store"))
    small, large = shared.write("a.bin", 5000), shared.write("b.bin", 2 << 20)
    shared.commit()
    oids = {hashlib.sha256(data).hexdigest() for data in (small, large)}
    shared.data("push")
    assert there(tmp_path, "disk/store") == oids
    shutil.rmtree(tmp_path / "disk" / "cache" / "objects")
    shared.data("fetch")
    assert there(tmp_path, "disk/cache") == oids


def test_a_foreign_folder_is_refused(shared: Repo, tmp_path: Path) -> None:
    two_versions(shared)
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "thesis.doc").write_text("mine")
    assert "files that are not git-data's" in shared.fails("data", "push", status=8)
    assert sorted(path.name for path in (tmp_path / "store").iterdir()) == ["thesis.doc"]


def test_a_layout_of_the_future_is_refused(shared: Repo, tmp_path: Path) -> None:
    two_versions(shared)
    shared.data("push")
    layout = tmp_path / "store" / "layout"
    text = layout.read_text().replace("version = 1", "version = 2")
    layout.unlink()
    layout.write_text(text)
    shared.write("a.bin", 50)
    shared.commit()
    assert "newer git-data" in shared.fails("data", "push", status=8)


def test_pushes_of_two_at_once_keep_both(shared: Repo, new_repo: Callable[..., Repo], tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    others = [shared, *(new_repo(f"other-{number}") for number in range(3))]
    for other in others:
        other.git("config", "data.store.url", str(tmp_path / "store"))
        for number in range(20):
            other.write(f"{number}.bin", 2000)
        other.commit()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda repo: repo.data("push"), others))
    assert there(tmp_path) == set().union(*(other.objects() for other in others))

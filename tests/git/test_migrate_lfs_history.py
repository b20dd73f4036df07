"""``git data migrate lfs --history``: as if a repository had never known git-lfs."""

from __future__ import annotations

import json
import random
from pathlib import Path

import lfs_repos
import pytest
from helpers import Repo, content, pointer_of, run
from lfs_repos import OFF, copy_of, files, versions

from git_data.git.repo import locate
from git_data.migrate.attributes_at import Source


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The usual one, and what only a rewrite meets: attributes that come, go and move, and files that were no pointers then."""
    repo = lfs_repos.make(tmp_path_factory.mktemp("lfs") / "template")
    repo.git("checkout", "-q", "-b", "changes", "light")
    repo.write("later.npy", content(900, seed=30))
    repo.commit("npy in git")
    repo.write(".gitattributes", lfs_repos.ATTRIBUTES + b"\n*.npy big\n")
    repo.git(*OFF, "commit", "-q", "-m", "npy by git-lfs", ".gitattributes")
    repo.write("later.npy", content(901, seed=31))
    repo.commit("a new version of npy")
    repo.write(".gitattributes", lfs_repos.ATTRIBUTES)
    repo.git("add", "--renormalize", ".")
    repo.git("commit", "-q", "-a", "-m", "npy in git again")
    repo.write("pointer.txt", pointer_of(b"no data", "lfs"))
    repo.commit("a text about pointers")
    repo.git("checkout", "-q", "main")
    return repo.path


def facts(repo: Repo) -> list[str]:
    """What a rewrite must not touch."""
    return repo.git("log", "--branches", "--tags", "--topo-order", "--format=%an %ae %ad %cn %cd %s %b %N").splitlines()


def test_every_commit_has_the_files_it_had(template: Path, tmp_path: Path) -> None:
    repo = copy_of(template, tmp_path / "repo")
    before = versions(copy_of(template, tmp_path / "before"), clean=False)
    assert len(before) == 10
    old_refs, old_facts = repo.git("for-each-ref", "--format=%(refname) %(objecttype)"), sorted(facts(repo))
    graph = repo.git("log", "--branches", "--tags", "--format=%s %p").count(" ")
    object_map = tmp_path / "map.csv"
    plan = json.loads(repo.data("migrate", "lfs", "--history", "--dry-run", "--json"))
    assert plan["commits"] == 10 and plan["signed_commits"] == [] and plan["plain_versions"] == 1
    repo.git("config", "lfs.url", "https://lfs.example.com/repo")
    said = repo.data("migrate", "lfs", "--history", "--object-map", object_map)
    assert "so that others do: git data remote add -d server --lfs" in said
    repo.assert_clean()
    assert files(repo) == before["three"]
    new_refs = repo.git("for-each-ref", "--format=%(refname) %(objecttype)").splitlines()
    assert [line for line in new_refs if "/before/" not in line] == old_refs.splitlines()
    assert sorted(facts(repo)) == old_facts, "authors, dates, messages, notes"
    assert repo.git("log", "--branches", "--tags", "--format=%s %p").count(" ") == graph
    mapped = dict(line.split(",") for line in object_map.read_text().splitlines())
    assert len(mapped) == 10 and set(mapped.values()) == set(repo.git("log", "--branches", "--tags", "--format=%H").split())
    assert "lfs" not in repo.git("log", "--branches", "--tags", "-p", "--format=", "--", "*.gitattributes")
    # whoever clones anew needs git-data only
    other = Repo(tmp_path / "other")
    run("git", "data", "clone", "-q", repo.path, other.path, cwd=tmp_path)
    other.git("config", "data.alternates", repo.store())
    other.data("checkout")
    for name in ("old", "side", "changes"):
        other.git("branch", "-q", name, f"origin/{name}")
    assert versions(other) == before
    assert versions(repo) == before
    repo.git("checkout", "-q", "main")
    repo.data("migrate", "lfs", "--undo")
    assert repo.git("for-each-ref", "--format=%(refname) %(objecttype)") == old_refs
    assert repo.blob("b.bin") == pointer_of(content(4000, seed=13), "lfs")
    assert repo.status() == ""


def test_signed_commits_are_counted(template: Path, tmp_path: Path) -> None:
    repo = copy_of(template, tmp_path / "repo")
    text = repo.run("git", "cat-file", "commit", "HEAD").stdout
    header, _, message = text.partition(b"\n\n")
    signature = b"\ngpgsig -----BEGIN SSH SIGNATURE-----\n AAAA\n -----END SSH SIGNATURE-----"
    signed = repo.git("hash-object", "-t", "commit", "-w", "--stdin", stdin=header + signature + b"\n\n" + message).strip()
    repo.git("reset", "-q", "--hard", signed)
    plan = json.loads(repo.data("migrate", "lfs", "--history", "--dry-run", "--json"))
    assert plan["signed_commits"] == [signed]
    assert signed[:12] in repo.data("migrate", "lfs", "--history", "--dry-run")


def test_attributes_of_a_commit_are_read_as_git_reads_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("git", "init", "-q", tmp_path / "repo")
    repo = Repo(tmp_path / "repo")
    names = ["a.bin", "b.txt", "d/a.bin", "d/e/a.bin", "d/e/x y.dat", "[x].bin", "d/#c", "e/d/b.txt"]
    patterns = [
        "*.bin",
        "*",
        "d/**",
        "/d/*",
        "**/e/*.bin",
        '"x y.dat"',
        "a.*",
        "d/e",
        "e/d/",
        "[!a].txt",
        "\\[x\\].bin",
        "d/a.bin",
    ]
    words = ["filter=lfs", "-filter", "!filter", "filter", "filter=other", "big", "-big", "!big", "text", "small", "binary"]
    macros = ["[attr]big filter=lfs -text", "[attr]small big", "[attr]big -filter"]
    monkeypatch.chdir(repo.path)
    source = Source(locate())
    choice = random.Random(5)
    for _ in range(25):
        written: dict[bytes, bytes] = {}
        for directory in ("", "d", "d/e"):
            lines = [f"{choice.choice(patterns)} {' '.join(choice.sample(words, 2))}" for _ in range(choice.randrange(4))]
            if not directory:
                lines = choice.sample(macros, choice.randrange(4)) + lines
            text = "".join(line + choice.choice(("\n", "\r\n")) for line in lines)
            repo.write(f"{directory}/.gitattributes".lstrip("/"), text)
            written[directory.encode()] = (
                repo.git("hash-object", "-w", "--stdin", "--no-filters", stdin=text.encode()).strip().encode()
            )
        answers = repo.git("check-attr", "-z", "--stdin", "filter", stdin="\0".join(names).encode() + b"\0").split("\0")[2::3]
        state = source.attributes(written)
        unset = {"unspecified": "", "unset": "", "set": "true"}
        assert [state.filter(name.encode()) for name in names] == [unset.get(answer, answer) for answer in answers]

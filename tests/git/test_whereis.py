"""``git data whereis`` says which places have the content of a file, asking each now."""

from __future__ import annotations

import hashlib
import json
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from helpers import Repo, content


def add_remote(repo: Repo, path: Path, name: str = "store") -> Path:
    """A folder as a remote of this repository; where it is."""
    repo.git("config", f"data.{name}.url", str(path))
    return path


def on_remote(place: Path, data: bytes) -> Path:
    oid = hashlib.sha256(data).hexdigest()
    return place / "objects" / "sha256" / oid[:2] / oid


def whereis(repo: Repo, *words: str, **options) -> list[dict]:
    return json.loads(repo.data("whereis", "--json", *words, **options))


@pytest.fixture
def two_remotes(repo: Repo, tmp_path: Path) -> tuple[Path, Path]:
    """``store`` is the default one."""
    repo.git("config", "data.remote", "store")
    return add_remote(repo, tmp_path / "store"), add_remote(repo, tmp_path / "backup", "backup")


def test_every_place_is_listed(repo: Repo, two_remotes: tuple[Path, Path]) -> None:
    data = repo.write("a.bin", 1500)
    repo.commit()
    repo.data("push", "store")
    oid = hashlib.sha256(data).hexdigest()
    assert repo.data("whereis", "a.bin").splitlines() == [
        "  size  oid           work tree    local store    store    backup    path",
        f"1.5 kB  {oid[:12]}  yes          yes            yes      -         a.bin",
    ]
    assert whereis(repo, "a.bin") == [
        {
            "path": "a.bin",
            "oid": oid,
            "size": 1500,
            "worktree": True,
            "store": True,
            "remotes": {
                "store": {"has": True, "size": 1500, "error": None},
                "backup": {"has": False, "size": None, "error": None},
            },
        }
    ]


def test_the_remote_is_asked_and_not_what_is_remembered(repo: Repo, two_remotes: tuple[Path, Path]) -> None:
    data = repo.write("a.bin", 1500)
    repo.commit()
    repo.data("push", "store")
    on_remote(two_remotes[0], data).unlink()
    assert whereis(repo, "a.bin")[0]["remotes"]["store"]["has"] is False
    repo.data("push", "store", "--all")
    assert on_remote(two_remotes[0], data).read_bytes() == data


def test_a_truncated_object_is_not_taken_for_the_content(repo: Repo, two_remotes: tuple[Path, Path]) -> None:
    data = repo.write("a.bin", 1500)
    repo.commit()
    repo.data("push", "store")
    object = on_remote(two_remotes[0], data)
    object.unlink()
    object.write_bytes(data[:100])
    assert whereis(repo, "a.bin")[0]["remotes"]["store"] == {"has": False, "size": 100, "error": None}
    assert " wrong " in repo.data("whereis", "a.bin")


def test_what_lies_in_the_work_tree_and_in_the_store(repo: Repo) -> None:
    data = repo.write("a.bin", 1500)
    repo.commit()
    repo.object(data).unlink()
    assert [(item["worktree"], item["store"]) for item in whereis(repo, "a.bin")] == [(True, False)]
    repo.write("a.bin", 1500)
    assert [(item["worktree"], item["store"]) for item in whereis(repo, "a.bin")] == [(False, False)]


def test_versions_of_a_revision(repo: Repo, two_remotes: tuple[Path, Path]) -> None:
    old = repo.write("d/a.bin", 1500)
    repo.commit()
    repo.data("push", "store")
    repo.write("d/a.bin", 1600)
    repo.commit()
    found = whereis(repo, "--rev", "HEAD~1", "a.bin", cwd=repo.path / "d")
    assert [(item["path"], item["oid"], item["remotes"]["store"]["has"]) for item in found] == [
        ("d/a.bin", hashlib.sha256(old).hexdigest(), True)
    ]


def test_an_oid_of_any_version_may_be_abbreviated(repo: Repo, two_remotes: tuple[Path, Path]) -> None:
    old = repo.write("a.bin", 1500)
    repo.commit()
    repo.data("push", "store")
    repo.write("a.bin", 1600)
    repo.commit()
    oid = hashlib.sha256(old).hexdigest()
    for word in (oid, oid[:7]):
        (item,) = whereis(repo, word)
        assert (item["oid"], item["size"], item["store"], item["remotes"]["store"]["has"]) == (oid, 1500, True, True)


def test_an_oid_that_begins_like_another_lists_the_candidates(repo: Repo) -> None:
    oids = ["0123456" + "0" * 57, "0123456" + "1" * 57]
    for number, oid in enumerate(oids):
        repo.write(f"{number}.bin", f"version git-data/1\noid sha256:{oid}\nsize 10\n")
    repo.git("add", "-A")
    errors = repo.fails("data", "whereis", "0123456", status=2)
    assert all(oid in errors for oid in oids)
    assert whereis(repo, "01234561")[0]["oid"] == oids[1]


def test_an_oid_nobody_knows(repo: Repo, two_remotes: tuple[Path, Path]) -> None:
    assert "neither a data file nor the beginning of an oid" in repo.fails("data", "whereis", "abcdef0", status=2)
    (item,) = whereis(repo, "ab" * 32)
    assert (item["size"], item["store"], item["remotes"]["store"]["has"]) == (None, False, False)


def test_a_file_named_like_an_oid_is_a_file(repo: Repo) -> None:
    repo.write(".gitattributes", "abcdef0 filter=data diff=data merge=data -text\n")
    repo.write("abcdef0", 1500)
    repo.commit()
    assert whereis(repo, "abcdef0")[0]["path"] == "abcdef0"


def test_a_word_that_is_nothing(repo: Repo) -> None:
    assert "'nothing.bin'" in repo.fails("data", "whereis", "nothing.bin", status=2)


def test_a_remote_that_cannot_be_asked_is_a_question_mark_with_a_reason(repo: Repo, two_remotes: tuple[Path, Path]) -> None:
    repo.write("a.bin", 1500)
    repo.commit()
    two_remotes[1].mkdir()
    (two_remotes[1] / "layout").write_text("[layout]\n\tversion = 99\n")
    said = repo.data("whereis", "a.bin")
    assert said.splitlines()[1].split()[-2:] == ["?", "a.bin"]
    assert "'backup' could not be asked: " in said
    record = whereis(repo, "a.bin")[0]["remotes"]["backup"]
    assert record["has"] is None
    assert "newer git-data" in record["error"]


def test_when_nothing_can_be_said_the_command_fails(repo: Repo, tmp_path: Path) -> None:
    data = repo.write("a.bin", content(1500))
    repo.commit()
    place = add_remote(repo, tmp_path / "store")
    place.mkdir()
    (place / "layout").write_text("[layout]\n\tversion = 99\n")
    repo.data("whereis", "a.bin")
    repo.object(data).unlink()
    repo.write("a.bin", 1400)
    repo.fails("data", "whereis", "a.bin", status=8)


def test_ctrl_c_does_not_wait_for_a_silent_remote(repo: Repo) -> None:
    repo.write("a.bin", 100)
    repo.commit()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        repo.git("config", "data.store.url", f"http://127.0.0.1:{silent.getsockname()[1]}/x")
        process = subprocess.Popen(
            ["git-data", "whereis", "a.bin"],
            cwd=repo.path,
            stderr=subprocess.PIPE,
            start_new_session=True,
            # who starts the tests in the background of a script has Ctrl-C ignored in all of them
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        connection, _ = silent.accept()
        with connection:
            process.send_signal(signal.SIGINT)
            try:
                process.communicate(timeout=20)
            finally:
                process.kill()
    assert process.returncode == 130

"""``data::`` in front of a git server's URL: git as ever, and data is there before any ref.

Everything git can do with the plain URL it can do with this one: the tables run git's own options over HTTP (``git remote-http``
behind us) and over a path (git is connected with the service), which are the two ways in which git talks to a helper.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest
from helpers import Repo, run
from servers.git_hosts import CONTENT, NEW, GitHost
from servers.sshd import descendants


def refuse_data(repo: Repo, host: GitHost) -> None:
    """Have the data remote lie where none can be."""
    repo.git("config", "data.store.url", host.origin / "HEAD" / "nowhere")


def protocols(repo: Repo, *arguments: str) -> set[str]:
    """The versions of the protocol that git and a server agree on."""
    log = repo.path.parent / "packets"
    log.unlink(missing_ok=True)
    repo.git(*arguments, env={"GIT_TRACE_PACKET": str(log)})
    said = [line.partition(": ")[2] for line in log.read_text(errors="replace").splitlines()]
    return {line.rpartition("< ")[2] for line in said if "< version " in line}


# -- every kind of server


def test_a_clone_is_complete_and_ready_for_work(git_host: GitHost, tmp_path: Path) -> None:
    repo = git_host.clone(tmp_path / "clone")
    repo.assert_content(CONTENT, linked=False)
    assert repo.git("config", "--local", "filter.data.required") == "true\n"
    assert "hook" in (repo.git_dir() / "hooks/pre-push").read_text()
    assert repo.run("git", "fsck").stderr == b""
    assert protocols(repo, "fetch", "origin") == {"version 2"}


def test_data_is_sent_before_a_ref_moves(git_host: GitHost, tmp_path: Path) -> None:
    repo = git_host.work(tmp_path / "work")
    before = git_host.refs()
    refuse_data(repo, git_host)
    said = repo.fails("push", "--no-verify", "origin", "main", status=1)
    assert "[remote rejected] main -> main (its data was not sent; the reason is above)" in said
    assert "git-data: error: " in said
    assert git_host.refs() == before
    repo.git("config", "--unset", "data.store.url")
    done = repo.run("git", "push", "--no-verify", "origin", "main")
    assert b"1 object, 10.0 kB sent to 'store'" in done.stderr
    assert git_host.has_data(NEW)
    commit = repo.git("rev-parse", "main").strip()
    assert git_host.refs() == {**before, "refs/heads/main": commit}
    assert repo.git("rev-parse", "origin/main").strip() == commit


def test_what_is_wrong_is_said_by_git_itself(git_host: GitHost, tmp_path: Path) -> None:
    if git_host.kind not in ("http", "daemon"):
        return  # a store may be to come there: test_helper_server_kinds.py
    said = [
        run("git", "ls-remote", prefix + git_host.plain + "-not", ok=(128,)).stderr.replace(b"data::", b"")
        for prefix in ("", "data::")
    ]
    assert said[0] == said[1] != b""


# -- git's own options


@pytest.mark.parametrize(
    ("options", "commits"),
    [
        (["--depth=1"], 1),
        (["--shallow-since=2024-01-02T00:00:00Z"], 2),
        (["--no-checkout", "--filter=blob:none"], 4),
        (["--mirror"], 4),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_clones_of_every_kind(smart_host: GitHost, tmp_path: Path, options: list[str], commits: int) -> None:
    repo = smart_host.clone(tmp_path / "clone", *options)
    assert len(repo.git("rev-list", "HEAD").split()) == commits
    if "--mirror" in options:
        return
    shallow = repo.git("rev-parse", "--is-shallow-repository").strip() == "true"
    assert shallow == (commits < 4)
    repo.git("checkout", "-q", "main")
    repo.assert_content(CONTENT, linked=False)
    if shallow:
        repo.git("fetch", "-q", "--unshallow")
        assert len(repo.git("rev-list", "HEAD").split()) == 4
    if "--filter=blob:none" in options:
        # what is missing is fetched when it is needed, by way of the same URL
        assert repo.git("cat-file", "-t", "HEAD~2:.gitattributes") == "blob\n"
    smart_host_head = smart_host.refs()["refs/heads/main"]
    new = repo.write("new.bin", 10_000)
    commit = repo.commit()
    repo.git("push", "-q")
    assert smart_host.refs()["refs/heads/main"] == commit != smart_host_head
    assert smart_host.has_data(new)


@pytest.mark.parametrize(
    ("words", "expected", "said"),
    [
        (["origin", "main"], {"main": "main"}, "main -> main"),
        (["origin", "HEAD~1:refs/heads/older"], {"older": "main~1"}, "HEAD~1 -> older"),
        (["--force-with-lease=main:main~2", "origin", "main"], {}, "stale info"),
        (["--follow-tags", "origin", "main"], {"main": "main", "v1": "v1"}, "[new tag]"),
        (["--atomic", "origin", "main", "v1"], {"main": "main", "v1": "v1"}, "main -> main"),
        (["--atomic", "origin", "main", "side~1:side"], {}, "non-fast-forward"),
        (["origin", "main", "side~1:side"], {"main": "main"}, "non-fast-forward"),
        (["--mirror", "origin"], {"main": "main", "v1": "v1"}, "[new tag]"),
        (["-o", "hello", "origin", "main"], {"main": "main"}, "remote: option: hello"),
        (["--delete", "origin", "side"], {"side": None}, "[deleted]"),
        (["--dry-run", "origin", "main"], {}, "1 object, 10.0 kB would be sent"),
        (["--dry-run", "--delete", "origin", "side"], {}, "[deleted]"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_pushes_of_every_kind(
    smart_host: GitHost, tmp_path: Path, words: list[str], expected: dict[str, str | None], said: str
) -> None:
    hook = smart_host.origin / "hooks/pre-receive"
    hook.write_text('#!/bin/sh\n[ -z "$GIT_PUSH_OPTION_0" ] || echo "option: $GIT_PUSH_OPTION_0"\n')
    hook.chmod(0o755)
    repo = smart_host.work(tmp_path / "work")
    before = smart_host.refs()
    done = repo.run("git", "push", *words, ok=None)
    output = (done.stdout + done.stderr).decode()
    assert said in output
    after = dict(before)
    for name, revision in expected.items():
        ref = f"refs/tags/{name}" if name == "v1" else f"refs/heads/{name}"
        if revision is None:
            del after[ref]
        else:
            after[ref] = repo.git("rev-parse", revision).strip()
    assert {ref: oid for ref, oid in smart_host.refs().items() if not ref.startswith("refs/remotes/")} == after
    assert smart_host.has_data(NEW) == any(revision in ("main", "v1") for revision in expected.values())


def test_a_signed_push_waits_for_its_data_too(path_host: GitHost, tmp_path: Path) -> None:
    run("git", "config", "receive.certNonceSeed", "seed", cwd=path_host.origin)
    repo = path_host.work(tmp_path / "work")
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key")
    repo.git("config", "gpg.format", "ssh")
    repo.git("config", "user.signingKey", tmp_path / "key.pub")
    before = path_host.refs()
    refuse_data(repo, path_host)
    assert "its data was not sent" in repo.fails("push", "--signed", "origin", "main", "main:other")
    assert path_host.refs() == before
    repo.git("config", "--unset", "data.store.url")
    repo.git("push", "-q", "--signed", "origin", "main")
    assert path_host.has_data(NEW)


def test_repositories_of_sha256_work(smart_host: GitHost, tmp_path: Path) -> None:
    for path in sorted(smart_host.origin.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    run("git", "init", "-q", "--bare", "--object-format=sha256", smart_host.origin)
    run("git", "config", "http.receivepack", "true", cwd=smart_host.origin)
    first = Repo(tmp_path / "first")
    run("git", "init", "-q", "--object-format=sha256", first.path)
    first.data("install")
    first.git("remote", "add", "origin", smart_host.url)
    first.write(".gitattributes", "*.bin filter=data -text\n")
    data = first.write("new.bin", 10_000)
    first.commit()
    first.git("push", "-q", "origin", "main")
    assert smart_host.has_data(data)
    assert smart_host.clone(tmp_path / "second").read("new.bin") == data


# -- data


def test_a_url_without_a_name_takes_the_default_remote(smart_host: GitHost, tmp_path: Path) -> None:
    repo = smart_host.work(tmp_path / "work")
    repo.git("push", "-q", smart_host.url, "main:other")
    assert smart_host.refs()["refs/heads/other"] == repo.git("rev-parse", "main").strip()
    assert smart_host.has_data(NEW)


def test_a_git_remote_may_have_a_data_remote_of_its_own(smart_host: GitHost, tmp_path: Path) -> None:
    repo = smart_host.work(tmp_path / "work")
    repo.data("remote", "add", "--local", "elsewhere", tmp_path / "elsewhere")
    repo.git("config", "remote.origin.dataRemote", "elsewhere")
    assert b"sent to 'elsewhere'" in repo.run("git", "push", "origin", "main").stderr
    assert not smart_host.has_data(NEW)


def test_without_a_remote_for_data_the_push_goes_on_and_says_so(smart_host: GitHost, tmp_path: Path) -> None:
    run("git", "config", "--global", "--unset", "data.remote")
    run("git", "config", "--global", "--unset", "data.store.url")
    repo = smart_host.work(tmp_path / "work")
    done = repo.run("git", "push", "origin", "main")
    assert b"the data of 1 object stays on this machine" in done.stderr
    assert smart_host.refs()["refs/heads/main"] == repo.git("rev-parse", "main").strip()


def test_missing_data_stops_the_push(smart_host: GitHost, tmp_path: Path) -> None:
    repo = smart_host.work(tmp_path / "work")
    before = smart_host.refs()
    repo.object(NEW).unlink()
    repo.file("new.bin").unlink()
    assert "is neither here nor on 'store'" in repo.fails("push", "origin", "main")
    assert smart_host.refs() == before


def test_a_thousand_refs_are_pushed_at_once(path_host: GitHost, tmp_path: Path) -> None:
    repo = path_host.work(tmp_path / "work")
    repo.git("update-ref", "--stdin", stdin="".join(f"create refs/many/{n} v1^{{}}\n" for n in range(1000)).encode())
    repo.git("push", "-q", "origin", "refs/many/*:refs/many/*")
    assert len(path_host.refs()) == 1002
    assert path_host.has_data(NEW)


def test_a_colleague_pulls_history_and_data(smart_host: GitHost, tmp_path: Path) -> None:
    colleague = smart_host.clone(tmp_path / "colleague")
    smart_host.work(tmp_path / "work").git("push", "-q", "origin", "main")
    colleague.git("pull", "-q")
    colleague.assert_content({**CONTENT, "new.bin": NEW}, linked=False)


def test_a_server_that_loses_patience_while_data_is_sent_is_connected_anew(path_host: GitHost, tmp_path: Path) -> None:
    repo = path_host.work(tmp_path / "work")
    repo.write("large.bin", 300_000)
    commit = repo.commit()
    run("rm", "-r", path_host.store)
    impatient = tmp_path / "impatient"
    impatient.write_text(
        "#!/bin/sh\n"
        f'if [ -e {tmp_path}/gone ]; then exec git receive-pack "$1"; fi\n'
        f"touch {tmp_path}/gone\n"
        'git receive-pack "$1" </dev/null 2>/dev/null\n'
        f"until [ -e {path_host.store}/layout ]; do sleep 0.01; done\n"
    )
    impatient.chmod(0o755)
    repo.git("config", "data.limitRate", "300k")  # what is sent takes a second longer than the server has patience
    done = repo.run("git", "push", f"--receive-pack={impatient}", "origin", "main")
    assert b"connecting to the git server again" in done.stderr
    assert path_host.refs()["refs/heads/main"] == commit
    assert path_host.has_data(NEW)


def test_a_push_killed_while_data_is_sent_moves_nothing_and_can_be_repeated(smart_host: GitHost, tmp_path: Path) -> None:
    repo = smart_host.work(tmp_path / "work")
    repo.write("large.bin", 300_000)
    commit = repo.commit()
    before = smart_host.refs()
    run("rm", "-r", smart_host.store)
    command = ["git", "-c", "data.limitRate=100k", "push", "-q", "origin", "main"]
    push = subprocess.Popen(command, cwd=repo.path, stderr=subprocess.DEVNULL)
    while not (smart_host.store / "layout").exists():
        assert push.poll() is None
        time.sleep(0.01)
    for child in descendants(push.pid):
        with suppress(FileNotFoundError, ProcessLookupError):  # some end by themselves
            if b"git-remote-data" in Path(f"/proc/{child}/cmdline").read_bytes():
                os.kill(child, signal.SIGKILL)
    assert push.wait() != 0
    assert smart_host.refs() == before
    repo.git("push", "-q", "origin", "main")
    assert smart_host.refs()["refs/heads/main"] == commit
    assert smart_host.has_data(NEW)

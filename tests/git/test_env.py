"""``git data env``: the facts a report of trouble needs."""

from __future__ import annotations

import json

from helpers import Repo, run


def facts(repo: Repo, **options) -> dict:
    return json.loads(repo.data("env", "--json", **options))


def test_versions_places_set_up_and_settings(repo: Repo):
    found = facts(repo)
    assert found["versions"]["git"] in repo.git("version")
    assert found["repository"]["store"] == str(repo.path / ".git/data")
    assert "copy" in found["repository"]["link types"]
    assert set(found["hooks"].values()) == {"ours", str(repo.path / ".git/hooks")}
    assert found["set-up"]["filter.data.required"] == {"value": "true", "origin": "local", "file": "file:.git/config"}
    assert found["settings"]["data.fsync"] == {"value": "batch", "origin": "default", "file": ""}
    text = repo.data("env")
    assert "filter.data.required  true  (local, file:.git/config)" in text
    assert "pre-commit     ours" in text


def test_every_state_of_a_hook(repo: Repo):
    hooks = repo.path / ".git" / "hooks"
    (hooks / "post-merge").unlink()
    (hooks / "post-commit").write_text("#!/bin/sh\n")
    (hooks / "post-rewrite").write_text('#!/bin/sh\ngit data hook post-rewrite "$@"\n')
    (hooks / "pre-push").chmod(0o644)
    (hooks / "pre-commit").write_text("#!/bin/sh\n# git-data hook pre-commit: of another place\n")
    (hooks / "post-checkout.chained").write_text("#!/bin/sh\n")
    found = facts(repo)["hooks"]
    del found["directory"]
    assert found == {
        "post-checkout": "ours, runs yours first",
        "post-commit": "yours",
        "post-merge": "missing",
        "post-rewrite": "yours, calls ours",
        "pre-commit": "ours, of another installation",
        "pre-push": "not executable",
    }


def test_outside_of_a_repository_and_with_settings_that_make_no_sense(repo: Repo, tmp_path):
    found = json.loads(run("git-data", "env", "--json", cwd=tmp_path).stdout)
    assert "not a git repository" in found["repository"]["none"]
    repo.git("config", "data.fsync", "maybe")
    found = facts(repo)
    assert "maybe" in found["repository"]["none"]
    assert found["settings"]["data.fsync"]["value"] == "maybe"
    assert "maybe  (local, file:.git/config)" in repo.data("env")


def test_a_shared_store_and_its_users(repo: Repo, tmp_path):
    repo.data("config", "cacheDir", str(tmp_path / "shared"))
    repo.write("a.bin", 2000)
    repo.commit()
    found = facts(repo)["repository"]
    assert found["store"] == str(tmp_path / "shared")
    assert found["store shared by"] == [str(repo.path / ".git")]
    assert found["reads also from"] == [str(repo.path / ".git" / "data")]


def test_no_secret_of_the_environment_is_shown(repo: Repo):
    env = {"GIT_CONFIG_PARAMETERS": "'http.extraheader'='Authorization: s3cret'", "GIT_ASKPASS": "/s3cret", "GIT_DATA_PURE": "1"}
    assert "s3cret" not in repo.data("env", env=env)
    assert facts(repo, env=env)["environment"]["GIT_DATA_PURE"] == "1"


def test_a_bare_repository_a_subdirectory_and_a_linked_work_tree(repo: Repo, tmp_path):
    repo.write("dir/a.bin", 2000)
    repo.commit()
    assert facts(repo, cwd=repo.path / "dir")["repository"]["work tree"] == str(repo.path)
    repo.git("worktree", "add", "-q", str(tmp_path / "second"))
    found = facts(Repo(tmp_path / "second"))
    assert found["repository"]["common dir"] == str(repo.path / ".git")
    assert found["hooks"]["pre-push"] == "ours"
    repo.git("clone", "-q", "--bare", str(repo.path), str(tmp_path / "bare"))
    assert facts(repo, cwd=tmp_path / "bare")["repository"]["work tree"] is None
    assert "work tree" in repo.data("env", cwd=tmp_path / "bare")

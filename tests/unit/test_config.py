"""Settings: git's configuration over the committed ``.gitdata``, and values that make no sense."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from helpers import Repo, run

from git_data.config import (
    COMMITTED_KEYS,
    KNOWN_KEYS,
    Config,
    Entry,
    Settings,
    add_committed,
    parse_jobs,
    parse_link,
    parse_list,
    parse_shared,
    parse_size,
)
from git_data.errors import ConfigError


def config(**values: str) -> Config:
    """A configuration as git gives it; ``__`` in a name stands for the dot."""
    return Config({key.replace("__", "."): [Entry("local", value)] for key, value in values.items()})


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("1", 1),
        ("10MB", 10_000_000),
        ("10mb", 10_000_000),
        ("10M", 10_000_000),
        ("10MiB", 10 << 20),
        ("1.5 GB", 1_500_000_000),
        ("2TiB", 2 << 40),
        ("500kB", 500_000),
        ("500 B", 500),
        ("1_000", 1000),
        (" 7 ", 7),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "MB", "ten", "-1", "1e400", "nan", "inf", "9e18GB", "10XB", "1iB", "10 M B i", "0x10"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ConfigError, match="is not a size"):
        parse_size(text, "data.guard")


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("reflink,copy", ("reflink", "copy")),
        ("hardlink", ("hardlink", "copy")),
        (" Reflink , hardlink", ("reflink", "hardlink", "copy")),
        ("copy", ("copy",)),
        ("", ("copy",)),
        ("copy,copy", ("copy",)),
    ],
)
def test_link_types_end_with_a_copy_because_something_must_work(text: str, order: tuple[str, ...]) -> None:
    assert parse_link(text) == order


def test_a_symlink_in_the_work_tree_is_refused_with_the_command_that_has_them() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_link("symlink,copy")
    assert "git data export" in caught.value.hint


@pytest.mark.parametrize("text", ["-1", "many", "1.5", ""])
def test_what_is_no_number_of_threads(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_jobs(text)


def test_numbers_of_threads() -> None:
    assert parse_jobs("3") == 3
    assert parse_jobs("0") >= 1
    assert parse_jobs("100000") == 64


@pytest.mark.parametrize(
    ("text", "bits"),
    [
        ("umask", 0),
        ("false", 0),
        ("group", 0o660),
        ("true", 0o660),
        ("all", 0o664),
        ("world", 0o664),
        ("0640", 0o640),
        ("1", 0o660),
    ],
)
def test_shared_repository(text: str, bits: int) -> None:
    assert parse_shared(text) == bits


def test_shared_repository_that_makes_no_sense() -> None:
    with pytest.raises(ConfigError, match="core.sharedRepository"):
        parse_shared("friends")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("true", True),
        ("YES", True),
        ("on", True),
        ("1", True),
        ("false", False),
        ("no", False),
        ("off", False),
        ("0", False),
        ("", False),
    ],
)
def test_booleans(value: str, expected: bool) -> None:
    assert config(data__x=value).get_bool("data.x", not expected) is expected


def test_a_boolean_that_is_none() -> None:
    with pytest.raises(ConfigError, match="not a boolean"):
        config(data__x="maybe").get_bool("data.x", True)
    assert config().get_bool("data.x", True) is True


def test_choices() -> None:
    assert config().get_choice("data.fsync", ("batch", "none")) == "batch"
    with pytest.raises(ConfigError) as caught:
        config(data__fsync="perhaps").get_choice("data.fsync", ("batch", "none"))
    assert caught.value.hint == "git config data.fsync batch"


def test_an_empty_value_clears_those_before_it() -> None:
    entries = [Entry("global", "/a"), Entry("local", ""), Entry("local", "/b"), Entry("local", "/c")]
    assert Config({"data.alternates": entries}).get_all("data.alternates") == ["/b", "/c"]


def test_git_output_is_taken_apart() -> None:
    output = b"global\0data.guard\n1GB\0local\0data.fetch\nnever\0local\0data.empty\0command\0x.sub=sec.tion.y\nline\nfeed\0"
    entries = parse_list(output)
    assert {key: [(entry.scope, entry.value) for entry in values] for key, values in entries.items()} == {
        "data.guard": [("global", "1GB")],
        "data.fetch": [("local", "never")],
        "data.empty": [("local", "true")],
        "x.sub=sec.tion.y": [("command", "line\nfeed")],
    }


def test_git_configuration_overrides_what_is_committed() -> None:
    entries = parse_list(b"global\0data.guard\n1GB\0")
    add_committed(entries, b"data.guard\n5MB\0data.fetch\nnever\0")
    assert Config(entries).get("data.guard") == "1GB"
    assert Config(entries).get("data.fetch") == "never"
    assert Config(entries).scope("data.fetch") == "gitdata"


HOSTILE = [
    "data.cachedir\n/tmp/elsewhere",
    "data.alternates\n/home/victim/.git/data",
    "data.fsync\nnone",
    "data.jobs\n100000",
    "filter.data.process\nrm -rf /",
    "core.fsmonitor\n./evil",
    "core.hookspath\nhooks",
    "core.sshcommand\n./evil",
    "core.sharedrepository\nall",
    "credential.helper\n!evil",
    "include.path\n/etc/passwd",
    "remote.x.url\next::sh -c evil",
    "alias.status\n!evil",
]


@pytest.mark.parametrize("item", HOSTILE)
def test_a_committed_file_cannot_set(item: str) -> None:
    entries = parse_list(b"")
    add_committed(entries, item.encode() + b"\0")
    assert entries == {}


def test_every_key_that_may_be_committed_is_known() -> None:
    assert {key.lower() for key in KNOWN_KEYS} >= COMMITTED_KEYS


def test_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GIT_DATA_SKIP_SMUDGE", raising=False)
    settings = Settings(config())
    assert (settings.link, settings.fsync, settings.guard_bytes, settings.fetch) == (
        ("reflink", "copy"),
        "batch",
        50_000_000,
        "auto",
    )
    assert (settings.cache_dir, settings.alternates, settings.pointer_format) == ("", [], "data")
    assert settings.skip_smudge is False


@pytest.mark.parametrize(("value", "skips"), [("1", True), ("true", True), ("0", False), ("", False), ("false", False)])
def test_skip_smudge(monkeypatch: pytest.MonkeyPatch, value: str, skips: bool) -> None:
    monkeypatch.setenv("GIT_DATA_SKIP_SMUDGE", value)
    assert Settings(config()).skip_smudge is skips


def test_the_environment_names_the_store_of_one_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DATA_CACHE_DIR", "/from/environment")
    assert Settings(config(data__cachedir="/from/config")).cache_dir == "/from/environment"


def test_a_home_directory_is_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert Settings(config(data__cachedir="~/cache")).cache_dir == "/home/me/cache"


# -- .gitdata in a repository


def lfs_is_written(repo: Repo) -> bool:
    repo.write("probe.bin", 1000)
    repo.git("add", "probe.bin")
    return repo.blob("probe.bin").startswith(b"version https://git-lfs")


SETTING = "[data]\n\tpointerFormat = lfs\n"


def test_settings_come_from_the_work_tree(repo: Repo) -> None:
    repo.write(".gitdata", SETTING)
    assert lfs_is_written(repo)


def test_settings_come_from_the_index_when_the_file_is_not_checked_out(repo: Repo) -> None:
    repo.write(".gitdata", SETTING)
    repo.git("add", ".gitdata")
    repo.file(".gitdata").unlink()
    assert lfs_is_written(repo)


def test_settings_hold_in_subdirectories_and_linked_work_trees(repo: Repo) -> None:
    repo.write(".gitdata", SETTING)
    repo.write("sub/probe.bin", 1000)
    repo.git("add", "probe.bin", cwd=repo.file("sub"))
    assert repo.blob("sub/probe.bin").startswith(b"version https://git-lfs")
    repo.commit()
    repo.git("worktree", "add", "-q", "../second")
    assert lfs_is_written(Repo(repo.path.parent / "second"))


def test_a_broken_file_of_settings_is_an_error_with_its_name_or_ignored(repo: Repo) -> None:
    repo.write(".gitdata", "[data\nthis is not a configuration")
    repo.write("a.bin", 100)
    done = repo.run("git", "add", "a.bin", ok=None)
    assert b"Traceback" not in done.stderr


def test_a_committed_value_that_makes_no_sense_is_explained_and_ignored(repo: Repo) -> None:
    repo.write(".gitdata", "[data]\n\tlink = teleport\n")
    repo.write("a.bin", 100)
    message = repo.run("git", "add", "a.bin").stderr.decode()
    assert "data.link: 'teleport' is not one of" in message and "ignored" in message
    assert "Traceback" not in message


def test_a_committed_file_includes_nothing(repo: Repo, new_repo: Callable[..., Repo]) -> None:
    repo.write("other", SETTING)
    repo.write(".gitdata", "[include]\n\tpath = other\n")
    assert not lfs_is_written(repo)


def test_values_of_the_command_line_count_for_filters(repo: Repo) -> None:
    repo.write("a.bin", 1000)
    run("git", "-c", "data.pointerFormat=lfs", "add", "a.bin", cwd=repo.path)
    assert repo.blob("a.bin").startswith(b"version https://git-lfs")

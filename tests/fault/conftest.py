"""Fixtures of the fault tests: the shim, and small file systems that can be full or read-only."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("fault.harness", "fault.scenarios")

from fault.harness import Shim, SmallFileSystem, compile_shim  # noqa: E402

_SMALL_BYTES = {"ext4": 64 << 20, "xfs": 300 << 20}
"""mkfs.xfs makes none smaller; both are sparse files."""


def cannot(reason: str) -> None:
    """Skip with a reason, but never quietly where everything must run."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def shim_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled shim."""
    if sys.platform != "linux" or shutil.which("cc") is None:
        cannot("the shim that makes calls fail needs Linux and a C compiler")
    return compile_shim(tmp_path_factory.mktemp("shim"))


@pytest.fixture
def shim(shim_library: Path, tmp_path: Path) -> Shim:
    """The shim with a counter of this test's own."""
    return Shim(shim_library, tmp_path / "fault-state")


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """``mounted(*options, source)``: mount something; everything is unmounted afterwards."""
    places: list[Path] = []

    def mount(source: Path, *options: str) -> Path:
        if os.name == "nt" or os.geteuid() != 0:
            cannot("mounting a file system takes root")
        place = tmp_path / f"mounted-{len(places)}"
        place.mkdir()
        done = subprocess.run(["mount", *options, str(source), str(place)], capture_output=True, text=True)
        if done.returncode:
            cannot(f"a file system cannot be mounted here: {done.stderr.strip()}")
        places.append(place)
        return place

    yield mount
    for place in reversed(places):
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture(params=["ext4", "xfs"])
def small(request: pytest.FixtureRequest, tmp_path: Path, mounted: Callable[..., Path]) -> SmallFileSystem:
    """A file system of its own that a test may fill."""
    if shutil.which(f"mkfs.{request.param}") is None:
        cannot(f"mkfs.{request.param} is not installed (Debian: e2fsprogs, xfsprogs)")
    image = tmp_path / "image"
    with open(image, "wb") as file:
        file.truncate(_SMALL_BYTES[request.param])
    options = ["-q", "-m", "0"] if request.param == "ext4" else ["-q"]
    subprocess.run([f"mkfs.{request.param}", *options, str(image)], check=True)
    return SmallFileSystem(mounted(image, "-o", "loop"))

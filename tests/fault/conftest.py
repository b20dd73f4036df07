"""Fixtures of the fault tests: the shim, and small file systems that can be full or read-only."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

pytest.register_assert_rewrite("fault.harness", "fault.scenarios")

from fault.harness import Shim, compile_shim  # noqa: E402


@pytest.fixture(scope="session")
def shim_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled shim."""
    if sys.platform != "linux" or shutil.which("cc") is None:
        pytest.skip("the shim that makes calls fail needs Linux and a C compiler")
    return compile_shim(tmp_path_factory.mktemp("shim"))


@pytest.fixture
def shim(shim_library: Path, tmp_path: Path) -> Shim:
    """The shim with a counter of this test's own."""
    return Shim(shim_library, tmp_path / "fault-state")

"""cffi builder of ``git_data._core``, named in ``setup.py``; needs a C compiler at build time only."""

from pathlib import Path

import cffi  # type: ignore[import-untyped]

HERE = Path(__file__).parent


def declarations(header: str) -> str:
    """The C declarations of ``header`` in the subset cffi parses: no comments are needed, #defines stay."""
    return "\n".join(line for line in header.splitlines() if not line.startswith(("#include", "#if", "#endif")))


ffibuilder = cffi.FFI()
ffibuilder.cdef(declarations((HERE / "core.h").read_text(encoding="utf-8")))
ffibuilder.set_source(
    "git_data._core",
    (HERE / "core.c").read_text(encoding="utf-8"),
    include_dirs=[str(HERE)],
    extra_compile_args=["-O2"],
)

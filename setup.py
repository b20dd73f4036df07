"""The one thing ``pyproject.toml`` cannot say: the C core is built by cffi, and may fail to build."""

from setuptools import setup
from setuptools.command.build_ext import build_ext


class OptionalBuild(build_ext):
    """Without a C compiler the tool installs all the same and runs its Python twin of the core."""

    def run(self):
        for extension in self.extensions:
            extension.optional = True
        super().run()


setup(
    cffi_modules=["git_data/_native/build.py:ffibuilder"],
    cmdclass={"build_ext": OptionalBuild},
    options={"bdist_wheel": {"py_limited_api": "cp310"}},
)

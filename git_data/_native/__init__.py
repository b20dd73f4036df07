"""C sources of the optional batch core; ``build.py`` compiles them into ``git_data._core``."""

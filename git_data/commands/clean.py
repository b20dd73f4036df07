"""``git data clean [--format data|lfs] [--] [PATH]``: one content from standard input, its pointer to standard output."""

from __future__ import annotations

import os

from git_data.base.fsio import write_all


def main(words: list[str]) -> int:
    """Store standard input and print the pointer."""
    from git_data.filter.clean import FileContent
    from git_data.filter.setup import make_cleaner
    from git_data.git.repo import locate
    from git_data.store.place import open_store

    format = ""
    if words[:1] == ["--format"] and words[1:]:
        format, words = words[1], words[2:]
    paths = [word for word in words if word != "--"]
    repo = locate()
    store = open_store(repo)
    cleaner = make_cleaner(repo, store, format)
    if not paths:
        cleaner.clone = False
    pointer = cleaner.clean(FileContent(0), os.fsencode(paths[0]) if paths else b"(standard input)")
    store.flush()
    write_all(1, pointer)
    return 0

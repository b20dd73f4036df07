"""``git data smudge [--] [PATH]``: a pointer from standard input, its content to standard output."""

from __future__ import annotations

import os

from git_data.base.fsio import write_all


def main(words: list[str]) -> int:
    """Print the content of the pointer on standard input; anything else comes back as it is."""
    from git_data.filter.smudge import chunks, open_content
    from git_data.git.repo import locate
    from git_data.pointer import MAX_SIZE_BYTES, parse
    from git_data.store.place import open_store

    paths = [word for word in words if word != "--"]
    path = os.fsencode(paths[0]) if paths else b"(standard input)"
    with open(0, "rb", buffering=0, closefd=False) as source:
        first = b""
        while len(first) < MAX_SIZE_BYTES and (data := source.read(MAX_SIZE_BYTES - len(first))):
            first += data
        pointer = parse(first)
        if pointer is None:
            write_all(1, first)
            while data := source.read(1 << 20):
                write_all(1, data)
            return 0
    repo = locate()
    if repo.settings.skip_smudge:
        write_all(1, first)
        return 0
    for data in chunks(open_content(repo, open_store(repo), pointer, path), pointer.size):
        write_all(1, data)
    return 0

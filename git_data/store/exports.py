"""Folders made of symbolic links into the store: a collection must not leave them dangling.

``<store>/exports/`` has one file for each, which holds the folder's path.  A folder that is gone needs nothing.
"""

from __future__ import annotations

import os

from git_data.base import fsio
from git_data.base.digest import sha256
from git_data.errors import from_os_error
from git_data.pointer import is_oid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.store.objects import Store


def register(store: Store, directory: str) -> None:
    """Write down that ``directory`` holds links into the store. Raises: FileSystemError."""
    store.make()
    name = os.fsencode(os.path.realpath(directory))
    path = os.path.join(store.root, "exports", sha256(name).hexdigest()[:40])
    try:
        store.make_directory(os.path.dirname(path))
        fsio.write_file(path, name + b"\n")
    except OSError as error:
        raise from_os_error(error, path, "registering with the store") from None


def needed(store: Store) -> set[str]:
    """The oids that links in registered folders point to. Raises: OSError when one cannot be listed."""
    oids: set[str] = set()
    place = os.path.join(store.root, "exports")
    try:
        names = os.listdir(place)
    except FileNotFoundError:
        return oids
    for name in names:
        content = fsio.read_file(os.path.join(place, name))
        if content and not name.startswith(fsio.TEMP_PREFIX):
            oids.update(_linked(os.fsdecode(content.removesuffix(b"\n"))))
    return oids


def _linked(directory: str) -> set[str]:
    def refuse(error: OSError) -> None:
        if error.filename != directory or not isinstance(error, FileNotFoundError):
            raise error

    oids = set()
    for place, directories, files in os.walk(directory, onerror=refuse):
        for name in (*files, *directories):
            path = os.path.join(place, name)
            if os.path.islink(path) and is_oid(oid := os.path.basename(os.readlink(path))):
                oids.add(oid)
    return oids

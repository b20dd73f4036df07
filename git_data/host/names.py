"""Which names git accepts for refs, and ours for objects and packs: what a remote says is never trusted."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_HEX = frozenset("0123456789abcdef")
_NEVER = frozenset(" ~^:?*[\\\x7f")
_LONGEST = 1024
NONCE_DIGITS = 8


def is_hex(text: object) -> bool:
    """Whether this is a text of lower-case hexadecimal digits."""
    return isinstance(text, str) and bool(text) and _HEX.issuperset(text)


def is_pack_name(text: object) -> bool:
    """Whether this is ``<sha256>-<nonce>``."""
    if not isinstance(text, str) or len(text) != 65 + NONCE_DIGITS or text[64] != "-":
        return False
    return is_hex(text[:64]) and is_hex(text[65:])


def is_ref_name(text: object) -> bool:
    """The rules of git-check-ref-format(1), for full names below ``refs/``; a test compares with git itself."""
    if not isinstance(text, str) or not text.startswith("refs/") or len(text) > _LONGEST or text.endswith("."):
        return False
    if any(character in _NEVER or ord(character) < 32 for character in text) or ".." in text or "@{" in text:
        return False
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False  # half a character: no bytes would come out as this
    return not any(not part or part.startswith(".") or part.endswith(".lock") for part in text.split("/"))


class Places:
    """Names of refs, and the directories they make: git keeps refs as files, so ``a`` and ``a/b`` cannot both be."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names: set[str] = set()
        self._below: dict[str, str] = {}
        for name in names:
            self.add(name)

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def add(self, name: str) -> None:
        """One more."""
        self._names.add(name)
        for directory in _directories(name):
            self._below.setdefault(directory, name)

    def clash(self, name: str) -> str:
        """A name that cannot exist beside this one; empty if there is none."""
        above = next((directory for directory in _directories(name) if directory in self._names), "")
        return above or self._below.get(name, "")


def _directories(name: str) -> Iterator[str]:
    at = name.rfind("/")
    while at > 4:
        yield name[:at]
        at = name.rfind("/", 0, at)

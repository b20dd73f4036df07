"""Which names git accepts for refs, and ours for objects and packs: what a remote says is never trusted."""

from __future__ import annotations

_HEX = frozenset("0123456789abcdef")
_NEVER = frozenset(" ~^:?*[\\\x7f")
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
    if not isinstance(text, str) or not text.startswith("refs/") or len(text) > 1024:
        return False
    if any(character in _NEVER or ord(character) < 32 for character in text) or ".." in text or "@{" in text:
        return False
    parts = text.split("/")
    return len(parts) > 1 and not any(
        not part or part.startswith(".") or part.endswith((".lock", ".")) and (part.endswith(".lock") or part is parts[-1])
        for part in parts
    )


def clash(name: str, others: set[str] | dict[str, str]) -> str:
    """The ref among ``others`` that cannot exist beside ``name`` (one is a directory of the other); empty if none."""
    at = name.rfind("/")
    while at > 4:
        if name[:at] in others:
            return name[:at]
        at = name.rfind("/", 0, at)
    below = name + "/"
    return next((other for other in others if other.startswith(below)), "")

"""YAML as DVC writes it, read without trusting it.

DVC reads YAML 1.2: ``yes``, ``0o17`` and dates are texts there.  Here numbers stay texts, too, since all that is asked for are
names and sizes.  Tags that would make objects are errors, and so is what grows beyond measure by aliases.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

MAX_BYTES = 64 << 20
_MAX_MERGED = 100_000


class Unreadable(Exception):
    """A file, or an entry of it, that cannot be migrated, and why."""


class _Loader(yaml.SafeLoader):
    """Texts, booleans and nulls of YAML 1.2."""

    yaml_implicit_resolvers: Any = {}

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Merge keys (``<<``) can double a mapping again and again."""
        super().flatten_mapping(node)
        if len(node.value) > _MAX_MERGED:
            raise Unreadable("its aliases grow beyond measure")


_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])
_Loader.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile(r"^(?:<<)$"), ["<"])


def load(content: bytes) -> dict[str, Any]:
    """The mapping that a file holds, empty for an empty file. Raises: Unreadable."""
    if len(content) > MAX_BYTES:
        raise Unreadable("it is too large for a file of DVC")
    try:
        found = yaml.load(content, Loader=_Loader)  # a SafeLoader
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        first = str(error).strip().splitlines()
        raise Unreadable(f"it is not YAML that is understood: {first[0] if first else 'nested too deeply'}") from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise Unreadable("it is not a mapping")
    return found


def mapping(value: object) -> dict[Any, Any]:
    """A value as a mapping, empty where it is none."""
    return value if isinstance(value, dict) else {}


def entries(value: object) -> list[Any]:
    """A value as a list, empty where it is none."""
    return value if isinstance(value, list) else []

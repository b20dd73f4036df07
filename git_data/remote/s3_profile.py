"""Profiles of ``~/.aws`` that hold nothing but keys and a region: by far the most, and read here in no time.

botocore knows many more ways to credentials; its session takes 0.1 s to import, and is asked when a profile names anything that
is not listed here.  The files are those of the AWS SDKs and Tools Reference Guide, "Shared config and credentials files".
"""

from __future__ import annotations

import os

ID, SECRET, TOKENS = "aws_access_key_id", "aws_secret_access_key", ("aws_security_token", "aws_session_token")
_PLAIN = frozenset((ID, SECRET, *TOKENS, "region", "output", "cli_pager", "cli_auto_prompt", "max_attempts", "retry_mode"))


def read_plain(name: str) -> dict[str, str] | None:
    """The settings of a profile (``""``: the one of the environment), keys only from the credentials file.

    ``None`` when botocore has to be asked: for another kind of profile, or one that is not there.
    """
    name = name or os.environ.get("AWS_DEFAULT_PROFILE") or os.environ.get("AWS_PROFILE") or "default"
    config = _section(
        "AWS_CONFIG_FILE", "~/.aws/config", ("default", "profile default") if name == "default" else (f"profile {name}",)
    )
    credentials = _section("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials", (name,))
    if config is None or credentials is None or not (config or credentials or name == "default"):
        return None
    found = config | credentials
    if not _PLAIN.issuperset(found) or any("\n" in value for value in found.values()):
        return None
    if (ID in found or SECRET in found) and not (ID in credentials and SECRET in credentials):
        return None
    return found


def _section(variable: str, default: str, names: tuple[str, ...]) -> dict[str, str] | None:
    """The first of these sections of a file; empty if there is none, ``None`` if the file cannot be read."""
    path = os.path.expanduser(os.environ.get(variable) or default)
    if not os.path.exists(path):
        return {}
    from configparser import Error, RawConfigParser

    parser = RawConfigParser(default_section="")
    try:
        with open(path, encoding="utf-8") as file:
            parser.read_file(file)
    except (OSError, ValueError, Error):
        return None
    return next((dict(parser[name]) for name in names if parser.has_section(name)), {})

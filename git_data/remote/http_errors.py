"""What an HTTP status means for us."""

from __future__ import annotations

import time

from git_data.base.report import harmless
from git_data.errors import AccessDenied, GitDataError, NotOnRemote, RemoteError, RemoteUnavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST_TEXT = 160
_WAIT = (408, 423, 425, 429, 500, 502, 503, 504)  # 423: another client holds a WebDAV lock on it
_GONE = (404, 410)


def of_status(status: int, shown: str, reason: str, headers: Mapping[str, str], text: str = "", hint: str = "") -> GitDataError:
    """The error for a status that is none of those hoped for; ``text`` is the beginning of a plain text body."""
    said = first_line(text)
    message = f"{shown}: {status} {harmless(reason)[:60]}".rstrip()
    if said and said.lower() not in message.lower():
        message += f": {said}"
    if status in _GONE:
        return NotOnRemote(message, hint)
    if status == 401:
        return AccessDenied(message, hint)
    if status == 403:
        return AccessDenied(message, hint or "the server knows who asks and does not allow it; ask who runs it")
    if status == 413:
        return RemoteError(f"{message}: the server does not take anything that large", hint or "its limit must be raised")
    if status == 507:
        return RemoteError(f"{message}: the server has no space left", hint)
    if status in _WAIT:
        return RemoteUnavailable(message, hint, retry_after(headers))
    return RemoteError(message, hint)


def retry_after(headers: Mapping[str, str]) -> float:
    """Seconds to wait (RFC 9110, 10.2.3: a number or a date); 0 if the server does not say.

    A date is compared with the server's own clock where it tells it: ours may be wrong.
    """
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    then = http_time(text)
    if not then:
        return 0.0
    return max(then - (http_time(headers.get("Date", "")) or time.time()), 0.0)


def http_time(text: str) -> float:
    """An HTTP date as seconds since the epoch; 0 if it is none."""
    from email.utils import parsedate_to_datetime

    try:
        return parsedate_to_datetime(text).timestamp() if text else 0.0
    except (ValueError, TypeError, OverflowError):
        return 0.0


def first_line(text: str) -> str:
    """The first line of a text somebody else wrote, short and harmless."""
    line = next((line for line in (_in_json(text) or text).splitlines() if line.strip()), "").strip()
    return harmless(line.replace("\ufffd", "?"))[:_LONGEST_TEXT]


def _in_json(text: str) -> str:
    """The message of an error that is told in JSON, as most programs' interfaces do; empty if it is none."""
    if not text.startswith("{"):
        return ""
    import json

    try:
        message = json.loads(text).get("message", "")
    except ValueError:
        return ""
    return message if isinstance(message, str) else ""

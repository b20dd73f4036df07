"""What the libraries behind fsspec raise, as errors of ours.

Each library has its own classes, and importing them all to compare would take seconds: they are told apart by the names of
classes, by HTTP statuses, and by the few classes of Python's own.  The cause of an error often says more than the error.
"""

from __future__ import annotations

import errno

from git_data.errors import AccessDenied, GitDataError, NotOnRemote, RemoteError, RemoteUnavailable
from git_data.remote.address import redacted

_MISSING = ("ResourceNotFoundError", "NoSuchKey", "EntryNotFoundError", "NotFound")
_REFUSED = (
    "AccessDenied",
    "ClientAuthenticationError",
    "CredentialUnavailableError",
    "DefaultCredentialsError",
    "GatedRepoError",
    "InvalidGrantError",
    "LocalTokenNotFoundError",
    "RefreshError",
)
_UNAVAILABLE = (
    "ClientConnectionError",
    "ClientConnectorError",
    "ClientPayloadError",
    "ConnectTimeout",
    "IncompleteReadError",
    "ProtocolError",
    "ReadTimeout",
    "RequestError",
    "ServerDisconnectedError",
    "ServiceRequestError",
    "ServiceResponseError",
    "TransportError",
)
_WAIT = (429, 500, 502, 503, 504, 408)
_WAIT_ERRORS = (errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EIO)
_SHOWN = 300


def translated(error: Exception, key: str, doing: str, url: str, login: str = "") -> GitDataError:
    """The error a user reads; ``login`` is a hint for when access is denied."""
    if isinstance(error, GitDataError):
        return error
    said = redacted(" ".join(str(error).split()))[:_SHOWN] or type(error).__name__
    message = f"{doing} '{key}' on {redacted(url)}: {said}" if key else f"{doing} {redacted(url)}: {said}"
    for one in _chain(error):
        kind = _kind(one)
        if kind is NotOnRemote and doing == "writing":
            return RemoteError(message, "the bucket or container is not there; make it with the tools of the service")
        if kind is NotOnRemote:
            return NotOnRemote(f"'{key}' is not on {redacted(url)}")
        if kind is AccessDenied:
            return AccessDenied(message, login)
        if kind is RemoteUnavailable:
            return RemoteUnavailable(message, retry_after_s=_retry_after_s(one))
    return RemoteError(message)


def _chain(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and one not in found and len(found) < 8:
        found.append(one)
        one = one.__cause__ or one.__context__
    return found


def _kind(error: BaseException) -> type[GitDataError] | None:
    names = {kind.__name__ for kind in type(error).__mro__}
    status = status_of(error)
    if isinstance(error, FileNotFoundError) or status == 404 or names.intersection(_MISSING):
        return NotOnRemote
    if isinstance(error, PermissionError) or status in (401, 403) or names.intersection(_REFUSED):
        return AccessDenied
    if isinstance(error, ValueError) and "credential" in str(error).lower():
        return AccessDenied
    if isinstance(error, (TimeoutError, ConnectionError, EOFError)) or status in _WAIT or names.intersection(_UNAVAILABLE):
        return RemoteUnavailable
    if isinstance(error, OSError) and (error.errno in _WAIT_ERRORS or "gaierror" in names):
        return RemoteUnavailable
    return None


def status_of(error: BaseException) -> int:
    """The HTTP status an error carries, 0 for none."""
    response = getattr(error, "response", None)
    for holder in (error, response):
        for name in ("status_code", "status", "code"):
            value = getattr(holder, name, None)
            if isinstance(value, str) and value.isdigit():
                value = int(value)
            if isinstance(value, int) and 100 <= value < 600:
                return value
    return 0


def _retry_after_s(error: BaseException) -> float:
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    text = str(headers.get("Retry-After", ""))
    return float(text) if text.isdigit() else 0.0

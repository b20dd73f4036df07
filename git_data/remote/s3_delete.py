"""Deleting many keys in one request (DeleteObjects)."""

from __future__ import annotations

import hashlib
from binascii import b2a_base64
from xml.sax.saxutils import escape

from git_data.base.digest import sha256
from git_data.errors import AccessDenied, GitDataError, RemoteError, RemoteUnavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from git_data.remote.s3 import S3

BATCH_KEYS = 1000


def delete_many(remote: S3, keys: Sequence[str]) -> Sequence[str]:
    """Delete in batches; the keys that are left over, because the server has no such request.

    Raises: AccessDenied, RemoteUnavailable, RemoteError.
    """
    for start in range(0, len(keys), BATCH_KEYS):
        if not _delete(remote, keys[start : start + BATCH_KEYS]):
            return keys[start:]
    return ()


def _delete(remote: S3, keys: Sequence[str]) -> bool:
    objects = "".join([f"<Object><Key>{escape(remote.prefix + key)}</Key></Object>" for key in keys])
    body = f'<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{objects}<Quiet>true</Quiet></Delete>'.encode()
    digest = sha256(body).hexdigest()
    headers = {
        "content-type": "application/xml",
        # older servers insist on it, newer ones on a checksum
        "content-md5": b2a_base64(hashlib.md5(body, usedforsecurity=False).digest(), newline=False).decode(),
        **remote.checksum(digest),
    }
    response = remote.client.request(
        "POST", "", "delete=", headers, body, payload=digest, accept=(400, 405, 501), what=remote.url
    )
    answer = response.read()
    if response.status >= 400:
        return False  # what else it may mean, the single requests will tell
    if b"<Error>" in answer:
        raise _failed(remote, answer)
    return True


def _failed(remote: S3, answer: bytes) -> GitDataError:
    from xml.etree import ElementTree

    for found in ElementTree.fromstring(answer).iterfind("{*}Error"):
        key, code = (found.findtext(f"{{*}}{name}") or "" for name in ("Key", "Code"))
        text = f"{remote.what(key.removeprefix(remote.prefix))} could not be deleted: {code} {found.findtext('{*}Message') or ''}"
        if code == "AccessDenied":
            return AccessDenied(text.strip())
        return (RemoteUnavailable if code in ("InternalError", "SlowDown", "ServiceUnavailable") else RemoteError)(text.strip())
    return RemoteError(f"{remote.url} could not delete")

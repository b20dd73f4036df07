"""Signatures of S3 requests: AWS Signature Version 4, with the signing key of the day kept.

``botocore.auth.S3SigV4Auth`` gives the same bytes in ten times the time, most of it in copying headers and in deriving the
key again.  The form is "Authenticating Requests: Using the Authorization Header (AWS Signature Version 4)" of the Amazon S3
API Reference.
"""

from __future__ import annotations

import time
from hmac import digest

from git_data.base.digest import sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.remote.s3_access import Keys

EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
UNSIGNED = "UNSIGNED-PAYLOAD"


class Signer:
    """Adds what proves who we are to the headers of a request."""

    __slots__ = ("_kept", "region")

    def __init__(self, region: str) -> None:
        self.region = region
        self._kept: tuple[str, str, bytes] = ("", "", b"")

    def sign(
        self, keys: Keys, method: str, netloc: str, path: str, query: str, headers: dict[str, str], payload: str = EMPTY_SHA256
    ) -> None:
        """Sign ``headers`` (names in lower case) in place; ``path`` is quoted, ``query`` quoted and sorted.

        ``payload`` is the SHA-256 of the body, or ``UNSIGNED``.
        """
        now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        headers["host"] = netloc
        headers["x-amz-content-sha256"] = payload
        headers["x-amz-date"] = now
        if keys.token:
            headers["x-amz-security-token"] = keys.token
        names = sorted(headers)
        signed = ";".join(names)
        lines = "".join([f"{name}:{headers[name]}\n" for name in names])
        del headers["host"]  # which the connection adds
        request = f"{method}\n{path}\n{query}\n{lines}\n{signed}\n{payload}"
        scope = f"{now[:8]}/{self.region}/s3/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{sha256(request.encode()).hexdigest()}"
        proof = digest(self._key(keys.secret, now[:8]), text.encode(), "sha256").hex()
        headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={keys.id}/{scope}, SignedHeaders={signed}, Signature={proof}"

    def _key(self, secret: str, day: str) -> bytes:
        kept = self._kept
        if kept[0] == secret and kept[1] == day:
            return kept[2]
        key = f"AWS4{secret}".encode()
        for part in (day, self.region, "s3", "aws4_request"):
            key = digest(key, part.encode(), "sha256")
        self._kept = (secret, day, key)
        return key

"""What S3's refusals mean for the user (Amazon S3 API Reference, "Error responses"), and what mends them."""

from __future__ import annotations

from git_data.errors import AccessDenied, GitDataError, NotOnRemote, RemoteError, RemoteUnavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.remote.s3_http import Response

_KEYS = "aws configure list   shows where the credentials come from; aws sts get-caller-identity   whose they are"
_DENIED = {
    "AccessDenied": ("access is denied", _KEYS),
    "AllAccessDisabled": ("access is disabled", _KEYS),
    "AccountProblem": ("there is a problem with the account", _KEYS),
    "ExpiredToken": ("the credentials have expired", "aws sso login, or get new ones where you got these"),
    "TokenRefreshRequired": ("the credentials have expired", "aws sso login, or get new ones where you got these"),
    "InvalidAccessKeyId": ("the access key is not known there", "aws configure list   shows where it comes from"),
    "InvalidToken": ("the session token is not valid", "aws sso login, or get new ones where you got these"),
    "NotSignedUp": ("the account is not signed up for S3", _KEYS),
    "RequestTimeTooSkewed": ("the clock of this machine is wrong", "date; timedatectl set-ntp true"),
    "RequestExpired": ("the clock of this machine is wrong", "date; timedatectl set-ntp true"),
    "SignatureDoesNotMatch": (
        "the secret key does not belong to the access key",
        "aws configure list   shows where they come from",
    ),
}
_BUSY = (
    "SlowDown",
    "ServiceUnavailable",
    "InternalError",
    "RequestTimeout",
    "OperationAborted",
    "TooManyRequests",
    "RequestLimitExceeded",
    "ThrottlingException",
    "BadDigest",  # damaged on the way
    "XAmzContentSHA256Mismatch",
    "XAmzContentChecksumMismatch",
    "IncompleteBody",
)


class Refusal:
    """An answer that is no success, taken apart."""

    __slots__ = ("code", "message", "region", "retry_after_s", "status")

    def __init__(self, response: Response) -> None:
        self.status = response.status
        self.code = self.message = ""
        self.region = response.headers.get("x-amz-bucket-region", "")
        after = response.headers.get("retry-after", "")
        self.retry_after_s = float(after) if after.isdigit() else 0.0
        body = response.read()
        if body.lstrip().startswith(b"<") and b"<Code>" in body:
            self.code = _element(body, "Code")
            self.message = _element(body, "Message")
            self.region = self.region or _element(body, "Region")

    @property
    def wrong_region(self) -> bool:
        """Whether the bucket is in another region, which may be ``region``."""
        known = ("PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException")
        return self.status in (301, 307) or self.code in known or (self.status == 400 and not self.code and bool(self.region))

    def error(self, what: str, bucket: str, region: str, name: str) -> GitDataError:
        """The error to raise; ``what`` is the object or bucket that was asked for, ``name`` that of the remote."""
        status, code = self.status, self.code
        if code == "NoSuchBucket":
            return RemoteError(f"bucket '{bucket}' does not exist", f"aws s3 mb s3://{bucket}")
        if code == "InvalidBucketName":
            return RemoteError(f"'{bucket}' cannot be the name of a bucket", "git data remote set-url")
        if self.wrong_region:
            if self.region and self.region != region:
                return RemoteError(
                    f"bucket '{bucket}' is in the region '{self.region}', not '{region}'",
                    f"git config data.{name or '<remote>'}.region {self.region}",
                )
            return RemoteError(
                f"bucket '{bucket}' is not in the region '{region}'", f"aws s3api get-bucket-location --bucket {bucket}"
            )
        if code in _DENIED or status in (401, 403):
            reason, hint = _DENIED.get(code, _DENIED["AccessDenied"])
            return AccessDenied(f"{what}: {reason}", hint)
        if status == 404 or code in ("NoSuchKey", "NotFound"):
            return NotOnRemote(f"{what} is not there")
        if code in _BUSY or status in (408, 425, 429) or (status >= 500 and status != 501):
            return RemoteUnavailable(f"{what}: {self._said()}", retry_after_s=self.retry_after_s)
        return RemoteError(f"{what}: {self._said()}")

    def _said(self) -> str:
        said = f"the server says {self.status}"
        if self.code:
            said += f" {self.code}"
        return f"{said} ({self.message})" if self.message else said


def _element(body: bytes, name: str) -> str:
    """The text of the first element of a name; answers are small, and may be no XML at all."""
    start = body.find(f"<{name}>".encode())
    end = body.find(f"</{name}>".encode(), start)
    if start < 0 or end < 0:
        return ""
    text = body[start + len(name) + 2 : end].decode("utf-8", "replace")
    for entity, character in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&#34;", '"'), ("&#39;", "'"), ("&amp;", "&")):
        text = text.replace(entity, character)
    return text[:500]

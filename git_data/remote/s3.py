"""S3 and what speaks like it: SeaweedFS, MinIO, Ceph, R2 (``s3://bucket/prefix``).

Settings: ``region``, ``endpoint``, ``addressing`` (path, virtual, auto), ``anonymous``, ``profile``, ``sse`` (AES256, aws:kms),
``ssekmskeyid``, ``storageclass``, ``partsize``.  Credentials come from where botocore finds them.  A crash in an upload leaves at
most an unfinished multipart upload, which no listing shows and the next ``put`` of the same key goes on with.
"""

from __future__ import annotations

import os
import re
import threading
from binascii import b2a_base64
from urllib.parse import quote, unquote_plus

from git_data.base.digest import sha256
from git_data.errors import NotOnRemote, RemoteError, UsageError
from git_data.remote.base import CHUNK_BYTES, SMALL_BYTES, Entry, Remote, Source, Traits
from git_data.remote.s3_client import Client
from git_data.remote.s3_time import http_time, xml_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from git_data.remote.address import Address
    from git_data.remote.base import Options
    from git_data.remote.s3_parts import Budget

WHOLE_BYTES = 16 << 20
"""Up to here an object is sent in one request: parts would only add round trips."""
_PAGE_KEYS = 1000
_WORKERS = 32
_LONGEST_URL_S = 7 * 24 * 3600
# also what no host name and no path could be broken out of
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")


def open_remote(address: Address, options: Options) -> S3:
    """The bucket and prefix of an address. Raises: UsageError."""
    if not _BUCKET.fullmatch(address.host) or ".." in address.host:
        raise UsageError(f"'{address.url}' does not name a bucket", "git data remote add <name> s3://bucket/prefix")
    if address.port or address.user or address.query:
        raise UsageError(
            f"'{address.url}': only a bucket and a prefix belong into the URL",
            "git config data.<remote>.endpoint https://host:port",
        )
    return S3(address, options)


class S3(Remote):
    """Objects under one prefix of a bucket."""

    def __init__(self, address: Address, options: Options) -> None:
        super().__init__(address.url, Traits(create=True, swap=True, listing="flat", ranges=True, workers=_WORKERS))
        self.bucket = address.host
        self.options = options
        prefix = address.path.strip("/")
        self.prefix = f"{prefix}/" if prefix else ""
        self.client = Client(address.host, options, self)
        self.put_headers = _put_headers(options)
        self._budget: Budget | None = None
        self._lock = threading.Lock()

    # -- reading

    def stat(self, key: str) -> Entry | None:
        """See ``Remote.stat``."""
        try:
            response = self.client.request("HEAD", self.path(key), what=self.what(key))
        except NotOnRemote:
            return None
        response.read()
        headers = response.headers
        return Entry(
            key, _number(headers.get("content-length", "")), http_time(headers.get("last-modified", "")), headers.get("etag", "")
        )

    def list(self, prefix: str) -> Iterator[Entry]:
        """See ``Remote.list``."""
        after = ""
        while True:
            query = f"encoding-type=url&list-type=2&max-keys={_PAGE_KEYS}&prefix={quote(self.prefix + prefix, safe='')}"
            if after:
                query = f"continuation-token={quote(after, safe='')}&{query}"
            body = self._asked("GET", "", query)
            entries, after = self._page(body)
            yield from entries
            if not after:
                return

    def _page(self, body: bytes) -> tuple[Sequence[Entry], str]:
        """One page of a listing, and where the next one begins."""
        from xml.etree import ElementTree

        try:
            root = ElementTree.fromstring(body)
        except ElementTree.ParseError as error:
            raise RemoteError(f"the listing of {self.url} cannot be read: {error}") from None
        quoted = root.findtext("{*}EncodingType") == "url"
        entries = []
        for found in root.iterfind("{*}Contents"):
            fields = {child.tag.rpartition("}")[2]: child.text or "" for child in found}
            name = fields.get("Key", "")
            name = unquote_plus(name) if quoted else name
            if name.startswith(self.prefix) and not name.endswith("/"):
                size, time_s = _number(fields.get("Size", "")), xml_time(fields.get("LastModified", ""))
                entries.append(Entry(name[len(self.prefix) :], size, time_s, fields.get("ETag", "")))
        more = root.findtext("{*}IsTruncated") == "true"
        return entries, (root.findtext("{*}NextContinuationToken") or "" if more else "")

    def get(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """See ``Remote.get``."""
        if length == 0:
            return
        headers = {}
        if start or length is not None:
            headers["range"] = f"bytes={start}-{start + length - 1 if length is not None else ''}"
        response = self.client.request("GET", self.path(key), headers=headers, accept=(416,), what=self.what(key))
        if response.status == 416:
            response.read()
            return
        skip = start if headers and response.status == 200 else 0
        left = length if headers and response.status == 200 else None
        if not headers and response.left is not None and response.left <= CHUNK_BYTES:
            yield response.read(CHUNK_BYTES)
            return
        for piece in response.pieces():
            # a server that does not know ranges sends everything
            if skip:
                piece, skip = piece[skip:], max(0, skip - len(piece))
            if left is not None:
                piece = piece[:left]
                left -= len(piece)
            if piece:
                yield piece
            if left == 0:
                return

    def read(self, key: str, limit: int = SMALL_BYTES) -> tuple[bytes, str]:
        """See ``Remote.read``."""
        response = self.client.request("GET", self.path(key), what=self.what(key))
        if response.left is not None and response.left > limit:
            response.close()
            raise RemoteError(f"'{key}' on {self.url} is larger than {limit:,} bytes")
        return response.read(limit), response.headers.get("etag", "")

    # -- writing

    def put(self, key: str, source: Source) -> None:
        """See ``Remote.put``."""
        if source.size > WHOLE_BYTES:
            self._put_in_parts(key, source)
        else:
            self._put_whole(key, source)

    def _put_in_parts(self, key: str, source: Source) -> None:
        from git_data.remote.s3_parts import BUDGET_BYTES, Budget
        from git_data.remote.s3_upload import Upload

        with self._lock:
            if self._budget is None:
                self._budget = Budget(BUDGET_BYTES)
        Upload(self, key, source, self._budget).run()

    def _put_whole(self, key: str, source: Source) -> None:
        headers = self.put_headers | self.checksum(source.sha256)
        body = source.read() if source.size <= SMALL_BYTES else source.chunks(CHUNK_BYTES)
        path = self.path(key)
        response = self.client.request("PUT", path, "", headers, body, source.size, source.sha256, what=self.what(key))
        response.read()

    def create(self, key: str, data: bytes) -> bool:
        """See ``Remote.create``."""
        return self._put_if(key, data, {"if-none-match": "*"})

    def swap(self, key: str, data: bytes, tag: str) -> bool:
        """See ``Remote.swap``."""
        try:
            return self._put_if(key, data, {"if-match": tag})
        except NotOnRemote:
            return False

    def _put_if(self, key: str, data: bytes, condition: dict[str, str]) -> bool:
        digest = sha256(data).hexdigest()
        headers = self.put_headers | self.checksum(digest) | condition
        # not sent again when the connection breaks: the first try may have counted
        response = self.client.request(
            "PUT", self.path(key), "", headers, data, payload=digest, accept=(409, 412), what=self.what(key), again=False
        )
        response.read()
        return response.status not in (409, 412)

    def delete(self, keys: Sequence[str]) -> None:
        """See ``Remote.delete``."""
        from git_data.remote.s3_delete import delete_many

        if len(keys) > 1:
            keys = delete_many(self, keys)
        for key in keys:
            self._asked("DELETE", self.path(key), "", accept=(404,), what=self.what(key))

    # -- the rest

    def public_url(self, key: str, expires_s: int) -> str:
        """See ``Remote.public_url``."""
        place = self.client.place()
        if place.amazon and not self.client.access.anonymous:
            self.stat(key)  # so that the region is that of the bucket
            place = self.client.place()
        netloc = f"{place.host}:{place.port}" if place.port else place.host
        url = f"{place.scheme}://{netloc}{place.base}{self.path(key)}"
        credentials = self.client.access.credentials()
        if credentials is None:
            return url
        if expires_s > _LONGEST_URL_S:
            raise UsageError("a presigned URL of S3 is valid for seven days at most", "git data url --expires 7d")
        from botocore.auth import S3SigV4QueryAuth
        from botocore.awsrequest import AWSRequest

        request = AWSRequest("GET", url)
        S3SigV4QueryAuth(credentials, "s3", place.region, expires=expires_s).add_auth(request)
        return str(request.url)

    def path(self, key: str) -> str:
        """A key as it stands in a request."""
        return quote(self.prefix + key, safe="/")

    def what(self, key: str) -> str:
        """A key as users know it."""
        return f"'{key}' on {self.url}"

    def checksum(self, digest: str) -> dict[str, str]:
        """Headers that have the server keep the SHA-256, unless the user has switched such headers off.

        The variable is Amazon's, for servers that refuse unknown headers; what arrives is checked either way, by the hash
        in the signature.
        """
        if os.environ.get("AWS_REQUEST_CHECKSUM_CALCULATION", "").lower() == "when_required":
            return {}
        encoded = b2a_base64(bytes.fromhex(digest), newline=False).decode("ascii")
        return {"x-amz-checksum-sha256": encoded, "x-amz-sdk-checksum-algorithm": "SHA256"}

    def _asked(
        self,
        method: str,
        path: str,
        query: str,
        accept: tuple[int, ...] = (),
        what: str = "",
        headers: dict[str, str] | None = None,
    ) -> bytes:
        return self.client.request(method, path, query, headers, accept=accept, what=what or self.url).read(1 << 26)

    def close(self) -> None:
        """See ``Remote.close``."""
        self.client.close()


def _number(text: str) -> int:
    """A size as a server tells it; 0, which is that of no object, where that is no number."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0


def _put_headers(options: Options) -> dict[str, str]:
    named = {
        "storageclass": "x-amz-storage-class",
        "sse": "x-amz-server-side-encryption",
        "ssekmskeyid": "x-amz-server-side-encryption-aws-kms-key-id",
    }
    headers = {header: options.get(setting) for setting, header in named.items() if options.get(setting)}
    for value in headers.values():
        if not value.isascii() or not value.isprintable():
            raise UsageError("a setting of the remote contains characters that cannot be sent", "git data remote show")
    return headers

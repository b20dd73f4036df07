"""Where a bucket is, and with whose keys: the settings of the remote first, then what botocore finds.

Environment, profiles, SSO, web identity, containers' and instances' roles are botocore's business, and their renewal, too.
Its session takes 0.1 s to import; where the keys are plain text in the environment or in a profile, it is not needed.
"""

from __future__ import annotations

import os
from urllib.parse import quote

from git_data.errors import AccessDenied, ConfigError, UsageError
from git_data.remote import address, s3_profile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from git_data.remote.base import Options

DEFAULT_REGION = "us-east-1"
_ENDPOINT_VARIABLES = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")


class Keys:
    """An access key, its secret, and the token of a session."""

    __slots__ = ("id", "secret", "token")

    def __init__(self, id: str, secret: str, token: str) -> None:
        self.id = id
        self.secret = secret
        self.token = token


class Place:
    """Where a bucket answers: ``base`` goes before the quoted key; ``amazon`` if we made up the host from the region."""

    __slots__ = ("amazon", "base", "host", "port", "region", "scheme")

    def __init__(self, scheme: str, host: str, port: int, base: str, region: str, amazon: bool) -> None:
        self.scheme = scheme
        self.host = host
        self.port = port
        self.base = base
        self.region = region
        self.amazon = amazon


class Access:
    """What the settings and botocore say about a bucket; looked up once, when first asked."""

    def __init__(self, bucket: str, options: Options) -> None:
        self.bucket = bucket
        self.options = options
        self.anonymous = options.flag("anonymous")
        self._session: Any = None
        self._credentials: Any = None
        self._keys: Keys | None = None
        self._profile: dict[str, str] | None = None
        self._profile_read = False

    def place(self, region: str = "") -> Place:
        """Where to send requests to. Raises: ConfigError."""
        region = region or self.options.get("region") or self._region()
        endpoint = self.options.get("endpoint") or self._endpoint()
        style = self.options.get("addressing", "auto") or "auto"
        if style not in ("auto", "path", "virtual"):
            raise ConfigError(f"the addressing of the remote is '{style}'", "use path, virtual or auto")
        if endpoint:
            return _at_endpoint(endpoint, self.bucket, region, style == "virtual")
        domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        # the certificate of *.s3.amazonaws.com does not cover names with dots
        if style == "virtual" or (style == "auto" and "." not in self.bucket):
            return Place("https", f"{self.bucket}.s3.{region}.{domain}", 0, "/", region, True)
        return Place("https", f"s3.{region}.{domain}", 0, f"/{self.bucket}/", region, True)

    def ca_bundle(self) -> str:
        """A file of certificate authorities, if not the system's."""
        found = self.options.get("cafile") or os.environ.get("AWS_CA_BUNDLE") or os.environ.get("REQUESTS_CA_BUNDLE") or ""
        return found or (self._session.get_config_variable("ca_bundle") or "" if self._session else "")

    def keys(self) -> Keys | None:
        """What to sign with, renewed if need be; ``None`` for an anonymous remote. Raises: AccessDenied."""
        if self.anonymous:
            return None
        if self._keys is not None:
            return self._keys
        if self._credentials is None:
            self._keys = self._plain_keys()
            if self._keys is not None:
                return self._keys
            self._credentials = self._found()
        try:
            frozen = self._credentials.get_frozen_credentials()
        except Exception as error:  # whatever the providers of botocore, and of its plugins, raise
            raise AccessDenied(
                f"the credentials for s3://{self.bucket} cannot be renewed: {_first_line(error)}", _LOG_IN
            ) from None
        return Keys(frozen.access_key, frozen.secret_key, frozen.token or "")

    def credentials(self) -> Any:
        """The same as an object of botocore's."""
        from botocore.credentials import Credentials

        keys = self.keys()
        if keys is None:
            return None
        return Credentials(keys.id, keys.secret, keys.token or None)

    # -- plain text

    def _plain_keys(self) -> Keys | None:
        """The keys of the environment, which come first unless the remote names a profile, or of a plain profile."""
        get = os.environ.get
        if not self.options.get("profile") and get("AWS_ACCESS_KEY_ID"):
            if not get("AWS_SECRET_ACCESS_KEY") or get("AWS_CREDENTIAL_EXPIRATION"):
                return None
            token = get("AWS_SECURITY_TOKEN") or get("AWS_SESSION_TOKEN") or ""
            return Keys(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"], token)
        profile = self._plain_profile()
        if not profile or s3_profile.ID not in profile:
            return None
        token = next((profile[name] for name in s3_profile.TOKENS if profile.get(name)), "")
        return Keys(profile[s3_profile.ID], profile[s3_profile.SECRET], token)

    def _plain_profile(self) -> dict[str, str] | None:
        if not self._profile_read:
            self._profile = s3_profile.read_plain(self.options.get("profile"))
            self._profile_read = True
        return self._profile

    def _region(self) -> str:
        found = os.environ.get("AWS_DEFAULT_REGION") or os.environ.get("AWS_REGION") or ""
        if not found:
            profile = self._plain_profile()
            found = profile.get("region", "") if profile is not None else self.session().get_config_variable("region") or ""
        return found or DEFAULT_REGION

    # -- botocore

    def session(self) -> Any:
        """botocore's session for the profile of the remote. Raises: ConfigError."""
        if self._session is None:
            import botocore.session
            from botocore.exceptions import BotoCoreError

            self._session = botocore.session.Session(profile=self.options.get("profile") or None)
            try:
                self._session.get_scoped_config()
            except BotoCoreError as error:
                raise ConfigError(f"the configuration of AWS: {_first_line(error)}", "aws configure list-profiles") from None
        return self._session

    def _found(self) -> Any:
        try:
            found = self.session().get_credentials()
        except (ConfigError, KeyboardInterrupt):
            raise
        except Exception as error:  # whatever the providers of botocore, and of its plugins, raise
            raise AccessDenied(f"no usable credentials for s3://{self.bucket}: {_first_line(error)}", _LOG_IN) from None
        if found is None:
            name = self.options.name
            public = f"; if the bucket is public: git config data.{name}.anonymous true" if name else ""
            raise AccessDenied(f"no credentials for s3://{self.bucket}", f"aws configure, or export AWS_PROFILE=<name>{public}")
        return found

    def _endpoint(self) -> str:
        if os.environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
            return ""
        for name in _ENDPOINT_VARIABLES:
            if os.environ.get(name):
                return os.environ[name]
        if self._plain_profile() is not None:
            return ""
        session = self.session()
        scoped = session.get_scoped_config()
        if str(scoped.get("ignore_configured_endpoint_urls", "")).lower() == "true":
            return ""
        services = session.full_config.get("services", {}).get(scoped.get("services", ""), {})
        found = services.get("s3", {}).get("endpoint_url") or scoped.get("endpoint_url") or ""
        return str(found)


_LOG_IN = "aws sso login, or aws configure, or export AWS_PROFILE=<name>"


def _at_endpoint(endpoint: str, bucket: str, region: str, virtual: bool) -> Place:
    try:
        where = address.parse(endpoint)
    except UsageError as error:
        raise ConfigError(f"the endpoint of the remote: {error.message}", error.hint) from None
    if where.scheme not in ("http", "https") or not where.host or where.query or where.user:
        raise ConfigError(f"the endpoint of the remote is '{where.url}'", "it must be like https://host:port")
    path = quote(where.path)
    if virtual:
        return Place(where.scheme, f"{bucket}.{where.host}", where.port, f"{path}/", region, False)
    return Place(where.scheme, where.host, where.port, f"{path}/{bucket}/", region, False)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__

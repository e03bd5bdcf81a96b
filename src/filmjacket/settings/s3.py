"""Settings of blobs in an S3 store."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - pydantic needs it when it runs
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, ByteSize, Field, SecretStr

from filmjacket.archive.encryption import Encryption
from filmjacket.settings.group import Group

MIB = 1 << 20
GIB = 1 << 30


def _check_endpoint(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.username:
        raise ValueError("expected a URL such as https://s3.example.org, without credentials")
    return url.rstrip("/")


def check_blobs_url(url: str) -> str:
    """The URL itself, if it names a place for blobs."""
    parts = urlsplit(url)
    local = parts.scheme == "file" and not parts.netloc and parts.path.startswith("/")
    bucket = parts.scheme == "s3" and parts.netloc and "@" not in parts.netloc
    if not (local or bucket) or parts.query or parts.fragment:
        raise ValueError("expected file:///path or s3://bucket/prefix; keys of S3 are settings of their own")
    return url.rstrip("/")


def _expand_home(path: Path) -> Path:
    return path.expanduser()


Endpoint = Annotated[str, AfterValidator(_check_endpoint)]
BlobsUrl = Annotated[str, AfterValidator(check_blobs_url)]


class S3Settings(Group):
    """How the S3 store that `blobs` names is reached and used."""

    endpoint: Endpoint | None = Field(
        default=None, description="URL of the store. Unset: AWS_ENDPOINT_URL, else Amazon S3 in the region."
    )
    region: str | None = Field(default=None, description="Region of the bucket. Unset: AWS_REGION, else us-east-1.")
    key_id: str | None = Field(
        default=None,
        description="Access key ID. Unset: AWS_ACCESS_KEY_ID, a web identity, or the metadata of the instance.",
    )
    secret: SecretStr | None = Field(
        default=None, description="Secret access key that belongs to the ID. Unset: AWS_SECRET_ACCESS_KEY."
    )
    session_token: SecretStr | None = Field(
        default=None, description="Token of temporary credentials. Unset: AWS_SESSION_TOKEN."
    )
    virtual_hosted: bool = Field(
        default=False,
        description="Put the bucket into the host name instead of the path; an endpoint must then have it, too.",
    )
    allow_http: bool = Field(
        default=False, description="Allow an endpoint without TLS: keys are not sent, but images are, for all to read."
    )
    connect_seconds: float = Field(default=2.0, gt=0, le=300, description="Longest wait for a connection.")
    read_seconds: float = Field(default=5.0, gt=0, le=300, description="Longest silence while something is read.")
    write_seconds: float = Field(
        default=30.0, gt=0, le=3600, description="Longest time for one object or part to be sent."
    )
    retries: int = Field(default=3, ge=0, le=20, description="How often a request that failed is sent again.")
    retry_seconds: float = Field(
        default=10.0, gt=0, le=300, description="No request is sent again after this time since its first try."
    )
    part_bytes: ByteSize = Field(
        default=ByteSize(8 * MIB),
        ge=5 * MIB,
        le=512 * MIB,
        description="Larger instances are uploaded in parts of this size while they arrive; 10,000 parts are most.",
    )
    upload_memory_bytes: ByteSize = Field(
        default=ByteSize(32 * MIB), description="Memory of each server process for objects and parts on their way."
    )
    read_ahead_bytes: ByteSize = Field(
        default=ByteSize(4 * MIB), description="How much is fetched ahead of what one client has taken."
    )
    read_memory_bytes: ByteSize = Field(
        default=ByteSize(12 * MIB), description="Memory of each server process for what is fetched ahead."
    )
    cache_directory: Annotated[Path, AfterValidator(_expand_home)] | None = Field(
        default=None,
        description="Directory of the local cache; server processes of a machine may share one. Unset: in the data "
        "directory.",
    )
    cache_bytes: ByteSize = Field(
        default=ByteSize(GIB), description="Size of the local cache of whole instances; 0: none. It is not encrypted."
    )
    redirects: bool = Field(
        default=False,
        description="Answer a GET of one instance, as it is stored and not in multipart/related, with 307 and a signed "
        "URL of the store.",
    )
    redirect_seconds: int = Field(
        default=300, ge=10, le=7 * 24 * 3600, description="How long a signed URL can be used."
    )
    redirect_endpoint: Endpoint | None = Field(
        default=None, description="URL of the store as clients reach it. Unset: `s3.endpoint`."
    )
    encryption: Encryption = Field(
        default=Encryption.STORE,
        description="Who encrypts objects: store (as the bucket is set), sse-s3, sse-kms, dsse-kms, or sse-c with a "
        "key that only this server keeps.",
    )
    encryption_key: SecretStr | None = Field(
        default=None,
        description="The ID of the key for sse-kms and dsse-kms (unset: the store's own), or the key itself for sse-c, "
        "256 bits in Base64.",
    )

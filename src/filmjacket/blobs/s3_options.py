"""How an S3 store is reached and used: the settings, for those who know no settings."""

from __future__ import annotations

from dataclasses import dataclass

from filmjacket.archive.encryption import Encryption

MIB = 1 << 20


@dataclass(frozen=True, slots=True, repr=False)
class S3Access:
    """Where a bucket is and who we are. What is None comes from the standard AWS environment or instance metadata."""

    bucket: str
    prefix: str = ""
    endpoint: str | None = None
    region: str | None = None
    key_id: str | None = None
    secret: str | None = None
    session_token: str | None = None
    virtual_hosted: bool = False
    allow_http: bool = False
    redirect_endpoint: str | None = None
    encryption: Encryption = Encryption.STORE
    encryption_key: str | None = None


@dataclass(frozen=True, slots=True)
class S3Patience:
    """How long a store is waited for, in seconds, and how often a request is sent again."""

    connect: float = 2.0
    read: float = 5.0
    write: float = 30.0
    retries: int = 3
    retry: float = 10.0


@dataclass(frozen=True, slots=True)
class S3Sizes:
    """Bytes: of a part of an upload, read ahead of what a client took, and of all uploads and all reads together."""

    part: int = 8 * MIB
    read_ahead: int = 4 * MIB
    uploads: int = 32 * MIB
    reads: int = 12 * MIB

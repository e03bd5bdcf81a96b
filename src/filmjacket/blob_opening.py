"""Opening the store of blobs that the settings name."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from filmjacket.archive.encryption import Encryption
from filmjacket.blobs.local import LocalBlobs
from filmjacket.blobs.s3_options import S3Access, S3Patience, S3Sizes
from filmjacket.errors import FilmjacketError

if TYPE_CHECKING:
    from pydantic import SecretStr

    from filmjacket.archive.ports import Blobs
    from filmjacket.settings import Settings
    from filmjacket.settings.s3 import S3Settings

SSE_C_KEY_BYTES = 32


def open_blobs(settings: Settings) -> Blobs:
    """Open the store that `blobs` names, by default files in the data directory. No server is asked yet."""
    url = urlsplit(settings.blobs or "")
    if url.scheme == "s3":
        return _open_s3(settings, url.netloc, unquote(url.path).strip("/"))
    return LocalBlobs(
        Path(unquote(url.path)) if url.scheme == "file" else settings.blob_directory,
        memory_bytes=settings.stage_memory_bytes,
        minimum_free_bytes=settings.minimum_free_bytes,
    )


def _open_s3(settings: Settings, bucket: str, prefix: str) -> Blobs:
    s3 = settings.s3
    _check_together(s3)
    try:
        from filmjacket.blobs.cache import BlobCache  # noqa: PLC0415 - only what is used is loaded
        from filmjacket.blobs.object_store import ObjectBlobs, Staging  # noqa: PLC0415
        from filmjacket.blobs.s3_client import S3Client  # noqa: PLC0415
    except ImportError:
        raise FilmjacketError(
            "Blobs in an S3 store need obstore; `pip install 'filmjacket[s3]'` brings it.",
            offender="blobs",
            accepted=("file:///path",),
        ) from None
    access = S3Access(
        bucket,
        prefix,
        s3.endpoint,
        s3.region,
        s3.key_id,
        _plain(s3.secret),
        _plain(s3.session_token),
        virtual_hosted=s3.virtual_hosted,
        allow_http=s3.allow_http,
        redirect_endpoint=s3.redirect_endpoint,
        encryption=s3.encryption,
        encryption_key=_plain(s3.encryption_key),
    )
    patience = S3Patience(s3.connect_seconds, s3.read_seconds, s3.write_seconds, s3.retries, s3.retry_seconds)
    cache_directory = s3.cache_directory or settings.data / "cache"
    return ObjectBlobs(
        S3Client(access, patience),
        Staging(settings.data / "stage", settings.stage_memory_bytes, settings.minimum_free_bytes),
        sizes=S3Sizes(s3.part_bytes, s3.read_ahead_bytes, s3.upload_memory_bytes, s3.read_memory_bytes),
        cache=BlobCache(cache_directory, s3.cache_bytes) if s3.cache_bytes else None,
        redirect_seconds=s3.redirect_seconds if s3.redirects else None,
    )


def _check_together(s3: S3Settings) -> None:
    """Refuse settings that are fine by themselves and not together."""
    for endpoint in (s3.endpoint, s3.redirect_endpoint):
        if endpoint is not None and endpoint.startswith("http:") and not s3.allow_http:
            raise FilmjacketError(
                f"s3.endpoint is {endpoint}, and images would go there for all to read.",
                offender="s3.allow_http",
                accepted=("an https:// endpoint", "FILMJACKET_S3__ALLOW_HTTP=true"),
            )
    if (s3.key_id is None) != (s3.secret is None):
        raise FilmjacketError("s3.key_id and s3.secret belong together; only one of them is set.", offender="s3.key_id")
    if s3.encryption is not Encryption.SSE_C:
        return
    if not _is_key(_plain(s3.encryption_key)):
        raise FilmjacketError(
            "sse-c needs s3.encryption_key: 256 bits in Base64.",
            offender="s3.encryption_key",
            accepted=("the output of `openssl rand -base64 32`",),
        )
    if s3.redirects:
        raise FilmjacketError(
            "A store that is given the key with each request (sse-c) serves nobody without it: no redirects.",
            offender="s3.redirects",
            accepted=("s3.redirects = false", "another s3.encryption"),
        )


def _is_key(text: str | None) -> bool:
    try:
        return len(base64.b64decode(text or "", validate=True)) == SSE_C_KEY_BYTES
    except (binascii.Error, ValueError):
        return False


def _plain(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()

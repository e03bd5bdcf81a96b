"""The S3 client: the only module that knows obstore, and what its refusals mean."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import obstore
import structlog
from obstore.exceptions import AlreadyExistsError, BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from filmjacket.archive.encryption import Encryption
from filmjacket.blobs.breaker import CircuitBreaker, State
from filmjacket.errors import NotFound, OutOfStorage, Unavailable

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

    from obstore import ObjectMeta
    from obstore.store import ClientConfig, RetryConfig, S3Config

    from filmjacket.blobs.s3_options import S3Access, S3Patience

log = structlog.stdlib.get_logger("filmjacket.blobs")

CONTENT_TYPE: Final = "application/dicom"
"""Kept with each object, for clients that are sent there; nothing else reads it."""

ENCRYPTIONS: Final[Mapping[Encryption, tuple[str, str | None]]] = {
    Encryption.SSE_S3: ("AES256", None),
    Encryption.SSE_KMS: ("aws:kms", "sse_kms_key_id"),
    Encryption.SSE_KMS_TWICE: ("aws:kms:dsse", "sse_kms_key_id"),
    Encryption.SSE_C: ("sse-c", "sse_customer_key_base64"),
}
"""What obstore calls each, and the option that takes the key."""

FULL: Final = ("status code: 507", "StorageFull", "QuotaExceeded")
NOT_PARTIAL: Final = "Received non-partial response"
OUT_OF_RANGE: Final = "status code: 416"


class AlreadyThere(Exception):
    """A create-only put found an object; only the probe asks for one."""


class S3Client:
    """Synchronous calls on one bucket, each through the circuit breaker."""

    def __init__(self, access: S3Access, patience: S3Patience, breaker: CircuitBreaker | None = None) -> None:
        self.breaker = breaker or CircuitBreaker(on_change=_report)
        self._deletes_many = True
        self._reads = _store(access, patience, reads=True)
        self._writes = _store(access, patience, reads=False)
        self._deletes_one = _store(access, patience, reads=False, disable_bulk_delete=True)
        self._signs = _store(access, patience, reads=True, endpoint=access.redirect_endpoint or access.endpoint)

    def put(self, key: str, content: bytes, *, create: bool = False) -> None:
        """Write an object in one request; returns when the store has acknowledged it."""
        with self._call("put"):
            obstore.put(
                self._writes,
                key,
                content,
                attributes={"Content-Type": CONTENT_TYPE},
                mode="create" if create else "overwrite",
                use_multipart=False,
            )

    def put_parts(self, key: str, parts: Iterator[bytes], part_bytes: int) -> None:
        """Write an object as a multipart upload of what the iterator gives; if that raises, nothing is left behind.

        After each part the iterator is asked for more only once that part is acknowledged if it gives nothing
        (`b""`) in between.
        """
        with self._call("upload"):
            obstore.put(
                self._writes,
                key,
                parts,
                attributes={"Content-Type": CONTENT_TYPE},
                use_multipart=True,
                chunk_size=part_bytes,
                max_concurrency=1,
            )

    def get(self, key: str, first: int, length: int) -> tuple[bytes, int]:
        """At most `length` bytes from `first`, and how many the whole object has."""
        with self._call("get"):
            result = obstore.get(self._reads, key, options={"range": (first, first + length)})
            return result.buffer().to_bytes(), result.meta["size"]

    def get_suffix(self, key: str, length: int) -> bytes:
        """The last `length` bytes."""
        with self._call("get"):
            return obstore.get(self._reads, key, options={"range": {"suffix": length}}).buffer().to_bytes()

    def size(self, key: str) -> int:
        """Bytes of the object."""
        with self._call("head"):
            return obstore.head(self._reads, key)["size"]

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; missing ones are not an error. One by one where the store knows no other way."""
        if len(keys) > 1 and self._deletes_many:
            try:
                with self._call("delete"):
                    obstore.delete(self._writes, list(keys))
            except Unavailable:
                if self.breaker.state is not State.CLOSED:
                    raise
            else:
                return
        for key in keys:
            with suppress(NotFound), self._call("delete"):
                obstore.delete(self._deletes_one, key)
        self._deletes_many = len(keys) <= 1 and self._deletes_many

    def list(self, prefix: str | None = None) -> Iterator[ObjectMeta]:
        """Every object, or those below a prefix, in the order of keys."""
        pages = obstore.list(self._reads, prefix, chunk_size=1000)  # pyright: ignore[reportUnknownMemberType] - Arrow is not installed
        while True:
            with self._call("list"):
                page = next(pages, None)
            if page is None:
                return
            yield from page

    def sign(self, key: str, seconds: int) -> str:
        """A URL under which anybody can GET the object for a while."""
        with self._call("sign"):
            return obstore.sign(self._signs, "GET", key, timedelta(seconds=seconds))

    @contextmanager
    def _call(self, action: str) -> Generator[None]:
        self.breaker.admit()
        try:
            yield
        except (BaseError, OSError, ValueError) as error:
            meaning = _meaning(error)
            if isinstance(meaning, Unavailable):
                log.warning("blob_store_failed", action=action, reason=_reason(error))
            if isinstance(meaning, Unavailable) and not isinstance(meaning, Refused | NotPartial):
                self.breaker.failed()
            else:
                self.breaker.answered()
            raise meaning from error
        self.breaker.answered()


def _meaning(error: Exception) -> Exception:
    text = str(error)
    if isinstance(error, AlreadyExistsError):
        return AlreadyThere()
    if isinstance(error, FileNotFoundError) or OUT_OF_RANGE in text:
        return missing()
    if isinstance(error, PermissionDeniedError | UnauthenticatedError):
        return Refused()
    if NOT_PARTIAL in text:
        return NotPartial()
    if any(sign in text for sign in FULL):
        return OutOfStorage(
            "The blob store is full; nothing was kept of what was not acknowledged.", section="PS3.18 10.5.3"
        )
    return Unavailable("The blob store cannot be used now.", section="PS3.18 10.5.3")


def missing() -> NotFound:
    """The index knows bytes that the store has not."""
    return NotFound("Stored bytes of this instance are missing from the blob store.", section="PS3.18 10.4.3")


class Refused(Unavailable):
    """503: the store does not let us in; it answers, so that waiting helps only if somebody changes that."""

    reason_code = "blob-store-refuses"

    def __init__(self) -> None:
        super().__init__(
            "The blob store refuses the credentials it was given.",
            offender="s3.key_id, s3.secret",
            accepted=("credentials that may get, put, delete and list",),
        )


class NotPartial(Unavailable):
    """503: the store answers a range with status 200, so that nobody can tell what it sent."""

    reason_code = "blob-store-without-ranges"
    ACCEPTED: Final = ("an S3 store that passes the probe, such as those in docs/how-to/s3.md",)

    def __init__(self) -> None:
        super().__init__(
            "The blob store answers a range request with status 200; it cannot be used.",
            section="RFC 9110 15.3.7",
            offender="blobs",
            accepted=self.ACCEPTED,
        )


def _store(
    access: S3Access,
    patience: S3Patience,
    *,
    reads: bool,
    endpoint: str | None = None,
    disable_bulk_delete: bool = False,
) -> S3Store:
    config: S3Config = {"virtual_hosted_style_request": access.virtual_hosted}
    given = {
        "endpoint": endpoint or access.endpoint,
        "region": access.region,
        "access_key_id": access.key_id,
        "secret_access_key": access.secret,
        "session_token": access.session_token,
        "disable_bulk_delete": disable_bulk_delete or None,
        **_encryption(access),
    }
    config.update({name: value for name, value in given.items() if value is not None})  # pyright: ignore[reportCallIssue, reportArgumentType] - names of S3Config
    client: ClientConfig = {
        "allow_http": access.allow_http,
        "connect_timeout": timedelta(seconds=patience.connect),
        "timeout": timedelta(seconds=6 * patience.read if reads else patience.write),
        "pool_idle_timeout": timedelta(seconds=20),
    }
    if reads:  # while a part is being sent, nothing is read
        client["read_timeout"] = timedelta(seconds=patience.read)
    retry: RetryConfig = {
        "max_retries": patience.retries,
        "retry_timeout": timedelta(seconds=patience.retry),
        "backoff": {
            "init_backoff": timedelta(milliseconds=50),
            "max_backoff": timedelta(seconds=2),
            "base": 2,
        },
    }
    return S3Store(
        access.bucket, prefix=access.prefix or None, config=config, client_options=client, retry_config=retry
    )


def _encryption(access: S3Access) -> dict[str, str | None]:
    if access.encryption not in ENCRYPTIONS:
        return {}
    name, key_option = ENCRYPTIONS[access.encryption]
    given: dict[str, str | None] = {"server_side_encryption": name}
    if key_option is not None:
        given[key_option] = access.encryption_key
    return given


def _reason(error: Exception) -> str:
    """The first line, without the trace that obstore appends."""
    return str(error).partition("\n")[0][:400]


def _report(state: State) -> None:
    log.warning("blob_store_circuit", state=str(state))

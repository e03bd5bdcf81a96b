"""Store transaction of the Studies service (PS3.18 10.5), also called STOW-RS.

A `StoreSession` is fed the bytes of one request payload as they arrive and ends in a `StoreReport`. It does
blocking work (staging, syncing, one index transaction), so callers feed it from a worker thread.

Nothing of a request becomes visible before its payload has proved to be well formed, except in very large
requests: from `FLUSH_INSTANCES` instances or `FLUSH_HEADER_BYTES` of headers on, what has arrived whole is
committed on the way so that memory stays bounded; if such a request breaks later, the answer is 202 and names
what was stored.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from filmjacket.archive.records import StoreResult
from filmjacket.errors import BadRequest, TooLarge, UnsupportedMediaType
from filmjacket.services.studies.ingest import StoreFailure
from filmjacket.web import status
from filmjacket.web.media_types import DICOM, MULTIPART_RELATED, OCTET_STREAM, parse_media_type
from filmjacket.web.multipart_reader import (
    Finished,
    MultipartLimits,
    MultipartReader,
    PartBegin,
    PartData,
    PartEnd,
    boundary_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filmjacket.errors import FilmjacketError
    from filmjacket.services.studies.ingest import Incoming, Ingest, Received, Stored
    from filmjacket.web.media_types import MediaType

ACCEPTED_PAYLOADS = ('multipart/related; type="application/dicom"', "application/dicom")
ACCEPTED_CODINGS = ("identity", "gzip", "deflate")
FLUSH_INSTANCES = 500
FLUSH_HEADER_BYTES = 4 * 2**20  # about 60 MB once parsed
PUBLISH_INSTANCES = 32
PUBLISH_BYTES = 16 * 2**20
INFLATE_STEP = 2**20  # decoded bytes handed on at a time, whatever the compression ratio


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """Bounds on one store request; `None` is no bound."""

    payload_bytes: int | None
    part_bytes: int | None
    parts: int
    part_header_bytes: int


@dataclass(frozen=True, slots=True)
class StoreReport:
    """What became of the instances of one request, in the order in which they came."""

    stored: tuple[Stored, ...]
    failures: tuple[StoreFailure, ...]


class PayloadReader(Protocol):
    """Turns payload bytes into calls on a `StoreSession`'s intake."""

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the payload."""
        ...

    def finish(self) -> None:
        """The payload has ended; raises `BadRequest` if it should not have."""
        ...


class Intake:
    """Collects received instances, publishes and commits them in groups."""

    def __init__(self, ingest: Ingest, study: str | None, limits: StoreLimits) -> None:
        self._ingest = ingest
        self._study = study
        self._limits = limits
        self._incoming: Incoming | None = None
        self._staged: list[Received] = []
        self._published: list[Received] = []
        self.stored: list[Stored] = []
        self.failures: list[StoreFailure] = []
        self.parts = 0

    def begin(self) -> None:
        """Start the next instance."""
        self.parts += 1
        self._incoming = self._ingest.begin(study=self._study, maximum_bytes=self._limits.part_bytes)

    def write(self, chunk: bytes | memoryview) -> None:
        """Bytes of the current instance; ignored for a part that was refused."""
        if self._incoming is not None:
            self._incoming.write(chunk)

    def end(self) -> None:
        """The current instance is complete."""
        if self._incoming is None:
            return
        try:
            self._staged.append(self._incoming.finish())
        except StoreFailure as failure:
            self.failures.append(failure)
        self._incoming = None
        if len(self._staged) >= PUBLISH_INSTANCES or _bytes_of(self._staged) >= PUBLISH_BYTES:
            self._publish()
            if len(self._published) >= FLUSH_INSTANCES or _headers_of(self._published) >= FLUSH_HEADER_BYTES:
                self._commit()

    def refuse(self, failure: StoreFailure) -> None:
        """Count a part that is not even begun."""
        self.parts += 1
        self.failures.append(failure)

    def complete(self) -> None:
        """The payload is well formed: everything that was received becomes part of the archive."""
        self._publish()
        self._commit()

    def abandon(self) -> None:
        """The payload broke: drop whatever is not committed."""
        if self._incoming is not None:
            self._incoming.discard()
        for item in self._staged:
            item.staged.discard()
        self._ingest.withdraw(self._published)
        self._incoming, self._staged, self._published = None, [], []

    def _publish(self) -> None:
        if self._staged:
            self._ingest.publish(self._staged)
            self._published += self._staged
            self._staged = []

    def _commit(self) -> None:
        if not self._published:
            return
        for item in self._ingest.commit(self._published):
            if item.result is StoreResult.DUPLICATE:
                self.failures.append(_refusal_of_duplicate(item))
            else:
                self.stored.append(item)
        self._published = []


class StoreSession:
    """One store request: feed its payload, then `finish`; `broken` or `abandon` when it cannot be completed."""

    def __init__(self, intake: Intake, reader: PayloadReader, decoder: ContentDecoder) -> None:
        self._intake = intake
        self._reader = reader
        self._decoder = decoder

    def feed(self, chunk: bytes) -> None:
        """Take payload bytes as they came over the wire. Raises what makes the whole request fail."""
        for piece in self._decoder.decode(chunk):
            self._reader.feed(piece)

    def finish(self) -> StoreReport:
        """End of payload: commit and report. Raises `BadRequest` for a broken or empty payload."""
        self._decoder.finish()
        self._reader.finish()
        if self._intake.parts == 0:
            raise BadRequest(
                "The payload holds no instance.",
                section="10.5.3.1",
                offender="payload",
                accepted=ACCEPTED_PAYLOADS,
            )
        self._intake.complete()
        return self._report()

    def broken(self, error: FilmjacketError) -> StoreReport:
        """The request failed as a whole: raises `error` again, unless part of a very large one is stored already."""
        self._intake.abandon()
        if not self._intake.stored:
            raise error
        self._intake.refuse(StoreFailure(error.message, reason=status.CANNOT_UNDERSTAND))
        return self._report()

    def abandon(self) -> None:
        """Drop everything that is not committed."""
        self._intake.abandon()

    def _report(self) -> StoreReport:
        return StoreReport(tuple(self._intake.stored), tuple(self._intake.failures))


class SinglePart:
    """A payload that is one Part 10 file (8.6.1.1)."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._begun = False

    def feed(self, chunk: bytes) -> None:
        """Bytes of the file."""
        if not self._begun:
            self._intake.begin()
            self._begun = True
        self._intake.write(chunk)

    def finish(self) -> None:
        """The file is complete."""
        if self._begun:
            self._intake.end()


class MultiPart:
    """A `multipart/related` payload, one Part 10 file a part (8.6.1.2)."""

    def __init__(self, intake: Intake, boundary: bytes, limits: StoreLimits) -> None:
        self._intake = intake
        self._reader = MultipartReader(
            boundary, MultipartLimits(parts=limits.parts, header_bytes=limits.part_header_bytes)
        )
        self._skipping = False

    def feed(self, chunk: bytes) -> None:
        """Next bytes of the payload."""
        for event in self._reader.feed(chunk):
            self._take(event)

    def finish(self) -> None:
        """Raises `BadRequest` unless the closing delimiter was seen."""
        self._reader.finish()

    def _take(self, event: PartBegin | PartData | PartEnd | Finished) -> None:
        if isinstance(event, PartData):
            if not self._skipping:
                self._intake.write(event.data)
        elif isinstance(event, PartBegin):
            refusal = _refusal_of_part(event)
            self._skipping = refusal is not None
            if refusal is None:
                self._intake.begin()
            else:
                self._intake.refuse(refusal)
        elif isinstance(event, PartEnd) and not self._skipping:
            self._intake.end()


class _Decompressor(Protocol):
    """The type of `zlib.decompressobj()`, which has no public name."""

    @property
    def unconsumed_tail(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class ContentDecoder:
    """Undoes the Content-Encoding of a request payload, a bounded piece at a time (RFC 9110 8.4).

    `maximum_bytes` bounds the payload as decoded, which a few coded bytes may swell to.
    """

    def __init__(self, coding: str, maximum_bytes: int | None = None) -> None:
        self._maximum_bytes = maximum_bytes
        self._decoded = 0
        # 47: gzip or zlib, detected
        self._inflater = None if coding == "identity" else zlib.decompressobj(47)

    def decode(self, chunk: bytes) -> Iterator[bytes]:
        """Decoded pieces of at most `INFLATE_STEP` bytes. Raises `BadRequest` for a corrupt stream, `TooLarge`."""
        for piece in (chunk,) if self._inflater is None else _inflate(self._inflater, chunk):
            self._decoded += len(piece)
            if self._maximum_bytes is not None and self._decoded > self._maximum_bytes:
                raise TooLarge(
                    f"The payload is larger than the configured {self._maximum_bytes} bytes.",
                    section="8.5",
                    offender="payload",
                )
            yield piece

    def finish(self) -> None:
        """Raises `BadRequest` if the coded stream is cut short."""
        if self._inflater is not None and not self._inflater.eof:
            raise BadRequest(
                "The coded payload ends before its own end mark.",
                section="RFC 9110 8.4",
                offender="Content-Encoding",
            )


def _inflate(decompressor: _Decompressor, chunk: bytes) -> Iterator[bytes]:
    while chunk:
        try:
            piece = decompressor.decompress(chunk, INFLATE_STEP)
        except zlib.error as error:
            raise BadRequest(
                "The payload is not what its Content-Encoding says.",
                section="RFC 9110 8.4",
                offender="Content-Encoding",
            ) from error
        chunk = decompressor.unconsumed_tail
        if piece:
            yield piece


def open_session(
    ingest: Ingest,
    *,
    content_type: str | None,
    content_encoding: str | None,
    study: str | None,
    limits: StoreLimits,
) -> StoreSession:
    """Choose the reader for a payload. Raises `UnsupportedMediaType` (415) with what is understood."""
    media_type = parse_media_type(content_type) if content_type else None
    coding = (content_encoding or "identity").strip().lower()
    coding = "gzip" if coding == "x-gzip" else coding
    if coding not in ACCEPTED_CODINGS:
        raise UnsupportedMediaType(
            "This Content-Encoding is not supported.",
            section="10.5.3",
            offender="Content-Encoding",
            accepted=ACCEPTED_CODINGS,
        )
    intake = Intake(ingest, study, limits)
    decoder = ContentDecoder(coding, limits.payload_bytes)
    return StoreSession(intake, _payload_reader(media_type, intake, limits), decoder)


def _payload_reader(media_type: MediaType | None, intake: Intake, limits: StoreLimits) -> PayloadReader:
    if media_type is not None and media_type.essence == DICOM:
        return SinglePart(intake)
    if media_type is not None and media_type.essence == MULTIPART_RELATED:
        root = media_type.get("type")
        if root is None or parse_media_type(root).essence == DICOM:
            return MultiPart(intake, boundary_of(media_type), limits)
    raise UnsupportedMediaType(
        "The payload's media type is not supported." if media_type else "The Content-Type header is missing.",
        section="10.5.4",
        offender="Content-Type",
        accepted=ACCEPTED_PAYLOADS,
    )


def _refusal_of_part(part: PartBegin) -> StoreFailure | None:
    """The part must be a Part 10 file in plain bytes; a part without Content-Type is taken to be one."""
    if part.unsupported_encoding is not None:
        return StoreFailure("Content-Transfer-Encoding is not supported.", reason=status.CANNOT_UNDERSTAND)
    content_type = part.headers.get("content-type")
    if content_type is None:
        return None
    try:
        essence = parse_media_type(content_type).essence
    except BadRequest:
        essence = ""
    if essence in {DICOM, OCTET_STREAM}:
        return None
    return StoreFailure("The part's Content-Type is not application/dicom.", reason=status.CANNOT_UNDERSTAND)


def _refusal_of_duplicate(item: Stored) -> StoreFailure:
    return StoreFailure(
        "Other content is stored under this SOP Instance UID.",
        reason=status.DUPLICATE_SOP_INSTANCE,
        sop_class_uid=item.candidate.sop_class_uid,
        sop_uid=item.candidate.sop_uid,
    )


def _bytes_of(received: list[Received]) -> int:
    return sum(item.candidate.blob.size for item in received)


def _headers_of(received: list[Received]) -> int:
    return sum(item.header_bytes for item in received)

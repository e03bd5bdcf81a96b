"""Store transaction of the Studies service (PS3.18 10.5), also called STOW-RS.

A `StoreSession` is fed the bytes of one request payload as they arrive and ends in a `StoreReport`. It does
blocking work (staging, syncing, one index transaction), so callers feed it from a worker thread.

Nothing of a request becomes visible before its payload has proved to be well formed, except in very large
requests: from `FLUSH_INSTANCES` instances or `FLUSH_HEADER_BYTES` of headers on, what has arrived whole is
committed on the way so that memory stays bounded; if such a request breaks later, the answer is 202 and names
what was stored.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from filmjacket.archive.records import StoreResult
from filmjacket.clock import utc_now
from filmjacket.errors import BadRequest, CommitUnknown
from filmjacket.services.studies.compose import Composition, CompositionLimits
from filmjacket.services.studies.content_coding import ACCEPTED_CODINGS, ContentDecoder, content_coding_of
from filmjacket.services.studies.ingest import StoreFailure, judge
from filmjacket.services.studies.payload_readers import ACCEPTED_PAYLOADS, PayloadReader, reader_of
from filmjacket.web import status

if TYPE_CHECKING:
    from filmjacket.dicom.attributes import Attributes
    from filmjacket.dicom.header import Header
    from filmjacket.errors import FilmjacketError
    from filmjacket.services.studies.ingest import Identity, Incoming, Ingest, Received, Stored

__all__ = (
    "ACCEPTED_CODINGS",
    "ACCEPTED_PAYLOADS",
    "Intake",
    "StoreLimits",
    "StoreReport",
    "StoreSession",
    "StoreTarget",
    "Target",
    "open_session",
)

FLUSH_INSTANCES = 500
FLUSH_HEADER_BYTES = 4 * 2**20  # about 60 MB once parsed
PUBLISH_INSTANCES = 32
PUBLISH_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """Bounds on one store request; `None` is no bound."""

    payload_bytes: int | None
    part_bytes: int | None
    parts: int
    part_header_bytes: int
    metadata_bytes: int


@dataclass(frozen=True, slots=True)
class StoreTarget:
    """The target URI of a store, and the study that it names, if it does (10.5.1.1)."""

    url: str
    study: str | None = None

    def judge(self, header: Header) -> Identity:
        """Whether an instance may be stored here."""
        return judge(header, self.study)


class Target(Protocol):
    """Where a payload is stored to, and what may be stored there."""

    @property
    def url(self) -> str:
        """The target URI."""
        ...

    def judge(self, header: Header) -> Identity:
        """Decide by its header whether an instance may be stored. Raises `StoreFailure`."""
        ...


@dataclass(frozen=True, slots=True)
class StoreReport:
    """What became of the instances of one request, in the order in which they came."""

    stored: tuple[Stored, ...]
    failures: tuple[StoreFailure, ...]


class Intake:
    """Collects received instances, publishes and commits them in groups."""

    def __init__(self, ingest: Ingest, target: Target, limits: StoreLimits) -> None:
        self._ingest = ingest
        self._target = target
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
        self._incoming = self._ingest.begin(judge=self._target.judge, maximum_bytes=self._limits.part_bytes)

    def write(self, chunk: bytes | memoryview) -> None:
        """Bytes of the current instance; ignored for a part that was refused."""
        if self._incoming is not None:
            self._incoming.write(chunk)

    def end(self, coercions: tuple[Attributes, ...] = ()) -> None:
        """The current instance is complete; `coercions` are items on values that were put right on the way."""
        if self._incoming is None:
            return
        try:
            received = self._incoming.finish()
            self._staged.append(replace(received, coercions=coercions) if coercions else received)
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

    def fail(self, failure: StoreFailure) -> None:
        """The current instance turned out to be none, or could not even be begun."""
        if self._incoming is None:
            self.refuse(failure)
            return
        self._incoming.discard()
        self._incoming = None
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
        try:
            committed = self._ingest.commit(self._published)
        except CommitUnknown:
            # They may be visible, so that their bytes must stay; a sweep finds those that are not.
            self._published = []
            raise
        for item in committed:
            if item.result is StoreResult.DUPLICATE:
                self.failures.append(_refusal_of_duplicate(item))
            else:
                self.stored.append(item)
        self._published = []


class StoreSession:
    """One store request: feed its payload, then `finish`; `broken` or `abandon` when it cannot be completed."""

    def __init__(
        self, intake: Intake, composition: Composition, reader: PayloadReader, decoder: ContentDecoder
    ) -> None:
        self._intake = intake
        self._composition = composition
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
        self._composition.close()
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
        self.abandon()
        if not self._intake.stored:
            raise error
        self._intake.refuse(StoreFailure(error.message, reason=status.CANNOT_UNDERSTAND))
        return self._report()

    def abandon(self) -> None:
        """Drop everything that is not committed."""
        self._composition.close()
        self._intake.abandon()

    def _report(self) -> StoreReport:
        return StoreReport(tuple(self._intake.stored), tuple(self._intake.failures))


def open_session(
    ingest: Ingest,
    *,
    content_type: str | None,
    content_encoding: str | None,
    target: Target,
    limits: StoreLimits,
) -> StoreSession:
    """Choose the reader for a payload. Raises `UnsupportedMediaType` (415) with what is understood."""
    coding = content_coding_of(content_encoding)
    intake = Intake(ingest, target, limits)
    composition = Composition(
        intake, CompositionLimits(limits.metadata_bytes, limits.part_bytes), target.url, ingest.spool, utc_now
    )
    reader = reader_of(content_type, intake, composition, limits)
    return StoreSession(intake, composition, reader, ContentDecoder(coding, limits.payload_bytes))


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

"""Taking in Part 10 files, whoever brings them: STOW-RS, the command line, later DIMSE.

The way of a file: its bytes are scanned while they are staged; `Incoming.finish` judges the header; `publish`
makes the bytes durable; one index transaction makes the instance visible. A crash before the last step leaves
at most an orphan blob, which `maintenance.sweep` finds.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from filmjacket.archive.deletions import DeletionRules
from filmjacket.archive.records import Candidate, Place, StoreResult
from filmjacket.clock import now
from filmjacket.dicom import transfer_syntaxes
from filmjacket.dicom.attributes import get_text, get_values
from filmjacket.dicom.header import HeaderReader
from filmjacket.dicom.sop_classes import MEDIA_STORAGE_DIRECTORY, non_patient_category
from filmjacket.dicom.uids import is_tolerable_uid
from filmjacket.errors import DicomError, FilmjacketError, TooLarge, Unavailable
from filmjacket.web import status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from filmjacket.archive.policies import DuplicatePolicy
    from filmjacket.archive.ports import Blobs, InstanceStore, Spool, StagedBlob
    from filmjacket.archive.records import StoreOutcome
    from filmjacket.dicom.attributes import Attributes
    from filmjacket.dicom.header import Header

    Judge = Callable[[Header], "Identity"]

SOP_CLASS_UID = "00080016"
SOP_INSTANCE_UID = "00080018"
STUDY_INSTANCE_UID = "0020000D"
SERIES_INSTANCE_UID = "0020000E"
IDENTIFYING = {
    "SOPClassUID": SOP_CLASS_UID,
    "SOPInstanceUID": SOP_INSTANCE_UID,
    "StudyInstanceUID": STUDY_INSTANCE_UID,
    "SeriesInstanceUID": SERIES_INSTANCE_UID,
}


class StoreFailure(FilmjacketError):
    """One instance that cannot be stored: Failure Reason (0008,1197) of PS3.18 I.2.2 and whose it is, if known."""

    status = 409
    reason_code = "instance-not-stored"

    def __init__(
        self, message: str, *, reason: int, sop_class_uid: str | None = None, sop_uid: str | None = None
    ) -> None:
        super().__init__(message, section="10.5.3")
        self.reason = reason
        self.sop_class_uid = sop_class_uid
        self.sop_uid = sop_uid


@dataclass(frozen=True, slots=True)
class Received:
    """A file whose header was judged storable and whose bytes are staged, not yet durable."""

    candidate: Candidate
    staged: StagedBlob
    header_bytes: int
    warnings: tuple[str, ...]
    coercions: tuple[Attributes, ...] = ()


@dataclass(frozen=True, slots=True)
class Stored:
    """The durable end of one received file. `warnings` are texts for people and hold no values.

    `place` is where the instance can be retrieved: for `KEPT` that of the one that was there before.
    """

    candidate: Candidate
    result: StoreResult
    warnings: tuple[str, ...]
    place: Place
    coercions: tuple[Attributes, ...] = ()

    @property
    def warning_reason(self) -> int | None:
        """Warning Reason (0008,1196) of PS3.18 I.2.1, if there is anything to warn of."""
        if self.result is StoreResult.KEPT:
            return status.ELEMENTS_DISCARDED
        if self.coercions:
            return status.COERCION_OF_DATA_ELEMENTS
        return status.DATA_SET_DOES_NOT_MATCH_WARNING if self.warnings else None


class Incoming:
    """One Part 10 file on its way in."""

    def __init__(self, staged: StagedBlob, *, judge: Judge, maximum_bytes: int | None) -> None:
        self._staged = staged
        self._judge = judge
        self._maximum_bytes = maximum_bytes
        self._reader = HeaderReader()
        self._bytes = 0
        self._failure: StoreFailure | None = None

    def write(self, chunk: bytes | memoryview) -> None:
        """Append bytes. Content that is no DICOM is remembered and reported by `finish`, not raised here."""
        if self._failure is not None:
            return
        self._bytes += len(chunk)
        self._staged.write(chunk)  # first, so that the store's threads work while the header is read
        try:
            self._reader.feed(chunk)
            if self._maximum_bytes is not None and self._bytes > self._maximum_bytes:
                raise TooLarge(f"The instance is larger than the configured {self._maximum_bytes} bytes.")
        except (DicomError, TooLarge) as error:
            self._failure = self._failure_of(error)

    def finish(self) -> Received:
        """Judge what has arrived. Raises `StoreFailure`, with nothing left behind."""
        try:
            if self._failure is not None:
                raise self._failure
            header = self._reader.finish()
            return self._received(header, self._judge(header))
        except DicomError as error:
            raise self._failure_of(error) from error
        except StoreFailure:
            self._staged.discard()
            raise

    def discard(self) -> None:
        """Drop everything, for a request that broke off."""
        self._staged.discard()

    def _failure_of(self, error: DicomError | TooLarge) -> StoreFailure:
        self._staged.discard()
        return StoreFailure(
            error.message,
            reason=status.OUT_OF_RESOURCES if isinstance(error, TooLarge) else status.CANNOT_UNDERSTAND,
            sop_class_uid=get_text(self._reader.attributes, SOP_CLASS_UID),
            sop_uid=get_text(self._reader.attributes, SOP_INSTANCE_UID),
        )

    def _received(self, header: Header, identity: Identity) -> Received:
        blob = self._staged.finish()
        candidate = Candidate(
            study_uid=identity.study_uid,
            series_uid=identity.series_uid,
            sop_uid=identity.sop_uid,
            sop_class_uid=identity.sop_class_uid,
            transfer_syntax=header.transfer_syntax,
            blob=blob,
            attributes=header.attributes,
            layout=header.layout,
        )
        header_bytes = blob.size - sum(value.length for value in header.layout.bulk)
        return Received(
            candidate=candidate,
            staged=self._staged,
            header_bytes=max(header_bytes, 0) + len(header.layout.spans),
            warnings=tuple(f"{warning.path}: {warning.text}" for warning in header.warnings),
        )


@dataclass(frozen=True, slots=True)
class Identity:
    """The four UIDs under which an instance is kept; a non-patient one has neither study nor series: ""."""

    study_uid: str
    series_uid: str
    sop_uid: str
    sop_class_uid: str


def judge(header: Header, study: str | None = None) -> Identity:
    """Decide whether an instance may be stored (PS3.18 10.5.3). Raises `StoreFailure` with the best one reason.

    `study` is the Study Instance UID of the target URI, if it has one.
    """
    sop_class_uid = get_text(header.attributes, SOP_CLASS_UID) or ""
    if sop_class_uid == MEDIA_STORAGE_DIRECTORY:
        text = "A DICOMDIR is a directory of instances, not an instance."
        raise failure_of(header, text, status.SOP_CLASS_NOT_SUPPORTED)
    category = non_patient_category(sop_class_uid)
    if category is not None:
        # A comment has 64 characters (PS3.5 6.2); the name of the resource that takes it is among the first.
        text = f"It belongs to no patient; store to /{category}"
        raise failure_of(header, text, status.SOP_CLASS_NOT_SUPPORTED)
    uids = identifying_uids(header, IDENTIFYING)
    if study is not None and uids["StudyInstanceUID"] != study:
        text = "StudyInstanceUID differs from the study in the target URI."
        raise failure_of(header, text, status.STUDY_INSTANCE_UID_MISMATCH)
    return Identity(
        study_uid=uids["StudyInstanceUID"],
        series_uid=uids["SeriesInstanceUID"],
        sop_uid=uids["SOPInstanceUID"],
        sop_class_uid=uids["SOPClassUID"],
    )


def identifying_uids(header: Header, wanted: Mapping[str, str]) -> dict[str, str]:
    """The UIDs by which an instance is kept, by keyword; `wanted` maps keywords to tags.

    Raises `StoreFailure` for one that is no UID, and for a transfer syntax that is not supported.
    """
    if transfer_syntaxes.get(header.transfer_syntax) is None:
        text = f"Transfer syntax {header.transfer_syntax[:64]} is not supported."
        raise failure_of(header, text, status.TRANSFER_SYNTAX_NOT_SUPPORTED)
    uids: dict[str, str] = {}
    for keyword, tag in wanted.items():
        uid = uids[keyword] = get_text(header.attributes, tag) or ""
        if not uid:
            raise failure_of(header, f"{keyword} is missing or empty.", status.DATA_SET_DOES_NOT_MATCH)
        if len(get_values(header.attributes, tag)) > 1:
            raise failure_of(header, f"{keyword} has more than one value.", status.DATA_SET_DOES_NOT_MATCH)
        if not is_tolerable_uid(uid):
            raise failure_of(header, f"{keyword} is not a UID (PS3.5 9.1).", status.DATA_SET_DOES_NOT_MATCH)
    return uids


def failure_of(header: Header, text: str, reason: int) -> StoreFailure:
    """A failure that names its instance as far as it is known."""
    attributes = header.attributes
    sop_class_uid, sop_uid = get_text(attributes, SOP_CLASS_UID), get_text(attributes, SOP_INSTANCE_UID)
    return StoreFailure(text, reason=reason, sop_class_uid=sop_class_uid, sop_uid=sop_uid)


class Ingest:
    """Receives files and makes them part of the archive."""

    def __init__(
        self,
        index: InstanceStore,
        blobs: Blobs,
        duplicates: DuplicatePolicy,
        rules: DeletionRules | None = None,
        clock: Callable[[], int] = now,
        *,
        on_stored: Callable[[Iterable[Attributes]], None] | None = None,
    ) -> None:
        self._index = index
        self._blobs = blobs
        self._duplicates = duplicates
        self._rules = rules or DeletionRules()
        self._clock = clock
        self._on_stored = on_stored

    def begin(self, *, judge: Judge = judge, maximum_bytes: int | None = None) -> Incoming:
        """Start to receive one file; `judge` decides, by its header, whether it may be stored here."""
        return Incoming(self._blobs.stage(), judge=judge, maximum_bytes=maximum_bytes)

    def spool(self) -> Spool:
        """A place for bytes that become part of a file later in the same request."""
        return self._blobs.spool()

    def publish(self, received: Sequence[Received]) -> None:
        """Make the bytes durable, still invisible."""
        self._blobs.publish([item.staged for item in received])

    def withdraw(self, received: Sequence[Received]) -> None:
        """Take back files that were published but never committed."""
        self._blobs.remove([item.candidate.blob.key for item in received])

    def commit(self, received: Sequence[Received]) -> list[Stored]:
        """Make published files visible, all in one durable transaction, and drop what became unneeded."""
        at = self._clock()
        outcomes = self._index.store(
            [item.candidate for item in received],
            self._duplicates,
            at=at,
            retained_since=self._rules.retained_since(at),
        )
        unneeded = [outcome.unneeded.key for outcome in outcomes if outcome.unneeded is not None]
        with suppress(Unavailable):  # all is committed; what stays is an orphan, which the sweep removes
            self._blobs.remove(unneeded)
        if self._on_stored is not None:
            self._on_stored(item.candidate.attributes for item in received)
        return [
            Stored(
                item.candidate,
                outcome.result,
                _warnings_of(item, outcome),
                outcome.kept_at or Place(item.candidate.study_uid, item.candidate.series_uid),
                () if outcome.result is StoreResult.KEPT else item.coercions,
            )
            for item, outcome in zip(received, outcomes, strict=True)
        ]


def _warnings_of(item: Received, outcome: StoreOutcome) -> tuple[str, ...]:
    if outcome.result is StoreResult.KEPT:
        return ("An instance with this SOP Instance UID and other content is stored already and was kept.",)
    return item.warnings

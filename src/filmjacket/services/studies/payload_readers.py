"""Readers of store payloads: one part or several, files or metadata with bulk data (PS3.18 8.6.1, Table 10.5.4-1)."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Protocol

from filmjacket.errors import BadRequest, UnsupportedMediaType
from filmjacket.services.studies.compose import METADATA_TYPES
from filmjacket.services.studies.ingest import StoreFailure
from filmjacket.web import status
from filmjacket.web.media_types import (
    DICOM,
    DICOM_JSON,
    DICOM_XML,
    MULTIPART_RELATED,
    OCTET_STREAM,
    MediaType,
    item_type,
    parse_media_type,
    written,
)
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
    from filmjacket.services.studies.compose import Composition
    from filmjacket.services.studies.store import Intake, StoreLimits

ACCEPTED_PAYLOADS = (
    written(DICOM, multipart=True),
    written(DICOM_JSON, multipart=True),
    written(DICOM_XML, multipart=True),
    DICOM,
    DICOM_JSON,
    DICOM_XML,
)
# Table 10.5.4-1 lists plain bytes among the types of payloads too; what the parts are, they say themselves then.
_ROOTS = frozenset((DICOM, *METADATA_TYPES, OCTET_STREAM))


class PayloadReader(Protocol):
    """Turns payload bytes into calls on a `StoreSession`'s intake."""

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the payload."""
        ...

    def finish(self) -> None:
        """The payload has ended; raises `BadRequest` if it should not have."""
        ...


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


class SingleMetadata:
    """A payload that is metadata alone; what they refer to is missing then."""

    def __init__(self, composition: Composition, media_type: str) -> None:
        self._composition = composition
        self._media_type = media_type
        self._begun = False

    def feed(self, chunk: bytes) -> None:
        """Bytes of the document."""
        if not self._begun:
            self._composition.begin_metadata({}, self._media_type)
            self._begun = True
        self._composition.write(chunk)

    def finish(self) -> None:
        """The document is complete."""
        if self._begun:
            self._composition.end()
            self._composition.complete()


class _Kind(Enum):
    """What is done with a part."""

    FILE = auto()
    METADATA = auto()
    BULK = auto()
    REFUSED = auto()


class MultiPart:
    """A `multipart/related` payload (8.6.1.2): Part 10 files, metadata and bulk data, also side by side.

    Whether plain bytes are a file, as some clients declare them, or a bulk value follows from what came before:
    metadata come first.
    """

    def __init__(self, intake: Intake, composition: Composition, media_type: MediaType, limits: StoreLimits) -> None:
        self._intake = intake
        self._composition = composition
        root = item_type(media_type)
        self._root = root.essence if root is not None else DICOM
        self._expects_bulk = self._root in METADATA_TYPES
        self._reader = MultipartReader(
            boundary_of(media_type), MultipartLimits(parts=limits.parts, header_bytes=limits.part_header_bytes)
        )
        self._kind = _Kind.REFUSED

    def feed(self, chunk: bytes) -> None:
        """Next bytes of the payload."""
        for event in self._reader.feed(chunk):
            self._take(event)

    def finish(self) -> None:
        """Raises `BadRequest` unless the closing delimiter was seen."""
        self._reader.finish()
        self._composition.complete()

    def _take(self, event: PartBegin | PartData | PartEnd | Finished) -> None:
        if isinstance(event, PartData):
            if self._kind is _Kind.FILE:
                self._intake.write(event.data)
            elif self._kind is not _Kind.REFUSED:
                self._composition.write(event.data)
        elif isinstance(event, PartBegin):
            self._begin(event)
        elif isinstance(event, PartEnd):
            if self._kind is _Kind.FILE:
                self._intake.end()
            elif self._kind is not _Kind.REFUSED:
                self._composition.end()

    def _begin(self, part: PartBegin) -> None:
        self._kind = self._kind_of(part)
        if self._kind is _Kind.FILE:
            self._intake.begin()
        elif self._kind is _Kind.BULK:
            self._composition.begin_bulk(part.headers)
        elif self._kind is _Kind.METADATA:
            self._expects_bulk = True
            self._composition.begin_metadata(part.headers, self._root)
        elif part.unsupported_encoding is not None:
            self._refuse("Content-Transfer-Encoding is not supported.")
        else:
            self._refuse("The part's Content-Type is not application/dicom.")

    def _kind_of(self, part: PartBegin) -> _Kind:
        if part.unsupported_encoding is not None:
            return _Kind.REFUSED
        essence = _essence_of(part)
        if essence == DICOM:
            return _Kind.FILE
        if essence in METADATA_TYPES:
            return _Kind.METADATA
        if essence is None and self._root in METADATA_TYPES and not self._composition.has_metadata:
            return _Kind.METADATA
        if self._expects_bulk:
            return _Kind.BULK
        return _Kind.FILE if essence in {None, OCTET_STREAM} else _Kind.REFUSED

    def _refuse(self, text: str) -> None:
        self._intake.refuse(StoreFailure(text, reason=status.CANNOT_UNDERSTAND))


def _essence_of(part: PartBegin) -> str | None:
    """The declared media type without parameters, None if there is none, "" if it cannot be read."""
    declared = part.headers.get("content-type")
    if declared is None:
        return None
    try:
        return parse_media_type(declared).essence
    except BadRequest:
        return ""


def reader_of(content_type: str | None, intake: Intake, composition: Composition, limits: StoreLimits) -> PayloadReader:
    """Choose the reader for a payload. Raises `UnsupportedMediaType` (415) with what is understood."""
    media_type = parse_media_type(content_type) if content_type else None
    if media_type is not None and media_type.essence == DICOM:
        return SinglePart(intake)
    if media_type is not None and media_type.essence in METADATA_TYPES:
        return SingleMetadata(composition, media_type.essence)
    if media_type is not None and media_type.essence == MULTIPART_RELATED:
        root = item_type(media_type)
        if root is None or root.essence in _ROOTS:
            return MultiPart(intake, composition, media_type, limits)
    raise UnsupportedMediaType(
        "The payload's media type is not supported." if media_type else "The Content-Type header is missing.",
        section="10.5.4",
        offender="Content-Type",
        accepted=ACCEPTED_PAYLOADS,
    )

"""Metadata and bulk data parts of a store request on their way to instances (PS3.18 10.5; for IHE: WIC, EBIW).

Parts are spooled while the payload arrives. When it is complete, each data set is joined with what it refers to and
goes the way of every Part 10 file: one path judges and stores.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from filmjacket.dicom.attributes import get_text
from filmjacket.dicom.json_model import parse_array
from filmjacket.dicom.shape import check_attributes, is_array, is_object
from filmjacket.dicom.uids import is_tolerable_uid
from filmjacket.dicom.xml_model import decode_native
from filmjacket.errors import DicomError, TooLarge
from filmjacket.services.studies.bulk_parts import BulkParts, PartSpool
from filmjacket.services.studies.ingest import SOP_CLASS_UID, SOP_INSTANCE_UID, StoreFailure
from filmjacket.services.studies.instance_file import (
    DOCUMENT_TYPE,
    MAX_SHOWN,
    PIXEL_DESCRIPTION,
    PartSource,
    compose_file,
)
from filmjacket.services.studies.pixel_parts import TRANSFER_SYNTAX
from filmjacket.web import status
from filmjacket.web.media_types import DICOM_JSON, DICOM_XML, parse_media_type

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from filmjacket.archive.ports import Spool
    from filmjacket.dicom.attributes import Attributes
    from filmjacket.services.studies.bulk_parts import SpooledPart
    from filmjacket.services.studies.store import Intake
    from filmjacket.web.media_types import MediaType

METADATA_TYPES = (DICOM_JSON, DICOM_XML)

# Which failure reason (PS3.18 Table I.2-2) an error about something means; anything else cannot be understood.
_REASONS = {
    TRANSFER_SYNTAX: status.TRANSFER_SYNTAX_NOT_SUPPORTED,
    "NumberOfFrames": status.DATA_SET_DOES_NOT_MATCH,
    "SOPClassUID": status.DATA_SET_DOES_NOT_MATCH,
    "SOPInstanceUID": status.DATA_SET_DOES_NOT_MATCH,
    DOCUMENT_TYPE: status.DATA_SET_DOES_NOT_MATCH,
    PIXEL_DESCRIPTION: status.DATA_SET_DOES_NOT_MATCH,
}


@dataclass(frozen=True, slots=True)
class CompositionLimits:
    """Bounds on parts that are no Part 10 files; `None` is no bound."""

    metadata_bytes: int
    bulk_bytes: int | None


class Composition:
    """Metadata and bulk data parts of one request, composed to files for the intake once the payload is complete."""

    def __init__(
        self,
        intake: Intake,
        limits: CompositionLimits,
        target: str,
        make_spool: Callable[[], Spool],
        now: Callable[[], datetime],
    ) -> None:
        self._intake = intake
        self._limits = limits
        self._spool = PartSpool(make_spool)
        self._bulk = BulkParts(target)
        self._metadata: list[SpooledPart] = []
        self._headers: dict[str, str] = {}
        self._root: MediaType | None = None
        self._now = now
        self._references_known = True

    @property
    def has_metadata(self) -> bool:
        """Whether a metadata part is complete."""
        return bool(self._metadata)

    def begin_metadata(self, headers: dict[str, str], root: str) -> None:
        """A part with data sets begins; `root` is its media type if its headers name none."""
        self._headers, self._root = headers, parse_media_type(root)
        self._spool.begin()

    def begin_bulk(self, headers: dict[str, str]) -> None:
        """A part with a bulk value, or a frame of one, begins."""
        self._headers, self._root = headers, None
        self._spool.begin()

    def write(self, chunk: bytes | memoryview) -> None:
        """Bytes of the current part. Raises `TooLarge`."""
        limit = self._limits.bulk_bytes if self._root is None else self._limits.metadata_bytes
        if limit is not None and self._spool.part_bytes + len(chunk) > limit:
            kind = "bulk data" if self._root is None else "metadata"
            raise TooLarge(f"A {kind} part is larger than the configured {limit} bytes.", section="8.5", offender=kind)
        self._spool.write(chunk)

    def end(self) -> None:
        """The current part is complete."""
        if self._root is None:
            self._bulk.add(self._spool.end(self._headers))
        else:
            self._metadata.append(self._spool.end(self._headers, self._root))

    def complete(self) -> None:
        """The payload is well formed: hand every instance to the intake. Raises `DicomError` if none is readable."""
        unreadable: list[DicomError] = []
        for part in self._metadata:
            try:
                data_sets = self._data_sets(part)
            except DicomError as error:
                unreadable.append(error)
                continue
            while data_sets:  # what is stored need not stay in memory
                error = self._take_data_set(data_sets.popleft(), part)
                if error is not None:
                    unreadable.append(error)
        if unreadable and not self._intake.parts:
            raise unreadable[0]
        for error in unreadable:
            self._intake.refuse(StoreFailure(error.message, reason=status.CANNOT_UNDERSTAND))
        if self._references_known and not unreadable:  # what could not be read may have referred to any part
            self._refuse_unreferenced()

    def close(self) -> None:
        """Drop all parts."""
        self._spool.close()

    def _data_sets(self, part: SpooledPart) -> deque[object]:
        """The data sets of a metadata part, not yet checked; XML has one."""
        document = self._spool.read(part)
        if part.media_type.essence == DICOM_XML:
            return deque((decode_native(document),))
        return deque(parse_array(document))

    def _take_data_set(self, document: object, part: SpooledPart) -> DicomError | None:
        """Store one data set; returns what is wrong with one that cannot even be told which instance it is."""
        try:
            attributes = check_attributes(document)
        except DicomError as error:
            identity = (_uid_in(document, SOP_CLASS_UID), _uid_in(document, SOP_INSTANCE_UID))
            if not all(identity):
                return error
            self._intake.refuse(StoreFailure(error.message, reason=status.CANNOT_UNDERSTAND, **_named(*identity)))
            self._references_known = False
            return None
        self._store(attributes, part.location)
        return None

    def _store(self, attributes: Attributes, base: str | None) -> None:
        identity = (get_text(attributes, SOP_CLASS_UID), get_text(attributes, SOP_INSTANCE_UID))
        try:
            composed = compose_file(attributes, PartSource(self._spool, self._bulk, base), self._now)
            self._intake.begin()
            for chunk in composed.chunks:
                self._intake.write(chunk)
        except DicomError as error:
            reason = status.OUT_OF_RESOURCES if error.status == TooLarge.status else _REASONS.get(error.offender)
            self._intake.fail(
                StoreFailure(error.message, reason=reason or status.CANNOT_UNDERSTAND, **_named(*identity))
            )
        else:
            self._intake.end(composed.coercions)

    def _refuse_unreferenced(self) -> None:
        for part in self._bulk.unreferenced():
            text = "a bulk data part has no Content-Location" if part.location is None else _unnamed(part.location)
            self._intake.refuse(StoreFailure(text, reason=status.CANNOT_UNDERSTAND))


def _named(sop_class_uid: str | None, sop_uid: str | None) -> dict[str, str | None]:
    return {"sop_class_uid": sop_class_uid, "sop_uid": sop_uid}


def _unnamed(location: str) -> str:
    return f"no metadata refer to the part {location[-MAX_SHOWN:]}"


def _uid_in(document: object, tag: str) -> str | None:
    """A UID of a data set that may have any shape."""
    element: object = document.get(tag) if is_object(document) else None
    values: object = element.get("Value") if is_object(element) else None
    value: object = values[0] if is_array(values) and values else None
    return value if isinstance(value, str) and is_tolerable_uid(value) else None

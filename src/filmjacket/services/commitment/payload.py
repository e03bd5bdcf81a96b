"""Payload of a commitment request: one data set, or several in the parts of a multipart payload (PS3.18 13.4.1.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from filmjacket.dicom.json_model import decode_array
from filmjacket.dicom.xml_model import decode_native
from filmjacket.errors import BadRequest, UnsupportedMediaType
from filmjacket.web.media_types import (
    DICOM_JSON,
    DICOM_XML,
    JSON,
    MULTIPART_RELATED,
    item_type,
    parse_media_type,
    written,
)
from filmjacket.web.multipart_reader import MultipartReader, PartBegin, PartData, boundary_of

if TYPE_CHECKING:
    from filmjacket.dicom.attributes import Attributes
    from filmjacket.web.media_types import MediaType

ACCEPTED: Final = (DICOM_JSON, DICOM_XML, written(DICOM_JSON, multipart=True), written(DICOM_XML, multipart=True))
_NAMES: Final = {DICOM_JSON: DICOM_JSON, JSON: DICOM_JSON, DICOM_XML: DICOM_XML}


def media_type_of(content_type: str | None) -> MediaType:
    """The media type of a payload, checked before anything of it is read. Raises `UnsupportedMediaType` (415)."""
    media_type = parse_media_type(content_type) if content_type else None
    if media_type is None:
        raise _unsupported("The Content-Type header is missing.")
    root = item_type(media_type) if media_type.essence == MULTIPART_RELATED else media_type
    if root is not None and root.essence not in _NAMES:
        raise _unsupported("The payload's media type is not supported.")
    return media_type


def read_data_sets(media_type: MediaType, body: bytes) -> list[Attributes]:
    """The data sets of a payload. Raises `BadRequest` or `DicomError` for one that cannot be read."""
    if media_type.essence != MULTIPART_RELATED:
        return _read(_NAMES[media_type.essence], body)
    root = item_type(media_type)
    reader = MultipartReader(boundary_of(media_type))
    parts: list[tuple[str, list[bytes]]] = []
    for event in reader.feed(body):
        if isinstance(event, PartBegin):
            parts.append((_type_of(event, root), []))
        elif isinstance(event, PartData):
            parts[-1][1].append(bytes(event.data))
    reader.finish()
    if not parts:
        raise BadRequest("The payload has no part.", section="13.4.1.4", offender="payload", accepted=ACCEPTED)
    return [attributes for name, pieces in parts for attributes in _read(name, b"".join(pieces))]


def _type_of(part: PartBegin, root: MediaType | None) -> str:
    declared = part.headers.get("content-type")
    media_type = parse_media_type(declared) if declared else root
    name = _NAMES.get(media_type.essence) if media_type is not None else None
    if name is None or part.unsupported_encoding is not None:
        raise _unsupported("The media type or the encoding of a part is not supported.")
    return name


def _read(media_type: str, document: bytes) -> list[Attributes]:
    data_sets = [decode_native(document)] if media_type == DICOM_XML else decode_array(document)
    if not data_sets:
        raise BadRequest("The payload holds no data set.", section="13.4.1.4", offender="payload", accepted=ACCEPTED)
    return data_sets


def _unsupported(message: str) -> UnsupportedMediaType:
    return UnsupportedMediaType(message, section="13.4.1.4", offender="Content-Type", accepted=ACCEPTED)

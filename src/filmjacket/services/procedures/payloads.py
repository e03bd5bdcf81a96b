"""Payloads of procedure steps: JSON objects and arrays, XML, and either in parts (PS3.18 8.6.1, 14.1.3, 15.1.3)."""

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
from filmjacket.web.multipart_reader import MultipartReader, PartBegin, PartData, PartEnd, boundary_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from filmjacket.dicom.attributes import Attributes
    from filmjacket.web.media_types import MediaType

CSV: Final = "text/csv"
DATA_SET_PAYLOADS: Final = (
    DICOM_JSON,
    DICOM_XML,
    written(DICOM_JSON, multipart=True),
    written(DICOM_XML, multipart=True),
)

_DECODERS: Final[dict[str, Callable[[bytes], list[Attributes]]]] = {
    DICOM_JSON: decode_array,
    # The first editions of UPS-RS had this name; it is understood and never sent.
    JSON: decode_array,
    DICOM_XML: lambda document: [decode_native(document)],
}


def read_data_sets(content_type: str | None, body: bytes, section: str) -> list[Attributes]:
    """Return the data sets of a payload. Raises `UnsupportedMediaType`, `BadRequest`, `DicomError`."""
    media_type = parse_media_type(content_type) if content_type else None
    if media_type is None:
        raise _unsupported("The Content-Type header is missing.", section)
    if media_type.essence in _DECODERS:
        return _DECODERS[media_type.essence](body)
    if media_type.essence == MULTIPART_RELATED:
        return _read_parts(media_type, body, section)
    raise _unsupported("The payload's media type is not supported.", section)


def read_one_data_set(content_type: str | None, body: bytes, section: str) -> Attributes:
    """Return the one data set of a payload: an object, or an array of one."""
    found = read_data_sets(content_type, body, section)
    if len(found) != 1:
        raise BadRequest(
            "The payload holds one data set: a JSON object, an array of one, or one XML document.",
            section=section,
            offender="payload",
            accepted=("one data set",),
        )
    return found[0]


def essence_of(content_type: str | None) -> str:
    """Return the media type without parameters, "" if there is none."""
    return parse_media_type(content_type).essence if content_type else ""


def _read_parts(media_type: MediaType, body: bytes, section: str) -> list[Attributes]:
    root = item_type(media_type)
    reader = MultipartReader(boundary_of(media_type))
    found: list[Attributes] = []
    decoder, content = None, bytearray()
    events = reader.feed(body)
    reader.finish()
    for event in events:
        if isinstance(event, PartBegin):
            declared = event.headers.get("content-type")
            essence = parse_media_type(declared).essence if declared else root.essence if root else ""
            decoder, content = _DECODERS.get(essence), bytearray()
            if decoder is None or event.unsupported_encoding is not None:
                raise _unsupported("The media type of a part is not supported.", section)
        elif isinstance(event, PartData):
            content += event.data
        elif isinstance(event, PartEnd) and decoder is not None:
            found += decoder(bytes(content))
    return found


def _unsupported(message: str, section: str) -> UnsupportedMediaType:
    return UnsupportedMediaType(message, section=section, offender="Content-Type", accepted=DATA_SET_PAYLOADS)

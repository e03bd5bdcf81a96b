"""Encapsulated documents (PS3.3 A.45, A.85): as they are stored, and pages that lead to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from filmjacket.dicom.attributes import get_bytes, get_integer, get_text
from filmjacket.errors import DicomError
from filmjacket.reports.blocks import Embedded, Report, plain
from filmjacket.reports.heading import document_facts, heading_groups
from filmjacket.reports.links import class_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from filmjacket.dicom.attributes import Attributes

_DOCUMENT: Final = "00420011"
_ROOT: Final = "1.2.840.10008.5.1.4.1.1.104."

# What each class encapsulates; the MIME type in the data set (0042,0012) may only repeat it.
STORED_TYPES: Final = {
    f"{_ROOT}1": "application/pdf",
    f"{_ROOT}2": "text/xml",
    f"{_ROOT}3": "model/stl",
    f"{_ROOT}4": "model/obj",
    f"{_ROOT}5": "model/mtl",
}


def stored_document(attributes: Attributes, bulk: Callable[[str], bytes]) -> bytes:
    """The document without the byte that pads it to even length (PS3.3 C.24.2)."""
    document = get_bytes(attributes, _DOCUMENT, bulk)
    if not document:
        raise DicomError(
            "This instance holds no document.", section="PS3.3 C.24.2", offender="Encapsulated Document (0042,0011)"
        )
    length = get_integer(attributes, "00420015")
    return document[:-1] if length == len(document) - 1 else document


def document_title(attributes: Attributes) -> str:
    """The title that the data set gives the document."""
    return get_text(attributes, "00420010") or ""


def cover_page(attributes: Attributes, media_type: str, href: str) -> Report:
    """A page about a document that browsers show by themselves: heading, the document, a link to it."""
    kind = class_text(get_text(attributes, "00080016") or "")
    return Report(
        title=plain(document_title(attributes) or kind),
        kind=kind,
        groups=heading_groups(attributes, document_facts(attributes)),
        blocks=(Embedded(href, media_type, f"Open the document ({media_type})"),),
    )

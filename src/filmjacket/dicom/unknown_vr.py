"""Elements of VR UN: what they are in truth, if that can be known (PS3.5 6.2.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filmjacket.dicom.attributes import get_integer, get_text
from filmjacket.dicom.data_set_scanner import PIXEL_REPRESENTATION, DataSetScanner
from filmjacket.dicom.dictionary import private_vr, vr_of
from filmjacket.dicom.encoding import IMPLICIT_LITTLE
from filmjacket.dicom.inline_rule import flows
from filmjacket.errors import DicomError

if TYPE_CHECKING:
    from filmjacket.dicom.attributes import Attributes
    from filmjacket.dicom.events import Event


def known_vr(tag: str, attributes: Attributes, root: Attributes) -> str:
    """Return the VR of an element that was written as UN, from PS3.6 or a known private dictionary, else UN.

    `attributes` holds the element and its private creator, `root` is the whole data set.
    """
    known = vr_of(tag, signed=get_integer(root, PIXEL_REPRESENTATION) == 1)
    if known is None:
        creator = get_text(attributes, f"{tag[:4]}00{tag[4:6]}")
        known = private_vr(creator, tag) if creator else None
    return known or "UN"


def scan_unknown_sequence(raw: bytes, offset: int, *, depth: int) -> list[Event] | None:
    """Return the events of a value that may be a sequence in Implicit VR Little Endian; None when it is not.

    `offset` is that of the value in the file, `depth` how many levels of sequences may be in it.
    """
    scanner = DataSetScanner(IMPLICIT_LITTLE, flows, offset=offset, max_depth=depth)
    try:
        scanner.begin_sequence(len(raw))
        return scanner.feed(raw) + scanner.finish()
    except DicomError:
        return None

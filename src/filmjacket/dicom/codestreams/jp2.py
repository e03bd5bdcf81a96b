"""JP2, JPX and JPH files: where the codestream is, and what the boxes add (ISO/IEC 15444-1 Annex I, 15444-15 Annex D).

DICOM encapsulates the codestream alone: the JP2 file header is not sent (PS3.5 8.2.4 Note 4).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from filmjacket.dicom.codestreams import boxes
from filmjacket.dicom.codestreams.description import cut_short, malformed, not_in_dicom
from filmjacket.dicom.codestreams.jpeg_2000 import describe_header, read_main_header

if TYPE_CHECKING:
    from filmjacket.dicom.codestreams.description import StreamDescription

START = b"\x00\x00\x00\x0cjP  \r\n\x87\n"

_ENUMERATED = 1
_PROFILES = frozenset((2, 3))
_SYCC = 18
# Enumerated colour spaces that the codestream can say again: sRGB, grey, sYCC (ISO/IEC 15444-1 Table I.10).
_COLOUR_SPACES = frozenset((16, 17, _SYCC))


def describe(head: bytes) -> StreamDescription:
    """Describe the codestream in a file, and say where it lies."""
    ybr, warnings = False, ()
    for box in boxes.walk(head):
        if box.kind == b"jp2h":
            ybr, warnings = _read_header_box(head, box)
        elif box.kind == b"jp2c":
            found = read_main_header(head, box.start, box.end)
            length = -1 if box.end is None else box.end - box.start
            return describe_header(found, ybr=ybr, codestream=(box.start, length), warnings=warnings)
    raise cut_short("the boxes in front of the contiguous codestream (jp2c)")


def _read_header_box(head: bytes, header: boxes.Box) -> tuple[bool, tuple[str, ...]]:
    """Return whether the colours are luminance and chrominance, and warnings about what gets lost."""
    if header.end is None or header.end > len(head):
        raise cut_short("the JP2 header box (jp2h)")
    inner = list(boxes.walk(head, header.start, header.end))
    if any(box.kind == b"pclr" for box in inner):
        raise not_in_dicom(
            "the JP2 file has a palette, which would be lost with its boxes", "a JP2 file without a palette"
        )
    # Several colour specifications mean the same; the first one that is enumerated says most.
    colours = [box.payload(head) for box in inner if box.kind == b"colr"]
    if any(len(colour) < 3 for colour in colours):
        raise malformed("a colour specification box (colr) is too short", section="ISO/IEC 15444-1 I.5.3.3")
    spaces = [int.from_bytes(colour[3:7], "big") for colour in colours if colour[0] == _ENUMERATED]
    warnings: list[str] = []
    if spaces and spaces[0] not in _COLOUR_SPACES:
        warnings.append(f"colour space {spaces[0]} of the JP2 file is not kept")
    if any(colour[0] in _PROFILES for colour in colours):
        warnings.append("the ICC profile of the JP2 file is not kept")
    return spaces[:1] == [_SYCC], tuple(warnings)

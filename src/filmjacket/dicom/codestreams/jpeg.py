"""JPEG streams: process, size, precision and colour from their marker segments (ISO/IEC 10918-1 Annex B).

Which process a stream is in decides its transfer syntax (PS3.5 A.4.1); which colours its components are is a matter
of what JFIF and Adobe segments say, and without them of the rules that libjpeg made common.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from filmjacket.dicom.codestreams import jpeg_ls
from filmjacket.dicom.codestreams.description import (
    StreamDescription,
    bits_allocated_for,
    check_size,
    cut_short,
    malformed,
    not_in_dicom,
    planar_configuration_for,
)

START = b"\xff\xd8"
JPEG_LS_FRAME = 0xF7

_BASELINE = "1.2.840.10008.1.2.4.50"
_EXTENDED = "1.2.840.10008.1.2.4.51"
_SPECTRAL_SELECTION = "1.2.840.10008.1.2.4.53"
_FULL_PROGRESSION = "1.2.840.10008.1.2.4.55"
_LOSSLESS = "1.2.840.10008.1.2.4.57"
_LOSSLESS_FIRST_ORDER = "1.2.840.10008.1.2.4.70"
ACCEPTED = ("JPEG baseline", "JPEG extended sequential", "JPEG lossless, each with Huffman coding, not hierarchical")

_HIERARCHICAL = frozenset((0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF, 0xDE))
_ARITHMETIC = frozenset((0xC9, 0xCA, 0xCB))
# FF00 is a stuffed byte, FFFF a fill byte; JPEG-LS stuffs a bit, so that its markers are FF80 and above.
_MARKER = re.compile(rb"\xff[^\x00\xff]", re.DOTALL)
_JPEG_LS_MARKER = re.compile(rb"\xff[\x80-\xfe]")
_FRAMES = frozenset((0xC0, 0xC1, 0xC2, 0xC3, JPEG_LS_FRAME)) | _ARITHMETIC | _HIERARCHICAL
# TEM, RST0 to RST7, SOI: no length follows.
_BARE = frozenset((0x01, *range(0xD0, 0xD9)))
_START_OF_SCAN = 0xDA
_END_OF_IMAGE = 0xD9
_NUMBER_OF_LINES = 0xDC
_JFIF = 0xE0
_ADOBE = 0xEE
# LSE (ISO/IEC 14495-1 C.2.4.1) and APP8, which carries SPIFF and the colour transforms of HP.
_JPEG_LS_EXTENSIONS = frozenset((0xF8, 0xE8))
MAX_SEGMENTS = 10_000
"""Marker segments that are looked at: a colour profile of 16 MB takes 255 of them."""


@dataclass(slots=True)
class Segments:
    """What the marker segments of one JPEG or JPEG-LS image say.

    `scans` holds (Ss, Se, Ah, Al) of each start of scan, for JPEG-LS (NEAR, ILV, 0, point transform);
    `extensions` marker and beginning of the segments that only JPEG-LS has a use for.
    """

    frame: int = 0
    precision: int = 0
    rows: int = 0
    columns: int = 0
    components: list[tuple[int, int, int]] = field(default_factory=list[tuple[int, int, int]])
    jfif: bool = False
    adobe_transform: int | None = None
    scans: list[tuple[int, int, int, int]] = field(default_factory=list[tuple[int, int, int, int]])
    extensions: list[tuple[int, bytes]] = field(default_factory=list[tuple[int, bytes]])

    def take(self, marker: int, body: bytes) -> None:
        """Take one segment; `body` is what follows its length."""
        if marker in _FRAMES:
            self._take_frame(marker, body)
        elif marker == _START_OF_SCAN:
            self._take_scan(body)
        elif marker == _NUMBER_OF_LINES and len(body) == 2 and self.frame:
            self.rows = self.rows or int.from_bytes(body, "big")
        elif marker == _JFIF and body.startswith(b"JFIF\0"):
            self.jfif = True
        elif marker == _ADOBE and body.startswith(b"Adobe") and len(body) >= 12:
            self.adobe_transform = body[11]
        elif marker in _JPEG_LS_EXTENSIONS:
            self.extensions.append((marker, body[:32]))

    def _take_frame(self, marker: int, body: bytes) -> None:
        if marker in _HIERARCHICAL:
            raise not_in_dicom("hierarchical JPEG has only retired transfer syntaxes", *ACCEPTED, section="PS3.5 A.4.1")
        if self.frame:
            raise malformed("the JPEG stream has a second frame header")
        count = body[5] if len(body) > 5 else 0
        if count == 0 or len(body) < 6 + 3 * count:
            raise malformed("the frame header of the JPEG stream does not hold the components it announces")
        self.frame = marker
        self.precision = body[0]
        self.rows = int.from_bytes(body[1:3], "big")
        self.columns = int.from_bytes(body[3:5], "big")
        for at in range(6, 6 + 3 * count, 3):
            self.components.append((body[at], body[at + 1] >> 4, body[at + 1] & 15))

    def _take_scan(self, body: bytes) -> None:
        if not self.frame:
            raise malformed("the JPEG stream has a scan in front of its frame header")
        if len(body) < 4 or len(body) < 4 + 2 * body[0]:
            raise malformed("a scan header of the JPEG stream does not hold the components it announces")
        first, second, third = body[1 + 2 * body[0] : 4 + 2 * body[0]]
        self.scans.append((first, second, third >> 4, third & 15))

    @property
    def identifiers(self) -> tuple[int, ...]:
        """Component identifiers in their order."""
        return tuple(identifier for identifier, _, _ in self.components)

    @property
    def subsampled(self) -> bool:
        """Tell whether components differ in their sampling factors."""
        return len({factors[1:] for factors in self.components}) > 1


def read_segments(head: bytes) -> Segments:
    """Return what the segments say, up to the first scan and those scans behind it that are in the head."""
    found = Segments()
    position = 2
    for _ in range(MAX_SEGMENTS):
        marker, position = _next_marker(head, position, found)
        if marker == _END_OF_IMAGE:
            break
        if marker in _BARE:
            continue
        length = int.from_bytes(head[position : position + 2], "big")
        if position + max(length, 2) > len(head):
            if found.scans:
                break
            raise cut_short(f"the segment of JPEG marker FF{marker:02X}H")
        if length < 2:
            raise malformed(f"the segment of JPEG marker FF{marker:02X}H has a length below 2")
        found.take(marker, head[position + 2 : position + length])
        position += length
    if not found.scans:
        raise malformed("the JPEG stream has no scan", section="ISO/IEC 10918-1 B.2")
    return found


def _next_marker(head: bytes, position: int, found: Segments) -> tuple[int, int]:
    """Return the next marker and the position behind it; entropy-coded data in front of it is skipped."""
    marker = (_JPEG_LS_MARKER if found.frame == JPEG_LS_FRAME else _MARKER).search(head, position)
    if marker is not None:
        return head[marker.end() - 1], marker.end()
    if found.scans:
        return _END_OF_IMAGE, len(head)
    raise cut_short("the run of JPEG marker segments")


def describe(head: bytes) -> StreamDescription:
    """Describe a JPEG (PS3.5 8.2.1) or JPEG-LS stream (PS3.5 8.2.3): both begin alike."""
    found = read_segments(head)
    if found.frame == JPEG_LS_FRAME:
        return jpeg_ls.describe(found)
    _refuse(found)
    syntax, warnings = _process(found)
    samples = len(found.components)
    check_size(found.rows, found.columns)
    lossy = syntax not in {_LOSSLESS, _LOSSLESS_FIRST_ORDER}
    if not lossy and found.scans[0][3]:
        warnings.append("a point transform dropped the lowest bits before the lossless coding")
    return StreamDescription(
        media_type="image/jpeg",
        transfer_syntax=syntax,
        rows=found.rows,
        columns=found.columns,
        samples_per_pixel=samples,
        photometric_interpretation=_photometric(found, lossy=lossy),
        bits_allocated=bits_allocated_for(found.precision),
        bits_stored=found.precision,
        planar_configuration=planar_configuration_for(samples),
        lossy=lossy,
        lossy_method="ISO_10918_1" if lossy else None,
        warnings=tuple(warnings),
    )


def _refuse(found: Segments) -> None:
    if found.frame in _ARITHMETIC:
        raise not_in_dicom(
            "JPEG with arithmetic coding has only retired transfer syntaxes", *ACCEPTED, section="PS3.5 A.4.1"
        )
    if found.rows == 0:
        raise not_in_dicom(
            "the JPEG stream gives its number of lines behind the first scan (DNL), too far to be looked at",
            "the number of lines in the frame header",
        )
    if len(found.components) not in {1, 3}:
        raise not_in_dicom(
            f"a JPEG image of {len(found.components)} components has no Photometric Interpretation",
            "1 or 3 components",
            section="PS3.5 8.2.1",
        )


# Frame marker -> precisions that the process allows (ISO/IEC 10918-1 Table B.2).
_PRECISIONS: dict[int, frozenset[int]] = {
    0xC0: frozenset((8,)),
    0xC1: frozenset((8, 12)),
    0xC2: frozenset((8, 12)),
    0xC3: frozenset(range(2, 17)),
}


def _process(found: Segments) -> tuple[str, list[str]]:
    """Return the transfer syntax of the coding process and warnings about it."""
    if found.precision not in _PRECISIONS[found.frame]:
        raise malformed(f"a JPEG stream of this process cannot have a precision of {found.precision} bits")
    if found.frame == 0xC0:
        return _BASELINE, []
    if found.frame == 0xC1:
        colour = len(found.components) == 3
        return _EXTENDED, ["PS3.5 8.2.1 has JPEG extended for one component only"] if colour else []
    if found.frame == 0xC2:
        # Full progression refines bits, and the first scan leaves some for later (Al > 0).
        full = any(high or low for _, _, high, low in found.scans)
        retired = ["progressive JPEG is in a retired transfer syntax"]
        return (_FULL_PROGRESSION if full else _SPECTRAL_SELECTION), retired
    first_order = all(predictor == 1 for predictor, _, _, _ in found.scans)
    return (_LOSSLESS_FIRST_ORDER if first_order else _LOSSLESS), []


def _photometric(found: Segments, *, lossy: bool) -> str:
    """Return the Photometric Interpretation (PS3.5 Tables 8.2.1-1, 8.2.1-2).

    A lossy stream in luminance and chrominance is YBR_FULL_422 however it is subsampled: no other term is allowed.
    """
    if len(found.components) == 1:
        return "MONOCHROME2"
    if not _is_ybr(found, lossy=lossy):
        return "RGB"
    return "YBR_FULL_422" if lossy or found.subsampled else "YBR_FULL"


def _is_ybr(found: Segments, *, lossy: bool) -> bool:
    # JFIF defines its colours; Adobe's transform says; RGB does not subsample (ITU-T T.871, T.872 6.5.3).
    if found.jfif:
        return True
    if found.adobe_transform is not None:
        return found.adobe_transform != 0
    if found.identifiers == tuple(b"RGB"):
        return False
    return lossy or found.subsampled

"""Codestreams without the comments that codecs and cameras write beside the pixels (PS3.15 E.3.1).

Marker segments are dropped, nothing is decoded: ISO/IEC 10918-1 Annex B, 14495-1 Annex C, 15444-1 Annex A.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Final

from filmjacket.dicom.transfer_syntaxes import Kind
from filmjacket.errors import DicomError

if TYPE_CHECKING:
    from collections.abc import Callable

_JPEG_START: Final = b"\xff\xd8"
_J2K_START: Final = b"\xff\x4f"
_BOX_START: Final = b"\x00\x00\x00\x0c"
_COMMENT: Final = 0xFE
# Which decoders need: JFIF density and size, ICC profiles, colour transforms of JPEG-LS, Adobe's colour transform.
_APPLICATION_SEGMENTS: Final = {0xE0: b"JFIF\0", 0xE2: b"ICC_PROFILE\0", 0xE8: b"mrfx", 0xEE: b"Adobe"}
_APPLICATION: Final = range(0xE0, 0xF0)
_START_OF_SCAN: Final = 0xDA
_J2K_COMMENT: Final = 0x64
_START_OF_TILE: Final = 0x90
_START_OF_DATA: Final = 0x93
_TILE_HEADER: Final = 12
# In entropy-coded data no byte FF is followed by one of these: it is a marker between two scans.
_LATE_TEXT: Final = re.compile(rb"\xff[\xe0-\xef\xfe]")
_END_OF_IMAGE: Final = b"\xff\xd9"
_BARE: Final = frozenset((0x01, *range(0xD0, 0xD8)))

_JPEG_KINDS: Final = frozenset((Kind.JPEG, Kind.JPEG_LS))
_J2K_KINDS: Final = frozenset((Kind.JPEG_2000, Kind.HTJ2K))


def without_comments(stream: bytes, kind: Kind) -> bytes:
    """One frame's codestream without text beside its pixels. Raises `DicomError` for one that cannot be read."""
    if kind in _JPEG_KINDS:
        head, rest = _filtered(stream, _JPEG_START, _START_OF_SCAN, _is_jpeg_text)
        if _LATE_TEXT.search(rest):
            raise _unreadable("has comments between its scans")
        end = rest.rfind(_END_OF_IMAGE)
        return head + (rest if end < 0 else rest[: end + 2])
    if kind in _J2K_KINDS:
        head, rest = _filtered(stream, _J2K_START, _START_OF_TILE, _is_j2k_text)
        _check_tile_parts(rest)
        return head + rest
    if kind is Kind.JPEG_XL and stream.startswith(_BOX_START):
        raise _unreadable("is in a container, which may hold text")
    return stream


def _filtered(stream: bytes, start: bytes, end: int, is_text: Callable[[int, bytes], bool]) -> tuple[bytes, bytes]:
    """The marker segments in front of the first one that has pixels behind it, without text, and the rest."""
    if not stream.startswith(start):
        raise _unreadable("does not begin as one of its kind does")
    kept, position = [start], 2
    while True:
        marker, length = _segment(stream, position)
        if marker == 0xFF:  # a fill byte
            position += 1
            continue
        if marker == end:
            return b"".join(kept), stream[position:]
        segment = stream[position : position + 2 + length]
        if not is_text(marker, segment[4:]):
            kept.append(segment)
        position += 2 + length


def _segment(stream: bytes, position: int) -> tuple[int, int]:
    """The marker at a position and the length of its segment behind the marker."""
    if position + 4 > len(stream) or stream[position] != 0xFF:
        raise _unreadable("has marker segments that cannot be read")
    marker = stream[position + 1]
    length: int = 0 if marker in _BARE else struct.unpack_from(">H", stream, position + 2)[0]
    return marker, length


def _check_tile_parts(rest: bytes) -> None:
    """Raise for a comment in the header of a tile-part: without it every length would change (15444-1 A.4.2)."""
    position = 0
    while position + _TILE_HEADER <= len(rest) and rest[position + 1] == _START_OF_TILE:
        length: int = struct.unpack_from(">I", rest, position + 6)[0]
        inner = position + _TILE_HEADER
        while (found := _segment(rest, inner))[0] != _START_OF_DATA:
            if found[0] == _J2K_COMMENT:
                raise _unreadable("has comments between its tiles")
            inner += 2 + found[1]
        if length == 0:  # the last one, up to the end
            return
        position += length


def _is_jpeg_text(marker: int, content: bytes) -> bool:
    if marker == _COMMENT:
        return True
    return marker in _APPLICATION and not content.startswith(_APPLICATION_SEGMENTS.get(marker, b"\xff none"))


def _is_j2k_text(marker: int, content: bytes) -> bool:  # noqa: ARG001 - one signature for both
    return marker == _J2K_COMMENT


def _unreadable(why: str) -> DicomError:
    return DicomError(f"the codestream of a frame {why}", section="PS3.5 8.2", offender="PixelData")

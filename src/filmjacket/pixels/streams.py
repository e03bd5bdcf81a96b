"""A codestream before it is decoded: is it the image that the data set describes, and is it whole (PS3.5 8.2)?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from filmjacket.dicom.codestreams import HEAD_BYTES, describe_stream
from filmjacket.dicom.codestreams.jpeg import read_segments
from filmjacket.dicom.codestreams.jpeg_2000 import read_main_header
from filmjacket.dicom.transfer_syntaxes import TRANSFER_SYNTAXES, Kind
from filmjacket.errors import DicomError

if TYPE_CHECKING:
    from filmjacket.dicom.codestreams import StreamDescription
    from filmjacket.pixels.description import PixelDescription

SHORT_HEAD: Final = 16 * 1024
"""Almost every header is shorter; the whole of `HEAD_BYTES` is looked at only when it is not."""

_NAMES: Final = {
    Kind.JPEG: "JPEG",
    Kind.JPEG_LS: "JPEG-LS",
    Kind.JPEG_2000: "JPEG 2000",
    Kind.HTJ2K: "HTJ2K",
    Kind.JPEG_XL: "JPEG XL",
}
_LOSSLESS_JPEG: Final = frozenset(("1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70"))
_END_OF_IMAGE: Final = b"\xff\xd9"
_START_OF_SCAN: Final = b"\xff\xda"
_SOT: Final = b"\xff\x90"


@dataclass(frozen=True, slots=True)
class Stream:
    """A codestream that has been examined.

    `levels`: how often its size can be halved by decoding less of it. `masked`: bits above Bits Stored mean nothing.
    `rgb`: a lossy JPEG whose components are red, green and blue. `transformed`: the decoder undoes a colour transform.
    """

    kind: Kind
    content: bytes
    precision: int
    signed: bool
    lossless: bool
    masked: bool = False
    rgb: bool = False
    transformed: bool = False
    levels: int = 0

    @property
    def name(self) -> str:
        """For messages."""
        return _NAMES[self.kind]


def examine(stream: bytes, description: PixelDescription) -> Stream:
    """Judge a stream by its own header. Raises `DicomError` if it is cut short or of another image.

    What the stream is counts, not what the transfer syntax calls it: a decoder cannot be talked into another one.
    """
    found = _describe(stream)
    syntax = TRANSFER_SYNTAXES.get(found.transfer_syntax or "")
    if syntax is None or syntax.kind not in _NAMES:
        raise _contradiction(f"the frame is {found.media_type}, not a stream of its transfer syntax")
    said = (description.rows, description.columns, description.samples)
    real = (found.rows, found.columns, found.samples_per_pixel)
    if said != real:
        raise _contradiction(
            "the codestream holds {} x {} pixels of {} samples, ".format(*real)
            + "the data set describes {} x {} of {}".format(*said)
        )
    content = _content(stream, found)
    if syntax.kind is Kind.JPEG:
        return _jpeg(content, found, description)
    if syntax.kind in {Kind.JPEG_2000, Kind.HTJ2K}:
        return _jpeg_2000(content, found, syntax.kind)
    if syntax.kind is Kind.JPEG_LS and content.rfind(_END_OF_IMAGE) < content.find(_START_OF_SCAN):
        # CharLS 2.4.3 takes ten seconds to notice that a stream without an end marker is cut short, and no time with
        # one; a stream that lacks nothing but the marker is decoded then.
        content += _END_OF_IMAGE
    return Stream(
        syntax.kind, content, found.bits_stored, signed=bool(found.pixel_representation), lossless=not found.lossy
    )


def _describe(stream: bytes) -> StreamDescription:
    """Describe a stream by as little of it as will do."""
    if len(stream) > SHORT_HEAD:
        try:
            return describe_stream(stream[:SHORT_HEAD], total=len(stream))
        except DicomError:
            pass  # the whole head decides
    return describe_stream(stream[:HEAD_BYTES], total=len(stream))


def _content(stream: bytes, found: StreamDescription) -> bytes:
    """The bare codestream, out of a container that has no business in a fragment (PS3.5 A.4.4)."""
    if found.codestream is None:
        return stream
    offset, length = found.codestream
    return stream[offset:] if length < 0 else stream[offset : offset + length]


def _jpeg(content: bytes, found: StreamDescription, description: PixelDescription) -> Stream:
    """A JPEG image ends with EOI, which cannot occur inside of entropy-coded data (ISO/IEC 10918-1 B.1.1.5)."""
    if content.rfind(_END_OF_IMAGE) < content.find(_START_OF_SCAN):
        raise _cut_short("JPEG", "it has no end marker (EOI)")
    lossless = found.transfer_syntax in _LOSSLESS_JPEG
    return Stream(
        Kind.JPEG,
        content,
        found.bits_stored,
        signed=False,
        lossless=lossless,
        masked=True,
        rgb=found.samples_per_pixel == 3 and _is_rgb(content, found, description),
    )


def _is_rgb(content: bytes, found: StreamDescription, description: PixelDescription) -> bool:
    """Whether components are RGB: JFIF and Adobe segments, identifiers and subsampling say, else the data set."""
    if found.photometric_interpretation == "RGB":
        return True
    segments = read_segments(content[:HEAD_BYTES])
    told = segments.jfif or segments.adobe_transform is not None or segments.subsampled
    return not told and description.photometric == "RGB"


def _jpeg_2000(content: bytes, found: StreamDescription, kind: Kind) -> Stream:
    header = read_main_header(content[:HEAD_BYTES])
    _check_tile_parts(content, _NAMES[kind])
    return Stream(
        kind,
        content,
        found.bits_stored,
        signed=bool(found.pixel_representation),
        lossless=not found.lossy,
        transformed=header.multiple_component_transform == 1 and found.samples_per_pixel == 3,
        levels=header.levels,
    )


def _check_tile_parts(content: bytes, name: str) -> None:
    """Every tile must be there, and every tile-part as long as it says (ISO/IEC 15444-1 A.4.2)."""
    position, tiles = 2, set[int]()
    while content[position : position + 2] != _SOT and position < len(content):
        position += 2 + int.from_bytes(content[position + 2 : position + 4], "big")
    while content[position : position + 2] == _SOT:
        length = int.from_bytes(content[position + 6 : position + 10], "big")
        tiles.add(int.from_bytes(content[position + 4 : position + 6], "big"))
        if length == 0:  # up to the end of the codestream
            end = content.rfind(_END_OF_IMAGE)
            length = end - position
        if length < 12 or position + length > len(content):
            raise _cut_short(name, "a tile is not whole")
        position += length
    wanted = _tiles(content)
    if len(tiles) < wanted:
        raise _cut_short(name, f"{len(tiles)} of {wanted} tiles are there")


def _tiles(content: bytes) -> int:
    """Number of tiles by SIZ (ISO/IEC 15444-1 B.3)."""
    right, bottom, _, _, width, height, left, top = (
        int.from_bytes(content[8 + 4 * place : 12 + 4 * place], "big") for place in range(8)
    )
    if not width or not height:
        raise _contradiction("the size segment (SIZ) has tiles without size")
    return -(-(right - left) // width) * -(-(bottom - top) // height)


def _cut_short(name: str, text: str) -> DicomError:
    return DicomError(f"the {name} stream of the frame is cut short: {text}", section="PS3.5 8.2", offender="PixelData")


def _contradiction(text: str) -> DicomError:
    return DicomError(text, section="PS3.5 8.2", offender="PixelData")

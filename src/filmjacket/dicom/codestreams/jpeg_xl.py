"""JPEG XL: bare codestreams and files with boxes (ISO/IEC 18181-1 Annexes C to F, 18181-2; PS3.5 8.2.15).

Which transfer syntax a stream is in: data to rebuild a JPEG file makes it a recompression (.111); modular coding in
the colours of the image is taken as lossless (.110), everything else is .112.
"""

from __future__ import annotations

from dataclasses import dataclass

from filmjacket.dicom.codestreams import boxes
from filmjacket.dicom.codestreams.description import (
    StreamDescription,
    bits_allocated_for,
    check_size,
    cut_short,
    not_in_dicom,
    planar_configuration_for,
)
from filmjacket.dicom.codestreams.jpeg_xl_fields import FieldReader

START = b"\xff\x0a"
CONTAINER_START = b"\x00\x00\x00\x0cJXL \r\n\x87\n"

_LOSSLESS = "1.2.840.10008.1.2.4.110"
_RECOMPRESSION = "1.2.840.10008.1.2.4.111"
_JPEG_XL = "1.2.840.10008.1.2.4.112"
_GREY = 1
_XYB = 2
_ALPHA = 0
_SPOT_COLOUR = 2
_COLOUR_FILTER_ARRAY = 5
_CUSTOM = 2
_SIZES = ((1, 9), (1, 13), (1, 18), (1, 30))
# Columns for so many rows; index 0 says that columns follow (ISO/IEC 18181-1 Table D.2).
_RATIOS = ((0, 1), (1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))


@dataclass(slots=True)
class ImageHeader:
    """What the headers of a codestream say; the last three are None when a colour profile bars the way to them."""

    rows: int = 0
    columns: int = 0
    orientation: int = 1
    preview: bool = False
    animated: bool = False
    bits: int = 8
    floating: bool = False
    extra_channels: int = 0
    xyb: bool = True
    grey: bool = False
    profile: bool = False
    modular: bool | None = None
    ybr: bool | None = None


def describe(head: bytes) -> StreamDescription:
    """Describe a JPEG XL stream; the container may stay, it is what holds the data to rebuild a JPEG file."""
    if head.startswith(START):
        return _describe(_read_headers(head), recompressed=False)
    codestream, recompressed = _unpack(head)
    return _describe(_read_headers(codestream), recompressed=recompressed)


def _unpack(head: bytes) -> tuple[bytes, bool]:
    """Return the beginning of the codestream in a container, and whether a JPEG file can be rebuilt from it."""
    parts: list[bytes] = []
    recompressed = False
    for box in boxes.walk(head):
        if box.kind == b"jxlc":
            parts.append(box.payload(head))
        elif box.kind == b"jxlp":
            # Four bytes number the part (ISO/IEC 18181-2 9.10).
            parts.append(box.payload(head)[4:])
        recompressed |= box.kind == b"jbrd"
    if not parts:
        raise cut_short("the boxes in front of the JPEG XL codestream")
    return b"".join(parts), recompressed


def _describe(found: ImageHeader, *, recompressed: bool) -> StreamDescription:
    check_size(found.rows, found.columns)
    if found.floating:
        raise not_in_dicom("JPEG XL with floating point samples has no transfer syntax", "samples of 1 to 16 bits")
    if found.animated:
        raise not_in_dicom("an animated JPEG XL image cannot be stored", "a codestream of its own for each frame")
    syntax = _syntax(found, recompressed=recompressed)
    samples = 1 if found.grey else 3
    lossy = syntax != _LOSSLESS
    return StreamDescription(
        media_type="image/jxl",
        transfer_syntax=syntax,
        rows=found.rows,
        columns=found.columns,
        samples_per_pixel=samples,
        photometric_interpretation=_photometric(found, recompressed=recompressed),
        bits_allocated=bits_allocated_for(found.bits),
        bits_stored=found.bits,
        planar_configuration=planar_configuration_for(samples),
        lossy=lossy,
        # What a recompression lost, JPEG lost.
        lossy_method=("ISO_10918_1" if recompressed else "ISO_18181_1") if lossy else None,
        warnings=_warnings(found),
    )


def _syntax(found: ImageHeader, *, recompressed: bool) -> str:
    if recompressed:
        return _RECOMPRESSION
    return _LOSSLESS if found.modular and not found.xyb else _JPEG_XL


def _photometric(found: ImageHeader, *, recompressed: bool) -> str:
    """Return the Photometric Interpretation (PS3.5 Table 8.2.15-1)."""
    if found.grey:
        return "MONOCHROME2"
    if found.xyb:
        return "XYB"
    ybr = recompressed if found.ybr is None else found.ybr
    return "YBR_FULL_422" if ybr else "RGB"


def _warnings(found: ImageHeader) -> tuple[str, ...]:
    warnings: list[str] = []
    if found.extra_channels:
        warnings.append(f"{found.extra_channels} extra channels, such as opacity, have no place in Pixel Data")
    if found.orientation != 1:
        warnings.append(f"orientation {found.orientation} of the stream is not in rows and columns")
    if found.modular is None and not found.xyb:
        warnings.append("a colour profile hides whether the coding is lossless; it is taken as lossy")
    return tuple(warnings)


def _read_headers(codestream: bytes) -> ImageHeader:
    fields = FieldReader(codestream)
    found = ImageHeader()
    if fields.bits(16) != int.from_bytes(START, "little"):
        raise not_in_dicom("the container holds no JPEG XL codestream", "a codestream that begins with FF0AH")
    found.rows, found.columns = _read_size(fields)
    if not fields.flag():
        _read_metadata(fields, found)
    if not fields.flag():
        _skip_transform_data(fields, xyb=found.xyb)
    if not found.profile and not found.preview:
        fields.to_byte_boundary()
        _read_frame_header(fields, found)
    return found


def _read_size(fields: FieldReader) -> tuple[int, int]:
    """SizeHeader (ISO/IEC 18181-1 D.2)."""
    by_eight = fields.flag()
    rows = 8 * (1 + fields.bits(5)) if by_eight else fields.choice(*_SIZES)
    numerator, denominator = _RATIOS[fields.bits(3)]
    if numerator:
        return rows, rows * numerator // denominator
    return rows, 8 * (1 + fields.bits(5)) if by_eight else fields.choice(*_SIZES)


def _read_metadata(fields: FieldReader, found: ImageHeader) -> None:
    """ImageMetadata (ISO/IEC 18181-1 D.3)."""
    extra_fields = fields.flag()
    if extra_fields:
        found.orientation = 1 + fields.bits(3)
        if fields.flag():
            _read_size(fields)
        found.preview = fields.flag()
        if found.preview:
            _skip_preview(fields)
        found.animated = fields.flag()
        if found.animated:
            _skip_animation(fields)
    found.bits, found.floating = _read_depth(fields)
    fields.flag()
    found.extra_channels = fields.choice((0, 0), (1, 0), (2, 4), (1, 12))
    for _ in range(found.extra_channels):
        _skip_extra_channel(fields)
    found.xyb = fields.flag()
    _read_colours(fields, found)
    # ToneMapping.
    if extra_fields and not fields.flag():
        fields.bits(16 + 16 + 1 + 16)
    fields.skip_extensions()


def _skip_preview(fields: FieldReader) -> None:
    by_eight = fields.flag()
    sizes = ((16, 0), (32, 0), (1, 5), (33, 9)) if by_eight else ((1, 6), (65, 8), (321, 10), (1345, 12))
    fields.choice(*sizes)
    if fields.bits(3) == 0:
        fields.choice(*sizes)


def _skip_animation(fields: FieldReader) -> None:
    fields.choice((100, 0), (1000, 0), (1, 10), (1, 30))
    fields.choice((1, 0), (1001, 0), (1, 8), (1, 10))
    fields.choice((0, 0), (0, 3), (0, 16), (0, 32))
    fields.flag()


def _read_depth(fields: FieldReader) -> tuple[int, bool]:
    """BitDepth: bits of a sample, and whether it is a floating point number."""
    if not fields.flag():
        return fields.choice((8, 0), (10, 0), (12, 0), (1, 6)), False
    bits = fields.choice((32, 0), (16, 0), (24, 0), (1, 6))
    fields.bits(4)
    return bits, True


def _skip_extra_channel(fields: FieldReader) -> None:
    if fields.flag():
        return
    kind = fields.enumeration()
    _read_depth(fields)
    fields.choice((0, 0), (3, 0), (4, 0), (1, 3))
    fields.bits(8 * fields.choice((0, 0), (0, 4), (16, 5), (48, 10)))
    if kind == _ALPHA:
        fields.flag()
    elif kind == _SPOT_COLOUR:
        fields.bits(4 * 16)
    elif kind == _COLOUR_FILTER_ARRAY:
        fields.choice((1, 0), (0, 2), (3, 4), (19, 8))


def _read_colours(fields: FieldReader, found: ImageHeader) -> None:
    """ColourEncoding (ISO/IEC 18181-1 E.2)."""
    if fields.flag():
        return
    found.profile = fields.flag()
    space = fields.enumeration()
    found.grey = space == _GREY
    if found.profile:
        return
    if space != _XYB:
        if fields.enumeration() == _CUSTOM:
            _skip_chromaticities(fields, 1)
        if not found.grey and fields.enumeration() == _CUSTOM:
            _skip_chromaticities(fields, 3)
        if fields.flag():
            fields.bits(24)
        else:
            fields.enumeration()
    fields.enumeration()


def _skip_chromaticities(fields: FieldReader, points: int) -> None:
    for _ in range(2 * points):
        fields.choice((0, 19), (1 << 19, 19), (1 << 20, 20), (1 << 21, 21))


def _skip_transform_data(fields: FieldReader, *, xyb: bool) -> None:
    """Step over the matrix of XYB and the weights of upsampling (ISO/IEC 18181-1 D.3, L.2.2)."""
    if xyb and not fields.flag():
        fields.bits(16 * 16)
    weights = fields.bits(3)
    for bit, count in ((1, 15), (2, 55), (4, 210)):
        fields.bits(16 * count if weights & bit else 0)


def _read_frame_header(fields: FieldReader, found: ImageHeader) -> None:
    """Read the beginning of FrameHeader (ISO/IEC 18181-1 F.2): how the first frame is coded."""
    found.modular = found.ybr = False
    if fields.flag():
        return
    fields.bits(2)
    found.modular = fields.flag()
    fields.u64()
    if not found.xyb:
        found.ybr = fields.flag()

"""Pixel data from the parts of a store payload: unchanged where DICOM can hold them, decoded where not (PS3.18 10.5.2).

Table 10.5.2-1: JPEG, JPEG-LS, JPEG 2000, HTJ2K, JPEG XL, RLE and video go into fragments as they are; PNG and GIF
become native pixels. What a part is, its content says; the media type only has to be one that is known.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

from filmjacket.dicom import transfer_syntaxes
from filmjacket.dicom.attributes import get_integer, get_text
from filmjacket.dicom.codestreams import HEAD_BYTES, describe_stream, permits, tail_bytes
from filmjacket.dicom.transfer_syntaxes import (
    ENCAPSULATED_UNCOMPRESSED,
    EXPLICIT_VR_LITTLE_ENDIAN,
    Kind,
    TransferSyntax,
)
from filmjacket.dicom.writer import BulkStream, EncapsulatedFrames
from filmjacket.errors import DicomError
from filmjacket.services.studies.bulk_parts import is_plain_bytes
from filmjacket.services.studies.pixel_description import (
    SOP_CLASS_UID,
    PixelFacts,
    facts_of_stream,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from filmjacket.dicom.attributes import Attributes
    from filmjacket.dicom.codestreams import StreamDescription
    from filmjacket.dicom.writer import BulkContent
    from filmjacket.pixels.still_images import NativePixels
    from filmjacket.services.studies.bulk_parts import PartSpool, SpooledPart

TRANSFER_SYNTAX = "transfer-syntax"
STILL_TYPES = frozenset(("image/png", "image/gif"))
STREAM_TYPES = (
    "image/jpeg",
    "image/jls",
    "image/jp2",
    "image/jpx",
    "image/jph",
    "image/jphc",
    "image/jxl",
    "image/dicom-rle",
    "application/x-deflate",
    "video/mpeg",
    "video/mp4",
    "video/H265",
)
ACCEPTED_PIXEL_TYPES = ("application/octet-stream", *STREAM_TYPES, *sorted(STILL_TYPES))
# Older and common names of the same types.
_ALIASES = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-jls": "image/jls",
    "image/j2c": "image/jp2",
    "image/x-j2c": "image/jp2",
    "image/x-dicom-rle": "image/dicom-rle",
    "image/x-png": "image/png",
    "video/h265": "video/H265",
    "video/h264": "video/mp4",
}
# Kinds of streams that do not describe themselves: the data set has to.
_OPAQUE = {"application/x-deflate": "1.2.840.10008.1.2.8.1"}

# Images of one kind only (PS3.3 A.8.2 to A.8.5): SOP class -> samples, bits allocated.
_FORMS = {
    "1.2.840.10008.5.1.4.1.1.7.1": (1, 1),
    "1.2.840.10008.5.1.4.1.1.7.2": (1, 8),
    "1.2.840.10008.5.1.4.1.1.7.3": (1, 16),
    "1.2.840.10008.5.1.4.1.1.7.4": (3, 8),
}


@dataclass(frozen=True, slots=True)
class PixelContent:
    """Pixel data ready to be written, and what is known of them; `vr` is set where the server made them."""

    transfer_syntax: str
    content: BulkContent
    facts: PixelFacts
    vr: str | None = None


def canonical_type(part: SpooledPart) -> str:
    """The media type of a part without parameters, by its usual name."""
    essence = part.media_type.essence
    return _ALIASES.get(essence, essence)


def pixel_content(spool: PartSpool, parts: Sequence[SpooledPart], attributes: Attributes) -> PixelContent:
    """Turn the parts of top-level Pixel Data into what is stored. Raises `DicomError` for what cannot be."""
    types = {canonical_type(part) for part in parts}
    if len(types) > 1:
        raise _refused("the frames have different media types", *ACCEPTED_PIXEL_TYPES)
    (media_type,) = types
    syntax = _declared_syntax(parts[0])
    if is_plain_bytes(parts[0]):
        if syntax is None or syntax.uid == EXPLICIT_VR_LITTLE_ENDIAN:
            return native_content(spool, parts)
        if syntax.uid == ENCAPSULATED_UNCOMPRESSED:
            return _opaque_frames(spool, parts, syntax.uid)
        if not syntax.encapsulated:
            raise _wrong_syntax("Implicit VR and big endian are not used with web services")
        media_type = syntax.media_type or media_type
    if media_type in _OPAQUE:
        return _opaque_frames(spool, parts, _OPAQUE[media_type])
    if media_type not in STILL_TYPES and media_type not in STREAM_TYPES:
        raise _refused(f"pixel data cannot be {media_type[:64]}", *ACCEPTED_PIXEL_TYPES)
    descriptions = _describe(spool, parts, media_type)
    if descriptions[0].transfer_syntax is None:
        return _still_images(spool, parts, descriptions[0], attributes)
    return _streams(spool, parts, descriptions, syntax, attributes)


def native_content(spool: PartSpool, parts: Sequence[SpooledPart]) -> PixelContent:
    """Uncompressed values: the bytes as they are, several parts one behind the other."""
    length = sum(part.length for part in parts)
    content = BulkStream(length, chain.from_iterable(spool.chunks(part) for part in parts))
    return PixelContent(EXPLICIT_VR_LITTLE_ENDIAN, content, PixelFacts(stored_bytes=length))


def _declared_syntax(part: SpooledPart) -> TransferSyntax | None:
    uid = part.media_type.get(TRANSFER_SYNTAX)
    if uid is None or uid == "*":
        return None
    syntax = transfer_syntaxes.get(uid.strip())
    if syntax is None:
        raise _wrong_syntax(f"transfer syntax {uid[:64]} is not known")
    return syntax


def _opaque_frames(spool: PartSpool, parts: Sequence[SpooledPart], transfer_syntax: str) -> PixelContent:
    lengths = tuple(part.length for part in parts)
    content = EncapsulatedFrames((BulkStream(part.length, spool.chunks(part)) for part in parts), lengths)
    return PixelContent(transfer_syntax, content, PixelFacts(frames=len(parts)))


def _describe(spool: PartSpool, parts: Sequence[SpooledPart], media_type: str) -> list[StreamDescription]:
    """Describe every part; they must agree on what they are and how large."""
    descriptions = [_describe_part(spool, part, media_type) for part in parts]
    first = descriptions[0]
    for number, one in enumerate(descriptions[1:], 2):
        if (one.rows, one.columns, one.samples_per_pixel) != (first.rows, first.columns, first.samples_per_pixel):
            raise _refused(f"frame {number} has another size or number of samples than frame 1")
        if _kind(one) is not _kind(first) or one.bits_allocated != first.bits_allocated:
            raise _refused(f"frame {number} is compressed in another way than frame 1")
    return descriptions


def _describe_part(spool: PartSpool, part: SpooledPart, media_type: str) -> StreamDescription:
    head = spool.read(part, 0, HEAD_BYTES)
    if not head:
        raise _refused("a part of the pixel data is empty")
    tail = spool.read(part, part.length - tail_bytes(head, part.length))
    return describe_stream(head, media_type=media_type, total=part.length, tail=tail)


def _kind(description: StreamDescription) -> Kind | None:
    syntax = transfer_syntaxes.get(description.transfer_syntax or "")
    return syntax.kind if syntax else None


def _streams(
    spool: PartSpool,
    parts: Sequence[SpooledPart],
    descriptions: Sequence[StreamDescription],
    declared: TransferSyntax | None,
    attributes: Attributes,
) -> PixelContent:
    """Encapsulate streams unchanged: a frame is one fragment, a video is one (PS3.5 A.4, 8.2.5 to 8.2.8)."""
    uid = _syntax_of(descriptions, declared)
    syntax = transfer_syntaxes.TRANSFER_SYNTAXES[uid]
    first = descriptions[0]
    ranges = [_codestream(part, one) for part, one in zip(parts, descriptions, strict=True)]
    lengths = tuple(length for _, length in ranges)
    frames = len(parts)
    if syntax.video:
        if frames > 1:
            raise _refused("a video is one part")
        frames = first.frames or get_integer(attributes, "00280008")
    elif (first.frames or 1) > 1:
        raise _refused("an animation is not one frame", "one part for each frame")
    streams = (
        BulkStream(length, spool.chunks(part, start, length))
        for part, (start, length) in zip(parts, ranges, strict=True)
    )
    facts = facts_of_stream(first, frames=frames, stored_bytes=sum(lengths))
    if any(one.lossy for one in descriptions) and not facts.lossy:
        lossy = next(one for one in descriptions if one.lossy)
        facts = replace(facts, lossy=True, lossy_method=lossy.lossy_method)
    return PixelContent(uid, EncapsulatedFrames(streams, None if syntax.video else lengths), facts)


def _syntax_of(descriptions: Sequence[StreamDescription], declared: TransferSyntax | None) -> str:
    """The transfer syntax of all frames: the declared one where it covers them, else the widest that a frame has."""
    found = [transfer_syntaxes.TRANSFER_SYNTAXES[one.transfer_syntax or ""] for one in descriptions]
    widest = next((syntax for syntax in found if syntax.lossy), found[0])
    if declared is not None and all(permits(one, declared.uid) for one in descriptions):
        return declared.uid
    return widest.uid


def _codestream(part: SpooledPart, description: StreamDescription) -> tuple[int, int]:
    """(start, length) in the part of what goes into the fragment: without the boxes of a JP2 file (PS3.5 8.2.4)."""
    start, length = description.codestream or (0, -1)
    left = part.length - start
    if left <= 0 or length > left:
        raise _refused("the codestream in a part of the pixel data is cut short")
    return start, left if length < 0 else length


def _still_images(
    spool: PartSpool, parts: Sequence[SpooledPart], description: StreamDescription, attributes: Attributes
) -> PixelContent:
    """Decode PNG and GIF: one animation, or one part for each frame of the same form."""
    from filmjacket.pixels.still_images import (  # noqa: PLC0415 - numpy takes time that most processes need not spend
        MAX_ENCODED_BYTES,
        decode_still_image,
    )

    def decode(part: SpooledPart) -> NativePixels:
        if part.length > MAX_ENCODED_BYTES:
            raise _refused(f"a {description.media_type} part is longer than {MAX_ENCODED_BYTES} bytes")
        return decode_still_image(spool.read(part), description.media_type)

    first = decode(parts[0])
    if len(parts) > 1 and first.frames > 1:
        raise _refused("an animation is not one frame", "one part for each frame, or one animation")
    _check_form(first, get_text(attributes, SOP_CLASS_UID) or "")

    def pixels() -> Iterator[bytes]:
        yield from first.chunks()
        for part in parts[1:]:
            following = decode(part)
            if (following.samples, following.bits) != (first.samples, first.bits):
                raise _refused("the frames have different colours or depths")
            yield from following.chunks()

    grey = first.samples == 1
    length = first.length * len(parts)
    facts = PixelFacts(
        rows=first.rows,
        columns=first.columns,
        samples=first.samples,
        photometric="MONOCHROME2" if grey else "RGB",
        accepted_photometrics=frozenset(("MONOCHROME1", "MONOCHROME2") if grey else ("RGB",)),
        bits_allocated=first.bits,
        bits_stored=first.bits,
        planar_configuration=None if grey else 0,
        frames=first.frames * len(parts),
        frame_time_ms=description.frame_time_ms,
        stored_bytes=length,
        exact=True,
    )
    vr = "OW" if first.bits > 8 else "OB"
    return PixelContent(EXPLICIT_VR_LITTLE_ENDIAN, BulkStream(length, pixels()), facts, vr)


def _check_form(image: NativePixels, sop_class: str) -> None:
    """Refuse colours and depths that the IOD does not have (PS3.18 10.5.2, note on PNG)."""
    form = _FORMS.get(sop_class)
    if form is not None and form != (image.samples, image.bits):
        raise DicomError(
            f"the SOP class has no images of {image.samples} samples with {image.bits} bits",
            section="PS3.3 A.8",
            offender="SOPClassUID",
            accepted=(f"{form[0]} samples with {form[1]} bits",),
        )


def _refused(text: str, *accepted: str) -> DicomError:
    return DicomError(text, section="PS3.18 10.5.2", offender="PixelData", accepted=accepted)


def _wrong_syntax(text: str) -> DicomError:
    return DicomError(text, section="PS3.18 8.7.3", offender=TRANSFER_SYNTAX, accepted=(EXPLICIT_VR_LITTLE_ENDIAN,))

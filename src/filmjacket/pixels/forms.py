"""Forms that frames can have: colour spaces as decoded and as encoded, and what each transfer syntax has room for.

No codec is needed to know (PS3.5 8.2, PS3.18 8.7.3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from filmjacket.dicom import transfer_syntaxes
from filmjacket.dicom.transfer_syntaxes import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    ENCAPSULATED_UNCOMPRESSED,
    EXPLICIT_VR_LITTLE_ENDIAN,
    TRANSFER_SYNTAXES,
    Kind,
)
from filmjacket.errors import DicomError, FilmjacketError, NotAcceptable
from filmjacket.pixels.description import describe_pixels
from filmjacket.pixels.overlays_embedded import has_embedded_overlays, whole_cells
from filmjacket.web.reach import LOSSLESS, LOSSY, RECOMPRESSED, Reach

if TYPE_CHECKING:
    from filmjacket.dicom.attributes import Attributes
    from filmjacket.dicom.layout import PixelLayout
    from filmjacket.pixels.description import PixelDescription

_PREFIX: Final = "1.2.840.10008.1.2."
RLE: Final = f"{_PREFIX}5"
DEFLATED_FRAME: Final = f"{_PREFIX}8.1"
JPEG_BASELINE: Final = f"{_PREFIX}4.50"
JPEG_EXTENDED: Final = f"{_PREFIX}4.51"
JPEG_LOSSLESS: Final = f"{_PREFIX}4.57"
JPEG_LOSSLESS_SV1: Final = f"{_PREFIX}4.70"
JPEG_LS_LOSSLESS: Final = f"{_PREFIX}4.80"
JPEG_LS_NEAR: Final = f"{_PREFIX}4.81"
JPEG_2000_LOSSLESS: Final = f"{_PREFIX}4.90"
JPEG_2000: Final = f"{_PREFIX}4.91"
JPEG_XL_LOSSLESS: Final = f"{_PREFIX}4.110"
JPEG_XL_RECOMPRESSION: Final = f"{_PREFIX}4.111"
JPEG_XL: Final = f"{_PREFIX}4.112"
HTJ2K_LOSSLESS: Final = f"{_PREFIX}4.201"
HTJ2K_LOSSLESS_RPCL: Final = f"{_PREFIX}4.202"
HTJ2K: Final = f"{_PREFIX}4.203"

CODEC_VERSION: Final = "2"
"""Of the bytes that encoders make. It is part of entity tags: raise it whenever other bytes come of the same frame."""

NATIVE: Final = frozenset((EXPLICIT_VR_LITTLE_ENDIAN, ENCAPSULATED_UNCOMPRESSED, DEFLATED_FRAME))

_KEEPS_CELLS: Final = (NATIVE | {DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN}) - {DEFLATED_FRAME}

DECODED_KINDS: Final = frozenset(
    (
        Kind.UNCOMPRESSED,
        Kind.DEFLATED_FRAME,
        Kind.RLE,
        Kind.JPEG,
        Kind.JPEG_LS,
        Kind.JPEG_2000,
        Kind.HTJ2K,
        Kind.JPEG_XL,
    )
)
# JPEG processes 3, 5, 7 and so on: arithmetic coding and hierarchies, which no decoder at hand knows.
_UNKNOWN_JPEG: Final = frozenset(f"{_PREFIX}4.{number}" for number in (52, 54, 56, 58, 59, 60, 61, 62, 63, 64, 65, 66))

DECODABLE: Final = frozenset(
    uid for uid, syntax in TRANSFER_SYNTAXES.items() if syntax.kind in DECODED_KINDS and uid not in _UNKNOWN_JPEG
)
"""Transfer syntaxes whose frames can be decoded."""

ENCODABLE: Final = frozenset((*LOSSLESS, *LOSSY)) - {DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN}
"""Transfer syntaxes that frames can be encoded in."""

# The most bits of a sample that each codec keeps exactly, or takes at all.
_MAX_BITS: Final = {
    JPEG_BASELINE: 8,
    JPEG_EXTENDED: 12,
    JPEG_LOSSLESS: 16,
    JPEG_LOSSLESS_SV1: 16,
    JPEG_LS_LOSSLESS: 16,
    JPEG_LS_NEAR: 16,
    JPEG_2000_LOSSLESS: 24,
    JPEG_2000: 16,
    JPEG_XL_LOSSLESS: 16,
    JPEG_XL: 16,
    HTJ2K_LOSSLESS: 16,
    HTJ2K_LOSSLESS_RPCL: 16,
    HTJ2K: 16,
    RLE: 64,
}
_UNSIGNED_ONLY: Final = frozenset((JPEG_BASELINE, JPEG_EXTENDED, JPEG_LS_NEAR, JPEG_XL))
"""Lossy codings without signed samples: errors around zero would become errors of the whole range."""

_MAX_NATIVE_BYTES: Final = 0xFFFF_FFFE
"""Native pixel data have a 32-bit length, and an even one (PS3.5 7.1)."""


_HTJ2K: Final = frozenset((HTJ2K_LOSSLESS, HTJ2K_LOSSLESS_RPCL, HTJ2K))


def obstacle_to(description: PixelDescription, transfer_syntax: str) -> str:
    """Why frames like these have no form in a transfer syntax, or none that is right; "" if they have."""
    if transfer_syntax not in ENCODABLE:
        return "the server has no encoder for it"
    if decoded_photometric(description).startswith("YBR_PARTIAL"):
        return "YBR_PARTIAL_422 and YBR_PARTIAL_420 are retired and have no form without subsampling"
    if transfer_syntax in NATIVE:
        return ""
    if description.kind != "integer":
        return "it has no form for floating point pixels"
    if description.sample_bytes * 8 != description.bits_allocated:
        return f"it has no form for {description.bits_allocated} bits allocated"
    if transfer_syntax in _HTJ2K and min(description.rows, description.columns) < 2:
        # OpenJPH 0.32 (imagecodecs 2026.10) does not give such images back as they were.
        return "the encoder needs two rows and two columns at least"
    return _obstacle_in_samples(description, transfer_syntax)


def _obstacle_in_samples(description: PixelDescription, transfer_syntax: str) -> str:
    if description.bits_stored > _MAX_BITS[transfer_syntax]:
        return f"it takes samples of up to {_MAX_BITS[transfer_syntax]} bits"
    if transfer_syntax == RLE and description.samples * description.sample_bytes > 12:
        return "it has room for 15 byte planes only"
    if transfer_syntax == JPEG_EXTENDED and (description.samples > 1 or description.bits_stored <= 8):
        return "it is for grey images of 9 to 12 bits; JPEG baseline is for the others"
    if description.signed and transfer_syntax in _UNSIGNED_ONLY:
        return "it has no signed samples"
    if transfer_syntax in LOSSY and description.photometric == "PALETTE COLOR":
        return "a palette and a lossy coding do not go together"
    return ""


def check_encodable(description: PixelDescription, transfer_syntax: str) -> None:
    """Raise `NotAcceptable` when frames like these have no form in a transfer syntax, or none that is right."""
    reason = obstacle_to(description, transfer_syntax)
    if reason:
        syntax = TRANSFER_SYNTAXES.get(transfer_syntax)
        raise NotAcceptable(
            f"The frames cannot be sent in {syntax.name if syntax else 'this transfer syntax'}: {reason}.",
            section="8.7.3.5.2",
            offender="transfer-syntax",
            accepted=tuple(sorted(uid for uid in ENCODABLE if not obstacle_to(description, uid))),
        )


_LOSSLESS_JPEG: Final = frozenset(f"{_PREFIX}4.{number}" for number in (57, 58, 65, 66, 70))
# No transform is part of the process.
_LOSSY_XL: Final = frozenset((JPEG_XL_RECOMPRESSION, JPEG_XL))


def decoded_photometric(description: PixelDescription) -> str:
    """The colour space of decoded frames; a term without subsampling, for arrays have none.

    Codecs undo what they did: YBR_ICT and YBR_RCT of JPEG 2000, XYB of JPEG XL, and luminance and chrominance of
    lossy JPEG. Lossless frames are left as they were given to the encoder.
    """
    photometric = description.photometric
    if description.samples == 1:
        return photometric
    coding = description.coding
    undone = (
        photometric in {"YBR_ICT", "YBR_RCT", "XYB"}
        or (coding is Kind.JPEG and description.transfer_syntax not in _LOSSLESS_JPEG)
        or (coding is Kind.JPEG_XL and description.transfer_syntax in _LOSSY_XL)
    )
    if undone:
        return "RGB"
    if photometric == "YBR_FULL_422":
        return "YBR_FULL"
    return "YBR_PARTIAL_422" if photometric == "YBR_PARTIAL_420" else photometric


def encoded_photometric(description: PixelDescription, transfer_syntax: str) -> str:
    """Photometric Interpretation of frames that `encode_frame` made (PS3.5 8.2.1 to 8.2.15)."""
    photometric = decoded_photometric(description)
    if photometric == "RGB":
        return _RGB_BECOMES.get(transfer_syntax, "RGB")
    if photometric == "YBR_FULL" and transfer_syntax in {JPEG_BASELINE, JPEG_XL}:
        return _RGB_BECOMES[transfer_syntax]
    return photometric


_RGB_BECOMES: Final = {
    JPEG_BASELINE: "YBR_FULL_422",
    JPEG_2000_LOSSLESS: "YBR_RCT",
    JPEG_2000: "YBR_ICT",
    HTJ2K_LOSSLESS: "YBR_RCT",
    HTJ2K_LOSSLESS_RPCL: "YBR_RCT",
    HTJ2K: "YBR_ICT",
    JPEG_XL: "XYB",
}


def reach_of(attributes: Attributes, stored: str, pixel: PixelLayout | None, *, framed: bool) -> Reach:
    """What an instance can be converted to, by its attributes and where its pixel data are."""
    if pixel is None:
        return Reach(stored, encapsulated=False, lossless=_convertible(stored, encapsulated=False))
    try:
        if pixel.encapsulated and not framed:
            raise DicomError("the stream is not divided into frames")
        description = describe_pixels(attributes, stored, pixel)
        obstacle = _obstacle_to_decoding(description)
        if not obstacle and has_embedded_overlays(attributes):
            return _reach_of_cells(description, stored, pixel)
    except FilmjacketError as error:
        obstacle, description = error.message, None
    if obstacle or description is None:
        native = _convertible(stored, encapsulated=pixel.encapsulated)
        return Reach(stored, encapsulated=pixel.encapsulated, lossless=native, obstacle=obstacle)
    return _reach_of_image(description, stored, pixel)


def _convertible(stored: str, *, encapsulated: bool) -> tuple[str, ...]:
    """What needs no look at pixels: a native data set with its bytes in another order, or deflated."""
    syntax = transfer_syntaxes.get(stored)
    if syntax is None or encapsulated or syntax.kind is Kind.JPIP:
        return ()
    return (EXPLICIT_VR_LITTLE_ENDIAN, DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN)


def _obstacle_to_decoding(description: PixelDescription) -> str:
    if description.coding not in DECODED_KINDS or description.transfer_syntax not in DECODABLE:
        return f"frames in {TRANSFER_SYNTAXES[description.transfer_syntax].name} cannot be decoded"
    return ""


def _reach_of_cells(description: PixelDescription, stored: str, pixel: PixelLayout) -> Reach:
    """Overlays of old lie in the bits that pixels leave unused, which native forms alone keep (PS3.3 C.9.2, retired).

    High Bit becomes Bits Stored - 1 in what is made of frames, and the bits of the overlay would move.
    """
    obstacle = "an overlay lies in the unused bits of the pixel data, and other forms would lose it"
    lossless = _convertible(stored, encapsulated=pixel.encapsulated)
    cells = whole_cells(description)
    if not pixel.encapsulated or cells is None or description.high_bit != description.bits_stored - 1:
        return Reach(stored, pixel.encapsulated, lossless, obstacle=obstacle)
    whole = _reach_of_image(cells, stored, pixel)
    kept = tuple(uid for uid in whole.lossless if uid in _KEEPS_CELLS and uid != stored)
    return Reach(stored, pixel.encapsulated, kept, oversized=whole.oversized, obstacle=obstacle)


def _reach_of_image(description: PixelDescription, stored: str, pixel: PixelLayout) -> Reach:
    stream_bytes = (description.frames * sent_frame_bits(description) + 7) // 8
    oversized = pixel.encapsulated and stream_bytes > _MAX_NATIVE_BYTES
    lossless: list[str] = []
    for uid in LOSSLESS:
        native = uid in {EXPLICIT_VR_LITTLE_ENDIAN, DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN}
        if native and not pixel.encapsulated:
            lossless.append(uid)  # by moving bytes
        elif not (native and oversized) and not obstacle_to(description, EXPLICIT_VR_LITTLE_ENDIAN if native else uid):
            lossless.append(uid)
    if stored in RECOMPRESSED:
        lossless.append(RECOMPRESSED[stored])
    lossy = [uid for uid in LOSSY if uid not in lossless and not obstacle_to(description, uid)]
    return Reach(stored, pixel.encapsulated, tuple(lossless), tuple(lossy), oversized)


def sent_frame_bits(description: PixelDescription) -> int:
    """Bits of one native frame as `frame_bytes` writes it: whole cells, chrominance of every pixel.

    Frames of 1 bit follow each other without padding (PS3.5 8.1.1).
    """
    bits = 1 if description.bits_allocated == 1 else 8 * description.sample_bytes
    return description.rows * description.columns * description.samples * bits

"""What a compressed stream says about itself, in terms of the Image Pixel Module (PS3.3 C.7.6.3, PS3.5 8.2)."""

from __future__ import annotations

from dataclasses import dataclass

from filmjacket.dicom.transfer_syntaxes import TRANSFER_SYNTAXES
from filmjacket.errors import DicomError

HEAD_BYTES = 1024 * 1024
"""How much of the beginning of a stream is looked at: enough for colour profiles, thumbnails and tables in front of
the pixels. A file of which more is needed is asked for its end, see `needs_tail`."""

ACCEPTED = (
    "image/jpeg",
    "image/jls",
    "image/jp2",
    "image/jpx",
    "image/jph",
    "image/jphc",
    "image/jxl",
    "image/png",
    "image/gif",
    "image/dicom-rle",
    "video/mpeg",
    "video/mp4",
    "video/H265",
)
"""Media types of the streams that are understood (PS3.18 Tables 8.7.3-5 and 10.5.2-1)."""


@dataclass(frozen=True, slots=True)
class StreamDescription:
    """Image Pixel attributes that a stream implies, and what a data set must say of its compression.

    `media_type` is the canonical one; `transfer_syntax` is None where DICOM has none (PNG, GIF). `frames` is None
    when the stream does not say it, or not in the part that was looked at. `lossy` means that the coding may have
    lost something, `lossy_method` is the Defined Term of Lossy Image Compression Method (0028,2114) for it.
    `codestream` is (offset, length) of what goes into a fragment when the container around it may not, with
    length -1 for the rest; None when the stream goes in as it is. `rows` and `columns` are 0 in RLE, which does not
    say them.
    """

    media_type: str
    transfer_syntax: str | None
    rows: int
    columns: int
    samples_per_pixel: int
    photometric_interpretation: str
    bits_allocated: int
    bits_stored: int
    pixel_representation: int = 0
    planar_configuration: int | None = None
    frames: int | None = 1
    lossy: bool = False
    lossy_method: str | None = None
    codestream: tuple[int, int] | None = None
    frame_time_ms: float | None = None
    warnings: tuple[str, ...] = ()


def cut_short(structure: str) -> DicomError:
    """Return the error for a structure that is needed and not whole in what was looked at."""
    return DicomError(
        f"{structure} is cut short: it is not whole in the first {HEAD_BYTES} bytes of the stream",
        section="PS3.5 8.2",
        offender="PixelData",
    )


def malformed(text: str, *, section: str = "PS3.5 8.2") -> DicomError:
    """Return the error for a stream whose structure contradicts its own format."""
    return DicomError(text, section=section, offender="PixelData")


def not_in_dicom(text: str, *accepted: str, section: str = "PS3.5 8.2") -> DicomError:
    """Return the error for a sound stream in a coding that DICOM has no transfer syntax for."""
    return DicomError(text, section=section, offender="PixelData", accepted=accepted)


def check_size(rows: int, columns: int) -> None:
    """Refuse a size that Rows (0028,0010) and Columns (0028,0011) cannot hold: both are US (PS3.6)."""
    if not (0 < rows < 65536 and 0 < columns < 65536):
        raise not_in_dicom(
            f"an image of {rows} rows and {columns} columns cannot be described",
            "1 to 65535 rows and columns",
            section="PS3.3 C.7.6.3",
        )


def bits_allocated_for(bits_stored: int) -> int:
    """Return Bits Allocated for a number of bits stored: whole bytes (PS3.5 8.1.1)."""
    return (bits_stored + 7) // 8 * 8


def planar_configuration_for(samples: int) -> int | None:
    """Return Planar Configuration of a codestream: 0 for colour, absent for one sample (PS3.5 8.2)."""
    return None if samples == 1 else 0


def media_type_of(transfer_syntax: str) -> str:
    """Return the media type of a compressed transfer syntax (PS3.18 Table 8.7.3-5)."""
    return TRANSFER_SYNTAXES[transfer_syntax].media_type or "application/octet-stream"

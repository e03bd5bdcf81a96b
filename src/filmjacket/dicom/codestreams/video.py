"""What all video streams have in common: chroma formats, frame times, the description (PS3.5 8.2.5 to 8.2.12)."""

from __future__ import annotations

from dataclasses import dataclass

from filmjacket.dicom.codestreams.description import (
    StreamDescription,
    bits_allocated_for,
    check_size,
    media_type_of,
    not_in_dicom,
    planar_configuration_for,
)
from filmjacket.dicom.transfer_syntaxes import TRANSFER_SYNTAXES, Kind

PREFIX = "1.2.840.10008.1.2.4."
_METHODS = {Kind.MPEG2: "ISO_13818_2", Kind.H264: "ISO_14496_10", Kind.H265: "ISO_23008_2"}
# chroma_format_idc -> samples, Photometric Interpretation; 4:2:2 and 4:4:4 are in no profile that DICOM has.
_CHROMA = {0: (1, "MONOCHROME2"), 1: (3, "YBR_PARTIAL_420")}
_MAX_FRAME_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Sequence:
    """What the header of a video sequence says, whatever the coding.

    `syntax` is what its profile and level make it.
    """

    syntax: str
    rows: int
    columns: int
    chroma_format: int
    bits: int = 8
    frame_time_ms: float | None = None
    warnings: tuple[str, ...] = ()


def frame_time(ticks: int, per_second: int) -> float | None:
    """Return milliseconds for a number of ticks of a clock, None when it is nonsense."""
    if ticks <= 0 or per_second <= 0:
        return None
    milliseconds = 1000 * ticks / per_second
    return round(milliseconds, 6) if milliseconds <= _MAX_FRAME_MS else None


def describe(
    sequence: Sequence,
    *,
    frames: int | None = None,
    frame_time_ms: float | None = None,
    warnings: tuple[str, ...] = (),
) -> StreamDescription:
    """Describe a video; what the container knows of frames and time goes before what the sequence says."""
    check_size(sequence.rows, sequence.columns)
    if sequence.chroma_format not in _CHROMA:
        raise not_in_dicom("the video is not coded in 4:2:0, all that its DICOM profiles have", "chroma format 4:2:0")
    samples, photometric = _CHROMA[sequence.chroma_format]
    return StreamDescription(
        media_type=media_type_of(sequence.syntax),
        transfer_syntax=sequence.syntax,
        rows=sequence.rows,
        columns=sequence.columns,
        samples_per_pixel=samples,
        photometric_interpretation=photometric,
        bits_allocated=bits_allocated_for(sequence.bits),
        bits_stored=sequence.bits,
        planar_configuration=planar_configuration_for(samples),
        frames=frames,
        lossy=True,
        lossy_method=_METHODS[TRANSFER_SYNTAXES[sequence.syntax].kind],
        frame_time_ms=frame_time_ms or sequence.frame_time_ms,
        warnings=sequence.warnings + warnings,
    )

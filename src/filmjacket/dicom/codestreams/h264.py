"""H.264 sequence parameter sets: profile, level, size, depth, frame rate (ISO/IEC 14496-10 7.3.2.1; PS3.5 8.2.7-9)."""

from __future__ import annotations

from filmjacket.dicom.codestreams.description import malformed, not_in_dicom
from filmjacket.dicom.codestreams.reader import BitReader
from filmjacket.dicom.codestreams.video import PREFIX, Sequence, frame_time

SEQUENCE_PARAMETER_SET = 7
STEREO_HIGH = PREFIX + "106"
MAX_PARAMETER_SET_BYTES = 4096
"""A set with all scaling matrices has some 1000 bytes."""

_BASELINE, _MAIN, _HIGH, _STEREO_HIGH = 66, 77, 100, 128
# Profiles whose set tells chroma format, depth and scaling matrices (7.3.2.1.1).
_WITH_CHROMA = frozenset((100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135))
_EXTENDED_SAR = 255
ACCEPTED = ("High Profile (also Main, Constrained Baseline) up to level 4.2", "Stereo High Profile up to level 4.2")


def unescape(unit: bytes) -> bytes:
    """Return a NAL unit without its emulation prevention bytes (ISO/IEC 14496-10 7.3.1, 23008-2 7.3.1.1)."""
    return unit[:MAX_PARAMETER_SET_BYTES].replace(b"\0\0\3", b"\0\0")


def read_sequence(unit: bytes, *, stereo: bool = False) -> Sequence:
    """Return what a sequence parameter set says; `unit` begins with its NAL header, `stereo` is frame packing."""
    fields = BitReader(unescape(unit), "the H.264 sequence parameter set")
    fields.bits(8)
    profile, constraints, level = fields.bits(8), fields.bits(8), fields.bits(8)
    fields.unsigned()
    chroma_format, bits = _read_chroma(fields) if profile in _WITH_CHROMA else (1, 8)
    _skip_order_counts(fields)
    fields.unsigned()
    fields.flag()
    columns, rows = 16 * (fields.unsigned() + 1), 16 * (fields.unsigned() + 1)
    progressive = fields.flag()
    if not progressive:
        rows *= 2
        fields.flag()
    fields.flag()
    if fields.flag():
        # Cropping counts chrominance samples, and in interlaced video those of a field (7.4.2.1.1).
        across, down = (2 if chroma_format in {1, 2} else 1), (2 if chroma_format == 1 else 1) * (2 - progressive)
        left, right, top, bottom = (fields.unsigned() for _ in range(4))
        columns -= across * (left + right)
        rows -= down * (top + bottom)
    syntax, warnings = _syntax(profile, constraints, level, stereo=stereo)
    return Sequence(
        syntax=syntax,
        rows=rows,
        columns=columns,
        chroma_format=chroma_format,
        bits=bits,
        frame_time_ms=_read_frame_time(fields),
        warnings=warnings,
    )


def _syntax(profile: int, constraints: int, level: int, *, stereo: bool) -> tuple[str, tuple[str, ...]]:
    """Return the least transfer syntax whose decoders play the stream (PS3.5 A.4.6 to A.4.9)."""
    if level > 42:
        raise not_in_dicom(f"H.264 level {level / 10} is over the highest in DICOM", *ACCEPTED, section="PS3.5 8.2.8")
    if profile == _STEREO_HIGH:
        return STEREO_HIGH, ()
    if profile not in {_BASELINE, _MAIN, _HIGH}:
        raise not_in_dicom(f"H.264 profile {profile} has no transfer syntax", *ACCEPTED, section="PS3.5 8.2.7")
    # constraint_set1_flag: a stream of Baseline Profile that is one of Main Profile too (A.2.1, A.2.2).
    odd = profile == _BASELINE and not constraints & 0x40
    warnings = ("H.264 Baseline Profile may use what High Profile lacks",) if odd else ()
    if stereo:
        return PREFIX + "105", warnings
    return PREFIX + ("104" if level == 42 else "102"), warnings


def _read_chroma(fields: BitReader) -> tuple[int, int]:
    """Read chroma format, depth and scaling matrices; return the first two."""
    chroma_format = fields.unsigned()
    if chroma_format == 3:
        fields.flag()
    bits = 8 + fields.unsigned()
    fields.unsigned()
    fields.flag()
    if fields.flag():
        for number in range(12 if chroma_format == 3 else 8):
            if fields.flag():
                _skip_scaling_list(fields, 16 if number < 6 else 64)
    if bits > 14 or chroma_format > 3:
        raise malformed("the H.264 sequence parameter set has an impossible depth", section="ISO/IEC 14496-10 7.4.2")
    return chroma_format, bits


def _skip_scaling_list(fields: BitReader, size: int) -> None:
    scale = 8
    for _ in range(size):
        scale = (scale + fields.signed()) % 256
        if scale == 0:
            return


def _skip_order_counts(fields: BitReader) -> None:
    """Step over frame numbers and picture order counts."""
    fields.unsigned()
    kind = fields.unsigned()
    if kind == 0:
        fields.unsigned()
    elif kind == 1:
        fields.flag()
        fields.signed()
        fields.signed()
        for _ in range(min(fields.unsigned(), 255)):
            fields.signed()


def _read_frame_time(fields: BitReader) -> float | None:
    """Return the frame time from the usability information (E.1.1); None when there is none."""
    if not fields.flag():
        return None
    if fields.flag() and fields.bits(8) == _EXTENDED_SAR:
        fields.bits(32)
    if fields.flag():
        fields.flag()
    if fields.flag():
        fields.bits(4)
        if fields.flag():
            fields.bits(24)
    if fields.flag():
        fields.unsigned()
        fields.unsigned()
    if not fields.flag():
        return None
    # A tick is the time of a field (E.2.1).
    ticks, per_second = fields.bits(32), fields.bits(32)
    return frame_time(2 * ticks, per_second)

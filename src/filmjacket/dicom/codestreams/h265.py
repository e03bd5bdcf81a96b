"""H.265 sequence parameter sets: profile, level, size, depth (ISO/IEC 23008-2 7.3.2.2; PS3.5 8.2.10, 8.2.11)."""

from __future__ import annotations

from filmjacket.dicom.codestreams.description import malformed, not_in_dicom
from filmjacket.dicom.codestreams.h264 import unescape
from filmjacket.dicom.codestreams.reader import BitReader
from filmjacket.dicom.codestreams.video import PREFIX, Sequence

SEQUENCE_PARAMETER_SET = 33
ACCEPTED = ("Main Profile up to level 5.1", "Main 10 Profile up to level 5.1")

_MAIN, _MAIN_10 = 1, 2
_LEVEL_5_1 = 153


def read_sequence(unit: bytes) -> Sequence:
    """Return what a sequence parameter set says; `unit` begins with the two bytes of its NAL header."""
    fields = BitReader(unescape(unit), "the H.265 sequence parameter set")
    fields.bits(16 + 4)
    layers = fields.bits(3)
    fields.flag()
    syntax = _read_profile(fields, layers)
    fields.unsigned()
    chroma_format = fields.unsigned()
    if chroma_format == 3:
        fields.flag()
    columns, rows = fields.unsigned(), fields.unsigned()
    if fields.flag():
        # The window counts chrominance samples (7.4.3.2.1).
        across, down = (2 if chroma_format in {1, 2} else 1), (2 if chroma_format == 1 else 1)
        left, right, top, bottom = (fields.unsigned() for _ in range(4))
        columns -= across * (left + right)
        rows -= down * (top + bottom)
    bits = 8 + fields.unsigned()
    if bits > 16:
        raise malformed("the H.265 sequence parameter set has an impossible depth", section="ISO/IEC 23008-2 7.4.3.2")
    return Sequence(syntax=syntax, rows=rows, columns=columns, chroma_format=chroma_format, bits=bits)


def _read_profile(fields: BitReader, layers: int) -> str:
    """Read profile_tier_level (7.3.3); return the transfer syntax."""
    fields.bits(3)
    profile, compatible = fields.bits(5), fields.bits(32)
    fields.bits(48)
    level = fields.bits(8)
    present = [(fields.flag(), fields.flag()) for _ in range(layers)]
    if layers:
        fields.bits(2 * (8 - layers))
    for has_profile, has_level in present:
        fields.bits(88 if has_profile else 0)
        fields.bits(8 if has_level else 0)
    # general_profile_compatibility_flag[i] is the i-th bit from the left.
    main, main_10 = (profile == number or compatible >> (31 - number) & 1 for number in (_MAIN, _MAIN_10))
    if not (main or main_10):
        raise not_in_dicom(f"H.265 profile {profile} has no transfer syntax", *ACCEPTED, section="PS3.5 8.2.10")
    if level > _LEVEL_5_1:
        raise not_in_dicom(f"H.265 level {level / 30} is over the highest in DICOM", *ACCEPTED, section="PS3.5 8.2.10")
    return PREFIX + ("107" if main else "108")

"""MPEG-2 sequence headers: profile, level, size, frame rate (ISO/IEC 13818-2 6.2.2; PS3.5 8.2.5, 8.2.6)."""

from __future__ import annotations

from filmjacket.dicom.codestreams.description import cut_short, malformed, not_in_dicom
from filmjacket.dicom.codestreams.reader import BitReader
from filmjacket.dicom.codestreams.video import PREFIX, Sequence, frame_time

SEQUENCE_HEADER = b"\0\0\1\xb3"
ACCEPTED = ("MPEG-2 Main Profile at Main Level", "MPEG-2 Main Profile at High Level")

_EXTENSION = b"\0\0\1\xb5"
_SEQUENCE_EXTENSION = 1
# frame_rate_code -> ticks of a frame, ticks of a second (ISO/IEC 13818-2 Table 6-4).
_FRAME_RATES = {
    1: (1001, 24000),
    2: (1, 24),
    3: (1, 25),
    4: (1001, 30000),
    5: (1, 30),
    6: (1, 50),
    7: (1001, 60000),
    8: (1, 60),
}
_SIMPLE, _MAIN = 5, 4
# Level -> transfer syntax: High, High-1440, Main, Low (ISO/IEC 13818-2 Table 8-3).
_LEVELS = {4: PREFIX + "101", 6: PREFIX + "101", 8: PREFIX + "100", 10: PREFIX + "100"}
TRANSFER_SYNTAXES = frozenset(_LEVELS.values())
"""The transfer syntaxes that a sequence header can lead to."""


def read_sequence(stream: bytes, start: int) -> Sequence:
    """Return what the sequence header at `start` and the extension behind it say."""
    fields = BitReader(stream[start + 4 : start + 4 + 8 + 128], "the MPEG-2 sequence header")
    columns, rows = fields.bits(12), fields.bits(12)
    fields.bits(4)
    rate = fields.bits(4)
    fields.bits(18 + 1 + 10 + 1)
    for _ in range(2):
        if fields.flag():
            fields.bits(8 * 64)
    behind = start + 4 + (fields.position + 7) // 8
    behind = stream.find(_EXTENSION[:3], behind)
    if stream[behind : behind + 4] != _EXTENSION:
        if behind < 0 or len(stream) < behind + 4:
            raise cut_short("the MPEG-2 sequence extension")
        raise not_in_dicom("MPEG-1 video has no transfer syntax", *ACCEPTED, section="PS3.5 8.2.5")
    extension = BitReader(stream[behind + 4 : behind + 12], "the MPEG-2 sequence extension")
    if extension.bits(4) != _SEQUENCE_EXTENSION:
        raise malformed("the MPEG-2 sequence header is not followed by its extension", section="ISO/IEC 13818-2 6.2.2")
    syntax = _syntax(extension.bits(8))
    extension.flag()
    chroma_format = extension.bits(2)
    columns += extension.bits(2) << 12
    rows += extension.bits(2) << 12
    extension.bits(12 + 1 + 8 + 1)
    ticks, clock = _FRAME_RATES.get(rate, (0, 0))
    # frame_rate_extension_n multiplies the rate, frame_rate_extension_d divides it (6.3.5).
    clock *= extension.bits(2) + 1
    time = frame_time(ticks * (extension.bits(5) + 1), clock)
    return Sequence(syntax=syntax, rows=rows, columns=columns, chroma_format=chroma_format, frame_time_ms=time)


def _syntax(profile_and_level: int) -> str:
    profile, level = profile_and_level >> 4, profile_and_level & 15
    if profile not in {_SIMPLE, _MAIN} or level not in _LEVELS:
        raise not_in_dicom("the profile and level of the MPEG-2 video have no transfer syntax", *ACCEPTED)
    return _LEVELS[level]

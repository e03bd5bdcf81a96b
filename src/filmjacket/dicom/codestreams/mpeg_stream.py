"""Video as a stream without boxes: elementary streams, program streams, transport streams (ISO/IEC 13818-1).

Of the packets only those of the first video stream are joined, as far as the head goes; what codes it is told by its
first start codes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from filmjacket.dicom.codestreams import h264, h265, mpeg2, video
from filmjacket.dicom.codestreams.description import cut_short, malformed, not_in_dicom

if TYPE_CHECKING:
    from filmjacket.dicom.codestreams.description import StreamDescription

_START_CODE = b"\0\0\1"
_PACK_HEADER = b"\0\0\1\xba"
_SYNC = 0x47
_PACKET = 188
# Packets of a transport stream, also with the four bytes of time stamp that cameras write in front of each.
_PACKET_SIZES = (188, 192)
_VIDEO_STREAMS = range(0xE0, 0xF0)
_VIDEO_CODES = frozenset(bytes((code,)) for code in _VIDEO_STREAMS)
_PROGRAM_END = 0xB9
# NAL headers that a byte stream begins with: delimiter, parameter sets, supplemental information. H.264 gives the
# parameter sets any nal_ref_idc but 0, H.265 has its type one bit higher; no byte means something in both.
_FIRST_HEADERS = {
    **dict.fromkeys((0x06, 0x09, 0x27, 0x28, 0x47, 0x48, 0x67, 0x68), "H.264"),
    **dict.fromkeys((0x40, 0x42, 0x44, 0x46, 0x4E), "H.265"),
}
_ACCEPTED = (*mpeg2.ACCEPTED, *h264.ACCEPTED, *h265.ACCEPTED)
MAX_START_CODES = 20_000


def is_stream(head: bytes) -> bool:
    """Tell whether a stream begins like one of MPEG: a start code, or sync bytes in the rhythm of packets."""
    return head.startswith((_START_CODE, b"\0" + _START_CODE)) or _packet_size(head) is not None


def describe(head: bytes) -> StreamDescription:
    """Describe a video by the first sequence header in it."""
    warnings: tuple[str, ...] = ()
    size = _packet_size(head)
    if size is not None:
        stream, bare = _join_transport(head, size), False
    elif head.startswith((_PACK_HEADER, *(_START_CODE + bytes((code,)) for code in _VIDEO_STREAMS))):
        stream, bare = _join_program(head), False
    else:
        stream, bare = head, True
    sequence = _find_sequence(stream)
    if bare and sequence.syntax not in mpeg2.TRANSFER_SYNTAXES:
        warnings = ("PS3.5 8.2.7 asks for a transport stream or an MP4 file around the video",)
    return video.describe(sequence, warnings=warnings)


def _find_sequence(stream: bytes) -> video.Sequence:
    """Return the first sequence header or parameter set."""
    position = -1
    family, code = "", None
    for _ in range(MAX_START_CODES):
        position = stream.find(_START_CODE, position + 1)
        if position < 0 or position + 3 >= len(stream):
            break
        code = stream[position + 3]
        if stream.startswith(mpeg2.SEQUENCE_HEADER, position):
            return mpeg2.read_sequence(stream, position)
        family = family or _FIRST_HEADERS.get(code, "")
        if family == "H.264" and code & 0x1F == h264.SEQUENCE_PARAMETER_SET:
            return h264.read_sequence(_unit(stream, position + 3))
        if family == "H.265" and code >> 1 == h265.SEQUENCE_PARAMETER_SET:
            return h265.read_sequence(_unit(stream, position + 3))
    if family or code is None:
        raise cut_short("the video in front of its first sequence header")
    raise not_in_dicom("the start codes are not those of a video in MPEG-2, H.264 or H.265", *_ACCEPTED)


def _unit(stream: bytes, start: int) -> bytes:
    end = stream.find(_START_CODE, start)
    return stream[start : end if end >= 0 else None]


def _packet_size(head: bytes) -> int | None:
    for size in _PACKET_SIZES:
        first = size - _PACKET
        if len(head) > first + 2 * size and all(head[first + number * size] == _SYNC for number in range(3)):
            return size
    return None


def _join_transport(head: bytes, size: int) -> bytes:
    """Join the payload of the packets with the first identifier (PID) on which a video stream begins."""
    parts: list[bytes] = []
    wanted: int | None = None
    for at in range(size - _PACKET, len(head) - _PACKET + 1, size):
        if head[at] != _SYNC:
            raise malformed("the transport stream loses its sync byte", section="ISO/IEC 13818-1 2.4.3")
        control = head[at + 3] >> 4
        if not control & 1:
            continue
        payload = head[at + 4 + (1 + head[at + 4] if control & 2 else 0) : at + _PACKET]
        identifier = int.from_bytes(head[at + 1 : at + 3], "big") & 0x1FFF
        begins = bool(head[at + 1] & 0x40)
        if wanted is None and begins and payload.startswith(_START_CODE) and payload[3:4] in _VIDEO_CODES:
            wanted = identifier
        if identifier == wanted:
            parts.append(payload[_pes_header(payload) :] if begins else payload)
    return b"".join(parts)


def _pes_header(packet: bytes) -> int:
    """Return the length of a packet header of MPEG-2, 0 when there is none (ISO/IEC 13818-1 2.4.3.6)."""
    if not packet.startswith(_START_CODE):
        return 0
    if len(packet) < 9:
        return len(packet)
    if packet[6] >> 6 == 2:
        return 9 + packet[8]
    return 6


def _join_program(head: bytes) -> bytes:
    """Join the payload of the packets of the first video stream."""
    parts: list[bytes] = []
    wanted: int | None = None
    position = 0
    while position + 6 <= len(head):
        if not head.startswith(_START_CODE, position):
            break
        code = head[position + 3]
        if code == _PROGRAM_END:
            break
        if code == _PACK_HEADER[3]:
            position = _behind_pack_header(head, position)
            continue
        end = position + 6 + int.from_bytes(head[position + 4 : position + 6], "big")
        # A video packet of unknown length goes to the end (allowed in transport streams only, but seen).
        end = len(head) if code in _VIDEO_STREAMS and end == position + 6 else end
        if code in _VIDEO_STREAMS and wanted in {None, code}:
            wanted = code
            packet = head[position:end]
            parts.append(packet[_pes_header(packet) :])
        position = end
    return b"".join(parts)


def _behind_pack_header(head: bytes, position: int) -> int:
    """Return the position behind a pack header: 12 bytes in MPEG-1, 14 and stuffing in MPEG-2."""
    if position + 14 > len(head):
        raise cut_short("the pack header of the program stream")
    if head[position + 4] >> 6 == 1:
        return position + 14 + (head[position + 13] & 7)
    return position + 12

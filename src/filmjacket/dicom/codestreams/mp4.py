"""MP4 files: the first video track of the movie box, wherever that lies (ISO/IEC 14496-12, 14496-15)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from filmjacket.dicom.codestreams import boxes, h264, h265, mpeg2, video
from filmjacket.dicom.codestreams.description import cut_short, malformed, not_in_dicom
from filmjacket.dicom.codestreams.reader import ByteReader

if TYPE_CHECKING:
    from filmjacket.dicom.codestreams.description import StreamDescription

# What a file can begin with: older ones have no file type box.
_FIRST_BOXES = frozenset((b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"))
# The box that holds the items of HEIF and AVIF images (ISO/IEC 23008-12).
_IMAGE_ITEMS = b"meta"
_QUICKTIME = b"qt  "
# Reserved fields, size, resolution, name and so on in front of the boxes of a video sample entry (12.1.3.2).
_VISUAL_ENTRY_BYTES = 78
_H264_ENTRIES = frozenset((b"avc1", b"avc2", b"avc3", b"avc4"))
_H265_ENTRIES = frozenset((b"hvc1", b"hev1"))
_SYSTEMS_ENTRY = b"mp4v"
# The decoder configuration in an elementary stream descriptor: tag 4, length, object type (ISO/IEC 14496-1 7.2.6.6).
_MPEG_2_CONFIGURATION = re.compile(rb"\x04[\x80-\xff]{0,3}[\x00-\x7f][\x60-\x65]")
ACCEPTED = ("a video track in H.264 (avc1, avc3), H.265 (hvc1, hev1) or MPEG-2",)
MAX_TIME_ENTRIES = 100_000


@dataclass(frozen=True, slots=True)
class _Times:
    """How many samples a track has, and the time of one, None when it varies beyond telling."""

    samples: int | None
    milliseconds: float | None


def is_mp4(head: bytes) -> bool:
    """Tell whether a stream begins with a box that an MP4 or QuickTime file begins with."""
    return head[4:8] in _FIRST_BOXES


def needs_tail(head: bytes) -> bool:
    """Tell whether the movie box does not begin in the head, although the file may have one."""
    return movie_offset(head) is not None and all(box.kind not in {b"moov", _IMAGE_ITEMS} for box in boxes.walk(head))


def movie_offset(head: bytes) -> int | None:
    """Return where the first box behind the head begins: the movie box, or one in front of it."""
    last = None
    for box in boxes.walk(head):
        last = box
    return last.end if last is not None else None


def describe(head: bytes, *, total: int | None = None, tail: bytes = b"") -> StreamDescription:
    """Describe the first video track."""
    warnings = ()
    if head[4:8] == b"ftyp" and head[8:12] == _QUICKTIME:
        warnings = ("the container is QuickTime; PS3.5 8.2.7 asks for MP4 or a transport stream",)
    data, movie = head, boxes.find(head, b"moov")
    if movie is None and boxes.find(head, _IMAGE_ITEMS) is not None:
        raise not_in_dicom("HEIF and AVIF images have no transfer syntax", *ACCEPTED)
    if movie is None:
        data, movie = tail, _movie_in_tail(head, total, tail)
    for track in boxes.walk(data, movie.start, movie.end):
        if track.kind == b"trak":
            media = _child(data, track, b"mdia")
            if _is_video(data, media):
                return _describe_track(data, media, head, warnings)
    if movie.end is not None and movie.end > len(data):
        raise cut_short("the movie box (moov)")
    raise not_in_dicom("the MP4 file has no video track", *ACCEPTED)


def _movie_in_tail(head: bytes, total: int | None, tail: bytes) -> boxes.Box:
    position = movie_offset(head)
    if position is not None and total is not None:
        # The tail ends with the stream; negative when it does not reach back far enough.
        start = position - (total - len(tail))
        found = boxes.find(tail, b"moov", start) if start >= 0 else None
        if found is not None:
            return found
    raise cut_short("the MP4 file, without its movie box (moov),")


def _child(data: bytes, parent: boxes.Box, *kinds: bytes) -> boxes.Box:
    """Return a descendant by its path."""
    for kind in kinds:
        found = boxes.find(data, kind, parent.start, parent.end)
        if found is None:
            if parent.end is None or parent.end > len(data):
                raise cut_short(f"the MP4 box {_name(parent.kind)}")
            raise malformed(f"the MP4 box {_name(parent.kind)} has no {_name(kind)}", section="ISO/IEC 14496-12 8")
        parent = found
    return parent


def _name(kind: bytes) -> str:
    return kind.decode("latin-1").encode("unicode_escape").decode("ascii")


def _is_video(data: bytes, media: boxes.Box) -> bool:
    reader = ByteReader(data, "the MP4 handler box", _child(data, media, b"hdlr").start)
    reader.skip(8)
    return reader.take(4) == b"vide"


def _describe_track(data: bytes, media: boxes.Box, head: bytes, warnings: tuple[str, ...]) -> StreamDescription:
    table = _child(data, media, b"minf", b"stbl")
    sequence = _sequence(data, _child(data, table, b"stsd"), head)
    times = _times(data, table, _time_scale(data, _child(data, media, b"mdhd")))
    return video.describe(sequence, frames=times.samples, frame_time_ms=times.milliseconds, warnings=warnings)


def _sequence(data: bytes, descriptions: boxes.Box, head: bytes) -> video.Sequence:
    """Return what the first sample description says (ISO/IEC 14496-12 8.5.2)."""
    entry = next(boxes.walk(data, descriptions.start + 8, descriptions.end), None)
    if entry is None:
        raise cut_short("the MP4 sample description box (stsd)")
    inner = boxes.Box(entry.kind, entry.start + _VISUAL_ENTRY_BYTES, entry.end)
    if entry.kind in _H264_ENTRIES:
        stereo = boxes.find(data, b"st3d", inner.start, inner.end)
        packed = stereo is not None and any(stereo.payload(data)[4:5])
        sequence = h264.read_sequence(_avc_parameter_set(data, _child(data, inner, b"avcC")), stereo=packed)
        # The second view has its parameter set, of Stereo High Profile, in a box of its own (ISO/IEC 14496-15 7.5).
        two_views = boxes.find(data, b"mvcC", inner.start, inner.end) is not None
        return replace(sequence, syntax=h264.STEREO_HIGH) if two_views else sequence
    if entry.kind in _H265_ENTRIES:
        return h265.read_sequence(_hevc_parameter_set(data, _child(data, inner, b"hvcC")))
    if entry.kind == _SYSTEMS_ENTRY:
        if not _MPEG_2_CONFIGURATION.search(_child(data, inner, b"esds").payload(data)):
            raise not_in_dicom("video in MPEG-4 Visual has no transfer syntax", *ACCEPTED)
        # The sequence header is in the first sample, not here.
        at = head.find(mpeg2.SEQUENCE_HEADER)
        if at < 0:
            raise cut_short("the MP4 file in front of its MPEG-2 sequence header")
        return mpeg2.read_sequence(head, at)
    raise not_in_dicom(f"the coding {_name(entry.kind)} of the video track has no transfer syntax", *ACCEPTED)


def _avc_parameter_set(data: bytes, box: boxes.Box) -> bytes:
    """Return the first sequence parameter set (ISO/IEC 14496-15 5.3.3.1)."""
    reader = ByteReader(data, "the AVC configuration box (avcC)", box.start, box.end)
    reader.skip(5)
    if reader.number(1) & 0x1F == 0:
        raise malformed("the AVC configuration box (avcC) has no sequence parameter set")
    return reader.take(reader.number(2))


def _hevc_parameter_set(data: bytes, box: boxes.Box) -> bytes:
    """Return the first sequence parameter set (ISO/IEC 14496-15 8.3.3.1)."""
    reader = ByteReader(data, "the HEVC configuration box (hvcC)", box.start, box.end)
    reader.skip(22)
    for _ in range(reader.number(1)):
        kind = reader.number(1) & 0x3F
        for _ in range(reader.number(2)):
            unit = reader.take(reader.number(2))
            if kind == h265.SEQUENCE_PARAMETER_SET:
                return unit
    raise malformed("the HEVC configuration box (hvcC) has no sequence parameter set")


def _time_scale(data: bytes, box: boxes.Box) -> int:
    """Return the ticks of a second; creation and modification times have 4 or 8 bytes (ISO/IEC 14496-12 8.4.2)."""
    reader = ByteReader(data, "the MP4 media header box (mdhd)", box.start, box.end)
    version = reader.number(1)
    reader.skip(3 + (16 if version == 1 else 8))
    return reader.number(4)


def _times(data: bytes, table: boxes.Box, scale: int) -> _Times:
    """Return samples and their time from the decoding times (8.6.1.2); all unknown when the head does not reach."""
    box = boxes.find(data, b"stts", table.start, table.end)
    if box is None or box.end is None or box.end > len(data):
        return _Times(None, None)
    reader = ByteReader(data, "the MP4 decoding time box (stts)", box.start, box.end)
    reader.skip(4)
    samples = ticks = 0
    for _ in range(min(reader.number(4), MAX_TIME_ENTRIES)):
        count, delta = reader.number(4), reader.number(4)
        samples += count
        ticks += count * delta
    if samples == 0:
        # The samples are in fragments (moof), which are not walked.
        return _Times(None, None)
    return _Times(samples, video.frame_time(ticks, scale * samples))

"""Registry of transfer syntaxes (PS3.5 Annex A, PS3.6 Table A-1) and what negotiation needs to know of them.

Media types of compressed bulk data are those of PS3.18 Table 8.7.3-5, of uncompressed ones Table 8.7.3-4.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

IMPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
ENCAPSULATED_UNCOMPRESSED = "1.2.840.10008.1.2.1.98"
DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1.99"
EXPLICIT_VR_BIG_ENDIAN = "1.2.840.10008.1.2.2"

_OCTETS = "application/octet-stream"


class Kind(StrEnum):
    """How Pixel Data is coded."""

    UNCOMPRESSED = "uncompressed"
    JPEG = "jpeg"
    JPEG_LS = "jls"
    JPEG_2000 = "j2k"
    JPEG_2000_PART_2 = "jpx"
    HTJ2K = "htj2k"
    JPEG_XL = "jxl"
    RLE = "rle"
    MPEG2 = "mpeg2"
    H264 = "h264"
    H265 = "h265"
    DEFLATED_FRAME = "deflated-frame"
    JPIP = "jpip"
    SMPTE = "smpte"


VIDEO_KINDS = frozenset((Kind.MPEG2, Kind.H264, Kind.H265))


@dataclass(frozen=True, slots=True)
class TransferSyntax:
    """One transfer syntax.

    `encapsulated`: Pixel Data is a sequence of fragments (PS3.5 A.4). `lossy`: the syntax allows loss (an
    instance in it may still be lossless). `media_type`: of bulk data as stored, None when PS3.18 names none.
    """

    uid: str
    name: str
    kind: Kind
    media_type: str | None
    explicit: bool = True
    big_endian: bool = False
    deflated: bool = False
    encapsulated: bool = False
    lossy: bool = False
    retired: bool = False

    @property
    def video(self) -> bool:
        """Tell whether all frames are one stream of an MPEG family."""
        return self.kind in VIDEO_KINDS


def _compressed(
    suffix: str, name: str, kind: Kind, media_type: str | None, *, lossy: bool = False, retired: bool = False
) -> TransferSyntax:
    return TransferSyntax(
        f"1.2.840.10008.1.2.{suffix}",
        name,
        kind,
        media_type,
        encapsulated=True,
        lossy=lossy,
        retired=retired,
    )


def _video(number: int, name: str, kind: Kind, media_type: str) -> list[TransferSyntax]:
    """Return a video syntax and its fragmentable form, whose UID ends in .1 (PS3.5 Annex A)."""
    plain = _compressed(f"4.{number}", name, kind, media_type, lossy=True)
    return [plain, _compressed(f"4.{number}.1", f"Fragmentable {name}", kind, media_type, lossy=True)]


# Number below 1.2.840.10008.1.2.4 -> process, lossy. All but four are retired (PS3.6 Table A-1).
_JPEG_PROCESSES = {
    50: ("JPEG Baseline (Process 1)", True),
    51: ("JPEG Extended (Process 2 and 4)", True),
    52: ("JPEG Extended (Process 3 and 5)", True),
    53: ("JPEG Spectral Selection, Non-Hierarchical (Process 6 and 8)", True),
    54: ("JPEG Spectral Selection, Non-Hierarchical (Process 7 and 9)", True),
    55: ("JPEG Full Progression, Non-Hierarchical (Process 10 and 12)", True),
    56: ("JPEG Full Progression, Non-Hierarchical (Process 11 and 13)", True),
    57: ("JPEG Lossless, Non-Hierarchical (Process 14)", False),
    58: ("JPEG Lossless, Non-Hierarchical (Process 15)", False),
    59: ("JPEG Extended, Hierarchical (Process 16 and 18)", True),
    60: ("JPEG Extended, Hierarchical (Process 17 and 19)", True),
    61: ("JPEG Spectral Selection, Hierarchical (Process 20 and 22)", True),
    62: ("JPEG Spectral Selection, Hierarchical (Process 21 and 23)", True),
    63: ("JPEG Full Progression, Hierarchical (Process 24 and 26)", True),
    64: ("JPEG Full Progression, Hierarchical (Process 25 and 27)", True),
    65: ("JPEG Lossless, Hierarchical (Process 28)", False),
    66: ("JPEG Lossless, Hierarchical (Process 29)", False),
    70: ("JPEG Lossless, Non-Hierarchical, First-Order Prediction (Process 14 [Selection Value 1])", False),
}
_JPEG_CURRENT = {50, 51, 57, 70}

_ROWS: tuple[TransferSyntax, ...] = (
    TransferSyntax(IMPLICIT_VR_LITTLE_ENDIAN, "Implicit VR Little Endian", Kind.UNCOMPRESSED, _OCTETS, explicit=False),
    TransferSyntax(EXPLICIT_VR_LITTLE_ENDIAN, "Explicit VR Little Endian", Kind.UNCOMPRESSED, _OCTETS),
    _compressed("1.98", "Encapsulated Uncompressed Explicit VR Little Endian", Kind.UNCOMPRESSED, _OCTETS),
    TransferSyntax(
        DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
        "Deflated Explicit VR Little Endian",
        Kind.UNCOMPRESSED,
        _OCTETS,
        deflated=True,
    ),
    TransferSyntax(
        EXPLICIT_VR_BIG_ENDIAN,
        "Explicit VR Big Endian",
        Kind.UNCOMPRESSED,
        _OCTETS,
        big_endian=True,
        retired=True,
    ),
    *(
        _compressed(f"4.{number}", name, Kind.JPEG, "image/jpeg", lossy=lossy, retired=number not in _JPEG_CURRENT)
        for number, (name, lossy) in _JPEG_PROCESSES.items()
    ),
    _compressed("4.80", "JPEG-LS Lossless Image Compression", Kind.JPEG_LS, "image/jls"),
    _compressed("4.81", "JPEG-LS Lossy (Near-Lossless) Image Compression", Kind.JPEG_LS, "image/jls", lossy=True),
    _compressed("4.90", "JPEG 2000 Image Compression (Lossless Only)", Kind.JPEG_2000, "image/jp2"),
    _compressed("4.91", "JPEG 2000 Image Compression", Kind.JPEG_2000, "image/jp2", lossy=True),
    _compressed(
        "4.92",
        "JPEG 2000 Part 2 Multi-component Image Compression (Lossless Only)",
        Kind.JPEG_2000_PART_2,
        "image/jpx",
    ),
    _compressed(
        "4.93",
        "JPEG 2000 Part 2 Multi-component Image Compression",
        Kind.JPEG_2000_PART_2,
        "image/jpx",
        lossy=True,
    ),
    # JPIP instances hold no pixels but a URL (PS3.5 Annex A); the deflated ones deflate the data set.
    TransferSyntax("1.2.840.10008.1.2.4.94", "JPIP Referenced", Kind.JPIP, None, lossy=True),
    TransferSyntax("1.2.840.10008.1.2.4.95", "JPIP Referenced Deflate", Kind.JPIP, None, deflated=True, lossy=True),
    *_video(100, "MPEG2 Main Profile / Main Level", Kind.MPEG2, "video/mpeg"),
    *_video(101, "MPEG2 Main Profile / High Level", Kind.MPEG2, "video/mpeg"),
    *_video(102, "MPEG-4 AVC/H.264 High Profile / Level 4.1", Kind.H264, "video/mp4"),
    *_video(103, "MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1", Kind.H264, "video/mp4"),
    *_video(104, "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video", Kind.H264, "video/mp4"),
    *_video(105, "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 3D Video", Kind.H264, "video/mp4"),
    *_video(106, "MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2", Kind.H264, "video/mp4"),
    _compressed("4.107", "HEVC/H.265 Main Profile / Level 5.1", Kind.H265, "video/H265", lossy=True),
    _compressed("4.108", "HEVC/H.265 Main 10 Profile / Level 5.1", Kind.H265, "video/H265", lossy=True),
    _compressed("4.110", "JPEG XL Lossless", Kind.JPEG_XL, "image/jxl"),
    _compressed("4.111", "JPEG XL JPEG Recompression", Kind.JPEG_XL, "image/jxl", lossy=True),
    _compressed("4.112", "JPEG XL", Kind.JPEG_XL, "image/jxl", lossy=True),
    _compressed(
        "4.201",
        "High-Throughput JPEG 2000 Image Compression (Lossless Only)",
        Kind.HTJ2K,
        "image/jphc",
    ),
    _compressed(
        "4.202",
        "High-Throughput JPEG 2000 with RPCL Options Image Compression (Lossless Only)",
        Kind.HTJ2K,
        "image/jphc",
    ),
    _compressed("4.203", "High-Throughput JPEG 2000 Image Compression", Kind.HTJ2K, "image/jphc", lossy=True),
    TransferSyntax("1.2.840.10008.1.2.4.204", "JPIP HTJ2K Referenced", Kind.JPIP, None, lossy=True),
    TransferSyntax(
        "1.2.840.10008.1.2.4.205", "JPIP HTJ2K Referenced Deflate", Kind.JPIP, None, deflated=True, lossy=True
    ),
    _compressed("5", "RLE Lossless", Kind.RLE, "image/dicom-rle"),
    # SMPTE ST 2110 syntaxes belong to real-time video (PS3.22); such pixels never are in a stored file.
    TransferSyntax(
        "1.2.840.10008.1.2.7.1",
        "SMPTE ST 2110-20 Uncompressed Progressive Active Video",
        Kind.SMPTE,
        None,
    ),
    TransferSyntax(
        "1.2.840.10008.1.2.7.2",
        "SMPTE ST 2110-20 Uncompressed Interlaced Active Video",
        Kind.SMPTE,
        None,
    ),
    TransferSyntax("1.2.840.10008.1.2.7.3", "SMPTE ST 2110-30 PCM Digital Audio", Kind.SMPTE, None),
    _compressed("8.1", "Deflated Image Frame Compression", Kind.DEFLATED_FRAME, "application/x-deflate"),
    TransferSyntax(
        "1.2.840.10008.1.20",
        "Papyrus 3 Implicit VR Little Endian",
        Kind.UNCOMPRESSED,
        _OCTETS,
        explicit=False,
        retired=True,
    ),
)

TRANSFER_SYNTAXES: dict[str, TransferSyntax] = {row.uid: row for row in _ROWS}
"""Every transfer syntax that is known, by UID."""


def get(uid: str) -> TransferSyntax | None:
    """Return the transfer syntax of a UID, None for an unknown (for example private) one."""
    return TRANSFER_SYNTAXES.get(uid)

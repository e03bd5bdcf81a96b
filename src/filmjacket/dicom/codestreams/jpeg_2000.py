"""JPEG 2000 codestreams, Part 1, Part 2 and High-Throughput (ISO/IEC 15444-1 Annex A, 15444-15; PS3.5 8.2.4, 8.2.14).

A reversible transformation is taken as lossless: whether an encoder left something out of the codestream after it
cannot be told from the header.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from filmjacket.dicom.codestreams.description import (
    StreamDescription,
    bits_allocated_for,
    check_size,
    malformed,
    media_type_of,
    not_in_dicom,
    planar_configuration_for,
)
from filmjacket.dicom.codestreams.reader import ByteReader

START = b"\xff\x4f\xff\x51"

_PREFIX = "1.2.840.10008.1.2.4."
_SIZ = 0x51
_CAP = 0x50
_COD = 0x52
_COC = 0x53
_TLM = 0x55
_POC = 0x5F
_SOT = 0x90
_RPCL = 2
# Rsiz: the highest bit announces extensions of Part 2 (ISO/IEC 15444-2 A.2.1).
_PART_2 = 0x8000
# Pcap: bit 15 counted from the highest one announces Part 15 (ISO/IEC 15444-1 A.5.2).
_PART_15 = 1 << 17
_HT_BLOCKS = 0x40
MAX_SEGMENTS = 10_000


@dataclass(frozen=True, slots=True)
class Component:
    """One component as SIZ gives it: depth, sign, distance of its samples on the reference grid."""

    bits: int
    signed: bool
    horizontal: int
    vertical: int


@dataclass(slots=True)
class MainHeader:
    """What the marker segments in front of the first tile-part say."""

    profile: int = 0
    rows: int = 0
    columns: int = 0
    components: list[Component] = field(default_factory=list[Component])
    high_throughput: bool = False
    progression: int = -1
    multiple_component_transform: int = 0
    levels: int = 0
    reversible: bool = True
    tile_lengths: bool = False
    order_changes: bool = False

    def take(self, marker: int, reader: ByteReader) -> None:
        """Take one segment; the reader ends with it."""
        if marker == _SIZ:
            self._take_size(reader)
        elif marker == _CAP:
            self.high_throughput |= bool(reader.number(4) & _PART_15)
        elif marker == _COD:
            self._take_coding_style(reader)
        elif marker == _COC:
            reader.skip(1 if len(self.components) < 257 else 2)
            reader.skip(1)
            self._take_block_coding(reader)
        elif marker == _TLM:
            self.tile_lengths = True
        elif marker == _POC:
            self.order_changes = True

    def _take_size(self, reader: ByteReader) -> None:
        self.profile = reader.number(2)
        right, bottom, left, top = (reader.number(4) for _ in range(4))
        reader.skip(16)
        for _ in range(reader.number(2)):
            depth, horizontal, vertical = reader.take(3)
            self.components.append(Component((depth & 0x7F) + 1, depth >= 0x80, horizontal, vertical))
        if not self.components or not all(part.horizontal and part.vertical for part in self.components):
            raise malformed("the size segment (SIZ) describes no component", section="ISO/IEC 15444-1 A.5.1")
        across, down = self.components[0].horizontal, self.components[0].vertical
        self.columns = -(-right // across) - -(-left // across)
        self.rows = -(-bottom // down) - -(-top // down)

    def _take_coding_style(self, reader: ByteReader) -> None:
        reader.skip(1)
        self.progression = reader.number(1)
        reader.skip(2)
        self.multiple_component_transform = reader.number(1)
        self.levels = self._take_block_coding(reader)

    def _take_block_coding(self, reader: ByteReader) -> int:
        """Take what COD and COC have in common; return the number of decomposition levels."""
        levels = reader.number(1)
        reader.skip(2)
        self.high_throughput |= bool(reader.number(1) & _HT_BLOCKS)
        self.reversible &= reader.number(1) == 1
        return levels

    @property
    def subsampled(self) -> bool:
        """Tell whether components differ in their resolution."""
        return len({(part.horizontal, part.vertical) for part in self.components}) > 1


def read_main_header(head: bytes, start: int = 0, end: int | None = None) -> MainHeader:
    """Return the main header of a codestream that lies somewhere in the head."""
    reader = ByteReader(head, "the main header of the JPEG 2000 codestream", start, end)
    if reader.take(4) != START:
        raise malformed("the JPEG 2000 codestream does not begin with SOC and SIZ", section="ISO/IEC 15444-1 A.3")
    reader.position -= 2
    found = MainHeader()
    for _ in range(MAX_SEGMENTS):
        marker = reader.number(2)
        if marker == 0xFF00 | _SOT:
            break
        if not 0xFF4F < marker < 0xFF93:
            raise malformed(f"{marker:04X}H is no marker of a main header", section="ISO/IEC 15444-1 A.2")
        length = reader.number(2) - 2
        segment = ByteReader(reader.take(max(length, 0)), f"the segment of JPEG 2000 marker {marker:04X}H")
        found.take(marker & 0xFF, segment)
    if found.progression < 0:
        raise malformed("the main header has no coding style segment (COD)", section="ISO/IEC 15444-1 A.6.1")
    return found


def describe(head: bytes) -> StreamDescription:
    """Describe a bare codestream."""
    return describe_header(read_main_header(head))


def describe_header(
    found: MainHeader,
    *,
    ybr: bool = False,
    codestream: tuple[int, int] | None = None,
    warnings: tuple[str, ...] = (),
) -> StreamDescription:
    """Describe a codestream by its main header; `ybr` and `codestream` are what a container around it says."""
    check_size(found.rows, found.columns)
    syntax = _PREFIX + _suffix(found)
    lossy = not found.reversible
    samples, frames = _samples_and_frames(found)
    first = found.components[0]
    if any((part.bits, part.signed) != (first.bits, first.signed) for part in found.components):
        raise not_in_dicom("the components differ in depth or sign", "components that are alike", section="PS3.5 8.2.4")
    if not 1 <= first.bits <= 38:
        raise malformed(f"JPEG 2000 has no components of {first.bits} bits", section="ISO/IEC 15444-1 A.5.1")
    if samples == 3 and first.signed:
        warnings = (*warnings, "Pixel Representation of colour is 0 in PS3.5 Table 8.2.4-1, the components are signed")
    return StreamDescription(
        media_type=media_type_of(syntax),
        transfer_syntax=syntax,
        rows=found.rows,
        columns=found.columns,
        samples_per_pixel=samples,
        photometric_interpretation=_photometric(found, samples, ybr=ybr),
        bits_allocated=bits_allocated_for(first.bits),
        bits_stored=first.bits,
        pixel_representation=int(first.signed),
        planar_configuration=planar_configuration_for(samples),
        frames=frames,
        lossy=lossy,
        lossy_method=("ISO_15444_15" if found.high_throughput else "ISO_15444_1") if lossy else None,
        codestream=codestream,
        warnings=warnings,
    )


def _suffix(found: MainHeader) -> str:
    """Return what tells the transfer syntax apart (PS3.5 A.4.4, A.4.11, 10.18)."""
    if found.high_throughput:
        if not found.reversible:
            return "203"
        # A thumbnail of at most 64 pixels must be reachable, and tile lengths must say where it ends.
        scale = 1 << min(found.levels, 32)
        thumbnail = min(-(-found.rows // scale), -(-found.columns // scale)) <= 64
        progressive = found.progression == _RPCL and not found.order_changes
        return "202" if progressive and found.tile_lengths and thumbnail else "201"
    if found.profile & _PART_2:
        return "92" if found.reversible else "93"
    return "90" if found.reversible else "91"


def _samples_and_frames(found: MainHeader) -> tuple[int, int]:
    count = len(found.components)
    if count in {1, 3}:
        return count, 1
    if found.profile & _PART_2 and not found.high_throughput:
        # Multi-component transformation works across frames (PS3.5 8.2.4, A.4.4).
        return 1, count
    raise not_in_dicom(
        f"a JPEG 2000 image of {count} components has no Photometric Interpretation; an opacity channel cannot be kept",
        "1 or 3 components",
        section="PS3.5 8.2.4",
    )


def _photometric(found: MainHeader, samples: int, *, ybr: bool) -> str:
    """Return the Photometric Interpretation (PS3.5 Table 8.2.4-1)."""
    if samples == 1:
        return "MONOCHROME2"
    if found.multiple_component_transform == 1:
        return "YBR_RCT" if found.reversible else "YBR_ICT"
    # Only chrominance is subsampled; JPEG 2000 allows no other term for it than YBR_FULL.
    return "YBR_FULL" if ybr or found.subsampled else "RGB"

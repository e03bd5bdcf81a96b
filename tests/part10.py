"""Builds small DICOM files byte by byte, right or wrong on purpose."""

from __future__ import annotations

import struct

LITTLE = "1.2.840.10008.1.2.1"
IMPLICIT = "1.2.840.10008.1.2"
BIG = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
JPEG = "1.2.840.10008.1.2.4.50"
J2K = "1.2.840.10008.1.2.4.90"
RLE = "1.2.840.10008.1.2.5"
MPEG4 = "1.2.840.10008.1.2.4.102"

LONG = {"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"}
UNDEFINED = 0xFFFFFFFF


def explicit(tag: str, vr: str, value: bytes = b"", *, length: int | None = None, order: str = "<") -> bytes:
    """An element with explicit VR; `length` lies about the value."""
    group, element = int(tag[:4], 16), int(tag[4:], 16)
    size = len(value) if length is None else length
    if vr in LONG:
        return struct.pack(order + "2H2s2xI", group, element, vr.encode(), size) + value
    return struct.pack(order + "2H2sH", group, element, vr.encode(), size) + value


def implicit(tag: str, value: bytes = b"", *, length: int | None = None, order: str = "<") -> bytes:
    """An element with implicit VR."""
    group, element = int(tag[:4], 16), int(tag[4:], 16)
    return struct.pack(order + "2HI", group, element, len(value) if length is None else length) + value


def item(content: bytes = b"", *, length: int | None = None) -> bytes:
    """An item of defined length."""
    return implicit("FFFEE000", content, length=length)


ITEM_END = implicit("FFFEE00D")
SEQUENCE_END = implicit("FFFEE0DD")


def open_item(content: bytes = b"") -> bytes:
    """An item of undefined length with its delimiter."""
    return implicit("FFFEE000", length=UNDEFINED) + content + ITEM_END


def encapsulated(*fragments: bytes, table: bytes = b"", vr: str = "OB") -> bytes:
    """Pixel Data with a Basic Offset Table and fragments."""
    return (
        explicit("7FE00010", vr, length=UNDEFINED)
        + item(table)
        + b"".join(item(fragment) for fragment in fragments)
        + SEQUENCE_END
    )


def part10(data_set: bytes, syntax: str | None = LITTLE) -> bytes:
    """A file with preamble and File Meta Information."""
    meta = explicit("00020001", "OB", b"\0\1")
    if syntax is not None:
        meta += explicit("00020010", "UI", syntax.encode() + b"\0" * (len(syntax) % 2))
    return bytes(128) + b"DICM" + explicit("00020000", "UL", struct.pack("<I", len(meta))) + meta + data_set

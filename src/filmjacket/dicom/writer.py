"""Part 10 files from attributes and bulk data, as a stream (PS3.10 7, PS3.5 7 and A.2 to A.5).

Data sets are written in Explicit VR Little Endian, text in UTF-8, sequences and items with undefined length:
nothing has to be measured before it is written, so memory holds one small value, or one chunk, at a time.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, cast

from filmjacket.dicom import transfer_syntaxes
from filmjacket.dicom.attributes import get_text, walk
from filmjacket.dicom.shape import refusal
from filmjacket.dicom.uids import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from filmjacket.dicom.value_fields import encode_value
from filmjacket.dicom.vr import LONG_LENGTH_VRS, VALUE_REPRESENTATIONS
from filmjacket.errors import DicomError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from filmjacket.dicom.attributes import Attributes, Element
    from filmjacket.dicom.transfer_syntaxes import TransferSyntax

PREAMBLE = bytes(128) + b"DICM"

_UNDEFINED = 0xFFFF_FFFF
_MAX_SHORT = 0xFFFE
_MAX_LONG = 0xFFFF_FFFE
_ITEM = b"\xfe\xff\x00\xe0"
_ITEM_OF_UNDEFINED_LENGTH = _ITEM + b"\xff\xff\xff\xff"
_ITEM_END = b"\xfe\xff\x0d\xe0\0\0\0\0"
_SEQUENCE_END = b"\xfe\xff\xdd\xe0\0\0\0\0"

_SPECIFIC_CHARACTER_SET = "00080005"
_PIXEL_DATA = "7FE00010"
_EXTENDED_OFFSET_TABLE = "7FE00001"
_EXTENDED_OFFSET_TABLE_LENGTHS = "7FE00002"
# Of the top level; they are made anew where the frames are written.
_OFFSET_TABLES = frozenset((_EXTENDED_OFFSET_TABLE, _EXTENDED_OFFSET_TABLE_LENGTHS))
_TRAILING_PADDING = "FFFCFFFC"

# Small pieces are gathered, so that whoever sends or stores them is not called for each element.
_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class BulkStream:
    """A bulk value whose length is known before its bytes come."""

    length: int
    chunks: Iterable[bytes]


@dataclass(frozen=True, slots=True)
class EncapsulatedFrames:
    """Compressed frames, one item each; with their `lengths` known, offset tables are written (PS3.5 A.4).

    The table is the Basic Offset Table, or the extended one (PS3.3 C.7.6.3.1.8) where 32 bits are too few.
    """

    frames: Iterable[bytes | BulkStream]
    lengths: tuple[int, ...] | None = None


BulkContent: TypeAlias = bytes | BulkStream | EncapsulatedFrames
BulkSource: TypeAlias = "Callable[[str], BulkContent]"


def write_file(attributes: Attributes, *, transfer_syntax: str, bulk: BulkSource | None = None) -> Iterator[bytes]:
    """Yield a Part 10 file; `bulk` gives the content that a BulkDataURI stands for.

    `transfer_syntax` is Explicit VR Little Endian, its deflated form, or an encapsulated one. DicomError
    names the attribute that cannot be written, as soon as its turn comes.
    """
    syntax = transfer_syntaxes.get(transfer_syntax)
    if syntax is None or not syntax.explicit or syntax.big_endian:
        raise DicomError(
            f"files are not written in transfer syntax {transfer_syntax[:64]}",
            section="PS3.5 A.2",
            accepted=(transfer_syntaxes.EXPLICIT_VR_LITTLE_ENDIAN,),
        )
    sop_class, sop_instance = get_text(attributes, "00080016"), get_text(attributes, "00080018")
    if not (sop_class and sop_instance):
        raise DicomError("a file needs SOPClassUID and SOPInstanceUID", section="PS3.10 7.1")
    yield PREAMBLE + meta_bytes(sop_class, sop_instance, transfer_syntax)
    body = _gather(_Writer(syntax, bulk, add_charset=_has_wide_text(attributes)).data_set(attributes))
    yield from _deflate(body) if syntax.deflated else body


def meta_bytes(sop_class: str, sop_instance: str, transfer_syntax: str) -> bytes:
    """Return the File Meta Information, group 0002, of a file written by this implementation (PS3.10 7.1)."""
    elements: list[tuple[str, Element]] = [
        ("00020001", {"vr": "OB", "InlineBinary": "AAE="}),
        ("00020002", {"vr": "UI", "Value": [sop_class]}),
        ("00020003", {"vr": "UI", "Value": [sop_instance]}),
        ("00020010", {"vr": "UI", "Value": [transfer_syntax]}),
        ("00020012", {"vr": "UI", "Value": [IMPLEMENTATION_CLASS_UID]}),
        ("00020013", {"vr": "SH", "Value": [IMPLEMENTATION_VERSION_NAME]}),
    ]
    group = b"".join(_small_element(tag, element) for tag, element in elements)
    return _small_element("00020000", {"vr": "UL", "Value": [len(group)]}) + group


def element_bytes(tag: str, element: Element) -> bytes:
    """Return a small element in Explicit VR Little Endian."""
    return _small_element(tag, element)


def encapsulated_element(tag: str, content: EncapsulatedFrames) -> Iterator[bytes]:
    """Yield encapsulated Pixel Data with its header (PS3.5 A.4)."""
    return _encapsulated(tag, content)


def native_element(tag: str, vr: str, content: BulkStream) -> Iterator[bytes]:
    """Yield a bulk value with its header, padded to even length."""
    yield _head(tag, vr, content.length + content.length % 2)
    yield from _exactly(tag, content, VALUE_REPRESENTATIONS[vr].padding)


def deflated(body: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a data set deflated as Deflated Explicit VR Little Endian has it (PS3.5 A.5)."""
    return _deflate(iter(body))


class _Writer:
    """One file: where bulk comes from, and whether UTF-8 has to be announced."""

    def __init__(self, syntax: TransferSyntax, bulk: BulkSource | None, *, add_charset: bool) -> None:
        self._syntax = syntax
        self._bulk = bulk
        self._add_charset = add_charset

    def data_set(self, attributes: Attributes) -> Iterator[bytes]:
        """Yield a data set and, through an explicit stack, all its items."""
        if self._add_charset:
            attributes = attributes | {_SPECIFIC_CHARACTER_SET: {"vr": "CS"}}
        stack = [self._level(attributes, top=True)]
        while stack:
            for part in stack[-1]:
                if isinstance(part, bytes):
                    yield part
                    continue
                stack.append(self._level(part, top=False))
                break
            else:
                stack.pop()
                if stack:
                    yield _ITEM_END

    def _level(self, attributes: Attributes, *, top: bool) -> Iterator[bytes | Attributes]:
        """Yield the bytes of one level; an item to be written in between is yielded as what it is."""
        for tag in sorted(attributes):
            if _is_left_out(tag) or (top and tag in _OFFSET_TABLES):
                continue
            element = attributes[tag]
            if tag == _SPECIFIC_CHARACTER_SET:
                # Whatever the attributes came from, the text below is UTF-8 (PS3.3 C.12.1.1.2).
                yield _small_element(tag, {"vr": "CS", "Value": ["ISO_IR 192"]})
            elif element["vr"] == "SQ":
                yield _head(tag, "SQ", _UNDEFINED)
                for item in element.get("Value", []):
                    yield _ITEM_OF_UNDEFINED_LENGTH
                    yield item
                yield _SEQUENCE_END
            elif "BulkDataURI" in element:
                yield from self._bulk_element(tag, element, top=top)
            else:
                if top and tag == _PIXEL_DATA and self._syntax.encapsulated and "InlineBinary" in element:
                    raise _not_frames(tag)
                yield _small_element(tag, element)

    def _bulk_element(self, tag: str, element: Element, *, top: bool) -> Iterator[bytes]:
        if self._bulk is None:
            raise refusal(tag, "its bulk data is not at hand", section="PS3.18 F.2.6")
        content = self._bulk(element["BulkDataURI"])
        if isinstance(content, EncapsulatedFrames):
            if not self._syntax.encapsulated:
                raise refusal(tag, "frames are encapsulated only in compressed syntaxes", section="PS3.5 A.4")
            yield from _encapsulated(tag, content)
            return
        if top and tag == _PIXEL_DATA and self._syntax.encapsulated:
            raise _not_frames(tag)
        stream = BulkStream(len(content), (content,)) if isinstance(content, bytes) else content
        vr: str = element["vr"]
        yield _head(tag, vr, stream.length + stream.length % 2)
        yield from _exactly(tag, stream, VALUE_REPRESENTATIONS[vr].padding)


def _not_frames(tag: str) -> DicomError:
    return refusal(tag, "pixel data of a compressed syntax comes as frames", section="PS3.5 A.4")


def _is_left_out(tag: str) -> bool:
    # File meta and command groups, group lengths (PS3.5 7.2) and padding (PS3.10 7.2) are no part of it.
    return tag < "0003" or tag.endswith("0000") or tag == _TRAILING_PADDING


def _has_wide_text(attributes: Attributes) -> bool:
    """Tell whether any text at any level is beyond ASCII, so that UTF-8 has to be announced."""
    for _, element in walk(attributes):
        if VALUE_REPRESENTATIONS[element["vr"]].uses_charset:
            for member in element.get("Value", []):
                text = "".join(cast("dict[str, str]", member).values()) if isinstance(member, dict) else member
                if isinstance(text, str) and not text.isascii():
                    return True
    return False


def _small_element(tag: str, element: Element) -> bytes:
    field = encode_value(tag, element)
    return _head(tag, element["vr"], len(field)) + field


def _head(tag: str, vr: str, length: int) -> bytes:
    """Return tag, VR and length (PS3.5 7.1.2); what a 16-bit length cannot say is written as UN (6.2.2)."""
    if length > _MAX_LONG and length != _UNDEFINED:
        raise refusal(tag, "its value is longer than 4 GiB", section="PS3.5 7.1.1")
    group, number = int(tag[:4], 16), int(tag[4:], 16)
    if vr not in LONG_LENGTH_VRS:
        if length <= _MAX_SHORT:
            return struct.pack("<HH2sH", group, number, vr.encode("ascii"), length)
        vr = "UN"
    return struct.pack("<HH2s2xI", group, number, vr.encode("ascii"), length)


def _exactly(tag: str, stream: BulkStream, padding: bytes) -> Iterator[bytes]:
    """Yield the announced number of bytes and the padding; DicomError when more or fewer come."""
    written = 0
    for chunk in stream.chunks:
        written += len(chunk)
        if written > stream.length:
            break
        yield chunk
    if written != stream.length:
        raise refusal(tag, "its bulk data is not as long as announced", section="PS3.5 7.1.1")
    if written % 2:
        yield padding


def _encapsulated(tag: str, content: EncapsulatedFrames) -> Iterator[bytes]:
    """Yield Pixel Data as items, one for each frame (PS3.5 A.4), with what offset tables can be written."""
    basic = b""
    if content.lengths is not None:
        lengths = [length + length % 2 for length in content.lengths]
        offsets = [0]
        for length in lengths[:-1]:
            offsets.append(offsets[-1] + length + 8)
        count = len(lengths)
        if offsets[-1] <= _MAX_LONG and 4 * count <= _MAX_LONG:
            basic = struct.pack(f"<{count}I", *offsets[:count])
        else:
            for table, numbers in (
                (_EXTENDED_OFFSET_TABLE, offsets),
                (_EXTENDED_OFFSET_TABLE_LENGTHS, lengths),
            ):
                yield _head(table, "OV", 8 * count) + struct.pack(f"<{count}Q", *numbers)
    yield _head(tag, "OB", _UNDEFINED) + _ITEM + struct.pack("<I", len(basic)) + basic
    announced = iter(content.lengths or ())
    for frame in content.frames:
        stream = BulkStream(len(frame), (frame,)) if isinstance(frame, bytes) else frame
        if content.lengths is not None and next(announced, None) != stream.length:
            raise refusal(tag, "a frame is not as long as announced", section="PS3.5 A.4")
        if stream.length > _MAX_LONG:
            raise refusal(tag, "a frame is longer than 4 GiB", section="PS3.5 A.4")
        yield _ITEM + struct.pack("<I", stream.length + stream.length % 2)
        yield from _exactly(tag, stream, b"\0")
    if next(announced, None) is not None:
        raise refusal(tag, "fewer frames came than announced", section="PS3.5 A.4")
    yield _SEQUENCE_END


def _gather(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the same bytes in chunks of some size; large parts pass as they are."""
    pending = bytearray()
    for part in parts:
        if len(part) >= _CHUNK and not pending:
            yield part
            continue
        pending += part
        if len(pending) >= _CHUNK:
            yield bytes(pending)
            pending.clear()
    if pending:
        yield bytes(pending)


def _deflate(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the data set deflated without a zlib header (PS3.5 A.5, RFC 1951), padded to even length."""
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    length = 0
    for part in parts:
        compressed = compressor.compress(part)
        length += len(compressed)
        if compressed:
            yield compressed
    rest = compressor.flush()
    yield rest + b"\0" if (length + len(rest)) % 2 else rest

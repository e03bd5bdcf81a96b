"""Reads the header of a file while its bytes arrive: attributes as DICOM JSON, and where everything else is.

The attributes are those of the DICOM JSON Model (PS3.18 F.2): no group 0002, no group lengths, text in Unicode with
Specific Character Set saying so. Values that are large become bulk data, known by their path.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

from filmjacket.dicom import events as ev
from filmjacket.dicom import transfer_syntaxes
from filmjacket.dicom.attributes import get_integer
from filmjacket.dicom.charset import DEFAULT_CHARSET, charset_of
from filmjacket.dicom.dictionary import vr_of
from filmjacket.dicom.file_meta import TRANSFER_SYNTAX_UID
from filmjacket.dicom.inline_rule import INLINE_BINARY_BYTES, flows
from filmjacket.dicom.layout import BulkValue, Layout, PixelLayout
from filmjacket.dicom.limits import (
    MAX_DEPTH,
    MAX_EVENTS,
    MAX_HEADER_BYTES,
    MAX_TEXT_BYTES,
    OverLimit,
)
from filmjacket.dicom.pixel_layout import (
    BITS_ALLOCATED,
    EXTENDED_OFFSET_TABLE,
    EXTENDED_OFFSET_TABLE_LENGTHS,
    PIXEL_TAGS,
    EncapsulatedValue,
    native_layout,
    word_vr,
)
from filmjacket.dicom.scanner import FOREIGN_GROUPS, Scanner
from filmjacket.dicom.unknown_vr import known_vr, scan_unknown_sequence
from filmjacket.dicom.values import DECODERS
from filmjacket.dicom.vr import BINARY_VRS, BULK_VRS

if TYPE_CHECKING:
    from collections.abc import Callable

    from filmjacket.dicom.attributes import Attributes, Element
    from filmjacket.dicom.charset import Charset
    from filmjacket.dicom.events import Event
    from filmjacket.dicom.values import Decoded

__all__ = ("BulkValue", "Header", "HeaderReader", "Layout", "PixelLayout", "ValueWarning", "read_header")

MAX_WARNINGS = 100
"""Warnings that are kept of one file; more say nothing new."""

REMEMBERED_BYTES = 64
"""Longest value field whose decoded form is remembered."""

REMEMBERED_VALUES = 4096
"""Decoded values that are remembered for one character set: some ten headers of different series, 2 MB."""

_CHARSET = "00080005"
_SPECIAL = PIXEL_TAGS | {_CHARSET, "FFFCFFFC", EXTENDED_OFFSET_TABLE, EXTENDED_OFFSET_TABLE_LENGTHS}
# UN may be something known; UL may be a group length, which is not an attribute (PS3.5 7.2).
_CAREFUL_VRS = frozenset(("UN", "UL"))


@dataclass(frozen=True, slots=True)
class ValueWarning:
    """Something odd that was read nevertheless: path of the attribute ("" for the file), text without values."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Header:
    """Everything about a file but its bulk values.

    `meta` is group 0002. `transfer_syntax` is what the bytes are in, even if `meta` says otherwise or nothing.
    """

    meta: Attributes
    attributes: Attributes
    transfer_syntax: str
    layout: Layout
    warnings: tuple[ValueWarning, ...]


class HeaderReader:
    """Takes the bytes of one file in chunks of any size; `finish` gives the header.

    Raises `DicomError` when the bytes are not readable, cut off, or over one of the limits.
    """

    def __init__(self) -> None:
        self._scanner = Scanner(flows)
        self._root: Attributes = {}
        self._bulk: dict[str, BulkValue] = {}
        self._warnings: list[ValueWarning] = []
        self._count = 0
        self._native: BulkValue | None = None
        self._encapsulated: EncapsulatedValue | None = None
        self._pixels: EncapsulatedValue | None = None
        self._extended_table = b""
        # The data set or item being filled, and how it is written.
        self._attributes = self._root
        self._charset = DEFAULT_CHARSET
        self._big_endian = False
        # For each sequence around: what its items inherit and return to, its tag, its element, its items.
        self._levels: list[tuple[Attributes, Charset, bool, str, Element, list[Attributes]]] = []

    def feed(self, chunk: bytes | memoryview) -> None:
        """Take the next bytes of the file."""
        for events in self._scanner.feed(chunk):
            self._take(events)

    @property
    def attributes(self) -> Attributes:
        """Return what has been read so far of the data set, to tell whose a file is that turns out broken."""
        return self._root

    def finish(self) -> Header:
        """Return the header; DicomError when the file is not whole."""
        for events in self._scanner.finish():
            self._take(events)
        scanner = self._scanner
        for warning in scanner.warnings:
            self._warnings.append(ValueWarning(warning.tag, f"{warning.text} (byte {warning.offset})"))
        self._drop_foreign_groups()
        pixel, spans = self._finish_pixels()
        layout = Layout(
            scanner.data_set_offset,
            scanner.deflated,
            pixel,
            tuple(self._bulk.values()),
            spans,
            framed=bool(spans),
            part10=scanner.meta.prefixed and scanner.meta.text(TRANSFER_SYNTAX_UID) == scanner.transfer_syntax,
        )
        return Header(
            self._finish_meta(),
            self._root,
            scanner.transfer_syntax,
            layout,
            tuple(self._warnings[:MAX_WARNINGS]),
        )

    def _take(self, events: list[Event]) -> None:
        """Put what the scanner found where it belongs; the loop that costs the time of storing."""
        self._count += len(events)
        if self._count > MAX_EVENTS or self._scanner.kept > MAX_HEADER_BYTES:
            raise OverLimit(
                f"the header has more than {MAX_EVENTS} elements and items or {MAX_HEADER_BYTES} bytes",
                section="PS3.5 7",
                offender="data set",
            )
        if not self._levels:
            self._big_endian = self._scanner.encoding.big_endian
        handlers, decoders = self._HANDLERS, DECODERS
        attributes, charset, big_endian = self._attributes, self._charset, self._big_endian
        remembered, on_top = _remembered(charset, big_endian), not self._levels
        for kind, tag, vr, offset, length, raw in events:
            if kind or vr in _CAREFUL_VRS or tag in _SPECIAL:
                handlers[kind](self, tag, vr, offset, length, raw)
                attributes, on_top = self._attributes, not self._levels
                if charset is not self._charset or big_endian is not self._big_endian:
                    charset, big_endian = self._charset, self._big_endian
                    remembered = _remembered(charset, big_endian)
                continue
            # Items are left out: they hold what differs from frame to frame.
            decoded = remembered.get((vr, raw)) if on_top else decoders[vr](raw, charset, big_endian)
            if decoded is None:
                decoded = decoders[vr](raw, charset, big_endian)
                _remember(remembered, vr, raw, decoded)
            element, warning = decoded
            if element is None:
                element = self._refer(tag, vr, offset, length)
            if warning:
                self._warn(tag, warning)
            if length & 1:
                self._warn(tag, "odd length")
            attributes[tag] = element

    def _path(self, tag: str) -> str:
        parts = [f"{level[3]}.{len(level[5]) - 1}" for level in self._levels]
        return ".".join((*parts, tag))

    def _warn(self, tag: str, text: str) -> None:
        if len(self._warnings) < MAX_WARNINGS:
            self._warnings.append(ValueWarning(self._path(tag), text))

    def _refer(self, tag: str, vr: str, offset: int, length: int, *, encapsulated: bool = False) -> Element:
        """Return the attribute object of a value that stays in the file."""
        path = self._path(tag)
        self._bulk[path] = BulkValue(path, vr, offset, length, encapsulated)
        return {"vr": vr, "BulkDataURI": "/" + path}

    # -- values --------------------------------------------------------------------------------------------

    def _take_special(self, tag: str, vr: str, offset: int, length: int, raw: bytes) -> None:
        """Take a value that means more than itself."""
        if tag.endswith("0000") or tag == "FFFCFFFC":
            return
        if tag == _CHARSET:
            self._charset = charset = _charset_of(raw)
            for text in charset.warnings:
                self._warn(tag, text)
            # The attributes are Unicode, whatever the file was in (PS3.18 F.2).
            self._attributes[tag] = {"vr": "CS", "Value": ["ISO_IR 192"]}
        elif tag in PIXEL_TAGS:
            self._take_pixels(tag, vr, offset, length)
        elif tag in _SPECIAL:
            self._take_extended_table(tag, vr, offset, raw)
        elif vr == "UN":
            self._take_unknown(tag, offset, raw)
        else:
            element, warning = DECODERS[vr](raw, self._charset, self._big_endian)
            if warning:
                self._warn(tag, warning)
            self._attributes[tag] = element or self._refer(tag, vr, offset, length)

    def _take_flow(self, tag: str, vr: str, offset: int, length: int, raw: bytes) -> None:  # noqa: ARG002 - a handler
        if tag in PIXEL_TAGS:
            self._take_pixels(tag, vr, offset, length)
            return
        if tag == "FFFCFFFC":
            return
        if vr == "UN" and not self._big_endian:
            known = known_vr(tag, self._attributes, self._root)
            vr = known if known in BULK_VRS else vr
        if vr not in BULK_VRS:
            raise OverLimit(
                f"a value of {length} bytes; VR {vr} has to be inline in metadata, up to {MAX_TEXT_BYTES} bytes",
                section="PS3.18 10.4",
                offender=self._path(tag),
            )
        self._attributes[tag] = self._refer(tag, vr, offset, length)

    def _take_pixels(self, tag: str, vr: str, offset: int, length: int) -> None:
        """Native pixels are bulk data at any length; an empty value is just empty."""
        if vr == "UN":
            vr = vr_of(tag) or vr
        if not length:
            self._attributes[tag] = {"vr": vr}
            return
        bits = get_integer(self._attributes, BITS_ALLOCATED) or 0
        words = word_vr(tag, vr, bits) if self._big_endian else vr
        self._attributes[tag] = {**self._refer(tag, words, offset, length), "vr": vr}
        if not self._levels:
            self._native = self._bulk[tag]

    def _take_extended_table(self, tag: str, vr: str, offset: int, raw: bytes) -> None:
        if tag == EXTENDED_OFFSET_TABLE and not self._levels:
            self._extended_table = raw
        if len(raw) > INLINE_BINARY_BYTES:
            self._attributes[tag] = self._refer(tag, vr, offset, len(raw))
        else:
            self._attributes[tag] = DECODERS["OV"](raw, self._charset, self._big_endian)[0] or {"vr": vr}

    # -- unknown VR (PS3.5 6.2.2) --------------------------------------------------------------------------

    def _take_unknown(self, tag: str, offset: int, raw: bytes) -> None:
        """Take a value of VR UN: if its true VR is known, it is Implicit VR Little Endian (PS3.5 6.2.2)."""
        known = known_vr(tag, self._attributes, self._root)
        if known == "SQ" and self._take_unknown_sequence(tag, offset, raw):
            return
        element: Element | None = None
        if known != "SQ" and not (known in BINARY_VRS and len(raw) > INLINE_BINARY_BYTES):
            element, warning = DECODERS[known](raw, self._charset, False)  # noqa: FBT003 - one table, one signature
            # A dictionary may be wrong about a private element; bytes that do not fit stay bytes.
            element = None if warning else element
        if element is None and len(raw) <= INLINE_BINARY_BYTES:
            element = DECODERS["UN"](raw, self._charset, False)[0]  # noqa: FBT003 - as above
        self._attributes[tag] = element or self._refer(tag, "UN", offset, len(raw))

    def _take_unknown_sequence(self, tag: str, offset: int, raw: bytes) -> bool:
        """Take the value of a sequence that was written as UN with its length, if it reads well."""
        events = scan_unknown_sequence(raw, offset, depth=MAX_DEPTH - len(self._levels))
        if events is None:
            return False
        self._open_sequence(tag, "UN", offset, len(raw), b"")
        self._take(events)
        return True

    # -- sequences -----------------------------------------------------------------------------------------

    def _open_sequence(self, tag: str, vr: str, offset: int, length: int, raw: bytes) -> None:  # noqa: ARG002 - a handler
        element: Element = {"vr": "SQ"}
        self._attributes[tag] = element
        self._levels.append((self._attributes, self._charset, self._big_endian, tag, element, []))
        if vr == "UN":
            self._big_endian = False

    def _open_item(self, tag: str, vr: str, offset: int, length: int, raw: bytes) -> None:  # noqa: ARG002 - a handler
        _, self._charset, _, _, element, items = self._levels[-1]
        item: Attributes = {}
        self._attributes = item
        items.append(item)
        element["Value"] = items

    def _close_sequence(self, tag: str, vr: str, offset: int, length: int, raw: bytes) -> None:  # noqa: ARG002 - a handler
        self._attributes, self._charset, self._big_endian, _, _, _ = self._levels.pop()

    # -- encapsulated Pixel Data ---------------------------------------------------------------------------

    def _open_encapsulated(self, tag: str, vr: str, offset: int, length: int, raw: bytes) -> None:  # noqa: ARG002 - a handler
        vr = "OB" if vr == "UN" or tag in PIXEL_TAGS else vr
        top = not self._levels and tag in PIXEL_TAGS
        self._encapsulated = EncapsulatedValue(tag, vr, self._path(tag), offset, top=top)

    def _take_table(self, tag: str, vr: str, offset: int, length: int, raw: bytes) -> None:  # noqa: ARG002 - a handler
        if self._encapsulated:
            self._encapsulated.take_table(offset, raw)

    def _take_fragment(self, tag: str, vr: str, offset: int, length: int, raw: bytes) -> None:  # noqa: ARG002 - a handler
        if self._encapsulated:
            syntax = transfer_syntaxes.get(self._scanner.transfer_syntax)
            self._encapsulated.take_fragment(offset, length, raw, syntax)

    def _close_encapsulated(self, tag: str, vr: str, offset: int, length: int, raw: bytes) -> None:  # noqa: ARG002 - a handler
        value = self._encapsulated
        if value is None:
            return
        value.end(offset)
        self._attributes[value.tag] = self._refer(value.tag, value.vr, value.offset, value.length, encapsulated=True)
        if value.top:
            self._pixels = value
        self._encapsulated = None

    # -- the end -------------------------------------------------------------------------------------------

    def _drop_foreign_groups(self) -> None:
        """Leave out what is in the data set but not of it; tags below 0003 are rare, one glance tells."""
        if min(self._root, default="FFFF") >= "0003":
            return
        foreign = {tag for tag in self._root if tag[:4] in FOREIGN_GROUPS}
        self._bulk = {path: value for path, value in self._bulk.items() if path[:8] not in foreign}
        for tag in sorted(foreign):
            del self._root[tag]
            self._warn(tag, "an element of this group is no part of a data set")

    def _finish_pixels(self) -> tuple[PixelLayout | None, bytes]:
        pixel: PixelLayout | None = None
        spans = b""
        warning = ""
        if self._pixels:
            syntax = transfer_syntaxes.get(self._scanner.transfer_syntax)
            pixel, spans, warning = self._pixels.layout(self._root, syntax, self._extended_table)
        elif self._native:
            value = self._native
            pixel, warning = native_layout(self._root, value.path, value.vr, value.offset, value.length)
        if pixel and warning:
            self._warnings.append(ValueWarning(pixel.tag, warning))
        return pixel, spans

    def _finish_meta(self) -> Attributes:
        """Return group 0002 without its length (PS3.10 7.1)."""
        meta: Attributes = {}
        for tag, vr, raw in self._scanner.meta.elements:
            if tag != "00020000":
                meta[tag] = DECODERS[vr](raw, DEFAULT_CHARSET, False)[0] or {"vr": vr}  # noqa: FBT003 - one table, one signature
        return meta

    _HANDLERS: ClassVar[dict[int, Callable[[HeaderReader, str, str, int, int, bytes], None]]] = {
        ev.VALUE: _take_special,
        ev.FLOW: _take_flow,
        ev.SEQUENCE: _open_sequence,
        ev.SEQUENCE_END: _close_sequence,
        ev.ITEM: _open_item,
        ev.ENCAPSULATED: _open_encapsulated,
        ev.OFFSET_TABLE: _take_table,
        ev.FRAGMENT: _take_fragment,
        ev.ENCAPSULATED_END: _close_encapsulated,
    }


def read_header(content: bytes) -> Header:
    """Return the header of a whole file in memory."""
    reader = HeaderReader()
    reader.feed(content)
    return reader.finish()


# Instances of a series have nearly all values of the top level in common: looking one up costs an eighth of decoding
# it. The attribute objects are shared by data sets and by threads; safe because nobody changes one in place.
@lru_cache(maxsize=4)
def _remembered(charset: Charset, big_endian: bool) -> dict[tuple[str, bytes], Decoded]:  # noqa: ARG001, FBT001 - the key
    return {}


def _remember(remembered: dict[tuple[str, bytes], Decoded], vr: str, raw: bytes, decoded: Decoded) -> None:
    if len(raw) > REMEMBERED_BYTES:
        return
    if len(remembered) >= REMEMBERED_VALUES:
        remembered.clear()
    remembered[vr, raw] = decoded


@lru_cache(maxsize=256)
def _charset_of(raw: bytes) -> Charset:
    element = DECODERS["CS"](raw, DEFAULT_CHARSET, False)[0] or {}  # noqa: FBT003 - one table, one signature
    return charset_of(element.get("Value", []))

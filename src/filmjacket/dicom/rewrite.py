"""Stored files in transfer syntaxes that web services may not send, rewritten as Explicit VR Little Endian.

PS3.18 8.7.8.2 forbids Implicit VR Little Endian and Explicit VR Big Endian; deflated files and files without
File Meta Information come the same way. Values are not interpreted: bytes are swapped by VR, lengths and VRs written
anew, sequences get undefined lengths. Large values pass through; memory stays at one piece of input.

The same way files get other pixel data: header and trailer are those of the stored file, but for what changes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, ClassVar

from filmjacket.dicom import events as ev
from filmjacket.dicom import transfer_syntaxes
from filmjacket.dicom.pixel_layout import BITS_ALLOCATED, word_vr
from filmjacket.dicom.scanner import FOREIGN_GROUPS, Scanner
from filmjacket.dicom.values import swap_bytes
from filmjacket.dicom.vr import LONG_LENGTH_VRS, VALUE_REPRESENTATIONS
from filmjacket.dicom.writer import PREAMBLE, deflated, element_bytes, meta_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from filmjacket.dicom.attributes import Element
    from filmjacket.dicom.events import Event

LARGE_VALUE = 64 * 1024
"""Longer values pass through instead of being held."""

_MAX_HELD = 1024 * 1024  # output that may wait for the SOP Instance UID, which stands at the beginning
_SOP_CLASS = "00080016"
_SOP_INSTANCE = "00080018"
_UNDEFINED = 0xFFFFFFFF
_MAX_SHORT = 0xFFFE  # longest even length of 16 bits
_ITEM = b"\xfe\xff\x00\xe0"
_ITEM_END = b"\xfe\xff\x0d\xe0\0\0\0\0"
_SEQUENCE_END = b"\xfe\xff\xdd\xe0\0\0\0\0"

# A data set that is no longer deflated is in the syntax that is the same otherwise (PS3.5 Annex A).
_INFLATED = {
    "1.2.840.10008.1.2.4.95": "1.2.840.10008.1.2.4.94",
    "1.2.840.10008.1.2.4.205": "1.2.840.10008.1.2.4.204",
}


def to_explicit_little_endian(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the file that the chunks make up in Explicit VR Little Endian, with regenerated File Meta Information.

    A file in an encapsulated transfer syntax keeps it. Raises `DicomError` when the file is not readable; by then
    a part of the output may be out.
    """
    rewriter = _Rewriter()
    for chunk in chunks:
        for events in rewriter.scanner.feed(chunk):
            written = rewriter.write(events)
            if written:
                yield written
    for events in rewriter.scanner.finish():
        written = rewriter.write(events)
        if written:
            yield written
    yield rewriter.finish()


@dataclass(frozen=True, slots=True)
class Change:
    """What a file is to have otherwise.

    `attributes` of the top level are set, or removed where None. `pixels` makes the element `pixel_tag` with its
    header anew, None leaves it alone. `is_last` says that nothing follows it in the file, which then is not read on.
    """

    transfer_syntax: str
    attributes: dict[str, Element | None] = field(default_factory=dict[str, "Element | None"])
    pixel_tag: str = ""
    pixels: Callable[[], Iterable[bytes]] | None = None
    is_last: bool = False


def changed_file(chunks: Iterable[bytes], change: Change) -> Iterator[bytes]:
    """Yield the file that the chunks make up with what is to change, in any Explicit VR Little Endian syntax.

    Pixels are asked for when their turn comes. Raises `DicomError` when the file is not readable.
    """
    rewriter = _Rewriter(change)
    body = _changed(chunks, rewriter, change)
    syntax = transfer_syntaxes.get(change.transfer_syntax)
    if syntax is None or not syntax.deflated:
        return body
    return _with_deflated_data_set(body, rewriter)


def _changed(chunks: Iterable[bytes], rewriter: _Rewriter, change: Change) -> Iterator[bytes]:
    scanner = rewriter.scanner
    depth, written = 0, change.pixels is None
    for events in chain.from_iterable(chain(map(scanner.feed, chunks), (_finish(scanner),))):
        begun = 0
        for place, (kind, tag, *_) in enumerate(() if written else events):
            if depth == 0 and tag == change.pixel_tag and change.pixels is not None:
                yield rewriter.write(events[:place])
                yield rewriter.write_up_to(tag)
                yield from change.pixels()
                if change.is_last:
                    return
                written, begun = True, place
                break
            depth += (kind == ev.SEQUENCE) - (kind == ev.SEQUENCE_END)
        piece = rewriter.write(events[begun:])
        if piece:
            yield piece
    yield rewriter.finish()


def _finish(scanner: Scanner) -> Iterator[list[Event]]:
    """The last events, when everything is fed."""
    yield from scanner.finish()


def _with_deflated_data_set(pieces: Iterator[bytes], rewriter: _Rewriter) -> Iterator[bytes]:
    """Everything behind the File Meta Information deflated."""
    head = b""
    while not rewriter.meta_length or len(head) < rewriter.meta_length:
        head += next(pieces)
    yield head[: rewriter.meta_length]
    yield from deflated(chain((head[rewriter.meta_length :],), pieces))


def _flows(tag: str, vr: str, length: int, kept: int) -> bool:  # noqa: ARG001 - a flow rule
    return length > LARGE_VALUE


class _Rewriter:
    """Events in, bytes of the new file out."""

    def __init__(self, change: Change | None = None) -> None:
        self.scanner = Scanner(_flows, pass_through=True)
        self.meta_length = 0
        self._syntax = change.transfer_syntax if change else ""
        changes = change.attributes if change else {}
        # Elements still to be put in where they belong, the lowest tag last.
        self._added = [(tag, changes[tag]) for tag in sorted(changes, reverse=True)]
        self._dropped = frozenset(changes) | ({change.pixel_tag} if change and change.pixels else frozenset[str]())
        self._out: list[bytes] = []
        self._identity: dict[str, str] = {}
        self._begun = False
        self._foreign = False
        # For each sequence around: byte order outside, and whether one of its items is open.
        self._levels: list[bool] = []
        self._item_open: list[bool] = []
        self._big_endian = False
        # Bits Allocated of the data set, and of the open item of each sequence around.
        self._cells = [0]
        # The value that is passing by: bytes to come, word to swap, bytes of an incomplete word.
        self._left = 0
        self._unit = 1
        self._carry = b""
        self._pad = b""

    def write(self, events: list[Event]) -> bytes:
        """Return what the events are in the new file; b"" while its File Meta Information cannot be written yet."""
        if not self._levels:
            self._big_endian = self.scanner.encoding.big_endian
        for kind, tag, vr, _, length, raw in events:
            if tag and not self._levels:
                self._foreign = tag[:4] in FOREIGN_GROUPS or tag in self._dropped
                if not self._begun and tag > _SOP_INSTANCE:
                    self._begin()
                if self._added and self._added[-1][0] <= tag:
                    self._add_up_to(tag)
            before = len(self._out)
            self._WRITERS[kind](self, tag, vr, length, raw)
            if self._foreign:
                del self._out[before:]
        if not self._begun:
            if sum(map(len, self._out)) <= _MAX_HELD:
                return b""
            self._begin()
        written = b"".join(self._out)
        self._out.clear()
        return written

    def write_up_to(self, tag: str) -> bytes:
        """Return what has to stand before an element that somebody else writes."""
        if not self._begun:
            self._begin()
        self._add_up_to(tag)
        written = b"".join(self._out)
        self._out.clear()
        return written

    def finish(self) -> bytes:
        """Return what is left."""
        return self.write_up_to("FFFFFFFF")

    def _add_up_to(self, tag: str) -> None:
        while self._added and self._added[-1][0] <= tag:
            name, element = self._added.pop()
            if element is not None:
                self._out.append(element_bytes(name, element))

    def _begin(self) -> None:
        """Put preamble and File Meta Information in front; (0002,0003) has to be (0008,0018) (PS3.10 7.1)."""
        self._begun = True
        scanner = self.scanner
        stored = transfer_syntaxes.get(scanner.transfer_syntax)
        syntax = _INFLATED.get(scanner.transfer_syntax, transfer_syntaxes.EXPLICIT_VR_LITTLE_ENDIAN)
        if stored is not None and stored.encapsulated:
            syntax = stored.uid
        sop_class = self._identity.get(_SOP_CLASS) or scanner.meta.text("00020002") or ""
        sop_instance = self._identity.get(_SOP_INSTANCE) or scanner.meta.text("00020003") or ""
        head = PREAMBLE + meta_bytes(sop_class, sop_instance, self._syntax or syntax)
        self.meta_length = len(head)
        self._out.insert(0, head)

    def _write_value(self, tag: str, vr: str, length: int, raw: bytes) -> None:
        if tag.endswith("0000") and vr in {"UL", "UN"}:
            return  # Group lengths are no longer right and are retired (PS3.5 7.2).
        if tag in {_SOP_CLASS, _SOP_INSTANCE} and not self._levels:
            self._identity[tag] = raw.decode("ascii", "replace").strip(" \0")
        row = VALUE_REPRESENTATIONS[vr]
        if self._big_endian:
            if tag == BITS_ALLOCATED:
                self._cells[-1] = int.from_bytes(raw, "big")
            unit = self._unit_of(tag, vr)
            raw = swap_bytes(raw, unit) if unit > 1 else raw
        if length & 1:
            raw += row.padding
        self._out.append(_head(tag, vr, len(raw)))
        self._out.append(raw)

    def _write_flow(self, tag: str, vr: str, length: int, raw: bytes) -> None:  # noqa: ARG002 - a writer
        row = VALUE_REPRESENTATIONS[vr]
        self._unit = self._unit_of(tag, vr) if self._big_endian else 1
        self._pad = row.padding if length & 1 else b""
        self._left = length
        self._out.append(_head(tag, vr, length + len(self._pad)))

    def _unit_of(self, tag: str, vr: str) -> int:
        """Bytes of a word in a big endian value."""
        return VALUE_REPRESENTATIONS[word_vr(tag, vr, self._cells[-1])].unit

    def _write_data(self, tag: str, vr: str, length: int, raw: bytes) -> None:  # noqa: ARG002 - a writer
        self._left -= length
        if self._unit > 1:
            raw = self._carry + raw
            whole = len(raw) - len(raw) % self._unit if self._left else len(raw)
            raw, self._carry = swap_bytes(raw[:whole], self._unit), raw[whole:]
        self._out.append(raw)
        if not self._left:
            self._out.append(self._pad)
            self._pad = b""

    def _open_sequence(self, tag: str, vr: str, length: int, raw: bytes) -> None:  # noqa: ARG002 - a writer
        # The content of UN is little endian in every transfer syntax (PS3.5 6.2.2).
        self._levels.append(self._big_endian)
        self._item_open.append(False)
        self._cells.append(0)
        self._big_endian = self._big_endian and vr != "UN"
        self._out.append(_head(tag, "SQ", _UNDEFINED))

    def _open_item(self, tag: str, vr: str, length: int, raw: bytes) -> None:  # noqa: ARG002 - a writer
        if self._item_open[-1]:
            self._out.append(_ITEM_END)
        self._item_open[-1] = True
        self._cells[-1] = 0
        self._out.append(_ITEM + b"\xff\xff\xff\xff")

    def _close_sequence(self, tag: str, vr: str, length: int, raw: bytes) -> None:  # noqa: ARG002 - a writer
        self._big_endian = self._levels.pop()
        self._cells.pop()
        self._out.append(_ITEM_END + _SEQUENCE_END if self._item_open.pop() else _SEQUENCE_END)

    def _open_encapsulated(self, tag: str, vr: str, length: int, raw: bytes) -> None:  # noqa: ARG002 - a writer
        self._unit = 1
        self._out.append(_head(tag, "OB", _UNDEFINED))  # never OW (PS3.5 A.4)

    def _write_item(self, tag: str, vr: str, length: int, raw: bytes) -> None:  # noqa: ARG002 - a writer
        """Write the offset table, or the header of a fragment whose bytes follow."""
        self._out.append(_ITEM + struct.pack("<I", length))
        self._left = length

    def _write_table(self, tag: str, vr: str, length: int, raw: bytes) -> None:
        self._write_item(tag, vr, length, raw)
        self._out.append(raw)

    def _close_encapsulated(self, tag: str, vr: str, length: int, raw: bytes) -> None:  # noqa: ARG002 - a writer
        self._out.append(_SEQUENCE_END)

    _WRITERS: ClassVar[dict[int, Callable[[_Rewriter, str, str, int, bytes], None]]] = {
        ev.VALUE: _write_value,
        ev.FLOW: _write_flow,
        ev.DATA: _write_data,
        ev.SEQUENCE: _open_sequence,
        ev.SEQUENCE_END: _close_sequence,
        ev.ITEM: _open_item,
        ev.ENCAPSULATED: _open_encapsulated,
        ev.OFFSET_TABLE: _write_table,
        ev.FRAGMENT: _write_item,
        ev.ENCAPSULATED_END: _close_encapsulated,
    }


def _head(tag: str, vr: str, length: int) -> bytes:
    """Return the header of an element; a value too long for its VR becomes UN (PS3.18 8.7.8.2, PS3.5 6.2.2)."""
    group, element = int(tag[:4], 16), int(tag[4:], 16)
    if vr not in LONG_LENGTH_VRS:
        if length <= _MAX_SHORT:
            return struct.pack("<2H2sH", group, element, vr.encode(), length)
        vr = "UN"
    return struct.pack("<2H2s2xI", group, element, vr.encode(), length)

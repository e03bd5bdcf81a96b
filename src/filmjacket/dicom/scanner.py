"""Incremental scanner of DICOM files (PS3.10): bytes in as they arrive, events out, nothing held but the current value.

It finds out how the data set is encoded, inflates it if need be, and leaves its elements to `DataSetScanner`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from filmjacket.dicom import transfer_syntaxes
from filmjacket.dicom.data_set_scanner import DataSetScanner
from filmjacket.dicom.encoding import (
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_BIG,
    IMPLICIT_LITTLE,
    detect_encoding,
)
from filmjacket.dicom.events import ScanWarning
from filmjacket.dicom.file_meta import TRANSFER_SYNTAX_UID, FileMeta, MoreBytes, read_file_meta
from filmjacket.dicom.inflate import Inflater
from filmjacket.errors import DicomError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filmjacket.dicom.data_set_scanner import FlowRule
    from filmjacket.dicom.encoding import Encoding
    from filmjacket.dicom.events import Event

PIECE = 64 * 1024
"""Bytes of input whose events are made at a time: bounds memory and copying whatever the chunks of the caller are."""

HEAD = 1024
"""First bytes that are looked at for File Meta Information; most has less, some asks for more."""

FOREIGN_GROUPS = frozenset(("0000", "0002"))
"""Groups of commands and of File Meta Information, which are no part of a data set (PS3.5 7.1)."""

_UID_OF = {
    IMPLICIT_LITTLE: transfer_syntaxes.IMPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_LITTLE: transfer_syntaxes.EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_BIG: transfer_syntaxes.EXPLICIT_VR_BIG_ENDIAN,
}


class Scanner:
    """Scans one file.

    `flows` and `pass_through` are those of `DataSetScanner`. `meta`, `transfer_syntax`, `deflated`, `encoding` and
    `data_set_offset` are right from the first event on. `transfer_syntax` is what the bytes are really in, which
    now and then is not what File Meta Information says.
    """

    def __init__(self, flows: FlowRule, *, pass_through: bool = False) -> None:
        self.meta = FileMeta((), 0, ())
        self.transfer_syntax = ""
        self.encoding: Encoding = EXPLICIT_LITTLE
        self.deflated = False
        self.data_set_offset = 0
        self._warnings: list[ScanWarning] = []
        self._flows = flows
        self._pass_through = pass_through
        self._head = b""
        self._needed = 144
        self._inflater: Inflater | None = None
        self._data_set: DataSetScanner | None = None

    @property
    def warnings(self) -> list[ScanWarning]:
        """What was odd so far."""
        return self._warnings + (self._data_set.warnings if self._data_set else [])

    @property
    def kept(self) -> int:
        """Bytes of the data set that did not flow through."""
        return self._data_set.kept if self._data_set else 0

    def feed(self, chunk: bytes | memoryview) -> Iterator[list[Event]]:
        """Take the next bytes of the file; yield what became known, piece by piece."""
        view = memoryview(chunk)
        position = 0
        while self._data_set is None:
            if position == len(view):
                return
            piece = view[position : position + max(self._needed - len(self._head), HEAD)]
            position += len(piece)
            self._head += piece
            if len(self._head) >= self._needed and self._begin(complete=False):
                begun, self._head = self._head[self.data_set_offset :], b""
                yield from self._feed_piece(begun)
        for start in range(position, len(view), PIECE):
            yield from self._feed_piece(view[start : start + PIECE])

    def finish(self) -> Iterator[list[Event]]:
        """Say that the file has ended; DicomError when it is not whole."""
        if self._data_set is None:
            self._begin(complete=True)
            yield from self._feed_piece(self._head[self.data_set_offset :])
        if self._inflater:
            self._inflater.finish()
        if self._data_set:
            yield self._data_set.finish()

    def _feed_piece(self, piece: bytes | memoryview) -> Iterator[list[Event]]:
        if self._data_set is None:
            return
        if self._inflater is None:
            yield self._data_set.feed(piece)
            return
        for inflated in self._inflater.feed(piece):
            yield self._data_set.feed(inflated)

    def _begin(self, *, complete: bool) -> bool:
        """Read File Meta Information and settle how the data set is encoded; False when that takes more bytes."""
        try:
            meta = read_file_meta(self._head, complete=complete)
            if len(self._head) < meta.data_set_offset + 8 and not complete:
                raise MoreBytes(meta.data_set_offset + 8)
        except MoreBytes as need:
            self._needed = need.count
            return False
        self.meta = meta
        self.data_set_offset = meta.data_set_offset
        self._warnings = [ScanWarning(0, "", text) for text in meta.warnings]
        self._settle(self._head[meta.data_set_offset : meta.data_set_offset + 12])
        self._data_set = DataSetScanner(
            self.encoding, self._flows, offset=self.data_set_offset, pass_through=self._pass_through
        )
        return True

    def _settle(self, head: bytes) -> None:
        """Set what the data set is encoded in from what the file says and from its first bytes."""
        stated = self.meta.text(TRANSFER_SYNTAX_UID)
        syntax = transfer_syntaxes.get(stated) if stated else None
        detected = detect_encoding(head)
        if not stated:
            with_meta = bool(self.meta.elements)
            if (head or not with_meta) and detected in {None, IMPLICIT_BIG}:
                raise _not_dicom(with_meta=with_meta)
            self._adopt(detected or EXPLICIT_LITTLE, "no Transfer Syntax UID")
            return
        self.transfer_syntax = stated
        # Syntaxes that are not known, private ones for example, are Explicit VR Little Endian like every
        # syntax since 1996, unless the bytes say otherwise.
        expected = EXPLICIT_LITTLE
        if syntax is not None:
            expected = EXPLICIT_BIG if syntax.big_endian else EXPLICIT_LITTLE if syntax.explicit else IMPLICIT_LITTLE
        self.encoding = expected
        if syntax is not None and syntax.deflated:
            # A data set that somebody inflated without changing the meta information begins with an element,
            # which is no valid deflate stream.
            self.deflated = detected is not EXPLICIT_LITTLE
            if self.deflated:
                self._inflater = Inflater()
                return
        if detected is None or (detected is expected and not (syntax and syntax.deflated)):
            return
        if syntax is not None and syntax.encapsulated:
            self.encoding = detected
            self._warnings.append(ScanWarning(0, TRANSFER_SYNTAX_UID, f"the data set is {detected}"))
        else:
            self._adopt(detected, f"the data set is {detected}, unlike its Transfer Syntax UID")

    def _adopt(self, encoding: Encoding, warning: str) -> None:
        self.encoding = encoding
        self.transfer_syntax = _UID_OF.get(encoding, self.transfer_syntax)
        self._warnings.append(ScanWarning(0, TRANSFER_SYNTAX_UID, warning))


def _not_dicom(*, with_meta: bool) -> DicomError:
    if with_meta:
        return DicomError(
            "File Meta Information names no transfer syntax and the data set does not betray one",
            section="PS3.10 7.1",
            offender=TRANSFER_SYNTAX_UID,
            accepted=("Transfer Syntax UID (0002,0010)",),
        )
    return DicomError(
        "not a DICOM file: no prefix DICM at byte 128, and it does not begin like a data set",
        section="PS3.10 7.1",
        offender="file",
        accepted=("a DICOM file (PS3.10) with File Meta Information",),
    )

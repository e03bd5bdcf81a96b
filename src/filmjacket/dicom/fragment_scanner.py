"""Scanner of the value of encapsulated Pixel Data: offset table, fragments, delimiter (PS3.5 A.4)."""

from __future__ import annotations

from filmjacket.dicom import events as ev
from filmjacket.dicom.encoding import ITEM, SEQUENCE_DELIMITER, UNDEFINED_LENGTH
from filmjacket.dicom.limits import MAX_OFFSET_TABLE_BYTES, OverLimit
from filmjacket.dicom.scan_buffer import ScanBuffer

_PIXEL_DATA = "7FE00010"


class FragmentScanner(ScanBuffer):
    """The steps that a data set scanner takes from the header of encapsulated Pixel Data to its delimiter."""

    def _offset_table(self) -> bool:
        """Read the Basic Offset Table, which may be empty but is always there."""
        if len(self._buffer) - self._position < 8:
            return self._more(8)
        key, length = self._encoding.unpack_implicit(self._buffer, self._position)
        if self._encoding.names[key] != ITEM:
            return self._other_than_fragment(self._encoding.names[key])
        if length > MAX_OFFSET_TABLE_BYTES:
            raise OverLimit(
                f"the Basic Offset Table is longer than {MAX_OFFSET_TABLE_BYTES} bytes",
                section="PS3.5 A.4",
                offender=_PIXEL_DATA,
            )
        value = self._position + 8
        if len(self._buffer) < value + length:
            return self._more(8 + length)
        raw = self._buffer[value : value + length]
        self._events.append((ev.OFFSET_TABLE, "", "", self._start + value, length, raw))
        self._position = value + length
        self._step = FragmentScanner._fragments
        return True

    def _fragments(self) -> bool:
        """Read headers of fragments as long as whole fragments are in the buffer."""
        buffer, unpack, names = self._buffer, self._encoding.unpack_implicit, self._encoding.names
        while len(buffer) - self._position >= 8:
            key, length = unpack(buffer, self._position)
            if names[key] != ITEM:
                return self._other_than_fragment(names[key])
            if length == UNDEFINED_LENGTH:
                raise self._fail(_PIXEL_DATA, "a fragment of undefined length")
            value = self._position + 8
            head = buffer[value : value + min(length, ev.FRAGMENT_HEAD)]
            if len(head) < length and len(head) < ev.FRAGMENT_HEAD:
                return self._more(8 + min(length, ev.FRAGMENT_HEAD))
            self._events.append((ev.FRAGMENT, "", "", self._start + value, length, head))
            if not self._pass_value(value, length):
                return False
        return self._more(8)

    def _other_than_fragment(self, tag: str) -> bool:
        if tag != SEQUENCE_DELIMITER:
            raise self._fail(_PIXEL_DATA, "encapsulated Pixel Data holds something else than items")
        self._events.append((ev.ENCAPSULATED_END, "", "", self.position, 0, b""))
        self._position += 8
        self._leave()
        return True

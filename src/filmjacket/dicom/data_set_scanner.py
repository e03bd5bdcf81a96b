"""Incremental scanner of a data set (PS3.5 7): bytes in, events out, an explicit stack instead of recursion.

The two loops over elements are the hot path of every store; they handle what is ordinary and hand the rest to
methods. A method that lacks bytes says how many it needs and is called again from where it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from filmjacket.dicom import events as ev
from filmjacket.dicom.encoding import (
    IMPLICIT_LITTLE,
    IMPLICIT_VRS,
    ITEM,
    ITEM_DELIMITER,
    LONG_VRS,
    SEQUENCE_DELIMITER,
    SHORT_VRS,
    UNDEFINED_LENGTH,
)
from filmjacket.dicom.limits import LOOK_AHEAD, MAX_DEPTH, MAX_OFFSET_TABLE_BYTES, OverLimit
from filmjacket.dicom.misencoded import (
    Candidate,
    candidates_in_explicit,
    candidates_in_implicit,
    looks_like_element,
    looks_like_item,
)
from filmjacket.dicom.scan_buffer import SECTION, ScanBuffer

if TYPE_CHECKING:
    from collections.abc import Callable

    from filmjacket.dicom.encoding import Encoding

SMALL_VALUE = 1024
"""Values up to this length are always kept; longer ones are, if the caller says so."""

PIXEL_DATA = "7FE00010"
PIXEL_REPRESENTATION = "00280103"

_IMPLICIT_SPECIAL = frozenset((ITEM, ITEM_DELIMITER, SEQUENCE_DELIMITER, PIXEL_REPRESENTATION, "00000000"))


class DataSetScanner(ScanBuffer):
    """Scans one data set.

    `flows(tag, vr, length)` decides whether a value longer than `SMALL_VALUE` is not kept but flows through;
    with `pass_through` its bytes are reported as they come. `offset` is where the data set begins.
    """

    def __init__(
        self,
        encoding: Encoding,
        flows: Callable[[str, str, int], bool],
        *,
        offset: int = 0,
        pass_through: bool = False,
        max_depth: int = MAX_DEPTH,
    ) -> None:
        super().__init__(encoding, offset=offset, pass_through=pass_through, max_depth=max_depth)
        self._flows = flows
        self._signed = False

    def _first_step(self) -> bool:
        self._step = self._explicit_elements if self._encoding.explicit else self._implicit_elements
        return True

    # -- elements ------------------------------------------------------------------------------------------

    def _explicit_elements(self) -> bool:
        """Read elements of Explicit VR (PS3.5 7.1.2) as long as they are ordinary ones."""
        buffer, position, start = self._buffer, self._position, self._start
        names, unpack, emit = self._encoding.names, self._encoding.unpack_short, self._events.append
        short = SHORT_VRS.get
        edge = min(len(buffer), self._end - start)
        while position + 8 <= edge:
            key, code, length = unpack(buffer, position)
            vr = short(code)
            value = position + 8
            stop = value + length
            if vr is None or stop > edge or length > SMALL_VALUE:
                self._position = position
                return self._explicit_element(key, code, length)
            emit((ev.VALUE, names[key], vr, start + value, length, buffer[value:stop]))
            position = stop
        self._position = position
        return self._end_of_elements()

    def _implicit_elements(self) -> bool:
        """Read elements of Implicit VR (PS3.5 7.1.3) as long as they are ordinary ones."""
        buffer, position, start = self._buffer, self._position, self._start
        names, unpack, emit = self._encoding.names, self._encoding.unpack_implicit, self._events.append
        vrs = IMPLICIT_VRS[self._signed]
        edge = min(len(buffer), self._end - start)
        while position + 8 <= edge:
            key, length = unpack(buffer, position)
            tag = names[key]
            vr = vrs[tag]
            value = position + 8
            stop = value + length
            if stop > edge or length > SMALL_VALUE or vr == "SQ" or tag in _IMPLICIT_SPECIAL:
                self._position = position
                return self._implicit_element(tag, vr, length)
            emit((ev.VALUE, tag, vr, start + value, length, buffer[value:stop]))
            position = stop
        self._position = position
        return self._end_of_elements()

    def _end_of_elements(self) -> bool:
        """Fewer than eight bytes are left of the buffer or of the container."""
        left = self._end - self.position
        if left >= 8:
            return self._more(8)
        available = len(self._buffer) - self._position
        if left > available:
            return self._more(left)
        if left:
            if self._buffer[self._position : self._position + left].strip(b"\0"):
                raise self._fail("", f"an item ends {left} bytes behind its last element")
            self._warn("", f"{left} zero bytes at the end of an item")
            self._position += left
        if self._delimited:
            self._warn(ITEM_DELIMITER, "an item without its delimiter ends with its sequence")
        return self._close(ev.ITEM_END)

    def _explicit_element(self, key: bytes, code: bytes, length: int) -> bool:
        """Read an element that is long, has a 32-bit length, or does not have a known VR."""
        tag = self._encoding.names[key]
        vr = SHORT_VRS.get(code)
        if vr is not None:
            return self._element(tag, vr, 8, length)
        vr = LONG_VRS.get(code)
        if vr is None:
            return self._odd_element(tag)
        if len(self._buffer) - self._position < 12:
            return self._more(12)
        return self._element(tag, vr, 12, self._encoding.unpack_length(self._buffer, self._position + 8)[0])

    def _implicit_element(self, tag: str, vr: str, length: int) -> bool:
        """Read an element that is long, a sequence, a delimiter, or changes how others are read."""
        if tag[:4] == "FFFE" or tag == "00000000":
            return self._odd_element(tag)
        code = self._buffer[self._position + 4 : self._position + 6]
        if len(self._buffer) - self._position < 12 and not self._ended:
            return self._more(12)
        if length > SMALL_VALUE and (code in SHORT_VRS or code in LONG_VRS):
            # A length whose low half spells a VR: perhaps an explicit element in an implicit data set.
            return self._choose(tag, candidates_in_implicit(self._encoding, self._buffer, self._position, vr))
        done = self._element(tag, vr, 8, length)
        if done and tag == PIXEL_REPRESENTATION and not self._stack:
            self._signed = self._events[-1][5][:1] == b"\1"
        return done

    def _element(self, tag: str, vr: str, header: int, length: int) -> bool:
        """Read any element whose header of `header` bytes is understood."""
        if length == UNDEFINED_LENGTH:
            return self._undefined(tag, vr, header)
        value = self._position + header
        stop = value + length
        if self._start + stop > self._end:
            raise self._fail(tag, f"a value of {length} bytes runs past the end of its item")
        if vr == "SQ":
            if len(self._buffer) < min(stop, value + 8) and not self._ended:
                return self._more(header + min(length, 8))
            if length == 0 or looks_like_item(self._encoding, self._buffer[:stop], value):
                return self._open_sequence(tag, vr, header, length)
            # Retired attributes had other VRs: (0040,A170) was CS. What does not hold items stays as it is.
            vr = "UN"
        if length > SMALL_VALUE and self._flows(tag, vr, length):
            self._events.append((ev.FLOW, tag, vr, self._start + value, length, b""))
            return self._pass_value(value, length)
        if stop > len(self._buffer):
            return self._more(header + length)
        self._events.append((ev.VALUE, tag, vr, self._start + value, length, self._buffer[value:stop]))
        self._position = stop
        return True

    def _undefined(self, tag: str, vr: str, header: int) -> bool:
        """Read a value of undefined length: a sequence, or encapsulated Pixel Data (PS3.5 7.1.1, A.4)."""
        if vr == "SQ":
            return self._open_sequence(tag, vr, header, UNDEFINED_LENGTH)
        if tag == PIXEL_DATA or (vr in {"OB", "OW"} and self._encoding.explicit):
            self._events.append((ev.ENCAPSULATED, tag, vr, self.position + header, UNDEFINED_LENGTH, b""))
            self._push(self._first_item_of_fragments)
            self._position += header
            return True
        if vr == "UN" or not self._encoding.explicit:
            return self._open_sequence(tag, vr, header, UNDEFINED_LENGTH)
        raise self._fail(tag, f"VR {vr} cannot have an undefined length")

    def _odd_element(self, tag: str) -> bool:
        """Read what is no ordinary element: a delimiter, padding, or an element that is encoded unlike the rest."""
        if tag == ITEM_DELIMITER and self._stack:
            if not self._delimited:
                self._warn(tag, "an item of defined length ends with a delimiter")
            self._position += 8
            return self._close(ev.ITEM_END)
        if tag == SEQUENCE_DELIMITER and self._stack:
            self._warn(tag, "an item without its delimiter ends with its sequence")
            return self._close(ev.ITEM_END)
        if tag in {ITEM_DELIMITER, SEQUENCE_DELIMITER}:
            self._warn(tag, "a delimiter outside of any sequence")
            self._position += 8
            return True
        if tag == "00000000" and not self._stack:
            self._warn("", "zero bytes behind the last element")
            self._step = self._padding
            return True
        if tag == ITEM:
            raise self._fail(tag, "an item outside of any sequence")
        if len(self._buffer) - self._position < 12 and not self._ended:
            return self._more(12)
        if not self._encoding.explicit:
            raise self._fail(tag, "no element")
        return self._choose(tag, candidates_in_explicit(self._encoding, self._buffer, self._position))

    def _padding(self) -> bool:
        """Some writers fill their files up to a block size."""
        if self._buffer[self._position :].strip(b"\0"):
            raise self._fail("", "bytes that are no element follow the last one")
        self._position = len(self._buffer)
        return self._more(1)

    def _choose(self, tag: str, candidates: list[Candidate]) -> bool:
        """Take the first reading of an element whose value ends where another one begins."""
        for candidate in candidates:
            fits = candidate.certain or self._fits(tag, candidate)
            if fits is None:
                body = 0 if candidate.length == UNDEFINED_LENGTH else candidate.length
                return self._more(candidate.header + body + 8)
            if fits:
                done = self._element(tag, candidate.vr, candidate.header, candidate.length)
                if candidate.warning and (done or self._skip):
                    self._warn(tag, candidate.warning)
                return done
        raise self._fail(tag, "neither a known VR nor a length that fits")

    def _fits(self, tag: str, candidate: Candidate) -> bool | None:
        """Tell whether the value of a candidate ends well; None when that takes more bytes."""
        stop = self._position + candidate.header
        if candidate.length != UNDEFINED_LENGTH:
            stop += candidate.length
        end = self._end - self._start
        if candidate.length != UNDEFINED_LENGTH and (stop > end or candidate.length > LOOK_AHEAD):
            return False
        if stop == end:
            return True
        if stop + 8 > len(self._buffer):
            return stop == len(self._buffer) if self._ended else None
        if candidate.length == UNDEFINED_LENGTH:
            return looks_like_item(self._encoding, self._buffer, stop)
        return looks_like_element(self._encoding, self._buffer, stop, tag)

    # -- containers ----------------------------------------------------------------------------------------

    def begin_sequence(self, length: int) -> None:
        """Start inside of the value of a sequence of that length, instead of with an element."""
        self._push(self._items, self.position + length)

    def _open_sequence(self, tag: str, vr: str, header: int, length: int) -> bool:
        value = self.position + header
        self._events.append((ev.SEQUENCE, tag, vr, value, length, b""))
        self._push(self._items, None if length == UNDEFINED_LENGTH else value + length)
        if vr == "UN":
            # Whatever the transfer syntax, UN of undefined length is a sequence in Implicit VR Little
            # Endian (PS3.5 6.2.2 note 4, CP-246).
            self._encoding = IMPLICIT_LITTLE
        self._position += header
        return True

    def _items(self) -> bool:
        """Read the header of an item, or the end of the sequence (PS3.5 7.5)."""
        left = self._end - self.position
        if left <= 0:
            if self._delimited:
                self._warn(SEQUENCE_DELIMITER, "a sequence without its delimiter ends with its item")
            return self._close(ev.SEQUENCE_END)
        if len(self._buffer) - self._position < 8:
            return self._more(8)
        key, length = self._encoding.unpack_implicit(self._buffer, self._position)
        tag = self._encoding.names[key]
        if tag == ITEM and left >= 8:
            self._position += 8
            self._events.append((ev.ITEM, "", "", self.position, length, b""))
            elements = self._explicit_elements if self._encoding.explicit else self._implicit_elements
            self._push(elements, None if length == UNDEFINED_LENGTH else self.position + length)
            return True
        if tag == SEQUENCE_DELIMITER:
            if not self._delimited:
                self._warn(tag, "a sequence of defined length ends with a delimiter")
            self._position += 8
            return self._close(ev.SEQUENCE_END)
        if tag == ITEM_DELIMITER:
            self._warn(tag, "a delimiter outside of any item")
            self._position += 8
            return True
        raise self._fail(tag, "a sequence holds something else than items")

    # -- encapsulated Pixel Data (PS3.5 A.4) ---------------------------------------------------------------

    def _first_item_of_fragments(self) -> bool:
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
                offender=PIXEL_DATA,
            )
        value = self._position + 8
        if len(self._buffer) < value + length:
            return self._more(8 + length)
        raw = self._buffer[value : value + length]
        self._events.append((ev.OFFSET_TABLE, "", "", self._start + value, length, raw))
        self._position = value + length
        self._step = self._fragments
        return True

    def _fragments(self) -> bool:
        """Read headers of fragments as long as whole fragments are in the buffer."""
        buffer, unpack, names = self._buffer, self._encoding.unpack_implicit, self._encoding.names
        while len(buffer) - self._position >= 8:
            key, length = unpack(buffer, self._position)
            if names[key] != ITEM:
                return self._other_than_fragment(names[key])
            if length == UNDEFINED_LENGTH:
                raise self._fail(PIXEL_DATA, "a fragment of undefined length")
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
            raise self._fail(PIXEL_DATA, "encapsulated Pixel Data holds something else than items")
        self._events.append((ev.ENCAPSULATED_END, "", "", self.position, 0, b""))
        self._position += 8
        self._step, self._end, self._delimited, self._encoding = self._stack.pop()
        return True

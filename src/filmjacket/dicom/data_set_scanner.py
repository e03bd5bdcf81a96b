"""Incremental scanner of a data set (PS3.5 7): bytes in, events out, an explicit stack instead of recursion.

The two loops over elements are the hot path of every store; they handle what is ordinary and hand the rest to
methods. A method that lacks bytes says how many it needs and is called again from where it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

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
from filmjacket.dicom.fragment_scanner import FragmentScanner
from filmjacket.dicom.limits import LOOK_AHEAD, MAX_DEPTH, OverLimit
from filmjacket.dicom.misencoded import (
    Candidate,
    candidates_in_explicit,
    candidates_in_implicit,
    looks_like_element,
    looks_like_item,
)
from filmjacket.dicom.scan_buffer import SECTION

if TYPE_CHECKING:
    from collections.abc import Callable

    from filmjacket.dicom.encoding import Encoding

SMALL_VALUE = 1024
"""Values up to this length are always kept; longer ones are, if the caller says so."""

PIXEL_DATA = "7FE00010"
PIXEL_REPRESENTATION = "00280103"

_IMPLICIT_SPECIAL = frozenset((ITEM, ITEM_DELIMITER, SEQUENCE_DELIMITER, PIXEL_REPRESENTATION, "00000000"))


FlowRule: TypeAlias = "Callable[[str, str, int, int], bool]"
"""(tag, VR, length, bytes kept so far) -> whether a value longer than `SMALL_VALUE` flows through."""


class DataSetScanner(FragmentScanner):
    """Scans one data set.

    `flows` decides whether a value is not kept but flows through; with `pass_through` its bytes are reported as
    they come. `offset` is where the data set begins.
    """

    def __init__(
        self,
        encoding: Encoding,
        flows: FlowRule,
        *,
        offset: int = 0,
        pass_through: bool = False,
        max_depth: int = MAX_DEPTH,
    ) -> None:
        step = DataSetScanner._explicit_elements if encoding.explicit else DataSetScanner._implicit_elements
        super().__init__(encoding, step, offset=offset, pass_through=pass_through)
        self._flows = flows
        self._max_depth = max_depth
        self._signed = False

    # -- elements ------------------------------------------------------------------------------------------

    def _explicit_elements(self) -> bool:
        """Read elements of Explicit VR (PS3.5 7.1.2) as long as they are ordinary ones."""
        buffer, position, start = self._buffer, self._position, self._start
        names, unpack, emit = self._encoding.names, self._encoding.unpack_short, self._events.append
        short_vrs = SHORT_VRS
        edge = min(len(buffer), self._end - start)
        while position + 8 <= edge:
            key, code, length = unpack(buffer, position)
            value = position + 8
            stop = value + length
            if code not in short_vrs or stop > edge or length > SMALL_VALUE:
                self._position = position
                return self._explicit_element(names[key], code, length)
            emit((0, names[key], short_vrs[code], start + value, length, buffer[value:stop]))
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
            emit((0, tag, vr, start + value, length, buffer[value:stop]))
            position = stop
        self._position = position
        return self._end_of_elements()

    def _end_of_elements(self) -> bool:
        """Fewer than eight bytes are left of the buffer or of the container."""
        left = self._end - self._start - self._position
        if left >= 8:
            return self._more(8)
        if left > len(self._buffer) - self._position:
            return self._more(left)
        if left:
            if self._buffer[self._position : self._position + left].strip(b"\0"):
                raise self._fail("", f"an item ends {left} bytes behind its last element")
            self._warn("", f"{left} zero bytes at the end of an item")
            self._position += left
        if self._delimited:
            self._warn(ITEM_DELIMITER, "an item without its delimiter ends with its sequence")
        self._leave()
        return True

    def _explicit_element(self, tag: str, code: bytes, length: int) -> bool:
        """Read an element that is long, has a 32-bit length, or does not have a known VR."""
        if code in LONG_VRS:
            if len(self._buffer) - self._position < 12:
                return self._more(12)
            length = self._encoding.unpack_length(self._buffer, self._position + 8)[0]
            return self._element(tag, LONG_VRS[code], 12, length)
        if code in SHORT_VRS:
            return self._element(tag, SHORT_VRS[code], 8, length)
        return self._odd_element(tag)

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
        if vr == "SQ":
            return self._sequence(tag, vr, header, length)
        if length == UNDEFINED_LENGTH:
            return self._undefined(tag, vr, header)
        return self._value(tag, vr, header, length)

    def _value(self, tag: str, vr: str, header: int, length: int) -> bool:
        """Read a value of defined length."""
        value = self._position + header
        stop = value + length
        if self._start + stop > self._end:
            raise self._fail(tag, f"a value of {length} bytes runs past the end of its item")
        if length > SMALL_VALUE and self._flows(tag, vr, length, self.kept):
            self._events.append((ev.FLOW, tag, vr, self._start + value, length, b""))
            return self._pass_value(value, length)
        if stop > len(self._buffer):
            return self._more(header + length)
        self._events.append((ev.VALUE, tag, vr, self._start + value, length, self._buffer[value:stop]))
        self._position = stop
        return True

    def _sequence(self, tag: str, vr: str, header: int, length: int) -> bool:
        """Enter the value of a sequence (PS3.5 7.5)."""
        value = self._position + header
        end: int | None = None
        if length != UNDEFINED_LENGTH:
            if length and not self._buffer.startswith(self._encoding.sequence_starts, value):
                if len(self._buffer) < value + min(length, 4) and not self._ended:
                    return self._more(header + min(length, 4))
                # Retired attributes had other VRs: (0040,A170) was CS. What does not hold items stays bytes.
                return self._value(tag, "UN", header, length)
            end = self._start + value + length
        if len(self._stack) >= 2 * self._max_depth:  # a sequence and its item are two containers
            raise OverLimit(
                f"sequences are nested deeper than {MAX_DEPTH} levels", section=SECTION, offender="data set"
            )
        self._enter(DataSetScanner._items, end)
        self._events.append((ev.SEQUENCE, tag, vr, self._start + value, length, b""))
        self._position = value
        return True

    def _undefined(self, tag: str, vr: str, header: int) -> bool:
        """Read a value of undefined length: encapsulated Pixel Data, or a sequence (PS3.5 7.1.1, A.4)."""
        if tag == PIXEL_DATA or (vr in {"OB", "OW"} and self._encoding.explicit):
            self._events.append((ev.ENCAPSULATED, tag, vr, self.position + header, UNDEFINED_LENGTH, b""))
            self._enter(DataSetScanner._offset_table, None)
            self._position += header
            return True
        if vr != "UN" and self._encoding.explicit:
            raise self._fail(tag, f"VR {vr} cannot have an undefined length")
        done = self._sequence(tag, "UN", header, UNDEFINED_LENGTH)
        # Whatever the transfer syntax, UN of undefined length is a sequence in Implicit VR Little Endian
        # (PS3.5 6.2.2, CP-246).
        self._encoding = IMPLICIT_LITTLE
        return done

    def _odd_element(self, tag: str) -> bool:
        """Read what is no ordinary element: a delimiter, padding, or an element that is encoded unlike the rest."""
        if tag == ITEM_DELIMITER and self._stack:
            if not self._delimited:
                self._warn(tag, "an item of defined length ends with a delimiter")
            self._position += 8
            self._leave()
            return True
        if tag == SEQUENCE_DELIMITER and self._stack:
            self._warn(tag, "an item without its delimiter ends with its sequence")
            self._leave()
            return True
        if tag in {ITEM_DELIMITER, SEQUENCE_DELIMITER}:
            self._warn(tag, "a delimiter outside of any sequence")
            self._position += 8
            return True
        if tag == "00000000" and not self._stack:
            self._warn("", "zero bytes behind the last element")
            self._step = DataSetScanner._padding
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

    # -- items ---------------------------------------------------------------------------------------------

    def begin_sequence(self, length: int) -> None:
        """Start inside of the value of a sequence of that length, instead of with an element."""
        self._enter(DataSetScanner._items, self.position + length)

    def _items(self) -> bool:
        """Read the header of an item, or the end of the sequence (PS3.5 7.5)."""
        buffer, position, encoding = self._buffer, self._position, self._encoding
        left = self._end - self._start - position
        if left >= 8 and len(buffer) - position >= 8:
            key, length = encoding.unpack_implicit(buffer, position)
            if key != encoding.item_key:
                return self._odd_item(encoding.names[key])
            self._events.append(ev.ITEM_EVENT)
            self._position = position + 8
            self._enter(
                DataSetScanner._explicit_elements if encoding.explicit else DataSetScanner._implicit_elements,
                None if length == UNDEFINED_LENGTH else self._start + position + 8 + length,
            )
            return True
        if left >= 8:
            return self._more(8)
        if left:
            raise self._fail("", f"a sequence ends {left} bytes behind its last item")
        if self._delimited:
            self._warn(SEQUENCE_DELIMITER, "a sequence without its delimiter ends with its item")
        self._events.append(ev.SEQUENCE_END_EVENT)
        self._leave()
        return True

    def _odd_item(self, tag: str) -> bool:
        """Read a delimiter where an item could be."""
        if tag == SEQUENCE_DELIMITER:
            if not self._delimited:
                self._warn(tag, "a sequence of defined length ends with a delimiter")
            self._events.append(ev.SEQUENCE_END_EVENT)
            self._leave()
        elif tag == ITEM_DELIMITER:
            self._warn(tag, "a delimiter outside of any item")
        else:
            raise self._fail(tag, "a sequence holds something else than items")
        self._position += 8
        return True

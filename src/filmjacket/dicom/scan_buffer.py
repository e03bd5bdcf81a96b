"""What a scanner of unbounded input stands on: bytes that come in pieces, values that pass by, nested containers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from filmjacket.dicom import events as ev
from filmjacket.errors import DicomError

if TYPE_CHECKING:
    from collections.abc import Callable

    from filmjacket.dicom.encoding import Encoding
    from filmjacket.dicom.events import Event

SECTION = "PS3.5 7"

Step: TypeAlias = "Callable[[Any], bool]"
"""Takes the scanner."""

_ENDLESS = 1 << 62  # beyond every file: the end of a container that has none
_MAX_WARNINGS = 100  # more say nothing new, and their number must not be the sender's choice


class ScanBuffer:
    """Feeds a subclass, whose steps read from `_buffer` at `_position` and return whether they got on.

    Steps are functions, not bound methods, so that a scanner is no reference cycle that waits for the collector.
    A step that lacks bytes says how many it needs (`_more`) and is called again from where it was. `_start` is the
    offset of the first byte of the buffer.
    """

    def __init__(self, encoding: Encoding, first_step: Step, *, offset: int, pass_through: bool) -> None:
        self.warnings: list[ev.ScanWarning] = []
        self.flowed = 0
        self._pass_through = pass_through
        self._events: list[Event] = []
        self._pieces: list[bytes] = []
        self._held = 0
        self._needed = 8
        self._buffer = b""
        self._position = 0
        self._start = offset
        self._offset = offset
        self._skip = 0
        self._ended = False
        # The innermost container: what reads its next part, where it ends, whether a delimiter ends it.
        self._stack: list[tuple[Step, int, bool, Encoding]] = []
        self._end = _ENDLESS
        self._delimited = False
        self._encoding = encoding
        self._step: Step = first_step

    @property
    def position(self) -> int:
        """Offset of the first byte that was not used yet."""
        return self._start + self._position

    def feed(self, chunk: bytes | memoryview) -> list[Event]:
        """Take the next bytes and return what became known by them."""
        events: list[Event] = []
        self._events = events
        if self._skip:
            chunk = self._feed_value(chunk)
        if chunk:
            self._pieces.append(bytes(chunk))
            self._held += len(chunk)
            if self._held >= self._needed:
                self._run()
        return events

    def finish(self) -> list[Event]:
        """Say that there are no more bytes; DicomError when something is missing."""
        events: list[Event] = []
        self._events = events
        self._ended = True
        self._run()
        if self._skip or self._stack or self._held:
            self._check_end()
        return events

    def _run(self) -> None:
        self._buffer = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._needed = 1
        while self._step(self):
            pass
        rest = self._buffer[self._position :]
        self._start += self._position
        self._position = 0
        self._pieces = [rest] if rest else []
        self._held = len(rest)
        self._buffer = b""

    def _more(self, count: int) -> bool:
        """Ask for `count` bytes from the current position on."""
        self._needed = count
        return False

    def _check_end(self) -> None:
        rest = self._pieces[0] if self._pieces else b""
        if not (self._skip or self._stack or rest.strip(b"\0")):
            self._warn("", f"{len(rest)} zero bytes behind the last element")
            return
        raise DicomError(
            f"truncated: the file ends at byte {self._start + len(rest)} inside of a value, item or sequence",
            section=SECTION,
            offender="data set",
        )

    def _warn(self, tag: str, text: str) -> None:
        if len(self.warnings) < _MAX_WARNINGS:
            self.warnings.append(ev.ScanWarning(self.position, tag, text))

    def _fail(self, tag: str, text: str) -> DicomError:
        return DicomError(f"{text} at byte {self.position}", section=SECTION, offender=tag)

    def _pass_value(self, value: int, length: int) -> bool:
        """Leave a value behind that begins in the buffer and may end far behind it."""
        self.flowed += length
        stop = value + length
        held = min(stop, len(self._buffer))
        if self._pass_through and held > value:
            self._events.append((ev.DATA, "", "", self._start + value, held - value, self._buffer[value:held]))
        self._position = held
        self._skip = stop - held
        return self._skip == 0

    def _feed_value(self, chunk: bytes | memoryview) -> bytes | memoryview:
        """Take bytes of a value that is being left behind; return what is not of it."""
        taken = min(self._skip, len(chunk))
        if self._pass_through and taken:
            self._events.append((ev.DATA, "", "", self._start, taken, bytes(chunk[:taken])))
        self._skip -= taken
        self._start += taken
        return chunk[taken:]

    @property
    def kept(self) -> int:
        """Bytes used so far that did not flow through."""
        return self._start + self._position - self._offset - self.flowed

    def _enter(self, step: Step, end: int | None) -> None:
        """Enter a container that ends at an offset, or with a delimiter."""
        if end is not None and end > self._end:
            raise self._fail("", "a sequence or item runs past the end of what it is in")
        self._stack.append((self._step, self._end, self._delimited, self._encoding))
        self._step = step
        self._delimited = end is None
        if end is not None:
            self._end = end

    def _leave(self) -> None:
        """Leave the innermost container."""
        self._step, self._end, self._delimited, self._encoding = self._stack.pop()

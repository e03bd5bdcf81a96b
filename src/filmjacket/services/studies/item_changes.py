"""Elements inside of sequence items replaced while a file passes by; everything else stays byte for byte.

The file is written anew first: as Explicit VR Little Endian whose sequences and items have undefined lengths, so that
no length outside of a change has to change with it. Memory holds one piece of input and one item's changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from filmjacket.dicom import events as ev
from filmjacket.dicom.rewrite import to_explicit_little_endian
from filmjacket.dicom.scanner import Scanner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from filmjacket.dicom.events import Event

    ItemChange = Callable[[], "Mapping[str, bytes] | None"]
    """Whole elements by tag, b"" for one that goes; None, which only a first item may say: its sequence goes."""

_MEASURED: Final = frozenset((ev.VALUE, ev.FLOW, ev.OFFSET_TABLE, ev.FRAGMENT))
_DELIMITER: Final = 8
_ITEM_HEADER: Final = 8
_ENDLESS: Final = 2**63


def with_changed_items(chunks: Iterable[bytes], changes: Mapping[str, ItemChange]) -> Iterator[bytes]:
    """Yield the file that the chunks make up with changed items, known by their paths: `00880200.0` for example.

    A change is asked for when its item comes. Raises `DicomError` when the file is not readable.
    """
    scanner = Scanner(_flows)
    editor = _Editor(changes)
    for chunk in to_explicit_little_endian(chunks):
        editor.held += chunk
        for events in scanner.feed(chunk):
            editor.take(events, scanner.data_set_offset)
        yield editor.written()
    for events in scanner.finish():
        editor.take(events, scanner.data_set_offset)
    yield editor.finish()


def _flows(tag: str, vr: str, length: int, kept: int) -> bool:  # noqa: ARG001 - a flow rule
    return True


class _Editor:
    """Follows the events of a file and copies, leaves out or puts in bytes between them."""

    def __init__(self, changes: Mapping[str, ItemChange]) -> None:
        self.held = bytearray()
        self._changes = changes
        self._asked: tuple[str, Mapping[str, bytes] | None] = ("", None)  # the change that was asked for last
        self._out: list[bytes] = []
        self._held_at = 0  # place in the file of the first byte that is held
        self._at = 0  # where the thing that was met last ends, hence the next one begins
        self._dropped_to = 0  # bytes up to here are left out
        self._drop_depth = -1  # sequences around the element that is being left out
        self._sequences: list[str] = []
        self._numbers: list[int] = []  # of the item that is open in each of them, from 0
        self._pending: list[dict[str, bytes]] = [{}]  # what is still to be put into each item around

    def take(self, events: Iterable[Event], begin: int) -> None:
        """Take what was found in the file, whose data set begins at a place."""
        self._at = self._at or begin
        for kind, tag, _, offset, length, _ in events:
            if kind in {ev.VALUE, ev.FLOW, ev.SEQUENCE, ev.ENCAPSULATED} and self._drop_depth < 0:
                self._begin_element(tag, kind)
            self._advance(kind, tag, offset + length if kind in _MEASURED else offset)
            if kind in {ev.VALUE, ev.FLOW, ev.SEQUENCE_END, ev.ENCAPSULATED_END}:
                self._end_element(len(self._sequences))

    def written(self) -> bytes:
        """Return what is certain to be in the new file so far."""
        self._pass(self._at)
        written = b"".join(self._out)
        self._out.clear()
        return written

    def finish(self) -> bytes:
        """Return what is left."""
        self._at = max(self._at, self._held_at + len(self.held))
        return self.written()

    def _begin_element(self, tag: str, kind: int) -> None:
        pending = self._pending[-1]
        if not pending and kind != ev.SEQUENCE:
            return
        self._pass(self._at)
        for name in sorted(name for name in pending if name < tag):
            self._out.append(pending.pop(name))
        if tag in pending:
            self._out.append(pending.pop(tag))
        elif kind != ev.SEQUENCE or not self._is_lost(f"{self._path()}{tag}.0"):
            return
        self._drop_depth = len(self._sequences)
        self._dropped_to = _ENDLESS

    def _is_lost(self, path: str) -> bool:
        """Whether the first item of a sequence says that the sequence goes."""
        return path in self._changes and self._change(path) is None

    def _change(self, path: str) -> Mapping[str, bytes] | None:
        if self._asked[0] != path:
            self._asked = (path, self._changes[path]())
        return self._asked[1]

    def _end_element(self, depth: int) -> None:
        if depth == self._drop_depth:
            self._dropped_to, self._drop_depth = self._at, -1

    def _advance(self, kind: int, tag: str, place: int) -> None:
        if kind == ev.ITEM:
            self._at += _ITEM_HEADER + self._close_item()
            self._numbers[-1] += 1
            path = self._path().rstrip(".")
            changed = self._drop_depth < 0 and path in self._changes
            self._pending.append(dict(self._change(path) or {}) if changed else {})
        elif kind == ev.SEQUENCE_END:
            self._at += _DELIMITER + self._close_item()
            self._sequences.pop()
            self._numbers.pop()
        elif kind == ev.SEQUENCE:
            self._at = place
            self._sequences.append(tag)
            self._numbers.append(-1)
        elif kind == ev.ENCAPSULATED_END:
            self._at = place + _DELIMITER
        else:
            self._at = place

    def _close_item(self) -> int:
        """End the item that is open, and return the bytes of its delimiter; 0 if there is none."""
        if self._numbers[-1] < 0:
            return 0
        pending = self._pending.pop()
        if pending:
            self._pass(self._at)
            self._out += [pending[name] for name in sorted(pending)]
        return _DELIMITER

    def _path(self) -> str:
        return "".join(f"{tag}.{number}." for tag, number in zip(self._sequences, self._numbers, strict=True))

    def _pass(self, end: int) -> None:
        """Copy what is held up to a place in the file, but for what is left out."""
        for stop, kept in ((min(end, self._dropped_to), False), (end, True)):
            count = min(max(stop - self._held_at, 0), len(self.held))
            if kept and count:
                self._out.append(bytes(self.held[:count]))
            del self.held[:count]
            self._held_at += count

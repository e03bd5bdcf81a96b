"""Preamble, prefix and File Meta Information (PS3.10 7.1), read with the tolerance that real files ask for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from filmjacket.dicom import transfer_syntaxes
from filmjacket.dicom.encoding import EXPLICIT_LITTLE, IMPLICIT_VRS, LONG_VRS, SHORT_VRS
from filmjacket.dicom.limits import MAX_META_BYTES, OverLimit
from filmjacket.errors import DicomError

if TYPE_CHECKING:
    from collections.abc import Iterator

TRANSFER_SYNTAX_UID = "00020010"

_GROUP_LENGTH = "00020000"
_PREAMBLE = 128
_PREFIX = b"DICM"
_SECTION = "PS3.10 7.1"
_HEADER = 12  # the longest header of an element


@dataclass(frozen=True, slots=True)
class FileMeta:
    """Elements of group 0002 as (tag, VR, value), where the data set begins, and what was odd.

    `prefixed` says that the preamble and the prefix `DICM` stand before them.
    """

    elements: tuple[tuple[str, str, bytes], ...]
    data_set_offset: int
    warnings: tuple[str, ...]
    prefixed: bool = False

    def text(self, tag: str) -> str | None:
        """Return the value of an element without padding; None when it is absent or empty."""
        for name, _, raw in self.elements:
            if name == tag:
                return raw.decode("ascii", "replace").strip(" \0") or None
        return None


class MoreBytes(Exception):
    """Not an error but a question: `count` bytes from the start of the file are needed to get on."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.count = count


def read_file_meta(head: bytes, *, complete: bool) -> FileMeta:
    """Read File Meta Information from the first bytes of a file, of which there are no more if `complete`.

    A file without preamble, prefix or meta is fine here: it has no elements and its data set begins at once.
    Raises `MoreBytes` when the end of the meta information is not in sight.
    """
    start = _find_start(head, complete=complete)
    warnings = [] if start == _PREAMBLE + len(_PREFIX) else ["no preamble"]
    elements: list[tuple[str, str, bytes]] = []
    position = start
    announced = 0
    for tag, vr, value, stop in _elements(head, start, complete=complete):
        elements.append((tag, vr, head[value:stop]))
        position = stop
        if tag == _GROUP_LENGTH and stop - value == 4:
            announced = stop + int.from_bytes(head[value:stop], "little")
        if position == announced and _is_deflated(elements):
            # Deflated bytes may look like one more element of group 0002; only here the group length decides.
            break
    if complete and announced > len(head):
        raise _truncated(_GROUP_LENGTH)
    if not elements:
        warnings.append("no File Meta Information")
    elif announced != position:
        warnings.append("File Meta Information Group Length is missing or wrong")
    return FileMeta(tuple(elements), position, tuple(warnings), prefixed=start == _PREAMBLE + len(_PREFIX))


def _find_start(head: bytes, *, complete: bool) -> int:
    if head[_PREAMBLE : _PREAMBLE + 4] == _PREFIX:
        return _PREAMBLE + 4
    if len(head) < _PREAMBLE + 4 and not complete:
        raise MoreBytes(_PREAMBLE + 4)
    return 4 if head[:4] == _PREFIX else 0


def _elements(head: bytes, start: int, *, complete: bool) -> Iterator[tuple[str, str, int, int]]:
    """Yield (tag, VR, start and end of the value) as long as elements are of group 0002."""
    position = start
    while True:
        if len(head) < position + _HEADER and not complete:
            raise MoreBytes(position + _HEADER)
        if not b"\x02\0".startswith(head[position : position + 2]) or position == len(head):
            return
        if len(head) < position + 8:
            raise _truncated(_GROUP_LENGTH)
        tag, vr, value, length = _header(head, position)
        stop = value + length
        if stop - start > MAX_META_BYTES:
            raise OverLimit(
                f"File Meta Information is longer than {MAX_META_BYTES} bytes", section=_SECTION, offender=tag
            )
        if stop > len(head):
            if complete:
                raise _truncated(tag)
            raise MoreBytes(stop + _HEADER)
        yield tag, vr, value, stop
        position = stop


def _header(head: bytes, position: int) -> tuple[str, str, int, int]:
    """Return tag, VR, start and length of the value; the group is Explicit VR Little Endian by PS3.10 7.1."""
    key, code, length = EXPLICIT_LITTLE.unpack_short(head, position)
    tag = EXPLICIT_LITTLE.names[key]
    if code in SHORT_VRS:
        return tag, SHORT_VRS[code], position + 8, length
    if code in LONG_VRS and len(head) >= position + _HEADER:
        return tag, LONG_VRS[code], position + _HEADER, EXPLICIT_LITTLE.unpack_length(head, position + 8)[0]
    # Some writers use Implicit VR here too.
    return tag, IMPLICIT_VRS[False][tag], position + 8, EXPLICIT_LITTLE.unpack_implicit(head, position)[1]


def _is_deflated(elements: list[tuple[str, str, bytes]]) -> bool:
    for tag, _, raw in elements:
        if tag == TRANSFER_SYNTAX_UID:
            syntax = transfer_syntaxes.get(raw.decode("ascii", "replace").strip(" \0"))
            return syntax is not None and syntax.deflated
    return False


def _truncated(tag: str) -> DicomError:
    return DicomError("truncated: the file ends inside of its File Meta Information", section=_SECTION, offender=tag)

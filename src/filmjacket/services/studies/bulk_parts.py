"""Bulk data parts of a store payload: spooled on disk, found by what metadata call them (PS3.18 8.6.1.2, RFC 2557)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urljoin

from filmjacket.errors import BadRequest
from filmjacket.web.media_types import OCTET_STREAM, MediaType, parse_media_type

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from filmjacket.archive.ports import Spool

_FRAME = re.compile(r"(.+)/frames/([1-9][0-9]{0,8})", re.ASCII | re.DOTALL)
_UNDECLARED = MediaType("application", "octet-stream")

MAX_NAME = 2048
"""Characters of a Content-Location that an error repeats back and that is resolved against the request's URL."""


@dataclass(frozen=True, slots=True)
class SpooledPart:
    """One part of the payload: what it says it is, and where it lies in the spool."""

    media_type: MediaType
    location: str | None
    offset: int
    length: int


class PartSpool:
    """All parts of a request that are composed to instances when the payload is complete, one after the other."""

    def __init__(self, make_spool: Callable[[], Spool]) -> None:
        self._make_spool = make_spool
        self._spool: Spool | None = None
        self._begun = 0

    @property
    def part_bytes(self) -> int:
        """Bytes of the current part so far."""
        return self._spool.size - self._begun if self._spool is not None else 0

    def begin(self) -> None:
        """Start the next part."""
        if self._spool is None:
            self._spool = self._make_spool()
        self._begun = self._spool.size

    def write(self, chunk: bytes | memoryview) -> None:
        """Bytes of the current part."""
        if self._spool is not None:
            self._spool.write(chunk)

    def end(self, headers: dict[str, str], default: MediaType = _UNDECLARED) -> SpooledPart:
        """The current part is complete."""
        location = headers.get("content-location") or _content_id(headers.get("content-id"))
        return SpooledPart(declared_type(headers, default), location, self._begun, self.part_bytes)

    def read(self, part: SpooledPart, start: int = 0, length: int | None = None) -> bytes:
        """Bytes of a part from `start`, all or at most `length`."""
        left = part.length - start
        wanted = left if length is None else min(length, left)
        return self._spool.read(part.offset + start, wanted) if self._spool is not None and wanted > 0 else b""

    def chunks(self, part: SpooledPart, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Bytes of a part from `start` on, a piece at a time."""
        left = part.length - start
        if self._spool is not None:
            yield from self._spool.chunks(part.offset + start, left if length is None else min(length, left))

    def close(self) -> None:
        """Drop the bytes."""
        if self._spool is not None:
            self._spool.close()


def declared_type(headers: dict[str, str], default: MediaType = _UNDECLARED) -> MediaType:
    """The media type that the headers of a part declare; what cannot be read counts as plain bytes."""
    declared = headers.get("content-type")
    if declared is None:
        return default
    try:
        return parse_media_type(declared)
    except BadRequest:
        return _UNDECLARED


def _content_id(value: str | None) -> str | None:
    """The `cid:` URL of a Content-ID (RFC 2392), the other way to name a part of `multipart/related`."""
    return f"cid:{value.strip().strip('<>')}" if value else None


class BulkParts:
    """Finds the parts that a reference stands for.

    A reference and a Content-Location are the same if they are so as they stand, or once both are made absolute
    against the URL of the request (RFC 2557 5) and percent-encoding is undone. Parts of one location are the frames
    of one value in the order in which they came; `{location}/frames/{n}` says which frame a part is.
    """

    def __init__(self, target: str) -> None:
        self._target = target
        self._parts: dict[str, list[SpooledPart]] = {}
        self._frames: dict[str, dict[int, list[SpooledPart]]] = {}
        self._all: list[SpooledPart] = []
        self._used: set[SpooledPart] = set()

    def add(self, part: SpooledPart) -> None:
        """Take one part."""
        self._all.append(part)
        if part.location is None:
            return
        for name in self._names(part.location, self._target):
            self._parts.setdefault(name, []).append(part)
            framed = _FRAME.fullmatch(name)
            if framed is not None:
                self._frames.setdefault(framed[1], {}).setdefault(int(framed[2]), []).append(part)

    def find(self, reference: str, base: str | None) -> list[SpooledPart]:
        """The parts of a reference, [] if there are none; `base` is the Content-Location of the metadata, if any."""
        for name in self._names(reference, base or self._target):
            found = self._parts.get(name) or self._in_frame_order(name)
            if found:
                self._used.update(found)
                return found
        return []

    def unreferenced(self) -> list[SpooledPart]:
        """Parts that `find` never returned."""
        return [part for part in self._all if part not in self._used]

    def _in_frame_order(self, name: str) -> list[SpooledPart]:
        frames = self._frames.get(name, {})
        # A gap or a number that is there twice: nobody can tell what the value would be.
        if sorted(frames) != list(range(1, len(frames) + 1)) or any(len(parts) > 1 for parts in frames.values()):
            return []
        return [frames[number][0] for number in sorted(frames)]

    def _names(self, text: str, base: str) -> list[str]:
        """Every form under which a reference is looked up, without repetition; the plainest first."""
        text = text.strip().removeprefix("urn:uuid:")
        if len(text) > MAX_NAME:
            return [text]
        names = [text]
        for root in (base, self._target):
            try:
                names.append(unquote(urljoin(root, text)))
            except ValueError:  # no URL at all, which a name need not be
                continue
        return list(dict.fromkeys(names))


def is_plain_bytes(part: SpooledPart) -> bool:
    """Tell whether a part is uncompressed bulk data (PS3.18 Table 8.7.3-4)."""
    return part.media_type.essence == OCTET_STREAM

"""Push parser of `multipart/related` payloads (PS3.18 8.6.1.2, RFC 2046 5.1).

Tolerant where RFC 2046 is: preamble, epilogue, blanks after a delimiter, folded header lines, parts without
headers; and where clients are careless: bare LF line ends, no line end after the close delimiter. Strict
where data could get lost: a payload that stops inside a part is an error.

The body of a part goes through untouched. Delimiters are found with `bytes.find`, nothing is done per byte.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, TypeAlias

from filmjacket.errors import BadRequest, TooLarge

if TYPE_CHECKING:
    from filmjacket.web.media_types import MediaType

MAX_BOUNDARY: Final = 70
"""Characters of a boundary (RFC 2046 5.1.1)."""
MAX_PADDING: Final = 256
"""Blanks that may follow a delimiter on its line: mail gateways add a few, nobody hundreds."""

# RFC 2046 allows fewer characters; any other visible one is as unambiguous. Blanks only inside.
_BOUNDARY = re.compile(r"[!-~](?:[ -~]*[!-~])?", re.ASCII)
_BLANKS_AND_LINE_END = re.compile(rb"[ \t]*\r?\n")
_BLANK_LINE = re.compile(rb"\n\r?\n")
_FOLD = re.compile(rb"\r?\n[ \t]+")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*:([^\x00\r\n]*)\r?")


@dataclass(frozen=True, slots=True)
class MultipartLimits:
    """Bounds on what is not the content of parts.

    Real parts have two to five headers of about 200 bytes in all, and no preamble; the largest studies seen
    have some ten thousand instances.
    """

    header_bytes: int = 16_384
    headers: int = 64
    parts: int = 100_000
    preamble_bytes: int = 65_536


@dataclass(frozen=True, slots=True)
class PartBegin:
    """A part begins. Header names are in lower case; of a repeated header the first counts."""

    headers: dict[str, str]

    @property
    def unsupported_encoding(self) -> str | None:
        """A `Content-Transfer-Encoding` that would have to be undone, such as base64; None if there is none.

        HTTP has no such encoding (RFC 9112 B.5). Whoever stores the part fails it alone, not the whole
        payload.
        """
        encoding = self.headers.get("content-transfer-encoding", "binary").strip().lower()
        return None if encoding in {"binary", "8bit", "7bit"} else encoding


@dataclass(frozen=True, slots=True)
class PartData:
    """The next bytes of the part's body: a view into what was fed, so that large bodies are not copied."""

    data: memoryview


@dataclass(frozen=True, slots=True)
class PartEnd:
    """The part is complete."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The close delimiter was read; whatever follows is ignored."""


Event: TypeAlias = PartBegin | PartData | PartEnd | Finished


class _State(Enum):
    PREAMBLE = auto()
    HEADERS = auto()
    BODY = auto()
    EPILOGUE = auto()


def boundary_of(media_type: MediaType) -> bytes:
    """The boundary parameter of a multipart media type, checked (RFC 2046 5.1.1)."""
    boundary = media_type.get("boundary")
    if boundary is None:
        raise _broken("The Content-Type has no boundary parameter.", offender="boundary")
    if len(boundary) > MAX_BOUNDARY or not _BOUNDARY.fullmatch(boundary):
        raise _broken(
            f"The boundary is not 1 to {MAX_BOUNDARY} printable ASCII characters with blanks only inside.",
            offender="boundary",
        )
    return boundary.encode("ascii")


class MultipartReader:
    """Feed it payload bytes in any portions; it returns what they mean.

    A delimiter is looked for as LF, two hyphens and the boundary; a CR before the LF belongs to it. Where a
    delimiter may follow at once (at the very beginning, after a delimiter line, after a header section)
    reading goes on *at* the LF of the line before, which is then no content: `_line_end_ahead`.
    """

    def __init__(self, boundary: bytes, limits: MultipartLimits | None = None) -> None:
        self._limits = limits or MultipartLimits()
        self._delimiter = b"\n--" + boundary
        self._state = _State.PREAMBLE
        self._buffer = b"\n"
        self._start = 0
        self._line_end_ahead = True
        self._preamble = 0
        self._parts = 0

    def feed(self, chunk: bytes) -> list[Event]:
        """Take the next bytes of the payload. Raises `BadRequest` or `TooLarge` for what cannot be read."""
        events: list[Event] = []
        if self._state is _State.EPILOGUE:
            return events
        self._buffer = self._buffer[self._start :] + chunk
        self._start = 0
        while self._read_headers(events) if self._state is _State.HEADERS else self._read_body(events):
            pass
        return events

    def finish(self) -> None:
        """The payload has ended. Raises `BadRequest` if that leaves a part incomplete or there was none.

        A delimiter as the last line counts as the close delimiter: examples in the standard lack its two
        hyphens, and every part before it is whole.
        """
        if self._state is _State.HEADERS and self._parts and not self._buffer[self._start :].strip():
            self._state = _State.EPILOGUE
        if self._state is not _State.EPILOGUE:
            where = "inside a part" if self._parts else "before its first part"
            raise _broken(f"The multipart payload ends {where}: there is no close delimiter.")

    def _read_body(self, events: list[Event]) -> bool:
        """Read content up to the next delimiter, or to where one may begin; False if bytes are missing."""
        buffer = self._buffer
        found = buffer.find(self._delimiter, self._start)
        while found >= 0:
            after = found + len(self._delimiter)
            end = self._delimiter_end(after)
            if end is None or end >= 0:
                # The CR is at hand: one byte more is kept than an unfinished delimiter can have.
                has_cr = found > self._start and buffer[found - 1] == 0x0D
                self._pass_on(events, found - 1 if has_cr else found)
                return end is not None and self._begin_next(events, end, closed=buffer[end - 1] == 0x2D)
            found = buffer.find(self._delimiter, found + 1)  # it only begins like a delimiter: content
        self._pass_on(events, len(buffer) - len(self._delimiter))
        return False

    def _delimiter_end(self, after: int) -> int | None:
        """Where a delimiter whose boundary ends at `after` ends; -1 if it is none, None if that is open."""
        rest = self._buffer[after : after + MAX_PADDING]
        if rest.startswith(b"--"):
            return after + 2
        line_end = _BLANKS_AND_LINE_END.match(rest)
        if line_end is not None:
            return after + line_end.end()
        is_open = rest == b"-" or (len(rest) < MAX_PADDING and not rest.removesuffix(b"\r").strip(b" \t"))
        return None if is_open else -1

    def _pass_on(self, events: list[Event], end: int) -> None:
        """Hand out the content before `end`, or count it if it is preamble."""
        begin = self._start + 1 if self._line_end_ahead else self._start
        if end <= self._start:
            return
        self._start, self._line_end_ahead = end, False
        if end == begin:
            return
        if self._state is _State.BODY:
            events.append(PartData(memoryview(self._buffer)[begin:end]))
            return
        self._preamble += end - begin
        if self._preamble > self._limits.preamble_bytes:
            raise _broken(
                f"The first {self._limits.preamble_bytes} bytes of the payload hold no delimiter with the "
                "boundary of its Content-Type.",
                offender="boundary",
            )

    def _begin_next(self, events: list[Event], end: int, *, closed: bool) -> bool:
        """A delimiter has been read: the part before it ends. False if nothing is left to read."""
        if self._state is _State.BODY:
            events.append(PartEnd())
        if closed:
            events.append(Finished())
            self._state, self._buffer, self._start = _State.EPILOGUE, b"", 0
            return False
        self._state, self._start, self._line_end_ahead = _State.HEADERS, end - 1, True
        return True

    def _read_headers(self, events: list[Event]) -> bool:
        """Read the header section of a part; False if more bytes are needed."""
        start, limit = self._start, self._limits.header_bytes
        blank_line = _BLANK_LINE.search(self._buffer, start, start + limit)
        section_end = blank_line.start() if blank_line else start + limit
        # RFC 2046 makes blank line and body optional together, so a delimiter may end the section too.
        delimiter = self._buffer.find(self._delimiter, start, section_end)
        end = -1 if delimiter < 0 else self._delimiter_end(delimiter + len(self._delimiter))
        if end is None:
            return False
        if end >= 0:
            self._begin_part(events, delimiter, delimiter)
            return True
        if blank_line is not None:
            self._begin_part(events, section_end, blank_line.end() - 1)
            return True
        if len(self._buffer) - start >= limit:
            raise _broken(f"The header section of a part is longer than {limit} bytes.")
        return False

    def _begin_part(self, events: list[Event], section_end: int, last_line_end: int) -> None:
        """The header section reaches to `section_end`; reading goes on at the line end `last_line_end`."""
        section = self._buffer[self._start + 1 : section_end]
        nothing = section_end == last_line_end == self._start  # two delimiters in a row hold no part
        self._start, self._line_end_ahead = last_line_end, True
        if nothing:
            self._state = _State.PREAMBLE
            return
        self._parts += 1
        if self._parts > self._limits.parts:
            raise TooLarge(
                f"The payload has more than {self._limits.parts} parts.",
                section="8.6.1.2",
                offender="payload",
            )
        events.append(PartBegin(_parse_headers(section, self._limits.headers)))
        self._state = _State.BODY


def _parse_headers(section: bytes, maximum: int) -> dict[str, str]:
    """Header fields of a part, folded lines joined (RFC 5322 2.2)."""
    headers: dict[str, str] = {}
    lines = _FOLD.sub(b" ", section.rstrip(b"\r")).split(b"\n") if section.strip() else []
    if len(lines) > maximum:
        raise _broken(f"A part has more than {maximum} header lines.")
    for line in lines:
        found = _HEADER.fullmatch(line)
        if found is None:
            raise _broken("A header line of a part is not of the form name: value.")
        headers.setdefault(found[1].decode("ascii").lower(), found[2].strip().decode("utf-8", "replace"))
    return headers


def _broken(message: str, *, offender: str = "payload") -> BadRequest:
    return BadRequest(
        message,
        section="8.6.1.2",
        offender=offender,
        accepted=('multipart/related; type="application/dicom"; boundary=...',),
    )

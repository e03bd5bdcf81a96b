"""What the multipart writer writes, the reader reads, at any chunking; and no input does worse than a refusal."""

from __future__ import annotations

import re
from itertools import pairwise

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from filmjacket.errors import BadRequest, TooLarge
from filmjacket.web import multipart_writer
from filmjacket.web.multipart_reader import (
    Event,
    Finished,
    MultipartLimits,
    MultipartReader,
    PartBegin,
    PartData,
    PartEnd,
)

BOUNDARY_CHARACTERS = "abAB01'()+_,-./:=? "
boundaries = (
    st.text(BOUNDARY_CHARACTERS, min_size=1, max_size=12).filter(lambda text: text == text.strip()).map(str.encode)
)


@st.composite
def bodies(draw, boundary):
    """Bytes that love to look like delimiters of this boundary, but never hold one."""
    pieces = st.one_of(
        st.binary(max_size=20),
        st.sampled_from([
            b"\r\n", b"\n", b"\r", b"--", b"\r\n--", b"\r\n\r\n", b"\n\n", boundary, b"--" + boundary,
            b"\r\n--" + boundary[:-1],
        ]),
    )  # fmt: skip
    body = b"".join(draw(st.lists(pieces, max_size=8)))
    assume(not re.search(rb"(?:^|\n)--" + re.escape(boundary), body))
    return body


@st.composite
def payloads(draw):
    boundary = draw(boundaries)
    return boundary, draw(st.lists(bodies(boundary), min_size=1, max_size=4))


def chunked(payload: bytes, cuts: list[int]) -> list[bytes]:
    edges = sorted({0, len(payload), *(cut % (len(payload) + 1) for cut in cuts)})
    return [payload[start:end] for start, end in pairwise(edges)]


def join(events: list[Event]) -> list[tuple[dict[str, str], bytes]]:
    """Parts from events, whose order is checked on the way."""
    parts: list[tuple[dict[str, str], bytes]] = []
    expected: tuple[type, ...] = (PartBegin, Finished)
    for event in events:
        assert isinstance(event, expected)
        match event:
            case PartBegin(headers):
                parts.append((headers, b""))
                expected = (PartData, PartEnd)
            case PartData(data):
                parts[-1] = (parts[-1][0], parts[-1][1] + data)
            case PartEnd():
                expected = (PartBegin, Finished)
            case Finished():
                expected = ()
    return parts


def read(boundary: bytes, chunks: list[bytes]) -> list[tuple[dict[str, str], bytes]]:
    reader = MultipartReader(boundary)
    events = [event for chunk in chunks for event in reader.feed(chunk)]
    reader.finish()
    return join(events)


@given(payloads(), st.lists(st.integers(0, 10_000), max_size=12), st.booleans())
@settings(max_examples=150)
def test_written_parts_are_read_at_any_chunking(written, cuts, lengths):
    boundary, contents = written
    payload = b"".join(
        multipart_writer.part_head(
            boundary, "application/dicom", "/x", len(body) if lengths else None, first=number == 0
        )
        + body
        for number, body in enumerate(contents)
    ) + multipart_writer.closing(boundary)
    parts = read(boundary, chunked(payload, cuts))
    assert [body for _, body in parts] == contents
    assert all(headers["content-type"] == "application/dicom" for headers, _ in parts)
    assert parts == read(boundary, [payload[at : at + 1] for at in range(len(payload))])


NOISE = st.lists(
    st.sampled_from([
        b"--b", b"--b--", b"\r\n", b"\n", b"\r", b"--", b"-", b" ", b"\t", b"\r\n--b", b"\n--b\n", b"A: 1",
        b"A", b":", b"\0", b"x", b"bb",
    ]),
    max_size=25,
).map(b"".join)  # fmt: skip


def outcome(payload: bytes, chunks: list[bytes]) -> tuple[list[tuple[dict[str, str], bytes]], str]:
    """Parts so far and the refusal, if any; data of a part may come in portions, so events are joined."""
    reader = MultipartReader(b"b", MultipartLimits(header_bytes=64, headers=4, parts=5, preamble_bytes=64))
    events: list[Event] = []
    try:
        for chunk in chunks:
            events += reader.feed(chunk)
        reader.finish()
    except (BadRequest, TooLarge) as error:
        return [], error.message
    return join(events), ""


@given(NOISE, st.lists(st.integers(0, 200), max_size=10))
@example(b"--b\r\n--b", [8])
@example(b"--b\r\n\r\n\r\n--b\r\n", [])
@settings(max_examples=500)
def test_chunking_never_matters(payload, cuts):
    whole = outcome(payload, [payload])
    assert outcome(payload, chunked(payload, cuts)) == whole
    assert outcome(payload, [payload[at : at + 1] for at in range(len(payload))]) == whole


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=5))
def test_any_bytes_are_read_or_refused(payload, cuts):
    outcome(payload, chunked(payload, cuts))
    outcome(payload, chunked(b"--b\r\n" + payload, cuts))
    outcome(payload, chunked(b"--b\r\n\r\n" + payload + b"\r\n--b--", cuts))

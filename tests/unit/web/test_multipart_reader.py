"""multipart/related payloads: PS3.18 8.6.1.2, RFC 2046 5.1."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

from filmjacket.errors import BadRequest, TooLarge
from filmjacket.web.media_types import parse_media_type
from filmjacket.web.multipart_reader import (
    MAX_PADDING,
    Finished,
    MultipartLimits,
    MultipartReader,
    PartBegin,
    PartData,
    PartEnd,
    boundary_of,
)

CT = Path(str(get_testdata_file("CT_small.dcm"))).read_bytes()
JPEG = Path(str(get_testdata_file("JPEG2000.dcm"))).read_bytes()


def read(payload, boundary=b"b", *, step=None, limits=None, finish=True):
    """(headers, body) of each part; checks that events come in their only legal order."""
    reader = MultipartReader(boundary, limits)
    parts, finished, inside = [], False, False
    for start in range(0, len(payload), step or max(len(payload), 1)):
        for event in reader.feed(payload[start : start + (step or len(payload))]):
            assert not finished
            if isinstance(event, PartBegin):
                assert not inside
                inside = True
                parts.append((event.headers, bytearray()))
            elif isinstance(event, PartData):
                assert inside
                assert event.data
                parts[-1][1].extend(event.data)
            elif isinstance(event, PartEnd):
                assert inside
                inside = False
            else:
                assert isinstance(event, Finished)
                assert not inside
                finished = True
    if finish:
        reader.finish()
    return [(headers, bytes(body)) for headers, body in parts]


TYPE = {"content-type": "application/dicom"}

ACCEPTED = {
    "as written by this server": (
        b"--b\r\nContent-Type: application/dicom\r\n\r\nbody\r\n--b--\r\n",
        [(TYPE, b"body")],
    ),
    "two parts": (
        b"--b\r\nContent-Type: application/dicom\r\n\r\none\r\n--b\r\nA: 1\r\n\r\ntwo\r\n--b--",
        [(TYPE, b"one"), ({"a": "1"}, b"two")],
    ),
    "line end first, as the grammar's CRLF before the delimiter": (
        b"\r\n--b\r\n\r\nbody\r\n--b--\r\n",
        [({}, b"body")],
    ),
    "preamble and epilogue": (
        b"This is a multipart message.\r\n\r\n--b\r\n\r\nbody\r\n--b--\r\nBye\r\n--b\r\n\r\nnot a part",
        [({}, b"body")],
    ),
    "preamble with something like a delimiter": (b"--bee\r\n--b\r\n\r\nbody\r\n--b--", [({}, b"body")]),
    "blanks after delimiters": (
        b"--b \t \r\n\r\nbody\r\n--b  \r\n\r\nmore\r\n--b-- \r\n",
        [({}, b"body"), ({}, b"more")],
    ),
    "folded header": (
        b"--b\r\nContent-Type: application/dicom;\r\n\t transfer-syntax=*\r\n\r\nbody\r\n--b--",
        [({"content-type": "application/dicom; transfer-syntax=*"}, b"body")],
    ),
    "bare line feeds": (b"--b\nContent-Type: application/dicom\n\nbody\n--b--\n", [(TYPE, b"body")]),
    "bare line feeds around a body with CRLF": (b"--b\n\na\r\nb\n--b--\n", [({}, b"a\r\nb")]),
    "no headers": (b"--b\r\n\r\nbody\r\n--b--", [({}, b"body")]),
    "no headers, empty body": (b"--b\r\n\r\n\r\n--b--", [({}, b"")]),
    "empty body whose delimiter shares the blank line": (b"--b\r\n\r\n--b--", [({}, b"")]),
    "headers only, no blank line": (b"--b\r\nContent-Type: application/dicom\r\n--b--", [(TYPE, b"")]),
    "line ends at the end of a body belong to it": (b"--b\r\n\r\nbody\r\n\r\n\r\n--b--", [({}, b"body\r\n\r\n")]),
    "CR at the end of a body": (b"--b\r\n\r\nbody\r\r\n--b--", [({}, b"body\r")]),
    "header section inside the body": (b"--b\r\n\r\nA: 1\r\n\r\nrest\r\n--b--", [({}, b"A: 1\r\n\r\nrest")]),
    "delimiter without line end before it": (b"--b\r\n\r\nbody--b--\r\n--b--", [({}, b"body--b--")]),
    "longer boundary that begins alike": (
        b"--b\r\n\r\nx\r\n--bb\r\ny\r\n--b0--\r\n--b--",
        [({}, b"x\r\n--bb\r\ny\r\n--b0--")],
    ),
    "delimiter with one hyphen": (b"--b\r\n\r\nx\r\n--b-\r\ny\r\n--b--", [({}, b"x\r\n--b-\r\ny")]),
    "delimiter with a lone CR": (b"--b\r\n\r\nx\r\n--b\rz\r\n--b--", [({}, b"x\r\n--b\rz")]),
    "too many blanks to be a delimiter": (
        b"--b\r\n\r\nx\r\n--b" + b" " * MAX_PADDING + b"\r\n\r\n--b--",
        [({}, b"x\r\n--b" + b" " * MAX_PADDING + b"\r\n")],
    ),
    "hyphens": (b"--b\r\n\r\n----\r\n--\r\n\r\n--b--", [({}, b"----\r\n--\r\n")]),
    "two delimiters in a row": (b"--b\r\n--b\r\n\r\nbody\r\n--b--", [({}, b"body")]),
    "names in any case, blanks around the colon, first of two counts": (
        b"--b\r\nCONTENT-type :  application/dicom  \r\nContent-Type: text/plain\r\n\r\n\r\n--b--",
        [(TYPE, b"")],
    ),
    "header line that begins like a delimiter": (b"--b\r\n--bX: 1\r\n\r\nbody\r\n--b--", [({"--bx": "1"}, b"body")]),
    "last delimiter without its hyphens, as in examples of the standard": (
        b"--b\r\n\r\nbody\r\n--b\r\n",
        [({}, b"body")],
    ),
}


@pytest.mark.parametrize("step", [None, 1, 2, 3, 5])
@pytest.mark.parametrize(("payload", "parts"), ACCEPTED.values(), ids=ACCEPTED.keys())
def test_section_8_6_1_2_reads(payload, parts, step):
    assert read(payload, step=step) == parts


REFUSED = {
    "nothing": b"",
    "no delimiter": b"not multipart",
    "only preamble": b"hello\r\n--c\r\n\r\nbody\r\n--c--",
    "no close delimiter": b"--b\r\n\r\nbody",
    "stops in the headers": b"--b\r\nContent-Type: application/dicom",
    "stops after the headers": b"--b\r\nContent-Type: application/dicom\r\n\r\n",
    "stops inside the close delimiter": b"--b\r\n\r\nbody\r\n--b-",
    "stops after the boundary": b"--b\r\n\r\nbody\r\n--b",
    "stops in the second part": b"--b\r\n\r\none\r\n--b\r\n\r\ntwo",
    "only a delimiter": b"--b\r\n",
    "line without colon in the headers": b"--b\r\nContent-Type\r\n\r\nbody\r\n--b--",
    "folded line first": b"--b\r\n folded: 1\r\n\r\nbody\r\n--b--",
    "empty header name": b"--b\r\n: application/dicom\r\n\r\nbody\r\n--b--",
    "NUL in a header": b"--b\r\nContent-Type: a\0b\r\n\r\nbody\r\n--b--",
    "CR in a header": b"--b\r\nContent-Type: a\rb\r\n\r\nbody\r\n--b--",
    "blank in a header name": b"--b\r\nContent Type: a\r\n\r\nbody\r\n--b--",
}


@pytest.mark.parametrize("step", [None, 1, 4])
@pytest.mark.parametrize("payload", REFUSED.values(), ids=REFUSED.keys())
def test_section_8_6_1_2_refuses(payload, step):
    with pytest.raises(BadRequest) as refusal:
        read(payload, step=step)
    assert refusal.value.section == "8.6.1.2"
    assert refusal.value.accepted


def test_a_payload_without_parts_has_none():
    assert read(b"--b--\r\n") == []
    assert read(b"--b\r\n--b--\r\n") == []


def test_bytes_after_the_close_delimiter_are_ignored():
    reader = MultipartReader(b"b")
    assert isinstance(reader.feed(b"--b\r\n\r\nx\r\n--b--")[-1], Finished)
    assert reader.feed(b"\r\n--b\r\n\r\ny\r\n--b--") == []
    reader.finish()


@pytest.mark.parametrize("boundary", [b"DICOM DATA BOUNDARY", b"'()+_,-./:=?", b"x" * 70, b"--", b"a--"])
def test_boundaries_of_every_allowed_kind(boundary):
    payload = b"--" + boundary + b"\r\n\r\nbody\r\n--" + boundary + b"--"
    for step in (1, None):
        assert read(payload, boundary, step=step) == [({}, b"body")]


def test_dicom_files_survive_any_split():
    tricky = CT + b"\r\n--bound" + JPEG + b"\r\n--boundar\r\n\r\n--" + b"\r\n\r\n"
    payload = b"--boundary\r\n\r\n" + tricky + b"\r\n--boundary\r\nA: 1\r\n\r\n" + JPEG + b"\r\n--boundary--\r\n"
    for step in (1, 13, 64, 1000, 4096, 65536):
        assert read(payload, b"boundary", step=step) == [({}, tricky), ({"a": "1"}, JPEG)]


def test_every_split_in_two():
    payload = b"pre\r\n--b \r\nA: 1\r\n\r\nx\r\n--bb\r\n--b-\r\r\n--b\r\nB: 2\r\n--b--  \r\nend"
    expected = [({"a": "1"}, b"x\r\n--bb\r\n--b-\r"), ({"b": "2"}, b"")]
    for cut in range(len(payload) + 1):
        reader = MultipartReader(b"b")
        events = reader.feed(payload[:cut]) + reader.feed(payload[cut:])
        reader.finish()
        bodies = [b"".join(e.data for e in events if isinstance(e, PartData))]
        assert [e.headers for e in events if isinstance(e, PartBegin)] == [headers for headers, _ in expected]
        assert bodies == [expected[0][1]]


@pytest.mark.parametrize(
    ("payload", "error", "limits"),
    [
        (b"x" * 2000, BadRequest, MultipartLimits(preamble_bytes=1000)),
        (b"\r\n" * 1000, BadRequest, MultipartLimits(preamble_bytes=1000)),
        (b"--b\r\nA: " + b"x" * 2000, BadRequest, MultipartLimits(header_bytes=1000)),
        (b"--b\r\nA: " + b"x" * 2000 + b"\r\n\r\n", BadRequest, MultipartLimits(header_bytes=1000)),
        (b"--b\r\nA: " + b"\r\n x" * 2000, BadRequest, MultipartLimits(header_bytes=1000)),
        (b"--b\r\n" + b"A: 1\r\n" * 6 + b"\r\n", BadRequest, MultipartLimits(headers=5)),
        (b"--b\r\n\r\n\r\n" * 4, TooLarge, MultipartLimits(parts=3)),
    ],
)
@pytest.mark.parametrize("step", [1, None])
def test_limits(payload, error, limits, step):
    with pytest.raises(error):
        read(payload, step=step, limits=limits, finish=False)


def test_memory_stays_bounded_while_a_part_streams():
    reader = MultipartReader(b"boundary")
    reader.feed(b"--boundary\r\n\r\n")
    for _ in range(100):
        assert sum(len(event.data) for event in reader.feed(b"\r\n--bounda" * 1000)) > 9000
        assert len(reader._buffer) - reader._start < 100


def test_many_tiny_parts_in_one_chunk_take_linear_time():
    def seconds(count):
        payload = b"--b\r\n\r\nx\r\n" * count + b"--b--"
        started = time.process_time()
        MultipartReader(b"b").feed(payload)
        return time.process_time() - started

    def least_seconds(count):  # a collection of garbage falls into one run and not into all
        return min(seconds(count) for _ in range(3))

    seconds(1000)
    assert least_seconds(40_000) < 40 * least_seconds(4_000) + 0.05


@pytest.mark.parametrize(
    ("value", "unsupported"),
    [
        (None, None),
        ("binary", None),
        ("8BIT", None),
        ("7bit", None),
        ("base64", "base64"),
        ("Quoted-Printable", "quoted-printable"),
    ],
)
def test_content_transfer_encoding_is_an_attribute_of_the_part(value, unsupported):
    headers = {} if value is None else {"content-transfer-encoding": value}
    assert PartBegin(headers).unsupported_encoding == unsupported


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/related; boundary=abc", b"abc"),
        ('multipart/related; type="application/dicom"; boundary="DICOM DATA BOUNDARY"', b"DICOM DATA BOUNDARY"),
        ('multipart/related; BOUNDARY="a\\"b"', b'a"b'),
        ("multipart/related;boundary=a:b=c;type=application/dicom", b"a:b=c"),
        ("multipart/related; boundary=" + "x" * 70, b"x" * 70),
    ],
)
def test_boundary_of(content_type, boundary):
    assert boundary_of(parse_media_type(content_type)) == boundary


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/related",
        "multipart/related; boundary=",
        'multipart/related; boundary=""',
        'multipart/related; boundary="ends with blank "',
        'multipart/related; boundary=" begins with blank"',
        "multipart/related; boundary=" + "x" * 71,
        'multipart/related; boundary="a\tb"',
        'multipart/related; boundary="a\0b"',
        'multipart/related; boundary="a\r\nb"',
        'multipart/related; boundary="ä"',
    ],
)
def test_boundaries_that_rfc_2046_forbids(content_type):
    with pytest.raises(BadRequest) as refusal:
        boundary_of(parse_media_type(content_type))
    assert refusal.value.offender == "boundary"


def test_throughput_of_half_megabyte_parts():
    """Well over 1 GB/s when idle; the bound leaves room for a loaded machine."""
    body = random.Random(1).randbytes(512 * 1024)
    payload = b"".join(
        b"--boundary-0123456789\r\nContent-Type: application/dicom\r\n\r\n" + body + b"\r\n" for _ in range(64)
    )
    payload += b"--boundary-0123456789--"
    chunks = [payload[start : start + 2**18] for start in range(0, len(payload), 2**18)]
    best = 1e9
    for _ in range(5):
        reader = MultipartReader(b"boundary-0123456789")
        started = time.process_time()
        for chunk in chunks:
            reader.feed(chunk)
        best = min(best, time.process_time() - started)
        reader.finish()
    assert len(payload) / best > 400e6

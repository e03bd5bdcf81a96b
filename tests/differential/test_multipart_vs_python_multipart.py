"""Our multipart reader against the low-level parser of python-multipart.

Whatever the oracle reads to its end, ours reads to the same parts. The reverse does not hold: the oracle refuses
preambles, blanks after a delimiter, folded header lines and bare line feeds, which RFC 2046 or careless clients bring.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from pydicom.data import get_testdata_file
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser

from filmjacket.errors import BadRequest
from filmjacket.web.multipart_reader import MultipartReader, PartBegin, PartData

Parts = list[tuple[dict[str, str], bytes]]


def oracle(boundary: bytes, chunks: list[bytes]) -> Parts | None:
    """Parts as python-multipart reads them; None if it refuses or does not come to the end."""
    parts: Parts = []
    name, value, ended = bytearray(), bytearray(), []

    def on_header_end():
        parts[-1][0].setdefault(name.decode().lower(), value.decode("utf-8", "replace").strip())
        name.clear()
        value.clear()

    def on_part_data(chunk, start, end):
        parts[-1] = (parts[-1][0], parts[-1][1] + chunk[start:end])

    parser = MultipartParser(
        boundary,
        {
            "on_part_begin": lambda: parts.append(({}, b"")),
            "on_header_field": lambda chunk, start, end: name.extend(chunk[start:end]),
            "on_header_value": lambda chunk, start, end: value.extend(chunk[start:end]),
            "on_header_end": on_header_end,
            "on_part_data": on_part_data,
            "on_end": lambda: ended.append(True),
        },
    )
    try:
        for chunk in chunks:
            parser.write(chunk)
        parser.finalize()
    except MultipartParseError:
        return None
    return parts if ended else None


def ours(boundary: bytes, chunks: list[bytes]) -> Parts | None:
    """Parts as we read them; None if we refuse."""
    reader = MultipartReader(boundary)
    parts: Parts = []
    try:
        for chunk in chunks:
            for found in reader.feed(chunk):
                if isinstance(found, PartBegin):
                    parts.append((found.headers, b""))
                elif isinstance(found, PartData):
                    parts[-1] = (parts[-1][0], parts[-1][1] + found.data)
        reader.finish()
    except BadRequest:
        return None
    return parts


HEADERS = st.lists(
    st.sampled_from([b"A: 1\r\n", b"Content-Type: application/dicom\r\n", b"b:\r\n", b"C: --b\r\n", b"--bX: 1\r\n"]),
    max_size=3,
).map(b"".join)  # fmt: skip
CONTENT = st.lists(
    st.sampled_from([
        b"\r\n--b\r\n\r\n", b"\r\n--b--\r\n", b"\r\n--bb\r\n", b"\r\n--b-", b"\r\n--", b"\r\n", b"\r", b"\n",
        b"x--b", b"--", b"A: 1",
    ])
    | st.binary(max_size=4),
    max_size=8,
).map(b"".join)  # fmt: skip
PARTS = st.lists(st.tuples(HEADERS, CONTENT), min_size=1, max_size=3)
PAYLOADS = PARTS.map(
    lambda parts: (
        b"".join(b"--b\r\n" + headers + b"\r\n" + content + b"\r\n" for headers, content in parts) + b"--b--\r\n"
    )
)

# Delimiters by RFC 2046 5.1.1 or by our tolerance, content to the oracle: after a bare line feed, at once after a
# blank line (a part without headers and body), with blanks or a bare line feed after it, or closing without line end.
ONLY_OURS = re.compile(rb"(?<!\r)\n--b|[^\n]\r\n\r\n--b|\n--b[ \t\n]|\n--b--(?!\r\n)")


@given(PAYLOADS, st.integers(1, 40))
@settings(max_examples=600)
def test_what_the_oracle_reads_we_read_alike(payload, step):
    expected = oracle(b"b", [payload])
    if expected is None or ONLY_OURS.search(payload):
        event("not comparable")
        return
    assert ours(b"b", [payload[at : at + step] for at in range(0, len(payload), step)]) == expected


@pytest.mark.parametrize(
    "name", ["CT_small.dcm", "MR_small.dcm", "JPEG2000.dcm", "JPEG-LL.dcm", "test-SR.dcm", "liver.dcm"]
)
@pytest.mark.parametrize("step", [997, 65536])
def test_real_files(name, step):
    file = Path(str(get_testdata_file(name))).read_bytes()
    boundary = b"DICOM DATA BOUNDARY"
    payload = b"".join(
        b"--" + boundary + b"\r\nContent-Type: application/dicom\r\n\r\n" + file + b"\r\n"
        for _ in range(3)
    ) + b"--" + boundary + b"--\r\n"  # fmt: skip
    chunks = [payload[at : at + step] for at in range(0, len(payload), step)]
    read = ours(boundary, chunks)
    assert read == oracle(boundary, chunks)
    assert [body for _, body in read or []] == [file] * 3


@pytest.mark.parametrize(
    ("payload", "parts"),
    [
        (b"preamble\r\n--b\r\n\r\nx\r\n--b--", [({}, b"x")]),
        (b"--b \t\r\n\r\nx\r\n--b--", [({}, b"x")]),
        (b"--b\r\nA: 1\r\n 2\r\n\r\nx\r\n--b--", [({"a": "1 2"}, b"x")]),
        (b"--b\nA: 1\n\nx\n--b--", [({"a": "1"}, b"x")]),
    ],
)
def test_what_the_oracle_does_not_read(payload, parts):
    """The reasons for our own reader; if one of these fails, the oracle has learnt it."""
    assert oracle(b"b", [payload]) is None
    assert ours(b"b", [payload]) == parts


def test_the_oracle_does_not_notice_a_missing_end():
    assert ours(b"b", [b"--b\r\n\r\nx"]) is None

"""Multipart payloads as they are written: PS3.18 8.6.1.2."""

from __future__ import annotations

import email.parser
import email.policy

import pytest

from filmjacket.web import multipart_writer
from filmjacket.web.media_types import parse_media_type
from filmjacket.web.multipart_reader import boundary_of

BOUNDARY = multipart_writer.new_boundary(bytes(range(16)))


def test_boundary_is_legal_and_comes_from_the_random_bytes():
    assert multipart_writer.new_boundary(bytes(range(1, 17))) != BOUNDARY
    assert boundary_of(parse_media_type(multipart_writer.content_type(BOUNDARY, "application/dicom"))) == BOUNDARY
    assert len(multipart_writer.new_boundary(bytes(100))) <= 70


def test_a_boundary_that_can_be_guessed_is_refused():
    with pytest.raises(ValueError, match="foresee"):
        multipart_writer.new_boundary(b"short")


def test_content_type_of_the_payload():
    assert multipart_writer.content_type(b"abc", "application/dicom") == (
        'multipart/related; type="application/dicom"; boundary=abc'
    )
    assert multipart_writer.content_type(b"abc", "image/jls", "1.2.840.10008.1.2.4.80") == (
        'multipart/related; type="image/jls"; transfer-syntax=1.2.840.10008.1.2.4.80; boundary=abc'
    )


def test_section_8_6_1_2_another_parser_reads_it():
    url = "http://localhost/dicom-web/studies/1.2"
    payload = b"".join([
        multipart_writer.part_head(BOUNDARY, "application/dicom; transfer-syntax=1.2.840.10008.1.2.1", url, 4,
        first=True),
        b"\r\n--",
        multipart_writer.part_head(BOUNDARY, "application/dicom", None, first=False),
        b"second",
        multipart_writer.closing(BOUNDARY),
    ])  # fmt: skip
    header = f"Content-Type: {multipart_writer.content_type(BOUNDARY, 'application/dicom')}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.compat32).parsebytes(header + payload)
    first, second = message.get_payload()
    assert dict(first.items()) == {
        "Content-Type": "application/dicom; transfer-syntax=1.2.840.10008.1.2.1",
        "Content-Location": url,
        "Content-Length": "4",
    }
    assert first.get_payload() == "\r\n--"
    assert dict(second.items()) == {"Content-Type": "application/dicom"}
    assert second.get_payload() == "second"
    assert not message.defects


def test_an_empty_part_has_length_zero():
    assert b"Content-Length: 0\r\n" in multipart_writer.part_head(b"b", "application/dicom", None, 0, first=True)


@pytest.mark.parametrize("location", ["http://x/\r\nSet-Cookie: a=b", "a\nb", "a\rb"])
def test_header_injection_is_impossible(location):
    with pytest.raises(ValueError, match="line ends"):
        multipart_writer.part_head(b"b", "application/dicom", location, first=True)

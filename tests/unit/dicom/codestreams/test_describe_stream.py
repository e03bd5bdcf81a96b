"""What a stream is, is told by its content; which transfer syntaxes it may be labelled with."""

import pytest
from tests.codestreams import encoded

from filmjacket.dicom import transfer_syntaxes
from filmjacket.dicom.codestreams import HEAD_BYTES, StreamDescription, describe_stream, permits
from filmjacket.errors import DicomError

PREFIX = "1.2.840.10008.1.2.4."


@pytest.mark.parametrize("name", encoded())
def test_the_content_decides_not_the_media_type(name):
    stream = encoded()[name]
    found = describe_stream(stream, total=len(stream))
    assert describe_stream(stream, media_type="image/jpeg", total=len(stream)) == found
    assert describe_stream(stream + bytes(9)).transfer_syntax == found.transfer_syntax
    syntax = transfer_syntaxes.get(found.transfer_syntax or "")
    assert syntax is None or syntax.media_type == found.media_type
    assert syntax is not None or found.media_type in {"image/png", "image/gif"}
    assert found.lossy is (found.lossy_method is not None)


@pytest.mark.parametrize("name", encoded())
def test_every_beginning_is_described_or_refused(name):
    """A stream that is cut is refused with a text that names what is missing, or described as all of it is."""
    stream = encoded()[name]
    whole = describe_stream(stream)
    for end in range(min(len(stream), 700)):
        try:
            found = describe_stream(stream[:end])
        except DicomError as error:
            refusal = error.message
        else:
            refusal = ""
            assert (found.rows, found.columns) == (whole.rows, whole.columns)
            assert found.photometric_interpretation == whole.photometric_interpretation
        # Before its signature is whole, it is unknown; a GIF stream may lack its trailer, hence end between blocks.
        assert not refusal or "cut short" in refusal or "is known" in refusal or "has no image" in refusal


def test_unknown_bytes_are_refused_with_what_is_taken():
    with pytest.raises(DicomError, match="came as image/png") as refusal:
        describe_stream(b"BM" + bytes(100), media_type="image/png")
    assert "image/jpeg" in refusal.value.accepted
    assert refusal.value.section
    with pytest.raises(DicomError, match=r"is known$"):
        describe_stream(b"", media_type="x\r\ny")


def test_only_the_head_is_looked_at():
    stream = encoded()["gif"]
    assert describe_stream(stream + bytes(HEAD_BYTES)).frames == 2


def described(number: str) -> StreamDescription:
    return StreamDescription("", PREFIX + number if number else None, 1, 1, 1, "MONOCHROME2", 8, 8)


@pytest.mark.parametrize(
    ("found", "yes", "no"),
    [
        ("50", ("50", "51"), ("57", "70")),
        ("51", ("51",), ("50",)),
        ("70", ("70", "57"), ("50",)),
        ("57", ("57",), ("70",)),
        ("80", ("80", "81"), ("90",)),
        ("81", ("81",), ("80",)),
        ("90", ("90", "91"), ("201",)),
        ("91", ("91",), ("90",)),
        ("202", ("202", "201", "203"), ("90",)),
        ("201", ("201", "203"), ("202",)),
        ("100", ("100", "100.1", "101", "101.1"), ("102",)),
        ("102", ("102", "102.1", "103", "103.1", "104"), ("107",)),
        ("107", ("107", "108"), ("107.1", "102")),
        ("110", ("110", "112"), ("111",)),
        ("", (), ("50",)),
    ],
)
def test_labels(found, yes, no):
    for number in yes:
        assert permits(described(found), PREFIX + number), number
    for number in no:
        assert not permits(described(found), PREFIX + number), number
    assert not permits(described(found), "1.2.840.10008.1.2.1")

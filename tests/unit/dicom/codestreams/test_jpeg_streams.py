"""PS3.5 8.2.1, 8.2.3: JPEG and JPEG-LS streams."""

import imagecodecs
import pytest
from tests.codestreams import COLUMNS, ROWS, colour, grey, jpeg, segment

from filmjacket.dicom.codestreams import describe_stream
from filmjacket.errors import DicomError

PREFIX = "1.2.840.10008.1.2.4."
JFIF = segment(0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0")


def adobe(transform: int) -> bytes:
    return segment(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes((transform,)))


@pytest.mark.parametrize(
    ("stream", "suffix", "samples", "photometric", "bits", "lossy"),
    [
        pytest.param(imagecodecs.jpeg8_encode(grey()), "50", 1, "MONOCHROME2", 8, True, id="baseline grey"),
        pytest.param(imagecodecs.jpeg8_encode(colour()), "50", 3, "YBR_FULL_422", 8, True, id="4:2:0"),
        pytest.param(
            imagecodecs.jpeg8_encode(colour(), subsampling="422"), "50", 3, "YBR_FULL_422", 8, True, id="4:2:2"
        ),
        pytest.param(
            imagecodecs.jpeg8_encode(colour(), subsampling="444"), "50", 3, "YBR_FULL_422", 8, True, id="4:4:4"
        ),
        pytest.param(
            imagecodecs.jpeg8_encode(colour(), outcolorspace="RGB"), "50", 3, "RGB", 8, True, id="baseline RGB"
        ),
        pytest.param(
            imagecodecs.jpeg8_encode(grey("u2", 16), bitspersample=12), "51", 1, "MONOCHROME2", 12, True, id="12 bits"
        ),
        pytest.param(
            imagecodecs.jpeg8_encode(colour(), lossless=True), "70", 3, "RGB", 8, False, id="lossless, predictor 1"
        ),
        pytest.param(
            imagecodecs.jpeg8_encode(colour(), lossless=True, predictor=4), "57", 3, "RGB", 8, False, id="predictor 4"
        ),
        pytest.param(
            imagecodecs.ljpeg_encode(grey("u2", 30), bitspersample=12),
            "57",
            1,
            "MONOCHROME2",
            12,
            False,
            id="lossless 12",
        ),
        pytest.param(imagecodecs.jpegls_encode(grey()), "80", 1, "MONOCHROME2", 8, False, id="JPEG-LS"),
        pytest.param(imagecodecs.jpegls_encode(grey("u2", 512)), "80", 1, "MONOCHROME2", 16, False, id="JPEG-LS 16"),
        pytest.param(imagecodecs.jpegls_encode(colour(), level=3), "81", 3, "RGB", 8, True, id="near-lossless"),
    ],
)
def test_what_encoders_make(stream, suffix, samples, photometric, bits, lossy):
    found = describe_stream(stream)
    assert (found.transfer_syntax, found.rows, found.columns) == (PREFIX + suffix, ROWS, COLUMNS)
    assert (found.samples_per_pixel, found.photometric_interpretation) == (samples, photometric)
    assert (found.bits_allocated, found.bits_stored) == (8 if bits == 8 else 16, bits)
    assert found.planar_configuration == (0 if samples == 3 else None)
    assert found.lossy is lossy
    method = "ISO_14495_1" if suffix == "81" else "ISO_10918_1"
    assert found.lossy_method == (method if lossy else None)
    assert found.media_type == ("image/jls" if suffix in {"80", "81"} else "image/jpeg")
    assert (found.frames, found.codestream, found.pixel_representation) == (1, None, 0)


YCC = ((1, 0x11), (2, 0x11), (3, 0x11))
SUBSAMPLED = ((1, 0x22), (2, 0x11), (3, 0x11))
LETTERS = ((ord("R"), 0x11), (ord("G"), 0x11), (ord("B"), 0x11))


@pytest.mark.parametrize(
    ("frame", "components", "before", "photometric"),
    [
        (0xC0, YCC, b"", "YBR_FULL_422"),
        (0xC0, LETTERS, b"", "RGB"),
        (0xC0, LETTERS, JFIF, "YBR_FULL_422"),
        (0xC0, YCC, adobe(0), "RGB"),
        (0xC0, LETTERS, adobe(1), "YBR_FULL_422"),
        (0xC0, YCC, JFIF + adobe(0), "YBR_FULL_422"),
        (0xC3, YCC, b"", "RGB"),
        (0xC3, YCC, JFIF, "YBR_FULL"),
        (0xC3, YCC, adobe(1), "YBR_FULL"),
        (0xC3, SUBSAMPLED, b"", "YBR_FULL_422"),
    ],
)
def test_colours_of_three_components(frame, components, before, photometric):
    scan = (1, 0, 0) if frame == 0xC3 else (0, 63, 0)
    stream = jpeg(frame, components=components, before=before, scan=scan)
    assert describe_stream(stream).photometric_interpretation == photometric


@pytest.mark.parametrize(("scan", "suffix"), [((0, 0, 0), "53"), ((0, 0, 0x01), "55")])
def test_progressive_is_in_a_retired_syntax(scan, suffix):
    found = describe_stream(jpeg(0xC2, scan=scan))
    assert found.transfer_syntax == PREFIX + suffix
    assert "retired" in found.warnings[0]


def test_a_refinement_in_a_later_scan_makes_it_full_progression():
    first = jpeg(0xC2, scan=(0, 0, 0))[:-2]
    later = segment(0xDA, b"\x01\x01\x00\x01\x3f\x10") + b"\x00\xff\xd9"
    assert describe_stream(first + later).transfer_syntax == PREFIX + "55"


def test_lines_given_behind_the_scan():
    stream = jpeg(size=(0, 7))[:-2] + segment(0xDC, b"\x00\x63") + b"\xff\xd9"
    assert describe_stream(stream).rows == 99
    with pytest.raises(DicomError, match="DNL"):
        describe_stream(jpeg(size=(0, 7)))


def test_a_point_transform_is_a_loss_that_is_mentioned():
    found = describe_stream(jpeg(0xC3, precision=12, scan=(1, 0, 2)))
    assert "point transform" in found.warnings[0]


def test_fill_bytes_and_restart_markers_are_no_segments():
    stream = jpeg(before=b"\xff\xff" + JFIF)[:-2] + b"\xff\xd0\x55\xff\xd1\xff\xd9"
    assert describe_stream(stream).rows == ROWS


@pytest.mark.parametrize(
    ("stream", "text"),
    [
        pytest.param(jpeg(0xC9), "arithmetic", id="arithmetic"),
        pytest.param(jpeg(0xCB), "arithmetic", id="arithmetic lossless"),
        pytest.param(jpeg(0xC5), "hierarchical", id="hierarchical"),
        pytest.param(jpeg(before=segment(0xDE, bytes(5) + b"\x01\x01\x11\0")), "hierarchical", id="DHP"),
        pytest.param(jpeg(before=segment(0xC0, bytes(5) + b"\x01\x01\x11\0")), "second frame", id="two frames"),
        pytest.param(jpeg(components=((1, 17),) * 4), "4 components", id="CMYK"),
        pytest.param(jpeg(0xF7, components=((1, 17),) * 2), "2 components", id="JPEG-LS, two components"),
        pytest.param(jpeg(0xF7, before=segment(0xF8, b"\x02\x01\x01")), "mapping table", id="JPEG-LS palette"),
        pytest.param(jpeg(0xF7, precision=17), "precision of 17", id="JPEG-LS precision"),
        pytest.param(jpeg(0xF7, size=(0, 5)), "0 rows", id="JPEG-LS without rows"),
        pytest.param(jpeg(precision=12), "precision of 12", id="baseline of 12 bits"),
        pytest.param(jpeg(components=()), "components it announces", id="no component"),
        pytest.param(jpeg(before=segment(0xDA, b"\x01\x01\0\0\x3f\0")), "in front of its frame", id="scan first"),
        pytest.param(jpeg(before=b"\xff\xe1\x00\x01"), "length below 2", id="length 1"),
        pytest.param(b"\xff\xd8\xff\xd9", "no scan", id="nothing inside"),
        pytest.param(jpeg()[:10], "marker FFC0H is cut short", id="cut in the frame header"),
        pytest.param(jpeg()[:23], "marker FFDAH is cut short", id="cut in the scan header"),
        pytest.param(b"\xff\xd8\xff", "JPEG marker segments is cut short", id="cut behind the start"),
    ],
)
def test_refused_with_a_reason(stream, text):
    with pytest.raises(DicomError, match=text):
        describe_stream(stream)


def test_jpeg_ls_says_its_colours_in_spiff_only():
    for space, photometric in ((3, "YBR_FULL"), (10, "RGB")):
        spiff = segment(0xE8, b"SPIFF\0\x01\x02\x00\x03" + bytes(8) + bytes((space,)) + bytes(12))
        stream = jpeg(0xF7, components=YCC, before=spiff, scan=(0, 2, 0))
        assert describe_stream(stream).photometric_interpretation == photometric


def test_colour_transform_of_hp_is_mentioned():
    stream = jpeg(0xF7, components=YCC, before=segment(0xE8, b"mrfx\x01"), scan=(0, 2, 0))
    assert "HP" in describe_stream(stream).warnings[0]
    assert not describe_stream(jpeg(0xF7, components=YCC, before=segment(0xE8, b"mrfx\x00"))).warnings

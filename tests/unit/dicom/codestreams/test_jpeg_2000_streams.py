"""PS3.5 8.2.4, 8.2.14, 10.18: JPEG 2000 and High-Throughput JPEG 2000 codestreams and files."""

import struct

import imagecodecs
import numpy as np
import pytest
from tests.codestreams import COLUMNS, ROWS, box, colour, grey, segment

from filmjacket.dicom.codestreams import describe_stream
from filmjacket.errors import DicomError

PREFIX = "1.2.840.10008.1.2.4."
SIGNATURE = box(b"jP  ", b"\r\n\x87\n")


def j2k(
    *,
    profile: int = 0,
    area: tuple[int, int, int, int] = (COLUMNS, ROWS, 0, 0),
    components: tuple[tuple[int, int, int], ...] = ((7, 1, 1),),
    transform: int = 0,
    kernel: int = 1,
    extra: bytes = b"",
) -> bytes:
    """A main header: components are (Ssiz, XRsiz, YRsiz)."""
    size = struct.pack(">H8IH", profile, *area, *area, len(components)) + b"".join(map(bytes, components))
    style = struct.pack(">BBHB5B", 0, 0, 1, transform, 5, 4, 4, 0, kernel)
    return b"\xff\x4f" + segment(0x51, size) + segment(0x52, style) + extra + segment(0x90, bytes(8)) + b"\xff\x93\0"


def jp2(codestream: bytes, *inner: bytes) -> bytes:
    return SIGNATURE + box(b"ftyp", b"jp2 " + bytes(4) + b"jp2 ") + box(b"jp2h", *inner) + box(b"jp2c", codestream)


@pytest.mark.parametrize(
    ("stream", "suffix", "photometric", "bits", "signed"),
    [
        pytest.param(
            imagecodecs.jpeg2k_encode(grey(), level=0, codecformat="j2k"), "90", "MONOCHROME2", 8, 0, id="lossless"
        ),
        pytest.param(
            imagecodecs.jpeg2k_encode(grey("i2", 99) - 5000, level=0, codecformat="j2k"), "90", "MONOCHROME2", 16, 1,
            id="signed",
        ),
        pytest.param(
            imagecodecs.jpeg2k_encode(grey("u2", 9), level=0, bitspersample=12, codecformat="j2k"), "90",
            "MONOCHROME2", 12, 0, id="12 bits",
        ),
        pytest.param(
            imagecodecs.jpeg2k_encode(colour(), level=0, codecformat="j2k"), "90", "YBR_RCT", 8, 0, id="RCT"
        ),
        pytest.param(
            imagecodecs.jpeg2k_encode(colour(), level=0, mct=False, codecformat="j2k"), "90", "RGB", 8, 0, id="RGB"
        ),
        pytest.param(
            imagecodecs.jpeg2k_encode(colour(), level=40, codecformat="j2k"), "91", "YBR_ICT", 8, 0, id="ICT"
        ),
        pytest.param(imagecodecs.htj2k_encode(grey()), "201", "MONOCHROME2", 8, 0, id="HTJ2K lossless"),
        pytest.param(imagecodecs.htj2k_encode(colour(), tlm=True), "202", "YBR_RCT", 8, 0, id="HTJ2K RPCL"),
        pytest.param(imagecodecs.htj2k_encode(colour(), reversible=False), "203", "YBR_ICT", 8, 0, id="HTJ2K lossy"),
    ],
)  # fmt: skip
def test_what_encoders_make(stream, suffix, photometric, bits, signed):
    found = describe_stream(stream)
    assert (found.transfer_syntax, found.photometric_interpretation) == (PREFIX + suffix, photometric)
    assert (found.rows, found.columns) == (ROWS, COLUMNS)
    assert (found.bits_stored, found.bits_allocated) == (bits, 8 if bits == 8 else 16)
    assert found.pixel_representation == signed
    lossy = {"91": "ISO_15444_1", "203": "ISO_15444_15"}.get(suffix)
    assert (found.lossy, found.lossy_method) == (lossy is not None, lossy)
    assert found.media_type == ("image/jphc" if suffix.startswith("2") else "image/jp2")
    assert (found.codestream, found.frames) == (None, 1)


@pytest.mark.parametrize(("resolutions", "suffix"), [(3, "201"), (4, "202")])
def test_rpcl_needs_a_thumbnail_of_64_pixels(resolutions, suffix):
    """PS3.5 10.18: 700 rows halved three times are 88, four times 44."""
    stream = imagecodecs.htj2k_encode(np.zeros((700, 800), "u1"), tlm=True, resolutions=resolutions)
    assert describe_stream(stream).transfer_syntax == PREFIX + suffix


def test_rpcl_ends_with_a_progression_order_change():
    stream = imagecodecs.htj2k_encode(grey(), tlm=True)
    changed = stream.replace(b"\xff\x55", segment(0x5F, bytes(7)) + b"\xff\x55", 1)
    assert describe_stream(stream).transfer_syntax == PREFIX + "202"
    assert describe_stream(changed).transfer_syntax == PREFIX + "201"


def test_the_codestream_of_a_file_is_found():
    bare = imagecodecs.jpeg2k_encode(colour(), level=0, codecformat="j2k")
    file = imagecodecs.jpeg2k_encode(colour(), level=0, codecformat="jp2")
    found = describe_stream(file, total=len(file))
    assert found.codestream is not None
    offset, length = found.codestream
    assert file[offset : offset + length] == bare
    assert found.photometric_interpretation == "YBR_RCT"


def test_a_codestream_to_the_end_of_the_file():
    stream = SIGNATURE + b"\0\0\0\0jp2c" + j2k()
    assert describe_stream(stream).codestream == (20, -1)


@pytest.mark.parametrize(
    ("colr", "photometric", "warning"),
    [
        (struct.pack(">3BI", 1, 0, 0, 16), "RGB", ""),
        (struct.pack(">3BI", 1, 0, 0, 18), "YBR_FULL", ""),
        (struct.pack(">3BI", 1, 0, 0, 14), "RGB", "colour space 14"),
        (b"\x02\0\0 profile", "RGB", "ICC profile"),
    ],
)
def test_colours_that_boxes_add(colr, photometric, warning):
    found = describe_stream(jp2(j2k(components=((7, 1, 1),) * 3), box(b"ihdr", bytes(14)), box(b"colr", colr)))
    assert found.photometric_interpretation == photometric
    assert warning in "".join(found.warnings)
    assert bool(found.warnings) == bool(warning)


@pytest.mark.parametrize(
    ("header", "suffix", "samples", "frames", "photometric"),
    [
        ({"profile": 0x8000}, "92", 1, 1, "MONOCHROME2"),
        ({"profile": 0x8000, "kernel": 0}, "93", 1, 1, "MONOCHROME2"),
        ({"profile": 0x8000, "components": ((11, 1, 1),) * 20}, "92", 1, 20, "MONOCHROME2"),
        ({"components": ((7, 1, 1), (7, 2, 2), (7, 2, 2))}, "90", 3, 1, "YBR_FULL"),
        ({"components": ((7, 1, 1),) * 3, "transform": 1, "kernel": 0}, "91", 3, 1, "YBR_ICT"),
    ],
)
def test_main_headers(header, suffix, samples, frames, photometric):
    found = describe_stream(j2k(**header))
    assert found.transfer_syntax == PREFIX + suffix
    assert (found.samples_per_pixel, found.frames) == (samples, frames)
    assert found.photometric_interpretation == photometric


def test_size_is_counted_in_samples_of_the_first_component():
    found = describe_stream(j2k(area=(101, 51, 1, 1), components=((7, 2, 2),)))
    assert (found.rows, found.columns) == (25, 50)


@pytest.mark.parametrize("bits", [1, 8, 9, 17, 25, 38])
def test_bits_allocated_are_whole_bytes(bits):
    found = describe_stream(j2k(components=((bits - 1, 1, 1),)))
    assert (found.bits_stored, found.bits_allocated) == (bits, -(-bits // 8) * 8)


def test_one_irreversible_component_makes_it_lossy():
    """COC of component 2 with the 9-7 transformation."""
    irreversible = segment(0x53, bytes((2, 0, 5, 4, 4, 0, 0)))
    assert describe_stream(j2k(components=((7, 1, 1),) * 3, extra=irreversible)).transfer_syntax == PREFIX + "91"


def test_signed_colour_is_mentioned():
    assert "signed" in describe_stream(j2k(components=((0x87, 1, 1),) * 3)).warnings[0]


@pytest.mark.parametrize(
    ("stream", "text"),
    [
        pytest.param(j2k(components=((7, 1, 1),) * 4), "4 components", id="RGBA"),
        pytest.param(j2k(components=((7, 1, 1), (7, 1, 1), (11, 1, 1))), "differ in depth", id="depths"),
        pytest.param(j2k(components=((40, 1, 1),)), "41 bits", id="too deep"),
        pytest.param(j2k(components=((7, 0, 1),)), "no component", id="no distance"),
        pytest.param(j2k(components=()), "no component", id="no components"),
        pytest.param(j2k(area=(70000, 5, 0, 0)), "70000 columns", id="too wide"),
        pytest.param(j2k(area=(5, 5, 0, 9)), "-4 rows", id="upside down"),
        pytest.param(j2k()[:20], "main header .* cut short", id="cut in SIZ"),
        pytest.param(j2k()[:60], "main header .* cut short", id="cut behind COD"),
        pytest.param(j2k().replace(b"\xff\x52", b"\xff\x64"), "no coding style", id="no COD"),
        pytest.param(j2k().replace(b"\xff\x52", b"\xfe\x52"), "FE52H is no marker", id="no marker"),
        pytest.param(jp2(j2k(), box(b"pclr", bytes(4))), "palette", id="palette"),
        pytest.param(jp2(j2k(), box(b"colr", b"\x01")), "too short", id="colr"),
        pytest.param(SIGNATURE + box(b"ftyp", bytes(12)), "jp2c.* cut short", id="no codestream"),
        pytest.param(jp2(j2k())[:36], "jp2h.* cut short|jp2c.* cut short", id="cut in the header box"),
        pytest.param(SIGNATURE + b"\0\0\0\x05jp2c" + j2k(), "shorter than its header", id="tiny box"),
        pytest.param(jp2(b"\xff\xd8\xff\xd9"), "SOC", id="something else in the box"),
    ],
)
def test_refused_with_a_reason(stream, text):
    with pytest.raises(DicomError, match=text):
        describe_stream(stream)


def test_a_codestream_that_is_longer_than_the_file():
    file = imagecodecs.jpeg2k_encode(colour(), level=0, codecformat="jp2")
    with pytest.raises(DicomError, match="cut short"):
        describe_stream(file, total=len(file) - 1)

"""PS3.5 8.2.15: JPEG XL codestreams and containers."""

import imagecodecs
import numpy as np
import pytest
from tests.codestreams import COLUMNS, ROWS, box, colour, grey

from filmjacket.dicom.codestreams import describe_stream
from filmjacket.dicom.codestreams.jpeg_xl_fields import FieldReader
from filmjacket.errors import DicomError

PREFIX = "1.2.840.10008.1.2.4."
CONTAINER = box(b"JXL ", b"\r\n\x87\n") + box(b"ftyp", b"jxl " + bytes(4) + b"jxl ")


def recompressed(image, **options) -> bytes:
    return imagecodecs.jpegxl_encode_jpeg(imagecodecs.jpeg8_encode(image, **options))


@pytest.mark.parametrize("container", [False, True])
@pytest.mark.parametrize(
    ("image", "lossless", "suffix", "photometric", "bits"),
    [
        (grey(), True, "110", "MONOCHROME2", 8),
        (grey(), False, "112", "MONOCHROME2", 8),
        (grey("u2", 300), True, "110", "MONOCHROME2", 16),
        (colour(), True, "110", "RGB", 8),
        (colour(), False, "112", "XYB", 8),
        (colour("u2", 300), False, "112", "XYB", 16),
    ],
)
def test_what_an_encoder_makes(image, lossless, suffix, photometric, bits, container):
    stream = imagecodecs.jpegxl_encode(
        image, lossless=lossless, distance=None if lossless else 1.0, usecontainer=container
    )
    found = describe_stream(stream)
    assert (found.transfer_syntax, found.photometric_interpretation) == (PREFIX + suffix, photometric)
    assert (found.rows, found.columns) == (ROWS, COLUMNS)
    assert (found.bits_stored, found.bits_allocated) == (bits, bits)
    assert (found.lossy, found.lossy_method) == ((False, None) if lossless else (True, "ISO_18181_1"))
    assert (found.media_type, found.codestream, found.warnings) == ("image/jxl", None, ())


@pytest.mark.parametrize(
    ("stream", "samples", "photometric"),
    [
        pytest.param(recompressed(grey()), 1, "MONOCHROME2", id="grey"),
        pytest.param(recompressed(colour()), 3, "YBR_FULL_422", id="4:2:0"),
        pytest.param(recompressed(colour(), subsampling="444"), 3, "YBR_FULL_422", id="4:4:4"),
        pytest.param(recompressed(colour(), outcolorspace="RGB"), 3, "RGB", id="RGB"),
    ],
)
def test_a_recompressed_jpeg(stream, samples, photometric):
    found = describe_stream(stream)
    assert found.transfer_syntax == PREFIX + "111"
    assert (found.samples_per_pixel, found.photometric_interpretation) == (samples, photometric)
    assert (found.lossy, found.lossy_method) == (True, "ISO_10918_1")


@pytest.mark.parametrize(
    "size", [(8, 8), (64, 256), (1, 1), (511, 513), (512, 512), (768, 1024), (9, 16), (30, 36), (40000, 1)]
)
def test_sizes_are_written_in_many_ways(size):
    found = describe_stream(imagecodecs.jpegxl_encode(np.zeros(size, "u1"), lossless=True, effort=1))
    assert (found.rows, found.columns) == size


@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_opacity_is_mentioned(dtype):
    """A channel of 16 bits is described at length, one of 8 bits is the default."""
    image = np.dstack([colour(dtype), grey(dtype)])
    found = describe_stream(imagecodecs.jpegxl_encode(image, lossless=True))
    assert (found.transfer_syntax, found.samples_per_pixel) == (PREFIX + "110", 3)
    assert found.bits_stored == 8 * image.itemsize
    assert "extra channels" in found.warnings[0]


@pytest.mark.parametrize(("kind", "rest"), [((2, 2, 4, 0), (64, 1)), ((2, 2, 4, 3), (2, 0)), ((2, 0), (1, 1))])
def test_named_extra_channels_are_stepped_over(kind, rest):
    """A spot colour, a colour filter array, opacity; each with a name of two letters."""
    kinds = tuple(zip(kind[::2], kind[1::2], strict=True))
    name = ((2, 1), (4, 2), (16, 0x4142))
    channel = ((1, 0), *kinds, *DEPTH_8, (2, 0), *name, rest)
    found = describe_stream(metadata((1, 0), *DEPTH_8, (1, 1), (2, 1), *channel, (1, 1), (1, 1), (2, 0), (1, 1)))
    assert (found.photometric_interpretation, found.bits_stored) == ("XYB", 8)
    assert "1 extra" in found.warnings[0]


def test_a_codestream_in_parts():
    bare = imagecodecs.jpegxl_encode(colour(), lossless=True)
    stream = CONTAINER + box(b"jxlp", b"\0\0\0\0", bare[:3]) + box(b"jxlp", b"\x80\0\0\1", bare[3:])
    assert describe_stream(stream) == describe_stream(bare)


@pytest.mark.parametrize(
    ("stream", "text"),
    [
        pytest.param(imagecodecs.jpegxl_encode(grey("f4", 0), lossless=True), "floating point", id="float"),
        pytest.param(b"\xff\x0a\x40", "JPEG XL codestream is cut short", id="cut short"),
        pytest.param(CONTAINER, "boxes in front of .* cut short", id="only boxes"),
        pytest.param(CONTAINER + box(b"jxlc", b"\xff\xd8\xff\xd9"), "no JPEG XL codestream", id="something else"),
    ],
)
def test_refused_with_a_reason(stream, text):
    with pytest.raises(DicomError, match=text):
        describe_stream(stream)


class Bits:
    """Writes fields from the lowest bit up."""

    def __init__(self) -> None:
        self.value = self.count = 0

    def put(self, *fields: tuple[int, int]) -> "Bits":
        for count, value in fields:
            self.value |= value << self.count
            self.count += count
        return self

    def stream(self) -> bytes:
        return b"\xff\x0a" + self.value.to_bytes(self.count // 8 + 1, "little") + bytes(64)


def metadata(*fields: tuple[int, int]) -> bytes:
    """A codestream of 8 by 8 pixels whose ImageMetadata begins with these fields."""
    return Bits().put((1, 1), (5, 0), (3, 1), (1, 0), *fields).stream()


DEPTH_8 = ((1, 0), (2, 0))


def test_an_animation_is_refused():
    stream = metadata((1, 1), (3, 0), (1, 0), (1, 0), (1, 1), (2, 0), (2, 0), (2, 0), (1, 0), *DEPTH_8)
    with pytest.raises(DicomError, match="animated"):
        describe_stream(stream)


def test_orientation_is_mentioned():
    stream = metadata((1, 1), (3, 5), (1, 0), (1, 0), (1, 0), *DEPTH_8)
    assert "orientation 6" in describe_stream(stream).warnings[0]


def test_a_colour_profile_hides_how_it_is_coded():
    stream = metadata((1, 0), *DEPTH_8, (1, 1), (2, 0), (1, 0), (1, 0), (1, 1), (2, 0))
    found = describe_stream(stream)
    assert (found.transfer_syntax, found.photometric_interpretation) == (PREFIX + "112", "RGB")
    assert "profile" in found.warnings[0]


def test_custom_colours_and_preview_are_stepped_over():
    """A preview, custom white point and primaries, a gamma; then the end of the header."""
    point = ((2, 0), (19, 7)) * 2
    stream = metadata(
        (1, 1), (3, 0), (1, 0), (1, 1), (1, 1), (2, 0), (3, 1), (1, 0), *DEPTH_8, (1, 1), (2, 0), (1, 0),
        (1, 0), (1, 0), (2, 0), (2, 2), (4, 0), *point, (2, 2), (4, 0), *point * 3, (1, 1), (24, 9), (2, 1), (1, 1),
        (2, 0), (1, 1),
    )  # fmt: skip
    found = describe_stream(stream)
    assert (found.rows, found.columns, found.photometric_interpretation) == (8, 8, "RGB")


@pytest.mark.parametrize(
    ("fields", "value"),
    [
        (((2, 0),), 0),
        (((2, 1), (4, 5)), 6),
        (((2, 2), (8, 255)), 272),
        (((2, 3), (12, 5), (1, 0)), 5),
        (((2, 3), (12, 5), (1, 1), (8, 1), (1, 0)), 5 + (1 << 12)),
        (((2, 3), (12, 4095), *((1, 1), (8, 255)) * 6, (1, 1), (4, 15)), (1 << 64) - 1),
    ],
)
def test_numbers_of_64_bits(fields, value):
    assert FieldReader(Bits().put(*fields).stream()[2:]).u64() == value


def test_extensions_of_a_hostile_length():
    reader = FieldReader(Bits().put((2, 1), (4, 0), (2, 3), (12, 0), *((1, 1), (8, 255)) * 2, (1, 0)).stream()[2:])
    with pytest.raises(DicomError, match="extensions"):
        reader.skip_extensions()

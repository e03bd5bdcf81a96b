"""Pictures as files, animations, overlays, profiles, annotation."""

from __future__ import annotations

import io

import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageCms

from filmjacket.errors import DicomError
from filmjacket.pixels.animation import animated_gif, frame_times
from filmjacket.pixels.annotate import annotate, patient_lines, technique_lines
from filmjacket.pixels.color_profiles import named_profile
from filmjacket.pixels.encode_image import encode_image, indexed
from filmjacket.pixels.icc import embedded_in_jpeg, managed
from filmjacket.pixels.overlays import Overlay, burn_in, read_overlays
from filmjacket.pixels.render import RenderedImage

GREY = np.add.outer(np.arange(40), np.arange(60)).astype(np.uint8)
COLOUR = np.stack([GREY, GREY[::-1], 255 - GREY], axis=2)


@pytest.mark.parametrize("array", [GREY, COLOUR])
@pytest.mark.parametrize("media_type", ["image/jpeg", "image/png", "image/gif", "image/jp2", "image/jph", "image/jxl"])
def test_files_show_the_picture(media_type, array):
    file = encode_image(RenderedImage(array), media_type, 100)
    decoded = np.squeeze(imagecodecs.imread(io.BytesIO(file)) if media_type != "image/jph" else _jph(file))
    if media_type == "image/gif":
        decoded = np.asarray(Image.open(io.BytesIO(file)).convert("L" if array.ndim == 2 else "RGB"))
    assert decoded.shape == array.shape
    assert np.abs(decoded.astype(int) - array).mean() < (0.01 if media_type == "image/png" else 4)


def _jph(file):
    return imagecodecs.htj2k_decode(file[file.index(b"jp2c") + 4 :])


@pytest.mark.parametrize("media_type", ["image/jpeg", "image/png"])
def test_profiles_of_any_size_are_embedded_whole(media_type):
    profile = named_profile("srgb") + bytes(200_000)
    file = encode_image(RenderedImage(COLOUR, profile), media_type)
    assert Image.open(io.BytesIO(file)).info["icc_profile"] == profile
    if media_type == "image/jpeg":
        assert embedded_in_jpeg(file) == profile
        assert embedded_in_jpeg(file[:70_000]) is None


def test_the_shape_of_pixels_is_told():
    jpeg = Image.open(io.BytesIO(encode_image(RenderedImage(GREY, pixel_aspect=2.0), "image/jpeg")))
    assert jpeg.info["jfif_density"] == (2000, 1000)
    png = encode_image(RenderedImage(GREY, pixel_aspect=2.0), "image/png")
    assert (2000).to_bytes(4, "big") + (1000).to_bytes(4, "big") in png


@pytest.mark.parametrize("name", ["srgb", "adobergb", "rommrgb"])
def test_named_profiles_are_profiles(name):
    profile = ImageCms.ImageCmsProfile(io.BytesIO(named_profile(name)))
    assert profile.profile.xcolor_space.strip() == "RGB"
    white = np.full((1, 1, 3), 255, np.uint8)
    assert np.abs(managed(white, None, name).array.astype(int) - 255).max() <= 1


def test_a_profile_that_is_none_counts_as_srgb():
    made = managed(COLOUR, b"no profile", "yes")
    assert made.profile == named_profile("srgb")
    assert np.array_equal(made.array, COLOUR)


def test_an_animation_has_every_frame_and_its_time():
    images = [(RenderedImage(np.roll(GREY, place, 0)), 40.0 * (place + 1)) for place in range(3)]
    file = Image.open(io.BytesIO(b"".join(animated_gif(images))))
    assert file.n_frames == 3
    for place, (image, time) in enumerate(images):
        file.seek(place)
        assert file.info["duration"] == time
        assert np.array_equal(np.asarray(file.convert("L")), image.array)


def test_an_animation_of_different_sizes_is_refused():
    with pytest.raises(DicomError):
        list(animated_gif([(RenderedImage(GREY), 1.0), (RenderedImage(GREY[:5]), 1.0)]))


@pytest.mark.parametrize(
    ("attributes", "times"),
    [
        ({}, [100.0] * 3),
        ({"00181063": ["33.5"]}, [33.5] * 3),
        ({"00180040": [25]}, [40.0] * 3),
        ({"00082144": ["50"]}, [20.0] * 3),
        ({"00181065": ["0", "10", "20"]}, [10.0, 20.0, 20.0]),
        ({"00181065": ["0", "10"], "00181063": ["5"]}, [5.0] * 3),
        ({"00181063": ["0"]}, [100.0] * 3),
        ({"00181063": ["x"]}, [100.0] * 3),
    ],
)
def test_frame_times(attributes, times):
    assert frame_times({tag: {"vr": "DS", "Value": value} for tag, value in attributes.items()}, 3) == times


def plane(**changes):
    packed = np.packbits(np.eye(4, dtype=np.uint8).reshape(-1), bitorder="little").tobytes()
    attributes = {
        "60000010": {"vr": "US", "Value": [4]},
        "60000011": {"vr": "US", "Value": [4]},
        "60000050": {"vr": "SS", "Value": [3, 2]},
        "60003000": {"vr": "OW", "BulkDataURI": "/60003000"},
    }
    return attributes | changes, {"60003000": packed}.__getitem__


def test_an_overlay_lies_where_its_origin_says():
    attributes, bulk = plane()
    made = burn_in(np.zeros((10, 10), np.uint8), read_overlays(attributes, 1, bulk, lambda: None))
    assert list(zip(*np.nonzero(made), strict=True)) == [(2, 1), (3, 2), (4, 3), (5, 4)]


def test_an_overlay_beyond_the_edges_is_cut():
    for row, column, count in ((-2, -2, 2), (8, 8, 2), (-9, 0, 0), (20, 0, 0)):
        overlay = Overlay("6000", "G", row, column, np.eye(4, dtype=np.bool_))
        assert np.count_nonzero(burn_in(np.zeros((10, 10), np.uint8), [overlay])) == count


def test_overlays_in_unused_bits():
    attributes = {
        "00280101": {"vr": "US", "Value": [12]},
        "00280102": {"vr": "US", "Value": [11]},
        "60000010": {"vr": "US", "Value": [2]},
        "60000011": {"vr": "US", "Value": [2]},
        "60000102": {"vr": "US", "Value": [15]},
    }
    cells = np.array([[0x8001, 1], [1, 0x8FFF]], np.uint16)
    overlays = read_overlays(attributes, 1, lambda path: b"", lambda: cells)
    assert overlays[0].bits.tolist() == [[True, False], [False, True]]
    inside = attributes | {"60000102": {"vr": "US", "Value": [5]}}
    assert read_overlays(inside, 1, lambda path: b"", lambda: cells) == []
    beyond = attributes | {"60000102": {"vr": "US", "Value": [16]}}
    assert read_overlays(beyond, 1, lambda path: b"", lambda: cells) == []
    assert read_overlays(attributes, 1, lambda path: b"", lambda: None) == []


def test_overlays_of_some_frames():
    attributes, bulk = plane(**{"60000015": {"vr": "IS", "Value": [1]}, "60000051": {"vr": "US", "Value": [2]}})
    assert [len(read_overlays(attributes, number, bulk, lambda: None)) for number in (1, 2, 3)] == [0, 1, 0]


PATIENT = {
    "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Yamada^Tarou^^Dr.", "Ideographic": "山田^太郎"}]},
    "00100020": {"vr": "LO", "Value": ["1"]},
    "00100030": {"vr": "DA", "Value": ["19700131"]},
    "00180060": {"vr": "DS", "Value": ["120.0000"]},
    "00080060": {"vr": "CS", "Value": ["CT"]},
}


def test_what_annotation_says():
    assert patient_lines(PATIENT) == ["Yamada, Dr. Tarou  山田, 太郎", "1", "1970-01-31"]
    assert technique_lines(PATIENT) == ["CT", "", "120 kV"]


@pytest.mark.parametrize("shape", [(30, 30), (64, 64), (512, 20), (20, 512), (1, 1), (700, 900, 3)])
def test_annotation_of_any_size_leaves_the_middle_free(shape):
    array = np.full(shape, 200, np.uint8)
    made = annotate(array, PATIENT, ["patient", "technique"])
    assert made.shape == shape
    third = shape[0] // 3
    assert (made[third + 1 : shape[0] - third - 1] == 200).all()


@pytest.mark.parametrize("shape", [(1, 1), (64, 64), (300, 211), (700, 900), (200, 200, 3)])
def test_noise_fits_into_a_gif(shape):
    """LZW makes noise longer than it is."""
    array = np.random.default_rng(2).integers(0, 256, shape, np.uint8)
    pixels, colours = indexed(array)
    expected = colours[pixels]
    single = Image.open(io.BytesIO(encode_image(RenderedImage(array), "image/gif")))
    assert np.array_equal(np.asarray(single.convert("RGB")), expected)
    animation = Image.open(io.BytesIO(b"".join(animated_gif([(RenderedImage(array), 50.0)] * 3))))
    for place in range(3):
        animation.seek(place)
        assert np.array_equal(np.asarray(animation.convert("RGB")), expected)

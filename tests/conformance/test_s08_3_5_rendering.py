"""Rendering parameters over HTTP (PS3.18 8.3.5.1)."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageCms
from tests.conformance.shelf import StoredFile, open_shelf
from tests.samples import sample, variant

if TYPE_CHECKING:
    from collections.abc import Iterator

WARNING = '299 http://testserver:8104/dicom-web "The following annotation values are not supported: {}"'


@pytest.fixture(scope="module")
def shelf(tmp_path_factory) -> Iterator[object]:
    with open_shelf(tmp_path_factory.mktemp("shelf") / "archive") as opened:
        yield opened


@pytest.fixture(scope="module")
def ct(shelf) -> StoredFile:
    return shelf.store(sample("CT_small.dcm"))


@pytest.fixture(scope="module")
def us(shelf) -> StoredFile:
    return shelf.store(sample("US1_UNCR.dcm"))


def picture(response) -> Image.Image:
    assert response.status_code == 200, response.text
    return Image.open(io.BytesIO(response.content))


def pixels(response) -> np.ndarray:
    return np.asarray(picture(response)).astype(int)


@pytest.mark.parametrize(
    "query",
    [
        "window=40,400", "window=40,400,LINEAR", "window=", "window", "window=40,0,linear", "window=40,0,sigmoid",
        "window=x,400,linear", "window=40,400,linear,", "window=,,",
        "quality=0", "quality=101", "quality=", "quality=a", "quality=50.5", "quality",
        "viewport=100", "viewport=100,100,", "viewport=0,0", "viewport=", "viewport=a,b", "viewport=100,100,0,0,0,10",
        "viewport=100,100,128,0", "viewport=100,100,0,500,10,10", "viewport=100000,10",
        "annotation=", "annotation", "annotation=1", "annotation=patient,,technique",
        "iccprofile=", "iccprofile=sRGB", "iccprofile=yes,no", "iccprofile",
    ],
)  # fmt: skip
@pytest.mark.parametrize("below", ["", "/frames/1"])
def test_malformed_parameters_are_400(ct, below, query):
    response = ct.get(f"{below}/rendered?{query}")
    assert response.status_code == 400
    assert response.json()["section"].startswith("PS3.18 8.3.5.1")
    assert response.json()["accepted"]


@pytest.mark.parametrize("query", ["foo=bar", "Window=1", "limit=x", "QUALITY=0"])
def test_unknown_parameters_are_ignored(ct, query):
    assert ct.get(f"/rendered?{query}").content == ct.get("/rendered").content


@pytest.mark.parametrize("function", ["linear", "linear-exact", "sigmoid"])
def test_window_is_applied_to_modality_values(ct, function):
    center, width = 40.0, 350.0
    made = pixels(ct.get(f"/rendered?window={center},{width},{function}", "image/png"))
    x = ct.dataset.pixel_array.astype(float) * ct.dataset.RescaleSlope + ct.dataset.RescaleIntercept
    expected = {
        "linear": np.clip((x - (center - 0.5)) / (width - 1) + 0.5, 0, 1),
        "linear-exact": np.clip((x - center) / width + 0.5, 0, 1),
        "sigmoid": 1 / (1 + np.exp(-4 * (x - center) / width)),
    }[function]
    padding = ct.dataset.pixel_array == ct.dataset.PixelPaddingValue
    assert np.abs(made - 255 * np.where(padding, 0, expected)).max() <= 0.501


def test_window_of_a_colour_image_changes_nothing(us):
    assert us.get("/rendered?window=10,20,linear").content == us.get("/rendered").content


@pytest.mark.parametrize(
    ("viewport", "size"),
    [
        ("64,64", (64, 64)), ("64,1000", (64, 64)), ("300,256", (256, 256)), ("512,512", (512, 512)),
        ("100,100,0,0,64,32", (100, 50)), ("100,100,,,64,32", (100, 50)), ("100,100,64", (50, 100)),
        ("100,100,100,100,500,500", (100, 100)), ("7,5", (5, 5)), ("64,64,0.5,0.5,10.5,10.5", (64, 64)),
    ],
)  # fmt: skip
def test_viewport_sizes(ct, viewport, size):
    assert picture(ct.get(f"/rendered?viewport={viewport}", "image/png")).size == size


def test_without_a_viewport_pixels_are_those_of_the_source(ct):
    assert picture(ct.get("/rendered", "image/png")).size == (128, 128)


def test_flips_and_crops(ct):
    whole = pixels(ct.get("/rendered", "image/png"))
    for viewport, expected in (
        ("128,128,0,0,-128,128", whole[:, ::-1]),
        ("128,128,0,0,128,-128", whole[::-1]),
        ("20,10,-30,40,20,10", whole[40:50, 30:50]),
        ("20,10,30,40,-20,-10", whole[40:50, 30:50][::-1, ::-1]),
    ):
        assert np.array_equal(pixels(ct.get(f"/rendered?viewport={viewport}", "image/png")), expected), viewport


@pytest.mark.parametrize("media_type", ["image/jpeg", "image/jp2", "image/jph", "image/jxl"])
def test_quality_decides_about_the_size_of_lossy_types(ct, media_type):
    low, middle, high = (len(ct.get(f"/rendered?quality={q}", media_type).content) for q in (1, 60, 100))
    assert low < middle < high


@pytest.mark.parametrize("media_type", ["image/png", "image/gif"])
def test_quality_is_ignored_by_the_others(ct, media_type):
    first, second = (pixels(ct.get(f"/rendered?quality={quality}", media_type)) for quality in (1, 100))
    assert np.array_equal(first, second)


@pytest.mark.parametrize(
    ("values", "unsupported"),
    [("foo", "foo"), ("patient,foo,bar", "foo, bar"), ("Patient", "Patient"), ("patient", None), ("technique", None)],
)
def test_annotation_keywords_that_are_not_supported_are_named(ct, values, unsupported):
    response = ct.get(f"/rendered?annotation={values}")
    assert response.status_code == 200
    assert response.headers.get("warning") == (unsupported and WARNING.format(unsupported))


@pytest.mark.parametrize("size", [48, 64, 128, 512, 1024])
@pytest.mark.parametrize("keyword", ["patient", "technique"])
def test_annotation_is_burned_in_outside_of_the_middle(ct, size, keyword):
    plain = pixels(ct.get(f"/rendered?viewport={size},{size}", "image/png"))
    made = pixels(ct.get(f"/rendered?viewport={size},{size}&annotation={keyword}", "image/png"))
    rows = np.flatnonzero((plain != made).any(axis=1))
    assert rows.size >= 6
    assert (rows.max() < size // 3) if keyword == "patient" else (rows.min() > size - size // 3 - 2)
    changed = made[plain != made]
    assert changed.max() > 240


def test_annotation_shows_names_in_their_own_script(shelf):
    made = []
    for name in ("Yamada^Tarou=山田^太郎", "Yamada^Tarou=山本^太郎", "Иванов^Иван", "Петров^Пётр"):
        file = shelf.store(variant("CT_small.dcm", SpecificCharacterSet="ISO_IR 192", PatientName=name))
        made.append(file.get("/rendered?viewport=512,512&annotation=patient", "image/png").content)
    assert len(set(made)) == 4


@pytest.mark.parametrize("media_type", ["image/gif", "image/jxl"])
@pytest.mark.parametrize("value", ["yes", "srgb", "adobergb", "rommrgb"])
def test_types_without_room_for_a_profile_refuse_it(ct, media_type, value):
    response = ct.get(f"/rendered?iccprofile={value}", media_type)
    assert response.status_code == 400
    assert response.json()["offender"] == "iccprofile"
    assert ct.get("/rendered?iccprofile=no", media_type).status_code == 200


@pytest.mark.parametrize("media_type", ["image/jpeg", "image/png"])
@pytest.mark.parametrize(("value", "name"), [("srgb", "sRGB"), ("adobergb", "Adobe RGB"), ("rommrgb", "ROMM")])
def test_named_profiles_are_embedded_and_colours_converted(us, media_type, value, name):
    plain = picture(us.get("/rendered?iccprofile=no", media_type))
    made = picture(us.get(f"/rendered?iccprofile={value}", media_type))
    assert "icc_profile" not in plain.info
    profile = ImageCms.ImageCmsProfile(io.BytesIO(made.info["icc_profile"]))
    assert name in ImageCms.getProfileDescription(profile)
    back = ImageCms.profileToProfile(made, profile, ImageCms.createProfile("sRGB"))
    difference = np.abs(np.asarray(back).astype(int) - np.asarray(plain).astype(int))
    assert difference.mean() < 2
    if value != "srgb":
        assert not np.array_equal(np.asarray(made), np.asarray(plain))


def test_without_iccprofile_there_is_none(us):
    assert "icc_profile" not in picture(us.get("/rendered", "image/png")).info


def test_the_profile_of_the_frame_is_embedded_or_converted_to_srgb(shelf):
    rotated = _adobe_profile()
    file = shelf.store(variant("US1_UNCR.dcm", ICCProfile=rotated))
    embedded = picture(file.get("/rendered?iccprofile=yes", "image/png"))
    assert embedded.info["icc_profile"] == rotated
    raw = pixels(file.get("/rendered?iccprofile=no", "image/png"))
    assert np.array_equal(np.asarray(embedded).astype(int), raw)
    shown = pixels(file.get("/rendered", "image/png"))
    profiles = (ImageCms.ImageCmsProfile(io.BytesIO(rotated)), ImageCms.createProfile("sRGB"))
    expected = ImageCms.profileToProfile(
        Image.fromarray(raw.astype(np.uint8)), *profiles, renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC
    )
    assert np.abs(shown - np.asarray(expected).astype(int)).mean() < 1
    assert np.abs(shown - raw).mean() > 0.5


def _adobe_profile() -> bytes:
    from filmjacket.pixels.color_profiles import named_profile

    profile = named_profile("adobergb")
    return profile + bytes(len(profile) % 2)


def test_jp2_and_jph_have_boxes_and_a_colour_space(us):
    for media_type, brand in (("image/jp2", b"jp2 "), ("image/jph", b"jph ")):
        plain = us.get("/rendered", media_type).content
        assert plain[4:8] == b"jP  "
        assert plain[20:24] == brand
        assert us.get("/rendered?iccprofile=srgb", media_type).content.find(b"acsp") > 0
        assert plain.find(b"acsp") < 0


def test_rendered_jpeg_is_baseline(us):
    file = us.get("/rendered").content
    assert b"\xff\xc0" in file
    assert b"\xff\xc2" not in file
    assert picture(us.get("/rendered")).mode == "RGB"

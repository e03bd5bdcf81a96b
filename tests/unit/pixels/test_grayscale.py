"""Grey scale pipeline against its formulas, computed one value at a time (PS3.3 C.11)."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from filmjacket.dicom.layout import PixelLayout
from filmjacket.pixels.description import describe_pixels
from filmjacket.pixels.functional_groups import attributes_of_frame
from filmjacket.pixels.grayscale import VoiWindow, read_grayscale, to_grey


def us(*values):
    return {"vr": "US", "Value": list(values)}


def ds(*values):
    return {"vr": "DS", "Value": list(values)}


def cs(value):
    return {"vr": "CS", "Value": [value]}


IMAGE = {
    "00280002": us(1), "00280004": cs("MONOCHROME2"), "00280010": us(4), "00280011": us(4),
    "00280100": us(16), "00280101": us(16), "00280102": us(15), "00280103": us(1),
}  # fmt: skip
LAYOUT = PixelLayout("7FE00010", "OW", encapsulated=False, offset=0, length=32, frames=1, frame_bits=256)


def no_bulk(path):
    raise AssertionError(path)


def grey(array, bulk=no_bulk, **changes):
    attributes = IMAGE | {tag.removeprefix("x"): element for tag, element in changes.items()}
    description = describe_pixels(attributes, "1.2.840.10008.1.2.1", LAYOUT)
    array = np.asarray(array, description.dtype)
    return to_grey(array, read_grayscale(attributes, description, bulk)).tolist()


def expected(x, c, w, function):
    """PS3.3 C.11.2.1.2.1, C.11.2.1.3, with ymin 0 and ymax 255."""
    if function == "SIGMOID":
        return 255 / (1 + math.exp(min(-4 * (x - c) / w, 700)))
    if function == "LINEAR_EXACT":
        low, high, middle, divisor = c - w / 2, c + w / 2, c, w
    else:
        low, high, middle, divisor = c - 0.5 - (w - 1) / 2, c - 0.5 + (w - 1) / 2, c - 0.5, w - 1
    if x <= low:
        return 0
    if x > high:
        return 255
    return ((x - middle) / divisor + 0.5) * 255


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize(("center", "width"), [(40, 400), (0, 1), (128, 256), (2048, 4096), (-600.5, 1500.25), (10, 2)])
@pytest.mark.parametrize(("slope", "intercept"), [(1, 0), (2.5, -1024)])
def test_window_functions(function, center, width, slope, intercept):
    stored = list(range(-3000, 3000, 7))
    window = {"x00281050": ds(center, 1), "x00281051": ds(width, 1), "x00281056": cs(function)}
    made = grey(stored, x00281053=ds(slope), x00281052=ds(intercept), **window)
    for x, y in zip(stored, made, strict=True):
        assert y == pytest.approx(expected(slope * x + intercept, center, width, function), abs=0.501), x


def test_the_first_of_several_windows_counts_and_its_default_is_linear():
    assert grey([0, 50, 100], x00281050=ds(50.5, 9999), x00281051=ds(101, 1)) == [0, 128, 255]


@pytest.mark.parametrize("width", [0, -5, 0.5])
def test_windows_without_a_meaning_do_not_count(width):
    assert grey([10, 20, 30], x00281050=ds(20), x00281051=ds(width)) == [0, 128, 255]


def test_without_a_window_the_frame_is_shown_from_its_lowest_to_its_highest_value():
    assert grey([-100, 0, 100]) == [0, 128, 255]
    assert grey([7, 7, 7]) == [0, 0, 0]


def test_eight_bits_without_a_window_are_shown_as_they_are():
    eight = {"x00280100": us(8), "x00280101": us(8), "x00280102": us(7), "x00280103": us(0)}
    assert grey([10, 100], **eight) == [10, 100]
    one = {"x00280100": us(1), "x00280101": us(1), "x00280102": us(0), "x00280103": us(0)}
    assert grey([0, 1], **one) == [0, 255]


def test_a_negative_slope_turns_the_picture():
    assert grey([0, 50, 100], x00281053=ds(-1)) == [255, 128, 0]


def test_a_slope_of_zero_does_not_count():
    assert grey([0, 100], x00281053=ds(0)) == [0, 255]


def test_monochrome1_and_the_inverse_shape_invert_once():
    window = {"x00281050": ds(50.5), "x00281051": ds(101)}
    low_is_white = [255, 128, 0]
    assert grey([0, 50, 100], x00280004=cs("MONOCHROME1"), **window) == low_is_white
    assert grey([0, 50, 100], x20500020=cs("INVERSE"), **window) == low_is_white
    assert grey([0, 50, 100], x00280004=cs("MONOCHROME1"), x20500020=cs("INVERSE"), **window) == low_is_white
    assert grey([0, 50, 100], x20500020=cs("IDENTITY"), **window) == [0, 128, 255]


def test_padding_is_black_and_in_no_range():
    padding = {"x00280120": {"vr": "SS", "Value": [-2000]}}
    assert grey([-2000, 0, 100], **padding) == [0, 0, 255]
    assert grey([-2000, 0, 100], x00280004=cs("MONOCHROME1"), **padding) == [0, 255, 0]
    limit = {"x00280121": {"vr": "SS", "Value": [-1990]}}
    assert grey([-1995, 0, 100], **padding, **limit) == [0, 0, 255]
    assert grey([-2000, -2000, -2000], **padding) == [0, 0, 0]


def table(first, bits, entries):
    return {"vr": "SQ", "Value": [{"00283002": us(len(entries), first, bits), "00283006": us(*entries)}]}


def test_a_voi_lut_maps_from_its_first_value_on():
    lut = table(10, 8, [0, 50, 200, 255])
    assert grey([0, 10, 11, 12, 13, 99], x00283010=lut) == [0, 0, 50, 200, 255, 255]


def test_a_window_goes_before_a_voi_lut():
    lut = table(0, 8, [255, 255])
    assert grey([0, 100], x00283010=lut, x00281050=ds(50.5), x00281051=ds(101)) == [0, 255]


def test_a_voi_lut_of_ten_bits_is_full_at_1023():
    assert grey([0, 1, 2], x00283010=table(0, 10, [0, 512, 1023])) == [0, 128, 255]


def test_the_first_value_of_a_voi_lut_has_the_sign_of_modality_values():
    lut = table(65536 - 1024, 8, [0, 255])
    assert grey([0, 1, 2], x00283010=lut, x00281052=ds(-1024)) == [0, 255, 255]


def test_a_modality_lut_goes_before_the_window():
    unsigned = {"x00280103": us(0)}
    lut = table(0, 16, [0, 1000, 3000])
    assert grey([0, 1, 2], x00283000=lut, x00281050=ds(1500.5), x00281051=ds(3001), **unsigned) == [0, 85, 255]


def test_an_angiogram_is_shown_as_it_is_stored():
    lut = table(0, 16, [0, 0, 3000])
    angiogram = {"x00080016": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.12.1"]}, "x00280103": us(0)}
    assert grey([0, 1, 2], x00283000=lut, x00281040=cs("LOG"), **angiogram) == [0, 128, 255]


def test_lut_data_come_from_where_the_metadata_say():
    lut = {
        "vr": "SQ",
        "Value": [{"00283002": us(2, 0, 8), "00283006": {"vr": "OW", "BulkDataURI": "/00283010.0.00283006"}}],
    }
    values = {"00283010.0.00283006": b"\x10\x00\x20\x00"}
    assert grey([0, 1], bulk=values.__getitem__, x00283010=lut) == [16, 32]


def test_a_table_that_contradicts_itself_does_not_count():
    lut = {"vr": "SQ", "Value": [{"00283002": us(200, 0, 8), "00283006": us(1, 2)}]}
    assert grey([0, 100], x00283010=lut) == [0, 255]


def test_a_presentation_lut_goes_last():
    assert grey([0, 1, 2], x20500010=table(0, 8, [255, 100, 0])) == [255, 100, 0]


def test_float_pixels_that_are_no_numbers_are_black():
    description = replace(
        describe_pixels(IMAGE, "1.2.840.10008.1.2.1", LAYOUT), kind="float", bits_allocated=32, bits_stored=32
    )
    array = np.array([[0.0, 0.5, 1.0, np.nan, np.inf, -np.inf]], np.float32)
    made = to_grey(array, read_grayscale(IMAGE, description, no_bulk))
    assert made.tolist() == [[0, 128, 255, 0, 255, 0]]


def test_thirty_two_bits():
    wide = {"x00280100": us(32), "x00280101": us(32), "x00280102": us(31), "x00280103": us(0)}
    assert grey([0, 2**31, 2**32 - 1], **wide) == [0, 128, 255]


def test_the_window_of_a_frame_goes_before_that_of_all_frames():
    def group(center):
        return {"00289132": {"vr": "SQ", "Value": [{"00281050": ds(center), "00281051": ds(100)}]}}

    attributes = {"52009229": {"vr": "SQ", "Value": [group(1)]}, "52009230": {"vr": "SQ", "Value": [group(2), {}]}}
    assert attributes_of_frame(attributes, 1)["00281050"] == ds(2)
    assert attributes_of_frame(attributes, 2)["00281050"] == ds(1)
    assert attributes_of_frame(attributes, 3)["00281050"] == ds(1)
    assert "52009230" not in attributes_of_frame(attributes, 1)


def test_a_window_of_one_is_a_threshold():
    assert VoiWindow(10, 1).map(np.array([9.0, 9.5, 10.0])).tolist() == [0, 0, 1]

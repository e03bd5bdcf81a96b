"""Presentation states, segmentations, maps and structure sets as rendered resources (PS3.18 8.3.5.1.6, 10.4)."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from pydicom.uid import generate_uid
from tests import presented as p
from tests.conformance.shelf import BASE, ORIGIN, open_shelf
from tests.payloads import multipart_of
from tests.presented import item

if TYPE_CHECKING:
    from collections.abc import Iterator

MANY = 'multipart/related; type="image/png"'
RAMP = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64) % 256
FLAT = np.full((64, 64), 100, np.uint8)
IDENTITY = {"PresentationLUTShape": "IDENTITY"}
RED, GREEN, BLUE = ([round(L * 655.35), round((a + 128) * 257), round((b + 128) * 257)] for L, a, b in (
    (54.29, 80.81, 69.89), (87.82, -79.27, 80.99), (29.57, 68.29, -112.03)
))  # fmt: skip
"""The primaries of sRGB in CIELab under D50, from published tables, as 16-bit values (PS3.3 C.10.7.1.1)."""


@pytest.fixture
def shelf(tmp_path) -> Iterator[object]:
    with open_shelf(tmp_path / "archive") as opened:
        yield opened


def put(shelf, *datasets):
    return [shelf.store(p.file_of(dataset)) for dataset in datasets][-1]


def shown(response) -> np.ndarray:
    assert response.status_code == 200, response.text
    return np.asarray(Image.open(io.BytesIO(response.content))).astype(int)


def parts_of(response) -> list[tuple[str, np.ndarray]]:
    assert response.status_code == 200, response.text
    found = multipart_of(response.headers, response.content)
    return [
        (dict(part.headers)["content-location"], np.asarray(Image.open(io.BytesIO(part.body))).astype(int))
        for part in found
    ]


def grey_state(shelf, array=FLAT, query="", sop_class=p.GRAYSCALE, image=None, **attributes) -> np.ndarray:
    source = p.image(array, generate_uid(), p.SECONDARY_CAPTURE, **(image or {}))
    made = p.state(sop_class, source, **{**IDENTITY, **attributes})
    return shown(put(shelf, source, made).get(f"/rendered{query}", "image/png"))


def annotated(shelf, *graphics, texts=(), array=FLAT, layer=None, query="", **attributes) -> np.ndarray:
    annotation = item(GraphicLayer="A")
    if graphics:
        annotation.GraphicObjectSequence = p.Sequence(graphics)
    if texts:
        annotation.TextObjectSequence = p.Sequence(texts)
    layers = [layer or item(GraphicLayer="A", GraphicLayerOrder=1, GraphicLayerRecommendedDisplayGrayscaleValue=65535)]
    return grey_state(
        shelf, array, query, GraphicAnnotationSequence=[annotation], GraphicLayerSequence=layers, **attributes
    )


def graphic(kind, data, filled="N", units="PIXEL", **more):
    return item(
        GraphicAnnotationUnits=units,
        GraphicDimensions=2,
        NumberOfGraphicPoints=len(data) // 2,
        GraphicData=list(map(float, data)),
        GraphicType=kind,
        GraphicFilled=filled,
        **more,
    )


# Grey scale pipeline (PS3.4 N.2.1) ----------------------------------------------------------------------------


def lut(entries, bits=8, first=0):
    return item(LUTDescriptor=[len(entries), first, bits], LUTData=np.asarray(entries, "<u2").tobytes())


def test_what_the_state_does_not_have_is_an_identity_whatever_the_image_says(shelf):
    made = grey_state(
        shelf,
        RAMP.astype(np.uint8),
        image={"WindowCenter": 10, "WindowWidth": 5, "RescaleSlope": 3, "RescaleIntercept": -7,
               "PhotometricInterpretation": "MONOCHROME1"},
    )  # fmt: skip
    assert np.array_equal(made, RAMP)


def test_sixteen_bits_without_a_window_show_their_whole_range(shelf):
    array = np.full((8, 8), 0x8000, np.uint16)
    assert np.unique(grey_state(shelf, array)).tolist() == [128]


def test_inverse(shelf):
    assert np.array_equal(grey_state(shelf, RAMP.astype(np.uint8), PresentationLUTShape="INVERSE"), 255 - RAMP)


def test_window_of_the_state_on_rescaled_values(shelf):
    voi = [item(WindowCenter=0, WindowWidth=101)]
    made = grey_state(shelf, RAMP, RescaleSlope=2, RescaleIntercept=-200, RescaleType="US", SoftcopyVOILUTSequence=voi)
    expected = np.clip(((RAMP * 2.0 - 200) + 0.5) / 100 + 0.5, 0, 1) * 255
    assert np.abs(made - expected).max() <= 0.51


def test_window_only_of_the_image_that_it_names(shelf):
    voi = [
        item(WindowCenter=1, WindowWidth=1, ReferencedImageSequence=[
            item(ReferencedSOPClassUID=p.CT, ReferencedSOPInstanceUID="1.2.3")
        ]),
        item(WindowCenter=100.5, WindowWidth=2, VOILUTFunction="LINEAR_EXACT"),
    ]  # fmt: skip
    made = grey_state(shelf, RAMP, SoftcopyVOILUTSequence=voi)
    assert np.unique(made[RAMP < 99]).tolist() == [0]
    assert np.unique(made[RAMP > 102]).tolist() == [255]


def test_all_three_tables(shelf):
    rng = np.random.default_rng(7)
    modality, voi, last = (rng.permutation(256) for _ in range(3))
    made = grey_state(
        shelf,
        RAMP.astype(np.uint8),
        ModalityLUTSequence=[lut(modality)],
        SoftcopyVOILUTSequence=[item(VOILUTSequence=[lut(voi)])],
        PresentationLUTSequence=[lut(last)],
        PresentationLUTShape="",
    )
    assert np.array_equal(made, last[voi[modality[RAMP]]])


def test_mask_subtraction(shelf):
    frames = np.stack([np.full((8, 8), value, np.uint16) for value in (100, 140, 250)])
    source = p.image(frames, generate_uid(), p.MULTI_FRAME)
    made = p.state(
        p.XA,
        (source, (3,)),
        **IDENTITY,
        MaskSubtractionSequence=[item(MaskOperation="AVG_SUB", MaskFrameNumbers=[1, 2])],
        SoftcopyVOILUTSequence=[item(WindowCenter=130, WindowWidth=200, VOILUTFunction="LINEAR_EXACT")],
    )
    # 250 - 120 is the centre.
    assert abs(int(shown(put(shelf, source, made).get("/rendered", "image/png"))[0, 0]) - 128) <= 1


# Spatial transformation and displayed area (PS3.3 C.10.4, C.10.6) ---------------------------------------------


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("flip", ["N", "Y"])
def test_rotation_clockwise_then_flip(shelf, rotation, flip):
    array = np.arange(6 * 4, dtype=np.uint8).reshape(6, 4) * 10
    made = grey_state(shelf, array, ImageRotation=rotation, ImageHorizontalFlip=flip)
    expected = {0: array, 90: array[::-1].T, 180: array[::-1, ::-1], 270: array.T[::-1]}[rotation]
    assert np.array_equal(made, expected[:, ::-1] if flip == "Y" else expected)


def area(first, second, mode="SCALE TO FIT", **more):
    made = item(
        DisplayedAreaTopLeftHandCorner=first,
        DisplayedAreaBottomRightHandCorner=second,
        PresentationSizeMode=mode,
        PresentationPixelAspectRatio=[1, 1],
    )
    made.update(item(**more))
    return [made]


def test_displayed_area_is_cut_out(shelf):
    made = grey_state(shelf, RAMP.astype(np.uint8), DisplayedAreaSelectionSequence=area([11, 21], [30, 50]))
    assert np.array_equal(made, RAMP[20:50, 10:30])


def test_corners_of_a_turned_image_are_named_by_where_they_are_displayed(shelf):
    made = grey_state(
        shelf, RAMP.astype(np.uint8), ImageRotation=90, DisplayedAreaSelectionSequence=area([11, 50], [30, 21])
    )
    assert np.array_equal(made, RAMP[20:50, 10:30][::-1].T)


def test_what_is_displayed_beyond_the_image_is_black(shelf):
    made = grey_state(shelf, FLAT, DisplayedAreaSelectionSequence=area([-9, 1], [70, 32]))
    assert made.shape == (32, 80)
    assert np.unique(made[:, :10]).tolist() == np.unique(made[:, 74:]).tolist() == [0]
    assert np.unique(made[:, 10:74]).tolist() == [100]


@pytest.mark.parametrize("mode", ["SCALE TO FIT", "TRUE SIZE"])
def test_the_displayed_area_is_scaled_to_the_viewport(shelf, mode):
    made = grey_state(shelf, FLAT, "?viewport=200,100", DisplayedAreaSelectionSequence=area([1, 1], [32, 64], mode))
    assert made.shape == (100, 50)


@pytest.mark.parametrize(("query", "size"), [("", (192, 192)), ("?viewport=100,50", (50, 100))])
def test_magnify_then_crop(shelf, query, size):
    more = {"PresentationPixelMagnificationRatio": 3.0}
    made = grey_state(
        shelf, RAMP.astype(np.uint8), query, DisplayedAreaSelectionSequence=area([1, 1], [64, 64], "MAGNIFY", **more)
    )
    assert made.shape == size
    assert abs(made[31, 31] - RAMP[10, 10]) <= 2


@pytest.mark.parametrize(
    ("more", "size"),
    [
        ({"PresentationPixelAspectRatio": [2, 1]}, (128, 64)),
        ({"PresentationPixelAspectRatio": [1, 2]}, (64, 128)),
        ({"PresentationPixelSpacing": [0.5, 0.25]}, (128, 64)),
    ],
)
def test_pixels_that_are_not_square(shelf, more, size):
    assert grey_state(shelf, FLAT, DisplayedAreaSelectionSequence=area([1, 1], [64, 64], **more)).shape == size


# Shutters (PS3.3 C.7.6.11, C.7.6.15) --------------------------------------------------------------------------

ROW, COLUMN = np.mgrid[1:65, 1:65]
SHUTTERS = {
    "RECTANGULAR": (
        {"ShutterLeftVerticalEdge": 10, "ShutterRightVerticalEdge": 40, "ShutterUpperHorizontalEdge": 5,
         "ShutterLowerHorizontalEdge": 60},
        (COLUMN >= 10) & (COLUMN <= 40) & (ROW >= 5) & (ROW <= 60),
    ),
    "CIRCULAR": (
        {"CenterOfCircularShutter": [30, 20], "RadiusOfCircularShutter": 15},
        (ROW - 30) ** 2 + (COLUMN - 20) ** 2 <= 225,
    ),
    "POLYGONAL": ({"VerticesOfThePolygonalShutter": [1, 1, 1, 64, 64, 1]}, ROW + COLUMN <= 65),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHUTTERS)
def test_shutters(shelf, shape):
    attributes, open_ = SHUTTERS[shape]
    made = grey_state(shelf, ShutterShape=shape, ShutterPresentationValue=0x8080, **attributes)
    assert np.array_equal(made, np.where(open_, 100, 128))


def test_shutters_together_hide_what_either_hides(shelf):
    names = ["RECTANGULAR", "CIRCULAR"]
    attributes = {key: value for name in names for key, value in SHUTTERS[name][0].items()}
    made = grey_state(shelf, ShutterShape=names, **attributes)
    assert np.array_equal(made == 100, SHUTTERS["RECTANGULAR"][1] & SHUTTERS["CIRCULAR"][1])


def test_colour_of_a_shutter(shelf):
    attributes, open_ = SHUTTERS["CIRCULAR"]
    made = grey_state(
        shelf,
        ShutterShape="CIRCULAR",
        ShutterPresentationColorCIELabValue=RED,
        ShutterPresentationValue=0,
        **attributes,
    )
    assert np.abs(made[~open_] - (255, 0, 0)).max() <= 6
    assert np.unique(made[open_]).tolist() == [100]


def overlay_bits(mask):
    return np.packbits(mask.reshape(-1), bitorder="little").tobytes()


def with_overlay(dataset, group, mask, layer=None):
    dataset.add_new((group, 0x0010), "US", mask.shape[0])
    dataset.add_new((group, 0x0011), "US", mask.shape[1])
    dataset.add_new((group, 0x0040), "CS", "G")
    dataset.add_new((group, 0x0050), "SS", [1, 1])
    dataset.add_new((group, 0x0100), "US", 1)
    dataset.add_new((group, 0x0102), "US", 0)
    dataset.add_new((group, 0x3000), "OW", overlay_bits(mask))
    if layer:
        dataset.add_new((group, 0x1001), "CS", layer)


def test_bitmap_shutter(shelf):
    source = p.image(FLAT, generate_uid(), p.SECONDARY_CAPTURE)
    made = p.state(p.GRAYSCALE, source, **IDENTITY, ShutterShape="BITMAP", ShutterPresentationValue=65535)
    made.ShutterOverlayGroup = 0x6002
    mask = (ROW * COLUMN) % 3 == 0
    with_overlay(made, 0x6002, mask)
    assert np.array_equal(shown(put(shelf, source, made).get("/rendered", "image/png")), np.where(mask, 255, 100))


def test_overlays_are_shown_when_the_state_activates_them_in_the_order_of_their_layers(shelf):
    source = p.image(FLAT, generate_uid(), p.SECONDARY_CAPTURE)
    one, two, three = COLUMN > 32, ROW > 32, COLUMN < 5
    with_overlay(source, 0x6000, one)
    with_overlay(source, 0x6002, three)  # not activated
    layers = [
        item(GraphicLayer="TOP", GraphicLayerOrder=2, GraphicLayerRecommendedDisplayGrayscaleValue=65535),
        item(GraphicLayer="LOW", GraphicLayerOrder=1, GraphicLayerRecommendedDisplayGrayscaleValue=0),
    ]
    made = p.state(p.GRAYSCALE, source, **IDENTITY, GraphicLayerSequence=layers)
    made.add_new((0x6000, 0x1001), "CS", "TOP")
    with_overlay(made, 0x6004, two, "LOW")
    expected = np.where(one, 255, np.where(two, 0, 100))
    assert np.array_equal(shown(put(shelf, source, made).get("/rendered", "image/png")), expected)


# Graphic annotation (PS3.3 C.10.5) ----------------------------------------------------------------------------


def distance_to(points) -> np.ndarray:
    """Distance of the centre of every pixel of 64 x 64 to the nearest of some points of (column, row)."""
    points = np.asarray(points, float)
    return np.sqrt(((COLUMN - 0.5)[..., None] - points[:, 0]) ** 2 + ((ROW - 0.5)[..., None] - points[:, 1]) ** 2).min(
        -1
    )


T = np.linspace(0, 1, 400)[:, None]
ANGLE = np.linspace(0, 2 * np.pi, 400)[:, None]
RING = np.concatenate([np.cos(ANGLE), np.sin(ANGLE)], axis=1)
CORNER = np.concatenate([np.array([8.5, 8.5]) + T * (42, 0), np.array([50.5, 8.5]) + T * (0, 31.5)])
LINES = {
    "POLYLINE": ([8.5, 8.5, 50.5, 8.5, 50.5, 40], CORNER),
    "CIRCLE": ([32, 30, 32, 10], np.array([32, 30]) + 20 * RING),
    "ELLIPSE": ([12, 30, 52, 30, 32, 20, 32, 40], np.array([32, 30]) + RING * (20, 10)),
    # A smooth curve through points of one line is that line.
    "INTERPOLATED": ([10, 10, 20, 20, 30, 30, 50, 50], np.array([10, 10]) + T * (40, 40)),
}


@pytest.mark.parametrize("kind", LINES)
def test_graphic_types(shelf, kind):
    data, points = LINES[kind]
    made = annotated(shelf, graphic(kind, data))
    distance = distance_to(points)
    assert made[distance > 1.5].tolist() == [100] * int((distance > 1.5).sum())
    assert made[distance < 0.2].min() > 180


def test_point(shelf):
    made = annotated(shelf, graphic("POINT", [20.5, 30.5]))
    assert made[30, 20] == 255
    assert np.unique(made[np.hypot(COLUMN - 21, ROW - 31) > 6]).tolist() == [100]


def test_interpolated_goes_through_its_points(shelf):
    data = [10, 30, 20, 10, 40, 50, 55, 20]
    made = annotated(shelf, graphic("INTERPOLATED", data))
    for column, row in zip(data[::2], data[1::2], strict=True):
        assert made[row - 1 : row + 1, column - 1 : column + 1].max() > 180


@pytest.mark.parametrize(
    ("kind", "data", "inside"),
    [
        ("POLYLINE", [10, 10, 40, 10, 40, 30, 10, 30, 10, 10], lambda x, y: (x > 10) & (x < 40) & (y > 10) & (y < 30)),
        ("CIRCLE", [32, 30, 52, 30], lambda x, y: (x - 32) ** 2 + (y - 30) ** 2 < 400),
        ("ELLIPSE", [12, 30, 52, 30, 32, 20, 32, 40], lambda x, y: (x - 32) ** 2 / 400 + (y - 30) ** 2 / 100 < 1),
    ],
)
def test_filled(shelf, kind, data, inside):
    made = annotated(shelf, graphic(kind, data, "Y"))
    expected = inside(COLUMN - 0.5, ROW - 0.5)
    assert np.mean((made > 180) == expected) > 0.97
    assert made[30 if kind != "POLYLINE" else 20, 32] == 255


def test_display_units_are_fractions_of_what_is_displayed(shelf):
    made = annotated(
        shelf,
        graphic("POLYLINE", [0.5, 0, 0.5, 1], units="DISPLAY"),
        DisplayedAreaSelectionSequence=area([1, 1], [32, 64]),
    )
    assert made.shape == (64, 32)
    assert made[:, 15:17].min() > 150
    assert np.unique(made[:, [5, 25]]).tolist() == [100]


def test_pixel_units_turn_with_the_image(shelf):
    made = annotated(shelf, graphic("POLYLINE", [0, 10.5, 64, 10.5]), ImageRotation=90)
    assert made[:, 53].min() > 240  # row 10 from the top is column 10 from the right
    assert np.unique(made[:, 40]).tolist() == [100]


def test_pixel_units_grow_with_the_image(shelf):
    made = annotated(shelf, graphic("POLYLINE", [0, 10.5, 64, 10.5]), query="?viewport=640,640")
    assert made[104:106].max(axis=0).min() > 170
    assert np.unique(made[95]).tolist() == [100]


def test_colours_of_layers_and_styles(shelf):
    layer = item(GraphicLayer="A", GraphicLayerOrder=1, GraphicLayerRecommendedDisplayCIELabValue=RED)
    style = item(PatternOnColorCIELabValue=BLUE, LineThickness=1.0)
    made = annotated(
        shelf,
        graphic("POLYLINE", [0, 10.5, 64, 10.5]),
        graphic("POLYLINE", [0, 20.5, 64, 20.5], LineStyleSequence=[style]),
        layer=layer,
    )
    assert np.abs(made[10, 5:60] - (255, 0, 0)).max() <= 8
    assert np.abs(made[20, 5:60] - (0, 0, 255)).max() <= 12
    assert np.unique(made[40]).tolist() == [100]


def test_dashed_lines(shelf):
    style = item(LineDashingStyle="DASHED", LineThickness=1.0)
    made = annotated(shelf, graphic("POLYLINE", [0, 10.5, 64, 10.5], LineStyleSequence=[style]))
    assert {100, 255} <= set(made[10].tolist())


def text_object(**attributes):
    return item(UnformattedTextValue="HELLO\r\nWORLD", **attributes)


def test_text_in_its_box(shelf):
    big = np.full((256, 256), 100, np.uint8)
    box = text_object(
        BoundingBoxAnnotationUnits="PIXEL",
        BoundingBoxTopLeftHandCorner=[50, 60],
        BoundingBoxBottomRightHandCorner=[200, 120],
        BoundingBoxTextHorizontalJustification="LEFT",
    )
    made = annotated(shelf, texts=[box], array=big)
    lit = np.argwhere(made > 200)
    assert len(lit) > 50
    assert lit[:, 0].min() >= 58
    assert lit[:, 0].max() <= 122
    assert lit[:, 1].min() >= 48
    assert lit[:, 1].max() <= 202
    right = text_object(
        BoundingBoxAnnotationUnits="PIXEL",
        BoundingBoxTopLeftHandCorner=[50, 60],
        BoundingBoxBottomRightHandCorner=[200, 120],
        BoundingBoxTextHorizontalJustification="RIGHT",
    )
    moved = np.argwhere(annotated(shelf, texts=[right], array=big) > 200)
    assert moved[:, 1].min() > lit[:, 1].min() + 20


def test_text_at_its_anchor_and_the_line_to_it(shelf):
    big = np.full((256, 256), 100, np.uint8)
    alone = text_object(AnchorPointAnnotationUnits="DISPLAY", AnchorPoint=[0.5, 0.5], AnchorPointVisibility="N")
    lit = np.argwhere(annotated(shelf, texts=[alone], array=big) > 200)
    assert len(lit) > 50
    assert np.abs(lit.min(axis=0) - (128, 128)).max() < 12
    both = text_object(
        AnchorPointAnnotationUnits="PIXEL", AnchorPoint=[20, 220], AnchorPointVisibility="Y",
        BoundingBoxAnnotationUnits="PIXEL", BoundingBoxTopLeftHandCorner=[120, 20],
        BoundingBoxBottomRightHandCorner=[220, 60], BoundingBoxTextHorizontalJustification="LEFT",
    )  # fmt: skip
    made = annotated(shelf, texts=[both], array=big)
    assert made[139:142, 69:72].max() > 180  # half way from (120, 60) to (20, 220)


# Colour (PS3.4 N.2.2, N.2.3, N.2.4) ---------------------------------------------------------------------------


def palette(**more):
    ramp = np.arange(256, dtype=np.uint16)
    tables = {"Red": ramp, "Green": 255 - ramp, "Blue": np.zeros_like(ramp)}
    made = {}
    for name, entries in tables.items():
        made[f"{name}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        made[f"{name}PaletteColorLookupTableData"] = (entries * 257).astype("<u2").tobytes()
    return {**made, **more}


def test_pseudo_color(shelf):
    made = grey_state(shelf, RAMP.astype(np.uint8), sop_class=p.PSEUDO_COLOR, PresentationLUTShape=None, **palette())
    assert np.array_equal(made, np.stack([RAMP, 255 - RAMP, RAMP * 0], -1))


def test_color_state_embeds_its_profile(shelf):
    from filmjacket.pixels.color_profiles import named_profile

    colours = np.random.default_rng(1).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    source = p.image(colours, generate_uid(), p.SECONDARY_CAPTURE)
    profile = named_profile("adobergb")
    made = p.state(p.COLOR, source, ICCProfile=profile, ImageRotation=180)
    stored = put(shelf, source, made)
    response = stored.get("/rendered", "image/png")
    assert Image.open(io.BytesIO(response.content)).info["icc_profile"].rstrip(b"\0") == profile.rstrip(b"\0")
    assert np.array_equal(shown(response), colours[::-1, ::-1])
    plain = stored.get("/rendered?iccprofile=no", "image/png")
    assert "icc_profile" not in Image.open(io.BytesIO(plain.content)).info


def blending(under, over, **attributes):
    sets = [
        item(BlendingPosition=name, StudyInstanceUID=images[0].StudyInstanceUID,
             ReferencedSeriesSequence=p.referenced_series(*images))
        for name, images in (("UNDERLYING", under), ("SUPERIMPOSED", over))
    ]  # fmt: skip
    return p.instance(
        p.BLENDING, under[0].StudyInstanceUID, BlendingSequence=sets, RelativeOpacity=0.25, **palette(), **attributes
    )


def test_blending_by_geometry(shelf):
    study = generate_uid()
    under = [p.image(FLAT, study, **p.at(z)) for z in (0.0, 10.0)]
    # Half as fine, over the lower right quarter of the second slice only, one millimetre above it.
    value = np.full((32, 32), 200, np.uint8)
    over = [p.image(value, generate_uid(), **p.at(10.8, 2.0, (32.5, 32.5)))]
    over[0].StudyInstanceUID = study
    parts = parts_of(put(shelf, *under, *over, blending(under, over)).get("/rendered", MANY))
    assert [location.rsplit("/", 1)[1] for location, _ in parts] == [u.SOPInstanceUID for u in under]
    first, second = (picture for _, picture in parts)
    assert np.unique(first).tolist() == [100]
    assert second[:30, :30].reshape(-1, 3).tolist() == [[100, 100, 100]] * 900
    expected = [round(100 * 0.75 + colour * 0.25) for colour in (200, 55, 0)]
    assert np.abs(second[40:, 40:] - expected).max() <= 1


# Which images, in which order, what is refused (8.3.5.1.6) ----------------------------------------------------


def test_every_referenced_frame_in_the_order_of_position(shelf):
    study = generate_uid()
    images = [
        p.image(np.full((8, 8), value, np.uint8), study, **p.at(z)) for value, z in ((30, 5.0), (10, -5.0), (20, 0.0))
    ]
    stored = put(shelf, *images, p.state(p.GRAYSCALE, *images, **IDENTITY))
    parts = parts_of(stored.get("/rendered", MANY))
    assert [int(picture[0, 0]) for _, picture in parts] == [10, 20, 30]
    assert parts[0][0].endswith(images[1].SOPInstanceUID)
    assert stored.get("/rendered").headers["content-type"] == "image/gif"


def test_referenced_frame_numbers(shelf):
    frames = np.stack([np.full((8, 8), value, np.uint8) for value in (10, 20, 30)])
    source = p.image(frames, generate_uid(), p.MULTI_FRAME)
    parts = parts_of(put(shelf, source, p.state(p.GRAYSCALE, (source, (3, 1)), **IDENTITY)).get("/rendered", MANY))
    assert [int(picture[0, 0]) for _, picture in parts] == [30, 10]
    assert [location.rsplit("/", 2)[1:] for location, _ in parts] == [["frames", "3"], ["frames", "1"]]


def test_images_of_several_sizes_are_parts(shelf):
    study = generate_uid()
    images = [p.image(np.zeros((size, size), np.uint8), study) for size in (8, 16)]
    stored = put(shelf, *images, p.state(p.GRAYSCALE, *images, **IDENTITY))
    response = stored.get("/rendered", 'image/gif, multipart/related; type="image/png"')
    assert [picture.shape for _, picture in parts_of(response)] == [(8, 8), (16, 16)]
    assert stored.get("/rendered", "image/gif").status_code == 406


@pytest.mark.parametrize(
    ("below", "offender"),
    [
        ("/rendered?window=40,400,linear", "window"),
        ("/rendered?viewport=100,100,10,10,20,20", "viewport"),
        ("/rendered?viewport=100,100,,,-64", "viewport"),
        ("/rendered?viewport=20,20,0", "viewport"),
        ("/rendered?viewport=20,20,0,0", "viewport"),
        ("/rendered?viewport=20,20,,0", "viewport"),
        ("/rendered?viewport=20,20,-0,0.0", "viewport"),
        ("/rendered?viewport=20%2C20%2C0%2C0", "viewport"),
        ("/frames/1/rendered", "frames"),
    ],
)
def test_what_may_not_be_asked_of_a_presentation_state(shelf, below, offender):
    source = p.image(FLAT, generate_uid())
    response = put(shelf, source, p.state(p.GRAYSCALE, source, **IDENTITY)).get(below)
    assert response.status_code == 400
    assert offender in response.text


def test_missing_images(shelf):
    study = generate_uid()
    here, missing = p.image(FLAT, study), p.image(FLAT, study)
    alone = put(shelf, p.state(p.GRAYSCALE, missing, **IDENTITY))
    response = alone.get("/rendered")
    assert response.status_code == 409
    assert missing.SOPInstanceUID in response.text
    some = put(shelf, here, p.state(p.GRAYSCALE, here, missing, **IDENTITY)).get("/rendered", "image/png")
    assert some.status_code == 206
    assert "1 of the images" in some.headers["warning"]
    # In a study it is only left out.
    whole = alone.client.get(f"{BASE}/studies/{study}/rendered?window=40,400,linear", headers={"Accept": MANY})
    assert whole.status_code == 206
    assert len(multipart_of(whole.headers, whole.content)) == 2


def test_the_entity_tag_changes_with_the_images(shelf):
    source = p.image(FLAT, generate_uid())
    stored = put(shelf, source, p.state(p.GRAYSCALE, source, **IDENTITY))
    response = stored.get("/rendered", "image/png")
    assert response.headers["content-location"] == stored.url
    assert stored.get("/rendered", "image/png", **{"If-None-Match": response.headers["etag"]}).status_code == 304
    source.PixelData = bytes(64 * 64)
    put(shelf, source)
    again = stored.get("/rendered", "image/png", **{"If-None-Match": response.headers["etag"]})
    assert np.unique(shown(again)).tolist() == [0]


def test_annotation_keywords_are_burned_in_last(shelf):
    plain = np.zeros((256, 256), np.uint8)
    assert grey_state(shelf, plain, "?annotation=patient", image={"PatientName": "A^B"}).max() > 200


# Segmentations (PS3.3 A.51) -----------------------------------------------------------------------------------

SEGMENTS = [
    item(SegmentNumber=1, SegmentLabel="a", RecommendedDisplayCIELabValue=RED),
    item(SegmentNumber=2, SegmentLabel="b", RecommendedDisplayCIELabValue=GREEN),
]
SQUARE = np.zeros((64, 64), np.bool_)
SQUARE[20:41, 11:32] = True


def over(base, colour, opacity=0.4):
    return [round(base * (1 - opacity) + part * opacity) for part in colour]


def seg_window(z):
    return p.at(z, WindowCenter=128, WindowWidth=256)


def test_binary_segments_over_the_images_that_they_name(shelf):
    study = generate_uid()
    images = [p.image(FLAT, study, **p.at(z)) for z in (0.0, 5.0)]
    frames = np.stack([SQUARE, SQUARE, SQUARE.T])
    groups = [p.group(images[1], 5.0, 1), p.group(images[0], 0.0, 1), p.group(images[1], 5.0, 2)]
    seg = p.segmentation(
        frames, study, groups, SegmentSequence=SEGMENTS, ReferencedSeriesSequence=instances_of(*images)
    )
    stored = put(shelf, *images, seg)
    parts = parts_of(stored.get("/rendered", MANY))
    assert [location.rsplit("/", 1)[1] for location, _ in parts] == [i.SOPInstanceUID for i in images]
    lower, upper = (picture for _, picture in parts)
    assert np.abs(lower[30, 20] - over(100, (255, 0, 0))).max() <= 3
    assert np.abs(lower[20, 20] - (255, 0, 0)).max() <= 6  # outline
    assert np.unique(lower[~SQUARE]).tolist() == [100]
    assert np.abs(upper[15, 38] - over(100, (0, 255, 0))).max() <= 3
    one = shown(stored.get("/frames/1/rendered", "image/png"))
    assert np.array_equal(one, lower)
    assert stored.get("/frames/1/rendered", "image/png").headers["content-location"] == f"{stored.url}/frames/1"
    assert stored.get("/frames/4/rendered").status_code == 404


def instances_of(*images):
    return [
        item(SeriesInstanceUID=dataset.SeriesInstanceUID, ReferencedInstanceSequence=[p.reference(dataset)])
        for dataset in images
    ]


def test_segments_find_their_image_by_geometry_and_are_resampled(shelf):
    study = generate_uid()
    images = [p.image(FLAT, study, **p.at(z)) for z in (0.0, 5.0)]
    coarse = np.zeros((1, 32, 32), np.bool_)
    coarse[0, 10:20, 5:15] = True
    seg = p.segmentation(
        coarse,
        study,
        [p.group(None, 5.3, 2, 2.0)],
        SegmentSequence=SEGMENTS,
        ReferencedSeriesSequence=instances_of(*images),
    )
    parts = parts_of(put(shelf, *images, seg).get("/rendered", MANY))
    ((location, picture),) = parts
    assert location.endswith(images[1].SOPInstanceUID)
    changed = np.argwhere((picture != 100).any(axis=-1))
    # Centres of coarse pixels are on every second fine one: 10 covers 19 to 21, half of it on each side.
    assert np.abs(changed.min(axis=0) - (20, 10)).max() <= 1
    assert np.abs(changed.max(axis=0) - (38, 28)).max() <= 1


def test_fractional_segments_are_as_opaque_as_they_are_sure(shelf):
    study = generate_uid()
    source = p.image(FLAT, study, **p.at(0.0))
    frame = np.zeros((1, 64, 64), np.uint8)
    frame[0, 10:50, 10:30], frame[0, 10:50, 30:50] = 40, 200
    seg = p.segmentation(
        frame, study, [p.group(source, 0.0, 1)], "FRACTIONAL",
        SegmentSequence=SEGMENTS, MaximumFractionalValue=200, SegmentationFractionalType="PROBABILITY",
    )  # fmt: skip
    picture = shown(put(shelf, source, seg).get("/rendered", "image/png"))
    assert np.abs(picture[30, 20] - over(100, (255, 0, 0), 0.08)).max() <= 3
    assert np.abs(picture[30, 40] - over(100, (255, 0, 0), 0.4)).max() <= 3


def test_label_maps(shelf):
    study = generate_uid()
    source = p.image(FLAT, study, **p.at(0.0))
    frame = np.zeros((1, 64, 64), np.uint8)
    frame[0, 10:30], frame[0, 40:60] = 1, 2
    seg = p.segmentation(frame, study, [p.group(source, 0.0, None)], "LABELMAP", SegmentSequence=SEGMENTS)
    picture = shown(put(shelf, source, seg).get("/rendered", "image/png"))
    assert np.abs(picture[20, 20] - over(100, (255, 0, 0))).max() <= 3
    assert np.abs(picture[50, 20] - over(100, (0, 255, 0))).max() <= 3
    assert picture[35, 20].tolist() == [100, 100, 100]


def test_segments_without_images_are_shown_over_black(shelf):
    study = generate_uid()
    missing = p.image(FLAT, study, **p.at(0.0))
    seg = p.segmentation(SQUARE[None], study, [p.group(missing, 0.0, 1)], SegmentSequence=SEGMENTS)
    picture = shown(put(shelf, seg).get("/rendered", "image/png"))
    assert np.abs(picture[30, 20] - over(0, (255, 0, 0))).max() <= 3
    assert np.unique(picture[~SQUARE]).tolist() == [0]


def test_window_and_viewport_are_those_of_the_image_below(shelf):
    study = generate_uid()
    source = p.image(FLAT, study, **p.at(0.0))
    stored = put(
        shelf, source, p.segmentation(SQUARE[None], study, [p.group(source, 0.0, 1)], SegmentSequence=SEGMENTS)
    )
    picture = shown(stored.get("/rendered?window=100,1,linear&viewport=128,128,0,0,-32,32", "image/png"))
    assert picture.shape == (128, 128, 3)
    assert np.unique(picture[:40]).tolist() == [255]
    # Columns 11 to 31 of 32, flipped and four times as large, are columns 0 to 83.
    assert np.abs(picture[100, 40] - over(255, (255, 0, 0))).max() <= 3
    assert picture[100, 100].tolist() == [255, 255, 255]


# Parametric maps (PS3.3 A.75) ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["float", "integer"])
def test_parametric_maps_in_false_colours(shelf, kind):
    study = generate_uid()
    source = p.image(FLAT, study, **p.at(0.0))
    values = np.tile(np.arange(64), (1, 64, 1))
    array = values.astype(np.float32) / 10 if kind == "float" else values.astype(np.uint16)
    mapping = item(RealWorldValueSlope=2.0, RealWorldValueIntercept=10.0, LUTLabel="x")
    made = p.image(
        array, study, p.PARAMETRIC_MAP, FrameOfReferenceUID=p.FRAME_OF_REFERENCE,
        SharedFunctionalGroupsSequence=[item(RealWorldValueMappingSequence=[mapping])],
        PerFrameFunctionalGroupsSequence=[p.group(source, 0.0, None)],
    )  # fmt: skip
    stored = put(shelf, source, made)
    picture = shown(stored.get("/rendered", "image/png"))
    assert picture[5, 0].tolist() == [100, 100, 100]
    assert np.abs(picture[5, 63] - over(100, (255, 255, 255), 0.7)).max() <= 1
    # Hot Iron: the middle of the range is red, orange from there on.
    assert np.abs(picture[5, 32] - over(100, (255, 4, 0), 0.7)).max() <= 4
    assert np.array_equal(shown(stored.get("/frames/1/rendered", "image/png")), picture)
    # A window of real world values: 10 + 2 * x.
    low, high = (10 + 2 * array.min(), 10 + 2 * array.max())
    same = shown(stored.get(f"/rendered?window={(low + high) / 2},{high - low},linear-exact", "image/png"))
    assert np.abs(same - picture).max() <= 2


def test_a_map_without_its_image_is_shown_over_black(shelf):
    study = generate_uid()
    made = p.image(
        np.linspace(0, 1, 64 * 64, dtype=np.float32).reshape(1, 64, 64), study, p.PARAMETRIC_MAP,
        PerFrameFunctionalGroupsSequence=[p.group(None, 0.0, None)],
    )  # fmt: skip
    picture = shown(put(shelf, made).get("/rendered", "image/png"))
    assert picture[0, 0].tolist() == [0, 0, 0]
    assert picture[63, 63].tolist() == [255, 255, 255]


# RT Structure Sets (PS3.3 C.8.8.5, C.8.8.6) -------------------------------------------------------------------


def contour(points, kind="CLOSED_PLANAR", images=()):
    made = item(
        ContourGeometricType=kind, NumberOfContourPoints=len(points), ContourData=[float(v) for q in points for v in q]
    )
    if images:
        made.ContourImageSequence = p.Sequence([p.reference(image) for image in images])
    return made


def structures(images, *regions):
    series = item(SeriesInstanceUID=images[0].SeriesInstanceUID, ContourImageSequence=[p.reference(i) for i in images])
    study = item(ReferencedSOPInstanceUID=images[0].StudyInstanceUID, RTReferencedSeriesSequence=[series])
    return p.instance(
        p.STRUCTURE_SET,
        images[0].StudyInstanceUID,
        ReferencedFrameOfReferenceSequence=[
            item(FrameOfReferenceUID=p.FRAME_OF_REFERENCE, RTReferencedStudySequence=[study])
        ],
        ROIContourSequence=[
            item(ROIDisplayColor=list(colour), ContourSequence=contours) for colour, contours in regions
        ],
    )


def box_at(z, low=10.0, high=40.0):
    return [(low, low, z), (high, low, z), (high, high, z), (low, high, z)]


def test_contours_in_their_colours_by_image_or_by_place(shelf):
    study, series = generate_uid(), generate_uid()
    images = [p.image(FLAT, study, SeriesInstanceUID=series, **p.at(z)) for z in (0.0, 3.0, 6.0)]
    made = structures(
        images,
        ((255, 0, 0), [contour(box_at(0.0), images=images[:1]), contour(box_at(0.0, 20, 30), images=images[:1])]),
        ((0, 0, 255), [contour([(5, 5, 3.2), (50, 5, 3.2)], "OPEN_PLANAR"), contour([(50, 50, 3.0)], "POINT")]),
    )
    parts = parts_of(put(shelf, *images, made).get("/rendered", MANY))
    assert [location.rsplit("/", 1)[1] for location, _ in parts] == [i.SOPInstanceUID for i in images[:2]]
    lower, upper = (picture for _, picture in parts)
    # The centre of pixel (10, 10) is at (10, 10) mm: the line is on it.
    assert np.abs(lower[10, 15:35] - (255, 0, 0)).max() <= 30
    assert np.abs(lower[15, 15] - over(100, (255, 0, 0), 0.15)).max() <= 1
    assert lower[25, 25].tolist() == [100, 100, 100]  # the inner contour is a hole
    assert lower[5, 5].tolist() == lower[50, 50].tolist() == [100, 100, 100]
    assert np.abs(upper[5, 10:45] - (0, 0, 255)).max() <= 30
    assert upper[50, 50, 2] > 200
    assert upper[20, 20].tolist() == [100, 100, 100]


def test_lines_through_slices(shelf):
    study, series = generate_uid(), generate_uid()
    images = [p.image(FLAT, study, SeriesInstanceUID=series, **p.at(z)) for z in (0.0, 2.0)]
    points = [(10, 10, 0), (20, 10, 0), (20, 40, 2), (40, 40, 2)]
    parts = parts_of(
        put(shelf, *images, structures(images, ((0, 255, 0), [contour(points, "OPEN_NONPLANAR")]))).get(
            "/rendered", MANY
        )
    )
    lower, upper = (picture for _, picture in parts)
    assert lower[10, 15, 1] > 200
    assert upper[40, 30, 1] > 200
    assert upper[10, 15].tolist() == lower[40, 30].tolist() == [100, 100, 100]


def test_a_structure_set_without_images(shelf):
    missing = p.image(FLAT, generate_uid(), **p.at(0.0))
    response = put(shelf, structures([missing], ((255, 0, 0), [contour(box_at(0.0))]))).get("/rendered")
    assert response.status_code == 409
    assert missing.SOPInstanceUID in response.text


def test_wado_uri_applies_the_state(shelf):
    source = p.image(RAMP.astype(np.uint8), generate_uid())
    made = p.state(p.GRAYSCALE, source, **IDENTITY, ImageRotation=180)
    stored = put(shelf, source, made)
    response = stored.client.get(
        f"{ORIGIN}{BASE}/wado?requestType=WADO&studyUID={source.StudyInstanceUID}&seriesUID={source.SeriesInstanceUID}"
        f"&objectUID={source.SOPInstanceUID}&contentType=image/png"
        f"&presentationSeriesUID={made.SeriesInstanceUID}&presentationUID={made.SOPInstanceUID}"
    )
    assert np.array_equal(shown(response), RAMP[::-1, ::-1])

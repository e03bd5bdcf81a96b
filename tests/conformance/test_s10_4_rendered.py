"""Rendered studies, series, instances and frames (PS3.18 10.4.1.1.3, Table 8.7.4-1)."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.encaps import encapsulate, generate_frames
from tests.conformance.shelf import ORIGIN, open_shelf
from tests.payloads import multipart_of
from tests.samples import multipart, sample, series, variant

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGNATURES = {
    "image/jpeg": b"\xff\xd8\xff",
    "image/png": b"\x89PNG",
    "image/gif": b"GIF8",
    "image/jp2": b"\0\0\0\x0cjP  ",
    "image/jph": b"\0\0\0\x0cjP  ",
    "image/jxl": b"\xff\x0a",
}


@pytest.fixture
def shelf(tmp_path) -> Iterator[object]:
    with open_shelf(tmp_path / "archive") as opened:
        yield opened


def rendered_parts(response) -> list[tuple[dict[str, str], bytes]]:
    assert response.status_code == 200, response.text
    return [(dict(part.headers), part.body) for part in multipart_of(response.headers, response.content)]


def shown(response) -> np.ndarray:
    assert response.status_code == 200, response.text
    return np.asarray(Image.open(io.BytesIO(response.content))).astype(int)


@pytest.mark.parametrize("media_type", SIGNATURES)
@pytest.mark.parametrize("below", ["/rendered", "/frames/1/rendered"])
@pytest.mark.parametrize("name", ["CT_small.dcm", "US1_UNCR.dcm"])
def test_every_type_of_single_frames(shelf, name, below, media_type):
    file = shelf.store(sample(name))
    response = file.get(below, media_type)
    assert response.status_code == 200
    assert response.headers["content-type"] == media_type
    assert response.content.startswith(SIGNATURES[media_type])
    assert int(response.headers["content-length"]) == len(response.content)
    assert response.headers["content-location"] == file.url + ("/frames/1" if "frames" in below else "")


@pytest.mark.parametrize("accept", ["*/*", "image/*", "image/webp,image/*,*/*;q=0.8", "image/jpeg"])
def test_jpeg_is_the_default(shelf, accept):
    file = shelf.store(sample("CT_small.dcm"))
    assert file.get("/rendered", accept).headers["content-type"] == "image/jpeg"


def test_the_accept_parameter_narrows_the_header(shelf):
    file = shelf.store(sample("CT_small.dcm"))
    assert file.get("/rendered?accept=image/png").headers["content-type"] == "image/png"
    assert file.get("/rendered?accept=image/png", "image/jpeg").status_code == 406
    assert file.get("/rendered?accept=image/*").status_code == 400


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/dicom, image/png", 400),
        ("application/dicom", 406),
        ("text/html", 406),
        ("image/tiff", 406),
        ("multipart/related; type=application/octet-stream", 406),
    ],
)
def test_types_that_are_none_of_pictures(shelf, accept, status):
    response = shelf.store(sample("CT_small.dcm")).get("/rendered", accept)
    assert response.status_code == status


def test_frames_as_parts_name_the_frame_that_they_show(shelf):
    file = shelf.store(sample("emri_small.dcm"))
    response = file.get("/frames/2,5/rendered")
    assert response.status_code == 200
    parts = rendered_parts(response)
    assert [headers["content-location"] for headers, _ in parts] == [f"{file.url}/frames/{n}" for n in (2, 5)]
    assert all(headers["content-type"] == "image/jpeg" for headers, _ in parts)
    alone = file.get("/frames/5/rendered")
    assert parts[1][1] == alone.content
    assert file.get("/frames/2,5/rendered", "image/jpeg").status_code == 406


@pytest.mark.parametrize(("frames", "status"), [("0", 400), ("2,1", 400), ("a", 400), ("11", 404), ("1,11", 404)])
def test_frame_lists(shelf, frames, status):
    assert shelf.store(sample("emri_small.dcm")).get(f"/frames/{frames}/rendered").status_code == status


def test_a_multi_frame_image_is_an_animation_or_parts(shelf):
    file = shelf.store(sample("emri_small.dcm"))
    response = file.get("/rendered")
    assert response.headers["content-type"] == "image/gif"
    assert response.headers["content-location"] == file.url
    animation = Image.open(io.BytesIO(response.content))
    assert animation.n_frames == 10
    for number in (1, 10):
        animation.seek(number - 1)
        still = shown(file.get(f"/frames/{number}/rendered", "image/png"))
        assert np.array_equal(np.asarray(animation.convert("L")).astype(int), still)
    parts = rendered_parts(file.get("/rendered", 'multipart/related; type="image/png"'))
    assert [headers["content-location"] for headers, _ in parts] == [f"{file.url}/frames/{n}" for n in range(1, 11)]
    refusal = file.get("/rendered", "image/jpeg")
    assert refusal.status_code == 406
    assert "frames" in refusal.json()["detail"]


def test_cine_runs_at_its_own_speed(shelf):
    response = shelf.store(variant("emri_small.dcm", FrameTime="40")).get("/rendered")
    animation = Image.open(io.BytesIO(response.content))
    assert animation.info["duration"] == 40
    assert animation.info["loop"] == 0


def test_studies_and_series_have_a_part_for_each_instance(shelf):
    files = series(3)
    body, headers = multipart(*files)
    assert shelf.client.post("/dicom-web/studies", content=body, headers=headers).status_code == 200
    stored = [shelf.store(file) for file in files]
    for path in (stored[0].study, stored[0].series):
        response = shelf.client.get(f"{path}/rendered")
        assert response.headers["content-type"].startswith('multipart/related; type="image/jpeg"')
        parts = rendered_parts(response)
        assert [headers["content-location"] for headers, _ in parts] == [file.url for file in stored]
        assert shelf.client.get(f"{path}/rendered", headers={"Accept": "image/jpeg"}).status_code == 406


def test_the_only_instance_of_a_study_is_a_single_part(shelf):
    file = shelf.store(sample("CT_small.dcm"))
    response = shelf.client.get(f"{file.study}/rendered")
    assert response.headers["content-type"] == "image/jpeg"
    assert response.headers["content-location"] == file.url


def test_what_is_not_there(shelf):
    file = shelf.store(sample("CT_small.dcm"))
    assert shelf.client.get("/dicom-web/studies/1.2.3/rendered").status_code == 404
    assert shelf.client.get(f"{file.path}1/rendered").status_code == 404
    assert shelf.client.post(f"{file.path}/rendered").status_code == 405


def test_instances_without_a_rendered_form_are_406(shelf):
    assert shelf.store(sample("rtplan.dcm")).get("/rendered").status_code == 406


def test_a_study_without_those_that_cannot_be_rendered_is_206(shelf):
    picture = sample("CT_small.dcm")
    dataset = pydicom.dcmread(io.BytesIO(picture))
    same = {"StudyInstanceUID": dataset.StudyInstanceUID, "PatientID": dataset.PatientID}
    shelf.store(variant("rtplan.dcm", **same))
    file = shelf.store(picture)
    response = shelf.client.get(f"{file.study}/rendered")
    assert response.status_code == 206
    assert "1 of 2 instances cannot be rendered" in response.headers["warning"]
    assert response.headers["content-location"] == file.url


def test_entity_tags_are_those_of_the_picture(shelf):
    file = shelf.store(sample("CT_small.dcm"))
    first = file.get("/rendered")
    again = file.get("/rendered", **{"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    others = [
        file.get("/rendered?quality=50"),
        file.get("/rendered?window=40,400,linear"),
        file.get("/rendered", "image/png"),
    ]
    assert len({first.headers["etag"], *(other.headers["etag"] for other in others)}) == 4
    changed = file.get("/rendered?quality=50", **{"If-None-Match": first.headers["etag"]})
    assert changed.status_code == 200
    assert first.headers["cache-control"] == "private, no-cache"


def test_head_and_ranges(shelf):
    file = shelf.store(sample("CT_small.dcm"))
    whole = file.get("/rendered")
    head = shelf.client.head(f"{file.path}/rendered")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["etag"] == whole.headers["etag"]
    part = file.get("/rendered", Range="bytes=10-19")
    assert (part.status_code, part.content) == (206, whole.content[10:20])


def test_many_at_once_get_the_same_picture(shelf):
    file = shelf.store(sample("CT_small.dcm"))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: file.get("/rendered?viewport=300,300").content, range(24)))
    assert len(set(answers)) == 1


def test_a_replaced_instance_is_rendered_anew(shelf):
    file = shelf.store(sample("CT_small.dcm"))
    before = file.get("/rendered", "image/png").content
    dataset = pydicom.dcmread(io.BytesIO(sample("CT_small.dcm")))
    shelf.store(variant("CT_small.dcm", PixelData=(dataset.pixel_array[::-1]).tobytes()))
    assert file.get("/rendered", "image/png").content != before


def test_a_frame_that_cannot_be_decoded_is_an_error_not_a_picture(shelf):
    dataset = pydicom.dcmread(io.BytesIO(sample("MR_small_jp2klossless.dcm")))
    stream = next(generate_frames(dataset.PixelData, number_of_frames=1))
    short = encapsulate([stream[: len(stream) // 2]])
    file = shelf.store(variant("MR_small_jp2klossless.dcm", PixelData=short))
    response = file.get("/rendered")
    assert response.status_code == 400
    assert response.json()["section"].startswith("PS3.5")


@pytest.mark.parametrize(
    "name",
    [
        "CT_small.dcm", "MR_small.dcm", "RG3_UNCR.dcm", "OBXXXX1A.dcm", "SC_ybr_full_uncompressed.dcm", "US1_J2KR.dcm",
        "JPEG2000.dcm", "SC_rgb_small_odd.dcm", "liver_1frame.dcm", "eCT_Supplemental.dcm", "mlut_18.dcm",
        "vlut_04.dcm", "rtdose_1frame.dcm", "examples_overlay.dcm", "MR_small_jpeg_ls_lossless.dcm", "JPEG-lossy.dcm",
    ],
)  # fmt: skip
def test_pictures_of_many_kinds(shelf, name):
    file = shelf.store(sample(name))
    made = shown(file.get("/frames/1/rendered", "image/png"))
    assert made.shape[:2] == (file.dataset.Rows, file.dataset.Columns)
    assert made.max() > made.min()


def test_monochrome1_is_dark_where_values_are_high(shelf):
    original = shelf.store(sample("MR_small.dcm"))
    straight = shown(original.get("/rendered", "image/png"))
    changed = {"PhotometricInterpretation": "MONOCHROME1", "SOPInstanceUID": "1.2.3.4"}
    turned = shelf.store(variant("MR_small.dcm", **changed))
    assert np.abs(straight + shown(turned.get("/rendered", "image/png")) - 255).max() <= 1


def test_overlays_are_white(shelf):
    file = shelf.store(sample("examples_overlay.dcm"))
    plane = file.dataset.overlay_array(0x6000).astype(bool)
    assert plane.any()
    assert (shown(file.get("/rendered", "image/png"))[plane] == 255).all()


def test_urls_are_absolute(shelf):
    file = shelf.store(sample("CT_small.dcm"))
    assert file.get("/rendered").headers["content-location"].startswith(ORIGIN)

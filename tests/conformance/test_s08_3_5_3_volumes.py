"""PS3.18 8.3.5.3, 10.4.1.1.7, 10.4.1.1.8, Annex K: rendered MPR and 3D volumes over HTTP."""

from __future__ import annotations

import dataclasses
import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from pydicom.uid import generate_uid
from starlette.testclient import TestClient
from tests.samples import multipart, uids, variant
from tests.volumes import Grid, enhanced, head

from filmjacket.app import create_app
from filmjacket.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx2

BASE = "/dicom-web"
PNG = "image/png"


@dataclasses.dataclass
class Shown:
    """An archive with one CT series of 20 slices, a second smaller one in the same study, and single images."""

    client: TestClient
    study: str
    series: str
    first: str

    def get(self, below: str, query: str = "", accept: str = PNG) -> httpx2.Response:
        return self.client.get(f"{BASE}{self.series}{below}?{query}", headers={"Accept": accept})

    def picture(self, below: str, query: str = "") -> np.ndarray:
        response = self.get(below, query)
        assert response.status_code == 200, response.text
        assert response.headers["content-type"] == PNG
        return np.asarray(Image.open(io.BytesIO(response.content)))


GRID = Grid((20, 24, 22), (10.0, 10.0, 10.0), (-105.0, -125.0, -95.0))


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    _, values = head(GRID)
    study = generate_uid()
    files = GRID.slices(values, StudyInstanceUID=study)
    small = Grid((4, 8, 8), (5.0, 5.0, 5.0))
    files += small.slices(np.full(small.shape, 40, np.int16), StudyInstanceUID=study, ImageComments="small one")
    settings = Settings(data=tmp_path_factory.mktemp("volumes") / "archive")
    with TestClient(create_app(settings), base_url="http://testserver:8104") as client:
        client.headers["Accept"] = "*/*"
        body, headers = multipart(*files)
        assert client.post(f"{BASE}/studies", content=body, headers=headers).status_code == 200
        _, series, first = uids(files[0])
        yield Shown(client, f"/studies/{study}", f"/studies/{study}/series/{series}", first)


# Every row of the table that is 400 ---------------------------------------------------------------------------

POINT = "0,-500,0"
BOTH = ("renderedmpr", "rendered3d")
REFUSED = [
    *((resource, query) for resource in BOTH for query in (
        "renderingmethod=",
        "renderingmethod=VOLUME_RENDERED",
        "renderingmethod=mip",
        "renderingmethod=maximum_ip&renderingmethod=maximum_ip",
        "orientation=",
        "orientation=x",
        "orientation=A",
        "orientation=a,p",
        f"orientation=a&viewpointposition={POINT}",
        "orientation=a&viewpointlookat=0,0,0",
        "orientation=a&viewpointup=0,0,1",
        "viewpointposition=0,0",
        "viewpointposition=0,0,0,0",
        "viewpointposition=a,b,c",
        "viewpointposition=0,nan,0",
        "viewpointposition=1e9,0,0",
        "viewpointlookat=",
        "viewpointup=0,0,0",
        "viewpointposition=0,0,100&viewpointlookat=0,0,0&viewpointup=0,0,1",
        "viewpointposition=1,1,1&viewpointlookat=1,1,1",
        "animationstepsize=0",
        "animationstepsize=1.5",
        "animationstepsize=-1",
        "animationrate=0",
        "animationrate=x",
        "renderedvolumetricmetadata=no",
        "renderedvolumetricmetadata=",
        "volumeinputreference=",
        "volumeinputreference=x",
        "volumeinputreference=1.2.3",
        "volumeinputreference={first},0",
        "volumeinputreference={first},2",
        "volumeinputreference={first},a",
        "volumeinputreference={first}&Modality=CT",
        "Modality=MR",
        "NoSuchKeyword=1",
        "InstanceNumber=1",
        "window=40,400",
        "window=40,400,LINEAR",
        "window=40,0,linear",
        "viewport=100",
        "viewport=0,0",
        "viewport=10,10,10000,10000",
        "viewport=100000,100000",
        "quality=0",
        "annotation=",
        "iccprofile=maybe",
    )),
    ("renderedmpr", "mprslab=0"),
    ("renderedmpr", "mprslab=-3"),
    ("renderedmpr", "mprslab="),
    ("renderedmpr", "mprslab=3,3"),
    ("renderedmpr", "volumetriccurvepoint=0,0,0"),
    ("renderedmpr", "volumetriccurvepoint=0,0,0,1"),
    ("renderedmpr", "volumetriccurvepoint=0,0,0,0,0,0"),
    ("renderedmpr", "volumetriccurvepoint=0,0,0,0,0,x"),
    ("renderedmpr", "volumetriccurvepoint=0,0,0,0,0,1000&animationstepsize=1"),
    ("rendered3d", "swivelrange=0"),
    ("rendered3d", "swivelrange=-10"),
    ("rendered3d", "swivelrange=361"),
    ("rendered3d", "swivelrange=x"),
]  # fmt: skip


@pytest.mark.parametrize(("resource", "query"), REFUSED)
def test_what_is_wrong_is_refused_with_a_lesson(shown: Shown, resource: str, query: str) -> None:
    response = shown.get(f"/{resource}", query.replace("{first}", shown.first))
    assert response.status_code == 400, response.text
    problem = response.json()
    assert problem["detail"]
    assert problem["offender"]
    assert problem["section"]


IGNORED = [
    ("rendered3d", "mprslab=0&volumetriccurvepoint=1&renderingmethod=average_ip"),
    ("renderedmpr", "swivelrange=0"),
    ("renderedmpr", "foo=bar&stepsize=0"),
]


@pytest.mark.parametrize(("resource", "query"), IGNORED)
def test_parameters_of_the_other_resource_are_ignored(shown: Shown, resource: str, query: str) -> None:
    assert shown.get(f"/{resource}", query).status_code == 200


# What the target can be ---------------------------------------------------------------------------------------

SPELLINGS = ("renderedmpr", "renderedMPR", "RenderedMpr", "rendered3d", "rendered3D", "RENDERED3D")


@pytest.mark.parametrize("segment", SPELLINGS)
def test_the_segment_is_found_in_any_case(shown: Shown, segment: str) -> None:
    assert shown.get(f"/{segment}", "renderingmethod=maximum_ip").status_code == 200


@pytest.mark.parametrize("path", ["/rendered3d", "/series/rendered3d", "/series/rendered3D", "/renderedmpr"])
def test_the_study_in_both_templates(shown: Shown, path: str) -> None:
    """Table 10.4.1.8-1 and Annex H differ; the largest volume of the study is taken."""
    query = "renderingmethod=maximum_ip"
    response = shown.client.get(f"{BASE}{shown.study}{path}?{query}", headers={"Accept": PNG})
    assert response.status_code == 200
    of_series = shown.get("/renderedmpr" if "mpr" in path else "/rendered3d", query)
    assert response.content == of_series.content


def test_a_single_slice_is_no_volume(shown: Shown) -> None:
    for below in ("", "/frames/1"):
        response = shown.get(f"/instances/{shown.first}{below}/rendered3d")
        assert response.status_code == 400
        assert "No volume" in response.json()["detail"]


MISSING = ["/instances/1.2.3/renderedmpr", "/instances/{first}/frames/2/renderedmpr"]


@pytest.mark.parametrize("path", MISSING)
def test_what_is_not_there_is_404(shown: Shown, path: str) -> None:
    assert shown.get(path.format(first=shown.first)).status_code == 404


def test_attributes_and_a_reference_choose_the_volume(shown: Shown) -> None:
    whole = shown.client.get(f"{BASE}{shown.study}/renderedmpr", headers={"Accept": PNG}).content
    url = f"{BASE}{shown.study}/renderedmpr?ImageComments=small%20one"
    small = shown.client.get(url, headers={"Accept": PNG})
    assert Image.open(io.BytesIO(small.content)).size == (8, 8)
    reference = f"{BASE}{shown.study}/renderedmpr?volumeinputreference={shown.first},1"
    assert shown.client.get(reference, headers={"Accept": PNG}).content == whole


def test_a_multi_frame_and_a_list_of_its_frames(shown: Shown) -> None:
    """The same voxels as a series and as an enhanced CT give the same pictures; a list of frames chooses slices."""
    _, values = head(GRID)
    file = enhanced(GRID, values)
    body, headers = multipart(file)
    assert shown.client.post(f"{BASE}/studies", content=body, headers=headers).status_code in {200, 202}
    study, series, instance = uids(file)
    multi = Shown(shown.client, f"/studies/{study}", f"/studies/{study}/series/{series}", instance)
    for query in ("orientation=a", "orientation=f", "viewpointposition=300,-300,200"):
        same = multi.picture(f"/instances/{instance}/renderedmpr", query)
        np.testing.assert_array_equal(same, shown.picture("/renderedmpr", query))
    some = multi.picture(f"/instances/{instance}/frames/3,4,5,6,7/renderedmpr", "orientation=a")
    assert some.shape == (5, 22)
    assert multi.get(f"/instances/{instance}/frames/20,21/renderedmpr").status_code == 404
    # Frame 9 is behind a gap: the volume is that of 2 and 4, 20 mm apart.
    assert multi.picture(f"/instances/{instance}/frames/2,4,9/renderedmpr", "orientation=a").shape == (4, 22)
    frame = f"volumeinputreference={instance},21"
    assert multi.get(f"/instances/{instance}/renderedmpr", frame).status_code == 400


# Pictures -----------------------------------------------------------------------------------------------------


def test_planes_show_the_middle_of_the_patient(shown: Shown) -> None:
    axial = shown.picture("/renderedmpr", "window=500,1000,linear")
    assert axial.shape == (24, 22)
    coronal = shown.picture("/renderedmpr", "orientation=a&window=500,1000,linear")
    assert coronal.shape == (20, 22)
    assert axial[0, 0] == coronal[0, 0] == 0  # air
    assert 0 < axial[12, 11] < 30  # brain
    assert axial.max() > 90  # skull, thin beside voxels of a centimetre


def test_a_slab_of_maxima_is_brighter_than_a_plane(shown: Shown) -> None:
    plane, slab = (
        shown.picture("/renderedmpr", f"orientation=a&window=500,1500,linear{more}").astype(float)
        for more in ("", "&mprslab=60&renderingmethod=maximum_ip")
    )
    assert (slab >= plane - 1).all()
    assert slab.mean() > plane.mean() * 1.05


def test_volume_rendering_has_colours_and_shape(shown: Shown) -> None:
    picture = shown.picture("/rendered3d", "viewport=64,64")
    assert picture.shape[2] == 3
    assert max(picture.shape[:2]) == 64
    assert not picture[0, 0].any()
    assert picture[32, 30].max() > 60


def test_viewports_crop_and_flip(shown: Shown) -> None:
    whole = shown.picture("/renderedmpr", "viewport=44,48")
    flipped = shown.picture("/renderedmpr", "viewport=44,48,0,0,-22,24")
    np.testing.assert_array_equal(flipped, whole[:, ::-1])
    assert shown.picture("/renderedmpr", "viewport=40,40,2,2,10,5").shape == (20, 40)


TYPES = ["image/jpeg", "image/png", "image/gif", "image/jp2", "image/jph", "image/jxl"]


@pytest.mark.parametrize("resource", BOTH)
@pytest.mark.parametrize("media_type", TYPES)
def test_every_image_type(shown: Shown, resource: str, media_type: str) -> None:
    response = shown.get(f"/{resource}", "viewport=40,40", media_type)
    assert (response.status_code, response.headers["content-type"]) == (200, media_type)
    several = shown.get(f"/{resource}", "viewport=40,40", f'multipart/related; type="{media_type}"')
    assert several.headers["content-type"].startswith(f'multipart/related; type="{media_type}"')


def test_jpeg_is_the_default_and_quality_counts(shown: Shown) -> None:
    assert shown.get("/renderedmpr", accept="*/*").headers["content-type"] == "image/jpeg"
    low, high = (len(shown.get("/rendered3d", f"viewport=64,64&quality={q}", "image/jpeg").content) for q in (5, 95))
    assert low < high / 2


@pytest.mark.parametrize("accept", ["application/dicom+json", "video/mp4", "image/avif", "application/dicom"])
def test_other_types_are_406(shown: Shown, accept: str) -> None:
    response = shown.get("/rendered3d", accept=accept)
    assert response.status_code == 406
    assert "image/jpeg" in response.json()["accepted"]


def test_profiles_are_embedded_where_that_is_possible(shown: Shown) -> None:
    picture = Image.open(io.BytesIO(shown.get("/renderedmpr", "iccprofile=srgb").content))
    assert picture.info["icc_profile"]
    assert shown.get("/renderedmpr", "iccprofile=srgb", "image/gif").status_code == 400
    assert shown.get("/renderedmpr", "iccprofile=no", "image/gif").status_code == 200


def test_annotations_are_burned_in_last(shown: Shown) -> None:
    plain, annotated = (
        shown.picture("/renderedmpr", f"viewport=200,200&orientation=a{more}").astype(int)
        for more in ("", "&annotation=patient,technique")
    )
    changed = np.argwhere(plain != annotated)
    assert len(changed) > 50
    assert changed.max() < 200


def test_unknown_annotations_are_a_warning(shown: Shown) -> None:
    response = shown.get("/renderedmpr", "annotation=foo")
    assert response.status_code == 200
    assert "not supported: foo" in response.headers["warning"]


def test_equal_requests_are_not_rendered_again(shown: Shown) -> None:
    first = shown.get("/rendered3d", "viewport=40,40")
    url = f"{BASE}{shown.series}/rendered3d?viewport=40,40"
    again = shown.client.get(url, headers={"Accept": PNG, "If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    other = shown.get("/rendered3d", "viewport=41,40")
    assert other.headers["etag"] != first.headers["etag"]


# Animations ---------------------------------------------------------------------------------------------------

ANIMATIONS = [
    ("rendered3d", "swivelrange=360&animationstepsize=60", 6, 100),
    ("rendered3d", "swivelrange=90&animationstepsize=30&animationrate=5&renderingmethod=maximum_ip", 3, 200),
    ("rendered3d", "swivelrange=90&renderingmethod=maximum_ip", 9, 100),
    ("renderedmpr", "volumetriccurvepoint=0,0,-50,0,0,50&animationstepsize=20", 5, 100),
    ("renderedmpr", "volumetriccurvepoint=0,0,-50&volumetriccurvepoint=0,0,0,0,30,0&animationstepsize=10", 8, 100),
    ("renderedmpr", "volumetriccurvepoint%20=0,0,-4,0,0,4", 4, 100),
]


@pytest.mark.parametrize(("resource", "query", "frames", "duration"), ANIMATIONS)
def test_frames_are_the_extent_divided_by_the_step(
    shown: Shown, resource: str, query: str, frames: int, duration: int
) -> None:
    response = shown.get(f"/{resource}", f"{query}&viewport=40,40", "*/*")
    assert response.headers["content-type"] == "image/gif"
    animation = Image.open(io.BytesIO(response.content))
    assert animation.n_frames == frames
    assert animation.info["duration"] == duration
    parts = shown.get(f"/{resource}", f"{query}&viewport=40,40", 'multipart/related; type="image/png"')
    assert parts.content.count(b"\x89PNG\r\n") == frames
    assert shown.get(f"/{resource}", query, "image/png").status_code == 406


# Annex K ------------------------------------------------------------------------------------------------------

MODULES = [
    ("renderedmpr", "", {"00720510": ["MPR"], "0070120D": ["AVERAGE_IP"], "00281050": [40], "00281051": [400],
                         "00281056": ["LINEAR"], "00701605": [0, -1, 0], "00701503": None}),
    ("renderedmpr", "mprslab=5&renderingmethod=minimum_ip&window=1,2,sigmoid",
     {"00701503": [5], "0070120D": ["MINIMUM_IP"], "00281056": ["SIGMOID"], "00281050": [1], "00281051": [2]}),
    ("renderedmpr", "volumetriccurvepoint=0,0,0,0,0,9&animationstepsize=3&animationrate=7",
     {"00701A05": [3], "00701A03": [7], "00701A06": None}),
    ("rendered3d", "", {"00720510": ["3D_RENDERING"], "0070120D": ["VOLUME_RENDERED"], "00281050": None,
                        "00281056": None, "00701605": [0, 0, 1], "00701A05": None}),
    ("rendered3d", "renderingmethod=maximum_ip&swivelrange=90",
     {"0070120D": ["MAXIMUM_IP"], "00281050": [40], "00701A06": [90], "00701A05": [10], "00701A03": [10]}),
    ("rendered3d", "viewpointposition=500,0,0&viewpointlookat=1,2,3&viewpointup=0,1,1",
     {"00701603": [500, 0, 0], "00701604": [1, 2, 3], "00701605": [0, 1, 1]}),
]  # fmt: skip


@pytest.mark.parametrize(("resource", "query", "expected"), MODULES)
def test_the_response_module(shown: Shown, resource: str, query: str, expected: dict[str, list | None]) -> None:
    response = shown.get(f"/{resource}", f"{query}&renderedvolumetricmetadata=yes", "application/dicom+json")
    assert response.headers["content-type"] == "application/dicom+json"
    module = response.json()
    assert {"00720510", "0070120D", "00701603", "00701604", "00701605"} <= set(module)
    assert {tag: module.get(tag, {}).get("Value") for tag in expected} == expected
    assert list(module) == sorted(module)
    again = shown.get(f"/{resource}", f"{query}&renderedvolumetricmetadata=yes", "application/dicom+json")
    assert again.content == response.content


def test_orientation_is_reported_as_a_camera_that_gives_the_same_picture(shown: Shown) -> None:
    module = shown.get("/renderedmpr", "orientation=l&renderedvolumetricmetadata=yes", "*/*").json()
    position, look_at, up = (",".join(map(str, module[tag]["Value"])) for tag in ("00701603", "00701604", "00701605"))
    camera = f"viewpointposition={position}&viewpointlookat={look_at}&viewpointup={up}"
    np.testing.assert_array_equal(shown.picture("/renderedmpr", camera), shown.picture("/renderedmpr", "orientation=l"))


def test_the_module_as_xml_and_nothing_else(shown: Shown) -> None:
    query = "renderedvolumetricmetadata=yes"
    for accept in ("application/dicom+xml", 'multipart/related; type="application/dicom+xml"'):
        response = shown.get("/renderedmpr", query, accept)
        assert b'keyword="ViewpointPosition"' in response.content
    assert shown.get("/renderedmpr", query, PNG).status_code == 406


# Presentation states and limits -------------------------------------------------------------------------------


DECIDED = [
    "renderingmethod=maximum_ip",
    "mprslab=3",
    "Modality=PR",
    "renderedvolumetricmetadata=yes",
    "volumeinputreference=1.2",
    "volumetriccurvepoint=0,0,0,1,1,1",
    "animationrate=3",
]


@pytest.mark.parametrize("query", DECIDED)
def test_volumetric_presentation_states_decide_for_themselves(
    make_client: Callable[..., TestClient], query: str
) -> None:
    client = make_client()
    file = variant("CT_small.dcm", SOPClassUID="1.2.840.10008.5.1.4.1.1.11.6", SOPInstanceUID=generate_uid())
    body, headers = multipart(file)
    client.post(f"{BASE}/studies", content=body, headers=headers)
    study, series, instance = uids(file)
    path = f"{BASE}/studies/{study}/series/{series}/instances/{instance}/renderedmpr"
    accept = {"Accept": "application/dicom+json, image/png"} if "metadata" in query else {}
    refused = client.get(f"{path}?{query}", headers=accept)
    assert (refused.status_code, "Presentation State" in refused.json()["detail"]) == (400, True), refused.text
    assert client.get(f"{path}?orientation=a").status_code == 406


def test_volumes_over_the_limit_are_413(make_client: Callable[..., TestClient]) -> None:
    grid = Grid((6, 300, 300), (1.0, 1.0, 1.0))
    client = make_client(volumes={"maximum_bytes": 2**20})
    files = grid.slices(np.zeros(grid.shape, np.int16))
    body, headers = multipart(*files)
    client.post(f"{BASE}/studies", content=body, headers=headers)
    study, series, _ = uids(files[0])
    response = client.get(f"{BASE}/studies/{study}/series/{series}/rendered3d")
    assert response.status_code == 413
    assert "volumes.maximum_bytes" in response.json()["detail"]

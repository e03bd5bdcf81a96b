"""wsidicom opens a slide over DICOMweb, with nothing set but the URL."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests import samples, slides
from wsidicom import WsiDicom, WsiDicomWebClient

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Server

pytestmark = pytest.mark.filterwarnings("ignore:No bulk data URI handler")


def opened(server: Server, files: list[bytes]) -> WsiDicom:
    body, headers = samples.multipart(*files)
    request = urllib.request.Request(f"{server.url}/studies", body, headers, method="POST")
    with urllib.request.urlopen(request) as response:
        assert response.status == 200
    study, series, _ = samples.uids(files[0])
    return WsiDicom.open_web(WsiDicomWebClient.create_client(server.url), study, series)


@pytest.fixture
def slide(running: Server) -> Iterator[WsiDicom]:
    with opened(running, slides.slide()) as wsi:
        yield wsi


def test_levels_and_geometry(slide: WsiDicom) -> None:
    assert [(level.size.width, level.size.height) for level in slide.levels] == [(320, 256), (160, 128)]
    assert slide.levels[0].tile_size.width == slides.TILE
    assert slide.mpp.width == pytest.approx(slides.SPACING * 1000)
    assert slide.metadata.patient.name is not None


@pytest.mark.parametrize(
    ("level", "location", "size"),
    [
        (0, (0, 0), (320, 256)),
        (0, (50, 30), (100, 150)),
        (0, (300, 240), (20, 16)),
        (1, (0, 0), (160, 128)),
        (1, (33, 65), (64, 20)),
    ],
)
def test_a_region_has_the_pixels_of_the_source(
    slide: WsiDicom, level: int, location: tuple[int, int], size: tuple[int, int]
) -> None:
    read = np.asarray(slide.read_region(location, level, size).convert("RGB")).astype(int)
    (x, y), (width, height) = location, size
    expected = slides.picture(level)[y : y + height, x : x + width].astype(int)
    assert read.shape == expected.shape
    # Lossy, but far closer than any two neighbouring tiles, rows or channels are to each other.
    assert np.abs(read - expected).mean() < 1.5
    assert np.abs(read - expected).max() < 20


def test_tiles_are_the_stored_streams(slide: WsiDicom) -> None:
    """A tile comes as it was encoded: nothing is decoded or compressed again on the way."""
    columns = 320 // slides.TILE
    for x, y in ((0, 0), (4, 3), (2, 1)):
        assert slide.read_encoded_tile(0, (x, y)).rstrip(b"\0") == slides.tiles(0)[y * columns + x]


def test_a_small_colour_profile_comes_along(slide: WsiDicom) -> None:
    (path,) = slide.metadata.pyramid.optical_paths
    assert path.icc_profile == slides.small_profile()


def test_a_large_colour_profile_is_no_obstacle(running: Server) -> None:
    """wsidicom follows no BulkDataURI, and opens the slide without the profile."""
    profile = samples.sample("crayons.icc")
    files = slides.slide(1, profile)
    with opened(running, files) as wsi:
        assert wsi.read_region((0, 0), 0, (10, 10)).size == (10, 10)
    with urllib.request.urlopen(f"{running.url}{samples.instance_path(files[0])}/metadata") as response:
        (document,) = json.load(response)
    uri = document["00480105"]["Value"][0]["00282000"]["BulkDataURI"]
    with urllib.request.urlopen(uri) as response:
        assert response.read() == profile

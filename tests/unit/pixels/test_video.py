"""Video made of pictures: H.264 in MP4, whatever the size of the pictures is."""

from __future__ import annotations

import io

import numpy as np
import pytest

from filmjacket.pixels.render import RenderedImage

av = pytest.importorskip("av")
video = pytest.importorskip("filmjacket.pixels.video")


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize(
    ("rows", "columns"), [(32, 48), (33, 48), (32, 49), (33, 49), (1, 1), (1, 32), (32, 1), (3, 5), (2, 2)]
)
def test_odd_sizes_lose_nothing(rows: int, columns: int, colour: bool) -> None:
    """4:2:0 needs even sizes: the last row and column are there, and come twice where they have to."""
    # Levels of grey by blocks, but the last row and column are as different as can be.
    grey = np.full((rows, columns), 40, np.uint8)
    grey[-1], grey[:, -1] = 200, 200
    array = np.repeat(grey[..., None], 3, axis=2) if colour else grey
    made = b"".join(video.encode_mp4([(RenderedImage(array), 40.0)] * 3, 100))
    with av.open(io.BytesIO(made)) as container:
        shown = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    assert len(shown) == 3
    expected = np.pad(grey, ((0, rows % 2), (0, columns % 2)), mode="edge").astype(int)
    for frame in shown:
        assert frame.shape == expected.shape
        assert np.abs(frame.astype(int) - expected).max() < 24

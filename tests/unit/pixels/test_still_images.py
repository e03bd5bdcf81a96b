"""PNG and GIF to native pixels (PS3.18 10.5.2), with what stops a decompression bomb."""

from __future__ import annotations

import io
import time

import numpy as np
import pytest
from PIL import Image

from filmjacket.errors import DicomError
from filmjacket.pixels.still_images import GIF, MAX_DECODED_BYTES, PNG, decode_still_image

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def encoded(picture: Image.Image, form: str, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()


def test_png() -> None:
    array = np.arange(6 * 5 * 3, dtype="u1").reshape(6, 5, 3)
    decoded = decode_still_image(encoded(Image.fromarray(array), "PNG"), PNG)
    assert (decoded.rows, decoded.columns, decoded.samples, decoded.bits, decoded.frames) == (6, 5, 3, 8, 1)
    assert b"".join(decoded.chunks()) == array.tobytes()
    assert decoded.length == array.nbytes


def test_sixteen_bits_are_little_endian() -> None:
    array = np.array([[1, 256]], dtype="<u2")
    decoded = decode_still_image(encoded(Image.fromarray(array), "PNG"), PNG)
    assert (decoded.bits, b"".join(decoded.chunks())) == (16, b"\1\0\0\1")


def test_partial_gif_frames_are_put_on_the_canvas() -> None:
    first = Image.new("RGB", (9, 4), RED)
    second = first.copy()
    second.putpixel((2, 2), GREEN)
    third = second.copy()
    third.putpixel((5, 3), BLUE)
    data = encoded(first, "GIF", save_all=True, append_images=[second, third])
    decoded = decode_still_image(data, GIF)
    frames = np.frombuffer(decoded.pixels, "u1").reshape(3, 4, 9, 3)
    assert [tuple(frames[2, 2, 2]), tuple(frames[2, 3, 5]), tuple(frames[2, 0, 0])] == [GREEN, BLUE, RED]
    assert tuple(frames[1, 3, 5]) == RED


def test_large_image_comes_in_pieces() -> None:
    decoded = decode_still_image(encoded(Image.new("L", (2000, 1100)), "PNG"), PNG)
    assert max(map(len, decoded.chunks())) < decoded.length == 2_200_000


@pytest.mark.parametrize("media_type", [PNG, GIF])
@pytest.mark.parametrize("cut", [0, 1, 8, 13, 30, 60, -40])
def test_cut_short(media_type: str, cut: int) -> None:
    whole = encoded(Image.effect_noise((40, 40), 90), media_type.partition("/")[2].upper())
    with pytest.raises(DicomError):
        decode_still_image(whole[:cut], media_type)


@pytest.mark.slow
def test_a_few_bytes_that_announce_gigabytes_are_not_decoded() -> None:
    small = encoded(Image.new("L", (4, 4)), "PNG")
    bomb = small[:16] + (65_535).to_bytes(4, "big") * 2 + small[24:]
    canvas = bytearray(encoded(Image.new("L", (4, 4)), "GIF"))
    canvas[6:10] = b"\xff" * 4
    frames = encoded(
        Image.new("L", (4000, 4000)), "GIF", save_all=True,
        append_images=[Image.new("L", (4000, 4000), shade) for shade in range(1, 8)],
    )  # fmt: skip
    assert len(frames) * 100 < MAX_DECODED_BYTES
    begun = time.perf_counter()
    for data, media_type in ((bomb, PNG), (bytes(canvas), GIF), (frames, GIF)):
        with pytest.raises(DicomError, match="would take"):
            decode_still_image(data, media_type)
    assert time.perf_counter() - begun < 1

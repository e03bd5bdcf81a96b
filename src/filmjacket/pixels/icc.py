"""Colour management: which profile describes a frame, and conversion between spaces (PS3.18 8.3.5.1.5, PS3.3 C.11.15).

Without `iccprofile` the colours of a picture are sRGB, which is what programs take an image without a profile for: a
frame with a profile of its own is converted.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from PIL import Image, ImageCms

from filmjacket.dicom.attributes import get_bytes, get_items, get_text
from filmjacket.pixels.color_profiles import ADOBE_RGB, ROMM_RGB, SRGB, named_profile

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from filmjacket.dicom.attributes import Attributes

    Bulk = Callable[[str], bytes]

_PROFILE: Final = "00282000"
_SPACE: Final = "00282002"
_OPTICAL_PATHS: Final = "00480105"
_PATH_NAME: Final = "00480106"
_WELL_KNOWN: Final = {"SRGB": SRGB, "ADOBERGB": ADOBE_RGB, "ROMMRGB": ROMM_RGB}
"""Color Space (0028,2002) (PS3.3 C.11.15.1.2)."""

_ICC_MARKER: Final = b"ICC_PROFILE\0"
NAMED: Final = frozenset(_WELL_KNOWN.values())


@dataclass(frozen=True, slots=True)
class Colours:
    """RGB pixels and the profile to embed; None where none is to be."""

    array: NDArray[np.uint8]
    profile: bytes | None


def managed(array: NDArray[np.uint8], source: bytes | None, wanted: str | None) -> Colours:
    """RGB pixels as `iccprofile` wants them; `source` is the profile of the frame, None if it has none.

    A source that cannot be used counts as none, and none as sRGB.
    """
    if wanted == "no":
        return Colours(array, None)
    if source is not None and not _usable(source):
        source = None
    if wanted == "yes":
        return Colours(array, source or named_profile(SRGB))
    target = named_profile(wanted or SRGB)
    embedded = target if wanted is not None else None
    if source is None and wanted in {None, SRGB}:
        return Colours(array, embedded)
    return Colours(_converted(array, source or named_profile(SRGB), target), embedded)


def source_profile(attributes: Attributes, bulk: Bulk, stream_head: bytes = b"") -> bytes | None:
    """The profile of a frame: of the data set, of its optical path, of a well-known space, of the JPEG stream."""
    for item in (attributes, *_optical_path(attributes)):
        profile = get_bytes(item, _PROFILE, bulk)
        if profile is not None:
            return profile
        space = _WELL_KNOWN.get((get_text(item, _SPACE) or "").strip().upper())
        if space is not None:
            return named_profile(space)
    return embedded_in_jpeg(stream_head)


def embedded_in_jpeg(stream: bytes) -> bytes | None:
    """The profile in the APP2 segments of a JPEG stream (ICC.1:2022 B.4); None if it has none, or not all of it."""
    if stream[:2] != b"\xff\xd8":
        return None
    chunks: dict[int, bytes] = {}
    total, position = 0, 2
    while position + 4 <= len(stream) and stream[position] == 0xFF and stream[position + 1] != 0xDA:
        length = int.from_bytes(stream[position + 2 : position + 4], "big")
        if stream[position + 1] == 0xE2 and stream[position + 4 : position + 16] == _ICC_MARKER:
            number, total = stream[position + 16], stream[position + 17]
            chunks[number] = stream[position + 18 : position + 2 + length]
        position += 2 + max(length, 2)
    if not total or sorted(chunks) != list(range(1, total + 1)):
        return None
    return b"".join(chunks[number] for number in range(1, total + 1))


def _optical_path(attributes: Attributes) -> list[Attributes]:
    """The optical path that the frame names, else the first (PS3.3 C.8.12.5)."""
    paths = get_items(attributes, _OPTICAL_PATHS)
    name = get_text(attributes, _PATH_NAME)
    return ([path for path in paths if name and get_text(path, _PATH_NAME) == name] or paths)[:1]


@lru_cache(maxsize=32)
def _usable(profile: bytes) -> bool:
    """Whether a profile is one of RGB that colour management can read."""
    try:
        found: Any = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    except (OSError, ImageCms.PyCMSError):
        return False
    return str(found.profile.xcolor_space).strip() == "RGB"


@lru_cache(maxsize=32)
def _transform(source: bytes, target: bytes) -> Any | None:  # noqa: ANN401 - Pillow's transform
    cms: Any = ImageCms
    try:
        return cms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(source)),
            ImageCms.ImageCmsProfile(io.BytesIO(target)),
            "RGB",
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except ImageCms.PyCMSError:
        return None


def _converted(array: NDArray[np.uint8], source: bytes, target: bytes) -> NDArray[np.uint8]:
    transform = _transform(source, target)
    if transform is None:
        return array
    return np.asarray(ImageCms.applyTransform(Image.fromarray(array), transform))

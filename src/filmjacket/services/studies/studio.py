"""Instances as pictures: what frames they have, where those are, and how each of them is made."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from filmjacket.dicom import transfer_syntaxes
from filmjacket.dicom.attributes import get_items
from filmjacket.services.studies.pixel_source import open_pixel_source
from filmjacket.web.targets import frame_url, instance_url

if TYPE_CHECKING:
    from collections.abc import Callable

    from filmjacket.archive.ports import Blobs, Index
    from filmjacket.archive.records import StoredInstance
    from filmjacket.pixels.description import PixelArray
    from filmjacket.pixels.render import Frame, RenderedImage
    from filmjacket.pixels.wall import CodecWall
    from filmjacket.services.studies.pixel_source import PixelSource
    from filmjacket.services.studies.rendered_cache import RenderedCache
    from filmjacket.web.rendering import RenderRequest

    Presenter = Callable[["Studio", StoredInstance, RenderRequest, str], "Pictures"]

PER_FRAME_GROUPS: Final = "52009230"
MAX_KEPT_VALUE: Final = 4 << 20
"""Bulk values up to this size, profiles and palettes, are kept with the attributes that refer to them."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture to be made. `location` is the resource that it shows, `identity` says what it is made of."""

    identity: str
    location: str
    make: Callable[[RenderRequest], RenderedImage]


@dataclass(frozen=True, slots=True)
class Pictures:
    """The pictures of an instance in order, `picture` by number from 1 on, and how long each is shown in animations.

    Only those of one size, `uniform`, can be an animation. `missing` images that would be shown are not here.
    """

    count: int
    size: tuple[int, int]
    picture: Callable[[int], Picture]
    times: Callable[[], list[float]]
    uniform: bool = True
    missing: int = 0


class OpenedSources:
    """Instances whose pixels were asked for lately, so that their attributes are not read again for each frame.

    Kept under the digest of the stored file, hence never out of date. Functional groups of many frames weigh more.
    """

    def __init__(self, weight: int = 128) -> None:
        self._weight = weight
        self._lock = threading.Lock()
        self._opened: OrderedDict[str, tuple[Opened, int]] = OrderedDict()
        self._sum = 0

    def get(self, digest: str, make: Callable[[], Opened]) -> Opened:
        """The opened instance of a digest."""
        with self._lock:
            kept = self._opened.get(digest)
            if kept is not None:
                self._opened.move_to_end(digest)
                return kept[0]
        made = make()
        weight = 1 + len(get_items(made.source.attributes, PER_FRAME_GROUPS)) // 20
        with self._lock:
            if digest not in self._opened:
                self._opened[digest] = (made, weight)
                self._sum += weight
            while self._sum > self._weight and len(self._opened) > 1:
                self._sum -= self._opened.popitem(last=False)[1][1]
        return made


@dataclass(frozen=True, slots=True)
class Opened:
    """An instance with those of its small bulk values that were read."""

    source: PixelSource
    values: dict[str, bytes] = field(default_factory=dict[str, bytes])

    def bulk(self, path: str) -> bytes:
        """A bulk value by its attribute path."""
        value = self.values.get(path)
        if value is None:
            value = self.source.bulk(path)
            if len(value) <= MAX_KEPT_VALUE and len(self.values) < 64:
                self.values[path] = value
        return value

    def cells(self, number: int) -> PixelArray | None:
        """Pixel cells of a frame of one sample with all their bits."""
        return self.source.cells(number) if self.source.description.samples == 1 else None

    def frame(self, number: int) -> Frame:
        """A frame, ready to be rendered."""
        from filmjacket.pixels.functional_groups import attributes_of_frame  # noqa: PLC0415 - as numpy below
        from filmjacket.pixels.render import Frame  # noqa: PLC0415 - numpy is loaded by those who need it

        source = self.source
        return Frame(
            source.description,
            attributes_of_frame(source.attributes, number),
            number,
            partial(source.array, number),
            self.bulk,
            partial(self.cells, number),
            partial(source.frame_stream, number),
        )


@dataclass(frozen=True, slots=True)
class Studio:
    """Everything that pictures are made with."""

    index: Index
    blobs: Blobs
    wall: CodecWall
    cache: RenderedCache
    opened: OpenedSources = field(default_factory=OpenedSources)

    def open(self, instance: StoredInstance) -> Opened:
        """The pixels of an instance. Raises `NotFound`, `DicomError` or `NotAcceptable` if it has none."""
        return self.opened.get(
            f"{instance.blob.sha256}-{instance.sop_uid}",
            lambda: Opened(open_pixel_source(self.index, self.blobs, self.wall, instance)),
        )


def pictures_of_frames(studio: Studio, instance: StoredInstance, base_url: str) -> Pictures:
    """Every frame of an image as a picture."""
    opened = studio.open(instance)
    description = opened.source.description
    uids = (instance.study_uid, instance.series_uid, instance.sop_uid)

    def picture(number: int) -> Picture:
        from filmjacket.pixels.render import render  # noqa: PLC0415 - see above

        several = description.frames > 1
        location = frame_url(base_url, *uids, number) if several else instance_url(base_url, *uids)
        return Picture(
            f"{instance.blob.sha256}-{number}", location, lambda request: render(opened.frame(number), request)
        )

    def times() -> list[float]:
        from filmjacket.pixels.animation import frame_times  # noqa: PLC0415 - see above

        return frame_times(opened.source.attributes, description.frames)

    return Pictures(description.frames, (description.rows, description.columns), picture, times)


def is_video(instance: StoredInstance) -> bool:
    """Tell whether the pixels of an instance are a video stream, which is not divided into frames."""
    syntax = transfer_syntaxes.get(instance.transfer_syntax)
    return syntax is not None and syntax.video and instance.layout.pixel is not None

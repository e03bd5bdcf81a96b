"""How presentation states, segmentations, parametric maps and structure sets are rendered: over their images."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from filmjacket.dicom.attributes import get_items, get_text
from filmjacket.errors import BadRequest
from filmjacket.services.studies.bulkdata import read_bulk_value
from filmjacket.services.studies.presented_references import (
    Reference,
    Referenced,
    find_images,
    missing_images,
    place_images,
    references_of_derived,
    references_of_state,
    references_of_structures,
    sources_of_frame,
)
from filmjacket.services.studies.stored_data_set import read_attributes
from filmjacket.services.studies.studio import Picture, Pictures
from filmjacket.web.rendering import refuse_window
from filmjacket.web.targets import frame_url, instance_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from filmjacket.archive.records import StoredInstance
    from filmjacket.pixels.presentation.contours import Contour
    from filmjacket.pixels.presentation.overlaid import Ground
    from filmjacket.pixels.presentation.planes import Placed, Slices
    from filmjacket.pixels.presentation.scope import Source, State
    from filmjacket.pixels.render import RenderedImage
    from filmjacket.services.studies.studio import Opened, Presenter, Studio
    from filmjacket.web.rendering import RenderRequest

    Make = Callable[[RenderRequest], RenderedImage]

_STORAGE: Final = "1.2.840.10008.5.1.4.1.1."
SOFTCOPY_STATES: Final = tuple(_STORAGE + suffix for suffix in ("11.1", "11.2", "11.3", "11.5"))
"""Grayscale, Color, Pseudo-Color, XA/XRF Grayscale Softcopy Presentation State Storage."""
BLENDING_STATE: Final = _STORAGE + "11.4"
SEGMENTATIONS: Final = (_STORAGE + "66.4", _STORAGE + "66.7")
PARAMETRIC_MAP: Final = _STORAGE + "30"
STRUCTURE_SET: Final = _STORAGE + "481.3"

_STATE_SECTION: Final = "8.3.5.1.6"
_STUDY: Final = "0020000D"
_BLENDING: Final = "00700402"
_POSITION: Final = "00700405"
_FRAME_TIME: Final = 100.0


@dataclass(frozen=True, slots=True)
class _Shown:
    """A frame of an image that is to be shown, with its place in the order of 10.4 and in the patient."""

    instance: StoredInstance
    number: int
    frames: int
    placed: Placed | None = None
    dimensions: tuple[int, ...] = ()

    @property
    def key(self) -> str:
        return f"{self.instance.blob.sha256}-{self.number}"

    def location(self, base_url: str) -> str:
        uids = (self.instance.study_uid, self.instance.series_uid, self.instance.sop_uid)
        return frame_url(base_url, *uids, self.number) if self.frames > 1 else instance_url(base_url, *uids)


# Presentation states ------------------------------------------------------------------------------------------


def present_state(studio: Studio, instance: StoredInstance, request: RenderRequest, base_url: str) -> Pictures:
    """Every frame that a grayscale, color or pseudo-color state refers to (8.3.5.1.6)."""
    _check_request(request)
    state = _state(studio, instance)
    shown, missing = _referenced(studio, instance, references_of_state(state.attributes))

    def make(frame: _Shown, wanted: RenderRequest) -> RenderedImage:
        from filmjacket.pixels.presentation.softcopy import present  # noqa: PLC0415 - numpy is loaded when needed

        return present(state, _source(studio, frame), wanted)

    sizes = [_size_of_state(studio, state, frame, request) for frame in shown]
    pictures = [_picture(instance, (frame,), partial(make, frame), base_url) for frame in shown]
    return _pictures(pictures, sizes, missing)


def present_blending(studio: Studio, instance: StoredInstance, request: RenderRequest, base_url: str) -> Pictures:
    """Every underlying frame of a blending state with what lies over it."""
    _check_request(request)
    state = _state(studio, instance)
    sets = {(get_text(item, _POSITION) or "").strip(): item for item in get_items(state.attributes, _BLENDING)}
    under_item, over_item = sets.get("UNDERLYING", {}), sets.get("SUPERIMPOSED", {})
    shown, missing = _referenced(studio, instance, references_of_state(under_item))
    over, also_missing = _referenced(studio, instance, references_of_state(over_item))

    def make(frame: _Shown, match: _Shown | None, wanted: RenderRequest) -> RenderedImage:
        from filmjacket.pixels.presentation.blending import blend  # noqa: PLC0415 - see above

        upper = None if match is None else (over_item, _source(studio, match), match.placed)
        return blend(state, (under_item, _source(studio, frame), frame.placed), upper, wanted)

    pictures: list[Picture] = []
    for place, frame in enumerate(shown):
        match = _match(frame, place, shown, over)
        both = (frame,) if match is None else (frame, match)
        pictures.append(_picture(instance, both, partial(make, frame, match), base_url))
    sizes = [_size_of_state(studio, state, frame, request) for frame in shown]
    return _pictures(pictures, sizes, missing + also_missing)


def _check_request(request: RenderRequest) -> None:
    """What may not come with a presentation state (8.3.5.1.3, 8.3.5.1.4)."""
    refuse_window(request)
    viewport = request.viewport
    if viewport is None:
        return
    region = (viewport.x, viewport.y, viewport.w, viewport.h)
    if viewport.has_region or region != (0, 0, None, None):
        raise BadRequest(
            "The parameter viewport cannot have a region: the target is a presentation state, which has a displayed "
            "area of its own.",
            section="8.3.5.1.3",
            offender="viewport",
            accepted=(f"viewport={viewport.width},{viewport.height}",),
        )


def _state(studio: Studio, instance: StoredInstance) -> State:
    from filmjacket.pixels.presentation.scope import State  # noqa: PLC0415 - see above

    return State(read_attributes(studio.index, instance), partial(read_bulk_value, studio.blobs, instance))


def _source(studio: Studio, frame: _Shown) -> Source:
    from filmjacket.pixels.presentation.scope import Source  # noqa: PLC0415 - see above

    opened = studio.open(frame.instance)
    return Source(frame.instance.sop_uid, opened.frame(frame.number), opened.frame)


def _size_of_state(studio: Studio, state: State, frame: _Shown, request: RenderRequest) -> tuple[int, int]:
    from filmjacket.pixels.presentation.layout import layout_of  # noqa: PLC0415 - see above

    return layout_of(state.attributes, _source(studio, frame), request.viewport).size


def _match(frame: _Shown, place: int, shown: Sequence[_Shown], over: Sequence[_Shown]) -> _Shown | None:
    """The superimposed frame at the place of an underlying one: by geometry, else by order if there are as many."""
    from filmjacket.pixels.presentation.planes import Slices  # noqa: PLC0415 - see above

    if frame.placed is not None and any(other.placed is not None for other in over):
        found = Slices.of(other.placed for other in over if other.placed is not None).nearest(frame.placed)
        return next((other for other in over if found is not None and other.placed is found), None)
    return over[place] if len(over) == len(shown) else over[0] if len(over) == 1 else None


# Segmentations and maps ---------------------------------------------------------------------------------------


def present_segmentation(studio: Studio, instance: StoredInstance, request: RenderRequest, base_url: str) -> Pictures:
    """Every image that carries segments, with all that it carries."""
    overlay = _Overlay.of(studio, instance)
    grounds = _grouped(overlay)
    pictures = [overlay.segments(ground, numbers, base_url) for ground, numbers in grounds]
    return _pictures(pictures, [overlay.size(ground, request) for ground, _ in grounds], 0)


def present_segmentation_frames(
    studio: Studio, instance: StoredInstance, _request: RenderRequest, base_url: str
) -> Callable[[int], Picture]:
    """A frame of a segmentation over the image that it belongs to."""
    overlay = _Overlay.of(studio, instance)
    return lambda number: overlay.segments(overlay.ground(number), (number,), base_url)


def present_map(studio: Studio, instance: StoredInstance, request: RenderRequest, base_url: str) -> Pictures:
    """Every frame of a parametric map over the image that it belongs to."""
    overlay = _Overlay.of(studio, instance)
    grounds = [overlay.ground(number) for number in range(1, overlay.frames + 1)]
    pictures = [overlay.map(ground, number, base_url) for number, ground in enumerate(grounds, 1)]
    return _pictures(pictures, [overlay.size(ground, request) for ground in grounds], 0)


def present_map_frames(
    studio: Studio, instance: StoredInstance, _request: RenderRequest, base_url: str
) -> Callable[[int], Picture]:
    """A frame of a parametric map over the image that it belongs to."""
    overlay = _Overlay.of(studio, instance)
    return lambda number: overlay.map(overlay.ground(number), number, base_url)


@dataclass(frozen=True, slots=True)
class _Overlay:
    """A segmentation or a map, and the images that it was made from as far as they are here."""

    studio: Studio
    instance: StoredInstance
    opened: Opened
    images: dict[str, Referenced]
    every: Slices

    @classmethod
    def of(cls, studio: Studio, instance: StoredInstance) -> _Overlay:
        from filmjacket.pixels.presentation.planes import Slices  # noqa: PLC0415 - see above

        opened = studio.open(instance)
        references = references_of_derived(opened.source.attributes)
        images = place_images(studio, find_images(studio, instance.study_uid, references))
        every = (placed for image in images.values() for placed in image.placed.values())
        return cls(studio, instance, opened, images, Slices.of(every))

    @property
    def frames(self) -> int:
        return self.opened.source.description.frames

    def placed(self, number: int) -> Placed | None:
        from filmjacket.pixels.functional_groups import attributes_of_frame  # noqa: PLC0415 - see above
        from filmjacket.pixels.presentation.planes import place_frame  # noqa: PLC0415

        shown = attributes_of_frame(self.opened.source.attributes, number)
        return place_frame(shown, self.instance.sop_uid, number)

    def ground(self, number: int) -> _Shown | None:
        """The frame of an image that a frame lies over: the one that it names, else the one at its place."""
        from filmjacket.pixels.functional_groups import attributes_of_frame  # noqa: PLC0415 - see above
        from filmjacket.pixels.presentation.planes import Slices  # noqa: PLC0415

        shown = attributes_of_frame(self.opened.source.attributes, number)
        place = self.placed(number)
        named = [(self.images[uid], frames) for uid, frames in sources_of_frame(shown) if uid in self.images]
        if len(named) > 1 or (named and not named[0][1] and named[0][0].frames > 1):
            # Made from several frames: the one at the same place is the one to show.
            candidates = [
                placed for image, frames in named for key, placed in image.placed.items() if not frames or key in frames
            ]
            found = None if place is None else Slices.of(candidates).nearest(place)
            if found is not None:
                return self._shown(found)
        if named:
            image, frames = named[0]
            key = min(max((frames or (1,))[0], 1), image.frames)
            return _Shown(image.instance, key, image.frames, image.placed.get(key))
        found = None if place is None else self.every.nearest(place)
        return None if found is None else self._shown(found)

    def size(self, ground: _Shown | None, request: RenderRequest) -> tuple[int, int]:
        """Rows and columns of a picture."""
        return self._ground(ground, 1).layout(request).size

    def segments(self, ground: _Shown | None, numbers: tuple[int, ...], base_url: str) -> Picture:
        def make(request: RenderRequest) -> RenderedImage:
            from filmjacket.pixels.presentation.segments import SegmentFrame, show_segments  # noqa: PLC0415 - see above

            frames = [SegmentFrame(self.opened.frame(number), self.placed(number)) for number in numbers]
            return show_segments(self._ground(ground, numbers[0]), frames, request)

        return self._picture(ground, numbers, make, base_url)

    def map(self, ground: _Shown | None, number: int, base_url: str) -> Picture:
        def make(request: RenderRequest) -> RenderedImage:
            from filmjacket.pixels.presentation.parametric import show_map  # noqa: PLC0415 - see above

            frame = self.opened.frame(number)
            return show_map(self._ground(ground, number), frame, self.placed(number), request)

        return self._picture(ground, (number,), make, base_url)

    def _picture(self, ground: _Shown | None, numbers: tuple[int, ...], make: Make, base_url: str) -> Picture:
        own = tuple(_Shown(self.instance, number, self.frames) for number in numbers)
        return _picture(self.instance, (*([] if ground is None else [ground]), *own), make, base_url)

    def _ground(self, ground: _Shown | None, number: int) -> Ground:
        from filmjacket.pixels.presentation.overlaid import Ground  # noqa: PLC0415 - see above

        if ground is not None:
            frame = self.studio.open(ground.instance).frame(ground.number)
            size = (frame.description.rows, frame.description.columns)
            return Ground(frame, frame.attributes, size, ground.placed)
        own = self.opened.frame(number)
        return Ground(None, own.attributes, (own.description.rows, own.description.columns), self.placed(number))

    def _shown(self, placed: Placed) -> _Shown:
        image = self.images[placed.uid]
        return _Shown(image.instance, placed.frame, image.frames, placed)


def _grouped(overlay: _Overlay) -> list[tuple[_Shown | None, tuple[int, ...]]]:
    """The frames of a segmentation by the image that they lie over; those over nothing by their place."""
    groups: dict[object, tuple[_Shown | None, list[int]]] = {}
    for number in range(1, overlay.frames + 1):
        ground = overlay.ground(number)
        if ground is not None:
            key: object = ground.key
        else:
            placed = overlay.placed(number)
            key = number if placed is None else (round(placed.depth, 2), *placed.normal.round(3).tolist())
        groups.setdefault(key, (ground, []))[1].append(number)
    found = [(ground, tuple(numbers)) for ground, numbers in groups.values()]
    places = [overlay.placed(numbers[0]) if ground is None else ground.placed for ground, numbers in found]
    return [found[place] for place in _by_place(places)]


# Structure sets -----------------------------------------------------------------------------------------------


def present_structures(studio: Studio, instance: StoredInstance, request: RenderRequest, base_url: str) -> Pictures:
    """Every image that has contours of a structure set, with those that it has."""
    from filmjacket.pixels.presentation.contours import read_contours  # noqa: PLC0415 - see above

    attributes = read_attributes(studio.index, instance)
    contours = list(read_contours(attributes))
    references = references_of_structures(attributes)
    references += [Reference(uid) for uid in dict.fromkeys(uid for contour in contours for uid, _ in contour.images)]
    images = place_images(studio, find_images(studio, instance.study_uid, references))
    grounds = _contoured(contours, images)
    if not grounds:
        raise missing_images(references, "PS3.3 C.8.8.5")

    def ground_of(frame: _Shown) -> Ground:
        from filmjacket.pixels.presentation.overlaid import Ground  # noqa: PLC0415 - see above

        opened = studio.open(frame.instance).frame(frame.number)
        return Ground(opened, opened.attributes, (opened.description.rows, opened.description.columns), frame.placed)

    def make(frame: _Shown, drawn: list[Contour], wanted: RenderRequest) -> RenderedImage:
        from filmjacket.pixels.presentation.contours import show_contours  # noqa: PLC0415 - see above

        return show_contours(ground_of(frame), drawn, wanted)

    pictures = [_picture(instance, (frame,), partial(make, frame, drawn), base_url) for frame, drawn in grounds]
    missing = len({reference.uid for reference in references} - set(images))
    return _pictures(pictures, [ground_of(frame).layout(request).size for frame, _ in grounds], missing)


def _contoured(contours: Iterable[Contour], images: dict[str, Referenced]) -> list[tuple[_Shown, list[Contour]]]:
    """Frames with their contours, in order of place."""
    from filmjacket.pixels.presentation.planes import Slices  # noqa: PLC0415 - see above

    groups: dict[tuple[str, int], list[Contour]] = {}
    every = Slices.of(placed for image in images.values() for placed in image.placed.values())
    for contour in contours:
        named = [
            placed
            for uid, frames in contour.images
            if uid in images
            for key, placed in images[uid].placed.items()
            if not frames or key in frames
        ]
        slices = Slices.of(named) if contour.images else every
        near = named if len(named) == 1 else slices.through(contour.points)
        for placed in near:
            groups.setdefault((placed.uid, placed.frame), []).append(contour)
    shown = [
        _Shown(images[uid].instance, number, images[uid].frames, images[uid].placed[number]) for uid, number in groups
    ]
    drawn = list(groups.values())
    return [(shown[place], drawn[place]) for place in _by_place([frame.placed for frame in shown])]


# Common to all ------------------------------------------------------------------------------------------------


def _referenced(studio: Studio, instance: StoredInstance, references: list[Reference]) -> tuple[list[_Shown], int]:
    """Every frame that is referred to and here, in the order of 10.4, and how many images are not here."""
    images = place_images(studio, find_images(studio, instance.study_uid, references))
    shown: dict[tuple[str, int], _Shown] = {}
    for reference in references:
        image = images.get(reference.uid)
        if image is None:
            continue
        for number in reference.frames or range(1, image.frames + 1):
            if 1 <= number <= image.frames:
                frame = _Shown(
                    image.instance, number, image.frames, image.placed.get(number), image.dimensions.get(number, ())
                )
                shown.setdefault((reference.uid, number), frame)
    if not shown:
        raise missing_images(references, _STATE_SECTION)
    frames = list(shown.values())
    missing = len({reference.uid for reference in references} - set(images))
    if len({len(frame.dimensions) for frame in frames}) == 1 and frames[0].dimensions:
        return sorted(frames, key=lambda frame: frame.dimensions), missing
    return [frames[place] for place in _by_place([frame.placed for frame in frames])], missing


def _by_place(places: Sequence[Placed | None]) -> list[int]:
    """The order along the common normal, that of the sequence if there is none (PS3.18 8.3.5.1.6)."""
    from filmjacket.pixels.presentation.planes import parallel  # noqa: PLC0415 - see above

    order = list(range(len(places)))
    known = [placed for placed in places if placed is not None]
    if len(known) < len(places) or not all(parallel(known[0], placed) for placed in known):
        return order
    depths = [float(placed.position @ known[0].normal) for placed in known]
    return sorted(order, key=depths.__getitem__)


def _picture(instance: StoredInstance, shown: Sequence[_Shown], make: Make, base_url: str) -> Picture:
    """`shown` is all that the picture is made of, first what it is shown over: that is what it is a picture of."""
    made_of = hashlib.sha256("\n".join(frame.key for frame in shown).encode()).hexdigest()
    return Picture(f"{instance.blob.sha256}-{made_of}", shown[0].location(base_url), make)


def _pictures(pictures: Sequence[Picture], sizes: Sequence[tuple[int, int]], missing: int) -> Pictures:
    return Pictures(
        len(pictures),
        sizes[0],
        lambda number: pictures[number - 1],
        lambda: [_FRAME_TIME] * len(pictures),
        uniform=len(set(sizes)) == 1,
        missing=missing,
    )


PRESENTERS: Final[dict[str, Presenter]] = {
    **dict.fromkeys(SOFTCOPY_STATES, present_state),
    BLENDING_STATE: present_blending,
    **dict.fromkeys(SEGMENTATIONS, present_segmentation),
    PARAMETRIC_MAP: present_map,
    STRUCTURE_SET: present_structures,
}
"""SOP classes that are shown in a way of their own."""

FRAME_PRESENTERS: Final = {
    **dict.fromkeys(SEGMENTATIONS, present_segmentation_frames),
    PARAMETRIC_MAP: present_map_frames,
}
"""Those of them whose own frames can be asked for."""

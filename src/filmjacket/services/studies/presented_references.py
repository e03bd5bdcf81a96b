"""Which stored images an object refers to, and where their frames are in the patient."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import orjson

from filmjacket.dicom.attributes import get_items, get_text, get_values
from filmjacket.errors import Conflict
from filmjacket.web.refs import ResourceRef

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from filmjacket.archive.records import StoredInstance
    from filmjacket.dicom.attributes import Attributes
    from filmjacket.pixels.presentation.planes import Placed
    from filmjacket.services.studies.studio import Studio

_STUDY: Final = "0020000D"
_SERIES: Final = "0020000E"
_UID: Final = "00081155"
_REFERENCED_SERIES: Final = "00081115"
_REFERENCED_IMAGES: Final = "00081140"
_REFERENCED_INSTANCES: Final = "0008114A"
_OTHER_STUDIES: Final = "00081200"
_DERIVATION: Final = "00089124"
_SOURCE_IMAGES: Final = "00082112"
_FRAMES_OF_REFERENCE: Final = "30060010"
_RT_STUDIES: Final = "30060012"
_RT_SERIES: Final = "30060014"
_CONTOUR_IMAGES: Final = "30060016"
_SHARED: Final = "52009229"
_PER_FRAME: Final = "52009230"
_POSITION: Final = "00200032"
_DIMENSION_VALUES: Final = "00209157"
_SHOWN_MISSING: Final = 5


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference to an image as far as the object says where it is; `frames` is () for all of them."""

    uid: str
    study: str | None = None
    series: str | None = None
    frames: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Referenced:
    """A referenced image that is here: its frames with a place in the patient by number, if that was asked for."""

    instance: StoredInstance
    frames: int
    placed: dict[int, Placed] = field(default_factory=dict[int, "Placed"])
    dimensions: dict[int, tuple[int, ...]] = field(default_factory=dict[int, tuple[int, ...]])


def references_of_state(attributes: Attributes) -> list[Reference]:
    """What a presentation state, or an item of its Blending Sequence, refers to, in its order (PS3.3 C.11.11)."""
    from filmjacket.pixels.presentation.scope import frame_numbers  # noqa: PLC0415 - numpy is loaded when needed

    study = get_text(attributes, _STUDY)
    return [
        Reference(uid, study, get_text(series, _SERIES), frame_numbers(image))
        for series in get_items(attributes, _REFERENCED_SERIES)
        for image in get_items(series, _REFERENCED_IMAGES)
        if (uid := get_text(image, _UID))
    ]


def references_of_derived(attributes: Attributes) -> list[Reference]:
    """What a segmentation or a map was made from (PS3.3 C.12.4, C.7.6.16.2.6)."""
    found: dict[str, Reference] = {}
    studies = [(get_text(attributes, _STUDY), attributes)]
    studies += [(get_text(item, _STUDY), item) for item in get_items(attributes, _OTHER_STUDIES)]
    for study, item in studies:
        for series in get_items(item, _REFERENCED_SERIES):
            for image in get_items(series, _REFERENCED_INSTANCES):
                uid = get_text(image, _UID)
                if uid:
                    found.setdefault(uid, Reference(uid, study, get_text(series, _SERIES)))
    groups = (*get_items(attributes, _SHARED), *get_items(attributes, _PER_FRAME), attributes)
    for uid, _ in (source for group in groups for source in sources_of_frame(group)):
        found.setdefault(uid, Reference(uid))
    return list(found.values())


def sources_of_frame(attributes: Attributes) -> list[tuple[str, tuple[int, ...]]]:
    """The images, with frames, that a frame was made from."""
    from filmjacket.pixels.presentation.scope import frame_numbers  # noqa: PLC0415 - see above

    derived = [source for item in get_items(attributes, _DERIVATION) for source in get_items(item, _SOURCE_IMAGES)]
    sources = derived or get_items(attributes, _SOURCE_IMAGES)
    return [(uid, frame_numbers(source)) for source in sources if (uid := get_text(source, _UID))]


def references_of_structures(attributes: Attributes) -> list[Reference]:
    """The images that a structure set was drawn on (PS3.3 C.8.8.5)."""
    return [
        Reference(uid, get_text(study, _UID), get_text(series, _SERIES))
        for frame_of_reference in get_items(attributes, _FRAMES_OF_REFERENCE)
        for study in get_items(frame_of_reference, _RT_STUDIES)
        for series in get_items(study, _RT_SERIES)
        for image in get_items(series, _CONTOUR_IMAGES)
        if (uid := get_text(image, _UID))
    ]


def find_images(studio: Studio, study: str, references: Iterable[Reference]) -> dict[str, StoredInstance]:
    """Those of the images that are here, by UID in the order of the references."""
    wanted = {reference.uid: reference for reference in references}
    places = {(reference.study or study, reference.series) for reference in wanted.values()}
    found: dict[str, StoredInstance] = {}
    for place in sorted(places, key=str):
        _look(studio, ResourceRef(*place), wanted, found)
    if len(found) < len(wanted):
        _look(studio, ResourceRef(study), wanted, found)
    return {uid: found[uid] for uid in wanted if uid in found}


def place_images(studio: Studio, images: dict[str, StoredInstance]) -> dict[str, Referenced]:
    """The images with the places of their frames, read series by series."""
    placed: dict[str, Referenced] = {}
    if len(images) <= _SINGLY:
        refs = [image.ref for image in images.values()]
    else:
        series = {(image.study_uid, image.series_uid) for image in images.values()}
        refs = [ResourceRef(*place) for place in sorted(series)]
    for ref in refs:
        for batch in studio.index.metadata(ref):
            for item in batch:
                if item.sop_uid in images:
                    placed[item.sop_uid] = _placed(images[item.sop_uid], orjson.loads(item.document))
    return {uid: placed[uid] for uid in images if uid in placed}


_SINGLY: Final = 4
"""Images up to this number are read one by one, more with the series that they are in."""


def missing_images(references: Sequence[Reference], section: str) -> Conflict:
    """The refusal when none of the images that an object is shown over is here."""
    uids = list(dict.fromkeys(reference.uid for reference in references))
    if not uids:
        return Conflict(
            "This instance refers to no image; there is nothing to show.",
            section=section,
            offender="target URI",
            accepted=("an instance that refers to images",),
        )
    named = ", ".join(uids[:_SHOWN_MISSING]) + (
        f" and {len(uids) - _SHOWN_MISSING} more" * (len(uids) > _SHOWN_MISSING)
    )
    return Conflict(
        f"The images that this instance refers to are not in the archive: {named}.",
        section=section,
        offender="target URI",
        accepted=("the same request after those instances have been stored",),
    )


def _look(studio: Studio, ref: ResourceRef, wanted: dict[str, Reference], found: dict[str, StoredInstance]) -> None:
    for instance in studio.index.instances(ref):
        if instance.sop_uid in wanted and instance.layout.pixel is not None:
            found.setdefault(instance.sop_uid, instance)


def _placed(instance: StoredInstance, attributes: Attributes) -> Referenced:
    from filmjacket.pixels.functional_groups import attributes_of_frame  # noqa: PLC0415 - see above
    from filmjacket.pixels.presentation.planes import place_frame  # noqa: PLC0415

    frames = instance.layout.pixel.frames if instance.layout.pixel is not None else 1
    made = Referenced(instance, frames)
    groups = bool(get_items(attributes, _PER_FRAME))
    if not groups and (_POSITION not in attributes or frames > 1):
        # Many frames with one position for all are a series in time, or tiles of a slide.
        frames = 1
    for number in range(1, frames + 1):
        shown = attributes_of_frame(attributes, number)
        place = place_frame(shown, instance.sop_uid, number)
        if place is not None:
            made.placed[number] = place
        values = [value for value in get_values(shown, _DIMENSION_VALUES) if isinstance(value, int)]
        if values:
            made.dimensions[number] = tuple(values)
    return made

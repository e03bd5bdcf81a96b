"""Content items as text: what a person reads for each value type, with links to what is referred to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from filmjacket.dicom.sop_classes import is_text
from filmjacket.reports.blocks import Run, Text, plain
from filmjacket.reports.codes import Code, unit_text
from filmjacket.reports.content_values import Grid, Instants, Numeric, Reference, Region
from filmjacket.reports.links import class_text

if TYPE_CHECKING:
    from filmjacket.reports.content_tree import ContentItem
    from filmjacket.reports.links import Links

NO_VALUE: Final = "(no value)"
SHOWN: Final = 12
"""Frames, points or moments that are listed; of more the number is told."""

_RELATIONS: Final = {
    "INFERRED FROM": "Inferred from",
    "SELECTED FROM": "On",
    "HAS ACQ CONTEXT": "Acquisition",
    "HAS OBS CONTEXT": "Observation",
    "HAS CONCEPT MOD": "Modifier",
    "HAS PROPERTIES": "Property",
}
_REFERENCE_TYPES: Final = {"IMAGE": "Image", "WAVEFORM": "Waveform", "COMPOSITE": "Object"}
_GRAPHICS: Final = {
    "MULTIPOINT": "Points",
    "POLYLINE": "Polyline",
    "CIRCLE": "Circle",
    "ELLIPSE": "Ellipse",
    "ELLIPSOID": "Ellipsoid",
    "POLYGON": "Polygon",
    "POINT": "Point",
}
_TEMPORAL: Final = {
    "POINT": "at",
    "MULTIPOINT": "at",
    "SEGMENT": "in the segment",
    "MULTISEGMENT": "in the segments",
    "BEGIN": "from",
    "END": "until",
}


def anchor_of(number: tuple[int, ...]) -> str:
    """The name of an item inside a page."""
    return "item-" + ".".join(map(str, number))


def code_text(code: Code | None) -> Text:
    """A code by its meaning, the code behind it."""
    return plain(code.text, code.note) if code else ()


def label_text(item: ContentItem) -> Text:
    """What stands before the value: the concept name, else what the relationship or value type says."""
    if item.name:
        label = code_text(item.name)
        return (Run("Inferred from: "), *label) if item.relationship == "INFERRED FROM" else label
    relation = _RELATIONS.get(item.relationship)
    return plain(relation or _REFERENCE_TYPES.get(item.value_type, ""))


def value_text(item: ContentItem, links: Links) -> Text:
    """The value of any item but a table; `(no value)` where one is missing."""
    value = item.value
    if isinstance(value, Code):
        return code_text(value)
    if isinstance(value, Numeric):
        return numeric_text(value)
    if isinstance(value, Reference):
        return reference_text(item, value, links)
    if isinstance(value, Region):
        return plain(region_text(value))
    if isinstance(value, Instants):
        return plain(_instants_text(value))
    if isinstance(value, Grid):
        return plain(f"Table of {len(value.rows)} rows and {len(value.columns)} columns")
    if item.value_type == "CONTAINER":
        return ()
    return plain(value.strip() if value else "") or plain(NO_VALUE)


def numeric_text(value: Numeric) -> Text:
    """A number with its unit, and what qualifies it."""
    number = plain(value.number) or (() if value.qualifier else plain(NO_VALUE))
    unit = unit_text(value.units) if value.number else ""
    runs = (*number, Run(f" {unit}", _unit_note(value.units))) if unit else number
    if value.qualifier is None:
        return runs
    return (*runs, Run(f" ({value.qualifier.text})" if runs else value.qualifier.text, value.qualifier.note))


def unit_of(value: Numeric) -> Text:
    """The unit alone, for a column of its own."""
    return plain(unit_text(value.units), _unit_note(value.units))


def reference_text(item: ContentItem, reference: Reference, links: Links) -> Text:
    """What is referred to, linked where it can be looked at."""
    text = class_text(reference.sop_class) + selection_text(reference)
    runs = (Run(text, reference.instance, _target(item, reference, links)),)
    if reference.presentation is not None and reference.presentation.instance:
        state = reference.presentation
        runs = (*runs, Run(", shown as in "), Run(class_text(state.sop_class), state.instance, links.rendered(state)))
    return runs


def selection_text(reference: Reference) -> str:
    """Frames, segments and channels of a reference: `, frames 1, 2`."""
    parts = ""
    for word, numbers in (("frame", reference.frames), ("segment", reference.segments)):
        if numbers:
            parts += f", {word}{'s' if len(numbers) > 1 else ''} {_listed(list(map(str, numbers)))}"
    if reference.channels:
        # (multiplex group, channel); channel 0 stands for all of a group (C.18.5.1.1).
        pairs = [f"{group}/{channel or 'all'}" for group, channel in reference.channels]
        parts += f", channels {_listed(pairs)}"
    return parts


def region_text(region: Region) -> str:
    """A shape, how many points it has, and the box around them."""
    name = _GRAPHICS.get(region.graphic, region.graphic or "Coordinates")
    if not region.points:
        return f"{name} {NO_VALUE}"
    if len(region.points) == 1:
        return f"{name} at ({', '.join(f'{number:.6g}' for number in region.points[0])})"
    axes = zip("xyz", zip(*region.points, strict=True), strict=False)
    box = ", ".join(f"{axis} {min(numbers):.6g} to {max(numbers):.6g}" for axis, numbers in axes)
    unit = " mm" if region.frame_of_reference else ""
    return f"{name} of {len(region.points)} points, {box}{unit}"


def _instants_text(value: Instants) -> str:
    unit, after = ("sample ", "") if value.unit == "sample" else ("", f" {value.unit}" if value.unit else "")
    if value.kind == "SEGMENT" and len(value.places) == 2:
        return f"from {unit}{value.places[0]} to {value.places[1]}{after}"
    word = _TEMPORAL.get(value.kind, value.kind)
    places = _listed(list(value.places))
    return f"{word} {unit}{places}{after}".strip() if places else f"{word} {NO_VALUE}".strip()


def _listed(texts: list[str]) -> str:
    return ", ".join(texts) if len(texts) <= SHOWN else f"{', '.join(texts[:SHOWN])}, … ({len(texts)} in all)"


def _unit_note(unit: Code | None) -> str:
    return f"{unit.meaning} {unit.note}".strip() if unit else ""


def _target(item: ContentItem, reference: Reference, links: Links) -> str:
    if item.value_type != "COMPOSITE" or is_text(reference.sop_class):
        return links.rendered(reference)
    url = links.instance(reference.instance)
    return f"{url}/metadata" if url else ""

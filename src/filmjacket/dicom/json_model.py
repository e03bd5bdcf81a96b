"""The DICOM JSON Model as bytes (PS3.18 Annex F): encoding, strict decoding, and projection.

Encoding is `orjson`; what it would bend silently (NaN, 64-bit integers) never is in our attribute objects,
see `filmjacket.dicom.values`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, cast

import orjson

from filmjacket.dicom.attributes import get_items
from filmjacket.dicom.shape import check_attributes, is_array
from filmjacket.errors import DicomError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from filmjacket.dicom.attributes import Attributes, Element


def encode_attributes(attributes: Attributes) -> bytes:
    """Return one data set as a JSON object, members ordered by tag at every level (PS3.18 F.2.2)."""
    return _encode(attributes)


def encode_array(datasets: list[Attributes]) -> bytes:
    """Return data sets as the JSON array that several results make (PS3.18 F.2.1)."""
    return _encode(datasets)


def _encode(document: Attributes | list[Attributes]) -> bytes:
    try:
        return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        raise DicomError("sequences are nested too deeply for JSON", section="PS3.5 7.5") from None


def decode_attributes(document: bytes) -> Attributes:
    """Return the data set of a JSON object; DicomError names the attribute that is at fault."""
    return check_attributes(_parse(document))


def decode_array(document: bytes) -> list[Attributes]:
    """Return the data sets of a JSON array; a lone object counts as an array of one."""
    return [check_attributes(one) for one in parse_array(document)]


def parse_array(document: bytes) -> list[object]:
    """Return the members of a JSON array unchecked, for `check_attributes`; a lone object counts as one member."""
    parsed = _parse(document)
    return parsed if is_array(parsed) else [parsed]


def _parse(document: bytes) -> object:
    """Parse JSON strictly: valid UTF-8, no NaN, no lone surrogates, no member twice."""
    try:
        # orjson checks UTF-8, surrogates and depth; only the standard library shows members that are twice.
        orjson.loads(document)
        return cast("object", json.loads(document, object_pairs_hook=_unique, parse_constant=_refuse_constant))
    except (ValueError, RecursionError) as error:
        position = f" at byte {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        raise DicomError(
            f"the payload is not JSON in UTF-8{position}",
            section="PS3.18 F.2",
            accepted=("application/dicom+json",),
        ) from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))
        raise DicomError(f"member {twice[:16]!r} is there twice", section="PS3.18 F.2.2", offender=twice[:16])
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def filter_attributes(attributes: Attributes, paths: Iterable[tuple[str, ...]]) -> Attributes:
    """Return what the paths name (PS3.18 8.3.4.3): whole attributes, or parts of the items of sequences.

    Items keep their number: one that has nothing of what is asked for stays as an empty item.
    """
    plan: _Plan = {}
    for path in sorted(paths, key=len):
        _add_path(plan, path)
    return _project(attributes, plan)


# Tag -> what is wanted of its items; an empty mapping wants all of the attribute.
_Plan: TypeAlias = "dict[str, _Plan]"


def _add_path(plan: _Plan, path: tuple[str, ...]) -> None:
    """Add a path to a plan; shorter paths were added before and already ask for what is below them."""
    *parents, last = path
    for tag in parents:
        if plan.get(tag) == {}:
            return
        plan = plan.setdefault(tag, {})
    plan.setdefault(last, {})


def _project(attributes: Attributes, plan: _Plan) -> Attributes:
    # Recursion is bounded by the length of a path, see tags.MAX_PATH_LENGTH.
    return {tag: _project_element(attributes, tag, below) for tag, below in plan.items() if tag in attributes}


def _project_element(attributes: Attributes, tag: str, below: _Plan) -> Element:
    element = attributes[tag]
    if not below or "Value" not in element:
        return element
    return {"vr": element["vr"], "Value": [_project(item, below) for item in get_items(attributes, tag)]}

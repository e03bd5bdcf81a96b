"""Data sets that requesters send: brought to one form, and checked against the attribute table (PS3.4 CC.2.5.1.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, cast

from filmjacket.dicom import tags
from filmjacket.dicom.attributes import get_items, get_text, get_values, walk
from filmjacket.dicom.element_values import ValueFault, bring_to_one_form
from filmjacket.services.worklist.attribute_table import MACROS
from filmjacket.services.worklist.statuses import Dimse, Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from filmjacket.dicom.attributes import Attributes
    from filmjacket.services.worklist.attribute_table import Row, Usage
    from filmjacket.services.worklist.statuses import Transaction

UTF_8: Final = "ISO_IR 192"
SPECIFIC_CHARACTER_SET: Final = "00080005"
# Groups that no data set of a workitem has: file meta information and pixel data.
_FOREIGN: Final = frozenset({"0002", "7FE0"})
Operation = Literal["create", "set"]

DEFINED_TERMS: Final[Mapping[str, frozenset[str]]] = {
    "00741200": frozenset({"HIGH", "MEDIUM", "LOW"}),
    "00404041": frozenset({"INCOMPLETE", "UNAVAILABLE", "READY"}),
    "00741000": frozenset({"SCHEDULED", "IN PROGRESS", "COMPLETED", "CANCELED"}),
}
"""Enumerated values that the service depends on (PS3.3 C.30.1, C.30.2)."""


@dataclass(frozen=True, slots=True)
class Received:
    """A data set in one form. `changed`: values were coerced; `dropped`: attributes that no workitem has are gone."""

    attributes: Attributes
    changed: bool = False
    dropped: bool = False


def has_value(attributes: Attributes, tag: str) -> bool:
    """Tell whether an attribute is there and not empty; an item of a sequence is a value."""
    element = attributes.get(tag, {})
    return any(value not in (None, "") for value in element.get("Value", ())) or "InlineBinary" in element


def described(tag: str) -> str:
    """An attribute by its keyword and tag, for people."""
    return f"{tags.keyword_of(tag) or 'the attribute'} ({tag[:4]},{tag[4:]})"


def receive(attributes: Attributes, transaction: Transaction) -> Received:
    """Bring a data set to the one form that is kept: VRs of PS3.6, Unicode, no bulk data. Raises `Refused`."""
    kept = {tag: element for tag, element in attributes.items() if tag[:4] not in _FOREIGN}
    changed = False
    for path, element in walk(kept):
        tag = cast("str", path[-1])
        try:
            changed = bring_to_one_form(tag, element) or changed
        except ValueFault as error:
            raise _refused(tag, Dimse.INVALID_VALUE, transaction, error.problem, *error.accepted) from None
    # A payload is Unicode whatever it says of itself, and so is all that is kept and sent (PS3.18 F.2.1.1).
    charset = get_text(kept, SPECIFIC_CHARACTER_SET)
    if charset is not None and charset.strip() != UTF_8:
        kept[SPECIFIC_CHARACTER_SET] = {"vr": "CS", "Value": [UTF_8]}
        changed = True
    return Received(kept, changed, dropped=len(kept) < len(attributes))


def check_types(attributes: Attributes, level: Iterable[Row], operation: Operation, transaction: Transaction) -> None:
    """Check presence and values of what the table has in an operation, sequences included. Raises `Refused`."""
    for row in level:
        usage: Usage = getattr(row, operation)
        present = row.tag in attributes
        if not usage.allowed:
            if present:
                raise _refused(row.tag, Dimse.NO_SUCH_ATTRIBUTE, transaction, "it may not be sent here")
            continue
        if usage.scu == "1" and not has_value(attributes, row.tag):
            dimse = Dimse.MISSING_VALUE if present else Dimse.MISSING_ATTRIBUTE
            raise _refused(row.tag, dimse, transaction, "a value is required")
        for item in get_items(attributes, row.tag) if present else ():
            check_types(item, row.items, operation, transaction)
            _check_macro(row, item, transaction)
        if operation == "create" and row.created_empty and get_items(attributes, row.tag):
            raise _refused(row.tag, Dimse.INVALID_VALUE, transaction, "it is empty in a new workitem", "no items")


def _check_macro(row: Row, item: Attributes, transaction: Transaction) -> None:
    macro = MACROS.get(row.macro)
    if macro is None:
        return
    missing = next((tag for tag in macro.required if not has_value(item, tag)), None)
    if missing is not None:
        raise _refused(missing, Dimse.MISSING_ATTRIBUTE, transaction, f"each item of {row.name} needs it")
    given = [tag for tag in macro.one_of if has_value(item, tag)]
    choices = tuple(described(tag) for tag in macro.one_of)
    if macro.one_of and not given:
        raise _refused(row.tag, Dimse.MISSING_ATTRIBUTE, transaction, "an item lacks what identifies it", *choices)
    if macro.only_one and len(given) > 1:
        raise _refused(row.tag, Dimse.INVALID_VALUE, transaction, "an item has two of what it has one of", *choices)
    for tag, others in macro.needed_with:
        if not has_value(item, tag) and any(has_value(item, other) for other in others):
            raise _refused(tag, Dimse.MISSING_ATTRIBUTE, transaction, f"each item of {row.name} needs it")


def check_items(attributes: Attributes, rows_of_items: Iterable[Row], transaction: Transaction) -> None:
    """Check the items of sequences that are sent outside of their place in the table. Raises `Refused`."""
    for row in rows_of_items:
        for item in get_items(attributes, row.tag):
            _check_macro(row, item, transaction)


def check_values(attributes: Attributes, transaction: Transaction) -> None:
    """Check the enumerated values that the service depends on. Raises `Refused`."""
    for tag, terms in DEFINED_TERMS.items():
        found = get_values(attributes, tag)
        if found and (len(found) > 1 or found[0] not in terms):
            raise _refused(tag, Dimse.INVALID_VALUE, transaction, "the value is none that is defined", *sorted(terms))


def complete(attributes: Attributes, level: Iterable[Row]) -> bool:
    """Add empty what Create wants at least empty (type 2); True if the requester owed some of it."""
    owed = False
    for row in level:
        if row.tag not in attributes and row.create.scp == "2" and row.create.scu in {"1C", "2"}:
            attributes[row.tag] = {"vr": row.vr}
            owed = owed or row.create.scu == "2"
        for item in get_items(attributes, row.tag):
            owed = complete(item, row.items) or owed
    return owed


def _refused(tag: str, dimse: Dimse, transaction: Transaction, problem: str, *accepted: str) -> Refused:
    return Refused(f"{described(tag)}: {problem}.", dimse, transaction, offender=tag, accepted=accepted)

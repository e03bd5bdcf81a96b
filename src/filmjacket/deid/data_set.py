"""Cleans the attributes of an instance (PS3.15 E.1, Table E.1-1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from filmjacket.deid.actions import WELL_KNOWN_ROOT, Action, action_of
from filmjacket.dicom.attributes import get_items, get_text
from filmjacket.dicom.pixel_layout import PIXEL_TAGS
from filmjacket.dicom.vr import VALUE_REPRESENTATIONS

if TYPE_CHECKING:
    from filmjacket.deid.pseudonyms import Pseudonyms
    from filmjacket.dicom.attributes import Attributes, Element

DUMMY_TEXT: Final = "ANONYMIZED"
METHODS: Final = (
    ("113100", "Basic Application Confidentiality Profile"),
    ("113101", "Clean Pixel Data Option"),
)
"""Codes of context group 7050 (PS3.16) for what is done here."""

_PATIENT_NAME: Final = "00100010"
_PATIENT_ID: Final = "00100020"
_STUDY_UID: Final = "0020000D"
_IDENTITY_REMOVED: Final = "00120062"
_METHOD: Final = "00120063"
_METHOD_CODES: Final = "00120064"
_BURNED_IN: Final = "00280301"
_LONGITUDINAL: Final = "00280303"

_DUMMIES: Final[dict[str, list[Any]]] = {
    **{vr: [DUMMY_TEXT] for vr in ("AE", "CS", "LO", "LT", "SH", "ST", "UC", "UT")},
    **{vr: [0] for vr in ("DS", "FD", "FL", "IS", "SL", "SS", "SV", "UL", "US", "UV")},
    "AS": ["000Y"],
    "AT": ["00000000"],
    "DA": ["19000101"],
    "DT": ["19000101000000"],
    "PN": [{"Alphabetic": DUMMY_TEXT}],
    "TM": ["000000"],
    "UR": ["urn:anonymized"],
}
"""Values that say nothing, for VRs that have values in JSON."""

# Inside of a sequence that is to hold nothing real, these are what may tell something; numbers and terms are not.
_TELLING: Final = frozenset(("AE", "AS", "DA", "DT", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UR", "UT"))


def is_deidentified(attributes: Attributes) -> bool:
    """Tell whether an instance says that all that is done here has been done to it (PS3.3 C.12.1.1)."""
    codes = {get_text(item, "00080100") for item in get_items(attributes, _METHOD_CODES)}
    return get_text(attributes, _IDENTITY_REMOVED) == "YES" and {code for code, _ in METHODS} <= codes


def deidentify(attributes: Attributes, pseudonyms: Pseudonyms) -> Attributes:
    """The data set without what identifies a person, other instances, or when and where. The input is not changed.

    The pixels have to be free of burned-in text already (`filmjacket.deid.refusals`): the result says that they are.
    """
    cleaned = _Cleaner(pseudonyms).data_set(attributes)
    study = get_text(attributes, _STUDY_UID) or ""
    cleaned |= {
        _PATIENT_NAME: {"vr": "PN", "Value": [{"Alphabetic": DUMMY_TEXT}]},
        _PATIENT_ID: {"vr": "LO", "Value": [pseudonyms.patient_id(study)]},
        _IDENTITY_REMOVED: {"vr": "CS", "Value": ["YES"]},
        _METHOD: {"vr": "LO", "Value": ["PS3.15 Basic Profile, Clean Pixel Data", "Filmjacket"]},
        _METHOD_CODES: {"vr": "SQ", "Value": [_code(value, meaning) for value, meaning in METHODS]},
        _LONGITUDINAL: {"vr": "CS", "Value": ["REMOVED"]},
    }
    if PIXEL_TAGS & cleaned.keys():
        cleaned[_BURNED_IN] = {"vr": "CS", "Value": ["NO"]}
    return cleaned


class _Cleaner:
    """One data set. Recursion ends where the readers' limit of nesting is."""

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._pseudonyms = pseudonyms

    def data_set(self, attributes: Attributes) -> Attributes:
        """The attributes that are left, by the rules of the profile."""
        cleaned: Attributes = {}
        for tag, element in attributes.items():
            kept = self._element(tag, element)
            if kept is not None:
                cleaned[tag] = kept
        return cleaned

    def _element(self, tag: str, element: Element) -> Element | None:
        vr: str = element["vr"]
        action = action_of(tag, vr)
        if vr == "SQ" and action in {Action.KEEP, Action.DUMMY}:
            clean = self.data_set if action is Action.KEEP else self._dummy_item
            return {"vr": "SQ", "Value": [clean(item) for item in element.get("Value", [])]}
        if action is Action.KEEP:
            # Text behind a URI is in the character set of the file, and too long to be a term.
            text = VALUE_REPRESENTATIONS[vr].uses_charset and "BulkDataURI" in element
            return None if text else element
        if action is Action.NEW_UID:
            return self._uids(element)
        if action is Action.REMOVE:
            return None
        return {"vr": vr} if action is Action.EMPTY or len(element) == 1 else _dummy(element)

    def _uids(self, element: Element) -> Element:
        if element["vr"] != "UI":
            return {"vr": element["vr"]}
        return {"vr": "UI", "Value": [self._uid(value) for value in element.get("Value", [])]}

    def _uid(self, value: object) -> object:
        if not isinstance(value, str) or not value or value.startswith(WELL_KNOWN_ROOT):
            return value
        return self._pseudonyms.uid(value)

    def _dummy_item(self, item: Attributes) -> Attributes:
        """An item of the same shape that says nothing: its terms and numbers stay, its text does not."""
        made: Attributes = {}
        for tag, element in self.data_set(item).items():
            if element["vr"] == "SQ":
                made[tag] = {"vr": "SQ", "Value": [self._dummy_item(inner) for inner in element.get("Value", [])]}
            elif element["vr"] in _TELLING and len(element) > 1:
                made[tag] = _dummy(element)
            else:
                made[tag] = element
        return made


def _dummy(element: Element) -> Element:
    vr: str = element["vr"]
    values = _DUMMIES.get(vr)
    # A binary value is two zero bytes, the shortest one that has a length.
    return {"vr": vr, "InlineBinary": "AAA="} if values is None else {"vr": vr, "Value": list(values)}


def _code(value: str, meaning: str) -> Attributes:
    return {
        "00080100": {"vr": "SH", "Value": [value]},
        "00080102": {"vr": "SH", "Value": ["DCM"]},
        "00080104": {"vr": "LO", "Value": [meaning]},
    }

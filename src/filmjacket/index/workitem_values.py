"""What searches for workitems look up: values of promoted attributes, and keys as tests of them.

Promoted are the required matching keys of PS3.4 Table CC.2.5-3, and what IHE asks for encounters (RAD-130). The state,
the UID and the start are columns of the workitem itself. The numbers are stored: they are never given anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Any, Final

from filmjacket.dicom.attributes import get_items, get_text, get_values
from filmjacket.dicom.date_time import parse_datetime
from filmjacket.web.matching import MatchKind, normal_date_or_time, normal_text
from filmjacket.web.moment_matching import zone_of
from filmjacket.web.person_names import folded_groups, key_words, name_words, sound_of_key
from filmjacket.web.phonetics import sound_of
from filmjacket.web.wildcards import has_wildcards

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from filmjacket.dicom.attributes import Attributes
    from filmjacket.web.matching import MatchKey

START: Final = "00404005"
_CODE_VALUE: Final = "00080100"
_SCHEME: Final = "00080102"
# A pattern engine may try every way to place each asterisk; with more of them only the prefix narrows.
_MOST_ASTERISKS: Final = 4
_ESCAPED: Final = str.maketrans({"%": r"\%", "_": r"\_", "\\": r"\\", "*": "%", "?": "_"})
_LAST_CHARACTER: Final = "\U0010ffff"


class Form(StrEnum):
    """How values of an attribute are kept."""

    TEXT = "text"
    NAME = "name"
    DATE = "date"
    MOMENT = "moment"
    SCHEME_AND_CODE = "scheme and code"


class Special(IntEnum):
    """Numbers of what is no attribute: made of others, or held in another place."""

    NAME_WORD = 90
    NAME_SOUND = 91
    OTHER_PATIENT_ID = 92


@dataclass(frozen=True, slots=True)
class Promoted:
    """An attribute that is looked up: its number, the tags down to it, its form."""

    number: int
    path: tuple[str, ...]
    form: Form = Form.TEXT


PATIENT_NAME: Final = ("00100010",)
PATIENT_ID: Final = ("00100020",)
OTHER_PATIENT_IDS: Final = "00101002"
_CODES: Final = {
    40: ("00404025",),  # Scheduled Station Name
    42: ("00404026",),  # Scheduled Station Class
    44: ("00404027",),  # Scheduled Station Geographic Location
    46: ("00404034", "00404009"),  # Human Performer
    48: ("00404018",),  # Scheduled Workitem
}
"""Code sequences; the even number is that of the code value, the next one that of scheme and code together."""

PROMOTED: Final = (
    Promoted(1, ("00741200",)),  # Scheduled Procedure Step Priority
    Promoted(2, ("00741204",)),  # Procedure Step Label
    Promoted(3, ("00741202",)),  # Worklist Label
    Promoted(4, ("00404041",)),  # Input Readiness State
    Promoted(5, PATIENT_NAME, Form.NAME),
    Promoted(6, PATIENT_ID),
    Promoted(7, ("00100021",)),  # Issuer of Patient ID
    Promoted(8, ("00100030",), Form.DATE),  # Patient's Birth Date
    Promoted(9, ("00100040",)),  # Patient's Sex
    Promoted(10, ("00380010",)),  # Admission ID
    Promoted(11, ("00404011",), Form.MOMENT),  # Expected Completion DateTime
    Promoted(12, ("0020000D",)),  # Study Instance UID
    Promoted(20, ("0040A370", "00080050")),  # Accession Number
    Promoted(21, ("0040A370", "00401001")),  # Requested Procedure ID
    Promoted(22, ("0040A370", "00321033")),  # Requesting Service
    Promoted(23, ("0040A370", "00080051", "00400031")),  # Issuer of Accession Number: Local Namespace Entity ID
    Promoted(24, ("0040A370", "00080051", "00400032")),  # Issuer of Accession Number: Universal Entity ID
    Promoted(25, ("00380014", "00400031")),  # Issuer of Admission ID: Local Namespace Entity ID
    Promoted(26, ("00380014", "00400032")),  # Issuer of Admission ID: Universal Entity ID
    Promoted(27, ("00741224", "00081150")),  # Replaced Procedure Step: Referenced SOP Class UID
    Promoted(28, ("00741224", "00081155")),  # Replaced Procedure Step: Referenced SOP Instance UID
    Promoted(29, ("00404034", "00404037"), Form.NAME),  # Human Performer's Name, of RAD-130
    Promoted(30, ("00404025", "00080104")),  # Scheduled Station Name: Code Meaning, of RAD-130
    *(Promoted(number, (*path, _CODE_VALUE)) for number, path in _CODES.items()),
    *(Promoted(number + 1, path, Form.SCHEME_AND_CODE) for number, path in _CODES.items()),
)
_BY_PATH: Final[Mapping[tuple[str, ...], Promoted]] = {row.path: row for row in PROMOTED}
_VRS: Final = {Form.TEXT: "LO", Form.SCHEME_AND_CODE: "LO", Form.NAME: "PN", Form.DATE: "DA", Form.MOMENT: "DT"}


def values_of(attributes: Attributes) -> set[tuple[int, str]]:
    """Return the (number, value) pairs that a workitem is found by."""
    zone = zone_of(attributes, None) or 0
    found: set[tuple[int, str]] = set()
    for row in PROMOTED:
        found.update((row.number, value) for value in _values_at(attributes, row, zone) if value)
    for number, name in list(found):
        if number == _BY_PATH[PATIENT_NAME].number:
            words = name_words(name)
            found.update((Special.NAME_WORD.value, word) for word in words)
            found.update((Special.NAME_SOUND.value, sound) for word in words if (sound := sound_of(word)))
    for item in get_items(attributes, OTHER_PATIENT_IDS):
        texts = (normal_text("LO", value) for value in get_values(item, PATIENT_ID[0]) if value is not None)
        found.update((Special.OTHER_PATIENT_ID.value, text) for text in texts if text)
    return found


def start_of(attributes: Attributes) -> str:
    """Return the sortable start of a workitem, what results are ordered by; "" if it cannot be read."""
    span = parse_datetime(get_text(attributes, START) or "", default_offset=zone_of(attributes, None) or 0)
    return (span.first or "") if span else ""


def _values_at(attributes: Attributes, row: Promoted, zone: int) -> Iterator[str]:
    level = [attributes]
    parents = row.path if row.form is Form.SCHEME_AND_CODE else row.path[:-1]
    for tag in parents:
        level = [item for data_set in level for item in get_items(data_set, tag)]
    for data_set in level:
        if row.form is Form.SCHEME_AND_CODE:
            code, scheme = get_text(data_set, _CODE_VALUE), get_text(data_set, _SCHEME)
            if code and scheme:
                yield scheme_and_code(scheme, code)
            continue
        for value in get_values(data_set, row.path[-1]):
            yield from _kept(row.form, value, zone)


def _kept(form: Form, value: Any, zone: int) -> Iterator[str]:  # noqa: ANN401 - a member of Value
    if value is None:
        return
    if form is Form.NAME:
        yield from (group for group in folded_groups(value) if group)
    elif form is Form.DATE:
        yield normal_date_or_time("DA", value) or ""
    elif form is Form.MOMENT:
        span = parse_datetime(str(value), default_offset=zone)
        yield (span.first or "") if span else ""
    else:
        yield normal_text("LO", value)


def scheme_and_code(scheme: str, code: str) -> str:
    """Return one text for both; no value of either has a backslash."""
    return f"{scheme.strip(' ')}\\{code.strip(' ')}"


# Keys ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Test:
    """What a value must be: one of `among`, or inside an interval and like a pattern.

    `first` and `last` belong to the interval, `below` does not.
    """

    among: tuple[str, ...] = ()
    first: str | None = None
    last: str | None = None
    below: str | None = None
    like: str | None = None


@dataclass(frozen=True, slots=True)
class Lookup:
    """A condition on the values of a workitem: one of the alternatives (number, test) is satisfied.

    An `exact` one decides as matching does; any other lets more through.
    """

    alternatives: tuple[tuple[int, Test], ...]
    exact: bool = True

    @property
    def single(self) -> tuple[int, str] | None:
        """The one pair that satisfies it, if there is but one: rows with it are in the order of results."""
        if len(self.alternatives) == 1 and len(self.alternatives[0][1].among) == 1:
            number, test = self.alternatives[0]
            return number, test.among[0]
        return None


@dataclass(slots=True)
class Lookups:
    """The conditions that keys make; not `complete` when something of them is left to verification."""

    found: list[Lookup] = field(default_factory=list[Lookup])
    complete: bool = True


def lookups_of(keys: tuple[MatchKey, ...], *, other_patient_ids: bool = False) -> Lookups:
    """Return what of the keys can be looked up."""
    result = Lookups()
    for key in keys:
        if key.kind is MatchKind.UNIVERSAL:
            continue
        if key.kind is MatchKind.SEQUENCE and not key.creator:
            _sequence(key, result)
            continue
        made = _lookups(key, (key.tag,))
        if other_patient_ids and (key.tag,) == PATIENT_ID:
            made = [_or_other_id(one) for one in made]
        _take(result, made)
    return result


def _take(result: Lookups, made: list[Lookup]) -> None:
    result.found += made
    result.complete = result.complete and bool(made) and all(one.exact for one in made)


def _or_other_id(lookup: Lookup) -> Lookup:
    ((_, test),) = lookup.alternatives
    return Lookup((*lookup.alternatives, (Special.OTHER_PATIENT_ID.value, test)), lookup.exact)


def _sequence(key: MatchKey, result: Lookups) -> None:
    """PS3.4 C.2.2.2.6: all keys must be satisfied in one item, which a single lookup decides, and several do not."""
    leaves = list(_leaves(key, ()))
    if not leaves:
        return
    pair = _code_pair(leaves)
    if pair is not None:
        result.found.append(pair)
        return
    made = [_lookups(leaf, path) for path, leaf in leaves]
    for lookups in made:
        result.found += lookups
    exact = len(made) == 1 and len(made[0]) == 1 and made[0][0].exact
    result.complete = result.complete and exact


def _leaves(key: MatchKey, above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], MatchKey]]:
    for item in key.items:
        if item.kind is MatchKind.UNIVERSAL:
            continue
        if item.kind is MatchKind.SEQUENCE:
            yield from _leaves(item, (*above, key.tag))
        else:
            yield (*above, key.tag, item.tag), item


def _code_pair(leaves: list[tuple[tuple[str, ...], MatchKey]]) -> Lookup | None:
    """Code and scheme of one sequence are kept as one value, so that they are of one item."""
    tests = {path[-1]: key for path, key in leaves if key.kind is MatchKind.SINGLE}
    parents = {path[:-1] for path, _ in leaves}
    row = _BY_PATH.get(next(iter(parents))) if len(parents) == 1 else None
    if row is None or len(leaves) != len(tests):
        return None
    if tests.keys() == {_CODE_VALUE, _SCHEME}:
        value = scheme_and_code(tests[_SCHEME].values[0], tests[_CODE_VALUE].values[0])
        return Lookup(((row.number, Test((value,))),))
    if tests.keys() == {_SCHEME}:
        prefix = tests[_SCHEME].values[0] + "\\"
        # An item may have a scheme for a long code value, which is no part of the pair.
        return Lookup(((row.number, Test(first=prefix, below=_after(prefix))),), exact=False)
    return None


def _lookups(key: MatchKey, path: tuple[str, ...]) -> list[Lookup]:
    """Return the lookups of one key, all of which must hold; none if nothing of it is looked up."""
    row = _BY_PATH.get(path)
    if row is None or key.creator:
        return []
    if key.kind is MatchKind.FUZZY:
        return _fuzzy(key, path)
    if key.kind is MatchKind.ANY_OF:
        return [Lookup(((row.number, Test(key.values)),))] if key.values else []
    if key.kind not in {MatchKind.SINGLE, MatchKind.WILDCARD, MatchKind.RANGE}:
        return []
    if row.form in {Form.DATE, Form.MOMENT}:
        return _moment(row, key)
    wanted = next((text for text in key.values if text), "")
    if not wanted:
        return []
    test, exact = _pattern(wanted)
    # A name that is matched group by group: any group narrows, and which one it was is verified.
    return [Lookup(((row.number, test),), exact=exact and len(key.values) == 1)]


def _moment(row: Promoted, key: MatchKey) -> list[Lookup]:
    """What is meant in the query's zone, if that is named, is left to verification."""
    if key.zone is not None or key.offset or key.vr != _VRS[row.form]:
        return []
    if key.span is None:
        return [Lookup(((row.number, Test(key.values)),))]
    return [Lookup(((row.number, Test(first=key.span.first or "0", last=key.span.last)),))]


def _fuzzy(key: MatchKey, path: tuple[str, ...]) -> list[Lookup]:
    if path != PATIENT_NAME:
        return []
    lookups: list[Lookup] = []
    for group in key.values:
        for word in key_words(group):
            spelt, _ = _pattern(word if has_wildcards(word) else word + "*")
            sound = sound_of_key(word)
            alternatives: list[tuple[int, Test]] = [(Special.NAME_WORD.value, spelt)]
            if sound:
                alternatives.append((Special.NAME_SOUND.value, Test((sound,))))
            lookups.append(Lookup(tuple(alternatives), exact=False))
    return lookups


def _pattern(text: str) -> tuple[Test, bool]:
    """Return the test of a text or a pattern, and whether it is exact."""
    if not has_wildcards(text):
        return Test((text,)), True
    prefix = text[: min(place for place in (text.find("*"), text.find("?")) if place >= 0)]
    below = _after(prefix) if prefix else None
    if text.count("*") > _MOST_ASTERISKS:
        return Test(first=prefix or None, below=below), False
    like = None if text == prefix + "*" and below else text.translate(_ESCAPED)
    return Test(first=prefix or None, below=below, like=like), True


def _after(prefix: str) -> str | None:
    """Return the least text that sorts after every text with the prefix; None if there is none."""
    last = prefix[-1]
    if last == _LAST_CHARACTER:
        return None
    following = 0xE000 if last == "\ud7ff" else ord(last) + 1
    return prefix[:-1] + chr(following)

"""The Native DICOM Model (PS3.19 A.1): XML to data sets, with the parser of the standard library.

Tolerated: capitals in attribute names as in the examples of PS3.18 Annex B, `uuid` or text in place of `uri`,
a `Value` that holds the reference of a binary attribute (PS3.18 B.23), a missing `vr` or namespace. Refused:
document types (and with them entities), values whose numbers are not 1 to n, nesting beyond a limit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from xml.parsers import expat

from filmjacket.dicom.dictionary import tag_of, vr_of
from filmjacket.dicom.limits import MAX_DEPTH
from filmjacket.dicom.shape import PERSON_NAME_GROUPS, check_attributes, refusal
from filmjacket.dicom.tags import creator_tag_of, is_private, is_private_creator, parse_tag
from filmjacket.dicom.values import parse_decimal
from filmjacket.dicom.vr import VALUE_REPRESENTATIONS, JsonKind
from filmjacket.errors import DicomError

if TYPE_CHECKING:
    from filmjacket.dicom.attributes import Attributes, Element

NAMESPACE = "http://dicom.nema.org/PS3.19/models/NativeDICOM"

# PS3.5 6.2.1.1: the components of a group in their order.
NAME_COMPONENTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")

_SECTION = "PS3.19 A.1.6"
_FIRST_BLOCK, _LAST_BLOCK = 0x10, 0xFF

# Which element may stand in which (PS3.19 A.1.5).
_CHILDREN = {
    "": {"NativeDicomModel"},
    "NativeDicomModel": {"DicomAttribute"},
    "Item": {"DicomAttribute"},
    "DicomAttribute": {"Value", "Item", "PersonName", "BulkData", "InlineBinary"},
    "PersonName": set(PERSON_NAME_GROUPS),
    **{group: set(NAME_COMPONENTS) for group in PERSON_NAME_GROUPS},
}


@dataclass(slots=True)
class _Attribute:
    """A DicomAttribute that is being read."""

    tag: str
    vr: str
    creator: str | None
    members: dict[int, Any] = field(default_factory=dict[int, Any])
    inline: str | None = None
    reference: str | None = None


def decode_native(document: bytes) -> Attributes:
    """Return the data set of an XML document; DicomError names the attribute that is at fault."""
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        parser.Parse(document, True)  # noqa: FBT003 - the signature of expat
    except (expat.ExpatError, LookupError, ValueError) as error:
        place = f" at line {error.lineno}" if isinstance(error, expat.ExpatError) else ""
        raise DicomError(
            f"the payload is not well-formed XML{place}",
            section=_SECTION,
            accepted=("application/dicom+xml",),
        ) from None
    return check_attributes(reader.result)


def _refuse_doctype(*_: object) -> None:
    raise DicomError("a document type declaration is not accepted", section=_SECTION, offender="DOCTYPE")


class _Reader:
    """Handlers of the parser; `result` is the data set in JSON shape once the document has ended."""

    def __init__(self) -> None:
        self.result: Attributes = {}
        self._names: list[str] = [""]
        self._levels: list[list[_Attribute]] = []
        self._open: list[_Attribute] = []
        self._numbers: list[int] = []
        self._name: dict[str, str] = {}
        self._components: dict[str, str] = {}
        self._text: list[str] = []

    def start(self, name: str, given: dict[str, str]) -> None:
        """Take an opening tag."""
        local = self._expected(name)
        self._names.append(local)
        self._text.clear()
        attributes = {key.rpartition(" ")[2].lower(): value for key, value in given.items()}
        if local == "DicomAttribute":
            self._open.append(_begin_attribute(attributes))
        elif local == "BulkData":
            self._open[-1].reference = attributes.get("uri") or attributes.get("uuid")
        elif local in {"Value", "Item", "PersonName"}:
            self._numbers.append(self._number(local, attributes.get("number")))
            self._name = {}
        elif local in PERSON_NAME_GROUPS:
            self._components = {}
        if local in {"NativeDicomModel", "Item"}:
            if len(self._levels) > MAX_DEPTH:
                raise DicomError(f"sequences are nested deeper than {MAX_DEPTH} levels", section="PS3.5 7.5")
            self._levels.append([])

    def end(self, _: str) -> None:
        """Take a closing tag."""
        local = self._names.pop()
        text = "".join(self._text)
        self._text.clear()
        if local == "NativeDicomModel":
            self.result = _assemble(self._levels.pop())
        elif local == "DicomAttribute":
            self._levels[-1].append(self._open.pop())
        elif local == "Item":
            self._add(_assemble(self._levels.pop()))
        elif local == "PersonName":
            self._add(self._name or None)
        elif local == "Value":
            self._add(text)
        elif local == "InlineBinary":
            self._open[-1].inline = text
        elif local == "BulkData":
            self._open[-1].reference = self._open[-1].reference or text.strip()
        elif local in PERSON_NAME_GROUPS:
            self._name[local] = _join_components(self._components)
        else:
            self._components[local] = text

    def text(self, text: str) -> None:
        """Take character data."""
        self._text.append(text)

    def _expected(self, name: str) -> str:
        namespace, _, local = name.rpartition(" ")
        parent = self._names[-1]
        if namespace not in {"", NAMESPACE} or local not in _CHILDREN.get(parent, ()):
            where = f"attribute {self._open[-1].tag}" if self._open else "the document"
            raise DicomError(
                f"{where}: element {local[:40]!r} is not expected in {parent!r}",
                section=_SECTION,
                accepted=tuple(sorted(_CHILDREN.get(parent, ()))),
            )
        return local

    def _number(self, local: str, given: str | None) -> int:
        attribute = self._open[-1]
        if (local == "Item", local == "PersonName") != (attribute.vr == "SQ", attribute.vr == "PN"):
            raise refusal(attribute.tag, f"a {local} is not content of VR {attribute.vr}", section=_SECTION)
        if given is None:
            return len(attribute.members) + 1
        if not given.strip().isdecimal() or len(given) > 9:
            raise refusal(attribute.tag, '"number" counts from 1', section=_SECTION)
        return int(given)

    def _add(self, member: object) -> None:
        attribute = self._open[-1]
        number = self._numbers.pop()
        if number in attribute.members:
            raise refusal(attribute.tag, f"value {number} is there twice", section=_SECTION)
        attribute.members[number] = member


def _begin_attribute(given: dict[str, str]) -> _Attribute:
    tag = parse_tag(given.get("tag", "")) or tag_of(given.get("keyword", ""))
    if tag is None:
        raise DicomError('a DicomAttribute needs "tag", 8 hexadecimal digits', section=_SECTION)
    creator = given.get("privatecreator") or None
    vr = given.get("vr") or (None if creator else vr_of(tag)) or "UN"
    return _Attribute(tag, vr, creator if is_private(tag) else None)


def _join_components(components: dict[str, str]) -> str:
    """Return a group as text: trailing carets go, unless there is nothing else (PS3.18 F.3)."""
    count = max((NAME_COMPONENTS.index(name) + 1 for name in components), default=0)
    text = "^".join(components.get(name, "") for name in NAME_COMPONENTS[:count])
    return text.rstrip("^") or text


def _assemble(level: list[_Attribute]) -> Attributes:
    """Return a data set in JSON shape, private elements in blocks that their creators reserve."""
    result: Attributes = {}
    blocks = _Blocks(level)
    for attribute in level:
        tag = attribute.tag
        if attribute.creator:
            tag = blocks.place(attribute, attribute.creator, result)
        if tag in result:
            raise refusal(tag, "it is there twice", section=_SECTION)
        result[tag] = _element(attribute)
    return result


class _Blocks:
    """Reservation of private blocks (PS3.5 7.8.1): the number of the document where free, else the next."""

    def __init__(self, level: list[_Attribute]) -> None:
        self._taken: set[str] = set()
        self._owned: dict[tuple[str, str], list[str]] = {}
        self._next: dict[str, int] = {}
        for attribute in level:
            if attribute.creator is None and is_private_creator(attribute.tag):
                self._own(attribute.tag[:4], attribute.tag[6:], str(attribute.members.get(1, "")))
            elif attribute.creator is None and (creator_tag := creator_tag_of(attribute.tag)):
                # Elements that come without a creator keep their block, whoever it belongs to.
                self._taken.add(creator_tag)

    def place(self, attribute: _Attribute, creator: str, result: Attributes) -> str:
        """Return the tag of an element in a block of its creator, reserving one where necessary."""
        group, given, element = attribute.tag[:4], attribute.tag[4:6], attribute.tag[6:]
        owned = self._owned.get((group, creator), [])
        for block in (given, *owned) if given in owned else owned:
            if f"{group}{block}{element}" not in result:
                return f"{group}{block}{element}"
        block = given if given >= "10" and f"{group}00{given}" not in self._taken else self._free(attribute)
        self._own(group, block, creator)
        result[f"{group}00{block}"] = {"vr": "LO", "Value": [creator]}
        return f"{group}{block}{element}"

    def _own(self, group: str, block: str, creator: str) -> None:
        self._taken.add(f"{group}00{block}")
        self._owned.setdefault((group, creator), []).append(block)

    def _free(self, attribute: _Attribute) -> str:
        group = attribute.tag[:4]
        for number in range(self._next.get(group, _FIRST_BLOCK), _LAST_BLOCK + 1):
            if f"{group}00{number:02X}" not in self._taken:
                self._next[group] = number + 1
                return f"{number:02X}"
        raise refusal(attribute.tag, "its group has no free block", section="PS3.5 7.8.1")


def _element(attribute: _Attribute) -> Element:
    count = len(attribute.members)
    kinds = [count > 0, attribute.inline is not None, attribute.reference is not None]
    if sum(kinds) > 1:
        raise refusal(attribute.tag, "it has more than one kind of content", section=_SECTION)
    if attribute.inline is not None:
        return {"vr": attribute.vr, "InlineBinary": attribute.inline}
    if attribute.reference is not None:
        return {"vr": attribute.vr, "BulkDataURI": attribute.reference}
    if not count:
        return {"vr": attribute.vr}
    if set(attribute.members) != set(range(1, count + 1)):
        raise refusal(attribute.tag, f"its values are not numbered from 1 to {count}", section=_SECTION)
    return _values(attribute, [attribute.members[number] for number in range(1, count + 1)])


def _values(attribute: _Attribute, members: list[Any]) -> Element:
    row = VALUE_REPRESENTATIONS.get(attribute.vr)
    if row and row.json is JsonKind.BINARY:
        return {"vr": attribute.vr, "BulkDataURI": members[0].strip()}
    if row and row.json is JsonKind.NUMBER:
        members = [_parse_number(text.strip(), wide=attribute.vr in {"SV", "UV"}) for text in members]
    return {"vr": attribute.vr, "Value": members}


def _parse_number(text: str, *, wide: bool) -> int | float | str:
    """Return decimal text as a number; what is none stays text, for the check of shapes to refuse."""
    number = parse_decimal(text) if text else None
    if number is None and not wide:
        # More digits than an integer of JSON holds are fine for FL and FD.
        number = float(text) if text.lstrip("+-").isdecimal() and text.isascii() else None
    return text if number is None else number

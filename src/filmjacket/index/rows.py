"""Candidates as rows: everything that can be computed before, and outside, the transaction."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson

from filmjacket.dicom.attributes import get_items, get_values
from filmjacket.dicom.json_model import encode_attributes
from filmjacket.dicom.levels import PATIENT_STUDY_TAGS, SERIES_TAGS
from filmjacket.index.schema import FRAMES_PER_CHUNK, SPAN_BYTES, UNKNOWN_NUMBER
from filmjacket.web.matching import normal_date_or_time, normal_number, normal_text
from filmjacket.web.person_names import folded_groups
from filmjacket.web.search_tables import (
    MODALITIES_IN_STUDY,
    NUMBER_OF_SERIES_RELATED_INSTANCES,
    NUMBER_OF_STUDY_RELATED_INSTANCES,
    NUMBER_OF_STUDY_RELATED_SERIES,
    REQUEST_ATTRIBUTES_SEQUENCE,
    REQUEST_ITEM_RETURN,
    TIMEZONE_OFFSET_FROM_UTC,
)

if TYPE_CHECKING:
    from filmjacket.archive.records import Candidate
    from filmjacket.dicom.attributes import Attributes, Element

Row: TypeAlias = dict[str, Any]

# What the index counts itself and never takes from an instance.
_COMPUTED = frozenset(
    {
        MODALITIES_IN_STUDY,
        NUMBER_OF_STUDY_RELATED_SERIES,
        NUMBER_OF_STUDY_RELATED_INSTANCES,
        NUMBER_OF_SERIES_RELATED_INSTANCES,
    }
)
# Timezone Offset From UTC is an instance's attribute that Tables 10.6.3-3 and 10.6.3-4 return at every level.
STUDY_TAGS = (PATIENT_STUDY_TAGS | {TIMEZONE_OFFSET_FROM_UTC}) - _COMPUTED
SERIES_LEVEL_TAGS = (SERIES_TAGS | {TIMEZONE_OFFSET_FROM_UTC}) - _COMPUTED

# "If known" attributes of Table 10.6.3-5, kept apart so that a search need not open the metadata.
_SUMMARY_TAGS = (
    "00080016",
    "00080018",
    "00080201",
    "00200013",
    "00280008",
    "00280010",
    "00280011",
    "00280100",
)

# Longer texts are no identifiers; indexes of some databases would refuse them.
_LONGEST_PROMOTED = 256
# Below this, reading a document plain costs a tenth of inflating it, and it is a fiftieth of a CT file's size.
# Above it, documents are mostly per-frame items, which shrink to a twentieth.
LARGEST_PLAIN = 32 * 1024
# What goes to a server is sent and logged, and compressed there, which takes that server four times as long.
LARGEST_PLAIN_ON_A_SERVER = 2 * 1024
_COMPRESSION_LEVEL = 1


@dataclass(frozen=True, slots=True)
class Prepared:
    """A candidate ready for the transaction: its rows, and what it says about its study and series."""

    candidate: Candidate
    instance: Row
    chunks: tuple[Row, ...]
    study: Attributes
    series: Attributes
    odd: bool


class _Promotion:
    """Turns attributes into column values and notes whether any column is not faithful."""

    def __init__(self, attributes: Attributes) -> None:
        self._attributes = attributes
        self.odd = False

    def text(self, tag: str, vr: str) -> str:
        value = self._single(tag)
        if value is None:
            return ""
        if not isinstance(value, str):
            self.odd = True
            return ""
        return self._storable(normal_text(vr, value))

    def moment(self, tag: str, vr: str) -> str:
        return normal_date_or_time(vr, self._single(tag)) or ""

    def number(self, tag: str) -> int:
        number = normal_number(self._single(tag))
        if number is None:
            return UNKNOWN_NUMBER
        if number != number.to_integral_value() or not -(2**63) < number < UNKNOWN_NUMBER:
            self.odd = True
            return UNKNOWN_NUMBER
        return int(number)

    def name(self, tag: str, column: str) -> Row:
        groups = folded_groups(self._single(tag))
        # A name of nothing but delimiters folds to "", which in a column means absent.
        self.odd = self.odd or "" in groups
        alphabetic, ideographic, phonetic = (self._storable(group or "") for group in groups)
        return {column: alphabetic, f"{column}_ideographic": ideographic, f"{column}_phonetic": phonetic}

    def _single(self, tag: str) -> object:
        values = [value for value in get_values(self._attributes, tag) if value is not None]
        self.odd = self.odd or len(values) > 1
        return values[0] if values else None

    def _storable(self, text: str) -> str:
        if len(text) > _LONGEST_PROMOTED or "\0" in text:
            self.odd = True
            return ""
        return text


def prepare(candidate: Candidate, largest_plain: int = LARGEST_PLAIN) -> Prepared:
    """Build the rows of one candidate; metadata of more bytes than `largest_plain` are packed."""
    attributes = candidate.attributes
    promotion = _Promotion(attributes)
    summary = {tag: attributes[tag] for tag in _SUMMARY_TAGS if tag in attributes}
    instance: Row = {
        "study_uid": candidate.study_uid,
        "sop_uid": candidate.sop_uid,
        "series_uid": candidate.series_uid,
        "sop_class_uid": candidate.sop_class_uid,
        "instance_number": promotion.number("00200013"),
        "transfer_syntax": candidate.transfer_syntax,
        "blob_key": candidate.blob.key,
        "blob_size": candidate.blob.size,
        "blob_sha256": bytes.fromhex(candidate.blob.sha256),
        "layout": candidate.layout.encode(),
        "summary": orjson.dumps(summary),
        "metadata": pack_document(encode_attributes(attributes), largest_plain),
    }
    study, series = select(attributes, STUDY_TAGS), select(attributes, SERIES_LEVEL_TAGS)
    return Prepared(
        candidate=candidate,
        instance=instance,
        chunks=_frame_chunks(candidate),
        study=study,
        series=series,
        odd=promotion.odd,
    )


def pack_document(document: bytes, largest_plain: int = LARGEST_PLAIN) -> bytes:
    """Return a metadata document as it is kept: a large one as a zlib stream, which begins with `x`."""
    if len(document) <= largest_plain:
        return document
    return zlib.compress(document, _COMPRESSION_LEVEL)


def unpack_document(stored: bytes) -> bytes:
    """Return the document that `pack_document` packed; a plain one begins with `{`."""
    return stored if stored[:1] == b"{" else zlib.decompress(stored)


def select(attributes: Attributes, tags: frozenset[str]) -> Attributes:
    """Return the attributes of a level; a value kept in a file of its instance has no meaning above it."""
    return {tag: attributes[tag] for tag in attributes if tag in tags and "BulkDataURI" not in attributes[tag]}


def has_value(element: Element | None) -> bool:
    """Tell whether an attribute object holds anything."""
    return element is not None and ("Value" in element or "InlineBinary" in element)


def study_columns(attributes: Attributes) -> tuple[Row, bool]:
    """Return the promoted columns of a study, and whether one of them is not faithful."""
    promotion = _Promotion(attributes)
    row: Row = {
        "study_date": promotion.moment("00080020", "DA"),
        "study_time": promotion.moment("00080030", "TM"),
        "accession_number": promotion.text("00080050", "SH"),
        "patient_id": promotion.text("00100020", "LO"),
        "study_id": promotion.text("00200010", "SH"),
        **promotion.name("00100010", "patient_name"),
        **promotion.name("00080090", "referring_physician_name"),
        "attributes": encode_attributes(attributes),
    }
    return row, promotion.odd


def series_columns(attributes: Attributes) -> tuple[Row, bool]:
    """Return the promoted columns of a series, and whether one of them is not faithful."""
    promotion = _Promotion(attributes)
    row: Row = {
        "modality": promotion.text("00080060", "CS"),
        "series_number": promotion.number("00200011"),
        "procedure_step_date": promotion.moment("00400244", "DA"),
        "procedure_step_time": promotion.moment("00400245", "TM"),
        "attributes": encode_attributes(attributes),
    }
    return row, promotion.odd


def request_rows(attributes: Attributes) -> tuple[list[Row], bool]:
    """Return a row for each item of Request Attributes Sequence, and whether one of them is not faithful."""
    rows: list[Row] = []
    odd = False
    for number, item in enumerate(get_items(attributes, REQUEST_ATTRIBUTES_SEQUENCE)):
        promotion = _Promotion(item)
        step, procedure = (promotion.text(tag, "SH") for tag in REQUEST_ITEM_RETURN)
        odd = odd or promotion.odd
        if step or procedure:
            rows.append({"item": number, "scheduled_procedure_step_id": step, "requested_procedure_id": procedure})
    return rows, odd


def _frame_chunks(candidate: Candidate) -> tuple[Row, ...]:
    spans = candidate.layout.spans
    size = FRAMES_PER_CHUNK * SPAN_BYTES
    return tuple(
        {
            "study_uid": candidate.study_uid,
            "sop_uid": candidate.sop_uid,
            "chunk": number,
            "spans": spans[number * size : (number + 1) * size],
        }
        for number in range((len(spans) + size - 1) // size)
    )

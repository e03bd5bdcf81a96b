"""Studies, series and instances as data sets: what is stored together with what is computed.

These are what a search verifies and returns. A study's values stand for all its instances, a series' for all
instances of the series, even where a single instance says otherwise.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import orjson
from sqlalchemy import bindparam, select

from filmjacket.dicom import transfer_syntaxes
from filmjacket.dicom.layout import PixelLayout
from filmjacket.dicom.pixel_layout import PIXEL_TAGS, number_of_frames
from filmjacket.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN
from filmjacket.index.instances import documents_of
from filmjacket.index.rows import unpack_document
from filmjacket.index.schema import instances, series, studies
from filmjacket.index.unit import one_of, portions, run, select_keys
from filmjacket.pixels.forms import DECODABLE, reach_of
from filmjacket.web.reach import Reach
from filmjacket.web.search_tables import (
    AVAILABLE_TRANSFER_SYNTAX_UID,
    INSTANCE_AVAILABILITY,
    MODALITIES_IN_STUDY,
    NUMBER_OF_SERIES_RELATED_INSTANCES,
    NUMBER_OF_STUDY_RELATED_INSTANCES,
    NUMBER_OF_STUDY_RELATED_SERIES,
    SERIES_INSTANCE_UID,
    SOP_INSTANCE_UID,
    STUDY_INSTANCE_UID,
    TRANSFER_SYNTAX_UID,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

    from filmjacket.dicom.attributes import Attributes, Element
    from filmjacket.index.unit import Record

SOP_CLASS_UID = "00080016"
STUDY_COLUMNS = (
    studies.c.study_uid,
    studies.c.modalities,
    studies.c.series_count,
    studies.c.instance_count,
    studies.c.attributes,
)
SERIES_COLUMNS = (series.c.study_uid, series.c.series_uid, series.c.instance_count, series.c.attributes)
INSTANCE_COLUMNS = (
    instances.c.study_uid,
    instances.c.series_uid,
    instances.c.sop_uid,
    instances.c.sop_class_uid,
    instances.c.transfer_syntax,
    instances.c.summary,
)

_STUDIES = select(*STUDY_COLUMNS).where(one_of(studies.c.study_uid))
_SERIES = select(*SERIES_COLUMNS).where(one_of(series.c.study_uid, "studies"), one_of(series.c.series_uid))
_IN_STUDY = instances.c.study_uid == bindparam("study_uid")
_IN_SERIES = instances.c.series_uid == bindparam("series_uid")
_ORDER = (instances.c.series_uid, instances.c.instance_number, instances.c.sop_uid)
_STUDY_METADATA = select(instances.c.metadata).where(_IN_STUDY).order_by(*_ORDER)
_SERIES_METADATA = select(instances.c.metadata).where(_IN_STUDY, _IN_SERIES).order_by(*_ORDER)
_STUDY_SYNTAXES = select(instances.c.transfer_syntax).where(_IN_STUDY).distinct()
_SERIES_SYNTAXES = select(instances.c.transfer_syntax).where(_IN_STUDY, _IN_SERIES).distinct()

# Shared by all data sets, like every attribute object here: nobody changes one in place.
_ONLINE: Element = {"vr": "CS", "Value": ["ONLINE"]}

# Parents kept at a time while candidates stream by in the order of their studies.
_REMEMBERED = 256

_MEMBERS_AT_ONCE = 50


def study_document(row: Record) -> Attributes:
    """Return a study as a data set."""
    document = _loads(row.attributes)
    document[STUDY_INSTANCE_UID] = _uid(row.study_uid)
    document[INSTANCE_AVAILABILITY] = _ONLINE
    if row.modalities:
        document[MODALITIES_IN_STUDY] = {"vr": "CS", "Value": row.modalities.split("\\")}
    document[NUMBER_OF_STUDY_RELATED_SERIES] = {"vr": "IS", "Value": [row.series_count]}
    document[NUMBER_OF_STUDY_RELATED_INSTANCES] = {"vr": "IS", "Value": [row.instance_count]}
    return document


def series_document(row: Record) -> Attributes:
    """Return a series, without what it has from its study, as a data set."""
    document = _loads(row.attributes)
    document[SERIES_INSTANCE_UID] = _uid(row.series_uid)
    document[INSTANCE_AVAILABILITY] = _ONLINE
    document[NUMBER_OF_SERIES_RELATED_INSTANCES] = {"vr": "IS", "Value": [row.instance_count]}
    return document


def instance_document(row: Record, stored: bytes) -> Attributes:
    """Return an instance as a data set; `stored` is its summary or its whole metadata."""
    document = _loads(stored)
    document[SOP_CLASS_UID] = _uid(row.sop_class_uid)
    document[SOP_INSTANCE_UID] = _uid(row.sop_uid)
    document[INSTANCE_AVAILABILITY] = _ONLINE
    document[TRANSFER_SYNTAX_UID] = _uid(row.transfer_syntax)
    document[AVAILABLE_TRANSFER_SYNTAX_UID] = available_transfer_syntaxes((row.transfer_syntax,))
    return document


@lru_cache(maxsize=256)
def available_transfer_syntaxes(stored: tuple[str, ...]) -> Element:
    """Return AvailableTransferSyntaxUID of instances of which no more is known: their own, and the native one.

    What can be had without loss, preferred first (PS3.18 Table 10.6.3-5). Without the pixels' description only the
    native form is sure.
    """
    found: dict[str, None] = {}
    for uid in stored:
        found |= dict.fromkeys(Reach(uid, encapsulated=False).available)
    if all(uid in DECODABLE for uid in stored):
        found[EXPLICIT_VR_LITTLE_ENDIAN] = None
    return {"vr": "UI", "Value": list(found)}


def every_transfer_syntax(stored: str, document: Attributes) -> Element:
    """Return AvailableTransferSyntaxUID of one instance, whose document is whole."""
    tag = next((tag for tag in sorted(PIXEL_TAGS) if tag in document), None)
    syntax = transfer_syntaxes.get(stored)
    pixel = None
    if tag is not None and syntax is not None:
        pixel = PixelLayout(tag, "OW", syntax.encapsulated, 0, 0, number_of_frames(document), 0)
    reach = reach_of(document, stored, pixel, framed=syntax is not None and not syntax.video)
    return {"vr": "UI", "Value": list(reach.available)}


class Documents:
    """Reads parents and metadata for one search, remembering the parents met last."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._studies: dict[str, Attributes] = {}
        self._series: dict[tuple[str, str], Attributes] = {}

    def load_parents(self, keys: Sequence[tuple[str, str]], *, with_series: bool) -> None:
        """Read the studies, and on demand the series, of a page in few statements."""
        for row in select_keys(self._connection, _STUDIES, sorted({study for study, _ in keys})):
            self._studies[row.study_uid] = study_document(row)
        if not with_series:
            return
        for some in portions(sorted(set(keys))):
            parameters = {"studies": sorted({study for study, _ in some}), "keys": [uid for _, uid in some]}
            for row in run(self._connection, _SERIES, parameters):
                self._series[row.study_uid, row.series_uid] = series_document(row)

    def study(self, study_uid: str) -> Attributes:
        """Return the data set of a study."""
        if study_uid not in self._studies:
            _shrink(self._studies)
            row = run(self._connection, _STUDIES, {"keys": [study_uid]})[0]
            self._studies[study_uid] = study_document(row)
        return self._studies[study_uid]

    def series(self, study_uid: str, series_uid: str) -> Attributes:
        """Return the data set of a series."""
        key = (study_uid, series_uid)
        if key not in self._series:
            _shrink(self._series)
            row = run(self._connection, _SERIES, {"studies": [study_uid], "keys": [series_uid]})[0]
            self._series[key] = series_document(row)
        return self._series[key]

    def metadata(self, keys: Sequence[tuple[str, str]]) -> dict[str, bytes]:
        """Return the metadata of instances named by study and own UID, by the latter."""
        return documents_of(self._connection, keys)

    def members(self, study_uid: str, series_uid: str | None) -> Iterator[Attributes]:
        """Yield the instances of a study or series as stored."""
        statement = _STUDY_METADATA if series_uid is None else _SERIES_METADATA
        parameters = {"study_uid": study_uid, "series_uid": series_uid}
        rows = self._connection.execute(statement, parameters, execution_options={"yield_per": _MEMBERS_AT_ONCE})
        for (stream,) in rows:
            yield _loads(unpack_document(stream))

    def transfer_syntaxes(self, study_uid: str, series_uid: str | None) -> Element:
        """Return AvailableTransferSyntaxUID over the instances of a study or series."""
        statement = _STUDY_SYNTAXES if series_uid is None else _SERIES_SYNTAXES
        found = run(self._connection, statement, {"study_uid": study_uid, "series_uid": series_uid})
        return available_transfer_syntaxes(tuple(sorted(row.transfer_syntax for row in found)))


def _loads(document: bytes) -> Attributes:
    return cast("Attributes", orjson.loads(document))


def _uid(value: str) -> Element:
    return {"vr": "UI", "Value": [value]}


def _shrink(remembered: dict[Any, Attributes]) -> None:
    if len(remembered) >= _REMEMBERED:
        remembered.clear()

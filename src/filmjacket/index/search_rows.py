"""Rows that make searches fast, written with the studies, series and instances that they are about.

Words of names are written once for each name; values of declared attributes for each study, series or instance
that is new or changed. Nothing is written, and nothing is looked up, for an instance that changes none of these,
unless an attribute of the instance itself is declared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import exists, or_, select

from filmjacket.dicom.levels import Level
from filmjacket.index.rows import study_columns
from filmjacket.index.schema import name_words, search_values, studies
from filmjacket.index.search_catalog import read_catalog
from filmjacket.index.unit import delete_keys, insert_new_rows, insert_rows, one_of, portions, run
from filmjacket.web.person_names import name_words as words_of
from filmjacket.web.phonetics import sound_of
from filmjacket.web.search_attributes import LONGEST_VALUE, indexed_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import Connection

    from filmjacket.dicom.attributes import Attributes
    from filmjacket.index.rows import Row
    from filmjacket.web.search_attributes import SearchAttribute

NAME_COLUMNS = tuple(
    f"{name}{group}"
    for name in ("patient_name", "referring_physician_name")
    for group in ("", "_ideographic", "_phonetic")
)
# A name that a unit of work relies on cannot be forgotten until it ends, nor can one be relied on that is being
# forgotten: who comes second waits, and then sees what the first one did.
_NAMES = select(name_words.c.name).where(one_of(name_words.c.word, "words"), one_of(name_words.c.name))
_KNOWN_NAMES = _NAMES.with_for_update(read=True, key_share=True)
_LOCK_NAMES = _NAMES.order_by(name_words.c.word, name_words.c.name).with_for_update()
_USED_NAMES = select(name_words.c.name).where(
    one_of(name_words.c.word, "words"),
    one_of(name_words.c.name),
    or_(
        *(exists().where(studies.c[column] == name_words.c.name) for column in NAME_COLUMNS),
        exists().where(one_of(search_values.c.attribute, "attributes"), search_values.c.value == name_words.c.name),
    ),
)


class SearchRows:
    """Collects the rows of one unit of work."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._attributes: dict[Level, list[tuple[int, SearchAttribute]]] = {}
        for number, attribute in read_catalog(connection).attributes.values():
            self._attributes.setdefault(attribute.level, []).append((number, attribute))
        self._names: dict[str, None] = {}
        self._values: list[Row] = []
        self._gone: list[dict[str, str]] = []
        self.odd: set[str] = set()

    def study(self, study_uid: str, columns: Mapping[str, str], attributes: Attributes) -> None:
        """Take a study that is new or changed, with its promoted columns."""
        self._names.update(dict.fromkeys(columns[name] for name in NAME_COLUMNS if columns[name]))
        self._take(Level.STUDY, (study_uid, "", ""), attributes)

    def series(self, study_uid: str, series_uid: str, attributes: Attributes) -> None:
        """Take a series that is new or changed."""
        self._take(Level.SERIES, (study_uid, series_uid, ""), attributes)

    def instance(self, uids: tuple[str, str, str], attributes: Attributes) -> None:
        """Take an instance that is new, by the UIDs of its study, its series and itself."""
        self._take(Level.INSTANCE, uids, attributes)

    def gone(self, study_uid: str, series_uid: str = "", sop_uid: str = "") -> None:
        """Note a study, series or instance that is no more, or that will be taken anew."""
        level = Level.INSTANCE if sop_uid else Level.SERIES if series_uid else Level.STUDY
        if level in self._attributes:
            self._gone.append({"study_uid": study_uid, "series_uid": series_uid, "sop_uid": sop_uid})

    def write(self) -> None:
        """Write the rows; `odd` then holds the studies with a value that cannot be indexed."""
        delete_keys(self._connection, search_values, self._gone)
        insert_rows(self._connection, search_values, self._values)
        write_names(self._connection, self._names)

    def _take(self, level: Level, uids: tuple[str, str, str], attributes: Attributes) -> None:
        for number, attribute in self._attributes.get(level, ()):
            rows, whole = value_rows(number, attribute, uids, attributes)
            self._values += rows
            if attribute.vr == "PN":
                self._names.update(dict.fromkeys(row["value"] for row in rows))
            if not whole:
                self.odd.add(uids[0])


def value_rows(
    number: int, attribute: SearchAttribute, uids: tuple[str, str, str], attributes: Attributes
) -> tuple[list[Row], bool]:
    """Return the rows of one attribute of one data set, and whether all values could be indexed."""
    values, whole = indexed_values(attributes, attribute)
    study_uid, series_uid, sop_uid = uids
    rows: list[Row] = [
        {"attribute": number, "value": value, "study_uid": study_uid, "series_uid": series_uid, "sop_uid": sop_uid}
        for value in sorted(values)
    ]
    return rows, whole


def write_names(connection: Connection, names: Iterable[str]) -> None:
    """Write the words of names that are not known yet; all words of a name are there, or none."""
    firsts = {name: words[0] for name in names if (words := _storable_words(name))}
    known: set[str] = set()
    for some in portions(sorted(firsts)):
        parameters = {"keys": some, "words": sorted({firsts[name] for name in some})}
        known.update(row.name for row in run(connection, _KNOWN_NAMES, parameters))
    rows = [
        {"word": word, "name": name, "sound": sound_of(word)}
        for name in sorted(firsts)
        if name not in known
        for word in _storable_words(name)
    ]
    insert_new_rows(connection, name_words, rows)


def forget_names(connection: Connection, data_sets: Iterable[Attributes]) -> None:
    """Remove the words of the names in data sets that are gone for good, unless something stored has the same name."""
    declared = [(number, one) for number, one in read_catalog(connection).attributes.values() if one.vr == "PN"]
    names: set[str] = set()
    for attributes in data_sets:
        columns, _ = study_columns(attributes)
        names.update(columns[name] for name in NAME_COLUMNS if columns[name])
        for _, attribute in declared:
            names.update(indexed_values(attributes, attribute)[0])
    numbers = [number for number, _ in declared] or [-1]  # no attribute has this number
    firsts = {name: words[0] for name in names if (words := _storable_words(name))}
    for some in portions(sorted(firsts)):
        parameters = {"keys": some, "words": sorted({firsts[name] for name in some}), "attributes": numbers}
        run(connection, _LOCK_NAMES, {"keys": some, "words": parameters["words"]})
        used = {row.name for row in run(connection, _USED_NAMES, parameters)}
        unused = [name for name in some if name not in used]
        delete_keys(
            connection, name_words, [{"word": word, "name": name} for name in unused for word in _storable_words(name)]
        )


def _storable_words(name: str) -> tuple[str, ...]:
    # Names in columns are no longer than this, and their words join to no more.
    return tuple(word for word in words_of(name) if len(word) <= LONGEST_VALUE)

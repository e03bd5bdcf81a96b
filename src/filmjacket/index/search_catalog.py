"""What the index can look up: declared attributes whose values are all there, words of names, sets of modalities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, insert, select, update

from filmjacket.index.locks import lock_every_study
from filmjacket.index.schema import search_attributes, search_values, studies
from filmjacket.index.unit import run
from filmjacket.web.search_attributes import SearchAttribute, parse_search_attribute

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import Connection

    from filmjacket.index.engine import Database

NAME_WORDS = "name words"
"""Listed among the declared attributes, so that the words of names are filled in like their values."""
_NAME_WORDS_NUMBER = 0

_ATTRIBUTES = select(search_attributes.c.number, search_attributes.c.name, search_attributes.c.complete)
_ANY_STUDY = select(studies.c.study_uid).limit(1)


def _modality_sets() -> object:
    """Walk the index from each value to the next: a few steps instead of a row for each study."""
    first = select(func.min(studies.c.modalities).label("modalities")).cte("sets", recursive=True)
    following = select(func.min(studies.c.modalities)).where(studies.c.modalities > first.c.modalities)
    step = select(following.scalar_subquery()).where(first.c.modalities.is_not(None))
    sets = first.union_all(step)
    return select(sets.c.modalities).where(sets.c.modalities.is_not(None))


_MODALITY_SETS = _modality_sets()


@dataclass(frozen=True, slots=True)
class Catalog:
    """The declared attributes by canonical name, and the numbers of those that are complete."""

    attributes: Mapping[str, tuple[int, SearchAttribute]]
    complete: frozenset[int]

    @property
    def has_name_words(self) -> bool:
        """Whether the words of every stored name are there."""
        return _NAME_WORDS_NUMBER in self.complete

    def number_of(self, name: str) -> int | None:
        """Return the number of a declared attribute whose values are all there."""
        number, _ = self.attributes.get(name, (None, None))
        return number if number in self.complete else None


def read_catalog(connection: Connection) -> Catalog:
    """Return what is declared now; other processes may have changed it since the last look."""
    rows = run(connection, _ATTRIBUTES, {})
    attributes = {row.name: (row.number, parse_search_attribute(row.name)) for row in rows if row.number}
    return Catalog(attributes, frozenset(row.number for row in rows if row.complete))


def modality_sets(connection: Connection) -> list[str]:
    """Return every value of ModalitiesInStudy that some study has, joined by backslashes."""
    return [row.modalities for row in run(connection, _MODALITY_SETS, {})]  # pyright: ignore[reportArgumentType] - a Select


def declare(database: Database, declared: Iterable[SearchAttribute]) -> None:
    """Note attributes that are new; from then on every process fills them in for what it stores."""
    wanted = {attribute.name for attribute in declared}
    with database.reading() as connection:
        missing = _missing(connection, wanted)
    if missing:
        database.write(lambda connection: _add(connection, wanted))


def retract(database: Database, declared: Iterable[SearchAttribute]) -> None:
    """Forget attributes that are declared no more, with their values."""
    wanted = {attribute.name for attribute in declared}

    def forget(connection: Connection) -> None:
        lock_every_study(connection)
        for name, (number, _) in read_catalog(connection).attributes.items():
            if name not in wanted:
                connection.execute(delete(search_values).where(search_values.c.attribute == number))
                connection.execute(delete(search_attributes).where(search_attributes.c.number == number))

    database.write(forget)


def restart(database: Database) -> None:
    """Have everything filled in again from the beginning; until then searches do without."""
    statement = update(search_attributes).values(complete=0, study_uid="", entity_uid="")

    def begin_again(connection: Connection) -> None:
        lock_every_study(connection)
        connection.execute(statement)

    database.write(begin_again)


def _missing(connection: Connection, wanted: set[str]) -> set[str]:
    rows = run(connection, _ATTRIBUTES, {})
    return ({NAME_WORDS} | wanted) - {row.name for row in rows}


def _add(connection: Connection, wanted: set[str]) -> None:
    # Who stores now may have looked before the names were there, and would fill nothing in: that must be over.
    lock_every_study(connection)
    names = _missing(connection, wanted)
    # In an archive without studies there is nothing to fill in.
    complete = 0 if run(connection, _ANY_STUDY, {}) else 1
    highest = connection.execute(select(func.max(search_attributes.c.number))).scalar() or 0
    for name in sorted(names):
        number = _NAME_WORDS_NUMBER
        if name != NAME_WORDS:
            highest += 1
            number = highest
        row = {"number": number, "name": name, "complete": complete, "study_uid": "", "entity_uid": ""}
        connection.execute(insert(search_attributes), row)

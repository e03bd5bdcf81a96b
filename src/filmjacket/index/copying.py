"""Copying a whole index into an empty one, whatever kind of database either is in: for backups, and for moving.

The copy is what the index was at one moment: everything is read in one transaction, which writers do not wait for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, func, insert, select

from filmjacket.errors import Conflict
from filmjacket.index.schema import metadata

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import Connection, Table

    from filmjacket.index.engine import Database

_ROWS_AT_ONCE: Final = 500
_BYTES_AT_ONCE: Final = 8 << 20
"""Of binary values in one transaction of the target: each is synced, and none may fill the memory."""

_NOT_COPIED: Final = frozenset({"leases", "schema_compatibility", "study_locks"})
"""Tables that say what running processes do, and what the tables are like."""

_BEGUN: Final = frozenset({"log_positions", "search_attributes"})
"""Tables that a new index has rows in, which those of the copy replace."""


def copy_index(source: Database, target: Database, on_rows: Callable[[int], None]) -> None:
    """Copy every table. `on_rows` is told the number of rows after each step.

    Raises `Conflict` if the target holds anything.
    """
    tables = [table for table in metadata.sorted_tables if table.name not in _NOT_COPIED]
    _check_empty(target, tables)
    with source.reading() as connection:
        for table in tables:
            if table.name in _BEGUN:
                target.write(_emptying(table))
            for rows in _batches(connection, table):
                target.write(_inserting(table, rows))
                on_rows(len(rows))


def count_rows(connection: Connection) -> int:
    """Return the number of rows that a copy will have."""
    tables = (table for table in metadata.sorted_tables if table.name not in _NOT_COPIED)
    return sum(connection.execute(select(func.count()).select_from(table)).scalar_one() for table in tables)


def _check_empty(target: Database, tables: Sequence[Table]) -> None:
    with target.reading() as connection:
        for table in tables:
            if (
                table.name not in _BEGUN
                and connection.execute(select(*table.primary_key.columns).limit(1)).first() is not None
            ):
                raise Conflict(
                    f"The index to copy into is not empty: its table {table.name} has rows.",
                    section="PS3.18 8.5",
                    offender="database",
                    accepted=("a new database",),
                )


def _batches(connection: Connection, table: Table) -> Iterator[list[dict[str, Any]]]:
    result = connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(select(table))
    batch: list[dict[str, Any]] = []
    size = 0
    for row in result.mappings():
        batch.append(dict(row))
        size += sum(len(value) for value in row.values() if isinstance(value, bytes))
        if len(batch) >= _ROWS_AT_ONCE or size >= _BYTES_AT_ONCE:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _emptying(table: Table) -> Callable[[Connection], None]:
    def unit(connection: Connection) -> None:
        connection.execute(delete(table))

    return unit


def _inserting(table: Table, rows: list[dict[str, Any]]) -> Callable[[Connection], None]:
    def unit(connection: Connection) -> None:
        connection.execute(insert(table), rows)

    return unit

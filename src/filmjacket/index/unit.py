"""Statements over many keys or rows, as a unit of work needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import bindparam, delete, insert

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection, Select, Table, Update
    from sqlalchemy import Row as ResultRow

_Key = TypeVar("_Key")

# Below the number of bound parameters of every database.
_KEYS_AT_ONCE = 500


def one_of(column: ColumnElement[Any], name: str = "keys") -> ColumnElement[bool]:
    """Return the condition that a column is among a list bound later under `name`."""
    return column.in_(bindparam(name, expanding=True))


def portions(keys: Sequence[_Key]) -> Iterator[Sequence[_Key]]:
    """Yield the keys in portions that a statement can bind."""
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        yield keys[start : start + _KEYS_AT_ONCE]


def select_keys(
    connection: Connection, statement: Select[*tuple[Any, ...]], keys: Sequence[object]
) -> Iterator[ResultRow[*tuple[Any, ...]]]:
    """Yield the rows of a statement with `one_of` for all keys, however many."""
    for some in portions(keys):
        yield from connection.execute(statement, {"keys": some})


def insert_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that all have the same columns."""
    if rows:
        connection.execute(insert(table), rows)


def update_rows(connection: Connection, statement: Update, rows: Sequence[Mapping[str, Any]]) -> None:
    """Run an update once for each row of parameters."""
    if rows:
        connection.execute(statement, rows)


def delete_keys(connection: Connection, table: Table, keys: Sequence[Mapping[str, str]]) -> None:
    """Delete the rows that have one of the keys, each given as its columns."""
    if keys:
        statement = delete(table).where(*key_conditions(table, *keys[0]))
        connection.execute(statement, [key_parameters(key) for key in keys])


def key_conditions(table: Table, *columns: str) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that name one row by its key; parameters come from `key_parameters`."""
    return tuple(table.c[name] == bindparam(f"key_{name}") for name in columns)


def key_parameters(key: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters of `key_conditions`: the plain names belong to the values of an update."""
    return {f"key_{name}": value for name, value in key.items()}

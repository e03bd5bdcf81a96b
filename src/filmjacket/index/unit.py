"""Running statements, as a unit of work needs them: by many keys, with many rows, and fast.

SQLAlchemy builds every statement and its text for the database at hand; the text is kept, and the values go
straight to the driver, which costs a fifth of `Connection.execute` where a statement finds one row. The caller's
transaction must have begun, and errors are the driver's own (see `filmjacket.index.engine`).
"""

from __future__ import annotations

from collections import namedtuple
from functools import lru_cache
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

from sqlalchemy import bindparam, delete, insert
from sqlalchemy.dialects import postgresql, sqlite

from filmjacket.index.schema import metadata
from filmjacket.index.slow_statements import SLOW

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection, Dialect, Executable, Row, Select, Table, Update

_Key = TypeVar("_Key")

Record: TypeAlias = "Row[*tuple[Any, ...]]"
"""A row, whose columns are attributes: SQLAlchemy's, or a named tuple that looks the same."""

# Below the number of bound parameters of every database.
_KEYS_AT_ONCE = 512


def run(connection: Connection, statement: Executable, parameters: Mapping[str, Any]) -> list[Record]:
    """Return all rows of a statement that outlives the call; lists are the values of `one_of`, at least one each."""
    lists: dict[str, list[Any]] = {
        name: _padded(cast("list[Any]", value)) for name, value in parameters.items() if isinstance(value, list)
    }
    if lists:
        parameters = {**parameters, **lists}
    text = _text_of(statement, connection.dialect, tuple((name, len(value)) for name, value in lists.items()))
    bound = text.bind(parameters)
    cursor = connection.connection.cursor()
    started = perf_counter()
    try:
        cursor.execute(text.sql, bound)
        found = cursor.fetchall()
        make = text.record_maker(cursor.description)
    finally:
        cursor.close()
    seconds = perf_counter() - started
    if seconds > SLOW.seconds:
        SLOW.report(connection, text.sql, bound, seconds)
    return [make(row) for row in found]


def note_time(connection: Connection, statement: Executable, parameters: Mapping[str, Any], seconds: float) -> None:
    """Say how long a statement took whose rows were not fetched by `run`; nobody cares unless it was long."""
    if seconds > SLOW.seconds:
        sizes = tuple(
            (name, len(cast("list[Any]", value))) for name, value in parameters.items() if isinstance(value, list)
        )
        text = _text_of(statement, connection.dialect, sizes)
        SLOW.report(connection, text.sql, text.bind(parameters), seconds)


def run_many(connection: Connection, statement: Executable, rows: Sequence[Mapping[str, Any]]) -> int:
    """Run a statement once for each row of parameters; returns how many rows of the table it wrote in all."""
    if not rows:
        return 0
    text = _text_of(statement, connection.dialect, ())
    bound = [text.bind(row) for row in rows]
    cursor = connection.connection.cursor()
    started = perf_counter()
    try:
        cursor.executemany(text.sql, bound)
        written = int(cursor.rowcount)
    finally:
        cursor.close()
    seconds = perf_counter() - started
    if seconds > SLOW.seconds:
        SLOW.report(connection, text.sql, bound[0], seconds)
    return written


def one_of(column: ColumnElement[Any], name: str = "keys") -> ColumnElement[bool]:
    """Return the condition that a column is among a list bound later under `name`."""
    return column.in_(bindparam(name, expanding=True))


def portions(keys: Sequence[_Key]) -> Iterator[list[_Key]]:
    """Yield the keys in portions that a statement can bind."""
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        yield list(keys[start : start + _KEYS_AT_ONCE])


def select_keys(
    connection: Connection, statement: Select[*tuple[Any, ...]], keys: Sequence[object]
) -> Iterator[Record]:
    """Yield the rows of a statement with `one_of` for all keys, however many."""
    for some in portions(keys):
        yield from run(connection, statement, {"keys": some})


def insert_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that have all columns."""
    run_many(connection, _INSERTS[table.name], rows)


def insert_new_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that have all columns, passing over those whose key is there."""
    run_many(connection, _new_rows(table, connection.dialect.name), rows)


def update_rows(connection: Connection, statement: Update, rows: Sequence[Mapping[str, Any]]) -> None:
    """Run an update once for each row of parameters."""
    run_many(connection, statement, rows)


def delete_keys(connection: Connection, table: Table, keys: Sequence[Mapping[str, str]]) -> None:
    """Delete the rows that have one of the keys, each given as its columns."""
    if keys:
        statement = _deletion(table, tuple(keys[0]))
        run_many(connection, statement, [key_parameters(key) for key in keys])


def key_conditions(table: Table, *columns: str) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that name one row by its key; parameters come from `key_parameters`."""
    return tuple(table.c[name] == bindparam(f"key_{name}") for name in columns)


def key_parameters(key: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters of `key_conditions`: the plain names belong to the values of an update."""
    return {f"key_{name}": value for name, value in key.items()}


def _padded(values: list[Any]) -> list[Any]:
    """Repeat the last value up to a power of two, so that few texts serve lists of every length."""
    return values + values[-1:] * ((1 << (len(values) - 1).bit_length()) - len(values))


_INSERTS = {table.name: insert(table) for table in metadata.tables.values()}


@lru_cache(maxsize=32)
def _new_rows(table: Table, dialect: str) -> Any:  # noqa: ANN401 - each dialect has an Insert of its own
    make = sqlite.insert if dialect == "sqlite" else postgresql.insert
    return make(table).on_conflict_do_nothing()


@lru_cache(maxsize=32)
def _deletion(table: Table, columns: tuple[str, ...]) -> Any:  # noqa: ANN401 - a Delete, whose type has no public name
    return delete(table).where(*key_conditions(table, *columns))


class _Text:
    """The text of a statement for one database, and how its parameters are bound."""

    __slots__ = ("_constants", "_expanded", "_make", "_order", "sql")

    def __init__(self, statement: Any, dialect: Dialect, sizes: tuple[tuple[str, int], ...]) -> None:  # noqa: ANN401
        self._make: Callable[[Any], Record] | None = None
        compiled = statement.compile(dialect=dialect)
        required = {name: None for parameter, name in compiled.bind_names.items() if parameter.required}
        lists = {name: list(range(size)) for name, size in sizes}
        state = compiled.construct_expanded_state(required | lists)
        self.sql: str = state.statement
        self._order: tuple[str, ...] | None = tuple(state.positiontup) if compiled.positional else None
        self._expanded: dict[str, list[str]] = dict(state.parameter_expansion)
        bound_later = {*required, *lists, *(name for names in self._expanded.values() for name in names)}
        self._constants = {name: value for name, value in state.parameters.items() if name not in bound_later}

    def bind(self, parameters: Mapping[str, Any]) -> Any:  # noqa: ANN401 - what the driver wants
        if self._order is not None and not self._expanded and not self._constants:
            return tuple([parameters[name] for name in self._order])
        values = self._constants | dict(parameters)
        for name, members in self._expanded.items():
            values.update(zip(members, values.pop(name), strict=True))
        return values if self._order is None else tuple([values[name] for name in self._order])

    def record_maker(self, description: Any) -> Callable[[Any], Record]:  # noqa: ANN401 - of any driver
        """Return what turns a row of the driver into one with names."""
        if self._make is None:
            names = [str(column[0]) for column in description]
            record = namedtuple("Record", names)  # noqa: PYI024 # pyright: ignore[reportUntypedNamedTuple] - not known before
            self._make = cast("Callable[[Any], Record]", record._make)
        return self._make


@lru_cache(maxsize=1024)
def _text_of(statement: Any, dialect: Dialect, sizes: tuple[tuple[str, int], ...]) -> _Text:  # noqa: ANN401
    return _Text(statement, dialect, sizes)

"""The same said to each database in the words that its planner can use an index for, or leaves one aside for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Boolean
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.sql.compiler import SQLCompiler


class _Among(FunctionElement[bool]):
    """PostgreSQL looks into an index for each element of an array, also inside OR; for IN it reads the table there."""

    name = "among"
    type = Boolean()
    inherit_cache = True

    def self_group(self, against: object = None) -> Any:  # noqa: ANN401 - of SQLAlchemy
        """It is a condition as it stands: no `= 1`, which would hide it from the planner of SQLite."""
        del against
        return self


class _AmongMany(_Among):
    """SQLite makes a table of all that is found; PostgreSQL looks up one row at a time, for the table may be large."""

    name = "among_many"
    inherit_cache = True


class _Narrowed(_Among):
    """The same as a hint: true wherever another condition of the statement holds; only PostgreSQL is told."""

    name = "narrowed"
    inherit_cache = True


class _WithoutIndex(FunctionElement[Any]):
    """SQLite would use an index whatever the values are; PostgreSQL knows, and an expression would mislead it."""

    name = "without_index"
    inherit_cache = True

    def __init__(self, column: ColumnElement[Any]) -> None:
        super().__init__(column)
        self.type = column.type


class _Sorted(FunctionElement[Any]):
    """A column in ORDER BY that PostgreSQL is to sort by, not to walk along; elsewhere the column."""

    name = "sorted"
    inherit_cache = True


def among(column: ColumnElement[Any], found: Select[*tuple[Any, ...]]) -> ColumnElement[bool]:
    """Return the condition that a column, for which there is an index, is among the rows of a subquery."""
    return cast("Any", _Among(column, found.scalar_subquery()))


def among_many(
    column: ColumnElement[Any], found: Select[*tuple[Any, ...]], of_row: Select[*tuple[Any, ...]]
) -> ColumnElement[bool]:
    """Return the condition that a column is among many rows of a subquery; `of_row` finds that of one value."""
    return cast("Any", _AmongMany(column, found.scalar_subquery(), of_row.scalar_subquery()))


def narrowed(column: ColumnElement[Any], found: Select[*tuple[Any, ...]]) -> ColumnElement[bool]:
    """Return `among` as a hint beside the condition that decides."""
    return cast("Any", _Narrowed(column, found.scalar_subquery()))


def without_index(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the value of a column whose condition too many rows satisfy to look it up."""
    return cast("Any", _WithoutIndex(column))


def sorted_by(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return a column for ORDER BY when the rows are known to be few."""
    return cast("Any", _Sorted(column))


@compiles(_Among)
def _in_subquery(element: _Among, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 - of the compiler
    column, found = (compiler.process(part, **options) for part in element.clauses)
    return f"{column} IN {found}"


@compiles(_Among, "postgresql")
def _any_of_array(element: _Among, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 - as above
    column, found = (compiler.process(part, **options) for part in element.clauses)
    return f"{column} = ANY (ARRAY{found})"


@compiles(_AmongMany)
def _in_all(element: _AmongMany, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 - as above
    column, found, _ = element.clauses
    return f"{compiler.process(column, **options)} IN {compiler.process(found, **options)}"


@compiles(_AmongMany, "postgresql")
def _exists(element: _AmongMany, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 - as above
    _, _, of_row = element.clauses
    return f"EXISTS {compiler.process(of_row, **options)}"


@compiles(_Narrowed)
def _nothing(element: _Narrowed, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 - as above
    del element, compiler, options
    return "1 = 1"


compiles(_Narrowed, "postgresql")(_any_of_array)


@compiles(_WithoutIndex)
@compiles(_Sorted, "postgresql")
def _expression(
    element: _Sorted | _WithoutIndex,
    compiler: SQLCompiler,
    **options: Any,  # noqa: ANN401 - as above
) -> str:
    column = _plain(element, compiler, **options)
    return f"COALESCE({column}, {column})"


@compiles(_Sorted)
@compiles(_WithoutIndex, "postgresql")
def _plain(element: _Sorted | _WithoutIndex, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 - as above
    (column,) = (compiler.process(part, **options) for part in element.clauses)
    return column

"""Patterns without a beginning, on PostgreSQL: their values are read first, and bound as a list.

PostgreSQL compares with every element of an array that a subquery makes, for each row: what it does in no time for ten
names takes minutes for ten thousand. A list that is bound is hashed. When there are too many values for a list, most
pages fill before much of the table was read.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from filmjacket.index.search_sql import Term, bound, compare
from filmjacket.index.search_statements import distinct_values
from filmjacket.index.unit import run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from filmjacket.index.search_sql import Shape

MOST_VALUES: Final = 1_000
_COMPARISONS: Final = frozenset({"=", "<", ">", "<=", ">=", "in", "like"})
_KNOWN: Final = _COMPARISONS | {"and", "or", "in-values", "present"}


def resolved(connection: Connection, term: Term) -> Term:
    """Return the same condition without `in-values`, if it has any."""
    operators = _operators(term.shape)
    # Of other operators it is not known how many values each takes.
    if "in-values" not in operators or not operators <= _KNOWN:
        return term
    return replace(_resolved(connection, term.shape, iter(term.values)), exact=term.exact)


def _resolved(connection: Connection, shape: Shape, values: Iterator[Any]) -> Term:
    operator, *rest = shape
    if operator in {"and", "or"}:
        parts = [_resolved(connection, part, values) for part in rest]
        return Term((operator, *(part.shape for part in parts)), tuple(one for part in parts for one in part.values))
    if operator == "in-values":
        column, inner = rest
        return _listed(connection, column, _resolved(connection, inner, values))
    return Term(shape, (next(values),) if operator in _COMPARISONS else ())


def _listed(connection: Connection, column: str, inner: Term) -> Term:
    parameters = bound([inner]) | {"most": MOST_VALUES + 1}
    values = [row.value for row in run(connection, distinct_values(column, inner.shape), parameters)]
    # A list cannot be empty, and no value that is present is.
    return inner if len(values) > MOST_VALUES else compare("in", column, values or [""])


def _operators(shape: Shape) -> set[str]:
    operator, *rest = shape
    inner = rest if operator in {"and", "or"} else rest[1:] if operator == "in-values" else []
    return {operator}.union(*(_operators(part) for part in inner))

"""Statements that take long are logged, with the plan that the database has for them and never with a value.

A plan that quotes values is no use here: of PostgreSQL's only kinds of steps, tables and indexes are written. Each
statement is explained once in a while, and a database that is slow in everything does not fill the log.
"""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, cast

import structlog

from filmjacket.metrics import count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

log = structlog.stdlib.get_logger("filmjacket.index")

EXPLAINED_AGAIN: Final = 600.0
"""Seconds for which a statement is not explained once more."""
LINES_A_MINUTE: Final = 20
_MOST_STATEMENTS: Final = 256
_NEVER: Final = float("inf")
_STEP_FIELDS: Final = ("Join Type", "Relation Name", "Index Name", "Plan Rows")
_EXPLAINABLE: Final = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")


class SlowStatements:
    """Writes about statements that take longer than `seconds`."""

    def __init__(self) -> None:
        self.seconds = _NEVER
        self._lock = Lock()
        self._explained: OrderedDict[str, float] = OrderedDict()
        self._minute = 0
        self._lines = 0
        self._left_out = 0

    def watch(self, milliseconds: float | None) -> None:
        """Look out for statements that take longer than that; None for none."""
        self.seconds = _NEVER if milliseconds is None else milliseconds / 1000

    def report(self, connection: Connection, sql: str, bound: Any, seconds: float) -> None:  # noqa: ANN401 - the driver's
        """Write about a statement; what it was bound to is needed to explain it, and not written."""
        count("filmjacket_slow_statements_total")
        explain, left_out = self._decide(sql)
        if explain is None:
            return
        plan = list(_plan(connection, sql, bound)) if explain else None
        details = {"left_out": left_out} if left_out else {}
        log.warning("slow_statement", ms=round(seconds * 1000, 1), sql=" ".join(sql.split()), plan=plan, **details)

    def _decide(self, sql: str) -> tuple[bool | None, int]:
        """Whether to explain, None when nothing is written at all; and how many were left out before."""
        now = time.monotonic()
        with self._lock:
            if now // 60 != self._minute:
                self._minute, self._lines = int(now // 60), 0
            self._lines += 1
            if self._lines > LINES_A_MINUTE:
                self._left_out += 1
                return None, 0
            left_out, self._left_out = self._left_out, 0
            explain = now - self._explained.get(sql, -EXPLAINED_AGAIN) >= EXPLAINED_AGAIN
            if explain:
                self._explained[sql] = now
                self._explained.move_to_end(sql)
                while len(self._explained) > _MOST_STATEMENTS:
                    self._explained.popitem(last=False)
            return explain, left_out


SLOW: Final = SlowStatements()
"""As with logging there is one for a process."""


def _plan(connection: Connection, sql: str, bound: Any) -> Iterator[str]:  # noqa: ANN401 - the driver's
    """The steps of a statement's plan; nothing when the database would rather not."""
    if not sql.lstrip().upper().startswith(_EXPLAINABLE):
        return
    cursor: Any = connection.connection.cursor()
    try:
        if connection.dialect.name == "sqlite":
            with suppress(Exception):
                cursor.execute(f"EXPLAIN QUERY PLAN {sql}", bound)
                yield from _sqlite_steps(cursor.fetchall())
        else:
            yield from _postgresql_steps(cursor, sql, bound)
    finally:
        cursor.close()


def _sqlite_steps(rows: list[Any]) -> Iterator[str]:
    depths: dict[int, int] = {0: -1}
    for number, parent, _, detail in rows:
        depths[number] = depths.get(parent, -1) + 1
        yield "  " * depths[number] + str(detail)


def _postgresql_steps(cursor: Any, sql: str, bound: Any) -> Iterator[str]:  # noqa: ANN401 - the driver's
    # An error must not end the caller's transaction.
    cursor.execute("SAVEPOINT slow_statement")
    try:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", bound)
        found = cursor.fetchone()[0]
    except Exception:  # noqa: BLE001 - a plan is not worth an error
        cursor.execute("ROLLBACK TO SAVEPOINT slow_statement")
        return
    cursor.execute("RELEASE SAVEPOINT slow_statement")
    plans = cast("list[dict[str, Any]]", found if isinstance(found, list) else json.loads(found))
    yield from _steps(plans[0]["Plan"], 0)


def _steps(plan: dict[str, Any], depth: int) -> Iterator[str]:
    details = [f"{name}: {plan[name]}" for name in _STEP_FIELDS if name in plan]
    yield "  " * depth + ", ".join([str(plan["Node Type"]), *details])
    for below in plan.get("Plans", ()):
        yield from _steps(below, depth + 1)

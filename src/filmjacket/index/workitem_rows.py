"""Workitems as rows of the index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import orjson
from sqlalchemy import select

from filmjacket.archive.worklist_records import Missing, State, Workitem
from filmjacket.dicom.attributes import get_text
from filmjacket.index.schema.worklist import deleted_workitems, workitems
from filmjacket.index.unit import one_of, select_keys
from filmjacket.index.workitem_values import start_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from filmjacket.dicom.attributes import Attributes
    from filmjacket.index.unit import Record

_READINESS: Final = "00404041"

# In the order of their UIDs, so that no two transactions that lock them wait for each other.
_BY_UIDS: Final = select(workitems).where(one_of(workitems.c.uid)).order_by(workitems.c.uid)
_LOCKED: Final = _BY_UIDS.with_for_update()
_DELETED: Final = select(deleted_workitems.c.uid).where(one_of(deleted_workitems.c.uid))


def read_workitems(connection: Connection, uids: Sequence[str], *, lock: bool = False) -> dict[str, Workitem | Missing]:
    """Return each workitem, or why there is none; with `lock` nobody else changes one until the transaction ends."""
    found: dict[str, Workitem | Missing] = {}
    for row in select_keys(connection, _LOCKED if lock else _BY_UIDS, sorted(set(uids))):
        found[row.uid] = workitem_of(row)
    lacking = [uid for uid in uids if uid not in found]
    deleted = {row.uid for row in select_keys(connection, _DELETED, lacking)}
    return found | {uid: Missing.DELETED if uid in deleted else Missing.UNKNOWN for uid in lacking}


def row_of(workitem: Workitem) -> dict[str, object]:
    """Return the row of a workitem."""
    return {
        "uid": workitem.uid,
        "state": str(workitem.state),
        "readiness": get_text(workitem.attributes, _READINESS) or "",
        "start": start_of(workitem.attributes),
        "transaction_uid": workitem.transaction_uid,
        "performer": workitem.performer,
        "version": workitem.version,
        "created_at": workitem.created_at,
        "modified_at": workitem.modified_at,
        "final_at": workitem.final_at,
        "attributes": orjson.dumps(workitem.attributes, option=orjson.OPT_SORT_KEYS),
    }


def workitem_of(row: Record) -> Workitem:
    """Return the workitem of a row."""
    return Workitem(
        row.uid,
        State(row.state),
        cast("Attributes", orjson.loads(row.attributes)),
        row.transaction_uid,
        row.performer,
        row.version,
        row.created_at,
        row.modified_at,
        row.final_at,
    )

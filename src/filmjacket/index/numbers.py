"""Series Number and Instance Number of what is below a reference, for names of files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, bindparam, select

from filmjacket.index.schema import UNKNOWN_NUMBER, instances, series
from filmjacket.index.unit import run

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from filmjacket.web.refs import ResourceRef

_NUMBERS = select(instances.c.sop_uid, series.c.series_number, instances.c.instance_number).join(
    series, and_(series.c.study_uid == instances.c.study_uid, series.c.series_uid == instances.c.series_uid)
)
_COLUMNS = ("study_uid", "series_uid", "sop_uid")


def find_numbers(connection: Connection, ref: ResourceRef) -> dict[str, tuple[int | None, int | None]]:
    """Return both numbers by SOP Instance UID, None where an instance has none."""
    given = {
        name: uid for name, uid in zip(_COLUMNS, (ref.study, ref.series, ref.instance), strict=True) if uid is not None
    }
    statement = _NUMBERS.where(*(instances.c[name] == bindparam(name) for name in given))
    return {
        row.sop_uid: (_known(row.series_number), _known(row.instance_number))
        for row in run(connection, statement, given)
    }


def _known(number: int) -> int | None:
    return None if number == UNKNOWN_NUMBER else number

"""Counting what is in the index; every figure is read from the rows, none is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import ColumnElement, func, select

from filmjacket.archive.statistics import Share, Statistics
from filmjacket.index.schema import deleted_instances, holds, instances, metadata, series, studies

if TYPE_CHECKING:
    from sqlalchemy import Column, Connection, Table

_OTHERS: Final = {
    "workitems": "workitems",
    "non-patient instances": "non_patient_instances",
    "storage commitments": "commitments",
    "scheduled procedure steps": "scheduled_steps",
    "performed procedure steps": "performed_steps",
}


def count_everything(connection: Connection) -> Statistics:
    """Return the figures of the whole archive as of one moment."""
    total = connection.execute(select(func.count(), _sum(instances.c.blob_size)).select_from(instances)).one()
    deleted = connection.execute(
        select(func.count(), _sum(deleted_instances.c.blob_size)).select_from(deleted_instances)
    ).one()
    return Statistics(
        studies=_count(connection, studies),
        series=_count(connection, series),
        instances=total[0],
        bytes=int(total[1]),
        deleted=deleted[0],
        deleted_bytes=int(deleted[1]),
        held=_count(connection, holds),
        sop_classes=_shares(connection, instances.c.sop_class_uid),
        transfer_syntaxes=_shares(connection, instances.c.transfer_syntax),
        modalities=_modalities(connection),
        others=tuple(
            (name, _count(connection, metadata.tables[table]))
            for name, table in _OTHERS.items()
            if table in metadata.tables
        ),
    )


def _count(connection: Connection, table: Table) -> int:
    return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def _sum(column: Column[int]) -> ColumnElement[Any]:
    return func.coalesce(func.sum(column), 0)


def _shares(connection: Connection, column: Column[str]) -> tuple[Share, ...]:
    count = func.count()
    rows = connection.execute(
        select(column, count, _sum(instances.c.blob_size)).group_by(column).order_by(count.desc(), column)
    )
    return tuple(Share(row[0], row[1], int(row[2])) for row in rows)


def _modalities(connection: Connection) -> tuple[Share, ...]:
    total = func.sum(series.c.instance_count)
    rows = connection.execute(
        select(series.c.modality, total).group_by(series.c.modality).order_by(total.desc(), series.c.modality)
    )
    return tuple(Share(row[0] or "-", int(row[1]), 0) for row in rows)

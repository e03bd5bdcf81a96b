"""Rows that stand for studies while units of work change them (see `filmjacket.index.locks`)."""

from __future__ import annotations

from sqlalchemy import Column, Integer, PrimaryKeyConstraint, Table

from filmjacket.index.schema.columns import metadata, text_column

STUDY_LOCKS = 1024
"""Rows in `study_locks`. All workers must agree on it, whatever their version."""

study_locks = Table(
    "study_locks",
    metadata,
    # The numbers are given, not counted.
    Column("number", Integer, nullable=False, autoincrement=False),
    PrimaryKeyConstraint("number"),
)

# One row: the oldest revision whose workers can go on working on the tables as they are.
schema_compatibility = Table(
    "schema_compatibility",
    metadata,
    text_column("oldest_revision"),
    PrimaryKeyConstraint("oldest_revision"),
)

"""Tables by which workers know of each other: leases."""

from __future__ import annotations

from sqlalchemy import PrimaryKeyConstraint, Table

from filmjacket.index.schema.columns import integer_column, metadata, text_column

# Who does what only one may do at a time, and until when. A lease that nobody holds has no row, or an old one.
leases = Table(
    "leases",
    metadata,
    text_column("name"),
    text_column("holder"),
    integer_column("expires_at"),
    PrimaryKeyConstraint("name"),
)

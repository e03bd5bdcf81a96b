"""Tables of the Storage Commitment service (PS3.18 chapter 13): transactions with their requests and results."""

from __future__ import annotations

from sqlalchemy import PrimaryKeyConstraint, Table

from filmjacket.index.schema.columns import bytes_column, integer_column, metadata, plain_index, text_column

# A transaction is first pending, then done, and at the end expired: a tombstone by which its UID stays taken.
# `request` is packed JSON, `reasons` two bytes (big endian) for each reference that has been looked at, 0 for a
# commitment; both are empty when it has expired. Times are microseconds since 1970 in UTC, 0 while not known.
commitments = Table(
    "commitments",
    metadata,
    text_column("transaction_uid"),
    text_column("state"),
    integer_column("requested_at"),
    integer_column("finished_at"),
    integer_column("expires_at"),
    integer_column("retry_after"),
    bytes_column("request"),
    bytes_column("reasons"),
    PrimaryKeyConstraint("transaction_uid"),
)

plain_index("ix_commitments_state", commitments.c.state, commitments.c.requested_at)

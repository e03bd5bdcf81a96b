"""Tables of the Worklist service (PS3.18 chapter 11): workitems and subscriptions.

`workitem_values` holds what searches look up, one row for each value of a promoted attribute in the form in which
`filmjacket.web.matching` compares it; its key continues with what results are ordered by. What changes with every
request, the state, is a column of `workitems`, so that claiming rewrites no other index. Moments of matching are
sortable text; all others are microseconds since 1970 in UTC.

A subscriber of the whole worklist has one row with the spans of creation that it covers, instead of one row for
each workitem: `layers` of them, the oldest first. A row of `workitem_subscriptions` goes before them.
"""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, PrimaryKeyConstraint, Table

from filmjacket.index.schema.columns import bytes_column, integer_column, metadata, plain_index, text_column

workitems = Table(
    "workitems",
    metadata,
    text_column("uid"),
    text_column("state"),
    text_column("readiness"),
    text_column("start"),
    text_column("transaction_uid"),
    text_column("performer"),
    integer_column("version"),
    integer_column("created_at"),
    integer_column("modified_at"),
    integer_column("final_at"),
    bytes_column("attributes"),
    PrimaryKeyConstraint("uid"),
)

workitem_values = Table(
    "workitem_values",
    metadata,
    Column("attribute", Integer, nullable=False),
    text_column("value"),
    text_column("start"),
    text_column("uid"),
    PrimaryKeyConstraint("attribute", "value", "start", "uid"),
    sqlite_with_rowid=False,
)

workitem_subscriptions = Table(
    "workitem_subscriptions",
    metadata,
    text_column("uid"),
    text_column("subscriber"),
    Column("standing", Integer, nullable=False),
    PrimaryKeyConstraint("uid", "subscriber"),
    sqlite_with_rowid=False,
)

worklist_subscribers = Table(
    "worklist_subscribers",
    metadata,
    text_column("subscriber"),
    Column("standing", Integer, nullable=False),
    text_column("filter"),
    bytes_column("layers"),
    integer_column("version"),
    PrimaryKeyConstraint("subscriber"),
)

# Counts the changes of `worklist_subscribers`, so that workers know when what they remember of it is old.
worklist_versions = Table(
    "worklist_versions",
    metadata,
    text_column("name"),
    integer_column("version"),
    PrimaryKeyConstraint("name"),
)

# What was removed when its retention was over: the UID and the time, nothing else.
deleted_workitems = Table(
    "deleted_workitems",
    metadata,
    text_column("uid"),
    integer_column("deleted_at"),
    PrimaryKeyConstraint("uid"),
    sqlite_with_rowid=False,
)

# The order of results, and that within a state.
plain_index("ix_workitems_start", workitems.c.start, workitems.c.uid)
plain_index("ix_workitems_state", workitems.c.state, workitems.c.start, workitems.c.uid)
_IS_FINAL = workitems.c.final_at > 0
Index("ix_workitems_final_at", workitems.c.final_at, sqlite_where=_IS_FINAL, postgresql_where=_IS_FINAL)
plain_index("ix_workitem_subscriptions_subscriber", workitem_subscriptions.c.subscriber, workitem_subscriptions.c.uid)
plain_index("ix_worklist_subscribers_version", worklist_subscribers.c.version)

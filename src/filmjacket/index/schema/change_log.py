"""The change log: what happened to studies, series, instances, workitems, procedure steps and so on, in order.

On PostgreSQL several transactions write at once, and none knows which will be visible first. There they leave one
row each in `log_arrivals`; whoever reads numbers the rows that have arrived (ADR 0017). The one writer of SQLite
numbers what it writes.
"""

from __future__ import annotations

from sqlalchemy import Column, Integer, PrimaryKeyConstraint, Table

from filmjacket.index.schema.columns import bytes_column, integer_column, metadata, plain_index, text_column

# Moments rise with numbers, which have no gaps: a moment is found by halving, and needs no index.
changes = Table(
    "changes",
    metadata,
    integer_column("number"),
    integer_column("at"),
    text_column("level"),
    text_column("action"),
    text_column("study_uid"),
    text_column("series_uid"),
    text_column("uid"),
    bytes_column("detail"),
    PrimaryKeyConstraint("number"),
    sqlite_with_rowid=False,
)

# Event reports of the worklist (PS3.4 CC.2.4): what is said, and to whom; both are JSON.
worklist_events = Table(
    "worklist_events",
    metadata,
    integer_column("number"),
    integer_column("at"),
    Column("event_type", Integer, nullable=False),
    text_column("workitem_uid"),
    bytes_column("subscribers"),
    bytes_column("data_set"),
    PrimaryKeyConstraint("number"),
    sqlite_with_rowid=False,
)

# What has no number yet: everything that one transaction wrote to one log, as JSON.
log_arrivals = Table(
    "log_arrivals",
    metadata,
    text_column("log"),
    integer_column("written_at"),
    text_column("token"),
    bytes_column("entries"),
    PrimaryKeyConstraint("log", "written_at", "token"),
    sqlite_with_rowid=False,
)

# How far those got who must not start again, and what was done once. The rows of the logs themselves are locked by
# whoever numbers.
log_positions = Table(
    "log_positions",
    metadata,
    text_column("name"),
    integer_column("number"),
    integer_column("at"),
    PrimaryKeyConstraint("name"),
    sqlite_with_rowid=False,
)

# The last event that was sent to each subscriber, for what it misses while it is not connected.
subscriber_positions = Table(
    "subscriber_positions",
    metadata,
    text_column("subscriber"),
    integer_column("number"),
    integer_column("at"),
    PrimaryKeyConstraint("subscriber"),
    sqlite_with_rowid=False,
)

# Studies to which instances came, until they are called stable.
unsettled_studies = Table(
    "unsettled_studies",
    metadata,
    text_column("study_uid"),
    integer_column("changed_at"),
    PrimaryKeyConstraint("study_uid"),
    sqlite_with_rowid=False,
)

webhooks = Table(
    "webhooks",
    metadata,
    text_column("name"),
    text_column("url"),
    text_column("secret"),
    bytes_column("filter"),
    Column("enabled", Integer, nullable=False),
    integer_column("created_at"),
    # The last change that was delivered, given up or not wanted; how often the next one failed; when it is tried again.
    integer_column("number"),
    Column("attempts", Integer, nullable=False),
    integer_column("next_at"),
    text_column("failure"),
    PrimaryKeyConstraint("name"),
)

# Deliveries that were given up. `again`: somebody asked to try once more.
dead_letters = Table(
    "dead_letters",
    metadata,
    text_column("webhook"),
    integer_column("number"),
    integer_column("at"),
    Column("attempts", Integer, nullable=False),
    text_column("failure"),
    bytes_column("entry"),
    Column("again", Integer, nullable=False),
    PrimaryKeyConstraint("webhook", "number"),
)

plain_index("ix_unsettled_studies_changed_at", unsettled_studies.c.changed_at)

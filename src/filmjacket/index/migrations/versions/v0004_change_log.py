"""The change log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_TABLES = (
    "changes",
    "worklist_events",
    "log_arrivals",
    "log_positions",
    "subscriber_positions",
    "unsettled_studies",
    "webhooks",
    "dead_letters",
)


def upgrade() -> None:
    """Make the change."""
    _create_logs()
    _create_positions()
    _create_webhooks()
    op.create_index("ix_unsettled_studies_changed_at", "unsettled_studies", ["changed_at"])
    # Whoever numbers locks the row of a log, which therefore exists from the beginning.
    for log in ("changes", "events"):
        op.get_bind().execute(
            sa.text("INSERT INTO log_positions (name, number, at) VALUES (:name, 0, 0)"), {"name": log}
        )


def downgrade() -> None:
    """Undo the change."""
    for table in reversed(_TABLES):
        op.drop_table(table)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, _TEXT, nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False, autoincrement=False)


def _bytes(name: str) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary(), nullable=False)


def _create_logs() -> None:
    op.create_table(
        "changes",
        _number("number"),
        _number("at"),
        _text("level"),
        _text("action"),
        _text("study_uid"),
        _text("series_uid"),
        _text("uid"),
        _bytes("detail"),
        sa.PrimaryKeyConstraint("number", name="pk_changes"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "worklist_events",
        _number("number"),
        _number("at"),
        sa.Column("event_type", sa.Integer(), nullable=False),
        _text("workitem_uid"),
        _bytes("subscribers"),
        _bytes("data_set"),
        sa.PrimaryKeyConstraint("number", name="pk_worklist_events"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "log_arrivals",
        _text("log"),
        _number("written_at"),
        _text("token"),
        _bytes("entries"),
        sa.PrimaryKeyConstraint("log", "written_at", "token", name="pk_log_arrivals"),
        sqlite_with_rowid=False,
    )


def _create_positions() -> None:
    op.create_table(
        "log_positions",
        _text("name"),
        _number("number"),
        _number("at"),
        sa.PrimaryKeyConstraint("name", name="pk_log_positions"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "subscriber_positions",
        _text("subscriber"),
        _number("number"),
        _number("at"),
        sa.PrimaryKeyConstraint("subscriber", name="pk_subscriber_positions"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "unsettled_studies",
        _text("study_uid"),
        _number("changed_at"),
        sa.PrimaryKeyConstraint("study_uid", name="pk_unsettled_studies"),
        sqlite_with_rowid=False,
    )


def _create_webhooks() -> None:
    op.create_table(
        "webhooks",
        _text("name"),
        _text("url"),
        _text("secret"),
        _bytes("filter"),
        sa.Column("enabled", sa.Integer(), nullable=False),
        _number("created_at"),
        _number("number"),
        sa.Column("attempts", sa.Integer(), nullable=False),
        _number("next_at"),
        _text("failure"),
        sa.PrimaryKeyConstraint("name", name="pk_webhooks"),
    )
    op.create_table(
        "dead_letters",
        _text("webhook"),
        _number("number"),
        _number("at"),
        sa.Column("attempts", sa.Integer(), nullable=False),
        _text("failure"),
        _bytes("entry"),
        sa.Column("again", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("webhook", "number", name="pk_dead_letters"),
    )

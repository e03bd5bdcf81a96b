"""Workitems and subscriptions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_TABLES = (
    "workitems",
    "workitem_values",
    "workitem_subscriptions",
    "worklist_subscribers",
    "worklist_versions",
    "deleted_workitems",
)


def upgrade() -> None:
    """Make the change."""
    _create_workitems()
    _create_workitem_values()
    _create_subscriptions()
    op.create_table(
        "deleted_workitems",
        sa.Column("uid", _TEXT, nullable=False),
        sa.Column("deleted_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("uid", name="pk_deleted_workitems"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Undo the change."""
    for table in reversed(_TABLES):
        op.drop_table(table)


def _create_workitems() -> None:
    op.create_table(
        "workitems",
        sa.Column("uid", _TEXT, nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("readiness", _TEXT, nullable=False),
        sa.Column("start", _TEXT, nullable=False),
        sa.Column("transaction_uid", _TEXT, nullable=False),
        sa.Column("performer", _TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("modified_at", sa.BigInteger(), nullable=False),
        sa.Column("final_at", sa.BigInteger(), nullable=False),
        sa.Column("attributes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("uid", name="pk_workitems"),
    )
    op.create_index("ix_workitems_start", "workitems", ["start", "uid"])
    op.create_index("ix_workitems_state", "workitems", ["state", "start", "uid"])
    final = sa.text("final_at > 0")
    op.create_index("ix_workitems_final_at", "workitems", ["final_at"], sqlite_where=final, postgresql_where=final)


def _create_workitem_values() -> None:
    op.create_table(
        "workitem_values",
        sa.Column("attribute", sa.Integer(), nullable=False),
        sa.Column("value", _TEXT, nullable=False),
        sa.Column("start", _TEXT, nullable=False),
        sa.Column("uid", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("attribute", "value", "start", "uid", name="pk_workitem_values"),
        sqlite_with_rowid=False,
    )


def _create_subscriptions() -> None:
    op.create_table(
        "workitem_subscriptions",
        sa.Column("uid", _TEXT, nullable=False),
        sa.Column("subscriber", _TEXT, nullable=False),
        sa.Column("standing", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("uid", "subscriber", name="pk_workitem_subscriptions"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_workitem_subscriptions_subscriber", "workitem_subscriptions", ["subscriber", "uid"])
    op.create_table(
        "worklist_subscribers",
        sa.Column("subscriber", _TEXT, nullable=False),
        sa.Column("standing", sa.Integer(), nullable=False),
        sa.Column("filter", _TEXT, nullable=False),
        sa.Column("layers", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("subscriber", name="pk_worklist_subscribers"),
    )
    op.create_index("ix_worklist_subscribers_version", "worklist_subscribers", ["version"])
    op.create_table(
        "worklist_versions",
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_worklist_versions"),
    )

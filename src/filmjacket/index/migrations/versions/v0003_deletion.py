"""What is deleted, held and kept."""

from __future__ import annotations

import time

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_TABLES = ("deleted_instances", "deleted_frame_chunks", "tombstones", "holds")


def upgrade() -> None:
    """Make the change."""
    _create_deleted_instances()
    _create_deleted_frame_chunks()
    _create_tombstones()
    _create_holds()
    # When instances came was not noted before, so that their retention begins now.
    _remake_sop_instances(sa.Column("stored_at", sa.BigInteger(), nullable=False))
    _fill("INSERT INTO sop_instances SELECT sop_uid, study_uid, :now FROM instances ORDER BY sop_uid")


def downgrade() -> None:
    """Undo the change."""
    _remake_sop_instances()
    _fill("INSERT INTO sop_instances SELECT sop_uid, study_uid FROM instances ORDER BY sop_uid")
    for table in reversed(_TABLES):
        op.drop_table(table)


def _fill(statement: str) -> None:
    values = {"now": int(time.time() * 1_000_000)} if ":now" in statement else {}
    op.get_bind().execute(sa.text(statement), values)


def _remake_sop_instances(*new: sa.Column[int]) -> None:
    op.drop_table("sop_instances")
    op.create_table(
        "sop_instances",
        sa.Column("sop_uid", _TEXT, nullable=False),
        sa.Column("study_uid", _TEXT, nullable=False),
        *new,
        sa.PrimaryKeyConstraint("sop_uid", name="pk_sop_instances"),
        sqlite_with_rowid=False,
    )


def _create_deleted_instances() -> None:
    op.create_table(
        "deleted_instances",
        sa.Column("study_uid", _TEXT, nullable=False),
        sa.Column("sop_uid", _TEXT, nullable=False),
        sa.Column("series_uid", _TEXT, nullable=False),
        sa.Column("sop_class_uid", _TEXT, nullable=False),
        sa.Column("instance_number", sa.BigInteger(), nullable=False),
        sa.Column("transfer_syntax", _TEXT, nullable=False),
        sa.Column("blob_key", _TEXT, nullable=False),
        sa.Column("blob_size", sa.BigInteger(), nullable=False),
        sa.Column("blob_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("layout", sa.LargeBinary(), nullable=False),
        sa.Column("summary", sa.LargeBinary(), nullable=False),
        sa.Column("metadata", sa.LargeBinary(), nullable=False),
        sa.Column("stored_at", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at", sa.BigInteger(), nullable=False),
        sa.Column("keep_until", sa.BigInteger(), nullable=False),
        sa.Column("cause", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("study_uid", "sop_uid", "blob_key", name="pk_deleted_instances"),
    )
    op.create_index("ix_deleted_instances_blob_key", "deleted_instances", ["blob_key"])
    op.create_index("ix_deleted_instances_keep_until", "deleted_instances", ["keep_until"])
    op.create_index("ix_deleted_instances_series_uid", "deleted_instances", ["series_uid"])
    op.create_index("ix_deleted_instances_sop_uid", "deleted_instances", ["sop_uid"])


def _create_deleted_frame_chunks() -> None:
    op.create_table(
        "deleted_frame_chunks",
        sa.Column("study_uid", _TEXT, nullable=False),
        sa.Column("sop_uid", _TEXT, nullable=False),
        sa.Column("blob_key", _TEXT, nullable=False),
        sa.Column("chunk", sa.Integer(), nullable=False),
        sa.Column("spans", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("study_uid", "sop_uid", "blob_key", "chunk", name="pk_deleted_frame_chunks"),
    )


def _create_tombstones() -> None:
    op.create_table(
        "tombstones",
        sa.Column("study_uid", _TEXT, nullable=False),
        sa.Column("series_uid", _TEXT, nullable=False),
        sa.Column("sop_uid", _TEXT, nullable=False),
        sa.Column("deleted_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("study_uid", "series_uid", "sop_uid", name="pk_tombstones"),
        sqlite_with_rowid=False,
    )


def _create_holds() -> None:
    op.create_table(
        "holds",
        sa.Column("study_uid", _TEXT, nullable=False),
        sa.Column("reason", _TEXT, nullable=False),
        sa.Column("held_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("study_uid", name="pk_holds"),
    )

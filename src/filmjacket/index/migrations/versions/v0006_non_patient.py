"""Non-patient instances."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the change."""
    op.create_table(
        "non_patient_instances",
        sa.Column("sop_uid", _TEXT, nullable=False),
        sa.Column("category", _TEXT, nullable=False),
        sa.Column("sop_class_uid", _TEXT, nullable=False),
        sa.Column("label", _TEXT, nullable=False),
        sa.Column("transfer_syntax", _TEXT, nullable=False),
        sa.Column("blob_key", _TEXT, nullable=False),
        sa.Column("blob_size", sa.BigInteger(), nullable=False),
        sa.Column("blob_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("stored_at", sa.BigInteger(), nullable=False),
        sa.Column("held", sa.BigInteger(), nullable=False),
        sa.Column("layout", sa.LargeBinary(), nullable=False),
        sa.Column("summary", sa.LargeBinary(), nullable=False),
        sa.Column("metadata", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sop_uid", name="pk_non_patient_instances"),
    )
    op.create_index("ix_non_patient_instances_order", "non_patient_instances", ["category", "label", "sop_uid"])
    op.create_index("ix_non_patient_instances_blob_key", "non_patient_instances", ["blob_key"])
    op.create_table(
        "replaced_non_patient_instances",
        sa.Column("blob_key", _TEXT, nullable=False),
        sa.Column("sop_uid", _TEXT, nullable=False),
        sa.Column("blob_size", sa.BigInteger(), nullable=False),
        sa.Column("blob_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("stored_at", sa.BigInteger(), nullable=False),
        sa.Column("held", sa.BigInteger(), nullable=False),
        sa.Column("replaced_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("blob_key", name="pk_replaced_non_patient_instances"),
    )
    op.create_index("ix_replaced_non_patient_instances_stored_at", "replaced_non_patient_instances", ["stored_at"])


def downgrade() -> None:
    """Undo the change."""
    op.drop_table("replaced_non_patient_instances")
    op.drop_table("non_patient_instances")

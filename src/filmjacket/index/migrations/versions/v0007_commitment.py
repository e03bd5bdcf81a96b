"""Storage commitment."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the change."""
    op.create_table(
        "commitments",
        sa.Column("transaction_uid", _TEXT, nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("retry_after", sa.BigInteger(), nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column("reasons", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("transaction_uid", name="pk_commitments"),
    )
    op.create_index("ix_commitments_state", "commitments", ["state", "requested_at"])


def downgrade() -> None:
    """Undo the change."""
    op.drop_table("commitments")

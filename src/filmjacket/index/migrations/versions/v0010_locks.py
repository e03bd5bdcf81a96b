"""Locks of studies, how old a worker may be, the words of a name."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_STUDY_LOCKS = 1024


def upgrade() -> None:
    """Make the change."""
    locks = op.create_table(
        "study_locks",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_study_locks"),
    )
    op.bulk_insert(locks, [{"number": number} for number in range(_STUDY_LOCKS)])
    compatibility = op.create_table(
        "schema_compatibility",
        sa.Column("oldest_revision", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("oldest_revision", name="pk_schema_compatibility"),
    )
    # Workers of older versions lock nothing.
    op.bulk_insert(compatibility, [{"oldest_revision": revision}])
    op.create_index("ix_name_words_name", "name_words", ["name", "word", "sound"])


def downgrade() -> None:
    """Undo the change."""
    op.drop_index("ix_name_words_name", "name_words")
    op.drop_table("schema_compatibility")
    op.drop_table("study_locks")

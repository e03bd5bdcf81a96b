"""Search attributes that the administrator declares, names as they sound."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the change."""
    op.create_table(
        "search_attributes",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("complete", sa.Integer(), nullable=False),
        sa.Column("study_uid", _TEXT, nullable=False),
        sa.Column("entity_uid", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_search_attributes"),
    )
    op.create_table(
        "search_values",
        sa.Column("attribute", sa.Integer(), nullable=False),
        sa.Column("value", _TEXT, nullable=False),
        sa.Column("study_uid", _TEXT, nullable=False),
        sa.Column("series_uid", _TEXT, nullable=False),
        sa.Column("sop_uid", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("attribute", "value", "study_uid", "series_uid", "sop_uid", name="pk_search_values"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_search_values_study_uid", "search_values", ["study_uid", "series_uid", "sop_uid"])
    op.create_table(
        "name_words",
        sa.Column("word", _TEXT, nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("sound", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("word", "name", name="pk_name_words"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_name_words_sound", "name_words", ["sound", "name"])
    op.create_index(
        "ix_studies_modalities", "studies", ["modalities", sa.literal_column("study_date DESC"), "study_uid"]
    )


def downgrade() -> None:
    """Undo the change."""
    op.drop_index("ix_studies_modalities", "studies")
    for table in ("name_words", "search_values", "search_attributes"):
        op.drop_table(table)

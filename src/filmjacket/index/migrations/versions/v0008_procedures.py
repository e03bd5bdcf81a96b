"""Scheduled and performed procedure steps."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_TABLES = (
    "scheduled_steps",
    "scheduled_step_keys",
    "scheduled_step_words",
    "performed_steps",
    "performed_step_requests",
)
_ORDER = ("start_date", "start_time", "study_uid", "step_id")
# Index, columns after the prefix of the table's name; of those in _PRESENT only the rows that have the text.
_KEY_INDEXES = {
    "order": ("ended", "place", *_ORDER),
    "station_ae": ("station_ae", "ended", *_ORDER),
    "modality": ("modality", "ended", "place", *_ORDER),
    "start_time": ("ended", "place", "start_time"),
    "status": ("status", "ended", "place", *_ORDER),
    "patient_id": ("patient_id", "ended", "place"),
    "step_id": ("step_id",),
}
_PRESENT = (
    "performing_physician_name",
    "performing_physician_name_ideographic",
    "performing_physician_name_phonetic",
    "patient_name",
    "patient_name_ideographic",
    "patient_name_phonetic",
    "accession_number",
    "requested_procedure_id",
)


def upgrade() -> None:
    """Make the change."""
    _create_scheduled_steps()
    _create_keys()
    _create_words()
    _create_performed_steps()


def downgrade() -> None:
    """Undo the change."""
    for table in reversed(_TABLES):
        op.drop_table(table)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, _TEXT, nullable=False)


def _integer(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def _present_index(name: str, table: str, columns: list[str]) -> None:
    condition = sa.text(f"{columns[0]} != ''")
    op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)


def _create_scheduled_steps() -> None:
    op.create_table(
        "scheduled_steps",
        _text("study_uid"),
        _text("step_id"),
        _integer("version"),
        _integer("updated_at"),
        _text("workitem_uid"),
        sa.Column("attributes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("study_uid", "step_id", name="pk_scheduled_steps"),
    )
    op.create_index("ix_scheduled_steps_step_id", "scheduled_steps", ["step_id"])
    _present_index("ix_scheduled_steps_workitem_uid", "scheduled_steps", ["workitem_uid"])


def _create_keys() -> None:
    op.create_table(
        "scheduled_step_keys",
        _text("study_uid"),
        _text("step_id"),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("ended", sa.Integer(), nullable=False),
        *(_text(name) for name in ("status", "station_ae", "start_date", "start_time", "modality", *_PRESENT[:6])),
        _text("patient_id"),
        *(_text(name) for name in _PRESENT[6:]),
        sa.PrimaryKeyConstraint("study_uid", "step_id", "place", name="pk_scheduled_step_keys"),
    )
    for name, columns in _KEY_INDEXES.items():
        op.create_index(f"ix_scheduled_step_keys_{name}", "scheduled_step_keys", list(columns))
    for name in _PRESENT:
        _present_index(f"ix_scheduled_step_keys_{name}", "scheduled_step_keys", [name, "ended", "place"])


def _create_words() -> None:
    op.create_table(
        "scheduled_step_words",
        *(_text(name) for name in ("attribute", "word", "study_uid", "step_id", "sound")),
        sa.PrimaryKeyConstraint("attribute", "word", "study_uid", "step_id", name="pk_scheduled_step_words"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_scheduled_step_words_sound", "scheduled_step_words", ["attribute", "sound"])
    op.create_index("ix_scheduled_step_words_step", "scheduled_step_words", ["study_uid", "step_id"])


def _create_performed_steps() -> None:
    op.create_table(
        "performed_steps",
        _text("uid"),
        _text("status"),
        *(_integer(name) for name in ("version", "created_at", "updated_at")),
        sa.Column("attributes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("uid", name="pk_performed_steps"),
    )
    op.create_table(
        "performed_step_requests",
        *(_text(name) for name in ("study_uid", "step_id", "performed_uid")),
        sa.PrimaryKeyConstraint("study_uid", "step_id", "performed_uid", name="pk_performed_step_requests"),
    )
    op.create_index("ix_performed_step_requests_performed_uid", "performed_step_requests", ["performed_uid"])

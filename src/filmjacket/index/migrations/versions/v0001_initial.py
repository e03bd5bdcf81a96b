"""The first tables."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_TABLES = ("studies", "series", "request_attributes", "instances", "frame_chunks", "sop_instances", "odd_studies")


def upgrade() -> None:
    """Make the change."""
    _create_studies()
    _create_series()
    _create_request_attributes()
    _create_instances()
    _create_frame_chunks()
    _create_sop_instances()
    _create_odd_studies()


def downgrade() -> None:
    """Undo the change."""
    for table in reversed(_TABLES):
        op.drop_table(table)


def _present(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def _create_studies() -> None:
    op.create_table(
        "studies",
        sa.Column("study_uid", _TEXT, nullable=False),
        sa.Column("study_date", _TEXT, nullable=False),
        sa.Column("study_time", _TEXT, nullable=False),
        sa.Column("accession_number", _TEXT, nullable=False),
        sa.Column("patient_id", _TEXT, nullable=False),
        sa.Column("study_id", _TEXT, nullable=False),
        sa.Column("patient_name", _TEXT, nullable=False),
        sa.Column("patient_name_ideographic", _TEXT, nullable=False),
        sa.Column("patient_name_phonetic", _TEXT, nullable=False),
        sa.Column("referring_physician_name", _TEXT, nullable=False),
        sa.Column("referring_physician_name_ideographic", _TEXT, nullable=False),
        sa.Column("referring_physician_name_phonetic", _TEXT, nullable=False),
        sa.Column("modalities", _TEXT, nullable=False),
        sa.Column("series_count", sa.BigInteger(), nullable=False),
        sa.Column("instance_count", sa.BigInteger(), nullable=False),
        sa.Column("source_sop_uid", _TEXT, nullable=False),
        sa.Column("attributes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("study_uid", name="pk_studies"),
    )
    op.create_index("ix_studies_accession_number", "studies", ["accession_number"])
    op.create_index("ix_studies_patient_id", "studies", ["patient_id"])
    op.create_index("ix_studies_patient_name", "studies", ["patient_name"])
    op.create_index(
        "ix_studies_patient_name_ideographic",
        "studies",
        ["patient_name_ideographic"],
        **_present("patient_name_ideographic != ''"),
    )
    op.create_index(
        "ix_studies_patient_name_phonetic",
        "studies",
        ["patient_name_phonetic"],
        **_present("patient_name_phonetic != ''"),
    )
    op.create_index("ix_studies_referring_physician_name", "studies", ["referring_physician_name"])
    op.create_index(
        "ix_studies_referring_physician_name_ideographic",
        "studies",
        ["referring_physician_name_ideographic"],
        **_present("referring_physician_name_ideographic != ''"),
    )
    op.create_index(
        "ix_studies_referring_physician_name_phonetic",
        "studies",
        ["referring_physician_name_phonetic"],
        **_present("referring_physician_name_phonetic != ''"),
    )
    op.create_index("ix_studies_study_date", "studies", [sa.literal_column("study_date DESC"), "study_uid"])
    op.create_index("ix_studies_study_id", "studies", ["study_id"])
    op.create_index("ix_studies_study_time", "studies", ["study_time"])


def _create_series() -> None:
    op.create_table(
        "series",
        sa.Column("study_uid", _TEXT, nullable=False),
        sa.Column("series_uid", _TEXT, nullable=False),
        sa.Column("modality", _TEXT, nullable=False),
        sa.Column("series_number", sa.BigInteger(), nullable=False),
        sa.Column("procedure_step_date", _TEXT, nullable=False),
        sa.Column("procedure_step_time", _TEXT, nullable=False),
        sa.Column("instance_count", sa.BigInteger(), nullable=False),
        sa.Column("source_sop_uid", _TEXT, nullable=False),
        sa.Column("attributes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("study_uid", "series_uid", name="pk_series"),
    )
    op.create_index("ix_series_modality", "series", ["modality", "study_uid"])
    op.create_index(
        "ix_series_procedure_step_date", "series", ["procedure_step_date"], **_present("procedure_step_date != ''")
    )
    op.create_index(
        "ix_series_procedure_step_time", "series", ["procedure_step_time"], **_present("procedure_step_time != ''")
    )
    op.create_index("ix_series_series_number", "series", ["series_number"])
    op.create_index("ix_series_series_uid", "series", ["series_uid"])


def _create_request_attributes() -> None:
    op.create_table(
        "request_attributes",
        sa.Column("study_uid", _TEXT, nullable=False),
        sa.Column("series_uid", _TEXT, nullable=False),
        sa.Column("item", sa.Integer(), nullable=False),
        sa.Column("scheduled_procedure_step_id", _TEXT, nullable=False),
        sa.Column("requested_procedure_id", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("study_uid", "series_uid", "item", name="pk_request_attributes"),
    )
    op.create_index(
        "ix_request_attributes_requested_procedure_id",
        "request_attributes",
        ["requested_procedure_id"],
        **_present("requested_procedure_id != ''"),
    )
    op.create_index(
        "ix_request_attributes_scheduled_procedure_step_id",
        "request_attributes",
        ["scheduled_procedure_step_id"],
        **_present("scheduled_procedure_step_id != ''"),
    )


def _create_instances() -> None:
    op.create_table(
        "instances",
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
        sa.PrimaryKeyConstraint("study_uid", "sop_uid", name="pk_instances"),
    )
    op.create_index("ix_instances_blob_key", "instances", ["blob_key"])
    op.create_index("ix_instances_blob_sha256", "instances", ["blob_sha256"])
    op.create_index("ix_instances_instance_number", "instances", ["instance_number"])
    op.create_index("ix_instances_order", "instances", ["study_uid", "series_uid", "instance_number", "sop_uid"])
    op.create_index("ix_instances_sop_class_uid", "instances", ["sop_class_uid"])


def _create_frame_chunks() -> None:
    op.create_table(
        "frame_chunks",
        sa.Column("study_uid", _TEXT, nullable=False),
        sa.Column("sop_uid", _TEXT, nullable=False),
        sa.Column("chunk", sa.Integer(), nullable=False),
        sa.Column("spans", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("study_uid", "sop_uid", "chunk", name="pk_frame_chunks"),
    )


def _create_sop_instances() -> None:
    op.create_table(
        "sop_instances",
        sa.Column("sop_uid", _TEXT, nullable=False),
        sa.Column("study_uid", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("sop_uid", name="pk_sop_instances"),
        sqlite_with_rowid=False,
    )


def _create_odd_studies() -> None:
    op.create_table(
        "odd_studies",
        sa.Column("study_uid", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("study_uid", name="pk_odd_studies"),
        sqlite_with_rowid=False,
    )

"""Tables of the index, the same on every database.

Rules that keep the schema portable to PostgreSQL and its sharded relatives: the Study Instance UID is part of
every key below the study; one more table, keyed by SOP Instance UID alone, holds the rule that such a UID occurs
once; JSON is bytes that no SQL looks into; no triggers, no server-side defaults. An absent text is `""`, an absent
number `UNKNOWN_NUMBER`: so every order is total and the same on every database.

Promoted columns hold attributes in the form in which `filmjacket.web.matching` compares them. A study with a
promoted attribute that its column cannot hold faithfully (several values where PS3.6 allows one, absurd lengths)
is listed in `odd_studies`; what SQL says about it is then verified on the stored attributes.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
)

HEAD_REVISION = "0003"
"""The newest migration; a test compares it with the migrations folder."""

UNKNOWN_NUMBER = 2**63 - 1
"""Stands for an absent Series Number or Instance Number, and sorts last."""

FRAMES_PER_CHUNK = 1024
"""Frame spans in one row of `frame_chunks`: 16 KiB, so that any frame of any slide is one small row away."""

SPAN_BYTES = 16
"""One span: offset and length, 64 bits each, little endian."""

# Code point order everywhere: SQLite's own, and what collation "C" means on PostgreSQL.
_TEXT = Text().with_variant(Text(collation="C"), "postgresql")

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


def _text(name: str) -> Column[str]:
    return Column(name, _TEXT, nullable=False)


def _integer(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def _bytes(name: str) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=False)


studies = Table(
    "studies",
    metadata,
    _text("study_uid"),
    _text("study_date"),
    _text("study_time"),
    _text("accession_number"),
    _text("patient_id"),
    _text("study_id"),
    _text("patient_name"),
    _text("patient_name_ideographic"),
    _text("patient_name_phonetic"),
    _text("referring_physician_name"),
    _text("referring_physician_name_ideographic"),
    _text("referring_physician_name_phonetic"),
    _text("modalities"),
    _integer("series_count"),
    _integer("instance_count"),
    _text("source_sop_uid"),
    _bytes("attributes"),
    PrimaryKeyConstraint("study_uid"),
)

series = Table(
    "series",
    metadata,
    _text("study_uid"),
    _text("series_uid"),
    _text("modality"),
    _integer("series_number"),
    _text("procedure_step_date"),
    _text("procedure_step_time"),
    _integer("instance_count"),
    _text("source_sop_uid"),
    _bytes("attributes"),
    PrimaryKeyConstraint("study_uid", "series_uid"),
)

request_attributes = Table(
    "request_attributes",
    metadata,
    _text("study_uid"),
    _text("series_uid"),
    Column("item", Integer, nullable=False),
    _text("scheduled_procedure_step_id"),
    _text("requested_procedure_id"),
    PrimaryKeyConstraint("study_uid", "series_uid", "item"),
)

instances = Table(
    "instances",
    metadata,
    _text("study_uid"),
    _text("sop_uid"),
    _text("series_uid"),
    _text("sop_class_uid"),
    _integer("instance_number"),
    _text("transfer_syntax"),
    _text("blob_key"),
    _integer("blob_size"),
    _bytes("blob_sha256"),
    _bytes("layout"),
    _bytes("summary"),
    _bytes("metadata"),
    PrimaryKeyConstraint("study_uid", "sop_uid"),
)

frame_chunks = Table(
    "frame_chunks",
    metadata,
    _text("study_uid"),
    _text("sop_uid"),
    Column("chunk", Integer, nullable=False),
    _bytes("spans"),
    PrimaryKeyConstraint("study_uid", "sop_uid", "chunk"),
)

sop_instances = Table(
    "sop_instances",
    metadata,
    _text("sop_uid"),
    _text("study_uid"),
    _integer("stored_at"),
    PrimaryKeyConstraint("sop_uid"),
    sqlite_with_rowid=False,
)

odd_studies = Table(
    "odd_studies",
    metadata,
    _text("study_uid"),
    PrimaryKeyConstraint("study_uid"),
    sqlite_with_rowid=False,
)

# What was deleted and can be restored, and versions that were replaced but must be kept. A SOP Instance UID can be
# here several times, and live as well. Times are microseconds since 1970 in UTC.
deleted_instances = Table(
    "deleted_instances",
    metadata,
    *(Column(column.name, column.type, nullable=False) for column in instances.c),
    _integer("stored_at"),
    _integer("deleted_at"),
    _integer("keep_until"),
    _text("cause"),
    PrimaryKeyConstraint("study_uid", "sop_uid", "blob_key"),
)

deleted_frame_chunks = Table(
    "deleted_frame_chunks",
    metadata,
    _text("study_uid"),
    _text("sop_uid"),
    _text("blob_key"),
    Column("chunk", Integer, nullable=False),
    _bytes("spans"),
    PrimaryKeyConstraint("study_uid", "sop_uid", "blob_key", "chunk"),
)

# What was deleted for good: UIDs and the time, nothing else.
tombstones = Table(
    "tombstones",
    metadata,
    _text("study_uid"),
    _text("series_uid"),
    _text("sop_uid"),
    _integer("deleted_at"),
    PrimaryKeyConstraint("study_uid", "series_uid", "sop_uid"),
    sqlite_with_rowid=False,
)

holds = Table(
    "holds",
    metadata,
    _text("study_uid"),
    _text("reason"),
    _integer("held_at"),
    PrimaryKeyConstraint("study_uid"),
)

# Extra attributes that are declared for search, and how far their values have been filled in for what was stored
# before: up to and with the named study, and its series or instance.
search_attributes = Table(
    "search_attributes",
    metadata,
    Column("number", Integer, nullable=False),
    _text("name"),
    Column("complete", Integer, nullable=False),
    _text("study_uid"),
    _text("entity_uid"),
    PrimaryKeyConstraint("number"),
)

# A study has no series, and a series no instance: "" stands for what an attribute is not about.
search_values = Table(
    "search_values",
    metadata,
    Column("attribute", Integer, nullable=False),
    _text("value"),
    _text("study_uid"),
    _text("series_uid"),
    _text("sop_uid"),
    PrimaryKeyConstraint("attribute", "value", "study_uid", "series_uid", "sop_uid"),
    sqlite_with_rowid=False,
)

# What fuzzy matching looks for, of every folded component group that a promoted column holds or once held: the words
# follow from the name alone, so that a row can be superfluous and never wrong. A purge removes those of its patients.
name_words = Table(
    "name_words",
    metadata,
    _text("word"),
    _text("name"),
    _text("sound"),
    PrimaryKeyConstraint("word", "name"),
    sqlite_with_rowid=False,
)


def _index(name: str, *columns: Column[str] | Column[int] | Column[bytes], present: bool = False) -> None:
    """Declare an index; with `present`, one of the rows only that have a text in the first column."""
    if present:
        condition = columns[0] != ""
        Index(name, *columns, sqlite_where=condition, postgresql_where=condition)
    else:
        Index(name, *columns)


# The order of /studies: newest first.
Index("ix_studies_study_date", studies.c.study_date.desc(), studies.c.study_uid)
Index("ix_studies_modalities", studies.c.modalities, studies.c.study_date.desc(), studies.c.study_uid)
_index("ix_studies_study_time", studies.c.study_time)
_index("ix_studies_accession_number", studies.c.accession_number)
_index("ix_studies_patient_id", studies.c.patient_id)
_index("ix_studies_study_id", studies.c.study_id)
for _name in ("patient_name", "referring_physician_name"):
    _index(f"ix_studies_{_name}", studies.c[_name])
    for _group in ("ideographic", "phonetic"):
        _index(f"ix_studies_{_name}_{_group}", studies.c[f"{_name}_{_group}"], present=True)
_index("ix_series_series_uid", series.c.series_uid)
_index("ix_series_modality", series.c.modality, series.c.study_uid)
_index("ix_series_series_number", series.c.series_number)
_index("ix_series_procedure_step_date", series.c.procedure_step_date, present=True)
_index("ix_series_procedure_step_time", series.c.procedure_step_time, present=True)
_index(
    "ix_request_attributes_scheduled_procedure_step_id",
    request_attributes.c.scheduled_procedure_step_id,
    present=True,
)
_index("ix_request_attributes_requested_procedure_id", request_attributes.c.requested_procedure_id, present=True)
# The order of retrieval and of instance searches inside a series; covers counting.
_index(
    "ix_instances_order",
    instances.c.study_uid,
    instances.c.series_uid,
    instances.c.instance_number,
    instances.c.sop_uid,
)
_index("ix_instances_sop_class_uid", instances.c.sop_class_uid)
_index("ix_instances_instance_number", instances.c.instance_number)
_index("ix_instances_blob_key", instances.c.blob_key)
_index("ix_instances_blob_sha256", instances.c.blob_sha256)
_index("ix_deleted_instances_blob_key", deleted_instances.c.blob_key)
_index("ix_deleted_instances_keep_until", deleted_instances.c.keep_until)
_index("ix_deleted_instances_series_uid", deleted_instances.c.series_uid)
_index("ix_deleted_instances_sop_uid", deleted_instances.c.sop_uid)
_index("ix_search_values_study_uid", search_values.c.study_uid, search_values.c.series_uid, search_values.c.sop_uid)
_index("ix_name_words_sound", name_words.c.sound, name_words.c.name)

"""Tables of the Studies service: studies, series, instances, what was deleted, what searches look up.

Promoted columns hold attributes in the form in which `filmjacket.web.matching` compares them. A study with a
promoted attribute that its column cannot hold faithfully (several values where PS3.6 allows one, absurd lengths)
is listed in `odd_studies`; what SQL says about it is then verified on the stored attributes.
"""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, PrimaryKeyConstraint, Table

from filmjacket.index.schema.columns import bytes_column, integer_column, metadata, plain_index, text_column

UNKNOWN_NUMBER = 2**63 - 1
"""Stands for an absent Series Number or Instance Number, and sorts last."""

FRAMES_PER_CHUNK = 1024
"""Frame spans in one row of `frame_chunks`: 16 KiB, so that any frame of any slide is one small row away."""

SPAN_BYTES = 16
"""One span: offset and length, 64 bits each, little endian."""

studies = Table(
    "studies",
    metadata,
    text_column("study_uid"),
    text_column("study_date"),
    text_column("study_time"),
    text_column("accession_number"),
    text_column("patient_id"),
    text_column("study_id"),
    text_column("patient_name"),
    text_column("patient_name_ideographic"),
    text_column("patient_name_phonetic"),
    text_column("referring_physician_name"),
    text_column("referring_physician_name_ideographic"),
    text_column("referring_physician_name_phonetic"),
    text_column("modalities"),
    integer_column("series_count"),
    integer_column("instance_count"),
    text_column("source_sop_uid"),
    bytes_column("attributes"),
    PrimaryKeyConstraint("study_uid"),
)

series = Table(
    "series",
    metadata,
    text_column("study_uid"),
    text_column("series_uid"),
    text_column("modality"),
    integer_column("series_number"),
    text_column("procedure_step_date"),
    text_column("procedure_step_time"),
    integer_column("instance_count"),
    text_column("source_sop_uid"),
    bytes_column("attributes"),
    PrimaryKeyConstraint("study_uid", "series_uid"),
)

request_attributes = Table(
    "request_attributes",
    metadata,
    text_column("study_uid"),
    text_column("series_uid"),
    Column("item", Integer, nullable=False),
    text_column("scheduled_procedure_step_id"),
    text_column("requested_procedure_id"),
    PrimaryKeyConstraint("study_uid", "series_uid", "item"),
)

instances = Table(
    "instances",
    metadata,
    text_column("study_uid"),
    text_column("sop_uid"),
    text_column("series_uid"),
    text_column("sop_class_uid"),
    integer_column("instance_number"),
    text_column("transfer_syntax"),
    text_column("blob_key"),
    integer_column("blob_size"),
    bytes_column("blob_sha256"),
    bytes_column("layout"),
    bytes_column("summary"),
    bytes_column("metadata"),
    PrimaryKeyConstraint("study_uid", "sop_uid"),
)

frame_chunks = Table(
    "frame_chunks",
    metadata,
    text_column("study_uid"),
    text_column("sop_uid"),
    Column("chunk", Integer, nullable=False),
    bytes_column("spans"),
    PrimaryKeyConstraint("study_uid", "sop_uid", "chunk"),
)

sop_instances = Table(
    "sop_instances",
    metadata,
    text_column("sop_uid"),
    text_column("study_uid"),
    integer_column("stored_at"),
    PrimaryKeyConstraint("sop_uid"),
    sqlite_with_rowid=False,
)

odd_studies = Table(
    "odd_studies",
    metadata,
    text_column("study_uid"),
    PrimaryKeyConstraint("study_uid"),
    sqlite_with_rowid=False,
)

# What was deleted and can be restored, and versions that were replaced but must be kept. A SOP Instance UID can be
# here several times, and live as well. Times are microseconds since 1970 in UTC.
deleted_instances = Table(
    "deleted_instances",
    metadata,
    *(Column(column.name, column.type, nullable=False) for column in instances.c),
    integer_column("stored_at"),
    integer_column("deleted_at"),
    integer_column("keep_until"),
    text_column("cause"),
    PrimaryKeyConstraint("study_uid", "sop_uid", "blob_key"),
)

deleted_frame_chunks = Table(
    "deleted_frame_chunks",
    metadata,
    text_column("study_uid"),
    text_column("sop_uid"),
    text_column("blob_key"),
    Column("chunk", Integer, nullable=False),
    bytes_column("spans"),
    PrimaryKeyConstraint("study_uid", "sop_uid", "blob_key", "chunk"),
)

# What was deleted for good: UIDs and the time, nothing else.
tombstones = Table(
    "tombstones",
    metadata,
    text_column("study_uid"),
    text_column("series_uid"),
    text_column("sop_uid"),
    integer_column("deleted_at"),
    PrimaryKeyConstraint("study_uid", "series_uid", "sop_uid"),
    sqlite_with_rowid=False,
)

holds = Table(
    "holds",
    metadata,
    text_column("study_uid"),
    text_column("reason"),
    integer_column("held_at"),
    PrimaryKeyConstraint("study_uid"),
)

# Extra attributes that are declared for search, and how far their values have been filled in for what was stored
# before: up to and with the named study, and its series or instance.
search_attributes = Table(
    "search_attributes",
    metadata,
    Column("number", Integer, nullable=False, autoincrement=False),
    text_column("name"),
    Column("complete", Integer, nullable=False),
    text_column("study_uid"),
    text_column("entity_uid"),
    PrimaryKeyConstraint("number"),
)

# A study has no series, and a series no instance: "" stands for what an attribute is not about.
search_values = Table(
    "search_values",
    metadata,
    Column("attribute", Integer, nullable=False),
    text_column("value"),
    text_column("study_uid"),
    text_column("series_uid"),
    text_column("sop_uid"),
    PrimaryKeyConstraint("attribute", "value", "study_uid", "series_uid", "sop_uid"),
    sqlite_with_rowid=False,
)

# What fuzzy matching looks for, of every folded component group that a promoted column holds or once held: the words
# follow from the name alone, so that a row can be superfluous and never wrong. A purge removes those of its patients.
name_words = Table(
    "name_words",
    metadata,
    text_column("word"),
    text_column("name"),
    text_column("sound"),
    PrimaryKeyConstraint("word", "name"),
    sqlite_with_rowid=False,
)


# The order of /studies: newest first.
Index("ix_studies_study_date", studies.c.study_date.desc(), studies.c.study_uid)
Index("ix_studies_modalities", studies.c.modalities, studies.c.study_date.desc(), studies.c.study_uid)
plain_index("ix_studies_study_time", studies.c.study_time)
plain_index("ix_studies_accession_number", studies.c.accession_number)
plain_index("ix_studies_patient_id", studies.c.patient_id)
plain_index("ix_studies_study_id", studies.c.study_id)
for _name in ("patient_name", "referring_physician_name"):
    plain_index(f"ix_studies_{_name}", studies.c[_name])
    for _group in ("ideographic", "phonetic"):
        plain_index(f"ix_studies_{_name}_{_group}", studies.c[f"{_name}_{_group}"], present=True)
plain_index("ix_series_series_uid", series.c.series_uid)
plain_index("ix_series_modality", series.c.modality, series.c.study_uid)
plain_index("ix_series_series_number", series.c.series_number)
plain_index("ix_series_procedure_step_date", series.c.procedure_step_date, present=True)
plain_index("ix_series_procedure_step_time", series.c.procedure_step_time, present=True)
plain_index(
    "ix_request_attributes_scheduled_procedure_step_id",
    request_attributes.c.scheduled_procedure_step_id,
    present=True,
)
plain_index("ix_request_attributes_requested_procedure_id", request_attributes.c.requested_procedure_id, present=True)
# The order of retrieval and of instance searches inside a series; covers counting.
plain_index(
    "ix_instances_order",
    instances.c.study_uid,
    instances.c.series_uid,
    instances.c.instance_number,
    instances.c.sop_uid,
)
plain_index("ix_instances_sop_class_uid", instances.c.sop_class_uid)
plain_index("ix_instances_instance_number", instances.c.instance_number)
plain_index("ix_instances_blob_key", instances.c.blob_key)
plain_index("ix_instances_blob_sha256", instances.c.blob_sha256)
plain_index("ix_deleted_instances_blob_key", deleted_instances.c.blob_key)
plain_index("ix_deleted_instances_keep_until", deleted_instances.c.keep_until)
plain_index("ix_deleted_instances_series_uid", deleted_instances.c.series_uid)
plain_index("ix_deleted_instances_sop_uid", deleted_instances.c.sop_uid)
plain_index(
    "ix_search_values_study_uid", search_values.c.study_uid, search_values.c.series_uid, search_values.c.sop_uid
)
plain_index("ix_name_words_sound", name_words.c.sound, name_words.c.name)
# Which words a name has, for PostgreSQL: SQLite makes a table of the names that have a word.
plain_index("ix_name_words_name", name_words.c.name, name_words.c.word, name_words.c.sound)

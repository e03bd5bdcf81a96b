"""Tables of the Non-Patient Instance service (PS3.18 chapter 12): instances without patient, study and series.

They are no rows of `instances`, so that no search of studies can find one.
"""

from __future__ import annotations

from sqlalchemy import PrimaryKeyConstraint, Table

from filmjacket.index.schema.columns import bytes_column, integer_column, metadata, plain_index, text_column

# `label` is the name by which people know the instance, and the order of searches; `summary` the attributes of the
# search tables, so that no search need open an inventory of a million studies. What is `held` (1, not 0) was
# committed: another version may take its place, but never its bytes.
non_patient_instances = Table(
    "non_patient_instances",
    metadata,
    text_column("sop_uid"),
    text_column("category"),
    text_column("sop_class_uid"),
    text_column("label"),
    text_column("transfer_syntax"),
    text_column("blob_key"),
    integer_column("blob_size"),
    bytes_column("blob_sha256"),
    integer_column("stored_at"),
    integer_column("held"),
    bytes_column("layout"),
    bytes_column("summary"),
    bytes_column("metadata"),
    PrimaryKeyConstraint("sop_uid"),
)

# Versions that were replaced but whose bytes must be kept for a while, or for good.
replaced_non_patient_instances = Table(
    "replaced_non_patient_instances",
    metadata,
    text_column("blob_key"),
    text_column("sop_uid"),
    integer_column("blob_size"),
    bytes_column("blob_sha256"),
    integer_column("stored_at"),
    integer_column("held"),
    integer_column("replaced_at"),
    PrimaryKeyConstraint("blob_key"),
)

# The order of searches, and what narrows them.
plain_index(
    "ix_non_patient_instances_order",
    non_patient_instances.c.category,
    non_patient_instances.c.label,
    non_patient_instances.c.sop_uid,
)
plain_index("ix_non_patient_instances_blob_key", non_patient_instances.c.blob_key)
plain_index("ix_replaced_non_patient_instances_stored_at", replaced_non_patient_instances.c.stored_at)

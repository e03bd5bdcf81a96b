"""Tables of the index, the same on every database, one module for each service.

Rules that keep the schema portable to PostgreSQL and its sharded relatives: the Study Instance UID is part of
every key below the study; one more table, keyed by SOP Instance UID alone, holds the rule that such a UID occurs
once; JSON is bytes that no SQL looks into; no triggers, no server-side defaults. An absent text is `""`, an absent
number `UNKNOWN_NUMBER`: so every order is total and the same on every database.
"""

from __future__ import annotations

from filmjacket.index.schema import change_log, commitment, coordination, non_patient, procedures, worklist
from filmjacket.index.schema.columns import metadata
from filmjacket.index.schema.locks import STUDY_LOCKS, schema_compatibility, study_locks
from filmjacket.index.schema.studies_service import (
    FRAMES_PER_CHUNK,
    SPAN_BYTES,
    UNKNOWN_NUMBER,
    deleted_frame_chunks,
    deleted_instances,
    frame_chunks,
    holds,
    instances,
    name_words,
    odd_studies,
    request_attributes,
    search_attributes,
    search_values,
    series,
    sop_instances,
    studies,
    tombstones,
)

HEAD_REVISION = "0010"
"""The newest migration; a test compares it with the migrations folder."""

__all__ = [
    "FRAMES_PER_CHUNK",
    "HEAD_REVISION",
    "SPAN_BYTES",
    "STUDY_LOCKS",
    "UNKNOWN_NUMBER",
    "change_log",
    "commitment",
    "coordination",
    "deleted_frame_chunks",
    "deleted_instances",
    "frame_chunks",
    "holds",
    "instances",
    "metadata",
    "name_words",
    "non_patient",
    "odd_studies",
    "procedures",
    "request_attributes",
    "schema_compatibility",
    "search_attributes",
    "search_values",
    "series",
    "sop_instances",
    "studies",
    "study_locks",
    "tombstones",
    "worklist",
]

"""Tables of scheduled and performed procedure steps (PS3.18 chapters 14 and 15).

A scheduled step is one row of `scheduled_steps` with its data set, and one row of `scheduled_step_keys` for each
station that it is scheduled on, since Scheduled Station AE Title may have several values: `place` 0 is the first.
All other promoted attributes have one value, which is checked when a step is taken in, so that what SQL says about
them is always true. `ended` is 1 for steps that nobody waits for any more: an order by date must not begin with years
of them.
"""

from __future__ import annotations

from sqlalchemy import Column, Integer, PrimaryKeyConstraint, Table

from filmjacket.index.schema.columns import bytes_column, integer_column, metadata, plain_index, text_column

scheduled_steps = Table(
    "scheduled_steps",
    metadata,
    text_column("study_uid"),
    text_column("step_id"),
    integer_column("version"),
    integer_column("updated_at"),
    text_column("workitem_uid"),
    bytes_column("attributes"),
    PrimaryKeyConstraint("study_uid", "step_id"),
)

scheduled_step_keys = Table(
    "scheduled_step_keys",
    metadata,
    text_column("study_uid"),
    text_column("step_id"),
    Column("place", Integer, nullable=False),
    Column("ended", Integer, nullable=False),
    text_column("status"),
    text_column("station_ae"),
    text_column("start_date"),
    text_column("start_time"),
    text_column("modality"),
    text_column("performing_physician_name"),
    text_column("performing_physician_name_ideographic"),
    text_column("performing_physician_name_phonetic"),
    text_column("patient_name"),
    text_column("patient_name_ideographic"),
    text_column("patient_name_phonetic"),
    text_column("patient_id"),
    text_column("accession_number"),
    text_column("requested_procedure_id"),
    PrimaryKeyConstraint("study_uid", "step_id", "place"),
)

# The words of names that a fuzzy key may begin with or sound like, each with the attribute that has it.
scheduled_step_words = Table(
    "scheduled_step_words",
    metadata,
    text_column("attribute"),
    text_column("word"),
    text_column("study_uid"),
    text_column("step_id"),
    text_column("sound"),
    PrimaryKeyConstraint("attribute", "word", "study_uid", "step_id"),
    sqlite_with_rowid=False,
)

performed_steps = Table(
    "performed_steps",
    metadata,
    text_column("uid"),
    text_column("status"),
    integer_column("version"),
    integer_column("created_at"),
    integer_column("updated_at"),
    bytes_column("attributes"),
    PrimaryKeyConstraint("uid"),
)

# Which scheduled steps a performed one is about; the scheduled ones need not be here.
performed_step_requests = Table(
    "performed_step_requests",
    metadata,
    text_column("study_uid"),
    text_column("step_id"),
    text_column("performed_uid"),
    PrimaryKeyConstraint("study_uid", "step_id", "performed_uid"),
)

_keys = scheduled_step_keys.c
_order = (_keys.start_date, _keys.start_time, _keys.study_uid, _keys.step_id)

plain_index("ix_scheduled_steps_step_id", scheduled_steps.c.step_id)
plain_index("ix_scheduled_steps_workitem_uid", scheduled_steps.c.workitem_uid, present=True)
plain_index("ix_scheduled_step_keys_order", _keys.ended, _keys.place, *_order)
plain_index("ix_scheduled_step_keys_station_ae", _keys.station_ae, _keys.ended, *_order)
plain_index("ix_scheduled_step_keys_modality", _keys.modality, _keys.ended, _keys.place, *_order)
plain_index("ix_scheduled_step_keys_start_time", _keys.ended, _keys.place, _keys.start_time)
plain_index("ix_scheduled_step_keys_status", _keys.status, _keys.ended, _keys.place, *_order)
for _column in (
    _keys.performing_physician_name,
    _keys.performing_physician_name_ideographic,
    _keys.performing_physician_name_phonetic,
    _keys.patient_name,
    _keys.patient_name_ideographic,
    _keys.patient_name_phonetic,
    _keys.accession_number,
    _keys.requested_procedure_id,
):
    plain_index(f"ix_scheduled_step_keys_{_column.name}", _column, _keys.ended, _keys.place, present=True)
plain_index("ix_scheduled_step_keys_patient_id", _keys.patient_id, _keys.ended, _keys.place)
plain_index("ix_scheduled_step_keys_step_id", _keys.step_id)
plain_index("ix_scheduled_step_words_sound", scheduled_step_words.c.attribute, scheduled_step_words.c.sound)
plain_index("ix_scheduled_step_words_step", scheduled_step_words.c.study_uid, scheduled_step_words.c.step_id)
plain_index("ix_performed_step_requests_performed_uid", performed_step_requests.c.performed_uid)

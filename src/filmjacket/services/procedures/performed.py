"""Modality performed procedure steps (PS3.18 chapter 15; PS3.4 F.7 and F.8): Create, Update, Retrieve.

Choices where the standard leaves them:

* an attribute that should be there, empty if need be (type 2), and is not is added empty, with a Warning; with
  `strict` it is a refusal;
* an attribute that was not there when the step was created can be set all the same; with `strict` that is 409.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeAlias

from filmjacket.archive.procedure_records import PerformedStatus, PerformedStep, StepKey
from filmjacket.dicom import dictionary
from filmjacket.dicom.attributes import get_items, get_text
from filmjacket.dicom.json_model import filter_attributes
from filmjacket.errors import BadRequest, Conflict, NotFound
from filmjacket.services.preconditions import NO_PRECONDITIONS, Preconditions
from filmjacket.services.procedures.data_set import described, fault, has_value, in_one_form, with_character_set
from filmjacket.services.procedures.mpps_table import MPPS_TABLE, NEVER_SET, ROWS, AttributeRow
from filmjacket.services.procedures.representations import STEP_OFFERS, charset_for, choose, payload_of
from filmjacket.web.query import parse_entity_search

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from filmjacket.archive.procedures_port import PerformedSteps
    from filmjacket.dicom.attributes import Attributes
    from filmjacket.services.studies.download import Download
    from filmjacket.web.accept import Preferences
    from filmjacket.web.charset_choice import CharsetWishes

CREATE_SECTION: Final = "15.4"
UPDATE_SECTION: Final = "15.5"
RETRIEVE_SECTION: Final = "15.6"
SOP_CLASS_UID: Final = "1.2.840.10008.3.1.2.3.3"
"""Modality Performed Procedure Step SOP Class (PS3.4 F.7)."""

STATUS: Final = "00400252"
REQUESTS: Final = "00400270"
CREATED_WITH_CHANGES: Final = "The Modality Performed Procedure Step was created with modifications."
FINAL_TEXT: Final = "Performed Procedure Step Object may no longer be updated"
"""Error Comment of PS3.4 F.7.2.2.2, Error ID A710H."""

_IDENTITY: Final = {"00080016": SOP_CLASS_UID, "00080018": ""}


class StepIsFinal(Conflict):
    """409: the step is completed or discontinued (DIMSE status 0110H, Error ID A710H)."""

    reason_code = "performed-step-final"


Paths: TypeAlias = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Performances:
    """What every transaction works with: the steps, how strict the site is, the clock."""

    steps: PerformedSteps
    strict: bool
    clock: Callable[[], int]
    preconditions: Preconditions = NO_PRECONDITIONS


def create(desk: Performances, uid: str, attributes: Attributes) -> bool:
    """Take in a step that has begun; returns whether something had to be added to it. Raises `Conflict`."""
    made = in_one_form(attributes, CREATE_SECTION)
    _check_identity(made, uid, CREATE_SECTION)
    _check_presence(made, MPPS_TABLE, "create", (), strict=desk.strict)
    status = _status_of(made, CREATE_SECTION)
    if status is not PerformedStatus.IN_PROGRESS:
        raise fault(CREATE_SECTION, (STATUS,), "a step begins in progress", str(PerformedStatus.IN_PROGRESS))
    modified = _complete(made, MPPS_TABLE)
    at = desk.clock()
    step = PerformedStep(uid, status, made, _requests_of(made), created_at=at, updated_at=at)
    if not desk.steps.create(step):
        raise Conflict("There is a performed procedure step with this UID.", section=CREATE_SECTION, offender="step")
    return modified


def update(desk: Performances, uid: str, attributes: Attributes) -> None:
    """Replace attributes of a step in progress, sequences as a whole, all of them or none.

    Raises `NotFound`, `StepIsFinal`, `Conflict`, `PreconditionFailed`.
    """
    sent = in_one_form(attributes, UPDATE_SECTION)
    _check_identity(sent, uid, UPDATE_SECTION)
    _check_settable(sent)
    _check_presence(sent, (ROWS[tag] for tag in sent if tag in ROWS), "set", (), strict=desk.strict)
    wanted = _status_of(sent, UPDATE_SECTION) if STATUS in sent else None
    at = desk.clock()

    def decide(before: PerformedStep) -> PerformedStep:
        if before.status.is_final:
            raise StepIsFinal(f"{FINAL_TEXT}.", section="PS3.4 F.7.2.2.2", offender="step")
        if desk.strict:
            _check_created(before, sent)
        merged = {**before.attributes, **sent}
        _complete(merged, MPPS_TABLE)
        after = replace(before, attributes=merged, status=wanted or before.status, updated_at=at)
        if after.status.is_final:
            _check_final(merged)
        desk.preconditions.check(_revision_of(before), "performed procedure step")
        return after

    if desk.steps.change(uid, decide) is None:
        raise _no_such_step(UPDATE_SECTION)


def retrieve(
    desk: Performances, uid: str, include: Paths | None, form: tuple[Preferences, CharsetWishes, str]
) -> Download:
    """Return a step, or what of it is asked for: an array of one object in JSON."""
    preferences, wishes, base_url = form
    offer = choose(preferences, STEP_OFFERS)
    charset = charset_for(offer, preferences, wishes)
    step = desk.steps.find(uid)
    if step is None:
        raise _no_such_step(RETRIEVE_SECTION)
    attributes = step.attributes if include is None else filter_attributes(step.attributes, include)
    identity: Attributes = {
        "00080016": {"vr": "UI", "Value": [SOP_CLASS_UID]},
        "00080018": {"vr": "UI", "Value": [step.uid]},
    }
    found = with_character_set({**identity, **attributes})
    revision = _revision_of(step) if include is None else ""
    return payload_of([(performed_url(base_url, uid), found)], offer, charset, revision=revision)


def _revision_of(step: PerformedStep) -> str:
    """What the entity tags of a step begin with."""
    return f"{step.version}.{step.created_at:x}"


def performed_url(base_url: str, uid: str) -> str:
    """URL of a performed procedure step."""
    return f"{base_url}/modality-performed-procedure-steps/{uid}"


def parse_includefield(raw_query: bytes) -> Paths | None:
    """Return what `includefield` names, None for everything. Raises `BadRequest`."""
    asked = [part for part in raw_query.split(b"&") if part.partition(b"=")[0] == b"includefield"]
    query = parse_entity_search(b"&".join(asked))
    return None if query.include_all or not asked else query.include


def _check_identity(attributes: Attributes, uid: str, section: str) -> None:
    """The target URI names the instance; what the data set says of it must not differ, and is not kept."""
    for tag, wanted in _IDENTITY.items():
        sent = get_text(attributes, tag)
        if sent is not None and sent != (wanted or uid):
            raise fault(section, (tag,), "it differs from what the target URI names")
        attributes.pop(tag, None)


def _check_presence(
    attributes: Attributes, rows: Iterable[AttributeRow], operation: str, parent: tuple[str, ...], *, strict: bool
) -> None:
    section = CREATE_SECTION if operation == "create" else UPDATE_SECTION
    for row in rows:
        usage = row.create if operation == "create" else row.set
        # In Set only what is sent is looked at; in its items everything.
        if usage == "1" and not has_value(attributes, row.tag):
            raise fault(section, (*parent, row.tag), "a value is required")
        if usage == "2" and strict and row.tag not in attributes:
            raise fault(section, (*parent, row.tag), "it has to be there, if need be empty")
        for item in get_items(attributes, row.tag):
            _check_presence(item, row.items, operation, (*parent, row.tag), strict=strict)


def _check_settable(attributes: Attributes) -> None:
    if not attributes:
        raise BadRequest("An update sets at least one attribute.", section=UPDATE_SECTION, offender="payload")
    for tag in attributes:
        row = ROWS.get(tag)
        if (row is None and tag[:4] in NEVER_SET) or (row is not None and row.set == "NA"):
            raise fault(UPDATE_SECTION, (tag,), "it cannot be set after the step was created")


def _check_created(before: PerformedStep, sent: Attributes) -> None:
    """PS3.4 F.7.2.2.2: only attributes that were created can be set."""
    for tag in sent:
        if tag not in before.attributes:
            raise Conflict(
                f"{described(tag)} was not created, if need be empty, and cannot be set.",
                section="PS3.4 F.7.2.2.2",
                offender=described(tag),
            )


def _check_final(attributes: Attributes) -> None:
    """Table F.7.2-1, Final State."""
    for row in MPPS_TABLE:
        if row.final and not has_value(attributes, row.tag):
            problem = "a value is required before the step is completed or discontinued"
            raise fault(UPDATE_SECTION, (row.tag,), problem)


def _status_of(attributes: Attributes, section: str) -> PerformedStatus:
    try:
        return PerformedStatus(get_text(attributes, STATUS) or "")
    except ValueError:
        raise fault(section, (STATUS,), "the value is none that is defined", *map(str, PerformedStatus)) from None


def _complete(attributes: Attributes, rows: Iterable[AttributeRow]) -> bool:
    """Add what should be there empty; True if anything was missing."""
    missing = False
    for row in rows:
        if row.create == "2" and row.tag not in attributes:
            attributes[row.tag] = {"vr": dictionary.vr_of(row.tag) or "UN"}
            missing = True
        for item in get_items(attributes, row.tag):
            missing = _complete(item, row.items) or missing
    return missing


def _requests_of(attributes: Attributes) -> tuple[StepKey, ...]:
    """The scheduled steps that it is about; items without a step identifier are about none (PS3.4 F.7.2.1)."""
    found = (
        StepKey(get_text(item, "0020000D") or "", get_text(item, "00400009") or "")
        for item in get_items(attributes, REQUESTS)
    )
    return tuple(dict.fromkeys(key for key in found if key.step_id))


def _no_such_step(section: str) -> NotFound:
    return NotFound("There is no such performed procedure step.", section=section, offender="step")

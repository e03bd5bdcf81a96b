"""Search among scheduled procedure steps (PS3.18 14.4), and the extension by which they come in and go.

The standard has no transaction for the latter: elsewhere an order filler enters them by HL7.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from filmjacket.archive.step_status import taking_over
from filmjacket.dicom import dictionary
from filmjacket.dicom.json_model import filter_attributes
from filmjacket.errors import BadRequest, NotFound
from filmjacket.services.procedures.data_set import with_character_set
from filmjacket.services.procedures.representations import SEARCH_OFFERS, charset_for, choose, payload_of
from filmjacket.services.procedures.scheduled_data_set import key_of, steps_of
from filmjacket.services.studies.search import SearchAnswer
from filmjacket.web import status
from filmjacket.web.matching import MatchKind
from filmjacket.web.scheduled_step_tables import (
    ALWAYS_RETURNED,
    ALWAYS_RETURNED_OF_STEP,
    RETURNED_IF_KNOWN,
    RETURNED_OF_STEP_IF_KNOWN,
    SCHEDULED_STEP_SEQUENCE,
    STUDY_INSTANCE_UID,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from filmjacket.archive.procedure_records import ScheduledStep, ScheduleRules, StepKey, StepOutcome
    from filmjacket.archive.procedures_port import ScheduledSteps
    from filmjacket.dicom.attributes import Attributes
    from filmjacket.services.preconditions import Preconditions
    from filmjacket.web.accept import Preferences
    from filmjacket.web.charset_choice import CharsetWishes
    from filmjacket.web.matching import MatchKey
    from filmjacket.web.query import EntityQuery

EXTENSION: Final = "14"
"""The schedule is no transaction of that chapter, which leaves it to local means."""

_DEFAULT_PATHS: Final = (
    *((tag,) for tag in (*ALWAYS_RETURNED, *RETURNED_IF_KNOWN) if tag != SCHEDULED_STEP_SEQUENCE),
    *((SCHEDULED_STEP_SEQUENCE, tag) for tag in (*ALWAYS_RETURNED_OF_STEP, *RETURNED_OF_STEP_IF_KNOWN)),
)


def search(
    steps: ScheduledSteps,
    query: EntityQuery,
    maximum_results: int,
    rules: ScheduleRules,
    form: tuple[Preferences, CharsetWishes, str],
) -> SearchAnswer:
    """Answer a search; `form` is what is acceptable, and the base URL. Raises `NotAcceptable` before any work."""
    preferences, wishes, base_url = form
    offer = choose(preferences, SEARCH_OFFERS)
    charset = charset_for(offer, preferences, wishes)
    page = steps.search(query, maximum_results, hidden=rules.hidden)
    selected = _selected_paths(query)
    found = [(step_url(base_url, key_of(one)), present(one, selected)) for one in page.matches]
    payload = payload_of(found, offer, charset)
    if page.matches and page.remaining:
        warning = status.warning(base_url, status.additional_results(page.remaining))
        payload = replace(payload, warnings=(warning,))
    return SearchAnswer(payload, len(found), page.total)


def present(attributes: Attributes, paths: tuple[tuple[str, ...], ...] | None) -> Attributes:
    """Return a step as a result has it: what is asked for (None: everything), and what is always there."""
    made = dict(attributes) if paths is None else filter_attributes(attributes, paths)
    (item,) = made[SCHEDULED_STEP_SEQUENCE]["Value"]
    item = {**_empty(ALWAYS_RETURNED_OF_STEP), **item}
    return with_character_set(
        {**_empty(ALWAYS_RETURNED), **made, SCHEDULED_STEP_SEQUENCE: {"vr": "SQ", "Value": [item]}}
    )


def _empty(tags: Iterable[str]) -> Attributes:
    return {tag: {"vr": dictionary.vr_of(tag) or "UN"} for tag in tags}


def _selected_paths(query: EntityQuery) -> tuple[tuple[str, ...], ...] | None:
    if query.include_all:
        return None
    asked = {path for key in query.keys for path in _paths_of(key) if path != (SCHEDULED_STEP_SEQUENCE,)}
    return tuple(dict.fromkeys((*_DEFAULT_PATHS, *query.include, *asked)))


def _paths_of(key: MatchKey) -> Iterator[tuple[str, ...]]:
    if key.items and key.kind is not MatchKind.ALL_OF:
        for item in key.items:
            yield from ((key.tag, *path) for path in _paths_of(item))
        return
    yield (key.tag,)


def step_url(base_url: str, key: StepKey) -> str:
    """URL of a step in the schedule."""
    return f"{base_url}/schedule/{key.study_uid}/{quote(key.step_id, safe='')}"


def revision_of(step: ScheduledStep) -> str:
    """What the entity tags of a step begin with: it differs also from that of a step that was there before."""
    return f"{step.version}.{step.updated_at:x}"


class Schedule:
    """The steps that come in and go by the extension."""

    def __init__(self, steps: ScheduledSteps, clock: Callable[[], int]) -> None:
        self._steps = steps
        self._clock = clock

    def find(self, key: StepKey) -> ScheduledStep:
        """Return a step, whatever its status. Raises `NotFound`."""
        step = self._steps.find(key)
        if step is None:
            raise _no_such_step()
        return step

    def put(self, key: StepKey, attributes: Attributes, preconditions: Preconditions) -> StepOutcome:
        """Take in the step that the target URI names, or replace it; a status that it does not state stays."""
        step = _only_step(key, attributes)

        def decide(before: ScheduledStep | None) -> ScheduledStep:
            preconditions.check(None if before is None else revision_of(before), "step")
            return taking_over(before, step)

        return self._steps.change(key, decide, at=self._clock())

    def remove(self, key: StepKey, preconditions: Preconditions) -> None:
        """Take a step out of the schedule. Raises `NotFound`."""

        def decide(before: ScheduledStep | None) -> None:
            if before is None:
                raise _no_such_step()
            preconditions.check(revision_of(before), "step")

        self._steps.change(key, decide, at=self._clock())


def _only_step(key: StepKey, attributes: Attributes) -> ScheduledStep:
    """Return the step of a payload, with the identity that the target URI gives it."""
    found = steps_of({STUDY_INSTANCE_UID: {"vr": "UI", "Value": [key.study_uid]}, **attributes})
    if len(found) != 1 or found[0].key != key:
        raise BadRequest(
            "The payload is not the step that the target URI names.",
            section=EXTENSION,
            offender="ScheduledProcedureStepID" if len(found) == 1 else "ScheduledProcedureStepSequence",
            accepted=("one step with the Study Instance UID and the Scheduled Procedure Step ID of the target URI",),
        )
    return found[0]


def _no_such_step() -> NotFound:
    return NotFound("There is no such step in the schedule.", section=EXTENSION, offender="step")

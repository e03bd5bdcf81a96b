"""Stored instances that were made for a scheduled step, and what that means for the step (PS3.3 C.7.3.1.1.1).

An instance says so in its Request Attributes Sequence. The step is found by Scheduled Procedure Step ID together with
the Study Instance UID or, for a modality that made up its own, with the Accession Number.

This is called for every store, so that it must cost nothing: a step is looked up once in a while, however many
instances come for it, and nothing is written unless it is waiting. A store never fails because of it.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Final

import structlog

from filmjacket.archive.procedure_records import StoredRequest
from filmjacket.dicom.attributes import get_items, get_text
from filmjacket.errors import FilmjacketError
from filmjacket.web.scheduled_step_tables import ACCESSION_NUMBER, STEP_ID, STUDY_INSTANCE_UID
from filmjacket.web.search_tables import REQUEST_ATTRIBUTES_SEQUENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from filmjacket.archive.procedures_port import ScheduledSteps
    from filmjacket.dicom.attributes import Attributes

log = structlog.stdlib.get_logger("filmjacket.procedures")

REMEMBERED: Final = 4096
"""Steps that are not looked up again so soon; a department does a few hundred a day."""
AGAIN_AFTER: Final = 60 * 1_000_000
"""Microseconds until they are: what came before its step was scheduled is followed by more."""


class ArrivedInstances:
    """Brings scheduled steps to the status STARTED when the first instance of them is stored."""

    def __init__(self, steps: ScheduledSteps, clock: Callable[[], int]) -> None:
        self._steps = steps
        self._clock = clock
        self._seen: OrderedDict[StoredRequest, int] = OrderedDict()
        self._lock = Lock()

    def __call__(self, stored: Iterable[Attributes]) -> None:
        """Take note of instances that are stored durably."""
        requests = [
            request
            for attributes in stored
            if REQUEST_ATTRIBUTES_SEQUENCE in attributes
            for request in requests_of(attributes)
        ]
        new = self._unseen(requests) if requests else []
        if not new:
            return
        try:
            marked = self._steps.mark_started(new, at=self._clock())
        except FilmjacketError as error:
            # The next instance of the step tries again.
            self._forget(new)
            log.warning("step_not_marked", reason=error.reason_code)
            return
        if marked:
            log.info("steps_started", steps=marked)

    def _unseen(self, requests: Iterable[StoredRequest]) -> list[StoredRequest]:
        at = self._clock()
        with self._lock:
            new = [request for request in dict.fromkeys(requests) if self._seen.get(request, 0) <= at]
            for request in new:
                self._seen[request] = at + AGAIN_AFTER
                self._seen.move_to_end(request)
            while len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)
        return new

    def _forget(self, requests: Iterable[StoredRequest]) -> None:
        with self._lock:
            for request in requests:
                self._seen.pop(request, None)


def requests_of(attributes: Attributes) -> Iterator[StoredRequest]:
    """Yield the requests for which an instance says that it was made."""
    study_uid = get_text(attributes, STUDY_INSTANCE_UID) or ""
    accession = get_text(attributes, ACCESSION_NUMBER) or ""
    for item in get_items(attributes, REQUEST_ATTRIBUTES_SEQUENCE):
        step_id = get_text(item, STEP_ID)
        if step_id:
            of_item = get_text(item, STUDY_INSTANCE_UID) or study_uid
            yield StoredRequest(of_item, step_id, get_text(item, ACCESSION_NUMBER) or accession)

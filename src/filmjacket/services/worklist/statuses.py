"""Statuses of the Worklist service as data: DIMSE code, HTTP status, `Warning` text (PS3.4 CC.2; PS3.18 11)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from filmjacket.errors import FilmjacketError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Dimse(IntEnum):
    """Status codes of PS3.4 Tables CC.2.1-2 to CC.2.6-4, and of PS3.7 Annex C."""

    CREATED_WITH_CHANGES = 0xB300
    LOCK_NOT_GRANTED = 0xB301
    ALREADY_CANCELED = 0xB304
    UPDATED_WITH_CHANGES = 0xB305
    ALREADY_COMPLETED = 0xB306
    OPTIONAL_NOT_SUPPORTED = 0x0001
    DUPLICATE = 0x0111
    MISSING_ATTRIBUTE = 0x0120
    MISSING_VALUE = 0x0121
    INVALID_VALUE = 0x0106
    NO_SUCH_ATTRIBUTE = 0x0105
    FINAL = 0xC300
    WRONG_LOCK = 0xC301
    ALREADY_IN_PROGRESS = 0xC302
    NOT_BY_CHANGE = 0xC303
    REQUIREMENTS_NOT_MET = 0xC304
    UNKNOWN = 0xC307
    NOT_SCHEDULED = 0xC309
    NOT_IN_PROGRESS = 0xC310
    COMPLETED = 0xC311
    UNREACHABLE = 0xC312
    NOT_APPROPRIATE = 0xC314


class Transaction(IntEnum):
    """Sections of PS3.18 chapter 11: texts and codes of one DIMSE status differ among them."""

    CREATE = 4
    RETRIEVE = 5
    UPDATE = 6
    CHANGE_STATE = 7
    REQUEST_CANCELLATION = 8
    SEARCH = 9
    SUBSCRIBE = 10
    UNSUBSCRIBE = 11
    SUSPEND = 12

    @property
    def section(self) -> str:
        """The section of PS3.18."""
        return f"11.{self.value}"


CREATED_WITH_CHANGES: Final = "The Workitem was created with modifications."
UPDATED_WITH_CHANGES: Final = "The Workitem was updated with modifications."
OPTIONAL_NOT_SUPPORTED: Final = "Requested optional Attributes are not supported."
LOCK_NOT_GRANTED: Final = "Deletion Lock not granted."
ALREADY_CANCELED: Final = "The UPS is already in the requested state of CANCELED."
ALREADY_COMPLETED: Final = "The UPS is already in the requested state of COMPLETED."
MISSING_LOCK: Final = "The Transaction UID is missing."
WRONG_LOCK: Final = "The Transaction UID is incorrect."
INCONSISTENT: Final = "The submitted request is inconsistent with the state of the UPS Instance."
INCONSISTENT_UPDATE: Final = "The submitted request is inconsistent with the current state of the Workitem."
NOT_CLAIMED: Final = "The target URI did not reference a claimed Workitem."
IS_COMPLETED: Final = "The UPS is already COMPLETED."
UNREACHABLE: Final = "The performer cannot be contacted."


@dataclass(frozen=True, slots=True)
class Answer:
    """How a status is answered: by edition, since some codes changed, and with which text."""

    status: int
    text: str = ""
    status_2024: int = 0

    def status_of(self, edition: str) -> int:
        """The HTTP status code in an edition of PS3.18."""
        return self.status_2024 if edition == "2024" and self.status_2024 else self.status


_UPDATE, _STATE, _CANCEL = Transaction.UPDATE, Transaction.CHANGE_STATE, Transaction.REQUEST_CANCELLATION

ANSWERS: Final[Mapping[tuple[Dimse, Transaction | None], Answer]] = MappingProxyType(
    {
        (Dimse.DUPLICATE, None): Answer(409),
        (Dimse.MISSING_ATTRIBUTE, None): Answer(400),
        (Dimse.MISSING_VALUE, None): Answer(400),
        (Dimse.INVALID_VALUE, None): Answer(400),
        (Dimse.NO_SUCH_ATTRIBUTE, None): Answer(400),
        (Dimse.NOT_SCHEDULED, None): Answer(400),
        (Dimse.NOT_BY_CHANGE, None): Answer(400, INCONSISTENT),
        (Dimse.FINAL, _UPDATE): Answer(400, INCONSISTENT_UPDATE, 409),
        (Dimse.FINAL, None): Answer(409, INCONSISTENT),
        (Dimse.WRONG_LOCK, None): Answer(400, WRONG_LOCK, 409),
        (Dimse.ALREADY_IN_PROGRESS, None): Answer(409, INCONSISTENT),
        (Dimse.REQUIREMENTS_NOT_MET, None): Answer(409, INCONSISTENT),
        (Dimse.NOT_IN_PROGRESS, _UPDATE): Answer(409, NOT_CLAIMED),
        (Dimse.NOT_IN_PROGRESS, None): Answer(409, INCONSISTENT),
        (Dimse.COMPLETED, None): Answer(409, IS_COMPLETED),
        (Dimse.UNREACHABLE, None): Answer(409, UNREACHABLE),
        (Dimse.NOT_APPROPRIATE, None): Answer(400),
        (Dimse.ALREADY_COMPLETED, _STATE): Answer(200, ALREADY_COMPLETED),
        (Dimse.ALREADY_CANCELED, _STATE): Answer(200, ALREADY_CANCELED),
        (Dimse.ALREADY_CANCELED, _CANCEL): Answer(202, ALREADY_CANCELED),
    }
)
"""The answer to a status; None stands for every transaction that has no row of its own."""


def answer_of(dimse: Dimse, transaction: Transaction) -> Answer:
    """Return how a status is answered in a transaction."""
    return ANSWERS.get((dimse, transaction)) or ANSWERS[dimse, None]


class Refused(FilmjacketError):
    """A refusal of a workitem: `dimse` says why, in the words of PS3.4; the edition decides the HTTP status."""

    status = 409
    reason_code = "worklist-refusal"

    def __init__(
        self,
        message: str,
        dimse: Dimse,
        transaction: Transaction,
        *,
        offender: str = "",
        accepted: tuple[str, ...] = (),
        text: str = "",
    ) -> None:
        super().__init__(message, section=transaction.section, offender=offender, accepted=accepted)
        self.dimse = dimse
        self.transaction = transaction
        self.answer = answer_of(dimse, transaction)
        self.text = text or self.answer.text

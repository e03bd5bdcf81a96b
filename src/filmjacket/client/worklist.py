"""Calls of the Worklist service, UPS-RS (PS3.18 chapter 11)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import quote

from filmjacket.client.calls import EVERYTHING, Call, encoded, read_one, read_warnings, search_call
from filmjacket.client.data_sets import data_set
from filmjacket.dicom.attributes import get_text
from filmjacket.dicom.uids import mint_uid
from filmjacket.errors import BadRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from filmjacket.client.calls import Answer, Page, SearchOptions
    from filmjacket.dicom.attributes import Attributes

WORKLIST: Final = "1.2.840.10008.5.1.4.34.5"
"""The worklist as a whole: subscribe to it to hear of every workitem (PS3.4 CC.2.3)."""
FILTERED_WORKLIST: Final = "1.2.840.10008.5.1.4.34.5.1"
"""Subscribe to it with keys to hear of the workitems that match."""

_T = TypeVar("_T")

_SOP_INSTANCE_UID: Final = "00080018"


def uid_of(workitem: Attributes | str) -> str:
    """The UID of a workitem, or the text itself."""
    uid = workitem if isinstance(workitem, str) else get_text(workitem, _SOP_INSTANCE_UID)
    if not uid:
        raise BadRequest("This data set has no SOP Instance UID.", section="11.1", offender="SOPInstanceUID")
    return uid


def create(workitem: Attributes, uid: str | None = None) -> Call[str]:
    """Create Workitem (11.4); gives the UID. Without one, that of the data set or a new one is used."""
    made = uid or get_text(workitem, _SOP_INSTANCE_UID) or mint_uid()
    return Call("POST", "/workitems", lambda _answer: made, (("workitem", made),), encoded(workitem))


def retrieve(uid: str) -> Call[Attributes]:
    """Retrieve Workitem (11.5)."""
    return Call("GET", f"/workitems/{uid}", read_one)


def search(options: SearchOptions = EVERYTHING, /, **keys: str) -> Call[Page[Attributes]]:
    """Search for Workitems (11.9); `__` in a key goes into a sequence: `InputInformationSequence__StudyInstanceUID`."""
    return search_call("/workitems", keys, options)


def update(uid: str, changes: Attributes, transaction_uid: str | None = None) -> Call[tuple[str, ...]]:
    """Update Workitem (11.6), with the Transaction UID of the claim once it is in progress; gives warnings."""
    query = (("transaction-uid", transaction_uid),) if transaction_uid else ()
    return Call("POST", f"/workitems/{uid}", read_warnings, query, encoded(changes))


def claim(workitem: Attributes | str, transaction_uid: str | None = None) -> Call[str]:
    """Begin work on a workitem (11.7): gives the Transaction UID, which proves that it is yours. Keep it."""
    lock = transaction_uid or mint_uid()
    return _to_state(uid_of(workitem), "IN PROGRESS", lock, lambda _answer: lock)


def complete(uid: str, transaction_uid: str) -> Call[tuple[str, ...]]:
    """End work (11.7), once the attributes of the final state are there (PS3.4 CC.2.1.3)."""
    return _to_state(uid, "COMPLETED", transaction_uid, read_warnings)


def cancel(uid: str, transaction_uid: str) -> Call[tuple[str, ...]]:
    """Give work up (11.7)."""
    return _to_state(uid, "CANCELED", transaction_uid, read_warnings)


def request_cancellation(
    uid: str, *, reason: str | None = None, requester: str | None = None, contact: str | None = None
) -> Call[tuple[str, ...]]:
    """Ask whoever works on it to stop (11.8)."""
    said = {"ReasonForCancellation": reason, "ContactURI": contact}
    query = (("requester", requester),) if requester else ()
    content = encoded(data_set({name: text for name, text in said.items() if text}))
    return Call("POST", f"/workitems/{uid}/cancelrequest", read_warnings, query, content)


def subscribe(
    aetitle: str, uid: str = WORKLIST, *, lock: bool = False, matching: Mapping[str, str] | None = None
) -> Call[str]:
    """Subscribe (11.10) to a workitem, to the worklist, or with keys to what matches; gives the WebSocket URL."""
    target = FILTERED_WORKLIST if matching and uid == WORKLIST else uid
    query = [("deletionlock", "true" if lock else "false")]
    if matching:
        query.append(("filter", ",".join(f"{name.replace('__', '.')}={text}" for name, text in matching.items())))
    return Call("POST", _subscription(target, aetitle), _location, tuple(query))


def unsubscribe(aetitle: str, uid: str = WORKLIST) -> Call[None]:
    """Unsubscribe (11.11)."""
    return Call("DELETE", _subscription(uid, aetitle), _nothing)


def suspend(aetitle: str, uid: str = WORKLIST) -> Call[None]:
    """Hear no more of new workitems, but of those that one is subscribed to (11.12)."""
    return Call("POST", f"{_subscription(uid, aetitle)}/suspend", _nothing)


def _to_state(uid: str, state: str, lock: str, read: Callable[[Answer], _T]) -> Call[_T]:
    content = encoded(data_set(TransactionUID=lock, ProcedureStepState=state))
    return Call("PUT", f"/workitems/{uid}/state", read, content=content)


def _subscription(uid: str, aetitle: str) -> str:
    return f"/workitems/{uid}/subscribers/{quote(aetitle, safe='')}"


def _location(answer: Answer) -> str:
    return answer.headers.get("content-location", "")


def _nothing(_answer: Answer) -> None:
    pass

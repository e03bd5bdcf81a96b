"""Subscribe, Unsubscribe, Suspend (PS3.18 11.10 to 11.12; PS3.4 CC.2.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filmjacket.archive.worklist_records import (
    FILTERED_WORKLIST_UID,
    WELL_KNOWN_UIDS,
    Standing,
    WorklistSubscription,
)
from filmjacket.errors import NotFound
from filmjacket.services.worklist.desk import refuse_missing
from filmjacket.services.worklist.statuses import LOCK_NOT_GRANTED, Dimse, Refused, Transaction

if TYPE_CHECKING:
    from filmjacket.services.worklist.desk import Desk
    from filmjacket.web.workitem_grammar import SubscriptionQuery


def subscribe(desk: Desk, uid: str, subscriber: str, query: SubscriptionQuery) -> str:
    """Subscribe to a workitem, to all of them, or to some; returns the text of a Warning, if any."""
    granted = query.deletion_lock and desk.rules.deletion_locks
    standing = Standing.LOCKED if granted else Standing.SUBSCRIBED
    if uid in WELL_KNOWN_UIDS:
        subscription = WorklistSubscription(subscriber, standing, query.filter, desk.rules.initial_reports)
        desk.index.subscribe_worklist(subscription, at=desk.now())
    else:
        missing = desk.index.subscribe(uid, subscriber, standing, at=desk.now())
        if missing is not None:
            refuse_missing(missing, Transaction.SUBSCRIBE)
    return LOCK_NOT_GRANTED if query.deletion_lock and not granted else ""


def unsubscribe(desk: Desk, uid: str, subscriber: str) -> None:
    """End a subscription; that to the worklist, filtered or not, takes those to single workitems along."""
    if uid in WELL_KNOWN_UIDS:
        ended = desk.index.unsubscribe_worklist(subscriber)
    else:
        ended = desk.index.unsubscribe(uid, subscriber)
        if not ended:
            desk.workitem(uid, Transaction.UNSUBSCRIBE)
    if not ended:
        raise NotFound("There is no such subscription.", section=Transaction.UNSUBSCRIBE.section, offender="aetitle")


def suspend(desk: Desk, uid: str, subscriber: str) -> None:
    """End a subscription to future workitems; those to present ones are kept."""
    if uid not in WELL_KNOWN_UIDS:
        raise Refused(
            "A subscription to the worklist can be suspended, not one to a workitem.",
            Dimse.NOT_APPROPRIATE,
            Transaction.SUSPEND,
            offender="workitem",
            accepted=tuple(sorted(WELL_KNOWN_UIDS)),
        )
    if not desk.index.suspend_worklist(subscriber, at=desk.now()):
        raise NotFound(
            "There is no such subscription to the worklist.", section=Transaction.SUSPEND.section, offender="aetitle"
        )


def is_filtered(uid: str) -> bool:
    """Tell whether a subscription to a UID has a filter."""
    return uid == FILTERED_WORKLIST_UID

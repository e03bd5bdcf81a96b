"""Retrieve Workitem (PS3.18 11.5; PS3.4 CC.2.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filmjacket.services.worklist.desk import revision_of
from filmjacket.services.worklist.representation import charset_of, represent
from filmjacket.services.worklist.statuses import Transaction
from filmjacket.web import negotiate

if TYPE_CHECKING:
    from filmjacket.services.studies.download import Download
    from filmjacket.services.worklist.desk import Desk
    from filmjacket.web.accept import Preferences
    from filmjacket.web.charset_choice import CharsetWishes


def retrieve(desk: Desk, uid: str, preferences: Preferences, charsets: CharsetWishes, base_url: str) -> Download:
    """Return everything that a workitem says; its Transaction UID is no part of that (11.5.3)."""
    representation = negotiate.choose_metadata(preferences, single=True)
    charset = charset_of(representation, preferences, charsets)
    workitem = desk.workitem(uid, Transaction.RETRIEVE)
    return represent([workitem.attributes], representation, charset, base_url, revision_of(workitem))

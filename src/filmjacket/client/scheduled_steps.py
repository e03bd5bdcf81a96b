"""Calls of the Modality Scheduled Procedure Step service, the modality worklist (PS3.18 chapter 14)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filmjacket.client.calls import EVERYTHING, search_call

if TYPE_CHECKING:
    from filmjacket.client.calls import Call, Page, SearchOptions
    from filmjacket.dicom.attributes import Attributes


def search(options: SearchOptions = EVERYTHING, /, **keys: str) -> Call[Page[Attributes]]:
    """Search for scheduled steps (14.4), one result for each.

    `__` in a key goes into a sequence: `ScheduledProcedureStepSequence__Modality="CT"`.
    """
    return search_call("/modality-scheduled-procedure-steps", keys, options)

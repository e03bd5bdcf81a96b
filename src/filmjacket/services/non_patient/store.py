"""Store transaction of the Non-Patient Instance service (PS3.18 12.5): what differs from that of studies.

Payloads go the way of every store: `filmjacket.services.studies.store` and `ingest`. Here it is decided which
instances a resource takes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from filmjacket.dicom.attributes import get_text
from filmjacket.dicom.sop_classes import non_patient_category
from filmjacket.services.studies.ingest import SOP_CLASS_UID, SOP_INSTANCE_UID, Identity, failure_of, identifying_uids
from filmjacket.web import status

if TYPE_CHECKING:
    from filmjacket.dicom.header import Header

_IDENTIFYING: Final = {"SOPClassUID": SOP_CLASS_UID, "SOPInstanceUID": SOP_INSTANCE_UID}


@dataclass(frozen=True, slots=True)
class NonPatientTarget:
    """The target URI of a store: a category, and the instance that it names, if it does (12.5.1.1)."""

    url: str
    category: str
    sop_uid: str | None = None

    def judge(self, header: Header) -> Identity:
        """Decide whether an instance may be stored here (12.5.2). Raises `StoreFailure` with the best one reason."""
        category = non_patient_category(get_text(header.attributes, SOP_CLASS_UID) or "")
        if category != self.category:
            # A comment has 64 characters (PS3.5 6.2); the resource that takes the instance is among them.
            text = f"Another category: store to /{category or 'studies'}"
            raise failure_of(header, text, status.SOP_CLASS_NOT_SUPPORTED)
        uids = identifying_uids(header, _IDENTIFYING)
        if self.sop_uid is not None and uids["SOPInstanceUID"] != self.sop_uid:
            text = "SOPInstanceUID differs from the instance in the target URI."
            raise failure_of(header, text, status.DATA_SET_DOES_NOT_MATCH)
        return Identity("", "", uids["SOPInstanceUID"], uids["SOPClassUID"])

"""Port: what the Non-Patient Instance service needs from an index (PS3.18 chapter 12)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from filmjacket.archive.ports import InstanceStore

if TYPE_CHECKING:
    from filmjacket.archive.non_patient_records import NonPatientInstance, NonPatientPage
    from filmjacket.web.query import EntityQuery


class NonPatientInstances(InstanceStore, Protocol):
    """Instances without patient, study and series; one call is one unit of work.

    What is stored here has "" as study and series. Committed instances that are replaced keep their bytes.
    """

    def find(self, category: str, sop_uid: str) -> NonPatientInstance | None:
        """One instance of a category."""
        ...

    def search(self, category: str, query: EntityQuery) -> NonPatientPage:
        """One page of the instances of a category by name, then UID; it honours limit, offset and the maximum."""
        ...

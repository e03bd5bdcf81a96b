"""Scheduled and performed procedure steps for tests."""

from __future__ import annotations

from contextlib import contextmanager
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete
from starlette.testclient import TestClient

from filmjacket.app import create_app
from filmjacket.dicom import dictionary
from filmjacket.index.schema import metadata
from filmjacket.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.engines.backends import Backend

JSON = {"Content-Type": "application/dicom+json"}
SCHEDULED = "/dicom-web/modality-scheduled-procedure-steps"
PERFORMED = "/dicom-web/modality-performed-procedure-steps"
SCHEDULE = "/dicom-web/schedule"
STEP_SEQUENCE = "00400100"


def element(name: str, *values: Any) -> dict[str, Any]:
    """An attribute object; names of persons may be given as text."""
    tag = dictionary.tag_of(name) or name
    vr = dictionary.vr_of(tag) or "UN"
    if vr == "PN":
        values = tuple({"Alphabetic": value} if isinstance(value, str) else value for value in values)
    return {"vr": vr, "Value": list(values)} if values else {"vr": vr}


def attributes(**named: Any) -> dict[str, Any]:
    """A data set by keywords; None is an empty attribute, a list several values."""
    made: dict[str, Any] = {}
    for keyword, value in named.items():
        values = () if value is None else tuple(value) if isinstance(value, list) else (value,)
        made[dictionary.tag_of(keyword) or keyword] = element(keyword, *values)
    return made


def code(value: str, meaning: str = "meaning") -> dict[str, Any]:
    """An item of a code sequence."""
    return attributes(CodeValue=value, CodingSchemeDesignator="99TEST", CodeMeaning=meaning)


def scheduled(item: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """A scheduled step; `item` are changes in the item of the step."""
    own = {
        "ScheduledStationAETitle": "CT1",
        "ScheduledProcedureStepStartDate": "20261122",
        "ScheduledProcedureStepStartTime": "0830",
        "Modality": "CT",
        "ScheduledPerformingPhysicianName": "Roe^Richard",
        "ScheduledProcedureStepDescription": "CT of the head",
        "ScheduledProcedureStepID": "STEP1",
        **(item or {}),
    }
    whole = {
        "PatientName": "Doe^Jane",
        "PatientID": "P1",
        "AccessionNumber": "A1",
        "RequestedProcedureID": "RP1",
        "RequestedProcedureDescription": "CT",
        "StudyInstanceUID": "1.2.3.1",
        **changes,
    }
    return attributes(
        ScheduledProcedureStepSequence=attributes(**{name: value for name, value in own.items() if value != ""}),
        **{name: value for name, value in whole.items() if value != ""},
    )


def request_item(study: str = "1.2.3.1", step: str | None = "STEP1") -> dict[str, Any]:
    """An item of the Scheduled Step Attributes Sequence, complete."""
    return attributes(
        StudyInstanceUID=study,
        ReferencedStudySequence=None,
        AccessionNumber="A1",
        RequestedProcedureID="RP1",
        RequestedProcedureDescription=None,
        ScheduledProcedureStepID=step,
        ScheduledProcedureStepDescription=None,
        ScheduledProtocolCodeSequence=None,
    )


def performed(**changes: Any) -> dict[str, Any]:
    """What a modality sends when it begins: everything that Table F.7.2-1 wants."""
    made = attributes(
        ScheduledStepAttributesSequence=request_item(),
        PatientName="Doe^Jane",
        PatientID="P1",
        PatientBirthDate=None,
        PatientSex=None,
        ReferencedPatientSequence=None,
        PerformedProcedureStepID="PPS1",
        PerformedStationAETitle="CT1",
        PerformedStationName=None,
        PerformedLocation=None,
        PerformedProcedureStepStartDate="20261122",
        PerformedProcedureStepStartTime="0835",
        PerformedProcedureStepStatus="IN PROGRESS",
        PerformedProcedureStepDescription=None,
        PerformedProcedureTypeDescription=None,
        ProcedureCodeSequence=None,
        PerformedProcedureStepEndDate=None,
        PerformedProcedureStepEndTime=None,
        Modality="CT",
        StudyID=None,
        PerformedProtocolCodeSequence=None,
        PerformedSeriesSequence=None,
    )
    return {**deepcopy(made), **attributes(**changes)}


def series(**changes: Any) -> dict[str, Any]:
    """An item of the Performed Series Sequence, complete."""
    return attributes(
        **{
            "PerformingPhysicianName": None,
            "OperatorsName": None,
            "SeriesDescription": None,
            "RetrieveAETitle": None,
            "ProtocolName": "Head",
            "SeriesInstanceUID": "1.2.3.1.1",
            "ReferencedImageSequence": None,
            "ReferencedNonImageCompositeSOPInstanceSequence": None,
            **changes,
        }
    )


def completing(status: str = "COMPLETED", **changes: Any) -> dict[str, Any]:
    """What a modality sends when it is done."""
    return attributes(
        PerformedProcedureStepStatus=status,
        PerformedProcedureStepEndDate="20261122",
        PerformedProcedureStepEndTime="0855",
        PerformedSeriesSequence=series(),
        **changes,
    )


@contextmanager
def server(data: Path, backend: Backend, **changes: object) -> Iterator[TestClient]:
    """A server for many tests, each of which begins with `clear`."""
    kept = backend.fresh_settings()
    settings = Settings(data=data, **kept, **changes)
    with TestClient(create_app(settings), base_url="http://testserver:8104") as client:
        client.headers["Accept"] = "*/*"
        yield client
    backend.discard(kept)


def clear(client: TestClient) -> None:
    """Forget all steps; a server of its own for each test would take a hundred times as long."""
    tables = [table for name, table in metadata.tables.items() if name.startswith(("scheduled_", "performed_"))]
    database = client.app_state["context"].scheduled_steps._database
    database.write(lambda connection: [connection.execute(delete(table)) for table in tables])

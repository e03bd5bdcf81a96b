"""No required key of PS3.18 Table 10.6.1-5 reads a whole table, whatever matching it asks for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Archive

pytestmark = pytest.mark.slow

TEXT = ("A1", "A*", "A?B", "A*B*C")
DATE = ("20200101", "20200101-20200201", "20200101-", "-20200101")
TIME = ("1030", "1030-1100", "1030-", "-1100")
NAME = ("Doe^Jane", "Doe*", "D?e*", "Doe=山田", "Doe&fuzzymatching=true", "Doe%20J*&fuzzymatching=true")
CODE = ("CT", "CT,MR", "C*", "CT,MR&multiplevaluematching=true")
UID = ("1.2", "1.2,1.3", "1.2%5C1.3")
NUMBER = ("1",)
EMPTY = ('""&emptyvaluematching=true',)

KEYS = {
    "studies": {
        "StudyDate": DATE,
        "StudyTime": TIME,
        "AccessionNumber": TEXT + EMPTY,
        "ModalitiesInStudy": CODE + EMPTY,
        "ReferringPhysicianName": NAME,
        "PatientName": NAME,
        "PatientID": TEXT + EMPTY,
        "StudyInstanceUID": UID,
        "StudyID": TEXT + EMPTY,
    },
    "series": {
        "Modality": CODE,
        "SeriesInstanceUID": UID,
        "SeriesNumber": NUMBER,
        "PerformedProcedureStepStartDate": DATE,
        "PerformedProcedureStepStartTime": TIME,
        "RequestAttributesSequence.ScheduledProcedureStepID": TEXT,
        "RequestAttributesSequence.RequestedProcedureID": TEXT,
    },
    "instances": {
        "SOPClassUID": UID,
        "SOPInstanceUID": UID,
        "InstanceNumber": NUMBER,
    },
}
RESOURCES = ["studies", "series", "instances"]
SEARCHES = [
    (resource, f"{key}={value}")
    for place, resource in enumerate(RESOURCES)
    for level in RESOURCES[: place + 1]
    for key, values in KEYS[level].items()
    for value in values
    if not (resource == "studies" and key == "Modality")
]
COMBINED = [
    ("studies", "StudyDate=20200101-20200102&StudyTime=1000-1100"),
    ("series", "00400244=20200101-20200102&00400245=1000-1100"),
    ("studies", "PatientName=Doe*&StudyDate=20200101-&ModalitiesInStudy=CT"),
]
SCAN = re.compile(r"SCAN (studies|series|instances)\b")


def plans(archive: Archive, resource: str, query: str) -> str:
    """The plans of every statement that a search runs, its count included."""
    statements: list[str] = []
    database = archive.index._database
    # The pool has one connection as long as one is enough.
    with database.reading() as connection:
        connection.connection.driver_connection.set_trace_callback(statements.append)
    archive.search(resource, f"{query}&limit=1")
    with database.reading() as connection:
        connection.connection.driver_connection.set_trace_callback(None)
        chosen = [
            one for one in statements if "FROM" in one and "sets" not in one and "odd_studies.study_uid" not in one
        ]
        rows = [row for one in chosen for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {one}")]
    return "\n".join(row[3] for row in rows)


@pytest.fixture
def filled(archive: Archive) -> Archive:
    archive.add("1.2", "1.2.1", "1.2.1.1", t00080060="CT", t00080050="A1", t00100010="Doe^Jane")
    archive.add("1.2", "1.2.2", "1.2.2.1", t00080060="MR", t00080050="A1", t00100010="Doe^Jane")
    archive.add("1.3", "1.3.1", "1.3.1.1", t00080060="", t00080050="", t00100010="")
    archive.add("1.4", "1.4.1", "1.4.1.1", t00080060="CT", t00080050="A1", t00100010="Doe^Jane")
    return archive


@pytest.mark.usefixtures("embedded_only")
@pytest.mark.parametrize(("resource", "query"), SEARCHES + COMBINED)
def test_required_keys_scan_no_table(filled: Archive, resource: str, query: str) -> None:
    found = plans(filled, resource, query)
    assert not SCAN.search(found), found

"""`filmjacket.client` against a real server: every call, waiting and with asyncio."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest
from tests.conftest import free_port, start_server
from tests.samples import sample, uids

from filmjacket.client import (
    AsyncClient,
    Client,
    RemoteError,
    changes,
    commitment,
    data_set,
    non_patient,
    performed_steps,
    scheduled_steps,
    worklist,
)
from filmjacket.client.calls import Call, SearchOptions
from filmjacket.dicom.attributes import get_text
from filmjacket.dicom.uids import mint_uid
from filmjacket.errors import BadRequest, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Server

pytestmark = pytest.mark.slow

STATE = "00741000"
EVENT_TYPE = "00001002"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = start_server(tmp_path_factory.mktemp("client") / "archive")
    yield running
    running.stop()


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with Client(server.url) as opened:
        yield opened


def workitem(label: str = "Segment lung", **changes: object):
    """What an order filler might schedule; the server adds what may be empty."""
    return data_set(
        {
            "ProcedureStepState": "SCHEDULED",
            "ScheduledProcedureStepPriority": "MEDIUM",
            "ProcedureStepLabel": label,
            "WorklistLabel": "AI",
            "ScheduledProcedureStepStartDateTime": "20261122080000",
            "InputReadinessState": "READY",
            "PatientName": "Doe^Jane",
            "PatientID": "4711",
            **changes,
        }
    )


FINAL = data_set(
    UnifiedProcedureStepPerformedProcedureSequence=[
        {
            "PerformedStationNameCodeSequence": [
                {"CodeValue": "GPU1", "CodingSchemeDesignator": "99LOC", "CodeMeaning": "GPU 1"}
            ],
            "PerformedProcedureStepStartDateTime": "20261122080100",
            "PerformedProcedureStepEndDateTime": "20261122080200",
            "PerformedWorkitemCodeSequence": [
                {"CodeValue": "110005", "CodingSchemeDesignator": "DCM", "CodeMeaning": "Interpretation"}
            ],
            "OutputInformationSequence": None,
        }
    ],
)


def test_a_workitem_from_beginning_to_end(client: Client):
    uid = client.do(worklist.create(workitem()))
    lock = client.do(worklist.claim(uid))
    client.do(worklist.update(uid, FINAL, lock))
    client.do(worklist.complete(uid, lock))
    assert get_text(client.do(worklist.retrieve(uid)), STATE) == "COMPLETED"


def test_a_claimed_workitem_is_refused_to_the_next(client: Client):
    uid = client.do(worklist.create(workitem()))
    client.do(worklist.claim(uid))
    with pytest.raises(RemoteError) as refused:
        client.do(worklist.claim(uid))
    assert refused.value.status_code in {400, 409}
    assert refused.value.warnings


def test_pages_of_a_search(client: Client):
    label = mint_uid()[-12:]
    made = {client.do(worklist.create(workitem(label))) for _ in range(5)}
    found = client.pages(worklist.search(SearchOptions(limit=2), ProcedureStepLabel=label))
    assert sorted(map(worklist.uid_of, found)) == sorted(made)


def test_cancellation_is_asked_for(client: Client):
    uid = client.do(worklist.create(workitem()))
    lock = client.do(worklist.claim(uid))
    client.do(worklist.subscribe("PERFORMER", uid))
    client.do(worklist.request_cancellation(uid, reason="Patient left", requester="RIS"))
    client.do(worklist.cancel(uid, lock))
    assert get_text(client.do(worklist.retrieve(uid)), STATE) == "CANCELED"


def test_events_come_in_order(client: Client, server: Server):
    title = "HEARER"
    url = client.do(worklist.subscribe(title))
    heard: list[tuple[str | None, str | None]] = []
    opened = threading.Event()

    def listen() -> None:
        with Client(server.url) as listener:
            events = listener.events(url)
            opened.set()
            for event in events:
                heard.append((get_text(event, EVENT_TYPE), get_text(event, STATE)))
                if get_text(event, STATE) == "CANCELED":
                    return

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    opened.wait(5)
    uid = client.do(worklist.create(workitem()))
    client.do(worklist.cancel(uid, client.do(worklist.claim(uid))))
    thread.join(15)
    client.do(worklist.suspend(title))
    client.do(worklist.unsubscribe(title))
    states = [state for kind, state in heard if kind == "1"]
    assert states == ["SCHEDULED", "IN PROGRESS", "CANCELED"]


def test_non_patient_instances(client: Client, tmp_path):
    import pydicom
    from pydicom.dataset import FileDataset, FileMetaDataset

    meta = FileMetaDataset()
    meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    palette = FileDataset(None, {}, file_meta=meta, preamble=bytes(128))
    palette.SOPClassUID = meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.39.1"
    palette.SOPInstanceUID = meta.MediaStorageSOPInstanceUID = uid = mint_uid()
    palette.ContentLabel = "HOT"
    palette.ContentDescription = palette.ContentCreatorName = ""
    for name in ("Red", "Green", "Blue"):
        setattr(palette, f"{name}PaletteColorLookupTableDescriptor", [2, 0, 16])
        setattr(palette, f"{name}PaletteColorLookupTableData", b"\0\0\xff\xff")
    path = tmp_path / "palette.dcm"
    pydicom.dcmwrite(path, palette, enforce_file_format=True)
    client.do(non_patient.store("color-palettes", path.read_bytes()))
    assert get_text(client.do(non_patient.retrieve("color-palettes", uid)), "00700080") == "HOT"
    assert client.do(non_patient.retrieve_file("color-palettes", uid)) == path.read_bytes()
    found = client.pages(non_patient.search("color-palettes", ContentLabel="HO*"))
    assert [worklist.uid_of(item) for item in found] == [uid]


def test_commitment_of_what_is_stored_and_what_is_not(client: Client):
    content = sample("CT_small.dcm")
    _, _, uid = uids(content)
    client.do(Call("POST", "/studies", lambda _answer: None, content=content, content_type="application/dicom"))
    sop_class = "1.2.840.10008.5.1.4.1.1.2"
    asked = client.do(commitment.request([(sop_class, uid)]))
    while asked.pending:
        asked = client.do(commitment.check_result(asked.transaction_uid))
    assert asked.whole
    assert asked.committed == (uid,)
    refused = client.do(commitment.request([(sop_class, "1.2.3.4.5")]))
    assert not refused.whole
    assert refused.failed == (("1.2.3.4.5", 0x0112),)
    assert commitment.FAILURES[0x0112] == "no such object instance"


def test_a_performed_step(client: Client):
    step = data_set(
        {
            "ScheduledStepAttributesSequence": [
                {
                    "StudyInstanceUID": mint_uid(),
                    "ReferencedStudySequence": None,
                    "AccessionNumber": None,
                    "RequestedProcedureID": None,
                    "RequestedProcedureDescription": None,
                    "ScheduledProcedureStepID": None,
                    "ScheduledProcedureStepDescription": None,
                    "ScheduledProtocolCodeSequence": None,
                }
            ],
            "PerformedProcedureStepID": "P1",
            "PerformedStationAETitle": "CT1",
            "PerformedProcedureStepStartDate": "20261122",
            "PerformedProcedureStepStartTime": "0800",
            "PerformedProcedureStepStatus": "IN PROGRESS",
            "Modality": "CT",
            **dict.fromkeys(
                (
                    "PatientName",
                    "PatientID",
                    "PatientBirthDate",
                    "PatientSex",
                    "ReferencedPatientSequence",
                    "PerformedStationName",
                    "PerformedLocation",
                    "PerformedProcedureStepDescription",
                    "PerformedProcedureTypeDescription",
                    "ProcedureCodeSequence",
                    "PerformedProcedureStepEndDate",
                    "PerformedProcedureStepEndTime",
                    "StudyID",
                    "PerformedProtocolCodeSequence",
                    "PerformedSeriesSequence",
                )
            ),
        }
    )
    uid = client.do(performed_steps.create(step))
    client.do(performed_steps.update(uid, data_set(PerformedProcedureStepDescription="Abdomen")))
    assert get_text(client.do(performed_steps.retrieve(uid)), "00400254") == "Abdomen"


def test_the_modality_worklist(client: Client):
    step = data_set(
        PatientName="Roe^Richard",
        PatientID="77",
        StudyInstanceUID=mint_uid(),
        RequestedProcedureID="R1",
        RequestedProcedureDescription="CT",
        ScheduledProcedureStepSequence=[
            {
                "ScheduledStationAETitle": "CT9",
                "ScheduledProcedureStepStartDate": "20261122",
                "ScheduledProcedureStepStartTime": "0900",
                "Modality": "CT",
                "ScheduledProcedureStepDescription": "Chest",
                "ScheduledProcedureStepID": "S1",
            }
        ],
    )
    from filmjacket.client.calls import encoded

    client.do(Call("POST", "/schedule", lambda _answer: None, content=encoded(step), accept="application/json"))
    found = client.do(scheduled_steps.search(ScheduledProcedureStepSequence__ScheduledStationAETitle="CT9"))
    assert [get_text(item, "00100020") for item in found.items] == ["77"]
    assert not client.do(scheduled_steps.search(ScheduledProcedureStepSequence__Modality="MR")).items


def test_following_changes(client: Client):
    before = client.do(changes.latest())
    uid = client.do(worklist.create(workitem()))
    page = client.do(changes.read(before, {"level": "workitem"}))
    assert [(change.action, change.uid) for change in page.changes] == [("created", uid)]
    first = next(client.follow(before, {"level": "workitem"}))
    assert first.uid == uid


def test_the_same_with_asyncio(server: Server):
    async def work() -> tuple[str, str | None, list[str]]:
        async with AsyncClient(server.url) as client:
            before = await client.do(changes.latest())
            uid = await client.do(worklist.create(workitem("Asynchronous")))
            found = [worklist.uid_of(item) async for item in client.pages(worklist.search(ProcedureStepLabel="Asyn*"))]
            url = await client.do(worklist.subscribe("ASYNC", uid))
            events = client.events(url)
            waiting = asyncio.ensure_future(anext(events))
            await asyncio.sleep(0.5)
            await client.do(worklist.claim(uid))
            event = await asyncio.wait_for(waiting, 10)
            async for change in client.follow(before, {"level": "workitem"}):
                return change.uid, get_text(event, EVENT_TYPE), found
        raise AssertionError

    uid, event_type, found = asyncio.run(work())
    assert found == [uid]
    assert event_type == "1"


def test_a_server_that_is_not_there():
    with Client(f"http://127.0.0.1:{free_port()}") as client, pytest.raises(Unavailable, match="does not answer"):
        client.do(worklist.retrieve("1.2.3"))


def test_a_refusal_explains(client: Client):
    with pytest.raises(RemoteError) as refused:
        client.do(worklist.retrieve("1.2.3"))
    assert refused.value.status_code == 404
    assert "GET /workitems/1.2.3 was answered with 404" in refused.value.message


def test_data_sets_are_written_by_keyword():
    made = data_set(PatientName="Doe^Jane", StudyDate=None, ReferencedSOPSequence=[{"ReferencedSOPInstanceUID": "1.2"}])
    assert made == {
        "00080020": {"vr": "DA"},
        "00081199": {"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": ["1.2"]}}]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Doe^Jane"}]},
    }
    with pytest.raises(BadRequest, match="Patientname is no keyword"):
        data_set(Patientname="x")

"""The scripts of the documentation, run as they stand there against a real server."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.conftest import start_server

from filmjacket.client import Client, data_set, scheduled_steps, worklist
from filmjacket.client.calls import Call, encoded
from filmjacket.dicom.attributes import get_text
from filmjacket.dicom.uids import mint_uid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Server

pytestmark = pytest.mark.slow

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = start_server(tmp_path_factory.mktemp("scripts") / "archive")
    yield running
    running.stop()


def run(script: str, *arguments: object) -> str:
    command = [sys.executable, str(DOCS / "scripts" / script), *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout


def page_code(url: str) -> str:
    text = (DOCS / "how-to" / "use-the-client.md").read_text()
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)[0].replace("http://127.0.0.1:8104/dicom-web", url)


def test_the_page_and_the_worker(server: Server):
    names: dict[str, str] = {}
    exec(page_code(server.url), names)  # as a reader pastes it
    with Client(server.url) as client:
        client.do(worklist.cancel(names["uid"], names["lock"]))
        page = page_code(server.url).replace("    lock = client.do(worklist.claim(uid))\n", "")
        exec(page, names)
        assert f"{names['uid']}: completed" in run("ai_worker.py", server.url, "--once")
        assert get_text(client.do(worklist.retrieve(names["uid"])), "00741000") == "COMPLETED"


def test_the_worklist_on_a_terminal(server: Server):
    step = {
        "ScheduledStationAETitle": "CT1",
        "ScheduledProcedureStepStartDate": "20261122",
        "ScheduledProcedureStepStartTime": "0815",
        "Modality": "CT",
        "ScheduledProcedureStepDescription": "Chest",
        "ScheduledProcedureStepID": "S1",
    }
    entry = data_set(
        PatientName="Roe^Richard",
        PatientID="77",
        StudyInstanceUID=mint_uid(),
        RequestedProcedureID="R1",
        ScheduledProcedureStepSequence=[step],
    )
    with Client(server.url) as client:
        client.do(Call("POST", "/schedule", lambda _answer: None, content=encoded(entry), accept="application/json"))
        assert client.do(scheduled_steps.search()).items
    shown = run("show_worklist.py", server.url, "CT1", "20261122")
    assert re.search(r"0815\s+Roe\^Richard\s+77\s+CT\s+Chest", shown)
    assert "Roe" not in run("show_worklist.py", server.url, "CT2", "20261122")


def test_following_goes_on_where_it_was(server: Server, tmp_path: Path):
    position = tmp_path / "position.txt"
    run("follow_changes.py", server.url, position, "--once")
    with Client(server.url) as client:
        uid = client.do(
            worklist.create(
                data_set(
                    ProcedureStepState="SCHEDULED",
                    ScheduledProcedureStepPriority="LOW",
                    ProcedureStepLabel="Other work",
                    ScheduledProcedureStepStartDateTime="20261122080000",
                    InputReadinessState="READY",
                )
            )
        )
    assert f"workitem created  workitems/{uid}" in run("follow_changes.py", server.url, position, "--once")
    assert uid not in run("follow_changes.py", server.url, position, "--once")

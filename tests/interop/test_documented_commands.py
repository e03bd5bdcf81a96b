"""The curl commands of the documentation, run as they stand there against a real server."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from pydicom.uid import generate_uid
from tests import codestreams, non_patient, procedures, samples
from tests.conftest import start_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Server

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
OURS = re.compile(r"http://(?:127\.0\.0\.1|localhost):8104")

# What pages write for a study of the reader's own; other UIDs are those of CT_small.dcm, one of the demo's studies.
STAND_IN = "studies/1.2.3"


def commands() -> Iterator[tuple[str, str]]:
    """(page, shell text) of every block that calls curl on a server of the reader's own."""
    for page in PAGES:
        for language, block in BLOCK.findall(page.read_text(encoding="utf-8")):
            if language not in {"", "sh", "console"} or "curl " not in block or "example.org" in block:
                continue
            if "curl -N " in block:  # a stream that has no end; what comes over it is tested elsewhere
                continue
            lines = block.replace("\\\n", " ").splitlines()
            if any(line.startswith("$ ") for line in lines):
                lines = [line[2:] for line in lines if line.startswith("$ ")]
            text = "\n".join(line for line in lines if not line.startswith(("filmjacket", ".venv/", "make ", "git ")))
            yield page.relative_to(ROOT).as_posix(), text


COMMANDS = list(commands())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One for all pages: what one of them deletes, the next one stores again."""
    running = start_server(tmp_path_factory.mktemp("documented") / "archive")
    yield running
    running.stop()


def test_the_pages_that_show_curl_are_found() -> None:
    assert {page for page, _ in COMMANDS} >= {
        "README.md", "docs/tutorial/first-archive.md", "docs/how-to/store-a-photo.md", "docs/explanation/http.md",
        "docs/how-to/download-a-study.md", "docs/how-to/delete-and-restore.md", "docs/how-to/connect-clients.md",
    }  # fmt: skip


@pytest.mark.parametrize(("page", "text"), COMMANDS, ids=lambda text: text.splitlines()[0][:60])
def test_curl_commands_succeed(server: Server, tmp_path: Path, page: str, text: str) -> None:
    folder = tmp_path / "reader"
    folder.mkdir()
    file = samples.sample("CT_small.dcm")
    for name in ("ct.dcm", "file.dcm"):
        (folder / name).write_bytes(file)
    make_files(server, folder, begun="1.2.3.4" in text and "begin.json" not in text)
    study, series, instance = samples.uids(file)
    for sample in ("CT_small.dcm", "MR_small.dcm", "emri_small.dcm"):
        headers = {"Content-Type": "application/dicom"}
        with urlopen(Request(f"{server.url}/studies", samples.sample(sample), headers)) as response:
            assert response.status == 200
    if "photo.json" in text:
        make_photo(folder, (ROOT / page).read_text(encoding="utf-8"))
    text = text.replace(STAND_IN, f"studies/{study}")
    root = server.url.removesuffix("/dicom-web")
    variables = {"STUDY": study, "SERIES": series, "INSTANCE": instance, "URL": server.url}
    variables["CT"] = f"{server.url}{samples.instance_path(file)}"
    # curl fails for refusals, but for those that a page wants to show.
    shown = "" if "StudyDate=2004-01-19" in text else "-f"
    script = f'set -eu\ncurl() {{ command curl -sS {shown} "$@"; }}\n' + OURS.sub(root, text)
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=os.environ | variables, check=False, capture_output=True, timeout=60
    )
    assert done.returncode == 0, (page, text, done.stdout[-500:], done.stderr[-500:])


def make_files(server: Server, folder: Path, *, begun: bool) -> None:
    """What pages send of a reader's own; a performed step that has `begun` is at the server, and so is the palette."""
    palette = non_patient.file_of("1.2.840.10008.5.1.4.39.1", "1.2.3")
    (folder / "palette.dcm").write_bytes(palette)
    (folder / "today.csv").write_text(
        "PatientID,PatientName,AccessionNumber,ScheduledStationAETitle,Modality,ScheduledProcedureStepStartDate,"
        "ScheduledProcedureStepStartTime,ScheduledProcedureStepID,ScheduledProcedureStepDescription\n"
        "4711,Doe^Jane,A1,CT1,CT,20261122,0815,S1,Chest\n"
    )
    begin = json.dumps(procedures.performed()).encode()
    (folder / "begin.json").write_bytes(begin)
    (folder / "end.json").write_text(json.dumps(procedures.completing()))
    sent = [("color-palettes", "application/dicom", palette)]
    if begun:
        sent.append(("modality-performed-procedure-steps/1.2.3.4", "application/dicom+json", begin))
    for path, kind, body in sent:
        with suppress(HTTPError), urlopen(Request(f"{server.url}/{path}", body, {"Content-Type": kind})):
            pass


def make_photo(folder: Path, page: str) -> None:
    """What the page shows as `photo.json`, and a photo."""
    (document,) = (block for language, block in BLOCK.findall(page) if language == "json")
    fresh = re.sub(r"2\.25\.100\d", lambda _: generate_uid(), document)
    (folder / "photo.json").write_text(fresh)
    (folder / "photo.jpg").write_bytes(codestreams.encoded()["jpeg"])

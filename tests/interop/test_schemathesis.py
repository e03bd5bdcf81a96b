"""schemathesis asks whatever the OpenAPI document allows and much that it does not: no 5xx, and nothing undeclared.

By hand for longer: `SCHEMATHESIS_EXAMPLES=500 pytest tests/interop/test_schemathesis.py`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydicom.uid import generate_uid
from tests import codestreams, samples, store_parts
from tests.conftest import start_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Server

SEED = "20260122"
EXAMPLES = os.environ.get("SCHEMATHESIS_EXAMPLES", "6")
COMMAND = Path(sys.executable).with_name("schemathesis")
CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance", "unsupported_method", "allow_header_conformance",
)  # fmt: skip
KEPT = ("CT_small.dcm", "emri_small.dcm", "MR_small_jp2klossless.dcm", "MR_small_bigendian.dcm", "reportsi.dcm")
PHOTO = "1.2.840.10008.5.1.4.1.1.77.1.4"


def fresh(name: str) -> bytes:
    keywords = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
    return samples.variant(name, **{keyword: generate_uid(entropy_srcs=[name, keyword]) for keyword in keywords})


def store(server: Server, body: bytes, content_type: str) -> None:
    headers = {"Content-Type": content_type}
    with urllib.request.urlopen(urllib.request.Request(f"{server.url}/studies", body, headers)) as response:
        assert response.status == 200


def address(file: bytes) -> dict[str, str]:
    return dict(zip(("study", "series", "instance"), samples.uids(file), strict=True))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    running = start_server(tmp_path / "archive")
    yield running
    running.stop()


@pytest.fixture
def shelf(server: Server, tmp_path: Path) -> Path:
    """A folder that the hooks read: what is stored, what may be deleted, and payloads that the server would take."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    kept = [fresh(name) for name in KEPT]
    expendable = samples.series(20)
    for file in (*kept, *expendable):
        store(server, file, "application/dicom")
    addresses = {"kept": [address(file) for file in kept], "expendable": [address(file) for file in expendable]}
    (folder / "addresses.json").write_text(json.dumps(addresses))
    names = {}
    for number, (content_type, body) in enumerate(storable_payloads()):
        store(server, body, content_type)
        names[f"payload{number}"] = content_type
        (folder / f"payload{number}").write_bytes(body)
    (folder / "payloads.json").write_text(json.dumps(names))
    return folder


def storable_payloads() -> Iterator[tuple[str, bytes]]:
    for name in ("CT_small.dcm", "reportsi.dcm", "MR_small_implicit.dcm", "MR_small_jp2klossless.dcm"):
        yield "application/dicom", fresh(name)
    body, headers = samples.multipart(fresh("CT_small.dcm"), fresh("MR_small_RLE.dcm"))
    yield headers["Content-Type"], body
    photo = store_parts.Bulk(codestreams.jpeg(), "image/jpeg")
    for kind in (store_parts.DICOM_JSON, store_parts.DICOM_XML):
        attributes = store_parts.metadata(PHOTO, t7FE00010=store_parts.pixels())
        body, headers = store_parts.payload(kind, [attributes], photo)
        yield headers["Content-Type"], body
    yield store_parts.DICOM_JSON, json.dumps([store_parts.metadata(PHOTO)]).encode()


def test_no_request_is_a_fault_of_the_server(server: Server, shelf: Path, tmp_path: Path) -> None:
    command = [
        str(COMMAND), "run", f"{server.url}/openapi.json", "--seed", SEED, "--max-examples", EXAMPLES,
        "--mode", "all", "--phases", "examples,coverage,fuzzing", "--checks", ",".join(CHECKS), "--continue-on-failure",
        # Streams of changes have no end.
        "--exclude-path-regex", "/changes/stream", "--suppress-health-check", "all", "--no-shrink", "--warnings", "off",
    ]  # fmt: skip
    environment = os.environ | {
        "SCHEMATHESIS_HOOKS": "schemathesis_hooks",
        "SCHEMATHESIS_SHELF": str(shelf),
        "PYTHONPATH": str(Path(__file__).parent),
        "NO_COLOR": "1",
    }
    done = subprocess.run(command, cwd=tmp_path, env=environment, check=False, capture_output=True, text=True)
    report = done.stdout[done.stdout.find("= FAILURES =") :] if "= FAILURES =" in done.stdout else done.stdout[-3000:]
    assert done.returncode == 0, report + done.stderr
    generated = re.search(r"(\d+) generated", done.stdout)
    assert generated is not None
    assert int(generated[1]) > 1000
    log = [json.loads(line) for line in (tmp_path / "server.log").read_text().splitlines() if line.startswith("{")]
    requests = [line for line in log if line["event"] == "request"]
    assert {line["status"] for line in requests} >= {200, 400, 404, 405, 406, 410, 412, 415}
    assert [line for line in log if line.get("status", 0) >= 500 or line["level"] == "error"] == []
    with urllib.request.urlopen(f"{server.url}/studies/{address(fresh(KEPT[0]))['study']}/metadata") as response:
        assert response.status == 200

"""Guarantee: the server's memory stays under 300 MB, however large instances and studies are.

Scaled down by default; FILMJACKET_TEST_FULL=1 moves a 1 GB instance and a 2 GB study.
"""

from __future__ import annotations

import hashlib
import http.client
import io
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pydicom
import pytest
from pydicom.uid import generate_uid
from tests.conftest import BASE, Server
from tests.samples import sample

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

FULL = os.environ.get("FILMJACKET_TEST_FULL") == "1"
INSTANCE_FRAMES = 2048 if FULL else 512
STUDY_INSTANCES, STUDY_FRAMES = (64, 64) if FULL else (32, 24)
FRAME = bytes(range(256)) * 2048
LIMIT_KB = 300 * 1024


def big_header(frames: int, study: str, series: str, instance: str) -> bytes:
    """A CT header for `frames` frames of 512 x 512 x 16 bits, up to where the pixel values begin."""
    dataset = pydicom.dcmread(io.BytesIO(sample("CT_small.dcm")))
    dataset.Rows = dataset.Columns = 512
    dataset.NumberOfFrames = frames
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID = study, series, instance
    dataset.file_meta.MediaStorageSOPInstanceUID = instance
    del dataset.PixelData
    del dataset[0xFFFCFFFC]
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue() + b"\xe0\x7f\x10\x00OW\x00\x00" + (frames * len(FRAME)).to_bytes(4, "little")


def big_file(header: bytes, frames: int) -> Iterator[bytes]:
    yield header
    for _ in range(frames):
        yield FRAME


def family(pid: int) -> list[int]:
    """A process and everything below it."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    return [pid, *(grand for child in children.read_text().split() for grand in family(int(child)))]


def peak_kb(server: Server) -> int:
    """The highest resident sizes that the processes of the server have had, added up; pages they share count once."""
    total = 0
    for pid in family(server.process.pid):
        now = memory_kb(f"/proc/{pid}/smaps_rollup")
        total += memory_kb(f"/proc/{pid}/status")["VmHWM"] - (now["Rss"] - now["Pss"])
    print(f"peak of all processes: {total // 1024} MB")
    return total


def memory_kb(path: str) -> dict[str, int]:
    """Lines of the form `Name: number kB`."""
    fields = (line.split() for line in Path(path).read_text().splitlines())
    return {words[0].rstrip(":"): int(words[1]) for words in fields if words[-1:] == ["kB"]}


def post(server: Server, body: Iterator[bytes], content_type: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=600)
    connection.request(
        "POST", BASE + "/studies", body, {"Content-Type": content_type, "Accept": "*/*"}, encode_chunked=True
    )
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status


def digest_of(server: Server, path: str, accept: str) -> tuple[int, int, str]:
    """Status, length and SHA-256 of what a GET brings, read in small steps."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=600)
    connection.request("GET", BASE + path, headers={"Accept": accept})
    response = connection.getresponse()
    sha, length = hashlib.sha256(), 0
    while chunk := response.read(1 << 18):
        sha.update(chunk)
        length += len(chunk)
    connection.close()
    return response.status, length, sha.hexdigest()


def test_large_instance_goes_in_and_out(server: Server) -> None:
    study, series, instance = generate_uid(), generate_uid(), generate_uid()
    header = big_header(INSTANCE_FRAMES, study, series, instance)
    expected = hashlib.sha256()
    for chunk in big_file(header, INSTANCE_FRAMES):
        expected.update(chunk)
    assert post(server, big_file(header, INSTANCE_FRAMES), "application/dicom") == 200
    path = f"/studies/{study}/series/{series}/instances/{instance}"
    assert digest_of(server, path, "application/dicom") == (
        200,
        len(header) + INSTANCE_FRAMES * len(FRAME),
        expected.hexdigest(),
    )
    status, length, _ = digest_of(server, f"{path}/bulkdata/7FE00010", "application/octet-stream")
    assert (status, length) == (200, INSTANCE_FRAMES * len(FRAME))
    assert peak_kb(server) < LIMIT_KB


def test_large_study_goes_in_and_out(server: Server) -> None:
    study, series = generate_uid(), generate_uid()
    headers = [big_header(STUDY_FRAMES, study, series, generate_uid()) for _ in range(STUDY_INSTANCES)]

    def body() -> Iterator[bytes]:
        for header in headers:
            yield b"--b\r\nContent-Type: application/dicom\r\n\r\n"
            yield from big_file(header, STUDY_FRAMES)
            yield b"\r\n"
        yield b"--b--\r\n"

    assert post(server, body(), 'multipart/related; type="application/dicom"; boundary=b') == 200
    for below, accept in (
        ("", 'multipart/related; type="application/dicom"'),
        ("", "application/zip"),
        ("/pixeldata", "*/*"),
    ):
        status, length, _ = digest_of(server, f"/studies/{study}{below}", accept)
        assert status == 200
        assert length > STUDY_INSTANCES * STUDY_FRAMES * len(FRAME)
    assert peak_kb(server) < LIMIT_KB


def test_slow_and_vanishing_readers_pin_nothing(server: Server) -> None:
    study, series, instance = generate_uid(), generate_uid(), generate_uid()
    header = big_header(INSTANCE_FRAMES // 2, study, series, instance)
    assert post(server, big_file(header, INSTANCE_FRAMES // 2), "application/dicom") == 200
    readers = []
    for _ in range(24):  # more than there are threads
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        connection.request("GET", f"{BASE}/studies/{study}", headers={"Accept": "*/*"})
        response = connection.getresponse()
        assert response.read(1000)
        readers.append((connection, response))
    time.sleep(1)
    status, _, _ = digest_of(server, "/studies", "*/*")
    assert status == 200, "slow readers keep others from being served"
    for connection, response in readers:
        response.close()
        connection.close()
    time.sleep(0.5)
    status, length, _ = digest_of(server, f"/studies/{study}", "*/*")
    assert status == 200
    assert length > INSTANCE_FRAMES // 2 * len(FRAME)
    assert peak_kb(server) < LIMIT_KB

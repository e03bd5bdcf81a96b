"""Guarantee: a multi-frame of any size is converted a few frames at a time.

Scaled down by default; FILMJACKET_TEST_FULL=1 converts a 2 GB instance.
"""

from __future__ import annotations

import http.client
import time
from pathlib import Path
from typing import TYPE_CHECKING

import imagecodecs
import numpy as np
import pytest
from pydicom.uid import generate_uid
from tests.conftest import BASE
from tests.guarantees.test_memory_stays_bounded import FRAME, FULL, LIMIT_KB, big_file, big_header, peak_kb, post

if TYPE_CHECKING:
    from tests.conftest import Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

FRAMES = 4095 if FULL else 400
WORKER_KB = 200 * 1024
JLS = "1.2.840.10008.1.2.4.80"


def workers_of(server: Server) -> list[int]:
    """Codec processes, whichever thread of the server started them."""
    parents = {server.process.pid}
    found: list[int] = []
    for status in sorted(Path("/proc").glob("[0-9]*/status"), key=lambda path: int(path.parent.name)):
        try:
            fields = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
        except OSError:
            continue  # it has ended meanwhile
        if int(fields["PPid"]) in parents:
            pid = int(fields["Pid"])
            parents.add(pid)
            if "filmjacket.pixels.worker" in (status.parent / "cmdline").read_text():
                found.append(pid)
    return found


def resident_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def frames_read(server: Server, path: str, accept: str) -> int:
    """Read an encapsulated instance in small steps, as it is sent; every frame has to be the one stored."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=600)
    connection.request("GET", BASE + path, headers={"Accept": accept})
    response = connection.getresponse()
    assert response.status == 200
    expected = np.frombuffer(FRAME, "<u2").reshape(512, 512)
    head = b""
    while (start := head.find(b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff")) < 0 or len(head) < start + 20:
        head += response.read(256)
    pending = head[start + 20 :]  # behind the empty Basic Offset Table
    count = 0
    while True:
        pending += response.read(8 - len(pending)) if len(pending) < 8 else b""
        length = int.from_bytes(pending[4:8], "little")
        if pending[:4] == b"\xfe\xff\xdd\xe0":
            break
        assert pending[:4] == b"\xfe\xff\x00\xe0"
        if len(pending) < 8 + length:
            pending += response.read(8 + length - len(pending))
        if count % 50 == 0:
            np.testing.assert_array_equal(imagecodecs.jpegls_decode(pending[8 : 8 + length]), expected)
        pending = pending[8 + length :]
        count += 1
    connection.close()
    return count


def test_a_large_multi_frame_is_converted_in_bounded_memory(server: Server) -> None:
    study, series, instance = generate_uid(), generate_uid(), generate_uid()
    header = big_header(FRAMES, study, series, instance)
    assert post(server, big_file(header, FRAMES), "application/dicom") == 200
    path = f"/studies/{study}/series/{series}/instances/{instance}"
    assert frames_read(server, path, f"application/dicom; transfer-syntax={JLS}") == FRAMES
    assert peak_kb(server) < LIMIT_KB
    workers = workers_of(server)
    assert workers, "codecs run in processes of their own"
    assert all(resident_kb(pid) < WORKER_KB for pid in workers), [resident_kb(pid) for pid in workers]


def test_a_reader_who_stops_ends_the_work(server: Server) -> None:
    """What is made for nobody are the frames on their way, not the rest of the instance."""
    study, series, instance = generate_uid(), generate_uid(), generate_uid()
    header = big_header(FRAMES, study, series, instance)
    assert post(server, big_file(header, FRAMES), "application/dicom") == 200
    path = f"/studies/{study}/series/{series}/instances/{instance}"
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("GET", BASE + path, headers={"Accept": f"application/dicom; transfer-syntax={JLS}"})
    assert connection.getresponse().read(1000)
    connection.close()
    time.sleep(1)
    before = spent(server)
    time.sleep(0.5)
    assert spent(server) == before
    assert workers_of(server)


def spent(server: Server) -> int:
    """Processor time of the codec processes."""
    return sum(sum(map(int, Path(f"/proc/{pid}/stat").read_text().split()[13:15])) for pid in workers_of(server))

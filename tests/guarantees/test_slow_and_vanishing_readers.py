"""Guarantee: readers that stall or vanish hold neither threads nor files, and others are served."""

from __future__ import annotations

import http.client
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.conftest import BASE, Server, start_server
from tests.guarantees.test_memory_stays_bounded import LIMIT_KB, big_file, big_header, digest_of, family, peak_kb, post
from tests.samples import multipart, sample, uids, variant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

THREADS = 2
READERS = 6 * THREADS
FRAMES = 128
STUDY, SERIES, INSTANCE = "1.2.3.1", "1.2.3.2", "1.2.3.3"
WHOLE = f"/studies/{STUDY}"
BIG = f"{WHOLE}/series/{SERIES}/instances/{INSTANCE}"


@pytest.fixture(params=["granian", "uvicorn"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """A server with fewer threads than there will be readers, and 64 MB to read."""
    running = start_server(
        tmp_path / "archive", kind=request.param, FILMJACKET_LANES__DISK=str(THREADS), FILMJACKET_LANES__DB=str(THREADS)
    )
    header = big_header(FRAMES, STUDY, SERIES, INSTANCE)
    assert post(running, big_file(header, FRAMES), "application/dicom") == 200
    yield running
    if running.process.poll() is None:
        running.stop()


class Reader:
    """A client that reads the first bytes of an answer and then nothing."""

    def __init__(self, server: Server, path: str, accept: str, coding: str = "identity") -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        self._connection.request("GET", BASE + path, headers={"Accept": accept, "Accept-Encoding": coding})
        self._response = self._connection.getresponse()
        assert self._response.status == 200
        assert self._response.read(100)

    def vanish(self) -> None:
        """Close without reading the rest."""
        self._response.close()
        self._connection.close()

    def read_all(self) -> int:
        """Read the rest after all."""
        count = 100
        while chunk := self._response.read(1 << 20):
            count += len(chunk)
        self.vanish()
        return count


def blobs_open(server: Server) -> int:
    """Stored files that the server's processes have open."""
    count = 0
    for pid in family(server.process.pid):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            try:
                # The directory that the process stages in stays open; its lock says that the process lives.
                count += "/blobs/" in str(descriptor.readlink()) and descriptor.is_file()
            except OSError:
                continue
    return count


def eventually(check: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if check():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize(
    ("path", "accept"),
    [
        (WHOLE, 'multipart/related; type="application/dicom"'),
        (BIG, "application/dicom"),
        (f"{BIG}/bulkdata/7FE00010", "application/octet-stream"),
    ],
)
def test_stalled_readers_keep_nobody_else_waiting_and_vanished_ones_hold_no_file(
    server: Server, path: str, accept: str
) -> None:
    readers = [Reader(server, path, accept) for _ in range(READERS)]
    time.sleep(0.5)
    started = time.monotonic()
    for other in ("/studies", f"{BIG}/metadata", f"{BIG}/frames/1"):
        status, _, _ = digest_of(server, other, "*/*")
        assert status == 200
    assert time.monotonic() - started < 5, "stalled readers keep others from being served"
    assert readers.pop().read_all() >= FRAMES * 2**19, "who was only slow gets everything"
    for reader in readers:
        reader.vanish()
    assert eventually(lambda: blobs_open(server) == 0), "a reader that is gone holds a file"
    assert peak_kb(server) < LIMIT_KB


@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_stalled_readers_of_metadata(server: Server, coding: str) -> None:
    pattern = variant("CT_small.dcm", SOPInstanceUID="1.2.3.4.10000")
    for start in range(0, 1500, 300):
        body, headers = multipart(
            *(pattern.replace(b"1.2.3.4.10000", b"1.2.3.4.%d" % (10000 + start + n)) for n in range(300))
        )
        assert post(server, iter([body]), headers["Content-Type"]) == 200
    path = f"/studies/{uids(sample('CT_small.dcm'))[0]}/metadata"
    readers = [Reader(server, path, "application/dicom+json", coding) for _ in range(READERS)]
    for other in ("/studies", f"{BIG}/frames/1"):
        assert digest_of(server, other, "*/*")[0] == 200
    assert readers.pop().read_all()
    for reader in readers:
        reader.vanish()
    assert digest_of(server, path, "application/dicom+json")[0] == 200
    assert peak_kb(server) < LIMIT_KB

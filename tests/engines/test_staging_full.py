"""Guarantee: a full staging disk refuses what does not fit, loses nothing, and stops nobody who reads."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import subprocess
import threading
import time
from typing import TYPE_CHECKING

import pytest
from pydicom.uid import generate_uid

from filmjacket.blobs.spool import LocalSpool
from filmjacket.errors import OutOfStorage
from filmjacket.settings import Settings, to_environment
from tests.conftest import BASE, Server, free_port, start_server
from tests.guarantees.test_memory_stays_bounded import FRAME, big_file, big_header
from tests.guarantees.test_nothing_acknowledged_is_lost import (
    assert_everything_visible_is_whole,
    digests_by_uid,
    request,
)
from tests.samples import instance_path, multipart, series, uids

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.engines.s3_server import S3Server

pytestmark = pytest.mark.slow

DISK_BYTES = 16 << 20
UPLOADS = 6
UPLOAD_FRAMES = 12
"""Of half a megabyte: less than a part of a multipart upload, so that all of it waits on the disk."""

OUT_OF_RESOURCES = range(0xA700, 0xA800)
ANY = "application/dicom; transfer-syntax=*"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few megabytes."""
    place = tmp_path / "archive" / "stage"
    place.mkdir(parents=True)
    if shutil.which("mount") is None:
        pytest.skip("a small file system cannot be mounted here: no mount")
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(place)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=False)


@pytest.fixture
def server(disk: Path, postgres_url: str, seaweedfs: S3Server) -> Iterator[Server]:
    """Two workers on PostgreSQL and S3, whose staging directory is the small disk."""
    places = {"database": postgres_url, "minimum_free_bytes": 0, **seaweedfs.fresh_settings(cache_bytes=0)}
    settings = Settings(data=disk.parent, workers=2, **places)
    running = start_server(disk.parent, port=free_port(), kind="granian", **to_environment(settings))
    yield running
    if running.process.poll() is None:
        running.kill()


def large(frames: int = UPLOAD_FRAMES) -> bytes:
    return b"".join(big_file(big_header(frames, generate_uid(), generate_uid(), generate_uid()), frames))


class Upload(threading.Thread):
    """Sends most of an instance, and the rest when it is told to."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.file = large()
        self.status = 0
        self.sent = threading.Event()
        self.go_on = threading.Event()
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)

    def run(self) -> None:
        """Send it; one that is refused early may find its connection closed before the answer is read."""
        half = len(self.file) - len(FRAME)
        with contextlib.suppress(OSError):
            self._connection.putrequest("POST", f"{BASE}/studies")
            for name, value in (("Content-Type", "application/dicom"), ("Content-Length", str(len(self.file)))):
                self._connection.putheader(name, value)
            self._connection.putheader("Accept", "*/*")
            self._connection.endheaders(self.file[:half])
        self.sent.set()
        self.go_on.wait(30)
        with contextlib.suppress(OSError):
            self._connection.send(self.file[half:])
        with contextlib.suppress(OSError, http.client.HTTPException):
            self.status = self._connection.getresponse().status
        self._connection.close()


def used(disk: Path) -> int:
    """Bytes that somebody holds on the disk, in files without names too."""
    usage = shutil.disk_usage(disk)
    return usage.total - usage.free


def store(server: Server, *files: bytes) -> tuple[int, bytes]:
    body, headers = multipart(*files)
    return request(server.port, "POST", "/studies", body, **headers, Accept="application/dicom+json")


def test_what_does_not_fit_is_refused_and_nothing_else(server: Server, disk: Path) -> None:
    before = series(3)
    assert store(server, *before)[0] == 200
    acknowledged = list(before)
    refused: list[bytes] = []
    uploads = [Upload(server.port) for _ in range(UPLOADS)]
    for upload in uploads:
        upload.start()
    for upload in uploads:
        assert upload.sent.wait(20)
    fill = disk / "another program"
    filled = _fill(fill)
    # Nothing is left now: who reads does not notice.
    for file in before:
        assert request(server.port, "GET", instance_path(file), Accept=ANY) == (200, file)
    assert request(server.port, "GET", f"/studies/{uids(before[0])[0]}/metadata")[0] == 200
    assert len(json.loads(request(server.port, "GET", "/instances")[1])) == len(before)
    first, too_large, last = series(1)[0], large(), series(1)[0]
    status, body = store(server, first, too_large, last)
    named = _named(body)
    assert status in {202, 507}, body
    stored, failed = named
    acknowledged += [file for file in (first, too_large, last) if uids(file)[2] in stored]
    refused += [file for file in (first, too_large, last) if uids(file)[2] not in stored]
    assert too_large in refused
    assert all(reason in OUT_OF_RESOURCES for reason in failed.values()), failed
    if filled:
        fill.unlink()
    for upload in uploads:
        upload.go_on.set()
    for upload in uploads:
        upload.join(30)
        (acknowledged if upload.status == 200 else refused).append(upload.file)
    statuses = [upload.status for upload in uploads]
    print("uploads:", statuses, "together:", status, "stored:", len(stored), "failed:", failed)
    assert set(statuses) <= {200, 507, 0}
    assert 507 in statuses, "the disk never became full"
    assert 200 in statuses, "what fitted was refused too"
    assert _becomes_empty(disk), f"{used(disk)} bytes stay on the staging disk"
    # What was refused can be stored now, each alone; what was acknowledged is recognised.
    for file in refused:
        assert store(server, file)[0] == 200
    assert store(server, acknowledged[-1])[0] == 200
    acknowledged += refused
    digests = digests_by_uid(acknowledged)
    assert assert_everything_visible_is_whole(server, digests) == set(digests)
    assert len(json.loads(request(server.port, "GET", "/instances?limit=500")[1])) == len(digests)
    assert _becomes_empty(disk)
    assert server.stop() == 0


@pytest.mark.parametrize("step", [7, 3000, 70_000])
def test_a_spool_that_the_disk_refuses_gives_its_room_back(disk: Path, step: int) -> None:
    spool = LocalSpool(str(disk), memory_bytes=1000, check_room=lambda: None)
    fill = disk / "another program"
    with fill.open("wb") as file:
        file.write(bytes(DISK_BYTES - (1 << 20)))
    with pytest.raises(OutOfStorage):
        _write_all(spool, step)
    spool.close()
    spool.close()
    fill.unlink()
    assert used(disk) == 0


def _write_all(spool: LocalSpool, step: int) -> None:
    for _ in range(DISK_BYTES // step):
        spool.write(bytes(step))


def _fill(file: Path) -> bool:
    """Take what room is left on a disk; whether there was any."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT)
    taken = 0
    try:
        while True:
            taken += os.write(descriptor, bytes(4096))
    except OSError:
        return True
    finally:
        os.close(descriptor)


def _named(body: bytes) -> tuple[set[str], dict[str, int]]:
    """(UIDs that were stored, failure reasons by UID) of a store response."""
    try:
        answer = json.loads(body)
    except ValueError:
        return set(), {}
    stored = {one["00081155"]["Value"][0] for one in answer.get("00081199", {}).get("Value", ())}
    failed = {
        one["00081155"]["Value"][0]: one["00081197"]["Value"][0] for one in answer.get("00081198", {}).get("Value", ())
    }
    return stored, failed


def _becomes_empty(disk: Path) -> bool:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if used(disk) <= 4096 and not list(disk.iterdir()):
            return True
        time.sleep(0.1)
    return False

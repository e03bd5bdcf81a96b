"""Guarantee: a kill at any moment loses nothing that was acknowledged and leaves nothing half visible."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import random
import shutil
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest
from tests.conftest import BASE, Server, start_server
from tests.samples import instance_path, multipart, series, uids

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

ROUNDS = 4
WRITERS = 4


def request(port: int, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        # What is refused early is answered before all of it was sent.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.request(method, BASE + path, body, {"Accept": "*/*", **headers})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


class Writer(threading.Thread):
    """Stores groups of instances until the server is gone; remembers what it sent and what was acknowledged."""

    def __init__(self, port: int, files: list[bytes], group: int) -> None:
        super().__init__(daemon=True)
        self.port = port
        self.groups = [files[start : start + group] for start in range(0, len(files), group)]
        self.acknowledged: list[bytes] = []

    def run(self) -> None:
        for group in self.groups:
            body, headers = multipart(*group)
            try:
                status, _ = request(self.port, "POST", "/studies", body, **headers)
            except (OSError, http.client.HTTPException):
                return
            if status == 200:
                self.acknowledged += group


def digests_by_uid(files: list[bytes]) -> dict[str, str]:
    return {uids(file)[2]: hashlib.sha256(file).hexdigest() for file in files}


def assert_everything_visible_is_whole(server: Server, sent: dict[str, str]) -> set[str]:
    """Fetch every instance that a search shows; each must be one that was sent, byte for byte."""
    status, body = request(server.port, "GET", "/instances?limit=5000")
    assert status == 200
    visible: set[str] = set()
    for row in json.loads(body):
        uid = row["00080018"]["Value"][0]
        url = row["00081190"]["Value"][0].partition(BASE)[2]
        status, content = request(server.port, "GET", url, Accept="application/dicom; transfer-syntax=*")
        assert status == 200, f"{uid} is in the search but cannot be retrieved"
        assert hashlib.sha256(content).hexdigest() == sent[uid], f"{uid} came back with other bytes"
        visible.add(uid)
    return visible


@pytest.mark.parametrize("workers", ["1", "2"])
def test_kill_at_random_moments_of_storing(tmp_path: Path, workers: str) -> None:
    seed = random.randrange(10**9)
    print(f"seed {seed}")
    chance = random.Random(seed)
    data = tmp_path / "archive"
    sent: dict[str, str] = {}
    acknowledged: dict[str, str] = {}
    for _ in range(ROUNDS):
        server = start_server(data, FILMJACKET_WORKERS=workers)
        files = [series(40) for _ in range(WRITERS)]
        writers = [
            Writer(server.port, some, group)
            for some, group in zip(files, chance.choices([1, 3, 10], k=WRITERS), strict=True)
        ]
        for some in files:
            sent |= digests_by_uid(some)
        for writer in writers:
            writer.start()
        time.sleep(chance.uniform(0.02, 0.6))
        server.kill()
        for writer in writers:
            writer.join()
            acknowledged |= digests_by_uid(writer.acknowledged)
    server = start_server(data)
    visible = assert_everything_visible_is_whole(server, sent)
    assert set(acknowledged) <= visible
    assert acknowledged, "the server was killed too early every time to prove anything"
    assert server.stop() == 0

    verify = subprocess.run(
        [sys.executable, "-m", "filmjacket", "verify", "--data", str(data)], capture_output=True, text=True, check=False
    )
    assert verify.returncode == 0, verify.stdout + verify.stderr


def test_what_is_stored_survives_a_restart_and_can_be_stored_again(tmp_path: Path) -> None:
    data = tmp_path / "archive"
    files = series(5)
    body, headers = multipart(*files)
    server = start_server(data)
    assert request(server.port, "POST", "/studies", body, **headers)[0] == 200
    server.kill()
    server = start_server(data)
    assert request(server.port, "POST", "/studies", body, **headers)[0] == 200
    assert assert_everything_visible_is_whole(server, digests_by_uid(files)) == set(digests_by_uid(files))
    assert len(list((data / "blobs").rglob("*.dcm"))) == len(files)
    server.stop()


def test_full_disk_answers_507_and_loses_nothing(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = (
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)], capture_output=True, text=True, check=False
        )
        if shutil.which("mount")
        else None
    )
    if mounted is None or mounted.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.strip() if mounted else 'no mount'}")
    try:
        server = start_server(disk / "archive", FILMJACKET_MINIMUM_FREE_BYTES="0")
        stored: list[bytes] = []
        refused = 0
        for file in (file for _ in range(30) for file in series(30)):
            status, _ = request(server.port, "POST", "/studies", file, **{"Content-Type": "application/dicom"})
            assert status in {200, 503, 507}, status
            if status == 200:
                stored.append(file)
            else:
                refused += 1
                if refused == 5:
                    break
        assert refused == 5, "the disk never became full"
        for file in stored:
            status, content = request(
                server.port, "GET", instance_path(file), Accept="application/dicom; transfer-syntax=*"
            )
            assert (status, content) == (200, file)
        assert_everything_visible_is_whole(server, digests_by_uid(stored))
        server.stop()
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)

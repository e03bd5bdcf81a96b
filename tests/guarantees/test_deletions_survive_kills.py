"""Guarantee: a kill during a deletion or a purge leaves each study wholly there or wholly gone, and no byte astray."""

from __future__ import annotations

import http.client
import json
import random
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest
from tests.conftest import BASE, start_server
from tests.samples import multipart, series, uids

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

ROUNDS = 3
STUDIES = 4
INSTANCES = 25


def request(port: int, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, BASE + path, body, {"Accept": "*/*", **headers})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def run(data: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "filmjacket", *arguments, "--data", str(data)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Deleter(threading.Thread):
    """Deletes studies one after the other until the server is gone; remembers what was acknowledged."""

    def __init__(self, port: int, studies: list[str]) -> None:
        super().__init__(daemon=True)
        self.port = port
        self.studies = studies
        self.acknowledged: list[str] = []

    def run(self) -> None:
        for study in self.studies:
            try:
                status, _ = request(self.port, "DELETE", f"/studies/{study}")
            except (OSError, http.client.HTTPException):
                return
            assert status == 200
            self.acknowledged.append(study)


def test_kill_at_random_moments_of_deleting(tmp_path: Path) -> None:
    seed = random.randrange(10**9)
    print(f"seed {seed}")
    chance = random.Random(seed)
    data = tmp_path / "archive"
    on = {"FILMJACKET_DELETION__ENABLED": "true"}
    server = start_server(data, **on)
    studies: list[str] = []
    for _ in range(ROUNDS * STUDIES):
        files = series(INSTANCES)
        body, headers = multipart(*files)
        assert request(server.port, "POST", "/studies", body, **headers)[0] == 200
        studies.append(uids(files[0])[0])
    gone: set[str] = set()
    for number in range(ROUNDS):
        deleter = Deleter(server.port, studies[number * STUDIES : (number + 1) * STUDIES])
        deleter.start()
        time.sleep(chance.uniform(0.01, 0.25))
        server.kill()
        deleter.join()
        gone.update(deleter.acknowledged)
        server = start_server(data, **on)
    for study in studies:
        status, body = request(server.port, "GET", f"/studies/{study}/metadata")
        assert status in ({410} if study in gone else {200, 410})
        assert status == 410 or len(json.loads(body)) == INSTANCES, "half of a study was deleted"
    assert server.stop() == 0
    assert gone, "the server was killed too early every time to prove anything"
    assert "none damaged" in run(data, "verify")
    assert f"{len(studies) * INSTANCES} instances" in run(data, "verify"), "deleted bytes are kept"


def test_kill_at_random_moments_of_purging(tmp_path: Path) -> None:
    data = tmp_path / "archive"
    data.mkdir()
    (tmp_path / "settings.toml").write_text("[deletion]\nundo_days = 0\n")
    config = ("--config", str(tmp_path / "settings.toml"))
    folder = tmp_path / "files"
    folder.mkdir()
    files = series(600) + series(10)
    for number, file in enumerate(files):
        (folder / f"{number}.dcm").write_bytes(file)
    run(data, "import", str(folder), "--quiet")
    run(data, "delete", uids(files[0])[0], *config)
    command = [sys.executable, "-m", "filmjacket", "purge", "--data", str(data), *config]
    for delay in (0.6, 0.9, 1.2):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        time.sleep(delay)
        process.kill()
        process.wait()
        assert "none damaged" in run(data, "verify"), "a blob went before its row"
    run(data, "purge", *config)
    run(data, "sweep", "--grace-hours", "0")
    assert "10 instances" in run(data, "verify")
    assert len(list((data / "blobs").rglob("*.dcm"))) == 10

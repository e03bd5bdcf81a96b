"""Guarantee: no worker knows what another needs; a stop ends no request; a worker that dies is replaced."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.conftest import BASE, Server, start_server
from tests.guarantees.test_memory_stays_bounded import big_file, big_header
from tests.samples import instance_path, multipart, series, uids

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.slow

TWO = {"FILMJACKET_WORKERS": "2"}
ANY = "application/dicom; transfer-syntax=*"
SHUTDOWN_SECONDS = 10


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start servers on one archive; all are killed in the end."""
    running: list[Server] = []

    def begin(**options: str) -> Server:
        running.append(start_server(tmp_path / "archive", **options))
        return running[-1]

    yield begin
    for server in running:
        if server.process.poll() is None:
            server.kill()


def ask(
    port: int, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, bytes, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        # Under one name: the address of a server is part of what it answers.
        connection.request(method, path, body, {"Accept": "*/*", "Host": "pacs.example.org:80", **headers})
        response = connection.getresponse()
        return response.status, response.read(), {name.lower(): value for name, value in response.getheaders()}
    finally:
        connection.close()


def store(server: Server, *files: bytes) -> None:
    body, headers = multipart(*files)
    assert ask(server.port, "POST", f"{BASE}/studies", body, **headers)[0] == 200


def metrics(server: Server) -> dict[str, float]:
    """Every sample of `/metrics` by its name with labels."""
    lines = ask(server.port, "GET", "/metrics")[1].decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[:1] != "#")}


def workers(server: Server) -> list[int]:
    """The processes that serve: children of the one that was started, but for a helper of `multiprocessing`."""
    children = os.popen(f"pgrep -P {server.process.pid} -a").read().splitlines()
    return [int(line.split()[0]) for line in children if "resource_tracker" not in line]


def reads(file: bytes) -> list[tuple[str, dict[str, str]]]:
    """Requests whose answers are kept in memory somewhere: coded, rendered, transcoded, decoded."""
    study, path = f"{BASE}/studies/{uids(file)[0]}", BASE + instance_path(file)
    return [
        (f"{study}/metadata", {"Accept-Encoding": "gzip"}),
        (f"{path}/metadata", {}),
        (path, {"Accept": ANY}),
        (path, {"Accept": "application/dicom; transfer-syntax=1.2.840.10008.1.2.4.80"}),
        (f"{path}/frames/1", {}),
        (f"{path}/rendered", {"Accept": "image/png"}),
        (f"{study}/thumbnail", {"Accept": "image/jpeg"}),
    ]


def test_two_servers_on_one_archive_answer_alike_whoever_changed_it(start: Callable[..., Server]) -> None:
    one, other = start(kind="granian"), start(kind="uvicorn")
    files = series(3)
    store(one, *files)
    gone, kept = files[0], files[1]
    tags: dict[str, str] = {}
    for path, headers in reads(gone):
        answers = [ask(server.port, "GET", path, **headers) for server in (one, other, one, other)]
        assert [answer[0] for answer in answers] == [200] * 4, path
        assert len({answer[2]["etag"] for answer in answers}) == 1, path
        assert len({_plain(answer) for answer in answers}) == 1, path
        tags[path] = answers[0][2]["etag"]
    path = BASE + instance_path(gone)
    assert ask(other.port, "DELETE", path)[0] == 200
    for server in (one, other):
        for path, headers in reads(gone):
            status, _, found = ask(server.port, "GET", path, **headers, **{"If-None-Match": tags[path]})
            if path.startswith(BASE + instance_path(gone)):
                assert status == 410, path
            elif path.endswith("/metadata"):
                assert (status, found.get("etag") == tags[path]) == (200, False), path
            else:  # of another instance of the study
                assert (status, found.get("etag")) == (304, tags[path]), path
        assert _found(server, gone) == {uids(file)[2] for file in files[1:]}
    replaced = series(1, StudyInstanceUID=uids(kept)[0], SeriesInstanceUID=uids(kept)[1])[0]
    store(one, replaced, gone)
    for server in (one, other):
        assert _found(server, gone) == {uids(file)[2] for file in (*files, replaced)}
        assert ask(server.port, "GET", BASE + instance_path(gone), Accept=ANY)[1] == gone
    # A rolling restart: one ends, the other has lost nothing.
    assert one.stop() == 0
    assert _found(other, gone) == {uids(file)[2] for file in (*files, replaced)}
    assert other.stop() == 0


def _plain(answer: tuple[int, bytes, dict[str, str]]) -> bytes:
    body = gzip.decompress(answer[1]) if answer[2].get("content-encoding") == "gzip" else answer[1]
    # Boundaries of multipart payloads are made at random.
    return body.replace(body.partition(b"\r\n")[0], b"--") if body.startswith(b"--") else body


def _found(server: Server, file: bytes) -> set[str]:
    matches = json.loads(ask(server.port, "GET", f"{BASE}/studies/{uids(file)[0]}/instances")[1])
    return {match["00080018"]["Value"][0] for match in matches}


class SlowUpload(threading.Thread):
    """Sends an instance in pieces, the last of them when it is told to."""

    def __init__(self, port: int, file: bytes) -> None:
        super().__init__(daemon=True)
        self.file = file
        self.status = 0
        self.go_on = threading.Event()
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._connection.putrequest("POST", f"{BASE}/studies")
        for name, value in (
            ("Content-Type", "application/dicom"),
            ("Accept", "*/*"),
            ("Content-Length", str(len(file))),
        ):
            self._connection.putheader(name, value)
        self._connection.endheaders(file[: len(file) // 2])

    def run(self) -> None:
        half = len(self.file) // 2
        self.go_on.wait(20)
        for start in range(half, len(self.file), 4096):
            self._connection.send(self.file[start : start + 4096])
            time.sleep(0.01)
        self.status = self._connection.getresponse().status


class SlowDownload(threading.Thread):
    """Reads half of an instance, the rest when it is told to."""

    def __init__(self, port: int, path: str) -> None:
        super().__init__(daemon=True)
        self.go_on = threading.Event()
        self.size = 0
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", path, headers={"Accept": ANY})
        self._response = connection.getresponse()
        self.size = len(self._response.read(1 << 16))

    def run(self) -> None:
        self.go_on.wait(20)
        while chunk := self._response.read(1 << 18):
            self.size += len(chunk)


@pytest.mark.parametrize("kind", ["granian", "uvicorn"])
def test_a_stop_ends_no_request_and_begins_none(start: Callable[..., Server], kind: str) -> None:
    drain = {"FILMJACKET_DRAIN_SECONDS": "1.5", "FILMJACKET_SHUTDOWN_SECONDS": str(SHUTDOWN_SECONDS)}
    server = start(kind=kind, **TWO, **drain)
    large = b"".join(big_file(big_header(48, "1.2.3", "1.2.3.1", "1.2.3.1.1"), 48))
    assert ask(server.port, "POST", f"{BASE}/studies", large, **{"Content-Type": "application/dicom"})[0] == 200
    sent = series(4)
    uploads = [SlowUpload(server.port, file) for file in sent]
    downloads = [SlowDownload(server.port, BASE + instance_path(large)) for _ in range(4)]
    threads = [*uploads, *downloads]
    for thread in threads:
        thread.start()
    server.process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    # It says so before it refuses anybody.
    status, body, _ = ask(server.port, "GET", "/healthz/ready")
    assert (status, b'"draining":"The server is stopping."' in body) == (503, True)
    assert ask(server.port, "GET", "/healthz/live")[0] == 200
    assert ask(server.port, "GET", f"{BASE}/studies")[0] == 200
    assert metrics(server)["filmjacket_draining"] == 1
    assert _refuses(server, seconds=6)
    assert server.process.poll() is None
    for thread in threads:
        thread.go_on.set()
    for thread in threads:
        thread.join(20)
    assert [upload.status for upload in uploads] == [200] * len(uploads)
    assert [download.size for download in downloads] == [len(large)] * len(downloads)
    assert server.process.wait(SHUTDOWN_SECONDS) == 0
    again = start(kind=kind)
    for file in sent:
        assert ask(again.port, "GET", BASE + instance_path(file), Accept=ANY)[1] == file


def _refuses(server: Server, *, seconds: float) -> bool:
    """Whether new connections are refused soon."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            ask(server.port, "GET", "/healthz/live")
        except OSError:
            return True
        time.sleep(0.1)
    return False


def test_workers_without_work_stop_without_waiting_for_each_other(start: Callable[..., Server]) -> None:
    """They say goodbye at the same moment, which must not look like one of them; or one of them has hardly begun."""
    for are_both_up in (True, False) * 2:
        server = start(**TWO)
        assert not are_both_up or _has_workers(server, started=2)
        begun = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - begun < 3


def test_workers_share_what_they_import(start: Callable[..., Server]) -> None:
    if not Path("/proc/self/smaps_rollup").exists():
        pytest.skip("this system does not tell what of its memory a process shares")
    server = start(**TWO)
    assert _has_workers(server, started=2)
    for worker in workers(server):
        rollup = Path(f"/proc/{worker}/smaps_rollup").read_text().splitlines()[1:]
        kilobytes = {name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in rollup)}
        assert kilobytes["Private_Dirty"] < kilobytes["Rss"] / 2
    assert server.stop() == 0


@pytest.mark.parametrize("kind", ["granian", "uvicorn"])
def test_a_worker_that_dies_is_replaced_and_its_numbers_stay(start: Callable[..., Server], kind: str) -> None:
    server = start(kind=kind, **TWO)
    for _ in range(8):
        store(server, *series(1))
    before = metrics(server)
    stored = 'filmjacket_requests_total{status="2xx",transaction="store"}'
    assert before[stored] == 8
    assert _has_workers(server, started=2), "the second worker did not start"
    victim = workers(server)[0]
    os.kill(victim, signal.SIGKILL)
    assert _has_workers(server, started=3), "no worker took the place of the dead one"
    assert victim not in workers(server)
    assert metrics(server)[stored] == 8
    store(server, *series(1))
    assert metrics(server)[stored] == 9
    assert server.stop() == 0


def _has_workers(server: Server, *, started: int) -> bool:
    """Whether two workers live soon, of all that were started."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            now = metrics(server)
        except (OSError, http.client.HTTPException):
            now = {}
        if (now.get("filmjacket_workers"), now.get("filmjacket_worker_starts_total")) == (2, started):
            return True
        time.sleep(0.1)
    return False

"""Guarantee: a wall clock that jumps a day ahead or back loses, hides and doubles nothing, and stops nothing for long.

The server's processes get a clock that this test moves: a `sitecustomize`, which Python itself loads, adds to what
`time` says an offset that lies in a file. Timers of the kernel are not moved, as in a real jump.
"""

from __future__ import annotations

import http.client
import json
import os
import struct
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from tests.conftest import BASE, Server, free_port, start_server
from tests.guarantees.test_memory_stays_bounded import FRAME, big_file, big_header
from tests.guarantees.test_nothing_acknowledged_is_lost import (
    assert_everything_visible_is_whole,
    digests_by_uid,
    request,
)
from tests.samples import instance_path, multipart, series, uids, variant

from filmjacket import clock
from filmjacket.archive.changes import ChangeFilter
from filmjacket.archive.deletions import DAY
from filmjacket.archive.webhooks import Webhook
from filmjacket.maintenance import sweep as sweeping
from filmjacket.opening import Archive, open_archive
from filmjacket.settings import Settings, to_environment
from filmjacket.settings.notifying import NotificationSettings, WebhookSettings
from filmjacket.web.refs import ResourceRef

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from filmjacket.archive.changes import LoggedChange

pytestmark = pytest.mark.slow

JUMPS = (26 * 3600, -26 * 3600, 0)
"""Seconds by which the clock is wrong, one after the other: more than the grace of a sweep and a lease of any kind."""

WRITERS = 3
STABLE_SECONDS = 2
MOVED = """
import mmap, os, struct, time
_file = open(os.environ["MOVED_CLOCK"], "rb")
_offset = mmap.mmap(_file.fileno(), 8, access=mmap.ACCESS_READ)
_time, _time_ns = time.time, time.time_ns
time.time = lambda: _time() + struct.unpack_from("<q", _offset)[0]
time.time_ns = lambda: _time_ns() + struct.unpack_from("<q", _offset)[0] * 10**9
"""


class MovedClock:
    """What the wall clock of other processes is wrong by."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "offset"
        (directory / "sitecustomize.py").write_text(MOVED)
        self._file.write_bytes(bytes(8))
        path = os.pathsep.join(filter(None, (str(directory), os.environ.get("PYTHONPATH"))))
        self.environment = {"PYTHONPATH": path, "MOVED_CLOCK": str(self._file)}

    def jump(self, seconds: int) -> None:
        """From now on the clock is wrong by so much."""
        with self._file.open("r+b") as file:
            file.write(struct.pack("<q", seconds))


class Target(ThreadingHTTPServer):
    """Takes deliveries of a webhook, but for some that it refuses at first; remembers the numbers that it took."""

    daemon_threads = True

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.refusing = False
        super().__init__(("127.0.0.1", 0), Taking)


class Taking(BaseHTTPRequestHandler):
    """One delivery."""

    server: Target  # pyright: ignore[reportIncompatibleVariableOverride] - the only one that it has

    def do_POST(self) -> None:
        """Take it, or not."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self.server.refusing:
            self.server.numbers.append(int(body["id"]))
        self.send_response(503 if self.server.refusing else 204)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_args: object, **_more: object) -> None:
        """Say nothing."""


class Writer(threading.Thread):
    """Stores one study after the other until it is told to stop."""

    def __init__(self, port: int, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._stopping = stop
        self.acknowledged: list[bytes] = []
        self.failed: list[object] = []

    def run(self) -> None:
        """Go on."""
        while not self._stopping.is_set():
            files = series(2)
            body, headers = multipart(*files)
            try:
                status, _ = request(self._port, "POST", "/studies", body, **headers)
            except (OSError, http.client.HTTPException) as error:
                status = error
            if status == 200:
                self.acknowledged += files
            else:
                self.failed.append(status)
            self._stopping.wait(0.1)


class StalledUpload:
    """An upload of some megabytes that stops in the middle."""

    def __init__(self, port: int) -> None:
        header = big_header(20, "1.2.826.0.1", "1.2.826.0.1.1", "1.2.826.0.1.1.1")
        self.file = b"".join(big_file(header, 20))
        self._sent = 12 * len(FRAME)
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._connection.putrequest("POST", f"{BASE}/studies")
        for name, value in (("Content-Type", "application/dicom"), ("Content-Length", str(len(self.file)))):
            self._connection.putheader(name, value)
        self._connection.endheaders(self.file[: self._sent])

    def finish(self) -> int:
        """Send the rest; returns the status."""
        self._connection.send(self.file[self._sent :])
        return self._connection.getresponse().status


@pytest.fixture(params=["embedded", "scaleout"])
def settings(request: pytest.FixtureRequest, tmp_path: Path, target: Target) -> Settings:
    """An archive in files and SQLite, or in PostgreSQL and S3."""
    engines = {}
    if request.param == "scaleout":
        engines = {
            "database": request.getfixturevalue("postgres_url"),
            **request.getfixturevalue("seaweedfs").fresh_settings(),
        }
    return Settings(
        data=tmp_path / "archive",
        workers=2,
        notifications=NotificationSettings(stable_seconds=STABLE_SECONDS),
        webhooks=WebhookSettings(
            allow_http=True,
            allowed_networks=("127.0.0.1",),
            ports=(target.server_address[1],),
            first_wait_seconds=1,
            longest_wait_seconds=2,
        ),
        **engines,
    )


@pytest.fixture
def moved(tmp_path: Path) -> MovedClock:
    directory = tmp_path / "moved"
    directory.mkdir()
    return MovedClock(directory)


@pytest.fixture
def target() -> Iterator[Target]:
    server = Target()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_storing_goes_on_and_nothing_is_lost_or_doubled(
    settings: Settings, moved: MovedClock, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = open_archive(settings)
    orphan = archive.ingest.begin()
    orphan.write(series(1)[0])
    left = orphan.finish()
    archive.ingest.publish([left])
    archive.webhooks.add(Webhook("pacs", f"http://127.0.0.1:{target.server_address[1]}/", "x" * 32, "", 0, 0))
    environment = to_environment(settings) | moved.environment
    server = start_server(settings.data, port=free_port(), kind="granian", **environment)
    stop = threading.Event()
    orphans: list[str] = []
    known = series(1)[0]
    store(archive, known)
    try:
        tags = entity_tags(server, known)
        writers = [Writer(server.port, stop) for _ in range(WRITERS)]
        upload = StalledUpload(server.port)
        for writer in writers:
            writer.start()
        for jump in JUMPS:
            target.refusing = True
            time.sleep(0.7)  # a retry waits for its time when the clock jumps
            moved.jump(jump)
            target.refusing = False
            with monkeypatch.context() as patch:
                patch.setattr(sweeping, "SETTLE_SECONDS", 1.0)
                patch.setattr(time, "time_ns", moved_time(jump))
                patch.setattr(time, "time", lambda: time.time_ns() / 1e9)
                orphans += sweeping.sweep(archive.index, archive.blobs).orphans
            assert entity_tags(server, known) == tags
        assert orphans == [left.candidate.blob.key], "the sweep took nothing for old, or too much"
        assert upload.finish() == 200
        stop.set()
        for writer in writers:
            writer.join()
        assert [failure for writer in writers for failure in writer.failed] == []
        stored = [file for writer in writers for file in writer.acknowledged] + [upload.file, known]
        acknowledged = digests_by_uid(stored)
        assert len(acknowledged) > 30, "too few were stored to prove anything"
        assert assert_everything_visible_is_whole(server, acknowledged) == set(acknowledged)
        assert_none_is_doubled(server, archive, acknowledged)
        assert_the_log_is_whole(archive, stored)
        assert_every_change_was_delivered_once(archive, target)
        assert server.stop() == 0
    finally:
        stop.set()
        if server.process.poll() is None:
            server.kill()
        archive.close()


@pytest.fixture
def archive(settings: Settings) -> Iterator[Archive]:
    """The archive alone, without a server."""
    opened = open_archive(settings)
    yield opened
    opened.close()


def store(archive: Archive, file: bytes) -> None:
    incoming = archive.ingest.begin()
    incoming.write(file)
    received = [incoming.finish()]
    archive.ingest.publish(received)
    archive.ingest.commit(received)


def test_what_was_deleted_last_is_restored_though_the_clock_went_back(archive: Archive) -> None:
    first = series(1)[0]
    study, series_uid, sop = uids(first)
    second = variant(
        "CT_small.dcm", StudyInstanceUID=study, SeriesInstanceUID=series_uid, SOPInstanceUID=sop, PatientName="Second"
    )
    ref = ResourceRef(study)
    for file, at in ((first, clock.now() + DAY), (second, clock.now() - DAY)):
        store(archive, file)
        deleted = archive.index.delete(ref, at=at, keep_until=at + 7 * DAY, retained_since=None)
        assert deleted.instances == 1
    assert archive.index.restore(ref).restored == 1
    (instance,) = archive.index.instances(ref)
    assert b"".join(archive.blobs.chunks(instance.blob.key)) == second


@pytest.mark.parametrize("jump", [DAY, -DAY])
def test_two_workers_never_hold_a_lease_at_once(archive: Archive, settings: Settings, jump: int) -> None:
    """One of them prolongs it all the time, the other tries to get it; then the first is killed."""
    other = open_archive(settings)
    try:
        offset = tries = 0
        for wrong in (jump, 0, jump, 0):
            assert archive.leases.acquire("x", "one", 1.0, clock.now() + offset)
            offset = wrong
            for _ in range(3):
                assert not other.leases.acquire("x", "two", 1.0, clock.now() + offset)
                time.sleep(0.05)
        killed = time.monotonic()
        while not other.leases.acquire("x", "two", 1.0, clock.now() - abs(jump)):
            tries += 1
            assert time.monotonic() < killed + 3, "it never became free"
            time.sleep(0.05)
        assert tries
        assert not archive.leases.acquire("x", "one", 1.0, clock.now())
    finally:
        other.close()


def moved_time(seconds: int) -> Callable[[], int]:
    """`time.time_ns` of somebody whose clock is wrong."""
    real = time.time_ns
    return lambda: real() + seconds * 10**9


def entity_tags(server: Server, file: bytes) -> list[str]:
    """Of representations that nobody changes; each answers a conditional request with 304."""
    tags: list[str] = []
    for path in (f"/studies/{uids(file)[0]}/metadata", f"{instance_path(file)}/frames/1"):
        tag = ""
        for wanted in (200, 304):
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
            connection.request("GET", BASE + path, headers={"Accept": "*/*", "If-None-Match": tag or '"none"'})
            response = connection.getresponse()
            response.read()
            tag = str(response.headers["ETag"])
            connection.close()
            assert response.status == wanted, path
        tags.append(tag)
    return tags


def assert_none_is_doubled(server: Server, archive: Archive, acknowledged: dict[str, str]) -> None:
    """One row, one blob and one count for every instance."""
    rows = json.loads(request(server.port, "GET", "/instances?limit=5000")[1])
    assert len(rows) == len(acknowledged)
    studies = json.loads(request(server.port, "GET", "/studies?limit=5000&includefield=00201208")[1])
    assert sum(row["00201208"]["Value"][0] for row in studies) == len(acknowledged)
    assert len(list(archive.blobs.keys())) == len(acknowledged)


def all_changes(archive: Archive) -> list[LoggedChange]:
    return archive.changes.changes(0, 2**62, 100_000, ChangeFilter())


def assert_the_log_is_whole(archive: Archive, stored: list[bytes]) -> None:
    """Every arrival once, numbers without gaps, moments in order, and every study stable after its last instance."""
    studies = {uids(file)[0] for file in stored}
    last: dict[str, int] = {}
    deadline = time.monotonic() + STABLE_SECONDS + 8
    while True:
        changes = all_changes(archive)
        last = {one.change.study_uid: one.number for one in changes if one.change.level == "instance"}
        stable = {one.change.study_uid: one.number for one in changes if one.change.action == "stable"}
        late = {uid for uid in studies if stable.get(uid, 0) < last[uid]}
        if not late or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    assert not late, f"{len(late)} of {len(studies)} studies never became stable"
    assert [one.number for one in changes] == list(range(1, len(changes) + 1))
    assert [one.at for one in changes] == sorted(one.at for one in changes)
    created = Counter(
        one.change.uid for one in changes if (one.change.level, one.change.action) == ("instance", "created")
    )
    assert created == Counter(uids(file)[2] for file in stored)


def assert_every_change_was_delivered_once(archive: Archive, target: Target) -> None:
    """In order, by one worker at a time, though deliveries failed before each jump."""
    deadline = time.monotonic() + 8
    wanted = [one.number for one in all_changes(archive)]
    while len(target.numbers) < len(wanted) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert target.numbers == wanted

"""Blobs in a real S3 store: SeaweedFS, killed and paused, and what a server process makes of it."""

from __future__ import annotations

import hashlib
import http.client
import os
import time
import urllib.request
from typing import TYPE_CHECKING

import pytest
from pydicom.uid import generate_uid

from filmjacket.archive.spans import Span
from filmjacket.blob_opening import open_blobs
from filmjacket.errors import NotFound, Unavailable
from filmjacket.settings import Settings, to_environment
from tests.conftest import start_server
from tests.guarantees.test_memory_stays_bounded import FRAME, big_file, big_header, digest_of, peak_kb, post

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from filmjacket.archive.ports import Blobs
    from tests.engines.s3_server import S3Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(200)]

LIMIT_KB = 300 * 1024
FRAMES = 600
"""Of half a megabyte each."""


@pytest.fixture
def blobs(tmp_path: Path, seaweedfs: S3Server) -> Iterator[Blobs]:
    made = open_blobs(Settings(data=tmp_path / "archive", **seaweedfs.fresh_settings(cache_bytes=0)))
    yield made
    made.close()


def put(blobs: Blobs, content: bytes) -> str:
    blob = blobs.stage()
    blob.write(content)
    blobs.publish([blob])
    return blob.finish().key


def test_what_goes_in_comes_out(blobs: Blobs):
    blobs.check()
    contents = [os.urandom(size) for size in (0, 1, 500_000, 9_000_000, 17_000_001)]
    batch = []
    for content in contents:
        blob = blobs.stage()
        for start in range(0, len(content), 70_000):
            blob.write(content[start : start + 70_000])
        batch.append(blob)
    keys = [blob.finish().key for blob in batch]
    with pytest.raises(NotFound):
        blobs.read(keys[3], 0, 1)
    blobs.publish(batch)
    reader = blobs.reading([Span(key, 0, len(content)) for key, content in zip(keys, contents, strict=True)])
    for key, content in zip(keys, contents, strict=True):
        assert b"".join(reader.chunks(key)) == content
        assert b"".join(blobs.chunks(key)) == content
        if content:
            assert (
                blobs.read(key, len(content) // 2, len(content) // 3)
                == content[len(content) // 2 :][: len(content) // 3]
            )
        with pytest.raises(NotFound):
            blobs.read(key, len(content), 1)
    assert sorted(blobs.keys()) == sorted(keys)
    blobs.remove(keys)
    blobs.remove(keys)
    assert list(blobs.keys()) == []


def test_a_redirect_leads_to_the_bytes(tmp_path: Path, seaweedfs: S3Server):
    blobs = open_blobs(Settings(data=tmp_path / "archive", **seaweedfs.fresh_settings(redirects=True)))
    content = os.urandom(100_000)
    url = blobs.public_url(put(blobs, content))
    assert url is not None
    with urllib.request.urlopen(url, timeout=10) as response:
        assert response.headers["Content-Type"] == "application/dicom"
        assert response.read() == content
    blobs.close()


def test_a_killed_store_loses_nothing_that_was_acknowledged(tmp_path: Path, seaweedfs: S3Server):
    settings = seaweedfs.fresh_settings(cache_bytes=0, retries=1, read_seconds=1, write_seconds=2, retry_seconds=1)
    blobs = open_blobs(Settings(data=tmp_path / "archive", **settings))
    contents = {put(blobs, content): content for content in (os.urandom(50_000) for _ in range(20))}
    half = blobs.stage()
    half.write(os.urandom(9_000_000))
    refused = half.finish().key
    seaweedfs.engine.pause()
    try:
        with pytest.raises(Unavailable):
            put(blobs, b"while it is paused")
    finally:
        seaweedfs.engine.resume()
    seaweedfs.engine.kill()
    with pytest.raises(Unavailable):
        put(blobs, b"while it is gone")
    with pytest.raises(Unavailable):
        blobs.publish([half])
    seaweedfs.engine.start()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            blobs.check()
            break
        except Unavailable:
            time.sleep(0.3)
    for key, content in contents.items():
        assert blobs.read(key, 0, len(content)) == content
    # What was refused may have arrived all the same, as an orphan under a key that nobody was told.
    assert set(contents) <= set(blobs.keys())
    assert refused not in set(blobs.keys())
    blobs.close()


def test_memory_of_a_server_stays_bounded(tmp_path: Path, seaweedfs: S3Server):
    data = tmp_path / "archive"
    settings = Settings(data=data, **seaweedfs.fresh_settings())
    server = start_server(data, **to_environment(settings))
    try:
        study, series, instance = generate_uid(), generate_uid(), generate_uid()
        header = big_header(FRAMES, study, series, instance)
        expected = hashlib.sha256()
        for chunk in big_file(header, FRAMES):
            expected.update(chunk)
        assert post(server, big_file(header, FRAMES), "application/dicom") == 200
        path = f"/studies/{study}/series/{series}/instances/{instance}"
        size = len(header) + FRAMES * len(FRAME)
        assert digest_of(server, path, "application/dicom") == (200, size, expected.hexdigest())
        status, length, digest = digest_of(server, f"{path}/frames/{FRAMES}", "application/octet-stream")
        assert (status, length, digest) == (200, len(FRAME), hashlib.sha256(FRAME).hexdigest())
        readers = []
        for _ in range(16):
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
            connection.request("GET", f"/dicom-web/studies/{study}", headers={"Accept": "*/*"})
            response = connection.getresponse()
            assert response.read(1000)
            readers.append((connection, response))
        time.sleep(1)
        assert digest_of(server, "/studies", "*/*")[0] == 200
        for connection, _ in readers:
            connection.close()
        assert peak_kb(server) < LIMIT_KB
    finally:
        server.stop()

"""Stores that misbehave, as real ones were seen to: what is refused, what is survived, what is left behind."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

import pytest
from tests.engines.fake_s3 import FakeS3
from tests.unit.blobs.test_contract import HASTE, put, staged

from filmjacket.archive.encryption import Encryption
from filmjacket.archive.spans import Span
from filmjacket.blob_opening import open_blobs
from filmjacket.blobs.breaker import CircuitBreaker, State
from filmjacket.blobs.cache import BlobCache
from filmjacket.blobs.object_store import ObjectBlobs, Staging
from filmjacket.blobs.s3_client import NotPartial, Refused, S3Client
from filmjacket.blobs.s3_options import S3Access, S3Patience, S3Sizes
from filmjacket.blobs.s3_probe import CreateOnly, UnusableStore, probe
from filmjacket.errors import FilmjacketError, NotFound, OutOfStorage, Unavailable
from filmjacket.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

PART = 300_000
STALLED = S3Patience(connect=0.3, read=0.3, write=0.4, retries=1, retry=0.1)


@pytest.fixture
def store() -> Iterator[FakeS3]:
    made = FakeS3()
    yield made
    made.stop()


def client_of(store: FakeS3, patience: S3Patience = HASTE, **changes: object) -> S3Client:
    access = S3Access("bucket", "archive", store.url, key_id="id", secret="secret", allow_http=True, **changes)
    return S3Client(access, patience, CircuitBreaker(open_seconds=0.3))


def blobs_of(store: FakeS3, tmp_path: Path, patience: S3Patience = HASTE, **changes: object) -> ObjectBlobs:
    return ObjectBlobs(client_of(store, patience), Staging(tmp_path / "stage"), sizes=S3Sizes(part=PART), **changes)


@pytest.fixture
def blobs(store: FakeS3, tmp_path: Path) -> Iterator[ObjectBlobs]:
    made = blobs_of(store, tmp_path)
    yield made
    made.close()


# The probe ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("manners", "create_only"),
    [
        ({}, CreateOnly.HONOURED),
        ({"honours_create": False}, CreateOnly.IGNORED),
        ({"create_status": 501}, CreateOnly.REFUSED),
        ({"honours_suffix": False}, CreateOnly.HONOURED),
        ({"bulk_delete": False}, CreateOnly.HONOURED),
    ],
)
def test_what_a_store_cannot_do_is_found_out_and_does_not_matter(
    store: FakeS3, tmp_path: Path, manners: dict[str, object], create_only: CreateOnly
):
    for name, value in manners.items():
        setattr(store.manners, name, value)
    abilities = probe(client_of(store), PART)
    assert abilities.create_only is create_only
    assert abilities.suffix_ranges is store.manners.honours_suffix
    assert store.keys() == set()
    made = blobs_of(store, tmp_path)
    made.check()
    keys = [put(made, b"x" * size) for size in (1, PART + 1)]
    assert made.read(keys[1], PART, 1) == b"x"
    made.remove(keys)
    assert store.keys() == set()
    made.close()


def test_a_store_that_answers_ranges_with_200_is_refused(store: FakeS3):
    store.manners.range_status = 200
    with pytest.raises(NotPartial, match="status 200"):
        probe(client_of(store), PART)
    assert store.keys() == set()


def test_a_store_that_forgets_is_refused(store: FakeS3, monkeypatch: pytest.MonkeyPatch):
    client = client_of(store)
    monkeypatch.setattr(client, "get", lambda *_: (b"other", 5))
    with pytest.raises(UnusableStore, match="other bytes"):
        probe(client, PART)


def test_a_store_that_shows_unfinished_uploads_is_refused(store: FakeS3, monkeypatch: pytest.MonkeyPatch):
    client = client_of(store)
    monkeypatch.setattr(client, "size", lambda *_: 1)
    with pytest.raises(UnusableStore, match="before it is complete"):
        probe(client, PART)
    assert store.uploads == {}


def test_wrong_credentials_are_told_apart(store: FakeS3):
    store.manners.fail = lambda _method, _target: 403
    client = client_of(store)
    for _ in range(5):
        with pytest.raises(Refused, match="credentials"):
            client.put("x", b"")
    assert client.breaker.state is State.CLOSED


def test_a_full_store_is_told_apart(store: FakeS3, blobs: ObjectBlobs):
    store.manners.fail = lambda method, _target: 507 if method == "PUT" else None
    with pytest.raises(OutOfStorage):
        put(blobs, b"x")


# Storing ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["uploads=", "partNumber=2", "POST uploadId="])
def test_a_failing_upload_leaves_nothing(store: FakeS3, blobs: ObjectBlobs, step: str):
    def fail(method: str, target: str) -> int | None:
        return (
            500
            if step in f"{method} {target}" or ("POST " in step and method == "POST" and "?uploadId" in target)
            else None
        )

    small = staged(blobs, b"small")
    store.manners.fail = fail
    with pytest.raises(Unavailable):
        blobs.publish([small, staged(blobs, os.urandom(4 * PART))])
    store.manners.fail = lambda _method, _target: None
    assert store.keys() == set()
    assert store.uploads == {}


def test_an_upload_goes_on_while_the_rest_arrives_and_is_invisible_before(store: FakeS3, blobs: ObjectBlobs):
    blob = blobs.stage()
    blob.write(b"x" * (2 * PART + 1))
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if [len(upload.parts) for upload in store.uploads.values()] == [2] and blobs._upload_budget.held == 0:
            break
        time.sleep(0.01)
    assert [len(upload.parts) for upload in store.uploads.values()] == [2]
    assert blobs._upload_budget.held == 0, "a slow sender keeps no memory from others"
    reference = blob.finish()
    assert store.keys() == set()
    blob.discard()
    assert store.uploads == {}
    with pytest.raises(NotFound):
        blobs.read(reference.key, 0, 1)


def test_one_failure_in_a_batch_takes_the_others_back(store: FakeS3, blobs: ObjectBlobs):
    batch = [staged(blobs, bytes([number])) for number in range(20)]
    unlucky = batch[7].finish().key
    store.manners.fail = lambda method, target: 500 if method == "PUT" and unlucky in target else None
    with pytest.raises(Unavailable):
        blobs.publish(batch)
    assert store.keys() == set()


def test_a_sender_that_is_faster_than_the_store_waits(store: FakeS3, blobs: ObjectBlobs, tmp_path: Path):
    store.manners.latency = 0.02
    blob = blobs.stage()
    for _ in range(30):
        blob.write(bytes(PART))
        assert blobs._upload_budget.held <= S3Sizes().uploads
    blobs.publish([blob])
    assert len(store.objects[f"bucket/archive/{blob.key}"]) == 30 * PART


# Outages ------------------------------------------------------------------------------------------------------


def test_a_black_hole_is_noticed_and_then_costs_nothing(store: FakeS3, tmp_path: Path):
    blobs = blobs_of(store, tmp_path, STALLED)
    key = put(blobs, b"content")
    store.manners.stall_seconds = 3.0
    waited: list[float] = []
    for _ in range(5):
        started = time.monotonic()
        with pytest.raises(Unavailable):
            blobs.read(key, 0, 7)
        waited.append(time.monotonic() - started)
    assert max(waited) < 1.5
    assert waited[-1] < 0.1, "the circuit is open"
    started = time.monotonic()
    with pytest.raises(Unavailable):
        put(blobs, b"more")
    with pytest.raises(Unavailable):
        blobs.check()
    assert time.monotonic() - started < 1.0
    store.manners.stall_seconds = 0.0
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            assert blobs.read(key, 0, 7) == b"content"
            break
        except Unavailable:
            time.sleep(0.05)
    assert put(blobs, b"more")
    blobs.close()


def test_refused_connections_are_503_until_they_are_not(store: FakeS3, blobs: ObjectBlobs):
    key = put(blobs, b"content")
    store.stop()
    for attempt in (lambda: blobs.read(key, 0, 7), lambda: put(blobs, b"x"), lambda: list(blobs.keys()), blobs.check):
        with pytest.raises(Unavailable):
            attempt()
    store.start()
    time.sleep(0.35)
    assert blobs.read(key, 0, 7) == b"content"
    assert list(blobs.keys()) == [key]


def test_what_is_cached_can_be_read_while_the_store_is_gone(store: FakeS3, tmp_path: Path):
    cache = BlobCache(tmp_path / "cache", 1 << 26)
    blobs = blobs_of(store, tmp_path, cache=cache)
    content = os.urandom(2_500_000)
    image, series = put(blobs, content[:200_000]), put(blobs, content)
    assert blobs.read(image, 1500, 190_000) == content[1500:191_500]  # a frame, which is nearly all of the file
    assert b"".join(blobs.reading([Span(series, 0, len(content))]).chunks(series)) == content
    cache.settle()
    store.stop()
    assert blobs.read(image, 0, 200_000) == content[:200_000]
    assert b"".join(blobs.chunks(series)) == content
    with blobs.open(series) as reader:
        reader.seek(2_000_000)
        assert reader.read() == content[2_000_000:]
    path = blobs.local_path(series)
    assert path is not None
    assert path.read_bytes() == content
    blobs.close()


def test_an_answer_that_breaks_off_is_no_short_read(store: FakeS3, blobs: ObjectBlobs):
    key = put(blobs, os.urandom(400_000))
    store.manners.truncate = True
    with pytest.raises(Unavailable):
        blobs.read(key, 0, 400_000)
    with pytest.raises(Unavailable):
        list(blobs.reading([Span(key, 0, 400_000)]).chunks(key))


# Reading ahead ------------------------------------------------------------------------------------------------


def test_a_series_is_read_in_parallel_and_memory_stays_bounded(store: FakeS3, tmp_path: Path):
    sizes = S3Sizes(part=PART, read_ahead=4 << 20, reads=6 << 20)
    blobs = ObjectBlobs(client_of(store), Staging(tmp_path / "stage"), sizes=sizes)
    content = os.urandom(500_000)
    keys = [put(blobs, content) for _ in range(24)]
    spans = [Span(key, 0, len(content)) for key in keys]
    store.manners.latency = 0.03
    started = time.monotonic()
    reader = blobs.reading(spans)
    for key in keys:
        assert reader.read(key, 0, len(content)) == content
        assert blobs._read_budget.held <= 6 << 20
    assert time.monotonic() - started < 24 * 0.03, "one after the other would take longer than the latencies alone"

    stalled = [blobs.reading(spans) for _ in range(10)]
    for number, each in enumerate(stalled):
        assert each.read(keys[number], 0, 10) == content[:10]
    assert blobs._read_budget.held <= 6 << 20
    del stalled, each, reader
    blobs.close()
    assert blobs._read_budget.held == 0, "whoever stops reading gives back what was read ahead"


def test_neighbouring_frames_are_one_request(store: FakeS3, blobs: ObjectBlobs):
    content = os.urandom(900_000)
    key = put(blobs, content)
    store.ranges.clear()
    frames = [Span(key, 100_000 + 20_000 * number, 20_000) for number in range(20)]
    reader = blobs.reading(frames)
    for _, offset, length in frames:
        assert reader.read(key, offset, 8) == content[offset : offset + 8]
        assert reader.read(key, offset + 8, length - 8) == content[offset + 8 : offset + length]
    assert store.ranges == ["bytes=100000-499999"]


def test_readers_in_threads_do_not_disturb_each_other(store: FakeS3, blobs: ObjectBlobs):
    contents = {put(blobs, content): content for content in (os.urandom(700_000) for _ in range(6))}
    wrong: list[str] = []

    def work() -> None:
        reader = blobs.reading([Span(key, 0, len(content)) for key, content in contents.items()])
        wrong.extend(key for key, content in contents.items() if b"".join(reader.chunks(key)) != content)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# Settings -----------------------------------------------------------------------------------------------------


def s3_settings(tmp_path: Path, store: FakeS3, **changes: object) -> Settings:
    given = {"endpoint": store.url, "key_id": "id", "secret": "hunter2", "allow_http": True, **changes}
    return Settings(data=tmp_path / "archive", blobs="s3://bucket/some/prefix", s3=given)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"allow_http": False}, "for all to read"),
        ({"secret": None}, "belong together"),
        ({"encryption": "sse-c"}, "256 bits"),
        ({"encryption": "sse-c", "encryption_key": "short"}, "256 bits"),
        ({"encryption": "sse-c", "encryption_key": "A" * 43 + "=", "redirects": True}, "no redirects"),
    ],
)
def test_settings_that_do_not_go_together_teach(store: FakeS3, tmp_path: Path, changes: dict[str, object], text: str):
    with pytest.raises(FilmjacketError, match=text) as caught:
        open_blobs(s3_settings(tmp_path, store, **changes))
    assert "hunter2" not in str(caught.value)
    assert store.requests == []


def test_without_obstore_the_extra_is_named(store: FakeS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(__import__("sys").modules, "filmjacket.blobs.s3_client", None)
    with pytest.raises(FilmjacketError, match=r"filmjacket\[s3\]"):
        open_blobs(s3_settings(tmp_path, store))


@pytest.mark.parametrize(
    ("encryption", "key", "expected"),
    [
        (Encryption.STORE, None, {}),
        (Encryption.SSE_S3, None, {"x-amz-server-side-encryption": "AES256"}),
        (Encryption.SSE_KMS, "a-key", {"x-amz-server-side-encryption": "aws:kms"}),
        (Encryption.SSE_KMS_TWICE, None, {"x-amz-server-side-encryption": "aws:kms:dsse"}),
        (Encryption.SSE_C, "A" * 43 + "=", {"x-amz-server-side-encryption-customer-algorithm": "AES256"}),
    ],
)
def test_encryption_is_asked_for_with_every_object(
    store: FakeS3, tmp_path: Path, encryption: Encryption, key: str | None, expected: dict[str, str]
):
    blobs = open_blobs(s3_settings(tmp_path, store, encryption=encryption, encryption_key=key, part_bytes="5MiB"))
    keys = [put(blobs, b"x"), put(blobs, bytes((5 << 20) + 1))]
    for stored in keys:
        kept = {name.lower(): value for name, value in store.headers[f"bucket/some/prefix/{stored}"].items()}
        assert kept.pop("content-type") == "application/dicom"
        assert expected.items() <= kept.items()
        assert bool(kept) is bool(expected)
    assert blobs.read(keys[0], 0, 1) == b"x"
    blobs.close()


def test_redirects_are_off_until_they_are_on(store: FakeS3, tmp_path: Path):
    off = open_blobs(s3_settings(tmp_path, store))
    key = put(off, b"content")
    assert off.public_url(key) is None
    on = open_blobs(s3_settings(tmp_path, store, redirects=True, redirect_endpoint="https://images.example.org"))
    url = on.public_url(key)
    assert url is not None
    assert url.startswith(f"https://images.example.org/bucket/some/prefix/{key}?")
    assert "X-Amz-Signature=" in url
    assert "hunter2" not in url
    off.close()
    on.close()


def test_file_urls_name_a_directory(tmp_path: Path):
    blobs = open_blobs(Settings(data=tmp_path / "archive", blobs=f"file://{tmp_path}/some%20where"))
    key = put(blobs, b"content")
    assert (tmp_path / "some where" / key).read_bytes() == b"content"


def test_what_is_committed_is_acknowledged_even_if_the_store_fails_right_after(store: FakeS3, tmp_path: Path):
    """A duplicate leaves bytes that nobody needs; a store that does not delete them now makes no failure of it."""
    from tests.samples import sample

    from filmjacket.archive.records import StoreResult
    from filmjacket.opening import open_archive

    archive = open_archive(s3_settings(tmp_path, store, retries=0))
    results: list[StoreResult] = []
    for _ in range(2):
        incoming = archive.ingest.begin()
        incoming.write(sample("CT_small.dcm"))
        received = [incoming.finish()]
        archive.ingest.publish(received)
        store.manners.fail = lambda method, target: 500 if method == "DELETE" or "?delete" in target else None
        results += [item.result for item in archive.ingest.commit(received)]
    assert results[0] is StoreResult.STORED
    assert len(results) == 2
    assert len(store.keys()) == 2, "the orphan waits for the sweep"
    archive.close()

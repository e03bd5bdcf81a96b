"""What every store of blobs does, whatever is behind it."""

from __future__ import annotations

import hashlib
import io
import os
import threading
from typing import TYPE_CHECKING

import pytest
from tests.engines.fake_s3 import FakeS3

from filmjacket.archive.spans import Span
from filmjacket.blobs.cache import BlobCache
from filmjacket.blobs.local import LocalBlobs
from filmjacket.blobs.object_store import ObjectBlobs, Staging
from filmjacket.blobs.s3_client import S3Client
from filmjacket.blobs.s3_options import S3Access, S3Patience, S3Sizes
from filmjacket.errors import FilmjacketError, NotFound, OutOfStorage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from filmjacket.archive.ports import Blobs, StagedBlob

pytestmark = pytest.mark.slow

MISSING = "2026/11/22/1405/00112233445566778899aabbccddeeff.dcm"
PART = 300_000
HASTE = S3Patience(connect=1.0, read=2.0, write=5.0, retries=0, retry=1.0)


@pytest.fixture(params=["local", "s3", "s3 with a cache"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Blobs]:
    if request.param == "local":
        yield LocalBlobs(tmp_path / "blobs")
        return
    store = FakeS3()
    access = S3Access("bucket", "some/prefix", store.url, key_id="id", secret="secret", allow_http=True)
    cache = BlobCache(tmp_path / "cache", 1 << 30) if request.param.endswith("cache") else None
    made = ObjectBlobs(S3Client(access, HASTE), Staging(tmp_path / "stage"), sizes=S3Sizes(part=PART), cache=cache)
    yield made
    made.close()
    store.stop()
    assert store.uploads == {}, "a multipart upload was left behind"


def staged(blobs: Blobs, *chunks: bytes) -> StagedBlob:
    blob = blobs.stage()
    for chunk in chunks:
        blob.write(chunk)
    blob.finish()
    return blob


def put(blobs: Blobs, *chunks: bytes) -> str:
    blob = staged(blobs, *chunks)
    blobs.publish([blob])
    return blob.finish().key


@pytest.mark.parametrize(
    "sizes", [[], [0], [1], [10, 0, 5], [700_000, 700_000], [PART], [PART, 1], [200_000] * 4, [7 * PART + 17]]
)
def test_what_was_staged_is_what_is_read(blobs: Blobs, sizes: list[int]):
    chunks = [os.urandom(size) for size in sizes]
    content = b"".join(chunks)
    blob = staged(blobs, *chunks)
    reference = blob.finish()
    assert (reference.size, reference.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert list(blobs.keys()) == []
    with pytest.raises(NotFound):
        blobs.read(reference.key, 0, 1)
    blobs.publish([blob])
    assert list(blobs.keys()) == [reference.key]
    assert blobs.size(reference.key) == len(content)
    assert blobs.size(MISSING) is None
    for _ in range(2):
        assert b"".join(blobs.chunks(reference.key)) == content
        assert blobs.read(reference.key, 0, len(content)) == content
        with blobs.open(reference.key) as reader:
            assert reader.read() == content


def test_ranges(blobs: Blobs):
    content = os.urandom(4_500_000)
    key = put(blobs, content)
    assert blobs.read(key, 5, 7) == content[5:12]
    assert blobs.read(key, 5, 0) == b""
    assert blobs.read(key, 200_000, 3_000_000) == content[200_000:3_200_000]
    assert b"".join(blobs.chunks(key, 100, 2_000_000)) == content[100:2_000_100]
    assert b"".join(blobs.chunks(key, 4_499_990)) == content[-10:]
    assert b"".join(blobs.chunks(key, 4_500_000)) == b""
    assert max(map(len, blobs.chunks(key))) <= 1 << 18


@pytest.mark.parametrize(("offset", "length"), [(0, 11), (10, 1), (99, 1), (9, 2), (0, 5_000_000)])
def test_a_range_beyond_the_end_is_not_found_rather_than_short(blobs: Blobs, offset: int, length: int):
    key = put(blobs, b"0123456789")
    reader = blobs.reading([Span(key, offset, length)])
    for attempt in (blobs.read, lambda *span: list(blobs.chunks(*span)), reader.read):
        with pytest.raises(NotFound):
            attempt(key, offset, length)


def test_a_reader_gets_what_it_announced_and_anything_else(blobs: Blobs):
    contents = [os.urandom(size) for size in (10, 300_000, 2_500_000, 0, 5_000_000, 70_000)]
    keys = [put(blobs, content) for content in contents]
    wholes = [Span(key, 0, len(content)) for key, content in zip(keys, contents, strict=True)]
    reader = blobs.reading(wholes)
    for key, content in zip(keys, contents, strict=True):
        assert b"".join(reader.chunks(key)) == content
    assert reader.read(keys[2], 999_999, 70_001) == contents[2][999_999:1_070_000]  # over a border, and backwards
    assert b"".join(reader.chunks(keys[0], 3)) == contents[0][3:]

    frames = [Span(keys[4], 1000 + 400_000 * number, 400_000) for number in (0, 1, 2, 9, 5, 5, 3)]
    reader = blobs.reading(frames)
    for _ in range(2):
        for _, offset, length in frames:  # headers first, as for the lengths of parts
            assert reader.read(keys[4], offset, 8) == contents[4][offset : offset + 8]
            assert length == 400_000
    for _, offset, length in frames:
        assert reader.read(keys[4], offset, length) == contents[4][offset : offset + length]
        assert b"".join(reader.chunks(keys[4], offset, length)) == contents[4][offset : offset + length]
    assert reader.read(keys[5], 5, 50) == contents[5][5:55]


def test_a_reader_is_seekable(blobs: Blobs):
    content = os.urandom(3_000_000)
    with blobs.open(put(blobs, content)) as reader:
        assert reader.seek(-10, io.SEEK_END) == 2_999_990
        assert reader.read(100) == content[-10:]
        assert reader.seek(1_000_000) == 1_000_000
        assert reader.read(10) == content[1_000_000:1_000_010]
        assert reader.seek(-5, io.SEEK_CUR) == 1_000_005
        assert reader.read(5) == content[1_000_005:1_000_010]
        reader.seek(5_000_000)
        assert reader.read(1) == b""


def test_missing_blobs_are_not_found(blobs: Blobs):
    for attempt in (
        lambda: blobs.read(MISSING, 0, 1),
        lambda: blobs.read(MISSING, 1 << 20, 1),
        lambda: list(blobs.chunks(MISSING)),
        lambda: blobs.reading([Span(MISSING, 0, 5)]).read(MISSING, 0, 5),
        lambda: blobs.open(MISSING).read(),
    ):
        with pytest.raises(NotFound):
            attempt()


def test_no_key_leads_out_of_the_store(blobs: Blobs):
    for key in ("../secret", "/etc/passwd", f"{MISSING}/../../secret", "probes/x"):
        for attempt in (
            lambda key=key: blobs.read(key, 0, 1),
            lambda key=key: list(blobs.chunks(key)),
            lambda key=key: blobs.open(key),
            lambda key=key: blobs.local_path(key),
            lambda key=key: blobs.remove([key]),
        ):
            with pytest.raises(FilmjacketError, match="key"):
                attempt()


def test_a_batch_is_published_whole(blobs: Blobs):
    contents = [os.urandom(1000 * number) for number in range(40)]
    batch = [staged(blobs, content) for content in contents]
    blobs.publish(batch)
    blobs.publish([])
    for blob, content in zip(batch, contents, strict=True):
        assert blobs.read(blob.finish().key, 0, len(content)) == content


def test_a_discarded_blob_cannot_be_published_nor_anything_with_it(blobs: Blobs):
    kept, dropped = staged(blobs, b"1"), staged(blobs, os.urandom(PART + 1))
    dropped.discard()
    dropped.discard()
    with pytest.raises((FilmjacketError, ValueError)):
        blobs.publish([kept, dropped])
    assert list(blobs.keys()) == []


def test_discarding_after_publishing_changes_nothing(blobs: Blobs):
    blob = staged(blobs, b"content")
    blobs.publish([blob])
    blob.discard()
    assert blobs.read(blob.finish().key, 0, 7) == b"content"


def test_only_own_staged_blobs_are_published(blobs: Blobs):
    with pytest.raises(TypeError):
        blobs.publish([object()])  # pyright: ignore[reportArgumentType]


def test_remove_takes_lists_and_ignores_missing(blobs: Blobs):
    first, second = put(blobs, b"1"), put(blobs, b"2")
    assert blobs.read(first, 0, 1) == b"1"
    blobs.remove([first, MISSING, first])
    blobs.remove([MISSING])
    blobs.remove([])
    assert list(blobs.keys()) == [second]
    with pytest.raises(NotFound):
        blobs.read(first, 0, 1)


def test_keys_have_the_wanted_age(blobs: Blobs):
    keys = {put(blobs, b"x") for _ in range(3)}
    assert set(blobs.keys()) == keys
    assert list(blobs.keys(older_than_seconds=3600)) == []


def test_check_leaves_nothing_behind(blobs: Blobs):
    blobs.check()
    blobs.check()
    assert list(blobs.keys()) == []
    assert blobs.clear_stage(older_than_seconds=0) == 0


def test_spools_hold_bytes(blobs: Blobs):
    spool = blobs.spool()
    spool.write(b"hello ")
    spool.write(memoryview(b"world"))
    assert (spool.size, spool.read(4, 100)) == (11, b"o world")
    spool.close()


def test_threads_may_publish_and_read_at_the_same_time(blobs: Blobs):
    found: dict[str, bytes] = {}

    def work() -> None:
        for _ in range(3):
            content = os.urandom(2000)
            batch = [staged(blobs, content + bytes([number])) for number in range(4)]
            blobs.publish(batch)
            for number, blob in enumerate(batch):
                found[blob.finish().key] = content + bytes([number])
                assert blobs.read(blob.finish().key, 0, 2001) == content + bytes([number])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 48
    assert set(blobs.keys()) == set(found)


def test_minimum_free_space_of_the_staging_disk_is_kept(tmp_path: Path):
    client = S3Client(S3Access("bucket", endpoint="http://127.0.0.1:1", allow_http=True), HASTE)
    blobs = ObjectBlobs(client, Staging(tmp_path / "stage", minimum_free_bytes=1 << 60))
    with pytest.raises(OutOfStorage):
        blobs.check()
    with pytest.raises(OutOfStorage):
        blobs.stage().write(b"x")
    blobs.close()

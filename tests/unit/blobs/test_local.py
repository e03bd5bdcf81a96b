from __future__ import annotations

import errno
import gc
import hashlib
import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from filmjacket.blobs.local import LocalBlobs
from filmjacket.blobs.stage import MAX_BUFFERS, LocalStage
from filmjacket.errors import FilmjacketError, NotFound, OutOfStorage, Unavailable

MISSING = "2026/11/22/1405/00112233445566778899aabbccddeeff.dcm"


@pytest.fixture
def blobs(tmp_path: Path) -> LocalBlobs:
    return LocalBlobs(tmp_path / "blobs")


def staged(blobs: LocalBlobs, *chunks: bytes) -> LocalStage:
    blob = blobs.stage()
    for chunk in chunks:
        blob.write(chunk)
    blob.finish()
    return blob


def put(blobs: LocalBlobs, *chunks: bytes) -> str:
    blob = staged(blobs, *chunks)
    blobs.publish([blob])
    return blob.finish().key


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def files(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("sizes", [[], [0], [1], [10, 0, 5], [700_000, 700_000], [3_000_000, 1], [1] * 2000])
def test_what_was_staged_is_what_is_read(blobs: LocalBlobs, tmp_path: Path, sizes: list[int]):
    chunks = [os.urandom(size) for size in sizes]
    content = b"".join(chunks)
    blob = staged(blobs, *chunks)
    reference = blob.finish()
    assert (reference.size, reference.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    with pytest.raises(NotFound):
        blobs.read(reference.key, 0, 1)
    blobs.publish([blob])
    assert b"".join(blobs.chunks(reference.key)) == content
    assert blobs.read(reference.key, 0, len(content)) == content
    with blobs.open(reference.key) as reader:
        assert reader.read() == content
    assert blobs.local_path(reference.key).read_bytes() == content
    assert files(tmp_path / "blobs") == {reference.key}


def test_keys_name_the_minute_and_never_repeat(tmp_path: Path):
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    blobs = LocalBlobs(tmp_path, clock=lambda: moment)
    keys = {put(blobs, b"same bytes") for _ in range(20)}
    assert len(keys) == 20
    assert {key.rpartition("/")[0] for key in keys} == {"2026/01/02/0304"}


def test_ranges(blobs: LocalBlobs):
    content = os.urandom(2_500_000)
    key = put(blobs, content)
    assert blobs.read(key, 5, 7) == content[5:12]
    assert blobs.read(key, 5, 0) == b""
    assert b"".join(blobs.chunks(key, 100, 2_000_000)) == content[100:2_000_100]
    assert b"".join(blobs.chunks(key, 2_499_990)) == content[-10:]
    assert max(map(len, blobs.chunks(key))) <= 1 << 20


@pytest.mark.parametrize(("offset", "length"), [(0, 11), (10, 1), (99, 1)])
def test_a_range_beyond_the_end_is_not_found_rather_than_short(blobs: LocalBlobs, offset: int, length: int):
    key = put(blobs, b"0123456789")
    with pytest.raises(NotFound):
        blobs.read(key, offset, length)
    with pytest.raises(NotFound):
        list(blobs.chunks(key, offset, length))


def test_missing_blobs_are_not_found(blobs: LocalBlobs):
    for attempt in (
        lambda: blobs.read(MISSING, 0, 1),
        lambda: list(blobs.chunks(MISSING)),
        lambda: blobs.open(MISSING),
    ):
        with pytest.raises(NotFound):
            attempt()


def test_no_key_leads_out_of_the_store(blobs: LocalBlobs, tmp_path: Path):
    (tmp_path / "secret").write_bytes(b"secret")
    for key in ("../secret", str(tmp_path / "secret"), f"{MISSING}/../../../../../../secret"):
        for attempt in (
            lambda key=key: blobs.read(key, 0, 1),
            lambda key=key: list(blobs.chunks(key)),
            lambda key=key: blobs.open(key),
            lambda key=key: blobs.local_path(key),
            lambda key=key: blobs.remove([key]),
        ):
            with pytest.raises(FilmjacketError, match="key"):
                attempt()
    assert (tmp_path / "secret").exists()


def test_publish_returns_only_after_every_file_and_every_new_directory_is_synced(
    blobs: LocalBlobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    log: list[tuple[str, str]] = []

    def recorder(name: str):
        original = getattr(os, name)

        def record(descriptor: int) -> None:
            log.append((name, Path(f"/proc/self/fd/{descriptor}").readlink().as_posix()))
            original(descriptor)

        return record

    batch = [staged(blobs, b"a" * 10), staged(blobs, b"b" * 2_000_000), staged(blobs)]
    monkeypatch.setattr(os, "fdatasync", recorder("fdatasync"))
    monkeypatch.setattr(os, "fsync", recorder("fsync"))
    blobs.publish(batch)

    root = (tmp_path / "blobs").absolute()
    keys = [blob.finish().key for blob in batch]
    directories = {(root / key).parent for key in keys}
    assert [path for name, path in log if name == "fdatasync"] == [str(root / key) for key in keys]
    synced = [path for name, path in log if name == "fsync"]
    for directory in directories:
        parents = [directory, *directory.parents]
        assert {str(path) for path in parents[: parents.index(root) + 1]} <= set(synced)
        # the directory itself once more when all its entries are there, after the last file
        assert synced[-1] in {str(path) for path in directories}
    assert log[-1][0] == "fsync"

    log.clear()
    again = staged(blobs, b"c")
    blobs.publish([again])
    if (root / again.finish().key).parent in directories:
        assert [name for name, _ in log] == ["fdatasync", "fsync"]


@pytest.mark.parametrize(
    ("number", "expected"),
    [(errno.ENOSPC, OutOfStorage), (errno.EDQUOT, OutOfStorage), (errno.EROFS, Unavailable), (errno.EIO, Unavailable)],
)
@pytest.mark.parametrize("step", ["open", "writev", "fdatasync", "fsync"])
def test_a_refusing_disk_is_told_apart_and_leaves_nothing(
    blobs: LocalBlobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, expected: type, step: str
):
    kept = put(blobs, b"kept")

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    def store() -> None:
        blobs.publish([staged(blobs, b"x" * 10), staged(blobs, b"y" * 2_000_000)])

    with monkeypatch.context() as patch:
        patch.setattr(os, step, refuse)
        with pytest.raises(expected):
            store()
    assert files(tmp_path / "blobs") == {kept}
    assert b"".join(blobs.chunks(kept)) == b"kept"
    store()


def test_a_failing_write_removes_its_staging_file(blobs: LocalBlobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    blob = blobs.stage()
    blob.write(b"x" * 2_000_000)

    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSPC, "")

    with monkeypatch.context() as patch:
        patch.setattr(os, "writev", refuse)
        with pytest.raises(OutOfStorage):
            blob.write(b"y" * 2_000_000)
    assert files(tmp_path / "blobs") == set()
    with pytest.raises(ValueError, match="discarded"):
        blob.finish()


def test_short_writes_are_continued(blobs: LocalBlobs, monkeypatch: pytest.MonkeyPatch):
    original = os.writev
    monkeypatch.setattr(os, "writev", lambda descriptor, buffers: original(descriptor, [buffers[0][:3]]))
    key = put(blobs, b"0123456789", b"abc", b"", b"def")
    assert b"".join(blobs.chunks(key)) == b"0123456789abcdef"


def test_small_blobs_wait_in_memory_and_large_ones_do_not(tmp_path: Path):
    blobs = LocalBlobs(tmp_path, memory_bytes=100)
    small, large, tiny_chunks = blobs.stage(), blobs.stage(), blobs.stage()
    small.write(b"x" * 100)
    large.write(b"x" * 101)
    for _ in range(MAX_BUFFERS):
        tiny_chunks.write(b"")
    assert (Path(small.path).exists(), Path(large.path).exists(), Path(tiny_chunks.path).exists()) == (
        False,
        True,
        True,
    )
    for blob in (small, large, tiny_chunks):
        blob.discard()
        blob.discard()
    assert files(tmp_path) == set()


def test_discarding_after_publishing_changes_nothing(blobs: LocalBlobs):
    blob = staged(blobs, b"content")
    blobs.publish([blob])
    blob.discard()
    assert blobs.read(blob.finish().key, 0, 7) == b"content"


def test_a_discarded_blob_cannot_be_published(blobs: LocalBlobs, tmp_path: Path):
    kept, dropped = staged(blobs, b"1"), staged(blobs, b"2")
    dropped.discard()
    with pytest.raises(FilmjacketError):
        blobs.publish([kept, dropped])
    assert files(tmp_path / "blobs") == set()


def test_idle_uploads_hold_no_descriptors(blobs: LocalBlobs):
    gc.collect()  # what other tests left open
    staged(blobs, b"x").discard()  # its directory is held, once
    before = open_files()
    waiting = [staged(blobs, b"x" * 1000) for _ in range(50)]
    assert open_files() <= before
    blobs.publish(waiting)
    assert open_files() <= before


def test_remove_takes_lists_and_ignores_missing(blobs: LocalBlobs):
    first, second = put(blobs, b"1"), put(blobs, b"2")
    blobs.remove([first, MISSING, first])
    blobs.remove([])
    assert list(blobs.keys()) == [second]


def test_removing_the_last_blob_of_an_old_minute_removes_its_directory(tmp_path: Path):
    blobs = LocalBlobs(tmp_path)
    first, second = put(blobs, b"1"), put(blobs, b"2")
    directories = {(tmp_path / key).parent for key in (first, second)}
    blobs.remove([first, second])
    assert all(directory.is_dir() for directory in directories), "a young directory may be in use"

    third = put(blobs, b"3")
    directory = (tmp_path / third).parent
    blobs.remove([third])
    old = time.time() - 7200
    os.utime(directory, (old, old))
    blobs.remove([third])
    assert not directory.exists()
    put(blobs, b"4")  # in the same minute, whose directory the store remembers


def test_keys_lists_only_published_blobs_of_the_wanted_age(blobs: LocalBlobs, tmp_path: Path):
    root = tmp_path / "blobs"
    old, young = put(blobs, b"old"), put(blobs, b"young")
    staged(blobs, b"not published")
    (root / "lost+found").mkdir()
    (root / "2026").mkdir(exist_ok=True)
    (root / "2026" / "notes.txt").write_text("by hand")
    (root / old).parent.joinpath("strange.dcm").write_bytes(b"")
    os.utime(root / old, (time.time() - 3600, time.time() - 3600))
    assert sorted(blobs.keys()) == sorted([old, young])
    assert list(blobs.keys(older_than_seconds=1800)) == [old]
    assert list(blobs.keys(older_than_seconds=7200)) == []


def test_clear_stage_spares_young_uploads(blobs: LocalBlobs, tmp_path: Path):
    gone = LocalBlobs(tmp_path / "blobs")
    abandoned, young, running = staged(gone, b"1"), staged(gone, b"2"), staged(blobs, b"3")
    for blob in (abandoned, running):
        os.utime(blob.path, (time.time() - 90_000, time.time() - 90_000))
    assert blobs.clear_stage(older_than_seconds=86_400) == 0, "both processes live, whatever the clock says"
    gone.close()
    assert blobs.clear_stage(older_than_seconds=86_400) == 1
    assert (Path(abandoned.path).exists(), Path(young.path).exists()) == (False, True)
    blobs.publish([running])
    assert blobs.clear_stage(older_than_seconds=-1) == 1
    assert not Path(young.path).parent.exists()


def test_what_older_versions_staged_is_cleared_by_its_age(blobs: LocalBlobs, tmp_path: Path):
    stage = tmp_path / "blobs" / ".stage"
    for name, age in (("a" * 32, 90_000), ("b" * 32, 80_000)):
        (stage / name).write_bytes(b"x")
        os.utime(stage / name, (time.time() - age, time.time() - age))
    assert blobs.clear_stage(older_than_seconds=86_400) == 1
    assert [path.name for path in stage.iterdir()] == ["b" * 32]


def test_minimum_free_space_is_kept(tmp_path: Path):
    blobs = LocalBlobs(tmp_path, minimum_free_bytes=1 << 60)
    with pytest.raises(OutOfStorage):
        blobs.check()
    blob = blobs.stage()
    blob.write(b"x")
    with pytest.raises(OutOfStorage):
        blob.finish()
    assert files(tmp_path) == set()


def test_check_leaves_nothing_behind_and_tells_what_is_wrong(
    blobs: LocalBlobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    blobs.check()
    assert files(tmp_path / "blobs") == set()

    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, "")

    monkeypatch.setattr(os, "fdatasync", refuse)
    with pytest.raises(Unavailable):
        blobs.check()
    assert files(tmp_path / "blobs") == set()


def test_a_store_that_cannot_be_made_says_so(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Unavailable):
        LocalBlobs(tmp_path / "file" / "blobs")


def test_only_own_staged_blobs_are_published(blobs: LocalBlobs):
    with pytest.raises(TypeError):
        blobs.publish([object()])  # pyright: ignore[reportArgumentType]


def test_threads_may_publish_at_the_same_time(blobs: LocalBlobs):
    keys: list[str] = []

    def work() -> None:
        for _ in range(5):
            batch = [staged(blobs, os.urandom(1000)) for _ in range(4)]
            blobs.publish(batch)
            keys.extend(blob.finish().key for blob in batch)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(keys)) == 80
    assert sorted(blobs.keys()) == sorted(keys)

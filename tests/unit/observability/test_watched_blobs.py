from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from filmjacket.blobs.local import LocalBlobs
from filmjacket.errors import NotFound, Unavailable
from filmjacket.metrics import counter, histogram
from filmjacket.observability.blobs import OPERATIONS, WatchedBlobs

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def blobs(tmp_path: Path) -> WatchedBlobs:
    return WatchedBlobs(LocalBlobs(tmp_path / "blobs"))


def stored(blobs: WatchedBlobs, content: bytes) -> str:
    staged = blobs.stage()
    staged.write(content)
    key = staged.finish().key
    blobs.publish([staged])
    return key


def seen() -> dict[str, float]:
    return {name: sum(histogram("filmjacket_blob_seconds", operation=name).numbers()[:-1]) for name in OPERATIONS}


def moved(direction: str) -> float:
    return counter("filmjacket_blob_bytes_total", direction=direction).numbers()[0]


def test_every_operation_is_timed_and_bytes_are_counted(blobs: WatchedBlobs):
    before, read, written = seen(), moved("read"), moved("written")
    key = stored(blobs, b"x" * 600_000)
    assert blobs.read(key, 10, 20) == b"x" * 20
    assert len(b"".join(blobs.reading([]).chunks(key))) == 600_000
    assert blobs.size(key) == 600_000
    blobs.check()
    blobs.remove([key])
    assert {name: now - before[name] for name, now in seen().items()} == dict.fromkeys(OPERATIONS, 1)
    assert (moved("read") - read, moved("written") - written) == (600_020, 600_000)


def test_chunks_are_closed_with_the_one_who_reads_them(blobs: WatchedBlobs):
    key, read = stored(blobs, b"x" * 600_000), moved("read")
    chunks = blobs.chunks(key)
    first = next(chunks)
    chunks.close()  # type: ignore[attr-defined]
    assert moved("read") - read == len(first) < 600_000


def test_trouble_of_the_store_is_an_error_a_missing_blob_is_none(blobs: WatchedBlobs, monkeypatch: pytest.MonkeyPatch):
    errors = counter("filmjacket_blob_errors_total", operation="read")
    before = errors.numbers()[0]
    with pytest.raises(NotFound):
        blobs.read("2026/01/01/0000/" + "0" * 32 + ".dcm", 0, 1)
    assert errors.numbers()[0] == before

    def failing(*_: object) -> bytes:
        raise Unavailable("It does not answer.")

    monkeypatch.setattr(LocalBlobs, "read", failing)
    with pytest.raises(Unavailable):
        blobs.read("any", 0, 1)
    assert errors.numbers()[0] == before + 1

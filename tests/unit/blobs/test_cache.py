from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from filmjacket.blobs.cache import BlobCache

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def key(number: int) -> str:
    return f"2026/11/22/1405/{number:032x}.dcm"


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[BlobCache]:
    made = BlobCache(tmp_path / "cache", 1 << 20)
    yield made
    made.close()


def files(root: Path) -> set[str]:
    return {path.name for path in root.rglob("*") if path.is_file()}


def test_pieces_make_a_file_once_all_have_come(cache: BlobCache, tmp_path: Path):
    content = os.urandom(3000)
    for first in (2000, 0, 2000):
        cache.offer(key(1), first, content[first : first + 1000], 3000)
    cache.settle()
    assert cache.path(key(1)) is None
    assert cache.read(key(1), 0, 10) is None
    cache.offer(key(1), 500, content[500:2000], 3000)
    cache.settle()
    assert cache.read(key(1), 990, 20) == (content[990:1010], 3000)
    assert cache.read(key(1), 2990, 100) == (content[2990:], 3000)
    assert files(tmp_path) == {key(1).replace("/", "-")}


def test_what_is_too_large_is_not_kept(cache: BlobCache, tmp_path: Path):
    cache.offer(key(1), 0, b"x" * 10, cache.largest_entry + 1)
    cache.settle()
    assert files(tmp_path) == set()


def test_least_recently_used_goes_first_whoever_brought_it(cache: BlobCache, tmp_path: Path):
    other = BlobCache(tmp_path / "cache", 1 << 20)
    for number in range(12):
        (cache if number % 2 else other).offer(key(number), 0, b"x" * 100_000, 100_000)
        cache.settle()
        other.settle()
        path = cache.path(key(number))
        if path is not None:
            os.utime(path, (time.time() - 5000 + number,) * 2)
        cache.path(key(0))  # used again and again
    left = other.trim()
    other.close()
    assert left <= 1 << 20
    assert cache.path(key(0)) is not None
    assert cache.path(key(1)) is None
    assert cache.path(key(11)) is not None


def test_remains_of_a_crash_go_and_a_running_writer_stays(cache: BlobCache, tmp_path: Path):
    (tmp_path / "cache" / "old.part").write_bytes(b"x")
    os.utime(tmp_path / "cache" / "old.part", (time.time() - 7200,) * 2)
    cache.offer(key(1), 0, b"half", 8)
    cache.settle()
    cache.trim()
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".part"]
    cache.offer(key(1), 4, b"rest", 8)
    cache.settle()
    assert cache.read(key(1), 0, 8) == (b"halfrest", 8)


def test_a_part_that_somebody_deleted_makes_no_entry(cache: BlobCache, tmp_path: Path):
    cache.offer(key(1), 0, b"half", 8)
    cache.settle()
    for path in (tmp_path / "cache").iterdir():
        path.unlink()
    cache.offer(key(1), 4, b"rest", 8)
    cache.settle()
    assert cache.path(key(1)) is None
    cache.offer(key(2), 0, b"more", 4)
    cache.settle()
    assert cache.read(key(2), 0, 4) == (b"more", 4)


def test_removing_is_final_even_if_writing_has_not_begun(cache: BlobCache, tmp_path: Path):
    for number in range(10):
        cache.offer(key(number), 0, b"x" * 1000, 1000)
    cache.remove([key(number) for number in range(10)])
    assert files(tmp_path) == set()


def test_only_some_unfinished_blobs_are_held(cache: BlobCache, tmp_path: Path):
    for number in range(40):
        cache.offer(key(number), 0, b"half", 8)
    cache.settle()
    assert len(files(tmp_path)) <= 16
    cache.close()
    assert files(tmp_path) == set()

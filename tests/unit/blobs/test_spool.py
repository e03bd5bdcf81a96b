"""A spool: memory first, then an unnamed file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from filmjacket.blobs.local import LocalBlobs
from filmjacket.errors import OutOfStorage

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("memory_bytes", [4, 1 << 20])
def test_bytes_come_back(tmp_path: Path, memory_bytes: int) -> None:
    spool = LocalBlobs(tmp_path / "blobs", memory_bytes=memory_bytes).spool()
    spool.write(b"hello ")
    assert spool.read(1, 3) == b"ell"
    spool.write(memoryview(b"world"))
    assert spool.size == 11
    assert b"".join(spool.chunks(4, 4)) == b"o wo"
    assert spool.read(9, 100) == b"ld"
    assert list(spool.chunks(11, 5)) == []
    spool.close()
    spool.close()
    assert [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()] == []


def test_full_store(tmp_path: Path) -> None:
    spool = LocalBlobs(tmp_path / "blobs", minimum_free_bytes=1 << 62).spool()
    with pytest.raises(OutOfStorage):
        spool.write(b"x")
    spool.close()

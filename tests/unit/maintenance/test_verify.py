from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from filmjacket.archive.records import BlobRef
from filmjacket.blobs.local import LocalBlobs
from filmjacket.errors import Unavailable
from filmjacket.maintenance.verify import Damage, verify

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Known:
    """The part of an index that `verify` asks."""

    def __init__(self, blobs: list[tuple[str, BlobRef]]) -> None:
        self._blobs = blobs

    def blobs(self, *, batch: int = 7) -> Iterator[list[tuple[str, BlobRef]]]:
        for start in range(0, len(self._blobs), 7):
            yield self._blobs[start : start + 7]


def stored(blobs: LocalBlobs, count: int) -> list[tuple[str, BlobRef]]:
    staged = []
    for number in range(count):
        blob = blobs.stage()
        blob.write(os.urandom(1000 + number))
        blob.finish()
        staged.append(blob)
    blobs.publish(staged)
    return [(f"1.2.{number}", blob.finish()) for number, blob in enumerate(staged)]


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[500] ^= 1
    path.write_bytes(content)


def test_a_sound_archive(tmp_path: Path):
    blobs = LocalBlobs(tmp_path)
    known = stored(blobs, 30)
    seen: list[int] = []
    report = verify(Known(known), blobs, workers=3, on_checked=seen.append)  # pyright: ignore[reportArgumentType]
    assert report.sound
    assert report.instances == 30
    assert report.bytes == sum(blob.size for _, blob in known)
    assert sorted(seen) == sorted(blob.size for _, blob in known)


def test_an_empty_archive(tmp_path: Path):
    assert verify(Known([]), LocalBlobs(tmp_path)).sound  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("workers", [1, 4])
def test_every_kind_of_damage_is_found_and_named(tmp_path: Path, workers: int, monkeypatch: pytest.MonkeyPatch):
    blobs = LocalBlobs(tmp_path)
    known = stored(blobs, 20)
    path = {uid: tmp_path / blob.key for uid, blob in known}
    path["1.2.3"].unlink()
    flip_a_byte(path["1.2.5"])
    os.truncate(path["1.2.7"], 10)
    with path["1.2.8"].open("ab") as file:
        file.write(b"more")
    unreadable = dict(known)["1.2.9"].key
    chunks = blobs.chunks

    def failing(key: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        if key == unreadable:
            raise Unavailable("The blob store cannot be used now: Input/output error.")
        return chunks(key, offset, length)

    monkeypatch.setattr(blobs, "chunks", failing)
    report = verify(Known(known), blobs, workers=workers)  # pyright: ignore[reportArgumentType]
    assert report.instances == 20
    assert not report.sound
    assert [(finding.sop_uid, finding.damage) for finding in report.findings] == [
        ("1.2.3", Damage.MISSING),
        ("1.2.5", Damage.DIGEST),
        ("1.2.7", Damage.SIZE),
        ("1.2.8", Damage.SIZE),
        ("1.2.9", Damage.UNREADABLE),
    ]
    assert report.findings[2].detail == f"10 bytes instead of {dict(known)['1.2.7'].size}"


def test_a_key_that_is_none_is_reported_not_followed(tmp_path: Path):
    (tmp_path / "secret").write_bytes(b"x")
    known = [("1.2.3", BlobRef("../secret", 1, "0" * 64))]
    report = verify(Known(known), LocalBlobs(tmp_path / "blobs"))  # pyright: ignore[reportArgumentType]
    assert [finding.damage for finding in report.findings] == [Damage.UNREADABLE]

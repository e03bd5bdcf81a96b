"""Reading stored bytes back: are they what was received?"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from filmjacket.errors import FilmjacketError, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable

    from filmjacket.archive.ports import Blobs
    from filmjacket.archive.records import BlobRef


class Damage(StrEnum):
    """What can be wrong with stored bytes."""

    MISSING = "missing"
    SIZE = "wrong size"
    DIGEST = "wrong digest"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Finding:
    """One instance whose bytes are not what was stored."""

    sop_uid: str
    blob: BlobRef
    damage: Damage
    detail: str = ""


def check_blob(blobs: Blobs, sop_uid: str, blob: BlobRef) -> Finding | None:
    """What is wrong with one blob, or None."""
    try:
        return find_damage(blobs, sop_uid, blob)
    except FilmjacketError as error:
        return Finding(sop_uid, blob, Damage.UNREADABLE, error.message)


def find_damage(blobs: Blobs, sop_uid: str, blob: BlobRef, check: Callable[[], None] = lambda: None) -> Finding | None:
    """As `check_blob`, but what keeps the bytes from being read is raised.

    `check` is called now and then, and may raise to stop.
    """
    digest = hashlib.sha256()
    size = 0
    try:
        for chunk in blobs.chunks(blob.key):
            check()
            size += len(chunk)
            digest.update(chunk)
    except NotFound:
        return Finding(sop_uid, blob, Damage.MISSING)
    if size != blob.size:
        return Finding(sop_uid, blob, Damage.SIZE, f"{size} bytes instead of {blob.size}")
    if digest.hexdigest() != blob.sha256:
        return Finding(sop_uid, blob, Damage.DIGEST)
    return None

"""Copying stored files from one blob store to another under their own keys, each checked against its digest.

What is there already is not copied again, so that a copy that was interrupted goes on where it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from filmjacket.errors import NotFound, Unavailable
from filmjacket.maintenance.verify import Damage, Finding, check_blob
from filmjacket.side_by_side import in_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from filmjacket.archive.ports import Blobs, StagedBlob
    from filmjacket.archive.records import BlobRef


@dataclass(frozen=True, slots=True)
class CopyReport:
    """What was copied, what had been there, and what could not be copied, with the reason."""

    copied: int
    present: int
    bytes: int
    findings: tuple[Finding, ...]

    @property
    def complete(self) -> bool:
        """Whether the target has everything."""
        return not self.findings


def copy_blobs(
    wanted: Iterable[list[tuple[str, BlobRef]]],
    source: Blobs,
    target: Blobs,
    *,
    workers: int = 4,
    check_present: bool = False,
    on_copied: Callable[[int], None] = lambda _size: None,
) -> CopyReport:
    """Copy the blobs of `wanted`, batches as `Index.blobs` gives them.

    With `check_present` the bytes of what the target has already are read and compared too, not its size alone.
    A blob whose bytes are not those of its digest is reported and not left in the target.
    """
    copied = present = total = 0
    findings: list[Finding] = []

    def copy(item: tuple[str, BlobRef]) -> tuple[BlobRef, bool, Finding | None]:
        return item[1], *_copy(*item, source, target, check_present=check_present)

    for blob, done, finding in in_order(copy, chain.from_iterable(wanted), workers=workers, name="copy"):
        if finding is not None:
            findings.append(finding)
        elif done:
            copied += 1
            total += blob.size
        else:
            present += 1
        on_copied(blob.size)
    return CopyReport(copied, present, total, tuple(findings))


def _copy(
    sop_uid: str, blob: BlobRef, source: Blobs, target: Blobs, *, check_present: bool
) -> tuple[bool, Finding | None]:
    if target.size(blob.key) == blob.size and (not check_present or check_blob(target, sop_uid, blob) is None):
        return False, None
    staged = target.stage(blob.key)
    try:
        finding = _receive(staged, sop_uid, blob, source)
        if finding is None:
            target.publish([staged])
            return True, None
    except BaseException:
        staged.discard()
        raise
    staged.discard()
    return False, finding


def _receive(staged: StagedBlob, sop_uid: str, blob: BlobRef, source: Blobs) -> Finding | None:
    """Read the source into the target's stage; what is wrong with it, or None."""
    chunks = source.chunks(blob.key)
    while True:
        try:
            chunk = next(chunks, None)
        except NotFound:
            return Finding(sop_uid, blob, Damage.MISSING)
        except Unavailable as error:
            return Finding(sop_uid, blob, Damage.UNREADABLE, error.message)
        if chunk is None:
            break
        staged.write(chunk)
    came = staged.finish()
    if came.size != blob.size:
        return Finding(sop_uid, blob, Damage.SIZE, f"{came.size} bytes instead of {blob.size}")
    return None if came.sha256 == blob.sha256 else Finding(sop_uid, blob, Damage.DIGEST)

"""Records: what the index keeps about every stored instance."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from filmjacket.web.refs import ResourceRef

if TYPE_CHECKING:
    from filmjacket.dicom.attributes import Attributes
    from filmjacket.dicom.header import Layout


@dataclass(frozen=True, slots=True)
class BlobRef:
    """Where the bytes of one stored Part 10 file are: opaque key, length in bytes, SHA-256 as lower-case hex."""

    key: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """An instance whose bytes are durable and which the index is asked to take in.

    `attributes` is the data set without group 0002 with bulk values replaced by references (relative
    `BulkDataURI`s, see `filmjacket.dicom.header`). `attributes` holds valid UIDs for the four identifying keys.
    """

    study_uid: str
    series_uid: str
    sop_uid: str
    sop_class_uid: str
    transfer_syntax: str
    blob: BlobRef
    attributes: Attributes
    layout: Layout


class StoreResult(StrEnum):
    """What the index did with a candidate."""

    STORED = "stored"
    IDENTICAL = "identical"
    REPLACED = "replaced"
    KEPT = "kept"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class Place:
    """The series that an instance is in."""

    study_uid: str
    series_uid: str


@dataclass(frozen=True, slots=True)
class StoreOutcome:
    """Result for one candidate, and the blob that nobody refers to any more because of it (if any).

    For `IDENTICAL`, `KEPT` and `DUPLICATE` the unneeded blob is the candidate's own; for `REPLACED` it is the
    one that was stored before. It may be removed once the outcome is known, never earlier.

    `kept_at` says where the instance of a `KEPT` outcome is: a SOP Instance UID may arrive again in another study.
    """

    result: StoreResult
    unneeded: BlobRef | None = None
    kept_at: Place | None = None


@dataclass(frozen=True, slots=True)
class StoredInstance:
    """One stored instance, ready for retrieval without opening its file."""

    study_uid: str
    series_uid: str
    sop_uid: str
    sop_class_uid: str
    transfer_syntax: str
    blob: BlobRef
    layout: Layout

    @property
    def ref(self) -> ResourceRef:
        """The resource that it is."""
        return ResourceRef(self.study_uid, self.series_uid, self.sop_uid)


@dataclass(frozen=True, slots=True)
class InstanceMetadata:
    """The prebuilt DICOM JSON object of one instance; its `BulkDataURI`s are relative (`/7FE00010`)."""

    study_uid: str
    series_uid: str
    sop_uid: str
    document: bytes


@dataclass(frozen=True, slots=True)
class SearchMatch:
    """One entity that matched: its identifiers and the attributes to return, RetrieveURL left to the caller."""

    study_uid: str
    series_uid: str | None
    sop_uid: str | None
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class SearchPage:
    """One page of matches in stable order, how many more there are behind it, and how many on all pages.

    `total` is exact when the query asks for the count; otherwise it may miss what is before a page without matches.
    """

    matches: tuple[SearchMatch, ...]
    remaining: int
    total: int = 0

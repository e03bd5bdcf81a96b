"""Records of the Non-Patient Instance service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filmjacket.archive.records import StoredInstance
    from filmjacket.dicom.attributes import Attributes


@dataclass(frozen=True, slots=True)
class NonPatientInstance:
    """One stored instance: its file, which belongs to no study, and its prebuilt DICOM JSON object.

    `BulkDataURI`s of the document are relative (`/00686300.0.00620002`).
    """

    category: str
    stored: StoredInstance
    document: bytes


@dataclass(frozen=True, slots=True)
class NonPatientMatch:
    """One instance that matched, with the attributes to return; the Retrieve URL is left to the caller."""

    category: str
    sop_uid: str
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class NonPatientPage:
    """One page of matches in stable order, how many more there are behind it, and how many in all."""

    matches: tuple[NonPatientMatch, ...]
    remaining: int
    total: int

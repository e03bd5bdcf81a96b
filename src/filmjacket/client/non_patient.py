"""Calls of the Non-Patient Instance service (PS3.18 chapter 12)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from filmjacket.client.calls import EVERYTHING, Call, read_one, search_call
from filmjacket.web.media_types import DICOM

if TYPE_CHECKING:
    from filmjacket.client.calls import Answer, Page, SearchOptions
    from filmjacket.dicom.attributes import Attributes

CATEGORIES: Final = (
    "color-palettes",
    "defined-procedure-protocols",
    "hanging-protocols",
    "implant-templates",
    "inventories",
)


def store(category: str, file: bytes) -> Call[Attributes]:
    """Store one Part 10 file (12.5); gives the Store Instances Response Module (Annex I)."""
    return Call("POST", f"/{category}", read_one, content=file, content_type=DICOM)


def retrieve(category: str, uid: str) -> Call[Attributes]:
    """The data set of an instance (12.4)."""
    return Call("GET", f"/{category}/{uid}", read_one)


def retrieve_file(category: str, uid: str) -> Call[bytes]:
    """An instance as a Part 10 file, as it is stored (12.4)."""
    return Call("GET", f"/{category}/{uid}", _content, accept=f"{DICOM}; transfer-syntax=*")


def search(category: str, options: SearchOptions = EVERYTHING, /, **keys: str) -> Call[Page[Attributes]]:
    """Search a category (12.6); `__` in a key goes into a sequence."""
    return search_call(f"/{category}", keys, options)


def _content(answer: Answer) -> bytes:
    return answer.content

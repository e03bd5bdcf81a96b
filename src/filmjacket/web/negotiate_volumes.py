"""What rendered volumes can be had in (PS3.18 8.7.4, Table 10.4.4-1): pictures, animations, the module of Annex K."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from filmjacket.web.media_types import DICOM_JSON, DICOM_XML
from filmjacket.web.negotiate import Representation
from filmjacket.web.offers import Offer, not_acceptable, rank, sources

if TYPE_CHECKING:
    from filmjacket.web.accept import Preferences

_STILL = ("image/jpeg", "image/png", "image/gif", "image/jp2", "image/jph", "image/jxl")

PICTURE: Final = tuple(Offer(name, multipart) for multipart in (False, True) for name in _STILL)
"""One picture, alone or as the only part of a multipart."""
ANIMATION: Final = (Offer("image/gif", multipart=False), *(Offer(name, multipart=True) for name in _STILL))
"""All frames in one file, or each as a part."""
MODULE: Final = (
    Offer(DICOM_JSON, multipart=False),
    Offer(DICOM_XML, multipart=False),
    Offer(DICOM_XML, multipart=True),
)
"""With `renderedvolumetricmetadata=yes`."""


@lru_cache(maxsize=128)
def choose_rendered_volume(preferences: Preferences, *, animated: bool, metadata: bool) -> Representation:
    """The representation of a rendered volume. Raises `NotAcceptable` with the list of what can be had."""
    offers = MODULE if metadata else ANIMATION if animated else PICTURE
    for ranges in sources(preferences, offers):
        for offer, q in rank(ranges, offers):
            return Representation(offer.media_type, offer.multipart, q=q)
    raise not_acceptable(offers)

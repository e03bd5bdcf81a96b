"""What pixel data can be had in: asked of negotiation for every transfer syntax (PS3.18 8.7.3.3, Table 10.4.4-1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from filmjacket.dicom import transfer_syntaxes
from filmjacket.dicom.transfer_syntaxes import TRANSFER_SYNTAXES
from filmjacket.errors import NotAcceptable
from filmjacket.web.accept import parse_accept
from filmjacket.web.media_types import HTML, written
from filmjacket.web.negotiate_bulk import Items, choose_bulk, choose_frames
from filmjacket.web.negotiate_rendered import MODELS, TEXTS, WAVEFORMS, Category, rendered_offers
from filmjacket.web.offers import Offer
from filmjacket.web.problem_document import PROBLEM_JSON, PROBLEM_XML
from filmjacket.web.reach import Reach

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filmjacket.dicom.transfer_syntaxes import TransferSyntax

PROBLEMS: Final = (PROBLEM_JSON, PROBLEM_XML, HTML)
"""Media types of Status Reports (8.6.3, RFC 9457)."""


def frame_offers() -> tuple[Offer, ...]:
    """Every media type and transfer syntax of frames, native ones first."""
    return tuple(dict.fromkeys(_offers(frames=True)))


def bulk_offers() -> tuple[Offer, ...]:
    """Every media type and transfer syntax of bulk values, pixel data and video included."""
    return tuple(dict.fromkeys(_offers(frames=False)))


def collection_offers() -> tuple[Offer, ...]:
    """As `bulk_offers`, of collections: always multipart."""
    return tuple(offer for offer in bulk_offers() if offer.multipart)


def rendered_frame_offers() -> tuple[Offer, ...]:
    """Every rendered media type of frames (Table 8.7.4-1)."""
    return rendered_offers(Category.SINGLE_FRAME, alone=True)


def rendered_instance_offers() -> tuple[Offer, ...]:
    """Every rendered media type of instances, whatever their category."""
    categories = (Category.SINGLE_FRAME, Category.MULTI_FRAME, Category.TEXT)
    documents = (*TEXTS, *WAVEFORMS, *MODELS)
    offers = (rendered_offers(category, alone=True, documents=documents) for category in categories)
    return tuple(dict.fromkeys(offer for of_category in offers for offer in of_category))


def _offers(*, frames: bool) -> Iterator[Offer]:
    for stored in (None, *TRANSFER_SYNTAXES):
        syntax = None if stored is None else TRANSFER_SYNTAXES[stored]
        if syntax is not None and (not syntax.encapsulated or (frames and syntax.video)):
            continue
        # The default of frames is multipart, that of a bulk value is not.
        for multipart in (frames, not frames):
            yield from _offer(syntax, frames=frames, multipart=multipart)


def _offer(syntax: TransferSyntax | None, *, frames: bool, multipart: bool) -> Iterator[Offer]:
    """What negotiation answers to a request for what is stored, in its own media type.

    What other forms are converted to is among them: there is no form that cannot be stored.
    """
    media_type = "application/octet-stream" if syntax is None else syntax.media_type
    if media_type is None:
        return
    uid = transfer_syntaxes.EXPLICIT_VR_LITTLE_ENDIAN if syntax is None else syntax.uid
    accept = parse_accept(written(media_type, multipart=multipart, transfer_syntax=uid))
    try:
        reach = Reach(uid, encapsulated=syntax is not None)
        if frames:
            plan = choose_frames(accept, single=True, reach=reach)
        else:
            plan = choose_bulk(accept, items=Items(native=True, compressed=True), reach=reach)
    except NotAcceptable:
        return
    yield Offer(plan.media_type, plan.multipart, plan.transfer_syntax)

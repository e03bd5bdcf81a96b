"""All bulk data, or all pixel data, of a study, series or instance (PS3.18 10.4.1.1.5, 10.4.3.3.3)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from filmjacket.archive.spans import Span
from filmjacket.errors import NotAcceptable, NotFound
from filmjacket.services.studies.bulkdata import BulkItem, bulk_item, bulk_values, item_parts, pixel_value
from filmjacket.services.studies.coded_tags import coded_etag
from filmjacket.services.studies.download import Download, multi_part, single_part, streamed_multi_part
from filmjacket.services.studies.fragments import MAX_MEASURED
from filmjacket.services.studies.frames import choose_form
from filmjacket.services.studies.missing import missing_resource
from filmjacket.web import status
from filmjacket.web.negotiate_bulk import Items, Making, choose_bulk, choose_pixels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from filmjacket.archive.ports import BlobReader, Blobs, Index
    from filmjacket.archive.records import StoredInstance
    from filmjacket.services.studies.download import Part
    from filmjacket.services.studies.transcode import Transcoder
    from filmjacket.web.accept import Preferences
    from filmjacket.web.negotiate_bulk import BulkPlan
    from filmjacket.web.refs import ResourceRef

_MOST_ALTERNATIVES = 60
_PARTS = Items(native=False, compressed=False)
"""Collections are always multipart."""


def retrieve_bulk_collection(
    index: Index, blobs: Blobs, ref: ResourceRef, preferences: Preferences, base_url: str, *, coder: Transcoder
) -> Download:
    """The `/bulkdata` resource of a study, series or instance; see `bulk_collection`."""
    return bulk_collection(index, blobs, _instances(index, ref), preferences, base_url, coder)


def bulk_collection(
    index: Index,
    blobs: Blobs,
    instances: Sequence[StoredInstance],
    preferences: Preferences,
    base_url: str,
    coder: Transcoder,
) -> Download:
    """Every bulk value of the instances, nested and private ones too, each under its BulkDataURI.

    Raises `NotFound` if there is none, and `NotAcceptable` if none can be had in an acceptable form; if only some can,
    those are sent with 206 and a Warning (10.4.3.1).
    """
    items = (bulk_item(index, instance, value) for instance in instances for value in bulk_values(instance))

    def choose(item: BulkItem) -> BulkPlan:
        document_type = item.document_type
        return item.choose(
            coder,
            lambda reach: choose_bulk(preferences, items=_PARTS, reach=reach, document_type=document_type),
        )

    return _choose(items, choose, "The resource has no bulk data.").payload(index, blobs, coder, base_url)


def retrieve_pixel_collection(
    index: Index, blobs: Blobs, ref: ResourceRef, preferences: Preferences, base_url: str, *, coder: Transcoder
) -> Download:
    """The `/pixeldata` resource: top-level Pixel Data, Float or Double Float Pixel Data, no icons (10.4.3.3.4).

    One part holds all frames of an uncompressed image, compressed ones are one part a frame. Of an instance, what is
    one item may be had as a single part. Raises as `bulk_collection` does.
    """
    values = ((instance, pixel_value(instance)) for instance in _instances(index, ref))
    items = (bulk_item(index, instance, value) for instance, value in values if value is not None)

    def choose(item: BulkItem) -> BulkPlan:
        forms = item.items if ref.instance is not None else _PARTS
        return choose_form(coder, item.instance, lambda reach: choose_pixels(preferences, items=forms, reach=reach))

    return _choose(items, choose, "The resource has no pixel data.").payload(index, blobs, coder, base_url)


def _instances(index: Index, ref: ResourceRef) -> list[StoredInstance]:
    instances = index.instances(ref)
    if not instances:
        raise missing_resource(index, ref)
    return instances


@dataclass(frozen=True, slots=True)
class _Chosen:
    """What is sent of a collection, and how many values are left out."""

    items: list[tuple[BulkItem, BulkPlan]]
    refused: int

    def payload(self, index: Index, blobs: Blobs, coder: Transcoder, base_url: str) -> Download:
        """The download: parts are made one after the other if they are too many to be looked at beforehand."""
        plan = self.items[0][1]
        spans = [
            Span(item.instance.blob.key, item.value.offset, item.value.length)
            for item, plan in self.items
            if plan.making is not Making.CODED and not item.instance.layout.deflated
        ]
        parts = self._parts(index, blobs.reading(spans), coder, base_url)
        if not plan.multipart:
            return single_part(next(parts))
        if sum(len(item.numbers) for item, plan in self.items if item.is_divided(plan)) <= MAX_MEASURED:
            download = multi_part(list(parts), plan.media_type)
        else:
            coded = any(plan.making is Making.CODED for _, plan in self.items)
            download = streamed_multi_part(parts, plan.media_type, digest=self._digest(base_url), coded=coded)
        if not self.refused:
            return download
        total = self.refused + len(self.items)
        text = f"{self.refused} of {total} bulk values cannot be had in an acceptable media type"
        return replace(download, partial=True, ranged=None, warnings=(status.warning(base_url, text),))

    def _parts(self, index: Index, blobs: BlobReader, coder: Transcoder, base_url: str) -> Iterator[Part]:
        for item, plan in self.items:
            yield from item_parts(index, blobs, coder, item, plan, base_url)

    def _digest(self, base_url: str) -> bytes:
        digest = hashlib.sha256()
        for item, plan in self.items:
            tag = coded_etag(item.instance, plan.making)
            digest.update(f"{tag}\n{item.url(base_url)}\n{plan.content_type}\n".encode())
        return digest.digest()


def _choose(items: Iterable[BulkItem], choose: Callable[[BulkItem], BulkPlan], nothing: str) -> _Chosen:
    """The representation of each value by itself, as 8.7.8.1 asks for parts."""
    chosen: list[tuple[BulkItem, BulkPlan]] = []
    refusals: dict[str, NotAcceptable] = {}
    refused = 0
    for item in items:
        try:
            chosen.append((item, choose(item)))
        except NotAcceptable as error:
            refused += 1
            refusals.setdefault(" ".join(error.accepted), error)
    if not chosen and not refusals:
        raise NotFound(nothing, section="10.4.3.1", offender="target URI")
    if not chosen:
        raise _merged(list(refusals.values()))
    return _Chosen(chosen, refused)


def _merged(refusals: list[NotAcceptable]) -> NotAcceptable:
    """One refusal that lists what can be had of any of the values."""
    accepted = dict.fromkeys(text for error in refusals for text in error.accepted)
    first = refusals[0]
    return NotAcceptable(
        first.message, section=first.section, offender=first.offender, accepted=tuple(accepted)[:_MOST_ALTERNATIVES]
    )

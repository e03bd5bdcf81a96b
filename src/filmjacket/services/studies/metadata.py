"""Metadata of instances from what was built when they were stored (PS3.18 10.4.1.1.2, Annex F; PS3.19 A.1)."""

from __future__ import annotations

from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from filmjacket.dicom.json_model import decode_attributes
from filmjacket.dicom.xml_model import encode_native
from filmjacket.services.studies.download import Download, Part, single_part, streamed_multi_part
from filmjacket.services.studies.missing import missing_resource
from filmjacket.web import negotiate
from filmjacket.web.bulk_uri import absolute_bulk_uris, bulk_prefix
from filmjacket.web.targets import instance_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from filmjacket.archive.ports import Index
    from filmjacket.archive.records import InstanceMetadata
    from filmjacket.web.accept import Preferences
    from filmjacket.web.refs import ResourceRef

JSON = "application/dicom+json"
XML = "application/dicom+xml"


def retrieve_metadata(index: Index, ref: ResourceRef, preferences: Preferences, base_url: str) -> Download:
    """The data sets below `ref` without bulk values: one JSON array, or one XML part for each instance.

    Raises `NotFound` if there is no such resource, `NotAcceptable` for other media types.
    """
    representation = negotiate.choose_metadata(preferences, single=ref.instance is not None)
    batches = index.metadata(ref)
    first = next(batches, None)
    if not first:
        raise missing_resource(index, ref)
    documents = (item for batch in chain((first,), batches) for item in batch)
    if representation.media_type == JSON:
        return Download(JSON, None, _json_array(documents, base_url))
    parts = (_xml_part(item, base_url) for item in documents)
    return streamed_multi_part(parts, XML) if representation.multipart else single_part(next(parts))


def _json_array(documents: Iterable[InstanceMetadata], base_url: str) -> Iterator[bytes]:
    """One top-level array (F.2.1), in chunks of many instances."""
    opening = b"["
    pending: list[bytes] = []
    size = 0
    for item in documents:
        document = _with_absolute_uris(item, base_url)
        pending.append(document)
        size += len(document)
        if size >= 2**18:
            yield opening + b",".join(pending)
            opening, pending, size = b",", [], 0
    yield (opening + b",".join(pending) if pending else b"") + b"]"


def _with_absolute_uris(item: InstanceMetadata, base_url: str) -> bytes:
    return absolute_bulk_uris(
        item.document, bulk_prefix(base_url, item.study_uid, item.series_uid, item.sop_uid).encode()
    )


def _xml_part(item: InstanceMetadata, base_url: str) -> Part:
    document = encode_native(decode_attributes(_with_absolute_uris(item, base_url)))
    location = f"{instance_url(base_url, item.study_uid, item.series_uid, item.sop_uid)}/metadata"
    return Part(XML, location, len(document), partial(iter, (document,)))

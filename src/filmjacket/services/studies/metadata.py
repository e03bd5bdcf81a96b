"""Metadata of instances from what was built when they were stored (PS3.18 10.4.1.1.2, Annex F; PS3.19 A.1)."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, cast

import orjson

from filmjacket import __version__
from filmjacket.dicom.json_model import encode_attributes
from filmjacket.dicom.xml_model import encode_native
from filmjacket.services.studies.download import Download, Part, streamed_multi_part
from filmjacket.services.studies.missing import missing_resource
from filmjacket.web import negotiate
from filmjacket.web.bulk_uri import absolute_bulk_uris, bulk_prefix
from filmjacket.web.charset_choice import choose_charset, in_charset, with_charset
from filmjacket.web.conditional import etag
from filmjacket.web.media_types import DICOM_JSON, DICOM_XML
from filmjacket.web.metadata_query import MetadataQuery, select_attributes
from filmjacket.web.targets import instance_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from filmjacket.archive.ports import Index
    from filmjacket.archive.records import InstanceMetadata
    from filmjacket.dicom.attributes import Attributes
    from filmjacket.web.accept import Preferences
    from filmjacket.web.charset_choice import Charset
    from filmjacket.web.refs import ResourceRef


WHOLE = MetadataQuery()

BATCH = 64
"""Documents that a stalled reader holds; half as many would be read a tenth slower."""


def retrieve_metadata(
    index: Index, ref: ResourceRef, preferences: Preferences, base_url: str, query: MetadataQuery = WHOLE
) -> Download:
    """The data sets below `ref` without bulk values: one JSON array, or one XML part for each instance.

    Raises `NotFound` if there is no such resource, `NotAcceptable` for other media types and character sets. No
    document is read before the download's chunks are.
    """
    representation = negotiate.choose_metadata(preferences, single=ref.instance is not None)
    media_type, multipart = representation.media_type, representation.multipart
    named = preferences.charsets_of(media_type, multipart=multipart)
    charset = choose_charset(named, query.charsets, only_utf_8=media_type == DICOM_JSON)
    fingerprint = index.fingerprint(ref)
    if fingerprint is None:
        raise missing_resource(index, ref)
    digest = _digest(fingerprint, media_type, multipart, charset.name, base_url, query.include, query.creators)
    location = f"{base_url}/{ref.path}/metadata"
    documents = _documents(index, ref, base_url, query)
    if media_type == DICOM_JSON:
        download = Download(DICOM_JSON, None, _json_array(documents), location=location, etag=etag(digest.hex()))
    elif multipart:
        parts = (_xml_part(item, document, base_url, charset) for item, document in documents)
        download = streamed_multi_part(parts, DICOM_XML, digest=digest)
    else:
        chunks = (_xml(document, charset) for _, document in documents)
        download = Download(with_charset(DICOM_XML, charset), None, chunks, location=location, etag=etag(digest.hex()))
    return replace(download, codable=True, unchanged=lambda: index.fingerprint(ref) == fingerprint)


def _digest(fingerprint: str, *representation: object) -> bytes:
    """Everything that decides about the bytes; the version as well, for the next one may write them differently."""
    return hashlib.sha256(repr((__version__, fingerprint, representation)).encode()).digest()


def _documents(
    index: Index, ref: ResourceRef, base_url: str, query: MetadataQuery
) -> Iterator[tuple[InstanceMetadata, bytes]]:
    """Every instance with its DICOM JSON object, made ready for the client."""
    found = False
    for batch in index.metadata(ref, batch=BATCH):
        found = True
        for item in batch:
            document = item.document
            if query.include is not None:
                document = encode_attributes(select_attributes(_parsed(document), query))
            prefix = bulk_prefix(base_url, item.study_uid, item.series_uid, item.sop_uid)
            yield item, absolute_bulk_uris(document, prefix.encode())
    if not found:  # deleted since the fingerprint was taken
        raise missing_resource(index, ref)


def _parsed(document: bytes) -> Attributes:
    """A document that this server wrote, hence well-formed."""
    return cast("Attributes", orjson.loads(document))


def _json_array(documents: Iterable[tuple[InstanceMetadata, bytes]]) -> Iterator[bytes]:
    """One top-level array (F.2.1), in chunks of many instances."""
    opening = b"["
    pending: list[bytes] = []
    size = 0
    for _, document in documents:
        pending.append(document)
        size += len(document)
        if size >= 2**16:
            chunk = opening + b",".join(pending)
            opening, pending, size = b",", [], 0  # what is being sent is held once
            yield chunk
            del chunk
    yield (opening + b",".join(pending) if pending else b"") + b"]"


def _xml(document: bytes, charset: Charset) -> bytes:
    return in_charset(encode_native(_parsed(document)), charset)


def _xml_part(item: InstanceMetadata, document: bytes, base_url: str, charset: Charset) -> Part:
    encoded = _xml(document, charset)
    location = f"{instance_url(base_url, item.study_uid, item.series_uid, item.sop_uid)}/metadata"
    return Part(with_charset(DICOM_XML, charset), location, len(encoded), partial(iter, (encoded,)))

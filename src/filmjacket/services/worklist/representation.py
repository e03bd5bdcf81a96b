"""Workitems as payloads: DICOM JSON arrays, DICOM XML alone or in parts (PS3.18 11.1.3)."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from filmjacket.dicom.attributes import get_text
from filmjacket.dicom.json_model import encode_array
from filmjacket.dicom.xml_model import encode_native
from filmjacket.services.studies.download import Download, Part, multi_part, single_part
from filmjacket.web.charset_choice import choose_charset, in_charset, with_charset
from filmjacket.web.conditional import etag
from filmjacket.web.media_types import DICOM_JSON, DICOM_XML

if TYPE_CHECKING:
    from collections.abc import Sequence

    from filmjacket.dicom.attributes import Attributes
    from filmjacket.web.accept import Preferences
    from filmjacket.web.charset_choice import Charset, CharsetWishes
    from filmjacket.web.negotiate import Representation


def represent(
    data_sets: Sequence[Attributes],
    representation: Representation,
    charset: Charset,
    base_url: str,
    version: str | None = None,
) -> Download:
    """Return a payload of data sets; with a `version`, which changes with what they say, it has an entity tag.

    No data sets are `[]` whatever was accepted: a multipart payload has at least one part.
    """
    if representation.media_type == DICOM_JSON or not data_sets:
        body = encode_array(list(data_sets))
        tag = None if version is None else etag(version)
        return Download(DICOM_JSON, len(body), iter((body,)), etag=tag, codable=True)
    parts = [_xml_part(data_set, charset, base_url, version) for data_set in data_sets]
    made = multi_part(parts, DICOM_XML) if representation.multipart else single_part(parts[0])
    return replace(made, codable=True, ranged=None, location=None)


def charset_of(representation: Representation, preferences: Preferences, charsets: CharsetWishes) -> Charset:
    """Return the character set of a payload; JSON has but one."""
    media_type = representation.media_type
    named = preferences.charsets_of(media_type, multipart=representation.multipart)
    return choose_charset(named, charsets, only_utf_8=media_type == DICOM_JSON)


def workitem_url(base_url: str, uid: str) -> str:
    """URL of a workitem."""
    return f"{base_url}/workitems/{uid}"


def _xml_part(data_set: Attributes, charset: Charset, base_url: str, version: str | None) -> Part:
    document = in_charset(encode_native(data_set), charset)
    location = workitem_url(base_url, get_text(data_set, "00080018") or "")
    tag = None if version is None else etag(version, DICOM_XML, charset.name)
    return Part(with_charset(DICOM_XML, charset), location, len(document), partial(iter, (document,)), etag=tag)

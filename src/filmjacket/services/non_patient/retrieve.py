"""Retrieve transaction of the Non-Patient Instance service (PS3.18 12.4), and the bulk values that JSON refers to."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from filmjacket import __version__
from filmjacket.dicom.json_model import decode_attributes
from filmjacket.dicom.rewrite import to_explicit_little_endian
from filmjacket.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN
from filmjacket.dicom.xml_model import encode_native
from filmjacket.errors import NotFound
from filmjacket.services.studies.bulkdata import find_bulk_value
from filmjacket.services.studies.download import Download, Part, multi_part, single_part
from filmjacket.services.studies.stored_bytes import read_value
from filmjacket.web import negotiate
from filmjacket.web.bulk_uri import absolute_bulk_uris
from filmjacket.web.charset_choice import choose_charset, in_charset, with_charset
from filmjacket.web.conditional import etag
from filmjacket.web.media_types import DICOM, DICOM_JSON, DICOM_XML
from filmjacket.web.negotiate_bulk import Items, choose_bulk
from filmjacket.web.reach import Reach
from filmjacket.web.targets import non_patient_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filmjacket.archive.non_patient_port import NonPatientInstances
    from filmjacket.archive.non_patient_records import NonPatientInstance
    from filmjacket.archive.ports import Blobs
    from filmjacket.archive.records import StoredInstance
    from filmjacket.web.accept import Preferences
    from filmjacket.web.charset_choice import CharsetWishes
    from filmjacket.web.negotiate import Representation


class NonPatientResources:
    """The instances of all categories, as they are handed out below one base URL."""

    def __init__(self, instances: NonPatientInstances, blobs: Blobs, base_url: str) -> None:
        self._instances = instances
        self._blobs = blobs
        self._base_url = base_url

    def retrieve(self, category: str, sop_uid: str, preferences: Preferences, charsets: CharsetWishes) -> Download:
        """One instance: its Part 10 file, or its data set as JSON or XML.

        Raises `NotFound`, and `NotAcceptable` for other media types and for transfer syntaxes it cannot have.
        """
        representations = negotiate.choose_non_patient(preferences)
        instance = self._find(category, sop_uid)
        if representations[0].media_type == DICOM:
            return self._file(instance, representations)
        return self._data_set(instance, representations[0], preferences, charsets)

    def bulk_value(self, category: str, sop_uid: str, path: str, preferences: Preferences) -> Download:
        """The value behind a BulkDataURI of an instance's data set. An extension: chapter 12 has no such resource."""
        instance = self._find(category, sop_uid)
        stored = instance.stored
        value = find_bulk_value(stored, path)
        plan = choose_bulk(preferences, items=Items(native=True, compressed=True), reach=None)
        location = f"{self._bulk_prefix(instance)}/{value.path}"
        tag = etag(stored.blob.sha256, plan.content_type, value.path)

        def read(first: int, count: int) -> Iterator[bytes]:
            return read_value(self._blobs, stored, value.vr, (value.offset, value.length), (first, count))

        part = Part(plan.content_type, location, value.length, partial(read, 0, value.length), tag, read)
        return replace(multi_part([part], plan.media_type), ranged=None) if plan.multipart else single_part(part)

    def _find(self, category: str, sop_uid: str) -> NonPatientInstance:
        found = self._instances.find(category, sop_uid)
        if found is None:
            raise NotFound(
                f"There is no such instance among the {category} of this archive.",
                section="12.4.3.1",
                offender="target URI",
            )
        return found

    def _url(self, instance: NonPatientInstance) -> str:
        return non_patient_url(self._base_url, instance.category, instance.stored.sop_uid)

    def _bulk_prefix(self, instance: NonPatientInstance) -> str:
        return f"{self._url(instance)}/bulkdata"

    def _file(self, instance: NonPatientInstance, representations: tuple[Representation, ...]) -> Download:
        stored = instance.stored
        plan = negotiate.plan_instance(representations, _reach(stored))
        tag = etag(stored.blob.sha256, plan.content_type)
        whole = partial(self._blobs.chunks, stored.blob.key)
        if plan.plan is negotiate.TransferPlan.AS_STORED and stored.layout.part10:
            part = Part(plan.content_type, self._url(instance), stored.blob.size, whole, tag, whole)
        else:
            part = Part(plan.content_type, self._url(instance), None, lambda: to_explicit_little_endian(whole()), tag)
        return single_part(part)

    def _data_set(
        self,
        instance: NonPatientInstance,
        representation: Representation,
        preferences: Preferences,
        charsets: CharsetWishes,
    ) -> Download:
        media_type, multipart = representation.media_type, representation.multipart
        named = preferences.charsets_of(media_type, multipart=multipart)
        charset = choose_charset(named, charsets, only_utf_8=media_type == DICOM_JSON)
        body = absolute_bulk_uris(instance.document, self._bulk_prefix(instance).encode())
        content_type = DICOM_JSON
        if media_type == DICOM_JSON:
            body = b"[" + body + b"]"
        else:
            body = in_charset(encode_native(decode_attributes(body)), charset)
            content_type = with_charset(DICOM_XML, charset)
        digest = hashlib.sha256(__version__.encode() + body).hexdigest()
        tag = etag(digest, content_type)
        part = Part(content_type, self._url(instance), len(body), partial(iter, (body,)), tag)
        return replace(multi_part([part], DICOM_XML) if multipart else single_part(part), codable=True)


def _reach(stored: StoredInstance) -> Reach:
    """These instances have no pixels to code: without them, an encapsulated transfer syntax is the native one."""
    pixel = stored.layout.pixel
    encapsulated = pixel is not None and pixel.encapsulated
    return Reach(stored.transfer_syntax, encapsulated, () if encapsulated else (EXPLICIT_VR_LITTLE_ENDIAN,))

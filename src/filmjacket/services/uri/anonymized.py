"""One instance, de-identified on its way out (PS3.18 9.4.1.2.2, PS3.15 Annex E)."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from filmjacket import __version__
from filmjacket.deid.codestreams import without_comments
from filmjacket.deid.data_set import deidentify, is_deidentified
from filmjacket.deid.refusals import check_deidentifiable
from filmjacket.dicom import transfer_syntaxes
from filmjacket.dicom.codestreams import describe_stream
from filmjacket.dicom.pixel_layout import PIXEL_TAGS
from filmjacket.dicom.writer import BulkStream, EncapsulatedFrames, write_file
from filmjacket.errors import DicomError, NotAcceptable, NotFound
from filmjacket.services.studies.bulkdata import bulk_values
from filmjacket.services.studies.download import Download, Part, single_part
from filmjacket.services.studies.pixel_source import open_pixel_source
from filmjacket.services.studies.stored_bytes import joined_bits, read_value
from filmjacket.services.studies.stored_data_set import read_attributes
from filmjacket.web import negotiate
from filmjacket.web.conditional import etag
from filmjacket.web.media_types import DICOM
from filmjacket.web.reach import RECOMPRESSED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filmjacket.archive.records import StoredInstance
    from filmjacket.deid.pseudonyms import Pseudonyms
    from filmjacket.dicom.attributes import Attributes
    from filmjacket.dicom.writer import BulkContent
    from filmjacket.services.studies.studio import Studio
    from filmjacket.services.studies.transcode import Transcoder
    from filmjacket.web.accept import Preferences


def anonymized_instance(
    studio: Studio, transcoder: Transcoder, instance: StoredInstance, preferences: Preferences, pseudonyms: Pseudonyms
) -> Download:
    """The instance without what tells who the patient is; nothing around it, location or entity tag, tells either.

    Raises `NotAcceptable` if that cannot be done right, or not in the transfer syntax asked for.
    """
    attributes = read_attributes(studio.index, instance)
    representations = negotiate.choose_instances(preferences, single=True)
    plan = negotiate.plan_instance(representations, transcoder.reach(instance))
    check_deidentifiable(attributes, instance.transfer_syntax)
    syntax = plan.transfer_syntax
    bulk = _Bulk(studio, instance)
    if plan.plan is not negotiate.TransferPlan.TRANSCODE:
        bulk.check()
    elif RECOMPRESSED.get(instance.transfer_syntax) == syntax:
        raise _refusal("in that transfer syntax comments in the stored codestream would stay")
    else:
        attributes, bulk.pixels = _transcoded(transcoder, instance, attributes, syntax)
    cleaned = deidentify(attributes, pseudonyms)
    # Keyed: whoever has the original file could find out its digest.
    what = f"{__version__} {instance.blob.sha256} {instance.sop_uid} {syntax}"
    digest = hmac.digest(pseudonyms.key, what.encode(), hashlib.sha256)
    tag = etag(digest[:16].hex())
    part = Part(DICOM, "", None, lambda: write_file(cleaned, transfer_syntax=syntax, bulk=bulk.content), tag)
    return replace(single_part(part), location=None)


def says_deidentified(studio: Studio, instance: StoredInstance) -> bool:
    """Tell whether an instance says that it is de-identified already, so that it keeps its UIDs (9.4.1.2.2)."""
    return is_deidentified(read_attributes(studio.index, instance))


def _transcoded(
    transcoder: Transcoder, instance: StoredInstance, attributes: Attributes, syntax: str
) -> tuple[Attributes, BulkContent]:
    """The data set and the pixels in another transfer syntax; one content for one writing of the file."""
    from filmjacket.pixels.forms import sent_frame_bits  # noqa: PLC0415 - codecs are loaded by those who need them
    from filmjacket.pixels.transcoded_attributes import LOSSY_METHODS, changed_attributes  # noqa: PLC0415

    pixel = instance.layout.pixel
    description = transcoder.source(instance).description
    numbers = range(1, description.frames + 1)
    frames = transcoder.frames(instance, numbers, syntax)
    first = frames.take(1)
    bits = sent_frame_bits(description)
    stored_ratio = None
    if instance.transfer_syntax in LOSSY_METHODS and describe_stream(transcoder.source(instance).frame_stream(1)).lossy:
        stored_ratio = bits / 8 * description.frames / max(1, pixel.length if pixel else 1)
    changes = changed_attributes(
        attributes, description, syntax, ratio=bits / 8 / len(first), stored_ratio=stored_ratio
    )
    changed = {tag: element for tag, element in (attributes | changes).items() if element is not None}
    made = chain((first,), (frames.take(number) for number in numbers[1:]))
    known = transfer_syntaxes.get(syntax)
    if known is not None and known.encapsulated:
        return changed, EncapsulatedFrames(made)
    tag = pixel.tag if pixel else "7FE00010"
    vr = {"float": "OF", "double": "OD"}.get(description.kind, "OW" if description.bits_allocated > 8 else "OB")
    changed[tag] = {"vr": vr, "BulkDataURI": f"/{tag}"}
    return changed, BulkStream((bits * description.frames + 7) // 8, joined_bits(made, bits))


def _refusal(why: str) -> NotAcceptable:
    return NotAcceptable(f"This instance cannot be de-identified: {why}.", section="9.4.1.2.2", offender="anonymize")


class _Bulk:
    """The values that metadata only refer to, as they are read for the new file."""

    def __init__(self, studio: Studio, instance: StoredInstance) -> None:
        self._studio = studio
        self._instance = instance
        self.pixels: BulkContent | None = None
        """Pixel data made anew, in place of the stored ones."""
        self._values = {value.path: value for value in bulk_values(instance)}

    def check(self) -> None:
        """Look at the first frame, while a refusal still has a status of its own."""
        if not self._encapsulated:
            return
        try:
            next(self._frames(), None)
        except DicomError as error:
            raise _refusal(error.message) from error

    def content(self, reference: str) -> BulkContent:
        """The value behind a relative BulkDataURI of the metadata."""
        path = reference.strip("/")
        if path in PIXEL_TAGS and self.pixels is not None:
            return self.pixels
        value = self._values.get(path)
        if value is None:
            raise NotFound("The instance has no bulk value at this path.", section="10.4.1.1.5")
        if path in PIXEL_TAGS and self._encapsulated:
            return EncapsulatedFrames(self._frames())
        whole = (value.offset, value.length)
        return BulkStream(value.length, read_value(self._studio.blobs, self._instance, value.vr, whole))

    @property
    def _encapsulated(self) -> bool:
        pixel = self._instance.layout.pixel
        return pixel is not None and pixel.encapsulated

    def _frames(self) -> Iterator[bytes]:
        studio = self._studio
        source = open_pixel_source(studio.index, studio.blobs, studio.wall, self._instance)
        for number in range(1, source.description.frames + 1):
            yield without_comments(source.frame_stream(number), source.description.coding)

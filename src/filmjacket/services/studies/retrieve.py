"""Retrieve transaction for study, series and instance resources (PS3.18 10.4.1.1.1), also called WADO-RS.

Instances go out as stored, or as Explicit VR Little Endian where what is stored may not be used with web services
(Implicit VR, Big Endian) or is not what the client asked for (Deflated). That conversion works on raw bytes. Whatever
needs frames to be decoded or encoded is left to `transcode`.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from filmjacket.archive.spans import Span
from filmjacket.dicom.rewrite import to_explicit_little_endian
from filmjacket.errors import NotAcceptable
from filmjacket.services.studies.bulk_collections import bulk_collection
from filmjacket.services.studies.coded_tags import coded_etag
from filmjacket.services.studies.download import Download, Part, multi_part, single_part
from filmjacket.services.studies.missing import missing_resource
from filmjacket.services.studies.stored_bytes import STEP
from filmjacket.services.studies.zip_archive import names_of, zip_download
from filmjacket.web import negotiate, status
from filmjacket.web.conditional import etag
from filmjacket.web.media_types import DICOM, OCTET_STREAM, ZIP
from filmjacket.web.reach import Reach
from filmjacket.web.targets import instance_url, resource_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from filmjacket.archive.ports import BlobReader, Blobs, Index
    from filmjacket.archive.records import StoredInstance
    from filmjacket.services.studies.transcode import Transcoder
    from filmjacket.web.accept import Preferences
    from filmjacket.web.negotiate import InstancePlan, Representation
    from filmjacket.web.refs import ResourceRef
    from filmjacket.web.zip_names import NameTemplate


def retrieve_instances(
    index: Index,
    blobs: Blobs,
    ref: ResourceRef,
    preferences: Preferences,
    base_url: str,
    *,
    zip_names: NameTemplate,
    coder: Transcoder,
) -> Download:
    """Every instance below `ref` as a Part 10 file, in `multipart/related`, alone, or in a ZIP archive.

    Raises `NotFound` if there is none and `NotAcceptable` if none can be had in an acceptable form; if only some
    can, those are sent with 206 and a Warning (10.4.3.1).
    """
    representations = negotiate.choose_instances(preferences, single=ref.instance is not None)
    instances = index.instances(ref)
    if not instances:
        raise missing_resource(index, ref)
    if representations[0].media_type == OCTET_STREAM:
        return bulk_collection(index, blobs, instances, preferences, base_url, coder)
    planned, refused = _plan(coder, ref, instances, representations)
    reader = blobs.reading(
        [
            Span(instance.blob.key, 0, instance.blob.size)
            for instance, plan in planned
            if plan.plan is not negotiate.TransferPlan.TRANSCODE
        ]
    )
    parts = [_part(blobs, reader, coder, instance, plan, base_url) for instance, plan in planned]
    if representations[0].media_type == ZIP:
        names = names_of(index, ref, [instance for instance, _ in planned], zip_names)
        uid = ref.instance or ref.series or ref.study
        # A study may have more files tomorrow: only an instance is what its URL will always give.
        location = None if ref.instance is None else resource_url(base_url, ref)
        download = zip_download(parts, names, file_name=f"{uid}.zip", location=location)
    elif planned[0][1].representation.multipart:
        download = multi_part(parts, DICOM)
    else:
        download = single_part(parts[0])
    if not refused:
        return download
    # A range of an incomplete answer would be told from it by its Content-Range alone; it is sent from the beginning.
    text = f"{refused} of {len(instances)} instances cannot be had in an acceptable transfer syntax"
    return replace(download, partial=True, ranged=None, warnings=(status.warning(base_url, text),))


def _plan(
    coder: Transcoder, ref: ResourceRef, instances: Sequence[StoredInstance], representations: Sequence[Representation]
) -> tuple[list[tuple[StoredInstance, InstancePlan]], int]:
    """The plan of each instance that has one, and how many have none; raises if that is all of them."""
    simple: dict[str, InstancePlan | None] = {}
    for instance in instances:
        if instance.transfer_syntax not in simple:
            simple[instance.transfer_syntax] = _plan_without_coding(representations, instance)
    reaches = coder.reaches([instance for instance in instances if simple[instance.transfer_syntax] is None], ref)
    planned: list[tuple[StoredInstance, InstancePlan]] = []
    refusal: NotAcceptable | None = None
    for instance in instances:
        plan = simple[instance.transfer_syntax]
        try:
            planned.append((instance, plan or negotiate.plan_instance(representations, reaches[instance.sop_uid])))
        except NotAcceptable as error:
            refusal = error
    if refusal is not None and not planned:
        raise refusal
    return planned, len(instances) - len(planned)


def _plan_without_coding(representations: Sequence[Representation], instance: StoredInstance) -> InstancePlan | None:
    """The plan if it is the same for all instances stored alike; None if it depends on their pixels."""
    pixel = instance.layout.pixel
    at_best = Reach.at_best(instance.transfer_syntax, encapsulated=pixel is not None and pixel.encapsulated)
    try:
        plan = negotiate.plan_instance(representations, at_best)
    except NotAcceptable:
        return None
    return None if plan.plan is negotiate.TransferPlan.TRANSCODE else plan


def _part(
    blobs: Blobs, reader: BlobReader, coder: Transcoder, instance: StoredInstance, plan: InstancePlan, base_url: str
) -> Part:
    """An instance; `reader` knows that it is going to be read from the beginning."""
    location = instance_url(base_url, instance.study_uid, instance.series_uid, instance.sop_uid)
    if plan.plan is negotiate.TransferPlan.TRANSCODE:
        coded = partial(coder.file, instance, plan.transfer_syntax)
        return Part(plan.content_type, location, None, coded, coded_etag(instance, plan.content_type), coded=True)
    whole = partial(_stored_file, reader, instance)
    tag = etag(instance.blob.sha256, plan.content_type)
    if plan.plan is negotiate.TransferPlan.AS_STORED and instance.layout.part10:
        ranged = partial(blobs.chunks, instance.blob.key)
        elsewhere = partial(blobs.public_url, instance.blob.key)
        return Part(plan.content_type, location, instance.blob.size, whole, tag, ranged, elsewhere=elsewhere)
    return Part(plan.content_type, location, None, lambda: to_explicit_little_endian(whole()), tag)


def _stored_file(blobs: BlobReader, instance: StoredInstance) -> Iterable[bytes]:
    if instance.blob.size <= STEP:
        return (blobs.read(instance.blob.key, 0, instance.blob.size),)
    return blobs.chunks(instance.blob.key)

"""Rendered MPR and 3D volumes (PS3.18 10.4.1.1.7, 10.4.1.1.8): targets to volumes, volumes to payloads."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, cast

import orjson

from filmjacket import __version__
from filmjacket.dicom.attributes import get_integer
from filmjacket.dicom.json_model import encode_attributes
from filmjacket.dicom.xml_model import encode_native
from filmjacket.errors import BadRequest, NotAcceptable, NotFound
from filmjacket.services.studies.download import Download, Part, single_part, streamed_multi_part
from filmjacket.services.studies.missing import missing_resource
from filmjacket.services.studies.pixel_source import open_pixel_source
from filmjacket.web import status
from filmjacket.web.conditional import etag
from filmjacket.web.matching import matches_all
from filmjacket.web.media_types import DICOM_JSON
from filmjacket.web.negotiate_volumes import choose_rendered_volume
from filmjacket.web.refs import ResourceRef
from filmjacket.web.rendered_volume_module import rendered_volume_module
from filmjacket.web.rendering import not_supported_text
from filmjacket.web.volume_rendering import VOLUMETRIC_PRESENTATION_STATES, Operation, refuse_on_presentation_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from filmjacket.archive.ports import Blobs, Index
    from filmjacket.archive.records import StoredInstance
    from filmjacket.dicom.attributes import Attributes
    from filmjacket.pixels.description import PixelArray, PixelDescription
    from filmjacket.pixels.render import RenderedImage
    from filmjacket.pixels.volume_cache import VolumeCache
    from filmjacket.pixels.volume_grid import Volume
    from filmjacket.pixels.volume_input import Plane, Stack
    from filmjacket.pixels.volume_load import ReadPlane
    from filmjacket.pixels.volume_pictures import Scene
    from filmjacket.pixels.wall import CodecWall
    from filmjacket.services.studies.pixel_source import PixelSource
    from filmjacket.web.accept import Preferences
    from filmjacket.web.negotiate import Representation
    from filmjacket.web.volume_rendering import VolumeRequest

    Check = Callable[[], None]

NAMES = {Operation.MPR: "renderedmpr", Operation.THREE_D: "rendered3d"}
WITHOUT_PROFILE = frozenset(("image/gif", "image/jxl"))


@dataclass(frozen=True, slots=True)
class VolumeArchive:
    """Where volumes come from. `check` raises when the requester is gone."""

    index: Index
    blobs: Blobs
    wall: CodecWall
    volumes: VolumeCache
    check: Check


def retrieve_rendered_volume(
    archive: VolumeArchive,
    ref: ResourceRef,
    request: VolumeRequest,
    preferences: Preferences,
    base_url: str,
    *,
    frames: tuple[int, ...] = (),
) -> Download:
    """A picture, an animation or the description of a rendering of the volume below `ref`; `frames` of an instance.

    The volume is loaded now, pictures are made when the chunks are pulled. Raises `NotFound` if there is no such
    resource, `BadRequest` if it holds no volume, `TooLarge` if the volume is, `NotAcceptable` for other media types.
    """
    representation = choose_rendered_volume(preferences, animated=request.animated, metadata=request.metadata)
    _refuse_profile(request, representation)
    fingerprint = archive.index.fingerprint(ref)
    if fingerprint is None:
        raise missing_resource(archive.index, ref)
    key = (fingerprint, frames, request.reference, request.keys)
    volume = archive.volumes.get(key, partial(_load, archive, ref, request, frames), archive.check)
    from filmjacket.pixels.volume_pictures import scene_of  # noqa: PLC0415 - numpy is loaded by those who need it

    scene = scene_of(volume, request)
    if request.metadata:
        download = _described(request, scene, representation)
    else:
        what = (__version__, key, request.picture_key, representation.media_type, representation.multipart, base_url)
        digest = hashlib.sha256(repr(what).encode()).digest()
        location = f"{base_url}/{ref.path}{_frames_path(frames)}/{NAMES[request.operation]}"
        download = _pictured(volume, request, scene, representation, (digest, location, ref.study or ""), archive)
    unknown = request.rendering.unsupported_annotation
    if not unknown:
        return download
    return replace(download, warnings=(status.warning(base_url, not_supported_text(unknown)),))


def _frames_path(frames: Sequence[int]) -> str:
    return f"/frames/{','.join(map(str, frames))}" if frames else ""


def _refuse_profile(request: VolumeRequest, representation: Representation) -> None:
    if representation.media_type in WITHOUT_PROFILE and request.rendering.icc not in {None, "no"}:
        raise BadRequest(
            "The parameter iccprofile cannot be used: GIF and JPEG XL come without a profile.",
            section="8.3.5.1.5",
            offender="iccprofile",
            accepted=("iccprofile=no", "another media type"),
        )


# Volumes ------------------------------------------------------------------------------------------------------


def _load(archive: VolumeArchive, ref: ResourceRef, request: VolumeRequest, frames: tuple[int, ...]) -> Volume:
    from filmjacket.pixels.volume_input import choose_stack  # noqa: PLC0415 - see above
    from filmjacket.pixels.volume_load import check_size, load_volume  # noqa: PLC0415

    wanted = request.reference
    holding = None if wanted is None else (wanted.uid, wanted.frame)
    stack = choose_stack(_planes(archive, ref, request, frames), holding=holding)
    check_size(stack, archive.volumes.maximum_bytes)
    return load_volume(stack, _reader(archive, ref, stack), archive.check)


def _planes(archive: VolumeArchive, ref: ResourceRef, request: VolumeRequest, frames: tuple[int, ...]) -> list[Plane]:
    """Every frame of the target that the request does not leave out."""
    from filmjacket.pixels.volume_input import planes_of, refusal  # noqa: PLC0415 - see above

    planes: list[Plane] = []
    referenced = request.reference is None
    matched = not request.keys
    for batch in archive.index.metadata(ref):
        archive.check()
        for item in batch:
            attributes = cast("Attributes", orjson.loads(item.document))
            if ref.instance is not None:
                _refuse_instance(attributes, request, frames)
            if request.reference is not None and request.reference.uid == item.sop_uid:
                referenced = _has_frame(attributes, request.reference.frame, frames)
            if not matches_all(attributes, request.keys):
                continue
            matched = True
            planes += planes_of(attributes, item.sop_uid, item.series_uid, frames or None)
    if not referenced:
        raise BadRequest(
            "The parameter volumeinputreference cannot be used: the target has no such instance or frame.",
            section="8.3.5.3.1",
            offender="volumeinputreference",
            accepted=("the SOP Instance UID of an instance of the target, and one of its frames",),
        )
    if not matched:
        raise refusal("none of its instances has the attributes that were asked for")
    return planes


def _refuse_instance(attributes: Attributes, request: VolumeRequest, frames: Sequence[int]) -> None:
    sop_class = attributes.get("00080016", {}).get("Value", [""])[0]
    if sop_class in VOLUMETRIC_PRESENTATION_STATES:
        refuse_on_presentation_state(request)
        raise NotAcceptable(
            "The target is a Volumetric Presentation State; this server renders volumes, not presentation states of "
            "them.",
            section="8.3.5.3",
            offender="target URI",
            accepted=("the series that it refers to",),
        )
    count = get_integer(attributes, "00280008") or 1
    if frames and max(frames) > count:
        raise NotFound(
            f"Frame {max(frames)} was asked for; the instance has {count}.",
            section="10.4.1.1.6",
            offender="frames",
            accepted=(f"1-{count}",),
        )


def _has_frame(attributes: Attributes, frame: int | None, frames: Sequence[int]) -> bool:
    if frame is None:
        return True
    return frame in frames if frames else frame <= (get_integer(attributes, "00280008") or 1)


def _reader(archive: VolumeArchive, ref: ResourceRef, stack: Stack) -> ReadPlane:
    """Reads the pixels of a plane; the source of a multi-frame stays open for the next one."""
    instances: dict[str, StoredInstance] = {
        instance.sop_uid: instance for instance in archive.index.instances(replace(ref, series=_series(ref, stack)))
    }
    last: dict[str, PixelSource] = {}

    def read(plane: Plane) -> tuple[PixelArray, PixelDescription]:
        source = last.get(plane.sop_uid)
        if source is None:
            instance = instances.get(plane.sop_uid)
            if instance is None:
                raise NotFound("An instance of the volume is not there any more.", section="10.4.3.1")
            last.clear()
            source = last[plane.sop_uid] = open_pixel_source(archive.index, archive.blobs, archive.wall, instance)
        return source.array(plane.frame), source.description

    return read


def _series(ref: ResourceRef, stack: Stack) -> str:
    return ref.series or stack.planes[0].series_uid


# Payloads -----------------------------------------------------------------------------------------------------


def _attributes(archive: VolumeArchive, study: str, volume: Volume) -> Attributes:
    """What holds for the middle slice."""
    from filmjacket.pixels.functional_groups import attributes_of_frame  # noqa: PLC0415 - see above

    series, instance, frame = volume.source
    for batch in archive.index.metadata(ResourceRef(study, series, instance)):
        for item in batch:
            return attributes_of_frame(cast("Attributes", orjson.loads(item.document)), frame)
    return {}


def _described(request: VolumeRequest, scene: Scene, representation: Representation) -> Download:
    camera = scene.camera
    points = tuple(point.tolist() for point in (camera.position, camera.look_at, camera.up))
    module = rendered_volume_module(request, points, scene.window)
    written = encode_attributes if representation.media_type == DICOM_JSON else encode_native
    body = written(module)
    if representation.multipart:
        part = Part(representation.media_type, "", len(body), lambda: (body,))
        return replace(streamed_multi_part((part,), representation.media_type), codable=True)
    return Download(representation.media_type, len(body), iter((body,)), codable=True)


def _pictured(
    volume: Volume,
    request: VolumeRequest,
    scene: Scene,
    representation: Representation,
    identity: tuple[bytes, str, str],
    archive: VolumeArchive,
) -> Download:
    digest, location, study = identity
    media_type, tag = representation.media_type, etag(digest.hex())

    def images() -> Iterator[RenderedImage]:
        from filmjacket.pixels.volume_pictures import finished, pictures  # noqa: PLC0415 - see above

        attributes = _attributes(archive, study, volume) if request.rendering.annotation else {}
        for image in pictures(volume, request, scene, archive.check):
            yield finished(image, request, attributes)

    def encoded(image: RenderedImage) -> bytes:
        from filmjacket.pixels.encode_image import encode_image  # noqa: PLC0415 - see above

        return encode_image(image, media_type, request.rendering.quality)

    if representation.multipart:
        return streamed_multi_part(_parts(map(encoded, images()), media_type, location), media_type, digest=digest)
    if request.animated:
        return Download(media_type, None, _animated(images(), request.rate), location=location, etag=tag)
    return single_part(Part(media_type, location, None, lambda: map(encoded, images()), tag))


def _parts(files: Iterable[bytes], media_type: str, location: str) -> Iterator[Part]:
    for file in files:
        yield Part(media_type, location, len(file), partial(iter, (file,)))


def _animated(images: Iterable[RenderedImage], rate: int) -> Iterator[bytes]:
    from filmjacket.pixels.animation import animated_gif  # noqa: PLC0415 - see above

    yield from animated_gif((image, 1000.0 / rate) for image in images)

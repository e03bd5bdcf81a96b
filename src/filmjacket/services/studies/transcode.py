"""Frames and instances in transfer syntaxes other than the stored one, made while they are sent (PS3.18 8.7.3).

Only wanted frames are read and decoded, one by one, so that memory holds a few whatever the size of an instance. Frames
that several requests want at once are made once, and kept for a while.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Final, cast

import orjson

from filmjacket.dicom import transfer_syntaxes
from filmjacket.dicom.codestreams import describe_stream
from filmjacket.dicom.rewrite import Change, changed_file
from filmjacket.dicom.transfer_syntaxes import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    ENCAPSULATED_UNCOMPRESSED,
    EXPLICIT_VR_LITTLE_ENDIAN,
    Kind,
)
from filmjacket.dicom.writer import BulkStream, EncapsulatedFrames, encapsulated_element, native_element
from filmjacket.errors import DicomError, NotAcceptable, NotFound, UnreadablePixels
from filmjacket.pixels.description import describe_pixels
from filmjacket.pixels.forms import reach_of, sent_frame_bits
from filmjacket.pixels.overlays_embedded import whole_cells
from filmjacket.services.studies.item_changes import with_changed_items
from filmjacket.services.studies.nested_pixels import NestedPixels, describe_nested, is_nested
from filmjacket.services.studies.pixel_source import PixelSource
from filmjacket.services.studies.rendered_cache import RenderedCache
from filmjacket.services.studies.stored_bytes import joined_bits
from filmjacket.services.studies.stored_data_set import read_attributes
from filmjacket.web.media_types import DICOM, written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from concurrent.futures import Future

    from filmjacket.archive.ports import Blobs, Index
    from filmjacket.archive.records import StoredInstance
    from filmjacket.dicom.attributes import Attributes
    from filmjacket.dicom.layout import BulkValue
    from filmjacket.pixels.description import PixelDescription
    from filmjacket.pixels.wall import CodecWall
    from filmjacket.web.reach import Reach
    from filmjacket.web.refs import ResourceRef

AHEAD: Final = 2
"""Frames that are being made while one is sent: as many as there are processors in a small server."""

_REMEMBERED: Final = 1024
_NATIVE: Final = frozenset((EXPLICIT_VR_LITTLE_ENDIAN, DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN))
_DELIMITER: Final = 8  # bytes of the Sequence Delimitation Item behind fragments


@dataclass(frozen=True, slots=True)
class _Image:
    """What there is to know of an instance in order to code its frames."""

    reach: Reach
    description: PixelDescription | None


class Transcoder:
    """Codes frames behind the wall, `workers` at a time, and keeps up to `cache_bytes` of what came of it."""

    def __init__(self, index: Index, blobs: Blobs, wall: CodecWall, *, workers: int, cache_bytes: int) -> None:
        self._index = index
        self._blobs = blobs
        self._wall = wall
        self._kept = RenderedCache(cache_bytes, "coded_frames")
        self._cache_bytes = cache_bytes
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="transcode")
        self._lock = threading.Lock()
        self._images: OrderedDict[str, _Image] = OrderedDict()
        self._nested: tuple[str, dict[str, NestedPixels]] = ("", {})

    def close(self) -> None:
        """Give up work that has not begun."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def reach(self, instance: StoredInstance) -> Reach:
        """What an instance can be had in."""
        return self._image(instance).reach

    def reaches(self, instances: Sequence[StoredInstance], ref: ResourceRef) -> dict[str, Reach]:
        """The same for instances below `ref`, by their UIDs, with few looks into the index."""
        wanted = {instance.sop_uid: instance for instance in instances}
        if len(wanted) > 1:
            for batch in self._index.metadata(ref):
                for item in batch:
                    instance = wanted.get(item.sop_uid)
                    if instance is not None and instance.blob.sha256 not in self._images:
                        self._remember(instance, cast("Attributes", orjson.loads(item.document)))
        return {uid: self.reach(instance) for uid, instance in wanted.items()}

    def frames(self, instance: StoredInstance, numbers: Sequence[int], transfer_syntax: str) -> CodedFrames:
        """The frames of these numbers in a transfer syntax, `CodedFrames.take` gives each when its turn comes."""
        source = self._source(instance)
        # All of a large instance would push out everything else that is kept.
        keep = len(numbers) * source.description.array_bytes <= self._cache_bytes // 4
        make = self._kept_frame if keep else self._frame
        return CodedFrames(numbers, lambda number: make(source, number, transfer_syntax), self._threads)

    def frame_bytes(self, instance: StoredInstance) -> int:
        """Bytes of one native frame as it is sent by itself."""
        return (sent_frame_bits(self._source(instance).description) + 7) // 8

    def frame_stream_bytes(self, instance: StoredInstance) -> int:
        """Bytes of all native frames as one value."""
        description = self._source(instance).description
        return (description.frames * sent_frame_bits(description) + 7) // 8

    def frame_stream(self, instance: StoredInstance) -> Iterator[bytes]:
        """All frames as one native value."""
        description = self._source(instance).description
        numbers = range(1, description.frames + 1)
        frames = self.frames(instance, numbers, EXPLICIT_VR_LITTLE_ENDIAN)
        return joined_bits((frames.take(number) for number in numbers), sent_frame_bits(description))

    def file(self, instance: StoredInstance, transfer_syntax: str) -> Iterator[bytes]:
        """The instance as a Part 10 file in a transfer syntax of its reach, with the header of the stored file."""
        chunks = self._blobs.chunks(instance.blob.key)
        pixel = instance.layout.pixel
        plain = pixel is None or (not pixel.encapsulated and transfer_syntax in _NATIVE)
        stored = transfer_syntaxes.get(instance.transfer_syntax)
        # Between native syntaxes what should not be compressed stays as it came: nothing says how it is.
        if any(map(is_nested, instance.layout.bulk)) and not (plain and stored and not stored.encapsulated):
            chunks = with_changed_items(chunks, self._native_items(instance))
        if plain:
            return changed_file(chunks, Change(transfer_syntax))
        return _TranscodedFile(self, instance, transfer_syntax).chunks(chunks, read_attributes(self._index, instance))

    def nested(self, instance: StoredInstance, value: BulkValue) -> NestedPixels:
        """What there is to know of encapsulated pixel data in an item, an icon's for example."""
        return self._nested_of(instance)[value.path]

    def nested_bytes(self, nested: NestedPixels) -> bytes:
        """Encapsulated pixel data of an item as a native value."""
        key = f"{nested.instance.blob.sha256} {nested.value.path}"
        try:
            return self._kept.get_or_make(key, lambda: nested.decode(self._blobs, self._wall))
        except DicomError as error:
            raise UnreadablePixels(
                f"The pixel data of the item cannot be converted: {error.message}. They can be had as they are stored.",
                section=error.section,
                offender=nested.value.path,
                accepted=_stored_forms(nested.instance),
            ) from error

    def _native_items(self, instance: StoredInstance) -> dict[str, Callable[[], Mapping[str, bytes] | None]]:
        """What is to become of the items with encapsulated pixel data, by their paths."""

        def change(values: Iterable[NestedPixels]) -> Mapping[str, bytes] | None:
            changes: dict[str, bytes] = {}
            for nested in values:
                elements = self._native_elements(nested)
                if elements is None:
                    return None
                changes |= elements
            return changes

        items: dict[str, list[NestedPixels]] = {}
        for nested in self._nested_of(instance).values():
            items.setdefault(nested.item, []).append(nested)
        return {item: partial(change, values) for item, values in items.items()}

    def _native_elements(self, nested: NestedPixels) -> Mapping[str, bytes] | None:
        try:
            if nested.description is not None:
                return nested.native_elements(self.nested_bytes(nested))
        except NotAcceptable:
            pass  # of the image that was asked for, nothing is wrong
        return None if nested.is_icon else nested.without_pixels()

    def _nested_of(self, instance: StoredInstance) -> dict[str, NestedPixels]:
        """All nested pixel data of an instance by their paths; those of the last one are kept: more are asked for."""
        key, found = self._nested
        if key != instance.blob.key:
            attributes = read_attributes(self._index, instance)
            values = filter(is_nested, instance.layout.bulk)
            found = {value.path: describe_nested(attributes, instance, value) for value in values}
            self._nested = (instance.blob.key, found)
        return found

    def source(self, instance: StoredInstance) -> PixelSource:
        """The pixels of an instance, without its attributes."""
        return self._source(instance)

    def _kept_frame(self, source: PixelSource, number: int, transfer_syntax: str) -> bytes:
        key = f"{source.instance.blob.sha256} {number} {transfer_syntax}"
        return self._kept.get_or_make(key, lambda: self._frame(source, number, transfer_syntax))

    def _frame(self, source: PixelSource, number: int, transfer_syntax: str) -> bytes:
        from filmjacket.pixels.recode import recode_frame  # noqa: PLC0415 - codecs are loaded by those who need them

        description = source.description
        try:
            stream, offset = source.frame_stream(number), source.bit_offset(number)
            # Moving bytes needs no protection from streams.
            if description.coding is Kind.UNCOMPRESSED and transfer_syntax in {*_NATIVE, ENCAPSULATED_UNCOMPRESSED}:
                return recode_frame(stream, description, transfer_syntax, offset)
            return self._wall.run(recode_frame, stream, description, transfer_syntax, offset)
        except DicomError as error:
            raise _unreadable(source.instance, number, error) from error

    def _source(self, instance: StoredInstance) -> PixelSource:
        image = self._image(instance)
        if image.description is None:
            raise UnreadablePixels(f"The pixel data cannot be converted: {image.reach.obstacle}.", section="8.7.8.2")
        return PixelSource(instance, {}, image.description, self._index, self._blobs, self._wall)

    def _image(self, instance: StoredInstance) -> _Image:
        with self._lock:
            found = self._images.get(instance.blob.sha256)
        return found or self._remember(instance, read_attributes(self._index, instance))

    def _remember(self, instance: StoredInstance, attributes: Attributes) -> _Image:
        pixel = instance.layout.pixel
        reach = reach_of(attributes, instance.transfer_syntax, pixel, framed=instance.layout.framed)
        description = None
        if pixel is not None and (not reach.obstacle or (pixel.encapsulated and reach.lossless)):
            description = describe_pixels(attributes, instance.transfer_syntax, pixel)
        if description is not None and reach.obstacle:
            description = whole_cells(description)
        image = _Image(reach, description)
        with self._lock:
            self._images[instance.blob.sha256] = image
            while len(self._images) > _REMEMBERED:
                self._images.popitem(last=False)
        return image


class CodedFrames:
    """Frames that are made as they are taken, in order, the next ones at the same time."""

    def __init__(self, numbers: Sequence[int], make: Callable[[int], bytes], threads: ThreadPoolExecutor) -> None:
        self._numbers = numbers
        self._make = make
        self._threads = threads
        self._begun = 0
        self._making: dict[int, Future[bytes]] = {}

    def take(self, number: int) -> bytes:
        """The frame of a number; out of order it is made by itself."""
        if len(self._numbers) == 1:
            return self._make(number)
        if number not in self._making and self._begun < len(self._numbers) and self._numbers[self._begun] == number:
            self._begin()
        future = self._making.pop(number, None)
        while len(self._making) < AHEAD and self._begun < len(self._numbers):
            self._begin()
        return self._make(number) if future is None else future.result()

    def _begin(self) -> None:
        number = self._numbers[self._begun]
        self._making[number] = self._threads.submit(self._make, number)
        self._begun += 1


@dataclass(frozen=True, slots=True)
class _TranscodedFile:
    """One file whose pixel data are made while it is sent."""

    transcoder: Transcoder
    instance: StoredInstance
    transfer_syntax: str

    def chunks(self, stored: Iterable[bytes], attributes: Attributes) -> Iterator[bytes]:
        """The bytes; the first frame is made first, so that most faults are met before anything is sent."""
        from filmjacket.pixels.transcoded_attributes import changed_attributes  # noqa: PLC0415 - used with codecs only

        pixel = self.instance.layout.pixel
        if pixel is None:
            raise NotFound("The instance has no pixel data.", section="10.4")
        description = describe_pixels(attributes, self.instance.transfer_syntax, pixel)
        numbers = range(1, description.frames + 1)
        frames = self.transcoder.frames(self.instance, numbers, self.transfer_syntax)
        first = frames.take(1)
        native_bytes = sent_frame_bits(description) / 8
        changes = changed_attributes(
            attributes,
            description,
            self.transfer_syntax,
            ratio=native_bytes / len(first),
            stored_ratio=native_bytes * description.frames / pixel.length if self._is_stored_lossy() else None,
        )
        made = chain((first,), (frames.take(number) for number in numbers[1:]))
        end = pixel.offset + pixel.length + (_DELIMITER if pixel.encapsulated else 0)
        change = Change(
            self.transfer_syntax,
            changes,
            pixel.tag,
            lambda: self._pixels(pixel.tag, made, description),
            is_last=not self.instance.layout.deflated and end >= self.instance.blob.size,
        )
        yield from changed_file(stored, change)

    def _is_stored_lossy(self) -> bool:
        """Whether the stored stream lost something, whatever the data set says."""
        from filmjacket.pixels.transcoded_attributes import LOSSY_METHODS  # noqa: PLC0415 - see above

        if self.instance.transfer_syntax not in LOSSY_METHODS:
            return False
        return describe_stream(self.transcoder.source(self.instance).frame_stream(1)).lossy

    def _pixels(self, tag: str, frames: Iterator[bytes], description: PixelDescription) -> Iterator[bytes]:
        if self.transfer_syntax not in _NATIVE:
            return encapsulated_element(tag, EncapsulatedFrames(frames))
        bits = sent_frame_bits(description)
        length = (bits * description.frames + 7) // 8
        vr = {"float": "OF", "double": "OD"}.get(description.kind, "OW" if description.bits_allocated > 8 else "OB")
        return native_element(tag, vr, BulkStream(length, joined_bits(frames, bits)))


def _unreadable(instance: StoredInstance, number: int, error: DicomError) -> UnreadablePixels:
    return UnreadablePixels(
        f"Frame {number} cannot be converted: {error.message}. It can be had as it is stored.",
        section=error.section,
        offender="PixelData",
        accepted=_stored_forms(instance),
    )


def _stored_forms(instance: StoredInstance) -> tuple[str, ...]:
    syntax = transfer_syntaxes.get(instance.transfer_syntax)
    forms = [written(DICOM, multipart=True, transfer_syntax="*")]
    if syntax is not None and syntax.media_type is not None and syntax.encapsulated:
        forms.append(written(syntax.media_type, multipart=True, transfer_syntax=syntax.uid))
    return tuple(forms)

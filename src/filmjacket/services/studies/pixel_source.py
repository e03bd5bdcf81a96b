"""The pixels of one stored instance: frames as they are coded, frames as arrays, and bulk values beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from filmjacket.archive.records import StoredInstance
from filmjacket.dicom import transfer_syntaxes
from filmjacket.dicom.encapsulation import strip_item_headers
from filmjacket.dicom.transfer_syntaxes import Kind
from filmjacket.errors import NotAcceptable, NotFound
from filmjacket.pixels.description import describe_pixels
from filmjacket.pixels.overlays_embedded import has_embedded_overlays, whole_cells
from filmjacket.services.studies.bulkdata import read_bulk_value
from filmjacket.services.studies.frames import find_instance
from filmjacket.services.studies.stored_bytes import WORD_SIZES, read_range, read_value, swap_words
from filmjacket.services.studies.stored_data_set import read_attributes

if TYPE_CHECKING:
    from filmjacket.archive.ports import Blobs, Index
    from filmjacket.dicom.attributes import Attributes
    from filmjacket.dicom.layout import PixelLayout
    from filmjacket.pixels.description import PixelArray, PixelDescription
    from filmjacket.pixels.wall import CodecWall
    from filmjacket.web.refs import ResourceRef


@dataclass(frozen=True, slots=True)
class PixelSource:
    """Frames of one instance, numbered from 1. Reads only what is asked for; safe to use from several threads."""

    instance: StoredInstance
    attributes: Attributes
    description: PixelDescription
    index: Index
    blobs: Blobs
    wall: CodecWall

    def frame_stream(self, number: int) -> bytes:
        """One frame as it is coded: its codestream, fragments joined, or its native bytes in little endian.

        A native frame that does not begin on a byte comes from the byte on in which it begins, see `bit_offset`.
        Raises `NotFound` for a number beyond the frames, `NotAcceptable` for a stream that is not divided into frames.
        """
        pixel = self._pixel(number)
        if not pixel.encapsulated:
            return self._native(pixel, number)
        whole = [(pixel.offset, pixel.length)]
        span = (whole if pixel.frames == 1 else self.index.frame_spans(self.instance, [number]))[0]
        return b"".join(strip_item_headers(read_range(self.blobs, self.instance, *span)))

    def bit_offset(self, number: int) -> int:
        """Bits in front of a native frame in its first byte; 0 unless Bits Allocated is 1 (PS3.5 8.1.1)."""
        return (number - 1) * self.frame_bits % 8 if not self._pixel(number).encapsulated else 0

    @property
    def frame_bits(self) -> int:
        """Bits of one native frame.

        Pixel data that say that chrominance is subsampled, but have room for all of it, are not subsampled.
        """
        pixel, description = self.instance.layout.pixel, self.description
        if pixel is not None and 8 * pixel.length < description.native_frame_bits * description.frames:
            return description.subsampled_frame_bits
        return description.native_frame_bits

    def array(self, number: int, reduction: int = 0) -> PixelArray:
        """Stored values of one frame, not to be written to: see `filmjacket.pixels.codecs.decode_frame`.

        Identical work in flight is done once, and what was decoded is kept for a while.
        """
        self._pixel(number)
        key = (self.instance.blob.sha256, number, reduction)
        return self.wall.frames.get(key, lambda: self._decoded(number, reduction))

    def cells(self, number: int) -> PixelArray | None:
        """Pixel cells of one frame, also the bits that pixels leave unused; None if the coding does not keep those."""
        whole = whole_cells(self.description)
        return None if whole is None else self._decoded_as(whole, number, 0)

    def bulk(self, path: str) -> bytes:
        """A bulk value by its attribute path, `00281201` or `60003000` for example, in little endian."""
        return read_bulk_value(self.blobs, self.instance, path)

    def _decoded(self, number: int, reduction: int) -> PixelArray:
        # Most codestreams have the bits of an overlay in their samples: those are no part of the values.
        cells = self.cells(number) if has_embedded_overlays(self.attributes) else None
        if cells is None:
            return self._decoded_as(self.description, number, reduction)
        from filmjacket.pixels.frames import reduced, used_bits  # noqa: PLC0415 - numpy is loaded by those who need it

        return reduced(used_bits(cells, self.description), self.description, reduction)

    def _decoded_as(self, description: PixelDescription, number: int, reduction: int) -> PixelArray:
        stream = self.frame_stream(number)
        if self._pixel(number).encapsulated and self.description.coding is not Kind.UNCOMPRESSED:
            return self.wall.decode(stream, description, reduction)
        from filmjacket.pixels.frames import native_frame, reduced  # noqa: PLC0415 - see above

        return reduced(native_frame(stream, description, self.bit_offset(number)), description, reduction)

    def _pixel(self, number: int) -> PixelLayout:
        pixel = _pixel_of(self.instance)
        if not 1 <= number <= pixel.frames:
            raise NotFound(
                f"Frame {number} was asked for; the instance has {pixel.frames}.",
                section="10.4.1.1.6",
                offender="frames",
                accepted=(f"1-{pixel.frames}",),
            )
        if pixel.encapsulated and not self.instance.layout.framed:
            raise NotAcceptable(
                "The compressed stream of this instance, a video for example, is not divided into frames.",
                section="8.7.3.3.2",
                offender="frames",
            )
        return pixel

    def _native(self, pixel: PixelLayout, number: int) -> bytes:
        start, skip = divmod((number - 1) * self.frame_bits, 8)
        length = (skip + self.frame_bits + 7) // 8
        if start + length > pixel.length:
            raise NotFound("The pixel data end before this frame does.", section="10.4.1.1.6", offender="frames")
        whole = (pixel.offset, pixel.length)
        syntax = transfer_syntaxes.get(self.instance.transfer_syntax)
        size = self.description.bits_allocated // 8
        if syntax is None or not syntax.big_endian or size <= WORD_SIZES.get(pixel.vr, 1):
            return b"".join(read_value(self.blobs, self.instance, pixel.vr, whole, (start, length)))
        # Cells larger than the words of the VR, in an archive whose index knows the VR only (see `word_vr`).
        raw = read_range(self.blobs, self.instance, pixel.offset + start, length)
        return b"".join(swap_words(raw, size))


def open_pixel_source(index: Index, blobs: Blobs, wall: CodecWall, ref: ResourceRef | StoredInstance) -> PixelSource:
    """The pixels of an instance.

    Raises `NotFound` if it is not there or has no pixel data, `DicomError` or `NotAcceptable` if its attributes
    describe no image.
    """
    instance = ref if isinstance(ref, StoredInstance) else find_instance(index, ref)
    pixel = _pixel_of(instance)
    attributes = read_attributes(index, instance)
    description = describe_pixels(attributes, instance.transfer_syntax, pixel)
    return PixelSource(instance, attributes, description, index, blobs, wall)


def _pixel_of(instance: StoredInstance) -> PixelLayout:
    if instance.layout.pixel is None:
        raise NotFound("The instance has no pixel data, hence no frames.", section="10.4.1.1.6")
    return instance.layout.pixel

"""The one place that touches the codecs: codestreams to stored values and back (PS3.5 A.4, 8.2).

A stream is judged by its own header before it is decoded, and by its structure: some decoders hand out a partial
image without a word. Rules for streams that contradict their data set are in docs/explanation/pixels.md.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Final

import imagecodecs
import numpy as np

from filmjacket.dicom.transfer_syntaxes import TRANSFER_SYNTAXES, Kind
from filmjacket.errors import DicomError, NotAcceptable
from filmjacket.pixels.deflated import inflate_frame
from filmjacket.pixels.encoders import encode_frame, recompress_jpeg, restore_jpeg
from filmjacket.pixels.forms import DECODABLE, DECODED_KINDS, ENCODABLE, decoded_photometric
from filmjacket.pixels.frames import native_frame, reduced, shape_samples, used_bits
from filmjacket.pixels.photometric import rgb_to_ybr, ybr_to_rgb
from filmjacket.pixels.streams import Stream, examine

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from filmjacket.pixels.description import PixelDescription

__all__ = (
    "DECODABLE",
    "ENCODABLE",
    "decode_frame",
    "decoded_photometric",
    "encode_frame",
    "recompress_jpeg",
    "restore_jpeg",
)

MAX_FRAME_BYTES: Final = 1 << 30
"""A decoded frame may take this much: 23,000 x 15,000 pixels in colour. A codestream of a kilobyte can announce four
times that, and more."""


def decode_frame(stream: bytes, description: PixelDescription, *, reduction: int = 0) -> NDArray[Any]:
    """Stored values of one frame: (rows, columns) or (rows, columns, samples) in `description.dtype`.

    Colour is in `decoded_photometric(description)`. With `reduction` both sizes are halved so many times, rounded up:
    by the resolution levels of the codestream where it has them. Raises `DicomError` for a stream that is malformed,
    cut short, or of another image than the data set describes; `NotAcceptable` for a coding that cannot be decoded.
    """
    if description.coding not in DECODED_KINDS or description.transfer_syntax not in DECODABLE:
        name = TRANSFER_SYNTAXES[description.transfer_syntax].name
        raise NotAcceptable(f"Frames in {name} cannot be decoded.", section="8.7.3.3.2", offender="transfer syntax")
    if description.array_bytes > MAX_FRAME_BYTES:
        raise DicomError(
            f"a frame takes {description.array_bytes} bytes when it is decoded, more than {MAX_FRAME_BYTES}",
            section="PS3.3 C.7.6.3",
            offender="Rows",
        )
    if description.coding is Kind.UNCOMPRESSED:
        return reduced(native_frame(stream, description), description, reduction)
    if description.coding is Kind.DEFLATED_FRAME:
        return reduced(native_frame(inflate_frame(stream, description), description), description, reduction)
    if description.coding is Kind.RLE:
        return reduced(_decode_rle(stream, description), description, reduction)
    return _decode_stream(examine(stream, description), description, reduction)


def _decode_rle(stream: bytes, description: PixelDescription) -> NDArray[Any]:
    """RLE is by planes whatever Planar Configuration says (PS3.5 G.2)."""
    expected = description.rows * description.columns * description.samples
    size = description.bits_allocated // 8
    if description.bits_allocated % 8 or size not in {1, 2, 4, 8} or stream[:1] != bytes((size * description.samples,)):
        raise _refused("RLE", f"{stream[0] if stream else 0} segments cannot be samples of {size} bytes", "PS3.5 G.2")
    decoded: bytes = _guarded("RLE", imagecodecs.dicomrle_decode, stream, f"u{size}")
    if len(decoded) < expected * size:
        raise _refused("RLE", f"{len(decoded)} bytes come out of it, {expected * size} are needed", "PS3.5 G.3")
    samples = np.frombuffer(decoded, f"u{size}", expected)
    return used_bits(shape_samples(samples, description, 1), description)


def _decode_stream(stream: Stream, description: PixelDescription, reduction: int) -> NDArray[Any]:
    levels = min(reduction, stream.levels) if _REDUCING.get(_decoder(stream)) else 0
    array = _DECODERS[_decoder(stream)](stream, description, levels)
    rows, columns = (-(-size // (1 << levels)) for size in (description.rows, description.columns))
    shape = (rows, columns) if description.samples == 1 else (rows, columns, description.samples)
    if array.shape != shape:
        raise _refused(stream.name, f"it decodes to {array.shape} instead of {shape}", "PS3.5 8.2")
    return reduced(_stored_values(array, stream, description), description, reduction - levels)


def _decoder(stream: Stream) -> Kind:
    """Whose decoder takes a stream.

    OpenJPH (0.26 of imagecodecs 2026.3) makes the lowest value of one that is half a step above the highest; OpenJPEG
    reads HTJ2K too, and limits what overshoots. Without loss nothing does, and OpenJPH is faster.
    """
    return Kind.JPEG_2000 if stream.kind is Kind.HTJ2K and not stream.lossless else stream.kind


def _stored_values(array: NDArray[Any], stream: Stream, description: PixelDescription) -> NDArray[Any]:
    """What a codec gave, in the type that the data set describes.

    Pixel Representation decides about the sign, the precision of the codestream where it is; see the rules.
    """
    precision = stream.precision
    if precision > 8 * description.sample_bytes:
        raise _refused(
            stream.name,
            f"its samples have {precision} bits, Bits Allocated is {description.bits_allocated}",
            "PS3.5 8.2",
        )
    if stream.masked:
        if not (stream.lossless or description.signed):
            # What is lost may lift white above Bits Stored: no overlay, and black if it were masked.
            array = np.minimum(array, (1 << min(precision, description.bits_stored)) - 1)
        precision = min(precision, description.bits_stored)
    width = 8 * description.sample_bytes
    spare = width - precision
    resign = description.signed != stream.signed or (stream.masked and precision < stream.precision)
    cells = array.astype(f"{array.dtype.kind}{width // 8}", copy=False).view(f"u{width // 8}")
    if not resign or spare == 0:
        return cells.view(description.dtype)
    raised = (cells << spare).view(description.dtype)
    return raised >> spare


def _decode_jpeg(stream: Stream, description: PixelDescription, _levels: int) -> NDArray[Any]:
    options: dict[str, str] = {}
    if description.samples == 3:
        # The lossless process knows no transform: samples are those that were encoded.
        as_they_are = stream.lossless or stream.rgb
        options = {"colorspace": "RGB" if as_they_are else "YCBCR", "outcolorspace": "RGB"}
    array: NDArray[Any] = _guarded("JPEG", imagecodecs.jpeg8_decode, stream.content, **options)
    middle = 1 << (stream.precision - 1)
    if array.size and (np.abs(array[-1, -1].astype(np.int64) - middle) <= 1).all():
        _check_end(stream, array, options)
    return _relabelled(array, stream, description)


def _relabelled(array: NDArray[Any], stream: Stream, description: PixelDescription) -> NDArray[Any]:
    """Colours as the transfer syntax lets expect them, where a lossy stream is called lossless or the reverse."""
    if description.samples == 1:
        return array
    expected = decoded_photometric(description)
    if stream.lossless and expected == "RGB" and description.photometric.startswith("YBR_FULL"):
        return ybr_to_rgb(array, stream.precision)
    if not stream.lossless and expected == "YBR_FULL":
        return rgb_to_ybr(array, stream.precision)
    return array


_MORE_DATA: Final = bytes(range(1, 255)) * 2


def _check_end(stream: Stream, array: NDArray[Any], options: dict[str, str]) -> None:
    """Whether entropy-coded data ran out; the decoder then goes on in silence, with samples in the middle.

    Where the last sample is such a one, the stream is decoded once more with data put in front of its end marker: a
    whole image does not notice.
    """
    end = stream.content.rfind(b"\xff\xd9")
    longer = stream.content[:end] + _MORE_DATA + stream.content[end:]
    if not np.array_equal(_guarded("JPEG", imagecodecs.jpeg8_decode, longer, **options), array):
        raise _refused("JPEG", "its data end before the image does", "PS3.5 8.2.1")


def _decode_jpeg_ls(stream: Stream, _description: PixelDescription, _levels: int) -> NDArray[Any]:
    return _guarded("JPEG-LS", imagecodecs.jpegls_decode, stream.content)


def _decode_jpeg_2000(stream: Stream, description: PixelDescription, levels: int) -> NDArray[Any]:
    options = {"skipres": levels} if levels else {}
    decoded = _guarded("JPEG 2000", imagecodecs.jpeg2k_decode, stream.content, numthreads=1, **options)
    return _undone(decoded, stream, description)


_REDUCING: Final = {
    Kind.HTJ2K: True,
    # Since imagecodecs 2026.10.
    Kind.JPEG_2000: "skipres" in inspect.signature(imagecodecs.jpeg2k_decode).parameters,
}


def _decode_htj2k(stream: Stream, description: PixelDescription, levels: int) -> NDArray[Any]:
    options = {"skipres": levels} if levels else {}
    decoded = _guarded("HTJ2K", imagecodecs.htj2k_decode, stream.content, **options)
    if description.samples == 3 and not stream.transformed:
        decoded = np.ascontiguousarray(decoded.transpose(1, 2, 0))  # components come plane by plane
    return _undone(decoded, stream, description)


def _undone(array: NDArray[Any], stream: Stream, description: PixelDescription) -> NDArray[Any]:
    """The stream's own transform binds its decoder; a data set that calls the result YBR_FULL gets what it says."""
    if stream.transformed and decoded_photometric(description) == "YBR_FULL":
        return rgb_to_ybr(array, stream.precision)
    return array


def _decode_jpeg_xl(stream: Stream, _description: PixelDescription, _levels: int) -> NDArray[Any]:
    return _guarded("JPEG XL", imagecodecs.jpegxl_decode, stream.content, numthreads=1)


_DECODERS: Final[dict[Kind, Callable[[Stream, PixelDescription, int], NDArray[Any]]]] = {
    Kind.JPEG: _decode_jpeg,
    Kind.JPEG_LS: _decode_jpeg_ls,
    Kind.JPEG_2000: _decode_jpeg_2000,
    Kind.HTJ2K: _decode_htj2k,
    Kind.JPEG_XL: _decode_jpeg_xl,
}


def _guarded(name: str, decode: Callable[..., Any], *arguments: object, **options: object) -> Any:  # noqa: ANN401 - as decoded
    """Whatever a codec raises is the fault of its stream."""
    try:
        return decode(*arguments, **options)
    except (RuntimeError, ValueError, TypeError, OverflowError) as error:
        raise _refused(name, "the decoder gave up on it", "PS3.5 8.2") from error
    except MemoryError as error:
        raise _refused(name, "decoding takes more memory than is allowed", "PS3.5 8.2") from error


def _refused(name: str, text: str, section: str) -> DicomError:
    return DicomError(f"the {name} stream of the frame is malformed: {text}", section=section, offender="PixelData")

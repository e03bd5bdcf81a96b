"""Video by FFmpeg, the extra `video`: frames to MP4, stored streams to MP4, frames out of them.

The only place that touches `av`. What is made is fragmented MP4, sent while it is made.
"""

from __future__ import annotations

import io
from fractions import Fraction
from importlib import import_module
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np

from filmjacket.errors import DicomError, NotFound
from filmjacket.pixels.render import RenderedImage, finished

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from filmjacket.dicom.attributes import Attributes
    from filmjacket.web.rendering import RenderRequest

# Not there without the extra; it has no types of its own for what is used here.
av: Any = import_module("av")

DEFAULT_QUALITY: Final = 75
_CLOCK: Final = 90_000
_FRAGMENTED: Final = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
_IN_MP4: Final = frozenset(("h264", "hevc"))


class Reader(io.RawIOBase):
    """A file over `read(offset, length)`."""

    def __init__(self, read: Callable[[int, int], bytes], size: int) -> None:
        super().__init__()
        self._read = read
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes."""
        left = max(self._size - self._position, 0)
        piece = self._read(self._position, left if size < 0 else min(size, left))
        self._position += len(piece)
        return piece

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        self._position = offset + (0, self._position, self._size)[whence]
        return self._position

    def tell(self) -> int:
        """The place."""
        return self._position


class _Pipe(io.RawIOBase):
    """Takes what FFmpeg writes until it is fetched; it cannot go back, so that nothing needs to be kept."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: Any) -> int:  # noqa: ANN401 - any buffer
        """Take bytes."""
        self._pieces.append(bytes(data))
        return len(self._pieces[-1])

    def fetch(self) -> bytes:
        """What came since the last time."""
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


def encode_mp4(images: Iterable[tuple[RenderedImage, float]], quality: int | None = None) -> Iterator[bytes]:
    """Pictures of one size, each with the milliseconds that it is shown, as H.264 in MP4 that browsers play."""
    pipe = _Pipe()
    with av.open(pipe, "w", format="mp4", options=_FRAGMENTED) as container:
        stream: Any = None
        elapsed = 0.0
        for image, time in images:
            rgb = _even(image.array)
            if stream is None:
                stream = container.add_stream("libx264", rate=round(1000 / max(time, 1.0)) or 1)
                stream.height, stream.width = rgb.shape[:2]
                stream.pix_fmt = "yuv420p"
                stream.codec_context.time_base = Fraction(1, _CLOCK)
                crf = round(40 - 0.3 * (quality or DEFAULT_QUALITY))
                stream.options = {"crf": str(crf), "preset": "veryfast", "g": "30", "bf": "0", "threads": "1"}
            if rgb.shape[:2] != (stream.height, stream.width):
                raise DicomError("the frames have different sizes", section="8.7.4", offender="Rows")
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            frame.time_base = Fraction(1, _CLOCK)
            frame.pts = round(elapsed * _CLOCK / 1000)
            elapsed += time
            container.mux(stream.encode(frame))
            piece = pipe.fetch()
            if piece:
                yield piece
        if stream is not None:
            container.mux(stream.encode(None))
    yield pipe.fetch()


def fits_mp4(file: BinaryIO) -> bool:
    """Tell whether the coding of a stream may be in an MP4 file that browsers play."""
    with _opened(file) as container:
        return container.streams.video[0].codec_context.name in _IN_MP4


def remuxed(file: BinaryIO) -> Iterator[bytes]:
    """The video of a stream in an MP4 file, not decoded."""
    pipe = _Pipe()
    with _opened(file) as source, av.open(pipe, "w", format="mp4", options=_FRAGMENTED) as container:
        stored = source.streams.video[0]
        stream = container.add_stream_from_template(stored)
        step = round(1 / (stored.average_rate or 25) / (stored.time_base or Fraction(1, 25)))
        for place, packet in enumerate(source.demux(stored)):
            if packet.size == 0:
                continue
            if packet.dts is None:  # an elementary stream has no times
                packet.pts = packet.dts = place * step
            packet.stream = stream
            container.mux(packet)
            piece = pipe.fetch()
            if piece:
                yield piece
    yield pipe.fetch()


def rendered(file: BinaryIO, attributes: Attributes, request: RenderRequest) -> Iterator[tuple[RenderedImage, float]]:
    """Every frame of a stream as a picture, with its time."""
    with _opened(file) as container:
        rate = container.streams.video[0].average_rate or 25
        for frame in container.decode(video=0):
            yield _picture(frame, attributes, request), float(1000 / rate)


def rendered_frame(file: BinaryIO, number: int, attributes: Attributes, request: RenderRequest) -> RenderedImage:
    """The frame of a stream with a number from 1 on."""
    with _opened(file) as container:
        for place, frame in enumerate(container.decode(video=0), 1):
            if place == number:
                return _picture(frame, attributes, request)
    raise NotFound("The video ends before this frame.", section="10.4.1.1.6", offender="frames")


def _picture(frame: Any, attributes: Attributes, request: RenderRequest) -> RenderedImage:  # noqa: ANN401 - of av
    return finished(RenderedImage(frame.to_ndarray(format="rgb24")), attributes, request)


def _opened(file: BinaryIO) -> Any:  # noqa: ANN401 - of av
    file.seek(0)
    try:
        container = av.open(file, "r")
    except (av.FFmpegError, ValueError) as error:
        raise DicomError("the video stream cannot be read", section="PS3.5 8.2.5", offender="PixelData") from error
    if not container.streams.video:
        raise DicomError("there is no video in the stream", section="PS3.5 8.2.5", offender="PixelData")
    return container


def _even(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGB with even sizes, which 4:2:0 needs: the last row or column is repeated, so that nothing is lost."""
    rgb = np.repeat(array[..., None], 3, axis=2) if array.ndim == 2 else array
    rows, columns = rgb.shape[:2]
    return np.ascontiguousarray(np.pad(rgb, ((0, rows % 2), (0, columns % 2), (0, 0)), mode="edge"))

"""Decoding a frame to native bytes: the codec alone, behind the wall of processes, and over HTTP.

    python perf/bench_decode.py [--frames 40] [--server http://127.0.0.1:8104/dicom-web]

Frames are 512 x 512 pixels of 16 bits, smooth with noise, compressible as CT is. The codec and the wall take turns
frame by frame; with a server, an instance of so many frames is stored, and every frame is retrieved once as native
bytes, beside one that is stored uncompressed. Median and tenth percentile in milliseconds, and processor time.
"""

from __future__ import annotations

import argparse
import http.client
import io
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import imagecodecs
import numpy as np
import pydicom
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate
from pydicom.uid import generate_uid

from filmjacket.pixels.codecs import encode_frame
from filmjacket.pixels.recode import recode_frame
from filmjacket.pixels.wall import CodecWall

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.images import EXPLICIT as NATIVE
from tests.images import describe

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from filmjacket.pixels.description import PixelDescription

SIZE = 512
CODECS: dict[str, tuple[str, Callable[[bytes], Any]]] = {
    "HTJ2K": ("1.2.840.10008.1.2.4.201", imagecodecs.htj2k_decode),
    "JPEG-LS": ("1.2.840.10008.1.2.4.80", imagecodecs.jpegls_decode),
    "JPEG 2000": ("1.2.840.10008.1.2.4.90", imagecodecs.jpeg2k_decode),
}


def images(count: int) -> list[np.ndarray[Any, Any]]:
    """Frames that differ in their noise."""
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    smooth = 1000 + 400 * np.sin(x / 37) * np.cos(y / 53)
    noise = np.random.default_rng(7)
    return [(smooth + noise.normal(0, 12, smooth.shape)).astype("<i2") for _ in range(count)]


def description(transfer_syntax: str) -> PixelDescription:
    """Of one frame."""
    return describe(rows=SIZE, columns=SIZE, bits_allocated=16, signed=True, transfer_syntax=transfer_syntax)


def seconds_of(call: Callable[..., object], *arguments: object) -> float:
    """How long one call takes."""
    begun = time.perf_counter()
    call(*arguments)
    return time.perf_counter() - begun


def instance(frames: list[bytes], transfer_syntax: str) -> tuple[str, bytes]:
    """Path and Part 10 file of a multi-frame instance."""
    dataset = pydicom.dcmread(str(get_testdata_file("CT_small.dcm")))
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID = (generate_uid() for _ in range(3))
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = transfer_syntax
    dataset.Rows = dataset.Columns = SIZE
    dataset.NumberOfFrames = len(frames)
    if transfer_syntax == NATIVE:
        dataset.PixelData = b"".join(frames)
    else:
        dataset.PixelData = encapsulate(frames)
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    path = f"/studies/{dataset.StudyInstanceUID}/series/{dataset.SeriesInstanceUID}/instances/{dataset.SOPInstanceUID}"
    return path, out.getvalue()


def times_over_http(base: str, frames: list[bytes], transfer_syntax: str, expected: list[bytes]) -> list[float]:
    """Seconds for each frame as native bytes, retrieved once, one after the other."""
    url = urlsplit(base)
    connection = http.client.HTTPConnection(url.hostname or "", url.port or 80, timeout=60)
    path, file = instance(frames, transfer_syntax)
    connection.request("POST", f"{url.path}/studies", file, {"Content-Type": "application/dicom"})
    answer = connection.getresponse()
    if answer.read() and answer.status != 200:
        raise SystemExit(f"the store was answered with {answer.status}")
    times: list[float] = []
    for number, wanted in enumerate(expected, 1):
        begun = time.perf_counter()
        accept = {"Accept": 'multipart/related; type="application/octet-stream"'}
        connection.request("GET", f"{url.path}{path}/frames/{number}", headers=accept)
        body = connection.getresponse().read()
        times.append(time.perf_counter() - begun)
        if wanted not in body:
            raise SystemExit(f"frame {number} is not what was stored")
    return times


def processor_seconds(pids: Sequence[int] = ()) -> float:
    """Processor time of this process and of the codec processes, which have one thread each."""
    others = (int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) for pid in pids)
    return time.process_time() + sum(others) / 1e9


def line(name: str, times: list[float], reference: float | None = None, processor: float | None = None) -> None:
    """One row of the table; `processor` is the processor time of all the frames."""
    median, tenth = statistics.median(times), sorted(times)[len(times) // 10]
    ratio = "" if reference is None else f"{median / reference:.2f}"
    spent = "" if processor is None else f"{processor / len(times) * 1000:.2f}"
    print(f"{name:32}{median * 1000:9.2f}{tenth * 1000:9.2f}{ratio:>8}{spent:>8}")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--server")
    options = parser.parse_args()
    pictures = images(options.frames)
    native = [picture.tobytes() for picture in pictures]
    print(f"{'':32}{'median':>9}{'p10':>9}{'ratio':>8}{'cpu':>8}")
    wall = CodecWall()
    for name, (transfer_syntax, decode) in CODECS.items():
        streams = [encode_frame(picture, description(NATIVE), transfer_syntax) for picture in pictures]
        described = description(transfer_syntax)
        wall.run(recode_frame, streams[0], described, NATIVE)
        alone: list[float] = []
        behind: list[float] = []
        for stream in streams:
            alone.append(seconds_of(decode, stream))
            behind.append(seconds_of(wall.run, recode_frame, stream, described, NATIVE))
        begun = processor_seconds()
        for stream in streams:
            decode(stream)
        line(f"{name}, codec alone", alone, processor=processor_seconds() - begun)
        begun = processor_seconds(wall.process_ids)
        for stream in streams:
            wall.run(recode_frame, stream, described, NATIVE)
        spent = processor_seconds(wall.process_ids) - begun
        line(f"{name}, behind the wall", behind, statistics.median(alone), spent)
        if options.server:
            times = times_over_http(options.server, streams, transfer_syntax, native)
            line(f"{name}, over HTTP", times, statistics.median(alone))
    wall.close()
    if options.server:
        line("stored uncompressed, over HTTP", times_over_http(options.server, native, NATIVE, native))


if __name__ == "__main__":
    main()

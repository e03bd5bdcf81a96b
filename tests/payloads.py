"""Strict readers of responses, and what pydicom says they should hold. Shared by conformance and interop tests."""

from __future__ import annotations

import io
import re
import warnings
from dataclasses import dataclass
from email.message import Message
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pydicom
from pydicom.encaps import generate_frames
from pydicom.uid import generate_uid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydicom import Dataset

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
NATIVE = {IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN}

AS_STORED = 'multipart/related; type="application/dicom"; transfer-syntax=*'
DICOM_JSON = "application/dicom+json"

BOUNDARY = re.compile(rb"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")
WORDS = {"OW": 2, "US": 2, "SS": 2, "OL": 4, "OF": 4, "UL": 4, "SL": 4, "FL": 4, "OD": 8, "OV": 8, "FD": 8}

# Files that are DICOM but cannot be stored, and why.
UNSTORABLE = {
    "MR_truncated.dcm": "the pixel data end early",
    "rtplan_truncated.dcm": "the data set ends early",
    "bad_sequence.dcm": "a sequence runs past its end",
}


def media_type(text: str) -> tuple[str, dict[str, str]]:
    """A Content-Type as (essence, parameters), read by the standard library."""
    message = Message()
    message["Content-Type"] = text
    parameters = message.get_params(header="Content-Type") or []
    return message.get_content_type(), {name.lower(): value for name, value in parameters[1:]}


@dataclass(frozen=True)
class Part:
    """One part of a multipart payload, or a whole single-part one."""

    headers: dict[str, str]
    body: bytes

    @property
    def content_type(self) -> tuple[str, dict[str, str]]:
        return media_type(self.headers["content-type"])

    @property
    def location(self) -> str:
        return self.headers["content-location"]


def multipart_of(headers: Any, body: bytes, *, mixed: bool = False) -> list[Part]:
    """Parts of a `multipart/related` payload, by the letter of RFC 2046 5.1 and RFC 2387; anything odd fails.

    All parts are of one media type unless they are `mixed`: then `type` is that of the first, the root.
    """
    essence, parameters = media_type(headers["content-type"])
    assert essence == "multipart/related"
    boundary = parameters["boundary"].encode("ascii")
    assert BOUNDARY.fullmatch(boundary)
    delimiter = b"\r\n--" + boundary
    pieces = (b"\r\n" + body).split(delimiter)
    assert pieces[0] == b"", "a preamble"
    assert pieces[-1] in {b"--", b"--\r\n"}, "no close delimiter at the end"
    parts = [_part(piece) for piece in pieces[1:-1]]
    assert parts, "an empty multipart"
    assert {part.content_type[0] for part in parts[: 1 if mixed else None]} == {parameters["type"].lower()}
    return parts


def _part(piece: bytes) -> Part:
    assert piece.startswith(b"\r\n")
    block, separator, body = piece[2:].partition(b"\r\n\r\n")
    assert separator
    headers: dict[str, str] = {}
    for line in block.split(b"\r\n"):
        name, colon, value = line.decode("ascii").partition(": ")
        assert colon
        assert re.fullmatch(r"[A-Za-z-]+", name)
        assert name.lower() not in headers
        headers[name.lower()] = value
    if "content-length" in headers:
        assert int(headers["content-length"]) == len(body)
    return Part(headers, body)


def parts_of(response: Any) -> list[Part]:
    """Parts of a response, multipart or not, with its own framing checked."""
    assert response.status_code in {200, 206}, (response.status_code, response.content[:300])
    if "content-length" in response.headers and "content-encoding" not in response.headers:
        assert int(response.headers["content-length"]) == len(response.content)
    if response.headers["content-type"].startswith("multipart/"):
        return multipart_of(response.headers, response.content)
    return [Part({name.lower(): value for name, value in response.headers.items()}, response.content)]


@cache
def corpus() -> dict[str, Path]:
    """Every DICOM file of the package `pydicom`, except directories of media and colour palettes."""
    root = Path(pydicom.__file__).parent / "data"
    paths = [path for folder in ("test_files", "charset_files") for path in sorted((root / folder).rglob("*"))]
    names = {
        path.name if path.parent.name in {"test_files", "charset_files"} else "/".join(path.parts[-3:]): path
        for path in paths
        if path.is_file()
        and "DICOMDIR" not in path.name
        and path.suffix not in {".txt", ".json", ".icc", ".gz", ".dump", ".md"}
    }
    return {name: path for name, path in names.items() if name not in UNSTORABLE}


@cache
def extra_corpus() -> dict[str, Path]:
    """The files of the package `pydicom-data` up to 300 kB."""
    import data_store

    paths = sorted((Path(data_store.__file__).parent / "data").glob("*.dcm"))
    return {path.name: path for path in paths if path.stat().st_size < 300_000 and path.name not in UNSTORABLE}


@cache
def storable(name: str) -> bytes:
    """A file of either corpus; the few without identifiers get some."""
    data = (corpus() | extra_corpus())[name].read_bytes()
    dataset = dataset_of(data)
    missing = {
        keyword: value
        for keyword, value in {
            "SOPClassUID": "1.2.840.10008.5.1.4.1.1.7",
            "SOPInstanceUID": generate_uid(entropy_srcs=[name, "instance"]),
            "StudyInstanceUID": generate_uid(entropy_srcs=[name, "study"]),
            "SeriesInstanceUID": generate_uid(entropy_srcs=[name, "series"]),
        }.items()
        if not dataset.get(keyword)
    }
    if not missing:
        return data
    for keyword, value in missing.items():
        setattr(dataset, keyword, value)
    out = io.BytesIO()
    syntax = str(dataset.file_meta.get("TransferSyntaxUID", IMPLICIT))
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()


def dataset_of(data: bytes, *, raw: bool = False) -> Dataset:
    """A Part 10 file read by pydicom, which takes whatever values there are; with `raw` values are left as bytes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(io.BytesIO(data), force=True)
        if not raw:
            _decode(dataset)
    return dataset


def _decode(dataset: Dataset) -> None:
    """Decode every value now, while nobody listens to the warnings; what cannot be decoded stays as it is."""
    for tag in list(dataset.keys()):
        try:
            element = dataset[tag]
        except (ValueError, TypeError, OverflowError, NotImplementedError):
            continue
        if element.VR == "SQ":
            for item in element.value:
                _decode(item)


def is_part10(data: bytes) -> bool:
    return data[128:132] == b"DICM"


def transfer_syntax_of(dataset: Dataset) -> str:
    """What the data set is really encoded in, whatever the file meta says."""
    if not dataset.is_little_endian:
        return BIG_ENDIAN
    if dataset.is_implicit_VR:
        return IMPLICIT
    return str(dataset.file_meta.get("TransferSyntaxUID", EXPLICIT))


def saved(dataset: Dataset) -> bytes:
    """A data set as a file of another instance."""
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()


def raw_value(dataset: Dataset, path: str, vr: str) -> bytes:
    """The value at a bulk path as the little endian bytes that a `BulkDataURI` stands for, found by pydicom."""
    steps = path.split(".")
    holder = dataset
    for tag, item in zip(steps[:-1:2], steps[1::2], strict=True):
        holder = holder[int(tag, 16)].value[int(item)]
    element = holder.get_item(int(steps[-1], 16))
    assert element is not None, path
    value = element.value
    if isinstance(value, list):
        value = b"".join(value)
    assert isinstance(value, bytes), (path, type(value))
    return value if dataset.is_little_endian else swapped(value, word_size(holder, steps[-1], vr))


def word_size(holder: Dataset, tag: str, vr: str) -> int:
    """Bytes of what the byte order is about: cells of Pixel Data may be larger than the words of OW."""
    cells = int(holder.get("BitsAllocated") or 0) // 8 if tag == "7FE00010" else 0
    return max(WORDS.get(vr, 1), cells)


def swapped(value: bytes, size: int) -> bytes:
    return b"".join(value[at : at + size][::-1] for at in range(0, len(value), size))


def pixels_of(dataset: Dataset) -> bytes:
    """The value field of the Pixel Data of whatever kind, as it is in the file."""
    for keyword in ("PixelData", "FloatPixelData", "DoubleFloatPixelData"):
        if keyword in dataset:
            return bytes(dataset[keyword].value)
    return b""


def frame_count(dataset: Dataset) -> int:
    """Number of Frames, 1 when it is absent or no number."""
    try:
        return max(int(dataset.get("NumberOfFrames") or 1), 1)
    except ValueError:
        return 1


def bare_stream(stream: bytes) -> bytes:
    """The codestream in a JP2 file, anything else as it is."""
    if not stream.startswith(b"\0\0\0\x0cjP  "):
        return stream
    start = stream.index(b"jp2c") + 4
    length = int.from_bytes(stream[start - 8 : start - 4], "big")
    return stream[start : start - 8 + length] if length else stream[start:]


def frames_of(dataset: Dataset) -> list[bytes]:
    """Every frame: compressed stream, or native little endian bytes, each frame beginning on a byte of its own."""
    pixels = pixels_of(dataset)
    frames = frame_count(dataset)
    if transfer_syntax_of(dataset) not in NATIVE:
        return [bare_stream(stream) for stream in generate_frames(pixels, number_of_frames=frames)]
    if not dataset.is_little_endian:
        pixels = swapped(pixels, word_size(dataset, "7FE00010", str(dataset["PixelData"].VR)))
    samples = int(dataset.SamplesPerPixel)
    if dataset.get("PhotometricInterpretation") == "YBR_FULL_422":
        samples = 2
    bits = int(dataset.Rows) * int(dataset.Columns) * samples * int(dataset.BitsAllocated)
    if bits % 8 == 0:
        return [pixels[n * bits // 8 : (n + 1) * bits // 8] for n in range(frames)]
    packed = int.from_bytes(pixels, "little")
    one = (1 << bits) - 1
    return [((packed >> (n * bits)) & one).to_bytes((bits + 7) // 8, "little") for n in range(frames)]


def elements_of(attributes: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """(path, element) of every attribute of a DICOM JSON object, those inside sequence items too."""
    for tag, element in attributes.items():
        yield prefix + tag, element
        if element["vr"] == "SQ":
            for number, item in enumerate(element.get("Value", [])):
                yield from elements_of(item, f"{prefix}{tag}.{number}.")


def bulk_of(attributes: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(path, vr, URI) of every bulk value."""
    return [
        (path, element["vr"], element["BulkDataURI"])
        for path, element in elements_of(attributes)
        if "BulkDataURI" in element
    ]


JPX = "1.2.840.10008.1.2.4.92"


def undecodable(study: str) -> bytes:
    """An instance that can only be had as it is: nobody decodes JPEG 2000 Part 2."""
    dataset = dataset_of(storable("MR_small_jp2klossless.dcm"))
    dataset.StudyInstanceUID = study
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.file_meta.TransferSyntaxUID = JPX
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()

"""Where in a stored file the values are that metadata only refers to: bulk data, pixels, frames.

Offsets are those in the file. In a deflated file they count on from the beginning of the data set as if it were not
deflated.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class BulkValue:
    """A value that is bulk data (PS3.18 8.6.1.2): `path` is tags and 0-based item numbers joined with dots.

    `vr` says how large the words are that the byte order is about, see `filmjacket.dicom.pixel_layout.word_vr`.
    Of encapsulated Pixel Data the range holds the fragments with their item headers, without the offset table.
    """

    path: str
    vr: str
    offset: int
    length: int
    encapsulated: bool = False


@dataclass(frozen=True, slots=True)
class PixelLayout:
    """Top-level Pixel Data, Float Pixel Data or Double Float Pixel Data; `vr` as in `BulkValue`.

    Native: the range is the value, a frame has `frame_bits` bits. Encapsulated: the range begins behind the Basic
    Offset Table and ends before the sequence delimiter, and `frame_bits` is 0.
    """

    tag: str
    vr: str
    encapsulated: bool
    offset: int
    length: int
    frames: int
    frame_bits: int


@dataclass(frozen=True, slots=True)
class Layout:
    """Bulk values and frames of one file.

    `spans`: for each frame of an encapsulated image two little-endian 64-bit numbers, offset and length of its
    items, item headers included; empty when the image is native or its frames cannot be told apart, which
    `framed` still tells when the spans themselves are kept elsewhere. `part10` says that the file may be handed out
    as it is: preamble, prefix, and File Meta Information with the transfer syntax that the data set really has.
    """

    dataset_offset: int
    deflated: bool
    pixel: PixelLayout | None
    bulk: tuple[BulkValue, ...]
    spans: bytes = b""
    framed: bool = False
    part10: bool = True

    def encode(self) -> bytes:
        """Return the layout without `spans` as JSON."""
        pixel = self.pixel
        return json.dumps(
            {
                "dataset": self.dataset_offset,
                "deflated": self.deflated,
                "framed": self.framed,
                "part10": self.part10,
                "pixel": None
                if pixel is None
                else [
                    pixel.tag,
                    pixel.vr,
                    pixel.encapsulated,
                    pixel.offset,
                    pixel.length,
                    pixel.frames,
                    pixel.frame_bits,
                ],
                "bulk": [[value.path, value.vr, value.offset, value.length, value.encapsulated] for value in self.bulk],
            },
            separators=(",", ":"),
        ).encode()

    @classmethod
    def decode(cls, encoded: bytes) -> Layout:
        """Return the layout that `encode` wrote."""
        parts: dict[str, Any] = json.loads(encoded)
        pixel = parts["pixel"]
        return cls(
            parts["dataset"],
            parts["deflated"],
            PixelLayout(*pixel) if pixel is not None else None,
            tuple(BulkValue(*value) for value in parts["bulk"]),
            framed=parts["framed"],
            part10=parts["part10"],
        )

"""Rewrite stored instances into a lossless transfer syntax, and give up the old bytes only when every frame came back.

The new file is made, scanned as one that is received, and made durable; then each of its frames is decoded and held
against the stored one; then one index transaction puts it in the place of the old. A crash leaves at most an orphan
blob for the sweep. What is on legal hold, cannot be converted, gets no smaller or does not come back as it was stays
as it is.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, cast

from filmjacket.archive.records import StoredInstance
from filmjacket.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN, Kind
from filmjacket.errors import Conflict, DicomError, Gone, NotAcceptable, NotFound
from filmjacket.pixels.description import describe_pixels
from filmjacket.services.studies.ingest import StoreFailure
from filmjacket.services.studies.pixel_source import PixelSource
from filmjacket.services.studies.stored_data_set import read_attributes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from filmjacket.archive.ports import Blobs, Index
    from filmjacket.archive.records import Candidate
    from filmjacket.archive.upkeep_port import UpkeepIndex
    from filmjacket.dicom.attributes import Attributes
    from filmjacket.pixels.wall import CodecWall
    from filmjacket.services.studies.ingest import Ingest, Received
    from filmjacket.services.studies.transcode import Transcoder

_SPAN = struct.Struct("<QQ")

MAY_CHANGE = frozenset(("00280004", "00280006", "00280100", "00280101", "00280102", "7FE00001", "7FE00002", "7FE00010"))
"""Attributes that say how pixels are coded: photometric interpretation, planes, bits, offset tables, the pixels."""


class Recoding(StrEnum):
    """What became of one instance."""

    RECODED = "recoded"
    HELD = "on legal hold"
    UNSUITABLE = "without a lossless form"
    NO_GAIN = "no smaller"
    CHANGED = "changed meanwhile"
    UNVERIFIED = "did not come back"


@dataclass(frozen=True, slots=True)
class Recoder:
    """All that is needed to rewrite an instance of one archive."""

    index: Index
    upkeep: UpkeepIndex
    blobs: Blobs
    ingest: Ingest
    transcoder: Transcoder
    wall: CodecWall

    def recode(self, instance: StoredInstance, transfer_syntax: str) -> tuple[Recoding, int]:
        """Rewrite one instance; returns what became of it and how many bytes were saved."""
        if self.upkeep.is_held(instance.study_uid):
            return Recoding.HELD, 0
        try:
            attributes = read_attributes(self.index, instance)
            if not self._is_suitable(instance, attributes, transfer_syntax):
                return Recoding.UNSUITABLE, 0
            received = self._received(self.transcoder.file(instance, transfer_syntax))
        except (NotFound, Gone):
            return Recoding.CHANGED, 0
        except (Conflict, DicomError, NotAcceptable, StoreFailure):
            return Recoding.UNSUITABLE, 0
        return self._exchange(instance, attributes, received)

    def _is_suitable(self, instance: StoredInstance, attributes: Attributes, transfer_syntax: str) -> bool:
        """A stream that lost something says so itself; in a lossless one the data set would have to say it anew."""
        if instance.layout.pixel is None or transfer_syntax not in self.transcoder.reach(instance).lossless:
            return False
        return not describe_pixels(attributes, instance.transfer_syntax, instance.layout.pixel).lossy

    def _received(self, chunks: Iterable[bytes]) -> Received:
        incoming = self.ingest.begin()
        try:
            for chunk in chunks:
                incoming.write(chunk)
            return incoming.finish()
        except BaseException:
            incoming.discard()
            raise

    def _exchange(self, instance: StoredInstance, attributes: Attributes, received: Received) -> tuple[Recoding, int]:
        candidate = received.candidate
        saved = instance.blob.size - candidate.blob.size
        if saved <= 0:
            received.staged.discard()
            return Recoding.NO_GAIN, 0
        self.ingest.publish([received])
        fate = Recoding.UNVERIFIED
        try:
            if self._is_same(instance, attributes, candidate):
                replaced = self.upkeep.replace_coding(instance, candidate)
                fate = Recoding.RECODED if replaced else Recoding.CHANGED
        except (NotFound, Gone):
            fate = Recoding.CHANGED
        except (Conflict, DicomError, NotAcceptable):
            fate = Recoding.UNVERIFIED
        # After any other error nobody knows whether the index refers to the new bytes: the sweep finds out.
        if fate is not Recoding.RECODED:
            self.ingest.withdraw([received])
            return fate, 0
        self.blobs.remove([instance.blob.key])
        return fate, saved

    def _is_same(self, instance: StoredInstance, attributes: Attributes, candidate: Candidate) -> bool:
        """Whether the new file says the same: every attribute, every frame to the bit."""
        pixel = candidate.layout.pixel
        if pixel is None or (candidate.study_uid, candidate.sop_uid) != (instance.study_uid, instance.sop_uid):
            return False
        differing = {
            tag
            for tag in attributes.keys() | candidate.attributes.keys()
            if attributes.get(tag) != candidate.attributes.get(tag)
        }
        if not differing <= MAY_CHANGE:
            return False
        before = self.transcoder.source(instance)
        description = describe_pixels(candidate.attributes, candidate.transfer_syntax, pixel)
        after = PixelSource(
            _stored(candidate), {}, description, cast("Index", _Spans(candidate)), self.blobs, self.wall
        )
        if before.description.frames != description.frames:
            return False
        return all(self._is_same_frame(before, after, number) for number in range(1, description.frames + 1))

    def _is_same_frame(self, before: PixelSource, after: PixelSource, number: int) -> bool:
        made = self._native(after, number)
        uncompressed = before.description.coding is Kind.UNCOMPRESSED
        if uncompressed and before.frame_stream(number) == made:
            return True
        # Unused bits of a native cell may hold an overlay (PS3.5 8.1.1 of old): no codec keeps them.
        if uncompressed and before.description.bits_stored != before.description.bits_allocated:
            return False
        return self._native(before, number) == made

    def _native(self, source: PixelSource, number: int) -> bytes:
        from filmjacket.pixels.recode import recode_frame  # noqa: PLC0415 - codecs are loaded by those who need them

        stream, offset = source.frame_stream(number), source.bit_offset(number)
        return self.wall.run(recode_frame, stream, source.description, EXPLICIT_VR_LITTLE_ENDIAN, offset)


@dataclass(frozen=True, slots=True)
class _Spans:
    """The part of an index that knows where the frames of a file are that it does not hold yet."""

    candidate: Candidate

    def frame_spans(self, _instance: StoredInstance, frames: Sequence[int]) -> list[tuple[int, int]]:
        """(offset, length) for each 1-based frame number."""
        return [_SPAN.unpack_from(self.candidate.layout.spans, (number - 1) * _SPAN.size) for number in frames]


def _stored(candidate: Candidate) -> StoredInstance:
    return StoredInstance(
        study_uid=candidate.study_uid,
        series_uid=candidate.series_uid,
        sop_uid=candidate.sop_uid,
        sop_class_uid=candidate.sop_class_uid,
        transfer_syntax=candidate.transfer_syntax,
        blob=candidate.blob,
        layout=candidate.layout,
    )

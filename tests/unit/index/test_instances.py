"""Reading what is stored: retrieval order, frame spans, metadata, blob references."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from filmjacket.dicom.header import Layout, PixelLayout
from filmjacket.dicom.json_model import decode_attributes, encode_attributes
from filmjacket.errors import NotFound
from filmjacket.index import rows
from filmjacket.web.refs import ResourceRef

if TYPE_CHECKING:
    from .conftest import Archive


def test_instances_come_in_retrieval_order(archive: Archive) -> None:
    archive.add("1.2", "1.2.9", "9.1", t00200011=1, t00200013=10)
    archive.add("1.2", "1.2.9", "9.2", t00200011=1, t00200013=9)
    archive.add("1.2", "1.2.1", "9.3", t00200011="", t00200013=1)
    archive.add("1.2", "1.2.2", "9.4", t00200011=2, t00200013="")
    archive.add("1.2", "1.2.2", "9.5", t00200011=2, t00200013=1)
    archive.add("1.3", "1.3.1", "9.6")
    ordered = ["9.2", "9.1", "9.5", "9.4", "9.3"]
    assert [one.sop_uid for one in archive.index.instances(ResourceRef("1.2"))] == ordered
    assert [one.sop_uid for one in archive.index.instances(ResourceRef("1.2", "1.2.2"))] == ["9.5", "9.4"]
    found = [one.sop_uid for batch in archive.index.metadata(ResourceRef("1.2"), batch=2) for one in batch]
    assert found == ordered


@pytest.mark.parametrize(
    "ref",
    [
        ResourceRef("1.9"),
        ResourceRef("1.2", "1.9"),
        ResourceRef("1.2", "1.2.1", "9.9"),
        ResourceRef("1.2", "1.9", "9.1"),
    ],
)
def test_nothing_below_an_unknown_reference(archive: Archive, ref: ResourceRef) -> None:
    archive.add("1.2", "1.2.1", "9.1")
    assert archive.index.instances(ref) == []
    assert list(archive.index.metadata(ref)) == []


def test_a_record_is_what_was_stored(archive: Archive) -> None:
    stored = archive.candidate("1.2", "1.2.1", "9.1")
    archive.store(stored)
    (record,) = archive.index.instances(ResourceRef("1.2", "1.2.1", "9.1"))
    assert record.blob == stored.blob
    assert record.transfer_syntax == stored.transfer_syntax
    assert record.sop_class_uid == stored.sop_class_uid
    assert record.layout == stored.layout


def test_metadata_is_the_data_set(archive: Archive) -> None:
    stored = archive.candidate("1.2", "1.2.1", "9.1")
    archive.store(stored)
    ((document,),) = archive.index.metadata(ResourceRef("1.2", "1.2.1", "9.1"))
    assert decode_attributes(document.document) == stored.attributes


def test_large_metadata_is_kept_small(archive: Archive) -> None:
    items = [{"00080018": {"vr": "UI", "Value": [f"1.2.{number}"]}} for number in range(5000)]
    stored = archive.candidate("1.2", "1.2.1", "9.1", t00081115={"vr": "SQ", "Value": items})
    assert len(rows.prepare(stored).instance["metadata"]) * 5 < len(encode_attributes(stored.attributes))
    archive.store(stored)
    ((document,),) = archive.index.metadata(ResourceRef("1.2"))
    assert decode_attributes(document.document) == stored.attributes


def test_documents_for_a_server_are_packed_sooner(archive: Archive) -> None:
    items = [{"00080018": {"vr": "UI", "Value": [f"1.2.{number}"]}} for number in range(100)]
    candidate = archive.candidate("1.2", "1.2.1", "9.1", t00081115={"vr": "SQ", "Value": items})
    plain = encode_attributes(candidate.attributes)
    assert rows.LARGEST_PLAIN_ON_A_SERVER < len(plain) < rows.LARGEST_PLAIN
    assert rows.prepare(candidate).instance["metadata"] == plain
    packed = rows.prepare(candidate, rows.LARGEST_PLAIN_ON_A_SERVER).instance["metadata"]
    assert len(packed) * 2 < len(plain)
    assert rows.unpack_document(packed) == plain


def spans_of(frames: int) -> bytes:
    return b"".join(struct.pack("<QQ", 1000 + 100 * number, number) for number in range(1, frames + 1))


@pytest.mark.parametrize("frames", [1, 1023, 1024, 1025, 5000])
def test_frame_spans(archive: Archive, frames: int) -> None:
    pixel = PixelLayout("7FE00010", "OB", encapsulated=True, offset=0, length=0, frames=frames, frame_bits=0)
    layout = Layout(0, deflated=False, pixel=pixel, bulk=(), spans=spans_of(frames))
    archive.store(archive.candidate("1.2", "1.2.1", "9.1", layout=layout))
    (record,) = archive.index.instances(ResourceRef("1.2"))
    assert record.layout.spans == b""
    wanted = [frames, 1, frames, (frames + 1) // 2]
    expected = [(1000 + 100 * number, number) for number in wanted]
    assert archive.index.frame_spans(record, wanted) == expected
    for number in (0, -1, frames + 1, frames + 1024):
        with pytest.raises(NotFound) as refusal:
            archive.index.frame_spans(record, [1, number])
        assert refusal.value.offender == str(number)


def test_frame_spans_follow_a_replacement(archive: Archive) -> None:
    for frames, content in ((2000, "a"), (3, "b")):
        pixel = PixelLayout("7FE00010", "OB", encapsulated=True, offset=0, length=0, frames=frames, frame_bits=0)
        layout = Layout(0, deflated=False, pixel=pixel, bulk=(), spans=spans_of(frames))
        archive.store(archive.candidate("1.2", "1.2.1", "9.1", layout=layout, content=content))
    (record,) = archive.index.instances(ResourceRef("1.2"))
    assert archive.index.frame_spans(record, [3]) == [(1300, 3)]
    with pytest.raises(NotFound):
        archive.index.frame_spans(record, [1500])


def test_blobs_and_keys(archive: Archive) -> None:
    for number in range(7):
        archive.add(f"1.{number % 3}", f"1.{number % 3}.1", f"9.{number}")
    found = dict(pair for batch in archive.index.blobs(batch=2) for pair in batch)
    assert found == {one.sop_uid: one.blob for one in archive.stored}
    keys = [one.blob.key for one in archive.stored]
    assert archive.index.unknown_keys([*keys, "nobody", "else"]) == {"nobody", "else"}
    assert archive.index.unknown_keys(str(number) for number in range(1200)) == {str(number) for number in range(1200)}
    digests = [one.blob.sha256 for one in archive.stored]
    assert archive.index.known_sources([digests[0], "ab" * 32]) == {digests[0]}


def test_check_answers(archive: Archive) -> None:
    archive.index.check()

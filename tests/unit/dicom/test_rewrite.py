"""PS3.18 8.7.8.2 (never Implicit VR or Big Endian on the wire), PS3.5 6.2.2, 7.3; against pydicom as reader."""

import io
import itertools
import struct
import warnings
import zlib

import pydicom
import pytest
from pydicom.sequence import Sequence
from tests.part10 import (
    BIG,
    DEFLATED,
    IMPLICIT,
    J2K,
    LITTLE,
    SEQUENCE_END,
    UNDEFINED,
    encapsulated,
    explicit,
    implicit,
    item,
    open_item,
    part10,
)
from tests.samples import sample

from filmjacket.dicom import rewrite
from filmjacket.dicom.header import read_header
from filmjacket.dicom.rewrite import to_explicit_little_endian
from filmjacket.dicom.uids import IMPLEMENTATION_CLASS_UID
from filmjacket.errors import DicomError

IMPLICIT_FILES = [
    "rtplan.dcm",
    "rtdose.dcm",
    "MR_small_implicit.dcm",
    "priv_SQ.dcm",
    "nested_priv_SQ.dcm",
    "OT-PAL-8-face.dcm",
]
BIG_FILES = ["MR_small_bigendian.dcm", "rtdose_expb.dcm", "ExplVR_BigEndNoMeta.dcm", "SC_rgb_expb_32bit.dcm"]
DEFLATED_FILES = ["image_dfl.dcm"]
OTHER_FILES = [
    "ExplVR_LitEndNoMeta.dcm",
    "rtstruct.dcm",
    "meta_missing_tsyntax.dcm",
    "no_meta_group_length.dcm",
    "UN_sequence.dcm",
]


def rewritten(content: bytes, size: int = 1 << 20) -> bytes:
    return b"".join(to_explicit_little_endian(content[start : start + size] for start in range(0, len(content), size)))


def flat(dataset, prefix=()):
    """{path: value} of a pydicom data set; raw bytes of what has none."""
    for element in dataset:
        path = (*prefix, element.tag)
        if isinstance(element.value, Sequence):
            yield path, len(element.value)
            for number, found in enumerate(element.value):
                yield from flat(found, (*path, number))
        elif element.tag.element != 0:
            value = element.value
            # An odd length is not allowed in what we write (PS3.5 7.1.1).
            yield path, value + b"\0" if isinstance(value, bytes) and len(value) % 2 else value


def read(content: bytes):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(io.BytesIO(content), force=True)
        return dataset, dict(flat(dataset))


def in_words(raw: bytes, width: int) -> bytes:
    return b"".join(raw[start : start + width][::-1] for start in range(0, len(raw), width))


@pytest.mark.parametrize("name", IMPLICIT_FILES + BIG_FILES + DEFLATED_FILES + OTHER_FILES)
def test_pydicom_reads_the_same_data_set(name):
    content = sample(name)
    before, old = read(content)
    after, new = read(rewritten(content))
    if name in BIG_FILES and "PixelData" in before:
        old[(before["PixelData"].tag,)] = in_words(before.PixelData, max(2, before.BitsAllocated // 8))
    assert new == old
    assert after.file_meta.ImplementationClassUID == IMPLEMENTATION_CLASS_UID
    if read_header(content).transfer_syntax in {IMPLICIT, BIG, DEFLATED}:
        assert after.file_meta.TransferSyntaxUID == LITTLE
    if "SOPInstanceUID" in before:
        assert after.file_meta.MediaStorageSOPInstanceUID == before.SOPInstanceUID


@pytest.mark.parametrize("name", ["MR_small_bigendian.dcm", "rtplan.dcm", "image_dfl.dcm", "693_J2KI.dcm"])
def test_our_reader_finds_nothing_odd_and_the_same_attributes(name):
    old, new = read_header(sample(name)), read_header(rewritten(sample(name)))
    assert new.attributes == old.attributes
    assert new.warnings == ()


@pytest.mark.parametrize("size", [1, 7, 100, 4096])
@pytest.mark.parametrize("name", ["MR_small_bigendian.dcm", "rtdose_expb.dcm", "rtplan.dcm"])
def test_chunks_do_not_matter(name, size, monkeypatch):
    monkeypatch.setattr(rewrite, "LARGE_VALUE", 2000)
    assert rewritten(sample(name), size) == rewritten(sample(name))


def body(content: bytes) -> bytes:
    """The data set of a rewritten file."""
    return content[read_header(content).layout.dataset_offset :]


IDENTITY = implicit("00080016", b"1.2 ") + implicit("00080018", b"1.3 ")
EXPLICIT_IDENTITY = explicit("00080016", "UI", b"1.2 ") + explicit("00080018", "UI", b"1.3 ")


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (implicit("00100010", b"A^B "), explicit("00100010", "PN", b"A^B ")),
        (implicit("00091001", b"\1\2"), explicit("00091001", "UN", b"\1\2")),
        (implicit("00090010", b"ACME"), explicit("00090010", "LO", b"ACME")),
        (implicit("00100000", bytes(4)) + implicit("00100020", b"1 "), explicit("00100020", "LO", b"1 ")),
        (implicit("00100020", b"1"), explicit("00100020", "LO", b"1 ")),
        (
            implicit("00081140", item(implicit("00081155", b"1.2 ")) + item()),
            explicit(
                "00081140",
                "SQ",
                open_item(explicit("00081155", "UI", b"1.2 ")) + open_item() + SEQUENCE_END,
                length=UNDEFINED,
            ),
        ),
        (
            implicit("00020010", b"1.2 ") + implicit("00020102", bytes(70_000)) + implicit("00100020", b"1 "),
            explicit("00100020", "LO", b"1 "),
        ),
        (implicit("00081140"), explicit("00081140", "SQ", SEQUENCE_END, length=UNDEFINED)),
        (implicit("30060050", b"1\\" * 32_767), explicit("30060050", "DS", b"1\\" * 32_767)),
        (implicit("30060050", b"1\\" * 32_768), explicit("30060050", "UN", b"1\\" * 32_768)),
        (implicit("7FE00010", b"ab" * 40_000), explicit("7FE00010", "OW", b"ab" * 40_000)),
        (implicit("00420011", b"a" * 80_001), explicit("00420011", "OB", b"a" * 80_001 + b"\0")),
    ],
    ids=[
        "text",
        "private",
        "creator",
        "group length",
        "odd",
        "items",
        "file meta",
        "no items",
        "longest",
        "too long",
        "large",
        "odd large",
    ],
)
def test_implicit(stored, expected):
    result = rewritten(part10(IDENTITY + stored, IMPLICIT))
    assert body(result) == EXPLICIT_IDENTITY + expected


@pytest.mark.parametrize(
    ("vr", "stored", "expected"),
    [
        ("US", b"\0\1\0\2", b"\1\0\2\0"),
        ("SS", b"\0\1", b"\1\0"),
        ("AT", b"\0\x10\0\x20", b"\x10\0\x20\0"),
        ("UL", b"\0\0\0\1", b"\1\0\0\0"),
        ("FL", struct.pack(">f", 1.5), struct.pack("<f", 1.5)),
        ("FD", struct.pack(">2d", 1.5, -2), struct.pack("<2d", 1.5, -2)),
        ("OB", b"\0\1\2\3", b"\0\1\2\3"),
        ("OW", b"\0\1\2\3", b"\1\0\3\2"),
        ("OF", b"\0\1\2\3", b"\3\2\1\0"),
        ("OD", b"\0\1\2\3\4\5\6\7", b"\7\6\5\4\3\2\1\0"),
        ("OV", b"\0\1\2\3\4\5\6\7", b"\7\6\5\4\3\2\1\0"),
        ("SV", b"\0\1\2\3\4\5\6\7", b"\7\6\5\4\3\2\1\0"),
        ("UN", b"\0\1\2\3", b"\0\1\2\3"),
        ("LO", b"abcd", b"abcd"),
    ],
)
def test_big_endian(vr, stored, expected):
    first = explicit("00080005", "CS", b"ISO_IR 100", order=">")
    result = rewritten(part10(first + explicit("00091001", vr, stored, order=">"), BIG))
    assert body(result) == explicit("00080005", "CS", b"ISO_IR 100") + explicit("00091001", vr, expected)


def cells(bits: int, vr: str, stored: bytes, order: str = ">") -> bytes:
    allocated = explicit("00280100", "US", struct.pack(f"{order}H", bits), order=order)
    return allocated + explicit("7FE00010", vr, stored, order=order)


@pytest.mark.parametrize(
    ("bits", "vr", "expected"),
    [
        (8, "OB", bytes(range(16))),
        (8, "OW", in_words(bytes(range(16)), 2)),
        (1, "OW", in_words(bytes(range(16)), 2)),
        (16, "OW", in_words(bytes(range(16)), 2)),
        (16, "OB", in_words(bytes(range(16)), 2)),
        (32, "OW", in_words(bytes(range(16)), 4)),
        (32, "OB", in_words(bytes(range(16)), 4)),
        (64, "OW", in_words(bytes(range(16)), 8)),
    ],
)
@pytest.mark.parametrize("large", [8, 1 << 16])
@pytest.mark.parametrize("size", [1, 3, 5, 1000])
def test_pixels_in_big_endian_are_swapped_by_cells(bits, vr, expected, large, size, monkeypatch):
    monkeypatch.setattr(rewrite, "LARGE_VALUE", large)
    first = explicit("00080005", "CS", b"ISO_IR 100", order=">")
    result = rewritten(part10(first + cells(bits, vr, bytes(range(16))), BIG), size)
    assert body(result) == explicit("00080005", "CS", b"ISO_IR 100") + cells(bits, vr, expected, "<")


def test_cells_of_an_icon_are_its_own():
    """And other values of OW are words, whatever Bits Allocated is."""
    raw = bytes(range(8))
    icon = open_item(cells(16, "OW", raw)).replace(b"\xfe\xff", b"\xff\xfe").replace(b"\x00\xe0", b"\xe0\x00")
    icon = icon.replace(b"\x0d\xe0", b"\xe0\x0d") + b"\xff\xfe\xe0\xdd" + bytes(4)
    stored = (
        explicit("00080005", "CS", b"ISO_IR 100", order=">")
        + explicit("00280100", "US", b"\0\x20", order=">")
        + explicit("00281201", "OW", raw, order=">")
        + explicit("00880200", "SQ", icon, length=UNDEFINED, order=">")
        + explicit("7FE00010", "OW", raw, order=">")
    )
    dataset, _ = read(rewritten(part10(stored, BIG)))
    assert dataset[0x00281201].value == in_words(raw, 2)
    assert dataset[0x00880200].value[0].PixelData == in_words(raw, 2)
    assert dataset.PixelData == in_words(raw, 4)
    layout = read_header(part10(stored, BIG)).layout
    assert {value.path: value.vr for value in layout.bulk} == {"00880200.0.7FE00010": "OW", "7FE00010": "OL"}


def test_what_is_in_un_is_little_endian_already():
    hidden = open_item(implicit("00280010", b"\1\0")) + SEQUENCE_END
    stored = (
        explicit("00080005", "CS", b"ISO_IR 100", order=">")
        + explicit("00091001", "UN", hidden, length=UNDEFINED, order=">")
        + explicit("00280010", "US", b"\0\2", order=">")
    )
    header = read_header(rewritten(part10(stored, BIG)))
    assert header.attributes["00091001"]["Value"][0]["00280010"]["Value"] == [1]
    assert header.attributes["00280010"]["Value"] == [2]


def test_an_encapsulated_syntax_is_kept():
    pixels = encapsulated(b"\xff\x4f\xff\x51ab", b"cdef" * 30_000, table=bytes(4), vr="OW")
    stored = bytes(128) + b"DICM" + implicit("00020010", J2K.encode()) + IDENTITY
    result = rewritten(stored + implicit("7FE00010", pixels[12:], length=UNDEFINED))
    header = read_header(result)
    assert header.transfer_syntax == header.meta["00020010"]["Value"][0] == J2K
    assert body(result) == EXPLICIT_IDENTITY + pixels.replace(b"OW", b"OB", 1)


def test_a_deflated_jpip_syntax_becomes_the_plain_one():
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    data_set = deflater.compress(EXPLICIT_IDENTITY) + deflater.flush()
    header = read_header(rewritten(part10(data_set, "1.2.840.10008.1.2.4.95")))
    assert header.transfer_syntax == "1.2.840.10008.1.2.4.94"
    assert list(header.attributes) == ["00080016", "00080018"]


def test_file_meta_names_the_instance_that_is_in_the_file():
    meta = explicit("00020003", "UI", b"9.9.9.9\0") + explicit("00020010", "UI", IMPLICIT.encode() + b"\0")
    result = rewritten(bytes(128) + b"DICM" + meta + IDENTITY)
    assert read_header(result).meta["00020003"]["Value"] == ["1.3"]
    assert read_header(result).meta["00020002"]["Value"] == ["1.2"]


def test_output_begins_before_the_input_ends():
    """Nothing is held back but what precedes the SOP Instance UID."""
    big = part10(IDENTITY + implicit("7FE00010", length=1 << 30), IMPLICIT)
    chunks = itertools.chain([big], itertools.repeat(bytes(1 << 16)))
    output = to_explicit_little_endian(chunks)
    assert sum(len(next(output)) for _ in range(50)) > 49 << 16


def test_a_truncated_file_is_refused():
    with pytest.raises(DicomError, match="truncated"):
        rewritten(sample("rtplan_truncated.dcm"))

"""Part 10 files from attributes: PS3.10 7.1, PS3.5 7, A.2, A.4, A.5; pydicom reads them back."""

import tracemalloc
import zlib
from io import BytesIO

import pytest
from pydicom import dcmread
from pydicom.encaps import generate_frames, parse_basic_offsets

from filmjacket.dicom.uids import IMPLEMENTATION_CLASS_UID
from filmjacket.dicom.value_fields import format_decimal
from filmjacket.dicom.writer import BulkStream, EncapsulatedFrames, meta_bytes, write_file
from filmjacket.errors import DicomError

EXPLICIT = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
JPEG = "1.2.840.10008.1.2.4.50"
BULK = {"vr": "OB", "BulkDataURI": "/bulk"}
IDENTITY = {
    "00080016": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.7"]},
    "00080018": {"vr": "UI", "Value": ["2.25.1"]},
}


def write(attributes, transfer_syntax=EXPLICIT, bulk=None):
    return b"".join(write_file(IDENTITY | attributes, transfer_syntax=transfer_syntax, bulk=bulk))


def read(attributes, transfer_syntax=EXPLICIT, bulk=None):
    return dcmread(BytesIO(write(attributes, transfer_syntax, bulk)))


def one(vr, *values, **content):
    return {"vr": vr, "Value": list(values), **content}


def test_file_meta_information():
    file = write({})
    assert file[:132] == bytes(128) + b"DICM"
    meta = dcmread(BytesIO(file)).file_meta
    assert meta.FileMetaInformationGroupLength == len(meta_bytes("1.2.840.10008.5.1.4.1.1.7", "2.25.1", EXPLICIT)) - 12
    assert meta.FileMetaInformationVersion == b"\0\1"
    assert meta.MediaStorageSOPClassUID == "1.2.840.10008.5.1.4.1.1.7"
    assert meta.MediaStorageSOPInstanceUID == "2.25.1"
    assert meta.TransferSyntaxUID == EXPLICIT
    assert meta.ImplementationClassUID == IMPLEMENTATION_CLASS_UID


VALUES = {
    "AE": ("00080054", one("AE", "A", "B"), ["A", "B"]),
    "AS": ("00101010", one("AS", "034Y"), "034Y"),
    "AT": ("00280009", one("AT", "00181063"), 0x00181063),
    "CS with an empty value": ("00080008", one("CS", "A", None, "B"), ["A", "", "B"]),
    "DS": ("00280030", one("DS", 0.5, 12), [0.5, 12.0]),
    "FD": ("00189074", one("FD", 0.1), 0.1),
    "FL": ("00189073", one("FL", 0.5), 0.5),
    "IS": ("00200013", one("IS", 7), 7),
    "LT": ("00204000", one("LT", " a\\b"), " a\\b"),
    "OB": ("00282000", {"vr": "OB", "InlineBinary": "AQID"}, b"\1\2\3\0"),
    "PN": ("00100010", one("PN", {"Alphabetic": "A^B", "Phonetic": "C"}), "A^B==C"),
    "SL": ("00186020", one("SL", -5), -5),
    "SS": ("00280106", one("SS", -5), -5),
    "SV": ("00720082", one("SV", -5, "-9223372036854775808"), [-5, -(2**63)]),
    "UC": ("00080119", one("UC", "x" * 70000), "x" * 70000),
    "UI": ("00080058", one("UI", "1.2", "1.3"), ["1.2", "1.3"]),
    "UL": ("00080001", one("UL", 2**32 - 1), 2**32 - 1),
    "UR": ("00081190", one("UR", "http://host/"), "http://host/"),
    "US": ("00280010", one("US", 512), 512),
    "UT": ("0040A160", one("UT", "text"), "text"),
    "UV": ("00182041", one("UV", "18446744073709551615"), 2**64 - 1),
    "empty": ("00100020", {"vr": "LO"}, None),
}


@pytest.mark.parametrize("name", VALUES)
def test_values_are_read_back(name):
    tag, element, value = VALUES[name]
    written = read({tag: element})[int(tag, 16)]
    assert element["vr"] == written.VR
    if value is None:
        assert written.is_empty
    else:
        assert written.value == value


def test_every_element_is_of_even_length():
    for raw in read({tag: element for tag, element, _ in VALUES.values()})._dict.values():
        assert raw.length % 2 == 0 if hasattr(raw, "length") else True


def test_elements_are_ascending_and_file_meta_and_group_lengths_left_out():
    attributes = {
        "00280010": one("US", 1),
        "00020010": one("UI", "1.2"),
        "00100000": one("UL", 4),
        "FFFCFFFC": {"vr": "OB", "InlineBinary": "AA=="},
        "00100020": one("LO", "X"),
    }
    assert list(read(attributes).keys()) == [0x00080016, 0x00080018, 0x00100020, 0x00280010]


def test_sequences_nest():
    inner = {"00080060": one("CS", "CT"), "00081199": {"vr": "SQ"}}
    dataset = read({"00081115": one("SQ", {}, {"00081140": one("SQ", inner)}), "00100020": one("LO", "X")})
    assert len(dataset.ReferencedSeriesSequence) == 2
    assert len(dataset.ReferencedSeriesSequence[0]) == 0
    assert dataset.ReferencedSeriesSequence[1].ReferencedImageSequence[0].Modality == "CT"
    assert len(dataset.ReferencedSeriesSequence[1].ReferencedImageSequence[0].ReferencedSOPSequence) == 0
    assert dataset.PatientID == "X"


def test_private_elements_stay_as_they_are():
    dataset = read({"00090010": one("LO", "ME"), "00091001": one("DS", 1.5)})
    assert dataset.private_block(0x0009, "ME")[1].value == 1.5


def test_text_beyond_ascii_announces_utf_8():
    dataset = read({"00100010": one("PN", {"Alphabetic": "Müller", "Ideographic": "山田"})})
    assert dataset.SpecificCharacterSet == "ISO_IR 192"
    assert dataset.PatientName == "Müller=山田"


def test_text_beyond_ascii_in_an_item_announces_utf_8_at_the_top():
    dataset = read({"00081115": one("SQ", {"0008103E": one("LO", "für")})})
    assert dataset.SpecificCharacterSet == "ISO_IR 192"
    assert dataset.ReferencedSeriesSequence[0].SeriesDescription == "für"


def test_ascii_alone_announces_nothing():
    assert "SpecificCharacterSet" not in read({"00100010": one("PN", {"Alphabetic": "Mueller"})})


def test_announced_character_sets_become_utf_8_at_every_level():
    item = {"00080005": one("CS", "ISO_IR 144"), "0008103E": one("LO", "Люк")}
    dataset = read({"00080005": one("CS", "ISO_IR 100"), "00081115": one("SQ", item)})
    assert dataset.SpecificCharacterSet == "ISO_IR 192"
    assert dataset.ReferencedSeriesSequence[0].SpecificCharacterSet == "ISO_IR 192"
    assert dataset.ReferencedSeriesSequence[0].SeriesDescription == "Люк"


def test_6_2_2_value_too_long_for_a_16_bit_length_is_unknown():
    file = write({"00280030": one("DS", *[1.5] * 20000)})
    assert b"\x28\x00\x30\x00UN\0\0" in file
    assert b"\x28\x00\x30\x00DS" in write({"00280030": one("DS", *[1.5] * 10)})


def test_deflated():
    file = write({"0040A160": one("UT", "X" * 1000)}, DEFLATED)
    assert dcmread(BytesIO(file)).TextValue == "X" * 1000
    meta = meta_bytes(IDENTITY["00080016"]["Value"][0], "2.25.1", DEFLATED)
    body = file[132 + len(meta) :]
    assert len(body) % 2 == 0
    assert len(zlib.decompress(body, wbits=-15)) > 1000 > len(body)


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.3", ""])
def test_other_transfer_syntaxes_are_refused(syntax):
    with pytest.raises(DicomError) as caught:
        write({}, syntax)
    assert caught.value.accepted == (EXPLICIT,)


@pytest.mark.parametrize("missing", ["00080016", "00080018"])
def test_identity_is_required(missing):
    attributes = {tag: element for tag, element in IDENTITY.items() if tag != missing}
    with pytest.raises(DicomError, match="SOPInstanceUID"):
        list(write_file(attributes, transfer_syntax=EXPLICIT))


@pytest.mark.parametrize(
    "element",
    [
        one("US", 70000),
        one("US", "x"),
        one("FL", 1e300),
        one("CS", 5),
        one("AT", "zz"),
        one("PN", "Doe^John"),
        {"vr": "OB", "InlineBinary": "A"},
        one("OB", 1),
    ],
)
def test_what_a_vr_cannot_hold_is_refused_with_the_tag(element):
    with pytest.raises(DicomError) as caught:
        write({"00100020": element})
    assert caught.value.offender == "00100020"
    assert "Doe" not in caught.value.message


@pytest.mark.parametrize(
    "make",
    [
        lambda: b"\1\2\3",
        lambda: BulkStream(3, (b"\1", b"\2\3")),
        lambda: BulkStream(3, iter([b"\1\2", b"", b"\3"])),
    ],
)
def test_bulk_data_is_fetched_and_padded(make):
    asked = []

    def bulk(uri):
        asked.append(uri)
        return make()

    nested = BULK | {"BulkDataURI": "/nested"}
    dataset = read({"00282000": BULK, "00081115": one("SQ", {"00282000": nested})}, bulk=bulk)
    assert dataset.ICCProfile == b"\1\2\3\0"
    assert dataset.ReferencedSeriesSequence[0].ICCProfile == b"\1\2\3\0"
    assert asked == ["/nested", "/bulk"]


@pytest.mark.parametrize("chunks", [[b"\1"], [b"\1\2\3", b"\4"], []])
def test_bulk_data_of_another_length_is_refused(chunks):
    with pytest.raises(DicomError, match="as long as announced"):
        write({"00282000": BULK}, bulk=lambda _: BulkStream(3, chunks))


def test_bulk_data_that_nobody_has_is_refused():
    with pytest.raises(DicomError) as caught:
        write({"00282000": BULK})
    assert caught.value.offender == "00282000"


FRAMES = [b"\xff\xd8one\xff\xd9", b"\xff\xd8three\xff\xd9\0", b"\xff\xd8x\xff\xd9"]
PIXELS = {
    "00280008": one("IS", 3),
    "7FE00010": {"vr": "OB", "BulkDataURI": "/frames"},
}


def padded(frame):
    return frame + b"\0" * (len(frame) % 2)


def test_a_4_frames_with_basic_offset_table():
    lengths = tuple(map(len, FRAMES))
    dataset = read(PIXELS, JPEG, lambda _: EncapsulatedFrames(FRAMES, lengths))
    assert parse_basic_offsets(dataset.PixelData) == [0, 16, 34]
    assert list(generate_frames(dataset.PixelData, number_of_frames=3)) == [padded(frame) for frame in FRAMES]
    assert dataset["PixelData"].is_undefined_length


def test_a_4_frames_of_unknown_length_with_an_empty_table():
    frames = (BulkStream(len(frame), (frame[:3], frame[3:])) for frame in FRAMES)
    dataset = read(PIXELS, JPEG, lambda _: EncapsulatedFrames(frames))
    assert parse_basic_offsets(dataset.PixelData) == []
    assert list(generate_frames(dataset.PixelData, number_of_frames=3)) == [padded(frame) for frame in FRAMES]


def test_c_7_6_3_1_8_extended_offset_table_where_32_bits_are_too_few():
    huge = 0xFFFF_FFF0
    chunk = bytes(1 << 20)

    def chunks():
        left = huge
        while left:
            yield chunk[: min(left, len(chunk))]
            left -= min(left, len(chunk))

    frames = [BulkStream(huge, chunks()), b"\1\2", b"\3"]
    content = EncapsulatedFrames(frames, (huge, 2, 1))
    head = bytearray()
    tail = b""
    for part in write_file(IDENTITY | PIXELS, transfer_syntax=JPEG, bulk=lambda _: content):
        if len(head) < 1 << 16:
            head += part[: 1 << 16]
        tail = (tail + part)[-100:] if len(part) < 100 else part[-100:]
    offsets = (0, huge + 8, huge + 8 + 10)
    table = b"".join(offset.to_bytes(8, "little") for offset in offsets)
    assert b"\xe0\x7f\x01\x00OV\0\0\x18\0\0\0" + table in head
    assert b"\xe0\x7f\x02\x00OV\0\0\x18\0\0\0" + huge.to_bytes(8, "little") in head
    assert b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\0\0\0\0" in head
    assert tail.endswith(b"\xfe\xff\x00\xe0\x02\0\0\0\3\0\xfe\xff\xdd\xe0\0\0\0\0")


@pytest.mark.parametrize("lengths", [(7, 10), (7, 10, 5, 1), (7, 9, 5)])
def test_frames_other_than_announced_are_refused(lengths):
    with pytest.raises(DicomError, match="announced"):
        write(PIXELS, JPEG, lambda _: EncapsulatedFrames(FRAMES, lengths))


def test_offset_tables_of_the_attributes_are_not_written_twice():
    old = {"7FE00001": {"vr": "OV", "InlineBinary": "AAAAAAAAAAA="}, "7FE00002": {"vr": "OV", "BulkDataURI": "/x"}}
    dataset = read(PIXELS | old, JPEG, lambda _: EncapsulatedFrames(FRAMES))
    assert "ExtendedOffsetTable" not in dataset
    assert "ExtendedOffsetTableLengths" not in dataset


@pytest.mark.parametrize(
    ("syntax", "element", "content"),
    [
        (EXPLICIT, BULK, EncapsulatedFrames(FRAMES)),
        (JPEG, BULK, b"\1\2"),
        (JPEG, {"vr": "OB", "InlineBinary": "AAE="}, b""),
    ],
)
def test_frames_and_native_pixels_do_not_mix(syntax, element, content):
    with pytest.raises(DicomError) as caught:
        write({"7FE00010": element}, syntax, lambda _: content)
    assert caught.value.section == "PS3.5 A.4"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1, "1"),
        (1.0, "1"),
        (0.1, "0.1"),
        (-0.30000000000000004, "-0.3"),
        (1 / 3, "0.33333333333333"),
        (-1 / 3, "-0.3333333333333"),
        (-1.2345678901234567e-300, "-1.234567890e-300"),
        (9007199254740991, "9007199254740991"),
        (-9007199254740991, "-9.007199255e+15"),
    ],
)
def test_decimal_strings_have_at_most_16_characters(number, text):
    written = format_decimal(number)
    assert len(written) <= 16
    assert float(written) == pytest.approx(number, rel=1e-9)
    assert float(written) == float(text)


def test_memory_is_bounded_while_bulk_flows_through():
    chunk = bytes(1 << 20)
    stream = BulkStream(200 << 20, (chunk for _ in range(200)))
    tracemalloc.start()
    total = sum(map(len, write_file(IDENTITY | {"00282000": BULK}, transfer_syntax=EXPLICIT, bulk=lambda _: stream)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert total > 200 << 20
    assert peak < 8 << 20

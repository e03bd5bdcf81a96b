"""PS3.18 Annex F: the DICOM JSON Model as this server writes it, in metadata and in search results."""

from __future__ import annotations

import base64
import io
import json
import struct
from typing import TYPE_CHECKING, Any

import pytest
from pydicom import Dataset, dcmwrite
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from tests import samples
from tests.payloads import dataset_of, storable

if TYPE_CHECKING:
    from tests.conformance.shelf import Shelf, StoredFile


def raw_element(tag: int, vr: str, value: bytes) -> bytes:
    """An Explicit VR Little Endian element with exactly these bytes."""
    head = tag.to_bytes(4, "little")[2:] + tag.to_bytes(4, "little")[:2] + vr.encode()
    if vr in {"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"}:
        return head + b"\0\0" + len(value).to_bytes(4, "little") + value
    return head + len(value).to_bytes(2, "little") + value


def file_with(*elements: bytes, charset: str = "ISO_IR 192") -> bytes:
    """A minimal instance whose data set ends in these elements (all tags above 0020,000E)."""
    head = Dataset()
    head.SpecificCharacterSet = charset
    head.SOPClassUID = "1.2.840.10008.5.1.4.1.1.66"
    head.SOPInstanceUID = generate_uid()
    head.StudyInstanceUID = generate_uid()
    head.SeriesInstanceUID = generate_uid()
    head.file_meta = dataset_of(samples.sample("CT_small.dcm")).file_meta
    head.file_meta.MediaStorageSOPClassUID = head.SOPClassUID
    head.file_meta.MediaStorageSOPInstanceUID = head.SOPInstanceUID
    head.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    out = io.BytesIO()
    dcmwrite(out, head, enforce_file_format=True)
    return out.getvalue() + b"".join(elements)


def stored_element(shelf: Shelf, tag: int, vr: str, value: bytes) -> dict[str, Any]:
    stored = shelf.store(file_with(raw_element(tag, vr, value)))
    return document(stored)[f"{tag:08X}"]


def document(stored: StoredFile) -> dict[str, Any]:
    (only,) = stored.get("/metadata").json()
    return only


# F.2.2, F.2.3: values of each VR ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("vr", "tag", "value", "expected"),
    [
        ("AE", 0x00400001, b"STATION1 ", ["STATION1"]),
        ("AS", 0x00511010, b"012Y", ["012Y"]),
        ("AT", 0x00200070, b"\x28\x00\x10\x00\xe0\x7f\x10\x00", ["00280010", "7FE00010"]),
        ("CS", 0x00280004, b"RGB ", ["RGB"]),
        ("CS", 0x00280004, b"A\\\\B", ["A", None, "B"]),
        ("DA", 0x00400002, b"20261122", ["20261122"]),
        ("DA", 0x00400002, b"2004.01.19", ["2004.01.19"]),
        ("DS", 0x00280030, b"0.5\\-1e3 ", [0.5, -1000]),
        ("DS", 0x00280030, b"1.5\\abc ", [1.5, "abc"]),
        ("DT", 0x00404011, b"20261122101500.5+0100", ["20261122101500.5+0100"]),
        ("FD", 0x00189087, b"\0\0\0\0\0\0\xe0\x3f", [0.5]),
        ("FL", 0x00280051, b"\0\0\0\x3f", [0.5]),
        ("IS", 0x00280008, b"12\\ -3 ", [12, -3]),
        ("IS", 0x00280008, b"1A", ["1A"]),
        ("LO", 0x00324000, b"one\\two ", ["one", "two"]),
        ("LT", 0x00204000, b"  kept\\whole  ", ["  kept\\whole"]),
        ("OB", 0x00282000, b"\0\xff", "AP8="),
        ("OW", 0x00281201, b"\x01\x02\x03\x04", "AQIDBA=="),
        ("UN", 0x00291010, b"abcd", "YWJjZA=="),
        ("SH", 0x00401001, b" P1 ", ["P1"]),
        ("SL", 0x00200200, b"\xff\xff\xff\xff", [-1]),
        ("SS", 0x00280106, b"\x00\x80", [-32768]),
        ("ST", 0x00404000, b"a\\b ", ["a\\b"]),
        ("SV", 0x00720082, (-5).to_bytes(8, "little", signed=True), [-5]),
        ("TM", 0x00400003, b"1015", ["1015"]),
        ("UC", 0x00280000 + 0x0119, b"very\\long ", ["very", "long"]),
        ("UI", 0x00281199, b"1.2.3\0", ["1.2.3"]),
        ("UI", 0x00281199, b"1.2.3\\1.2.4\0", ["1.2.3", "1.2.4"]),
        ("UI", 0x00281199, b"not a uid\0", ["not a uid"]),
        ("UL", 0x00720078, b"\xff\xff\xff\xff", [4294967295]),
        ("UR", 0x00400E10, b"http://x/\\y ", ["http://x/\\y"]),
        ("US", 0x00280010, b"\x00\x02\x01\x00", [512, 1]),
        ("UT", 0x00400031, "Grüße\\x ".encode(), ["Grüße\\x"]),
    ],
)
def test_values_of_each_vr(shelf: Shelf, vr: str, tag: int, value: bytes, expected: list[object] | str) -> None:
    element = stored_element(shelf, tag, vr, value)
    content = {"InlineBinary": expected} if isinstance(expected, str) else {"Value": expected}
    assert element == {"vr": vr, **content}
    for ours, wanted in zip(element.get("Value", []), expected, strict=False):
        assert type(ours) is type(wanted) or isinstance(wanted, float | int)


@pytest.mark.parametrize("vr", ["AE", "CS", "DA", "DS", "FD", "IS", "LO", "OB", "PN", "SQ", "UI", "UN", "US", "UT"])
def test_zero_length_attributes_have_a_vr_only(shelf: Shelf, vr: str) -> None:
    """F.2.5: no `Value`, no `[]`, no `null`."""
    assert stored_element(shelf, 0x00291010, vr, b"") == {"vr": vr}


def test_sixty_four_bits_are_not_rounded(shelf: Shelf) -> None:
    """F.2.3: SV and UV may be strings where a double is too small."""
    for vr, number in (("UV", 2**64 - 1), ("UV", 2**53 + 1), ("SV", -(2**63))):
        raw = (number % 2**64).to_bytes(8, "little")
        (value,) = stored_element(shelf, 0x00291010, vr, raw)["Value"]
        assert int(value) == number
        assert isinstance(value, str)


def test_decimal_strings_keep_what_a_number_would_lose(shelf: Shelf) -> None:
    (value,) = stored_element(shelf, 0x00280030, "DS", b"0.12345678901234")["Value"]
    assert str(value) == "0.12345678901234"


def test_person_names_have_three_groups(shelf: Shelf) -> None:
    """F.2.2: members that are not empty, components with `^`."""
    value = "Yamada^Tarou=山田^太郎=やまだ^たろう\\Müller^Jürgen^^Dr\\\\=山田".encode()
    element = stored_element(shelf, 0x00291010, "PN", value + b" " * (len(value) % 2))
    assert element["Value"] == [
        {"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎", "Phonetic": "やまだ^たろう"},
        {"Alphabetic": "Müller^Jürgen^^Dr"},
        None,
        {"Ideographic": "山田"},
    ]


@pytest.mark.parametrize("raw", ["nan", "inf", "-inf"])
def test_what_json_cannot_say_is_never_said(shelf: Shelf, raw: str) -> None:
    """Bare NaN is no JSON; the value is behind a reference instead."""
    value = struct.pack("<d", float(raw))
    stored = shelf.store(file_with(raw_element(0x00291010, "FD", value)))
    text = stored.get("/metadata").text
    element = json.loads(text, parse_constant=pytest.fail)[0]["00291010"]
    assert set(element) == {"vr", "BulkDataURI"}
    assert stored.client.get(element["BulkDataURI"]).content == value


# F.2.1: characters -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("chrArab.dcm", {"Alphabetic": "قباني^لنزار"}),
        ("chrFren.dcm", {"Alphabetic": "Buc^Jérôme"}),
        ("chrGerm.dcm", {"Alphabetic": "Äneas^Rüdiger"}),
        ("chrGreek.dcm", {"Alphabetic": "Διονυσιος"}),
        ("chrH31.dcm", {"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎", "Phonetic": "やまだ^たろう"}),
        ("chrH32.dcm", {"Alphabetic": "ﾔﾏﾀﾞ^ﾀﾛｳ", "Ideographic": "山田^太郎", "Phonetic": "やまだ^たろう"}),
        ("chrHbrw.dcm", {"Alphabetic": "שרון^דבורה"}),
        ("chrI2.dcm", {"Alphabetic": "Hong^Gildong", "Ideographic": "洪^吉洞", "Phonetic": "홍^길동"}),
        ("chrRuss.dcm", {"Alphabetic": "Люкceмбypг"}),
        ("chrX1.dcm", {"Alphabetic": "Wang^XiaoDong", "Ideographic": "王^小東"}),
        ("chrX2.dcm", {"Alphabetic": "Wang^XiaoDong", "Ideographic": "王^小东"}),
    ],
)
def test_names_in_ten_scripts_are_utf8_in_metadata_and_search(
    shelf: Shelf, name: str, expected: dict[str, str]
) -> None:
    """Pain 22: garbled, empty or unsplit names."""
    stored = shelf.store(storable(name))
    assert document(stored)["00100010"] == {"vr": "PN", "Value": [expected]}
    study = samples.uids(stored.file)[0]
    (row,) = shelf.client.get(f"/dicom-web/studies?StudyInstanceUID={study}").json()
    assert row["00100010"] == {"vr": "PN", "Value": [expected]}
    assert row["00080005"]["Value"] == ["ISO_IR 192"]


@pytest.mark.parametrize("charset", ["ISO_IR 100", "ISO-IR 100", "ISO IR 100", "ISO_IR_100"])
def test_misspelt_character_sets_are_understood(shelf: Shelf, charset: str) -> None:
    file = file_with(raw_element(0x00324000, "LO", "Grüße ".encode("latin-1")), charset="ISO_IR 100")
    stored = shelf.store(file.replace(b"ISO_IR 100", charset.encode()))
    assert document(stored)["00324000"]["Value"] == ["Grüße"]


def test_quotes_and_control_characters_are_escaped(shelf: Shelf) -> None:
    text = '"BulkDataURI":"/7FE00010" \\ \t\r\n\x0c end'
    element = stored_element(shelf, 0x00400031, "UT", text.encode() + b" " * (len(text) % 2))
    assert element["Value"] == [text]


# F.2.2: the object -----------------------------------------------------------------------------------------------


def test_attributes_are_sorted_and_upper_case_at_every_level(shelf: Shelf) -> None:
    pairs: list[list[str]] = []
    stored = shelf.store(storable("rtplan.dcm"))
    json.loads(stored.get("/metadata").text, object_pairs_hook=lambda found: pairs.append([key for key, _ in found]))
    data_sets = [keys for keys in pairs if keys and all(len(key) == 8 for key in keys)]
    assert len(data_sets) > 1
    for keys in data_sets:
        assert keys == sorted(set(keys))
        assert all(key == key.upper() for key in keys)


def test_sequences_keep_empty_items(shelf: Shelf) -> None:
    item = b"\xfe\xff\x00\xe0\x00\x00\x00\x00"
    element = stored_element(shelf, 0x00400275, "SQ", item + item)
    assert element == {"vr": "SQ", "Value": [{}, {}]}


def test_private_attributes_keep_block_and_creator(shelf: Shelf) -> None:
    """Unlike in XML: (gggg,xxee) and the creator element as they are."""
    stored = shelf.store(
        file_with(
            raw_element(0x00290011, "LO", b"ACME 1.0"),
            raw_element(0x00291101, "LO", b"text"),
            raw_element(0x00291102, "UN", b"1234"),
        )
    )
    ours = document(stored)
    assert ours["00290011"] == {"vr": "LO", "Value": ["ACME 1.0"]}
    assert ours["00291101"] == {"vr": "LO", "Value": ["text"]}
    assert base64.b64decode(ours["00291102"]["InlineBinary"]) == b"1234"


def test_group_lengths_file_meta_and_padding_are_never_sent(shelf: Shelf) -> None:
    stored = shelf.store(
        file_with(
            raw_element(0x00280000, "UL", b"\x0a\0\0\0"),
            raw_element(0x00280010, "US", b"\1\0"),
            raw_element(0xFFFCFFFC, "OB", b"\0" * 64),
        )
    )
    assert {"00280000", "FFFCFFFC"}.isdisjoint(document(stored))
    assert not [tag for tag in document(stored) if tag.startswith("0002")]


def test_bad_values_are_stored_warned_of_and_kept_as_they_are(shelf: Shelf) -> None:
    """Pain 23: a bad IS, DS, UI or date blocks the upload elsewhere."""
    file = file_with(
        raw_element(0x00280008, "IS", b"1A"),
        raw_element(0x00280030, "DS", b"wide"),
        raw_element(0x00400002, "DA", b"tomorrow"),
    )
    response = shelf.client.post("/dicom-web/studies", content=file, headers={"Content-Type": "application/dicom"})
    assert response.status_code == 202
    assert "00081196" in response.json()["00081199"]["Value"][0]
    assert "tomorrow" not in response.text
    (ours,) = shelf.client.get("/dicom-web" + samples.instance_path(file) + "/metadata").json()
    assert ours["00280008"]["Value"] == ["1A"]
    assert ours["00280030"]["Value"] == ["wide"]
    assert ours["00400002"]["Value"] == ["tomorrow"]

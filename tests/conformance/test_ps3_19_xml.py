"""PS3.19 A.1: the Native DICOM Model as this server writes it."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
from lxml import etree
from pydicom.datadict import keyword_for_tag
from tests import samples
from tests.conformance.test_annex_f_json import file_with, raw_element
from tests.payloads import multipart_of, parts_of, storable

if TYPE_CHECKING:
    from tests.conformance.shelf import Shelf, StoredFile

NS = "{http://dicom.nema.org/PS3.19/models/NativeDICOM}"
XML = 'multipart/related; type="application/dicom+xml"'


def root_of(stored: StoredFile) -> etree._Element:
    (part,) = parts_of(stored.get("/metadata", XML))
    return etree.fromstring(part.body)


def child(root: etree._Element, tag: str) -> etree._Element:
    (only,) = [node for node in root if node.get("tag") == tag]
    return only


def element(shelf: Shelf, tag: int, vr: str, value: bytes) -> etree._Element:
    return child(root_of(shelf.store(file_with(raw_element(tag, vr, value)))), f"{tag:08X}")


def values(node: etree._Element) -> list[tuple[str, str | None]]:
    return [(value.get("number"), value.text) for value in node.findall(NS + "Value")]


def test_root_and_attributes(shelf: Shelf) -> None:
    root = root_of(shelf.store(storable("CT_small.dcm")))
    assert root.tag == NS + "NativeDicomModel"
    assert root.get("{http://www.w3.org/XML/1998/namespace}space") == "preserve"
    tags = [node.get("tag") for node in root if int(node.get("tag")[3], 16) % 2 == 0]
    assert tags == sorted(tags)
    for node in root:
        assert node.tag == NS + "DicomAttribute"
        assert set(node.attrib) <= {"tag", "vr", "keyword", "privateCreator"}
        if int(node.get("tag")[3], 16) % 2 == 0:
            assert node.get("keyword") == keyword_for_tag(int(node.get("tag"), 16))


@pytest.mark.parametrize(
    ("tag", "vr", "value", "expected"),
    [
        (0x00324000, "LO", b"one\\two ", [("1", "one"), ("2", "two")]),
        (0x00280004, "CS", b"A\\\\B", [("1", "A"), ("2", None), ("3", "B")]),
        (0x00200070, "AT", b"\x28\x00\x10\x00", [("1", "00280010")]),
        (0x00280010, "US", b"\x00\x02", [("1", "512")]),
        (0x00280030, "DS", b"0.5 ", [("1", "0.5")]),
        (0x00204000, "LT", b"  two\r\nlines ", [("1", "  two\r\nlines")]),
        (0x00400031, "UT", b'<a> & ]]> "b" ', [("1", '<a> & ]]> "b"')]),
    ],
)
def test_values(shelf: Shelf, tag: int, vr: str, value: bytes, expected: list[tuple[str, str | None]]) -> None:
    node = element(shelf, tag, vr, value)
    assert node.get("vr") == vr
    assert values(node) == expected


def test_zero_length_has_no_children(shelf: Shelf) -> None:
    for vr in ("LO", "PN", "SQ", "OB"):
        node = element(shelf, 0x00321033, vr, b"")
        assert (len(node), node.text) == (0, None)


def test_person_names(shelf: Shelf) -> None:
    node = element(shelf, 0x00321032, "PN", "Müller^Jürgen^^Dr=山田^太郎\\Doe ".encode())
    names = node.findall(NS + "PersonName")
    assert [name.get("number") for name in names] == ["1", "2"]
    alphabetic = names[0].find(NS + "Alphabetic")
    assert {part.tag.removeprefix(NS): part.text for part in alphabetic} == {
        "FamilyName": "Müller",
        "GivenName": "Jürgen",
        "NamePrefix": "Dr",
    }
    assert names[0].findtext(f"{NS}Ideographic/{NS}FamilyName") == "山田"
    assert names[0].find(NS + "Phonetic") is None
    assert names[1].findtext(f"{NS}Alphabetic/{NS}FamilyName") == "Doe"


def test_sequences_have_numbered_items(shelf: Shelf) -> None:
    inner = raw_element(0x00400009, "SH", b"STEP")
    item = b"\xfe\xff\x00\xe0" + len(inner).to_bytes(4, "little") + inner
    node = element(shelf, 0x00400275, "SQ", item + b"\xfe\xff\x00\xe0\0\0\0\0")
    first, second = node.findall(NS + "Item")
    assert (first.get("number"), second.get("number")) == ("1", "2")
    assert values(first[0]) == [("1", "STEP")]
    assert len(second) == 0


def test_small_binary_is_inline_and_large_is_a_uri_that_works(shelf: Shelf) -> None:
    node = element(shelf, 0x00282000, "OB", b"\0\xff\1\2")
    assert base64.b64decode(node.findtext(NS + "InlineBinary")) == b"\0\xff\1\2"
    stored = shelf.store(storable("CT_small.dcm"))
    uri = child(root_of(stored), "7FE00010").find(NS + "BulkData").get("uri")
    assert uri == stored.url + "/bulkdata/7FE00010"
    assert stored.client.get(uri).content == stored.dataset.PixelData


def test_private_attributes_name_their_creator(shelf: Shelf) -> None:
    """The block byte is zero, the creator an attribute, and creator elements are not sent as such."""
    stored = shelf.store(
        file_with(
            raw_element(0x00290010, "LO", b"ACME 1.0"),
            raw_element(0x00290011, "LO", b"OTHER "),
            raw_element(0x00291001, "LO", b"text"),
            raw_element(0x00291101, "LO", b"more"),
        )
    )
    private = [node for node in root_of(stored) if node.get("tag").startswith("0029")]
    found = [(node.get("tag"), node.get("privateCreator"), values(node)) for node in private]
    assert found == [("00290001", "ACME 1.0", [("1", "text")]), ("00290001", "OTHER", [("1", "more")])]


def test_control_characters_do_not_break_the_document(shelf: Shelf) -> None:
    """XML 1.0 has no code for most of them; the rest of the text survives."""
    node = element(shelf, 0x00400031, "UT", b"before\x01\x1b\x00after ")
    text = node.findtext(NS + "Value")
    assert text.startswith("before")
    assert text.endswith("after")


def test_search_results_are_one_document_a_match(shelf: Shelf) -> None:
    """10.6.4: XML search results are multipart."""
    first, second = samples.series(2)
    for file in (first, second):
        shelf.store(file)
    study = samples.uids(first)[0]
    response = shelf.client.get(f"/dicom-web/studies/{study}/instances", headers={"Accept": XML})
    parts = multipart_of(response.headers, response.content)
    uids = {child(etree.fromstring(part.body), "00080018").findtext(NS + "Value") for part in parts}
    assert uids == {samples.uids(first)[2], samples.uids(second)[2]}


def test_the_store_response_is_one_document(shelf: Shelf) -> None:
    """Annex I: a single data set, here in XML."""
    (file,) = samples.series(1)
    headers = {"Content-Type": "application/dicom", "Accept": "application/dicom+xml"}
    response = shelf.client.post("/dicom-web/studies", content=file, headers=headers)
    assert response.headers["content-type"].partition(";")[0] == "application/dicom+xml"
    root = etree.fromstring(response.content)
    (item,) = child(root, "00081199").findall(NS + "Item")
    assert values(child(item, "00081155")) == [("1", samples.uids(file)[2])]

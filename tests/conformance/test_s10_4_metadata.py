"""PS3.18 10.4.1.1.2 and 10.4.3.3.2: Retrieve Metadata, at three levels, as JSON and as XML."""

from __future__ import annotations

import base64
import math
from typing import TYPE_CHECKING, Any

import pytest
from lxml import etree
from pydicom.datadict import dictionary_VR, repeater_has_tag

from tests import samples
from tests.payloads import corpus, elements_of, extra_corpus, parts_of, storable

if TYPE_CHECKING:
    from pydicom import Dataset
    from pydicom.dataelem import DataElement
    from starlette.testclient import TestClient

    from tests.conformance.conftest import Shelf, StoredFile

BASE = "/dicom-web"
BINARY = {"OB", "OD", "OF", "OL", "OV", "OW", "UN"}
MAY_BE_BULK = BINARY | {"DS", "FL", "FD", "IS", "LT", "SL", "SS", "ST", "SV", "UC", "UL", "US", "UT", "UV"}
FILES = [*corpus(), *extra_corpus()]


def metadata(stored: StoredFile, accept: str = "application/dicom+json") -> dict[str, Any]:
    response = stored.get("/metadata", accept)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/dicom+json"
    (only,) = response.json()
    return only


# Values against pydicom ----------------------------------------------------------------------------------------


def expected_tags(dataset: Dataset) -> set[str]:
    """Every attribute but group lengths, file meta and padding (8.4: "all attributes, no group 0002")."""
    return {
        f"{element.tag:08X}"
        for element in _elements(dataset)
        if element.tag.element != 0 and element.tag.group != 2 and element.tag != 0xFFFCFFFC
    }


def _elements(dataset: Dataset) -> list[DataElement]:
    found = []
    for tag in dataset.keys():  # noqa: SIM118 - iterating a Dataset decodes
        try:
            found.append(dataset[tag])
        except (ValueError, TypeError, OverflowError, NotImplementedError):
            continue
    return found


def compare(ours: dict[str, Any], theirs: Dataset, where: str = "") -> None:
    for element in _elements(theirs):
        tag = f"{element.tag:08X}"
        if tag == "00080005" or tag not in expected_tags(theirs):
            continue
        mine = ours[tag]
        if element.VR == "SQ" or mine["vr"] == "SQ":
            items = element.value if element.VR == "SQ" else []
            assert mine["vr"] == "SQ" or element.value == [], where + tag
            if element.VR == "SQ":
                assert len(mine.get("Value", [])) == len(items), where + tag
            for number, (my_item, item) in enumerate(zip(mine.get("Value", []), items, strict=False)):
                compare(my_item, item, f"{where}{tag}.{number}.")
            continue
        if "BulkDataURI" in mine:
            assert mine["vr"] in MAY_BE_BULK
            continue
        assert mine["vr"] == element.VR or {mine["vr"], str(element.VR)} & {"UN", "OB", "OW", "US", "SS"}, where + tag
        if mine["vr"] == element.VR:
            assert same_value(mine, element), (where + tag, mine, element.value)


def same_value(mine: dict[str, Any], element: DataElement) -> bool:
    if mine["vr"] in BINARY:
        value = element.value if isinstance(element.value, bytes) else b""
        return base64.b64decode(mine.get("InlineBinary", "")) == value
    values = element.value if isinstance(element.value, list) or element.VM > 1 else [element.value]
    theirs = [_plain(str(element.VR), value) for value in values]
    ours = [_plain_json(mine["vr"], value) for value in mine.get("Value", [])]
    while theirs and theirs[-1] in {None, ""} and len(theirs) > len(ours):
        theirs.pop()
    return len(ours) == len(theirs) and all(_equal(a, b) for a, b in zip(ours, theirs, strict=True))


def _plain(vr: str, value: Any) -> Any:
    if value is None or value == "":
        return None
    if vr == "PN":
        return "=".join(str(value).split("=")).rstrip("=^") or None
    if vr == "AT":
        return f"{int(value):08X}"
    if vr in {"DS", "FL", "FD"}:
        return float(value)
    if vr in {"IS", "SL", "SS", "SV", "UL", "US", "UV"}:
        return int(value)
    text = str(value)
    return text.rstrip(" \0") if vr in {"LT", "ST", "UT"} else text.strip(" \0") or None


def _plain_json(vr: str, value: Any) -> Any:
    if isinstance(value, dict):
        groups = [value.get(name, "") for name in ("Alphabetic", "Ideographic", "Phonetic")]
        return "=".join(groups).rstrip("=^") or None
    if vr in {"DS", "FL", "FD"} and value is not None:
        return float(value)
    return value


def _equal(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, float) and isinstance(theirs, float):
        return math.isclose(ours, theirs, rel_tol=1e-6)
    return ours == theirs


@pytest.mark.parametrize("name", FILES)
def test_metadata_holds_every_attribute_with_its_value(shelf: Shelf, name: str) -> None:
    stored = shelf.store(storable(name))
    ours = metadata(stored)
    assert expected_tags(stored.dataset) <= set(ours)
    compare(ours, stored.dataset)


@pytest.mark.parametrize("name", FILES)
def test_metadata_xml_holds_the_same_as_json(shelf: Shelf, name: str) -> None:
    stored = shelf.store(storable(name))
    ours = metadata(stored)
    (part,) = parts_of(stored.get("/metadata", 'multipart/related; type="application/dicom+xml"'))
    assert part.content_type[0] == "application/dicom+xml"
    assert part.location == stored.url + "/metadata"
    root = etree.fromstring(part.body)
    assert root.tag == "{http://dicom.nema.org/PS3.19/models/NativeDICOM}NativeDicomModel"
    compare_xml(root, ours)


def compare_xml(node: etree._Element, attributes: dict[str, Any]) -> None:
    """Same attributes in the same order; private creators stand in `privateCreator` (PS3.19 A.1)."""
    ns = "{http://dicom.nema.org/PS3.19/models/NativeDICOM}"
    sent = {tag: element for tag, element in attributes.items() if not _is_creator(tag)}
    assert len(node) == len(sent)
    for child, (tag, element) in zip(node, sent.items(), strict=True):
        private = int(tag[3], 16) % 2 == 1
        if private and child.get("privateCreator") is not None:
            assert child.get("tag") == f"{tag[:4]}00{tag[6:]}"
        else:
            assert child.get("tag") == tag
        assert child.get("vr") == element["vr"]
        if "BulkDataURI" in element:
            assert child.find(ns + "BulkData").get("uri") == element["BulkDataURI"]
        elif "InlineBinary" in element:
            assert base64.b64decode(child.findtext(ns + "InlineBinary")) == base64.b64decode(element["InlineBinary"])
        elif element["vr"] == "SQ":
            items = child.findall(ns + "Item")
            assert [item.get("number") for item in items] == [str(n + 1) for n in range(len(element.get("Value", [])))]
            for item, value in zip(items, element.get("Value", []), strict=True):
                compare_xml(item, value)
        else:
            assert len(child.findall(ns + "Value") + child.findall(ns + "PersonName")) == sum(
                1 for _ in element.get("Value", [])
            )


def _is_creator(tag: str) -> bool:
    return int(tag[3], 16) % 2 == 1 and tag[4:6] == "00" and int(tag[6:], 16) >= 0x10


# Form ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
def test_metadata_is_well_formed_dicom_json(shelf: Shelf, name: str) -> None:
    """F.2.2: upper-case tags in lexicographic order, at most one content member, references only where allowed."""
    ours = metadata(shelf.store(storable(name)))
    check_form(ours)


def check_form(attributes: dict[str, Any]) -> None:
    assert list(attributes) == sorted(attributes)
    for tag, element in attributes.items():
        assert len(tag) == 8
        assert tag == tag.upper()
        assert not tag.startswith("0002")
        assert not tag.endswith("0000")
        content = set(element) - {"vr"}
        assert content <= {"Value", "BulkDataURI", "InlineBinary"}
        assert len(content) <= 1
        if "Value" in element:
            assert element["vr"] not in BINARY
            assert element["Value"]
            assert element["Value"] != [None]
        if "BulkDataURI" in element:
            assert element["vr"] in MAY_BE_BULK
        if "InlineBinary" in element:
            assert element["vr"] in BINARY
            assert element["InlineBinary"]
        if element["vr"] == "SQ":
            for item in element.get("Value", []):
                check_form(item)


@pytest.mark.parametrize("name", ["MR_small_implicit.dcm", "no_meta.dcm", "rtplan.dcm"])
def test_an_implicit_data_set_has_the_vrs_of_the_dictionary(shelf: Shelf, name: str) -> None:
    ours = metadata(shelf.store(storable(name)))
    for path, element in elements_of(ours):
        tag = int(path[-8:], 16)
        if (tag >> 16) % 2 or repeater_has_tag(tag):
            continue
        allowed = set(dictionary_VR(tag).replace("or", "").split())
        assert element["vr"] in allowed, path


def test_pixel_data_is_always_a_reference(shelf: Shelf) -> None:
    ours = metadata(shelf.store(samples.variant("SC_rgb_small_odd.dcm")))
    assert set(ours["7FE00010"]) == {"vr", "BulkDataURI"}


def test_metadata_of_json_is_utf8_and_says_so(shelf: Shelf) -> None:
    """(0008,0005) describes the JSON text, which is UTF-8 whatever the file was in (F.2.1)."""
    ours = metadata(shelf.store(storable("chrH31.dcm")))
    assert ours["00080005"] == {"vr": "CS", "Value": ["ISO_IR 192"]}
    assert ours["00100010"]["Value"] == [
        {"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎", "Phonetic": "やまだ^たろう"}
    ]


# Levels ------------------------------------------------------------------------------------------------------


def store_two_series(client: TestClient) -> tuple[list[bytes], list[bytes]]:
    first = samples.series(3)
    study, _, _ = samples.uids(first[0])
    second = samples.series(2, "MR_small.dcm", StudyInstanceUID=study)
    body, headers = samples.multipart(*first, *second)
    assert client.post(f"{BASE}/studies", content=body, headers=headers).status_code == 200
    return first, second


def sop_uids(documents: list[dict[str, Any]]) -> list[str]:
    return [document["00080018"]["Value"][0] for document in documents]


def test_metadata_at_three_levels_is_one_array_of_every_instance(client: TestClient) -> None:
    first, second = store_two_series(client)
    study, series, instance = samples.uids(first[0])
    everything = [samples.uids(file)[2] for file in (*first, *second)]
    for path, expected in [
        (f"/studies/{study}", everything),
        (f"/studies/{study}/series/{series}", everything[:3]),
        (f"/studies/{study}/series/{series}/instances/{instance}", everything[:1]),
    ]:
        response = client.get(f"{BASE}{path}/metadata")
        assert response.headers["content-type"] == "application/dicom+json"
        assert sorted(sop_uids(response.json())) == sorted(expected)


def test_metadata_xml_at_three_levels_is_one_part_an_instance(client: TestClient) -> None:
    first, second = store_two_series(client)
    study, series, instance = samples.uids(first[0])
    for path, expected in [
        (f"/studies/{study}", [*first, *second]),
        (f"/studies/{study}/series/{series}", first),
        (f"/studies/{study}/series/{series}/instances/{instance}", first[:1]),
    ]:
        accept = {"Accept": 'multipart/related; type="application/dicom+xml"'}
        parts = parts_of(client.get(f"{BASE}{path}/metadata", headers=accept))
        locations = {f"http://testserver:8104{BASE}{samples.instance_path(file)}/metadata" for file in expected}
        assert {part.location for part in parts} == locations
        assert all(part.content_type[0] == "application/dicom+xml" for part in parts)


def test_metadata_of_a_series_is_never_truncated(client: TestClient) -> None:
    """Peers cut series metadata off at a page size without a word (pain 20)."""
    files = samples.series(450, "liver_1frame.dcm")
    body, headers = samples.multipart(*files)
    assert client.post(f"{BASE}/studies", content=body, headers=headers).status_code == 200
    study, series, _ = samples.uids(files[0])
    documents = client.get(f"{BASE}/studies/{study}/series/{series}/metadata").json()
    assert sop_uids(documents) == [samples.uids(file)[2] for file in files]


# Negotiation and errors ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("*/*", "application/dicom+json"),
        ("application/*", "application/dicom+json"),
        ("application/dicom+json", "application/dicom+json"),
        ("application/json", "application/dicom+json"),
        ("application/dicom+json, application/json", "application/dicom+json"),
        ("Application/DICOM+JSON", "application/dicom+json"),
        ("application/dicom+json; charset=utf-8", "application/dicom+json"),
        ("application/dicom+json; transfer-syntax=*", "application/dicom+json"),
        ("application/dicom+json;q=0.2, multipart/related;type=application/dicom+xml;q=0.9", "multipart/related"),
        ('multipart/related; type="application/dicom+xml"', "multipart/related"),
        ("multipart/related; type=application/dicom+xml", "multipart/related"),
        ("application/dicom+xml", "application/dicom+xml"),
        ("text/html, application/dicom+json;q=0.5", 400),
        ("application/pdf", 406),
        ("application/dicom", 406),
        ("image/jpeg", 406),
        ("application/dicom+json; q=0", 406),
    ],
)
def test_media_types_of_metadata(shelf: Shelf, accept: str, content_type: str | int) -> None:
    """Table 10.4.4-1; a bare `application/dicom+xml` is for one instance only."""
    response = shelf.store(samples.sample("CT_small.dcm")).get("/metadata", accept)
    if isinstance(content_type, int):
        assert response.status_code == content_type
    else:
        assert response.status_code == 200
        assert response.headers["content-type"].partition(";")[0] == content_type


def test_single_part_xml_of_a_series_is_not_acceptable(shelf: Shelf) -> None:
    stored = shelf.store(samples.sample("CT_small.dcm"))
    response = shelf.client.get(stored.series + "/metadata", headers={"Accept": "application/dicom+xml"})
    assert response.status_code == 406
    assert any("application/dicom+xml" in accepted for accepted in response.json()["accepted"])


@pytest.mark.parametrize("level", ["/studies/1.2.3", "/studies/1.2.3/series/4", "/studies/1.2.3/series/4/instances/5"])
def test_metadata_of_nothing_is_404(client: TestClient, level: str) -> None:
    response = client.get(f"{BASE}{level}/metadata")
    assert response.status_code == 404
    assert response.json()["section"] == "PS3.18 10.4.3.1"


def test_head_of_metadata_has_headers_and_no_body(shelf: Shelf) -> None:
    stored = shelf.store(samples.sample("CT_small.dcm"))
    head = shelf.client.head(stored.path + "/metadata")
    got = shelf.client.get(stored.path + "/metadata")
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["content-type"] == got.headers["content-type"]
    assert head.headers["content-length"] == got.headers["content-length"]


def test_unknown_parameters_are_ignored(shelf: Shelf) -> None:
    """8.3: a parameter that the server does not know is as if absent."""
    stored = shelf.store(samples.sample("CT_small.dcm"))
    assert stored.get("/metadata?foo=bar").content == stored.get("/metadata").content

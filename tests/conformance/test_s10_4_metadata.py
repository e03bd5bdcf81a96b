"""PS3.18 10.4.1.1.2 and 10.4.3.3.2: Retrieve Metadata, at three levels, as JSON and as XML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from lxml import etree
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from tests import samples
from tests.payloads import elements_of, parts_of, storable

if TYPE_CHECKING:
    from starlette.testclient import TestClient
    from tests.conformance.shelf import Shelf, StoredFile

BASE = "/dicom-web"


def metadata(stored: StoredFile, accept: str = "application/dicom+json") -> dict[str, Any]:
    response = stored.get("/metadata", accept)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/dicom+json"
    (only,) = response.json()
    return only


@pytest.mark.parametrize("name", ["MR_small_implicit.dcm", "no_meta.dcm", "rtplan.dcm"])
def test_an_implicit_data_set_has_the_vrs_of_the_dictionary(shelf: Shelf, name: str) -> None:
    ours = metadata(shelf.store(storable(name)))
    for path, element in elements_of(ours):
        tag = int(path[-8:], 16)
        if dictionary_has_tag(tag):
            assert element["vr"] in dictionary_VR(tag).split(" or "), path
        elif not (tag >> 16) % 2:
            assert element["vr"] == "UN", path


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
    pattern = samples.variant("MR_small_implicit.dcm", SOPInstanceUID="1.2.3.4.10000")
    files = [pattern.replace(b"1.2.3.4.10000", b"1.2.3.4.%d" % (10000 + n)) for n in range(410)]
    body, headers = samples.multipart(*files)
    assert client.post(f"{BASE}/studies", content=body, headers=headers).status_code == 200
    documents = client.get(BASE + samples.instance_path(files[0]).partition("/instances/")[0] + "/metadata").json()
    assert sorted(sop_uids(documents)) == [f"1.2.3.4.{10000 + n}" for n in range(410)]


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
    assert (response.status_code, response.headers["content-type"]) == (406, "application/problem+xml")
    assert "application/dicom+xml" in response.text.partition("<accepted>")[2]


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
    for name in ("content-type", "etag", "content-location", "vary", "cache-control"):
        assert head.headers[name] == got.headers[name]


def test_unknown_parameters_are_ignored(shelf: Shelf) -> None:
    """8.3: a parameter that the server does not know is as if absent."""
    stored = shelf.store(samples.sample("CT_small.dcm"))
    assert stored.get("/metadata?foo=bar").content == stored.get("/metadata").content


# includefield ------------------------------------------------------------------------------------------------

ALWAYS = {"00080005", "00080016", "00080018", "0020000D", "0020000E"}


@pytest.mark.parametrize(
    ("query", "added"),
    [
        ("includefield=PatientID", {"00100020"}),
        ("includefield=00100020", {"00100020"}),
        ("includefield=PatientID,Rows&includefield=00280011", {"00100020", "00280010", "00280011"}),
        ("includefield=SOPInstanceUID", set()),
        ("includefield=NoSuchAttribute,PatientID", {"00100020"}),
        ("includefield=NoSuchAttribute", set()),
        ("includefield=PixelData", {"7FE00010"}),
        ("includefield=00091001&00090010=GEMS_IDEN_01", {"00091001", "00090010"}),
        ("includefield=00097701&00090077=GEMS_IDEN_01", {"00091001", "00090010"}),
        ("includefield=00091001&00090010=ANOTHER", set()),
        ("includefield=AccessionNumberOfAnother", set()),
    ],
)
def test_includefield_returns_what_is_asked_for_and_what_identifies(shelf: Shelf, query: str, added: set[str]) -> None:
    """An extension, with the grammar of 8.3.4.3."""
    stored = shelf.store(samples.sample("CT_small.dcm"))
    whole = metadata(stored)
    response = stored.get(f"/metadata?{query}", "application/dicom+json")
    (part,) = response.json()
    assert set(part) == ALWAYS | added
    assert part == {tag: whole[tag] for tag in part}, "values and bulk data references as in the whole"
    assert list(part) == sorted(part)


@pytest.mark.parametrize("query", ["includefield=all", "charset=utf-8", "includefieldx=PatientID"])
def test_everything_is_the_same_as_nothing_asked_for(shelf: Shelf, query: str) -> None:
    stored = shelf.store(samples.sample("CT_small.dcm"))
    assert stored.get(f"/metadata?{query}").content == stored.get("/metadata").content


def test_includefield_reaches_into_sequences(shelf: Shelf) -> None:
    stored = shelf.store(samples.sample("CT_small.dcm"))
    whole = metadata(stored)
    (part,) = stored.get("/metadata?includefield=OtherPatientIDsSequence.PatientID").json()
    items = whole["00101002"]["Value"]
    assert part["00101002"]["Value"] == [{"00100020": item["00100020"]} for item in items]


def test_includefield_of_xml_keeps_private_creators(shelf: Shelf) -> None:
    stored = shelf.store(samples.sample("CT_small.dcm"))
    answer = stored.get("/metadata?includefield=00091001,PatientID&00090010=GEMS_IDEN_01", "application/dicom+xml")
    document = etree.fromstring(answer.content)
    assert [(one.get("keyword"), one.get("privateCreator")) for one in document] == [
        ("SpecificCharacterSet", None),
        ("SOPClassUID", None),
        ("SOPInstanceUID", None),
        (None, "GEMS_IDEN_01"),
        ("PatientID", None),
        ("StudyInstanceUID", None),
        ("SeriesInstanceUID", None),
    ]


@pytest.mark.parametrize("query", ["includefield=%ZZ", "includefield=all&includefield=%ff"])
def test_a_malformed_includefield_is_400(shelf: Shelf, query: str) -> None:
    stored = shelf.store(samples.sample("CT_small.dcm"))
    response = stored.get(f"/metadata?{query}")
    assert (response.status_code, response.json()["offender"]) == (400, "includefield")


def test_a_private_attribute_needs_its_creator(shelf: Shelf) -> None:
    response = shelf.store(samples.sample("CT_small.dcm")).get("/metadata?includefield=00091001")
    assert (response.status_code, response.json()["accepted"]) == (400, ["00090010={private creator}"])

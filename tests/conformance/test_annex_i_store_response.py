"""PS3.18 Annex I: the Store Instances Response Module, row by row, and the headers that go with it (10.5.3.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from tests.conformance.wire import send
from tests.samples import instance_path, multipart, sample, series, uids

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.testclient import TestClient
    from tests.conformance.wire import Answer

ORIGIN = "http://testserver:8104/dicom-web"
NATIVE = "{http://dicom.nema.org/PS3.19/models/NativeDICOM}"


def store(client: TestClient, *files: bytes, target: str = "/studies", **headers: str) -> Answer:
    body, content_type = multipart(*files)
    return send(client, target, method="POST", headers=content_type | headers, chunks=[body])


class TestTableI_2_1:  # noqa: N801 - named after the table
    def test_is_one_object_not_an_array(self, client: TestClient) -> None:
        answer = store(client, sample("CT_small.dcm"))
        assert answer.header("content-type") == "application/dicom+json"
        assert isinstance(answer.json(), dict)

    def test_retrieve_url_0008_1190_is_the_studys(self, client: TestClient) -> None:
        files = series(2)
        module = store(client, *files).json()
        assert module["00081190"] == {"vr": "UR", "Value": [f"{ORIGIN}/studies/{uids(files[0])[0]}"]}

    def test_retrieve_url_is_empty_for_several_studies(self, client: TestClient) -> None:
        module = store(client, series(1)[0], series(1)[0]).json()
        assert module["00081190"] == {"vr": "UR"}

    def test_retrieve_url_is_empty_when_nothing_was_stored(self, client: TestClient) -> None:
        module = store(client, *series(1), target="/studies/1.2.3").json()
        assert module["00081190"] == {"vr": "UR"}

    def test_referenced_sop_sequence_0008_1199_names_what_was_stored(self, client: TestClient) -> None:
        files = series(2)
        module = store(client, *files).json()
        assert module["00081199"] == {
            "vr": "SQ",
            "Value": [
                {
                    "00081150": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.2"]},
                    "00081155": {"vr": "UI", "Value": [uids(file)[2]]},
                    "00081190": {"vr": "UR", "Value": [ORIGIN + instance_path(file)]},
                }
                for file in files
            ],
        }

    def test_failed_sop_sequence_0008_1198_names_what_failed(self, client: TestClient) -> None:
        file = series(1)[0]
        module = store(client, file, target="/studies/1.2.3").json()
        (item,) = module["00081198"]["Value"]
        assert item["00081150"]["Value"] == ["1.2.840.10008.5.1.4.1.1.2"]
        assert item["00081155"]["Value"] == [uids(file)[2]]
        assert item["00081197"] == {"vr": "US", "Value": [0xA901]}

    def test_other_failures_sequence_0008_119a_counts_what_has_no_name(self, client: TestClient) -> None:
        module = store(client, sample("CT_small.dcm"), bytes(400), b"text").json()
        assert [item["00081197"] for item in module["0008119A"]["Value"]] == [{"vr": "US", "Value": [0xC000]}] * 2
        assert all("00081155" not in item for item in module["0008119A"]["Value"])

    def test_type_1c_sequences_are_absent_without_cause(self, client: TestClient) -> None:
        assert set(store(client, sample("CT_small.dcm")).json()) == {"00081190", "00081199"}
        assert set(store(client, sample("MR_small.dcm"), target="/studies/1.2.3").json()) == {"00081190", "00081198"}

    def test_warning_reason_0008_1196_only_with_a_warning(self, client: TestClient) -> None:
        (item,) = store(client, sample("CT_small.dcm")).json()["00081199"]["Value"]
        assert "00081196" not in item

    @pytest.mark.parametrize("sequence", ["00081198", "0008119A"])
    def test_a_failure_says_in_words_what_is_wrong(self, client: TestClient, sequence: str) -> None:
        file = series(1)[0] if sequence == "00081198" else b"text" * 100
        answer = store(client, file, sample("MR_small.dcm"), target=f"/studies/{uids(sample('MR_small.dcm'))[0]}")
        assert answer.status == 202
        (item,) = answer.json()[sequence]["Value"]
        (comment,) = item["00741048"]["Value"]
        assert len(comment["00000902"]["Value"][0]) > 10

    def test_attributes_are_in_ascending_order(self, client: TestClient) -> None:
        module = store(client, sample("CT_small.dcm"), b"text").json()
        assert list(module) == sorted(module)
        assert all(list(item) == sorted(item) for item in module["00081199"]["Value"])


class TestXml:
    """10.5.3.3: the module as one Native DICOM Model."""

    def test_is_sent_when_asked_for(self, client: TestClient) -> None:
        file = sample("CT_small.dcm")
        answer = store(client, file, b"text", accept="application/dicom+xml")
        assert answer.status == 202
        assert (answer.header("content-type") or "").startswith("application/dicom+xml")
        root = ET.fromstring(answer.body)
        assert root.tag == f"{NATIVE}NativeDicomModel"
        keywords = {child.get("keyword"): child for child in root}
        assert set(keywords) == {"RetrieveURL", "ReferencedSOPSequence", "OtherFailuresSequence"}
        names = [value.text for value in keywords["ReferencedSOPSequence"].iter(f"{NATIVE}Value")]
        assert uids(file)[2] in names

    @pytest.mark.parametrize(
        ("accept", "expected"),
        [
            ("*/*", "application/dicom+json"),
            ("application/dicom+json", "application/dicom+json"),
            ("application/json", "application/dicom+json"),
            ("application/dicom+xml", "application/dicom+xml"),
            ("application/dicom+xml;q=0.5, application/dicom+json", "application/dicom+json"),
            ("application/dicom+json;q=0.5, application/dicom+xml", "application/dicom+xml"),
            ("application/*", "application/dicom+json"),
        ],
    )
    def test_media_type_by_accept(self, client: TestClient, accept: str, expected: str) -> None:
        answer = store(client, sample("CT_small.dcm"), accept=accept)
        assert (answer.header("content-type") or "").partition(";")[0] == expected


class TestSection10_5_3_2Headers:  # noqa: N801 - named after the section
    @pytest.mark.parametrize("header", ["location", "content-location"])
    def test_name_the_study_that_was_stored_to(self, client: TestClient, header: str) -> None:
        files = series(2)
        answer = store(client, *files)
        assert answer.header(header) == f"{ORIGIN}/studies/{uids(files[0])[0]}"
        assert send(client, (answer.header(header) or "").partition("/dicom-web")[2] + "/metadata").status == 200

    @pytest.mark.parametrize("header", ["location", "content-location"])
    def test_are_left_out_for_several_studies(self, client: TestClient, header: str) -> None:
        assert store(client, series(1)[0], series(1)[0]).header(header) is None

    def test_are_left_out_when_nothing_was_stored(self, client: TestClient) -> None:
        assert store(client, *series(1), target="/studies/1.2.3").header("location") is None

    def test_content_length_is_right(self, client: TestClient) -> None:
        answer = store(client, sample("CT_small.dcm"))
        assert int(answer.header("content-length") or 0) == len(answer.body)


class TestBaseUrl:
    """URLs in the response work for the client that asked (clients.md 1.1)."""

    @pytest.mark.parametrize(
        ("settings", "headers", "origin"),
        [
            ({}, {"host": "testserver:8104"}, "http://testserver:8104"),
            ({}, {"host": "127.0.0.1"}, "http://127.0.0.1:8104"),
            ({"public_url": "https://pacs.example.org"}, {"host": "inner:1"}, "https://pacs.example.org"),
            ({}, {"forwarded": "host=evil.example;proto=https"}, "http://testserver:8104"),
            ({}, {"x-forwarded-host": "evil.example"}, "http://testserver:8104"),
        ],
    )
    def test_comes_from_settings_or_the_request(
        self, make_client: Callable[..., TestClient], settings: dict, headers: dict[str, str], origin: str
    ) -> None:
        answer = store(make_client(**settings), sample("CT_small.dcm"), **headers)
        assert answer.json()["00081190"]["Value"][0].startswith(f"{origin}/dicom-web/studies/")
        assert (answer.header("location") or "").startswith(f"{origin}/dicom-web/studies/")

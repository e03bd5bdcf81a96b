"""Rendered reports, encapsulated documents and waveforms (PS3.18 8.7.4, 10.4.1.1.3, Table 8.7.4-1)."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from lxml import etree
from PIL import Image
from pydicom.uid import generate_uid
from tests.conformance.shelf import ORIGIN, Shelf, open_shelf
from tests.payloads import multipart_of
from tests.samples import instance_path, sample, variant
from tests.sr_documents import ROOT, channel, document, encapsulated, file_of, image, text, waveform

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conformance.shelf import StoredFile

HTML, PLAIN, XML, PDF = "text/html", "text/plain", "text/xml", "application/pdf"
SVG, PNG = "image/svg+xml", "image/png"
WORDS = {HTML: b"<!doctype html>", PLAIN: b"", XML: b"<?xml", PDF: b"%PDF-"}
REPORTS = ("test-SR.dcm", "reportsi.dcm", "reportsi_with_empty_number_tags.dcm")
SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    with open_shelf(tmp_path_factory.mktemp("documents") / "archive") as opened:
        yield opened


def body_of(response: Any, media_type: str) -> bytes:
    """The payload of a document, with the header fields that every one has."""
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].partition(";")[0] == media_type
    assert response.headers["x-content-type-options"] == "nosniff"
    sandboxed = media_type in {HTML, XML, SVG}
    assert response.headers.get("content-security-policy") == ("sandbox" if sandboxed else None)
    assert response.headers["etag"].startswith('"')
    return response.content


def put(shelf: Shelf, *files: bytes) -> list[StoredFile]:
    return [shelf.store(file) for file in files]


@pytest.mark.parametrize("media_type", WORDS)
@pytest.mark.parametrize("name", REPORTS)
def test_real_reports_in_every_type(shelf, name, media_type):
    file = shelf.store(sample(name))
    response = file.get("/rendered", media_type)
    assert body_of(response, media_type).lower().startswith(WORDS[media_type].lower())
    assert response.headers["content-location"] == file.url
    assert ("charset=utf-8" in response.headers["content-type"]) == media_type.startswith("text/")
    if media_type == XML:
        etree.fromstring(response.content)


@pytest.mark.parametrize(
    "accept", ["*/*", "text/*", f"{XML};q=0.5, {HTML}", "text/html,application/xml;q=0.9,*/*;q=0.8"]
)
def test_html_is_the_default(shelf, accept):
    assert body_of(shelf.store(sample("test-SR.dcm")).get("/rendered", accept), HTML)


def test_what_the_report_says_is_in_every_text(shelf):
    file = shelf.store(file_of(document(text("Finding", "Größe 大きさ 5 mm"))))
    for media_type in (HTML, PLAIN, XML):
        assert "Größe 大きさ 5 mm" in body_of(file.get("/rendered", media_type), media_type).decode()


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("image/jpeg", 406),
        ("text/rtf", 406),
        ("application/dicom", 406),
        ("application/dicom, text/html", 400),
        ("application/dicom, image/svg+xml", 400),
    ],
)
def test_types_that_are_none_of_reports(shelf, accept, status):
    response = shelf.store(sample("test-SR.dcm")).get("/rendered", accept)
    assert response.status_code == status
    if accept != "application/dicom" and status == 406:
        assert all(media_type in response.text for media_type in WORDS)


def test_accept_parameter(shelf):
    file = shelf.store(sample("test-SR.dcm"))
    assert body_of(file.get("/rendered?accept=text/plain"), PLAIN)
    assert body_of(file.get("/rendered?accept=image/jpeg", "*/*"), HTML)  # the header is what is left (8.7.8.1)
    assert file.get("/rendered?accept=image/jpeg", HTML).status_code == 406


def test_parameters_of_pictures_mean_nothing(shelf):
    file = shelf.store(sample("test-SR.dcm"))
    plain = file.get("/rendered").content
    assert body_of(file.get("/rendered?window=40,400,linear&viewport=10,10&quality=1&iccprofile=yes"), HTML) == plain
    assert file.get("/rendered?quality=0").status_code == 400


@pytest.mark.parametrize(
    ("query", "header", "status"),
    [
        ("", "utf-8", 200),
        ("", "ISO-8859-1", 200),
        ("?charset=ISO-8859-1", "*", 200),
        ("", "ISO-8859-1, utf-8;q=0", 406),
        ("?charset=UTF-8", "utf-8;q=0", 200),
    ],
)
def test_character_set(shelf, query, header, status):
    file = shelf.store(sample("test-SR.dcm"))
    response = file.get("/rendered" + query, HTML, **{"Accept-Charset": header})
    assert response.status_code == status
    assert status == 406 or response.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("media_type", [HTML, PLAIN, PDF])
def test_conditions_and_codings(shelf, media_type):
    file = shelf.store(sample("test-SR.dcm"))
    first = file.get("/rendered", media_type)
    tag = first.headers["etag"]
    assert file.get("/rendered", media_type, **{"If-None-Match": tag}).status_code == 304
    assert file.get("/rendered", media_type, **{"If-Match": '"other"'}).status_code == 412
    again = file.get("/rendered", media_type, **{"Accept-Encoding": "gzip"})
    assert again.content == first.content
    assert again.headers.get("content-encoding") == (None if media_type == PDF else "gzip")
    head = file.client.head(file.path + "/rendered", headers={"Accept": media_type, "Accept-Encoding": "identity"})
    assert (head.status_code, head.content) == (200, b"")
    assert file.get("/rendered", media_type, **{"Accept-Encoding": "identity"}).headers["etag"] == head.headers["etag"]


def test_range_of_a_pdf(shelf):
    file = shelf.store(sample("test-SR.dcm"))
    whole = file.get("/rendered", PDF)
    part = file.get("/rendered", PDF, Range="bytes=5-9")
    assert (part.status_code, part.content) == (206, whole.content[5:10])


def test_frames_of_a_report_are_not_there(shelf):
    assert shelf.store(sample("test-SR.dcm")).get("/frames/1/rendered").status_code == 404


@pytest.mark.parametrize("size", [1001, 300_000])
@pytest.mark.parametrize(
    ("suffix", "media_type"), [("1", PDF), ("2", XML), ("3", "model/stl"), ("4", "model/obj"), ("5", "model/mtl")]
)
def test_encapsulated_documents_as_they_are_stored(shelf, suffix, media_type, size):
    content = (b"%PDF-1.7 " if media_type == PDF else b"solid x ") * (size // 8 + 1)
    file = shelf.store(file_of(encapsulated(suffix, content[:size])))
    accept = media_type if media_type == XML else "*/*"
    response = file.get("/rendered", accept)
    assert body_of(response, media_type) == content[:size]
    part = file.get("/rendered", accept, Range=f"bytes={size - 3}-")
    if size > 10_000 or media_type != XML:
        assert (part.status_code, part.content) == (206, content[size - 3 : size])
    assert file.get("/rendered", "image/jpeg").status_code == 406


def test_a_stored_type_that_lies_is_not_passed_on(shelf):
    """The data set says text/html, MIME Type of Encapsulated Document; the class says STL."""
    file = shelf.store(file_of(encapsulated("3", SCRIPT.encode())))
    assert body_of(file.get("/rendered"), "model/stl") == SCRIPT.encode()
    assert file.get("/rendered", HTML).status_code == 406


def test_cover_page_leads_to_the_document(shelf):
    file = shelf.store(file_of(encapsulated("1", b"%PDF-1.7 whatever")))
    page = body_of(file.get("/rendered", HTML), HTML).decode()
    link = f"{file.url}/rendered?accept=application/pdf"
    assert link in page
    assert body_of(file.client.get(link.removeprefix(ORIGIN), headers={"Accept": "*/*"}), PDF) == b"%PDF-1.7 whatever"


def test_clinical_document(shelf):
    content = b'<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3"><title>Letter</title><component>'
    content += b"<structuredBody><component><section><title>Finding</title><text>nothing new</text></section>"
    content += b"</component></structuredBody></component></ClinicalDocument>"
    file = shelf.store(file_of(encapsulated("2", content)))
    assert b"nothing new" in body_of(file.get("/rendered"), HTML)
    assert body_of(file.get("/rendered", XML), XML) == content


@pytest.mark.parametrize("media_type", [HTML, XML, PLAIN])
def test_scripts_do_not_run(shelf, media_type):
    attributes = document(text(SCRIPT, f"{SCRIPT}\n javascript:alert(3)"), title=SCRIPT)
    attributes["00100010"] = {"vr": "PN", "Value": [{"Alphabetic": "<svg/onload=alert(4)>"}]}
    body = body_of(shelf.store(file_of(attributes)).get("/rendered", media_type), media_type)
    if media_type != PLAIN:
        assert not any(word in body for word in (b"<script", b"<img src=x", b"<svg/", b'="javascript:'))


def test_scripts_in_a_clinical_document_do_not_run(shelf):
    content = (
        '<ClinicalDocument xmlns="urn:hl7-org:v3"><component><structuredBody><component><section><text>'
        '<paragraph onclick="alert(1)">seen</paragraph><linkHtml href="javascript:alert(1)">link</linkHtml>'
        "<script>alert(1)</script></text></section></component></structuredBody></component></ClinicalDocument>"
    )
    body = body_of(shelf.store(file_of(encapsulated("2", content.encode()))).get("/rendered"), HTML)
    assert b"seen" in body
    assert not any(word in body for word in (b"<script", b"onclick=", b'="javascript:'))


def test_plots(shelf):
    """Rendered waveforms are an extension; Table 8.7.4-1 has nothing for them."""
    file = shelf.store(sample("waveform_ecg.dcm"))
    svg = etree.fromstring(body_of(file.get("/rendered"), SVG))
    assert svg.tag == "{http://www.w3.org/2000/svg}svg"
    response = file.get("/rendered", "image/png")
    plot = Image.open(io.BytesIO(body_of(response, PNG)))
    assert min(plot.size) > 300
    assert response.headers["accept-ranges"] == "bytes"


@pytest.mark.parametrize("accept", ["image/jpeg", "text/html", "image/gif"])
def test_types_that_are_none_of_plots(shelf, accept):
    response = shelf.store(sample("waveform_ecg.dcm")).get("/rendered", accept)
    assert response.status_code == 406
    assert all(media_type in response.text for media_type in (SVG, PNG))


def test_other_waveforms_are_plotted(shelf):
    moments = np.sin(np.arange(2000) / 30)[:, None] * 1000
    attributes = waveform(moments.astype("<i2"), [channel("Pressure", "mm[Hg]")], sop_class=ROOT + "9.2.1")
    assert body_of(shelf.store(file_of(attributes)).get("/rendered", PNG), PNG)


def test_what_cannot_be_plotted_is_refused(shelf):
    samples = np.zeros((100, 1), "<u1")
    attributes = waveform(samples, [channel("Sound")], interpretation="MB", sop_class=ROOT + "9.4.1")
    response = shelf.store(file_of(attributes)).get("/rendered")
    assert response.status_code == 406, response.text
    del attributes["54000100"]
    assert shelf.store(file_of(attributes)).get("/rendered").status_code == 406


def test_other_objects_have_no_rendering(shelf):
    assert shelf.store(sample("rtplan.dcm")).get("/rendered").status_code == 406


@pytest.fixture(scope="module")
def mixed(shelf) -> list[StoredFile]:
    """A study of an image, a report, an ECG, a PDF, a plan, and a sound that cannot be plotted."""
    study = generate_uid()
    image_file = variant("CT_small.dcm", StudyInstanceUID=study, SOPInstanceUID=generate_uid())
    plan = variant("rtplan.dcm", StudyInstanceUID=study, SOPInstanceUID=generate_uid())
    ecg = variant("waveform_ecg.dcm", StudyInstanceUID=study, SOPInstanceUID=generate_uid())
    sound = waveform(np.zeros((100, 1), "<u1"), [channel("Sound")], interpretation="MB", sop_class=ROOT + "9.4.1")
    return put(
        shelf,
        image_file,
        file_of(document(text("Finding", "small"), image()), StudyInstanceUID=study),
        ecg,
        file_of(encapsulated("1", b"%PDF-1.7 whatever!"), StudyInstanceUID=study),
        plan,
        file_of(sound, StudyInstanceUID=study),
    )


def parts_of_study(mixed: list[StoredFile], accept: str) -> tuple[Any, dict[str, str]]:
    """The response of a study, and the media type of each part by the location of its instance."""
    client, study = mixed[0].client, mixed[0].study
    response = client.get(f"{study}/rendered", headers={"Accept": accept})
    parts = multipart_of(response.headers, response.content, mixed=True) if response.status_code in {200, 206} else []
    found = {part.headers["content-location"]: part.headers["content-type"] for part in parts}
    assert len(found) == len(parts)
    return response, found


def test_each_part_of_a_mixed_study_has_the_default_of_its_category(mixed):
    response, found = parts_of_study(mixed, "*/*")
    assert response.status_code == 206
    assert found == {
        mixed[0].url: "image/jpeg",
        mixed[1].url: "text/html; charset=utf-8",
        mixed[2].url: SVG,
        mixed[3].url: PDF,
    }
    assert "2 of 6 instances" in response.headers["warning"]


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("multipart/related; type=text/plain", {1: "text/plain; charset=utf-8", 3: "text/plain; charset=utf-8"}),
        ("multipart/related; type=image/jpeg", {0: "image/jpeg"}),
        ("multipart/related; type=image/png", {0: "image/png", 2: "image/png"}),
        (
            "multipart/related; type=application/pdf, multipart/related; type=image/gif;q=0.5",
            {0: "image/gif", 1: PDF, 3: PDF},
        ),
    ],
)
def test_parts_that_are_asked_for(mixed, accept, expected):
    response, found = parts_of_study(mixed, accept)
    assert response.status_code == 206
    assert found == {mixed[position].url: media_type for position, media_type in expected.items()}


@pytest.mark.parametrize("accept", ["text/html", "image/jpeg", "multipart/related; type=text/rtf"])
def test_a_mixed_study_is_no_single_part(mixed, accept):
    response, _ = parts_of_study(mixed, accept)
    assert response.status_code == 406
    assert "multipart/related" in response.text


def test_series_of_one_report_is_a_single_part(mixed):
    report = mixed[1]
    response = report.client.get(f"{report.series}/rendered", headers={"Accept": "*/*"})
    assert b"small" in body_of(response, HTML)


def test_a_mixed_study_is_the_same_every_time(mixed):
    first, _ = parts_of_study(mixed, "*/*")
    again, _ = parts_of_study(mixed, "*/*")
    assert first.content == again.content
    assert first.headers["etag"] == again.headers["etag"]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("test-SR.dcm", HTML), ("test-SR.dcm", PLAIN), ("waveform_ecg.dcm", PNG), ("waveform_ecg.dcm", SVG)],
)
def test_uri_service_gives_the_same(shelf, name, wanted):
    file = shelf.store(sample(name))
    data = file.dataset
    uids = f"studyUID={data.StudyInstanceUID}&seriesUID={data.SeriesInstanceUID}&objectUID={data.SOPInstanceUID}"
    path = f"/dicom-web/wado?requestType=WADO&{uids}&contentType={wanted.replace('+', '%2B')}"
    response = file.client.get(path, headers={"Accept": "*/*"})
    assert body_of(response, wanted) == file.get("/rendered", wanted).content


def test_links_of_a_report_work(shelf):
    """A report links to what its evidence names, below the address that the client used."""
    picture = shelf.store(sample("CT_small.dcm"))
    data = picture.dataset
    attributes = document(image(uid=data.SOPInstanceUID))
    evidence = attributes["0040A375"]["Value"][0]
    evidence["0020000D"]["Value"] = [data.StudyInstanceUID]
    series = evidence["00081115"]["Value"][0]
    series["0020000E"]["Value"] = [data.SeriesInstanceUID]
    series["00081199"]["Value"][0]["00081155"]["Value"] = [data.SOPInstanceUID]
    body = body_of(shelf.store(file_of(attributes)).get("/rendered"), HTML).decode()
    assert f"{ORIGIN}/dicom-web{instance_path(picture.file)}/rendered" in body
    assert f"{ORIGIN}/dicom-web{instance_path(picture.file)}/thumbnail" in body

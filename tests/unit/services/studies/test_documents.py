"""Documents as HTML, text, XML and PDF, and waveforms as pictures (PS3.18 8.7.4)."""

from __future__ import annotations

import io
import re
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest
from lxml import etree
from PIL import Image
from tests.samples import sample
from tests.sr_documents import (
    BASE,
    COMPREHENSIVE,
    IMAGE_URL,
    INSTANCE,
    ROOT,
    SERIES,
    STUDY,
    channel,
    code,
    coded,
    container,
    document,
    element,
    encapsulated,
    image,
    item,
    number,
    sequence,
    text,
    waveform,
)

from filmjacket.dicom.header import read_header
from filmjacket.errors import DicomError, NotAcceptable
from filmjacket.services.studies.documents import CHUNK, document_types, is_document, render_document
from filmjacket.web.refs import ResourceRef

REF = ResourceRef(STUDY, SERIES, INSTANCE)
REPORT_TYPES = ("text/html", "text/plain", "text/xml", "application/pdf")
VOID = {"meta", "img", "br"}


def render(attributes, media_type="text/html", bulk=None, **how):
    rendered = render_document(attributes, media_type, bulk=bulk or {}.__getitem__, base_url=BASE, ref=REF, **how)
    chunks = list(rendered.chunks)
    assert all(isinstance(chunk, bytes) and chunk for chunk in chunks)
    return rendered.content_type, b"".join(chunks)


def html_of(attributes):
    content_type, body = render(attributes)
    assert content_type == "text/html; charset=utf-8"
    return Page(body.decode())


def text_of(attributes):
    return render(attributes, "text/plain")[1].decode()


class Page(HTMLParser):
    """A page read strictly: every element closed in its order."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.source = source
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self._open: list[str] = []
        self.feed(source)
        self.close()
        assert not self._open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open and self._open[-1] != "style":
            self.words += data

    def all(self, tag, attribute):
        return [attributes[attribute] for name, attributes in self.tags if name == tag and attribute in attributes]


def of_sample(name):
    content = sample(name)
    header = read_header(content)
    layout = {value.path: content[value.offset : value.offset + value.length] for value in header.layout.bulk}
    return header.attributes, layout.__getitem__


# Which types there are


@pytest.mark.parametrize(
    ("suffix", "types"),
    [
        ("88.11", REPORT_TYPES),
        ("88.22", REPORT_TYPES),
        ("88.33", REPORT_TYPES),
        ("88.34", REPORT_TYPES),
        ("88.35", REPORT_TYPES),
        ("88.40", REPORT_TYPES),
        ("88.50", REPORT_TYPES),
        ("88.59", REPORT_TYPES),
        ("88.65", REPORT_TYPES),
        ("88.67", REPORT_TYPES),
        ("88.76", REPORT_TYPES),
        ("104.1", ("application/pdf", "text/html", "text/plain", "text/xml")),
        ("104.2", ("text/html", "text/xml", "text/plain", "application/pdf")),
        ("104.3", ("model/stl",)),
        ("104.4", ("model/obj",)),
        ("104.5", ("model/mtl",)),
        ("104.99", ()),
        ("2", ()),
    ],
)
def test_media_types_follow_from_the_class(suffix, types):
    assert document_types(ROOT + suffix, {"00420012": element("LO", "text/html")}) == types
    assert is_document(ROOT + suffix) == (suffix != "2")


def test_waveforms_are_pictures():
    assert document_types(ROOT + "9.1.1", {"54000100": element("SQ")}) == ("image/svg+xml", "image/png")
    assert document_types(ROOT + "9.1.1", {}) == ()


def test_another_type_is_refused_with_the_list():
    with pytest.raises(NotAcceptable) as caught:
        render(encapsulated("3", b"solid"), "text/html")
    assert caught.value.accepted == ("model/stl",)


# Structured reports


def test_the_heading_says_whose_it_is_and_how_far_to_trust_it():
    page = html_of(
        document(
            tag_0040A491=element("CS", "PARTIAL"),
            tag_0040A493=element("CS", "UNVERIFIED"),
            tag_0040A073=sequence(
                {
                    "0040A075": element("PN", {"Alphabetic": "Roe^Rita"}),
                    "0040A027": element("LO", "St. Elsewhere"),
                    "0040A030": element("DT", "20260102030405"),
                }
            ),
        )
    )
    for fact in (
        "Doe, Jane, Dr.",
        "4711",
        "Partial: not",
        "Unverified: nobody",
        "Roe, Rita, St. Elsewhere, 2026-01-02",
    ):
        assert fact in page.words
    assert "<h1" in page.source


def test_codes_stand_behind_their_meaning():
    page = html_of(document(coded("Finding", "Nodule")))
    assert "(121071, DCM)" in page.all("span", "title")


def test_measurements_are_a_table_with_their_modifiers():
    mean = coded("Derivation", "Mean", relation="HAS CONCEPT MOD")
    page = html_of(
        document(container("Group", number("Area", "5.5", "cm2", "x"), number("Density", "7", "mm", "x", mean)))
    )
    head = re.findall(r"<th [^>]*>(?:<span[^>]*>)?([^<]*)", page.source)
    assert head == ["Measurement", "Value", "Unit", "Derivation"]
    assert "cm²" in page.words
    assert "Area: 5.5 cm²\n" in text_of(document(container("G", number("Area", "5.5", "cm2", "x"), number("B", "1"))))


def test_images_are_links_with_thumbnails():
    page = html_of(document(container("Images", image(), image(frames=(3, 2)))))
    assert page.all("img", "src") == [f"{IMAGE_URL}/thumbnail", f"{IMAGE_URL}/frames/2/thumbnail"]
    assert f"{IMAGE_URL}/rendered" in page.all("a", "href")
    assert f"{IMAGE_URL}/frames/2,3/rendered" in page.all("a", "href")


def test_an_image_that_the_evidence_lacks_has_no_link():
    page = html_of(document(image(uid="9.9.9")))
    assert "not in the evidence of this document: 9.9.9" in page.words
    assert not page.all("img", "src")


@pytest.mark.parametrize("uid", ['1"><script>', "../../x", "1/2", "1 2", "javascript:x"])
def test_no_address_is_made_of_what_is_no_uid(uid):
    series = sequence({"0020000E": element("UI", "1.2"), "00081199": sequence({"00081155": element("UI", uid)})})
    evidence = sequence({"0020000D": element("UI", STUDY), "00081115": series})
    assert not html_of(document(image(uid=uid), tag_0040A375=evidence)).all("a", "href")


def test_a_shape_has_a_close_up():
    source = image(relation="SELECTED FROM")
    shape = item(
        "SCOORD",
        "Outline",
        source,
        tag_00700023=element("CS", "POLYLINE"),
        tag_00700022=element("FL", 100, 100, 140, 120),
    )
    assert f"{IMAGE_URL}/rendered?viewport=400,400,80,70,80,80" in html_of(document(shape)).all("a", "href")


def test_references_inside_the_document_are_links_to_their_target():
    page = html_of(
        document(
            container("Findings", text("Finding", "a nodule")),
            item("", relation="INFERRED FROM", tag_0040DB73=element("UL", 1, 1, 1)),
            item("", relation="INFERRED FROM", tag_0040DB73=element("UL", 1, 7)),
        )
    )
    assert "#item-1.1.1" in page.all("a", "href")
    assert "item-1.1.1" in page.all("dt", "id")
    assert "refers to item 1.7, which the document does not have" in page.words


def test_continuous_content_is_one_text():
    sentence = item(
        "CONTAINER",
        "Impression",
        text("", "A mass of"),
        number("Diameter", "3", "cm", "x"),
        text("", "was detected."),
        tag_0040A050=element("CS", "CONTINUOUS"),
    )
    assert "A mass of 3 cm was detected." in html_of(document(sentence)).words


def test_the_language_is_that_of_the_page():
    language = item(
        "CODE", "Language", relation="HAS CONCEPT MOD", tag_0040A168=sequence(code("Deutsch", "de", "RFC5646"))
    )
    language["0040A043"] = sequence(code("Language", "121049"))
    assert html_of(document(language)).all("html", "lang") == ["de"]


def test_cut_content_is_announced(monkeypatch):
    monkeypatch.setattr("filmjacket.reports.content_tree.MAX_ITEMS", 3)
    assert "Further content is not shown" in html_of(document(*(text("a", "b") for _ in range(9)))).words


def test_tables_show_every_cell():
    cells = [
        {"0040A804": element("UL", row), "0040A805": element("UL", column), "0040A30A": element("DS", f"{row}{column}")}
        for row in (1, 2)
        for column in (1, 2)
    ]
    page = html_of(document(item("TABLE", "Dose", tag_0040A801=sequence({"0040A808": sequence(*cells)}))))
    assert re.findall(r"<td[^>]*><?[^>]*?>?(\d\d)", page.source) == ["11", "12", "21", "22"]


def test_a_table_cannot_claim_more_than_it_holds():
    cell = {"0040A804": element("UL", 4_000_000_000), "0040A805": element("UL", 4_000_000_000)}
    assert len(html_of(document(item("TABLE", tag_0040A801=sequence({"0040A808": sequence(cell)})))).source) < 10_000


# Nothing of a document becomes markup

ATTACK = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>&amp;]]>"


def attacked(value):
    """The same data set with every text replaced."""
    if isinstance(value, dict):
        if "vr" in value:
            return {key: ([attacked_value(value["vr"], one) for one in member] if key == "Value" else member)
                    for key, member in value.items()}  # fmt: skip
        return {key: attacked(member) for key, member in value.items()}
    return value


def attacked_value(vr, value):
    if vr == "PN":
        return dict.fromkeys(("Alphabetic", "Ideographic", "Phonetic"), ATTACK)
    if isinstance(value, dict):
        return attacked(value)
    # Types and relationships decide about the way that a value takes; the values are what is attacked.
    keep = vr == "CS" or not isinstance(value, str) or value.startswith(ROOT)
    return value if keep else ATTACK


EVERYTHING = document(
    container("Context", coded("Observer", "Person", relation="HAS OBS CONTEXT")),
    text("Finding", "short", text("Detail", "x", relation="HAS PROPERTIES")),
    text("Finding", "long " * 40),
    number("One", "1", "mm", "x", coded("Method", "M", relation="HAS CONCEPT MOD")),
    number("Two", "2", "mm", "x", text("Note", "n", relation="HAS PROPERTIES")),
    item("PNAME", "Name", tag_0040A123=element("PN", {"Alphabetic": "A"})),
    item("UIDREF", "UID", tag_0040A124=element("UI", "1.2")),
    item("DATE", "Date", tag_0040A121=element("DA", "20200101")),
    item("DATETIME", "DateTime", tag_0040A120=element("DT", "20200101")),
    item("TIME", "Time", tag_0040A122=element("TM", "10")),
    item("TCOORD", "When", tag_0040A130=element("CS", ATTACK), tag_0040A138=element("DS", "1")),
    item("SCOORD", "Where", tag_00700023=element("CS", ATTACK), tag_00700022=element("FL", 1, 2)),
    item(
        "COMPOSITE",
        "Other",
        tag_00081199=sequence({"00081150": element("UI", "1.2"), "00081155": element("UI", "1.3")}),
    ),
    item(ATTACK, "Unknown", tag_0040A160=element("UT", "x")),
    item(
        "TABLE",
        "Table",
        tag_0040A801=sequence(
            {
                "0040A807": sequence({"0040A805": element("UL", 1), "0040A043": sequence(code("Column"))}),
                "0040A806": sequence({"0040A804": element("UL", 1), "0040A043": sequence(code("Row"))}),
                "0040A808": sequence(
                    {"0040A804": element("UL", 1), "0040A805": element("UL", 1), "0040A160": element("UT", "x")}
                ),
            }
        ),
    ),
    image("Image"),
    image("Image", uid="7.7"),
    tag_0040A492=element("LO", "done"),
    tag_00081030=element("LO", "study"),
    tag_00080050=element("SH", "accession"),
    tag_00080070=element("LO", "maker"),
    tag_00100030=element("DA", "19700101"),
    tag_00100040=element("CS", ATTACK),
    tag_00101010=element("AS", "044Y"),
    tag_0040A073=sequence({"0040A075": element("PN", {"Alphabetic": "A"}), "0040A027": element("LO", "x")}),
)


def test_no_text_becomes_markup_in_html():
    page = html_of(attacked(EVERYTHING))
    harmless, attack = html_of(EVERYTHING), page
    assert [name for name, _ in attack.tags if name not in {"a", "img"}].count("script") == 0
    assert {name for name, _ in attack.tags} <= {name for name, _ in harmless.tags} | {"p", "div"}
    for _, attributes in attack.tags:
        assert not any(name.startswith("on") for name in attributes)
    assert page.words.count("<script>alert(1)</script>") > 30
    assert "<script" not in page.source


def test_no_text_becomes_markup_in_xml():
    root = etree.fromstring(render(attacked(EVERYTHING), "text/xml")[1])
    assert not root.findall(".//script")
    assert "".join(root.itertext()).count("<script>") > 20


def test_no_text_becomes_markup_in_pdf():
    assert render(attacked(EVERYTHING), "application/pdf")[1].startswith(b"%PDF-")


def test_control_characters_harm_no_writer():
    attributes = document(text("A\x00\x1b[2J", "b\x1b]0;x\x07\ud800 \x0b\n\x85c " * 20))
    assert "\x1b" not in text_of(attributes)
    etree.fromstring(render(attributes, "text/xml")[1])
    html_of(attributes)
    assert render(attributes, "application/pdf")[1].startswith(b"%PDF-")


def test_pages_forbid_scripts_by_policy():
    page = html_of(document())
    assert page.all("meta", "content")[0].startswith("default-src 'none'")


@pytest.mark.parametrize("media_type", REPORT_TYPES)
@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"0040A730": element("SQ")},
        {"0040A730": sequence({}, {})},
        {"0040A040": element("CS", "IMAGE")},
    ],
)
def test_documents_without_content_are_documents(media_type, attributes):
    body = render({"00080016": element("UI", COMPREHENSIVE)} | attributes, media_type)[1]
    assert body


@pytest.mark.parametrize("media_type", REPORT_TYPES)
def test_deep_documents_end(media_type):
    child = text("deepest", "x")
    for level in range(300):
        child = container("level", child) if level % 2 else coded("code", "value", child, relation="HAS PROPERTIES")
    assert render(document(child), media_type)[1]


@pytest.mark.parametrize("media_type", REPORT_TYPES)
@pytest.mark.parametrize("name", ["reportsi.dcm", "test-SR.dcm", "reportsi_with_empty_number_tags.dcm"])
def test_real_reports(name, media_type):
    attributes, bulk = of_sample(name)
    body = render(attributes, media_type, bulk)[1]
    assert {"text/html": b"<!doctype html>", "application/pdf": b"%PDF-", "text/xml": b"<?xml "}.get(
        media_type, b""
    ) in body
    if media_type == "text/html":
        Page(body.decode())
    if media_type == "text/plain":
        assert b"Simple Image Report" in body or b"Demonstration of SR Features" in body


def test_xml_is_the_tree_with_codes_units_and_links():
    group = container("Group", number("Area", "5", "cm2", "square centimeter"), image(frames=(2,)))
    root = etree.fromstring(render(document(group), "text/xml")[1])
    num = root.find(".//num")
    assert num.get("number") == "1.1.1"
    assert num.findtext("value") == "5"
    assert num.find("unit").attrib == {"code": "cm2", "scheme": "UCUM"}
    assert root.find(".//image/reference").get("href") == f"{IMAGE_URL}/frames/2/rendered"
    assert root.find("heading[@name='Patient']/fact[@name='ID']").text == "4711"


def test_long_documents_come_in_bounded_chunks():
    rendered = render_document(
        document(*(text("Finding", "lorem ipsum " * 20) for _ in range(2000))),
        "text/html",
        bulk={}.__getitem__,
        base_url=BASE,
        ref=REF,
    )
    sizes = [len(chunk) for chunk in rendered.chunks]
    assert len(sizes) > 5
    assert max(sizes) < CHUNK + 4096


# PDF


def test_pdf_announces_what_it_cannot_show():
    shown = render(document(text("Finding", "clear")), "application/pdf")[1]
    hidden = render(document(text("Finding", "الرئتان صافيتان")), "application/pdf")[1]
    assert shown.startswith(b"%PDF-")
    assert len(hidden) > len(shown)


def test_fonts_are_chosen_by_character():
    from filmjacket.reports.pdf_fonts import MISSING, fonts_for

    fonts = fonts_for("かな 漢字")
    assert fonts.runs("a漢か")[1] == ("HeiseiKakuGo-W5", "漢か")
    assert fonts_for("汉字").runs("汉")[0][0] == "STSong-Light"
    assert fonts_for("한").runs("한")[0][0] == "HYGothic-Medium"
    assert fonts.runs("ا")[0][1] == MISSING
    assert fonts.missing("abc ا") == 1


def test_pdf_of_one_document_is_always_the_same():
    attributes = document(text("Finding", "clear"))
    assert render(attributes, "application/pdf") == render(attributes, "application/pdf")


def test_endless_text_is_not_set_as_pdf(monkeypatch):
    monkeypatch.setattr("filmjacket.reports.pdf.MAX_CHARACTERS", 1000)
    with pytest.raises(NotAcceptable) as caught:
        render(document(text("Finding", "x " * 2000)), "application/pdf")
    assert "text/html" in caught.value.accepted


def test_text_longer_than_a_page_breaks_in_pdf():
    line, detail = "word " * 4000, text("Detail", "y " * 3000, relation="HAS PROPERTIES")
    attributes = document(text("Finding", line, detail), coded("Finding", "z " * 3000))
    pages = re.findall(rb"/Type /Page\b", render(attributes, "application/pdf")[1])
    assert len(pages) >= 5


def test_a_cell_longer_than_a_page_goes_on_on_the_next():
    long = text("Note", "words " * 3000, relation="HAS PROPERTIES")
    group = container("Group", number("a", "1", "mm", "x", long), number("b" * 5000, "2"))
    pages = re.findall(rb"/Type /Page\b", render(document(group), "application/pdf")[1])
    assert len(pages) >= 3


# Encapsulated documents


@pytest.mark.parametrize(
    ("suffix", "media_type"),
    [("1", "application/pdf"), ("2", "text/xml"), ("3", "model/stl"), ("4", "model/obj"), ("5", "model/mtl")],
)
@pytest.mark.parametrize("content", [b"odd", b"even", b"x" * 200_000, b"<a/>\0"])
def test_documents_come_as_they_are_stored(suffix, media_type, content):
    assert render(encapsulated(suffix, content), media_type) == (media_type, content)


def test_a_document_in_the_bulk_data_is_read_there():
    attributes = encapsulated("1", b"odd") | {"00420011": {"vr": "OB", "BulkDataURI": "/00420011"}}
    assert render(attributes, "application/pdf", {"00420011": b"odd\0"}.__getitem__)[1] == b"odd"


def test_an_instance_without_its_document_says_so():
    attributes = encapsulated("1", b"x")
    del attributes["00420011"]
    with pytest.raises(DicomError):
        render(attributes, "application/pdf")


def test_a_pdf_has_a_page_that_leads_to_it():
    page = html_of(encapsulated("1", b"%PDF-", title=ATTACK))
    address = f"{BASE}/{REF.path}/rendered?accept=application/pdf"
    assert page.all("object", "data") == [address]
    assert page.all("object", "type") == ["application/pdf"]
    assert "<script" not in page.source
    assert address in text_of(encapsulated("1", b"%PDF-"))


CDA = b"""<?xml version="1.0"?><?xml-stylesheet href="evil.xsl"?>
<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:h="http://www.w3.org/1999/xhtml">
<title>Discharge &lt;b&gt; letter</title>
<effectiveTime value="20260102"/><languageCode code="en-US"/><recordTarget><patientRole><id extension="4711"/><patient>
<name><given>Jane</given><family>Doe</family></name></patient></patientRole></recordTarget>
<author><assignedAuthor><assignedPerson><name><given>Rita</given><family>Roe</family></name></assignedPerson>
</assignedAuthor></author><component><structuredBody><component><section><code code="11450-4" displayName="Problems"/>
<title>Problem list</title><text>Loose text<paragraph>One <content styleCode="Bold">bold</content><br/>two</paragraph>
<list listType="ordered"><item>first</item><item><paragraph>second</paragraph></item></list>
<table><thead><tr><th>Drug</th><th>Dose</th></tr></thead><tbody><tr><td>Aspirin</td><td>100 mg</td></tr></tbody></table>
<h:script>alert(1)</h:script><linkHtml href="javascript:alert(1)">click</linkHtml></text>
<component><section><title>Inner</title><text>deep</text></section></component></section></component></structuredBody>
</component></ClinicalDocument>"""


def test_the_narrative_of_a_cda_document_is_shown():
    page = html_of(encapsulated("2", CDA))
    for words in (
        "Discharge <b> letter",
        "Jane Doe",
        "4711",
        "Rita Roe",
        "Problem list",
        "Loose text",
        "second",
        "100 mg",
    ):
        assert words in page.words
    assert page.all("html", "lang") == ["en-US"]
    assert page.all("a", "href") == []
    assert "script" not in {name for name, _ in page.tags}
    assert "<strong>bold</strong>" in page.source
    assert "1. first" in text_of(encapsulated("2", CDA))
    assert render(encapsulated("2", CDA), "application/pdf")[1].startswith(b"%PDF-")


@pytest.mark.parametrize(
    "content",
    [
        b"no xml",
        b"",
        b"<a><b></a>",
        b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
        b"<a>" * 200 + b"</a>" * 200,
        b'<?xml version="1.0" encoding="nonsense"?><a/>',
    ],
)
def test_unreadable_cda_is_refused_but_can_be_had_as_stored(content):
    with pytest.raises(DicomError) as caught:
        render(encapsulated("2", content), "text/html")
    if content:
        assert caught.value.accepted == ("text/xml",)
        assert render(encapsulated("2", content), "text/xml")[1] == content


def test_a_cda_document_without_structured_body_says_so():
    assert "not structured text" in html_of(encapsulated("2", b"<ClinicalDocument/>")).words


# Waveforms

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")


def twelve(seconds=10.0, frequency=500.0, **how):
    moments = np.arange(round(seconds * frequency))
    samples = np.stack([(1000 * np.sin(moments / 50 + lead)).astype("<i2") for lead in range(12)], axis=1)
    return waveform(samples, [channel(f"Lead {lead}") for lead in LEADS], frequency=frequency, **how)


def svg_of(attributes, **how):
    content_type, body = render(attributes, "image/svg+xml", **how)
    assert content_type == "image/svg+xml"
    return etree.fromstring(body)


def words_of(root):
    return [node.text for node in root.iter("{*}text")]


def test_twelve_leads_are_laid_out_as_on_paper():
    root = svg_of(twelve())
    assert [word for word in words_of(root) if word in LEADS] == [
        "I", "aVR", "V1", "V4", "II", "aVL", "V2", "V5", "III", "aVF", "V3", "V6", "II",
    ]  # fmt: skip
    assert root.get("width") == "280mm"
    assert any("25 mm/s   10 mm/mV   500 Hz" in (word or "") for word in words_of(root))


def test_a_millivolt_is_a_centimetre_and_a_second_25_millimetres():
    samples = np.zeros((5000, 1), "<i2")
    samples[500:] = 1000
    root = svg_of(waveform(samples, [channel("Lead II")]))
    trace = max((line.get("points").split() for line in root.iter("{*}polyline")), key=len)
    points = np.array([[float(number) for number in point.split(",")] for point in trace])
    step = int(np.flatnonzero(np.diff(points[:, 1]))[0])
    assert points[:, 1].max() - points[:, 1].min() == pytest.approx(10, abs=0.02)
    assert points[step + 1, 0] - points[0, 0] == pytest.approx(25, abs=0.2)


def test_sensitivity_correction_and_baseline_count():
    how = {"tag_003A0212": element("DS", "2"), "tag_003A0213": element("DS", "-10")}
    samples = np.array([[0], [5], [10]], "<i2")
    root = svg_of(waveform(samples, [channel("Pressure", "mm[Hg]", "3", **how)], frequency=1))
    assert "Pressure   -10 to 50 mmHg" in words_of(root)


@pytest.mark.parametrize(
    ("interpretation", "dtype"),
    [("SB", "i1"), ("UB", "u1"), ("SS", "<i2"), ("US", "<u2"), ("SL", "<i4"), ("UL", "<u4")],
)
def test_every_width_of_samples_is_read(interpretation, dtype):
    samples = np.array([[0, 100], [50, 20]], dtype)
    root = svg_of(waveform(samples, [channel("a", "kPa"), channel("b", "kPa")], interpretation=interpretation))
    assert {"a   0 to 50 kPa", "b   20 to 100 kPa"} <= set(words_of(root))


@pytest.mark.parametrize("law", ["MB", "AB"])
def test_companded_samples_are_refused_with_the_reason(law):
    with pytest.raises(NotAcceptable, match="companded"):
        render(waveform(np.zeros((4, 1), "u1"), [channel("x")], interpretation=law), "image/png")


@pytest.mark.parametrize(
    "change",
    [
        {"tag_003A0010": element("UL", 10**9)},
        {"tag_003A001A": element("DS", "0")},
        {"tag_003A001A": element("DS", "nan")},
        {"tag_003A0005": element("US", 0), "tag_003A0200": element("SQ")},
        {"tag_003A0010": element("UL", 0)},
        {"tag_54001004": element("US", 12)},
        {"tag_54001006": element("CS", "XX")},
        {"tag_54001010": element("OW")},
    ],
)
def test_contradictory_waveforms_are_refused(change):
    with pytest.raises(DicomError):
        render(waveform(np.zeros((4, 1), "<i2"), [channel("x")], **change), "image/svg+xml")


def test_padding_leaves_a_gap():
    samples = np.array([[1], [2], [-32768], [3], [4]], "<i2")
    padding = {"vr": "OW", "InlineBinary": "AIA="}
    whole = svg_of(waveform(samples, [channel("x", "kPa")], frequency=1))
    gap = svg_of(waveform(samples, [channel("x", "kPa")], frequency=1, tag_5400100A=padding))
    assert len(list(gap.iter("{*}polyline"))) == len(list(whole.iter("{*}polyline"))) + 1
    assert "x   1 to 4 kPa" in words_of(gap)


def test_peaks_survive_thinning():
    samples = np.zeros((1_000_000, 1), "<i2")
    samples[777_777] = 30_000
    body = render(waveform(samples, [channel("Audio", "kPa")]), "image/svg+xml")[1]
    root = etree.fromstring(body)
    trace = max((line.get("points").split() for line in root.iter("{*}polyline")), key=len)
    heights = {point.split(",")[1] for point in trace}
    assert len(heights) == 2
    assert len(body) < 200_000


def test_long_ecg_says_what_it_shows():
    assert any("the first 10 s of 60 s" in (word or "") for word in words_of(svg_of(twelve(60))))


def test_amplitudes_that_do_not_fit_are_announced():
    samples = np.full((5000, 1), 30_000, "<i2")
    assert any("CUT OFF" in (word or "") for word in words_of(svg_of(waveform(samples, [channel("Lead I")]))))


def test_names_are_only_shown_where_they_may_be():
    attributes = twelve() | {"00100010": element("PN", {"Alphabetic": "Doe^Jane"}), "00100020": element("LO", "4711")}
    assert b"Doe, Jane" in render(attributes, "image/svg+xml")[1]
    hidden = render(attributes, "image/svg+xml", identified=False)[1]
    assert b"Doe" not in hidden
    assert b"4711" not in hidden


def test_no_text_becomes_markup_in_svg():
    attributes = waveform(np.zeros((9, 1), "<i2"), [channel(ATTACK, ATTACK)]) | {
        "00100020": element("LO", ATTACK + "\x00")
    }
    attributes["0040B020"] = sequence({"00700006": element("ST", ATTACK)})
    root = svg_of(attributes)
    assert not list(root.iter("{*}script"))
    assert any("<script>" in (word or "") for word in words_of(root))


def test_png_shows_the_paper_in_true_size():
    content_type, body = render(twelve(), "image/png")
    assert content_type == "image/png"
    picture = Image.open(io.BytesIO(body))
    assert picture.size[0] == 1680
    assert picture.info["dpi"][0] == pytest.approx(152.4, abs=0.1)
    darkest = [
        picture.crop((0, y, 1680, y + 20)).convert("L").getextrema()[0] for y in range(0, picture.size[1] - 20, 20)
    ]
    assert min(darkest) < 60
    assert max(darkest) == 255


def test_many_channels_stay_within_bounds():
    samples = np.zeros((100, 200), "<i2")
    attributes = waveform(samples, [channel(f"E{number}", "kPa") for number in range(200)])
    assert any("136 further channels" in (word or "") for word in words_of(svg_of(attributes)))
    picture = Image.open(io.BytesIO(render(attributes, "image/png")[1]))
    assert picture.size[0] * picture.size[1] <= 12_100_000


def test_a_real_ecg():
    attributes, bulk = of_sample("waveform_ecg.dcm")
    root = svg_of(attributes, bulk=bulk)
    words = words_of(root)
    assert "ECG NORMALE" in words
    assert "PR Interval: 161 ms" in words
    assert [word for word in words if word in LEADS].count("II") == 3
    lines = [line.get("points").split() for line in root.iter("{*}polyline")]
    long = max(lines, key=len)
    x = [float(point.split(",")[0]) for point in long]
    assert all(second >= first for first, second in pairwise(x))

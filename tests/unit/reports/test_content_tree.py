"""The content tree: every value type, references, and documents that are wrong (PS3.3 C.17.3, C.18)."""

from __future__ import annotations

import struct

import pytest
from tests.sr_documents import CT, code, coded, container, document, element, image, item, number, sequence, text

from filmjacket.reports.codes import Code, code_of, unit_text
from filmjacket.reports.content_tree import MAX_LEVELS, read_content_tree
from filmjacket.reports.content_values import Grid, Instants, Numeric, Reference, Region


def no_bulk(path):
    raise AssertionError(path)


def only(child, bulk=no_bulk):
    return read_content_tree(document(child), bulk).children[0]


REFERENCE = {
    "00081150": element("UI", CT),
    "00081155": element("UI", "1.9"),
    "00081160": element("IS", 3, "4"),
    "0062000B": element("US", 7),
    "0040A0B0": element("US", 1, 0, 2, 5),
    "00081199": sequence({"00081150": element("UI", "1.8"), "00081155": element("UI", "1.7")}),
}
EXPECTED = Reference(CT, "1.9", (3, 4), (7,), ((1, 0), (2, 5)), Reference("1.8", "1.7"))
TABLE = sequence(
    {
        "0040A807": sequence(
            {
                "0040A805": element("UL", 2),
                "0040A043": sequence(code("Dose")),
                "004008EA": sequence(code("gray", "Gy", "UCUM")),
            },
            {"0040A805": element("UL", 1), "0040A043": sequence(code("Time"))},
        ),
        "0040A808": sequence(
            {"0040A804": element("UL", 1), "0040A805": element("UL", 1), "0040A30A": element("DS", "5")},
            {"0040A804": element("UL", 1), "0040A805": element("UL", 2), "0040A168": sequence(code("none"))},
        ),
    }
)  # fmt: skip


@pytest.mark.parametrize(
    ("child", "value"),
    [
        (text("Finding", "clear"), "clear"),
        (coded("Finding", "Nodule"), Code("121071", "DCM", "Nodule")),
        (number("Diameter", "12.50"), Numeric("12.50", Code("mm", "UCUM", "millimeter"), None)),
        (item("DATE", tag_0040A121=element("DA", "20261122")), "2026-11-22"),
        (item("TIME", tag_0040A122=element("TM", "173005.500000")), "17:30:05.5"),
        (item("DATETIME", tag_0040A120=element("DT", "20261122173005+0100")), "2026-11-22 17:30:05 +0100"),
        (item("DATETIME", tag_0040A120=element("DT", "2026")), "2026"),
        (item("UIDREF", tag_0040A124=element("UI", "1.2.3")), "1.2.3"),
        (item("PNAME", tag_0040A123=element("PN", {"Alphabetic": "A^B^C^Dr.^MD"})), "A, B C, Dr. MD"),
        (item("COMPOSITE", tag_00081199=sequence(REFERENCE)), EXPECTED),
        (item("IMAGE", tag_00081199=sequence(REFERENCE)), EXPECTED),
        (item("WAVEFORM", tag_00081199=sequence(REFERENCE)), EXPECTED),
        (
            item("SCOORD", tag_00700023=element("CS", "POLYLINE"), tag_00700022=element("FL", 1.0, 2.0, 3.0, 4.5)),
            Region("POLYLINE", ((1.0, 2.0), (3.0, 4.5))),
        ),
        (
            item(
                "SCOORD3D",
                tag_00700023=element("CS", "POINT"),
                tag_00700022=element("FL", 1, 2, 3),
                tag_30060024=element("UI", "1.5"),
            ),
            Region("POINT", ((1.0, 2.0, 3.0),), "1.5"),
        ),
        (
            item("TCOORD", tag_0040A130=element("CS", "POINT"), tag_0040A132=element("UL", 7)),
            Instants("POINT", "sample", ("7",)),
        ),
        (
            item("TCOORD", tag_0040A130=element("CS", "SEGMENT"), tag_0040A138=element("DS", "1.0", "2.5")),
            Instants("SEGMENT", "s", ("1.0", "2.5")),
        ),
        (
            item("TCOORD", tag_0040A130=element("CS", "BEGIN"), tag_0040A13A=element("DT", "20260101")),
            Instants("BEGIN", "", ("2026-01-01",)),
        ),
        (item("TABLE", tag_0040A801=TABLE), Grid(("Time", "Dose [Gy]"), (), {(1, 1): "5", (1, 2): "none"})),
        (container("Findings"), None),
        (item("HOLOGRAM", tag_0040A160=element("UT", "of the future")), "of the future"),
    ],
)
def test_every_value_type_is_read(child, value):
    assert only(child).value == value


@pytest.mark.parametrize(
    ("measured", "number_text"),
    [
        ({"0040A161": element("FD", 2.5)}, "2.5"),
        ({"0040A162": element("SL", 1), "0040A163": element("UL", 3)}, "1/3"),
        ({"0040A30A": element("DS", "1", "2")}, "1, 2"),
        ({}, ""),
    ],
)
def test_numbers_are_found_in_every_form(measured, number_text):
    assert only(item("NUM", tag_0040A300=sequence(measured))).value.number == number_text


def test_a_missing_number_says_why():
    value = only(item("NUM", tag_0040A301=sequence(code("Measurement failure")))).value
    assert value == Numeric("", None, Code("121071", "DCM", "Measurement failure"))


def test_long_codes_are_read_too():
    assert code_of({"00080119": element("UC", "x" * 20)}).value == "x" * 20
    assert code_of({"00080120": element("UR", "urn:a")}).value == "urn:a"
    assert code_of({}).text == "(no meaning)"


@pytest.mark.parametrize(
    ("unit", "meaning", "shown"),
    [
        ("mm2", "square millimeter", "mm²"),
        ("1", "no units", ""),
        ("[hnsf'U]", "Hounsfield unit", "Hounsfield unit"),
        ("{ratio}", "ratio", "ratio"),
        ("um", "micrometer", "µm"),
        ("mGy.cm", "mGy.cm", "mGy·cm"),
        ("kg/m2", "x", "kg/m²"),
        ("/min", "per minute", "/min"),
    ],
)
def test_units_are_shown_as_people_write_them(unit, meaning, shown):
    assert unit_text(Code(unit, "UCUM", meaning)) == shown


def test_long_values_come_from_the_bulk_data():
    words = "Größe " * 10
    wide = {"vr": "FL", "BulkDataURI": "/0040A730.1.00700022"}
    tree = read_content_tree(
        document(
            item("TEXT", tag_0040A160={"vr": "UT", "BulkDataURI": "http://x/bulkdata/0040A730.0.0040A160"}),
            item("SCOORD", tag_00700023=element("CS", "POINT"), tag_00700022=wide),
        ),
        {"0040A730.0.0040A160": words.encode(), "0040A730.1.00700022": struct.pack("<2f", 1, 2)}.__getitem__,
    )
    assert tree.children[0].value == words.rstrip()
    assert tree.children[1].value.points == ((1.0, 2.0),)


def test_long_text_of_an_unknown_character_set_says_so():
    child = item("TEXT", tag_0040A160={"vr": "UT", "BulkDataURI": "/0040A160"})
    assert "not known" in str(only(child, lambda _: "Größe".encode("iso-8859-1")).value)


def test_items_have_the_numbers_that_references_use():
    tree = read_content_tree(document(container("a", text("b", "c")), coded("d", "e")), no_bulk)
    assert [entry.number for entry in tree.walk()] == [(1,), (1, 1), (1, 1, 1), (1, 2)]


def test_items_by_reference_are_not_followed():
    loop = item("", relation="SELECTED FROM", tag_0040DB73=element("UL", 1))
    child = only(container("Findings", loop)).children[0]
    assert child.by_reference == (1,)
    assert child.children == ()


def test_deep_nesting_ends_and_says_so():
    child = text("deepest", "x")
    for _ in range(500):
        child = container("level", child)
    nodes = list(read_content_tree(document(child), no_bulk).walk())
    assert len(nodes) == MAX_LEVELS + 1
    assert nodes[-1].cut


def test_too_many_items_end_and_say_so(monkeypatch):
    monkeypatch.setattr("filmjacket.reports.content_tree.MAX_ITEMS", 10)
    tree = read_content_tree(document(*(text("a", "b") for _ in range(20))), no_bulk)
    assert tree.cut
    assert len(tree.children) == 9


@pytest.mark.parametrize(
    "value_type", ["", "TEXT", "CODE", "NUM", "IMAGE", "SCOORD", "SCOORD3D", "TCOORD", "TABLE", "DATE"]
)
@pytest.mark.parametrize(
    "rubbish",
    [
        {},
        {"0040A160": element("UT", None), "0040A168": element("SQ")},
        {"0040A300": sequence({}), "00081199": sequence({})},
        {"0040A168": sequence({}), "00700022": element("FL", None, 1.0, 2.0), "0040A138": element("DS", None, "x")},
        {"0040A801": sequence({"0040A808": sequence({}, {"0040A804": element("UL", 4_000_000_000)})})},
        {"0040DB73": element("UL", None, 99)},
        {"00081199": sequence({"00081160": element("IS", "x", 1.5, None), "0040A0B0": element("US", 1)})},
    ],
)  # fmt: skip
def test_nothing_malformed_fails(value_type, rubbish):
    assert only(item(value_type) | rubbish).value_type == value_type


def test_an_empty_data_set_is_an_empty_tree():
    tree = read_content_tree({}, no_bulk)
    assert (tree.value_type, tree.children, tree.value) == ("", (), None)


def test_images_are_read_with_their_frames():
    assert only(image(frames=(2,))).value.frames == (2,)

"""The table of editions: each row that is there works as it says, in every edition."""

from __future__ import annotations

from pathlib import Path

import pytest

from filmjacket.conformance.editions import DIFFERENCES, EMPTY_SEARCH_STATUS, Answer, differences_page
from filmjacket.http.routes import TABLE
from filmjacket.settings import Edition
from filmjacket.web.accept import parse_accept
from filmjacket.web.negotiate_bulk import choose_frames
from filmjacket.web.reach import Reach

ROOT = Path(__file__).parents[3]
DONE = [row for row in DIFFERENCES if row.answer is not Answer.LATER]


@pytest.mark.parametrize("row", DONE, ids=lambda row: row.what[:40])
def test_what_is_done_names_code_and_tests_that_exist(row) -> None:
    assert (ROOT / "src/filmjacket" / row.code).is_file()
    assert "def test_" in (ROOT / "tests" / row.tests).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "row", [row for row in DIFFERENCES if row.answer is Answer.LATER], ids=lambda row: row.what[:40]
)
def test_what_comes_later_claims_nothing(row) -> None:
    assert (row.code, row.tests) == ("", "")


def test_every_switch_knows_every_edition() -> None:
    assert set(EMPTY_SEARCH_STATUS) == set(Edition)
    assert len([row for row in DIFFERENCES if row.answer is Answer.SWITCHED]) == 2


def test_the_page_has_every_row() -> None:
    page = differences_page()
    for row in DIFFERENCES:
        assert f"| {row.what} | {row.section} |" in page


NATIVE, DEFLATED, RLE = "1.2.840.10008.1.2.1.98", "1.2.840.10008.1.2.8.1", "1.2.840.10008.1.2.5"


@pytest.mark.parametrize(
    ("accept", "stored", "content_type"),
    [
        (f"application/octet-stream; transfer-syntax={NATIVE}", NATIVE, "application/octet-stream"),
        (f"application/x-deflate; transfer-syntax={DEFLATED}", DEFLATED, "application/x-deflate"),
        ("image/x-dicom-rle", RLE, "image/dicom-rle"),
        ("image/dicom-rle", RLE, "image/dicom-rle"),
        ("image/x-jls", "1.2.840.10008.1.2.4.80", "image/jls"),
        ("image/jls", "1.2.840.10008.1.2.4.80", "image/jls"),
    ],
)
def test_media_types_of_every_edition_are_understood(accept: str, stored: str, content_type: str) -> None:
    plan = choose_frames(parse_accept(accept), single=True, reach=Reach(stored, encapsulated=True))
    assert plan.media_type == content_type


def test_no_modifier_stands_below_frames() -> None:
    below = {row.template.partition("/frames/{frames}")[2] for row in TABLE}
    assert not below & {"/metadata", "/bulkdata", "/pixeldata"}

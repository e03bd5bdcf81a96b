"""Bulk data references: PS3.18 10.4.1.1.5, F.2.6."""

from __future__ import annotations

import json

import orjson
import pytest

from filmjacket.errors import NotFound
from filmjacket.web.bulk_uri import MAX_BULK_PATH, absolute_bulk_uris, bulk_prefix, bulk_url, parse_bulk_path

BASE = "http://localhost:8104/dicom-web"
INSTANCE = f"{BASE}/studies/1.2/series/1.3/instances/1.4"


def test_urls():
    assert bulk_prefix(BASE, "1.2", "1.3", "1.4") == f"{INSTANCE}/bulkdata"
    assert bulk_url(BASE, "1.2", "1.3", "1.4", "7FE00010") == f"{INSTANCE}/bulkdata/7FE00010"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("7FE00010", "7FE00010"),
        ("7fe00010", "7FE00010"),
        ("00880200.0.7FE00010", "00880200.0.7FE00010"),
        ("52009230.12.00089124.3.00091001", "52009230.12.00089124.3.00091001"),
        (".0.".join(["00081140"] * 150), ".0.".join(["00081140"] * 150)),
    ],
)
def test_paths(text, path):
    assert parse_bulk_path(text) == path


@pytest.mark.parametrize(
    "text",
    ["", "..", "../7FE00010", "7FE00010/..", "7FE0001", "7FE000100", "PixelData", "7FE00010.", ".7FE00010",
    "00880200.7FE00010",
     "00880200.-1.7FE00010", "00880200.0", "00880200..7FE00010", "7FE00010\n", "7FE0001٠",
     "00880200.1234567890.7FE00010",
     "x" * 10_000, ".0.".join(["00081140"] * (MAX_BULK_PATH // 11 + 1))],
)  # fmt: skip
def test_what_was_never_minted_does_not_exist(text):
    with pytest.raises(NotFound):
        parse_bulk_path(text)


def test_references_become_absolute_at_every_level():
    document = {
        "00880200": {"vr": "SQ", "Value": [{"7FE00010": {"vr": "OW", "BulkDataURI": "/00880200.0.7FE00010"}}]},
        "7FE00010": {"vr": "OW", "BulkDataURI": "/7FE00010"},
    }
    result = json.loads(absolute_bulk_uris(orjson.dumps(document), f"{INSTANCE}/bulkdata".encode()))
    assert result["7FE00010"]["BulkDataURI"] == f"{INSTANCE}/bulkdata/7FE00010"
    assert result["00880200"]["Value"][0]["7FE00010"]["BulkDataURI"] == f"{INSTANCE}/bulkdata/00880200.0.7FE00010"


@pytest.mark.parametrize(
    "text",
    [
        '"BulkDataURI":"/7FE00010"',
        '\\"BulkDataURI":"/',
        'BulkDataURI":"/',
        '"BulkDataURI":"/\\',
        '\\\\"BulkDataURI":"/x',
    ],
)
def test_texts_that_look_like_references_stay(text):
    document = {"00104000": {"vr": "LT", "Value": [text]}, "7FE00010": {"vr": "OW", "BulkDataURI": "/7FE00010"}}
    result = json.loads(absolute_bulk_uris(orjson.dumps(document), b"http://x"))
    assert result["00104000"]["Value"] == [text]
    assert result["7FE00010"]["BulkDataURI"] == "http://x/7FE00010"


def test_absolute_references_stay():
    document = orjson.dumps({"7FE00010": {"vr": "OW", "BulkDataURI": "http://elsewhere/1"}})
    assert absolute_bulk_uris(document, b"http://x") == document

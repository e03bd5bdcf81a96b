"""Bulk data parts: how references find them (PS3.18 8.6.1.2, RFC 2557)."""

from __future__ import annotations

import pytest

from filmjacket.services.studies.bulk_parts import MAX_NAME, BulkParts, SpooledPart, declared_type
from filmjacket.web.media_types import MediaType

TARGET = "https://pacs.example/dicom-web/studies"
JPEG = MediaType("image", "jpeg")


def part(location: str | None, number: int = 0) -> SpooledPart:
    return SpooledPart(JPEG, location, number, 1)


@pytest.mark.parametrize(
    ("reference", "location", "base"),
    [
        ("a", "a", None),
        ("a", "https://pacs.example/dicom-web/a", None),
        ("https://pacs.example/dicom-web/a", "a", None),
        ("./a", "a", None),
        ("/x", "https://pacs.example/x", None),
        (" a ", "a", None),
        ("urn:uuid:1", "1", None),
        ("1", "urn:uuid:1", None),
        ("a%20b", "a b", None),
        ("b", "http://elsewhere/x/b", "http://elsewhere/x/metadata"),
        ("b", "b", "http://elsewhere/x/metadata"),
        ("http://[", "http://[", None),
        ("x" * (MAX_NAME + 1), "x" * (MAX_NAME + 1), None),
    ],
)
def test_found(reference: str, location: str, base: str | None) -> None:
    parts = BulkParts(TARGET)
    parts.add(part(location))
    assert parts.find(reference, base) == [part(location)]
    assert parts.unreferenced() == []


@pytest.mark.parametrize("reference", ["b", "A", "a/", "http://elsewhere/a", "a/frames/1"])
def test_not_found(reference: str) -> None:
    parts = BulkParts(TARGET)
    parts.add(part("a"))
    parts.add(part(None, 1))
    assert parts.find(reference, None) == []
    assert parts.unreferenced() == [part("a"), part(None, 1)]


def test_one_location_is_frames_in_part_order() -> None:
    parts = BulkParts(TARGET)
    for number in range(3):
        parts.add(part("a" if number % 2 else "https://pacs.example/dicom-web/a", number))
    assert [one.offset for one in parts.find("https://pacs.example/dicom-web/a", None)] == [0, 1, 2]


@pytest.mark.parametrize(
    ("numbers", "found"),
    [((1, 2, 3), [0, 1, 2]), ((3, 1, 2), [1, 2, 0]), ((1, 3), []), ((0, 1), [1]), ((2,), []), ((1, 1), [])],
)
def test_numbered_frames(numbers: tuple[int, ...], found: list[int]) -> None:
    parts = BulkParts(TARGET)
    for place, number in enumerate(numbers):
        parts.add(part(f"a/frames/{number}", place))
    assert [one.offset for one in parts.find("a", None)] == found


@pytest.mark.parametrize(
    ("declared", "essence"),
    [
        ({}, "image/jpeg"),
        ({"content-type": "image/PNG"}, "image/png"),
        ({"content-type": "?"}, "application/octet-stream"),
    ],
)
def test_declared_type(declared: dict[str, str], essence: str) -> None:
    assert declared_type(declared, JPEG).essence == essence

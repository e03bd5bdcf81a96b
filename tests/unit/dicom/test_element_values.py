from __future__ import annotations

from typing import Any

import pytest

from filmjacket.dicom.element_values import ValueFault, bring_to_one_form


@pytest.mark.parametrize(
    ("tag", "given", "kept", "changed"),
    [
        ("00404005", {"vr": "DT", "Value": ["20261122103000 "]}, {"vr": "DT", "Value": ["20261122103000"]}, False),
        ("00741204", {"vr": "SH", "Value": [" Label\0"]}, {"vr": "LO", "Value": ["Label"]}, True),
        ("00741204", {"vr": "LO", "Value": ["", None]}, None, False),
        ("00741204", {"vr": "LO", "Value": [" "]}, {"vr": "LO"}, False),
        ("00741004", {"vr": "DS", "Value": [50]}, {"vr": "DS", "Value": [50]}, False),
        ("00741004", {"vr": "DS", "Value": ["5e1"]}, {"vr": "DS", "Value": ["5e1"]}, False),
        ("00100010", {"vr": "PN", "Value": [{"Phonetic": "A "}]}, {"vr": "PN", "Value": [{"Phonetic": "A"}]}, False),
        ("00100010", {"vr": "PN", "Value": [{"Alphabetic": "^^"}]}, {"vr": "PN"}, False),
        ("00400400", {"vr": "LT", "Value": ["two\r\nlines"]}, {"vr": "LT", "Value": ["two\r\nlines"]}, False),
        ("0020000D", {"vr": "UI"}, {"vr": "UI"}, False),
        ("00091001", {"vr": "LO", "Value": ["a", "b"]}, {"vr": "LO", "Value": ["a", "b"]}, False),
    ],
)  # fmt: skip
def test_values_are_brought_to_one_form(tag: str, given: dict[str, Any], kept: dict[str, Any] | None, changed: bool):
    if kept is None:
        with pytest.raises(ValueFault, match="one value"):
            bring_to_one_form(tag, given)
        return
    assert bring_to_one_form(tag, given) is changed
    assert given == kept


@pytest.mark.parametrize(
    ("tag", "vr", "values"),
    [
        ("00404005", "DT", ["20261122", "20271122"]),
        ("00404005", "DT", ["yesterday"]),
        ("00404005", "DT", ["2026-11-22T10:00"]),
        ("0020000D", "UI", ["not-a-uid"]),
        ("00100030", "DA", ["tomorrow"]),
        ("00321060", "LO", ["a" * 65]),
        ("00741204", "LO", ["a\0b"]),
        ("00741204", "LO", ["a\x1b$Bb"]),
        ("00741204", "LO", ["two\nlines"]),
        ("00741004", "DS", ["abc"]),
        ("00080100", "SH", ["a" * 17]),
        ("00100010", "PN", [{"Alphabetic": "a" * 65}]),
        ("00100010", "LO", ["A^B"]),
        ("00404021", "LO", ["a sequence"]),
    ],
)
def test_values_that_nobody_could_search_for_or_read_are_refused_without_being_repeated(
    tag: str, vr: str, values: list[Any]
):
    with pytest.raises(ValueFault) as refused:
        bring_to_one_form(tag, {"vr": vr, "Value": values})
    assert not any(value in refused.value.problem for value in values if isinstance(value, str))


def test_values_have_to_be_in_the_payload():
    with pytest.raises(ValueFault) as refused:
        bring_to_one_form("00420011", {"vr": "OB", "BulkDataURI": "http://elsewhere/x"})
    assert refused.value.accepted == ("Value", "InlineBinary")

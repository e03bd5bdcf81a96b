"""LUT sequences (PS3.3 C.11.1, C.11.2), the contradictory ones too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from filmjacket.pixels.lookup_tables import read_table


def item(descriptor: list[Any], data: dict[str, Any]) -> dict[str, Any]:
    return {"00283002": {"vr": "US", "Value": descriptor}, "00283006": data}


def entries(table: Any) -> list[int]:
    return np.frombuffer(table.entries, "<u2").tolist()


def test_words_and_bytes() -> None:
    words = read_table(item([3, 0, 16], {"vr": "US", "Value": [0, 500, 1000]}), lambda _: b"", signed=False)
    assert words is not None
    assert (words.first, words.bits, entries(words)) == (0, 16, [0, 500, 1000])
    octets = read_table(item([3, 0, 8], {"vr": "OW", "BulkDataURI": "/x"}), lambda _: b"\x00\x7f\xff", signed=False)
    assert octets is not None
    assert entries(octets) == [0, 127, 255]


@pytest.mark.parametrize(("signed", "stored", "first"), [(True, 65436, -100), (False, -100, 65436), (True, -100, -100)])
def test_first_value_has_the_sign_of_the_input(signed: bool, stored: int, first: int) -> None:
    table = read_table(item([2, stored, 16], {"vr": "US", "Value": [0, 1]}), lambda _: b"", signed=signed)
    assert table is not None
    assert table.first == first


@pytest.mark.parametrize(
    ("descriptor", "data"),
    [
        ([3, 0], {"vr": "US", "Value": [0, 1, 2]}),
        ([3, "0", 16], {"vr": "US", "Value": [0, 1, 2]}),
        ([3, 0, 16], {"vr": "US", "Value": [0, 1]}),
        ([3, 0, 16], {"vr": "US", "Value": [0, None, 2]}),
        ([3, 0, 16], {"vr": "LO", "Value": ["a", "b", "c"]}),
        ([3, 0, 16], {"vr": "OW", "BulkDataURI": "/x"}),
        ([3, 0, 16], {"vr": "OW"}),
    ],
)
def test_what_contradicts_itself_is_no_table(descriptor: list[Any], data: dict[str, Any]) -> None:
    assert read_table(item(descriptor, data), lambda _: b"\0", signed=False) is None

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filmjacket.web.content_coding import acceptable_codings


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, ("identity",)),
        ("", ("identity",)),
        ("gzip", ("gzip", "identity")),
        ("zstd, gzip", ("zstd", "gzip", "identity")),
        ("gzip;q=1.0, zstd;q=0.9", ("gzip", "zstd", "identity")),
        ("identity, gzip;q=0.5", ("identity", "gzip")),
        ("*", ("gzip", "identity")),
        ("*;q=0", ()),
        ("*;q=0, gzip", ("gzip",)),
        ("identity;q=0", ()),
        ("identity;q=0, *;q=0.5", ("gzip",)),
        ("gzip;q=2", ("identity",)),
        ("gzip;q=0.5;q=0", ("gzip", "identity")),
        ("deflate, br", ("identity",)),
    ],
)
def test_order(header: str | None, expected: tuple[str, ...]) -> None:
    assert acceptable_codings(header) == expected


@given(st.text(max_size=200))
def test_any_header_has_an_answer(header: str) -> None:
    assert set(acceptable_codings(header)) <= {"gzip", "zstd", "identity"}

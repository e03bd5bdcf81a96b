"""`Prefer: count=exact` (RFC 7240)."""

from __future__ import annotations

import pytest

from filmjacket.web.prefer import wants_exact_count


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ([], False),
        (["count=exact"], True),
        (["respond-async, Count = Exact"], True),
        (["respond-async", 'count="exact"; a=b'], True),
        (["count=planned, count=exact"], False),
        (["count"], False),
        (["exact", "recount=exact"], False),
    ],
)
def test_the_first_count_decides(fields: list[str], wanted: bool) -> None:
    assert wants_exact_count(fields) is wanted

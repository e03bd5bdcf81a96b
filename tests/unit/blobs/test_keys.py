from __future__ import annotations

from datetime import UTC, datetime

import pytest

from filmjacket.blobs.keys import check_key, new_key
from filmjacket.errors import FilmjacketError

KEY = "2026/11/22/1405/00112233445566778899aabbccddeeff.dcm"


def test_a_key_is_the_minute_and_a_random_name():
    moment = datetime(2026, 11, 22, 14, 5, 59, tzinfo=UTC)
    assert new_key(moment, "00112233445566778899aabbccddeeff") == KEY
    assert check_key(KEY) == KEY


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/etc/passwd",
        "../../etc/passwd",
        "2026/11/22/1405/../1405/00112233445566778899aabbccddeeff.dcm",
        f"/{KEY}",
        f"{KEY}/",
        f"{KEY}\n",
        f"{KEY}\0",
        KEY.upper(),
        KEY.replace("2026", "٢٠٢٦"),
        KEY.removesuffix(".dcm"),
        "2026/11/22/1405/1.2.840.113619.dcm",
    ],
)
def test_anything_else_is_refused_before_it_names_a_path(key: str):
    with pytest.raises(FilmjacketError) as caught:
        check_key(key)
    assert caught.value.accepted

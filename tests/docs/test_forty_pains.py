"""Each of the forty pains has a row, and each test that a row names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/explanation/forty-pains.md").read_text(encoding="utf-8")
ROWS = {int(row[1]): row[2].split(" | ") for row in re.finditer(r"^\| (\d+) \| (.+) \|$", TEXT, re.MULTILINE)}


def test_there_are_forty():
    assert sorted(ROWS) == list(range(1, 41))


@pytest.mark.parametrize("number", ROWS)
def test_a_row_names_its_proof(number):
    pain, answer, proof = ROWS[number]
    assert pain
    assert answer
    files = re.findall(r"`([^`]+)`", proof)
    for name in files:
        assert re.fullmatch(r"tests/\w+(/\w+)*\.py", name)
        assert (ROOT / name).is_file(), name
        assert "def test_" in (ROOT / name).read_text(encoding="utf-8")
    if not files:
        assert re.fullmatch(r"with issue \d|in a later issue", proof)

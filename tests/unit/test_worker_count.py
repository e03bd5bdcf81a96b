from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from filmjacket.settings import Settings
from filmjacket.settings.workers import MOST_AUTOMATIC, processors, worker_count

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(("given", "kept"), [(1, 1), ("3", 3), (256, 256), ("auto", "auto")])
def test_a_number_or_auto(given: int | str, kept: int | str) -> None:
    assert Settings(workers=given).workers == kept


@pytest.mark.parametrize("given", [0, -1, 257, "0", "many", "", "1.5"])
def test_nothing_else(given: int | str) -> None:
    with pytest.raises(ValidationError, match="1 to 256, or auto") as caught:
        Settings(workers=given)
    assert len(caught.value.errors()) == 1


@pytest.mark.parametrize(("machine", "expected"), [(1, 1), (2, 2), (64, MOST_AUTOMATIC)])
def test_auto_is_one_for_each_processor_and_not_too_many(
    monkeypatch: pytest.MonkeyPatch, machine: int, expected: int
) -> None:
    monkeypatch.setattr("filmjacket.settings.workers.processors", lambda: machine)
    assert worker_count("auto") == expected
    assert worker_count(3) == 3


@pytest.mark.parametrize(
    ("quota", "expected"),
    [
        ("max 100000", 8),
        ("200000 100000", 2),
        ("150000 100000", 1),
        ("50000 100000", 1),
        ("1600000 100000", 8),
        ("", 8),
    ],
)
def test_the_quota_of_a_container_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quota: str, expected: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    file = tmp_path / "cpu.max"
    file.write_text(quota + "\n")
    assert processors(file) == expected
    assert processors(tmp_path / "none") == 8

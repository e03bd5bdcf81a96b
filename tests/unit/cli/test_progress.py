from __future__ import annotations

import io
import sys

import pytest

from filmjacket.cli import progress as progress_module
from filmjacket.cli.progress import Bar, Lines, Silence, progress, size_text


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (1_440_000, "1.4 MB"), (2.5e9, "2.5 GB"), (3e12, "3.0 TB")],
)
def test_sizes_for_people(size: float, text: str):
    assert size_text(size) == text


def test_the_display_suits_where_it_goes(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert isinstance(progress("Importing", "files", quiet=False), Bar)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert isinstance(progress("Importing", "files", quiet=False), Lines)
    assert type(progress("Importing", "files", quiet=True)) is Silence


def test_lines_come_now_and_then(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    now = [0.0]
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: now[0])
    with progress("Importing", "files", quiet=False) as display:
        for _ in range(12):
            now[0] += 1
            display.advance(1_000_000)
        display.expect(100)
        for _ in range(3):
            now[0] += 1
            display.advance(1_000_000)
    assert capsys.readouterr().err.splitlines() == [
        "Importing: 5 files, 5.0 MB, 1/s",
        "Importing: 10 files, 10.0 MB, 1/s",
        "Importing: 15 of 100 files, 15.0 MB, 1/s",
    ]


def test_a_bar_shows_counts_and_sizes(monkeypatch: pytest.MonkeyPatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "120")
    with progress("Importing", "files", quiet=False) as display:
        display.expect(7)
        for _ in range(3):
            display.advance(2_000_000)
    text = terminal.getvalue()
    assert "Importing" in text
    assert "3/7" in text
    assert "6.0 MB" in text

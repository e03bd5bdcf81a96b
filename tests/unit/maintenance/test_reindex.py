"""`reindex` goes through all batches and tells how far it is; the command shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typer.testing import CliRunner

from filmjacket.cli.main import app
from filmjacket.maintenance.reindex import reindex

if TYPE_CHECKING:
    from pathlib import Path


class Batches:
    """The part of an index that `reindex` asks."""

    def __init__(self) -> None:
        self.left = [(10, 20), (30,)]
        self.everything: bool | None = None

    def begin_reindex(self, *, everything: bool = False) -> int:
        self.everything = everything
        return 3

    def reindex(self) -> tuple[int, ...]:
        return self.left.pop(0) if self.left else ()


def test_every_batch_is_taken_and_told() -> None:
    index, totals, sizes = Batches(), [], []
    report = reindex(index, everything=True, on_total=totals.append, on_done=sizes.append)  # pyright: ignore[reportArgumentType]
    assert (report.looked_at, totals, sizes, index.everything) == (3, [3], [10, 20, 30], True)


def test_the_command(tmp_path: Path) -> None:
    arguments = ["reindex", "--data", str(tmp_path / "archive")]
    result = CliRunner().invoke(app, arguments, env={"FILMJACKET_SEARCH__ATTRIBUTES": "ProtocolName, 00091001@ACME"})
    assert result.exit_code == 0, result.output
    assert "0 data sets looked at" in result.output
    assert "declared: ProtocolName, 00091001@ACME." in result.output

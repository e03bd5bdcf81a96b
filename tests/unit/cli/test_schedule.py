"""`filmjacket schedule`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.procedures import scheduled
from typer.testing import CliRunner

from filmjacket.cli.main import app

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    Run = Callable[..., Result]

pytestmark = pytest.mark.slow

CSV = """\
PatientID,PatientName,AccessionNumber,ScheduledStationAETitle,Modality,ScheduledProcedureStepStartDate,\
ScheduledProcedureStepStartTime,ScheduledProcedureStepID,ScheduledProcedureStepDescription
P1,Doe^Jane,A1,CT1,CT,20261122,0830,S1,Head
P2,Roe^Jo,A2,MR1,MR,soon,0900,S2,Knee
P3,Moe^Al,A3,MR1,MR,20261122,0900,S3,Knee
"""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """The command line on an archive, with settings of its own."""
    config = tmp_path / "filmjacket.toml"
    config.write_text("")

    def call(*arguments: str, code: int = 0) -> Result:
        options = ["--data", str(tmp_path / "archive"), "--config", str(config)]
        result = CliRunner().invoke(app, ["schedule", *arguments, *options])
        assert result.exit_code == code, result.output
        return result

    return call


def test_import_and_list(run: Run, tmp_path: Path) -> None:
    table, documents = tmp_path / "today.csv", tmp_path / "today.json"
    table.write_text(CSV)
    documents.write_text(json.dumps([scheduled()]))
    assert "nothing taken in" in run("import", str(table), code=1).stdout
    assert "0 steps." in run("list").stdout
    result = run("import", str(table), str(documents), "--skip-faulty", code=1)
    assert "line 3: ScheduledProcedureStepSequence.ScheduledProcedureStepStartDate" in result.output
    assert "soon" not in result.output
    assert "2 created" in result.stdout
    assert "1 created" in result.stdout
    assert "1 unchanged" in run("import", str(documents)).stdout
    lines = run("list").stdout.splitlines()
    assert [line.split()[:3] for line in lines[:2]] == [["20261122", "0830", "CT"]] * 2
    assert lines[-1] == "3 steps."
    assert run("list", "--key", "Modality=MR", "-k", "PatientName=moe*").stdout.splitlines()[-1] == "1 step."
    assert run("list", "--limit", "1").stdout.splitlines()[-1] == "1 step, 2 more."


def test_a_key_that_is_none_is_refused(run: Run) -> None:
    from filmjacket.errors import BadRequest

    result = run("list", "--key", "NoSuchKeyword=1", code=1)
    assert isinstance(result.exception, BadRequest)

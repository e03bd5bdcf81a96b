"""`filmjacket jobs`: what is queued is there for everybody who asks, and costs nothing until somebody does."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from filmjacket.cli.main import app
from filmjacket.errors import FilmjacketError

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

pytestmark = pytest.mark.slow


@pytest.fixture
def data(tmp_path: Path) -> str:
    return str(tmp_path / "archive")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["jobs", *arguments])


def test_a_job_is_queued_shown_and_cancelled(data: str):
    started = run("start", "sweep", "--grace-hours", "48", "--json", "--data", data)
    assert started.exit_code == 0, started.output
    job = json.loads(started.output)
    assert (job["kind"], job["state"], job["arguments"]) == ("sweep", "waiting", {"grace_hours": 48})
    listed = run("list", "--json", "--unfinished", "--data", data)
    assert [one["id"] for one in json.loads(listed.output)] == [job["id"]]
    assert "waiting  0 files" in run("show", job["id"][:9], "--data", data).output
    assert "cancelled." in run("cancel", job["id"], "--data", data).output
    assert json.loads(run("show", job["id"], "--json", "--data", data).output)["state"] == "cancelled"
    again = run("cancel", job["id"], "--data", data)
    assert (again.exit_code, "cancelled already" in again.output) == (1, True)
    assert run("list", "--unfinished", "--data", data).output == "No jobs.\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "nobody"),
        ("start", "transcode", "--to", "1.2.840.10008.1.2.4.50"),
        ("start", "export", "x.zip", "--study", "../etc"),
    ],
)
def test_what_cannot_be_is_refused(arguments: tuple[str, ...], data: str):
    assert isinstance(run(*arguments, "--data", data).exception, FilmjacketError)


def test_server_and_other_commands_do_without_the_engine():
    code = (
        "import sys, filmjacket.cli.main, filmjacket.app; sys.exit('dbos' in sys.modules or 'croniter' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

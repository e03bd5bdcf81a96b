from __future__ import annotations

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from filmjacket import __version__
from filmjacket.cli.main import app, run

pytestmark = pytest.mark.slow

COMMANDS = ["serve", "import", "export", "verify", "sweep", "reindex", "settings", "demo"]
HEAVY = {"pydicom", "sqlalchemy", "alembic", "starlette", "granian", "uvicorn", "structlog", "anyio"}


def test_version():
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.output) == (0, f"filmjacket {__version__}\n")


def test_help_lists_every_command():
    text = CliRunner().invoke(app, ["--help"]).output
    for command in COMMANDS:
        assert f"│ {command} " in text


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_shows_an_example(command: str):
    result = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert f"Example: filmjacket {command}" in result.output


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["import", "--help"], ["serve", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str]):
    code = f"""
import atexit, sys
atexit.register(lambda: print("IMPORTED", *sorted({{name.partition(".")[0] for name in sys.modules}})))
sys.argv[1:] = {arguments!r}
from filmjacket.cli.main import run
run()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = set(done.stdout.rpartition("IMPORTED ")[2].split())
    assert "typer" in imported
    assert not imported & HEAVY


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (["settings", "--config", "absent.toml"], 2, "absent.toml: the settings file cannot be read"),
        (["serve", "--port", "0"], 2, "port (FILMJACKET_PORT)"),
        (["serve", "--server", "gunicorn"], 2, "granian | uvicorn"),
        (["serve", "--host", "no.such.host.invalid"], 2, "not an address of this machine"),
        (["export", "out", "--series", "1.2"], 2, "--series needs --study"),
        (["verify", "--data", "/proc/filmjacket"], 3, "/proc/filmjacket"),
    ],
)
def test_errors_are_one_clear_message_and_an_exit_code(
    arguments: list[str],
    status: int,
    text: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setattr(sys, "argv", ["filmjacket", *arguments])
    with pytest.raises(SystemExit) as caught:
        run()
    stderr = capsys.readouterr().err
    assert caught.value.code == status
    assert text in stderr
    assert stderr.startswith("filmjacket: ")
    assert "Traceback" not in stderr


def test_settings_shows_values_and_reference(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FILMJACKET_PORT", "9999")
    monkeypatch.setenv("FILMJACKET_PROT", "1")
    result = CliRunner().invoke(app, ["settings"])
    assert "port = 9999   (default 8104)" in result.output
    assert "FILMJACKET_PROT is no setting; did you mean FILMJACKET_PORT?" in result.output
    reference = CliRunner().invoke(app, ["settings", "--markdown"]).output
    assert "| `port` | `FILMJACKET_PORT` | whole number 1 to 65535 | `8104` |" in reference

"""`filmjacket delete`, `restore`, `deleted`, `purge` and `hold`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.samples import series, uids
from typer.testing import CliRunner

from filmjacket.cli.main import app
from filmjacket.cli.progress import size_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    Run = Callable[..., Result]

pytestmark = pytest.mark.slow


@pytest.fixture
def files() -> list[bytes]:
    return series(2)


@pytest.fixture
def run(tmp_path: Path, files: list[bytes]) -> Run:
    """The command line on an archive with a study of two instances; settings as keywords."""
    folder = tmp_path / "files"
    folder.mkdir()
    for number, file in enumerate(files):
        (folder / f"{number}.dcm").write_bytes(file)

    def call(*arguments: str, code: int = 0, **settings: object) -> Result:
        config = tmp_path / "filmjacket.toml"
        lines = [f"{name} = {value}\n" for name, value in settings.items()]
        config.write_text("[deletion]\n" + "".join(lines))
        result = CliRunner().invoke(app, [*arguments, "--data", str(tmp_path / "archive"), "--config", str(config)])
        assert result.exit_code == code, result.output
        return result

    call("import", str(folder), "--quiet")
    return call


def test_delete_list_restore(run: Run, files: list[bytes]) -> None:
    study, of_study, instance = uids(files[0])
    assert "1 instance of 1 series deleted, can be restored until" in run("delete", instance).output
    assert "This is deleted already." in run("delete", instance, code=1).output
    assert "1 instance of 1 series" in run("delete", study).output
    listed = run("deleted").output.splitlines()
    assert [line.split("  ")[1].split(":")[0] for line in listed[:2]] == [f"instance {instance}", f"study {study}"]
    assert listed[2].startswith("2 instances, ")
    assert "1 instance restored." in run("restore", study).output
    assert "1 instance restored." in run("restore", instance).output
    assert "Nothing with this UID is deleted" in run("restore", of_study, code=1).output
    assert run("deleted").output == "0 instances, 0 bytes, out of sight and not yet purged.\n"
    assert "2 instances of 1 series" in run("delete", of_study, "--study", study).output


def test_each_uid_is_acted_on_although_another_is_refused(run: Run, files: list[bytes]) -> None:
    result = run("delete", "1.2.3", uids(files[0])[0], code=1)
    assert "1.2.3: No stored study, series or instance has this UID." in result.output
    assert "2 instances of 1 series deleted" in result.output


def test_purge(run: Run, files: list[bytes], tmp_path: Path) -> None:
    size = size_text(sum(map(len, files)))
    run("delete", uids(files[0])[0], undo_days=0)
    assert f"2 instances, {size}, would be removed for good." in run("purge", "--dry-run").output
    assert f"2 instances, {size}, removed for good." in run("purge", "--quiet").output
    assert not list((tmp_path / "archive" / "blobs").rglob("*.dcm"))


def test_holds(run: Run, files: list[bytes]) -> None:
    study = uids(files[0])[0]
    assert run("hold", "add", study, "--reason", "case 4711").output == f"{study}: on hold.\n"
    assert run("hold", "add", study).output == f"{study}: was on hold already.\n"
    assert run("hold", "add", "1.2.3").output == "1.2.3: on hold. Nothing of it is stored yet.\n"
    run("hold", "remove", "1.2.3")
    assert f"{study}: case 4711\n1 on hold.\n" in run("hold", "list").output
    assert "legal hold" in run("delete", uids(files[1])[2], code=1).output
    assert run("hold", "remove", study).output == f"{study}: no longer on hold.\n"
    run("hold", "remove", study, code=1)
    assert run("delete", study, undo_days=0).exit_code == 0
    run("hold", "add", study)
    assert "on legal hold" in run("deleted").output
    assert "0 instances" in run("purge", "--quiet").output


def test_minimum_retention(run: Run, files: list[bytes]) -> None:
    assert "at least 30 days" in run("delete", uids(files[0])[0], code=1, minimum_retention_days=30).output

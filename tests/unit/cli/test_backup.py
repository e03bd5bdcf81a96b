"""`backup`, `migrate` and `stats` on real archives, through the command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.samples import sample, series
from typer.testing import CliRunner, Result

from filmjacket.blobs.local import LocalBlobs
from filmjacket.cli.main import app
from filmjacket.index import open_database, open_index
from filmjacket.index.copying import _BEGUN, _NOT_COPIED
from filmjacket.index.schema import metadata
from filmjacket.maintenance.backup import BackupFolder, Telling, back_up
from filmjacket.opening import open_archive
from filmjacket.settings import Settings
from filmjacket.web.refs import ResourceRef

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """An archive of three real files and a series."""
    folder = tmp_path / "files"
    folder.mkdir()
    files = [*map(sample, ("CT_small.dcm", "MR_small.dcm", "rtplan.dcm")), *series(5)]
    for number, content in enumerate(files):
        (folder / f"{number}.dcm").write_bytes(content)
    made = tmp_path / "archive"
    assert invoke("import", folder, "--data", made, "--quiet").exit_code == 0
    return made


def contents(data: Path) -> dict[str, bytes]:
    """Metadata of everything in an archive."""
    archive = open_archive(Settings(data=data))
    try:
        return {item.sop_uid: item.document for batch in archive.index.metadata(ResourceRef()) for item in batch}
    finally:
        archive.close()


def stored_files(data: Path) -> dict[str, bytes]:
    blobs = data / "blobs"
    return {str(path.relative_to(blobs)): path.read_bytes() for path in blobs.rglob("*") if path.is_file()}


def test_a_backup_comes_back_as_it_was(data: Path, tmp_path: Path):
    kept = tmp_path / "backup"
    assert "8 instances" in invoke("backup", "create", kept, "--data", data, "--quiet").stdout
    assert invoke("backup", "check", kept, "--quiet").exit_code == 0
    again = tmp_path / "again"
    assert invoke("backup", "restore", kept, "--data", again, "--quiet").exit_code == 0
    assert stored_files(again) == stored_files(data)
    assert len(contents(data)) == 8
    assert contents(again) == contents(data)
    assert invoke("verify", "--data", again, "--quiet").exit_code == 0


def test_a_backup_can_be_served(data: Path, tmp_path: Path):
    invoke("backup", "create", tmp_path / "backup", "--data", data, "--quiet")
    assert contents(tmp_path / "backup") == contents(data)


def test_a_second_backup_copies_what_is_new(data: Path, tmp_path: Path):
    invoke("backup", "create", tmp_path / "backup", "--data", data, "--quiet")
    (tmp_path / "new.dcm").write_bytes(sample("image_dfl.dcm"))
    invoke("import", tmp_path / "new.dcm", "--data", data, "--quiet")
    shown = invoke("backup", "create", tmp_path / "backup", "--data", data, "--quiet").stdout
    assert "9 instances" in shown
    assert "; 1 files" in shown
    assert contents(tmp_path / "backup") == contents(data)


def test_a_damaged_file_is_told_and_the_rest_is_saved(data: Path, tmp_path: Path):
    victim = next(path for path in sorted((data / "blobs").rglob("*")) if path.is_file())
    victim.write_bytes(victim.read_bytes()[:-1] + b"!")
    done = invoke("backup", "create", tmp_path / "backup", "--data", data, "--quiet")
    assert done.exit_code == 1
    assert "wrong digest" in done.stdout
    assert len(stored_files(tmp_path / "backup")) == 7
    assert json.loads((tmp_path / "backup" / "backup.json").read_text())["findings"][0]["damage"] == "wrong digest"


def test_a_damaged_backup_is_not_restored(data: Path, tmp_path: Path):
    invoke("backup", "create", tmp_path / "backup", "--data", data, "--quiet")
    victim = next(path for path in sorted((tmp_path / "backup" / "blobs").rglob("*")) if path.is_file())
    victim.write_bytes(victim.read_bytes()[:-1] + b"!")
    assert invoke("backup", "check", tmp_path / "backup", "--quiet").exit_code == 1
    done = invoke("backup", "restore", tmp_path / "backup", "--data", tmp_path / "again", "--quiet")
    assert done.exit_code != 0
    assert contents(tmp_path / "again") == {}


def test_a_used_archive_is_not_restored_into(data: Path, tmp_path: Path):
    invoke("backup", "create", tmp_path / "backup", "--data", data, "--quiet")
    before = stored_files(data)
    assert invoke("backup", "restore", tmp_path / "backup", "--data", data, "--quiet").exit_code != 0
    assert stored_files(data) == before


def test_a_folder_without_a_backup_is_not_restored(tmp_path: Path):
    assert invoke("backup", "restore", tmp_path / "none", "--data", tmp_path / "again", "--quiet").exit_code != 0


def test_an_interrupted_backup_leaves_the_one_before(data: Path, tmp_path: Path):
    kept = tmp_path / "backup"
    invoke("backup", "create", kept, "--data", data, "--quiet")
    before = contents(kept)
    (tmp_path / "new.dcm").write_bytes(sample("image_dfl.dcm"))
    invoke("import", tmp_path / "new.dcm", "--data", data, "--quiet")

    def interrupt(_rows: int) -> None:
        raise KeyboardInterrupt

    archive = open_archive(Settings(data=data))
    folder = BackupFolder(kept, LocalBlobs(kept / "blobs"), open_index)
    with pytest.raises(KeyboardInterrupt):
        back_up(archive.index, archive.blobs, folder, Telling(rows=interrupt))
    archive.close()
    assert contents(kept) == before


def test_what_is_purged_meanwhile_is_not_in_the_backup(data: Path, tmp_path: Path):
    """A file that the first snapshot names is gone when it is copied; the second snapshot names it no more."""
    kept = tmp_path / "backup"
    archive = open_archive(Settings(data=data))
    folder = BackupFolder(kept, LocalBlobs(kept / "blobs"), open_index)
    (tmp_path / "late.dcm").write_bytes(sample("image_dfl.dcm"))
    files = iter(range(8))

    def store_late(_size: int) -> None:
        if next(files) == 7:  # behind the copying of what there was
            invoke("import", tmp_path / "late.dcm", "--data", data, "--quiet")

    snapshots = 0

    def delete_late(_rows: int) -> None:
        nonlocal snapshots
        if not snapshots:
            late = next(
                path
                for path in sorted((data / "blobs").rglob("*"))
                if path.is_file() and path.read_bytes() == sample("image_dfl.dcm")
            )
            late.unlink()
        snapshots += 1

    report = back_up(archive.index, archive.blobs, folder, Telling(store_late, delete_late))
    archive.close()
    assert [finding.damage for finding in report.findings] == ["missing"]
    assert len(stored_files(kept)) == 8


def test_tables_of_a_new_index_that_have_rows_are_known(tmp_path: Path):
    database = open_database(f"sqlite:///{tmp_path / 'new.db'}")
    with database.reading() as connection:
        filled = {table.name for table in metadata.sorted_tables if connection.execute(table.select()).first()}
    database.close()
    assert filled <= _BEGUN | _NOT_COPIED


def test_blobs_move_to_another_store(data: Path, tmp_path: Path):
    target = f"file://{tmp_path / 'other'}"
    assert "8 files" in invoke("migrate", "blobs", "--to", target, "--data", data, "--quiet").stdout
    shown = invoke("migrate", "blobs", "--to", target, "--data", data, "--quiet", "--check").stdout
    assert shown.startswith("0 files, 0 bytes copied; 8 were there already")
    assert {path.name for path in (tmp_path / "other").rglob("*") if path.is_file()} == {
        path.name for path in (data / "blobs").rglob("*") if path.is_file()
    }


def test_check_finds_what_is_damaged_at_the_target(data: Path, tmp_path: Path):
    target = f"file://{tmp_path / 'other'}"
    invoke("migrate", "blobs", "--to", target, "--data", data, "--quiet")
    victim = next(path for path in sorted((tmp_path / "other").rglob("*")) if path.is_file())
    good = victim.read_bytes()
    victim.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    assert invoke("migrate", "blobs", "--to", target, "--data", data, "--quiet").stdout.startswith("0 files")
    assert "1 files" in invoke("migrate", "blobs", "--to", target, "--data", data, "--quiet", "--check").stdout
    assert victim.read_bytes() == good


def test_the_index_moves_to_another_database(data: Path, tmp_path: Path):
    moved = f"sqlite:///{tmp_path / 'moved.db'}"
    assert invoke("migrate", "index", "--to", moved, "--data", data, "--quiet").exit_code == 0
    index = open_index(moved)
    assert {instance.sop_uid for instance in index.instances(ResourceRef())} == set(contents(data))
    index.close()
    assert invoke("migrate", "index", "--to", moved, "--data", data, "--quiet").exit_code != 0


def test_statistics_count_what_is_there(data: Path):
    found = json.loads(invoke("stats", "--data", data, "--json").stdout)
    assert (found["studies"], found["instances"]) == (4, 8)
    assert found["bytes"] == sum(map(len, stored_files(data).values()))
    assert {share["name"]: share["instances"] for share in found["modalities"]} == {"CT": 6, "MR": 1, "RTPLAN": 1}
    assert sum(share["instances"] for share in found["transfer_syntaxes"]) == 8
    text = invoke("stats", "--data", data).stdout
    assert "CT Image Storage" in text
    assert "Explicit VR Little Endian" in text

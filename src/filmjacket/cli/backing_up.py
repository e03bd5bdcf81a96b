"""`filmjacket backup`: copies of a running archive, and archives from copies."""

# Commands import when they run, so that `--help` answers at once; typer wants flags as plain parameters.
# ruff: noqa: PLC0415, FBT002

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from filmjacket.cli.options import ConfigOption, DataOption, QuietOption, WorkersOption, settings_from
from filmjacket.cli.progress import progress, size_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from filmjacket.maintenance.backup import BackupFolder
    from filmjacket.maintenance.verify import Finding

FolderArgument = Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of the backup.", file_okay=False)]

app = typer.Typer(
    no_args_is_help=True,
    help="""
Backups of a running archive, whatever database and blob store it is on.

A backup is a folder with an index in SQLite and the stored files: an archive itself, which `filmjacket serve --data`
can serve.
""",
)


@app.command("create")
def create(
    folder: FolderArgument, data: DataOption = None, quiet: QuietOption = False, config: ConfigOption = None
) -> None:
    """Back up an archive; a server may go on storing meanwhile. Into the same folder again, only what is new is copied.

    Exits with 1 if files of the archive are damaged or missing; the others are in the backup all the same.

    Example: `filmjacket backup create /backup/filmjacket --data ./archive`
    """
    settings = settings_from(config, data=data)
    from filmjacket.maintenance.backup import Telling, back_up
    from filmjacket.opening import open_archive

    target = _folder(folder)
    with closing(open_archive(settings)) as archive, progress("Backing up", "files", quiet=quiet) as display:
        display.expect(archive.index.statistics().instances)
        report = back_up(archive.index, archive.blobs, target, Telling(files=display.advance))
    typer.echo(
        f"{report.instances} instances, {size_text(report.bytes)} in {folder}; "
        f"{report.copied} files, {size_text(report.copied_bytes)} were new."
    )
    _show(report.findings)


@app.command("restore")
def restore(
    folder: FolderArgument, data: DataOption = None, quiet: QuietOption = False, config: ConfigOption = None
) -> None:
    """Bring a backup back into a new archive, on the database and the blob store that the settings name.

    Interrupted, it goes on where it was; the index comes last, so that nothing is served before all is there.

    Example: `filmjacket backup restore /backup/filmjacket --data ./archive-new`
    """
    settings = settings_from(config, data=data)
    from filmjacket.blob_opening import open_blobs
    from filmjacket.maintenance import backup

    settings.data.mkdir(parents=True, exist_ok=True)
    with closing(open_blobs(settings)) as blobs, progress("Restoring", "files", quiet=quiet) as display:
        blobs.check()
        telling = backup.Telling(files=display.advance)
        report = backup.restore(_folder(folder), blobs, settings.database_url, telling)
    typer.echo(f"{report.copied + report.present} files restored, {size_text(report.bytes)} of them copied now.")


@app.command("check")
def check(folder: FolderArgument, jobs: WorkersOption = None, quiet: QuietOption = False) -> None:
    """Read every file of a backup and compare it with what was saved. Exits with 1 if one is damaged or missing.

    Example: `filmjacket backup check /backup/filmjacket`
    """
    from filmjacket.maintenance.verify import verify

    target = _folder(folder)
    with closing(target.open_index(target.url())) as saved, progress("Checking", "files", quiet=quiet) as display:
        report = verify(saved, target.blobs, workers=jobs, on_checked=display.advance)
    typer.echo(
        f"{report.instances} files, {size_text(report.bytes)} checked: {len(report.findings) or 'none'} damaged."
    )
    _show(report.findings)


def _folder(path: Path) -> BackupFolder:
    from filmjacket.blobs.local import LocalBlobs
    from filmjacket.index import open_index
    from filmjacket.maintenance.backup import BackupFolder

    path.mkdir(parents=True, exist_ok=True)
    return BackupFolder(path, LocalBlobs(path / "blobs"), open_index)


def _show(findings: Iterable[Finding]) -> None:
    found = list(findings)
    for finding in found:
        detail = f" ({finding.detail})" if finding.detail else ""
        typer.echo(f"  {finding.damage}{detail}: SOP Instance UID {finding.sop_uid}, file {finding.blob.key}")
    if found:
        raise typer.Exit(1)

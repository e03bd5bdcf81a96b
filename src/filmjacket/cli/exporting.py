"""`filmjacket export`: write stored instances to a folder."""

# Commands import when they run, so that `--help` answers at once; typer wants flags as plain parameters.
# ruff: noqa: PLC0415, FBT002, PLR0913, PLR0917

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import Annotated

import typer

from filmjacket.cli.options import (
    BlobsOption,
    ConfigOption,
    DatabaseOption,
    DataOption,
    QuietOption,
    WorkersOption,
    settings_from,
)
from filmjacket.cli.progress import progress, size_text
from filmjacket.errors import FilmjacketError, NotFound

SHOWN = 20


def export(
    destination: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to write.", file_okay=False)],
    study: Annotated[str | None, typer.Option(help="Only this Study Instance UID.")] = None,
    series: Annotated[str | None, typer.Option(help="Only this Series Instance UID; needs --study.")] = None,
    instance: Annotated[
        str | None, typer.Option(help="Only this SOP Instance UID; needs --study and --series.")
    ] = None,
    data: DataOption = None,
    database: DatabaseOption = None,
    blobs: BlobsOption = None,
    jobs: WorkersOption = None,
    quiet: QuietOption = False,
    config: ConfigOption = None,
) -> None:
    """Write stored instances, byte for byte as they came, to FOLDER/study/series/instance.dcm.

    Every file is checked against its digest on the way. Files that are there already with the right size are
    skipped, so an export that was stopped is resumed by running it again. Exits with 1 if an instance is
    damaged.

    Example: `filmjacket export ./out --data ./archive --study 1.2.840.113619.2.1`
    """
    if (instance is not None and series is None) or (series is not None and study is None):
        raise FilmjacketError("--instance needs --series, and --series needs --study.", offender="--study")
    settings = settings_from(config, data=data, database=database, blobs=blobs)
    from filmjacket.cli.folder_export import ExportFate, export_instances
    from filmjacket.opening import open_archive
    from filmjacket.web.refs import ResourceRef

    written = skipped = size = 0
    damaged: list[str] = []
    with closing(open_archive(settings)) as archive:
        outcomes = export_instances(
            archive, ResourceRef(study, series, instance), destination, workers=jobs or os.cpu_count() or 1
        )
        with progress("Exporting", "instances", quiet=quiet) as display, closing(outcomes):
            for outcome in outcomes:
                display.advance(outcome.size)
                written += outcome.fate is ExportFate.WRITTEN
                skipped += outcome.fate is ExportFate.PRESENT
                size += outcome.size
                if outcome.fate is ExportFate.DAMAGED:
                    damaged.append(f"{outcome.sop_uid}: {outcome.reason}")
    if not written + skipped + len(damaged) and study is not None:
        raise NotFound("No stored instance has these UIDs.")
    typer.echo(
        f"{written} instances written to {destination}, {skipped} were there, {len(damaged)} damaged "
        f"({size_text(size)})."
    )
    for line in damaged[:SHOWN]:
        typer.echo(f"  {line}")
    if damaged:
        raise typer.Exit(1)

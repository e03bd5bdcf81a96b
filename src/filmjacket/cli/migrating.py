"""`filmjacket migrate`: from one blob store, or one database, to another."""

# Commands import when they run, so that `--help` answers at once; typer wants flags as plain parameters.
# ruff: noqa: PLC0415, FBT002

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer

from filmjacket.cli.options import ConfigOption, DataOption, QuietOption, settings_from
from filmjacket.cli.progress import progress, size_text

app = typer.Typer(
    no_args_is_help=True,
    help="""
Move an archive to another blob store or another database.

Everything is copied and nothing removed: the old place stays as it is until you remove it.
""",
)


@app.command("blobs")
def blobs(
    to: Annotated[
        str, typer.Option(help="Blob store to copy to: file:///path or s3://bucket/prefix with the `s3` settings.")
    ],
    data: DataOption = None,
    check: Annotated[
        bool, typer.Option("--check", help="Also read what the target has already, and compare it.")
    ] = False,
    connections: Annotated[int, typer.Option(min=1, max=64, help="Files at the same time.")] = 8,
    quiet: QuietOption = False,
    config: ConfigOption = None,
) -> None:
    """Copy every stored file to another blob store, each checked against its SHA-256 on the way.

    A server may go on meanwhile: run it again to copy what came since (only that), stop the server, run it a last
    time, and start the server with the new `blobs`. Exits with 1 if a file is damaged or missing.

    Example: `filmjacket migrate blobs --to s3://images/archive --data ./archive`
    """
    settings = settings_from(config, data=data)
    from filmjacket.blob_opening import open_blobs
    from filmjacket.maintenance.copy_blobs import copy_blobs
    from filmjacket.opening import open_archive

    with (
        closing(open_archive(settings)) as archive,
        closing(open_blobs(settings.model_copy(update={"blobs": to}))) as target,
    ):
        target.check()
        with progress("Copying", "files", quiet=quiet) as display:
            display.expect(archive.index.statistics().instances)
            report = copy_blobs(
                archive.index.blobs(),
                archive.blobs,
                target,
                workers=connections,
                check_present=check,
                on_copied=display.advance,
            )
    typer.echo(f"{report.copied} files, {size_text(report.bytes)} copied; {report.present} were there already.")
    for finding in report.findings:
        typer.echo(f"  {finding.damage}: SOP Instance UID {finding.sop_uid}, file {finding.blob.key}")
    if not report.complete:
        raise typer.Exit(1)
    typer.echo(f"Set `blobs` to {to} when the server is stopped, and start it again.")


@app.command("index")
def index(
    to: Annotated[str, typer.Option(help="URL of an empty database, such as postgresql://user@host/name.")],
    data: DataOption = None,
    quiet: QuietOption = False,
    config: ConfigOption = None,
) -> None:
    """Copy the index to another database, as of one moment. Stop the server first: what it stores later is not copied.

    Example: `filmjacket migrate index --to postgresql://filmjacket@db/filmjacket --data ./archive`
    """
    settings = settings_from(config, data=data)
    from filmjacket.opening import open_archive

    rows = 0
    with closing(open_archive(settings)) as archive, progress("Copying", "rows", quiet=quiet) as display:
        display.expect(archive.index.rows())

        def count(number: int) -> None:
            nonlocal rows
            rows += number
            for _ in range(number):
                display.advance(0)

        archive.index.copy_to(to, on_rows=count)
    typer.echo(f"{rows} rows copied. Set `database` to the new URL, and start the server.")

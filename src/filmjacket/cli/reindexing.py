"""`filmjacket reindex`: make newly declared search attributes fast for what is stored already."""

# Commands import when they run, so that `--help` answers at once; typer wants flags as plain parameters.
# ruff: noqa: PLC0415, FBT002

from __future__ import annotations

import time
from contextlib import closing
from typing import Annotated

import typer

from filmjacket.cli.options import BlobsOption, ConfigOption, DatabaseOption, DataOption, QuietOption, settings_from
from filmjacket.cli.progress import progress

AllOption = Annotated[bool, typer.Option("--all", help="Begin anew, also with what was filled in before.")]


def reindex(
    data: DataOption = None,
    database: DatabaseOption = None,
    blobs: BlobsOption = None,
    everything: AllOption = False,
    quiet: QuietOption = False,
    config: ConfigOption = None,
) -> None:
    """Fill in the attributes of `search.attributes`, and the words of names, for what is stored already.

    The server may run meanwhile; searches find the same before, during and after, only faster. A run that was
    stopped goes on where it was.

    Example: `filmjacket reindex --data ./archive`
    """
    settings = settings_from(config, data=data, database=database, blobs=blobs)
    from filmjacket.maintenance import reindex as reindexing
    from filmjacket.opening import open_archive

    started = time.monotonic()
    with closing(open_archive(settings)) as archive, progress("Reindexing", "data sets", quiet=quiet) as display:
        report = reindexing.reindex(
            archive.index, everything=everything, on_total=display.expect, on_done=display.advance
        )
    names = ", ".join(settings.search.attributes) or "none"
    typer.echo(f"{report.looked_at} data sets looked at in {time.monotonic() - started:.1f} s; declared: {names}.")

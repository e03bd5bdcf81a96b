"""`filmjacket hold`: legal holds on studies."""

# Commands import when they run, so that `--help` answers at once.
# ruff: noqa: PLC0415

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer

from filmjacket.cli.options import BlobsOption, ConfigOption, DatabaseOption, DataOption, settings_from
from filmjacket.errors import BadRequest

StudyArgument = Annotated[str, typer.Argument(metavar="STUDY_UID", help="Study Instance UID.")]

app = typer.Typer(
    no_args_is_help=True,
    help="""
Legal holds: nothing of a study on hold is deleted, replaced for good, or purged.

A hold keeps what was deleted before, too; it can still be restored. Versions that arriving instances replace
(`duplicates = "replace"`) are kept out of sight until the hold ends.
""",
)


@app.command("add")
def add(
    study_uid: StudyArgument,
    reason: Annotated[str, typer.Option(help="Why; shown by `filmjacket hold list`.")] = "",
    data: DataOption = None,
    database: DatabaseOption = None,
    blobs: BlobsOption = None,
    config: ConfigOption = None,
) -> None:
    """Put a study on hold, whether it is stored already or not. A hold that there is stays as it is.

    Example: `filmjacket hold add 1.2.840.113619.2.1 --reason "case 4711" --data ./archive`
    """
    settings = settings_from(config, data=data, database=database, blobs=blobs)
    from filmjacket.archive.deletions import Hold
    from filmjacket.clock import now
    from filmjacket.dicom.uids import is_tolerable_uid
    from filmjacket.opening import open_archive

    if not is_tolerable_uid(study_uid):
        raise BadRequest("This is not a UID.", section="PS3.5 9.1", offender="STUDY_UID")
    with closing(open_archive(settings)) as archive:
        added = archive.index.add_hold(Hold(study_uid, reason, now()))
        stored = bool(archive.index.locate(study_uid) or archive.index.locate(study_uid, deleted=True))
    note = "" if stored else " Nothing of it is stored yet."
    typer.echo(f"{study_uid}: {'on hold.' if added else 'was on hold already.'}{note}")


@app.command("remove")
def remove(
    study_uid: StudyArgument,
    data: DataOption = None,
    database: DatabaseOption = None,
    blobs: BlobsOption = None,
    config: ConfigOption = None,
) -> None:
    """End the hold of a study. Exits with 1 if there was none.

    Example: `filmjacket hold remove 1.2.840.113619.2.1 --data ./archive`
    """
    settings = settings_from(config, data=data, database=database, blobs=blobs)
    from filmjacket.opening import open_archive

    with closing(open_archive(settings)) as archive:
        removed = archive.index.remove_hold(study_uid)
    typer.echo(f"{study_uid}: {'no longer on hold.' if removed else 'was not on hold.'}", err=not removed)
    if not removed:
        raise typer.Exit(1)


@app.command("list")
def list_holds(
    data: DataOption = None, database: DatabaseOption = None, blobs: BlobsOption = None, config: ConfigOption = None
) -> None:
    """List the studies on hold: since when, and why.

    Example: `filmjacket hold list --data ./archive`
    """
    settings = settings_from(config, data=data, database=database, blobs=blobs)
    from filmjacket.clock import moment_text
    from filmjacket.opening import open_archive

    with closing(open_archive(settings)) as archive:
        found = archive.index.holds()
    for hold in found:
        typer.echo(f"{moment_text(hold.held_at)}  {hold.study_uid}{f': {hold.reason}' if hold.reason else ''}")
    typer.echo(f"{len(found)} on hold.")

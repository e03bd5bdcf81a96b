"""`filmjacket import-dicomweb`: load another archive over DICOMweb."""

# Commands import when they run, so that `--help` answers at once; typer wants flags and options as plain parameters.
# ruff: noqa: PLC0415, FBT002, PLR0913, PLR0917

from __future__ import annotations

from contextlib import ExitStack, closing
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from filmjacket.cli.importing import Summary
from filmjacket.cli.options import ConfigOption, DataOption, QuietOption, settings_from
from filmjacket.cli.progress import progress
from filmjacket.errors import BadRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from filmjacket.cli.progress import Progress
    from filmjacket.cli.remote_archive import RemoteArchive
    from filmjacket.opening import Archive

SHOWN = 20
"""Differing studies that are listed."""


def import_dicomweb(
    url: Annotated[str, typer.Argument(metavar="URL", help="Base URL of the other DICOMweb service.")],
    match: Annotated[
        list[str] | None,
        typer.Option("--match", "-m", help="Only studies that match, as KEY=VALUE of a search; may be repeated."),
    ] = None,
    user: Annotated[str | None, typer.Option(help="NAME:PASSWORD for HTTP Basic authentication.")] = None,
    header: Annotated[
        list[str] | None, typer.Option("--header", "-H", help="NAME: VALUE sent with each request; may be repeated.")
    ] = None,
    connections: Annotated[int, typer.Option(min=1, max=32, help="Requests at the same time.")] = 4,
    compare_only: Annotated[bool, typer.Option("--compare", help="Import nothing, only compare.")] = False,
    data: DataOption = None,
    report: Annotated[
        Path | None, typer.Option(help="Write what became of every instance to this file, one JSON object a line.")
    ] = None,
    quiet: QuietOption = False,
    config: ConfigOption = None,
) -> None:
    """Load the studies of another archive, Orthanc or dcm4chee for example, and compare both at the end.

    Instances come as they are stored there. Those that are here are not fetched again, so an import that was stopped
    is resumed by running it again. Exits with 1 if an instance was refused, could not be fetched, or is missing.

    Example: `filmjacket import-dicomweb http://127.0.0.1:8042/dicom-web --match StudyDate=20260101- --data ./archive`
    """
    settings = settings_from(config, data=data)
    from filmjacket.cli.remote_archive import RemoteArchive
    from filmjacket.opening import open_archive

    conditions = [_pair(text, "=", "--match") for text in match or ()]
    headers = [_pair(text, ":", "--header") for text in header or ()]
    credentials = _pair(user, ":", "--user") if user else None
    with ExitStack() as stack:
        remote = stack.enter_context(RemoteArchive(url, headers=headers, user=credentials))
        archive = stack.enter_context(closing(open_archive(settings)))
        archive.blobs.check()
        studies = remote.studies(conditions)
        typer.echo(f"{len(studies)} studies at {url}", err=True)
        refused = False
        if not compare_only:
            with progress("Importing", "instances", quiet=quiet) as display:
                refused = _import(archive, remote, studies, connections, report, display)
        different = _compare(archive, remote, studies, quiet=quiet)
    if refused or different:
        raise typer.Exit(1)


def _import(
    archive: Archive,
    remote: RemoteArchive,
    studies: Sequence[str],
    connections: int,
    report: Path | None,
    display: Progress,
) -> bool:
    """Import; whether something was refused."""
    from filmjacket.cli.remote_import import import_remote

    with ExitStack() as stack:
        sink = stack.enter_context(report.open("w", encoding="utf-8")) if report is not None else None
        summary = Summary(sink)
        stack.callback(summary.show)
        outcomes = stack.enter_context(closing(import_remote(archive, remote, studies, workers=connections)))
        for outcome in outcomes:
            summary.add(outcome)
            display.advance(outcome.size)
    return bool(summary.refused)


def _compare(archive: Archive, remote: RemoteArchive, studies: Sequence[str], *, quiet: bool) -> bool:
    """Compare, and tell; whether an instance is missing here."""
    from filmjacket.cli.remote_import import compare

    missing = same = shown = 0
    with progress("Comparing", "studies", quiet=quiet) as display:
        display.expect(len(studies))
        for difference in compare(archive, remote, studies):
            display.advance(0)
            if difference is None:
                same += 1
                continue
            missing += len(difference.missing)
            shown += 1
            if shown <= SHOWN:
                typer.echo(
                    f"  {difference.study}: {len(difference.missing)} instances are missing here, "
                    f"{len(difference.extra)} are only here"
                )
    typer.echo(f"{same} of {len(studies)} studies have the same instances here and there; {missing} are missing here.")
    return bool(missing)


def _pair(text: str, separator: str, option: str) -> tuple[str, str]:
    name, found, value = text.partition(separator)
    if not found or not name.strip():
        raise BadRequest(
            f"{option} wants two texts with {separator} between them.", section="command line", offender=option
        )
    return name.strip(), value.strip()

"""`filmjacket schedule`: scheduled procedure steps, what modalities are to do."""

# Commands import when they run, so that `--help` answers at once; typer wants flags as plain parameters.
# ruff: noqa: PLC0415, FBT002

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from filmjacket.cli.options import ConfigOption, DataOption, settings_from

if TYPE_CHECKING:
    from filmjacket.dicom.attributes import Attributes
    from filmjacket.services.procedures.intake import Entry

FilesArgument = Annotated[
    list[Path],
    typer.Argument(metavar="FILE...", exists=True, dir_okay=False, help="CSV or JSON files with scheduled steps."),
]
SkipOption = Annotated[
    bool, typer.Option("--skip-faulty", help="Take the steps without fault of a file in which others have one.")
]
KeyOption = Annotated[
    list[str] | None,
    typer.Option("--key", "-k", help="A search key such as Modality=CT or PatientName=doe*; may be repeated."),
]

app = typer.Typer(
    no_args_is_help=True,
    help="""
Scheduled procedure steps: the modality worklist.

A CSV file has one step a line and columns named by keywords; a JSON file is an array of data sets in the DICOM JSON
model.
""",
)


@app.command("import")
def import_steps(
    files: FilesArgument, skip_faulty: SkipOption = False, data: DataOption = None, config: ConfigOption = None
) -> None:
    """Take steps into the schedule; those that are there already are replaced.

    What is at fault is told with its line and attribute. Nothing of a file with a fault is taken unless
    `--skip-faulty` is given. Exits with 1 if anything was at fault.

    Example: `filmjacket schedule import today.csv --data ./archive`
    """
    settings = settings_from(config, data=data)
    from filmjacket.clock import now
    from filmjacket.opening import open_archive
    from filmjacket.services.procedures.intake import OnFault, take_in

    faults = 0
    with closing(open_archive(settings)) as archive:
        for file in files:
            place = "line" if file.suffix.lower() == ".csv" else "item"
            on_fault = OnFault.SKIP if skip_faulty else OnFault.REFUSE
            report = take_in(archive.scheduled_steps, _entries(file), on_fault, at=now(), together=False)
            for fault in report.faults:
                typer.echo(f"{file}: {place} {fault.place}: {fault.message}", err=True)
            counts = ", ".join(f"{number} {outcome}" for outcome, number in report.outcomes.items())
            typer.echo(f"{file}: {counts or 'nothing taken in'}.")
            faults += len(report.faults)
    if faults:
        raise typer.Exit(1)


@app.command("list")
def list_steps(
    key: KeyOption = None,
    limit: Annotated[int, typer.Option(min=1, help="Most steps to show.")] = 100,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """List the steps that a modality would see, in the order of their start; with keys, those that match.

    Example: `filmjacket schedule list --key Modality=CT --data ./archive`
    """
    settings = settings_from(config, data=data)
    from filmjacket.opening import open_archive
    from filmjacket.web.query import parse_entity_search
    from filmjacket.web.scheduled_step_tables import IN_STEP

    query = parse_entity_search("&".join([*(_encoded(one) for one in key or ()), f"limit={limit}"]), IN_STEP)
    with closing(open_archive(settings)) as archive:
        page = archive.scheduled_steps.search(query, limit, hidden=settings.procedures.rules.hidden)
    for step in page.matches:
        typer.echo(_line(step))
    further = f", {page.remaining} more" if page.remaining else ""
    typer.echo(f"{len(page.matches)} {'step' if len(page.matches) == 1 else 'steps'}{further}.")


def _entries(file: Path) -> list[Entry]:
    from filmjacket.dicom.json_model import decode_array
    from filmjacket.services.procedures.csv_reader import read_csv
    from filmjacket.services.procedures.intake import entries_of

    content = file.read_bytes()
    return read_csv(content) if file.suffix.lower() == ".csv" else entries_of(decode_array(content))


def _encoded(key: str) -> str:
    from urllib.parse import quote

    name, equals, value = key.partition("=")
    return f"{name}{equals}{quote(value, safe=',')}"


def _line(step: Attributes) -> str:
    from filmjacket.dicom.attributes import get_text, get_texts
    from filmjacket.web import scheduled_step_tables as names

    (item,) = step[names.SCHEDULED_STEP_SEQUENCE]["Value"]
    start = f"{get_text(item, names.START_DATE)} {(get_text(item, names.START_TIME) or '')[:4]}"
    stations = ",".join(get_texts(item, names.STATION_AE_TITLE))
    identity = f"{get_text(item, names.STEP_ID)}  {get_text(step, names.ACCESSION_NUMBER) or '-'}"
    what = f"{get_text(item, names.MODALITY)} {stations}  {get_text(item, names.SCHEDULED_STATUS)}"
    return f"{start}  {what}  {identity}  {get_text(step, names.PATIENT_ID)} {get_text(step, names.PATIENT_NAME)}"

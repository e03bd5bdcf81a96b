"""The command `filmjacket` and its exit codes."""

# Typer wants flags as plain parameters.
# ruff: noqa: FBT002

from __future__ import annotations

import sys
from typing import Annotated, NoReturn

import typer

from filmjacket import __version__
from filmjacket.cli import (
    backing_up,
    conformance_statement,
    demo,
    exporting,
    holding,
    importing,
    importing_remote,
    jobs,
    migrating,
    reindexing,
    removing,
    schedule,
    serve,
    show_settings,
    show_statistics,
    verifying,
    webhooks,
)
from filmjacket.errors import FilmjacketError, OutOfStorage, Unavailable

EXIT_FINDINGS = 1
"""The command ran, but not everything is well: damaged instances, refused files."""
EXIT_USAGE = 2
"""The command line or the settings cannot be used."""
EXIT_UNAVAILABLE = 3
"""The archive cannot be used now: no disk space, no permission, port taken."""
EXIT_INTERRUPTED = 130
"""Stopped by Ctrl-C; typer chooses this code."""

HELP = """
Filmjacket, a DICOMweb server (PS3.18).

Settings come from options, FILMJACKET_... variables and filmjacket.toml, in this order;
`filmjacket settings` lists them.

Exit codes: 0 done, 1 done but with findings or refused files, 2 wrong usage or settings,
3 archive or port not usable now, 130 interrupted.
"""

app = typer.Typer(
    name="filmjacket",
    help=HELP,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,  # its tracebacks show local variables, which can hold patient data
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("serve")(serve.serve)
app.command("import")(importing.import_folders)
app.command("import-dicomweb")(importing_remote.import_dicomweb)
app.command("export")(exporting.export)
app.command("verify")(verifying.verify)
app.command("sweep")(verifying.sweep)
app.command("delete")(removing.delete)
app.command("restore")(removing.restore)
app.command("deleted")(removing.deleted)
app.command("purge")(removing.purge)
app.add_typer(holding.app, name="hold")
app.add_typer(schedule.app, name="schedule")
app.command("reindex")(reindexing.reindex)
app.add_typer(backing_up.app, name="backup")
app.add_typer(migrating.app, name="migrate")
app.command("stats")(show_statistics.stats)
app.add_typer(jobs.app, name="jobs")
app.add_typer(webhooks.app, name="webhooks")
app.command("settings")(show_settings.show_settings)
app.command("conformance")(conformance_statement.conformance)
app.command("demo")(demo.demo)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it with the flag
    if wanted:
        typer.echo(f"filmjacket {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    pass


def run() -> NoReturn:
    """Entry point: run the command and turn what it raises into a message and an exit code."""
    try:
        sys.exit(app())
    except SystemExit as end:
        if end.code == EXIT_INTERRUPTED:
            typer.echo("Interrupted. What was done is kept; the same command goes on from there.", err=True)
        raise
    except FilmjacketError as error:
        typer.echo(f"filmjacket: {error.message}", err=True)
        sys.exit(EXIT_UNAVAILABLE if isinstance(error, Unavailable | OutOfStorage) else EXIT_USAGE)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        typer.echo(f"filmjacket: {where}{error.strerror or error}.", err=True)
        sys.exit(EXIT_UNAVAILABLE)

"""`filmjacket conformance`: what this server conforms to, for people and for machines."""

# Commands import when they run, so that `--help` answers at once.
# ruff: noqa: PLC0415

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from filmjacket.cli.options import ConfigOption, settings_from

if TYPE_CHECKING:
    from filmjacket.settings import Settings


class StatementFormat(StrEnum):
    """What the command can write."""

    MARKDOWN = "markdown"
    HTML = "html"
    PDF = "pdf"
    JSON = "json"
    WADL = "wadl"
    OPENAPI = "openapi"


def conformance(
    output_format: Annotated[
        StatementFormat | None,
        typer.Option(
            "--format",
            "-f",
            help="markdown, html, pdf: the DICOM Conformance Statement; json, wadl: Retrieve Capabilities; openapi.",
            show_default="by the name of the output, else markdown",
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write.", show_default="standard output")
    ] = None,
    base_url: Annotated[
        str | None, typer.Option("--base-url", help="Base URI to print.", show_default="from the settings")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Write what this server conforms to with the settings in force.

    Example: `filmjacket conformance --output conformance.pdf`
    """
    chosen = output_format or _format_of(output)
    if chosen is StatementFormat.PDF and output is None and sys.stdout.isatty():
        typer.echo("filmjacket: a PDF is no text; say --output FILE, or pipe it.", err=True)
        raise typer.Exit(2)
    written = _write(chosen, settings_from(config), (base_url or "").rstrip("/"))
    if output is None:
        sys.stdout.buffer.write(written)
    else:
        output.write_bytes(written)
        typer.echo(f"{output}: {len(written):,} bytes", err=True)


def _format_of(output: Path | None) -> StatementFormat:
    suffixes = {".html": "html", ".htm": "html", ".pdf": "pdf", ".json": "json", ".wadl": "wadl", ".xml": "wadl"}
    return StatementFormat(suffixes.get(output.suffix.lower(), "markdown") if output else "markdown")


def _write(chosen: StatementFormat, settings: Settings, base_url: str) -> bytes:
    if chosen in {StatementFormat.JSON, StatementFormat.WADL, StatementFormat.OPENAPI}:
        return _machine_readable(chosen, settings, base_url)
    from datetime import UTC, datetime

    from filmjacket.conformance.statement import conformance_statement

    today = datetime.now(UTC).date().isoformat()
    document = conformance_statement(settings, date=today, base_url=base_url)
    if chosen is StatementFormat.PDF:
        from filmjacket.conformance.as_pdf import as_pdf

        return as_pdf(document)
    if chosen is StatementFormat.HTML:
        from filmjacket.conformance.as_html import as_html

        return as_html(document).encode()
    from filmjacket.conformance.as_markdown import as_markdown

    return as_markdown(document).encode()


def _machine_readable(chosen: StatementFormat, settings: Settings, base_url: str) -> bytes:
    import orjson

    from filmjacket import __version__
    from filmjacket.conformance.capabilities import describe, to_json, to_wadl
    from filmjacket.conformance.openapi import openapi_document
    from filmjacket.conformance.register import selection_of
    from filmjacket.conformance.statement import base_uri

    base = base_url or base_uri(settings)
    selection = selection_of(settings)
    if chosen is StatementFormat.OPENAPI:
        return orjson.dumps(openapi_document(base, selection, __version__), option=orjson.OPT_INDENT_2) + b"\n"
    described = describe(base, selection)
    return (to_wadl(described) if chosen is StatementFormat.WADL else to_json(described)) + b"\n"

"""Options that several commands share, and how they become settings."""

# Settings are imported when a command runs, so that `--help` answers at once.
# ruff: noqa: PLC0415

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from filmjacket.settings import Settings

DataOption = Annotated[
    Path | None,
    typer.Option("--data", "-d", help="Directory of the archive.", show_default="filmjacket-data", file_okay=False),
]
DatabaseOption = Annotated[
    str | None,
    typer.Option(help="Index: sqlite:///path or postgresql://...", show_default="SQLite in the data directory"),
]
BlobsOption = Annotated[
    str | None,
    typer.Option(help="Stored files: file:///path or s3://bucket/prefix.", show_default="in the data directory"),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="Settings file.", show_default="filmjacket.toml if there is one"),
]
WorkersOption = Annotated[
    int | None, typer.Option("--jobs", "-j", min=1, max=256, help="Threads.", show_default="number of CPUs")
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the result.")]


def settings_from(config: Path | None, **overrides: object) -> Settings:
    """The settings with the options that were given; hints at misspelt variables."""
    from filmjacket.settings import load_settings, unknown_variables

    for name, near in unknown_variables(os.environ):
        typer.echo(f"filmjacket: {name} is no setting; did you mean {near}?", err=True)
    return load_settings(config, {name: value for name, value in overrides.items() if value is not None})

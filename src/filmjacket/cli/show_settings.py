"""`filmjacket settings`: every setting, its value and its meaning."""

# Commands import when they run, so that `--help` answers at once; typer wants flags as plain parameters.
# ruff: noqa: PLC0415, FBT002

from __future__ import annotations

from typing import Annotated

import typer

from filmjacket.cli.options import ConfigOption, settings_from


def show_settings(
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the reference page instead of the values in force.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Show every setting with the value in force, its variable and its meaning.

    Example: `filmjacket settings --config filmjacket.toml`
    """
    from filmjacket.settings import describe_settings, effective_values, reference_page

    if markdown:
        typer.echo(reference_page(), nl=False)
        return
    values = effective_values(settings_from(config))
    for row in describe_settings():
        value = values[row.name]
        changed = "" if value == row.default else f"   (default {row.default or 'unset'})"
        typer.echo(f"{row.name} = {value or 'unset'}{changed}")
        typer.echo(f"    {row.description}")
        typer.echo(f"    {row.variable}: {row.accepted}")

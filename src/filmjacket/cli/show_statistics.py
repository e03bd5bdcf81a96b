"""`filmjacket stats`: what is in an archive."""

# Commands import when they run, so that `--help` answers at once; typer wants flags as plain parameters.
# ruff: noqa: PLC0415, FBT002

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from filmjacket.cli.options import ConfigOption, DataOption, settings_from
from filmjacket.cli.progress import size_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from filmjacket.archive.statistics import Share, Statistics

SHOWN = 12
"""Lines of each table; --json has all of them."""


def stats(
    data: DataOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="All figures as one JSON object.")] = False,
    config: ConfigOption = None,
) -> None:
    """Count studies, series, instances and bytes, by SOP class, transfer syntax and modality. Shows nobody's data.

    Example: `filmjacket stats --data ./archive`
    """
    settings = settings_from(config, data=data)
    from filmjacket.opening import open_archive

    with closing(open_archive(settings)) as archive:
        found = archive.index.statistics()
    if as_json:
        import orjson

        typer.echo(orjson.dumps(asdict(found), option=orjson.OPT_INDENT_2).decode())
        return
    _show(found)


def _show(found: Statistics) -> None:
    from filmjacket.dicom import transfer_syntaxes
    from filmjacket.dicom.sop_classes import storage_name

    def syntax_name(uid: str) -> str:
        known = transfer_syntaxes.get(uid)
        return known.name if known is not None else uid

    typer.echo(
        f"{found.studies} studies, {found.series} series, {found.instances} instances, {size_text(found.bytes)}; "
        f"{found.deleted} deleted ones can be restored ({size_text(found.deleted_bytes)}), {found.held} studies held."
    )
    _table("SOP classes", found.sop_classes, lambda uid: storage_name(uid) or uid)
    _table("Transfer syntaxes", found.transfer_syntaxes, syntax_name)
    _table("Modalities", found.modalities, str)
    for name, count in found.others:
        if count:
            typer.echo(f"{count} {name}")


def _table(title: str, shares: Sequence[Share], name_of: Callable[[str], str]) -> None:
    if shares:
        typer.echo(f"{title}:")
    for share in shares[:SHOWN]:
        size = f"  {size_text(share.bytes)}" if share.bytes else ""
        typer.echo(f"  {share.instances:>10}  {name_of(share.name)}{size}")
    if len(shares) > SHOWN:
        typer.echo(f"  ... and {len(shares) - SHOWN} more; --json has all of them.")

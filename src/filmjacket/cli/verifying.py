"""`filmjacket verify` and `filmjacket sweep`: upkeep of the archive."""

# Commands import when they run, so that `--help` answers at once; typer wants flags as plain parameters.
# ruff: noqa: PLC0415, FBT002

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from filmjacket.cli.options import (
    BlobsOption,
    ConfigOption,
    DatabaseOption,
    DataOption,
    QuietOption,
    WorkersOption,
    settings_from,
)
from filmjacket.cli.progress import progress, size_text

if TYPE_CHECKING:
    from filmjacket.maintenance.sweep import SweepReport
    from filmjacket.maintenance.verify import VerifyReport

GraceOption = Annotated[
    float,
    typer.Option(min=0, help="Hours that bytes nobody refers to are left alone; they may belong to a running request."),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", "-n", help="Only tell what would be removed.")]


def verify(
    data: DataOption = None,
    database: DatabaseOption = None,
    blobs: BlobsOption = None,
    jobs: WorkersOption = None,
    sweep_too: Annotated[bool, typer.Option("--sweep", help="Then remove bytes that nobody refers to.")] = False,
    quiet: QuietOption = False,
    config: ConfigOption = None,
) -> None:
    """Check every stored instance against the size and SHA-256 it had when it was received.

    Exits with 1 if an instance is damaged or missing.

    Example: `filmjacket verify --data ./archive`
    """
    settings = settings_from(config, data=data, database=database, blobs=blobs)
    from filmjacket.maintenance import sweep as sweeping
    from filmjacket.maintenance import verify as verifying
    from filmjacket.opening import open_archive

    started = time.monotonic()
    with closing(open_archive(settings)) as archive:
        with progress("Verifying", "instances", quiet=quiet) as display:
            report = verifying.verify(archive.index, archive.blobs, workers=jobs, on_checked=display.advance)
        _show_verify(report, time.monotonic() - started)
        if sweep_too:
            _show_sweep(sweeping.sweep(archive.index, archive.blobs), dry_run=False)
    if not report.sound:
        raise typer.Exit(1)


def sweep(
    data: DataOption = None,
    database: DatabaseOption = None,
    blobs: BlobsOption = None,
    dry_run: DryRunOption = False,
    grace_hours: GraceOption = 24.0,
    config: ConfigOption = None,
) -> None:
    """Remove stored bytes that no instance refers to, which a crash can leave behind, and abandoned uploads.

    Example: `filmjacket sweep --data ./archive --dry-run`
    """
    settings = settings_from(config, data=data, database=database, blobs=blobs)
    from filmjacket.maintenance import sweep as sweeping
    from filmjacket.opening import open_archive

    with closing(open_archive(settings)) as archive:
        report = sweeping.sweep(archive.index, archive.blobs, grace_seconds=grace_hours * 3600, dry_run=dry_run)
    _show_sweep(report, dry_run=dry_run)


def _show_verify(report: VerifyReport, seconds: float) -> None:
    typer.echo(
        f"{report.instances} instances, {size_text(report.bytes)} checked in {seconds:.1f} s: "
        f"{len(report.findings) or 'none'} damaged."
    )
    for finding in report.findings:
        detail = f" ({finding.detail})" if finding.detail else ""
        typer.echo(f"  {finding.damage}{detail}: SOP Instance UID {finding.sop_uid}, file {finding.blob.key}")


def _show_sweep(report: SweepReport, *, dry_run: bool) -> None:
    for key in report.orphans if dry_run else ():
        typer.echo(f"  {key}")
    verb = "would be removed" if dry_run else "removed"
    typer.echo(
        f"{report.checked} stored files looked at: {len(report.orphans)} without an instance {verb}, "
        f"{report.staging_files} abandoned uploads removed."
    )

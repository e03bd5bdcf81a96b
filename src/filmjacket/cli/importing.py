"""`filmjacket import`: load folders of DICOM files into the archive."""

# Commands import when they run, so that `--help` answers at once; typer wants flags as plain parameters.
# ruff: noqa: PLC0415, FBT002

from __future__ import annotations

import json
import os
import threading
import time
from collections import Counter
from contextlib import ExitStack, closing
from pathlib import Path  # noqa: TC003 - typer reads the annotations
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
    from collections.abc import Callable, Iterable
    from typing import TextIO

    from filmjacket.cli.folder_import import FileOutcome
    from filmjacket.cli.progress import Progress
    from filmjacket.settings import Settings

SHOWN = 25
"""Rows of the table on the screen; a report lists every file."""


def import_folders(  # noqa: PLR0913, PLR0917 - one for each option
    folders: Annotated[
        list[Path],
        typer.Argument(metavar="DIR...", help="Folders, or single files.", exists=True, readable=True),
    ],
    data: DataOption = None,
    database: DatabaseOption = None,
    blobs: BlobsOption = None,
    jobs: WorkersOption = None,
    duplicates: Annotated[
        str | None,
        typer.Option(
            help="For a SOP Instance UID that is stored with other content: keep, replace or reject.",
            show_default="keep",
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(help="Write what became of every file to this file, one JSON object a line."),
    ] = None,
    quiet: QuietOption = False,
    config: ConfigOption = None,
) -> None:
    """Load folders of DICOM files into the archive.

    Files that are stored already are recognised by their SHA-256 and skipped, so an import that was stopped
    is resumed by running it again. A server may run on the same archive meanwhile. Exits with 1 if a DICOM
    file was refused or could not be read.

    Example: `filmjacket import ./cd-1 ./cd-2 --data ./archive --report import.jsonl`
    """
    settings = settings_from(config, data=data, database=database, blobs=blobs, duplicates=duplicates)
    with ExitStack() as stack:
        sink = stack.enter_context(report.open("w", encoding="utf-8")) if report is not None else None
        summary = Summary(sink)
        stack.callback(summary.show)  # also when it ends early, and after the display has gone
        _run(settings, folders, jobs, stack.enter_context(progress("Importing", "files", quiet=quiet)), summary)
    if summary.refused:
        raise typer.Exit(1)


class Summary:
    """Counts outcomes by what happened and why, and writes the report."""

    def __init__(self, sink: TextIO | None) -> None:
        self._sink = sink
        self._counts: Counter[tuple[str, str]] = Counter()
        self._examples: dict[tuple[str, str], Path] = {}
        self._bytes = 0
        self._started = time.monotonic()
        self.refused = 0

    def add(self, outcome: FileOutcome) -> None:
        """Take in what became of one file."""
        from filmjacket.cli.folder_import import HARMLESS

        kind = (outcome.fate, outcome.reason)
        self._counts[kind] += 1
        self._examples.setdefault(kind, outcome.path)
        self._bytes += outcome.size
        self.refused += outcome.fate not in HARMLESS
        if self._sink is not None:
            line = {
                "path": printable(outcome.path),
                "outcome": outcome.fate,
                "reason": outcome.reason,
                "sop_instance_uid": outcome.sop_uid,
            }
            self._sink.write(json.dumps(line) + "\n")

    def show(self) -> None:
        """Print the table: how many files had which fate, why, and one of them as an example."""
        seconds = time.monotonic() - self._started
        files = sum(self._counts.values())
        rate = files / seconds if seconds else 0.0
        typer.echo(f"{files} files, {size_text(self._bytes)}, {seconds:.1f} s, {rate:.0f} files/s")
        for (fate, reason), count in self._counts.most_common(SHOWN):
            example = f"  {reason} ({printable(self._examples[fate, reason])})" if reason else ""
            typer.echo(f"  {count:>9}  {fate:<18}{example}".rstrip())
        if len(self._counts) > SHOWN:
            typer.echo(f"  ... and {len(self._counts) - SHOWN} more reasons; --report FILE lists every file.")


def printable(path: Path) -> str:
    """A path that any terminal takes, whatever bytes its name is made of."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _run(settings: Settings, folders: Iterable[Path], jobs: int | None, display: Progress, summary: Summary) -> None:
    from filmjacket.cli.folder_import import import_files
    from filmjacket.opening import open_archive

    folders = list(folders)
    with closing(open_archive(settings)) as archive:
        archive.blobs.check()
        _count_in_background(folders, display.expect)
        with closing(import_files(archive, folders, workers=jobs or os.cpu_count() or 1)) as outcomes:
            for outcome in outcomes:
                summary.add(outcome)
                display.advance(outcome.size)


def _count_in_background(folders: Iterable[Path], expect: Callable[[int], None]) -> None:
    """Tell the display the number of files when it is known; importing need not wait for it."""
    from filmjacket.cli.folder_import import find_files

    def count() -> None:
        expect(sum(1 for _ in find_files(folders)))

    threading.Thread(target=count, daemon=True, name="count files").start()

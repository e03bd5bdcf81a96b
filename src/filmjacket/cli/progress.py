"""Progress of long commands: a bar on a terminal, a line now and then elsewhere."""

# Rich is imported only when there is a terminal to draw on.
# ruff: noqa: PLC0415

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Protocol, Self

import typer

if TYPE_CHECKING:
    from types import TracebackType

    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

SECONDS_BETWEEN_LINES = 5.0


class Progress(Protocol):
    """What a long command tells while it runs."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    def expect(self, total: int) -> None:
        """How many items there will be, once that is known."""
        ...

    def advance(self, size: int) -> None:
        """One more item of `size` bytes is done."""
        ...


def progress(label: str, unit: str, *, quiet: bool) -> Progress:
    """The progress display that suits where standard error goes."""
    if quiet:
        return Silence()
    return Bar(label, unit) if sys.stderr.isatty() else Lines(label, unit)


class Silence:
    """No display."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass

    def expect(self, total: int) -> None:
        """Nothing to show."""

    def advance(self, size: int) -> None:
        """Nothing to show."""


class Lines(Silence):
    """A plain line every few seconds."""

    def __init__(self, label: str, unit: str) -> None:
        self._label = label
        self._unit = unit
        self._total = 0
        self._items = 0
        self._bytes = 0
        self._started = self._shown = time.monotonic()

    def expect(self, total: int) -> None:
        """Remember the total for the next line."""
        self._total = total

    def advance(self, size: int) -> None:
        """Count, and show a line if the last one is some seconds old."""
        self._items += 1
        self._bytes += size
        now = time.monotonic()
        if now - self._shown >= SECONDS_BETWEEN_LINES:
            self._shown = now
            rate = self._items / (now - self._started)
            total = f" of {self._total}" if self._total else ""
            line = f"{self._label}: {self._items}{total} {self._unit}, {size_text(self._bytes)}, {rate:.0f}/s"
            typer.echo(line, err=True)


class Bar:
    """A progress bar with rate and remaining time."""

    def __init__(self, label: str, unit: str) -> None:
        self._label = label
        self._unit = unit
        self._bytes = 0
        self._progress: RichProgress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn(f"{self._unit}  {{task.fields[amount]}}"),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            console=Console(stderr=True),
        )
        self._task = self._progress.add_task(self._label, total=None, amount="")
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def expect(self, total: int) -> None:
        """Give the bar its length."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, total=total)

    def advance(self, size: int) -> None:
        """Move the bar."""
        self._bytes += size
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, advance=1, amount=size_text(self._bytes))


def size_text(size: float) -> str:
    """A number of bytes for people: 1.4 MB."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"

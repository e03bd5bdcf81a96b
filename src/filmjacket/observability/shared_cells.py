"""Numbers that outlive their process: one file for each worker, mapped into its memory, read by whoever is asked.

A worker locks its file for as long as it lives. When it is gone, even by a kill, the next one goes on with the file,
so that counters never fall and there are no more files than workers. Each file has a list beside it that says what its
numbers mean, one line of JSON for each metric.
"""

from __future__ import annotations

import fcntl
import mmap
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import orjson

from filmjacket.observability.families import BY_NAME, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

    from filmjacket.metrics import Child
    from filmjacket.observability.families import Family

FILE_BYTES: Final = 1 << 18
"""Room for some 30,000 numbers, ten times as many as there are; the file takes only what is written."""
_CELL: Final = 8
_FIRST: Final = 1
"""The first cell holds the process id of the worker."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Numbers of one metric and its label values."""

    family: Family
    values: tuple[str, ...]
    numbers: tuple[float, ...]


class SharedCells:
    """The numbers of this process in a directory of the server."""

    def __init__(self, directory: Path) -> None:
        self._list, self._file = _own_file(directory)
        descriptor = self._file.fileno()
        os.truncate(descriptor, FILE_BYTES)
        self._cells = memoryview(mmap.mmap(descriptor, FILE_BYTES)).cast("d")
        self._places: dict[tuple[str, ...], int] = {}
        self._next = _FIRST
        for name, values, at in _entries(self._list):
            family = BY_NAME.get(name)
            if family is None:
                continue
            self._places[name, *values] = at
            self._next = max(self._next, at + family.cells)
            if family.kind is Kind.GAUGE:
                self._cells[at] = 0.0
        self._cells[0] = float(os.getpid())

    def place(self, child: Child) -> None:
        """Give a metric its place; without room it stays in the memory of the process."""
        key = (child.family.name, *child.values)
        at = self._places.get(key)
        if at is None:
            if (self._next + child.family.cells) * _CELL > FILE_BYTES:
                return
            at = self._places[key] = self._next
            self._next += child.family.cells
            with self._list.open("ab") as out:
                out.write(orjson.dumps([child.family.name, child.values, at]) + b"\n")
        child.move(self._cells, at)


@dataclass(frozen=True, slots=True)
class Worker:
    """What one process counted; `pid` is None when it lives no more."""

    number: int
    pid: int | None
    samples: list[Sample]


def read_workers(directory: Path) -> Iterator[Worker]:
    """What every process of a server counted; gauges only of those that live."""
    for path in sorted(directory.glob("*.cells")):
        with path.open("rb") as file:
            alive = not _lock(file.fileno(), fcntl.LOCK_SH)
            content = memoryview(file.read())
        if len(content) < FILE_BYTES:  # being made
            continue
        cells = content.cast("d")
        samples: list[Sample] = []
        for name, values, at in _entries(path.with_suffix(".list")):
            family = BY_NAME.get(name)
            if family is not None and (alive or family.kind is not Kind.GAUGE):
                samples.append(Sample(family, values, tuple(cells[at : at + family.cells])))
        yield Worker(int(path.stem), int(cells[0]) if alive else None, samples)


def _own_file(directory: Path) -> tuple[Path, BinaryIO]:
    """A file whose worker is gone, or a new one; locked."""
    number = 0
    while True:
        path = directory / f"{number:03}.cells"
        file = path.open("a+b")
        if _lock(file.fileno(), fcntl.LOCK_EX):
            return path.with_suffix(".list"), file
        file.close()
        number += 1


def _lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _entries(path: Path) -> Iterator[tuple[str, tuple[str, ...], int]]:
    """What a list says; the last line may be unfinished."""
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return
    for line in lines:
        name, values, at = orjson.loads(line)
        yield name, tuple(values), at

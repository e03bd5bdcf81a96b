"""An archive with a study in it, and an engine that is no more than a loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from filmjacket.jobs.kinds import kind_named
from filmjacket.jobs.records import Progress
from filmjacket.jobs.tools import Tools
from tests.samples import series

if TYPE_CHECKING:
    from collections.abc import Iterator

    from filmjacket.jobs.records import Cursor
    from filmjacket.opening import Archive
    from filmjacket.services.studies.ingest import Received
    from filmjacket.settings import Settings


def store(archive: Archive, files: list[bytes]) -> None:
    received: list[Received] = []
    for file in files:
        incoming = archive.ingest.begin()
        incoming.write(file)
        received.append(incoming.finish())
    archive.ingest.publish(received)
    archive.ingest.commit(received)


class FakeEngine:
    """Runs jobs step by step; with `forgetful`, every step is in a new process and each one is done twice."""

    def __init__(self, tools: Tools) -> None:
        self.tools = tools

    def run(self, kind: str, *, forgetful: bool = False, **given: object) -> Progress:
        arguments = kind_named(kind).parse(given)
        run = kind_named(kind).begin(self.tools, arguments)
        progress = Progress()
        cursor: Cursor = {}
        for _ in range(1000):
            if forgetful:
                run.step(cursor)
                run = kind_named(kind).begin(self.tools, arguments)
            step = run.step(cursor)
            progress = progress.after(step, 0.1)
            if step.cursor is None:
                return progress
            cursor = step.cursor
        raise AssertionError("the job does not end")


@pytest.fixture
def filled(archive: Archive) -> Archive:
    store(archive, series(3))
    return archive


@pytest.fixture
def engine(settings: Settings, filled: Archive) -> Iterator[FakeEngine]:
    tools = Tools(settings, filled)
    yield FakeEngine(tools)
    tools.close()

"""The durable engine (DBOS Transact) as the rest of the program sees it: a queue of jobs.

Values are kept as JSON, not pickled: what is read back from a database runs no code. No telemetry, no conductor. This
module costs 60 MB and most of a second to import, so only commands that need it do.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from dataclasses import asdict
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Final, cast

import orjson
from dbos import DBOS, DBOSClient, EnqueueOptions, Serializer, WorkflowStatus
from sqlalchemy import Engine, event

from filmjacket.clock import now
from filmjacket.errors import FilmjacketError, NotFound
from filmjacket.jobs.kinds import kind_named
from filmjacket.jobs.records import Arguments, Job, JobState, Progress
from filmjacket.jobs.waiting import ask_for_executor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from filmjacket.archive.leases_port import Leases
    from filmjacket.settings import Settings

APPLICATION: Final = "filmjacket"
VERSION: Final = "1"
"""Of what jobs keep between steps. A new one leaves jobs of the old one alone, so cursors change compatibly instead."""

SCHEMA: Final = "dbos"
QUEUE: Final = "filmjacket-jobs"
WORKFLOW: Final = "filmjacket.job"

_STATES: Final = {
    "ENQUEUED": JobState.WAITING,
    "DELAYED": JobState.WAITING,
    "PENDING": JobState.RUNNING,
    "SUCCESS": JobState.DONE,
    "ERROR": JobState.FAILED,
    "MAX_RECOVERY_ATTEMPTS_EXCEEDED": JobState.FAILED,
    "CANCELLED": JobState.CANCELLED,
}
UNFINISHED: Final = ["ENQUEUED", "DELAYED", "PENDING"]


SUBSECONDS: Final = (3, 42, 0)
"""The first SQLite whose `unixepoch` knows fractions. From Python 3.12 on the engine takes for granted that it does;
Debian 12 has an older one, which answers NULL."""


def _teach_subseconds(connection: object, _record: object) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.create_function("unixepoch", 1, _seconds)


def _seconds(_modifier: object) -> float:
    return time.time()


if sqlite3.sqlite_version_info < SUBSECONDS:
    event.listen(Engine, "connect", _teach_subseconds)


class JobFailed(FilmjacketError):
    """What ended a job, as it is told later."""

    status = 500
    reason_code = "job-failed"


class JsonSerializer(Serializer):
    """Values as JSON; of an error only its kind and, for our own, the message, which holds no patient data."""

    def serialize(self, data: Any) -> str:  # noqa: ANN401 - the engine's own values as well
        """Write a value."""
        return orjson.dumps(data, default=_plain, option=orjson.OPT_NON_STR_KEYS).decode()

    def deserialize(self, serialized_data: str) -> Any:  # noqa: ANN401 - the engine's signature
        """Read a value back."""
        value: object = orjson.loads(serialized_data)
        if isinstance(value, dict) and "__error__" in value:
            return JobFailed(str(cast("dict[str, object]", value)["__error__"]))
        return cast("object", value)

    def name(self) -> str:
        """How rows say that they are written so."""
        return "json"


def _plain(value: object) -> object:
    if isinstance(value, FilmjacketError):
        return {"__error__": value.message}
    if isinstance(value, BaseException):
        return {"__error__": f"{type(value).__name__} (see the log of the executor)"}
    raise TypeError(f"{type(value).__name__} is nothing that jobs keep")


def engine_url(settings: Settings) -> str:
    """Where the engine keeps jobs: beside an SQLite index, or in a schema of its own of the same database."""
    scheme, _, place = settings.database_url.partition("://")
    if scheme.startswith("sqlite"):
        return f"sqlite:///{settings.data.absolute() / 'jobs.sqlite3'}"
    return f"{scheme.partition('+')[0]}://{place}"


def quiet_logs() -> None:
    """Let the engine's warnings go where all log lines go, and nothing else of it anywhere."""
    logger = logging.getLogger("dbos")
    for handler in logger.handlers[:]:
        logger.removeHandler(handler)
    logger.addHandler(logging.NullHandler())  # so that the engine adds none
    logger.propagate = True
    logger.setLevel(logging.WARNING)


def open_jobs(settings: Settings, leases: Leases) -> EngineJobs:
    """Open the queue of an archive, made if it is not there."""
    quiet_logs()
    url = engine_url(settings)
    DBOS.migrate(url, schema=SCHEMA)
    client = DBOSClient(
        system_database_url=url,
        dbos_system_schema=SCHEMA,
        serializer=JsonSerializer(),
        system_database_pool_size=2,
        application_name=APPLICATION,
        retry_connection_errors=False,
    )
    return EngineJobs(client, leases)


class EngineJobs:
    """The port `filmjacket.jobs.records.Jobs` over the engine."""

    def __init__(self, client: DBOSClient, leases: Leases) -> None:
        self._client = client
        self._leases = leases

    def submit(self, kind: str, arguments: Mapping[str, object], *, job_id: str | None = None) -> str:
        """Queue a job, durably, and ask for an executor."""
        checked = kind_named(kind).parse(arguments)
        job_id = job_id or f"{kind}-{token_hex(4)}"
        # Before it too: a crash in between leaves an executor that finds nothing, never a job that nobody runs.
        ask_for_executor(self._leases, now())
        options: EnqueueOptions = {
            "workflow_name": WORKFLOW,
            "queue_name": QUEUE,
            "workflow_id": job_id,
            "app_version": VERSION,
        }
        self._client.enqueue(options, kind, checked)
        ask_for_executor(self._leases, now())
        return job_id

    def find(self, job_id: str) -> Job | None:
        """The job with an ID, or with the one ID that begins so."""
        found = self._client.list_workflows(workflow_ids=[job_id])
        if not found:
            found = self._client.list_workflows(workflow_id_prefix=job_id, name=WORKFLOW, limit=2)
        if len(found) > 1:
            raise NotFound("Several jobs have an ID that begins so.", offender="ID")
        return _job(found[0]) if found else None

    def list(self, *, limit: int = 50, unfinished_only: bool = False) -> list[Job]:
        """Jobs, newest first."""
        status = [*UNFINISHED] if unfinished_only else None
        found = self._client.list_workflows(name=WORKFLOW, status=status, limit=limit, sort_desc=True)
        return [_job(one) for one in found]

    def cancel(self, job_id: str) -> bool:
        """Let a job end after the step that it is in."""
        job = self.find(job_id)
        if job is None or job.state.over:
            return False
        self._client.cancel_workflow(job.job_id)
        return True

    def forget(self, finished_before: int) -> int:
        """Remove jobs that ended before a moment; returns how many."""
        old = [
            job.job_id for job in self.list(limit=10_000) if job.state.over and 0 < job.finished_at < finished_before
        ]
        if old:
            self._client.delete_workflows(old)
        return len(old)

    def close(self) -> None:
        """Release connections."""
        self._client.destroy()


def progress_of(kept: Mapping[str, Any]) -> Progress:
    """Progress as it was kept."""
    return Progress(
        done=int(kept.get("done", 0)),
        total=int(kept.get("total", 0)),
        size=int(kept.get("size", 0)),
        seconds=float(kept.get("seconds", 0.0)),
        counts={str(name): int(number) for name, number in dict(kept.get("counts", {})).items()},
        findings=tuple(str(one) for one in kept.get("findings", ())),
    )


def progress_kept(progress: Progress) -> dict[str, Any]:
    """Progress as it is kept."""
    return asdict(progress)


def _job(status: WorkflowStatus) -> Job:
    given = status.input
    values = given["args"] if given is not None and isinstance(given, dict) else ()  # pyright: ignore[reportUnnecessaryIsInstance] - a text if it cannot be read
    kind, arguments = (str(values[0]), cast("Arguments", values[1])) if len(values) == 2 else ("unknown", {})
    failed = status.status in {"ERROR", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"}
    return Job(
        job_id=status.workflow_id,
        kind=kind,
        state=_STATES[status.status],
        arguments=arguments,
        progress=progress_of(status.attributes or {}),
        submitted_at=1000 * (status.created_at or 0),
        finished_at=1000 * (status.completed_at or 0),
        message=_message(status) if failed else "",
    )


def _message(status: WorkflowStatus) -> str:
    if status.status == "MAX_RECOVERY_ATTEMPTS_EXCEEDED":
        return "Its executor ended before it did, too many times."
    return status.error.message if isinstance(status.error, FilmjacketError) else str(status.error or "")

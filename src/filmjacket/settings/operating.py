"""Settings of jobs and of connections to the database."""

from __future__ import annotations

from pydantic import Field

from filmjacket.settings.group import Group
from filmjacket.settings.values import CronLine  # noqa: TC001 - pydantic reads the annotations


class JobSettings(Group):
    """Long work that goes on after whatever stops it: `filmjacket jobs`."""

    executor: bool = Field(
        default=True,
        description="Start an executor beside the server when jobs wait; it ends when there are none for a while. "
        "Without it somebody has to run `filmjacket jobs run`.",
    )
    parallel: int = Field(default=1, ge=1, le=64, description="Jobs that one executor runs at the same time.")
    step_seconds: float = Field(
        default=2.0,
        gt=0,
        le=600,
        description="How long a job works between two notes of where it is: what is done again after a crash, and how "
        "long it takes until it is cancelled.",
    )
    poll_seconds: float = Field(
        default=0.5, ge=0.05, le=60, description="How often an executor looks for the next job."
    )
    history_days: int = Field(
        default=90, ge=1, le=36_500, description="Days for which jobs that are over are remembered."
    )
    purge_at: CronLine | None = Field(
        default=None,
        description="When deleted instances are purged, as cron has it, in UTC: 30 2 * * * for each night.",
    )
    purge_workitems_at: CronLine | None = Field(
        default=None, description="When final workitems are removed whose retention is over."
    )
    sweep_at: CronLine | None = Field(default=None, description="When bytes that nobody refers to are removed.")
    verify_at: CronLine | None = Field(default=None, description="When every stored instance is checked.")
    reindex_at: CronLine | None = Field(default=None, description="When `filmjacket reindex` is made up for.")

    @property
    def schedule(self) -> dict[str, str]:
        """The cron lines that are set, by kind of job."""
        lines = {
            "purge": self.purge_at,
            "purge-workitems": self.purge_workitems_at,
            "sweep": self.sweep_at,
            "verify": self.verify_at,
            "reindex": self.reindex_at,
        }
        return {kind: line for kind, line in lines.items() if line is not None}


class DatabasePoolSettings(Group):
    """Connections of each server process to the index, and how long they may take."""

    readers: int = Field(default=16, ge=1, le=256, description="Most connections that read at the same time.")
    writers: int = Field(
        default=4, ge=1, le=64, description="Most connections that write at the same time; SQLite has one."
    )
    wait_seconds: float = Field(default=10.0, gt=0, le=600, description="How long a request waits for a connection.")
    statement_seconds: float = Field(
        default=120.0, gt=0, le=86_400, description="Longest that PostgreSQL works on one statement."
    )
    lock_seconds: float = Field(
        default=20.0,
        gt=0,
        le=600,
        description="How long a change waits in PostgreSQL for another one of the same study before it is tried again.",
    )
    reconnect_seconds: float = Field(
        default=8.0,
        ge=0,
        le=600,
        description="How long a request waits for a PostgreSQL server that is gone, a restart or a failover; then it "
        "gets 503.",
    )
    prepare_after: int | None = Field(
        default=None,
        ge=0,
        description="Uses after which a connection prepares a statement in PostgreSQL. Unset: never, which PgBouncer "
        "in transaction mode needs.",
    )
